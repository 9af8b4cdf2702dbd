"""Compiled passes over the text of many cues: markup and white space, signs of what cleaning changes, scenes.

Imported late: numba is dear to import. A text is an array of its characters (`codes_of`), so that
places in it are places in the `str`. Which characters a rule means, its regular expression says:
`kinds_of` asks it once for each character. A pass that meets anything it has no rule for says so,
and the regular expressions take over; what it does itself is what they would do.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop over the characters carries the state of all its rules
# ruff: noqa: PLR2004 - characters and lengths of markup are literals

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.errors import ComponentError
from curate.sources.wikitext_tokens import compiled

KINDS = 0x20001  # characters that are told apart; all beyond count as the last one, an ideograph
BREAK, NEWLINE, SPACE, QUOTE = 1, 10, 32, 39
SLASH, COLON, LESS, GREATER, BACKSLASH = 47, 58, 60, 62, 92

# Bits of `signs`: what a cue has that a rule of `dialogue` may change. A SIGN is what makes a rule
# look at a text at all, without it a MAY changes nothing.
ADVERT, CREDIT, SOUND, LYRIC, MARKS_ONLY, SPEAKER, UNTIDY = (1 << bit for bit in range(7))
SIGN_WITHIN, MAY_WITHIN, SIGN_BEGINNING, MAY_ENGLISH, MAY_OTHER = (1 << bit for bit in range(7, 12))
DASHED, WRAPPED, MARKED = (1 << bit for bit in range(12, 15))

# Bits of a character, in the order of the classes that `signs` wants.
_IS_SPACE, _IS_ODD, _IS_DASH, _IS_MARK, _IS_SOUND, _IS_LYRIC, _IS_UPPER, _IS_DIGIT = (
    1 << bit for bit in range(8)
)
_IS_UNSPACED, _IS_WORD = 1 << 8, 1 << 9
_IS_SIGN = 1 << 10  # one of those that a rule starts from
SIGNS = "\x02:Il0Oo|/1'"
_LAST = KINDS - 1
_NAMES = ("amp;", "lt;", "gt;", "quot;", "nbsp;")
_ENTITIES = np.array(
    [[ord(letter) for letter in name.ljust(6, "\0")] for name in _NAMES], np.uint32
)
_MEANT = np.array([38, LESS, GREATER, 34, 0xA0], np.uint32)
_SIGMA, _FINAL_SIGMA = "\u03c3", "\u03c2"


class Automaton(NamedTuple):
    """Finds any of some words, letters of either case (Aho and Corasick 1975).

    Attributes:
        classes: uint8[KINDS]: of a character.
        steps: uint16[states, classes]: the next state.
        found: uint16[states]: bits of the words that end there.
    """

    classes: NDArray[np.uint8]
    steps: NDArray[np.uint16]
    found: NDArray[np.uint16]


def codes_of(text: str) -> NDArray[np.uint32]:
    """The characters of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def text_of(codes: NDArray[np.uint32]) -> str:
    """The text of some characters."""
    size = len(codes)
    if not size:
        return ""
    text: str = codes.view(f"<U{size}").item()  # thrice as fast as a codec
    return text.ljust(size, "\0")  # numpy leaves them out at the end


def kinds_of(classes: Sequence[str]) -> NDArray[np.uint16]:
    """uint16[KINDS]: bit `n` is set for the characters that the n-th regular expression matches."""
    alphabet = "".join(map(chr, range(KINDS)))
    kinds = np.zeros(KINDS, np.uint16)
    for bit, pattern in enumerate(classes):
        for run in re.finditer(f"(?:{pattern})+", alphabet):
            kinds[run.start() : run.end()] |= 1 << bit
    return kinds


