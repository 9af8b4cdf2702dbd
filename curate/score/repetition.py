"""The compiled counts of what occurs more than once: lines, paragraphs and n-grams of words.

All is linear in the text: n-grams are extended one word at a time, and only where the shorter
n-grams that they hold are already known to occur twice. `curate.score.quality` defines the
measurements. Imported late: numba is dear to import.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop carries the state of all its measurements
# ruff: noqa: PLR2004 - the lengths of n-grams are literals

from __future__ import annotations

import math
from typing import Any

import numpy as np

from curate.text.cut import compiled

LONGEST, TOP = 10, 4  # n-grams; up to TOP the most frequent one, above all that repeat
TOP_VALUES, DUPLICATE_VALUES = 5, 3  # definitions in use for each
NGRAM_VALUES = (TOP - 1) * TOP_VALUES + (LONGEST - TOP) * DUPLICATE_VALUES

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


@compiled
def slot_of(key: Any, keys: Any, table: Any, mask: int) -> Any:
    """The place in a hash table of the key, or the empty place (-1) for it."""
    slot = np.int64((key ^ (key >> _HALF)) & np.uint64(mask))
    while table[slot] >= 0 and keys[table[slot]] != key:
        slot = (slot + 1) & mask
    return slot


@compiled
def emptied(table: Any, keys: int) -> int:
    """Empty as much of a hash table as so many keys need; the mask of that part."""
    size = 2
    while size < 2 * keys:
        size *= 2
    table[:size] = -1
    return size - 1


@compiled
def repeats(keys: Any, weights: Any, table: Any, count: Any) -> Any:
    """How much of the keys occurs more than once.

    Args:
        keys: uint64[n].
        weights: int32[n or more]: characters.
        table: int32, a power of two of at least twice n.
        count: int32[n or more], scratch.

    Returns:
        shares of the keys, and of the weight, that occurred before (the first occurrence is none);
        the same of all keys that occur twice or more, the first occurrence included.
    """
    mask = emptied(table, len(keys))
    later = later_weight = all_of = all_weight = total = 0
    for at in range(len(keys)):
        slot = slot_of(keys[at], keys, table, mask)
        total += weights[at]
        if table[slot] < 0:
            table[slot] = at
            count[at] = 1
            continue
        first = table[slot]
        count[first] += 1
        later += 1
        later_weight += weights[at]
        extra = 2 if count[first] == 2 else 1  # the second occurrence brings the first one in
        all_of += extra
        all_weight += extra * weights[at]
    keys_or_one, total_or_one = max(len(keys), 1), max(total, 1)
    return (
        later / keys_or_one,
        later_weight / total_or_one,
        all_of / keys_or_one,
        all_weight / total_or_one,
    )


@compiled
def word_ngrams(
    hashes: Any, reach: Any, total_reach: Any, characters: int, scratch: Any, table: Any, row: Any
) -> Any:
    """Shares of a document in repeated n-grams of words, by every definition in use.

    Args:
        hashes: uint64[words].
        reach: int32[words + 1]: characters of all words before this one.
        total_reach: int64[words + 2]: sum of `reach` before this one.
        characters: of the whole text.
        scratch: of at least as many words: n-gram hash, first position with it, its count, the
            characters it covers, where it last ended, positions in play.
        table: int32, a power of two of at least twice the words.
        row: float64[NGRAM_VALUES], all 0: filled; for n from 2 to 4 the most frequent n-gram's
            share by the paper, datatrove, Dolma, RedPajama and DCLM; for n from 5 to 10 the share
            in duplicate n-grams by the paper, datatrove and Dolma.

    Returns:
        the number of distinct words, and the entropy of their distribution in nats.
    """
    grams, first, count, cover, ended, active = scratch
    words = len(hashes)
    own = max(reach[words], 1)
    whole = max(characters, 1)
    distinct = 0
    weighed = 0.0  # sum of c log c over the counts of words
    for n in range(2, TOP + 1):  # a text of which nothing repeats has a first n-gram too
        if words >= n:
            at = (n - 2) * TOP_VALUES
            row[at + 1] = (reach[n] + n - 1) / whole
            row[at + 2] = reach[n] / own
    playing = words
    for at in range(playing):
        active[at] = at
        grams[at] = hashes[at]
    for n in range(1, LONGEST + 1):
        mask = emptied(table, playing)
        for index in range(playing):
            at = active[index]
            if n > 1:
                grams[at] = (grams[at] ^ (grams[at] >> _HALF)) * _FACTOR + hashes[at + n - 1]
            slot = slot_of(grams[at], grams, table, mask)
            start = table[slot]
            if start < 0:
                table[slot] = start = at
                count[at] = 0
                cover[at] = ended[at] = 0
                distinct += n == 1
            first[at] = start
            count[start] += 1
            if 1 < n <= TOP:
                cover[start] += reach[at + n] - reach[max(at, ended[start])]
                ended[start] = at + n
        most = covered = longest = end = kept = 0
        first_found = counted = greedy = free = 0
        for index in range(playing):
            at = active[index]
            start = first[at]
            times = count[start]
            if times < 2:
                continue
            length = reach[at + n] - reach[at]
            if n == 1:
                if start == at:
                    weighed += times * math.log(times)
            elif n > TOP:
                covered += reach[at + n] - reach[max(at, end)]
                end = at + n
                counted += length
                if at >= free:  # datatrove: words of a duplicate are passed over
                    if ended[start] < 0:
                        greedy += length
                        free = at + n
                    else:
                        ended[start] = -1  # seen
            elif times > most:
                most, covered, longest, first_found = times, cover[start], length, length
            elif times == most:
                covered = max(covered, cover[start])
                longest = max(longest, length)
            follows = index + 1 < playing and active[index + 1] == at + 1
            if follows and count[first[at + 1]] > 1:
                active[kept] = at
                kept += 1
        if 1 < n <= TOP and most > 1:
            at = (n - 2) * TOP_VALUES
            row[at] = covered / own
            row[at + 1] = most * (first_found + n - 1) / whole
            row[at + 2] = row[at + 3] = most * first_found / own
            row[at + 4] = most * longest / own
        elif n > TOP:
            at = (TOP - 1) * TOP_VALUES + (n - TOP - 1) * DUPLICATE_VALUES
            row[at] = covered / own
            row[at + 1] = greedy / whole
            of_all = 0
            if words >= n:  # the characters of all n-grams, each counted in full
                of_all = total_reach[words + 1] - total_reach[n]
                of_all -= total_reach[words - n + 1]
            row[at + 2] = counted / max(of_all, 1)
        playing = kept
        if playing == 0:
            break
    entropy = 0.0 if words == 0 else max(math.log(words) - weighed / words, 0.0)
    return distinct, entropy
