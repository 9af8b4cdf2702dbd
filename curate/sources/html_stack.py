"""Compiled bookkeeping of a scan: the block that is written, the elements that are open.

Imported late: numba is dear to import.

Numba's cache knows a function's own file only: after a change here, touch `html_tokens` too.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - characters of each kind stand side by side
# ruff: noqa: PLR1714 - numba would make a set of what one `in` holds
# ruff: noqa: PLR2004 - bytes are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources import html_names as known
from curate.sources.html_bytes import (
    AMPERSAND,
    SPACE,
    compiled,
    read_reference,
    write_point,
)
from curate.sources.html_names import TAGS

# columns of a block: int32[blocks, BLOCK_FIELDS]
START, STOP, NODE, LINKED, LINKS, BOLD, MONO, IMAGES, INLINE, FLAGS = range(10)
BLOCK_FIELDS = 10
IS_PRE, AFTER_RULE, AFTER_BREAKS = 1, 2, 4  # bits of FLAGS

# columns of a node (an element that makes blocks): int32[nodes, NODE_FIELDS]
PARENT, TAG, DEPTH, SIGNATURE, CONTEXT, CELL, ROW, ITEM, NUMBER, CHILDREN = range(10)
NODE_FIELDS = 10

# places of the state that all share: int64[STATE]
OUT, BEGIN, PENDING, BLOCKS, NODES, TOP, OPEN_LINKS, DROP, OPEN_PRE, OPEN_BOLD = range(10)
OPEN_MONO, LINK_BYTES, LINK_COUNT, BOLD_BYTES, MONO_BYTES, IMAGE_COUNT = range(10, 16)
INLINE_TAGS, FLAG_BITS, OVERFLOW, FULL, FACTS, FACT_AT, HAS_TITLE = range(16, 23)
MATH_AT, WORDS_LOW, WORDS_HIGH = range(23, 26)  # 26 is SELF_CLOSING
MATH_SPACE = 27
STATE = 28

# columns of the stack: int64[elements, STACK_FIELDS]
S_TAG, S_NODE, S_LINK, S_LOW, S_HIGH, S_HASH = range(6)
STACK_FIELDS = 6

SPACED, BROKEN = 1, 2  # what is PENDING before the next character: a space, a newline

_PLAIN = np.ones(256, np.bool_)  # bytes that a text copies as they are
_PLAIN[: 32 + 1] = False
_PLAIN[[AMPERSAND, 0xC2]] = False

_P, _LI, _DD, _DT = (TAGS[name] for name in ("p", "li", "dd", "dt"))
_TABLE, _BUTTON, _OL = (TAGS[name] for name in ("table", "button", "ol"))
_BLOCK, _BARRIER, _HEADING = known.BLOCK, known.BARRIER, known.HEADING
_KEEPS_SPACE, _IS_BOLD, _IS_MONO = known.KEEPS_SPACE, known.BOLD, known.MONOSPACE
_STOPS_ITEM, _IS_CELL, _IS_ROW = known.STOPS_ITEM, known.CELL, known.ROW


@compiled
def emit(data: Any, at: Any, stop: Any, out: Any, state: Any, keys: Any, values: Any) -> Any:
    """Copy text without markup to the output, white space collapsed, references decoded."""
    o, pending, begin = state[OUT], state[PENDING], state[BEGIN]
    keep = state[OPEN_PRE] > 0
    first = o
    while at < stop:
        byte = data[at]
        if _PLAIN[byte]:
            if pending != 0:
                if o > begin:
                    out[o] = 10 if pending == BROKEN else 32
                    o += 1
                pending = 0
            out[o] = byte
            o += 1
            at += 1
            while at < stop and _PLAIN[data[at]]:
                out[o] = data[at]
                o += 1
                at += 1
            continue
        point, second = np.int64(byte), np.int64(0)
        after = at + 1
        if byte == 0xC2:
            if after < stop and data[after] == 0xA0:
                point = np.int64(32)
                after += 1
        elif byte == AMPERSAND:
            after, point = read_reference(data, at, stop, False, keys, values)
            if after == at:
                after, point = at + 1, np.int64(AMPERSAND)
            second = point >> 32
            point &= np.int64(0xFFFFFFFF)
            if point == 0xA0:
                point = np.int64(32)
        elif byte == 13:
            point = np.int64(10)
            if after < stop and data[after] == 10:
                after += 1
        at = after
        if point <= 32:
            if SPACE[point]:
                if keep:
                    out[o] = point if point == 10 or point == 9 else 32
                    o += 1
                elif pending == 0:
                    pending = SPACED
            continue
        if pending != 0:
            if o > begin:
                out[o] = 10 if pending == BROKEN else 32
                o += 1
            pending = 0
        if byte == 0xC2:
            out[o] = byte
            o += 1
        else:
            o = write_point(out, o, point)
            if second != 0:
                o = write_point(out, o, second)
    state[OUT], state[PENDING] = o, pending
    return o - first


@compiled
def add_text(
    data: Any, at: Any, stop: Any, out: Any, state: Any, stack: Any, keys: Any, values: Any
) -> None:
    """Emit text, and count what of it is linked, bold, or set in type of one width."""
    written = emit(data, at, stop, out, state, keys, values)
    if written > 0:
        if state[OPEN_LINKS] > 0:
            state[LINK_BYTES] += written
        if state[OPEN_BOLD] > 0:
            state[BOLD_BYTES] += written
        if state[OPEN_MONO] > 0:
            state[MONO_BYTES] += written
        if state[TOP] > 0:
            state[WORDS_LOW] |= stack[state[TOP] - 1, S_LOW]
            state[WORDS_HIGH] |= stack[state[TOP] - 1, S_HIGH]


@compiled
def end_block(out: Any, state: Any, stack: Any, blocks: Any, block_words: Any) -> None:
    """Close the block that is being written, if it has text."""
    begin, o = state[BEGIN], state[OUT]
    while o > begin and out[o - 1] <= 32:
        o -= 1
    if o > begin:
        count = state[BLOCKS]
        if count >= len(blocks):
            state[FULL] = 1
        else:
            blocks[count, START], blocks[count, STOP] = begin, o
            blocks[count, NODE] = stack[state[TOP] - 1, S_NODE] if state[TOP] > 0 else 0
            blocks[count, LINKED], blocks[count, LINKS] = state[LINK_BYTES], state[LINK_COUNT]
            blocks[count, BOLD], blocks[count, MONO] = state[BOLD_BYTES], state[MONO_BYTES]
            blocks[count, IMAGES], blocks[count, INLINE] = state[IMAGE_COUNT], state[INLINE_TAGS]
            blocks[count, FLAGS] = state[FLAG_BITS] | (IS_PRE if state[OPEN_PRE] > 0 else 0)
            block_words[count, 0], block_words[count, 1] = state[WORDS_LOW], state[WORDS_HIGH]
            state[BLOCKS] = count + 1
        state[IMAGE_COUNT] = state[FLAG_BITS] = 0
    state[OUT] = state[BEGIN] = o
    state[PENDING] = state[LINK_BYTES] = state[BOLD_BYTES] = state[MONO_BYTES] = 0
    state[INLINE_TAGS] = state[WORDS_LOW] = state[WORDS_HIGH] = 0
    state[LINK_COUNT] = 1 if state[OPEN_LINKS] > 0 else 0


@compiled
def forget(entry: Any, state: Any, stack: Any, counts: Any, flags: Any) -> None:
    """Take back what an open element means."""
    tag = stack[entry, S_TAG]
    if tag < 0:
        return
    counts[tag] -= 1
    flag = flags[tag]
    state[OPEN_LINKS] -= stack[entry, S_LINK]
    if flag & _KEEPS_SPACE:
        state[OPEN_PRE] -= 1
    if flag & _IS_BOLD:
        state[OPEN_BOLD] -= 1
    if flag & _IS_MONO:
        state[OPEN_MONO] -= 1
    stack[entry, S_TAG] = -1


@compiled
def close_to(target: Any, state: Any, stack: Any, counts: Any, flags: Any) -> None:
    """Close all open elements from one of them up."""
    top = state[TOP]
    while top > target:
        top -= 1
        forget(top, state, stack, counts, flags)
    state[TOP] = top
    if state[DROP] >= top:
        state[DROP] = -1


@compiled
def find_open(
    hashed: Any, tag: Any, barrier: Any, state: Any, stack: Any, counts: Any, flags: Any
) -> Any:
    """Where on the stack the nearest element of a name is, no barrier being above it; else -1."""
    if counts[tag] == 0:
        return np.int64(-1)
    place = state[TOP] - 1
    while place >= 0:
        entry = stack[place, S_TAG]
        if entry >= 0:
            if entry == tag and stack[place, S_HASH] == hashed:
                return place
            if flags[entry] & barrier:
                return np.int64(-1)
        place -= 1
    return np.int64(-1)


@compiled
def find_class(wanted: Any, barrier_tag: Any, state: Any, stack: Any, flags: Any) -> Any:
    """The lowest element of a class above the nearest of a tag; -1 where there is none."""
    place = state[TOP] - 1
    found = np.int64(-1)
    while place >= 0:
        entry = stack[place, S_TAG]
        if entry == barrier_tag:
            return found
        if entry >= 0 and flags[entry] & wanted:
            found = place
        place -= 1
    return found


@compiled
def find_paragraph(state: Any, stack: Any, flags: Any) -> Any:
    """The open `<p>` in button scope; -1 where there is none."""
    place = state[TOP] - 1
    while place >= 0:
        entry = stack[place, S_TAG]
        if entry == _P:
            return place
        if entry >= 0 and (flags[entry] & _BARRIER or entry == _BUTTON):
            return np.int64(-1)
        place -= 1
    return np.int64(-1)


@compiled
def find_heading(state: Any, stack: Any, flags: Any) -> Any:
    """Any open heading in scope; -1 where there is none."""
    place = state[TOP] - 1
    while place >= 0:
        entry = stack[place, S_TAG]
        if entry >= 0:
            if flags[entry] & _HEADING:
                return place
            if flags[entry] & _BARRIER:
                return np.int64(-1)
        place -= 1
    return np.int64(-1)


@compiled
def find_term(state: Any, stack: Any, flags: Any) -> Any:
    """The open `<dd>` or `<dt>` that the next one closes; -1 where there is none."""
    place = state[TOP] - 1
    while place >= 0:
        entry = stack[place, S_TAG]
        if entry in (_DD, _DT):
            return place
        if entry >= 0 and flags[entry] & _STOPS_ITEM:
            return np.int64(-1)
        place -= 1
    return np.int64(-1)


@compiled
def push_node(
    tag: Any, parent: Any, context: Any, signature: Any, flag: Any, low: Any, high: Any,
    nodes: Any, node_words: Any, state: Any,
) -> Any:  # fmt: skip
    """Add a node; its number, or its parent's when there are too many."""
    count = state[NODES]
    if count >= len(nodes):
        return parent
    nodes[count, PARENT], nodes[count, TAG] = parent, tag
    nodes[count, DEPTH] = nodes[parent, DEPTH] + 1
    nodes[count, SIGNATURE] = signature
    nodes[count, CONTEXT] = context
    nodes[count, CELL], nodes[count, ROW] = nodes[parent, CELL], nodes[parent, ROW]
    nodes[count, ITEM] = nodes[parent, ITEM]
    nodes[count, NUMBER] = nodes[count, CHILDREN] = 0
    if flag & _IS_CELL:
        nodes[count, CELL] = count
    elif flag & _IS_ROW:
        nodes[count, ROW] = count
    elif tag == _TABLE:
        nodes[count, CELL] = nodes[count, ROW] = -1
    if tag == _LI:
        nodes[count, ITEM] = count
        if nodes[parent, TAG] == _OL:
            nodes[parent, NUMBER] += 1
            nodes[count, NUMBER] = nodes[parent, NUMBER]
    nodes[parent, CHILDREN] += 1
    node_words[count, 0], node_words[count, 1] = low, high
    state[NODES] = count + 1
    return count