def automaton(words: Iterable[tuple[str, int]]) -> Automaton:
    """What finds some words (in lower case) with their bits, one sigma like another.

    Raises:
        ComponentError: a word has a dot above, half of what `str.lower` makes of İ.
    """
    folded = [(word.replace(_FINAL_SIGMA, _SIGMA), bit) for word, bit in words]
    if any("\u0307" in word for word, _ in folded):
        raise ComponentError("words without a dot above", "it is half of what becomes of İ")
    letters = sorted({letter for word, _ in folded for letter in word})
    number = {letter: at for at, letter in enumerate(letters, 1)}
    classes = np.zeros(KINDS, np.uint8)
    for code in range(KINDS):
        lower = chr(code).lower()
        classes[code] = number.get(_SIGMA if lower == _FINAL_SIGMA else lower[0], 0)
    steps: list[list[int]] = [[0] * (len(letters) + 1)]
    found = [0]
    for word, bit in folded:
        state = 0
        for letter in word:
            if not steps[state][number[letter]]:
                steps[state][number[letter]] = len(steps)
                steps.append([0] * (len(letters) + 1))
                found.append(0)
            state = steps[state][number[letter]]
        found[state] |= bit
    shorter = [0] * len(steps)  # the state of the longest end of what led to a state
    queue = [state for state in steps[0] if state]
    for state in queue:
        found[state] |= found[shorter[state]]
        for at, following in enumerate(steps[state]):
            otherwise = steps[shorter[state]][at]
            if following:
                shorter[following] = otherwise
                queue.append(following)
            else:
                steps[state][at] = otherwise
    return Automaton(classes, np.array(steps, np.uint16), np.array(found, np.uint16))


@compiled
def _entity(codes: Any, at: Any) -> Any:
    """The character of a usual entity whose `&` is before a place, and where it ends; else -1."""
    size = len(codes)
    if at < size and codes[at] == 35:  # a number
        number: Any = 0
        stop = at + 1
        while stop < size and stop < at + 6 and 48 <= codes[stop] <= 57:
            number = number * 10 + np.int64(codes[stop]) - 48
            stop += 1
        is_plain = 32 <= number < 127 or 160 <= number < 0xD800
        if stop == size or codes[stop] != 59 or not is_plain:
            return np.uint32(0), -1
        return np.uint32(number), stop + 1
    for row in range(len(_ENTITIES)):
        place = 0
        while (
            _ENTITIES[row, place] != 0
            and at + place < size
            and codes[at + place] == _ENTITIES[row, place]
        ):
            place += 1
        if _ENTITIES[row, place] == 0:
            return _MEANT[row], at + place
    return np.uint32(0), -1


@compiled
def _plain_cue(codes: Any, at: Any, out: Any, length: Any, kinds: Any) -> Any:
    """`plain` of the cue at a place; where it and its text end, -1 where it needs more than this."""
    size = len(codes)
    pending = np.uint32(0)  # white space that was not written yet
    begins = True  # a cue
    while at < size and codes[at] != BREAK:
        code = codes[at]
        at += 1
        following = codes[at] if at < size else np.uint32(BREAK)
        if code == LESS:
            stop = at + (following == SLASH)
            first = codes[stop] if stop < size else np.uint32(BREAK)
            if 97 <= (first | 32) <= 122:
                if first == 114 and stop == at and stop + 1 < size and codes[stop + 1] == 116:
                    return -1, length  # <rt
                while stop < size and codes[stop] not in (LESS, GREATER, BREAK):
                    stop += 1
                if stop == size or codes[stop] != GREATER:
                    return -1, length
                at = stop + 1
                continue
            if 48 <= following <= 57 or following == BACKSLASH or kinds[min(following, _LAST)] & 2:
                return -1, length
        elif code == 123:  # {
            after = codes[at + 1] if at + 1 < size else np.uint32(BREAK)
            is_override = following == BACKSLASH and after not in (78, 104)
            if is_override or (97 <= (following | 32) <= 122 and after == COLON):
                stop = at
                while stop < size and codes[stop] not in (123, 125, LESS, BREAK):
                    stop += 1
                if stop == size or codes[stop] != 125:
                    return -1, length
                at = stop + 1
                continue
        elif code == 38:  # &
            if following not in (SPACE, NEWLINE):
                code, at = _entity(codes, at)
                if at < 0:
                    return -1, length
        elif code == BACKSLASH:
            if following == 78:
                code = np.uint32(NEWLINE)
                at += 1
            elif following == 104:
                code = np.uint32(SPACE)
                at += 1
        if code == NEWLINE:
            pending = code
        elif kinds[min(code, _LAST)] & 1:
            pending = max(pending, np.uint32(1))
        else:
            if pending != 0 and not begins:
                out[length] = pending if pending == NEWLINE else np.uint32(SPACE)
                length += 1
            pending = np.uint32(0)
            begins = False
            out[length] = code
            length += 1
    return at, length


