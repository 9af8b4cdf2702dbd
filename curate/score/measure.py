"""The compiled measurements behind `curate.score.quality`, whose docstring defines them.

One pass over the words, one over the lines (which looks only at what stands between words, and
into the words that hold a capital or a digit), one over the n-grams. Imported late: numba is dear
to import.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop carries the state of all its measurements
# ruff: noqa: PLR2004 - code points and the limits of published rules are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.score.repetition import NGRAM_VALUES, repeats, table_size, word_ngrams
from curate.text.characters import (
    DIGIT,
    FULL_STOP,
    HIRAGANA,
    IDEOGRAPH,
    INNER_LETTER,
    KATAKANA,
    LEAD,
    LETTER,
    LOWER,
    MARK,
    NEWLINE,
    QUOTE,
    SPACE,
    STACKER,
    TERMINAL,
    TERMINAL_SPACED,
    TRAIL,
    UNSPACED,
    UPPER,
)
from curate.text.cut import compiled, decode

LETTERS = (LOWER, UPPER, LETTER, IDEOGRAPH, HIRAGANA, KATAKANA, UNSPACED, LEAD, TRAIL)
# Words that rules name: a term is its place here; 0 is no term, the first eight are stop words.
TERMS: tuple[str, ...] = ("", "the", "be", "to", "of", "and", "that", "have", "with")
TERMS += ("lorem", "ipsum", "javascript", "terms", "use", "uses", "privacy", "policy", "cookie")
TERMS += ("cookies", "items", "in", "cart", "read", "more", "sign", "http", "https", "www")
TERMS += ("likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes")
TERMS += ("downvotes", "downloads", "views", "followers")  # counters, the last ones
TERM_SLOTS = 1024
COUNTED_LENGTH = 1000  # a run of characters is counted as at most so long in the median

_OF, _STOP_WORDS = TERMS.index("of"), 8
_LOREM, _IPSUM, _JAVASCRIPT = TERMS.index("lorem"), TERMS.index("ipsum"), TERMS.index("javascript")
_TERMS, _USE, _USES = TERMS.index("terms"), TERMS.index("use"), TERMS.index("uses")
_PRIVACY, _POLICY = TERMS.index("privacy"), TERMS.index("policy")
_COOKIE, _COOKIES = TERMS.index("cookie"), TERMS.index("cookies")
_ITEMS, _IN, _CART = TERMS.index("items"), TERMS.index("in"), TERMS.index("cart")
_READ, _MORE, _SIGN = TERMS.index("read"), TERMS.index("more"), TERMS.index("sign")
_HTTP, _HTTPS, _WWW = TERMS.index("http"), TERMS.index("https"), TERMS.index("www")
_LIKES = TERMS.index("likes")

_LETTER_BITS = np.uint32(sum(1 << kind for kind in LETTERS))
_UPPER_BIT, _LOWER_BIT, _DIGIT_BIT = np.uint32(1 << UPPER), np.uint32(1 << LOWER), 1 << DIGIT
_CASED_BITS = np.uint32(1 << UPPER | 1 << LOWER)

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SEED = np.uint64(0x9AE16A3B2F90404F)
_HALF = np.uint64(32)
_BYTE = np.uint64(8)

# Places in the row of a document; `curate.score.quality.MEASURED` names them in this order.
_WORDS, _SPACED, _LINES, _REPEATS, _NGRAMS = 0, 20, 28, 49, 57
VALUES = _NGRAMS + NGRAM_VALUES + 3


@compiled
def term_of(key: Any, slots: Any, hashes: Any) -> Any:
    """The term that has a hash; 0 where none has."""
    slot = np.int64(key & np.uint64(TERM_SLOTS - 1))
    while slots[slot] != 0:
        if hashes[slots[slot]] == key:
            return np.int64(slots[slot])
        slot = (slot + 1) & (TERM_SLOTS - 1)
    return 0


@compiled
def median_of(histogram: Any, count: int) -> Any:
    """The median of the lengths in a histogram; 0 where there are none."""
    if count == 0:
        return 0.0
    low_rank, high_rank = (count - 1) // 2, count // 2
    seen = 0
    low = -1
    for length in range(len(histogram)):
        seen += histogram[length]
        if low < 0 and seen > low_rank:
            low = length
        if seen > high_rank:
            return (low + length) / 2
    return 0.0


@compiled
def is_bullet(code: Any) -> bool:
    """Whether a character opens an item of a list: * - and the bullets below."""
    if code < 0x2000:
        return code in (0x2A, 0x2D)
    if code < 0x25A0:
        return code in (0x2022, 0x2023, 0x2043, 0x204C, 0x204D)
    return code in (0x25A0, 0x25A1, 0x25AA, 0x25AB, 0x25B6, 0x25C0, 0x25CB, 0x25CF, 0x25E6)


@compiled
def is_redpajama_bullet(code: Any) -> bool:
    """The bullets of RedPajama's list, the en dash among them and without * and -."""
    if code < 0x25A0:
        return code in (0x2013, 0x2022, 0x2023)
    return code in (0x25A0, 0x25A1, 0x25AA, 0x25AB, 0x25B6, 0x25C0, 0x25E6)


