"""Compiled pass over OPUS XML that is written as OPUS writes it: the text and the times of its sentences.

Imported late: numba is dear to import. Anything else (a tag that is not closed, a sentence within
another, other entities than XML's own, other attributes of a time) ends it, and the regular
expressions of `opus` read the chunk: what this does itself is what they would do.
"""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915 - one loop over the characters carries the state of all its rules
# ruff: noqa: PLR2004 - characters and lengths of markup are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources.wikitext_tokens import compiled

JOINT, NEWLINE, SPACE = 5, 10, 32
QUOTE, APOSTROPHE, SLASH, LESS, GREATER, UNDERSCORE = 34, 39, 47, 60, 62, 95
_LAST_MARK = 6  # the characters 2 to 6 are marks of `opus`
_ENTITIES = ("amp;", "lt;", "gt;", "quot;", "apos;")
_NAMES = np.zeros((5, 6), np.uint32)  # of the entities, and what they stand for
for _row, _name in enumerate(_ENTITIES):
    _NAMES[_row, : len(_name)] = [ord(letter) for letter in _name]
_VALUE = np.array([ord(letter) for letter in "value"], np.uint32)
_MEANT = np.array([38, LESS, GREATER, QUOTE, APOSTROPHE], np.uint32)


@compiled
def _is_blank(code: Any) -> Any:
    return code == SPACE or 9 <= code <= 13


@compiled
def _tag_end(codes: Any, at: Any) -> Any:
    """Where a tag ends whose attributes begin at a place, before its `>`; -1 where that is in doubt."""
    size = len(codes)
    quoted = False
    while at < size:
        code = codes[at]
        if code == QUOTE:
            quoted = not quoted
        elif code == LESS or (code <= _LAST_MARK) or (code == APOSTROPHE and not quoted):
            return -1
        elif code == GREATER and not quoted:
            return at
        at += 1
    return -1


@compiled
def _number(codes: Any, at: Any, most: Any) -> Any:
    """The number of up to so many digits at a place, and where it ends."""
    number: Any = 0
    stop = at
    while stop < at + most and 48 <= codes[stop] <= 57:
        number = number * 10 + np.int64(codes[stop]) - 48
        stop += 1
    return number, stop


@compiled
def _time(codes: Any, at: Any, end: Any) -> Any:
    """Seconds of the attributes of a <time>, and whether it ends a cue; -1 where they are unusual.

    Args:
        codes: uint32[characters].
        at: where the attributes begin.
        end: of the tag: its `>`.
    """
    seconds = -1.0
    named = False
    is_end = False
    while True:
        blank = at
        while at < end and _is_blank(codes[at]):
            at += 1
        if at == end or (at == end - 1 and codes[at] == SLASH):
            break
        if at == blank:
            return -1.0, False
        if end - at > 4 and codes[at] == 105 and codes[at + 1] == 100:  # id
            at += 2
            if named or codes[at] != 61 or codes[at + 1] != QUOTE:
                return -1.0, False
            named = True
            at += 2
            while codes[at] != QUOTE:  # a closing quote comes before the tag's end
                if codes[at] == APOSTROPHE or codes[at] == GREATER:
                    return -1.0, False
                at += 1
            is_end = codes[at - 1] == 69
            at += 1
            continue
        if end - at < 17 or seconds >= 0 or codes[at] != 118 or codes[at + 5] != 61:  # value=
            return -1.0, False
        for place in range(1, 5):
            if codes[at + place] != _VALUE[place]:
                return -1.0, False
        if codes[at + 6] != QUOTE:
            return -1.0, False
        begin = at + 7
        hours, at = _number(codes, begin, 3)
        if at == begin or codes[at] != 58:
            return -1.0, False
        begin = at + 1
        minutes, at = _number(codes, begin, 2)
        if at == begin or codes[at] != 58:
            return -1.0, False
        begin = at + 1
        whole, at = _number(codes, begin, 2)
        if at == begin:
            return -1.0, False
        part = np.float64(whole)
        if codes[at] == 44 or codes[at] == 46:
            begin = at + 1
            fraction, at = _number(codes, begin, 9)
            if at == begin:
                return -1.0, False
            power = 10 ** (at - begin)
            part = np.float64(whole * power + fraction) / np.float64(power)
        if codes[at] != QUOTE:
            return -1.0, False
        at += 1
        seconds = np.float64(hours * 3600 + minutes * 60) + part
    return seconds, is_end


