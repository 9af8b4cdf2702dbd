from __future__ import annotations

import polars as pl
import pytest

from curate.recipe import CleanSection
from curate.text.clean import clean
from curate.text.mojibake import repair

BROKEN = {
    "café “au lait”": ("cp1252", "utf-8"),
    "Größe und Übermut, schön": ("latin-1", "utf-8"),
    "Привет, как дела? Всё хорошо": ("cp1252", "utf-8"),
    "naïve façade": ("latin-1", "utf-8"),
}


def misread(text, read_as, encoding):
    """The text as it looks after it was decoded in the wrong set."""
    return "".join(
        bytes([byte]).decode(read_as, "ignore") or bytes([byte]).decode("latin-1")
        for byte in text.encode(encoding)
    )


@pytest.mark.parametrize(("text", "how"), BROKEN.items(), ids=BROKEN)
def test_a_misread_text_comes_back(text, how):
    changed, repaired = repair(pl.Series([misread(text, *how)]))

    assert changed.to_list() == [True]
    assert repaired.to_list() == [text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "Größe – “schön”",
        "Привет",
        "日本語",
        "ÃƑ",
        "São Tomé",
        "IL Y MARQUÉ…",
        "ÀÉÎ",
        None,
    ],
)
def test_a_sound_text_stays(text):
    changed, repaired = repair(pl.Series([text], dtype=pl.String))

    assert changed.to_list() == [False]
    assert repaired.to_list() == []


def test_only_broken_lines_change():
    text = "&amp; stays ﬁne\nschÃ¶n\n“quotes” stay"
    _, repaired = repair(pl.Series([text]))

    assert repaired.to_list() == ["&amp; stays ﬁne\nschön\n“quotes” stay"]


def test_cleaning_repairs_when_asked_and_records_it():
    text = pl.Series(["Das ist schÃ¶n und groÃŸ", "sound"])

    on = clean(text, CleanSection(mojibake=True))
    off = clean(text, CleanSection())

    assert on["text"].to_list() == ["Das ist schön und groß", "sound"]
    assert on["cleaned_by"].to_list() == ["mojibake:2", None]
    assert on["cleaned_characters"].to_list() == [2, 0]
    assert off["text"][0] == text[0]
    assert off["cleaned_by"].to_list() == [None, None]


def test_a_repair_does_not_depend_on_the_batch():
    texts = pl.Series(["schÃ¶n", "x", None, "groÃŸ und schÃ¶n"])
    whole = clean(texts, CleanSection(mojibake=True))
    single = pl.concat([clean(texts[at : at + 1], CleanSection(mojibake=True)) for at in range(4)])

    assert whole.equals(single)
