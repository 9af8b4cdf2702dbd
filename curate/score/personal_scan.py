"""The compiled scan for personal data: one pass over the bytes of a batch of texts.

A table of bytes says where something may begin: `@`, digits, `:`, `=`, brackets, hyphens. All other
bytes are passed over. What begins there is looked at by the functions of `personal_numbers`,
`personal_places` and by those below; each looks at a bounded stretch, or at bytes that no other
call looks at, so that time grows with the text's length alone.
"""

# ruff: noqa: PLR2004, C901, PLR0911, PLR0912, PLR0915, SIM110 - bytes are literals; one loop carries all states

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from curate.score.personal_around import NOTHING
from curate.score.personal_formats import ADDRESS, EMAIL, IP, KEY, PASSWORD
from curate.score.personal_numbers import find_number
from curate.score.personal_places import (
    find_email,
    find_ipv6,
    find_spelt_email,
    find_street,
)
from curate.score.personal_symbols import is_digit, is_letter, is_word, small, symbol
from curate.text.cut import compiled

_PLAIN, _AT, _DIGIT, _LEAD, _COLON, _EQUALS, _BRACKET, _HYPHEN = range(8)
_SHORTEST_RUN = 16  # of letters, digits, - and _ that may be a key
_LONGEST_VALUE = 128
_LONGEST_AUTHORITY = 256
_LONGEST_KEY_BLOCK = 1 << 14


def _triggers() -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    table[[ord("@")]] = _AT
    table[ord("0") : ord("9") + 1] = _DIGIT
    table[[0xD9, 0xDB, 0xE0, 0xEF]] = _LEAD  # of other digits
    table[[ord(":")]] = _COLON
    table[[ord("=")]] = _EQUALS
    table[[ord("("), ord("["), ord("{")]] = _BRACKET
    table[[ord("-")]] = _HYPHEN
    return table


TRIGGERS: Final = _triggers()


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


_BEGIN, _END, _PRIVATE = map(_bytes, ("-----BEGIN ", "-----END ", "PRIVATE KEY"))
_HYPHENS, _JWT, _EXAMPLE = map(_bytes, ("-----", "eyJ", "example"))
_NOBODYS = tuple(map(_bytes, ("your", "xxx", "placeholder", "redacted", "change")))
_NO_VALUES = tuple(
    map(_bytes, ("null", "none", "true", "false", "undefined", "password", "secret"))
)


@compiled
def scan(data: Any, offsets: Any, tables: Any, classes: int) -> Any:
    """Find personal data in a batch of texts.

    Args:
        data: uint8[bytes].
        offsets: int64[documents + 1].
        tables: numbers, labels, domains, keys, names of secrets, streets (see `Formats`).
        classes: of labels.

    Returns:
        int64[found] each: start, end (bytes into `data`) and rule, in order of the start;
        int64[documents + 1]: where those of each document begin.
    """
    numbers, labels, domains, keys, names, streets = tables
    documents = len(offsets) - 1
    room = len(data) // 5 + documents + 1
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    rules = np.empty(room, np.int64)
    found_offsets = np.zeros(documents + 1, np.int64)
    values = np.zeros(64, np.int64)
    state = np.empty(classes + 1, np.int64)
    found = 0
    for document in range(documents):
        begin, stop = offsets[document], offsets[document + 1]
        state[:] = -1
        first = found
        at = begin
        floor = begin  # the end of what was found last
        run_end = begin  # of the last run that may be a key
        while at < stop:
            what = TRIGGERS[data[at]]
            if what == _PLAIN:
                at += 1
                continue
            start, end, rule = NOTHING, at + 1, NOTHING
            if what == _LEAD:
                code, width = symbol(data, at, stop)
                if not is_digit(code):
                    at += width
                    continue
                what = _DIGIT
            if what == _DIGIT:
                if at >= run_end:
                    start, run_end = _find_key(data, at, floor, stop, keys)
                    if start >= 0:
                        end, rule = run_end, KEY
                if rule < 0:
                    start, end, rule = find_number(
                        data, at, floor, stop, state, labels, numbers, values
                    )
                    if rule < 0:
                        start, after = find_street(data, at, floor, stop, streets)
                        if start >= 0:
                            end, rule = after, ADDRESS
            elif (
                what == _AT
                and found > first
                and ends[found - 1] == at
                and rules[found - 1] == PASSWORD
            ):
                at += 1  # user:password@host is no address of e-mail
                continue
            elif what == _AT:
                start, after = find_email(data, at, begin, stop, domains)
                if start >= 0:
                    end, rule = after, EMAIL
            elif what == _BRACKET:
                start, after = find_spelt_email(data, at, floor, stop, domains)
                if start >= 0:
                    end, rule = after, EMAIL
            elif what == _HYPHEN:
                start, end = _find_key_block(data, at, stop)
                if start >= 0:
                    rule = KEY
            else:
                start, after, rule = _find_secret(data, at, floor, stop, names)
                if rule < 0 and what == _COLON:
                    if after > at:
                        end = after  # of an authority without a password
                    else:
                        start, after = find_ipv6(data, at, floor, stop)
                        if start >= 0:
                            end, rule = after, IP
                elif rule >= 0:
                    end = after
            if rule >= 0:
                while found > first and ends[found - 1] > start:
                    found -= 1  # digits that were taken for a number of their own
                starts[found], ends[found], rules[found] = start, end, rule
                found += 1
                floor = end
                run_end = max(run_end, end)
            at = max(end, at + 1)
        found_offsets[document + 1] = found
    return starts[:found].copy(), ends[:found].copy(), rules[:found].copy(), found_offsets


