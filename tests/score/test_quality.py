"""Every measurement against a slow, plain definition of it, and by hand."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain_quality import plain_quality
from strategies import batches, texts

from curate.schema import columns_of, conform
from curate.score.quality import score_quality, score_quality_segments
from curate.text.segment import segment


def measured(text: str | None) -> dict[str, float]:
    row = score_quality(pl.DataFrame({"text": [text]}, schema={"text": pl.String})).row(
        0, named=True
    )
    return {name: value for name, value in row.items() if name not in ("text", "quality_state")}


RULE_WORDS = ("3 likes\n", "12,5K ", "views\n", "items in cart ", "Sign-in ", "read more...\n")
RULE_WORDS += ("read more…", "use of cookies ", "privacy policy. ", "JavaScript ", "A B C", "12")
RULE_WORDS += ("\n", " ", "!", '."\n', "http://", "www.", "a", "terms of use", "x" * 250, "–", "•")
RULE_WORDS += ("(", "}", "LOREM ", "ipsum ")
rule_words = st.lists(st.sampled_from(RULE_WORDS), max_size=30).map("".join)
repetitive = st.lists(
    st.sampled_from(["a ", "bb ", "C ", "ccc ", "c ", "dd. ", "\n", "\n\n", "字", "é é\n", "x"]),
    max_size=120,
).map("".join)


@settings(max_examples=200)
@given(st.one_of(texts, repetitive, rule_words))
@example("0ー")
@example("12,5K  !")
@example("a b a b a b a")
@example("a a a a a a a a a a a a a a")
@example("x y z x y z x y z x y z x y z x y z")
@example(
    "SHOUT NOW loud\n123456\n3 likes\n1.5K, views!\none\nsign-in here\nread more...\n4 items in cart"
)
@example(
    "We use cookies. Go on. Yes.\nRead our terms of use today.\n- JavaScript is off now!\nA fine line it is…"
)
@example("see www.a.org/b?c=ä and (http://x.y) or https:/ or www x\u3000HTTPS://é.fr/# …#")
@example("Lorem ipsum LOREM ipsum {a} [b] (c) ‟")
def test_every_measurement_is_that_of_its_plain_definition(text):
    assert measured(text) == pytest.approx(plain_quality(text), abs=1e-12)


@given(st.lists(st.one_of(texts, repetitive, st.none()), max_size=5))
def test_a_document_measures_alike_alone_and_in_any_batch(batch):
    frame = pl.DataFrame({"text": batch}, schema={"text": pl.String})
    together = score_quality(frame)
    assert together.columns == ["text", *columns_of("quality")]
    assert together["text"].to_list() == batch
    alone = [score_quality(frame[at : at + 1]) for at in range(len(batch))]
    assert together.equals(pl.concat([together.clear(), *alone]))


@given(batches)
def test_no_value_is_missing_and_the_state_is_null(batch):
    scores = conform(
        score_quality(pl.DataFrame({"text": batch}, schema={"text": pl.String})), "quality"
    )
    assert dict(scores.schema) == columns_of("quality")
    assert scores["quality_state"].null_count() == scores.height
    assert scores.drop("quality_state").null_count().sum_horizontal().sum() == 0


def test_gopher_by_hand():
    text = (
        "The cat and the dog...\n"  # 5 words, 15 characters of words, an ellipsis
        "- 42 # items | of 3.5 kg…\n"  # 42 items of 3.5 kg: 5 words, 14 characters; # | are alone
        "\n"
        "• THE END"  # 2 words, 6 characters
    )
    found = measured(text)
    assert found["characters"] == 22 + 1 + 25 + 1 + 1 + 9
    assert found["words"] == 12
    assert found["mean_word_length"] == pytest.approx((15 + 14 + 6) / 12)
    assert found["hash_to_word_ratio"] == pytest.approx(1 / 12)
    assert found["ellipsis_to_word_ratio"] == pytest.approx(2 / 12)
    assert found["alphabetic_word_share"] == pytest.approx(10 / 16)  # without 42, 3.5, - # | •
    assert found["bullet_line_share"] == pytest.approx(2 / 3)
    assert found["ellipsis_line_share"] == pytest.approx(2 / 3)
    assert found["stop_words"] == 3  # the, and, of
    assert (found["lines"], found["paragraphs"]) == (3, 2)


def test_repetition_by_hand():
    text = "ab cd\n\nab cd\n\nxyz\nab cd\n\nAB cd\n\n\n\nxyz\nab cd"
    found = measured(text)
    # 7 lines: ab cd ×4, xyz ×2, AB cd; 5 paragraphs, of which ab cd and xyz/ab cd occur twice
    assert found["duplicate_line_share"] == pytest.approx(4 / 7)
    assert found["duplicate_line_character_share"] == pytest.approx((3 * 5 + 3) / (5 * 5 + 2 * 3))
    assert found["duplicate_paragraph_share"] == pytest.approx(2 / 5)
    assert found["duplicate_paragraph_character_share"] == pytest.approx((5 + 8) / 31)


@pytest.mark.parametrize(
    ("text", "top", "duplicate"),
    [
        # a b c d e stands twice: 10 of 12 characters; a b, b c … twice each: 4 of 12 characters
        ("a b c d e X a b c d e Y", (4 / 12, 6 / 12, 8 / 12), (10 / 12, 0, 0, 0, 0, 0)),
        # the longer of the equally frequent 2-grams counts: long word, 8 characters, twice of 20
        ("long word x x long word x x".replace("x x", "z"), (16 / 18, 18 / 18, 0), (0,) * 6),
        # overlapping occurrences count each character once
        ("a a a a a", (1, 1, 1), (0,) * 6),
        ("a a a a a a", (1, 1, 1), (1, 0, 0, 0, 0, 0)),
        ("One two three four", (0, 0, 0), (0,) * 6),
        # each ideograph is a word
        ("我爱你吗好我爱你吗好", (0.4, 0.6, 0.8), (1, 0, 0, 0, 0, 0)),
        # case does not count
        ("Да нет, да Нет", (1, 0, 0), (0,) * 6),
    ],
)
def test_ngrams_by_hand(text, top, duplicate):
    found = measured(text)
    assert [found[f"top_{n}_gram_character_share"] for n in (2, 3, 4)] == pytest.approx(list(top))
    shares = [found[f"duplicate_{n}_gram_character_share"] for n in range(5, 11)]
    assert shares == pytest.approx(list(duplicate))


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("End.", 1), ("End!", 1), ("End?", 1), ('"End"', 1), ("'End'", 1), ("“End”", 1), ("End…", 1),
        ("End", 0), ("End,", 0), ("End:", 0), ("(End)", 0), ("End 。", 1), ("「好」", 1), ("好？", 1),
        ("अंत।", 1), ("نهاية؟", 1), ("ختم۔", 1), ("Վերջ։", 1), ("መጨረሻ።", 1), ("จบ", 0), ("😀", 0),
    ],
)  # fmt: skip
def test_line_punctuation_by_hand(line, ends):
    assert measured(line)["line_punctuation_share"] == ends


@pytest.mark.parametrize(("length", "short", "to_30"), [(29, 1, 1), (30, 0, 1), (31, 0, 0)])
@pytest.mark.parametrize("char", ["a", "é", "字", "😀", "ก"])
def test_short_lines_are_counted_in_characters(char, length, short, to_30):
    found = measured(f" {char * length} ")
    assert (found["short_line_share"], found["short_line_share_to_30"]) == (short, to_30)


def test_c4_by_hand():
    assert measured("x LOREM\n Ipsum y")["has_lorem_ipsum"] is True
    assert measured("lorem dolor ipsum")["has_lorem_ipsum"] is False
    assert measured("a { b")["has_curly_bracket"] is True
    assert measured("a } b ｛")["has_curly_bracket"] is False
    assert measured("One. Two.\nThree\n你好。再见！")["sentences"] == 5


@pytest.mark.parametrize("text", [None, "", " \n\t\n ", "\u3000\u2028"])
def test_nothing_measures_nothing(text):
    found = measured(text)
    newlines = (text or "").count("\n")
    expected = {"characters": len(text or ""), "newline_to_word_ratio": newlines}
    expected |= {"white_space_share": bool(text), "non_alphabetic_share": bool(text)}
    assert {name: value for name, value in found.items() if value} == {
        name: value for name, value in expected.items() if value
    }


def test_one_word():
    found = measured("word")
    ones = ("words", "lines", "paragraphs", "sentences", "spaced_words", "words_per_line")
    ones += ("alphabetic_word_share", "alphabetic_spaced_word_share", "unique_word_share")
    ones += ("short_line_share", "short_line_share_to_30")
    ones += ("one_word_line_share", "corrected_word_share")  # RefinedWeb drops such a line
    fours = ("characters", "mean_word_length", "median_word_length", "longest_word")
    fours += ("mean_spaced_word_length", "median_spaced_word_length", "longest_line")
    assert {name: value for name, value in found.items() if value} == {
        **dict.fromkeys(ones, 1),
        **dict.fromkeys(fours, 4),
    }


def test_words_and_characters_by_hand():
    found = measured("NATO: see www.x.org [1] or (2) {3}! to BE to")
    # NATO see www x org 1 or 2 3 to BE to; 44 characters
    assert (found["words"], found["spaced_words"], found["characters"]) == (12, 10, 44)
    assert (found["stop_words"], found["stop_word_occurrences"]) == (2, 3)
    assert found["longest_word"] == 4
    assert found["median_word_length"] == 2  # 1 1 1 1 2 2 2 2 3 3 3 4
    assert found["median_spaced_word_length"] == 3  # 2 2 2 2 3 3 3 4 5 9
    assert found["mean_spaced_word_length"] == pytest.approx(35 / 10)
    assert found["upper_case_word_share"] == pytest.approx(2 / 12)
    assert found["unique_word_share"] == pytest.approx(11 / 12)
    one, two = math.log(12) / 12, math.log(6) / 6
    assert found["unigram_entropy"] == pytest.approx(10 * one + two)
    assert found["alphabetic_spaced_word_share"] == pytest.approx(7 / 10)
    assert found["digit_share"] == pytest.approx(3 / 44)
    assert found["upper_case_share"] == pytest.approx(6 / 44)
    assert found["bracket_share"] == pytest.approx(6 / 44)
    assert found["curly_bracket_share"] == pytest.approx(2 / 44)
    assert found["url_share"] == pytest.approx(9 / 44)
    assert found["white_space_share"] == pytest.approx(9 / 44)
    assert found["non_alphabetic_share"] == pytest.approx((44 - 22) / 44)


@pytest.mark.parametrize(
    ("line", "words", "removed"),
    [
        ("3 likes", 2, 2), ("1,200.5k  Views!", 2, 2), ("** 7 shares **", 2, 2), ("3. likes", 2, 2),
        ("3 like", 2, 0), ("three likes", 2, 0), ("3x likes", 2, 0), ("3 likes it", 3, 0),
        ("word", 1, 1), ("(word)", 1, 1), ("two words", 2, 0), ("ПРИВЕТ МИР", 2, 2), ("ABc d", 2, 0),
        ("ABCd e", 2, 0), ("ABCDe", 1, 1), ("2024", 1, 1), ("٢٠٢٤", 1, 1), ("20 24", 2, 0),
        ("You have 4 items in cart", 6, 3), ("Read more...", 2, 2), ("To be read more…", 4, 2),
        ("read more", 2, 0), ("Sign-in to go on", 5, 2), ("Please sign-in", 3, 0), ("sign in", 2, 0),
        ("a b c d e f g h read more...", 10, 2), ("a b c d e f g h i read more...", 11, 0),
    ],
)  # fmt: skip
def test_line_corrections_by_hand(line, words, removed):
    assert measured(line)["words"] == words
    assert measured(line)["corrected_word_share"] == pytest.approx(removed / words)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("It is good.", 1), ("It is good!", 1), ("Is it good?", 1), ('He said "yes"', 1),
        ("It is good", 0), ("It is good...", 0), ("It is good…", 0), ("It is.", 0), ("Это очень да.", 1),
        ("这 很 好。", 0), ("JavaScript is off.", 0), ("Read our privacy policy.", 0),
        ("It uses cookies here.", 0), ("The use of cookies.", 0), ("the terms we use.", 1),
        ("a b " + "x" * 1000, 0), ("a " + "x" * 999 + " b.", 1), ("a b " + "x" * 1000 + ".", 0),
    ],
)  # fmt: skip
def test_lines_that_c4_keeps_by_hand(line, kept):
    assert (measured(line)["c4_line_share"], measured(line)["c4_sentences"]) == (kept, kept)


def test_repetition_has_the_values_of_each_publication():
    # 12 words of 1 character, a text of 23; a b c d e stands twice
    found = measured("a b c d e X a b c d e Y")
    names = ("character_share", "share_datatrove", "share_dolma", "share_redpajama", "share_dclm")
    twos = [found[f"top_2_gram_{name}"] for name in names]
    assert twos == pytest.approx([4 / 12, 2 * 3 / 23, 4 / 12, 4 / 12, 4 / 12])
    fives = [found[f"duplicate_5_gram_{name}"] for name in names[:3]]
    assert fives == pytest.approx([10 / 12, 5 / 23, 2 * 5 / (8 * 5)])
    # overlaps: a a thrice; the paper's coverage counts each character once, the others twice
    found = measured("a a a a")
    twos = [found[f"top_2_gram_{name}"] for name in names]
    assert twos == pytest.approx([1, 3 * 3 / 7, 6 / 4, 6 / 4, 6 / 4])
    # nothing repeats: datatrove and Dolma still count the first n-gram
    found = measured("ab cd ef gh")
    twos = [found[f"top_2_gram_{name}"] for name in names]
    assert twos == pytest.approx([0, 5 / 11, 4 / 8, 0, 0])
    # equally frequent: DCLM takes the longest, the others the first
    found = measured("a b x long word y a b z long word")
    twos = [found[f"top_2_gram_{name}"] for name in names]
    assert twos == pytest.approx([16 / 23, 2 * 3 / 33, 4 / 23, 4 / 23, 16 / 23])
    # datatrove passes over the words of a duplicate: six a's are one duplicate, not two
    assert measured("a a a a a a a")["duplicate_5_gram_share_datatrove"] == pytest.approx(5 / 13)


def test_hostile_texts_have_values_in_linear_time():
    hostile = {
        "one line of 10 MB": "lorem words " * 850_000,
        "a million lines": "a\n" * 1_000_000,
        "as many different words": " ".join(map(str, range(1_000_000))),
        "only emoji": "👩\u200d👩\u200d👧" * 100_000,
        "only marks": "\u0301" * 1_000_000,
        "NULs": "\0" * 1_000_000,
        "right to left": "שלום \u202eעולם\u202c " * 50_000,
    }
    score_quality(pl.DataFrame({"text": ["compile first"]}))
    start = time.process_time()
    found = score_quality(pl.DataFrame({"text": list(hostile.values())}))
    assert time.process_time() - start < 20
    assert found["words"].to_list() == [1_700_000, 1_000_000, 1_000_000, 0, 0, 0, 100_000]
    assert found["duplicate_line_share"].round(5).to_list() == [0, 1, 0, 0, 0, 0, 0]
    assert found["duplicate_10_gram_character_share"].to_list() == [1, 1, 0, 0, 0, 0, 1]
    assert all(math.isfinite(v) for row in found.rows() for v in row if isinstance(v, float))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("👩\u200d👩\u200d👧🔥", {"characters": 6, "words": 0, "lines": 1, "spaced_words": 1}),
        ("\u0301\u0308", {"characters": 2, "words": 0, "lines": 1, "non_alphabetic_share": 0}),
        ("\0\0 \0", {"characters": 4, "words": 0, "lines": 1, "spaced_words": 2}),
        ("\ufffd\ufffd", {"characters": 2, "words": 0, "mean_word_length": 0}),
        ("\u202eשלום\u202c hello سلام", {"words": 3, "mean_word_length": 13 / 3, "digit_share": 0}),
        ("\u2028\u2029", {"characters": 2, "lines": 0, "longest_line": 0, "c4_sentences": 0}),
        (".", {"words": 0, "lines": 1, "line_punctuation_share": 1, "sentences": 0}),
    ],
)
def test_bad_input_has_defined_values(text, values):
    found = measured(text)
    assert {name: found[name] for name in values} == pytest.approx(values)
    assert all(math.isfinite(value) for value in found.values())


def prose(size: int) -> str:
    """One line of about so many bytes, with a word to six of them, as in English prose."""
    draw = random.Random(7)
    known = ["".join(draw.choices("etaoinshrdlucmäц", k=3 + place // 120)) for place in range(2000)]
    words = draw.choices(known, weights=[1 / (place + 1) for place in range(2000)], k=20_000)
    piece = " ".join(words) + ". "
    return (piece * (size // len(piece.encode()) + 1))[:size]


def test_time_grows_with_the_length_of_a_line_and_no_faster():
    def spent(text: str) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            score_quality(pl.DataFrame({"text": [text]}))
            times.append(time.process_time() - start)
        return min(times)

    line = prose(10_000_000)
    spent(line[:1000])  # compiles
    assert spent(line) < 7 * spent(line[: len(line) // 4])  # 4: linear; 16: quadratic


PEAK = """
import sys
from pathlib import Path
import polars as pl
from curate.score.quality import score_quality

