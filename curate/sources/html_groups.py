"""Which elements of a page are of one kind, and which holds most of its text: compiled passes.

Imported late: numba is dear to import.

Numba's cache knows a function's own file only: after a change here, touch `html_blocks` too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources.html_bytes import OFFSET, PRIME, compiled
from curate.sources.html_measures import DENSITY, LENGTH, N_LENGTH, N_PROSE, PROSE
from curate.sources.html_stack import NODE, PARENT, SIGNATURE


@compiled
def holding(share: Any, nodes: Any, sums: Any) -> Any:
    """The deepest node that holds a share of the page's prose (of its text, if it has no prose)."""
    column = N_PROSE if sums[0, N_PROSE] > 0 else N_LENGTH
    wanted = share * sums[0, column]
    best = np.int64(0)
    for node in range(1, len(nodes)):
        if sums[node, column] >= wanted and nodes[node, PARENT] == best:
            best = np.int64(node)
    return best


@compiled
def path_sums(blocks: Any, nodes: Any, measures: Any, first: Any, levels: Any) -> Any:
    """For each block, of all blocks with the same tags and classes: number, length, prose, links.

    The elements from `first` levels above a block's own are compared.
    """
    count = len(blocks)
    keys = np.zeros(count, np.uint64)
    for row in range(count):
        node = blocks[row, NODE]
        state = OFFSET
        for _ in range(first):
            node = nodes[node, PARENT]
        for _ in range(levels):
            state = (state ^ np.uint64(nodes[node, SIGNATURE])) * PRIME
            node = nodes[node, PARENT]
        keys[row] = state
    size = 16
    while size < 2 * count:
        size *= 2
    table = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    owners = np.zeros(count, np.int32)
    sums = np.zeros((count, 4), np.float32)
    for row in range(count):
        place = (keys[row] ^ (keys[row] >> np.uint64(29))) & mask
        while table[place] >= 0 and keys[table[place]] != keys[row]:
            place = (place + np.uint64(1)) & mask
        if table[place] < 0:
            table[place] = row
        owner = table[place]
        owners[row] = owner
        sums[owner, 0] += 1
        sums[owner, 1] += measures[row, LENGTH]
        sums[owner, 2] += measures[row, PROSE]
        sums[owner, 3] += measures[row, LENGTH] * measures[row, DENSITY]
    for row in range(count):
        if owners[row] != row:
            sums[row] = sums[owners[row]]
    return sums


@compiled
def count_kin(nodes: Any) -> Any:
    """Of each node: how many children of its parent have its tag and classes, itself among them."""
    count = len(nodes)
    size = 16
    while size < 2 * count:
        size *= 2
    table = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    owners = np.zeros(count, np.int32)
    kin = np.zeros(count, np.int32)
    for node in range(count):
        parent, signature = nodes[node, PARENT], nodes[node, SIGNATURE]
        key = (OFFSET ^ np.uint64(parent)) * PRIME
        key = (key ^ np.uint64(signature)) * PRIME
        place = (key ^ (key >> np.uint64(29))) & mask
        while table[place] >= 0 and (
            nodes[table[place], PARENT] != parent or nodes[table[place], SIGNATURE] != signature
        ):
            place = (place + np.uint64(1)) & mask
        if table[place] < 0:
            table[place] = node
        owners[node] = table[place]
        kin[table[place]] += 1
    for node in range(count):
        kin[node] = kin[owners[node]]
    return kin
