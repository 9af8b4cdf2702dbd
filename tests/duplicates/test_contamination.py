from __future__ import annotations

import itertools
import json
import pickle
import random
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.contamination import ITEMS, Contamination, compile_items, weigh
from curate.duplicates.ngrams import build_table, hash_ngrams
from curate.errors import ComponentError
from curate.recipe import DecontaminationSection, EvaluationSet
from curate.schema import conform
from curate.sources.evaluation import read_items

TRIGRAMS = DecontaminationSection(ngram_words=3, minimum_item_words=3)
DEFAULT = DecontaminationSection()
DUCKS = (
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes "
    "muffins for her friends every day with four."
)
COUNTED = " ".join(f"w{number}" for number in range(50))  # 50 words: judged by the overlap itself


def make(*sets, section=TRIGRAMS) -> Contamination:
    """The scorer for sets of items, each a list of passages; items are called 0, 1, and so on."""
    frames = [
        compile_items(((str(n), item) for n, item in enumerate(items)), place, section)[0]
        for place, items in enumerate(sets)
    ]
    return Contamination(pl.concat(frames), tuple("abc"[: len(sets)]))


def find(scorer: Contamination, *texts: str | None) -> list[list[dict]]:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    return conform(scorer(frame), "contamination")["contamination_matches"].to_list()


def count(items, section=DEFAULT):
    counts = compile_items(((str(n), item) for n, item in enumerate(items)), 0, section)[1]
    return counts.items, counts.indexed, counts.short, counts.repeated


# --- by hand


def test_an_item_is_found_with_its_set_name_stretch_and_overlap():
    scorer = make([["nothing of this"], [DUCKS]], section=DEFAULT)

    found = find(scorer, f"Ein Bär: {DUCKS} The end.")

    assert found == [
        [{"set": "a", "item": "1", "words": 24, "start": 9, "end": 140, "overlap": 1.0}]
    ]
    assert f"Ein Bär: {DUCKS}"[9:140] == DUCKS.removesuffix(".")


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text.replace(" ", "\n\n  "),
        lambda text: text.replace(".", " !?").replace("'", "’").replace(" for", ", (for"),
        lambda text: text.replace("'", ""),
    ],
)
def test_case_punctuation_and_white_space_do_not_count(change):
    scorer = make([[DUCKS]], section=DEFAULT)

    assert [match["overlap"] for match in find(scorer, change(DUCKS))[0]] == [1.0]
    assert find(scorer, change(DUCKS.replace("ducks", "geese")))[0][0]["overlap"] == 0.9


def test_the_overlap_is_the_share_of_distinct_ngrams():
    # 48 trigrams; the first 26 words hold 24 of them
    scorer = make([[COUNTED]])
    first = " ".join(COUNTED.split()[:26])

    assert find(scorer, first) == [
        [{"set": "a", "item": "0", "words": 50, "start": 0, "end": len(first), "overlap": 0.5}]
    ]


def test_a_replaced_word_costs_the_ngrams_that_hold_it():
    scorer = make([[COUNTED]])

    found = find(scorer, COUNTED.replace("w20", "other"))

    assert found[0][0]["overlap"] == 0.9375  # 45 of 48


def test_less_than_a_fifth_is_not_recorded():
    scorer = make([[COUNTED]])
    words = COUNTED.split()

    assert find(scorer, " ".join(words[:11])) == [[]]  # 9 of 48
    assert find(scorer, " ".join(words[:12]))[0][0]["overlap"] == 0.2083  # 10 of 48


def test_only_one_stretch_of_twice_the_items_words_counts():
    scorer = make([[COUNTED]])
    words = COUNTED.split()
    halves = " ".join(words[:25]), " ".join(words[25:])
    apart = {gap: " ".join([halves[0], *["x"] * gap, halves[1]]) for gap in (52, 53)}

    # n-grams begin at 0 … 22 and at 25 + gap … 47 + gap: 99 words at most
    assert find(scorer, apart[52])[0][0]["overlap"] == round(46 / 48, 4)
    assert find(scorer, apart[53])[0][0]["overlap"] == round(45 / 48, 4)
    assert find(scorer, " ".join([halves[0], *["x"] * 500, halves[1]]))[0][0] == {
        "set": "a",
        "item": "0",
        "words": 50,
        "start": 0,
        "end": len(halves[0]),
        "overlap": round(23 / 48, 4),
    }


