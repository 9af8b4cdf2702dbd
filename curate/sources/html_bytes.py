"""Compiled reading of HTML's smallest parts: names, attributes, references, where markup ends.

Imported late: numba is dear to import. By the WHATWG HTML standard (13.2.5).

Numba's cache knows a function's own file only: after a change here, touch `html_tokens` too.
"""

# ruff: noqa: C901, PLR0911, PLR0912 - a tokeniser's cases stand side by side
# ruff: noqa: PLR2004 - bytes and lengths of markup are literals

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

LESS, GREATER, SLASH, AMPERSAND, QUOTE, APOSTROPHE, EQUALS, DASH = 60, 62, 47, 38, 34, 39, 61, 45
OFFSET = np.uint64(0xCBF29CE484222325)  # of FNV-1a
PRIME = np.uint64(0x100000001B3)
SELF_CLOSING = 26  # place in the state that `html_stack` lists
_LONGEST_CLASS = 1_024  # bytes

# Eight bytes at once: those that are `<` become 0, and one that is 0 borrows its highest bit.
_EIGHT_LESS = np.uint64(int.from_bytes(bytes([LESS]) * 8))
_EIGHT_ONES = np.uint64(0x0101010101010101)
_EIGHT_TOPS = np.uint64(0x8080808080808080)

SPACE = np.zeros(256, np.bool_)
SPACE[[9, 10, 12, 13, 32]] = True
NAME_END = SPACE.copy()
NAME_END[[SLASH, GREATER]] = True
_UNQUOTED_END = SPACE.copy()
_UNQUOTED_END[GREATER] = True

# What the numbers 128 to 159 mean in a character reference (the standard's table).
_WINDOWS = np.array(
    [ord(bytes([byte]).decode("cp1252", "replace")) for byte in range(128, 160)], np.int64
)
_WINDOWS = np.where(_WINDOWS == 0xFFFD, np.arange(128, 160), _WINDOWS)


def compiled(function: Kernel) -> Kernel:
    """Compile a function at its first call, once for this machine, to run without the GIL."""
    return cast("Kernel", njit(nogil=True, cache=True)(function))


@compiled
def find_name(keys: Any, values: Any, key: Any) -> Any:
    """The number of a hash in a table; 0 where it is not there."""
    mask = np.uint64(len(keys) - 1)
    place = key & mask
    while keys[place] != 0:
        if keys[place] == key:
            return values[place]
        place = (place + np.uint64(1)) & mask
    return np.int64(0)


@compiled
def holds(data: Any, start: Any, stop: Any, word: Any) -> Any:
    """Whether bytes hold a lower-case ASCII word, in any case, spaces left out of account."""
    for at in range(start, stop - len(word) + 1):
        place = at
        same = 0
        while same < len(word) and place < stop:
            byte = data[place]
            if 65 <= byte <= 90:
                byte += 32
            if byte == 32 and same > 0:
                place += 1
                continue
            if byte != word[same]:
                break
            same += 1
            place += 1
        if same == len(word):
            return True
    return False


@compiled
def hash_lower(data: Any, start: Any, stop: Any) -> Any:
    """The hash of a name, in lower case."""
    state = OFFSET
    for at in range(start, stop):
        byte = np.uint64(data[at])
        if 65 <= byte <= 90:
            byte += np.uint64(32)
        state = (state ^ byte) * PRIME
    return state


@compiled
def write_point(out: Any, o: Any, point: Any) -> Any:
    """Write a code point as UTF-8; the place after it."""
    if point < 0x80:
        out[o] = point
        return o + 1
    if point < 0x800:
        out[o], out[o + 1] = 0xC0 | (point >> 6), 0x80 | (point & 63)
        return o + 2
    if point < 0x10000:
        out[o], out[o + 1] = 0xE0 | (point >> 12), 0x80 | ((point >> 6) & 63)
        out[o + 2] = 0x80 | (point & 63)
        return o + 3
    out[o], out[o + 1] = 0xF0 | (point >> 18), 0x80 | ((point >> 12) & 63)
    out[o + 2], out[o + 3] = 0x80 | ((point >> 6) & 63), 0x80 | (point & 63)
    return o + 4


