from __future__ import annotations

import hashlib
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.augment.counterfactual import load_pairs, swap_gender, swap_text
from curate.schema import DOCUMENT, document_id

AMBIGUOUS = {"her", "his", "him", "hers"}


def documents(texts: list[str], language: str = "eng") -> pl.DataFrame:
    rows = {
        "id": [hashlib.md5(f"{i} {text}".encode()).hexdigest() for i, text in enumerate(texts)],
        "source_id": [f"record-{i}" for i in range(len(texts))],
        "source": ["commoncrawl"] * len(texts),
        "snapshot": ["2026-38"] * len(texts),
        "uri": ["https://www.example.org/"] * len(texts),
        "date": ["2026-09-14"] * len(texts),
        "title": ["A title"] * len(texts),
        "text": texts,
        "parent": [None] * len(texts),
        "work": ["imdb:1"] * len(texts),
        "input": ["f00"] * len(texts),
        "canonical_uri": ["https://example.org/"] * len(texts),
        "licence": ["https://creativecommons.org/licenses/by/4.0/"] * len(texts),
    }
    rows |= {name: [None] * len(texts) for name in DOCUMENT.keys() - rows.keys()}
    return pl.DataFrame(rows, schema=DOCUMENT).with_columns(language=pl.lit(language))


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("He left.", "She left."),
        ("HE LEFT, she said.", "SHE LEFT, he said."),
        ("She saw him and he saw her.", "He saw her and she saw him."),
        ("Her mother lost her hat.", "His father lost his hat."),
        ("We met her at the bridge.", "We met him at the bridge."),
        ("That boat is his.", "That boat is hers."),
        ("That boat is hers.", "That boat is his."),
        ("his own brother himself", "her own sister herself"),
        ("her\nhat", "him\nhat"),  # a line ends a phrase
        ("It was her. Boats are loud.", "It was him. Boats are loud."),
        ("He's late, she'll wait.", "She's late, he'll wait."),
        ("Mr Moss met Mrs. Tolland and Ms Pell.", "Mrs Moss met Mr. Tolland and Mr Pell."),
        ("Miss Moss did not miss the train.", "Mr Moss did not miss the train."),
        ("Miss the train and wait 5 ms.", "Miss the train and wait 5 ms."),
        ("My mother-in-law, an actress", "My father-in-law, an actor"),
        ("Mom and ma'am", "Dad and sir"),
        ("The king, the queens and the prince's wife", "The queen, the kings and the princess's husband"),
        ("the policewoman's daughters", "the policeman's sons"),
        ("Mary gave John a book.", "Mary gave John a book."),
        ("mother@example.org, www.king.org/queen, he/she, man_page", "mother@example.org, www.king.org/queen, he/she, man_page"),
        ("sHe hE", "sHe hE"),
        ("The theory of mankind, a sonata, Hermann", "The theory of mankind, a sonata, Hermann"),
        ("éhe heé", "éhe heé"),
        ("", ""),
    ],
)  # fmt: skip
def test_words_are_swapped_both_ways(text, swapped):
    assert swap_text(text) == swapped


@given(st.lists(st.sampled_from(sorted(load_pairs().swapped)), max_size=8), st.sampled_from(" ,.-"))
def test_swapping_twice_gives_the_text_again_where_nothing_is_ambiguous(words, between):
    pairs = load_pairs().swapped
    both_ways = [w for w in words if w.lower() not in AMBIGUOUS and pairs[pairs[w]] == w]
    text = f" x{between} ".join(both_ways)
    assert swap_text(swap_text(text)) == text


def plain_swap(text: str) -> str:
    """Word by word."""
    pairs, parts = load_pairs(), re.split(r"(\w+)", text)
    for i in range(1, len(parts), 2):
        word = parts[i]
        if word in pairs.alone:
            joined = bool(re.fullmatch(r"[ \t]+", parts[i + 1])) and i + 2 < len(parts)
            noun = joined and parts[i + 2].lower() not in pairs.no_noun
            parts[i] = pairs.swapped[word] if noun else pairs.alone[word]
        elif word != "Miss":
            parts[i] = pairs.swapped.get(word, word)
    return "".join(plain for plain in parts)


PIECES = [
    "her",
    "Her",
    "his",
    "HIS",
    "hat",
    "at",
    "he",
    "king",
    "Mr",
    "Ms",
    "son",
    "sonata",
    "\n",
    ", ",
    ". ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_text_is_swapped_as_by_the_plain_reference(pieces):
    original = " ".join(pieces)
    before, expected = re.split(r"(\w+)", original), re.split(r"(\w+)", plain_swap(original))
    assert swap_text(original) == "".join(expected)
    assert before[::2] == expected[::2]


@pytest.mark.parametrize(
    "text", ["\0he\0", "🎉 she 🎉", "\u0301he", "her" * 100_000, "he " * 100_000]
)
def test_odd_texts(text):
    assert len(swap_text(text)) > 0


def test_a_child_carries_its_parent():
    frame = documents(["He met his mother.", "Nothing here."])
    child = swap_gender(frame, 7, 1.0)
    parent = frame["id"][0]
    assert child.to_dicts() == [
        {
            "id": document_id("augment:counterfactual", parent),
            "source_id": f"{parent}:counterfactual",
            "source": "augment:counterfactual",
            "snapshot": "2026-38",
            "uri": None,
            "date": "2026-09-14",
            "title": "A title",
            "text": "She met her father.",
            "parent": parent,
            "part": None,
            "work": "imdb:1",
            "input": "f00",
            "declared_language": None,
            "canonical_uri": None,
            "licence": "https://creativecommons.org/licenses/by/4.0/",
            "robots": None,
            "encoding": None,
            "encoding_score": None,
            "categories": None,
            "page_kind": None,
        }
    ]
    assert child.schema == pl.Schema(DOCUMENT)


def test_only_english_originals_have_children():
    assert swap_gender(documents(["He met his mother."], "deu"), 7, 1.0).height == 0
    assert (
        swap_gender(documents(["He"]).with_columns(language=pl.lit(None, pl.String)), 7, 1.0).height
        == 0
    )
    children = swap_gender(documents(["He met his mother."]), 7, 1.0)
    again = swap_gender(children.with_columns(language=pl.lit("eng")), 7, 1.0)
    assert again.schema == pl.Schema(DOCUMENT)
    assert again.height == 0
    assert swap_gender(documents([]), 7, 1.0).schema == pl.Schema(DOCUMENT)


def test_the_draw_obeys_the_share_and_depends_on_seed_and_id_alone():
    frame = documents([f"He is number {i}." for i in range(2000)])
    few, more = swap_gender(frame, 7, 0.2), swap_gender(frame, 7, 0.5)
    assert 340 <= few.height <= 460
    assert 920 <= more.height <= 1080
    assert set(few["id"]) < set(more["id"])
    other = swap_gender(frame, 8, 0.2)
    assert 40 <= len(set(few["id"]) & set(other["id"])) <= 120
    parts = pl.concat([swap_gender(part, 7, 0.2) for part in frame.iter_slices(7)])
    assert parts.equals(few)
    backwards = swap_gender(frame.reverse(), 7, 0.2)
    assert backwards.reverse().equals(few)
