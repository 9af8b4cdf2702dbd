"""The compiled cuts behind `curate.text.segment`, whose docstring states their rules.

Imported late: numba is dear to import. Arrays are allocated for the worst case (a piece takes two
bytes with what parts it from the next) and returned as the part that was used; pages that were
never written cost no memory. Numba's cache knows a function's own file only: after a change of the
numbers in `curate.text.characters`, or of a function here that other files call, touch those files.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop over the bytes carries the state of all its rules
# ruff: noqa: PLR2004 - the byte values of UTF-8 are literals

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from curate.text.characters import (
    CLASSES,
    CLOSER,
    DIGIT,
    FOLDED,
    FULL_STOP,
    HIRAGANA,
    IDEOGRAPH,
    INNER_DIGIT,
    INNER_LETTER,
    KATAKANA,
    LEAD,
    LETTER,
    LOWER,
    MARK,
    NEWLINE,
    QUOTE,
    SPACE,
    STACKER,
    TERMINAL,
    TERMINAL_SPACED,
    TRAIL,
    UNSPACED,
    UPPER,
)

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

SEED = np.uint64(0x9AE16A3B2F90404F)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)


def compiled(function: Kernel) -> Kernel:
    """Compile a function at its first call, once for this machine, to run without the GIL."""
    return cast("Kernel", njit(nogil=True, cache=True)(function))


@compiled
def decode(data: Any, at: int) -> Any:
    """The code point that begins at a byte, and the byte after it; the bytes are valid UTF-8."""
    first = np.int64(data[at])
    if first < 0x80:
        return first, at + 1
    second = np.int64(data[at + 1]) & 0x3F
    if first < 0xE0:
        return (first & 0x1F) << 6 | second, at + 2
    third = np.int64(data[at + 2]) & 0x3F
    if first < 0xF0:
        return (first & 0x0F) << 12 | second << 6 | third, at + 3
    fourth = np.int64(data[at + 3]) & 0x3F
    return (first & 0x07) << 18 | second << 12 | third << 6 | fourth, at + 4


@compiled
def hash_character(state: Any, folded: Any) -> Any:
    """The hash of a word with one more character; that of no character is `SEED`."""
    state = (state ^ np.uint64(folded)) * _FACTOR
    return state ^ (state >> _SHIFT)


@compiled
def words(data: Any, offsets: Any, classes: Any, folding: Any) -> Any:
    """Start, end, hash, characters and classes of each word; offsets; class counts of documents."""
    documents = len(offsets) - 1
    room = (len(data) + documents) // 2 + 1
    starts = np.empty(room, np.int64)
    ends = np.empty(room, np.int64)
    hashes = np.empty(room, np.uint64)
    lengths = np.empty(room, np.int32)
    kinds = np.empty(room, np.uint32)
    word_offsets = np.zeros(documents + 1, np.int64)
    counts = np.zeros((documents, CLASSES), np.int64)
    found = 0
    for document in range(documents):
        at, stop = offsets[document], offsets[document + 1]
        kind: Any = 0  # of the open word: LETTER, IDEOGRAPH, HIRAGANA, KATAKANA, UNSPACED; 0: none
        base: Any = 0  # class of the last character of the open word that is no mark
        start, state = at, SEED
        length = 0  # of the open word: characters
        held: Any = 0  # and a bit for each of their classes
        tally = counts[document]
        while at < stop:
            code, after = decode(data, at)
            char: Any = np.int64(classes[code])
            tally[char] += 1
            if char == STACKER and kind != UNSPACED:
                char = MARK
            opens: Any = 0
            extends = False
            if LOWER <= char <= DIGIT:
                opens, extends = LETTER, kind == LETTER
            elif char == MARK:
                extends = kind != 0
            elif char == IDEOGRAPH:
                opens = IDEOGRAPH
            elif char in (HIRAGANA, KATAKANA):
                opens, extends = char, kind == char
            elif char == UNSPACED:
                opens, extends = UNSPACED, kind == UNSPACED and base in (LEAD, STACKER)
            elif char == LEAD:
                opens = UNSPACED
            elif char in (TRAIL, STACKER):
                opens, extends = UNSPACED, kind == UNSPACED
            elif kind == LETTER and after < stop and char in (INNER_LETTER, INNER_DIGIT, FULL_STOP):
                following = classes[decode(data, after)[0]]
                if char == INNER_LETTER:
                    extends = LOWER <= base <= LETTER and LOWER <= following <= LETTER
                else:
                    extends = base == DIGIT and following == DIGIT
            if kind != 0 and not extends:
                starts[found], ends[found], hashes[found] = start, at, state
                lengths[found], kinds[found] = length, held
                found += 1
                kind = 0
            if not extends and opens != 0:
                kind, start, state = opens, at, SEED
                length = held = 0
            if kind != 0:
                length += 1
                held |= 1 << char
                folded = folding[code] if code < FOLDED else code
                state = hash_character(state, folded)
                if char != MARK:
                    base = char
            at = after
        if kind != 0:
            starts[found], ends[found], hashes[found] = start, stop, state
            lengths[found], kinds[found] = length, held
            found += 1
        word_offsets[document + 1] = found
    pieces = starts[:found], ends[:found], hashes[:found], lengths[:found], kinds[:found]
    return *pieces, word_offsets, counts


@compiled
def line_break(data: Any, at: int, stop: int) -> int:
    """The bytes of the line break at a position; 0 where there is none."""
    byte = data[at]
    if byte < 0x80:
        if byte == 0x0D and at + 1 < stop and data[at + 1] == 0x0A:
            return 2
        return 1 if 0x0A <= byte <= 0x0D else 0
    if byte == 0xC2:
        return 2 if data[at + 1] == 0x85 else 0
    if byte == 0xE2 and data[at + 1] == 0x80:
        return 3 if data[at + 2] in (0xA8, 0xA9) else 0
    return 0


@compiled
def trimmed(data: Any, start: int, stop: int, classes: Any) -> Any:
    """A range of bytes without the white space at its ends."""
    while start < stop:
        code, after = decode(data, start)
        if classes[code] not in (SPACE, NEWLINE):
            break
        start = after
    while stop > start:
        last = stop - 1
        while data[last] & 0xC0 == 0x80:
            last -= 1
        if classes[decode(data, last)[0]] not in (SPACE, NEWLINE):
            break
        stop = last
    return start, stop


@compiled
def lines(data: Any, offsets: Any, classes: Any) -> Any:
    """Lines and paragraphs: starts, ends and offsets of the ones, then of the others."""
    documents = len(offsets) - 1
    room = (len(data) + documents) // 2 + 1
    line_starts = np.empty(room, np.int64)
    line_ends = np.empty(room, np.int64)
    line_offsets = np.zeros(documents + 1, np.int64)
    paragraph_starts = np.empty(room, np.int64)
    paragraph_ends = np.empty(room, np.int64)
    paragraph_offsets = np.zeros(documents + 1, np.int64)
    found = paragraphs = 0
    for document in range(documents):
        at, stop = offsets[document], offsets[document + 1]
        begin = at
        is_parted = True
        while at <= stop:
            if at < stop and 0x0D < data[at] < 0xC2:  # begins no line break
                at += 1
                continue
            width = line_break(data, at, stop) if at < stop else 1
            if width == 0:
                at += 1
                continue
            start, end = trimmed(data, begin, at, classes)
            if start < end:
                line_starts[found], line_ends[found] = start, end
                found += 1
                if is_parted:
                    paragraph_starts[paragraphs] = start
                    paragraphs += 1
                paragraph_ends[paragraphs - 1] = end
            is_parted = start >= end
            at += width
            begin = at
        line_offsets[document + 1] = found
        paragraph_offsets[document + 1] = paragraphs
    return (
        line_starts[:found],
        line_ends[:found],
        line_offsets,
        paragraph_starts[:paragraphs],
        paragraph_ends[:paragraphs],
        paragraph_offsets,
    )


@compiled
def sentences(data: Any, starts: Any, ends: Any, line_offsets: Any, classes: Any) -> Any:
    """Start and end of each sentence, and the documents' offsets into them, from the lines."""
    documents = len(line_offsets) - 1
    room = (len(data) + documents) // 2 + 1
    sentence_starts = np.empty(room, np.int64)
    sentence_ends = np.empty(room, np.int64)
    sentence_offsets = np.zeros(documents + 1, np.int64)
    found = 0
    for document in range(documents):
        for line in range(line_offsets[document], line_offsets[document + 1]):
            at, stop = starts[line], ends[line]
            begin = at
            has_letter = False
            run = 0  # letters and digits in a row up to here
            last = 0  # class of the last of them
            while at < stop:
                code, after = decode(data, at)
                char = classes[code]
                is_end = after == stop
                if LOWER <= char <= STACKER:
                    if char not in (MARK, STACKER):
                        has_letter = has_letter or char != DIGIT
                        run, last = run + 1, char
                elif char in (FULL_STOP, TERMINAL_SPACED, TERMINAL):
                    after, is_end = sentence_end(data, at, stop, classes)
                    is_initial = char == FULL_STOP and run == 1 and last == UPPER
                    is_end = (is_end and not is_initial) or after == stop
                    run = 0
                else:
                    run = 0
                at = after
                if is_end and (has_letter or at == stop):
                    if has_letter:
                        start, end = trimmed(data, begin, at, classes)
                        sentence_starts[found], sentence_ends[found] = start, end
                        found += 1
                    begin = at
                    has_letter = False
        sentence_offsets[document + 1] = found
    return sentence_starts[:found], sentence_ends[:found], sentence_offsets


