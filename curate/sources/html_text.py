"""Last compiled passes over a page: trees give each block a probability, and text is rebuilt.

Imported late: numba is dear to import.

The text has one paragraph per block, an empty line between two. List items are lines that begin
with `- ` (in ordered lists `1. `), rows of tables are lines whose cells are parted by ` | `; a table
whose cells hold paragraphs is taken as layout.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one decision after the other
# ruff: noqa: PLR2004 - limits of the rules are literals, each with its reason

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources import html_names as known
from curate.sources.html_bytes import OFFSET, PRIME, compiled
from curate.sources.html_measures import COMMENT_WORDS, DENSITY, LENGTH, WEIGHT
from curate.sources.html_names import TAGS
from curate.sources.html_stack import (
    CELL,
    FLAGS,
    IS_PRE,
    ITEM,
    NODE,
    NUMBER,
    PARENT,
    ROW,
    SIGNATURE,
    START,
    STOP,
    TAG,
)  # fmt: skip

_HEADING = known.HEADING
_DD, _DT = TAGS["dd"], TAGS["dt"]
_COMMENT_LOW, _COMMENT_HIGH = COMMENT_WORDS
TREE_DEPTH = 4
_INNER = 2**TREE_DEPTH - 1
_CHUNK = 32  # rows, so that they stay in the processor's nearest memory
_MOST_IN_ITEM = 4  # blocks: an element with more is no list item to a reader
_MOST_IN_CELL = 3
_LONGEST_CELL = 600  # bytes
_STRETCH = 16  # bytes, blanks not counted
_LEAST_REPEAT = 48  # bytes: a shorter block goes with those around it
_LEAST_COPY = 500  # bytes of a run of repeated blocks
_REPEATED = 0.65  # of a block's stretches: those over its borders are others
_LONGEST_DATUM = 60  # characters of a cell in a table that holds no paragraphs
_TABLE_LIMIT = 0.8  # of the limit, for the mean of such a table
_LEAST_POST = 140  # characters of text beside which comments are left out
_FIRST_SHARE = 0.2  # of the trees that score every block
_HOPELESS = -2.5  # log-odds after those: the other trees are spared


@compiled
def score_blocks(rows: Any, features: Any, thresholds: Any, leaves: Any) -> Any:
    """The probability (0–1) of each row by boosted trees, all complete and of depth `TREE_DEPTH`.

    A row that is hopeless after the first fifth of the trees is left at that.

    Args:
        rows: float32[blocks, features].
        features: uint16[trees, inner nodes]; below node n are 2n + 1 and 2n + 2.
        thresholds: float32[trees, inner nodes]; right where the feature is above it.
        leaves: float32[trees, leaves], from left to right; their sum is a log-odds.
    """
    count, trees = len(rows), len(features)
    totals = np.zeros(count, np.float64)
    first = np.int64(trees * _FIRST_SHARE)
    waiting = np.empty(_CHUNK, np.uint64)  # unsigned: numba tests a signed index for its sign
    for begin in range(0, count, _CHUNK):
        held = min(count - begin, _CHUNK)
        for place in range(held):
            waiting[place] = begin + place
        for tree in range(trees):
            if tree == first:
                hopeful = 0
                for place in range(held):
                    if totals[waiting[place]] > _HOPELESS:
                        waiting[hopeful] = waiting[place]
                        hopeful += 1
                held = hopeful
            columns, limits, values = features[tree], thresholds[tree], leaves[tree]
            for place in range(held):
                row = waiting[place]
                at = np.uint64(0)
                for _ in range(TREE_DEPTH):
                    is_above = rows[row, columns[at]] > limits[at]
                    at = np.uint64(2) * at + np.uint64(1) + np.uint64(is_above)
                totals[row] += np.float64(values[at - np.uint64(_INNER)])
    found = np.empty(count, np.float32)
    for row in range(count):
        found[row] = 1.0 / (1.0 + np.exp(-totals[row]))
    return found


@compiled
def _same_table(nodes: Any, line: Any, other: Any) -> Any:
    """Whether two rows belong to one table: their parents are the same, or are side by side."""
    first, second = nodes[line, PARENT], nodes[other, PARENT]
    return first == second or nodes[first, PARENT] == nodes[second, PARENT]


@compiled
def choose(
    scores: Any, blocks: Any, nodes: Any, node_words: Any, measures: Any, flags: Any,
    limit: Any, comments: Any,
) -> Any:  # fmt: skip
    """Which blocks make the text: bool[blocks].

    Args:
        scores: float32[blocks], probabilities.
        blocks: of `html_tokens.scan`, as are `nodes` and `node_words`.
        nodes: the elements.
        node_words: their layout words.
        measures: of `html_measures.measure_text`.
        flags: of `html_names.names()`.
        limit: the probability from which a block is kept.
        comments: whether users' comments are kept.
    """
    count = len(blocks)
    keep = scores > limit
    in_comment = np.zeros(len(nodes), np.bool_)
    for node in range(1, len(nodes)):
        in_comment[node] = in_comment[nodes[node, PARENT]] or (
            (node_words[node, 0] & _COMMENT_LOW) | (node_words[node, 1] & _COMMENT_HIGH) != 0
        )
    outside = 0.0
    for row in range(count):
        if keep[row] and not in_comment[blocks[row, NODE]]:
            outside += measures[row, LENGTH]
    for row in range(count):
        if in_comment[blocks[row, NODE]]:
            if comments:
                is_said = measures[row, LENGTH] >= 25 and measures[row, DENSITY] < 0.5
                keep[row] = keep[row] or is_said
            elif outside >= _LEAST_POST:
                keep[row] = False
    # a hole between two blocks of its own kind
    for row in range(1, count - 1):
        if (
            not keep[row]
            and keep[row - 1]
            and keep[row + 1]
            and scores[row] > 0.5 * limit
            and _are_kin(blocks, nodes, row, row - 1)
            and _are_kin(blocks, nodes, row, row + 1)
        ):
            keep[row] = True
    # the short cells of a table stand or fall together
    begin = 0
    while begin < count:
        line = nodes[blocks[begin, NODE], ROW]
        total, longest = scores[begin], measures[begin, LENGTH]
        end = begin + 1
        while end < count and line >= 0:
            other = nodes[blocks[end, NODE], ROW]
            if other < 0 or not (other == line or _same_table(nodes, other, line)):
                break
            total += scores[end]
            longest = max(longest, measures[end, LENGTH])
            end += 1
        if end - begin > 1 and longest <= _LONGEST_DATUM:
            keep[begin:end] = total > _TABLE_LIMIT * limit * (end - begin)
        begin = end
    # a heading goes with what it heads
    for row in range(count - 1, -1, -1):
        if flags[nodes[blocks[row, NODE], TAG]] & _HEADING:
            heads = row + 1 < count and keep[row + 1]
            if keep[row] and not heads:
                heads = row + 2 < count and keep[row + 2]
                keep[row] = heads or scores[row] > 0.9
            elif not keep[row] and heads and row > 0 and keep[row - 1]:
                keep[row] = scores[row] > 0.4 * limit
    if not keep.any():  # all that is not in navigation and such, and no link
        for row in range(count):
            keep[row] |= measures[row, WEIGHT] == 1.0 and measures[row, DENSITY] < 0.5
    return keep


@compiled
def _are_kin(blocks: Any, nodes: Any, row: Any, other: Any) -> Any:
    """Whether two blocks stand in the same element, or in two of one kind side by side."""
    node, near = blocks[row, NODE], blocks[other, NODE]
    return node == near or (
        nodes[node, SIGNATURE] == nodes[near, SIGNATURE]
        and nodes[node, PARENT] == nodes[near, PARENT]
    )


@compiled
def drop_repeats(text: Any, blocks: Any, nodes: Any, keep: Any) -> None:
    """Unset the kept blocks whose text other elements have given before.

    Pages hold a text twice for small screens or for scripts. Blocks are compared by hashes of
    stretches of text, chosen by how they end. A run of blocks goes as a whole: a sentence that comes
    again between others, and what comes again in the same element, as a refrain does, stay.
    """
    kept = np.flatnonzero(keep)
    total = most = 0
    for row in kept:
        length = blocks[row, STOP] - blocks[row, START]
        total += length
        most = max(most, length)
    if total < 2 * _LEAST_COPY:
        return
    size = 64
    while size < total // 2:  # of the stretches about an eighth is held
        size *= 2
    mask = np.uint64(size - 1)
    room = size - size // 4
    table = np.zeros(size, np.uint64)
    owners = np.zeros(size, np.int32)
    is_short = np.zeros(len(blocks), np.bool_)
    is_repeat = np.zeros(len(blocks), np.bool_)
    signs = np.empty(most, np.uint8)
    chosen = np.empty(most, np.uint64)
    for row in kept:
        owner = nodes[blocks[row, NODE], PARENT]
        count = held = seen = 0
        for at in range(blocks[row, START], blocks[row, STOP]):
            if text[at] <= 32:
                continue
            signs[count] = text[at]
            count += 1
            if count < _STRETCH or (3 * signs[count - 1] + signs[count - 2]) & 7 != 0:
                continue
            state: Any = OFFSET
            for near in range(count - _STRETCH, count):
                state = (state ^ np.uint64(signs[near])) * PRIME
            chosen[held] = state
            held += 1
            place = (state >> np.uint64(20)) & mask
            while table[place] != 0 and table[place] != state:
                place = (place + np.uint64(1)) & mask
            seen += table[place] == state and owners[place] != owner
        is_short[row] = count < _LEAST_REPEAT or held == 0
        is_repeat[row] = not is_short[row] and seen > _REPEATED * held
        if is_repeat[row]:
            continue
        for number in range(held):
            place = (chosen[number] >> np.uint64(20)) & mask
            while table[place] != 0 and table[place] != chosen[number]:
                place = (place + np.uint64(1)) & mask
            if table[place] == 0 and room > 0:
                room -= 1
                table[place], owners[place] = chosen[number], owner
    begin = 0
    while begin < len(kept):
        end = begin
        last = begin - 1
        repeated = 0
        while end < len(kept):
            row = kept[end]
            if is_repeat[row]:
                repeated += blocks[row, STOP] - blocks[row, START]
                last = end
            elif end == begin or not is_short[row]:
                break
            end += 1
        if repeated >= _LEAST_COPY:
            for place in range(begin, last + 1):
                keep[kept[place]] = False
        begin = max(end, begin + 1)


@compiled
def _begins_list(nodes: Any, item: Any, last: Any) -> Any:
    """Whether an item begins a list beside the one before it, one of the two numbered."""
    if item < 0 or last < 0:
        return False
    own, other = nodes[item, PARENT], nodes[last, PARENT]
    return (
        own != other
        and nodes[own, PARENT] == nodes[other, PARENT]
        and nodes[own, ITEM] < 0
        and (nodes[item, NUMBER] > 0 or nodes[last, NUMBER] > 0)
    )


@compiled
def compose(text: Any, blocks: Any, nodes: Any, keep: Any) -> Any:
    """The text of the kept blocks: uint8[bytes]."""
    kept = np.flatnonzero(keep)
    size = 0
    held = np.zeros(len(nodes), np.int32)  # of items and cells: kept blocks
    length = np.zeros(len(nodes), np.int32)  # of cells: kept bytes
    is_layout = np.zeros(len(nodes), np.bool_)  # of rows
    for row in kept:
        node = blocks[row, NODE]
        item, cell, line = nodes[node, ITEM], nodes[node, CELL], nodes[node, ROW]
        size += blocks[row, STOP] - blocks[row, START] + 16
        if item >= 0:
            held[item] += 1
        if cell >= 0 and line >= 0:
            held[cell] += 1
            length[cell] += blocks[row, STOP] - blocks[row, START]
            if (
                held[cell] > _MOST_IN_CELL
                or length[cell] > _LONGEST_CELL
                or blocks[row, FLAGS] & IS_PRE
            ):
                is_layout[line] = True
    out = np.empty(size, np.uint8)
    o = 0
    begun = np.zeros(len(nodes), np.bool_)
    last_item = last_cell = last_row = last_tag = np.int64(-1)
    for row in kept:
        node = blocks[row, NODE]
        tag = np.int64(nodes[node, TAG])
        item = np.int64(nodes[node, ITEM])
        if item >= 0 and held[item] > _MOST_IN_ITEM:
            item = np.int64(-1)
        cell, line = np.int64(nodes[node, CELL]), np.int64(nodes[node, ROW])
        if line < 0 or is_layout[line]:
            cell = line = np.int64(-1)
        breaks = 2
        if line >= 0 and line == last_row:
            breaks = 0
            if cell != last_cell:
                out[o], out[o + 1], out[o + 2] = 32, 124, 32
                o += 3
            else:
                out[o] = 32
                o += 1
        elif line >= 0 and last_row >= 0:
            breaks = 1 if _same_table(nodes, line, last_row) else 2
        elif (
            (item >= 0 and last_item >= 0)
            or (tag == _DD and (last_tag in (_DT, _DD)))
            or (tag == _DT and last_tag == _DD)
        ):
            breaks = 2 if _begins_list(nodes, item, last_item) else 1
        for _ in range(breaks if o > 0 else 0):
            out[o] = 10
            o += 1
        if item >= 0 and not begun[item] and breaks > 0:
            begun[item] = True
            number = nodes[item, NUMBER]
            if number > 0 and number < 100_000:
                places = 1
                while number >= 10**places:
                    places += 1
                for place in range(places):
                    out[o + places - 1 - place] = 48 + number % 10
                    number //= 10
                o += places
                out[o], out[o + 1] = 46, 32
            else:
                out[o], out[o + 1] = 45, 32
            o += 2
        for at in range(blocks[row, START], blocks[row, STOP]):
            byte = text[at]
            out[o] = 32 if byte == 10 and line >= 0 else byte
            o += 1
        last_item, last_cell, last_row, last_tag = item, cell, line, tag
    return out[:o]