@compiled
def _starts(data: Any, at: int, stop: int, text: Any) -> bool:
    if at + len(text) > stop:
        return False
    for place in range(len(text)):
        if data[at + place] != text[place]:
            return False
    return True


@compiled
def _starts_small(data: Any, at: int, stop: int, text: Any) -> bool:
    if at + len(text) > stop:
        return False
    for place in range(len(text)):
        if small(np.int64(data[at + place])) != text[place]:
            return False
    return True


@compiled
def _is_key(byte: Any) -> bool:
    return bool(is_word(byte) or byte == 0x2D)


@compiled
def _is_nobodys(data: Any, at: int, stop: int) -> bool:
    """Whether a value says that it stands for another one: `example` anywhere, other words first."""
    for place in range(at, stop):
        if _starts_small(data, place, stop, _EXAMPLE):
            return True
    for word in _NOBODYS:
        if _starts_small(data, at, stop, word):
            return True
    return False


@compiled
def _find_key(data: Any, at: int, begin: int, stop: int, keys: Any) -> Any:
    """Start of the key in the run around a digit, or -1; and the end of the run."""
    start = at
    while start > begin and _is_key(np.int64(data[start - 1])):
        start -= 1
    end = at
    while end < stop and _is_key(np.int64(data[end])):
        end += 1
    if end - start < _SHORTEST_RUN and not _starts(data, start, stop, _JWT):
        return NOTHING, end
    prefixes, offsets, limits = keys
    for prefix in range(len(limits)):
        length = offsets[prefix + 1] - offsets[prefix]
        text = prefixes[offsets[prefix] : offsets[prefix + 1]]
        first = start
        last = end
        if text[length - 1] == 0x2E:  # SG.… : the prefix is a run of its own
            first = start - length
            if first < begin or (first > begin and _is_key(np.int64(data[first - 1]))):
                continue
        if not _starts(data, first, stop, text):
            continue
        is_jwt = _starts(data, first, stop, _JWT)
        points = 0
        if text[length - 1] == 0x2E or is_jwt:  # SG.a.b, and the three parts of a JWT
            most = min(stop, first + length + limits[prefix, 1] + 2)  # then it is too long
            while last + 1 < most and data[last] == 0x2E and _is_key(np.int64(data[last + 1])):
                last += 1
                points += 1
                while last < most and _is_key(np.int64(data[last])):
                    last += 1
        if is_jwt and points < 2:
            continue
        size = last - first - length
        if limits[prefix, 0] <= size <= limits[prefix, 1]:
            if _is_nobodys(data, first + length, last):
                return NOTHING, last
            return first, last
    return NOTHING, end


@compiled
def _find_key_block(data: Any, at: int, stop: int) -> Any:
    """Start and end of the private key in PEM that begins at a hyphen, or -1 and where to go on."""
    end = at + 1
    while end < stop and data[end] == 0x2D:
        end += 1
    first = end - 5  # of the last five hyphens
    if first < at or not _starts(data, first, stop, _BEGIN):
        return NOTHING, end
    is_private = False
    for place in range(first + len(_BEGIN), min(first + 40, stop)):
        is_private = is_private or _starts(data, place, stop, _PRIVATE)
    if not is_private:
        return NOTHING, end
    place = end
    while place < stop and data[place] not in (0x2D, 0x0A):
        place += 1
    while place < stop and data[place] == 0x2D:  # those behind the word KEY
        place += 1
    limit = min(stop, first + _LONGEST_KEY_BLOCK)
    while place < limit and not _starts(data, place, stop, _HYPHENS):
        place += 1
    if not _starts(data, place, stop, _END):
        return NOTHING, max(end, place)
    place += len(_END)
    while place < limit and data[place] not in (0x2D, 0x0A):
        place += 1
    while place < limit and data[place] == 0x2D:
        place += 1
    return first, place


