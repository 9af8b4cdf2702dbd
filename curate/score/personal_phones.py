"""The compiled search for telephone numbers that no form describes: by country code, or by a label."""

# ruff: noqa: PLR2004, C901, PLR0912 - signs by their codes; one loop carries the state of all groups

from __future__ import annotations

from typing import Any

import numpy as np

from curate.score.personal_around import MOST_SEPARATORS, NOTHING, ends_well, run_of_digits
from curate.score.personal_checks import is_nobodys
from curate.score.personal_symbols import is_digit, is_word, symbol
from curate.text.cut import compiled

_FEWEST, _ENOUGH = 7, 10  # digits behind a label: fewer are none; of as many a number is whole
MOST_DIGITS = 13


@compiled
def find_international(
    data: Any, at: int, stop: int, codes: Any, reserved: Any, values: Any, needs_gap: bool
) -> Any:
    """The byte after a telephone number of which a country code begins at a place, or -1.

    Args:
        data: the text's bytes.
        at: after `+` or `00`.
        stop: of the text.
        codes: digits by country code.
        reserved: prefixes that are nobody's.
        values: int64[40]; written.
        needs_gap: whether a number without any separator is none.
    """
    count = code = size = 0  # digits; the country code, and how many of them are its own
    found, best = NOTHING, 0
    gaps = 0
    is_trunk = False  # a 0 after the country code that is not dialled
    while at < stop:
        symbol_here, width = symbol(data, at, stop)
        if is_digit(symbol_here):
            values[count] = symbol_here - 0x30
            count += 1
            at += width
            if code == 0 and count <= 3:
                number = 0
                for place in range(count):
                    number = number * 10 + values[place]
                if number == 0:
                    return NOTHING
                if codes[number, 1] > 0:
                    code, size = number, count
            if code == 0 and count >= 3:
                return NOTHING
            if code and count == size + 1 and values[size] == 0 and code != 39 and not is_trunk:
                is_trunk = True
                count -= 1
            following, _ = symbol(data, at, stop)
            national = count - size
            ends = not is_word(following) or following in (0x78, 0x58)  # x: an extension
            if code and ends and codes[code, 0] <= national <= codes[code, 1]:
                found, best = at, count
            if code and national >= codes[code, 1]:
                if is_digit(following):
                    found = NOTHING if gaps == 0 else found
                break
            continue
        gap = 0
        while gap < MOST_SEPARATORS and symbol_here in (0x20, 0x2D, 0x2E, 0x2F, 0x28, 0x29):
            gap += 1
            at += width
            symbol_here, width = symbol(data, at, stop)
        if gap == 0 or not is_digit(symbol_here):
            break
        gaps += 1
    if found == NOTHING or (needs_gap and gaps == 0):
        return NOTHING
    if code == 1 and (values[1] < 2 or values[4] < 2):
        return NOTHING
    if values[size] == 0 and values[size + 1] == 0:
        return NOTHING
    return NOTHING if is_nobodys(values, best, 0, 0, reserved) else found


@compiled
def find_labelled_phone(data: Any, at: int, stop: int, reserved: Any, values: Any) -> Any:
    """The byte after the digits of a telephone number behind a label, or -1."""
    count, found = 0, NOTHING
    sizes = np.zeros(8, np.int64)
    groups = points = 0
    while groups < 8:
        digits, end = run_of_digits(data, at, stop)
        if digits == 0 or count + digits > MOST_DIGITS:
            break
        place = at
        while place < end:
            code, width = symbol(data, place, stop)
            values[count] = code - 0x30
            count += 1
            place += width
        sizes[groups] = digits
        groups += 1
        at = end
        code, width = symbol(data, at, stop)
        if not ends_well(data, at, stop):
            goes_on = is_digit(symbol(data, at + width, stop)[0])
            if not goes_on or code in (0x2C, 0x3A):  # 1.234,56 and 12:30
                return NOTHING
        points += code == 0x2E
        if count >= _FEWEST:
            found = at
        if count >= _ENOUGH:
            break
        gap = 0
        while gap < MOST_SEPARATORS and code in (0x20, 0x2D, 0x2E, 0x2F, 0x28, 0x29):
            gap += 1
            at += width
            code, width = symbol(data, at, stop)
        if gap == 0 or not is_digit(code):
            break
    is_date = groups == 3 and (
        (sizes[0] <= 2 and sizes[1] <= 2 and sizes[2] == 4) or (sizes[0] == 4 and sizes[2] <= 2)
    )
    is_address = groups == 4 and points >= 3 and sizes.max() <= 3
    is_range = groups >= 2 and sizes[0] == 4 and sizes[1] == 4 and values[0] in (1, 2)
    if is_date or is_address or is_range:
        return NOTHING
    if found == NOTHING or is_nobodys(values, count, 0, 0, reserved):
        return NOTHING
    trunk = 1 if values[0] == 0 else 0
    return NOTHING if is_nobodys(values, count, 0, trunk, reserved) else found
