from collections import Counter

import polars as pl

from curate.score.language import dominant_script
from curate.train.words import (
    LARGE,
    LARGE_LINES,
    MOST_WORDS,
    NATIONAL,
    NATIONAL_LINES,
    OTHER_LINES,
    draw_words,
)

SENTENCES = pl.DataFrame(
    [
        ("cat_Latn", "El gat i la gata: 12 gats."),
        ("rus_Cyrl", "кот"),
        ("spa_Cyrl", "кот"),
        ("ell_Grek", "γάτα"),
        ("zho_Hani", "小猫"),
        ("deu_Latn", "1, 2, 3!"),
        *(("glg_Latn", f"gato{n} casa") for n in "abcdefghij"),
    ],
    schema=["label", "text"],
    orient="row",
)


def test_lines_are_drawn_for_languages_that_share_a_script_and_the_same_each_time():
    got = draw_words(SENTENCES)
    assert dict(got["label"].value_counts().iter_rows()) == {
        "cat_Latn": NATIONAL_LINES,
        "glg_Latn": 10 * OTHER_LINES,
        "rus_Cyrl": LARGE_LINES,
        "spa_Cyrl": OTHER_LINES,
        "zho_Hani": LARGE_LINES,
    }
    assert got.equals(draw_words(SENTENCES.reverse()))
    assert draw_words(SENTENCES.clear()).is_empty()
    assert not LARGE & NATIONAL
    assert set(dominant_script(got.filter(label="rus_Cyrl")["text"])) == {"Cyrl"}
    assert set(got.filter(label="zho_Hani")["text"].str.replace_all("小猫", "")) == {""}
    own = " ".join(got.filter(label="glg_Latn")["text"]).split()
    assert set(own) <= {"casa", *(f"gato{n}" for n in "abcdefghij")}
    assert own.count("casa") > len(own) / 4


def test_words_come_as_often_as_in_the_sentences():
    lines = draw_words(SENTENCES.filter(label="cat_Latn"))["text"]
    counts = lines.str.split(" ").list.len()
    assert (counts.min(), counts.max()) == (1, MOST_WORDS)
    words = Counter(word for line in lines for word in line.split())
    assert set(words) == {"el", "gat", "gata", "gats", "i", "la"}
    for count in words.values():
        assert 0.15 < count / words.total() < 0.18
