"""Lines that a recipe drops, by hand, and what the document records of them."""

from __future__ import annotations

import polars as pl
import pytest

from curate.recipe import CleanSection
from curate.text.clean import clean


def cleaned(text: str, *lines: str, **settings: object) -> dict[str, object]:
    section = CleanSection.model_validate({"lines": lines, **settings})
    return clean(pl.Series([text]), section).row(0, named=True)


@pytest.mark.parametrize(
    ("rule", "dropped", "kept"),
    [
        (
            "uppercase",
            ["BREAKING NEWS", "ÄÖÜ!", "ВСЕ НОВОСТИ", "ABC d"],
            ["ABcd", "The BBC and NASA", "BREAKING News at 9", "新聞記事"],
        ),
        ("numeric", ["12345", "7", "١٢٣"], ["1,234", "12 345", "No. 7", "½"]),
        (
            "counter",
            [
                "3 likes",
                "1.2K Shares",
                "(14) comments",
                "1,204 views!",
                "0 replies",
                "5k followers",
            ],
            ["3 likes and counting", "likes: many", "about 3 likes", "3 dogs"],
        ),
        (
            "single_word",
            ["Menu", "https://example.org", "—"],
            ["Two words", "今日は晴れです。", "สวัสดี"],
        ),
        (
            "boilerplate",
            [
                "Read more…",
                "The harbour freezes. Read more...",
                "3 items in cart",
                "Sign in to post",
                "Sign-in",
            ],
            [
                "Read more books, they said",
                "Signing in is easy",
                "one two three four five six seven eight nine ten read more...",
            ],
        ),
        ("policy", ["Our Privacy Policy", "This site uses cookies."], ["A policy of honesty"]),
    ],
)
def test_a_rule_drops_its_lines_and_no_other(rule, dropped, kept):
    for line in dropped:
        assert cleaned(f"Some first line.\n{line}\nA last line.", rule)["text"] == (
            "Some first line.\nA last line."
        ), line
    for line in kept:
        text = f"Some first line.\n{line}\nA last line."
        assert cleaned(text, rule)["text"] == text, line


def test_what_went_is_recorded_by_step():
    text = "A\0 title\n\nHome\n\n\n\nThe cat sat.\n12 likes\ne\u0301"

    found = cleaned(text, "single_word", "counter", "numeric")

    assert found == {
        "text": "A title\n\nThe cat sat.",
        "cleaned_characters": 21,
        "cleaned_by": "characters:3,unicode:1,single_word:8,counter:9",
        "cleaned_word_share": round(4 / 9, 6),
    }


def test_what_nothing_was_done_to_says_so():
    found = clean(pl.Series(["A title", "", None]), CleanSection(lines=("numeric",)))

    assert found["cleaned_by"].to_list() == [None, None, None]
    assert found["cleaned_characters"].to_list() == [0, 0, 0]
    assert found["cleaned_word_share"].to_list() == [0.0, 0.0, 0.0]


def test_a_text_may_be_dropped_whole():
    assert cleaned("HOME\n12\n\n3 likes", "uppercase", "numeric", "counter") == {
        "text": "",
        "cleaned_characters": 16,
        "cleaned_by": "uppercase:5,numeric:4,counter:7",
        "cleaned_word_share": 1.0,
    }


def test_rules_apply_once_and_in_the_order_of_the_recipe():
    section = CleanSection(policy_lines=True, lines=("numeric", "policy", "numeric"))

    assert section.line_rules == ("policy", "numeric")


def test_huge_and_hostile_texts_are_cleaned_in_bounded_time():
    for text in ("x" * 5_000_000, "1\n" * 500_000, "\n" * 1_000_000, "9" * 2_000_000):
        found = cleaned(text, "uppercase", "numeric", "counter", "single_word", "boilerplate")
        assert len(str(found["text"])) <= len(text)
