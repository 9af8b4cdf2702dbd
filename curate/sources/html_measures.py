"""What each block of a page is: characters by class, how much it counts as prose, sums by element.

Imported late: numba is dear to import. Text is measured by classes of characters, an ideograph,
kana or Hangul syllable counting as two, so that it works in any script.

Numba's cache knows a function's own file only: after a change here, touch `html_blocks` too.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - classes of characters stand side by side
# ruff: noqa: PLR1714, SIM109 - numba would make a set of what one `in` holds
# ruff: noqa: PLR2004 - code points, and lengths in characters

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curate.sources.html_bytes import OFFSET, PRIME, compiled
from curate.sources.html_names import CONTEXT_BIT, TAGS, WORDS
from curate.sources.html_stack import CONTEXT, LINKED, NODE, PARENT, START, STOP, TAG

# columns of what a block's text is: float32[blocks, MEASURES]
LENGTH, WORDS_, DIGITS, UPPER, MARKS, ENDS, COMMAS, LAST, FIRST, LINES, DENSITY, PROSE = range(12)
OTHERS, TITLED, COPIES, LETTERS, STRONG, WEIGHT = range(12, 18)
MEASURES = 18
_STRONG_LENGTH = 80  # characters of a block that is surely prose, when it ends a sentence
_ASIDE_WEIGHT = 0.1  # of prose in places that are hardly ever the main text
_ASIDE_SHARE = 0.7  # of the page's text: an element that holds more is no such place
_COMMENT_SHARE = 0.97  # the same, of comments

# sums over a node's subtree: float64[nodes, SUMS]
N_LENGTH, N_LINKED, N_PROSE, N_BLOCKS, N_FIRST, N_LAST, N_STRONG, N_SCORE = range(8)
SUMS = 8

_DIV, _TD, _SECTION, _ARTICLE = (TAGS[n] for n in ("div", "td", "section", "article"))


# classes of characters
_LETTER, _DIGIT, _MARK, _END, _COMMA, _BLANK, _SIGN, _IDEOGRAPH, _UPPER = range(9)


def _kinds() -> npt.NDArray[np.uint8]:
    """The class of each code point below U+10000; in scripts without case all letters are small."""
    kinds = np.zeros(0x10000, np.uint8)
    for first, stop, kind in (
        (0, 0x21, _BLANK), (0x21, 0x7F, _SIGN), (0x30, 0x3A, _DIGIT), (0x41, 0x5B, _UPPER),
        (0x61, 0x7B, _LETTER), (0x7F, 0xC0, _SIGN), (0x2000, 0x2070, _MARK),
        (0x2070, 0x2C00, _SIGN), (0x2E80, 0xA000, _IDEOGRAPH), (0x3000, 0x3030, _MARK),
        (0xAC00, 0xD7B0, _IDEOGRAPH), (0xFF00, 0xFF20, _MARK),
    ):  # fmt: skip
        kinds[first:stop] = kind
    for signs, kind in (
        (".!?\u2026\u061f\u06d4\u0964\u0965\u3002\uff01\uff0e\uff1f", _END),
        (",;\u060c\u061b\u3001\uff0c\uff1b", _COMMA),
        ("\"'()-:\xab\xbb", _MARK),
    ):
        kinds[[ord(sign) for sign in signs]] = kind
    return kinds


_KINDS = _kinds()


def _word_masks(listed: str) -> tuple[int, int]:
    """The two masks of the groups that words belong to."""
    masks = [0, 0]
    for group, line in enumerate(WORDS.splitlines()):
        if set(line.split()) & set(listed.split()):
            masks[group >= 62] |= 1 << (group % 62)
    return masks[0], masks[1]


ASIDE_WORDS = _word_masks(
    "navigation sidebar footer comments disqus respond share related recommended promo cookie"
    " newsletter login breadcrumb pager popup popular toolbar bio rating"
)
COMMENT_WORDS = _word_masks("comments disqus respond")
_ASIDE_LOW, _ASIDE_HIGH = ASIDE_WORDS
_COMMENT_LOW, _COMMENT_HIGH = COMMENT_WORDS
_IN_ASIDE = np.int64(
    sum(CONTEXT_BIT[n] for n in ("nav", "footer", "aside", "hidden", "button", "dialog"))
)


@compiled
def _is_among(table: Any, key: Any) -> Any:
    """1 where a hash is in a table of 256 places, else 0."""
    place = key & np.uint64(255)
    while table[place] != 0:
        if table[place] == key:
            return 1
        place = (place + np.uint64(1)) & np.uint64(255)
    return 0


@compiled
def measure_text(text: Any, blocks: Any, title: Any) -> Any:
    """Count each block's characters by class.

    Args:
        text: uint8[text bytes], UTF-8.
        blocks: int32[blocks, 10] of `html_tokens.scan`.
        title: uint8[bytes], the page's title.

    Returns:
        float32[blocks, MEASURES].
    """
    place: Any
    kind: Any
    count = len(blocks)
    found = np.zeros((count, MEASURES), np.float32)
    hashes = np.zeros(count, np.uint64)
    title_words = np.zeros(256, np.uint64)
    titles = 0
    state = OFFSET
    length = 0
    for at in range(min(len(title), 1000) + 1):
        byte = title[at] if at < len(title) else np.uint8(32)
        if byte >= 128 or 97 <= (byte | 32) <= 122 or 48 <= byte <= 57:
            state = (state ^ np.uint64(byte | 32 if byte < 128 else byte)) * PRIME
            length += 1
        elif length > 0:
            if titles < 64:
                titles += 1
                place = state & np.uint64(255)
                while title_words[place] != 0:
                    place = (place + np.uint64(1)) & np.uint64(255)
                title_words[place] = state
            state = OFFSET
            length = 0
    for row in range(count):
        at, stop = blocks[row, START], blocks[row, STOP]
        size = stop - at
        characters = words = digits = upper = marks = ends = commas = lines = others = letters = 0
        last = first = 0
        in_word = False
        whole = OFFSET
        state = OFFSET
        length = 0
        matched = known_words = 0
        while at < stop:
            byte = text[at]
            step = 1
            point = np.int64(byte)
            if byte >= 128:
                if byte >= 0xF0:
                    step, point = 4, np.int64(0x20000)
                elif byte >= 0xE0 and at + 2 < stop:
                    step = 3
                    point = ((point & 15) << 12) | ((np.int64(text[at + 1]) & 63) << 6)
                    point |= np.int64(text[at + 2]) & 63
                elif at + 1 < stop:
                    step = 2
                    point = ((point & 31) << 6) | (np.int64(text[at + 1]) & 63)
            kind = np.int64(_KINDS[point]) if point < 0x10000 else np.int64(_IDEOGRAPH)
            lines += byte == 10
            for place in range(at, at + step):
                whole = (whole ^ np.uint64(text[place])) * PRIME
            is_upper = kind == _UPPER
            if is_upper:
                kind = np.int64(_LETTER)
                upper += 1
            if kind == _LETTER or kind == _DIGIT or kind == _IDEOGRAPH:
                for place in range(at, at + step):
                    piece = np.uint64(text[place])
                    state = (state ^ (piece | np.uint64(32) if piece < 128 else piece)) * PRIME
                length += 1
            elif length > 0:
                known_words += 1
                matched += _is_among(title_words, state)
                state = OFFSET
                length = 0
            at += step
            if kind == _BLANK:
                in_word = False
                continue
            characters += 1
            if kind == _IDEOGRAPH:
                characters += 1
                words += 1
                letters += 1
                in_word = False
            elif not in_word:
                words += 1
                in_word = True
            if kind == _LETTER:
                letters += 1
            digits += kind == _DIGIT
            marks += kind == _MARK
            ends += kind == _END
            commas += kind == _COMMA
            others += kind == _SIGN
            if first == 0:
                first = 1 + kind
                if is_upper:
                    first = 9
            if kind != _MARK or last != _END or byte == 58:  # closing quotes after a full stop
                last = kind
                if byte == 58:
                    last = 8
        if length > 0:
            known_words += 1
            matched += _is_among(title_words, state)
        hashes[row] = whole
        linked = min(1.0, blocks[row, LINKED] / max(1, size))
        found[row, LENGTH], found[row, WORDS_], found[row, DIGITS] = characters, words, digits
        found[row, UPPER], found[row, MARKS], found[row, ENDS] = upper, marks, ends
        found[row, COMMAS], found[row, LAST], found[row, FIRST] = commas, last, first
        found[row, LINES], found[row, DENSITY], found[row, OTHERS] = lines + 1, linked, others
        found[row, LETTERS] = letters
        found[row, TITLED] = matched / max(1, titles, known_words) if titles > 0 else 0.0
    size = 16
    while size < 2 * count:
        size *= 2
    table = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    for row in range(count):
        place = (hashes[row] ^ (hashes[row] >> np.uint64(29))) & mask
        while table[place] >= 0 and hashes[table[place]] != hashes[row]:
            place = (place + np.uint64(1)) & mask
        if table[place] < 0:
            table[place] = row
        found[table[place], COPIES] += 1
        if table[place] != row:
            found[row, COPIES] = -table[place] - 1
    for row in range(count):
        if found[row, COPIES] < 0:
            found[row, COPIES] = found[np.int64(-found[row, COPIES] - 1), COPIES]
    return found


@compiled
def weigh_prose(blocks: Any, nodes: Any, node_words: Any, measures: Any) -> None:
    """Set how much each block counts as prose: little in navigation, footers, comments and such."""
    held = np.zeros(len(nodes), np.float64)
    for row in range(len(blocks)):
        held[blocks[row, NODE]] += measures[row, LENGTH]
    for node in range(len(nodes) - 1, 0, -1):
        held[nodes[node, PARENT]] += held[node]
    most = _ASIDE_SHARE * held[0]
    is_aside = np.zeros(len(nodes), np.bool_)
    for node in range(1, len(nodes)):
        parent = nodes[node, PARENT]
        gained = nodes[node, CONTEXT] & ~nodes[parent, CONTEXT]
        named = (node_words[node, 0] & _ASIDE_LOW) | (node_words[node, 1] & _ASIDE_HIGH)
        is_aside[node] = is_aside[parent] or (
            (held[node] < most and (named != 0 or gained & _IN_ASIDE != 0))
            or (
                held[node] < _COMMENT_SHARE * held[0]
                and (node_words[node, 0] & _COMMENT_LOW) | (node_words[node, 1] & _COMMENT_HIGH)
                != 0
            )
        )
    for row in range(len(blocks)):
        node = blocks[row, NODE]
        weight = _ASIDE_WEIGHT if is_aside[node] else 1.0
        measures[row, WEIGHT] = weight
        length, density = measures[row, LENGTH], measures[row, DENSITY]
        plain = length * (1.0 - density) * (1.0 - density)
        ends = measures[row, ENDS]
        is_prose = (
            length >= 40
            and ends + measures[row, COMMAS] > 0
            and measures[row, LETTERS] * 2 > length
        )
        measures[row, PROSE] = plain * weight if is_prose else 0.0
        is_strong = length >= _STRONG_LENGTH and density < 0.3 and ends > 0
        measures[row, STRONG] = 1.0 if is_strong and not is_aside[node] else 0.0


@compiled
def sum_nodes(blocks: Any, nodes: Any, measures: Any) -> Any:
    """Sums over each node's subtree: float64[nodes, SUMS]; N_SCORE is the node's own.

    The score is that of Readability (Arc90): what prose gives to the elements just around it.
    """
    count = len(nodes)
    sums = np.zeros((count, SUMS), np.float64)
    sums[:, N_FIRST] = len(blocks)
    sums[:, N_LAST] = -1
    for row in range(len(blocks)):
        node = blocks[row, NODE]
        length, density = measures[row, LENGTH], measures[row, DENSITY]
        sums[node, N_LENGTH] += length
        sums[node, N_LINKED] += length * density
        sums[node, N_PROSE] += measures[row, PROSE]
        sums[node, N_BLOCKS] += 1
        sums[node, N_STRONG] += measures[row, STRONG]
        sums[node, N_FIRST] = min(sums[node, N_FIRST], row)
        sums[node, N_LAST] = max(sums[node, N_LAST], row)
        if length >= 25:
            score = (1 + measures[row, COMMAS] + min(length / 100, 3)) * (1 - density)
            score *= measures[row, WEIGHT]
            tag = nodes[node, TAG]
            holder = node
            if tag not in (_DIV, _TD, _SECTION, _ARTICLE):
                holder = nodes[node, PARENT]
            sums[holder, N_SCORE] += score
            sums[nodes[holder, PARENT], N_SCORE] += score / 2
    for node in range(count - 1, 0, -1):
        parent = nodes[node, PARENT]
        for column in (N_LENGTH, N_LINKED, N_PROSE, N_BLOCKS, N_STRONG):
            sums[parent, column] += sums[node, column]
        sums[parent, N_FIRST] = min(sums[parent, N_FIRST], sums[node, N_FIRST])
        sums[parent, N_LAST] = max(sums[parent, N_LAST], sums[node, N_LAST])
    return sums