@compiled
def plain(codes: Any, out: Any, odd: Any, kinds: Any) -> Any:
    """`cues.plain_text` of a text, but for the cues that need more than this: they become empty.

    Args:
        codes: uint32[characters]: of cues, `BREAK` between them.
        out: uint32[characters]: takes the text (to make an array here would cost a short text more).
        odd: int64[any]: takes which cues these are.
        kinds: of `cues.spaces`.

    Returns:
        The length of the text, -1 where there are more odd cues than have room; how many there are.
    """
    size = len(codes)
    count = 0
    cue = 0
    at = 0
    length = 0
    while True:
        stop, end = _plain_cue(codes, at, out, length, kinds)
        if stop < 0:
            if count == len(odd):
                return -1, count
            odd[count] = cue
            count += 1
            stop = at
            while stop < size and codes[stop] != BREAK:
                stop += 1
        else:
            length = end
        if stop == size:
            return length, count
        out[length] = BREAK
        length += 1
        at = stop + 1
        cue += 1


@compiled
def signs(codes: Any, kinds: Any, classes: Any, steps: Any, found: Any) -> Any:
    """What may be changed in each cue of a text (uint32[characters]): bits, int64[cues].

    Args:
        codes: of cues, `BREAK` between them.
        kinds: uint16[KINDS]: white space; white space that becomes a space; dashes; what a line
            without words is made of; what begins a sound; marks of lyrics; capitals; digits;
            characters written without spaces; word characters; `SIGNS`.
        classes: of an `Automaton`.
        steps: likewise.
        found: likewise.
    """
    size = len(codes)
    cues = 1
    for code in codes:
        cues += code == BREAK
    bits = np.zeros(cues, np.int64)
    cue = 0
    mine = 0
    state = 0
    previous = np.uint32(NEWLINE)
    before = kinds[NEWLINE]  # the kind of the previous character
    line = 0  # characters of this line
    only_marks = True
    for at in range(size + 1):
        code = codes[at] if at < size else np.uint32(BREAK)
        index = min(code, _LAST)
        kind = kinds[index]
        if code in (BREAK, NEWLINE):
            if previous == SPACE or (line == 0 and NEWLINE in (code, previous)):
                mine |= UNTIDY
            if only_marks and line > 0:
                mine |= MARKS_ONLY
            if code == NEWLINE and before & _IS_UNSPACED:
                mine |= WRAPPED
            line = 0
            only_marks = True
            if code == BREAK:
                bits[cue] = mine
                cue += 1
                mine = 0
                state = 0
                previous = np.uint32(NEWLINE)
                before = kinds[NEWLINE]
                continue
        else:
            if line == 0 and kind & _IS_DASH:
                mine |= DASHED
            line += 1
            if not kind & _IS_MARK:
                only_marks = False
        state = steps[state, classes[index]]
        mine |= found[state]
        if code == 0x130:  # İ in lower case is two characters, the second of no word
            state = 0
        if kind & (_IS_SPACE | _IS_ODD | _IS_SOUND | _IS_LYRIC | _IS_SIGN):
            following = codes[at + 1] if at + 1 < size else np.uint32(BREAK)
            if kind & _IS_ODD or (code == SPACE and before & _IS_SPACE):
                mine |= UNTIDY
            if kind & _IS_SOUND:
                mine |= SOUND
            if kind & _IS_LYRIC:
                mine |= LYRIC
            if kind & _IS_SIGN:
                lower = 97 <= previous <= 122
                accented = 0xE0 <= previous <= 0xFF
                if code == 2:
                    mine |= MARKED
                elif code == COLON:
                    if before & (_IS_UPPER | _IS_DIGIT | _IS_SPACE) or previous == 46:
                        mine |= SPEAKER
                elif code == 73:  # I
                    if lower or accented:
                        mine |= SIGN_WITHIN | MAY_WITHIN
                    if previous == 65 and following == 108:
                        mine |= SIGN_BEGINNING | MAY_ENGLISH
                elif code == 108:  # l
                    if 65 <= previous <= 90 and 65 <= following <= 90:
                        mine |= SIGN_WITHIN | MAY_WITHIN
                    if not before & _IS_WORD:
                        is_apostrophe = following in (QUOTE, 0x2019)
                        is_other = following in (99, 104, 107, 108, 109, 110, 115)  # chklmns
                        is_english = is_apostrophe or following in (
                            102, 110, 115, 116, SPACE, NEWLINE, 44, 63, 33,  # fnst ,?!
                        )  # fmt: skip
                        mine |= MAY_ENGLISH if is_english else 0
                        mine |= MAY_OTHER if is_other else 0
                        is_first = previous in (SPACE, NEWLINE, 34)
                        if is_first and (
                            is_apostrophe or is_other or following in (SPACE, 102, 116)
                        ):
                            mine |= SIGN_BEGINNING
                elif code == 48:  # 0
                    if lower:
                        mine |= SIGN_WITHIN | MAY_WITHIN
                    elif accented:
                        mine |= MAY_WITHIN
                elif code in (79, 111):  # O, o
                    if before & _IS_DIGIT:
                        mine |= MAY_WITHIN | (SIGN_WITHIN if code == 79 else 0)
                elif code in (124, SLASH):
                    mine |= SIGN_BEGINNING | MAY_ENGLISH
                elif code == 49:  # 1
                    if before & _IS_SPACE and following == SPACE:
                        mine |= MAY_ENGLISH
                        if previous in (SPACE, NEWLINE):
                            mine |= SIGN_BEGINNING
                elif code == QUOTE and previous == QUOTE:
                    mine |= SIGN_BEGINNING | MAY_ENGLISH
        previous = code
        before = kind
    return bits