@compiled
def sentences(codes: Any, kinds: Any) -> Any:
    """The sentences of a chunk: what `opus` makes of it before it joins the tokens.

    Args:
        codes: uint32[characters].
        kinds: of `cues.spaces`.

    Returns:
        uint32[characters]: the texts, a line each, `JOINT` before each word but the first, without
        the white space before it; float64[sentences, 2]: start and end in seconds, NaN where
        unknown; int64[sentences, 2]: where the tag of each begins and ends. The last two are empty
        where the chunk is written otherwise.
    """
    size = len(codes)
    last = len(kinds) - 1
    out = np.empty(size + 1, np.uint32)
    count = 0  # of </s>
    for at in range(2, size - 1):
        count += (
            codes[at] == 115
            and codes[at - 1] == SLASH
            and codes[at - 2] == LESS
            and codes[at + 1] == GREATER
        )
    times = np.full((count, 2), np.nan)
    tags = np.empty((count, 2), np.int64)
    none = out[:0], times[:0], tags[:0]
    length = 0
    found = 0
    inside = False
    begun = False  # a character or the first joint of this sentence
    blank = False  # white space that was not written yet
    timed = False
    at = 0
    while at < size:
        code = codes[at]
        if code != LESS:
            if code <= _LAST_MARK:
                return none
            if not inside:
                at += 1
                continue
            at += 1
            if kinds[min(code, last)] & 2:
                blank = True
                continue
            if code == 38:  # &
                meant = -1
                for row in range(5):
                    place = 0
                    while (
                        _NAMES[row, place] != 0
                        and at + place < size
                        and codes[at + place] == _NAMES[row, place]
                    ):
                        place += 1
                    if _NAMES[row, place] == 0:
                        meant = row
                        at += place
                        break
                if meant < 0:
                    return none
                code = _MEANT[meant]
            if blank and begun:
                out[length] = SPACE
                length += 1
            blank = False
            begun = True
            out[length] = code
            length += 1
            continue
        if at + 3 >= size:
            return none
        first, second, third = codes[at + 1], codes[at + 2], codes[at + 3]
        if first == SLASH and second == 115 and third == GREATER:  # </s>
            if not inside:
                return none
            inside = False
            found += 1
            at += 4
            continue
        if first == 115 and (_is_blank(second) or second in (SLASH, GREATER)):  # <s
            end = _tag_end(codes, at + 2)
            if inside or end < 0 or codes[end - 1] == SLASH:
                return none
            if found > 0:
                out[length] = NEWLINE
                length += 1
            tags[found, 0], tags[found, 1] = at, end + 1
            inside = True
            begun = blank = timed = False
            at = end + 1
            continue
        if not inside:
            if first == 115 and (second < SPACE or second > 126):
                return none  # some white space is beyond ASCII
            at += 1
            if first in (SLASH, UNDERSCORE) or 97 <= (first | 32) <= 122:
                at = _tag_end(codes, at)
                if at < 0:
                    return none  # a sentence may begin within this tag
            continue
        if first == 119 and (_is_blank(second) or second == GREATER):  # <w
            end = _tag_end(codes, at + 2)
            if end < 0 or codes[end - 1] == SLASH:
                return none
            if begun:
                out[length] = JOINT
                length += 1
            begun = True
            blank = False
            at = end + 1
            continue
        if (
            first == 116
            and second == 105
            and third == 109
            and at + 5 < size
            and codes[at + 4] == 101
            and _is_blank(codes[at + 5])
        ):  # <time
            end = _tag_end(codes, at + 5)
            if end < 0:
                return none
            seconds, is_end = _time(codes, at + 5, end)
            if seconds < 0:
                return none
            if not timed and not is_end:
                times[found, 0] = seconds
            times[found, 1] = seconds
            timed = True
            at = end + 1
            continue
        name = at + 2 if first == SLASH else at + 1
        stop = name
        while stop < size and (97 <= (codes[stop] | 32) <= 122):
            stop += 1
        if stop in (name, size) or not (_is_blank(codes[stop]) or codes[stop] == GREATER):
            return none
        end = _tag_end(codes, stop)
        if end < 0:
            return none
        at = end + 1
    if inside or found != count or count == 0:
        return none
    return out[:length], times, tags


@compiled
def _is_word(codes: Any, at: Any, kinds: Any) -> Any:
    """Whether a word begins at a place that stands apart from the word before: no n't."""
    size = len(codes)
    if at >= size or not kinds[min(codes[at], len(kinds) - 1)] & 1:
        return False
    return (
        codes[at] not in (78, 110)
        or at + 1 == size
        or (codes[at + 1] != APOSTROPHE and codes[at + 1] != 0x2019)
    )


@compiled
def loosen(codes: Any, kinds: Any) -> Any:
    """Joints between two words made spaces, those before a usual mark taken out, in place.

    `opus.detokenise` would do the same at its end; the others are left to it.

    Args:
        codes: uint32[characters]: of `sentences`.
        kinds: of `opus._kinds`.

    Returns:
        The length of the text; whether there is a character of scripts without spaces.
    """
    last = len(kinds) - 1
    size = len(codes)
    length = 0
    before = np.uint16(0)  # the kind of the previous character
    seen = np.uint16(0)
    mark = -2  # where the last mark is that a joint before was taken from
    for at in range(size):
        code = codes[at]
        kind = kinds[min(code, last)]
        seen |= kind
        if code == JOINT:
            if (before & 1 or mark == at - 1) and _is_word(codes, at + 1, kinds):
                code = np.uint32(SPACE)
            elif before & 1 and at + 1 < size and kinds[min(codes[at + 1], last)] & 4:
                is_last = at + 2 == size or codes[at + 2] == NEWLINE
                if is_last or (
                    codes[at + 2] == JOINT and at + 3 < size and kinds[min(codes[at + 3], last)] & 1
                ):
                    mark = at + 1
                    continue
        codes[length] = code
        length += 1
        before = kind
    return length, seen & 2 != 0
