from __future__ import annotations

import pickle

import datasketch
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates import kernels
from curate.duplicates.signatures import Signatures
from curate.errors import ComponentError
from curate.recipe import DuplicatesSection
from curate.schema import conform
from curate.text.segment import segment

SECTION = DuplicatesSection(bands=8, rows=4)
WORDS = st.sampled_from(
    ["a", "b", "C", "déjà", "猫", "3.14", "don't", "x\u00ad", "🙂", "...", "\n"]
)
TEXTS = st.lists(WORDS, max_size=30).map(" ".join)


def measure(*texts: str | None, section: DuplicatesSection = SECTION) -> pl.DataFrame:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    return conform(Signatures(section)(frame), "signatures")


def slow_shingles(text: str, words: int) -> set[tuple[int, ...]]:
    hashes = segment(pl.Series([text])).word_hash.tolist()
    width = min(words, len(hashes))
    return {tuple(hashes[i : i + width]) for i in range(len(hashes) - width + 1)} - {()}


@pytest.mark.parametrize("scheme", ["affine32", "legacy"])
@settings(deadline=None, max_examples=50)
@given(
    sets=st.lists(st.sets(st.integers(1, 2**64 - 1), max_size=40), min_size=1, max_size=4),
    size=st.integers(1, 40),
)
def test_minima_equal_those_of_datasketch_bit_for_bit(scheme, sets, size):
    shingles = np.array([item for one in sets for item in sorted(one)], np.uint64)
    offsets = np.cumsum([0, *map(len, sets)])
    found = kernels.minima(shingles, offsets, size, scheme)
    for row, items in zip(found, sets, strict=True):
        reference = datasketch.MinHash(
            num_perm=size, seed=1, scheme=scheme, hashfunc=lambda item: item & 0xFFFFFFFF
        )
        reference.update_batch(items)
        assert row.tolist() == reference.hashvalues.tolist()


def test_minima_of_more_shingles_than_a_tile_equal_those_of_datasketch():
    shingles = np.random.default_rng(3).integers(1, 2**64, 5000, np.uint64)
    found = kernels.minima(shingles, np.array([0, 5000]), 16, "affine32")
    reference = datasketch.MinHash(16, hashfunc=lambda item: int(item) & 0xFFFFFFFF)
    reference.update_batch(shingles)
    assert found[0].tolist() == reference.hashvalues.tolist()


def test_a_signature_opens_in_datasketch():
    near = "the quick brown fox jumps over the lazy dog and runs away into the dark wood"
    frame = measure(near, near + " again", section=DuplicatesSection())
    one, other = (
        datasketch.MinHash(hashvalues=np.frombuffer(row, "<u4"), scheme="affine32")
        for row in frame["signature"]
    )
    assert one.jaccard(other) == pytest.approx(11 / 12, abs=0.12)


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5), words=st.integers(1, 7))
def test_shingles_are_those_of_plain_sets(texts, words):
    section = DuplicatesSection(shingle_words=words, bands=2, rows=2)
    frame = measure(*texts, section=section)
    assert frame["shingles"].to_list() == [len(slow_shingles(text, words)) for text in texts]


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(["a ", "bé ", "猫", "ก", "カナ、"]), max_size=15).map("".join),
        min_size=1,
        max_size=4,
    ),
    words=st.integers(1, 6),
    characters=st.integers(1, 6),
)
def test_shingles_that_begin_in_a_script_without_spaces_have_their_own_width(
    texts, words, characters
):
    section = DuplicatesSection(shingle_words=words, shingle_characters=characters)
    shingles, offsets = kernels.cut_shingles(pl.Series(texts), section)[2:]
    for place, text in enumerate(texts):
        hashes = segment(pl.Series([text])).word_hash.tolist()
        folded = [(word, word in slow_characters()) for word in hashes]
        expected = set()
        for at, (_, is_character) in enumerate(folded):
            width = characters if is_character else words
            if at + width <= len(hashes):
                expected.add(tuple(hashes[at : at + width]))
        expected = expected or ({tuple(hashes)} - {()})
        mine = shingles[offsets[place] : offsets[place + 1]].tolist()
        assert len(set(mine)) == len(mine) == len(expected)
    cut = kernels.cut_shingles(pl.Series(texts), DuplicatesSection(shingle_words=words))
    of_one = kernels.shingle_sets_of_two_widths(
        cut[0], np.ones(len(cut[0]), np.bool_), cut[1], 9, words
    )
    assert [some.tolist() for some in of_one] == [some.tolist() for some in cut[2:]]


def slow_characters() -> set[int]:
    return set(segment(pl.Series(["猫ก カナ"])).word_hash.tolist())


