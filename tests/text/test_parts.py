"""Long documents are cut where a reader would pause, and nothing but white space is lost."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from curate.schema import document_id
from curate.text.parts import cut_text, split_long


def test_a_text_is_cut_at_paragraphs_then_lines_then_words():
    assert list(cut_text("aaa bbb\n\nccc\nddd", 12)) == ["aaa bbb", "ccc\nddd"]
    assert list(cut_text("aaa bbb\nccc ddd", 12)) == ["aaa bbb", "ccc ddd"]
    assert list(cut_text("aaa bbb ccc", 8)) == ["aaa bbb", "ccc"]
    assert list(cut_text("aaaabbbbcc", 4)) == ["aaaa", "bbbb", "cc"]
    assert list(cut_text("aaaa bbbb", 4)) == ["aaaa", "bbbb"]
    assert list(cut_text("aaaa", 4)) == ["aaaa"]
    assert list(cut_text("", 4)) == []


@given(st.text(st.sampled_from("ab \n漢"), max_size=60), st.integers(1, 12))
def test_only_white_space_is_lost_and_no_part_is_too_long(text, maximum):
    parts = list(cut_text(text, maximum))

    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(0 < len(part) <= maximum and part == part.strip() for part in parts)


def test_a_long_text_is_cut_in_linear_time():
    assert len(list(cut_text("x" * 3_000_000, 1000))) == 3000
    assert len(list(cut_text("word " * 1_000_000, 1000))) == 5000


def test_further_parts_are_linked_to_the_first():
    frame = pl.DataFrame(
        {
            "id": ["0" * 32, "1" * 32, "2" * 32],
            "text": ["short", "one two\n\nthree\n\nfour", "short too"],
            "parent": [None, None, "0" * 32],
            "part": [None, None, None],
            "uri": ["a", "b", "c"],
        },
        schema_overrides={"part": pl.Int64},
    )

    found = split_long(frame, 12)

    second = document_id("part", "1" * 32 + "\0" + "2")
    assert found.select("id", "text", "parent", "part", "uri").rows() == [
        ("0" * 32, "short", None, None, "a"),
        ("1" * 32, "one two", None, 1, "b"),
        (second, "three\n\nfour", "1" * 32, 2, "b"),
        ("2" * 32, "short too", "0" * 32, None, "c"),
    ]
    assert split_long(frame, 100).equals(frame)
