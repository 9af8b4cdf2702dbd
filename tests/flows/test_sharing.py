"""Passages that documents share: one keeps them, the others lose them or are judged by them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from released import contents

from curate.errors import RecipeError
from curate.recipe import make_recipe

NOTICE = " ".join(f"notice{n}" for n in range(60))
QUOTE = " ".join(f"quote{n}" for n in range(49))


def own(name: str, words: int) -> str:
    return " ".join(f"{name}{n}" for n in range(words))


def documents() -> list[dict[str, str]]:
    """Documents whose names say what becomes of them."""
    return [
        {"id": "keeper", "text": f"{own('k', 200)}\n\n{NOTICE}."},
        {"id": "loser", "text": f"{own('l', 90)} “{NOTICE.upper()}!” {own('m', 20)} {QUOTE}"},
        {"id": "loses-all", "text": NOTICE},
        {"id": "quotes", "text": f"{QUOTE} {own('q', 60)}"},
        {"id": "alone", "text": own("a", 120)},
        {"id": "twin-a", "text": own("t", 120)},
        {"id": "twin-b", "text": own("t", 120)},
    ]


RECIPE = """
name = "sharing"
[[sources]]
kind = "records"
inputs = ["*.jsonl"]
id_column = "id"
[quality]
before_spans = ["minimum_words"]
[quality.rules]
minimum_words = 60
[spans]
shared_words = 50
[augment]
kinds = ["counterfactual"]
[release]
validation_share = 0.2
"""
TAGGED = RECIPE.replace('before_spans = ["minimum_words"]\n', "").replace(
    "shared_words = 50",
    'shared_words = 50\nshared_action = "tag"\n'
    'repeated_paragraph_documents = 2\nrepeated_action = "tag"',
)
TAGGED = TAGGED.replace("minimum_words = 60", "maximum_shared_word_share = 0.5")
TAGGED = TAGGED.replace('name = "sharing"', 'name = "tagged"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sharing")
    for number in range(3):  # blocks of their own
        rows = documents()[number::3]
        (folder / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "sharing.toml").write_text(RECIPE)
    (folder / "tagged.toml").write_text(TAGGED)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def released(curate, folder, store):
    return curate.json("run", str(folder / "sharing.toml"), "--store", str(store), "--workers", "2")


@pytest.fixture(scope="module")
def tagged(curate, folder, store, released):
    assert released["new"]
    return curate.json("run", str(folder / "tagged.toml"), "--store", str(store))


def read_ledger(store, result):
    rows = pl.read_parquet(store / result["folder"] / "ledger/part-*.parquet").to_dicts()
    return {row["source_id"]: row for row in rows}


def tell(curate, store, release, name):
    told = curate.json("explain", name, "--release", release, "--store", str(store), "--text")
    return told["documents"][0]


def test_one_document_keeps_a_passage_and_the_others_lose_it(curate, released, store):
    texts = {row["id"]: row["text"] for row in documents()}
    for name in ("keeper", "quotes", "alone"):
        assert tell(curate, store, "sharing@1", name)["text"] == texts[name]
    rest = f"{own('l', 90)} {own('m', 20)} {QUOTE}"
    story = tell(curate, store, "sharing@1", "loser")
    gone = len(texts["loser"]) - len(rest)
    assert story["text"] == rest
    assert story["cleaned"] == {"shared_passages": gone}

    rows = read_ledger(store, released)
    loser, keeper = rows["loser"], rows["keeper"]
    assert loser["shared_with"] == keeper["id"]
    assert loser["longest_shared_words"] == 60
    assert loser["shared_word_share"] == round(60 / 219, 6)
    assert (loser["words"], loser["words_before_spans"]) == (159, 219)
    assert (keeper["shared_with"], keeper["shared_word_share"]) == (None, 0)
    assert rows["loses-all"]["removed_by"] == "spans.nothing_left"
    # copies of one another are left to the rules of duplicates
    twins = [rows["twin-a"], rows["twin-b"]]
    assert [row["shared_word_share"] for row in twins] == [0, 0]
    assert sorted(str(row["removed_by"]) for row in twins) == ["None", "duplicates.exact"]


def test_explain_tells_who_keeps_what(curate, released, store):
    assert released["documents"]["kept"] == 5
    (passage,) = tell(curate, store, "sharing@1", "loser")["shared"]
    text = next(row["text"] for row in documents() if row["id"] == "loser")
    assert text[passage["start"] : passage["end"]] == f"“{NOTICE.upper()}!”"
    assert (passage["words"], passage["source_id"]) == (60, "keeper")
    shown = curate("explain", "loser", "--release", "sharing@1", "--store", str(store)).stdout
    where = f"characters {passage['start']}–{passage['end']}"
    assert f"shares    60 words with keeper ({passage['id']}), which keeps them: {where}" in shown


def test_a_tagged_passage_changes_no_text_and_rules_judge_it(curate, tagged, store):
    rows = read_ledger(store, tagged)
    assert all(row["cleaned_by"] is None for row in rows.values())
    assert rows["loser"]["longest_shared_words"] == 60
    assert rows["loser"]["removed_by"] is None
    hit = rows["loses-all"]
    assert (hit["removed_by"], hit["value"], hit["limit"]) == (
        "quality.maximum_shared_word_share",
        1.0,
        "0.5",
    )
    funnel = {row["rule"]: row["removed"] for row in tagged["funnel"]}
    assert funnel["quality.maximum_shared_word_share"] == 1
    change = ("what-if", "tagged@1", "--store", str(store), "--set")
    changed = curate.json(*change, "quality.maximum_shared_word_share=0.2")["changed"]
    assert [row["id"] for row in changed] == [rows["loser"]["id"]]
    changed = curate.json(*change, "quality.maximum_longest_shared_words=59")["changed"]
    assert [row["id"] for row in changed] == [rows["loser"]["id"]]
    share = rows["keeper"]["common_paragraphs_character_share"]
    assert share == round((len(NOTICE) + 1) / (len(own("k", 200)) + 2 + len(NOTICE) + 1), 6)
    changed = curate.json(*change, "quality.maximum_common_paragraphs_character_share=0.2")
    assert {row["id"] for row in changed["changed"]} == {rows["keeper"]["id"]}
    refused = curate(*change, "spans.shared_words=60", status=2).stderr
    assert "spans.shared_words cannot be answered so" in refused


@pytest.mark.slow
def test_workers_and_batches_shape_nothing(curate, folder, released, store, tmp_path):
    common = ("--store", str(tmp_path), "--workers", "1", "--batch", "2")
    result = curate.json("run", str(folder / "sharing.toml"), *common)
    assert result["content_hash"] == released["content_hash"]
    assert contents(tmp_path / result["folder"]) == contents(store / released["folder"])
    again = curate.json("run", str(folder / "sharing.toml"), *common)
    assert not again["new"]
    assert sum(step["computed"] for step in again["steps"].values()) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"duplicates": {"among": "passing"}}, 'set among = "read"'),
        ({"spans": {}}, r"set shared_words in \[spans\]"),
        ({"spans": {"shared_words": 5}}, "shared_words"),
        ({"spans": {"shared_words": 50, "shared_action": "remove"}}, "shared_action"),
    ],
)
def test_what_cannot_be_judged_is_refused(change, told):
    values = {
        "name": "x",
        "sources": [{"kind": "records", "inputs": ["x"]}],
        "quality": {"rules": {"maximum_shared_word_share": 0.5}},
        "spans": {"shared_words": 50},
    }
    make_recipe(values)
    with pytest.raises(RecipeError, match=told):
        make_recipe(values | change)
