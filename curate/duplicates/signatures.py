"""What a document is compared by: a hash of its words, and MinHash values of its shingles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from curate.recipe import DuplicatesSection
from curate.text.segment import buffers

if TYPE_CHECKING:
    from curate.duplicates.kernels import Scheme

_WORDS, _CHARACTERS = 0x243F6A8885A308D3, 0x13198A2E03707344  # seeds: two kinds of text hash


@dataclass(frozen=True)
class Signatures:
    """The scorer `signatures`.

    Adds, for a frame with `text`:

    - `text_hash`: 128-bit hash of the sequence of words as `curate.text.segment` cuts and folds
      them, as 32 hex digits, so that letter case, punctuation and white space do not count. A text
      without words has the hash of its characters without white space at the ends; null and empty
      texts share one. The hash is fast, not cryptographic.
    - `shingles`: number of distinct shingles, of `shingle_words` words each, or of
      `shingle_characters` where the first of them is of a script without spaces. A text in which
      none fits has one shingle, of all its words; one without words has none.
    - `signature`: `bands × rows` MinHash values, little-endian uint32, equal to
      `datasketch.MinHash(num_perm=bands * rows, seed=1)` when its `hashfunc` gives the lower 32
      bits of the shingles' hashes. Null without words, and then the state is `not_applicable`
      (the text hash is there all the same).

    Attributes:
        section: shape of shingles and signatures.
        scheme: datasketch's permutations: `affine32` (its default) or `legacy` (before 2.0).
    """

    section: DuplicatesSection
    scheme: Scheme = "affine32"

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the columns of the scorer.

        Raises:
            ComponentError: `text` does not hold strings.
        """
        from curate.duplicates import kernels

        text = frame["text"]
        words, word_offsets, shingles, offsets = kernels.cut_shingles(text, self.section)
        hashes = kernels.sequence_hashes(words, word_offsets, np.uint64(_WORDS))
        is_wordless = np.diff(word_offsets) == 0
        if is_wordless.any():
            bare = text.filter(pl.Series(is_wordless)).cast(pl.String).str.strip_chars()
            data, starts = buffers(bare)
            hashes[is_wordless] = kernels.sequence_hashes(
                data.astype(np.uint64), starts, np.uint64(_CHARACTERS)
            )
        size = self.section.bands * self.section.rows
        minima = kernels.minima(shingles, offsets, size, self.scheme)
        digits = hashes.astype(">u8").tobytes().hex().encode()
        has_words = pl.Series(~is_wordless)
        return frame.with_columns(
            _pieces(pa.large_string(), digits, frame.height).alias("text_hash"),
            pl.Series("shingles", np.diff(offsets)),
            pl.when(has_words)
            .then(_pieces(pa.large_binary(), minima.astype("<u4"), frame.height))
            .alias("signature"),
            pl.when(~has_words).then(pl.lit("not_applicable")).alias("signatures_state"),
        )


def _pieces(kind: pa.DataType, data: bytes | NDArray[np.uint32], rows: int) -> pl.Series:
    """Bytes cut into rows of equal length."""
    buffer = pa.py_buffer(data)
    offsets = np.arange(rows + 1) * (buffer.size // max(rows, 1))
    array = pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(offsets), buffer])
    series = pl.from_arrow(array)
    assert isinstance(series, pl.Series)
    return series
