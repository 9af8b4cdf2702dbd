"""First compiled pass over wikitext: its markup as tokens, openings matched with their closings.

Imported late: numba is dear to import. One walk from left to right with a stack, in time linear in
the text whatever it holds: a closing pops what was left open above its opening, and what stays open
has no partner. Tokens are rows of an int32 array, in the order of the text,
that never overlap:

    KIND      one of the constants below
    START     byte where the token begins
    STOP      byte after it
    PARTNER   index of the other half; UNMATCHED; APOSTROPHE for `QUOTES`, FORMULA for `LITERAL`

Numba's cache knows a function's own file only: after a change here, touch `wikitext_parts` and `wikitext_prose` too.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop over the bytes carries the state of all its rules
# ruff: noqa: PLR2004 - lengths of markup are literals

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

KIND, START, STOP, PARTNER = 0, 1, 2, 3

# Kinds of tokens; typed, since numba compiles a function anew for each plain number it is given.
# Those up to VARIANT open, and stand on the stack. An EXTERNAL is a link to an address.
TEMPLATE, LINK, FILE, TABLE, HTML_TABLE, VARIANT, EXTERNAL = map(np.int64, range(7))
TAG = np.int64(7)  # markup that is dropped, its content stays; whatever closes
GAP = np.int64(8)  # content that is dropped: comments, references, formulas
BREAK = np.int64(9)  # a tag that ends a line
LITERAL = np.int64(10)  # content of nowiki, pre and code
QUOTES = np.int64(11)  # a run of apostrophes
CELL = np.int64(12)  # a tag that begins a cell of a table
CAPTION = np.int64(13)  # the file before a caption in a gallery

UNMATCHED = -1
APOSTROPHE = -2  # one of these apostrophes is meant as such
FORMULA = -3  # this literal is TeX

# What names stand for, in tables of names. Tags: a number of the tag's own times 16, plus its class.
INLINE_TAG, BLOCK_TAG, DROPPED_TAG, LITERAL_TAG, TABLE_TAG = 1, 2, 3, 4, 5
CODE_TAG, FORMULA_TAG, GALLERY_TAG, CELL_TAG = 6, 7, 8, 9
NAMESPACE, MEDIA, PROJECT, LANGUAGE, SWITCH = 1, 2, 3, 4, 5
MAXIMUM_TAGS = 256

NEWLINE, SPACE, APOSTROPHE_BYTE, DASH, COLON, LESS, GREATER = 10, 32, 39, 45, 58, 60, 62
OPENING, CLOSING, UNDERSCORE, BRACE, PIPE, BRACE_END, SLASH = 91, 93, 95, 123, 124, 125, 47

_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_SPECIAL = np.zeros(256, np.bool_)
_SPECIAL[[NEWLINE, APOSTROPHE_BYTE, DASH, LESS, OPENING, CLOSING, UNDERSCORE, BRACE]] = True
_SPECIAL[[BRACE_END]] = True
_LONGEST_NAME = 100  # bytes of a namespace, and of a behaviour switch


def compiled(function: Kernel) -> Kernel:
    """Compile a function at its first call, once for this machine, to run without the GIL."""
    return cast("Kernel", njit(nogil=True, cache=True)(function))


@compiled
def is_blank(byte: Any) -> Any:
    """Whether a byte is white space or a control."""
    return byte <= SPACE


@compiled
def name_hash(data: Any, start: Any, stop: Any) -> Any:
    """FNV-1a of a name as MediaWiki reads it: without outer space, `_` as space, ASCII lowered."""
    while start < stop and (is_blank(data[start]) or data[start] == UNDERSCORE):
        start += 1
    while stop > start and (is_blank(data[stop - 1]) or data[stop - 1] == UNDERSCORE):
        stop -= 1
    state = _OFFSET
    for at in range(start, stop):
        byte = np.uint64(data[at])
        if 65 <= byte <= 90:
            byte += np.uint64(32)
        elif byte == UNDERSCORE:
            byte = np.uint64(SPACE)
        state = (state ^ byte) * _PRIME
    return state


@compiled
def lookup(keys: Any, values: Any, key: Any) -> Any:
    """The value of a hash in a table whose free places hold 0; 0 where it is not there."""
    mask = np.uint64(len(keys) - 1)
    place = key & mask
    while keys[place] != 0:
        if keys[place] == key:
            return np.int64(values[place])
        place = (place + np.uint64(1)) & mask
    return np.int64(0)


@compiled
def _run(data: Any, at: Any) -> Any:
    """Where a run of one byte ends; of square brackets, no more than eight are looked at."""
    stop = at + 1
    limit = len(data)
    if data[at] == OPENING or data[at] == CLOSING:  # they are taken by twos
        limit = min(limit, at + 8)
    while stop < limit and data[stop] == data[at]:
        stop += 1
    return stop


@compiled
def _is_dropped_link(data: Any, at: Any, keys: Any, values: Any) -> Any:
    """Whether a link whose target begins at a byte is a file, a category or an interlanguage one.

    A namespace is told by its name, an interlanguage link by its form (`de:`, `zh-min-nan:`), and
    a file in a namespace whose name is an old one that no dump lists by its suffix (`.jpg`).
    """
    size = len(data)
    while at < size and data[at] == SPACE:
        at += 1
    if at < size and data[at] == COLON:  # a visible link to it
        return False
    colon = at
    limit = min(size, at + _LONGEST_NAME)
    while colon < limit and data[colon] not in (COLON, PIPE, CLOSING, OPENING, BRACE, NEWLINE):
        colon += 1
    if colon >= limit or data[colon] != COLON:
        return False
    known = lookup(keys, values, name_hash(data, at, colon))
    if known in (NAMESPACE, LANGUAGE):
        return True
    if known == PROJECT:
        return False
    letters = 0  # before the first hyphen
    lower = True
    hyphened = False
    for place in range(at, colon):
        if data[place] == DASH:
            hyphened = True
        elif 97 <= data[place] <= 122:
            letters += 0 if hyphened else 1
        else:
            lower = False
    if lower and 2 <= letters <= 3:
        return True
    stop = colon
    dot = 0
    limit = min(size, colon + 4 * _LONGEST_NAME)
    while stop < limit and data[stop] not in (PIPE, CLOSING, OPENING, BRACE, NEWLINE):
        if data[stop] == 46:
            dot = stop
        stop += 1
    return dot > 0 and lookup(keys, values, name_hash(data, dot, stop)) == MEDIA


@compiled
def _has_scheme(data: Any, at: Any) -> Any:
    """Whether an address begins at a byte: `//`, `mailto:`, `https://` and such."""
    size = len(data)
    if at + 1 < size and data[at] == SLASH and data[at + 1] == SLASH:
        return True
    stop = at
    while stop < size and stop < at + 8 and 97 <= (data[stop] | 32) <= 122:
        stop += 1
    if stop - at < 3 or stop + 2 >= size or data[stop] != COLON:
        return False
    slashes = data[stop + 1] == SLASH and data[stop + 2] == SLASH
    mail = stop - at == 6 and (data[at] | 32) == 109 and (data[at + 1] | 32) == 97
    return slashes or mail


@compiled
def _closing_tag(data: Any, at: Any, name: Any, name_stop: Any) -> Any:
    """Start and stop of the next `</name>` from a byte on; -1 where there is none."""
    size = len(data)
    length = name_stop - name
    while at + length + 2 < size:
        if data[at] == LESS and data[at + 1] == SLASH:
            same = 0
            while same < length and (data[at + 2 + same] | 32) == (data[name + same] | 32):
                same += 1
            stop = at + 2 + length
            while same == length and stop < size and is_blank(data[stop]):
                stop += 1
            if same == length and stop < size and data[stop] == GREATER:
                return at, stop + 1
        at += 1
    return -1, -1


@compiled
def _add(tokens: Any, count: Any, kind: Any, start: Any, stop: Any) -> Any:
    """Add a token without a partner; their new number."""
    tokens[count, KIND], tokens[count, START], tokens[count, STOP] = kind, start, stop
    tokens[count, PARTNER] = UNMATCHED
    return count + 1


@compiled
def tokenise(
    data: Any, tag_keys: Any, tag_values: Any, namespace_keys: Any, namespace_values: Any
) -> Any:
    """The tokens of one text (uint8[bytes]): int32[tokens, 4], see the module."""
    size = len(data)
    room = size // 2 + 8
    tokens = np.empty((room, 4), np.int32)
    count: Any = np.int64(0)
    # The stack of openings: token, braces still open, place of the next lower one of its kind.
    opened = np.empty(room, np.int32)
    braces = np.empty(room, np.int32)
    below = np.empty(room, np.int32)
    top = np.full(6, -1, np.int64)  # the highest place on the stack of each kind
    depth = 0
    external = -1  # the token of an external link that is open on this line
    external_depth = 0
    has_no_closing = np.zeros(MAXIMUM_TAGS, np.bool_)
    # Of this line: runs of italics and bold; where the first bold run follows one letter, more, " ".
    italics = bolds = 0
    after_one = after_more = after_space = -1
    at = 0
    gallery_stop = 0  # where the gallery ends that this is in
    at_line = True  # nothing but white space, indents and comments before, on this line
    while True:
        closes = np.int64(-1)  # kind that this step closes down to
        opens = np.int64(-1)  # kind that this step opens
        length = 1
        if at_line and at < size:
            at_line = False
            if at < gallery_stop:  # a line of a gallery: its file
                end = at
                while end < gallery_stop and data[end] != PIPE and data[end] != NEWLINE:
                    end += 1
                if end < gallery_stop and data[end] == PIPE:
                    end += 1
                if end > at:
                    count = _add(tokens, count, CAPTION, at, end)
                    at = end
                continue
            begin = at
            while begin < size and (
                data[begin] == COLON or (is_blank(data[begin]) and data[begin] != NEWLINE)
            ):
                begin += 1
            if begin + 1 < size and data[begin] == BRACE and data[begin + 1] == PIPE:
                at, opens, length = begin, TABLE, 2
            elif (
                begin + 1 < size
                and data[begin] == PIPE
                and data[begin + 1] == BRACE_END
                and not (top[TEMPLATE] >= 0 and begin + 2 < size and data[begin + 2] == BRACE_END)
            ):
                at, closes, length = begin, TABLE, 2
        if opens < 0 and closes < 0:
            while at < size and not _SPECIAL[data[at]]:
                at += 1
            byte = data[at] if at < size else np.uint8(NEWLINE)
            if byte == NEWLINE:
                if bolds % 2 == 1 and italics % 2 == 1:
                    meant = after_one if after_one >= 0 else after_more
                    meant = meant if meant >= 0 else after_space
                    if meant >= 0:
                        tokens[meant, PARTNER] = APOSTROPHE
                italics = bolds = 0
                after_one = after_more = after_space = -1
                external = -1
                if at >= size:
                    break
                at += 1
                at_line = True
                following = at
                while following < size and is_blank(data[following]) and data[following] != NEWLINE:
                    following += 1
                if following < size and data[following] == NEWLINE:
                    while (
                        depth > 0 and tokens[opened[depth - 1], KIND] == LINK
                    ):  # ends with its paragraph
                        depth -= 1
                        top[LINK] = below[depth]
                continue
            run = _run(data, at)
            if byte == APOSTROPHE_BYTE:
                if run - at >= 2:
                    length = run - at
                    _add(tokens, count, QUOTES, at, run)
                    if length == 4 or length > 5:
                        tokens[count, PARTNER] = APOSTROPHE
                    if top[TEMPLATE] < 0 and top[TABLE] < 0:
                        italics += 1 if length == 2 or length >= 5 else 0
                        bolds += 1 if length >= 3 else 0
                        if length == 3:
                            before = data[at - 1] if at > 0 else SPACE
                            if is_blank(before):
                                after_space = after_space if after_space >= 0 else count
                            elif at > 1 and is_blank(data[at - 2]):
                                after_one = after_one if after_one >= 0 else count
                            elif after_more < 0:
                                after_more = count
                    count += 1
                at = run
                continue
            if byte == BRACE:
                length = run - at
                if length < 2:
                    at = run
                    continue
                opens = TEMPLATE
            elif byte == BRACE_END:
                length = run - at
                if length >= 2 and top[TEMPLATE] > top[VARIANT]:
                    closes = TEMPLATE
                elif (
                    top[VARIANT] >= 0
                    and top[VARIANT] > top[TEMPLATE]
                    and run < size
                    and data[run] == DASH
                ):
                    at, closes, length = run - 1, VARIANT, 2
                elif length >= 2 and top[TEMPLATE] >= 0:
                    closes = TEMPLATE
                else:
                    if length >= 2:
                        count = _add(tokens, count, TAG, at, run)
                    at = run
                    continue
            elif byte == DASH:
                at = run
                if run < size and data[run] == BRACE:
                    length = _run(data, run) - run
                    if length in (1, 3):
                        at, opens, length = run - 1, VARIANT, 2
                if opens < 0:
                    continue
            elif byte == OPENING:
                length = run - at
                if length >= 2:
                    length = 3 if length == 3 else 2  # [[[: the first is no link's
                    dropped = _is_dropped_link(data, at + length, namespace_keys, namespace_values)
                    opens = FILE if dropped else LINK
                else:
                    if _has_scheme(data, at + 1):
                        external, external_depth = count, depth
                        count = _add(tokens, count, EXTERNAL, at, at + 1)
                    at += 1
                    continue
            elif byte == CLOSING:
                length = run - at
                link = max(top[LINK], top[FILE])
                closable = link >= 0 and link > top[TEMPLATE]
                in_external = external >= 0 and external_depth == depth
                if in_external and (length % 2 == 1 or not closable):
                    tokens[external, PARTNER] = count
                    external = -1
                    count = _add(tokens, count, TAG, at, at + 1)
                    at += 1
                    continue
                if length < 2:
                    at += 1
                    continue
                length = 2
                if closable:
                    closes = LINK
                else:
                    count = _add(tokens, count, TAG, at, at + 2)
                    at += 2
                    continue
            elif byte == UNDERSCORE:
                end = at + 2
                limit = min(size, at + _LONGEST_NAME)
                is_lower = False
                while end < limit and (
                    97 <= (data[end] | 32) <= 122
                    or data[end] >= 128
                    or (data[end] == UNDERSCORE and end + 1 < size and data[end + 1] != UNDERSCORE)
                ):
                    is_lower = is_lower or 97 <= data[end] <= 122
                    end += 1
                if is_lower:  # only those that are known
                    known = lookup(namespace_keys, namespace_values, name_hash(data, at, end))
                    end = end if known == SWITCH else size
                if run - at == 2 and end + 1 < limit and end > at + 4 and data[end] == UNDERSCORE:
                    count = _add(tokens, count, TAG, at, end + 2)
                    at = end + 2
                else:
                    at = run
                continue
            else:  # <
                if (
                    at + 3 < size
                    and data[at + 1] == 33
                    and data[at + 2] == DASH
                    and data[at + 3] == DASH
                ):
                    end = at + 4
                    while end + 2 < size and not (
                        data[end] == DASH and data[end + 1] == DASH and data[end + 2] == GREATER
                    ):
                        end += 1
                    end = end + 3 if end + 2 < size else size
                    begins = at == 0 or data[at - 1] == NEWLINE
                    if begins and end < size and data[end] == NEWLINE:  # a line that is a comment
                        end += 1
                    at_line = begins
                    count = _add(tokens, count, GAP, at, end)
                    at = end
                    continue
                name = at + 1
                is_closing = name < size and data[name] == SLASH
                name += 1 if is_closing else 0
                name_stop = name
                while (
                    name_stop < size
                    and name_stop < name + 32
                    and (97 <= (data[name_stop] | 32) <= 122 or 48 <= data[name_stop] <= 57)
                ):
                    name_stop += 1
                tag = 0
                if name_stop > name:
                    tag = lookup(tag_keys, tag_values, name_hash(data, name, name_stop))
                end = name_stop
                while tag > 0 and end < size and data[end] != GREATER and data[end] != LESS:
                    end += 1
                action = tag & 15
                if tag == 0 or end >= size or data[end] == LESS:
                    if action == DROPPED_TAG:
                        count = _add(tokens, count, TAG, at, name_stop)
                    at = name_stop
                    continue
                is_empty = data[end - 1] == SLASH
                end += 1
                if action == TABLE_TAG:
                    if is_closing:
                        closes, length = HTML_TABLE, end - at
                    else:
                        opens, length = HTML_TABLE, end - at
                else:
                    inner = outer = -1
                    has_content = DROPPED_TAG <= action <= GALLERY_TAG
                    has_content = (
                        has_content and not (is_closing or is_empty) and at >= gallery_stop
                    )
                    if has_content and not has_no_closing[tag >> 4]:
                        inner, outer = _closing_tag(data, end, name, name_stop)
                        has_no_closing[tag >> 4] = inner < 0
                    if action == DROPPED_TAG and (inner >= 0 or (is_empty and not is_closing)):
                        end = max(end, outer)
                        count = _add(tokens, count, GAP, at, end)
                    elif action == GALLERY_TAG:
                        count = _add(tokens, count, BREAK, at, end)
                        if inner >= 0:
                            gallery_stop = inner
                            at_line = True
                    elif inner >= 0:  # literal
                        kind = TAG
                        if action == CODE_TAG:
                            for place in range(end, inner):
                                if data[place] == NEWLINE:
                                    kind = BREAK
                                    break
                        count = _add(tokens, count, kind, at, end)
                        if inner > end:
                            count = _add(tokens, count, LITERAL, end, inner)
                            if action == FORMULA_TAG:
                                tokens[count - 1, PARTNER] = FORMULA
                        count = _add(tokens, count, kind, inner, outer)
                        end = outer
                    elif action == BLOCK_TAG:
                        count = _add(tokens, count, BREAK, at, end)
                    elif action == CELL_TAG and not is_closing:
                        count = _add(tokens, count, CELL, at, end)
                    else:
                        count = _add(tokens, count, TAG, at, end)
                    at = end
                    continue
        if opens >= 0:
            opened[depth], braces[depth], below[depth] = count, length, top[opens]
            top[opens] = depth
            depth += 1
            count = _add(tokens, count, opens, at, at + length)
            at += length
            continue
        # A closing: what was left open above its opening stays without a partner.
        remaining = length
        while True:
            target = top[closes] if closes != LINK else max(top[LINK], top[FILE])
            barred = closes in (TABLE, HTML_TABLE) and target < top[TEMPLATE]
            if target < 0 or barred or (closes == TEMPLATE and remaining < 2):
                break
            while depth > target + 1:
                depth -= 1
                top[tokens[opened[depth], KIND]] = below[depth]
            opening = opened[target]
            taken = remaining
            if closes == TEMPLATE:
                taken = min(remaining, braces[target])
                braces[target] -= taken
            if closes != TEMPLATE or braces[target] < 2:
                depth = target
                top[tokens[opening, KIND]] = below[target]
                external = external if external_depth <= depth else -1
                tokens[opening, PARTNER] = count
            count = _add(tokens, count, TAG, at, at + taken)
            at += taken
            remaining -= taken
            if closes != TEMPLATE or (remaining > 0 and top[VARIANT] > top[TEMPLATE]):
                break
        following = at + remaining
        before_variant_end = top[VARIANT] >= 0 and following < size and data[following] == DASH
        if remaining == 1 and before_variant_end:  # }}}-
            continue
        if remaining > 0 and remaining < length:  # what a run of braces has too many
            tokens[count - 1, STOP] = following
        elif remaining > 0:
            count = _add(tokens, count, TAG, at, following)
        at = following
    return tokens[:count]
