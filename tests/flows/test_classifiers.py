"""Classifiers from training to verdicts: a domain is learnt from Wikipedia and cut out of it."""

from __future__ import annotations

import json

import polars as pl
import pytest

from curate.models import sha256

GOOD = (
    "The river rises in the northern hills, and its {} valley was settled early, as records show. "
)
BAD = "BUY {} now!!! Click here > cheap * cart * login | free $$$ offers >> "
NUMBERS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def write_texts(path, line, count):
    texts = [
        " ".join(line.format(f"{NUMBERS[n % 9]} {NUMBERS[(n // 9 + i) % 9]}") for i in range(4))
        + f"\n{NUMBERS[n % 7]} {NUMBERS[n % 5]} {chr(97 + n % 26)}{chr(97 + n // 26)}"
        for n in range(count)
    ]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def read_ledger(folder, name):
    place = folder / "store" / "releases" / name / "1" / "ledger"
    return pl.concat(pl.read_parquet(p) for p in sorted(place.glob("part-*.parquet")))


def test_a_quality_model_is_trained_and_judges(curate, tmp_path):
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    write_texts(good, GOOD, 90)
    write_texts(bad, BAD, 90)
    out, again = tmp_path / "model", tmp_path / "again"
    train = ("train", "quality", "--positive", str(good), "--negative", str(bad), "--out")
    card = curate.json(*train, str(out))
    curate.json(*train, str(again))
    assert card["scores"]["all"]["auc"] == 1.0
    assert card["sha256"] == sha256(out / "quality.ftz") == sha256(again / "quality.ftz")
    assert (card["positive"], card["negative"]) == (["good.jsonl"], ["bad.jsonl"])

    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "judged"\n[[sources]]\nkind = "records"\ninputs = ["good.jsonl", "bad.jsonl"]\n'
        '[duplicates]\naction = "tag"\n'
        f'[[classifiers]]\nname = "edu"\nmodel = "{out / "quality.ftz"}"\n'
        'label = "__label__hq"\nminimum_score = 0.5\n'
    )
    store = ("--store", str(tmp_path / "store"))
    result = curate.json("run", str(recipe), *store)
    funnel = {row["rule"]: row for row in result["rules"]}
    assert funnel["classifiers.edu.minimum_score"]["removed"] == 90
    ledger = read_ledger(tmp_path, "judged")
    assert {"edu_label", "edu_score", "languages", "language_share"} <= set(ledger.columns)
    removed = ledger.filter(pl.col("removed_by") == "classifiers.edu.minimum_score")
    story = curate.json("explain", removed["id"][0], "--release", "judged@1", *store)
    met = {rule["rule"]: rule for rule in story["documents"][0]["rules"]}
    assert met["classifiers.edu.minimum_score"]["outcome"] == "hit"
    assert met["classifiers.edu.minimum_score"]["value"] == removed["edu_score"][0]
    change = curate.json("what-if", "judged@1", "--set", "classifiers.edu.minimum_score=0", *store)
    assert len(change["changed"]) == 90
    setting = "classifiers.edu.model=other.ftz"
    refused = curate("what-if", "judged@1", "--set", setting, *store, status=2)
    assert "classifiers.edu.model cannot be answered so" in refused.stderr
    assert "classifiers.edu.minimum_score" in (
        tmp_path / "store" / "releases" / "judged" / "1" / "card.md"
    ).read_text(encoding="utf-8")
    alone = curate("train", "quality", "--positive", str(good), "--out", str(out), status=2)
    assert "--positive and --negative" in alone.stderr


@pytest.mark.slow
@pytest.mark.shared
def test_a_domain_is_learnt_from_categories_and_cut_out(curate, shared_data, tmp_path):
    dump = shared_data / "wikipedia" / "itwiki-small.xml.gz"
    recipe, store = tmp_path / "recipe.toml", ("--store", str(tmp_path / "store"))
    text = f'name = "{{}}"\n[[sources]]\nkind = "wikipedia"\ninputs = ["{dump}"]\n[toxicity]\nscorer = "none"\n'
    recipe.write_text(text.format("articles"))
    curate.json("run", str(recipe), *store)
    out = tmp_path / "model"
    card = curate.json("train", "domain", "--release", "articles@1", "--out", str(out), *store)
    assert card["labels"] == sorted(card["labels"])
    assert {"history", "other"} <= set(card["labels"])
    assert card["scores"]["all"]["accuracy"] > 0.5
    recipe.write_text(
        text.format("history")
        + f'[[classifiers]]\nname = "domain"\nmodel = "{out / "domain.ftz"}"\n'
        'keep = ["history"]\nminimum_score = 0.5\n'
    )
    result = curate.json("run", str(recipe), *store)
    ledger = read_ledger(tmp_path, "history")
    kept = ledger.filter(pl.col("removed_by").is_null())
    assert 20 < kept.height < ledger.height / 2
    assert set(kept["domain_label"]) == {"history"}
    assert kept["domain_score"].min() >= 0.5
    assert {row["rule"] for row in result["rules"]} >= {"classifiers.domain.keep"}


def test_models_are_listed(curate):
    listed = {row["name"]: row for row in curate.json("models")["models"]}
    assert listed["language"]["where"] == "bundled"
    assert "lid.176.ftz" in listed
    assert "glotlid-v3" in curate("models").stdout
