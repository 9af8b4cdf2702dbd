"""Test items in documents: `python -m benchmarks.decontamination`.

The eight evaluation sets of `decontamination/` and `bias/` against English novels cut into documents
of 3,000 characters. Beside it a plain reference run: a Python dict from the tuple of each n-gram's
words to the items that have it, and each document's words looked up one by one, which counts the
n-grams of each item wherever in the document they stand. Rates are documents and megabytes for each
second of this process's CPU time, from text; `with segments` is what the scorer adds to a run, whose
quality scorer has cut the same texts already.

Recall: each item that is sought is planted between two halves of a novel's piece, as it is and
changed. `recorded` are the items of which evidence is kept, `removed` those that the default rule
removes; by the items' words, since short ones must be there whole. A document counts when it
holds something of the item's set (many items differ in one word only). False alarms: documents cut from novels in three languages, and Chinese poems, in none
of which anything was planted.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from curate.duplicates.contamination import Contamination, compile_items
from curate.recipe import DecontaminationSection, EvaluationSet
from curate.schema import conform
from curate.sources.evaluation import Item, read_items
from curate.text.segment import segment

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS: dict[str, tuple[str | int, ...]] = {
    "decontamination/gsm8k-test.jsonl.gz": ("question",),
    "decontamination/humaneval.jsonl.gz": ("prompt",),
    "decontamination/truthfulqa.csv": ("Question",),
    "decontamination/ARC-Challenge_test.csv.gz": (1, 2, 3, 4, 5),
    "decontamination/mmlu-test.tar.gz": (1, 2, 3, 4, 5),
    "decontamination/cmrc2018-trial.json.gz": ("context_text",),
    "decontamination/cmmlu-dev.tar.gz": ("Question", "A", "B", "C", "D"),
    "bias/bbq-Age.jsonl.gz": ("context", "question"),
}
SECTION = DecontaminationSection()
DOCUMENT_CHARACTERS = 3000
BATCH = 1024
IDEOGRAPHS = re.compile(r"[\u4e00-\u9fff]|[^\u4e00-\u9fff\s]+")
LENGTHS = {"to 20 words": (0, 20), "21 to 49": (21, 49), "50 or more": (50, 1 << 30)}


def main() -> None:
    """Print rates, recall and false alarms."""
    sets = [read_set(file, columns) for file, columns in SETS.items()]
    begin = time.process_time()
    compiled = [compile_items(items, place, SECTION) for place, items in enumerate(sets)]
    scorer = Contamination(pl.concat([frame for frame, _ in compiled]), tuple(SETS))
    held = scorer.nbytes
    seconds = time.process_time() - begin
    for file, (_, counts) in zip(SETS, compiled, strict=True):
        print(
            f"{file:42} {counts.items:6,} items, {counts.indexed:6,} sought, "
            f"{counts.short:4,} short, {counts.repeated:4,} repeated"
        )
    print(f"compiled in {seconds:.1f} CPU s (with the compiler), {held / 1e6:.1f} MB\n")
    english = cut(read_novels("eng"))
    print_rates(scorer, sets, english)
    print_recall(scorer, sets, english)
    print_alarms(scorer, english)


def read_set(file: str, columns: tuple[str | int, ...]) -> list[Item]:
    """The items of one set."""
    section = EvaluationSet(name=file, files=(file,), columns=columns)
    return list(read_items((DATA / file).read_bytes(), file.rpartition("/")[2], section))


def read_novels(language: str) -> Iterator[str]:
    """The novels of a language."""
    with tarfile.open(DATA / "text" / f"eltec-{language}.tar.gz") as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                yield stream.read().decode()


def cut(texts: Iterator[str]) -> list[str]:
    """Texts in pieces of so many characters."""
    size = DOCUMENT_CHARACTERS
    return [text[at : at + size] for text in texts for at in range(0, len(text), size)]


def score(scorer: Contamination, texts: list[str]) -> pl.DataFrame:
    """The scorer's columns."""
    batches = pl.DataFrame({"text": texts}).iter_slices(BATCH)
    return pl.concat([conform(scorer(batch), "contamination") for batch in batches])


# --- rates


