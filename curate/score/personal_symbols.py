"""Symbols of a text as the scan for personal data sees them, and the words before a place, compiled.

Digits of other scripts (Arabic-Indic, extended Arabic-Indic, Devanagari, full-width) are read as
ASCII ones, no-break spaces as spaces, hyphens, dashes and the minus sign as `-`; directional marks
are part of nothing. Every other character beyond ASCII is `OTHER`.
"""

# ruff: noqa: PLR2004, C901, PLR0911, PLR0912 - the byte values of UTF-8 are literals

from __future__ import annotations

from typing import Any, Final

import numpy as np

from curate.score.personal_formats import LABEL_NOT
from curate.text.cut import compiled

OTHER: Final = 127  # DEL, which cleaning takes out of texts
END: Final = 0  # of the text; NUL reads the same
REACH: Final = 28  # bytes from a label to the number that it speaks of


@compiled
def symbol(data: Any, at: int, stop: int) -> Any:
    """The symbol that begins at a byte, and how many bytes it has; `END`, 1 at the end."""
    if at >= stop:
        return END, 1
    first = np.int64(data[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        second = np.int64(data[at + 1])
        if (first == 0xD9 and 0xA0 <= second <= 0xA9) or (first == 0xDB and 0xB0 <= second <= 0xB9):
            return 0x30 + (second & 0x0F), 2
        if first == 0xC2 and second == 0xA0:
            return 0x20, 2
        return OTHER, 2
    if first >= 0xF0:
        return OTHER, 4
    second, third = np.int64(data[at + 1]), np.int64(data[at + 2])
    if first == 0xEF and second == 0xBC:
        if 0x90 <= third <= 0x99 or third in (0x8B, 0x8D, 0x88, 0x89, 0x8E):
            return third - 0x60, 3  # full-width digits and + - ( ) .
        return OTHER, 3
    if first == 0xE0 and second == 0xA5 and 0xA6 <= third <= 0xAF:
        return 0x30 + third - 0xA6, 3
    if first == 0xE2:
        if second == 0x80:
            if third in (0xAF, 0x87, 0x89):  # narrow no-break, figure and thin space
                return 0x20, 3
            if 0x90 <= third <= 0x94:
                return 0x2D, 3
        if second == 0x88 and third == 0x92:
            return 0x2D, 3
    return OTHER, 3


@compiled
def symbol_before(data: Any, at: int, begin: int, stop: int) -> Any:
    """The symbol that ends before a byte, and how many bytes it has; `END`, 0 at the beginning."""
    if at <= begin:
        return END, 0
    back = at - 1
    while back > begin and data[back] & 0xC0 == 0x80:
        back -= 1
    code, _ = symbol(data, back, stop)
    return code, at - back


@compiled
def is_digit(code: Any) -> bool:
    """Whether a symbol is a digit."""
    return bool(0x30 <= code <= 0x39)


@compiled
def is_letter(code: Any) -> bool:
    """Whether a symbol is an ASCII letter."""
    return bool(0x41 <= code <= 0x5A or 0x61 <= code <= 0x7A)


@compiled
def is_word(code: Any) -> bool:
    """Whether a symbol is an ASCII letter, a digit or `_`."""
    return bool(is_digit(code) or is_letter(code) or code == 0x5F)


@compiled
def small(byte: Any) -> Any:
    """An ASCII letter as a small one; any other byte as it is."""
    return byte + 32 if 0x41 <= byte <= 0x5A else byte


@compiled
def find_labels(data: Any, state: Any, begin: int, to: int, stop: int, labels: Any) -> None:
    """Note where the last label of each class ends before a place.

    Every byte is looked at once at most, whatever the number of places asked about.

    Args:
        data: the text's bytes.
        state: int64[classes + 1]: the ends, or -1; then the byte up to which labels were sought.
            Written. A label that says what a number is not speaks of its own line only.
        begin: of the text.
        to: the place.
        stop: of the text.
        labels: see `Formats.labels`.
    """
    words, offsets, classes, firsts = labels
    at = max(begin, state[-1], to - REACH - 32)
    state[-1] = max(state[-1], to)
    while at < to:
        first = small(np.int64(data[at]))
        if first == 0x0A:
            state[LABEL_NOT] = -1
        for label in range(firsts[first], firsts[first + 1]):
            length = offsets[label + 1] - offsets[label]
            end = at + length
            if end > to:
                continue
            same = True
            for place in range(1, length):
                if small(np.int64(data[at + place])) != words[offsets[label] + place]:
                    same = False
                    break
            if not same:
                continue
            goes_on = classes[label] >= 256
            before = np.int64(data[at - 1]) if at > begin else 0
            if is_letter(before) or (before >= 0x80 and first >= 0x80 and not goes_on):
                continue
            after = np.int64(data[end]) if end < stop else 0
            last = np.int64(data[end - 1])
            if not goes_on and (
                (is_letter(after) and (is_letter(last) or last >= 0x80))
                or (after >= 0x80 and last >= 0x80)
            ):
                continue
            kind = classes[label] & 255
            state[kind] = max(state[kind], end)
        at += 1
