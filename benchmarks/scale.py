"""Linking in pieces at 10⁵, 10⁶ and 10⁷ documents: memory, CPU, disk, recall; growth from one to the next.

    python -m benchmarks.scale [--documents 100000 1000000] [--memory 2GiB] [--folder /tmp]

Documents are 50 words that a hash of their number gives. Of ten, three are copies of another one
with up to a tenth of the words replaced, and one in a thousand is an advert: a copy of one text with
a few words of its own, so that some bands have very many members. Signatures, and all steps from
them to survivors and splits, are those of a run, one item after the other in one process; what is
not linked by (language, quality, verdicts) is written as if every document passed. Ten million need
about 20 GB of disk, and an hour of one core.

Memory is the peak of the whole process (Linux), libraries included. The reference beside it is the
memory that signatures alone would take. Recall is of planted copies whose true similarity is 0.75 or
more; a pair is checked to be false by the similarity that is stored.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.linking import Clock, link_in_pieces, settle, write_block
from curate.duplicates.candidates import cut_sets
from curate.duplicates.signatures import Signatures
from curate.recipe import make_recipe
from curate.steps import linking
from curate.steps.work import Block, Corpus, Work, name_of
from curate.store import Store
from flows.runners import WORKER

BLOCK_DOCUMENTS = 20_000
WORDS = 50
VOCABULARY = 1 << 14
COPIES, ADVERTS = 0.3, 0.001
SAMPLE = 20_000


def main() -> None:
    """Print the figures of each size, and the growth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--memory", default="2GiB")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--one", action="store_true", help="in this process, as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.documents[0], options.memory, options.folder)))
        return
    before: dict[str, Any] = {}
    for documents in options.documents:
        command = [sys.executable, "-m", "benchmarks.scale", "--one", "--memory", options.memory]
        command += ["--documents", str(documents), "--folder", str(options.folder)]
        environment = {**os.environ, **WORKER}  # memory as a worker of a run has it
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
        found = json.loads(done.stdout)
        show(found, before)
        before = found


def show(found: dict[str, Any], before: dict[str, Any]) -> None:
    """Print a table of the stages."""
    documents = found["documents"]
    print(f"{documents:,} documents, {found['ranges']} ranges, {found['parts']} parts")
    print(f"  {'':12} {'CPU s':>9} {'µs/doc':>8} {'wall s':>8} {'peak MiB':>9} {'disk B/doc':>11}")
    for name, row in found["stages"].items():
        print(
            f"  {name:12} {row['cpu']:9.1f} {row['cpu'] / documents * 1e6:8.1f} {row['wall']:8.1f} "
            f"{row['peak'] / 2**20:9.0f} {row['disk'] / documents:11.0f}"
        )
    linked = [row for name, row in found["stages"].items() if name != "signatures"]
    cpu = sum(row["cpu"] for row in linked)
    peak = max(row["peak"] for row in linked)
    print(
        f"  after signatures: {cpu:.1f} CPU s, peak {peak / 2**20:.0f} MiB, {peak / documents / 1000:.3f} kB/doc "
        f"({found['signature_bytes'] / 2**20:.0f} MiB of signatures alone)"
    )
    print(
        f"  links {found['links']:,}; planted pairs at J ≥ .75: {found['found']:,} of {found['planted']:,} found; members {found['members']:,}"
    )
    if before:
        ratio = cpu / before["cpu"]
        sizes = documents / before["documents"]
        bound = sizes * np.log(documents) / np.log(before["documents"])
        print(
            f"  {sizes:.0f} times the documents: {ratio:.1f} times the CPU (n·log n: {bound:.1f})"
        )
    found["cpu"] = cpu


# --- documents