@compiled
def is_terminal(code: Any, char: Any) -> bool:
    """Whether a line's last character is terminal punctuation of any script or closes a quote."""
    if char == INNER_LETTER:
        return code in (0x27, 0x2019, 0xFF07)
    return char in (FULL_STOP, TERMINAL_SPACED, TERMINAL, QUOTE)


@compiled
def hash_of(data: Any, start: int, end: int) -> Any:
    """The hash of a range of bytes, eight at a time."""
    state = _SEED ^ np.uint64(end - start)
    at = start
    while at + 8 <= end:
        block = np.uint64(0)
        for place in range(8):
            block |= np.uint64(data[at + place]) << (_BYTE * np.uint64(place))
        state = (state ^ block) * _FACTOR
        state ^= state >> _HALF
        at += 8
    block = np.uint64(0)
    while at < end:
        block = block << _BYTE | np.uint64(data[at])
        at += 1
    state = (state ^ block) * _FACTOR
    return state ^ (state >> _HALF)


@compiled
def is_counter(data: Any, start: int, end: int, gap_end: int) -> bool:
    """Whether a word is a number as counters write it, parted by white space from the next one."""
    if not 0x30 <= data[start] <= 0x39:
        return False
    last = end - 1
    if data[last] in (0x4B, 0x6B, 0x4D, 0x6D, 0x42, 0x62):  # K M B
        last -= 1
    for at in range(start, last + 1):
        if not (0x30 <= data[at] <= 0x39 or data[at] in (0x2C, 0x2E)):
            return False
    has_space = False
    for at in range(end, gap_end):
        if data[at] in (0x20, 0x09):
            has_space = True
        elif has_space or data[at] not in (0x2C, 0x2E):
            return False
    return has_space


@compiled
def capitals_and_digits(data: Any, start: int, end: int, classes: Any) -> Any:
    """How many characters of a word are upper-case letters, and how many are digits."""
    upper = digits = 0
    while start < end:
        code, start = decode(data, start)
        upper += classes[code] == UPPER
        digits += classes[code] == DIGIT
    return upper, digits


@compiled
def measure_words(words: Any, document: int, terms: Any, scratch: Any, row: Any) -> Any:
    """What a document's words are, and the terms among them.

    Fills `scratch`: reach (characters before each word), the term of each word, and a histogram.
    Returns the number of words with a letter.
    """
    _, _, hashes, lengths, kinds, offsets = words
    slots, term_hashes = terms
    reach, term, histogram = scratch
    first, last = offsets[document], offsets[document + 1]
    histogram[:] = 0
    stop_words = occurrences = capitals = longest = pairs = javascript = alphabetic = 0
    reach[0] = 0
    before = 0
    for word in range(first, last):
        place = word - first
        length = lengths[word]
        reach[place + 1] = reach[place] + length
        longest = max(longest, length)
        histogram[min(length, COUNTED_LENGTH)] += 1
        kind = kinds[word]
        alphabetic += (kind & _LETTER_BITS) != 0
        capitals += kind & _CASED_BITS == _UPPER_BIT
        found = term_of(hashes[word], slots, term_hashes)
        term[place] = found
        if found != 0:
            if found <= _STOP_WORDS:
                stop_words |= 1 << found
                occurrences += 1
            pairs += found == _IPSUM and before == _LOREM
            javascript += found == _JAVASCRIPT
        before = found
    count = last - first
    distinct = 0
    for found in range(1, _STOP_WORDS + 1):
        distinct += stop_words >> found & 1
    row[0] = count
    row[1] = distinct
    row[2] = occurrences
    row[3] = reach[count] / max(count, 1)
    row[4] = median_of(histogram, count)
    row[5] = longest
    row[6] = capitals / max(count, 1)
    row[7] = pairs > 0
    row[8] = pairs  # per character below
    row[9] = javascript > 0
    return alphabetic


