"""How much of a document is stop words of its own language.

- `stop_word_share`: share of the words that stand in the list of the document's language, and
  `distinct_stop_words`: how many words of that list occur. The lists are those of stopwords-iso
  (58 languages, MIT), as the package `stopwordsiso` carries them; of their entries those count that
  are one word here (`curate.text.segment`), in any case.
- `fineweb2_stop_words`: how many of the few stop words occur that FineWeb-2 lists for the language
  (Penedo et al. 2025, arXiv 2506.20920; `curate/presets/fineweb-2`).

Both are `not_applicable` where there is no list for the language that was found.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.languages import stop_words
from curate.presets import FAMILY, family_languages, read_preset
from curate.text.segment import Words, segment
from curate.text.stop_words import hash_words


@dataclass(frozen=True, eq=False)
class WordLists:
    """The words of each language, as hash tables one behind the other.

    Attributes:
        places: the language's place in `bounds`, by ISO 639-3 code.
        bounds: int64[languages + 1]: where each table begins; each has a power of two slots.
        keys: uint64: the folded hashes of words; 0 is an empty slot.
    """

    places: dict[str, int]
    bounds: NDArray[np.int64]
    keys: NDArray[np.uint64]


def score_stopwords(frame: pl.DataFrame, words: Words = "rules") -> pl.DataFrame:
    """Add `stop_word_share`, `distinct_stop_words` and `stopwords_state`; reads `language`."""
    share, distinct = _count(frame, stopword_lists(words), words)
    return frame.with_columns(
        share.alias("stop_word_share"),
        distinct.alias("distinct_stop_words"),
        _state(distinct).alias("stopwords_state"),
    )


def score_fineweb2_stopwords(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `fineweb2_stop_words` and `fineweb2_stopwords_state`; reads `language`."""
    _, distinct = _count(frame, fineweb2_lists())
    return frame.with_columns(
        distinct.alias("fineweb2_stop_words"), _state(distinct).alias("fineweb2_stopwords_state")
    )


@functools.cache
def stopword_lists(words: Words = "rules") -> WordLists:
    """The lists of stopwords-iso by ISO 639-3 code; of the entries those that are one word."""
    return _tables(stop_words(), words)


@functools.cache
def fineweb2_lists() -> WordLists:
    """The lists of FineWeb-2 by ISO 639-3 code."""
    presets = {code: read_preset(f"{FAMILY}/{code}") for code in family_languages()}
    return _tables({code: p["stop_words"] for code, p in presets.items() if "stop_words" in p})


def _tables(lists: Mapping[str, Iterable[str]], words: Words = "rules") -> WordLists:
    names = sorted(lists)
    tables, bounds = [], [0]
    for name in names:
        hashes = hash_words(lists[name], words)
        size = 2
        while size < 2 * len(hashes):
            size *= 2
        table = np.zeros(size, np.uint64)
        for key in hashes.tolist():
            slot = key & (size - 1)
            while table[slot]:
                slot = (slot + 1) & (size - 1)
            table[slot] = key
        tables.append(table)
        bounds.append(bounds[-1] + size)
    places = {name: place for place, name in enumerate(names)}
    return WordLists(places, np.array(bounds, np.int64), np.concatenate(tables))


def _count(
    frame: pl.DataFrame, lists: WordLists, words: Words = "rules"
) -> tuple[pl.Series, pl.Series]:
    """The share of stop words, and how many different ones; null without a list."""
    from curate.score.wordlists import count_listed  # numba takes half a second to import

    cut = segment(frame["text"], words)
    places = frame["language"].replace_strict(lists.places, default=-1, return_dtype=pl.Int64)
    chosen = places.fill_null(-1)
    counts = count_listed(
        cut.word_hash, cut.word_offsets, chosen.to_numpy(), lists.bounds, lists.keys
    )
    lengths = pl.Series(np.maximum(np.diff(cut.word_offsets), 1))
    has_list = chosen >= 0
    share = pl.Series(counts[:, 0]) / lengths
    found = pl.DataFrame({"share": share, "distinct": counts[:, 1], "has_list": has_list})
    kept = found.select(
        pl.when(pl.col("has_list")).then(pl.col("share")).alias("share"),
        pl.when(pl.col("has_list")).then(pl.col("distinct")).alias("distinct"),
    )
    return kept["share"], kept["distinct"]


def _state(values: pl.Series) -> pl.Series:
    return pl.Series(
        [None if known else "not_applicable" for known in values.is_not_null()], dtype=pl.String
    )
