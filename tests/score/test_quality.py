"""Every measurement against a slow, plain definition of it, and by hand."""

from __future__ import annotations

import math
import time
import unicodedata
from collections import Counter
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import batches, texts

from curate.schema import columns_of, conform
from curate.score.quality import STOP_WORDS, score_quality, score_quality_segments
from curate.text import characters
from curate.text.segment import Segments, segment

BULLETS = "*-•‣⁃⁌⁍■□▪▫▶◀○●◦"
WHITE = (characters.SPACE, characters.NEWLINE)
MARKS_AT_END = (characters.FULL_STOP, characters.TERMINAL_SPACED, characters.TERMINAL)


def spans(segments: Segments, kind: str) -> list[tuple[int, int]]:
    starts, ends = getattr(segments, f"{kind}_start"), getattr(segments, f"{kind}_end")
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def repeated(pieces: list[str]) -> tuple[float, float]:
    before: set[str] = set()
    count = weight = 0
    for piece in pieces:
        if piece in before:
            count += 1
            weight += len(piece.replace("\n", ""))
        before.add(piece)
    return share(count, len(pieces)), share(weight, sum(len(p.replace("\n", "")) for p in pieces))


def covered(positions: list[int], n: int, lengths: list[int]) -> int:
    return sum(lengths[i] for i in {at + i for at in positions for i in range(n)})


def plain_ngrams(keys: list[int], lengths: list[int]) -> dict[str, float]:
    found = {}
    for n in range(2, 11):
        at: dict[tuple[int, ...], list[int]] = {}
        for i in range(len(keys) - n + 1):
            at.setdefault(tuple(keys[i : i + n]), []).append(i)
        if n <= 4:
            top = max((len(p), covered(p, n, lengths)) for p in at.values()) if at else (0, 0)
            part, name = (top[1] if top[0] > 1 else 0), f"top_{n}_gram_character_share"
        else:
            part = covered([i for p in at.values() if len(p) > 1 for i in p], n, lengths)
            name = f"duplicate_{n}_gram_character_share"
        found[name] = share(part, sum(lengths))
    return found


def ends_sentence(line: str) -> bool:
    kind = characters.classes()[ord(line[-1])]
    return line[-1] in "'’＇" or kind in (*MARKS_AT_END, characters.QUOTE)


def symbol_runs(data: bytes, words: list[tuple[int, int]]) -> int:
    masked = bytearray(data)
    for start, end in words:
        masked[start:end] = b"w" * (end - start)
    text = masked.decode()
    blank = "".join(" " if characters.classes()[ord(c)] in WHITE else c for c in text)
    return sum("w" not in run for run in blank.split(" ") if run)


def plain_quality(text: str) -> dict[str, float]:
    segments = segment(pl.Series([text]))
    data = text.encode()
    word_spans = spans(segments, "word")
    words = [data[a:b].decode() for a, b in word_spans]
    lines = [data[a:b].decode() for a, b in spans(segments, "line")]
    paragraphs: list[str] = []
    ends = {b for _, b in spans(segments, "paragraph")}
    open_lines: list[str] = []
    for line, (_, end) in zip(lines, spans(segments, "line"), strict=True):
        open_lines.append(line)
        if end in ends:
            paragraphs.append("\n".join(open_lines))
            open_lines = []
    lengths = [len(word) for word in words]
    folded = ["".join(map(fold, word)) for word in words]
    alphabetic = sum(any(is_letter(c) or is_ideograph(c) for c in w) for w in words)
    values = {
        "characters": len(text),
        "words": len(words),
        "lines": len(lines),
        "paragraphs": len(paragraphs),
        "sentences": len(segments.sentence_start),
        "stop_words": len(set(folded) & set(STOP_WORDS)),
        "mean_word_length": share(sum(lengths), len(words)),
        "hash_to_word_ratio": text.count("#") / max(len(words), 1),
        "ellipsis_to_word_ratio": (text.count("...") + text.count("…")) / max(len(words), 1),
        "newline_to_word_ratio": text.count("\n") / max(len(words), 1),
        "alphabetic_word_share": share(alphabetic, len(words) + symbol_runs(data, word_spans)),
        "bullet_line_share": share(sum(line[0] in BULLETS for line in lines), len(lines)),
        "ellipsis_line_share": share(
            sum(line.endswith(("...", "…")) for line in lines), len(lines)
        ),
        "line_punctuation_share": share(sum(map(ends_sentence, lines)), len(lines)),
        "short_line_share": share(sum(len(line) < 30 for line in lines), len(lines)),
        "short_line_share_to_30": share(sum(len(line) <= 30 for line in lines), len(lines)),
        "has_lorem_ipsum": ("lorem", "ipsum") in pairwise(folded),
        "has_curly_bracket": "{" in text,
    }
    for name, pieces in (("line", lines), ("paragraph", paragraphs)):
        count, weight = repeated(pieces)
        values[f"duplicate_{name}_share"] = count
        values[f"duplicate_{name}_character_share"] = weight
    return values | plain_ngrams([hash(word) for word in folded], lengths)


def fold(char: str) -> str:
    code = ord(char)
    return chr(characters.folding()[code]) if code < characters.FOLDED else char


def is_letter(char: str) -> bool:
    is_mark = int(characters.classes()[ord(char)]) == characters.MARK  # "ー" goes with a letter
    return unicodedata.category(char)[0] == "L" and not is_mark


def is_ideograph(char: str) -> bool:
    return int(characters.classes()[ord(char)]) == characters.IDEOGRAPH


def measured(text: str | None) -> dict[str, float]:
    row = score_quality(pl.DataFrame({"text": [text]}, schema={"text": pl.String})).row(
        0, named=True
    )
    return {name: value for name, value in row.items() if name not in ("text", "quality_state")}


repetitive = st.lists(
    st.sampled_from(["a ", "bb ", "C ", "ccc ", "c ", "dd. ", "\n", "\n\n", "字", "é é\n", "x"]),
    max_size=120,
).map("".join)


@settings(max_examples=200)
@given(st.one_of(texts, repetitive))
@example("0ー")
@example("a b a b a b a")
@example("a a a a a a a a a a a a a a")
@example("x y z x y z x y z x y z x y z x y z")
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
    assert {name: value for name, value in found.items() if value} == {
        name: value for name, value in expected.items() if value
    }


def test_one_word():
    found = measured("word")
    assert {name: value for name, value in found.items() if value} == {
        "characters": 4,
        "words": 1,
        "lines": 1,
        "paragraphs": 1,
        "sentences": 1,
        "mean_word_length": 4,
        "alphabetic_word_share": 1,
        "short_line_share": 1,
        "short_line_share_to_30": 1,
    }


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
