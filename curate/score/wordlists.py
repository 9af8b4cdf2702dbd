"""The compiled count of listed words behind `curate.score.stopwords`.

Imported late: numba is dear to import.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.text.cut import compiled


@compiled
def count_listed(hashes: Any, offsets: Any, places: Any, bounds: Any, keys: Any) -> Any:
    """How many words of each document stand in the list of its language.

    Args:
        hashes: uint64[words].
        offsets: int64[documents + 1]: into `hashes`.
        places: int64[documents]: of the list; -1: none.
        bounds: int64[lists + 1]: where each list's hash table begins.
        keys: uint64: the tables; 0 is an empty slot.

    Returns:
        int64[documents, 2]: words that are listed, and how many different ones.
    """
    documents = len(offsets) - 1
    counts = np.zeros((documents, 2), np.int64)
    seen_in = np.full(len(keys), -1, np.int64)
    for document in range(documents):
        if places[document] < 0:
            continue
        first = bounds[places[document]]
        mask = bounds[places[document] + 1] - first - 1
        for word in range(offsets[document], offsets[document + 1]):
            key = hashes[word]
            slot = np.int64(key & np.uint64(mask))
            while keys[first + slot] != 0:
                if keys[first + slot] == key:
                    counts[document, 0] += 1
                    if seen_in[first + slot] != document:
                        seen_in[first + slot] = document
                        counts[document, 1] += 1
                    break
                slot = (slot + 1) & mask
    return counts
