"""Texts without the stop words of some languages, as classical (bag-of-words) models take them.

A word that stands in a list goes wherever it stands, with the spaces after it where it began a line
or followed a space; punctuation stays. Words are those of `curate.text.segment`, in any case; of a
list's entries those count that are one word there.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.languages import stop_words
from curate.text.segment import Words, segment

if TYPE_CHECKING:
    from collections.abc import Iterable


def hash_words(entries: Iterable[str], words: Words = "rules") -> NDArray[np.uint64]:
    """The folded hashes of the entries that are one word in `segment`; sorted, distinct."""
    pieces = segment(pl.Series("text", sorted(entries), pl.String), words)
    single = np.flatnonzero(np.diff(pieces.word_offsets) == 1)
    return np.unique(pieces.word_hash[pieces.word_offsets[single]])


@functools.cache
def _listed(languages: tuple[str, ...]) -> NDArray[np.uint64]:
    return np.unique(np.concatenate([hash_words(stop_words()[code]) for code in languages]))


def remove_words(text: pl.Series, languages: tuple[str, ...]) -> pl.Series:
    """Texts without the stop words of some languages.

    Args:
        text: strings; null is empty.
        languages: ISO 639-3 codes that `curate.languages.stop_words` has lists for.
    """
    import pyarrow as pa

    from curate.text.rewrite import without_words

    pieces = segment(text)
    gone = np.isin(pieces.word_hash, _listed(languages))
    new, offsets = without_words(
        pieces.data,
        pieces.document_offsets,
        pieces.word_start,
        pieces.word_end,
        pieces.word_offsets,
        gone,
    )
    array = pa.LargeStringArray.from_buffers(len(text), pa.py_buffer(offsets), pa.py_buffer(new))
    return pl.Series(text.name, array, dtype=pl.String)
