"""The compiled part of decontamination: n-grams of items, and the stretches that hold them.

Imported late: numba is dear to import. The hash of an n-gram is a polynomial of its words' 64-bit
hashes modulo 2⁶⁴, mixed with its number of words; none is 0, which marks the free places of tables.
That two different n-grams of a document and the items share one has probability 2^-64 each.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop over the words carries the state of all its parts

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.duplicates.kernels import mixed, table_size
from curate.text.characters import FOLDED, INNER_LETTER
from curate.text.cut import SEED, compiled, decode, hash_character

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SALT = np.uint64(0xD6E8FEB86659FD93)
_FILTER_BITS = 16  # for each n-gram: one word in sixteen that is in no item asks the table


class Table(NamedTuple):
    """Which items have an n-gram.

    Attributes:
        keys: uint64[places]: open addressing over the n-grams' lowest bits; 0 is a free place.
        numbers: int32[places]: the number of the n-gram in that place.
        bounds: int64[n-grams + 1]: where the items of each n-gram begin in `owners`.
        owners: int32: the items of each n-gram.
        bits: uint64[power of two]: a filter over the n-grams' highest bits.
        item_numbers: int32: the n-grams of each item by number.
        item_offsets: int64[items + 1]: where these begin.
    """

    keys: NDArray[np.uint64]
    numbers: NDArray[np.int32]
    bounds: NDArray[np.int64]
    owners: NDArray[np.int32]
    bits: NDArray[np.uint64]
    item_numbers: NDArray[np.int32]
    item_offsets: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(array.nbytes for array in self)


def build_table(ngrams: NDArray[np.uint64], item_offsets: NDArray[np.int64]) -> Table:
    """The table of items' n-grams.

    Args:
        ngrams: uint64: the distinct n-grams of each item.
        item_offsets: int64[items + 1]: where these begin.
    """
    size = table_size(len(ngrams))
    words = max(1, table_size(len(ngrams)) * _FILTER_BITS // 2 // 64)
    keys, numbers, bounds, owners, bits, item_numbers = _build(ngrams, item_offsets, size, words)
    return Table(keys, numbers, bounds, owners, bits, item_numbers, item_offsets)


@compiled
def hash_plainly(
    data: Any, starts: Any, ends: Any, hashes: Any, held: Any, classes: Any, folding: Any
) -> Any:
    """The hashes of words without what joins letters in them: `don't`, `don’t` and `dont` are one.

    Args:
        data: and what follows: the fields of `curate.text.segment.Segments`.
        starts: int64[words].
        ends: int64[words].
        hashes: uint64[words].
        held: uint32[words]: the classes of the words' characters.
        classes: of each code point.
        folding: of each code point.

    Returns:
        uint64[words].
    """
    found = hashes.copy()
    for word in range(len(hashes)):
        if (held[word] >> np.uint32(INNER_LETTER)) & np.uint32(1) == 0:
            continue
        state = SEED
        at = starts[word]
        while at < ends[word]:
            code, at = decode(data, at)
            if classes[code] != INNER_LETTER:
                state = hash_character(state, folding[code] if code < FOLDED else code)
        found[word] = state
    return found


@compiled
def _finish(state: Any, width: int) -> Any:
    return max(mixed(state ^ (np.uint64(width) * _SALT)), np.uint64(1))


@compiled
def _leaving(width: int) -> Any:
    """The factor of a word when the n-gram has moved past it."""
    factor = np.uint64(1)
    for _ in range(width):
        factor *= _FACTOR
    return factor


@compiled
def hash_ngrams(words: Any, starts: Any, ends: Any, widths: Any) -> Any:
    """The n-grams of passages.

    Args:
        words: uint64[words of all passages].
        starts: int64[passages]: the first word of each.
        ends: int64[passages]: the word after its last.
        widths: int64[passages]: words in its n-grams, at most as many as it has.

    Returns:
        uint64[n-grams], in order and with repeats, as many as a passage has words less its width
        and one more.
    """
    total = 0
    for passage in range(len(starts)):
        total += ends[passage] - starts[passage] - widths[passage] + 1
    found = np.empty(total, np.uint64)
    count = 0
    for passage in range(len(starts)):
        width = widths[passage]
        leaving = _leaving(width)
        state = np.uint64(0)
        for at in range(starts[passage], ends[passage]):
            state = state * _FACTOR + words[at]
            if at >= starts[passage] + width:
                state -= leaving * words[at - width]
            if at >= starts[passage] + width - 1:
                found[count] = _finish(state, width)
                count += 1
    return found


@compiled
def _filter_place(ngram: Any, words: int) -> Any:
    """The word and the bit of an n-gram in the filter."""
    high = ngram >> np.uint64(32)
    return (high >> np.uint64(6)) & np.uint64(words - 1), high & np.uint64(63)


@compiled
def _build(ngrams: Any, item_offsets: Any, size: int, words: int) -> Any:
    keys = np.zeros(size, np.uint64)
    numbers = np.zeros(size, np.int32)
    bits = np.zeros(words, np.uint64)
    item_numbers = np.empty(len(ngrams), np.int32)
    counts = np.zeros(len(ngrams) + 1, np.int64)
    mask = np.uint64(size - 1)
    distinct = 0
    for at in range(len(ngrams)):
        ngram = ngrams[at]
        place = ngram & mask
        while keys[place] != 0 and keys[place] != ngram:
            place = (place + np.uint64(1)) & mask
        if keys[place] == 0:
            keys[place] = ngram
            numbers[place] = distinct
            distinct += 1
            word, bit = _filter_place(ngram, words)
            bits[word] |= np.uint64(1) << bit
        item_numbers[at] = numbers[place]
        counts[numbers[place] + 1] += 1
    bounds = np.cumsum(counts[: distinct + 1])
    owners = np.empty(len(ngrams), np.int32)
    filled = bounds.copy()
    for item in range(len(item_offsets) - 1):
        for at in range(item_offsets[item], item_offsets[item + 1]):
            number = item_numbers[at]
            owners[filled[number]] = item
            filled[number] += 1
    return keys, numbers, bounds, owners, bits, item_numbers


@compiled
def find_items(
    words: Any,
    word_offsets: Any,
    widths: Any,
    keys: Any,
    numbers: Any,
    bounds: Any,
    owners: Any,
    bits: Any,
    item_numbers: Any,
    item_offsets: Any,
    required: Any,
    reach: Any,
) -> Any:
    """The items that documents hold, each with the stretch that holds most of it.

    Args:
        words: uint64[words of all documents].
        word_offsets: int64[documents + 1].
        widths: int64: the numbers of words that n-grams of items have.
        keys: and what follows: the fields of `Table`.
        numbers: see `Table`.
        bounds: see `Table`.
        owners: see `Table`.
        bits: see `Table`.
        item_numbers: see `Table`.
        item_offsets: see `Table`.
        required: int64[items]: distinct n-grams from which an item is found.
        reach: int64[items]: words from the first word of a stretch's first n-gram to that of its
            last, less than which they must be.

    Returns:
        int64[found, 6]: document, item, its distinct n-grams in the best stretch, the words in an
        n-gram, the stretch's first word, and the first word of its last n-gram; by document, then in
        an order that hangs on the document and the items alone. The best stretch has the most
        n-grams; of several the shortest, then the first.
    """
    documents = len(word_offsets) - 1
    largest = 0
    for document in range(documents):
        largest = max(largest, word_offsets[document + 1] - word_offsets[document])
    items = len(item_offsets) - 1
    hit_at = np.empty(largest * len(widths), np.int64)
    hit_number = np.empty(largest * len(widths), np.int32)
    hit_width = np.empty(largest * len(widths), np.int32)
    queue_at = np.empty(largest, np.int64)
    queue_local = np.empty(largest, np.int32)
    seen_in = np.full(len(bounds) - 1, np.int32(-1))  # n-gram → the document it was last seen in
    local = np.zeros(len(bounds) - 1, np.int32)  # n-gram → its place in the item, from 1
    most = 1
    for item in range(items):
        most = max(most, item_offsets[item + 1] - item_offsets[item])
    inside = np.zeros(most, np.int64)  # of each n-gram of the item, in the stretch
    counts = np.zeros(items, np.int32)
    touched = np.empty(items, np.int32)
    candidates = np.empty(items, np.int32)
    found = np.empty((64, 6), np.int64)
    rows = 0
    mask = np.uint64(len(keys) - 1)
    for document in range(documents):
        start, stop = word_offsets[document], word_offsets[document + 1]
        hits = touches = chosen = 0
        for width in widths:
            if stop - start < width:
                continue
            leaving = _leaving(width)
            state = np.uint64(0)
            for at in range(start, stop):
                state = state * _FACTOR + words[at]
                if at >= start + width:
                    state -= leaving * words[at - width]
                if at < start + width - 1:
                    continue
                ngram = _finish(state, width)
                word, bit = _filter_place(ngram, len(bits))
                if (bits[word] >> bit) & np.uint64(1) == 0:
                    continue
                place = ngram & mask
                while keys[place] != 0 and keys[place] != ngram:
                    place = (place + np.uint64(1)) & mask
                if keys[place] == 0:
                    continue
                number = numbers[place]
                hit_at[hits] = at - width + 1
                hit_number[hits] = number
                hit_width[hits] = width
                hits += 1
                if seen_in[number] == document:
                    continue
                seen_in[number] = document
                for owner in range(bounds[number], bounds[number + 1]):
                    item = owners[owner]
                    if counts[item] == 0:
                        touched[touches] = item
                        touches += 1
                    counts[item] += 1
                    if counts[item] == required[item]:
                        candidates[chosen] = item
                        chosen += 1
        for at in range(touches):
            counts[touched[at]] = 0
        for candidate in range(chosen):
            item = candidates[candidate]
            for at in range(item_offsets[item], item_offsets[item + 1]):
                local[item_numbers[at]] = at - item_offsets[item] + 1
            left = right = distinct = best = length = best_start = best_end = best_width = 0
            for hit in range(hits):
                mine = local[hit_number[hit]] - 1
                if mine < 0:
                    continue
                queue_at[right] = hit_at[hit]
                queue_local[right] = mine
                right += 1
                distinct += inside[mine] == 0
                inside[mine] += 1
                while (
                    hit_at[hit] - queue_at[left] >= reach[item] or inside[queue_local[left]] > 1
                ):  # too far away, or there again
                    inside[queue_local[left]] -= 1
                    distinct -= inside[queue_local[left]] == 0
                    left += 1
                length = hit_at[hit] - queue_at[left]
                if distinct > best or (distinct == best and length < best_end - best_start):
                    best, best_start, best_end = distinct, queue_at[left], hit_at[hit]
                    best_width = hit_width[hit]
            for at in range(left, right):
                inside[queue_local[at]] = 0
            for at in range(item_offsets[item], item_offsets[item + 1]):
                local[item_numbers[at]] = 0
            if best >= required[item]:
                if rows == len(found):
                    more = np.empty((2 * rows, 6), np.int64)
                    more[:rows] = found
                    found = more
                found[rows, 0] = document
                found[rows, 1] = item
                found[rows, 2] = best
                found[rows, 3] = best_width
                found[rows, 4] = best_start
                found[rows, 5] = best_end
                rows += 1
    return found[:rows]


@compiled
def count_characters(data: Any, starts: Any, ends: Any) -> Any:
    """The characters in pieces of UTF-8: int64[pieces]."""
    found = np.zeros(len(starts), np.int64)
    for piece in range(len(starts)):
        for at in range(starts[piece], ends[piece]):
            found[piece] += (data[at] & 0xC0) != 0x80  # noqa: PLR2004  # begins a character
    return found