@compiled
def read_reference(data: Any, at: Any, stop: Any, in_attribute: Any, keys: Any, values: Any) -> Any:
    """The character reference at an `&`: where it ends (`at` where there is none), code points."""
    place = at + 1
    if place >= stop:
        return at, np.int64(0)
    if data[place] == 35:
        place += 1
        base = 10
        if place < stop and (data[place] | 32) == 120:
            base = 16
            place += 1
        first = place
        point = np.int64(0)
        while place < stop:
            byte = data[place]
            if 48 <= byte <= 57:
                digit = np.int64(byte) - 48
            elif base == 16 and 97 <= (byte | 32) <= 102:
                digit = np.int64(byte | 32) - 87
            else:
                break
            point = min(point * base + digit, np.int64(0x110000))
            place += 1
        if place == first:
            return at, np.int64(0)
        if place < stop and data[place] == 59:
            place += 1
        if 128 <= point < 160:
            point = _WINDOWS[point - 128]
        elif point == 0 or point > 0x10FFFF or 0xD800 <= point < 0xE000:
            point = np.int64(0xFFFD)
        return place, point
    state = OFFSET
    found = at
    points = np.int64(0)
    limit = min(stop, place + 40)
    while place < limit:
        byte = data[place]
        if not (97 <= (byte | 32) <= 122 or 48 <= byte <= 57 or byte == 59):
            break
        state = (state ^ np.uint64(byte)) * PRIME
        place += 1
        value = find_name(keys, values, state) if byte == 59 or place - at <= 8 else np.int64(0)
        if value != 0:
            found, points = place, value
        if byte == 59:
            break
    if in_attribute and found > at and data[found - 1] != 59 and found < stop:
        byte = data[found]
        if byte == EQUALS or 97 <= (byte | 32) <= 122 or 48 <= byte <= 57:
            return at, np.int64(0)
    return found, points


@compiled
def read_attributes(data: Any, at: Any, spans: Any, state: Any, keys: Any, values: Any) -> Any:
    """Parse a tag's attributes from after its name: the place after `>`, or -1 at the page's end.

    `spans` (int64[attributes, 2]) gets the first value of each attribute that is known.
    """
    size = len(data)
    spans[:, 0] = -1
    state[SELF_CLOSING] = 0
    while at < size:
        byte = data[at]
        if SPACE[byte]:
            at += 1
            continue
        if byte == GREATER:
            return at + 1
        if byte == SLASH:
            at += 1
            if at < size and data[at] == GREATER:
                state[SELF_CLOSING] = 1
                return at + 1
            continue
        hashed = OFFSET
        first = at
        while at < size:
            byte = data[at]
            if NAME_END[byte] or (byte == EQUALS and at > first):
                break
            if 65 <= byte <= 90:
                byte += 32
            hashed = (hashed ^ np.uint64(byte)) * PRIME
            at += 1
        while at < size and SPACE[data[at]]:
            at += 1
        start = stop = at
        if at < size and data[at] == EQUALS:
            at += 1
            while at < size and SPACE[data[at]]:
                at += 1
            if at >= size:
                return np.int64(-1)
            quote = data[at]
            if quote in (QUOTE, APOSTROPHE):
                at += 1
                start = at
                while at < size and data[at] != quote:
                    at += 1
                stop = at
                at += 1
            else:
                start = at
                while at < size and not _UNQUOTED_END[data[at]]:
                    at += 1
                stop = at
        number = find_name(keys, values, hashed)
        if number > 0 and spans[number - 1, 0] < 0:
            spans[number - 1, 0], spans[number - 1, 1] = start, stop
    return np.int64(-1)


@compiled
def read_number(data: Any, start: Any, stop: Any) -> Any:
    """The number that an attribute says, from 1 to 99,999; 0 for any other value."""
    found: Any = np.int64(0)
    while start < stop and SPACE[data[start]]:
        start += 1
    for at in range(start, stop):
        byte = data[at]
        if not 48 <= byte <= 57:
            return found if SPACE[byte] and found > 0 else np.int64(0)
        found = found * 10 + np.int64(byte) - 48
        if found > 99_999:
            return np.int64(0)
    return found


def _hash(word: str) -> np.uint64:
    state = int(OFFSET)
    for byte in word.encode():
        state = (state ^ byte) * int(PRIME) % 2**64
    return np.uint64(state)


_TAG_OF, _CATEGORY_OF = _hash("tag"), _hash("category")


