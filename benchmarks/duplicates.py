"""Near-duplicates of planted copies, beside datasketch: rate, recall, false pairs, CPU, memory.

    python -m benchmarks.duplicates [--documents 20000]

The table has, for each system, the recall of true pairs from three similarities up, the pairs below
0.5, the removed documents that are like no other one from 0.5 up, CPU seconds and memory.

The documents are 3 kB pieces of novels; 30 % of them are copies of others with 0-10 % of the words
replaced, dropped or inserted. The truth is the exact Jaccard similarity of the sets of 5-word
shingles, for all pairs that share a shingle. CPU seconds are those of all threads, from JSON lines
to survivors, with compiled code already in the cache. Memory is the peak while linking, above what
the process held before, documents included in neither (Linux only). Below the table: the same for all
steps of a run from signatures to splits, at once and in pieces, where the memory that is asked for is
the bound: `benchmarks.scale` shows what that is for each of ten million documents.

Then the files of `neardup`: every pair of one cluster must be connected by verified pairs, and every
removed document must reach the limit with one of its cluster. Both are found again from the texts by
a plain count of equal runs of words.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.linking import Clock, link_in_pieces, reset_peak, settle, write_block
from curate.duplicates import kernels
from curate.duplicates.candidates import find_candidates, verify
from curate.duplicates.clusters import choose_survivors
from curate.duplicates.signatures import Signatures
from curate.recipe import DuplicatesSection, make_recipe
from curate.recipe.comparison import PROCESS_BYTES
from curate.steps import linking
from curate.steps.work import Block, Corpus, Work
from curate.store import Store
from curate.text.segment import segment
from flows.runners import WORKER

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NOVELS, NEARDUP = DATA / "text", DATA / "neardup"
DOCUMENT_CHARACTERS = 3000
COPIES = 0.3
BATCH = 4096
LINKED_BLOCK = 1000
HELD_MEGABYTES = (1024, 16)  # beside the libraries: at once, and in pieces
SECTION = DuplicatesSection()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--linking", metavar="BYTES", type=int, help="only the memory of comparing")
    options = parser.parse_args()
    documents = options.documents
    if options.linking:
        print(measure_linking(documents, options.linking))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "documents.jsonl")
        with path.open("w", encoding="utf-8") as file:
            for number, text in enumerate(make_documents(documents)):
                file.write(json.dumps({"id": f"{number:032x}", "text": text}) + "\n")
        ours = run_curate(path)
        truth = exact_pairs(path)
        theirs = run_datasketch(path)
    limit = SECTION.minimum_similarity
    print(f"\n{'':22}" + "".join(f"{name:>12}" for name in COLUMNS))
    ours_from = replace(ours, pairs=ours.pairs.filter(pl.col("similarity") >= limit))
    report(f"curate {limit:g}", truth, ours_from)
    report("  its links from 0.5", truth, ours)
    report(f"datasketch LSH {limit:g}", truth, theirs)
    counts = ", ".join(
        f"{truth.filter(pl.col('similarity') >= least).height:,} at {least}" for least in RECALLS
    )
    print(f"true pairs: {counts}")
    near = truth.filter(pl.col("similarity") >= limit)
    lost = ours.removed.filter(~ours.removed.is_in(pl.concat([near["a"], near["b"]]).implode()))
    print(
        f"curate removed {len(ours.removed):,}; of those without a true pair at {limit}: {len(lost)}"
    )
    for megabytes in HELD_MEGABYTES:
        held = held_bytes(documents, megabytes)
        print(
            f"from signatures to splits with {megabytes} MB of memory beside the libraries: "
            f"{held / 1e6:.1f} MB, {held / documents / 1000:.2f} kB/doc"
        )
    check_clusters()


RECALLS = (0.8, 0.75, 0.7)
COLUMNS = (*(f"J ≥ {least}" for least in RECALLS), "J < 0.5", "lost", "CPU s", "kB/doc")


@dataclass(frozen=True)
class Found:
    """What a system found.

    Attributes:
        pairs: `a` < `b`, row numbers.
        removed: row numbers.
        seconds: of CPU.
        kilobytes: of memory for each document, at the peak of finding pairs.
    """

    pairs: pl.DataFrame
    removed: pl.Series
    seconds: float
    kilobytes: float


def make_documents(count: int) -> list[str]:
    """Pieces of novels and changed copies of some of them, in mixed order."""
    source = random.Random(5)
    pieces: list[list[str]] = []
    for archive in sorted(NOVELS.glob("eltec-*.tar.gz")):
        with tarfile.open(archive) as novels:
            for novel in novels:
                file = novels.extractfile(novel)
                text = file.read().decode() if file else ""
                starts = range(0, len(text) - DOCUMENT_CHARACTERS, DOCUMENT_CHARACTERS)
                pieces += [text[at : at + DOCUMENT_CHARACTERS].split(" ") for at in starts]
    originals = source.sample(pieces, min(round(count * (1 - COPIES)), len(pieces)))
    copies = [change(source.choice(originals), source) for _ in range(count - len(originals))]
    texts = [" ".join(words) for words in originals + copies]
    source.shuffle(texts)
    return texts


def change(words: list[str], source: random.Random) -> list[str]:
    """A copy with up to a tenth of the words replaced, dropped or inserted."""
    share = source.uniform(0, 0.1)
    result: list[str] = []
    for word in words:
        if source.random() >= share:
            result.append(word)
            continue
        kind = source.randrange(3)
        if kind < 2:
            result.append(source.choice(words))
        if kind == 1:
            result.append(word)
    return result


def run_curate(path: Path) -> Found:
    """Verified pairs; prints stages, rate and memory."""
    score = Signatures(SECTION)
    warm = score(pl.DataFrame({"text": ["a b c d e f g", "a b c d e f g h"]}))
    verify(warm.select(hash_a="text_hash", hash_b=pl.col("text_hash").reverse()), [warm], SECTION)
    marks = [time.process_time()]
    frame = pl.read_ndjson(path)
    marks.append(time.process_time())
    began = time.perf_counter()
    scores = [score(batch).drop("text") for batch in frame.iter_slices(BATCH)]
    rate = frame.height / (time.perf_counter() - began)
    marks.append(time.process_time())
    signatures = pl.concat(scores)
    held = reset_peak()
    candidates = find_candidates(signatures, SECTION)
    marks.append(time.process_time())
    hashes = signatures["text_hash"]
    wanted = pl.concat([candidates["hash_a"], candidates["hash_b"]]).unique()

    def texts() -> Iterator[pl.DataFrame]:
        for batch in frame.with_columns(text_hash=hashes).iter_slices(BATCH):
            yield batch.filter(pl.col("text_hash").is_in(wanted.implode()))

    links = verify(candidates, texts(), SECTION)
    marks.append(time.process_time())
    members = choose_survivors(comparable(signatures), links, SECTION)
    marks.append(time.process_time())
    peak = reset_peak(read="VmHWM") - held
    stages = dict(zip(("read", "sign", "find", "verify", "decide"), np.diff(marks), strict=True))
    print("CPU seconds:", ", ".join(f"{name} {value:.2f}" for name, value in stages.items()))
    signed = frame.height / stages["sign"]
    print(f"signatures: {rate:,.0f} documents/s of wall time, {signed:,.0f} of CPU time")
    print(
        f"memory per document: {signatures['signature'].estimated_size() / frame.height / 1000:.2f} kB "
        f"of signatures, {peak / frame.height / 1000:.2f} kB at the peak of linking beside them"
    )
    print(f"texts {hashes.n_unique()}, candidates {candidates.height}, links {links.height}")
    rows = pl.DataFrame({"text_hash": hashes}).with_row_index("row")
    of_hash = rows.group_by("text_hash").agg("row")
    near = links.join(of_hash, left_on="hash_a", right_on="text_hash").join(
        of_hash, left_on="hash_b", right_on="text_hash", suffix="_b"
    )
    near = near.explode("row").explode("row_b").select("row", "row_b", "similarity")
    same = rows.join(rows, on="text_hash").filter(pl.col("row") < pl.col("row_right"))
    same = same.select("row", pl.col("row_right").alias("row_b"), similarity=1.0)
    removed = members.filter(pl.col("duplicate_of").is_not_null())["id"]
    removed = removed.str.slice(16).str.to_integer(base=16).cast(pl.UInt32)
    pairs = ordered(pl.concat([near, same]))
    held_each = signatures["signature"].estimated_size() + peak
    return Found(pairs, removed, marks[-1] - marks[0], held_each / frame.height / 1000)


def held_bytes(documents: int, megabytes: int) -> int:
    """What `measure_linking` finds in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.duplicates", "--documents", str(documents)]
    command += ["--linking", str(PROCESS_BYTES + megabytes * 1_000_000)]
    environment = {**os.environ, **WORKER}  # memory as a worker of a run has it
    quiet = subprocess.DEVNULL
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=quiet, check=True, env=environment
    )
    return int(done.stdout)


