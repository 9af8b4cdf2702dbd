"""Passages that documents share, beside a dictionary of all runs of 50 words: rate, recall, memory.

    python -m benchmarks.substrings [--documents 5000]

The documents are those of `benchmarks.duplicates`, near copies too; half of them got a passage of 30 to 200 words of another one,
word for word, at a random place. Recall is the share of planted passages of 50 words and more of which
every word is told in one of the two documents; a shorter one is told when the words beside it happen
to be the same in both. Near copies count for nothing, and neither do passages in them. The dictionary maps Python's hash of each run of 50 words to the
documents that have it, over the same words. CPU seconds are those of all threads, with compiled code
already in the cache; the steps read and write their objects, the dictionary is given its words. Memory
is the peak above what the process held before (Linux only).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.duplicates import make_documents
from benchmarks.linking import reset_peak
from curate.duplicates.substrings import cut_words
from curate.recipe import CleanSection, make_recipe
from curate.steps import linking, measuring, reading, repeats, sharing
from curate.steps.work import Linked, Work, find_repeats, read_documents
from curate.store import Store
from curate.text.clean import clean

LEAST = 50
LENGTHS = (30, 200)
RECIPE = {
    "name": "substrings",
    "sources": [{"kind": "records", "inputs": ["*.jsonl"], "id_column": "id"}],
    "spans": {"shared_words": LEAST},
}


@dataclass(frozen=True)
class Planted:
    """A passage of one document that was put into another.

    Attributes:
        words: how many.
        text: the passage.
        one: number of the document that it comes from.
        other: number of the document that it was put into.
    """

    words: int
    text: str
    one: int
    other: int


@contextmanager
def measured(name: str, megabytes: float) -> Iterator[None]:
    """Print CPU seconds, rate and memory."""
    held, began = reset_peak(), time.process_time()
    yield
    seconds = time.process_time() - began
    peak = (reset_peak(read="VmHWM") - held) / 1e6
    print(f"{name:22} {seconds:7.2f} CPU s {megabytes / seconds:8.1f} MB/s {peak:8.0f} MB above")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=5000)
    texts, planted = plant(make_documents(parser.parse_args().documents))
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts):,} documents, {megabytes:.1f} MB, {len(planted):,} planted passages")
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):  # the first time code is compiled or loaded
            corpus = link(Path(folder), texts[:20])
            search(*corpus)
        work, linked = link(Path(folder), texts)
        with measured("all steps", megabytes):
            shared = search(work, linked)
        found = read_found(work, shared)
        pieces = cut_words(found["text"])
        bounds = zip(pieces.word_offsets[:-1], pieces.word_offsets[1:], strict=True)
        words = [pieces.hashes[start:stop].tolist() for start, stop in bounds]
        with measured("dictionary in Python", megabytes):
            covered = search_plainly(words, found)
    differ = (pl.Series(covered, dtype=pl.Int64) != found["covered"]).sum()
    print(f"documents of which they tell another number of words: {differ} of {len(covered)}")
    print(f"words that go: {sum(covered):,} of {len(pieces.hashes):,}")
    report(found, planted)


def plant(texts: list[str]) -> tuple[list[str], list[Planted]]:
    """Documents of which half got a passage of another one."""
    source = random.Random(11)
    texts = clean(pl.Series(texts), CleanSection())["text"].unique(maintain_order=True).to_list()
    order = list(range(len(texts)))
    source.shuffle(order)
    planted = []
    for one, other in zip(order[::2], order[1::2], strict=False):
        words, target = texts[one].split(" "), texts[other].split(" ")
        length = min(source.randint(*LENGTHS), len(words))
        start = source.randint(0, len(words) - length)
        passage = " ".join(words[start : start + length])
        at = source.randint(0, len(target))
        texts[other] = " ".join([*target[:at], passage, *target[at:]])
        count = len(cut_words(pl.Series([passage])).hashes)
        planted.append(Planted(count, passage, one, other))
    return texts, planted


def link(folder: Path, texts: list[str]) -> tuple[Work, Linked]:
    """The documents as a linked corpus."""
    inputs = Path(tempfile.mkdtemp(dir=folder))
    with (inputs / "documents.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
    work = Work(Store(str(inputs / "store")), make_recipe(RECIPE))
    parts = reading.plan_parts(work.recipe, inputs)
    for part in parts:
        reading.read_part(work, part)
    corpus = reading.assemble(work, parts)
    corpus = replace(corpus, ids=find_repeats(work, corpus))
    for block in corpus.blocks:
        measuring.measure_block(work, block)
    linking.link_at_once(work, corpus)
    linked = Linked(corpus, linking.link_key(work, corpus))
    repeats.find_copies(work, repeats.plan_copies(work, (linked, work.recipe.duplicates.scope)))
    return work, linked


def search(work: Work, linked: Linked) -> sharing.Shared:
    """All steps of the search, one after the other."""
    places = range(len(linked.corpus.blocks))
    for place in places:
        sharing.hash_anchors(work, (linked, place))
    names = [sharing.anchors_name(work, (linked, place)) for place in places]
    shared = sharing.Shared(linked, sharing.plan_ranges(sharing.count_rows(work, names)))
    for part in shared.anchors:
        sharing.count_anchors(work, part)
    for place in places:
        sharing.hash_windows(work, (shared, place))
    names = [sharing.windows_name(work, (shared, place)) for place in places]
    ranges = sharing.plan_ranges(sharing.count_rows(work, names))
    shared = replace(shared, window_ranges=ranges)
    for part in shared.windows:
        sharing.join_windows(work, part)
    for place in places:
        sharing.find_shared(work, (shared, place))
    return shared


def read_found(work: Work, shared: sharing.Shared) -> pl.DataFrame:
    """Of each document its number, text, words that go, passages, and as whom it counts."""
    frames = []
    for place in range(len(shared.linked.corpus.blocks)):
        documents = read_documents(work, shared.linked.corpus, place, ["id", "source_id", "text"])
        told = work.store.read_frame(
            sharing.shared_name(work, (shared, place)), ["shared_passages"]
        )
        item = (shared.linked, work.recipe.duplicates.scope)
        copies = repeats.read_copies(work, item, place)
        holder = documents["id"].scatter(copies["row"], copies["of"])
        counts = pl.repeat(True, documents.height, eager=True).scatter(copies["row"], False)
        frames.append(documents.hstack(told).with_columns(holder=holder, counts=counts))
    covered = pl.col("shared_passages").list.eval(pl.element().struct.field("words")).list.sum()
    number = pl.col("source_id").cast(pl.Int64)
    return pl.concat(frames).with_columns(covered=covered, number=number)


def search_plainly(words: list[list[int]], documents: pl.DataFrame) -> list[int]:
    """The number of words that go from each document, by a dictionary of all runs of words."""
    holders, counts = documents["holder"].to_list(), documents["counts"].to_list()
    runs: dict[int, list[int]] = {}
    for row, mine in enumerate(words):
        if counts[row]:
            for at in range(len(mine) - LEAST + 1):
                runs.setdefault(hash(tuple(mine[at : at + LEAST])), []).append(row)
    found = []
    for row, mine in enumerate(words):
        covered: set[int] = set()
        for at in range(len(mine) - LEAST + 1):
            rows = runs.get(hash(tuple(mine[at : at + LEAST])), [])
            if len({holders[other] for other in rows}) > 1:
                first = min(rows, key=lambda other: (-len(words[other]), holders[other]))
                if holders[first] != holders[row]:
                    covered.update(range(at, at + LEAST))
        found.append(len(covered))
    return found


def report(found: pl.DataFrame, planted: list[Planted]) -> None:
    """Print how many planted passages are told, by their length."""
    told = {row["number"]: row for row in found.to_dicts()}
    long = short = missed = wrong = copies = 0
    for passage in planted:
        pair = told[passage.one], told[passage.other]
        if not all(one["counts"] for one in pair):
            copies += 1
            continue
        if passage.words >= LEAST:  # a copy of one of them may keep it
            long += 1
            missed += max(told_words(passage, one) for one in pair) < passage.words
        else:
            short += 1
            wrong += any(told_words(passage, *some) for some in (pair, pair[::-1]))
    share = 1 - missed / long
    print(f"planted, {LEAST} words and more: {long - missed} of {long} told ({share:.4f})")
    print(f"planted, fewer than {LEAST} words: {wrong} of {short} told; with a copy: {copies}")


def told_words(
    passage: Planted, document: dict[str, Any], keeper: dict[str, Any] | None = None
) -> int:
    """The words of a planted passage that a document is told to share (with another one)."""
    hashes = cut_words(pl.Series([document["text"]])).hashes.tolist()
    wanted = cut_words(pl.Series([passage.text])).hashes.tolist()
    starts = range(len(hashes) - len(wanted) + 1)
    places = [at for at in starts if hashes[at : at + len(wanted)] == wanted]
    covered = set()
    for span in document["shared_passages"]:
        if keeper is None or span["id"] == keeper["holder"]:
            first = len(cut_words(pl.Series([document["text"][: span["start"]]])).hashes)
            covered.update(range(first, first + span["words"]))
    return max((len(covered & set(range(at, at + len(wanted)))) for at in places), default=0)


if __name__ == "__main__":
    main()
