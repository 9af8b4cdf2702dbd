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

from curate.sources.wikitext_parts import (
    DISAMBIGUATION,
    EN_DASH,
    EQUALS,
    INFOBOX,
    LAST,
    LIST,
    MEASURE,
    RANGE,
    SHOWN_PARTS,
    SHOWN_ROWS,
    arguments,
    chosen_variant,
    find,
    next_field,
    shown_row,
)
from curate.sources.wikitext_tokens import (
    APOSTROPHE,
    APOSTROPHE_BYTE,
    BREAK,
    CAPTION,
    CELL,
    COLON,
    DASH,
    EXTERNAL,
    FILE,
    FORMULA,
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
    UNDERSCORE,
    VARIANT,
    compiled,
    is_blank,
    lookup,
    name_hash,
)

TABLES, INFOBOXES = np.int64(1), np.int64(2)  # what is written beside prose
IS_DISAMBIGUATION, IS_LIST = 1, 2  # what templates tell of a page

_SEMICOLON, _STAR, _HASH, _BANG, _PLUS, _DOLLAR = 59, 42, 35, 33, 43, 36
_TABLE_END, _ROWS_END, _FIELD, _LINE_END = 300, 301, 302, 303  # marks of segments, above all bytes
_ROUND, _ROUND_END = 40, 41
# Fields of the state of a line of the output.
_LINE = 0  # where the line begins
_CONTENT = 1  # where it goes on after a list's marker
_SEEN = 2  # whether the line of the source holds anything
_HOLED = 3  # whether something of the line was dropped
_HEADING = 4  # its level, 0 for none
_OPEN_HOLE = 5  # whether nothing was written since something was dropped


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
        while stop > line and (out[stop - 1] == EQUALS or out[stop - 1] == SPACE):
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
def _start_cell(
    data: Any,
    at: Any,
    stop: Any,
    index: Any,
    tokens: Any,
    out: Any,
    size: Any,
    state: Any,
    is_header: Any,
) -> Any:
    """Begin a cell at a byte: part it from the one before, step over its attributes."""
    while size > state[_CONTENT] and out[size - 1] == SPACE:
        size -= 1
    if size > state[_CONTENT]:
        out[size], out[size + 1], out[size + 2] = SPACE, PIPE, SPACE
        size += 3
    state[_HOLED] = state[_SEEN] = 1
    limit = at  # attributes end at the first pipe, before any other cell
    while limit < stop and data[limit] not in (PIPE, NEWLINE):
        if is_header and data[limit] == _BANG and limit + 1 < stop and data[limit + 1] == _BANG:
            break
        limit += 1
    if limit + 1 < stop and data[limit] == PIPE and data[limit + 1] != PIPE:
        pipe, following = find(data, at, limit + 1, index, PIPE, tokens)
        if pipe == limit:  # not that of a link
            at, index = pipe + 1, following
    return at, index, size


