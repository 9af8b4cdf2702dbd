"""The n-gram model against a plain one with dictionaries, and what makes of it a score."""

from __future__ import annotations

import io
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import ComponentError, RecipeError
from curate.recipe import make_recipe
from curate.schema import columns_of, conform
from curate.score.ngram_model import log_probability
from curate.score.perplexity import NgramModel, PerplexityScorer, load_model
from curate.train.perplexity import train_model, write_model

WORDS = [
    "the",
    "cat",
    "dog",
    "sat",
    "ran",
    "on",
    "a",
    "mat",
    "log",
    "and",
    "then",
    "it",
    "was",
    "gone",
    "again",
]
TEXTS = [
    " ".join(WORDS[(i * k + i // 3) % len(WORDS)] for i in range(60)) + ".\nThe end of it"
    for k in range(1, 41)
]


@pytest.fixture(scope="module")
def model() -> NgramModel:
    return train_model(pl.Series(TEXTS), "eng", "made up")


def plain_lines(texts):
    for text in texts:
        for line in text.lower().split("\n"):
            yield ["<s>", *line.replace(".", "").split(), "</s>"]


def plain_probabilities(texts):
    """Interpolated Kneser-Ney by its definition: p(third | first, second) before any pruning."""
    counts = Counter(word for line in plain_lines(texts) for word in line[1:-1])
    lines = [
        [w if w in ("<s>", "</s>") or counts[w] > 1 else "<unk>" for w in line]
        for line in plain_lines(texts)
    ]
    triples = Counter(t for line in lines for t in zip(line, line[1:], line[2:], strict=False))
    raw_pairs = Counter(p for line in lines for p in pairwise(line))
    pairs = {p: len({t for t in triples if t[1:] == p}) for p in raw_pairs}
    pairs |= {p: n for p, n in raw_pairs.items() if p[0] == "<s>"}
    words = Counter(p[1] for p in raw_pairs)

    def discount(masses):
        once, twice = list(masses).count(1), list(masses).count(2)
        return once / (once + 2 * twice) if once and twice else 0.5

    vocabulary = {w for w, n in counts.items() if n > 1} | {"<unk>", "</s>"}

    def one(word):
        d, total = discount(words.values()), sum(words.values())
        return max(words[word] - d, 0) / total + d * len(words) / total / len(vocabulary)

    def longer(masses, context, word, lower):
        mine = {g: n for g, n in masses.items() if g[:-1] == context and n > 0}
        if not mine:
            return lower
        d, total = discount([n for n in masses.values() if n > 0]), sum(mine.values())
        own = max(masses.get((*context, word), 0) - d, 0) / total
        return own + d * len(mine) / total * lower

    def two(before, word):
        return longer(pairs, (before,), word, one(word))

    def three(first, before, word):
        return longer(triples, (first, before), word, two(before, word))

    return vocabulary, triples, two, three


def probability(model, first, second, third):
    arrays = model.arrays
    _, pair_table, triple_table = model.tables
    data = (
        *(arrays["one"], arrays["one_back"]),
        *(arrays["pair_keys"], pair_table, arrays["pair"], arrays["pair_back"]),
        *(arrays["triple_keys"], triple_table, arrays["triple"]),
    )
    return math.exp(log_probability(first, second, third, data))


def identifier(model, word):
    from curate.text.segment import segment

    fixed = {"<s>": 1, "</s>": 2, "<unk>": 0}
    return fixed[word] if word in fixed else int(model.ids(segment(pl.Series([word])))[0])


def test_probabilities_are_those_of_the_plain_definition(model):
    own = [text for place, text in enumerate(TEXTS) if place % 20]
    vocabulary, triples, two, three = plain_probabilities(own)
    assert len(model.arrays["vocabulary"]) == len(vocabulary) - 2
    checked = 0
    for (first, second, third), count in sorted(triples.items()):
        ids = [identifier(model, word) for word in (first, second, third)]
        if count > 1:  # others are left out of the model
            assert probability(model, *ids) == pytest.approx(three(first, second, third), rel=1e-4)
            checked += 1
        assert probability(model, -1, *ids[1:]) == pytest.approx(two(second, third), rel=1e-4)
    assert checked > 100


def test_the_probabilities_after_every_context_sum_to_one(model):
    many = len(model.arrays["one"])
    predicted = [place for place in range(many) if place != 1]  # a line's beginning never is
    for second in range(many):
        if second == 2:
            continue
        for first in (-1, 1, 0, second):
            total = sum(probability(model, first, second, third) for third in predicted)
            assert total == pytest.approx(1, abs=1e-4), (first, second)


def test_a_perplexity_by_hand(model):
    two = identifier(model, "the"), identifier(model, "cat")
    parts = [
        probability(model, -1, 1, two[0]),
        probability(model, 1, two[0], two[1]),
        probability(model, two[0], two[1], 0) / max(model.facts["unknown_words"], 1),
        probability(model, two[1], 0, 2),
    ]
    expected = math.exp(-sum(map(math.log, parts)) / 4)
    assert model.perplexities(pl.Series(["The cat zebra!"]))[0] == pytest.approx(expected, rel=1e-6)


def test_own_text_is_less_foreign_than_other_text(model):
    own, other, none = model.perplexities(
        pl.Series([TEXTS[0], "Ganz andere Wörter stehen hier", "!\n..."])
    )
    assert own < other
    assert none is None


def test_documents_get_a_bucket_and_other_languages_do_not_apply(model, tmp_path):
    write_model(model, tmp_path / "eng.npz")
    limits = model.facts["limits"]
    assert 0 < limits[0] <= limits[1]
    scorer = PerplexityScorer((str(tmp_path / "eng.npz"),))
    texts = [*TEXTS[:3], "Ganz andere Wörter", "", None, "the cat"]
    languages = ["eng", "eng", "eng", "eng", "eng", "eng", "deu"]
    frame = pl.DataFrame({"text": texts, "language": languages})
    scores = conform(scorer(frame), "perplexity")
    assert dict(scores.schema) == columns_of("perplexity")
    assert scores["perplexity_bucket"].to_list()[3:] == ["tail", None, None, None]
    assert scores["perplexity_state"].to_list() == [None] * 4 + ["not_applicable"] * 3
    alone = [conform(scorer(frame[at : at + 1]), "perplexity") for at in range(len(texts))]
    assert scores.equals(pl.concat(alone))
    assert scorer.identity() == PerplexityScorer((str(tmp_path / "eng.npz"),)).identity()


def test_the_same_documents_give_the_same_file(model):
    files = [io.BytesIO(), io.BytesIO()]
    model.save(files[0])
    train_model(pl.Series(TEXTS), "eng", "made up").save(files[1])
    assert files[0].getvalue() == files[1].getvalue()


@given(st.text(max_size=40))
def test_any_text_has_a_finite_perplexity_or_none(model, text):
    found = model.perplexities(pl.Series([text.encode("utf-8", "replace").decode()]))[0]
    assert found is None or (found > 1 and math.isfinite(found))


def test_wrong_files_are_told(tmp_path):
    (tmp_path / "no.npz").write_bytes(b"no archive")
    with pytest.raises(RecipeError, match="is no file"):
        load_model(tmp_path / "missing.npz")
    with pytest.raises(ComponentError, match="it is none"):
        load_model(Path(tmp_path / "no.npz"))
    with pytest.raises(RecipeError, match="1,000 words or more, but 3 came"):
        train_model(pl.Series(["one two three"] * 2), "eng", "few")
    sources = [{"kind": "wikipedia", "inputs": ["x"]}]
    with pytest.raises(RecipeError, match="`models` names none"):
        make_recipe({"name": "x", "sources": sources, "perplexity": {"maximum": 100}})
