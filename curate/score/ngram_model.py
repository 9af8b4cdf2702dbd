"""The compiled parts of the n-gram models of `curate.score.perplexity`: hash tables and sums.

Imported late: numba is dear to import.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from curate.text.cut import compiled

UNKNOWN, BEGIN, END = 0, 1, 2  # words outside of the vocabulary; a line's two ends
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_FREE = np.uint64(0xFFFFFFFFFFFFFFFF)


@compiled
def filled_table(keys: Any, size: int) -> Any:
    """A hash table of the places of keys.

    Args:
        keys: uint64, all different.
        size: a power of two, at least twice as many.

    Returns:
        int32[size]: the key's place; -1 is an empty slot.
    """
    table = np.full(size, -1, np.int32)
    for place in range(len(keys)):
        slot = first_slot(keys[place], size)
        while table[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        table[slot] = place
    return table


@compiled
def first_slot(key: Any, size: int) -> Any:
    """Where a key's search begins."""
    mixed = key * _FACTOR
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(size - 1))


@compiled
def place_of(key: Any, keys: Any, table: Any) -> Any:
    """The place of a key; -1 where it is none of them."""
    slot = first_slot(key, len(table))
    while table[slot] >= 0:
        if keys[table[slot]] == key:
            return np.int64(table[slot])
        slot = (slot + 1) & (len(table) - 1)
    return np.int64(-1)


@compiled
def log_probability(first: Any, second: Any, third: Any, model: Any) -> Any:
    """The natural logarithm of the probability of a word after two others.

    Args:
        first: id of the word before the last; -1: there is none.
        second: id of the last word.
        third: id of the word.
        model: one, one_back (float32[vocabulary]), pairs (keys, table, logarithms, back-off),
            triples (keys, table, logarithms).
    """
    one, one_back, pair_keys, pair_table, pair, pair_back, keys, table, triple = model
    many = np.uint64(len(one))
    before = np.uint64(second)
    word = np.uint64(third)
    found = 0.0
    if first >= 0:
        context = np.uint64(first) * many + before
        place = place_of(context * many + word, keys, table)
        if place >= 0:
            return np.float64(triple[place])
        place = place_of(context, pair_keys, pair_table)
        if place >= 0:
            found += pair_back[place]
    place = place_of(before * many + word, pair_keys, pair_table)
    if place >= 0:
        return found + pair[place]
    return found + one_back[second] + one[third]


@compiled
def word_ids(hashes: Any, vocabulary: Any, table: Any) -> Any:
    """The id of each word: its place in the vocabulary and three more, else `UNKNOWN`."""
    ids = np.empty(len(hashes), np.int32)
    for at in range(len(hashes)):
        place = place_of(hashes[at], vocabulary, table)
        ids[at] = place + 3 if place >= 0 else UNKNOWN
    return ids


@compiled
def document_perplexities(
    ids: Any,
    starts: Any,
    word_offsets: Any,
    line_ends: Any,
    line_offsets: Any,
    model: Any,
    unknown: float,
) -> Any:
    """The perplexity of each document; NaN without a word.

    Args:
        ids: int32[words].
        starts: int64[words]: bytes.
        word_offsets: int64[documents + 1].
        line_ends: int64[lines]: bytes.
        line_offsets: int64[documents + 1].
        model: as `log_probability` takes it.
        unknown: logarithm of the part of the unknown word's probability that each of them has.
    """
    documents = len(word_offsets) - 1
    found = np.full(documents, np.nan)
    for document in range(documents):
        word, last = word_offsets[document], word_offsets[document + 1]
        total = 0.0
        tokens = 0
        for line in range(line_offsets[document], line_offsets[document + 1]):
            first, second = np.int64(-1), np.int64(BEGIN)
            begin = word
            while word < last and starts[word] < line_ends[line]:
                total += log_probability(first, second, np.int64(ids[word]), model)
                total += unknown * (ids[word] == UNKNOWN)
                first, second = second, np.int64(ids[word])
                word += 1
            if word > begin:  # a line without words is none
                total += log_probability(first, second, np.int64(END), model)
                tokens += word - begin + 1
        if tokens > 0:
            found[document] = math.exp(-total / tokens)
    return found


@compiled
def token_stream(
    ids: Any, starts: Any, word_offsets: Any, line_ends: Any, line_offsets: Any
) -> Any:
    """The words of all lines as one row of ids: `BEGIN`, the words, `END`, line by line."""
    stream = np.empty(len(ids) + 2 * len(line_ends), np.int32)
    at = 0
    for document in range(len(word_offsets) - 1):
        word, last = word_offsets[document], word_offsets[document + 1]
        for line in range(line_offsets[document], line_offsets[document + 1]):
            begin = at
            stream[at] = BEGIN
            at += 1
            while word < last and starts[word] < line_ends[line]:
                stream[at] = ids[word]
                at += 1
                word += 1
            if at == begin + 1:
                at = begin
                continue
            stream[at] = END
            at += 1
    return stream[:at]
