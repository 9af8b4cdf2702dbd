from collections import Counter

import polars as pl
from wordfreq import word_frequency

from curate.score.language import dominant_script
from curate.train.words import LARGE, LARGE_LINES, LINES, MOST_WORDS, OWN_LINES, draw_words

SENTENCES = pl.DataFrame(
    [
        (label, f"{word} casa" if label == "glg_Latn" else word)
        for label, word in [
            ("cat_Latn", "gat"),
            ("rus_Cyrl", "кот"),
            ("spa_Cyrl", "кот"),
            ("ell_Grek", "γάτα"),
            *(("glg_Latn", f"gato{n}") for n in "abcdefghij"),
        ]
    ],
    schema=["label", "text"],
    orient="row",
)


def test_lines_are_drawn_for_languages_that_share_a_script_and_the_same_each_time():
    got = draw_words(SENTENCES)
    assert dict(got["label"].value_counts().iter_rows()) == {
        "cat_Latn": LINES,
        "glg_Latn": 10 * OWN_LINES,
        "rus_Cyrl": LARGE_LINES,
        "spa_Cyrl": OWN_LINES,
    }
    assert got.equals(draw_words(SENTENCES.reverse()))
    assert draw_words(SENTENCES.clear()).is_empty()
    assert "ru" in LARGE
    russian = got.filter(label="rus_Cyrl")["text"]
    assert set(dominant_script(russian)) == {"Cyrl"}
    assert russian.str.count_matches(r"\S+").is_between(1, MOST_WORDS).all()
    own = " ".join(got.filter(label="glg_Latn")["text"]).split()
    assert set(own) <= {"casa", *(f"gato{n}" for n in "abcdefghij")}
    assert own.count("casa") > len(own) / 4


def test_words_come_as_often_as_they_are_used():
    lines = draw_words(SENTENCES.filter(label="cat_Latn"))["text"]
    words = Counter(word for line in lines for word in line.split())
    drawn = words.total()
    for word in ("de", "la", "que", "en"):
        want = word_frequency(word, "ca", wordlist="small")
        assert 0.9 < words[word] / drawn / want < 1.3  # no digits and signs among what is drawn
