"""Compiled passes that cut SubRip and WebVTT, written as they should be, into cues.

Imported late: numba is dear to import. A file that is written otherwise goes line by line
(`cues`); what these do themselves is what that would do. Numba's cache knows a function's own file
only: after a change of the constants that are imported here, touch this one.
"""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915 - one loop over the characters carries the state of all its rules
# ruff: noqa: PLR2004 - characters and lengths of markup are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources.cue_scan import BREAK, COLON, GREATER, KINDS, NEWLINE, SPACE
from curate.sources.wikitext_tokens import compiled

DASH = 45
STAMP = len("00:01:02,345")
_HEADER = np.array([ord(letter) for letter in "WEBVTT"], np.uint32)
_NOTE, _STYLE, _REGION, _OLD_REGION = (
    np.array([ord(letter) for letter in word], np.uint32)
    for word in ("NOTE", "STYLE", "REGION", "Region:")
)
_LAST = KINDS - 1


@compiled
def _stamp(codes: Any, at: Any, digits: Any, column: Any) -> Any:
    """Whether a time such as `00:01:02,345` stands at a place; its digits into a column."""
    row = 0
    for place in range(STAMP):
        code = codes[at + place]
        if place in (2, 5):
            if code != COLON:
                return False
        elif place == 8:
            if code not in (44, 46):
                return False
        elif 48 <= code <= 57:
            digits[row, column] = code - 48
            row += 1
        else:
            return False
    return True


@compiled
def subrip(codes: Any, kinds: Any) -> Any:
    """The cues of SubRip that is written as it should be.

    Each has a number (the first may have none), a line of two times such as `00:01:02,345` with
    ` --> ` between them and nothing beside, and lines of text; a blank line comes before the next.

    Args:
        codes: uint32[characters].
        kinds: of `cues.spaces`.

    Returns:
        uint8[9, 2 cues]: the digits of the starts, then of the ends; uint32[characters]: the texts
        with `BREAK` between them, each with the line end after the times. No cues where anything
        is otherwise.
    """
    size = len(codes)
    out = np.empty(size, np.uint32)
    length = 0
    none = np.empty((9, 0), np.uint8), out[:0]
    cues = 0
    for at in range(1, size):
        cues += codes[at] == GREATER and codes[at - 1] == DASH
    digits = np.empty((9, 2 * cues), np.uint8)
    cue = 0
    least = 0  # where the times may begin at the earliest
    for at in range(size):
        if codes[at] == BREAK:
            return none
        if codes[at] != GREATER or at == 0:
            continue
        if codes[at - 1] == SPACE and at > 1 and codes[at - 2] == DASH:
            return none
        if codes[at - 1] != DASH:
            continue
        start = at - 3 - STAMP
        if start < least or at + 2 + STAMP > size:
            return none
        if codes[at - 2] != DASH or codes[at - 3] != SPACE or codes[at + 1] != SPACE:
            return none
        if not _stamp(codes, start, digits, cue) or not _stamp(codes, at + 2, digits, cues + cue):
            return none
        stop = start  # of what is before the number
        if stop > 0 and codes[stop - 1] == NEWLINE:
            stop -= 1
            while stop > least and start - 1 - stop < 9 and kinds[min(codes[stop - 1], _LAST)] & 4:
                stop -= 1
        if cue == 0:
            for place in range(stop):
                if not kinds[min(codes[place], _LAST)] & 2:
                    return none
        else:
            if stop >= start - 1 or stop - 3 < least:  # a line end, and the blank line
                return none
            if codes[stop - 1] != NEWLINE or codes[stop - 2] != NEWLINE:
                return none
            text = codes[least : stop - 2]
            out[length : length + len(text)] = text
            length += len(text) + 1
            out[length - 1] = BREAK
        least = at + 2 + STAMP
        if least == size or codes[least] != NEWLINE:
            return none
        cue += 1
    if cue > 0:
        text = codes[least:]
        out[length : length + len(text)] = text
        length += len(text)
    return digits, out[:length]


@compiled
def _clock(codes: Any, at: Any) -> Any:
    """Seconds of `01:02:03.456` or `02:03.456` at a place, and where that ends; -1 for any other."""
    size = len(codes)
    whole: Any = 0
    parts = 0
    while True:
        begin = at
        part: Any = 0
        while at < size and 48 <= codes[at] <= 57 and at - begin < 9:
            part = part * 10 + np.int64(codes[at]) - 48
            at += 1
        if at == begin or (parts > 0 and at - begin != 2):
            return -1.0, at
        whole = whole * 60 + part
        parts += 1
        if at == size or codes[at] != COLON or parts == 3:
            break
        at += 1
    if parts == 1 or at + 4 > size or codes[at] != 46:
        return -1.0, at
    part = 0
    for place in range(at + 1, at + 4):
        if not 48 <= codes[place] <= 57:
            return -1.0, at
        part = part * 10 + np.int64(codes[place]) - 48
    return whole + part / 1000, at + 4


