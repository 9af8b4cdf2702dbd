"""Lines of a site, and paragraphs, that many documents carry: their hashes, and where they lie.

Two lines, or two paragraphs, are equal when their normal forms are: letters with their marks, simple case folding;
each digit as 0; a run of white space as one space; everything else left out (CCNet, Wenzek et al.
2020, arXiv 1911.00359, §3.1, takes accents off too). What has neither letter nor digit is never
counted. Equality is told by 64-bit hashes, which the site is part of (of a paragraph, the
snapshot): that a line shares its hash with one of n lines that its site does not repeat has
probability n / 2^64.

Imported late: numba is dear to import.
"""

# ruff: noqa: C901 - one loop over the bytes carries the state of all its rules

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.text import characters, cut
from curate.text.characters import DIGIT, LOWER, NEWLINE, SPACE, STACKER
from curate.text.cut import compiled, decode
from curate.text.segment import buffers

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)
_ZERO, _BLANK, _LF = 0x30, 0x20, 0x0A


Unit: TypeAlias = Literal["lines", "paragraphs"]


def hash_lines(
    text: pl.Series, sites: NDArray[np.uint64], unit: Unit = "lines", least_words: int = 0
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The hashes of the lines of a batch of texts, as `curate.text.segment` cuts lines.

    Args:
        text: strings.
        sites: the hash of each text's site; 0: of none.
        unit: paragraphs, instead of lines.
        least_words: a line with fewer counts for nothing.

    Returns:
        uint64[lines]: 0 for a line that counts for nothing; int64[documents + 1]: where each
        text's lines begin, and where the last ones end.
    """
    data, offsets = buffers(text)
    tables = characters.classes(), characters.folding()
    starts, ends, line_offsets = _pieces(data, offsets, unit)
    hashes: NDArray[np.uint64] = _hashes(data, starts, ends, line_offsets, sites, *tables)
    if least_words:
        words = cut.words(data, offsets, *tables)[0]
        few = np.searchsorted(words, ends) - np.searchsorted(words, starts) < least_words
        hashes[few] = 0
    return hashes, line_offsets


def line_spans(text: pl.Series, chosen: NDArray[np.bool_], unit: Unit = "lines") -> pl.DataFrame:
    """Where some of the lines of a batch of texts lie, each with its line feed.

    Args:
        text: strings.
        chosen: for each line of the batch, in order, whether it is asked for.
        unit: paragraphs, instead of lines.

    Returns:
        `row` (of the text), `start` and `end` (bytes from the text's begin), and `characters`
        (between these), in order.
    """
    data, offsets = buffers(text)
    starts, ends, line_offsets = _pieces(data, offsets, unit)
    rows, starts, ends, counts = _spans(data, offsets, starts, ends, line_offsets, chosen)
    return pl.DataFrame({"row": rows, "start": starts, "end": ends, "characters": counts})


def _pieces(data: NDArray[np.uint8], offsets: NDArray[np.int64], unit: Unit) -> Any:
    """Starts, ends and offsets of lines or paragraphs."""
    found = cut.lines(data, offsets, characters.classes())
    return found[:3] if unit == "lines" else found[3:]


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
def _spans(data: Any, offsets: Any, starts: Any, ends: Any, line_offsets: Any, chosen: Any) -> Any:
    """Row, first byte, end and characters of each chosen line, through its line feed."""
    count = np.count_nonzero(chosen)
    rows, firsts = np.empty(count, np.int64), np.empty(count, np.int64)
    lasts, counts = np.empty(count, np.int64), np.zeros(count, np.int64)
    to = 0
    for document in range(len(offsets) - 1):
        begin, stop = offsets[document], offsets[document + 1]
        for line in range(line_offsets[document], line_offsets[document + 1]):
            if not chosen[line]:
                continue
            first, last = starts[line], ends[line]
            while first > begin and data[first - 1] != _LF:
                first -= 1
            while last < stop and data[last] != _LF:
                last += 1
            last = min(last + 1, stop)
            rows[to], firsts[to], lasts[to] = document, first - begin, last - begin
            for at in range(first, last):
                counts[to] += (data[at] & 0xC0) != 0x80  # noqa: PLR2004  # begins a character
            to += 1
    return rows, firsts, lasts, counts