def held(name):
    found = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(found.split()[1]) * 1024

score_quality(pl.DataFrame({"text": ["compile first"]}))
line = Path(sys.argv[1]).read_text("utf-8")
each = int(sys.argv[2])
frame = pl.DataFrame({"text": [line[at : at + each] for at in range(0, len(line), each)]})
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
before = held("VmRSS")
score_quality(frame)
print((held("VmHWM") - before) / frame["text"].str.len_bytes().sum())
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells the peak")
@pytest.mark.parametrize("characters", [10_000_000, 3000])
def test_memory_is_at_most_twelve_times_the_text(tmp_path, characters):
    (tmp_path / "line.txt").write_text(prose(10_000_000), "utf-8")
    command = [sys.executable, "-c", PEAK, str(tmp_path / "line.txt"), str(characters)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 1 < float(run.stdout) <= 12


@pytest.mark.slow
def test_a_line_of_fifty_megabytes_has_values():
    found = measured("ab " * 17_000_000)
    assert (found["words"], found["lines"], found["longest_line"]) == (17_000_000, 1, 50_999_999)
    assert found["top_2_gram_character_share"] == 1
    assert found["unique_word_share"] == pytest.approx(1 / 17_000_000)


@pytest.mark.shared
def test_real_novels_measure_as_plainly_defined(shared_data):
    import tarfile

    pages = []
    for language in ("eng", "ukr"):
        with tarfile.open(shared_data / "text" / f"eltec-{language}.tar.gz") as archive:
            member = next(m for m in archive if m.isfile())
            content = archive.extractfile(member)
            assert content is not None
            novel = content.read().decode()
            pages += [novel[at : at + 3000] for at in range(0, 15_000, 3000)]
    found = score_quality_segments(segment(pl.Series(pages)))
    for page, row in zip(pages, found.drop("quality_state").rows(named=True), strict=True):
        assert row == pytest.approx(plain_quality(page), abs=1e-12)
    assert Counter(found["has_curly_bracket"]) == {False: 10}