@compiled
def measure_lines(
    texts: Any, words: Any, lines: Any, sentences: Any, document: int, scratch: Any, row: Any
) -> Any:
    """What a document's lines are and hold between their words.

    Fills `scratch`: hash and characters of each line, and a histogram; `row` from `_SPACED` to
    `_REPEATS`. Returns numbers: hashes, ellipses, `{`, `{` and `}`, brackets, runs without a word,
    characters of addresses.
    """
    data, _, classes = texts
    word_start, word_end, _, word_length, kinds, word_offsets = words
    line_start, line_end, line_offsets = lines
    sentence_start, sentence_offsets = sentences
    term, line_hash, line_length, histogram = scratch
    histogram[:] = 0
    first, word = word_offsets[document], word_offsets[document]
    last_word = word_offsets[document + 1]
    sentence, last_sentence = sentence_offsets[document], sentence_offsets[document + 1]
    begin, stop = line_offsets[document], line_offsets[document + 1]
    hashes = ellipses = opened = curly = brackets = symbols = address = 0
    runs = run_characters = alphabetic_runs = symbol_runs = 0
    bullets = star_bullets = pajama_bullets = cut_off = cut_off_by_sign = 0
    ended = pajama_ended = short = short_or_equal = long = longest = 0
    upper_lines = numeric_lines = script_lines = single_lines = 0
    corrected = c4_lines = c4_sentences = 0
    for line in range(begin, stop):
        start, end = line_start[line], line_end[line]
        line_first = word
        length = line_runs = upper = digits = 0
        run_length = url_from = -1  # of the open run; -1: none is open
        has_word = has_letter = has_symbol = has_long_run = False
        dots = 0
        code: Any = 0
        char: Any = 0  # of the last character, 0 where it stands in a word
        at = start
        while True:
            if at < end and word < last_word and at == word_start[word]:
                kind = kinds[word]
                if kind & (_UPPER_BIT | _DIGIT_BIT) != 0:
                    more_upper, more_digits = capitals_and_digits(data, at, word_end[word], classes)
                    upper += more_upper
                    digits += more_digits
                if run_length < 0:
                    run_length, url_from = 0, -1
                    has_word = has_letter = has_symbol = False
                has_word = True
                has_letter = has_letter or kind & _LETTER_BITS != 0
                found = term[word - first]
                if found >= _HTTP and url_from < 0 and found <= _WWW:
                    rest = word_end[word]
                    if found == _WWW:
                        is_url = rest < end and data[rest] == 0x2E
                    else:
                        is_url = rest + 2 < end and data[rest] == 0x3A
                        is_url = is_url and data[rest + 1] == 0x2F and data[rest + 2] == 0x2F
                    if is_url:
                        url_from = run_length
                run_length += word_length[word]
                length += word_length[word]
                at = word_end[word]
                word += 1
                dots = 0
                code = char = 0
                continue
            is_end = at == end
            is_blank = is_end
            if not is_end:
                code, at = decode(data, at)
                char = np.int64(classes[code])
                length += 1
                is_blank = char in (SPACE, NEWLINE)  # a line break in a line is none to it
            if is_blank:
                if run_length >= 0:
                    line_runs += 1
                    run_characters += run_length
                    histogram[min(run_length, COUNTED_LENGTH)] += 1
                    has_long_run = has_long_run or run_length > 1000
                    alphabetic_runs += has_letter
                    symbol_runs += has_symbol
                    symbols += not has_word
                    if url_from >= 0:
                        address += run_length - url_from
                    run_length = -1
                dots = 0
                if is_end:
                    break
                continue
            if run_length < 0:
                run_length, url_from = 0, -1
                has_word = has_letter = has_symbol = False
            run_length += 1
            upper += char == UPPER
            digits += char == DIGIT
            dots = dots + 1 if code == 0x2E else 0
            if dots == 3 or code == 0x2026:
                ellipses += 1
                dots = 0
            if code == 0x23:
                hashes += 1
                has_symbol = True
            elif code == 0x2026:
                has_symbol = True
            elif code in (0x28, 0x29, 0x5B, 0x5D):
                brackets += 1
            elif code in (0x7B, 0x7D):
                brackets += 1
                curly += 1
                opened += code == 0x7B
        runs += line_runs
        line_hash[line - begin] = hash_of(data, start, end)
        line_length[line - begin] = length

        opening, _ = decode(data, start)
        bullets += is_bullet(opening)
        star_bullets += opening in (0x2A, 0x2D)
        pajama_bullets += is_redpajama_bullet(opening)
        # the line ends in a word where `char` is 0; no class of what ends a line is
        has_end = char != 0 and is_terminal(code, char)
        ended += has_end
        three_dots = end - start >= 3 and data[end - 1] == 0x2E
        three_dots = three_dots and data[end - 2] == 0x2E and data[end - 3] == 0x2E
        cut_off += three_dots or code == 0x2026
        cut_off_by_sign += code == 0x2026
        pajama_ended += char != 0 and code in (0x2E, 0x21, 0x3F, 0x201D)
        short += length < 30
        short_or_equal += length <= 30
        long += length >= 200
        longest = max(longest, length)
        is_upper = 2 * upper > length
        is_numeric = digits == length
        upper_lines += is_upper
        numeric_lines += is_numeric
        single_lines += line_runs < 2

        has_script = has_policy = False
        edited = 0
        for place in range(line_first, word):
            found = term[place - first]
            if found < _JAVASCRIPT:
                continue
            rest = word - place
            second = term[place - first + 1] if rest > 1 else 0
            third = term[place - first + 2] if rest > 2 else 0
            has_script = has_script or found == _JAVASCRIPT
            if found in (_PRIVACY, _COOKIE):
                has_policy = has_policy or second == _POLICY
            elif found == _TERMS:
                has_policy = has_policy or (second == _OF and third == _USE)
            elif found == _USES:
                has_policy = has_policy or second == _COOKIES
            elif found == _USE:
                has_policy = has_policy or second == _COOKIES
                has_policy = has_policy or (second == _OF and third == _COOKIES)
            elif found == _ITEMS:
                edited += 3 * (second == _IN and third == _CART)
            elif found == _READ:
                is_last = second == _MORE and rest == 2
                edited += 2 * (is_last and (three_dots or code == 0x2026))
            elif found == _SIGN:
                is_first = place == line_first and word_start[place] == start and second == _IN
                edited += 2 * (is_first and data[word_end[place]] == 0x2D)
        script_lines += has_script
        in_line = word - line_first
        is_count = in_line == 2 and term[line_first + 1 - first] >= _LIKES
        is_count = is_count and is_counter(
            data, word_start[line_first], word_end[line_first], word_start[line_first + 1]
        )
        if is_upper or is_numeric or is_count or line_runs < 2:
            corrected += in_line
        elif line_runs <= 10:
            corrected += edited
        in_c4 = char != 0 and code in (0x2E, 0x21, 0x3F, 0x22) and not three_dots
        in_c4 = in_c4 and line_runs >= 3 and not has_long_run and not has_script and not has_policy
        c4_lines += in_c4
        while sentence < last_sentence and sentence_start[sentence] < end:
            c4_sentences += in_c4
            sentence += 1

    found = stop - begin
    some = max(found, 1)
    words_or_one = max(last_word - first, 1)
    at = _SPACED
    row[at] = runs
    row[at + 1] = run_characters / max(runs, 1)
    row[at + 2] = median_of(histogram, runs)
    row[at + 3] = alphabetic_runs / max(runs, 1)
    row[at + 4] = symbol_runs / max(runs, 1)
    row[at + 5] = (hashes + ellipses) / max(runs, 1)
    row[at + 6] = corrected / words_or_one
    row[at + 7] = c4_sentences
    at = _LINES
    row[at] = found
    row[at + 1] = bullets / some
    row[at + 2] = star_bullets / some
    row[at + 3] = pajama_bullets / some
    row[at + 4] = cut_off / some
    row[at + 5] = cut_off_by_sign / some
    row[at + 6] = ended / some
    row[at + 7] = pajama_ended / some
    row[at + 8] = short / some
    row[at + 9] = short_or_equal / some
    row[at + 10] = long
    row[at + 11] = longest
    row[at + 12] = (last_word - first) / some
    row[at + 13] = upper_lines / some
    row[at + 14] = numeric_lines / some
    row[at + 15] = single_lines / some
    row[at + 16] = script_lines / some
    row[at + 17] = c4_lines / some
    row[at + 18] = hashes / words_or_one
    row[at + 19] = ellipses / words_or_one
    row[at + 20] = opened > 0
    return curly, brackets, symbols, address


