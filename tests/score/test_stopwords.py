"""Stop words of the document's own language, against a plain count and by hand."""

from __future__ import annotations

import polars as pl
import pytest
import stopwordsiso
from hypothesis import given
from hypothesis import strategies as st
from plain_quality import fold, spans
from strategies import texts

from curate.schema import columns_of, conform
from curate.score.stopwords import (
    fineweb2_lists,
    score_fineweb2_stopwords,
    score_stopwords,
    stopword_lists,
)
from curate.text.segment import segment

LANGUAGES = ("eng", "deu", "rus", "hin", "tha", "zho", "grc", "und", None)
TWO_LETTERS = {"eng": "en", "deu": "de", "rus": "ru", "hin": "hi", "tha": "th", "zho": "zh"}
frequent = st.lists(
    st.sampled_from(
        [
            "The",
            "und",
            "И",
            "the",
            "That's",
            "der",
            "er",
            "的",
            "有",
            "и",
            "не",
            "в",
            "ist",
            "कि",
            "के",
            "है",
            "ที่",
            "of",
            "3.14",
            "x",
        ]
    ),
    max_size=30,
).map(" ".join)


def words_of(text: str) -> list[str]:
    cut = segment(pl.Series([text]))
    data = text.encode()
    return [fold(data[a:b].decode()) for a, b in spans(cut, "word")]


def scored(text: str | None, language: str | None) -> dict:
    schema = {"text": pl.String, "language": pl.String}
    frame = pl.DataFrame({"text": [text], "language": [language]}, schema=schema)
    both = score_stopwords(frame), score_fineweb2_stopwords(frame)
    parts = zip(both, ("stopwords", "fineweb2_stopwords"), strict=True)
    return {
        name: value
        for found, of in parts
        for name, value in conform(found, of).row(0, named=True).items()
    }


@given(st.one_of(texts, frequent), st.sampled_from(LANGUAGES))
def test_counts_are_those_of_a_plain_count(text, language):
    found = scored(text, language)
    words = words_of(text)
    if language not in TWO_LETTERS:
        assert found["stop_word_share"] is None
        assert found["stopwords_state"] == "not_applicable"
        return
    entries = [words_of(entry) for entry in stopwordsiso.stopwords(TWO_LETTERS[language])]
    listed = {entry[0] for entry in entries if len(entry) == 1}
    inside = [word for word in words if word in listed]
    share = round(len(inside) / max(len(words), 1), 6)
    assert (found["stop_word_share"], found["distinct_stop_words"]) == (share, len(set(inside)))
    assert found["stopwords_state"] is None


@pytest.mark.parametrize(
    ("text", "language", "share", "distinct"),
    [
        ("The cat and THE dog.", "eng", 3 / 5, 2),
        ("Der Hund und die Katze", "deu", 3 / 5, 3),
        ("The cat", "deu", 0, 0),
        ("Он и она", "rus", 1, 3),
        ("", "eng", 0, 0),
        (None, "eng", 0, 0),
        ("the", "und", None, None),
        ("the", None, None, None),
    ],
)
def test_by_hand(text, language, share, distinct):
    found = scored(text, language)
    assert found["stop_word_share"] == (None if share is None else pytest.approx(share, abs=1e-6))
    assert found["distinct_stop_words"] == distinct


def test_fineweb_2_by_hand():
    assert scored("Der Hund und die Katze", "deu")["fineweb2_stop_words"] == 3
    assert scored("der Der DER", "deu")["fineweb2_stop_words"] == 1
    assert scored("of the", "eng")["fineweb2_stopwords_state"] == "not_applicable"
    assert scored("คน", "tha")["fineweb2_stopwords_state"] == "not_applicable"


def test_there_are_lists_for_fifty_languages_and_none_is_empty():
    lists = stopword_lists()
    assert len(lists.places) >= 50
    assert all(
        (lists.keys[a:b] != 0).sum() >= 10
        for a, b in zip(lists.bounds, lists.bounds[1:], strict=False)
    )
    assert len(fineweb2_lists().places) == 20


@given(st.lists(st.tuples(st.one_of(texts, st.none()), st.sampled_from(LANGUAGES)), max_size=6))
def test_a_document_counts_alike_alone_and_in_any_batch(rows):
    schema = {"text": pl.String, "language": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    together = score_stopwords(frame).select(list(columns_of("stopwords")))
    alone = [
        score_stopwords(frame[at : at + 1]).select(list(columns_of("stopwords")))
        for at in range(len(rows))
    ]
    assert together.equals(pl.concat([together.clear(), *alone]))
