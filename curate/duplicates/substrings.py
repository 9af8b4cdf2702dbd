"""Long passages that documents share word for word, sought without holding the corpus.

A **window** is a run of `least` words of a document, as `curate.text.segment` cuts words: case,
punctuation and white space do not count. A window is shared when another document has it too; a
word is shared when a shared window covers it. So a run of words that two documents share is found
when it has `least` words, and no shorter one is (Lee et al. 2022, arXiv 2107.06499, cut runs of 50
tokens in the same way, from a suffix array of the corpus).

1. Each window has an **anchor**: the least of the hashes of its runs of half as many words. Equal
   windows have equal anchors, and windows that follow one another mostly have the same, so that a
   text has about one in thirteen of its words (winnowing: Schleimer, Wilkerson and Aiken 2003).
2. Anchors that two documents have are told from the rest by counting.
3. The windows with such an anchor, and no others, are compared, by 128-bit hashes of their words'
   64-bit ones.

Two windows of different words are taken for equal with probability 2^-128 (for a given pair), or
when two different words have one 64-bit hash. That of anchors shapes nothing but the work.

Memory: about 80 bytes per word of the batch, and 32 per window with a shared anchor. Time is linear
in the words, whatever repeats. Imported late: numba is dear to import.
"""

# ruff: noqa: C901 - one loop over the runs looks to both sides of each

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.kernels import insert, mixed, table_size
from curate.duplicates.ngrams import count_characters
from curate.text import characters, cut
from curate.text.characters import NEWLINE, SPACE
from curate.text.cut import compiled, decode
from curate.text.segment import buffers

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_OTHER_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(29)


class Pieces(NamedTuple):
    """A batch of texts in words.

    Attributes:
        data: uint8: the bytes of all texts.
        offsets: int64[documents + 1]: into them.
        starts: int64[words]: a word's first byte.
        ends: int64[words]: the byte after its last.
        hashes: uint64[words].
        word_offsets: int64[documents + 1]: into the three before.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    word_offsets: NDArray[np.int64]


class Windows(NamedTuple):
    """Some windows of a batch, in order.

    Attributes:
        documents: int64: the row of a window's text.
        words: int64: its first word in the batch.
        high: uint64: the upper half of its hash.
        low: uint64: the lower half.
    """

    documents: NDArray[np.int64]
    words: NDArray[np.int64]
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]


def cut_words(text: pl.Series) -> Pieces:
    """The words of a batch of texts."""
    data, offsets = buffers(text)
    starts, ends, hashes, _, _, word_offsets, _ = cut.words(
        data, offsets, characters.classes(), characters.folding()
    )
    return Pieces(data, offsets, starts, ends, hashes, word_offsets)


def find_anchors(
    pieces: Pieces, least: int, salts: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The anchors of all windows, those that follow one another in a text without repeats.

    Args:
        pieces: the texts.
        least: words in a window.
        salts: uint64[documents]: texts with different ones share nothing.

    Returns:
        int64: the row of an anchor's text; uint64: its hash, which is never 0.
    """
    rows, hashes = _anchors(pieces.hashes, pieces.word_offsets, salts, *_widths(least))
    return rows, hashes


def find_windows(
    pieces: Pieces, least: int, salts: NDArray[np.uint64], anchors: NDArray[np.uint64]
) -> Windows:
    """The windows that have one of some anchors.

    Args:
        pieces: the texts.
        least: words in a window.
        salts: uint64[documents]: as for the anchors.
        anchors: their hashes.
    """
    table = np.zeros(table_size(len(anchors)), np.uint64)
    _fill(table, anchors)
    widths = _widths(least)
    return Windows(*_windows(pieces.hashes, pieces.word_offsets, salts, *widths, table))