def print_rates(scorer: Contamination, sets: list[list[Item]], texts: list[str]) -> None:
    """Documents and megabytes a second, beside the plain run."""
    score(scorer, texts[:10])  # compiles
    begin = time.process_time()
    score(scorer, texts)
    whole = time.process_time() - begin
    added = 0.0
    for batch in pl.DataFrame({"text": texts}).iter_slices(BATCH):
        segment(batch["text"])
        begin = time.process_time()
        scorer(batch)
        added += time.process_time() - begin
    some = texts[:: max(1, len(texts) // 2000)]
    index, sizes = index_plainly(sets)
    begin = time.process_time()
    for text in some:
        find_plainly(text, index, sizes)
    plain = (time.process_time() - begin) * len(texts) / len(some)
    size = sum(len(text.encode()) for text in texts)
    print(f"{'':28} {'documents/s':>12} {'MB/s':>8} {'ratio':>7}")
    for name, seconds in (
        ("curate, from text", whole),
        ("curate, with segments", added),
        (f"tuples ({len(some):,} documents)", plain),
    ):
        rate, speed = len(texts) / seconds, size / seconds / 1e6
        print(f"{name:28} {rate:12,.0f} {speed:8.1f} {plain / seconds:7.1f}")


Ngram = tuple[str, ...]


def index_plainly(sets: list[list[Item]]) -> tuple[dict[Ngram, list[int]], list[int]]:
    """N-gram → items that have it, and how many n-grams each item has."""
    index: dict[Ngram, list[int]] = defaultdict(list)
    sizes = []
    for item in (item for items in sets for item in items):
        found = {n for passage in item.passages for n in ngrams_of(passage)}
        for ngram in found:
            index[ngram].append(len(sizes))
        sizes.append(len(found))
    return dict(index), sizes


def ngrams_of(text: str) -> Iterator[Ngram]:
    """The n-grams of a text's words."""
    words = re.findall(r"\w+", text.casefold())
    n = SECTION.ngram_words
    return (tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def find_plainly(text: str, index: dict[Ngram, list[int]], sizes: list[int]) -> list[int]:
    """The items of which a text has more than half of the n-grams."""
    counts: Counter[int] = Counter()
    for ngram in set(ngrams_of(text)):
        counts.update(index.get(ngram, ()))
    return [item for item, number in counts.items() if 2 * number > sizes[item]]


# --- recall


def print_recall(scorer: Contamination, sets: list[list[Item]], around: list[str]) -> None:
    """Planted items that are recorded and removed, by how they were changed and their words."""
    rows = scorer.items.select("set", "item", "words").rows()
    words = {(place, name): count for place, name, count in rows}
    sought = [
        (place, item)
        for place, items in enumerate(sets)
        for item in items
        if (place, item.name) in words
    ]
    dice = random.Random(7)
    vocabulary = [word for text in around[:500] for word in text.split()]
    print(f"\n{'planted':24}" + "".join(f"{name:>24}" for name in LENGTHS))
    print(f"{'':24}" + f"{'recorded':>14}{'removed':>10}" * len(LENGTHS))
    for change in (
        "as it is",
        "case and white space",
        "punctuation",
        "10 % of words",
        "first half",
    ):
        texts = []
        for _, item in sought:
            base = dice.choice(around)
            planted = changed(change, "\n".join(item.passages), vocabulary, dice)
            half = DOCUMENT_CHARACTERS // 2
            texts.append(f"{base[:half]}\n{planted}\n{base[half:]}")
        found: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
        scores = score(scorer, texts).select("contamination", "contamination_matches")
        for (place, item), (weighed, matches) in zip(sought, scores.rows(), strict=True):
            count = words[place, item.name]
            length = next(n for n, (low, high) in LENGTHS.items() if low <= count <= high)
            named = any(match["set"] == tuple(SETS)[place] for match in matches)
            found[length].append((named, named and weighed > SECTION.maximum_overlap))
        line = f"{change:24}"
        for name in LENGTHS:
            recorded, removed = (
                sum(one) / len(found[name]) for one in zip(*found[name], strict=True)
            )
            line += f"{recorded:14.3f}{removed:10.3f}"
        print(line)
    total = Counter(
        next(n for n, (low, high) in LENGTHS.items() if low <= words[p, i.name] <= high)
        for p, i in sought
    )
    print(f"{'items':24}" + "".join(f"{total[name]:24,}" for name in LENGTHS))


def changed(change: str, text: str, vocabulary: list[str], dice: random.Random) -> str:
    """An item as it may turn up."""
    words = text.split()
    is_chinese = len(re.findall(r"[\u4e00-\u9fff]", text)) > len(text) // 3
    if is_chinese:
        words = IDEOGRAPHS.findall(text)
    if change == "as it is":
        return text
    if change == "case and white space":
        return " \n\t ".join(text.swapcase().split())
    if change == "punctuation":
        marks = str.maketrans({"'": "’", "’": "'", '"': "“", "?": " !", "\uff0c": " 、", "。": " "})
        return re.sub(r"[.,;:](?=\s|$)", " –", text.translate(marks))
    joint = "" if is_chinese else " "
    if change == "10 % of words":
        choice = "的一是不了在人有我他" if is_chinese else vocabulary
        return joint.join(dice.choice(choice) if dice.random() < 0.1 else word for word in words)
    return joint.join(words[: (len(words) + 1) // 2])


# --- false alarms


def print_alarms(scorer: Contamination, english: list[str]) -> None:
    """What is found where nothing was planted."""
    with gzip.open(DATA / "text" / "chinese-poetry.jsonl.gz", "rt", encoding="utf-8") as file:
        poems = [json.loads(line)["text"] for line in file]
    others = {
        "English novels": english,
        "German novels": cut(read_novels("deu")),
        "French novels": cut(read_novels("fra")),
        "Chinese poems": poems,
    }
    print(f"\n{'nothing planted':24} {'documents':>12} {'recorded':>10} {'removed':>10}")
    for name, texts in others.items():
        scores = score(scorer, texts)["contamination"]
        removed = (scores > SECTION.maximum_overlap).sum()
        print(f"{name:24} {len(texts):12,} {(scores > 0).sum():10,} {removed:10,}")


if __name__ == "__main__":
    main()