def measure_linking(documents: int, memory: int) -> int:
    """Bytes at the peak of comparing documents of a store, over what the process held before."""
    recipe = make_recipe(
        {
            "name": "linked",
            "sources": [{"kind": "records", "inputs": ["none"]}],
            "duplicates": {"memory": memory, "versions": "off"},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Store(folder), recipe)
        few, every = (
            Corpus(tuple(write_blocks(work, texts)))
            for texts in (make_documents(100), make_documents(documents))
        )
        link_in_pieces(Clock(work), few)
        compare(work, few)
        held = reset_peak()
        return compare(work, every) - held


def write_blocks(work: Work, texts: list[str]) -> Iterator[Block]:
    """Blocks of some documents."""
    for start in range(0, len(texts), LINKED_BLOCK):
        some = texts[start : start + LINKED_BLOCK]
        ids = [f"{number:032x}" for number in range(start, start + len(some))]
        frame = pl.DataFrame({"id": ids, "text": some})
        size = int(frame["text"].str.len_bytes().sum())
        block = Block(f"{len(texts)}-{start}", len(some), size, 0)
        write_block(work, block, frame)
        yield block


def compare(work: Work, corpus: Corpus) -> int:
    """All steps from signatures to splits, as a run takes them in one process; the peak in bytes."""
    clock = Clock(work)
    if linking.fits_at_once(work, corpus):
        clock.run("link", linking.link_at_once, [corpus])
    else:
        link_in_pieces(clock, corpus)
    settle(clock, corpus)
    return int(max(row["peak"] for row in clock.stages.values()))


def run_datasketch(path: Path) -> Found:
    """Pairs as `MinHashLSH` gives them; a document that is like an earlier one is removed."""
    import datasketch

    began = time.process_time()
    texts = pl.read_ndjson(path)["text"].to_list()
    signing = time.process_time()
    sets = []
    for text in texts:
        words = [word.encode() for word in re.findall(r"\w+", text.lower())]
        sets.append([b" ".join(words[at : at + 5]) for at in range(len(words) - 4)])
    sketches = datasketch.MinHash.bulk(sets, num_perm=SECTION.bands * SECTION.rows)
    signed = time.process_time()
    print(f"datasketch signatures: {len(texts) / (signed - signing):,.0f} documents/s of CPU time")
    held = reset_peak()
    index = datasketch.MinHashLSH(SECTION.minimum_similarity, len(sketches[0]))
    found = []
    for number, sketch in enumerate(sketches):
        found += [(other, number, 0.0) for other in index.query(sketch)]
        index.insert(number, sketch)
    seconds = time.process_time() - began
    bytes_each = (reset_peak(read="VmHWM") - held) / len(texts) + sketches[0].hashvalues.nbytes
    schema = {"row": pl.UInt32, "row_b": pl.UInt32, "similarity": pl.Float64}
    pairs = ordered(pl.DataFrame(found, schema, orient="row"))
    return Found(pairs, pairs["b"].unique(), seconds, bytes_each / 1000)


def exact_pairs(path: Path) -> pl.DataFrame:
    """The similarity of every pair of documents that share a shingle, from 0.5 up."""
    text = pl.read_ndjson(path)["text"]
    shingles, offsets = kernels.cut_shingles(text, SECTION)[2:]
    sizes = np.diff(offsets)
    rows = np.repeat(np.arange(len(sizes), dtype=np.uint32), sizes)
    index = pl.DataFrame({"shingle": shingles, "a": rows})
    index = index.filter(pl.len().over("shingle") > 1)
    counts = []
    for number in range(16):  # a sixteenth of the shingles at a time, for memory
        part = index.filter(pl.col("shingle") % 16 == number)
        pairs = part.join(part, on="shingle", suffix="_b").filter(pl.col("a") < pl.col("a_b"))
        counts.append(pairs.group_by("a", "a_b").agg(shared=pl.len()))
    pairs = pl.concat(counts).group_by("a", b="a_b").agg(shared=pl.col("shared").sum())
    a, b, shared = (pairs[name].to_numpy() for name in ("a", "b", "shared"))
    similarity = np.round(shared / (sizes[a] + sizes[b] - shared), 6)
    return pairs.select("a", "b").with_columns(similarity=similarity).filter(similarity >= 0.5)


def ordered(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs with the smaller row first."""
    rows = pl.col("row"), pl.col("row_b")
    return pairs.select(
        a=pl.min_horizontal(*rows), b=pl.max_horizontal(*rows), similarity="similarity"
    )


def report(name: str, truth: pl.DataFrame, found: Found) -> None:
    """Print a row of the table."""
    figures = []
    hits = truth.join(found.pairs, on=["a", "b"], how="semi")
    for least in RECALLS:
        true, hit = (some.filter(pl.col("similarity") >= least).height for some in (truth, hits))
        figures.append(f"{hit / max(true, 1):.4f}")
    like = pl.concat([truth["a"], truth["b"]]).unique()
    lost = (~found.removed.is_in(like.implode())).sum()
    figures += [str(found.pairs.height - hits.height), str(lost)]
    figures += [f"{found.seconds:.2f}", f"{found.kilobytes:.2f}"]
    print(f"{name:22}" + "".join(f"{figure:>12}" for figure in figures))


def read_neardup() -> Iterator[tuple[str, list[str]]]:
    """The names of the files of `neardup`, and their texts."""
    for name in ("articles_100", "articles_1000"):
        with tarfile.open(NEARDUP / f"{name}.tar.gz") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name.endswith(".train") else None
                if file:
                    lines = file.read().decode().splitlines()
                    yield name, [line.partition(" ")[2] for line in lines if line]
    rows = gzip.decompress((NEARDUP / "wiki-split-test.tsv.gz").read_bytes()).decode().splitlines()
    yield "wiki-split", [text.replace("<::::>", "") for row in rows for text in row.split("\t")]


def check_clusters() -> None:
    """Print how many pairs of one cluster, and removed documents, no verified pair explains."""
    limit = SECTION.minimum_similarity
    for name, texts in read_neardup():
        scores = Signatures(SECTION)(pl.DataFrame({"text": texts}))
        links = verify(find_candidates(scores, SECTION), [scores], SECTION)
        ids = pl.Series("id", [f"{row:032x}" for row in range(len(texts))])
        members = choose_survivors(comparable(scores.insert_column(0, ids)), links, SECTION)
        removed = members.filter(pl.col("duplicate_of").is_not_null())
        clusters: dict[int, list[int]] = {}
        for one, survivor in removed.select("id", "duplicate_of").iter_rows():
            clusters.setdefault(int(survivor, 16), [int(survivor, 16)]).append(int(one, 16))
        torn = alone = 0
        for cluster in clusters.values():
            sets = {row: shingles_of(texts[row]) for row in cluster}
            near = {row: {other for other in cluster if other != row} for row in cluster}
            for row in cluster:
                near[row] = {n for n in near[row] if jaccard(sets[row], sets[n]) >= limit}
            reached, todo = {cluster[0]}, [cluster[0]]
            while todo:
                new = near[todo.pop()] - reached
                reached |= new
                todo += new
            torn += len(reached) * (len(cluster) - len(reached))
            alone += sum(not near[row] for row in cluster[1:])
        print(
            f"neardup {name}: {len(texts):,} texts, {removed.height} removed in {len(clusters)} clusters; "
            f"pairs of a cluster that nothing connects {torn}, removed ones like none of their cluster {alone}"
        )


def shingles_of(text: str) -> set[tuple[int, ...]]:
    """The runs of five words of a text."""
    words = segment(pl.Series([text])).word_hash.tolist()
    width = min(SECTION.shingle_words, len(words))
    return {tuple(words[at : at + width]) for at in range(len(words) - width + 1)}


def jaccard(one: set[tuple[int, ...]], other: set[tuple[int, ...]]) -> float:
    """Of two sets; 1 for two of texts without words."""
    return round(len(one & other) / max(len(one | other), 1), 6) if one or other else 1.0


def comparable(scores: pl.DataFrame) -> pl.DataFrame:
    """What `choose_survivors` compares."""
    nothing = pl.lit(None, pl.String)
    return scores.select(
        "id",
        "text_hash",
        snapshot=pl.lit(""),
        priority=0,
        words="shingles",
        date=nothing,
        work=nothing,
        language=nothing,
    )


if __name__ == "__main__":
    main()
