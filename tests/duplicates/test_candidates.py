from __future__ import annotations

import itertools
import random
import tarfile
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.bands import ENTRIES, cut_ranges, make_entries, number_texts
from curate.duplicates.candidates import (
    FULL_BUCKET,
    NEIGHBOURS,
    PAIRS,
    find_candidates,
    pair_entries,
    verify,
)
from curate.duplicates.clusters import connected
from curate.duplicates.signatures import Signatures
from curate.errors import ComponentError
from curate.recipe import DuplicatesSection
from curate.text.segment import segment

SECTION = DuplicatesSection()
SMALL = DuplicatesSection(bands=3, rows=2)


def sketched(signatures: list[list[int]]) -> pl.DataFrame:
    """Frames of made-up signatures; the hash of row 10 is '0a' repeated."""
    return pl.DataFrame(
        {
            "text_hash": [f"{row:02x}" * 16 for row in range(len(signatures))],
            "signature": [np.array(row, "<u4").tobytes() for row in signatures],
        },
        schema={"text_hash": pl.String, "signature": pl.Binary},
    )


def numbers(pairs: pl.DataFrame) -> list[tuple[int, int]]:
    return [(int(a[:2], 16), int(b[:2], 16)) for a, b in pairs.select("hash_a", "hash_b").rows()]


def slow_jaccard(one: str, other: str, words: int) -> float:
    sets = []
    for text in (one, other):
        hashes = segment(pl.Series([text])).word_hash.tolist()
        width = min(words, len(hashes))
        sets.append({tuple(hashes[i : i + width]) for i in range(len(hashes) - width + 1)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def link(texts: list[str], section: DuplicatesSection = SECTION) -> pl.DataFrame:
    frame = Signatures(section)(pl.DataFrame({"text": texts}))
    return verify(find_candidates(frame, section), frame.iter_slices(100), section)


def changed(words: list[str], source: random.Random, share: float) -> list[str]:
    """Words replaced, dropped or inserted at a share of the places."""
    result = []
    for word in words:
        kind = source.choice("rdi") if source.random() < share else ""
        result += {"": [word], "r": ["other"], "d": [], "i": [word, "more"]}[kind]
    return result


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), max_size=20), st.randoms())
def test_pairs_are_those_with_a_band_equal(signatures, source):
    expected = [
        (a, b)
        for a, b in itertools.combinations(range(len(signatures)), 2)
        if any(signatures[a][i : i + 2] == signatures[b][i : i + 2] for i in (0, 2, 4))
    ]
    frame = sketched(signatures)
    assert numbers(find_candidates(frame, SMALL)) == expected
    shuffled = frame.sample(fraction=1, shuffle=True, seed=source.randrange(99))
    assert numbers(find_candidates(pl.concat([shuffled, frame]), SMALL)) == expected


def test_an_equal_band_at_another_place_is_no_pair():
    assert numbers(find_candidates(sketched([[1, 2, 3, 4, 5, 6], [3, 4, 1, 2, 7, 7]]), SMALL)) == []


def test_texts_without_a_signature_are_in_no_pair():
    frame = sketched([[1] * 6, [1] * 6]).vstack(
        pl.DataFrame({"text_hash": ["ff" * 16, None], "signature": [None, b"\1" * 24]})
    )
    assert numbers(find_candidates(frame, SMALL)) == [(0, 1)]


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_text_gives_empty_pairs_of_the_right_type(rows):
    pairs = find_candidates(sketched([[1] * 6][:rows]), SMALL)
    assert pairs.schema == pl.Schema({"hash_a": pl.String, "hash_b": pl.String})
    assert pairs.height == 0
    links = verify(pairs, [], SMALL)
    assert links.schema == pl.Schema({**pairs.schema, "similarity": pl.Float64})


def test_a_bucket_is_full_up_to_its_limit():
    signatures = [[7, 7, row, row + 100, row, row + 200] for row in range(FULL_BUCKET)]
    pairs = find_candidates(sketched(signatures), SMALL)
    assert pairs.height == FULL_BUCKET * (FULL_BUCKET - 1) // 2


def test_a_large_bucket_is_linear_and_connected_and_keeps_pairs_of_the_next_band():
    members = 200
    twins = [(row, row + 100) for row in range(100)]  # equal in the second band
    signatures = [[7, 7, row % 100, 1, row, 2] for row in range(members)]
    pairs = numbers(find_candidates(sketched(signatures), SMALL))
    assert set(twins) <= set(pairs)
    assert {(0, row) for row in range(1, members)} <= set(pairs)
    assert len(pairs) <= members * (NEIGHBOURS + 1)


def test_a_hundred_thousand_texts_of_one_signature_stay_linear():
    rows = 100_000
    frame = pl.DataFrame({"text_hash": pl.Series(range(rows)).cast(pl.String).str.zfill(32)})
    frame = frame.with_columns(signature=pl.lit(b"\1" * 24))
    assert find_candidates(frame, SMALL).height <= rows * (NEIGHBOURS + 1)


