"""Near-duplicates of planted copies, beside datasketch: rate, recall, false pairs, CPU, memory.

    python -m benchmarks.duplicates [--documents 20000]

The documents are 3 kB pieces of novels; 30 % of them are copies of others with 0-10 % of the words
replaced, dropped or inserted. The truth is the exact Jaccard similarity of the sets of 5-word
shingles, for all pairs that share a shingle. CPU seconds are those of all threads, from JSON lines
to survivors, with compiled code already in the cache. Memory is the peak while linking, above what
the process held before (Linux only).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from curate.duplicates import kernels
from curate.duplicates.candidates import find_candidates, verify
from curate.duplicates.clusters import choose_survivors
from curate.duplicates.signatures import Signatures
from curate.recipe import DuplicatesSection

NOVELS = Path(__file__).resolve().parents[2] / "shared" / "data" / "text"
DOCUMENT_CHARACTERS = 3000
COPIES = 0.3
BATCH = 4096
SECTION = DuplicatesSection()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=20_000)
    documents = parser.parse_args().documents
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "documents.jsonl")
        with path.open("w", encoding="utf-8") as file:
            for number, text in enumerate(make_documents(documents)):
                file.write(json.dumps({"id": f"{number:032x}", "text": text}) + "\n")
        links, removed, seconds = run_curate(path)
        truth = exact_pairs(path)
        limit = SECTION.minimum_similarity
        report("curate", truth, links.filter(pl.col("similarity") >= limit), seconds)
        report("  links", truth, links, seconds)
        near = truth.filter(pl.col("similarity") >= limit)
        excused = pl.concat([near["a"], near["b"]]).unique()
        lost = removed.filter(~removed.is_in(excused.implode()))
        print(f"{'':11}removed {len(removed)}, of those without a true pair {len(lost)}")
        pairs, seconds = run_datasketch(path)
        report("datasketch", truth, pairs, seconds)


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


def run_curate(path: Path) -> tuple[pl.DataFrame, pl.Series, float]:
    """Links by row number, the rows removed, and CPU seconds; prints stages, rate and memory."""
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
    members = choose_survivors(
        signatures.select(
            "id",
            "text_hash",
            snapshot=pl.lit(""),
            priority=0,
            words="shingles",
            date=pl.lit(None, pl.String),
            work=pl.lit(None, pl.String),
            language=pl.lit(None, pl.String),
        ),
        links,
        SECTION,
    )
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
    return ordered(pl.concat([near, same])), removed, marks[-1] - marks[0]


def run_datasketch(path: Path) -> tuple[pl.DataFrame, float]:
    """Pairs of row numbers as `MinHashLSH` gives them, and CPU seconds; prints the rate."""
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
    index = datasketch.MinHashLSH(SECTION.minimum_similarity, len(sketches[0]))
    found = []
    for number, sketch in enumerate(sketches):
        found += [(other, number, 0.0) for other in index.query(sketch)]
        index.insert(number, sketch)
    seconds = time.process_time() - began
    schema = {"row": pl.UInt32, "row_b": pl.UInt32, "similarity": pl.Float64}
    return ordered(pl.DataFrame(found, schema, orient="row")), seconds


def exact_pairs(path: Path) -> pl.DataFrame:
    """The similarity of every pair of documents that share a shingle, from 0.5 up."""
    text = pl.read_ndjson(path)["text"]
    shingles, offsets = kernels.shingle_sets(*kernels.word_hashes(text), SECTION.shingle_words)
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


def report(name: str, truth: pl.DataFrame, found: pl.DataFrame, seconds: float) -> None:
    """Print recall, false pairs and CPU seconds."""
    hits = truth.join(found, on=["a", "b"], how="semi")
    figures = []
    for limit in (0.8, 0.75, 0.7, 0.5):
        true = truth.filter(pl.col("similarity") >= limit).height
        figures.append(
            f"recall J ≥ {limit}: {hits.filter(pl.col('similarity') >= limit).height / max(true, 1):.4f} of {true}"
        )
    false = found.height - hits.height
    print(
        f"{name:10} {', '.join(figures)}; pairs {found.height}, false (J < .5) {false}; CPU {seconds:.2f} s"
    )


def reset_peak(read: str = "VmRSS") -> int:
    """A figure of this process's memory, in bytes; afterwards the peak counts from here."""
    status = Path("/proc/self/status").read_text().split(f"{read}:")[1].split()[0]
    Path("/proc/self/clear_refs").write_text("5")
    return int(status) * 1024


if __name__ == "__main__":
    main()