def test_the_shortest_of_equal_stretches_counts():
    scorer = make([["a b c"]])

    found = find(scorer, "a b c a b c d")

    assert (found[0][0]["start"], found[0][0]["end"]) == (0, 5)


def test_passages_have_ngrams_of_their_own_in_any_order():
    passages = [
        "which of these is the largest ocean of all",
        "the Pacific Ocean in the west",
        "no",
    ]
    scorer = make([passages])

    assert find(scorer, "B) the Pacific Ocean in the west. " + passages[0])[0][0] == {
        "set": "a",
        "item": "0",
        "words": 15,  # the short passage has no n-gram
        "start": 3,
        "end": 76,
        "overlap": 1.0,
    }


def test_each_ideograph_is_a_word():
    item = "牛的发情周期平均为十九至二十天"
    scorer = make([[item]], section=DEFAULT)

    assert find(scorer, f"问：{item}。")[0][0] == {
        "set": "a",
        "item": "0",
        "words": 15,
        "start": 2,
        "end": 17,
        "overlap": 1.0,
    }


# --- short items


@pytest.mark.parametrize(
    ("words", "overlap", "weighed"),
    [
        (1, 1.0, 1.0),
        (20, 1.0, 1.0),
        (20, 0.999, 0.0),
        (35, 0.5, 0.0),
        (35, 0.75, 0.5),
        (50, 0.3, 0.3),
        (5000, 0.3, 0.3),
    ],
)
def test_the_shorter_an_item_the_more_of_it_must_be_there(words, overlap, weighed):
    assert weigh(np.array([overlap]), np.array([words])).tolist() == [pytest.approx(weighed)]


def test_an_item_of_twenty_words_is_found_whole_or_not_at_all():
    words = [f"v{number}" for number in range(20)]
    scorer = make([[" ".join(words)]])

    assert find(scorer, " ".join(["x", *words]))[0][0]["overlap"] == 1.0
    assert find(scorer, " ".join(words[:19])) == [[]]
    assert find(scorer, " ".join([*words[:10], "x", *words[10:]])) == [[]]


def test_an_item_with_fewer_words_than_an_ngram_is_sought_as_a_whole():
    section = DecontaminationSection(ngram_words=13, minimum_item_words=8)
    item = "where did the fortune cookies first come from"
    scorer = make([[item, "no idea"], [" ".join(["w"] * 3)]], section=section)

    assert scorer.items["width"].to_list() == [8]
    assert find(scorer, f"Tell me: {item}?")[0][0]["end"] == 9 + len(item)
    assert find(scorer, item.removesuffix("from")) == [[]]


def test_what_becomes_of_items_is_counted():
    items = [[DUCKS], ["too short"], [], [DUCKS.upper()], ["seven words are not enough for this"]]

    assert count(items) == (5, 1, 3, 1)


def test_equal_items_of_two_sets_are_both_named():
    scorer = make([[DUCKS]], [[DUCKS]], section=DEFAULT)

    assert [match["set"] for match in find(scorer, DUCKS)[0]] == ["a", "b"]


# --- columns


def test_a_document_without_items_has_none_and_is_no_hit():
    frame = pl.DataFrame({"text": ["nothing", None, ""]})

    scores = conform(make([[DUCKS]], section=DEFAULT)(frame), "contamination")

    assert scores.rows() == [(0.0, 0, [], None)] * 3


def test_no_document_at_all_is_no_fault():
    frame = pl.DataFrame({"text": []}, schema={"text": pl.String})

    assert conform(make([[DUCKS]])(frame), "contamination").height == 0


def test_the_most_contained_items_come_first_and_all_are_counted():
    items = [[f"{COUNTED} {number} a b c d e {number}"] for number in range(130)]
    scorer = make(items)

    frame = conform(scorer(pl.DataFrame({"text": [items[77][0]]})), "contamination")

    assert frame["contamination"][0] == 1.0
    assert frame["contaminating_items"][0] == 130
    matches = frame["contamination_matches"][0].to_list()
    assert len(matches) == 100
    assert [match["item"] for match in matches[:3]] == ["77", "0", "1"]


def test_a_column_of_numbers_is_refused():
    with pytest.raises(ComponentError, match="texts are strings"):
        make([[DUCKS]])(pl.DataFrame({"text": [1]}))


