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
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


@compiled
def slot_of(key: Any, keys: Any, table: Any, size: int) -> Any:
    """The place in a hash table of the key, or the empty place (-1) for it."""
    slot: Any = np.int64((((key ^ (key >> _HALF)) & _LOW) * np.uint64(size)) >> _HALF)
    while table[slot] >= 0 and keys[table[slot]] != key:
        slot += 1
        if slot == size:
            slot = 0
    return slot


@compiled
def table_size(keys: Any) -> Any:
    """Places in a hash table of so many keys: half as many again, and one that stays empty."""
    return keys + keys // 2 + 1


@compiled
def emptied(table: Any, keys: int) -> Any:
    """Empty as much of a hash table as so many keys need; the size of that part."""
    size = table_size(keys)
    table[:size] = -1
    return size


@compiled
def repeats(keys: Any, weights: Any, table: Any, count: Any) -> Any:
    """How much of the keys occurs more than once.

    Args:
        keys: uint64[n].
        weights: int32[n or more]: characters.
        table: int32, `table_size` of n.
        count: int32[n or more], scratch.

    Returns:
        shares of the keys, and of the weight, that occurred before (the first occurrence is none);
        the same of all keys that occur twice or more, the first occurrence included.
    """
    size = emptied(table, len(keys))
    later = later_weight = all_of = all_weight = total = 0
    for at in range(len(keys)):
        slot = slot_of(keys[at], keys, table, size)
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
    hashes: Any, reach: Any, characters: int, scratch: Any, table: Any, row: Any
) -> Any:
    """Shares of a document in repeated n-grams of words, by every definition in use.

    Args:
        hashes: uint64[words].
        reach: int32[words + 1]: characters of all words before this one.
        characters: of the whole text.
        scratch: of at least as many words: n-gram hash; first position with it, or there its count,
            negative; the characters it covers (from 5 words up -1 once it was met); positions in play.
        table: int32, `table_size` of the words.
        row: float64[NGRAM_VALUES], all 0: filled; for n from 2 to 4 the most frequent n-gram's
            share by the paper, datatrove, Dolma, RedPajama and DCLM; for n from 5 to 10 the share
            in duplicate n-grams by the paper, datatrove and Dolma.

    Returns:
        the number of distinct words, and the entropy of their distribution in nats.
    """
    grams, first, cover, active = scratch
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
        size = emptied(table, playing)
        for index in range(playing):
            at = active[index]
            if n > 1:
                grams[at] = (grams[at] ^ (grams[at] >> _HALF)) * _FACTOR + hashes[at + n - 1]
            slot = slot_of(grams[at], grams, table, size)
            start = table[slot]
            if start < 0:
                table[slot] = start = at
                first[at] = -1
                cover[at] = 0
                distinct += n == 1
            else:
                first[at] = start
                first[start] -= 1
            if 1 < n <= TOP:
                begin = at
                for back in range(1, min(n, at + 1)):  # an occurrence that overlaps this one
                    if grams[at - back] == grams[at]:
                        begin = at - back + n
                        break
                cover[start] += reach[at + n] - reach[begin]
        most = covered = longest = end = kept = 0
        first_found = counted = greedy = free = 0
        for index in range(playing):
            at = active[index]
            start = first[at] if first[at] >= 0 else at
            times = -first[start]
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
                    if cover[start] < 0:
                        greedy += length
                        free = at + n
                    else:
                        cover[start] = -1
            elif times > most:
                most, covered, longest, first_found = times, cover[start], length, length
            elif times == most:
                covered = max(covered, cover[start])
                longest = max(longest, length)
            follows = index + 1 < playing and active[index + 1] == at + 1
            if follows and first[at + 1] != -1:  # the next n-gram occurs again too
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
                for place in range(n):
                    of_all += reach[words - place] - reach[place]
            row[at + 2] = counted / max(of_all, 1)
        playing = kept
        if playing == 0:
            break
    entropy = 0.0 if words == 0 else max(math.log(words) - weighed / words, 0.0)
    return distinct, entropy
