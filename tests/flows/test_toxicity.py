"""Sentences taken out with their evidence, and a cascade that asks only about what it must."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from curate.errors import RecipeError
from curate.explain import what_if
from curate.store import Store

INSULT = "Fuck you, you stupid worthless piece of shit, you filthy bastard!"
PLAIN = "The library opens at nine and closes at six. Many people come to read the papers there."
RECIPE = """
name = "toxic"
[[sources]]
kind = "records"
inputs = ["*.jsonl"]
id_column = "id"
[quality.rules]
[toxicity]
"""


def write_recipe(folder: Path, rows: dict[str, str], section: str) -> Path:
    lines = [json.dumps({"id": name, "text": text}) + "\n" for name, text in rows.items()]
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "toxic.toml").write_text(RECIPE + section, encoding="utf-8")
    return folder / "toxic.toml"


@pytest.fixture(scope="module")
def removed(curate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentences")
    rows = {
        "mixed": f"{PLAIN}\n{INSULT} {PLAIN} Ünd so weiter.",
        "insult": INSULT,
        "plain": PLAIN + " Nobody minds.",
    }
    recipe = write_recipe(folder, rows, 'action = "remove-sentence"')
    store = str(folder / "store")
    return store, curate.json("run", str(recipe), "--store", store, "--workers", "1"), rows


def test_toxic_sentences_go_and_what_is_left_is_measured_again(curate, removed):
    store, _, rows = removed
    told = curate.json("explain", "mixed", "--release", "toxic@1", "--store", store, "--text")
    story = told["documents"][0]
    assert story["outcome"] == "kept"
    assert story["text"] == f"{PLAIN}\n{PLAIN} Ünd so weiter."
    assert story["cleaned"] == {"toxic_sentences": len(INSULT) + 1}
    assert (story["toxic"], story["tags"]) == ([], [])
    (span,) = story["toxic_before"]
    before = rows["mixed"].encode()
    assert before[span["start"] : span["end"]].decode() == INSULT
    assert span["score"] > 0.9
    assert story["ledger"]["toxicity"] < 0.5 < story["ledger"]["toxicity_before_spans"]
    gone = curate.json("explain", "insult", "--release", "toxic@1", "--store", store)
    assert gone["documents"][0]["removed_by"] == "spans.nothing_left"
    plain = curate.json("explain", "plain", "--release", "toxic@1", "--store", store)
    assert plain["documents"][0]["cleaned"] == {}


def test_what_if_does_not_guess_which_sentences_would_go(removed):
    store, _, _ = removed
    for name, value in (("maximum_score", "0.8"), ("action", "tag")):
        with pytest.raises(RecipeError, match=rf"toxicity\.{name} cannot be answered so: it takes"):
            what_if(Store(store), "toxic@1", {f"toxicity.{name}": value})
    assert what_if(Store(store), "toxic@1", {"quality.minimum_words": "3"}).undetermined == 0


def test_explain_shows_the_sentence(curate, tmp_path):
    rows = {"long": f"{PLAIN} {PLAIN}\n\n{INSULT} {PLAIN} {PLAIN}"}
    store = str(tmp_path / "store")
    curate.json(
        "run",
        str(write_recipe(tmp_path, rows, "maximum_score = 0.8")),
        "--store",
        store,
        "--workers",
        "1",
    )
    story = curate.json("explain", "long", "--release", "toxic@1", "--store", store)
    (span,) = story["documents"][0]["toxic"]
    assert span["text"] == INSULT
    assert span["start"] == rows["long"].encode().index(INSULT.encode())
    assert story["documents"][0]["tags"] == ["toxicity.maximum_score"]
    shown = curate("explain", "long", "--release", "toxic@1", "--store", store).stdout
    assert f"in bytes {span['start']:,}–{span['end']:,}: {INSULT}" in shown


@pytest.mark.detoxify
def test_a_cascade_asks_about_its_band_alone_and_a_wider_one_about_the_rest(
    curate, tmp_path, small_checkpoint
):
    rows = {
        "clean": PLAIN,
        "sure": INSULT,
        "german": "Dieser Bericht über die Wahl ist verrückt, sagte der dumme alte Mann.",
        **{f"n{n}": f"{text} Number {n}." for n, text in enumerate(UNSURE)},
    }
    section = f'scorer = "cascade"\ncheckpoint = "{small_checkpoint}"\nband = [0.3, 0.6]\n'
    section += "maximum_score = 0.5\n"
    recipe, store = write_recipe(tmp_path, rows, section), str(tmp_path / "store")
    run = ("run", str(recipe), "--store", store, "--workers", "1")
    first = curate.json(*run)
    ledger = read_ledger(store, first)
    cost = first["cascade"]
    inside = ledger.filter(pl.col("toxicity_bundled").is_between(0.3, 0.6, closed="left"))
    sent = inside.filter(pl.col("language") == "eng")
    assert sent.height >= 2
    assert cost["band"] == [0.3, 0.6]
    judged = ledger["toxicity_state"].is_null().sum()
    assert (cost["documents"], cost["judged"], cost["sent"]) == (23, judged, sent.height)
    assert cost["sent_share"] == round(sent.height / judged, 4)
    assert ledger.filter(pl.col("toxicity_sent"))["id"].sort().equals(sent["id"].sort())
    assert (sent["toxicity"] != sent["toxicity_bundled"]).all()
    outside = ledger.filter(~pl.col("toxicity_sent").fill_null(value=False))
    assert outside["toxicity"].equals(outside["toxicity_bundled"])

    wider = ledger.filter(pl.col("toxicity_bundled").is_between(0.3, 0.9, closed="left"))
    lacking = wider.filter((pl.col("language") == "eng") & ~pl.col("toxicity_sent")).height
    assert lacking > 0
    change = what_if(Store(store), "toxic@1", {"toxicity.band": "[0.3, 0.9]"})
    assert change.undetermined == lacking
    limit = what_if(Store(store), "toxic@1", {"toxicity.maximum_score": "0.9"})
    assert limit.undetermined == lacking
    labels = what_if(Store(store), "toxic@1", {"toxicity.maximum_threat": "0.9"})
    above = ledger.filter(pl.col("toxicity_bundled") >= 0.3, pl.col("language") == "eng")
    assert labels.undetermined == above.filter(~pl.col("toxicity_sent")).height
    narrow = what_if(Store(store), "toxic@1", {"toxicity.band": "[0.45, 0.5]"})
    assert narrow.undetermined == 0

    asked = objects(store)
    second = curate.json(*run, "--set", "toxicity.band=[0.3, 0.9]")
    assert second["cascade"]["sent"] == sent.height + lacking
    new = [pl.read_parquet(name).height for name in objects(store) - asked]
    assert sum(new) == lacking  # what was asked is not asked again


@pytest.mark.detoxify
def test_a_cascade_sends_what_the_bundled_model_does_not_speak_whatever_the_band(
    curate, tmp_path, small_multilingual_checkpoint
):
    rows = {
        "eng": PLAIN,
        "fra": "La bibliothèque ouvre à neuf heures et ferme à six heures du soir, sauf le lundi.",
        "ell": "Η βιβλιοθήκη ανοίγει στις εννέα το πρωί και κλείνει στις έξι το απόγευμα.",
    }
    section = f'scorer = "cascade"\ncheckpoint = "{small_multilingual_checkpoint}"\n'
    recipe, store = write_recipe(tmp_path, rows, section), str(tmp_path / "store")

    first = curate.json("run", str(recipe), "--store", store, "--workers", "1")

    ledger = {row["source_id"]: row for row in read_ledger(store, first).to_dicts()}
    cost = first["cascade"]
    assert (cost["judged"], cost["sent"], cost["sent_unjudged"]) == (1, 0, 1)
    assert cost["sent_characters"] == len(rows["fra"])
    assert ledger["eng"]["toxicity_sent"] is False
    assert ledger["fra"]["toxicity_sent"] is True
    assert ledger["fra"]["toxicity_state"] is ledger["fra"]["toxicity_bundled"] is None
    assert 0 < ledger["fra"]["toxicity"] < 1
    assert ledger["ell"]["toxicity_sent"] is None  # neither speaks Greek
    assert ledger["ell"]["toxicity_state"] == "not_applicable"
    wider = what_if(Store(store), "toxic@1", {"toxicity.band": "[0.2, 0.95]"})
    assert wider.undetermined == 0


UNSURE = [  # which the bundled model scores all over the place
    "You are an idiot if you believe that.",
    "That is a dumb idea, really.",
    "He is crazy and she is sick of it.",
    "What a damn mess this is.",
    "These people are liars and crooks.",
    "Kill the process and clean the pig house.",
    "I hate this stupid printer.",
    "The old witch was ugly and cruel.",
    "She called him a fool and a coward.",
    "This trash can is disgusting.",
    "The black and white dog is nice.",
    "My sick friend shot a photograph of a snake.",
    "The rat ran over the filthy floor.",
    "Shut the door, you clown!",
    "The president is a fraud and a loser.",
    "All politicians are corrupt.",
    "That ass carried the wood up the hill.",
    "I would like to punch the wall sometimes.",
    "It sucks to be poor here.",
    "The freak storm killed two people.",
]


def objects(store: str) -> set[Path]:
    return set(Path(store).glob("objects/detoxify/*.parquet"))


def read_ledger(store: str, result: dict) -> pl.DataFrame:
    return pl.read_parquet(Path(store) / result["folder"] / "ledger/part-*.parquet")
