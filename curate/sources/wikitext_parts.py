"""Parts of wikitext that the second pass looks for: arguments, fields of boxes, variants. Compiled.

Imported late: numba is dear to import. Numba's cache knows a function's own file only: after a
change here, touch `wikitext_prose` too.
"""

# ruff: noqa: C901 - one loop over the bytes carries the state of all its rules
# ruff: noqa: PLR2004 - lengths of markup are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources.wikitext_tokens import (
    COLON,
    DASH,
    PARTNER,
    PIPE,
    SPACE,
    START,
    STOP,
    UNDERSCORE,
    compiled,
    is_blank,
    lookup,
    name_hash,
)

# What a template shows: up to SHOWN_PARTS codes. 1–9: the argument of that number; LAST: the last
# without a name; EN_DASH; other codes: an ASCII character.
SHOWN_PARTS = 8
SHOWN_ROWS = 1000
LAST, EN_DASH = 10, 11
LANGUAGE_TEMPLATE = 1  # rows of what is shown: {{lang-xx|…}}
MEASURE, RANGE = 2, 3  # {{convert|1|km}}, {{convert|1|to|2|km}}
# Rows beyond these show nothing: what such names mean.
INFOBOX, DISAMBIGUATION, LIST, TEXT_ARGUMENT, MEDIA_FILE = 1001, 1002, 1003, 1004, 1005


EQUALS, _SEMICOLON = 61, 59
_LANG = np.frombuffer(b"lang-", np.uint8).copy()


@compiled
def find(data: Any, at: Any, stop: Any, index: Any, byte: Any, tokens: Any) -> Any:
    """The next place of a byte outside of tokens, and the first token from there on."""
    count = len(tokens)
    while at < stop:
        if index < count and tokens[index, START] <= at:
            index = max(index, np.int64(tokens[index, PARTNER]))
            at = max(at, np.int64(tokens[index, STOP]))
            index += 1
            continue
        limit = min(stop, np.int64(tokens[index, START])) if index < count else stop
        while at < limit and data[at] != byte:
            at += 1
        if at < limit:
            break
    return min(at, stop), index


@compiled
def arguments(
    data: Any, at: Any, index: Any, close: Any, tokens: Any, found: Any, keys: Any, values: Any
) -> Any:
    """Fill int64[11, 3] with the arguments of a template: start, stop, first token; the last at 10.

    `at` is the first byte of the first argument. Named arguments are left out, unless the name is
    a number, or one that says that this is the text.
    """
    found.fill(0)
    number = 0
    stop = np.int64(tokens[close, START])
    while at <= stop:
        end, following = find(data, at, stop, index, PIPE, tokens)
        equals, _ = find(data, at, end, index, EQUALS, tokens)
        place = 0
        if equals < end:
            while at < equals and is_blank(data[at]):
                at += 1
            name = at
            while name < equals and not is_blank(data[name]):
                name += 1
            if name == at + 1 and 49 <= data[at] <= 57:
                place = data[at] - 48
                at = equals + 1
            elif lookup(keys, values, name_hash(data, at, name)) == TEXT_ARGUMENT:
                place = 1
                at = equals + 1
        else:
            number += 1
            place = min(number, 10)
        if place > 0:
            while at < end and is_blank(data[at]):
                at += 1
            last = end
            while last > at and is_blank(data[last - 1]):
                last -= 1
            while index < following and tokens[index, START] < at:
                index += 1
            for target in (place, LAST):
                found[target, 0], found[target, 1], found[target, 2] = at, last, index
        at, index = end + 1, following


