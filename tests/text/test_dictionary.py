"""Words of scripts without spaces by ICU's dictionaries, against a plain use of the same iterator."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icu4py.breakers import WordBreaker
from strategies import batches

from curate.errors import ComponentError
from curate.recipe import make_recipe
from curate.score.quality import score_quality
from curate.score.stopwords import score_stopwords
from curate.steps.measuring import score_key
from curate.steps.work import Block, Work
from curate.store import Store
from curate.text.segment import segment


def words(text, cut="icu"):
    pieces = segment(pl.Series([text]), cut)
    return [
        pieces.data[start:end].tobytes().decode()
        for start, end in zip(pieces.word_start, pieces.word_end, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ภาษาไทยเป็นภาษา", ["ภาษา", "ไทย", "เป็น", "ภาษา"]),
        ("ພາສາລາວເປັນພາສາ", ["ພາສາ", "ລາວ", "ເປັນ", "ພາສາ"]),
        ("ភាសាខ្មែរជាភាសា", ["ភាសាខ្មែរ", "ជា", "ភាសា"]),
        ("မြန်မာဘာသာစကား", ["မြန်မာဘာသာ", "စကား"]),
        ("我们在北京大学学习，2026年。", ["我们", "在", "北京", "大学", "学习", "2026", "年"]),
        ("私は東京大学で", ["私", "は", "東京", "大学", "で"]),
        ("the 中文 word, don't 𠀀𠀁中文 😀", ["the", "中文", "word", "don't", "𠀀", "𠀁", "中文"]),
        ("한국어 русский हिन्दी བོད་ཡིག", ["한국어", "русский", "हिन्दी", "བོད", "ཡིག"]),
        ("", []),
    ],
)
def test_dictionaries_cut_words(text, expected):
    assert words(text) == expected


UNSPACED = "ภาษาไทยเป็นພາສາລາວភាសាខ្មែរမြန်မာစာ我们在北京私はカナを𠀀々\u0e31\u17d2"


@given(st.lists(st.text(UNSPACED + "a1 \n.,😀", max_size=30), max_size=4) | batches)
def test_each_run_is_cut_as_it_is_alone(batch):
    text = pl.Series("text", batch, pl.String)
    rules, found = segment(text), segment(text, "icu")
    expected: list[tuple[int, int]] = []
    listed = [
        ord(rules.data[a:b].tobytes().decode()[0]) in UNSPACED_CODES
        for a, b in zip(rules.word_start, rules.word_end, strict=True)
    ]
    owner = np.repeat(np.arange(len(batch)), np.diff(rules.word_offsets))
    rows = list(zip(rules.word_start, rules.word_end, listed, owner, strict=True))
    run: list[tuple[int, int, int]] = []

    def close():
        if run:
            at = run[0][0]
            for piece in WordBreaker(rules.data[at : run[-1][1]].tobytes().decode(), "und"):
                expected.append((int(at), int(at + len(piece.encode()))))
                at += len(piece.encode())
            run.clear()

    for start, end, is_listed, document in rows:
        if not (is_listed and run and run[-1][1] == start and run[-1][2] == document):
            close()
        if is_listed:
            run.append((start, end, document))
        else:
            expected.append((int(start), int(end)))
    close()
    assert list(zip(found.word_start.tolist(), found.word_end.tolist(), strict=True)) == expected
    starts = found.word_offsets.tolist()
    for document, (first, last) in enumerate(itertools.pairwise(starts)):
        low, high = found.document_offsets[document : document + 2]
        assert all(
            low <= found.word_start[i] and found.word_end[i] <= high for i in range(first, last)
        )


UNSPACED_CODES = {
    code
    for first, last in (
        *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007)),
        *((0x3021, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)),
        *((0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F)),
        (0x20000, 0x3FFFF),
    )
    for code in range(first, last + 1)
}


def test_hashes_lengths_and_classes_are_those_of_the_word():
    one, other = (segment(pl.Series([text]), "icu") for text in ("北京", "他在北京。"))
    place = words("他在北京。").index("北京")
    assert one.word_hash[0] == other.word_hash[place]
    assert one.word_length.tolist() == [2]
    latin = segment(pl.Series(["Straße 12"])), segment(pl.Series(["Straße 12 北京"]), "icu")
    for name in ("word_hash", "word_length", "word_classes"):
        assert getattr(latin[0], name).tolist() == getattr(latin[1], name)[:2].tolist()


def test_the_scores_count_these_words():
    frame = pl.DataFrame({"text": ["我们在北京大学学习"], "language": ["zho"]})
    assert score_quality(frame)["words"][0] == 9
    assert score_quality(frame, "icu")["words"][0] == 5
    share = score_stopwords(frame, "icu")["stop_word_share"][0]
    assert share == pytest.approx(2 / 5)  # 我们, 在


def recipe_of(**quality):
    sources = [{"kind": "records", "inputs": ["x"]}]
    return make_recipe({"name": "x", "sources": sources, "quality": quality})


def test_the_switch_changes_the_keys_of_what_it_shapes_alone(tmp_path):
    block = Block("k", 1, 1, 0)
    works = [Work(Store(str(tmp_path)), recipe_of(words=cut)) for cut in ("rules", "icu")]
    changed = {
        scorer
        for scorer in ("language", "quality", "stopwords", "bias", "signatures")
        if score_key(works[0], block, scorer) != score_key(works[1], block, scorer)
    }
    assert changed == {"quality", "stopwords"}


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)
    with pytest.raises(ComponentError, match=r"pip install 'curate\[icu\]'"):
        segment(pl.Series(["中文"]), "icu")
