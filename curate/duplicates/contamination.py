"""Documents that hold items of evaluation sets: which item, where, and how much of it.

**Item.** The texts of a record's columns, its passages, cleaned as documents are, as words of
`curate.text.segment` (case, punctuation, apostrophes and white space do not count; each ideograph is
a word). Its n-grams are the runs of
`ngram_words` words within a passage; what is shorter than that has none. Where no passage is so
long, the item has one n-gram, the whole of its longest passage. An item whose longest passage has
fewer than `minimum_item_words` words is not sought: such a text ("What is the capital of France?")
says nothing of where it comes from. Of items of a set with the same n-grams the first counts.

**Overlap.** The share of an item's distinct n-grams that stand in one stretch of the document, whose
n-grams begin less than twice the item's words from each other; of several such stretches the one
with most of them, then the shortest, then the first. The words between do not count against it: the
answers may be labelled, or in another order.

**Weighed overlap.** What the rule compares. An item of 50 words or more is found by its overlap; one
of 20 or fewer only whole; between these limits what is asked for rises in a straight line, as it
does in the decontamination of Dolma 3. Where an item of `w` words must have at least the share
`t = (50 - w) / 30` (within 0 and 1), its weighed overlap is the part of the rest that it has,
`(overlap - t) / (1 - t)`, and never below 0; for `t = 1` it is 1 for a whole item, else 0. `w` counts
the words of the passages that have n-grams. Weighed overlaps of 0.2 and more are recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.recipe import RECORDED_OVERLAP, CleanSection, DecontaminationSection
from curate.schema import COLUMNS, DataType
from curate.text.clean import clean
from curate.text.segment import Segments, segment

if TYPE_CHECKING:
    from curate.duplicates.ngrams import Table

ITEMS: dict[str, DataType] = {  # a compiled reference: one row for each item that is sought
    "set": pl.Int64,  # its place in the recipe
    "item": pl.String,
    "words": pl.Int64,  # of the passages that have n-grams
    "width": pl.Int64,  # words in its n-grams
    "ngrams": pl.List(pl.UInt64),  # hashes, distinct, sorted
}
SHORT_WORDS, LONG_WORDS = 20, 50
MATCHES = 100  # of a document that are kept, the greatest first: a copy of a set holds all of it
_BATCH_PASSAGES = 4096
Named: TypeAlias = tuple[str, Sequence[str]]  # an item: its name and its passages


@dataclass(frozen=True)
class Indexed:
    """What became of the items of a set.

    Attributes:
        items: all of them.
        indexed: those that are sought.
        short: those with too few words.
        repeated: those with the n-grams of an earlier one.
    """

    items: int
    indexed: int
    short: int
    repeated: int


def compile_items(
    items: Iterable[Named],
    place: int,
    section: DecontaminationSection,
    form: Literal["NFC", "NFKC", "none"] = "NFC",
) -> tuple[pl.DataFrame, Indexed]:
    """The n-grams of a set's items.

    Args:
        items: of the set, in its order.
        place: of the set in the recipe.
        section: shape of the n-grams.
        form: the Unicode normal form that documents are brought to.

    Returns:
        The columns of ITEMS, in order, and the counts.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ITEMS}
    seen: set[bytes] = set()
    total = short = repeated = 0
    for batch in _batches(items):
        total += len(batch)
        for name, words, width, ngrams in _hash_items(batch, section, CleanSection(unicode=form)):
            if width == 0:
                short += 1
                continue
            if ngrams.tobytes() in seen:
                repeated += 1
                continue
            seen.add(ngrams.tobytes())
            row = (place, name, words, width, ngrams)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    frame = pl.DataFrame(columns, schema=ITEMS)
    return frame, Indexed(total, frame.height, short, repeated)


def _batches(items: Iterable[Named]) -> Iterable[list[Named]]:
    """The items, so many passages at a time."""
    batch: list[Named] = []
    passages = 0
    for item in items:
        batch.append(item)
        passages += len(item[1])
        if passages >= _BATCH_PASSAGES:
            yield batch
            batch, passages = [], 0
    if batch:
        yield batch


def _hash_items(
    batch: Sequence[Named], section: DecontaminationSection, cleaning: CleanSection
) -> Iterable[tuple[str, int, int, NDArray[np.uint64]]]:
    """Of each item its name, words and n-grams' width and hashes; width 0 where it is too short."""
    from curate.duplicates import ngrams

    texts = pl.Series([text for _, passages in batch for text in passages], dtype=pl.String)
    segments = segment(clean(texts, cleaning)["text"])
    words, offsets = _hash_words(segments), segments.word_offsets
    lengths = np.diff(offsets)
    first = 0
    for name, passages in batch:
        mine = np.arange(first, first + len(passages))
        first += len(passages)
        longest = int(lengths[mine].max(initial=0))
        if longest < section.minimum_item_words:
            yield name, 0, 0, np.empty(0, np.uint64)
            continue
        width = min(longest, section.ngram_words)
        chosen = mine[lengths[mine] >= width]
        if longest < section.ngram_words:
            chosen = chosen[:1]
        widths = np.full(len(chosen), width)
        hashes = ngrams.hash_ngrams(words, offsets[chosen], offsets[chosen + 1], widths)
        yield name, int(lengths[chosen].sum()), width, np.unique(hashes)


def _hash_words(segments: Segments) -> NDArray[np.uint64]:
    from curate.duplicates.ngrams import hash_plainly
    from curate.text import characters

    hashes: NDArray[np.uint64] = hash_plainly(
        segments.data,
        segments.word_start,
        segments.word_end,
        segments.word_hash,
        segments.word_classes,
        characters.classes(),
        characters.folding(),
    )
    return hashes