@compiled
def measure(
    texts: Any, words: Any, lines: Any, paragraphs: Any, sentences: Any, counts: Any, terms: Any
) -> Any:
    """Measure every document of a batch.

    Args:
        texts: data, offsets, classes of the characters.
        words: start, end, hash, length, classes, offsets.
        lines: start, end, offsets.
        paragraphs: start, offsets.
        sentences: start, offsets.
        counts: int64[documents, classes]: characters of each class.
        terms: uint8[TERM_SLOTS]: a hash table of `TERMS`; uint64: their hashes.

    Returns:
        float64[documents, VALUES], in the order of `curate.score.quality.MEASURED`.
    """
    data, offsets, _ = texts
    _, _, word_hash, _, _, word_offsets = words
    line_start, _, line_offsets = lines
    paragraph_start, paragraph_offsets = paragraphs
    documents = len(offsets) - 1
    most_words = most_lines = 0
    for document in range(documents):
        most_words = max(most_words, word_offsets[document + 1] - word_offsets[document])
        most_lines = max(most_lines, line_offsets[document + 1] - line_offsets[document])
    table = np.empty(table_size(max(most_words, most_lines)), np.int32)
    reach = np.zeros(most_words + 1, np.int32)
    histogram = np.zeros(COUNTED_LENGTH + 1, np.int32)
    cover = np.empty(most_words, np.int32)
    term = cover.view(np.uint8)  # which is done with before n-grams are counted
    scratch = (
        np.empty(most_words, np.uint64),
        np.empty(most_words, np.int32),
        cover,
        np.empty(most_words, np.int32),
    )
    line_hash = np.empty(most_lines, np.uint64)
    line_length = np.empty(most_lines, np.int32)
    line_count = np.empty(most_lines, np.int32)
    paragraph_hash = np.empty(most_lines, np.uint64)
    paragraph_length = np.empty(most_lines, np.int32)
    measured = np.zeros((documents, VALUES), np.float64)
    for document in range(documents):
        row = measured[document]
        first, last = word_offsets[document], word_offsets[document + 1]
        count = last - first
        words_or_one = max(count, 1)
        alphabetic = measure_words(words, document, terms, (reach, term, histogram), row)
        curly, brackets, symbols, address = measure_lines(
            texts,
            words,
            lines,
            sentences,
            document,
            (term, line_hash, line_length, histogram),
            row,
        )
        begin, stop = line_offsets[document], line_offsets[document + 1]
        at_paragraph, last_paragraph = paragraph_offsets[document], paragraph_offsets[document + 1]
        block = -1
        characters = newlines = 0
        for line in range(begin, stop):
            if at_paragraph < last_paragraph and line_start[line] == paragraph_start[at_paragraph]:
                at_paragraph += 1
                block += 1
                paragraph_hash[block], paragraph_length[block] = _SEED, 0
            state = (paragraph_hash[block] ^ line_hash[line - begin]) * _FACTOR
            paragraph_hash[block] = state ^ (state >> _HALF)
            paragraph_length[block] += line_length[line - begin]
        at = offsets[document]
        for line in range(begin, stop + 1):  # line feeds stand between lines only
            gap_end = line_start[line] if line < stop else offsets[document + 1]
            for place in range(at, gap_end):
                newlines += data[place] == 0x0A
            if line < stop:
                at = lines[1][line]
        tally = counts[document]
        letters = 0
        for kind in LETTERS:
            letters += tally[kind]
        for kind in range(len(tally)):
            characters += tally[kind]
        whole = max(characters, 1)
        row[8] /= whole
        row[10] = characters
        row[11] = newlines / words_or_one
        row[12] = alphabetic / max(count + symbols, 1)
        row[13] = tally[DIGIT] / whole
        row[14] = tally[UPPER] / whole
        row[15] = (tally[SPACE] + tally[NEWLINE]) / whole
        named = letters + tally[MARK] + tally[STACKER]
        row[16] = (characters - named) / whole
        row[17] = brackets / whole
        row[18] = curly / whole
        row[19] = address / whole
        found = stop - begin
        at = _REPEATS
        row[at], row[at + 1], row[at + 2], row[at + 3] = repeats(
            line_hash[:found], line_length, table, line_count
        )
        row[at + 4], row[at + 5], row[at + 6], row[at + 7] = repeats(
            paragraph_hash[: block + 1], paragraph_length, table, line_count
        )
        distinct, entropy = word_ngrams(
            word_hash[first:last],
            reach[: count + 1],
            characters,
            scratch,
            table,
            row[_NGRAMS:],
        )
        row[VALUES - 3] = block + 1
        row[VALUES - 2] = distinct / words_or_one
        row[VALUES - 1] = entropy
    return measured
