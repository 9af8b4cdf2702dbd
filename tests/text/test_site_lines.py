from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from curate.recipe import CleanSection
from curate.text.characters import DIGIT, LOWER, NEWLINE, SPACE, STACKER, fold, text_class
from curate.text.clean import clean
from curate.text.edits import apply_edits
from curate.text.segment import segment
from curate.text.site_lines import hash_lines, line_spans

SITE = 7


def without_lines(text, dropped):
    """The texts without some of their lines."""
    spans = line_spans(text, dropped)
    new = apply_edits(text, spans.with_columns(replacement=pl.lit(""), by=pl.lit("lines")))
    return text.clone().scatter(new["row"], new["text"])


def hashes(*lines, site=SITE):
    found, offsets = hash_lines(pl.Series(lines), np.full(len(lines), site, np.uint64))
    assert offsets.tolist() == list(range(len(lines) + 1))
    return found.tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Read more »", "  read MORE"),
        ("Page 12 of 345", "page 99 of 000"),
        ("© 2026 Müller & Söhne", "2019 müller söhne"),
        ("Наверх ↑", "НАВЕРХ"),
        ("العودة إلى الأعلى", "العودة   إلى الأعلى!"),
        ("ページの先頭へ", "【ページの先頭へ】"),
        ("don't", "dont"),
    ],
)
def test_lines_are_equal_in_their_normal_form(one, other):
    first, second = hashes(one, other)
    assert first == second != 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("Page 12", "Page 123"), ("read more", "readmore"), ("café", "cafe"), ("ab", "ba")],
)
def test_other_lines_have_other_hashes(one, other):
    first, second = hashes(one, other)
    assert first != second


def test_a_line_belongs_to_its_site_and_may_count_for_nothing():
    assert hashes("menu") != hashes("menu", site=8)
    assert hashes("menu", site=0) == [0]
    assert hashes("* * *", "—", "🙂") == [0, 0, 0]


def normal(line):
    """The normal form of a line, plainly."""
    kept = ""
    for character in line:
        kind = text_class(ord(character))
        if kind in (SPACE, NEWLINE):
            kept += " "
        elif kind == DIGIT:
            kept += "0"
        elif LOWER <= kind <= STACKER:
            kept += chr(fold(ord(character)))
    return " ".join(kept.split(" ")).strip()


@given(st.lists(texts, max_size=4))
def test_hashes_tell_what_normal_forms_tell(batch):
    text = pl.Series("text", batch, pl.String)
    found, offsets = hash_lines(text, np.full(len(batch), SITE, np.uint64))
    pieces = segment(text)
    lines = [
        pieces.data[start:end].tobytes().decode()
        for start, end in zip(pieces.line_start, pieces.line_end, strict=True)
    ]
    assert offsets.tolist() == pieces.line_offsets.tolist()
    forms = {}
    for line, value in zip(lines, found.tolist(), strict=True):
        form = " ".join(normal(line).split())
        assert (value == 0) == (form == "")
        assert forms.setdefault(form, value) == value
    assert len(set(forms.values())) == len(forms)


@given(st.lists(texts, max_size=4), st.randoms(use_true_random=False))
def test_the_other_lines_stay_as_they_are(batch, random):
    text = clean(pl.Series("text", batch, pl.String), CleanSection())["text"]
    dropped, expected = [], []
    for value in text:
        kept = []
        for line in value.split("\n"):
            goes = bool(line.strip()) and random.random() < 0.4
            if line.strip():
                dropped.append(goes)
            if not goes:
                kept.append(line)
        expected.append("\n".join(kept))
    found = without_lines(text, np.array(dropped, np.bool_))
    assert (
        found.to_list()
        == clean(pl.Series(expected), CleanSection(unicode="none"))["text"].to_list()
    )


def test_a_line_that_goes_leaves_no_blank_line_where_none_was():
    text = pl.Series(["menu\na\nmenu\nb\n\nmenu\n\nc\nmenu", "menu"])
    dropped = np.array([1, 0, 1, 0, 1, 0, 1, 1], np.bool_)
    assert without_lines(text, dropped).to_list() == ["a\nb\n\nc", ""]


def test_a_huge_text_takes_linear_time():
    text = pl.Series(["a\n" * 500_000, "word " * 400_000 + "end"])
    found, offsets = hash_lines(text, np.full(2, SITE, np.uint64))
    assert offsets.tolist() == [0, 500_000, 500_001]
    assert without_lines(text, np.append(np.ones(500_000, np.bool_), False)).to_list() == [
        "",
        text[1],
    ]
    assert len(set(found.tolist())) == 2


def test_paragraphs_are_equal_however_their_lines_are_cut():
    text = pl.Series(["One two\nTHREE four.\n\nshort one", "x y z w\n\none two three\nfour", ""])
    sites = np.full(3, SITE, np.uint64)
    found, offsets = hash_lines(text, sites, "paragraphs", 4)
    assert offsets.tolist() == [0, 2, 4, 4]
    first, short, other, second = found.tolist()
    assert first == second != 0
    assert short == 0 != other
    spans = line_spans(text, found == first, "paragraphs")
    gone = [text[row].encode()[start:end].decode() for row, start, end, _ in spans.iter_rows()]
    assert gone == ["One two\nTHREE four.\n", "one two three\nfour"]
    assert spans["characters"].to_list() == list(map(len, gone))


@given(st.lists(texts, max_size=4))
def test_paragraphs_are_hashed_as_lines_with_their_breaks_as_blanks(batch):
    text = pl.Series("text", batch, pl.String)
    sites = np.full(len(batch), SITE, np.uint64)
    found, offsets = hash_lines(text, sites, "paragraphs", 2)
    pieces = segment(text)
    assert offsets.tolist() == pieces.paragraph_offsets.tolist()
    for start, end, value in zip(pieces.paragraph_start, pieces.paragraph_end, found, strict=True):
        words = ((pieces.word_start >= start) & (pieces.word_end <= end)).sum()
        line = "".join(
            " " if text_class(ord(c)) == NEWLINE else c
            for c in pieces.data[start:end].tobytes().decode()
        )
        alone, _ = hash_lines(pl.Series([line]), sites[:1])
        assert value == (0 if words < 2 else alone[0])