def test_a_changed_character_of_chinese_costs_as_many_shingles_as_one_has_characters():
    text = "".join(chr(0x4E00 + number) for number in range(40))
    texts = [text, text.replace(text[20], "猫"), "one two three four five six seven"]
    for characters, expected in ((None, [36, 36, 3]), (2, [39, 39, 3])):
        section = DuplicatesSection(shingle_characters=characters)
        assert measure(*texts, section=section)["shingles"].to_list() == expected
        one, other = (set(some.tolist()) for some in split_shingles(texts[:2], section))
        assert len(one - other) == (characters or 5)


def split_shingles(texts: list[str], section: DuplicatesSection) -> list[np.ndarray]:
    shingles, offsets = kernels.cut_shingles(pl.Series(texts), section)[2:]
    return np.split(shingles, offsets[1:-1])


@settings(deadline=None, max_examples=100)
@given(one=TEXTS, other=TEXTS)
def test_two_texts_have_one_hash_exactly_when_their_words_are_equal(one, other):
    words = [segment(pl.Series([text])).word_hash.tolist() for text in (one, other)]
    hashes = measure(one, other)["text_hash"]
    if words[0] or words[1]:
        assert (hashes[0] == hashes[1]) == (words[0] == words[1])
    else:
        assert (hashes[0] == hashes[1]) == (one.strip() == other.strip())


@settings(deadline=None, max_examples=30)
@given(texts=st.lists(TEXTS, min_size=1, max_size=8), cut=st.integers(0, 8))
def test_values_do_not_depend_on_the_batch(texts, cut):
    whole = measure(*texts)
    parts = [measure(*texts[:cut]), measure(*texts[cut:]), measure(*reversed(texts))]
    assert whole.equals(pl.concat(parts[:2]))
    assert whole.equals(parts[2].reverse())


def test_case_punctuation_and_white_space_do_not_count():
    frame = measure("Hello, World!", "hello\n\nworld", "HELLO — (world)", "hello worlds")
    assert frame["text_hash"].n_unique() == 2
    assert frame["text_hash"][0] == frame["text_hash"][2]


def test_literal_values_stay_what_they_are():
    frame = measure(
        "one two three four five six seven", "", section=DuplicatesSection(bands=1, rows=2)
    )
    assert frame["shingles"].to_list() == [3, 0]
    assert frame["text_hash"].to_list() == [
        "706a8dc35b383695ed096a505ceab746",
        "72dee428a469f6fd64b5720b4b825f21",
    ]
    assert frame["signature"].to_list() == [b"\xbb4\xb1\x10\x04\xc3\x82?", None]


def test_texts_without_words_are_told_apart_by_their_characters():
    frame = measure("", None, " \n\u3000", "?!", " ?!\n", "!?", "🙂", "\0")
    hashes = frame["text_hash"].to_list()
    assert len(set(hashes[:3])) == 1
    assert hashes[3] == hashes[4]
    assert len(set(hashes)) == 5
    assert frame["shingles"].to_list() == [0] * 8
    assert frame["signature"].null_count() == 8
    assert frame["signatures_state"].to_list() == ["not_applicable"] * 8


def test_a_text_shorter_than_a_shingle_is_one_shingle():
    frame = measure("one", "One!", "one two", "two one", "one two three four five")
    assert frame["shingles"].to_list() == [1] * 5
    assert frame["signature"][0] == frame["signature"][1]
    assert frame["signature"].n_unique() == 4
    assert frame["signatures_state"].null_count() == 5


def test_rows_keep_their_order_and_other_columns():
    frame = pl.DataFrame({"id": ["x", "y"], "text": ["b", "a"]})
    result = Signatures(SECTION)(frame)
    assert result.columns == [
        "id",
        "text",
        "text_hash",
        "shingles",
        "signature",
        "signatures_state",
    ]
    assert result.select("id", "text").equals(frame)


def test_an_empty_frame_gives_an_empty_frame():
    assert measure().height == 0


def test_one_line_of_ten_megabytes_and_words_without_end():
    texts = ["lorem ipsum dolor " * 600_000, "x" * 10_000_000, "の" * 1_000_000, "🙂" * 1_000_000]
    frame = measure(*texts)
    assert frame["shingles"].to_list() == [3, 1, 1, 0]


def test_a_scorer_crosses_processes():
    scorer = Signatures(SECTION)
    assert pickle.loads(pickle.dumps(scorer)) == scorer


def test_texts_that_are_not_strings_are_refused():
    with pytest.raises(ComponentError, match="texts are strings, but column 'text' holds Int64"):
        Signatures(SECTION)(pl.DataFrame({"text": [1]}))
