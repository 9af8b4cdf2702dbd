"""Any fastText model is a scorer: its columns, rules, states, and what shapes them."""

from __future__ import annotations

import json

import polars as pl
import pytest

from curate.decide import columns_read, compile_rules, judge
from curate.errors import ComponentError, RecipeError
from curate.models import BUNDLED, card, find_model, sha256
from curate.recipe import ClassifierSection, change_recipe, make_recipe
from curate.schema import column_facts, columns_of, conform
from curate.score.classifier import ClassifierScorer
from curate.train.fit import fit

WORDS = {"hq": "theory evidence river history chapter", "cc": "buy cheap click cart login"}
SOURCE = {"kind": "records", "inputs": ["x.jsonl"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Train a model of two labels."""
    rows = [
        (label, f"{a} {b} {c}")
        for label, line in WORDS.items()
        for a in line.split()
        for b in line.split()
        for c in line.split()
    ]
    path = tmp_path_factory.mktemp("model") / "edu.ftz"
    parameters = {"dim": 6, "minn": 3, "maxn": 3, "bucket": 1000, "minCount": 1, "epoch": 30}
    fit(pl.DataFrame(rows, schema=["label", "text"], orient="row"), "plain", path, parameters)
    return path


def score(model, texts, languages=None, **facts):
    section = ClassifierSection(name="edu", model=str(model), **facts)
    codes = languages or ["eng"] * len(texts)
    frame = pl.DataFrame({"text": texts, "language": codes}, schema_overrides={"text": pl.String})
    return conform(ClassifierScorer(section)(frame), "classifier_edu")


def recipe(model, **facts):
    named = [{"name": "edu", "model": str(model), **facts}]
    return make_recipe({"name": "x", "sources": [SOURCE], "classifiers": named})


def test_label_and_score(model):
    texts = ["the theory of evidence", "click and buy\ncheap", "", None, " \n"]
    got = score(model, texts)
    assert got.columns == ["edu_label", "edu_score", "classifier_edu_state"]
    assert got["edu_label"].to_list() == ["hq", "cc", None, None, None]
    assert got["edu_score"][0] > 0.9
    assert got["edu_score"][1] > 0.9
    assert got["edu_score"].to_list()[2:] == [None] * 3
    assert got["classifier_edu_state"].to_list() == [None, None] + ["not_applicable"] * 3


def test_the_score_of_one_label(model):
    for label in ("hq", "__label__hq"):
        got = score(model, ["the theory of evidence", "click buy cheap"], label=label)
        assert got["edu_label"].to_list() == ["hq", "cc"]
        assert got["edu_score"][0] > 0.9
        assert got["edu_score"][1] < 0.1
    with pytest.raises(ComponentError, match="nothing"):
        score(model, ["theory"], label="nothing")


def test_only_the_beginning_is_seen(model):
    text = "theory " + "buy cheap click " * 20
    assert score(model, [text])["edu_label"].to_list() == ["cc"]
    assert score(model, [text], maximum_characters=6)["edu_label"].to_list() == ["hq"]


def test_a_card_states_preparation_and_languages(model, tmp_path):
    path = tmp_path / "carded.ftz"
    path.write_bytes(model.read_bytes())
    bare = ClassifierScorer(ClassifierSection(name="edu", model=str(path))).identity()
    facts = {"sha256": sha256(path), "preparation": "letters", "languages": ["eng"]}
    path.with_suffix(".json").write_text(json.dumps(facts))
    got = score(path, ["THEORY, evidence!", "THEORY, evidence!"], ["eng", "deu"])
    assert got["edu_label"].to_list() == ["hq", None]
    assert got["classifier_edu_state"].to_list() == [None, "not_applicable"]
    carded = ClassifierScorer(ClassifierSection(name="edu", model=str(path))).identity()
    assert bare != carded
    assert sha256(path) in carded


def test_rules_judge_what_was_measured(model):
    scores = pl.DataFrame(
        {
            "edu_label": ["hq", "cc", "cc", None],
            "edu_score": [0.9, 0.6, 0.4, None],
            "classifier_edu_state": [None, None, None, "not_applicable"],
            "characters": [1, 1, 1, 1],
        }
    )
    limits = {"keep": ["__label__hq"], "minimum_score": 0.5, "maximum_score": 0.95}
    rules = [r for r in compile_rules(recipe(model, **limits)) if r.name.startswith("classifiers.")]
    assert [rule.name for rule in rules] == [
        "classifiers.edu.keep",
        "classifiers.edu.minimum_score",
        "classifiers.edu.maximum_score",
    ]
    assert columns_read(rules) == ["classifier_edu_state", "edu_label", "edu_score"]
    got = judge(scores, rules)
    keep = "classifiers.edu.keep"
    assert got["removed_by"].to_list() == [None, keep, keep, None]
    assert judge(scores, rules[1:])["removed_by"].to_list() == [
        None,
        None,
        "classifiers.edu.minimum_score",
        None,
    ]
    tagging = compile_rules(recipe(model, minimum_score=0.5, action="tag"))
    mine = [rule for rule in tagging if rule.name.startswith("classifiers.")]
    assert judge(scores, mine)["tags"].to_list()[2] == ["classifiers.edu.minimum_score"]


def test_no_rule_without_a_limit(model):
    assert not any(r.name.startswith("classifiers.") for r in compile_rules(recipe(model)))


def test_settings_by_name(model):
    changed = change_recipe(recipe(model), {"classifiers.edu.minimum_score": "0.25"})
    assert changed.classifiers[0].minimum_score == 0.25
    for name in ("classifiers.other.minimum_score", "classifiers.minimum_score"):
        with pytest.raises(RecipeError, match="set by its name"):
            change_recipe(recipe(model), {name: "0.25"})
    with pytest.raises(RecipeError, match="minimum_score"):
        change_recipe(recipe(model), {"classifiers.edu.minimum_scor": "0.25"})


@pytest.mark.parametrize("name", ["language", "encoding", "url_word", "Edu", "", "1st"])
def test_names_that_cannot_be(model, name):
    named = [{"name": name, "model": str(model)}]
    with pytest.raises(RecipeError, match=r"classifiers|name"):
        make_recipe({"name": "x", "sources": [SOURCE], "classifiers": named})


def test_two_of_a_name(model):
    named = [{"name": "edu", "model": str(model)}] * 2
    with pytest.raises(RecipeError, match="more than one"):
        make_recipe({"name": "x", "sources": [SOURCE], "classifiers": named})


def test_declared_columns():
    assert columns_of("classifier_edu") == {
        "edu_label": pl.String,
        "edu_score": pl.Float64,
        "classifier_edu_state": pl.String,
    }
    assert column_facts("edu_score").scorer == "classifier_edu"
    assert column_facts("language_score").scorer == "language"
    with pytest.raises(KeyError):
        column_facts("no_such_column")


def test_the_bundled_quality_model_and_its_card():
    found = card(find_model("quality", "classifiers.edu"))
    assert found["sha256"] == sha256(BUNDLED / "quality.ftz")
    assert found["bytes"] < 1_000_000
    assert all(one["licence"] and one["attribution"] for one in found["data"])
    assert found["scores"]["held-out sets"]["auc"] > 0.9
    prose = (
        "The castle was built in the twelfth century by the bishop, and was rebuilt after a fire."
    )
    crawl = "Sign in to your account. Click here to share this post, comment or subscribe by email."
    got = score("quality", [prose, crawl, prose], ["eng", "eng", "fra"], label="hq")
    assert got["edu_score"][0] > got["edu_score"][1]
    assert got["classifier_edu_state"].to_list() == [None, None, "not_applicable"]