def test_a_hundred_thousand_copies_are_one_text():
    frame = Signatures(SECTION)(pl.DataFrame({"text": ["one and the same"] * 100_000}))
    assert frame["text_hash"].n_unique() == 1
    assert find_candidates(frame, SECTION).height == 0


def test_signatures_of_another_shape_are_refused():
    message = "signatures have 32 bands of 4 values \\(512 bytes\\), but one of 24 bytes came"
    with pytest.raises(ComponentError, match=message):
        find_candidates(sketched([[1] * 6]), SECTION)


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(
        st.lists(st.sampled_from("abcde"), min_size=1, max_size=12).map(" ".join),
        min_size=2,
        max_size=8,
    ),
    words=st.integers(1, 5),
    batch=st.integers(1, 8),
    source=st.randoms(),
)
def test_similarity_is_the_jaccard_similarity_of_plain_sets(texts, words, batch, source):
    section = SMALL.model_copy(update={"shingle_words": words, "split_similarity": 0.2})
    frame = Signatures(section)(pl.DataFrame({"text": texts})).unique("text_hash")
    rows = sorted(frame.select("text_hash", "text").rows())
    pairs = list(itertools.combinations(rows, 2))
    expected = [
        (one[0], other[0], round(slow_jaccard(one[1], other[1], words), 6)) for one, other in pairs
    ]
    source.shuffle(pairs)
    candidates = pl.DataFrame(
        [(one[0], other[0]) for one, other in pairs], ["hash_a", "hash_b"], orient="row"
    ).cast(pl.String)
    links = verify(candidates, pl.concat([frame, frame]).iter_slices(batch), section)
    assert links.rows() == [row for row in expected if row[2] >= 0.2]


def test_links_of_five_texts_literally():
    text = "one two three four five six seven eight nine ten eleven twelve"
    texts = [text, text.upper() + "!", text + " thirteen", text[4:], "nothing of it at all"]
    assert Signatures(SECTION)(pl.DataFrame({"text": texts}))["shingles"].to_list() == [
        8, 8, 9, 7, 1,
    ]  # fmt: skip
    links = link(texts)
    assert sorted(links["similarity"].to_list()) == [0.777778, 0.875, 0.888889]


def test_links_do_not_depend_on_the_order_of_texts():
    source = random.Random(5)
    texts = [" ".join(source.choices("abcdefgh", k=9)) for _ in range(60)]
    texts += [" ".join(changed(text.split(), source, 0.1)) for text in texts]
    links = link(texts)
    assert links.height > 0
    source.shuffle(texts)
    assert link(texts).equals(links)


def test_a_candidate_without_text_is_named():
    frame = sketched([[1] * 6, [1] * 6])
    texts = pl.DataFrame({"text_hash": ["00" * 16], "text": ["a"]})
    with pytest.raises(ComponentError, match=f"1 of 2 did not come, such as {'01' * 16}"):
        verify(find_candidates(frame, SMALL), [texts], SMALL)