@compiled
def sentence_end(data: Any, at: int, stop: int, classes: Any) -> Any:
    """Where the marks that begin at a terminal mark end, and whether a sentence ends there."""
    is_end = False
    while at < stop:
        code, after = decode(data, at)
        char = classes[code]
        if char == TERMINAL:
            is_end = True
        elif char not in (FULL_STOP, TERMINAL_SPACED, CLOSER, QUOTE, INNER_LETTER, MARK):
            break
        at = after
    if is_end or at == stop:
        return at, True
    following = at
    while following < stop:
        code, after = decode(data, following)
        char = classes[code]
        if char != SPACE:
            return at, following > at and char != LOWER
        following = after
    return at, True


@compiled
def hash_words(data: Any, starts: Any, ends: Any, classes: Any, folding: Any) -> Any:
    """Hash, characters and classes of words that were cut elsewhere, as `words` gives them."""
    hashes = np.empty(len(starts), np.uint64)
    lengths = np.empty(len(starts), np.int32)
    kinds = np.empty(len(starts), np.uint32)
    for word in range(len(starts)):
        at, stop = starts[word], ends[word]
        state = SEED
        length = 0
        held: Any = 0
        while at < stop:
            code, at = decode(data, at)
            held |= 1 << np.int64(classes[code])
            length += 1
            folded = folding[code] if code < FOLDED else code
            state = (state ^ np.uint64(folded)) * _FACTOR
            state ^= state >> _SHIFT
        hashes[word], lengths[word], kinds[word] = state, length, held
    return hashes, lengths, kinds
