"""Windows that texts share, against sets of all of them."""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from curate.duplicates.substrings import (
    Windows,
    cover,
    cut_words,
    find_anchors,
    find_windows,
    place_spans,
)

WORDS = st.lists(st.sampled_from(["a", "A", "b,", "猫", "don't", "🙂", "\n"]), max_size=25)
BATCHES = st.lists(st.one_of(WORDS.map(" ".join), texts), max_size=5)


def shared_windows(
    batch: list[str], least: int, salts: list[int] | None = None
) -> tuple[Windows, np.ndarray]:
    """The windows with anchors that two texts have, and which of them two texts have."""
    pieces = cut_words(pl.Series(batch, dtype=pl.String))
    salt = np.array(salts or [0] * len(batch), np.uint64)
    rows, hashes = find_anchors(pieces, least, salt)
    anchors = pl.DataFrame({"row": rows, "hash": hashes}).group_by("hash").agg(pl.n_unique("row"))
    common = anchors.filter(pl.col("row") > 1)["hash"].to_numpy()
    windows = find_windows(pieces, least, salt, common)
    frame = pl.DataFrame({"row": windows.documents, "high": windows.high, "low": windows.low})
    return windows, frame.select(pl.n_unique("row").over("high", "low") > 1).to_series().to_numpy()


def plain_windows(batch: list[str], least: int) -> dict[tuple[int, ...], set[tuple[int, int]]]:
    """Each window's places: text, and its first word in the batch."""
    pieces = cut_words(pl.Series(batch, dtype=pl.String))
    places = defaultdict(set)
    for row, (start, stop) in enumerate(
        zip(pieces.word_offsets[:-1], pieces.word_offsets[1:], strict=True)
    ):
        for at in range(start, stop - least + 1):
            places[tuple(pieces.hashes[at : at + least].tolist())].add((row, at))
    return places


@given(BATCHES, st.integers(1, 9))
def test_the_windows_found_are_those_that_two_texts_have(batch, least):
    windows, is_shared = shared_windows(batch, least)
    expected = {
        place
        for places in plain_windows(batch, least).values()
        if len({row for row, _ in places}) > 1
        for place in places
    }
    found = zip(windows.documents[is_shared], windows.words[is_shared], strict=True)
    assert {(int(row), int(word)) for row, word in found} == expected


@given(BATCHES, st.integers(1, 9))
def test_equal_windows_and_no_others_have_equal_hashes(batch, least):
    pieces = cut_words(pl.Series(batch, dtype=pl.String))
    salts = np.zeros(len(batch), np.uint64)
    every = find_windows(pieces, least, salts, find_anchors(pieces, least, salts)[1])
    by_hash = defaultdict(set)
    for row, word, *halves in zip(*(part.tolist() for part in every), strict=True):
        by_hash[tuple(halves)].add((row, word))
    plain = plain_windows(batch, least)
    assert sorted(map(sorted, by_hash.values())) == sorted(map(sorted, plain.values()))


@given(BATCHES, st.integers(1, 6))
def test_spans_cover_what_the_windows_cover(batch, least):
    pieces = cut_words(pl.Series(batch, dtype=pl.String))
    windows, chosen = shared_windows(batch, least)
    spans = cover(windows, chosen, least)
    covered = {at + n for at in windows.words[chosen].tolist() for n in range(least)}
    found = [set(range(a, b)) for a, b in zip(spans.first, spans.last, strict=True)]
    assert set().union(*found) == covered
    assert sum(map(len, found)) == len(covered)
    for word, span in zip(windows.words[chosen], spans.of_window, strict=True):
        assert spans.first[span] <= word <= spans.last[span] - least
    for row, start, end, first, last, words in place_spans(pieces, spans).iter_rows():
        text = batch[row]
        assert text.encode()[start:end].decode() == text[first:last]
        assert len(cut_words(pl.Series([text[first:last]])).hashes) == words


def test_marks_go_with_the_words_that_they_stand_at():
    batch = ["Ä one, “two three four”—five. (Six", "x. ”two three four!? Y", "Two THREE four"]
    pieces = cut_words(pl.Series(batch))
    spans = place_spans(pieces, cover(*shared_windows(batch, 3), 3))
    told = [batch[row][a:b] for row, _, _, a, b, _ in spans.iter_rows()]
    assert told == ["“two three four”—", "”two three four!?", "Two THREE four"]


def test_a_passage_of_the_least_length_is_found_and_a_shorter_one_is_not():
    own = [[f"{name}{n}" for n in range(300)] for name in "pqr"]
    passage = [f"common{n}" for n in range(50)]
    batch = [
        " ".join(own[0][:90] + passage + own[0][90:]),
        " ".join(own[1][:7] + passage + own[1][7:] + passage[:49]),
        " ".join(passage[1:] + own[2]),
    ]
    spans = cover(*shared_windows(batch, 50), 50)
    found = list(zip(spans.rows.tolist(), spans.first.tolist(), spans.last.tolist(), strict=True))
    assert found == [(0, 90, 140), (1, 357, 407)]


def test_texts_of_other_salts_share_nothing():
    batch = ["one two three four five"] * 3
    windows, is_shared = shared_windows(batch, 4, salts=[1, 2, 1])
    assert set(windows.documents[is_shared].tolist()) == {0, 2}


@pytest.mark.parametrize("least", [50, 500])
def test_anchors_are_few(least):
    source = np.random.default_rng(3)
    text = " ".join(f"w{n}" for n in source.integers(0, 2000, 100_000))
    pieces = cut_words(pl.Series([text]))
    _, hashes = find_anchors(pieces, least, np.zeros(1, np.uint64))
    assert len(hashes) / 100_000 < 4.2 / least


@pytest.mark.parametrize("unit", ["a ", "a b c d e f g "])
def test_a_huge_text_that_repeats_itself_takes_linear_time(unit):
    text = unit * (10_000_000 // len(unit))
    salts = np.zeros(2, np.uint64)
    began = time.process_time()
    pieces = cut_words(pl.Series([text, text[: 100 * len(unit)]]))
    rows, hashes = find_anchors(pieces, 50, salts)
    windows = find_windows(pieces, 50, salts, np.unique(hashes))
    assert time.process_time() - began < 20
    assert len(set(rows.tolist())) == 2
    assert len(hashes) <= 20
    spans = cover(windows, np.ones(len(windows.words), np.bool_), 50)
    assert spans.first.tolist() == [0, int(pieces.word_offsets[1])]