def mixed(values: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
    """A hash of numbers."""
    state = (values + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    for shift in (30, 27, 31):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(0xBF58476D1CE4E5B9)
    return state ^ (state >> np.uint64(32))


def share(values: NDArray[np.uint64], salt: int) -> NDArray[np.float64]:
    """A number from 0 to 1 for each."""
    return mixed(values, salt) / 2.0**64


def originals(numbers: NDArray[np.uint64], documents: int) -> NDArray[np.uint64]:
    """Of what each document is a copy: itself, when it is none."""
    found = numbers.copy()
    is_copy = share(numbers, 1) < COPIES
    found[is_copy] = mixed(numbers[is_copy], 2) % np.uint64(documents)
    while (again := is_copy & (share(found, 1) < COPIES)).any():
        found[again] = (found[again] + np.uint64(1)) % np.uint64(documents)
    return found


def make_texts(numbers: NDArray[np.uint64], documents: int) -> pl.Series:
    """The texts of some documents, of words of six letters."""
    places = np.arange(WORDS, dtype=np.uint64)
    original = originals(numbers, documents)[:, None] * np.uint64(WORDS) + places
    own = numbers[:, None] * np.uint64(WORDS) + places
    is_advert = share(numbers, 3) < ADVERTS
    original[is_advert] = places + np.uint64(1 << 60)
    changed = share(own, 4) < share(numbers, 5)[:, None] * 0.1
    changed[originals(numbers, documents) == numbers] = False
    changed[is_advert] = places >= WORDS - 3
    words = np.where(changed, mixed(own, 6), mixed(original, 7)) % np.uint64(VOCABULARY)
    letters = np.frombuffer(b"bcdfghjklmnpqrst", "u1")
    spelt = np.full((len(numbers), WORDS, 7), ord(" "), np.uint8)
    for at in range(4):
        spelt[:, :, at] = letters[(words >> np.uint64(4 * at)) & np.uint64(15)]
    spelt[:, :, 4] = ord("a")
    data = spelt.tobytes().decode()
    return pl.Series([data[at : at + 7 * WORDS] for at in range(0, len(data), 7 * WORDS)])


# --- measuring


def make_block(work: Work, item: tuple[int, int]) -> None:
    """A block's documents and their scores."""
    number, documents = item
    block = planned_block(number, documents)
    first = number * BLOCK_DOCUMENTS
    numbers = np.arange(first, first + block.documents, dtype=np.uint64)
    hexed = mixed(numbers, 8).astype(">u8").tobytes().hex()
    ids = [hexed[at : at + 16] + "0" * 16 for at in range(0, len(hexed), 16)]
    write_block(work, block, pl.DataFrame({"id": ids, "text": make_texts(numbers, documents)}))


def planned_block(number: int, documents: int) -> Block:
    """A block as its number and the corpus give it."""
    rows = min(BLOCK_DOCUMENTS, documents - number * BLOCK_DOCUMENTS)
    return Block(f"{documents}-{number}", rows, rows * WORDS * 7, 0)


def measure(documents: int, memory: str, folder: Path) -> dict[str, Any]:
    """The figures of one size."""
    recipe = make_recipe(
        {
            "name": "scale",
            "sources": [{"kind": "records", "inputs": ["none"]}],
            "duplicates": {"memory": memory, "versions": "off"},
        }
    )
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Work(Store(name), recipe)
        count = -(-documents // BLOCK_DOCUMENTS)
        corpus = Corpus(tuple(planned_block(number, documents) for number in range(count)))
        clock = Clock(work)
        clock.run("signatures", make_block, [(number, documents) for number in range(count)])
        cut = link_in_pieces(clock, corpus)
        decided = settle(clock, corpus)
        links = work.store.read_frame(linking.link_name(work, corpus))
        members = work.store.read_metadata(name_of("survivors", decided.survivors))
        found, planted = recall(work, links, documents)
        return {
            "documents": documents,
            "ranges": cut.ranges,
            "parts": cut.parts,
            "stages": clock.stages,
            "signature_bytes": documents * recipe.duplicates.bands * recipe.duplicates.rows * 4,
            "links": links.height,
            "members": sum(row["removed"] for row in members["funnel"]),
            "found": found,
            "planted": planted,
        }


def recall(work: Work, links: pl.DataFrame, documents: int) -> tuple[int, int]:
    """Of a sample of planted pairs at 0.75 or more, how many are linked, and how many there are."""
    numbers = np.unique(mixed(np.arange(SAMPLE, dtype=np.uint64), 9) % np.uint64(documents))
    pairs = originals(numbers, documents)
    is_copy = (pairs != numbers) & (share(numbers, 3) >= ADVERTS) & (share(pairs, 3) >= ADVERTS)
    ends = [numbers[is_copy], pairs[is_copy]]
    texts = [make_texts(end, documents) for end in ends]
    section = work.recipe.duplicates
    hashes = [
        Signatures(section)(pl.DataFrame({"text": some}))["text_hash"].to_list() for some in texts
    ]
    sets = [
        list(cut_sets([pl.DataFrame({"text_hash": pl.Series(h), "text": t})], section))
        for h, t in zip(hashes, texts, strict=True)
    ]
    held = [
        {
            row: set(some.shingles[some.offsets[at] : some.offsets[at + 1]].tolist())
            for some in side
            for at, row in enumerate(some.text_hash.to_list())
        }
        for side in sets
    ]
    linked = set(links.filter(pl.col("similarity") >= 0.75).select("hash_a", "hash_b").rows())
    found = planted = 0
    for one, other in zip(*hashes, strict=True):
        a, b = held[0][one], held[1][other]
        if len(a & b) / len(a | b) >= 0.75:
            planted += 1
            found += one == other or (min(one, other), max(one, other)) in linked
    return found, planted


if __name__ == "__main__":
    main()