def test_workers_get_the_scorer_by_pickle():
    scorer = make([[DUCKS]], section=DEFAULT)

    assert find(pickle.loads(pickle.dumps(scorer)), DUCKS) == find(scorer, DUCKS)


def test_batches_shape_no_score():
    texts = [DUCKS, "x", None, COUNTED, DUCKS + COUNTED]
    scorer = make([[DUCKS], [COUNTED]])

    assert find(scorer, *texts) == [found for text in texts for found in find(scorer, text)]


# --- against a plain definition


def plain_find(items, text, width, minimum):
    """(item, overlap, first word, last word) of every item in a text of words and single spaces."""
    words = text.lower().split()
    found = []
    seen = []
    for number, passages in enumerate(items):
        parts = [passage.lower().split() for passage in passages]
        longest = max(map(len, parts), default=0)
        if longest < minimum:
            continue
        n = min(width, longest)
        parts = [part for part in parts if len(part) >= n][: None if longest >= width else 1]
        ngrams = {tuple(p[at : at + n]) for p in parts for at in range(len(p) - n + 1)}
        size = sum(map(len, parts))
        if ngrams in seen:
            continue
        seen.append(ngrams)
        hits = [at for at in range(len(words) - n + 1) if tuple(words[at : at + n]) in ngrams]
        best = (0, 0, 0)
        for place, first in enumerate(hits):
            inside = set()
            for last in itertools.takewhile(lambda at: at - first < 2 * size, hits[place:]):  # noqa: B023  # used at once
                inside.add(tuple(words[last : last + n]))
                best = max(best, (len(inside), first - last, -first))
        overlap = best[0] / len(ngrams)
        least = min(1.0, max(0.0, (50 - size) / 30))
        weighed = float(overlap == 1) if least == 1 else (overlap - least) / (1 - least)
        if weighed >= 0.2 - 1e-9:
            first = -best[2]
            found.append((str(number), round(overlap, 4), first, first - best[1] + n))
    return sorted(found)


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32), width=st.integers(1, 6), minimum=st.integers(1, 8))
def test_what_is_found_is_what_the_plain_definition_finds(seed, width, minimum):
    dice = random.Random(seed)
    vocabulary = [*"abCdefghıΩ3é"][: dice.choice([1, 2, 5, 12])]

    def some(most):
        return [dice.choice(vocabulary) for _ in range(dice.randint(0, most))]

    items = [
        [" ".join(some(dice.choice([8, 30, 90]))) for _ in range(dice.randint(0, 3))]
        for _ in range(dice.randint(1, 6))
    ]
    pieces = [word for item in items for passage in item for word in passage.split()]
    for _ in range(dice.randint(0, 6)):
        at = dice.randint(0, len(pieces))
        pieces[at:at] = some(20)
    text = " ".join(pieces[dice.randint(0, 10) :])
    section = DecontaminationSection(ngram_words=width, minimum_item_words=minimum)

    found = find(make(items, section=section), text)[0]

    starts = [0, *itertools.accumulate(len(word) + 1 for word in text.split())]
    assert sorted((m["item"], m["overlap"], m["start"], m["end"]) for m in found) == [
        (name, overlap, starts[first], starts[end] - 1)
        for name, overlap, first, end in plain_find(items, text, width, minimum)
    ]


def test_an_ngram_has_the_same_hash_wherever_it_stands():
    words = np.array([1, 2, 3, 1, 2, 3], np.uint64)

    def hashes(start, end, width):
        places = (np.array([at], np.int64) for at in (start, end, width))
        return hash_ngrams(words, *places).tolist()

    assert hashes(0, 6, 3)[0] == hashes(0, 6, 3)[3] == hashes(3, 6, 3)[0]
    assert len(set(hashes(0, 6, 3))) == 3
    assert hashes(0, 3, 3)[0] != hashes(0, 3, 2)[0]


def test_the_table_holds_less_than_a_hundred_bytes_for_an_ngram():
    ngrams = np.random.default_rng(7).integers(1, 2**64, 50_000, np.uint64)

    table = build_table(ngrams, np.arange(0, 50_001, 50, np.int64))

    assert table.nbytes < 100 * len(ngrams)


# --- hostile


@pytest.mark.parametrize("text", ["", "\0", "\0" * 1000, " \n", "\ufffd", "a\0b", "🙂" * 50])
def test_odd_texts_hold_nothing(text):
    assert find(make([[DUCKS]], section=DEFAULT), text) == [[]]


