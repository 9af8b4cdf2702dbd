"""The compiled part of duplicate search: shingles, MinHash values, overlaps of shingle sets.

Imported late: numba is dear to import. A **shingle** is a run of words. Its hash is a polynomial of
its words' 64-bit hashes modulo 2⁶⁴, mixed; none is 0, which marks the free places of hash tables.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.recipe import DuplicatesSection
from curate.text import characters, cut
from curate.text.characters import HIRAGANA, IDEOGRAPH, KATAKANA, LEAD, TRAIL, UNSPACED
from curate.text.cut import compiled
from curate.text.segment import buffers

Scheme: TypeAlias = Literal["affine32", "legacy"]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_OTHER_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_PRIME = np.uint64((1 << 61) - 1)
_CHARACTERS = np.uint32(  # classes of what `curate.text.segment` cuts without spaces
    sum(1 << int(kind) for kind in (IDEOGRAPH, HIRAGANA, KATAKANA, UNSPACED, LEAD, TRAIL))
)
_TILE = 1024  # shingles whose 32-bit hashes are held at once: 4 KiB, so they stay near the core


def cut_shingles(
    text: pl.Series, section: DuplicatesSection
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]:
    """The words of a batch as `curate.text.segment` cuts them, and its distinct shingles.

    Returns:
        uint64[words], int64[documents + 1], uint64[shingles], int64[documents + 1]: folded hashes
        of words, hashes of shingles, and the documents' offsets into each.
    """
    found = cut.words(*buffers(text), characters.classes(), characters.folding())
    words, kinds, offsets = found[2], found[4], found[5]
    if section.character_width == section.shingle_words:
        return words, offsets, *shingle_sets(words, offsets, section.shingle_words)
    is_character = (kinds & _CHARACTERS) != 0
    widths = section.shingle_words, section.character_width
    return words, offsets, *shingle_sets_of_two_widths(words, is_character, offsets, *widths)


@compiled
def mixed(state: Any) -> Any:
    """The finalizer of MurmurHash3, 64 bits: every bit of the result depends on every bit."""
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return state ^ (state >> np.uint64(33))


@compiled
def sequence_hashes(values: Any, offsets: Any, seed: Any) -> Any:
    """A 128-bit hash of each document's sequence of 64-bit values: uint64[documents, 2]."""
    documents = len(offsets) - 1
    hashes = np.empty((documents, 2), np.uint64)
    for document in range(documents):
        one = np.uint64(seed)
        two = ~one
        for at in range(offsets[document], offsets[document + 1]):
            one = (one ^ values[at]) * _FACTOR
            one ^= one >> np.uint64(32)
            two = (two + values[at]) * _OTHER_FACTOR
            two ^= two >> np.uint64(29)
        length = np.uint64(offsets[document + 1] - offsets[document])
        hashes[document, 0] = mixed(one ^ length)
        hashes[document, 1] = mixed(two + one)
    return hashes


@compiled
def table_size(items: int) -> int:
    """Places of a hash table that is at most half full: a power of two."""
    size = 4
    while size < 2 * items:
        size *= 2
    return size


@compiled
def insert(table: Any, mask: Any, item: Any) -> bool:
    """Put an item into a hash table (0 is a free place); False when it was there."""
    place = item & mask
    while table[place] != 0:
        if table[place] == item:
            return False
        place = (place + np.uint64(1)) & mask
    table[place] = item
    return True


