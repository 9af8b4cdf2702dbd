"""The compiled measurements behind `curate.score.quality`, whose docstring defines them.

All is linear in the text: n-grams are extended one word at a time, and only where the shorter
n-gram is already known to occur twice. Imported late: numba is dear to import.
"""

# ruff: noqa: C901, PLR0915 - one loop carries the state of all its measurements
# ruff: noqa: PLR2004 - code points and the lengths of n-grams are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.text.characters import (
    DIGIT,
    FULL_STOP,
    INNER_LETTER,
    LOWER,
    MARK,
    NEWLINE,
    QUOTE,
    SPACE,
    TERMINAL,
    TERMINAL_SPACED,
    TRAIL,
)
from curate.text.cut import compiled, decode

SHORTEST, LONGEST, TOP = 2, 10, 4  # n-grams; up to TOP the most frequent, above all repeated ones
SHORT_LINE = 30  # characters

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SEED = np.uint64(0x9AE16A3B2F90404F)
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
def repeats(keys: Any, weights: Any, table: Any) -> Any:
    """Share of the keys that occurred before, and their share of the weight."""
    mask = emptied(table, len(keys))
    count = weight = total = 0
    for at in range(len(keys)):
        slot = slot_of(keys[at], keys, table, mask)
        total += weights[at]
        if table[slot] < 0:
            table[slot] = at
        else:
            count += 1
            weight += weights[at]
    return count / max(len(keys), 1), weight / max(total, 1)


@compiled
def repeated_ngrams(hashes: Any, reach: Any, scratch: Any, table: Any, shares: Any) -> None:
    """Shares of the words' characters in repeated n-grams, n from SHORTEST to LONGEST.

    Args:
        hashes: uint64[words].
        reach: int32[words + 1]: characters of all words before this one.
        scratch: of at least as many words: n-gram hash, first position with it, its count, the
            characters it covers, where it last ended, positions in play.
        table: int32, a power of two of at least twice the words.
        shares: float64[LONGEST - 1], all 0: filled.
    """
    grams, first, count, cover, ended, active = scratch
    words = len(hashes)
    playing = max(words - 1, 0)
    for at in range(playing):
        active[at] = at
        grams[at] = hashes[at]
    for n in range(SHORTEST, LONGEST + 1):
        mask = emptied(table, playing)
        for index in range(playing):
            at = active[index]
            grams[at] = (grams[at] ^ (grams[at] >> _HALF)) * _FACTOR + hashes[at + n - 1]
            slot = slot_of(grams[at], grams, table, mask)
            if table[slot] < 0:
                table[slot] = at
                count[at] = cover[at] = ended[at] = 0
            start = table[slot]
            first[at] = start
            count[start] += 1
            cover[start] += reach[at + n] - reach[max(at, ended[start])]
            ended[start] = at + n
        most = covered = end = kept = 0
        for index in range(playing):
            at = active[index]
            times = count[first[at]]
            if times < 2:
                continue
            if n > TOP:
                covered += reach[at + n] - reach[max(at, end)]
                end = at + n
            elif times > most or (times == most and cover[first[at]] > covered):
                most, covered = times, cover[first[at]]
            follows = index + 1 < playing and active[index + 1] == at + 1
            if follows and count[first[at + 1]] > 1:
                active[kept] = at
                kept += 1
        shares[n - SHORTEST] = covered / max(reach[words], 1)
        playing = kept
        if playing == 0:
            break


@compiled
def characters_in(data: Any, start: int, end: int) -> int:
    """The number of Unicode characters in a range of bytes."""
    found = 0
    for at in range(start, end):
        found += (data[at] & 0xC0) != 0x80
    return found


@compiled
def has_letter(data: Any, start: int, end: int, classes: Any) -> bool:
    """Whether a word has a letter."""
    while start < end:
        code, start = decode(data, start)
        if LOWER <= classes[code] <= TRAIL and classes[code] not in (DIGIT, MARK):
            return True
    return False


@compiled
def is_bullet(code: Any) -> bool:
    """Whether a character opens an item of a list: * - and the bullets below."""
    if code < 0x2000:
        return code in (0x2A, 0x2D)
    if code < 0x25A0:
        return code in (0x2022, 0x2023, 0x2043, 0x204C, 0x204D)
    return code in (0x25A0, 0x25A1, 0x25AA, 0x25AB, 0x25B6, 0x25C0, 0x25CB, 0x25CF, 0x25E6)


@compiled
def between_words(data: Any, segments: Any, document: int, classes: Any) -> Any:
    """What stands between a document's words.

    Returns:
        numbers of hashes, ellipses (`...` and `…`), line feeds, curly brackets `{`, and runs
        between white space in which there is no word.
    """
    offsets, word_start, word_end, word_offsets = segments
    hashes = ellipses = newlines = brackets = symbols = 0
    at, stop = offsets[document], offsets[document + 1]
    word, words = word_offsets[document], word_offsets[document + 1]
    dots = 0
    is_symbol = False  # the run so far has something and no word
    is_attached = False  # the run has a word
    while at < stop:
        if word < words and at == word_start[word]:
            at = word_end[word]
            word += 1
            dots = 0
            is_symbol, is_attached = False, True
            continue
        code, at = decode(data, at)
        dots = dots + 1 if code == 0x2E else 0
        if dots == 3 or code == 0x2026:
            ellipses += 1
            dots = 0
        hashes += code == 0x23
        newlines += code == 0x0A
        brackets += code == 0x7B
        if classes[code] in (SPACE, NEWLINE):
            symbols += is_symbol
            is_symbol = is_attached = False
        elif not is_attached:
            is_symbol = True
    return hashes, ellipses, newlines, brackets, symbols + is_symbol