@compiled
def _is_word(codes: Any, begin: Any, stop: Any, word: Any) -> Any:
    size = len(word)
    return stop - begin >= size and np.array_equal(codes[begin : begin + size], word)


@compiled
def _begins_no_cue(codes: Any, begin: Any, stop: Any, kinds: Any) -> Any:
    """Whether a line begins a note, a style sheet or a region, as `cues` says."""
    if _is_word(codes, begin, stop, _NOTE):
        after = begin + len(_NOTE)
        return after == stop or kinds[min(codes[after], _LAST)] & 2 != 0
    return (
        (_is_word(codes, begin, stop, _STYLE) and stop - begin == len(_STYLE))
        or (_is_word(codes, begin, stop, _REGION) and stop - begin == len(_REGION))
        or _is_word(codes, begin, stop, _OLD_REGION)
    )


@compiled
def webvtt(codes: Any, kinds: Any) -> Any:
    """The cues of WebVTT without damage.

    It begins with a block that begins with `WEBVTT`, or with a cue. A cue is a line of two times,
    after no line or one that names it, and lines of text; a blank line comes before the next.
    Between them are notes, style sheets and regions.

    Args:
        codes: uint32[characters].
        kinds: of `cues.spaces`.

    Returns:
        uint32[characters]: the texts with `BREAK` between them, no white space around a line;
        float64[cues, 2]: start and end in seconds; int64[blocks]: the lines (from 1) that end notes,
        style sheets and regions. No cues where anything is otherwise.
    """
    size = len(codes)
    out = np.empty(size, np.uint32)
    cues = 0
    for at in range(1, size):
        cues += codes[at] == GREATER and codes[at - 1] == DASH
    times = np.empty((cues, 2))
    others = np.empty(size // 5 + 1, np.int64)  # with a line end, one has five characters
    none = out[:0], times[:0], others[:0]
    left = 0
    number = 0
    is_other = False  # this block, before its times
    length = 0
    cue = 0
    lines = 0  # of this block, before its times
    in_cue = in_header = False
    at = 0
    while at < size:
        begin = at
        arrow = -1
        while at < size and codes[at] != NEWLINE:
            code = codes[at]
            if code == BREAK:
                return none
            if code == GREATER and arrow < 0:
                for place in range(max(begin, at - 5), at):
                    if codes[place] == DASH:
                        arrow = at
            at += 1
        stop = at
        at += 1
        number += 1
        while begin < stop and kinds[min(codes[begin], _LAST)] & 2:
            begin += 1
        while stop > begin and kinds[min(codes[stop - 1], _LAST)] & 2:
            stop -= 1
        if begin == stop:
            if lines > 0 and not in_header:
                if not is_other:
                    return none
                others[left] = number
                left += 1
            in_cue = in_header = False
            lines = 0
        elif arrow >= 0:
            start, place = _clock(codes, begin)
            if in_cue or in_header or lines > 1 or start < 0 or place + 5 > stop:
                return none
            if codes[place] != SPACE or codes[place + 4] != SPACE or arrow != place + 3:
                return none
            if codes[place + 1] != DASH or codes[place + 2] != DASH:
                return none
            end, place = _clock(codes, place + 5)
            if end < 0 or place > stop or (place < stop and codes[place] not in (SPACE, 9)):
                return none
            if cue > 0:
                out[length] = BREAK
                length += 1
            times[cue, 0], times[cue, 1] = start, end
            cue += 1
            in_cue = True
            lines = 0
            line = 0  # of text
        elif in_cue:
            if line > 0:
                out[length] = NEWLINE
                length += 1
            line += 1
            out[length : length + stop - begin] = codes[begin:stop]
            length += stop - begin
        else:
            if lines == 0 and cue == 0 and stop - begin >= 6 and not in_header:
                in_header = True
                for place in range(6):
                    in_header = in_header and codes[begin + place] == _HEADER[place]
            if lines == 0:
                is_other = _begins_no_cue(codes, begin, stop, kinds)
            lines += 1
    if lines > 0 and not in_header:
        if not is_other:
            return none
        others[left] = number + (codes[size - 1] == NEWLINE)
        left += 1
    if cue != cues or cues == 0:
        return none
    return out[:length], times, others[:left]