def look_up(windows: Windows, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> Any:
    """Where each window lies in a sorted list of hashes, which are given by halves.

    Returns:
        int64[windows]: its place; -1 where it is not there.
    """
    return _look_up(windows.high, windows.low, high, low)


class Spans(NamedTuple):
    """Runs of words that windows cover; those of one text do not touch.

    Attributes:
        rows: int64: of the texts.
        first: int64: a run's first word in the batch.
        last: int64: the word after its last.
        of_window: int64: for each window that covers, in order, its run.
    """

    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    of_window: NDArray[np.int64]


def cover(windows: Windows, chosen: NDArray[np.bool_], least: int) -> Spans:
    """The runs of words that some windows cover.

    Args:
        windows: in order.
        chosen: for each window whether it counts.
        least: words in a window.
    """
    words, rows = windows.words[chosen], windows.documents[chosen]
    begins = np.ones(len(words), np.bool_)
    begins[1:] = (words[1:] > words[:-1] + least) | (rows[1:] != rows[:-1])
    at = np.flatnonzero(begins)
    last = words[np.append(at[1:], len(words)) - 1] + least if len(words) else words
    return Spans(rows[at], words[at], last, np.cumsum(begins) - 1)


def place_spans(pieces: Pieces, spans: Spans) -> pl.DataFrame:
    """Where runs of words lie in their texts, with the marks that stand at their ends.

    Marks after the last word belong to it up to white space or the next word; marks before the
    first one belong to it where white space, or nothing, stands before them.

    Returns:
        In the order of the spans: `row`, `start` and `end` (bytes from the text's begin),
        `start_character` and `end_character` (the same in Unicode code points), and `words`.
    """
    begins = pieces.offsets[spans.rows]
    starts, ends = _places(*pieces, characters.classes(), spans.first, spans.last)
    places = np.column_stack([starts, ends]).ravel()  # each counted from the one before
    before = np.roll(places, 1)
    before[0::2] = np.where(spans.rows == np.roll(spans.rows, 1), before[0::2], begins)
    before[:1] = begins[:1]
    counted = pl.DataFrame(
        {"row": np.repeat(spans.rows, 2), "n": count_characters(pieces.data, before, places)}
    )
    at = counted.select(pl.col("n").cum_sum().over("row")).to_series().to_numpy()
    return pl.DataFrame(
        {
            "row": spans.rows,
            "start": starts - begins,
            "end": ends - begins,
            "start_character": at[0::2],
            "end_character": at[1::2],
            "words": spans.last - spans.first,
        }
    )


def _widths(least: int) -> tuple[int, int]:
    """Words in the runs of which an anchor is the least, and how many of these a window has."""
    width = (least + 1) // 2
    return width, least - width + 1


@compiled
def _fill(table: Any, anchors: Any) -> None:
    mask = np.uint64(len(table) - 1)
    for anchor in anchors:
        insert(table, mask, anchor)


@compiled
def _holds(table: Any, item: Any) -> bool:
    mask = np.uint64(len(table) - 1)
    place = item & mask
    while table[place] != 0:
        if table[place] == item:
            return True
        place = (place + np.uint64(1)) & mask
    return False


@compiled
def _leaving(width: int) -> Any:
    """The factor of a word when the run has moved past it."""
    factor = np.uint64(1)
    for _ in range(width):
        factor *= _FACTOR
    return factor


@compiled
def _minima(
    words: Any, salt: Any, width: int, runs: int, queue_at: Any, queue_hash: Any, found: Any
) -> None:
    """The anchor of each window of a text into `found`; the queue's hashes rise to its end."""
    mask = len(queue_at) - 1
    leaving = _leaving(width)
    state = np.uint64(0)
    head = tail = 0
    for at in range(len(words)):
        state = state * _FACTOR + words[at]
        if at >= width:
            state -= leaving * words[at - width]
        run = at - width + 1
        if run < 0:
            continue
        value = max(mixed(state ^ salt), np.uint64(1))
        while tail > head and queue_hash[(tail - 1) & mask] >= value:
            tail -= 1
        queue_at[tail & mask] = run
        queue_hash[tail & mask] = value
        tail += 1
        if queue_at[head & mask] <= run - runs:
            head += 1
        if run >= runs - 1:
            found[run - runs + 1] = queue_hash[head & mask]


@compiled
def _longest(word_offsets: Any) -> int:
    longest = 0
    for document in range(len(word_offsets) - 1):
        longest = max(longest, word_offsets[document + 1] - word_offsets[document])
    return longest


@compiled
def _anchors(words: Any, word_offsets: Any, salts: Any, width: int, runs: int) -> Any:
    least = width + runs - 1
    queue_at = np.empty(table_size(runs), np.int64)
    queue_hash = np.empty(table_size(runs), np.uint64)
    minima = np.empty(_longest(word_offsets), np.uint64)
    rows = np.empty(len(words), np.int64)
    found = np.empty(len(words), np.uint64)
    count = 0
    for document in range(len(word_offsets) - 1):
        mine = words[word_offsets[document] : word_offsets[document + 1]]
        if len(mine) < least:
            continue
        _minima(mine, salts[document], width, runs, queue_at, queue_hash, minima)
        former = np.uint64(0)
        for window in range(len(mine) - least + 1):
            if minima[window] != former:
                former = minima[window]
                rows[count], found[count] = document, former
                count += 1
    return rows[:count], found[:count]


@compiled
def _windows(words: Any, word_offsets: Any, salts: Any, width: int, runs: int, table: Any) -> Any:
    least = width + runs - 1
    queue_at = np.empty(table_size(runs), np.int64)
    queue_hash = np.empty(table_size(runs), np.uint64)
    minima = np.empty(_longest(word_offsets), np.uint64)
    documents = np.empty(len(words), np.int64)
    firsts = np.empty(len(words), np.int64)
    highs = np.empty(len(words), np.uint64)
    lows = np.empty(len(words), np.uint64)
    leaving = _leaving(least)
    count = 0
    for document in range(len(word_offsets) - 1):
        first = word_offsets[document]
        mine = words[first : word_offsets[document + 1]]
        if len(mine) < least:
            continue
        salt = salts[document]
        _minima(mine, salt, width, runs, queue_at, queue_hash, minima)
        former = np.uint64(0)
        is_held = False
        before = count
        for window in range(len(mine) - least + 1):
            if minima[window] != former:
                former = minima[window]
                is_held = _holds(table, former)
            if is_held:
                documents[count] = document
                firsts[count] = window
                count += 1
        if count == before:
            continue
        one = two = np.uint64(0)
        to = before
        for at in range(len(mine)):
            one = one * _FACTOR + mine[at]
            two = two * _FACTOR + (mine[at] ^ (mine[at] >> _SHIFT)) * _OTHER_FACTOR
            if at >= least:
                past = mine[at - least]
                one -= leaving * past
                two -= leaving * ((past ^ (past >> _SHIFT)) * _OTHER_FACTOR)
            if to < count and firsts[to] == at - least + 1:
                highs[to] = mixed(one ^ salt)
                lows[to] = mixed(two + salt)
                firsts[to] += first
                to += 1
    return documents[:count], firsts[:count], highs[:count], lows[:count]


@compiled
def _look_up(highs: Any, lows: Any, high: Any, low: Any) -> Any:
    places = np.full(len(highs), -1)
    for window in range(len(highs)):
        begin, stop = 0, len(high)
        while begin < stop:
            middle = (begin + stop) // 2
            if high[middle] < highs[window] or (
                high[middle] == highs[window] and low[middle] < lows[window]
            ):
                begin = middle + 1
            else:
                stop = middle
        if begin < len(high) and high[begin] == highs[window] and low[begin] == lows[window]:
            places[window] = begin
    return places


@compiled
def _places(
    data: Any,
    offsets: Any,
    starts: Any,
    ends: Any,
    hashes: Any,  # noqa: ARG001  # one of the fields of `Pieces`
    word_offsets: Any,
    classes: Any,
    first: Any,
    last: Any,
) -> Any:
    begins, stops = np.empty(len(first), np.int64), np.empty(len(first), np.int64)
    document = 0
    for span in range(len(first)):
        while word_offsets[document + 1] <= first[span]:
            document += 1
        bound = offsets[document + 1]
        if last[span] < word_offsets[document + 1]:
            bound = starts[last[span]]
        at = ends[last[span] - 1]
        while at < bound:
            code, after = decode(data, at)
            if classes[code] in (SPACE, NEWLINE):
                break
            at = after
        stops[span] = at
        bound = offsets[document]
        if first[span] > word_offsets[document]:
            bound = ends[first[span] - 1]
        begin = at = starts[first[span]]
        while at > bound:
            before = at - 1
            while data[before] & 0xC0 == 0x80:  # noqa: PLR2004  # inside a character
                before -= 1
            if classes[decode(data, before)[0]] in (SPACE, NEWLINE):
                break
            at = before
        if at > bound or bound == offsets[document]:
            begin = at
        begins[span] = begin
    return begins, stops
