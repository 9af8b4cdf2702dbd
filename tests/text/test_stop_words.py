from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches

from curate.errors import RecipeError
from curate.languages import stop_words
from curate.recipe import CleanSection
from curate.text.clean import clean
from curate.text.segment import segment
from curate.text.stop_words import hash_words


def cleaned(text, *languages):
    return clean(pl.Series([text]), CleanSection(stop_words=languages)).to_dicts()[0]


@pytest.mark.parametrize(
    ("language", "text", "rest"),
    [
        ("en", "The cat sat on the mat, and it slept.\nThe dog?", "cat sat mat, slept.\ndog?"),
        ("de", "Der Hund und die Katze liegen in der Sonne.", "Hund Katze liegen Sonne."),
        ("ru", "Кошка и собака были в доме", "Кошка собака доме"),
        ("ar", "القط في البيت", "القط البيت"),
        ("en", "the\n\nand\n\nof", ""),
        ("en", "nothing", "nothing"),
    ],
)
def test_stop_words_go_wherever_they_stand(language, text, rest):
    if text == "nothing":
        text = rest = "elephants"
    found = cleaned(text, language)
    assert found["text"] == rest
    gone = len(text) - len(rest)
    assert found["cleaned_characters"] == gone
    assert found["cleaned_by"] == (f"stop_words:{gone}" if gone else None)
    assert found["cleaned_word_share"] == 0.0  # which is of words that went with lines


def test_stop_words_of_several_languages_and_after_lines():
    section = CleanSection(stop_words=("en", "fr"), lines=("numeric",))
    found = clean(pl.Series(["123\nthe cat et le chien"]), section).to_dicts()[0]
    assert found["text"] == "cat chien"
    assert found["cleaned_by"] == "numeric:4,stop_words:10"
    assert section.stop_words == ("eng", "fra")


def test_a_language_without_a_list_is_refused():
    with pytest.raises(RecipeError, match="'mlt' has none"):
        CleanSection(stop_words=("mt",))


def plainly_without(text, listed):
    """The text without listed words, and the spaces after one at a line's begin or after a space."""
    pieces = segment(pl.Series([text]))
    data, rest, at = text.encode(), b"", 0
    for start, end in zip(pieces.word_start, pieces.word_end, strict=True):
        rest += data[at:start]
        at = end
        if segment(pl.Series([data[start:end].decode()])).word_hash[0] not in listed:
            rest += data[start:end]
        elif not rest or rest.endswith((b" ", b"\n")):
            while data[at : at + 1] == b" ":
                at += 1
    return (rest + data[at:]).decode()


@given(batches, st.sampled_from(["eng", "deu", "tha", "jpn", "ara", "hin"]))
def test_what_stays_is_what_a_plain_reference_leaves(batch, language):
    text = clean(pl.Series("text", batch, pl.String), CleanSection())["text"]
    found = clean(text, CleanSection(stop_words=(language,)))["text"]
    listed = set(hash_words(stop_words()[language]).tolist())
    expected = [None if value is None else plainly_without(value, listed) for value in text]
    tidied = clean(pl.Series(expected, dtype=pl.String), CleanSection(unicode="none"))
    assert found.to_list() == tidied["text"].to_list()


def test_there_are_lists_for_fifty_languages():
    assert len(stop_words()) >= 50
    assert all(stop_words().values())


def test_a_huge_text_loses_its_words_in_bounded_time():
    found = cleaned("the " * 1_000_000 + "end\n" + "cat the " * 200_000, "en")
    assert found["text"].startswith("cat cat cat")
    assert len(str(found["text"])) == 200_000 * 4 - 1