def test_nul_parts_words_as_white_space_does():
    scorer = make([[DUCKS]], section=DEFAULT)

    assert find(scorer, DUCKS.replace(" ", "\0"))[0][0]["overlap"] == 1.0


def test_one_word_a_million_times_takes_no_longer_than_it_is_long():
    text = "a " * 1_000_000
    scorer = make([["a a a a a a a a"], [DUCKS]], section=DEFAULT)
    find(scorer, "a")  # compiled

    begin = time.process_time()
    found = find(scorer, text)
    seconds = time.process_time() - begin

    assert found[0] == [{"set": "a", "item": "0", "words": 8, "start": 0, "end": 9, "overlap": 1.0}]
    assert seconds < 5


def test_a_document_that_repeats_an_item_is_searched_in_time_with_its_length():
    scorer = make([[DUCKS], [COUNTED]], section=DEFAULT)
    find(scorer, "a")
    begin = time.process_time()

    found = find(scorer, f"{DUCKS} " * 20_000)

    assert found[0][0]["overlap"] == 1.0
    assert time.process_time() - begin < 5


def test_no_items_are_an_empty_reference():
    frame, counts = compile_items([], 0, DEFAULT)

    assert frame.schema == pl.Schema(ITEMS)
    assert (counts.items, counts.indexed) == (0, 0)


# --- real sets


REAL = [  # file, columns, items that are sought, ideographs
    ("decontamination/gsm8k-test.jsonl.gz", ("question",), 1319, False),
    ("decontamination/humaneval.jsonl.gz", ("prompt",), 163, False),
    ("decontamination/truthfulqa.csv", ("Question",), 595, False),
    ("decontamination/ARC-Challenge_test.csv.gz", (1, 2, 3, 4, 5), 1112, False),
    ("decontamination/mmlu-test.tar.gz", (1, 2, 3, 4, 5), 6141, False),
    ("decontamination/cmrc2018-trial.json.gz", ("context_text",), 256, True),
    ("decontamination/cmmlu-dev.tar.gz", ("Question", "A", "B", "C", "D"), 318, True),
    ("bias/bbq-Age.jsonl.gz", ("context", "question"), 3144, False),
]


def read_real(shared_data, file, columns):
    section = EvaluationSet(name="real", files=("x",), columns=columns)
    return list(read_items((shared_data / file).read_bytes(), file.rpartition("/")[2], section))


@pytest.mark.shared
@pytest.mark.parametrize(("file", "columns", "indexed", "ideographs"), REAL, ids=str)
def test_planted_items_of_real_sets_are_found(shared_data, file, columns, indexed, ideographs):
    items = read_real(shared_data, file, columns)
    frame, counts = compile_items(items, 0, DEFAULT)
    assert counts.indexed == indexed
    scorer = Contamination(frame, ("real",))
    sought = set(frame["item"])
    texts = {name: "\n".join(passages) for name, passages in items if name in sought}
    around = "Er schrieb in sein Tagebuch, daß der Winter lang war. "

    found = find(scorer, *(f"{around}{text}\n{around}" for text in texts.values()))

    for (name, text), matches in zip(texts.items(), found, strict=True):
        named = [match for match in matches if match["item"] == name]
        best = named or matches[:1]  # an item may be among a hundred that are the same but a word
        assert best, name
        assert best[0]["overlap"] == 1.0
        if len(columns) == 1:
            assert len(around) <= best[0]["start"] < best[0]["end"] <= len(around) + len(text)
    if not ideographs:
        shouted = find(scorer, *("\n  ".join(text.upper().split()) for text in texts.values()))
        assert np.mean([bool(matches) for matches in shouted]) > 0.99


@pytest.mark.shared
def test_novels_hold_no_item(shared_data):
    import tarfile

    frames = []
    for place, (file, columns, *_) in enumerate(REAL):
        frames.append(compile_items(read_real(shared_data, file, columns), place, DEFAULT)[0])
    scorer = Contamination(pl.concat(frames), tuple(file for file, *_ in REAL))
    with tarfile.open(shared_data / "text/eltec-eng.tar.gz") as archive:
        novels = [
            archive.extractfile(member).read().decode() for member in archive.getmembers()[:9]
        ]

    assert sum(map(len, novels)) > 3_000_000
    assert json.dumps(find(scorer, *novels)) == json.dumps([[]] * len(novels))
