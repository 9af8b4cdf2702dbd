"""Cleaning by hand, and what must hold of every text."""

from __future__ import annotations

import unicodedata
from typing import get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import batches, texts

from curate.recipe import CleanSection, LineRule
from curate.text.clean import clean

sections = st.builds(
    CleanSection,
    unicode=st.sampled_from(["NFC", "NFKC", "none"]),
    policy_lines=st.booleans(),
    lines=st.lists(st.sampled_from(get_args(LineRule))).map(tuple),
)


def cleaned(text: str, **settings: object) -> str:
    return clean(pl.Series([text]), CleanSection.model_validate(settings))["text"].item()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\0b\x07c\x1b[0m\x7f\x9f", "abc[0m"),
        ("a\r\nb\rc\x85d\u2028e\u2029f\vg\fh", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("a\n\n\n\n\nb\n \n\t\n\nc", "a\n\nb\n\nc"),
        ("a\r\n\r\n\r\nb", "a\n\nb"),
        ("  a  b\u00a0\u00a0 c\u3000d \t\n  e\tf  ", "a b c d\n e\tf"),
        ("\ufeffa\u200bb\u2060c\u00add\u200e\u202ee\u2066\ufff9f\U000e0041", "abcdef"),
        ("a \u200b \u200b b", "a b"),
        ("e\u0301 \u212b ﬁ ＡＢ", "é Å ﬁ ＡＢ"),
        ("می\u200cخواهم क्\u200dष ශ්\u200dරී", "می\u200cخواهم क्\u200dष ශ්\u200dරී"),
        ("👩\u200d👩\u200d👧 ❤️\u200d🔥", "👩\u200d👩\u200d👧 ❤️\u200d🔥"),
        ("a\u200db\u200c \u200d字\u200d", "ab 字"),
        ("م\u200c\u200c\u200dی", "م\u200cی"),
        ("שלום\u200f (abc)\u200e", "שלום (abc)"),
        ("\n \t\u3000\u200b\0", ""),
        ("", ""),
    ],
)
def test_cleaning_by_hand(text, expected):
    assert cleaned(text) == expected


def test_normal_forms_by_hand():
    text = "e\u0301 \u212b ﬁ ＡＢ ½ a\u2003´b"
    assert cleaned(text, unicode="none") == "e\u0301 \u212b ﬁ ＡＢ ½ a ´b"
    assert cleaned(text, unicode="NFC") == "é Å ﬁ ＡＢ ½ a ´b"
    assert cleaned(text, unicode="NFKC") == "é Å fi AB 1⁄2 a \u0301b"


def test_policy_lines_go_whole_and_in_any_case():
    text = (
        "Keep\nPlease enable JavaScript\n\nWe USE Cookies.\n\nour use of the cookies\nTerms of Use"
    )
    assert cleaned(text, policy_lines=True) == "Keep\n\nour use of the cookies"
    assert cleaned(text) == text
    assert cleaned("javascript", policy_lines=True) == ""


def test_null_stays_null_and_the_name_stays():
    found = clean(pl.Series("text", ["a ", None, ""]), CleanSection())["text"]
    assert found.name == "text"
    assert found.to_list() == ["a", None, ""]
    assert clean(pl.Series("text", [], dtype=pl.String), CleanSection()).height == 0
    assert clean(pl.Series("text", [None, None]), CleanSection())["text"].to_list() == [None, None]


@settings(max_examples=300)
@given(batches, sections)
def test_cleaning_twice_changes_nothing(batch, section):
    once = clean(pl.Series(batch, dtype=pl.String), section)["text"]
    assert clean(once, section)["text"].to_list() == once.to_list()


@given(batches, sections)
def test_a_text_is_cleaned_alike_alone_and_in_any_batch(batch, section):
    together = clean(pl.Series(batch, dtype=pl.String), section).rows()
    alone = [clean(pl.Series([text], dtype=pl.String), section).row(0) for text in batch]
    assert together == alone


@given(texts, sections)
def test_what_later_stages_may_take_for_granted(text, section):
    found = clean(pl.Series([text]), section)["text"].item()
    assert not any(unicodedata.category(char) == "Cc" and char not in "\t\n" for char in found)
    assert not set(found) & set(
        "\ufeff\u200b\u2060\u00ad\u200e\u202e\u2066\u2028\u2029\u00a0\u3000"
    )
    assert found == found.strip(" \t\n")
    assert not any(piece in found for piece in ("  ", " \n", "\t\n", "\n\n\n"))
    if section.unicode != "none" and all(unicodedata.name(char, "") for char in found.strip()):
        assert unicodedata.is_normalized(section.unicode, found)


@given(st.text(st.characters(categories=["L", "N", "P"], max_codepoint=0x24F)).filter(str.strip))
def test_plain_words_stay_as_they_are(text):
    plain = unicodedata.normalize("NFC", text)
    assert cleaned(plain) == plain


def test_hostile_texts_are_cleaned():
    text = [
        "\0" * 1_000_000,
        " " * 5_000_000,
        "a\n" * 500_000,
        "\u0301" * 100_000,
        "\n" * 1_000_000,
    ]
    found = clean(pl.Series(text), CleanSection())["text"]
    assert found.str.len_chars().to_list() == [0, 0, 999_999, 100_000, 0]
