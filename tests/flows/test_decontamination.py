"""Documents that hold test items are found, removed, explained and counted by a run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from released import contents

ITEM = (
    "A baker sells forty loaves in the morning and half as many in the afternoon. Each loaf costs "
    "three crowns, and every fifth customer gets a bun for nothing. How many crowns does the baker "
    "take on a day with sixty loaves sold, and how many buns does she give away to those who buy "
    "one loaf each?"
)
OTHER = "Which river runs through the town in which the old bridge was built by the monks?"
PROSE = (
    "The harbour master wrote in his diary that the winter of year {} was long, and that the boats "
    "which were to have sailed with tide {} of March were still held by the ice in week {}. "
)
RECIPE = """
name = "mine"
seed = 7

[[sources]]
kind = "records"
inputs = ["documents.jsonl"]

[duplicates]
action = "tag"

[[decontamination.sets]]
name = "bakers"
files = ["sets/bakers.jsonl"]
columns = ["question"]

[[decontamination.sets]]
name = "rivers"
files = ["sets/*.csv"]
columns = [2]
id_column = 1
"""
FOUND = {"set": "bakers", "item": "bakers.jsonl:2", "words": 58}


def write_inputs(folder: Path) -> Path:
    """Thirty documents: 3 holds an item, 4 half of it, 5 the short one of another set."""
    texts = [PROSE.format(n, 7 * n, 31 * n) * 2 for n in range(30)]
    texts[3] += ITEM.upper().replace(",", ";")
    texts[4] += " ".join(ITEM.split()[:28])
    texts[5] += OTHER
    rows = [{"id": f"d{n}", "text": text} for n, text in enumerate(texts)]
    (folder / "documents.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "sets").mkdir()
    questions = ["How many?", ITEM, ITEM]
    lines = (json.dumps({"question": question}) for question in questions)
    (folder / "sets/bakers.jsonl").write_text("\n".join(lines))
    (folder / "sets/rivers.csv").write_text(f'r1,"{OTHER}"\n')
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE)
    return recipe


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("decontamination"))


@pytest.fixture(scope="module")
def run(curate, recipe) -> tuple[str, dict]:
    store = str(recipe.parent / "store")
    return store, curate.json("run", str(recipe), "--store", store, "--workers", "2")


def removed(result) -> int:
    return next(
        row["removed"]
        for row in result["rules"]
        if row["rule"] == "decontamination.maximum_overlap"
    )


def test_documents_with_more_than_half_of_an_item_are_removed(run):
    store, result = run

    assert removed(result) == 2
    assert result["documents"]["kept"] == 28
    assert [s["indexed"] for s in result["evaluation_sets"]] == [1, 1]
    ledger = pl.read_parquet(f"{store}/{result['folder']}/ledger/part-*.parquet")
    hits = ledger.filter(pl.col("contaminating_items") > 0).sort("source_id")
    assert hits["source_id"].to_list() == ["d3", "d4", "d5"]
    assert hits["removed_by"].is_null().to_list() == [False, True, False]
    assert hits["contamination"].to_list() == [1.0, 0.4444, 1.0]  # 24 of 54 n-grams


def test_explain_names_set_item_stretch_and_overlap(run, curate):
    store, _ = run

    story = curate.json("explain", "d3", "--release", "mine@1", "--store", store, "--text")
    document = story["documents"][0]
    match = document["contamination"][0]
    assert match.items() >= {**FOUND, "overlap": 1.0}.items()
    assert document["text"][match["start"] : match["end"]] == ITEM.upper().replace(",", ";")[:-1]
    assert document["removed_by"] == "decontamination.maximum_overlap"
    told = curate("explain", "d5", "--release", "mine@1", "--store", store).stdout
    before = len(PROSE.format(5, 35, 155) * 2)
    where = f"{before}–{before + len(OTHER) - 1}"  # without the question mark
    assert f"it holds 100% of the item r1 of rivers (16 words) in its characters {where}" in told
    kept = curate("explain", "d4", "--release", "mine@1", "--store", store).stdout
    assert "d4 was kept" in kept
    assert "holds     44% of the item bakers.jsonl:2 of bakers (58 words)" in kept


def test_what_if_answers_from_the_evidence(run, curate):
    store, _ = run

    def ask(setting, status=0):
        return curate.json("what-if", "mine@1", "--set", setting, "--store", store, status=status)

    change = ask("decontamination.maximum_overlap=0.4")
    assert [row["after"] for row in change["changed"]] == ["decontamination.maximum_overlap"]
    assert change["undetermined"] == 0
    assert len(ask("decontamination.action=tag")["changed"]) == 2
    assert "measures again" in ask("decontamination.ngram_words=4", 2)["error"]
    assert "measures again" in ask("decontamination.sets=[]", 2)["error"]
    assert "greater than or equal to 0.2" in ask("decontamination.maximum_overlap=0.1", 2)["error"]


def test_the_card_lists_sets_items_hashes_and_what_they_removed(run, recipe):
    store, result = run

    card = (Path(store) / result["folder"] / "card.md").read_text()
    assert "| bakers | 3 | 1 | 1 | 1 | 2 | 1 | 0 |" in card
    assert "| rivers | 1 | 1 | 0 | 0 | 1 | 1 | 0 |" in card
    for file in ("bakers.jsonl", "rivers.csv"):
        digest = hashlib.sha256((recipe.parent / "sets" / file).read_bytes()).hexdigest()
        assert f"| {file} | {digest} |" in card


@pytest.mark.slow
def test_the_bytes_are_the_same_for_any_number_of_workers(run, recipe, curate, tmp_path):
    store, result = run
    other = tmp_path / "store"

    again = curate.json("run", str(recipe), "--store", str(other), "--workers", "1", "--batch", "3")

    assert again["content_hash"] == result["content_hash"]
    assert contents(other / again["folder"]) == contents(Path(store) / result["folder"])


@pytest.mark.slow
def test_another_set_measures_again_and_the_same_one_does_not(curate, tmp_path):
    recipe = write_inputs(tmp_path)
    store = str(tmp_path / "store")

    def run(*settings):
        result = curate.json("run", str(recipe), "--store", store, *settings)
        computed = {name: step["computed"] for name, step in result["steps"].items()}
        return computed, removed(result)

    computed, hits = run()
    assert (computed["reference"], computed["measure"], computed["judge"], hits) == (1, 1, 1, 2)
    computed, hits = run("--set", "decontamination.maximum_overlap=0.4")
    assert (computed["reference"], computed["measure"], computed["judge"], hits) == (0, 0, 1, 3)
    (tmp_path / "sets/rivers.csv").write_text(f'r1,"{OTHER}"\nr2,"{PROSE.format(2, 14, 62)}"\n')
    computed, hits = run()
    assert (computed["reference"], computed["read"], computed["measure"], hits) == (1, 0, 1, 3)


def test_a_set_that_cannot_do_its_part_stops_the_run(curate, tmp_path):
    recipe = write_inputs(tmp_path)
    (tmp_path / "sets/bakers.jsonl").write_text("")

    answer = curate.json("run", str(recipe), "--store", str(tmp_path / "store"), status=1)

    assert answer["error"] == (
        "bakers.jsonl: an evaluation set is JSON lines, a JSON array, CSV, TSV or Parquet, "
        "but it is empty"
    )
    assert not (tmp_path / "store/releases").exists()