def weigh(overlap: NDArray[np.float64], words: NDArray[np.int64]) -> NDArray[np.float64]:
    """The weighed overlap of items of so many words.

    >>> weigh(np.array([0.9, 0.9, 1.0, 0.9]), np.array([50, 35, 20, 20])).round(3).tolist()
    [0.9, 0.8, 1.0, 0.0]
    """
    least = _least(words)
    rest = np.where(least < 1, 1 - least, 1)
    weighed: NDArray[np.float64] = np.where(
        overlap >= 1, 1.0, np.where(least < 1, (overlap - least) / rest, 0.0)
    )
    return weighed.clip(0, 1)


def _least(words: NDArray[np.int64]) -> NDArray[np.float64]:
    """The overlap below which an item of so many words is not found at all."""
    least: NDArray[np.float64] = (LONG_WORDS - words) / (LONG_WORDS - SHORT_WORDS)
    return least.clip(0, 1)


@dataclass(frozen=True, eq=False)
class Contamination:
    """The scorer `contamination`.

    Adds, for a frame with `text`:

    - `contamination`: the greatest weighed overlap with an item; 0 where none is recorded.
    - `contaminating_items`: how many items are recorded.
    - `contamination_matches`: the items, by weighed overlap and then in the reference's order, at
      most 100: `set`, `item`, its `words`, the stretch of the text that holds it (`start`, `end`:
      characters, which are Unicode code points, counted from 0; `end` is exclusive) and `overlap`.

    Attributes:
        items: the columns of ITEMS.
        sets: names of the sets.
    """

    items: pl.DataFrame
    sets: tuple[str, ...]

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the columns of the scorer.

        Raises:
            ComponentError: `text` does not hold strings.
        """
        segments = segment(frame["text"])
        found = self._find(segments)
        matches = (
            found.sort("document", "weighed", "place", descending=[False, True, False])
            .with_columns(of=pl.len().over("document"))
            .group_by("document", maintain_order=True)
            .head(MATCHES)
        )
        matches = matches.with_columns(*_spans(segments, matches)).select(
            "document",
            "of",
            "weighed",
            match=pl.struct(
                pl.Series("set", self.sets, dtype=pl.String).gather(matches["set"]),
                "item",
                "words",
                "start",
                "end",
                pl.col("overlap").round(4),
            ),
        )
        documents = matches.group_by("document", maintain_order=True).agg(
            contamination=pl.col("weighed").first(),
            contaminating_items=pl.col("of").first().cast(pl.Int64),
            contamination_matches="match",
        )
        empty = pl.lit([], dtype=COLUMNS["contamination_matches"].dtype)
        rows = pl.select(document=pl.int_range(frame.height, dtype=pl.Int64))
        scores = rows.join(documents, on="document", how="left", maintain_order="left")
        return frame.hstack(
            scores.select(
                pl.col("contamination").fill_null(0.0),
                pl.col("contaminating_items").fill_null(0),
                pl.col("contamination_matches").fill_null(empty),
                pl.lit(None, dtype=pl.String).alias("contamination_state"),
            )
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the compiled reference in memory."""
        return self._table.nbytes

    def _find(self, segments: Segments) -> pl.DataFrame:
        """One row for each document and item: where it is, in words, and how much of it."""
        from curate.duplicates.ngrams import find_items

        rows = find_items(
            _hash_words(segments),
            segments.word_offsets,
            self._widths,
            *self._table,
            self._required,
            2 * self._words,
        )
        item = rows[:, 1]
        overlap = rows[:, 2] / self._sizes[item]
        chosen: pl.DataFrame = self.items[item].select("set", "item", "words")
        return chosen.with_columns(
            pl.Series("document", rows[:, 0]),
            pl.Series("place", item),
            pl.Series("overlap", overlap),
            pl.Series("weighed", weigh(overlap, self._words[item])),
            pl.Series("first_word", rows[:, 4]),
            pl.Series("last_word", rows[:, 5] + rows[:, 3] - 1),
        )

    @cached_property
    def _table(self) -> Table:
        from curate.duplicates.ngrams import build_table

        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._sizes)])
        return build_table(self.items["ngrams"].explode().to_numpy(), offsets)

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        """Distinct n-grams of each item."""
        return self.items["ngrams"].list.len().cast(pl.Int64).to_numpy()

    @cached_property
    def _words(self) -> NDArray[np.int64]:
        return self.items["words"].to_numpy()

    @cached_property
    def _widths(self) -> NDArray[np.int64]:
        return self.items["width"].unique().sort().to_numpy()

    @cached_property
    def _required(self) -> NDArray[np.int64]:
        """The fewest n-grams of each item that are recorded."""
        least = _least(self._words)
        share = self._sizes * (least + RECORDED_OVERLAP * (1 - least))
        required: NDArray[np.int64] = np.ceil(share - 1e-9).astype(np.int64)
        return required.clip(1)


def _spans(segments: Segments, matches: pl.DataFrame) -> list[pl.Series]:
    """Where stretches begin and end, in characters of their documents."""
    from curate.duplicates.ngrams import count_characters

    text = segments.document_offsets[matches["document"].to_numpy()]
    start = segments.word_start[matches["first_word"].to_numpy()]
    end = segments.word_end[matches["last_word"].to_numpy()]
    before = count_characters(segments.data, text, start)
    return [
        pl.Series("start", before),
        pl.Series("end", before + count_characters(segments.data, start, end)),
    ]