@compiled
def _find_secret(data: Any, at: int, begin: int, stop: int, names: Any) -> Any:
    """A password or key behind `:` or `=`: start, end, rule.

    Where there is none the rule is -1, and the end is where to go on, or 0.
    """
    if data[at] == 0x3A and at + 2 < stop and data[at + 1] == 0x2F and data[at + 2] == 0x2F:
        return _find_in_authority(data, at + 3, stop)
    kind = _named(data, at, begin, names)
    if kind < 0:
        return NOTHING, 0, NOTHING
    place = at + 1
    if place < stop and data[place] == 0x3D and data[at] == 0x3D:  # == compares
        return NOTHING, 0, NOTHING
    if place < stop and data[place] in (0x3D, 0x3E):  # := =>
        place += 1
    spaces = 0
    while place < stop and data[place] in (0x20, 0x09) and spaces < 3:
        place += 1
        spaces += 1
    quote = np.int64(0)
    if place < stop and data[place] in (0x22, 0x27, 0x60):
        quote = np.int64(data[place])
        place += 1
    start = place
    digits = letters = signs = 0
    is_address = False  # of a page on which one enters a password
    while place < stop and place - start <= _LONGEST_VALUE:
        byte = np.int64(data[place])
        if byte <= 0x20 or byte >= 0x7F or byte in (0x22, 0x27, 0x60, 0x3C, 0x3E, 0x28, 0x29):
            break
        if quote == 0 and byte in (0x26, 0x3B, 0x2C, 0x5D, 0x7D):  # & ; , ] }
            break
        is_address = is_address or (
            byte == 0x3A and place + 1 < stop and data[place + 1] in (0x2F, 0x5C)
        )
        digits += is_digit(byte)
        letters += is_letter(byte)
        signs += byte in (0x21, 0x23, 0x24, 0x25, 0x2A, 0x3F, 0x40, 0x5E, 0x7E, 0x2B)
        place += 1
    end = place
    if quote == 0:
        while end > start and data[end - 1] in (0x2E, 0x21, 0x3F, 0x3A, 0x2F):
            end -= 1
    elif place >= stop or data[place] != quote:
        return NOTHING, 0, NOTHING
    size = end - start
    if size > _LONGEST_VALUE or size < 4 or data[start] in (0x24, 0x7B, 0x25, 0x2A, 0x5B, 0x26):
        return NOTHING, 0, NOTHING
    if place < stop and data[place] == 0x28:  # a call
        return NOTHING, 0, NOTHING
    if is_address or _is_nobodys(data, start, end) or data[start] == 0x2F:
        return NOTHING, 0, NOTHING
    for word in _NO_VALUES:
        if len(word) == size and _starts_small(data, start, end, word):
            return NOTHING, 0, NOTHING
    if kind == KEY:
        good = size >= 16 and digits >= 2 and letters >= 2
    elif quote and data[at] == 0x3D:
        good = letters + digits + signs >= 4
    else:
        good = letters >= 1 and (digits >= 1 or signs >= 1) and (size >= 6 or spaces == 0)
    return (start, end, kind) if good else (NOTHING, 0, NOTHING)


@compiled
def _find_in_authority(data: Any, at: int, stop: int) -> Any:
    """The password in `//user:password@host`."""
    limit = min(stop, at + _LONGEST_AUTHORITY)
    colon = sign = NOTHING
    place = at
    while place < limit:
        byte = data[place]
        if byte <= 0x20 or byte in (0x2F, 0x3F, 0x22, 0x3C, 0x3E, 0x27, 0x60):  # / ? " < > ' `
            break
        if byte == 0x3A and colon < 0:
            colon = place
        elif byte == 0x40:
            sign = place
        place += 1
    if sign < 0:
        return NOTHING, at, NOTHING
    password = colon + 1
    if colon <= at or sign <= password:
        return NOTHING, sign + 1, NOTHING  # a user's name is no address of e-mail
    if data[password] in (0x24, 0x7B, 0x25, 0x2A, 0x5B) or _is_nobodys(data, password, sign):
        return NOTHING, sign + 1, NOTHING
    return password, sign, PASSWORD


@compiled
def _named(data: Any, at: int, begin: int, names: Any) -> Any:
    """What the name before `:` or `=` holds: a key, a password, or -1."""
    words, offsets, kinds = names
    end = at
    back = 0
    while end > begin and back < 4 and data[end - 1] in (0x20, 0x22, 0x27, 0x60, 0x5D, 0x3A, 0x2A):
        end -= 1
        back += 1
    for name in range(len(kinds)):
        length = offsets[name + 1] - offsets[name]
        start = end - length
        if start < begin or small(np.int64(data[end - 1])) != words[offsets[name + 1] - 1]:
            continue
        same = True
        for place in range(length):
            if small(np.int64(data[start + place])) != words[offsets[name] + place]:
                same = False
                break
        if not same:
            continue
        before = np.int64(data[start - 1]) if start > begin else 0
        joins = is_letter(before) and not (
            data[start] <= 0x5A and 0x61 <= before <= 0x7A  # userPassword
        )
        if not joins:
            return kinds[name]
    return NOTHING