@compiled
def shingle_sets(word_hash: Any, word_offsets: Any, words: int) -> Any:
    """The distinct shingles of each document, in order of first appearance.

    Args:
        word_hash: uint64[words of all documents].
        word_offsets: int64[documents + 1].
        words: words in a shingle. A document with fewer has one shingle, of all its words; one
            without words has none.

    Returns:
        uint64[shingles], int64[documents + 1]: hashes, and the documents' offsets into them.
    """
    documents = len(word_offsets) - 1
    largest = 0
    for document in range(documents):
        largest = max(largest, word_offsets[document + 1] - word_offsets[document])
    table = np.empty(table_size(largest), np.uint64)
    shingles = np.empty(len(word_hash), np.uint64)
    offsets = np.zeros(documents + 1, np.int64)
    found = 0
    for document in range(documents):
        start, stop = word_offsets[document], word_offsets[document + 1]
        width = min(words, stop - start)
        if width > 0:
            size = table_size(stop - start)
            table[:size] = 0
            mask = np.uint64(size - 1)
            leaving = np.uint64(1)  # the factor of a word when the shingle has moved past it
            for _ in range(width):
                leaving *= _FACTOR
            state = np.uint64(0)
            for at in range(start, stop):
                state = state * _FACTOR + word_hash[at]
                if at >= start + width:
                    state -= leaving * word_hash[at - width]
                if at >= start + width - 1:
                    shingle = max(mixed(state), np.uint64(1))
                    if insert(table, mask, shingle):
                        shingles[found] = shingle
                        found += 1
        offsets[document + 1] = found
    return shingles[:found], offsets


@compiled
def shingle_sets_of_two_widths(
    word_hash: Any, is_character: Any, word_offsets: Any, words: int, characters: int
) -> Any:
    """As `shingle_sets`, where a shingle that begins with a word that is a character has its own width.

    A document in which none fits has one shingle, of all its words.
    """
    documents = len(word_offsets) - 1
    largest = 0
    for document in range(documents):
        largest = max(largest, word_offsets[document + 1] - word_offsets[document])
    table = np.empty(table_size(largest), np.uint64)
    states = np.empty(largest + 1, np.uint64)  # polynomial of the words before each
    factors = np.empty(largest + 1, np.uint64)
    factors[0] = 1
    for at in range(largest):
        factors[at + 1] = factors[at] * _FACTOR
    shingles = np.empty(len(word_hash), np.uint64)
    offsets = np.zeros(documents + 1, np.int64)
    found = 0
    for document in range(documents):
        start, length = word_offsets[document], word_offsets[document + 1] - word_offsets[document]
        size = table_size(length)
        table[:size] = 0
        mask = np.uint64(size - 1)
        states[0] = 0
        for at in range(length):
            states[at + 1] = states[at] * _FACTOR + word_hash[start + at]
        for at in range(length):
            width = characters if is_character[start + at] else words
            if at + width <= length:
                state = states[at + width] - factors[width] * states[at]
                shingle = max(mixed(state), np.uint64(1))
                if insert(table, mask, shingle):
                    shingles[found] = shingle
                    found += 1
        if length > 0 and found == offsets[document]:
            shingles[found] = max(mixed(states[length]), np.uint64(1))
            found += 1
        offsets[document + 1] = found
    return shingles[:found], offsets


