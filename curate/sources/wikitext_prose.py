"""Second compiled pass over wikitext: the tokens of the first, and the text between, as prose.

Imported late: numba is dear to import. What has a partner is jumped over or entered at the part
that is shown; nothing is looked at twice, so the time is linear. Parts that are shown out of order
(arguments of templates) wait on a stack of segments.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop over the tokens carries the state of all its rules
# ruff: noqa: PLR2004 - lengths of markup are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources.wikitext_tokens import (
    APOSTROPHE,
    APOSTROPHE_BYTE,
    BREAK,
    COLON,
    DASH,
    EXTERNAL,
    FILE,
    GAP,
    HTML_TABLE,
    KIND,
    LINK,
    LITERAL,
    NEWLINE,
    PARTNER,
    PIPE,
    QUOTES,
    SPACE,
    START,
    STOP,
    TABLE,
    TEMPLATE,
    VARIANT,
    compiled,
    is_blank,
    lookup,
    name_hash,
)

# What a template shows: up to SHOWN_PARTS codes. 1–9: the argument of that number; LAST: the last
# without a name; EN_DASH; other codes: an ASCII character.
SHOWN_PARTS = 8
LAST, EN_DASH = 10, 11
LANGUAGE_TEMPLATE = 1  # rows of what is shown: {{lang-xx|…}}
MEASURE, RANGE = 2, 3  # {{convert|1|km}}, {{convert|1|to|2|km}}

_EQUALS, _SEMICOLON, _STAR, _HASH, _BANG = 61, 59, 42, 35, 33
_ROUND, _ROUND_END = 40, 41
# Fields of the state of a line of the output.
_LINE = 0  # where the line begins
_CONTENT = 1  # where it goes on after a list's marker
_SEEN = 2  # whether the line of the source holds anything
_HOLED = 3  # whether something of the line was dropped
_HEADING = 4  # its level, 0 for none
_OPEN_HOLE = 5  # whether nothing was written since something was dropped
_LANG = np.frombuffer(b"lang-", np.uint8).copy()


@compiled
def _has_word(out: Any, start: Any, stop: Any) -> Any:
    for at in range(start, stop):
        byte = out[at]
        if byte >= 128 or 48 <= byte <= 57 or 97 <= (byte | 32) <= 122:
            return True
    return False


@compiled
def _end_line(out: Any, size: Any, state: Any, empty: Any) -> Any:
    """Finish a line of the output, or take it back when nothing is left of it; its new size."""
    line, stop = state[_LINE], size
    while stop > line and out[stop - 1] == SPACE:
        stop -= 1
    if state[_HEADING] > 0:
        while stop > line and (out[stop - 1] == _EQUALS or out[stop - 1] == SPACE):
            stop -= 1
    is_empty = stop <= state[_CONTENT]
    if not is_empty and state[_HOLED] > 0:
        is_empty = not _has_word(out, state[_CONTENT], stop)
    if is_empty:
        size = line
        if state[_SEEN] == 0 and size > 1 and out[size - 2] != NEWLINE:  # ends a paragraph
            out[size] = NEWLINE
            size += 1
    else:
        if state[_HEADING] > 0:
            empty[state[_HEADING]] = line
        else:
            empty.fill(-1)
        out[stop] = NEWLINE
        size = stop + 1
    state.fill(0)
    state[_LINE] = state[_CONTENT] = size
    return size


@compiled
def _without_empty_sections(size: Any, level: Any, empty: Any) -> Any:
    """The output's size without the headings of a level and below that nothing follows."""
    for lower in range(level, len(empty)):
        if empty[lower] >= 0:
            size = min(size, empty[lower])
            empty[lower] = -1
    return size


@compiled
def _after_hole(out: Any, size: Any, byte: Any, state: Any) -> Any:
    """Size of the output before a byte that follows something dropped; and whether to write it."""
    line = state[_CONTENT]
    spaced = size > line and out[size - 1] == SPACE
    before = size - 1 if spaced else size
    opened = before > line and out[before - 1] == _ROUND
    if byte in (COLON, _SEMICOLON, 44, 46):
        return before, not opened and before > line
    if byte == _ROUND_END:
        while before > line and out[before - 1] in (SPACE, 44, _SEMICOLON, COLON):
            before -= 1
        if before > line and out[before - 1] == _ROUND:
            before -= 1
            if before > line and out[before - 1] == SPACE:
                before -= 1
            return before, False
        return before, True
    return (before if opened else size), True


@compiled
def _find(data: Any, at: Any, stop: Any, index: Any, byte: Any, tokens: Any) -> Any:
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
def _arguments(data: Any, at: Any, index: Any, close: Any, tokens: Any, found: Any) -> Any:
    """Fill int64[11, 3] with the arguments of a template: start, stop, first token; the last at 10.

    `at` is the first byte of the first argument. Named arguments are left out, unless the name is
    a number.
    """
    found.fill(0)
    number = 0
    stop = np.int64(tokens[close, START])
    while at <= stop:
        end, following = _find(data, at, stop, index, PIPE, tokens)
        equals, _ = _find(data, at, end, index, _EQUALS, tokens)
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
def _shown(data: Any, index: Any, keys: Any, values: Any, tokens: Any) -> Any:
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
    return (row if row != RANGE else np.int64(0)), at + 1


