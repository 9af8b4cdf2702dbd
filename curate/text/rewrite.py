"""The compiled pass behind `curate.text.clean`, whose docstring states its rules.

Imported late: numba is dear to import.
"""

# ruff: noqa: C901, PLR0915 - one loop over the bytes carries the state of all its rules

from __future__ import annotations

from typing import Any

import numpy as np

from curate.text.characters import (
    ACTION,
    BLANK,
    BREAK,
    DROP,
    JOINABLE,
    JOINER,
    MARK,
    NFC_CHECK,
    NFKC_CHECK,
    TAB,
)
from curate.text.cut import compiled, decode

_LF, _CR, _SPACE, _TAB = 0x0A, 0x0D, 0x20, 0x09
_MOST_BREAKS = 2


@compiled
def rewrite(data: Any, offsets: Any, cleaning: Any, classes: Any) -> Any:
    """Clean every text of a batch.

    Returns:
        uint8: the new bytes; int64[documents + 1]: where each text begins and the last ends;
        uint8[documents]: which normal forms it may not be in (`NFC_CHECK`, `NFKC_CHECK`).
    """
    documents = len(offsets) - 1
    new = np.empty(len(data), np.uint8)  # no rule makes a text longer
    new_offsets = np.zeros(documents + 1, np.int64)
    checks = np.zeros(documents, np.uint8)
    to = 0
    for document in range(documents):
        at, stop = offsets[document], offsets[document + 1]
        begin = solid = to  # `solid`: after the last character that is no white space
        breaks = 0  # line breaks since then
        is_joinable = is_joined = False
        check = 0
        while at < stop:
            code, after = decode(data, at)
            what = cleaning[code]
            action = what & ACTION
            if action == DROP or (code == _CR and after < stop and data[after] == _LF):
                at = after
                continue
            if action == JOINER:
                if is_joined or not is_joinable:
                    at = after
                    continue
                is_joined = True
            elif classes[code] != MARK:
                is_joinable = what & JOINABLE != 0
                is_joined = False
            if action in (BREAK, BLANK, TAB):
                if solid == begin:
                    at = after
                    continue
                if action == BREAK:
                    breaks = min(breaks + 1, _MOST_BREAKS)
                    to = solid + breaks
                    new[to - 1] = _LF
                elif action == TAB:
                    new[to] = _TAB
                    to += 1
                elif new[to - 1] != _SPACE:
                    new[to] = _SPACE
                    to += 1
                at = after
                continue
            check |= what
            while at < after:
                new[to] = data[at]
                to += 1
                at += 1
            solid = to
            breaks = 0
        to = solid
        new_offsets[document + 1] = to
        checks[document] = check & (NFC_CHECK | NFKC_CHECK)
    return new[:to], new_offsets, checks


@compiled
def without_words(
    data: Any, offsets: Any, starts: Any, ends: Any, word_offsets: Any, gone: Any
) -> Any:
    """The bytes of texts without some words, and where each text begins and the last ends."""
    new = np.empty(len(data), np.uint8)
    new_offsets = np.zeros(len(offsets), np.int64)
    to = 0
    for document in range(len(offsets) - 1):
        at, stop = offsets[document], offsets[document + 1]
        begin = to
        for word in range(word_offsets[document], word_offsets[document + 1]):
            if not gone[word]:
                continue
            while at < starts[word]:
                new[to] = data[at]
                to += 1
                at += 1
            at = ends[word]
            if to == begin or new[to - 1] in (_LF, _SPACE):
                while at < stop and data[at] == _SPACE:
                    at += 1
        while at < stop:
            new[to] = data[at]
            to += 1
            at += 1
        new_offsets[document + 1] = to
    return new[:to], new_offsets
