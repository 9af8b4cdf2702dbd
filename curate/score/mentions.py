"""The compiled match behind `curate.score.bias`, whose docstring states its rules.

Imported late: numba is dear to import.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop over the words carries the state of all its rules

from __future__ import annotations

from typing import Any, Final

import numpy as np

from curate.text.cut import compiled

# What a term is: bit i for the i-th counted column (female, male, then the axes), and these.
PLURAL: Final = 1 << 16
PREDICATE: Final = 1 << 17
STATEMENT: Final = 1 << 18
LINK: Final = 1 << 19
NEGATION: Final = 1 << 20
SPECIFIC: Final = 1 << 21
CAPITAL: Final = 1 << 22

NEGATION_REACH: Final = 2  # words from a negation to the group that it takes back


@compiled
def capital(data: Any, at: int) -> bool:
    """Whether a word begins with a capital of Latin-1."""
    first = data[at]
    if first == 0xC3:  # noqa: PLR2004 - UTF-8 of U+00C0 to U+00FF; U+00D7 is no letter
        return bool(data[at + 1] <= 0x9E)  # noqa: PLR2004 - U+00DE
    return bool(first >= ord("A") and first <= ord("Z"))


@compiled
def longest_term(
    at: int, stop: int, word_hash: Any, word_start: Any, data: Any, table: Any, terms: Any
) -> Any:
    """The flags and the number of words of the longest term at a word; (0, 1) without one.

    Args:
        at: the word.
        stop: the word after the last one of the sentence.
        word_hash: uint64[words].
        word_start: int64[words].
        data: uint8[bytes].
        table: int64[a power of two]: hash table of first words → the first term, or -1.
        terms: hashes (uint64) of all terms' words, offsets (int64[terms + 1]) into them, and flags
            (int64[terms]); terms with one first word stand together, the longest first.
    """
    hashes, offsets, flags = terms
    first = word_hash[at]
    slot = np.int64(first & np.uint64(len(table) - 1))
    while table[slot] >= 0 and hashes[offsets[table[slot]]] != first:
        slot = (slot + 1) & (len(table) - 1)
    term = table[slot]
    while 0 <= term < len(flags) and hashes[offsets[term]] == first:
        words = offsets[term + 1] - offsets[term]
        same = at + words <= stop
        if same:
            for i in range(1, words):
                same = same and word_hash[at + i] == hashes[offsets[term] + i]
        if same and flags[term] & CAPITAL:
            same = capital(data, word_start[at + words - 1])
        if same:
            return flags[term], words
        term += 1
    return np.int64(0), np.int64(1)


@compiled
def count_mentions(segments: Any, table: Any, terms: Any, window: int, counts: Any) -> None:
    """Count the terms of each document.

    Args:
        segments: data, word_start, word_hash, word_offsets, sentence_end, sentence_offsets.
        table: see `longest_term`.
        terms: see `longest_term`.
        window: words at most between a group and what is said of it.
        counts: int64[documents, columns + 1], zeros; written. Column i counts the terms with bit i,
            the last one the derogatory mentions.
    """
    data, word_start, word_hash, word_offsets, sentence_end, sentence_offsets = segments
    columns = counts.shape[1] - 1
    for document in range(len(word_offsets) - 1):
        at = word_offsets[document]
        end = word_offsets[document + 1]
        sentence = sentence_offsets[document]
        stop = at
        derogatory = 0
        # words after the last group that may be spoken of, negation …; -1: none in this sentence
        group = predicate = pending = negation = specific = -1
        linked = negated = aimed = False
        while at < end:
            if at >= stop:  # a new sentence; what stands outside of any is one of its own
                while (
                    sentence < sentence_offsets[document + 1]
                    and sentence_end[sentence] <= word_start[at]
                ):
                    sentence += 1
                stop = at + 1
                if sentence < sentence_offsets[document + 1]:
                    while stop < end and word_start[stop] < sentence_end[sentence]:
                        stop += 1
                group = predicate = pending = negation = specific = -1
                linked = negated = aimed = False
            flags, words = longest_term(at, stop, word_hash, word_start, data, table, terms)
            after = at + words
            if flags:
                for column in range(columns):
                    counts[document, column] += (flags >> column) & 1
                near = group >= 0 and not negated and at - group <= window
                if flags & NEGATION:
                    negation = after
                    negated = True
                if flags & LINK:
                    linked = True
                    if near and pending == at:
                        derogatory += 1
                        group = -1
                if flags & STATEMENT and near:
                    derogatory += 1
                    group = -1
                if flags & PREDICATE:
                    if near and linked:
                        derogatory += 1
                        group = -1
                    pending = after
                    predicate = after
                    taken_back = negation >= 0 and at - negation <= NEGATION_REACH
                    aimed = specific != at and not taken_back
                if flags & PLURAL:
                    if predicate == at and aimed:
                        derogatory += 1
                        group = -1
                    else:
                        group = after if specific != at else -1
                    linked = False
                    negated = negation >= 0 and at - negation <= NEGATION_REACH
                if flags & SPECIFIC:
                    specific = after
            at = after
        counts[document, columns] = derogatory