@cache
def permutations(scheme: Scheme, size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The coefficients `a` and `b` of `datasketch.MinHash(num_perm=size, seed=1, scheme=scheme)`.

    Returns:
        uint32[size] twice for `affine32`, uint64[size] twice for `legacy`.
    """
    source = np.random.RandomState(1)
    if scheme == "affine32":
        a = source.randint(0, 1 << 31, size, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
        return a, source.randint(0, 1 << 32, size, dtype=np.uint32)
    rows = [
        (
            source.randint(1, _PRIME, dtype=np.uint64),
            source.randint(0, _PRIME, dtype=np.uint64),
        )
        for _ in range(size)
    ]
    pairs = np.array(rows, np.uint64).reshape(size, 2)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def minima(
    shingles: NDArray[np.uint64], offsets: NDArray[np.int64], size: int, scheme: Scheme
) -> NDArray[np.uint32]:
    """The MinHash values of each document, equal bit for bit to those of datasketch 2.0.

    Args:
        shingles: hashes; their lower 32 bits are what datasketch's `hashfunc` returns.
        offsets: int64[documents + 1].
        size: values per document.
        scheme: `affine32`, datasketch's default, or `legacy`, its only one before 2.0.

    Returns:
        uint32[documents, size]; 2³² − 1 throughout for a document without shingles.
    """
    a, b = permutations(scheme, size)
    kernel = _affine_minima if scheme == "affine32" else _legacy_minima
    found: NDArray[np.uint32] = kernel(shingles, offsets, a, b)
    return found


@compiled
def _affine_minima(shingles: Any, offsets: Any, a: Any, b: Any) -> Any:
    documents, size = len(offsets) - 1, len(a)
    found = np.full((documents, size), np.uint32(0xFFFFFFFF))
    tile = np.empty(_TILE, np.uint32)
    for document in range(documents):
        row = found[document]
        for first in range(offsets[document], offsets[document + 1], _TILE):
            length = min(_TILE, offsets[document + 1] - first)
            for at in range(length):
                state = np.uint32(shingles[first + at] & np.uint64(0xFFFFFFFF))
                state = np.uint32((state ^ (state >> np.uint32(16))) * np.uint32(0x85EBCA6B))
                state = np.uint32((state ^ (state >> np.uint32(13))) * np.uint32(0xC2B2AE35))
                tile[at] = state ^ (state >> np.uint32(16))
            for value in range(size):
                factor, shift, lowest = a[value], b[value], row[value]
                for at in range(length):
                    lowest = min(lowest, np.uint32(factor * tile[at] + shift))
                row[value] = lowest
    return found


@compiled
def _legacy_minima(shingles: Any, offsets: Any, a: Any, b: Any) -> Any:
    documents, size = len(offsets) - 1, len(a)
    found = np.full((documents, size), np.uint32(0xFFFFFFFF))
    for document in range(documents):
        row = found[document]
        for value in range(size):
            factor, shift, lowest = a[value], b[value], np.uint64(row[value])
            for at in range(offsets[document], offsets[document + 1]):
                state = shingles[at] & np.uint64(0xFFFFFFFF)
                state = factor * state + shift  # in 64 bits, as NumPy's overflow leaves it
                state = (state & _PRIME) + (state >> np.uint64(61))
                state = state - _PRIME if state >= _PRIME else state  # now modulo the prime
                lowest = min(lowest, state & np.uint64(0xFFFFFFFF))
            row[value] = np.uint32(lowest)
    return found


@compiled
def hash_bands(values: Any, rows: Any, first: Any, keys: Any) -> None:
    """Hashes of the number and the values of bands.

    Args:
        values: uint32[signatures, values].
        rows: values in a band.
        first: number of the first band.
        keys: uint64[bands, signatures]: filled.
    """
    for signature in range(len(values)):
        for band in range(len(keys)):
            # with its number: else two bands of the same values would be equal
            state = np.uint64(first + band + 1) << np.uint64(32)
            for at in range((first + band) * rows, (first + band + 1) * rows):
                state = (state ^ np.uint64(values[signature, at])) * _FACTOR
                state ^= state >> np.uint64(32)
            keys[band, signature] = state * _FACTOR


@compiled
def overlaps(shingles: Any, starts: Any, ends: Any, left: Any, right: Any) -> Any:
    """How many shingles the two sets of each pair share.

    Args:
        shingles: uint64: the distinct shingles of all sets.
        starts: int64[sets].
        ends: int64[sets].
        left: int64[pairs]: number of a set; runs of equal numbers cost one hash table.
        right: int64[pairs].

    Returns:
        int64[pairs].
    """
    largest = 0
    for pair in range(len(left)):
        largest = max(largest, ends[left[pair]] - starts[left[pair]])
    table = np.empty(table_size(largest), np.uint64)
    shared = np.zeros(len(left), np.int64)
    mask = np.uint64(0)
    held = -1
    for pair in range(len(left)):
        if left[pair] != held:
            held = left[pair]
            size = table_size(ends[held] - starts[held])
            table[:size] = 0
            mask = np.uint64(size - 1)
            for at in range(starts[held], ends[held]):
                insert(table, mask, shingles[at])
        for at in range(starts[right[pair]], ends[right[pair]]):
            item = shingles[at]
            place = item & mask
            while table[place] != 0:
                if table[place] == item:
                    shared[pair] += 1
                    break
                place = (place + np.uint64(1)) & mask
    return shared