@compiled
def layout_words(data: Any, start: Any, stop: Any, keys: Any, values: Any, found: Any) -> None:
    """Set the bits of the layout words in a class or id, split at anything but letters and at humps.

    What comes after `tag-` and `category-` is a topic that an author named, not layout.

    `found` (int64[3]): two masks of words, and a hash of the letters.
    """
    stop = min(stop, start + _LONGEST_CLASS)
    state = OFFSET
    letters = np.uint64(found[2])
    length = 0
    lower_before: Any = False
    is_first = True  # word of a name
    at = start
    while at <= stop:
        byte = data[at] if at < stop else np.uint8(32)
        upper = 65 <= byte <= 90
        is_letter = upper or 97 <= byte <= 122
        if (not is_letter or (upper and lower_before)) and length > 0:
            number = find_name(keys, values, state)
            if number > 0:
                if number <= 62:
                    found[0] |= np.int64(1) << (number - 1)
                else:
                    found[1] |= np.int64(1) << (number - 63)
            letters = (letters ^ state) * PRIME
            if is_first and byte == 45 and state in (_TAG_OF, _CATEGORY_OF):
                while at < stop and data[at] > 32:
                    at += 1
                is_letter = upper = False
            is_first = False
            state = OFFSET
            length = 0
        if at >= stop or data[at] <= 32:
            is_first = True
        if is_letter:
            state = (state ^ np.uint64(byte | 32)) * PRIME
            length += 1
        lower_before = is_letter and not upper
        at += 1
    found[2] = np.int64(letters)


@compiled
def next_opening(data: Any, eights: Any, at: Any) -> Any:
    """Where the next `<` is, at a byte or after it; the page's size where there is none.

    `eights` (uint64) are the same bytes, without the last ones.
    """
    size = len(data)
    while at < size and data[at] != LESS:
        at += 1
        if at & 7 == 0:
            while at >> 3 < len(eights):
                bits = eights[at >> 3] ^ _EIGHT_LESS
                if (bits - _EIGHT_ONES) & ~bits & _EIGHT_TOPS != 0:
                    break
                at += 8
    return at


@compiled
def raw_end(data: Any, eights: Any, at: Any, name: Any, name_stop: Any, is_script: Any) -> Any:
    """Where the text of a raw-text element ends: at its end tag, or with the page.

    In a script, `<!--` followed by `<script` hides one end tag.
    """
    size = len(data)
    length = name_stop - name
    escaped = doubled = False
    while at < size:
        if not escaped:
            at = next_opening(data, eights, at)
            if at == size:
                return size
        byte = data[at]
        if byte == DASH and escaped:
            if at + 2 < size and data[at + 1] == DASH and data[at + 2] == GREATER:
                escaped = doubled = False
        elif byte == LESS and at + 1 < size:
            following = data[at + 1]
            if following == SLASH or (escaped and (following | 32) == 115):
                begin = at + 2 if following == SLASH else at + 1
                same = 0
                if begin + length <= size:
                    while same < length and (data[begin + same] | 32) == (data[name + same] | 32):
                        same += 1
                ends = begin + length >= size or NAME_END[data[begin + length]]
                if same == length and ends:
                    if following == SLASH:
                        if not doubled:
                            return at
                        doubled = False
                    else:
                        doubled = True
            elif (
                is_script
                and following == 33
                and at + 3 < size
                and data[at + 2] == DASH
                and data[at + 3] == DASH
            ):
                escaped = True
                at += 1  # the dashes may be those of the end: <!-->
        at += 1
    return size


@compiled
def declaration_end(data: Any, at: Any, in_foreign: Any) -> Any:
    """Where a comment, doctype or other `<!` or `<?` ends."""
    size = len(data)
    if data[at + 1] == 33:
        if at + 3 < size and data[at + 2] == DASH and data[at + 3] == DASH:
            place = at + 4
            if place < size and data[place] == GREATER:
                return place + 1
            if place + 1 < size and data[place] == DASH and data[place + 1] == GREATER:
                return place + 2
            while place + 2 < size:
                if data[place] == DASH and data[place + 1] == DASH:
                    if data[place + 2] == GREATER:
                        return place + 3
                    if (
                        data[place + 2] == 33 and place + 3 < size and data[place + 3] == GREATER
                    ):  # --!>
                        return place + 4
                place += 1
            return size
        if in_foreign and at + 8 < size and data[at + 2] == 91 and (data[at + 3] | 32) == 99:
            place = at + 9
            while place + 2 < size:
                if data[place] == 93 and data[place + 1] == 93 and data[place + 2] == GREATER:
                    return place + 3
                place += 1
            return size
    place = at + 1
    while place < size and data[place] != GREATER:
        place += 1
    return min(place + 1, size)