@compiled
def _first_variant(data: Any, index: Any, tokens: Any) -> Any:
    """Start and stop of what `-{flags|zh-hans:first;zh-hant:second}-` shows; no bytes for nothing."""
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
    code = at
    while code < stop and (97 <= (data[code] | 32) <= 122 or data[code] == DASH):
        code += 1
    if code < at + 2 or code >= stop or data[code] != COLON:
        return at, stop
    at = code + 1
    end, _ = _find(data, at, stop, index + 1, _SEMICOLON, tokens)
    return at, end


@compiled
def write_prose(
    data: Any,
    tokens: Any,
    template_keys: Any,
    template_values: Any,
    shown: Any,
) -> Any:
    """The prose of one text: uint8[bytes]. Arguments as `tokenise` returns them, and templates.

    `data` is the wikitext; its tokens lie beside it. The hashes of names
    of templates lead to rows of `shown`, int16[rows, SHOWN_PARTS].
    """
    count = len(tokens)
    out = np.empty(2 * len(data) + 16, np.uint8)
    size = np.int64(0)
    state = np.zeros(6, np.int64)
    empty = np.full(7, -1, np.int64)  # where an empty section of each level begins
    found = np.zeros((11, 3), np.int64)
    waiting = np.empty((5 * count + 16, 3), np.int32)  # segments: start, stop, first token
    waiting[0, 0], waiting[0, 1], waiting[0, 2] = 0, len(data), 0
    depth = 1
    fresh = True  # at the start of a line of the source
    in_broken_table = False
    while depth > 0:
        depth -= 1
        at, stop, index = (
            np.int64(waiting[depth, 0]),
            np.int64(waiting[depth, 1]),
            waiting[depth, 2],
        )
        index = np.int64(index)
        if at < 0:  # a character of a template's own
            if at == -EN_DASH:
                out[size], out[size + 1], out[size + 2] = 0xE2, 0x80, 0x93
                size += 3
            elif at != -SPACE or (size > state[_CONTENT] and out[size - 1] != SPACE):
                out[size] = -at
                size += 1
            continue
        while at < stop:
            limit = stop
            if index < count and tokens[index, START] < stop:
                limit = np.int64(tokens[index, START])
            while at < limit:
                byte = data[at]
                if byte == NEWLINE:
                    if state[_SEEN] == 0:
                        in_broken_table = False
                    size = _end_line(out, size, state, empty)
                    fresh = True
                    at += 1
                    continue
                if byte <= SPACE:
                    if size > state[_CONTENT] and out[size - 1] != SPACE:
                        out[size] = SPACE
                        size += 1
                    at += 1
                    continue
                state[_SEEN] = 1
                if fresh:
                    fresh = False
                    if byte == PIPE or (byte == _BANG and in_broken_table):
                        at, index = _find(data, at, stop, index, NEWLINE, tokens)
                        limit = at
                        continue
                    if byte in (_STAR, _HASH, COLON, _SEMICOLON):
                        is_item = False
                        while at < limit and data[at] in (_STAR, _HASH, COLON, _SEMICOLON):
                            is_item = is_item or data[at] == _STAR or data[at] == _HASH
                            at += 1
                        if is_item and size == state[_CONTENT]:
                            out[size], out[size + 1] = DASH, SPACE
                            size += 2
                            state[_CONTENT] = size
                        continue
                    if byte == DASH:
                        rule = at
                        while rule < limit and data[rule] == DASH:
                            rule += 1
                        if rule - at >= 4:
                            at = rule
                            continue
                    if byte == _EQUALS:
                        last, _ = _find(data, at, stop, index, NEWLINE, tokens)
                        level = 0
                        while at + level < limit and data[at + level] == _EQUALS and level < 6:
                            level += 1
                        while last > at and is_blank(data[last - 1]):
                            last -= 1
                        if last > at + level and data[last - 1] in (_EQUALS, 62, 125):
                            size = _without_empty_sections(size, level, empty)
                            state[_LINE] = state[_CONTENT] = size
                            state[_HEADING] = level
                            at += level
                            continue
                if state[_OPEN_HOLE] > 0:
                    size, is_written = _after_hole(out, size, byte, state)
                    if not is_written:
                        at += 1
                        state[_OPEN_HOLE] = 0 if byte == _ROUND_END else 1
                        continue
                    state[_OPEN_HOLE] = 0
                while at < limit and data[at] > SPACE:
                    out[size] = data[at]
                    size += 1
                    at += 1
            if at >= stop:
                break
            if index >= count or at < tokens[index, START]:  # a line was dropped up to here
                continue
            if at > tokens[index, START]:
                index += 1
                continue
            token = tokens[index, KIND]
            close = np.int64(tokens[index, PARTNER])
            end = np.int64(tokens[index, STOP])
            if token == GAP and data[end - 1] == NEWLINE:  # a line that is a comment
                at, index = end, index + 1
                continue
            state[_SEEN] = 1
            if token in (TEMPLATE, FILE, TABLE, HTML_TABLE):
                row, first, inner = np.int64(0), end, index
                if close < 0:
                    in_broken_table = in_broken_table or token == TABLE
                    if token == HTML_TABLE:
                        at, index = end, index + 1
                    else:
                        at, index = _find(data, end, stop, index + 1, NEWLINE, tokens)
                else:
                    if token == TEMPLATE:
                        row, first = _shown(data, index, template_keys, template_values, tokens)
                    at, inner, index = np.int64(tokens[close, STOP]), index + 1, close + 1
                if row > 0:
                    _arguments(data, first, inner, close, tokens, found)
                    if row == MEASURE:
                        word = name_hash(data, found[2, 0], found[2, 1])
                        if lookup(template_keys, template_values, word) == RANGE:
                            row = np.int64(RANGE)
                    waiting[depth, 0], waiting[depth, 1], waiting[depth, 2] = at, stop, index
                    depth += 1
                    is_shown = False
                    for part in range(SHOWN_PARTS - 1, -1, -1):
                        code = shown[row, part]
                        if 1 <= code <= LAST:
                            if found[code, 1] > found[code, 0]:
                                for column in range(3):
                                    waiting[depth, column] = found[code, column]
                                depth += 1
                                is_shown = True
                        elif code > 0 and (is_shown or code != SPACE):
                            waiting[depth, 0] = -code
                            depth += 1
                            is_shown = True
                    if is_shown:
                        fresh = False
                        at = stop
                        break
                    depth -= 1
                state[_HOLED] = state[_OPEN_HOLE] = 1
                continue
            if token == GAP:
                state[_HOLED] = state[_OPEN_HOLE] = 1
                at, index = end, index + 1
                continue
            if token == BREAK:
                size = _end_line(out, size, state, empty)
                state[_SEEN] = 1
                at, index = end, index + 1
                continue
            if token == LINK and close > 0:
                inner_stop = np.int64(tokens[close, START])
                label, label_index, label_stop = end, index + 1, inner_stop
                piece, piece_index = label, label_index
                while piece < inner_stop:  # the last piece that is not empty
                    pipe, following = _find(data, piece, inner_stop, piece_index, PIPE, tokens)
                    if pipe > piece:
                        label, label_index, label_stop = piece, piece_index, pipe
                    piece, piece_index = pipe + 1, following
                if label == end and data[end] == COLON:  # [[:Category:Physics]]
                    label += 1
                if label_stop < inner_stop:
                    waiting[depth, 0], waiting[depth, 1], waiting[depth, 2] = (
                        inner_stop,
                        stop,
                        close,
                    )
                    depth += 1
                    stop = label_stop
                at, index = label, label_index
                fresh = False
                continue
            if token == EXTERNAL and close > 0:
                inner_stop = np.int64(tokens[close, START])
                label = end
                index += 1
                while label < inner_stop and data[label] > SPACE:
                    if tokens[index, START] == label:
                        break
                    label += 1
                while label < inner_stop and is_blank(data[label]):
                    label += 1
                at = label
                if label == inner_stop:
                    state[_HOLED] = state[_OPEN_HOLE] = 1
                fresh = False
                continue
            if token == VARIANT:
                fresh = False
                if close < 0:
                    out[size], out[size + 1] = DASH, 123
                    size += 2
                    at, index = end, index + 1
                    continue
                first, last = _first_variant(data, index, tokens)
                inner = index + 1
                while tokens[inner, START] < first:
                    inner += 1
                at, index = np.int64(tokens[close, STOP]), close + 1
                if last > first:
                    waiting[depth, 0], waiting[depth, 1], waiting[depth, 2] = at, stop, index
                    waiting[depth + 1, 0], waiting[depth + 1, 1] = first, last
                    waiting[depth + 1, 2] = inner
                    depth += 2
                    at = stop
                    break
                state[_HOLED] = state[_OPEN_HOLE] = 1
                continue
            if token == QUOTES:
                if close == APOSTROPHE:
                    out[size] = APOSTROPHE_BYTE
                    size += 1
                fresh = False
            elif token == LITERAL:
                for place in range(tokens[index, START], end):
                    if data[place] == NEWLINE:
                        size = _end_line(out, size, state, empty)
                        state[_SEEN] = 1
                    else:
                        out[size] = data[place]
                        size += 1
                state[_OPEN_HOLE] = 0
                fresh = False
            at, index = end, index + 1
    size = _end_line(out, size, state, empty)
    size = _without_empty_sections(size, 0, empty)
    while size > 0 and is_blank(out[size - 1]):
        size -= 1
    return out[:size].copy()