@compiled
def shown_row(data: Any, index: Any, keys: Any, values: Any, tokens: Any) -> Any:
    """The row of what a template shows, 0 for nothing, and where its first argument begins."""
    at = name = np.int64(tokens[index, STOP])
    if at - tokens[index, START] > 2:  # {{{parameter}}}
        return np.int64(0), at
    limit = min(tokens[index + 1, START], at + 64)
    while at < limit and data[at] != PIPE and data[at] != COLON:
        at += 1
    if at >= limit and at < tokens[tokens[index, PARTNER], START]:
        return np.int64(0), at
    if at < limit and data[at] == COLON:  # {{formatnum:1234}}
        return lookup(keys, values, name_hash(data, name, at + 1)), at + 1
    row = lookup(keys, values, name_hash(data, name, at))
    if row == 0 and at - name > len(_LANG):
        row = np.int64(LANGUAGE_TEMPLATE)
        for place in range(len(_LANG)):
            if (data[name + place] | 32) != (_LANG[place] | 32):
                row = np.int64(0)
    if row == 0:  # {{Infobox place}}, {{Państwo infobox}}
        first = name
        while first < at and data[first] > SPACE and data[first] != UNDERSCORE:
            first += 1
        last = at
        while last > name and is_blank(data[last - 1]):
            last -= 1
        while last > first and data[last - 1] > SPACE and data[last - 1] != UNDERSCORE:
            last -= 1
        if (
            lookup(keys, values, name_hash(data, name, first)) == INFOBOX
            or lookup(keys, values, name_hash(data, last, at)) == INFOBOX
        ):
            row = np.int64(INFOBOX)
    return (row if row != RANGE else np.int64(0)), at + 1


@compiled
def next_field(
    data: Any, at: Any, index: Any, close: Any, tokens: Any, field: Any, keys: Any, values: Any
) -> Any:
    """Fill int64[5] with a box's next named argument that holds something.

    Start and stop of its name, start, stop and first token of its value. Returns where to go on,
    and the token; -1 at the end.
    """
    stop = np.int64(tokens[close, START])
    while at <= stop:
        end, following = find(data, at, stop, index, PIPE, tokens)
        equals, inner = find(data, at, end, index, EQUALS, tokens)
        if equals < end:
            field[0], field[1], field[2], field[3] = at, equals, equals + 1, end
            for edge in (0, 2):
                while field[edge] < field[edge + 1] and is_blank(data[field[edge]]):
                    field[edge] += 1
                while field[edge + 1] > field[edge] and is_blank(data[field[edge + 1] - 1]):
                    field[edge + 1] -= 1
            while inner < following and tokens[inner, START] < field[2]:
                inner += 1
            field[4] = inner
            dot = field[3] - 1
            while dot > field[2] and dot > field[3] - 6 and data[dot] != 46:
                dot -= 1
            is_file = lookup(keys, values, name_hash(data, dot, field[3])) == MEDIA_FILE
            if field[1] > field[0] and field[3] > field[2] and not is_file:
                return end + 1, following
        at, index = end + 1, following
    return np.int64(-1), index


@compiled
def chosen_variant(data: Any, index: Any, tokens: Any, keys: Any, values: Any) -> Any:
    """Start and stop of what `-{flags|zh-hans:one;zh-hant:other}-` shows; no bytes for nothing.

    That is the one whose code has the lowest rank in the table, the first one among equals.
    """
    at, stop = np.int64(tokens[index, STOP]), np.int64(tokens[tokens[index, PARTNER], START])
    flag = at
    hidden = False
    while flag < stop and (
        97 <= (data[flag] | 32) <= 122 or data[flag] in (DASH, _SEMICOLON, SPACE)
    ):
        hidden = hidden or data[flag] in (72, 84, DASH)  # H, T: a rule or a title, not text
        flag += 1
    if flag < stop and data[flag] == PIPE:
        if hidden and flag - at <= 3:
            return stop, stop
        at = flag + 1
    while at < stop and is_blank(data[at]):
        at += 1
    best = np.int64(1 << 30)
    first, last = at, stop
    index += 1
    while at < stop:
        end = at
        while True:  # a semicolon parts what begins with a code of letters, and nothing else
            end, index = find(data, end, stop, index, _SEMICOLON, tokens)
            following = min(end + 1, stop)
            while following < stop and is_blank(data[following]):
                following += 1
            code = _code_end(data, following, stop)
            if end >= stop or following >= stop or code > following:
                break
            end += 1
        code = _code_end(data, at, stop)
        if code == at:  # no list
            break
        rank = lookup(keys, values, name_hash(data, at, code))
        rank = rank if rank > 0 else np.int64(1000)
        if rank < best:
            best = rank
            first, last = code + 1, end
        at = following
    return first, last


@compiled
def _code_end(data: Any, at: Any, stop: Any) -> Any:
    """Where the code of a variant at a byte ends, at a colon; the same byte where there is none."""
    code = at
    while code < stop and (97 <= (data[code] | 32) <= 122 or data[code] == DASH):
        code += 1
    while code > at and code < stop and data[code] == SPACE:
        code += 1
    return code if at + 2 <= code < stop and data[code] == COLON else at