@compiled
def scenes(codes: Any, out: Any, starts: Any, ends: Any, begin: Any, end: Any, gap: Any) -> Any:
    """The cues that are not empty: a line end before each of a scene, `BREAK` before each scene.

    A scene ends where nothing is said for so long, and where times jump back as much. The first
    cue has nothing before it where it goes on the scene of the cue before.

    Args:
        codes: uint32[characters]: of cues, `BREAK` between them.
        out: uint32[characters + 1]: takes the text.
        starts: float64[cues]: seconds; NaN where unknown.
        ends: float64[cues].
        begin: of the cue before.
        end: of the cue before.
        gap: in seconds.

    Returns:
        The length of the text; how many cues these are; the last begin and the last end.
    """
    size = len(codes)
    length = 0
    kept = 0
    at = 0
    for cue in range(len(starts)):
        first = at
        while at < size and codes[at] != BREAK:
            at += 1
        if at > first:
            start, stop = starts[cue], ends[cue]
            # comparisons with NaN, an unknown time, are false
            pause, jump = start - end, begin - start
            if (jump if jump > pause else pause) >= gap:  # noqa: FURB136  # of NaN it means this
                out[length] = BREAK
                length += 1
            elif kept > 0:
                out[length] = NEWLINE
                length += 1
            if not np.isnan(start):
                begin = start
                end = stop if stop > start else start  # noqa: FURB136
            elif not np.isnan(stop):
                end = stop
            out[length : length + at - first] = codes[first:at]
            length += at - first
            kept += 1
        at += 1
    return length, kept, begin, end