@compiled
def write_prose(
    data: Any,
    tokens: Any,
    template_keys: Any,
    template_values: Any,
    shown: Any,
    variant_keys: Any,
    variant_values: Any,
    written: Any,
) -> Any:
    """The prose of one text, uint8[bytes], and what templates tell of the page.

    `data` is the wikitext, `tokens` what `tokenise` returns for it. The hashes of names of templates
    lead to rows of `shown`, int16[rows, SHOWN_PARTS], those of variants to their rank. `written`
    holds TABLES and INFOBOXES, or neither.
    """
    count = len(tokens)
    out = np.empty(2 * len(data) + 16, np.uint8)
    size = np.int64(0)
    state = np.zeros(6, np.int64)
    empty = np.full(7, -1, np.int64)  # where an empty section of each level begins
    found = np.zeros((11, 3), np.int64)
    waiting = np.empty((256, 4), np.int32)  # segments: start, stop, first token; box
    field = np.zeros(5, np.int64)
    kinds = np.int64(0)
    tables = np.int64(0)  # in how many tables of pipes this is
    rows = np.int64(0)  # in how many tables of any kind: lines are rows
    is_header = False
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
        if at == -_FIELD:
            close = np.int64(waiting[depth, 3])
            size = _end_line(out, size, state, empty)
            fresh = False
            after, following = next_field(
                data, stop, index, close, tokens, field, template_keys, template_values
            )
            if after < 0:
                state[_SEEN] = 1
                continue
            waiting[depth, 1], waiting[depth, 2] = after, following
            depth += 1
            for place in range(field[0], field[1]):
                byte = data[place]
                out[size] = SPACE if byte == UNDERSCORE or byte < SPACE else byte
                size += 1
            out[size], out[size + 1] = COLON, SPACE
            size += 2
            state[_CONTENT] = size
            state[_SEEN] = 1
            at, stop, index = field[2], field[3], field[4]
            while at < stop and (data[at] in (_STAR, _HASH) or is_blank(data[at])):
                at += 1
        elif at < 0:  # a character of a template's own
            if at in (-_TABLE_END, -_ROWS_END):
                size = _end_line(out, size, state, empty)
                state[_SEEN] = 1
                tables -= 1 if at == -_TABLE_END else 0
                rows -= 1
            elif at == -_LINE_END:
                size = _end_line(out, size, state, empty)
                state[_SEEN] = 1
            elif at == -EN_DASH:
                out[size], out[size + 1], out[size + 2] = 0xE2, 0x80, 0x93
                size += 3
            elif at != -SPACE or (size > state[_CONTENT] and out[size - 1] != SPACE):
                out[size] = -at
                size += 1
            continue
        while at < stop:
            if depth + 2 * SHOWN_PARTS > len(waiting):
                more = np.empty((2 * len(waiting), 4), np.int32)
                more[:depth] = waiting[:depth]
                waiting = more
            limit = stop
            if index < count and tokens[index, START] < stop:
                limit = np.int64(tokens[index, START])
            while at < limit:
                byte = data[at]
                if byte == NEWLINE and rows > 0:
                    if size > state[_CONTENT] and out[size - 1] != SPACE:
                        out[size] = SPACE
                        size += 1
                    fresh = True
                    at += 1
                    continue
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
                if tables > 0 and (byte in (PIPE, _BANG)):
                    following = data[at + 1] if at + 1 < limit else np.uint8(0)
                    if fresh:
                        fresh = False
                        is_header = byte == _BANG
                        if byte == PIPE and (following in (DASH, _PLUS)):
                            size = _end_line(out, size, state, empty)
                            state[_HOLED] = state[_SEEN] = 1
                            if following == DASH:
                                at, index = find(data, at, stop, index, NEWLINE, tokens)
                                limit = at
                                continue
                            at += 1
                        at, index, size = _start_cell(
                            data, at + 1, stop, index, tokens, out, size, state, is_header
                        )
                        limit = at
                        continue
                    if following == byte and (byte == PIPE or is_header):
                        at, index, size = _start_cell(
                            data, at + 2, stop, index, tokens, out, size, state, is_header
                        )
                        limit = at
                        continue
                if fresh:
                    fresh = False
                    if byte == PIPE or (
                        byte == _BANG
                        and (in_broken_table or (at + 1 < limit and data[at + 1] == SPACE))
                    ):
                        at, index = find(data, at, stop, index, NEWLINE, tokens)
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
                    if byte == EQUALS and rows == 0:
                        last, _ = find(data, at, stop, index, NEWLINE, tokens)
                        level = 0
                        while at + level < limit and data[at + level] == EQUALS and level < 6:
                            level += 1
                        while last > at and is_blank(data[last - 1]):
                            last -= 1
                        if last > at + level and data[last - 1] in (EQUALS, 62, 125):
                            size = _without_empty_sections(size, level, empty)
                            state[_LINE] = state[_CONTENT] = size
                            state[_HEADING] = level
                            at += level
                            continue
                        if level > 1:  # no heading, but marks of one
                            again, again_index = at + level, index
                            while again < last:
                                again, again_index = find(
                                    data, again, last, again_index, EQUALS, tokens
                                )
                                if again + 1 < last and data[again + 1] == EQUALS:
                                    break
                                again += 1
                            at += level
                            if again < last:  # one, and a text after it
                                size = _without_empty_sections(size, level, empty)
                                state[_LINE] = state[_CONTENT] = size
                                state[_HEADING] = level
                                while again + 2 < last and data[again + 2] == EQUALS:
                                    again += 1
                                waiting[depth, 0], waiting[depth, 1] = again + 2, stop
                                waiting[depth, 2] = again_index
                                waiting[depth + 1, 0] = -_LINE_END
                                depth += 2
                                stop = again
                            limit = min(limit, stop)
                            continue
                if state[_OPEN_HOLE] > 0:
                    size, is_written = _after_hole(out, size, byte, state)
                    if not is_written:
                        at += 1
                        state[_OPEN_HOLE] = 0 if byte == _ROUND_END else 1
                        continue
                    state[_OPEN_HOLE] = 0
                out[size] = byte
                size += 1
                at += 1
                while at < limit and data[at] > SPACE:
                    if tables > 0 and (data[at] == PIPE or data[at] == _BANG):
                        break
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
            if token in (TABLE, HTML_TABLE) and close > 0 and written & TABLES:
                size = _end_line(out, size, state, empty)
                state[_HOLED] = state[_SEEN] = 1
                waiting[depth, 0], waiting[depth, 1] = np.int64(tokens[close, STOP]), stop
                waiting[depth, 2] = close + 1
                waiting[depth + 1, 0] = -_TABLE_END if token == TABLE else -_ROWS_END
                depth += 2
                rows += 1
                stop = np.int64(tokens[close, START])
                at, index = end, index + 1
                if token == TABLE:
                    tables += 1
                    at, index = find(data, at, stop, index, NEWLINE, tokens)
                continue
            if token in (TEMPLATE, FILE, TABLE, HTML_TABLE):
                row, first, inner = np.int64(0), end, index
                if close < 0:
                    in_broken_table = in_broken_table or token == TABLE
                    if token == HTML_TABLE:
                        at, index = end, index + 1
                    else:
                        at, index = find(data, end, stop, index + 1, NEWLINE, tokens)
                else:
                    if token == TEMPLATE:
                        row, first = shown_row(data, index, template_keys, template_values, tokens)
                    at, inner, index = np.int64(tokens[close, STOP]), index + 1, close + 1
                if row > SHOWN_ROWS:
                    kinds |= IS_DISAMBIGUATION if row == DISAMBIGUATION else 0
                    kinds |= IS_LIST if row == LIST else 0
                if token == TEMPLATE and close > 0 and written & INFOBOXES:
                    is_box = row == INFOBOX
                    if row == 0 and size == 0:  # before any text
                        after, following, number = first, inner, 0
                        while after >= 0 and number < 4:
                            after, following = next_field(
                                data,
                                after,
                                following,
                                close,
                                tokens,
                                field,
                                template_keys,
                                template_values,
                            )
                            number += 1 if after >= 0 else 0
                            if number == 3:
                                break
                        is_box = number == 3
                    if is_box:
                        size = _end_line(out, size, state, empty)
                        state[_SEEN] = 1
                        waiting[depth, 0], waiting[depth, 1], waiting[depth, 2] = at, stop, index
                        waiting[depth + 1, 0], waiting[depth + 1, 1] = -_FIELD, first
                        waiting[depth + 1, 2], waiting[depth + 1, 3] = inner, close
                        depth += 2
                        at = stop
                        break
                if 0 < row <= SHOWN_ROWS:
                    arguments(
                        data, first, inner, close, tokens, found, template_keys, template_values
                    )
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
            if token == BREAK or (token == CELL and rows == 0):
                size = _end_line(out, size, state, empty)
                state[_SEEN] = 1
                at, index = end, index + 1
                continue
            if token == CELL:
                while size > state[_CONTENT] and out[size - 1] == SPACE:
                    size -= 1
                if size > state[_CONTENT]:
                    out[size], out[size + 1], out[size + 2] = SPACE, PIPE, SPACE
                    size += 3
                state[_HOLED] = 1
                fresh = False
                at, index = end, index + 1
                continue
            if token == CAPTION:
                line_stop, line_index = find(data, end, stop, index + 1, NEWLINE, tokens)
                label, label_index, label_stop = end, index + 1, end
                piece, piece_index = end, index + 1
                while piece < line_stop and data[end - 1] == PIPE:  # the last one without a name
                    pipe, following = find(data, piece, line_stop, piece_index, PIPE, tokens)
                    name = piece
                    while name < pipe and data[name] > SPACE and data[name] != EQUALS:
                        name += 1
                    if (name < pipe and data[name] != EQUALS) or name == pipe:
                        label, label_index, label_stop = piece, piece_index, pipe
                    piece, piece_index = pipe + 1, following
                if size == state[_CONTENT] and label_stop > label:
                    out[size], out[size + 1] = DASH, SPACE
                    size += 2
                    state[_CONTENT] = size
                waiting[depth, 0], waiting[depth, 1], waiting[depth, 2] = (
                    line_stop,
                    stop,
                    line_index,
                )
                depth += 1
                at, stop, index = label, label_stop, label_index
                fresh = False
                continue
            if token == LINK and close > 0:
                inner_stop = np.int64(tokens[close, START])
                label, label_index, label_stop = end, index + 1, inner_stop
                piece, piece_index = label, label_index
                while piece < inner_stop:  # the last piece that is not empty
                    pipe, following = find(data, piece, inner_stop, piece_index, PIPE, tokens)
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
                first, last = chosen_variant(data, index, tokens, variant_keys, variant_values)
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
                if close == FORMULA:
                    out[size] = _DOLLAR
                    size += 1
                for place in range(tokens[index, START], end):
                    if data[place] == NEWLINE and (close == FORMULA or rows > 0):
                        out[size] = SPACE
                        size += 1
                    elif data[place] == NEWLINE:
                        size = _end_line(out, size, state, empty)
                        state[_SEEN] = 1
                    else:
                        out[size] = data[place]
                        size += 1
                if close == FORMULA:
                    out[size] = _DOLLAR
                    size += 1
                state[_OPEN_HOLE] = 0
                fresh = False
            at, index = end, index + 1
    size = _end_line(out, size, state, empty)
    size = _without_empty_sections(size, 0, empty)
    while size > 0 and is_blank(out[size - 1]):
        size -= 1
    return out[:size].copy(), kinds