@compiled
def ends_sentence(data: Any, start: int, end: int, classes: Any) -> Any:
    """Whether a line ends in terminal punctuation of any script or in a quotation mark."""
    last = end - 1
    while last > start and data[last] & 0xC0 == 0x80:
        last -= 1
    code, _ = decode(data, last)
    char = classes[code]
    is_apostrophe = char == INNER_LETTER and code in (0x27, 0x2019, 0xFF07)
    return is_apostrophe or char in (FULL_STOP, TERMINAL_SPACED, TERMINAL, QUOTE)


@compiled
def ends_in_ellipsis(data: Any, start: int, end: int) -> Any:
    """Whether a line ends in `...` or `…`."""
    if end - start < 3:
        return False
    first, second, third = data[end - 3], data[end - 2], data[end - 1]
    if first == 0x2E:
        return second == 0x2E and third == 0x2E
    return first == 0xE2 and second == 0x80 and third == 0xA6


@compiled
def measure(texts: Any, words: Any, lines: Any, paragraphs: Any, tables: Any) -> Any:
    """Measure every document of a batch.

    Args:
        texts: data, offsets.
        words: start, end, hash, offsets.
        lines: start, end, offsets.
        paragraphs: start, end, offsets.
        tables: classes of the characters; hashes of `lorem`, `ipsum` and the stop words.

    Returns:
        float64[documents, 30], in the order of `curate.score.quality.MEASURED`.
    """
    data, offsets = texts
    classes, terms = tables
    word_start, word_end, word_hash, word_offsets = words
    line_start, line_end, line_offsets = lines
    paragraph_start, _, paragraph_offsets = paragraphs
    documents = len(offsets) - 1
    most_words = most_lines = 0
    for document in range(documents):
        most_words = max(most_words, word_offsets[document + 1] - word_offsets[document])
        most_lines = max(most_lines, line_offsets[document + 1] - line_offsets[document])
    size = 2
    while size < 2 * max(most_words, most_lines):
        size *= 2
    table = np.empty(size, np.int32)
    reach = np.zeros(most_words + 1, np.int32)
    scratch = (
        np.empty(most_words, np.uint64),
        np.empty(most_words, np.int32),
        np.empty(most_words, np.int32),
        np.empty(most_words, np.int32),
        np.empty(most_words, np.int32),
        np.empty(most_words, np.int32),
    )
    line_hash = np.empty(most_lines, np.uint64)
    line_length = np.empty(most_lines, np.int32)
    paragraph_hash = np.empty(most_lines, np.uint64)
    paragraph_length = np.empty(most_lines, np.int32)
    measured = np.zeros((documents, 30), np.float64)
    for document in range(documents):
        row = measured[document]
        first, last = word_offsets[document], word_offsets[document + 1]
        count = last - first
        alphabetic = stop_words = 0
        has_lorem_ipsum = False
        for word in range(first, last):
            start, end = word_start[word], word_end[word]
            reach[word - first + 1] = reach[word - first] + characters_in(data, start, end)
            alphabetic += has_letter(data, start, end, classes)
            if end - start < 5:
                for term in range(2, len(terms)):
                    if word_hash[word] == terms[term]:
                        stop_words |= 1 << term
            elif word > first and word_hash[word] == terms[1] and word_hash[word - 1] == terms[0]:
                has_lorem_ipsum = True
        distinct = 0
        for term in range(2, len(terms)):
            distinct += stop_words >> term & 1
        hashes, ellipses, newlines, brackets, symbols = between_words(
            data, (offsets, word_start, word_end, word_offsets), document, classes
        )

        begin, stop = line_offsets[document], line_offsets[document + 1]
        at_paragraph = paragraph_offsets[document]
        block = -1
        bullets = ended = cut_off = short = short_or_equal = 0
        for line in range(begin, stop):
            start, end = line_start[line], line_end[line]
            state = _SEED
            for at in range(start, end):
                state = (state ^ np.uint64(data[at])) * _FACTOR
                state ^= state >> _HALF
            length = characters_in(data, start, end)
            line_hash[line - begin], line_length[line - begin] = state, length
            bullets += is_bullet(decode(data, start)[0])
            ended += ends_sentence(data, start, end, classes)
            cut_off += ends_in_ellipsis(data, start, end)
            short += length < SHORT_LINE
            short_or_equal += length <= SHORT_LINE
            if at_paragraph < paragraph_offsets[document + 1] and (
                start == paragraph_start[at_paragraph]
            ):
                at_paragraph += 1
                block += 1
                paragraph_hash[block], paragraph_length[block] = _SEED, 0
            paragraph_hash[block] = (paragraph_hash[block] ^ state) * _FACTOR
            paragraph_hash[block] ^= paragraph_hash[block] >> _HALF
            paragraph_length[block] += length

        found = stop - begin
        row[0] = characters_in(data, offsets[document], offsets[document + 1])
        row[1] = count
        row[2] = found
        row[3] = block + 1
        row[4] = distinct
        row[5] = reach[count] / max(count, 1)
        row[6] = hashes / max(count, 1)
        row[7] = ellipses / max(count, 1)
        row[8] = newlines / max(count, 1)
        row[9] = alphabetic / max(count + symbols, 1)
        row[10] = bullets / max(found, 1)
        row[11] = cut_off / max(found, 1)
        row[12] = ended / max(found, 1)
        row[13] = short / max(found, 1)
        row[14] = short_or_equal / max(found, 1)
        row[15] = has_lorem_ipsum
        row[16] = brackets > 0
        row[17], row[18] = repeats(line_hash[:found], line_length, table)
        row[19], row[20] = repeats(paragraph_hash[: block + 1], paragraph_length, table)
        repeated_ngrams(word_hash[first:last], reach[: count + 1], scratch, table, row[21:30])
    return measured
