"""Lines that many documents of one site carry: their hashes, and texts without them.

Two lines are equal when their normal forms are: letters with their marks, simple case folding;
each digit as 0; a run of white space as one space; everything else left out (CCNet, Wenzek et al.
2020, arXiv 1911.00359, §3.1, takes accents off too). A line without letter and digit is never
counted. Equality is told by 64-bit hashes, which the site is part of: that a line shares its hash
with one of n lines that its site does not repeat has probability n / 2^64.

Imported late: numba is dear to import.
"""

# ruff: noqa: C901 - one loop over the bytes carries the state of all its rules

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from curate.text import characters, cut
from curate.text.characters import DIGIT, LOWER, NEWLINE, SPACE, STACKER
from curate.text.cut import compiled, decode
from curate.text.rewrite import rewrite
from curate.text.segment import buffers

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)
_ZERO, _BLANK, _LF = 0x30, 0x20, 0x0A


def hash_lines(
    text: pl.Series, sites: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The hashes of the lines of a batch of texts, as `curate.text.segment` cuts lines.

    Args:
        text: strings.
        sites: the hash of each text's site; 0: of none.

    Returns:
        uint64[lines]: 0 for a line that counts for nothing; int64[documents + 1]: where each
        text's lines begin, and where the last ones end.
    """
    data, offsets = buffers(text)
    tables = characters.classes(), characters.folding()
    starts, ends, line_offsets, *_ = cut.lines(data, offsets, tables[0])
    return _hashes(data, starts, ends, line_offsets, sites, *tables), line_offsets


def without_lines(text: pl.Series, dropped: NDArray[np.bool_]) -> pl.Series:
    """Cleaned texts without some of their lines, their white space as `curate.text.clean` has it.

    Args:
        text: strings.
        dropped: for each line of the batch, in order, whether it goes.
    """
    data, offsets = buffers(text)
    starts, ends, line_offsets, *_ = cut.lines(data, offsets, characters.classes())
    rest, rest_offsets = _copied(data, offsets, starts, ends, line_offsets, dropped)
    new, new_offsets, _ = rewrite(rest, rest_offsets, characters.cleaning(), characters.classes())
    kept = [pa.py_buffer(new_offsets), pa.py_buffer(new)]
    return pl.Series(text.name, pa.LargeStringArray.from_buffers(len(text), *kept), pl.String)


@compiled
def _hashes(
    data: Any, starts: Any, ends: Any, line_offsets: Any, sites: Any, classes: Any, folding: Any
) -> Any:
    hashes = np.zeros(len(starts), np.uint64)
    for document in range(len(line_offsets) - 1):
        if sites[document] == 0:
            continue
        for line in range(line_offsets[document], line_offsets[document + 1]):
            at, stop = starts[line], ends[line]
            state = np.uint64(sites[document])
            is_blank = has_word = False
            while at < stop:
                code, after = decode(data, at)
                char = classes[code]
                at = after
                if char in (SPACE, NEWLINE):
                    is_blank = has_word
                    continue
                if not LOWER <= char <= STACKER:
                    continue
                if is_blank:
                    state = (state ^ np.uint64(_BLANK)) * _FACTOR
                    state ^= state >> _SHIFT
                is_blank, has_word = False, True
                if char == DIGIT:
                    code = _ZERO
                elif code < len(folding):
                    code = folding[code]
                state = (state ^ np.uint64(code)) * _FACTOR
                state ^= state >> _SHIFT
            if has_word:
                hashes[line] = max(state, np.uint64(1))
    return hashes


@compiled
def _copied(
    data: Any, offsets: Any, starts: Any, ends: Any, line_offsets: Any, dropped: Any
) -> Any:
    """The bytes of the texts without some lines, each from its first byte through its line feed."""
    new = np.empty(len(data), np.uint8)
    new_offsets = np.zeros(len(offsets), np.int64)
    to = 0
    for document in range(len(offsets) - 1):
        at, stop = offsets[document], offsets[document + 1]
        for line in range(line_offsets[document], line_offsets[document + 1]):
            if not dropped[line]:
                continue
            begin = starts[line]
            while begin > at and data[begin - 1] != _LF:
                begin -= 1
            while at < begin:
                new[to] = data[at]
                to += 1
                at += 1
            at = ends[line]
            while at < stop and data[at] != _LF:
                at += 1
            at = min(at + 1, stop)
        while at < stop:
            new[to] = data[at]
            to += 1
            at += 1
        new_offsets[document + 1] = to
    return new[:to], new_offsets