@pytest.mark.shared
def test_planted_copies_in_novels_are_found(shared_data):
    source = random.Random(11)
    documents = []
    with tarfile.open(shared_data / "text/eltec-fra.tar.gz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            words = file.read().decode().split() if file else []
            documents += [words[i : i + 400] for i in range(0, len(words) - 400, 400)]
    documents = source.sample(documents, 1000)
    copies = [changed(words, source, source.uniform(0, 0.06)) for words in documents[:300]]
    texts = [" ".join(words) for words in documents + copies]
    frame = Signatures(SECTION)(pl.DataFrame({"text": texts}))
    hashes = frame["text_hash"].to_list()
    expected = {}
    for one, other in zip(range(300), range(1000, 1300), strict=True):
        if hashes[one] != hashes[other]:
            pair = tuple(sorted((hashes[one], hashes[other])))
            expected[pair] = round(slow_jaccard(texts[one], texts[other], 5), 6)
    found = {(a, b): similarity for a, b, similarity in link(texts).rows()}
    assert all(expected.get(pair, value) == value for pair, value in found.items())
    assert sum(value >= 0.75 for value in expected.values()) > 100
    assert [pair for pair, value in expected.items() if value >= 0.7 and pair not in found] == []
    half = [pair for pair, value in expected.items() if value >= 0.5]
    assert sum(pair in found for pair in half) >= 0.95 * len(half)


@pytest.mark.shared
def test_news_articles_have_exactly_the_pairs_of_exact_jaccard(shared_data):
    with tarfile.open(shared_data / "neardup/articles_1000.tar.gz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        content = {name.rsplit(".", 1)[-1]: file.read().decode() for name, file in files.items()}
    articles = dict(line.split(" ", 1) for line in content["train"].splitlines() if line)
    planted = [line.split() for line in content["truth"].splitlines() if line]
    ids, texts = list(articles), list(articles.values())
    frame = Signatures(SECTION)(pl.DataFrame({"text": texts}))
    hash_of = dict(zip(ids, frame["text_hash"].to_list(), strict=True))
    links = link(texts)
    text_of = dict(zip(frame["text_hash"].to_list(), texts, strict=True))
    for a, b, similarity in links.rows():
        assert similarity == round(slow_jaccard(text_of[a], text_of[b], 5), 6)
    found = set(links.select("hash_a", "hash_b").rows())
    assert len(planted) == 10
    missed = [
        (one, other)
        for one, other in planted
        if hash_of[one] != hash_of[other]
        and tuple(sorted((hash_of[one], hash_of[other]))) not in found
        and slow_jaccard(articles[one], articles[other], 5) >= SECTION.split_similarity
    ]
    assert missed == []
    inverted: dict[tuple[int, ...], list[int]] = {}
    sets = []
    for place, text in enumerate(texts):
        hashes = segment(pl.Series([text])).word_hash.tolist()
        sets.append({tuple(hashes[i : i + 5]) for i in range(max(len(hashes) - 4, 0))})
        for shingle in sets[-1]:
            inverted.setdefault(shingle, []).append(place)
    sharing = {pair for places in inverted.values() for pair in itertools.combinations(places, 2)}
    true = {
        tuple(sorted((hash_of[ids[a]], hash_of[ids[b]])))
        for a, b in sharing
        if round(len(sets[a] & sets[b]) / len(sets[a] | sets[b]), 6) >= SECTION.split_similarity
    }
    assert {pair for pair in true if pair[0] != pair[1]} == found


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), max_size=120),
    count=st.integers(1, 5),
    most=st.integers(1, 300),
    source=st.randoms(),
)
def test_pairs_of_ranges_of_entries_are_the_pairs_of_texts(values, count, most, source):
    frame = sketched(values)
    rows = [*range(frame.height), *range(frame.height // 2)]  # some texts come twice
    source.shuffle(rows)
    blocks = [frame[rows[at::3]] for at in range(3)]
    least = {
        number: place
        for place in (2, 1, 0)
        for number in number_texts(blocks[place]["text_hash"]).to_list()
    }
    pairs = []
    for first, last in cut_ranges(count):
        parts = [
            make_entries(block, SMALL).filter(pl.col("band").is_between(first, last))
            for block in blocks
        ]
        place = np.repeat(np.arange(3, dtype=np.uint32), [part.height for part in parts])
        entries = pl.concat(parts)
        columns = [entries[name].to_numpy() for name in ENTRIES]
        pieces = [*pair_entries(*columns, place, most=most)]
        assert all(piece.height <= most + FULL_BUCKET for piece in pieces)
        pairs += pieces
    found = pl.concat(pairs).unique().sort("a", "b")

    assert found.schema == PAIRS
    expected = find_candidates(frame, SMALL)
    assert found["a"].to_list() == number_texts(expected["hash_a"]).to_list()
    assert found["b"].to_list() == number_texts(expected["hash_b"]).to_list()
    assert all(least[a] == place for a, place in found.select("a", "place_a").rows())
    assert all(least[b] == place for b, place in found.select("b", "place_b").rows())


def test_a_million_equal_entries_of_a_band_stay_linear():
    rows = 1_000_000
    text = np.random.default_rng(1).permutation(rows).astype(np.uint64)
    band = np.full(rows, 7, np.uint64)
    started = time.process_time()
    zeros = np.zeros(rows, np.uint32)
    pieces = [*pair_entries(band, (text % 1000).astype(np.uint32), text, zeros, most=1 << 20)]
    pairs = pl.concat(pieces)

    assert max(piece.height for piece in pieces) <= (1 << 20) + FULL_BUCKET
    assert pairs.height <= rows * (NEIGHBOURS + 1)
    assert time.process_time() - started < 60  # a quadratic way would take days
    root = connected(rows, pairs["a"].to_numpy(), pairs["b"].to_numpy())
    assert (root == 0).all()


def test_a_million_entries_of_one_text_are_no_pair():
    rows = 1_000_000
    same = np.zeros(rows, np.uint64)
    zeros = np.zeros(rows, np.uint32)

    assert [piece.height for piece in pair_entries(same, zeros, same, zeros, most=9)] == [0]


def test_pieces_of_the_worst_buckets_are_no_larger_than_they_may_be():
    """Every text in a full bucket of each band, each time with others: 15 pairs for each entry."""
    texts, bands = 3200, 8
    draw = np.random.default_rng(2)
    band = np.concatenate(
        [draw.permutation(texts) // FULL_BUCKET + 1000 * number for number in range(bands)]
    ).astype(np.uint64)
    text = np.tile(np.arange(texts, dtype=np.uint64), bands)
    zeros = np.zeros(len(text), np.uint32)
    pieces = [*pair_entries(band, zeros, text, zeros, most=10_000)]

    assert max(piece.height for piece in pieces) <= 10_000 + FULL_BUCKET
    assert sum(piece.height for piece in pieces) >= 0.9 * texts * bands * (FULL_BUCKET - 1) / 2
