"""Lines that a site repeats are taken out after linking, recorded, and the texts measured again."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from released import contents

from curate.errors import RecipeError
from curate.recipe import make_recipe

MENU, FOOT = "Home | News | Contact 2026", "© 1999 Example Inc. All rights reserved!"
WORDS = [
    "sea",
    "sky",
    "moon",
    "sun",
    "rain",
    "snow",
    "wind",
    "fire",
    "stone",
    "wood",
    "grass",
    "river",
]


def page(number: int, *, menu: str = MENU) -> str:
    word, other = WORDS[number], WORDS[-1 - number]
    return f"{menu}\n\nThe {word} and the {other} are what page {word} is about.\nNothing else.\n{FOOT}"


def documents() -> list[dict[str, str]]:
    """Documents of several sites; the name of each says what becomes of it."""
    rows = [
        # digits, letter case, punctuation do not count: one menu
        {"id": f"page-{n}", "url": f"https://www.example.com/{n}", "text": page(n, menu=menu)}
        for n, menu in enumerate([MENU, "HOME / NEWS / Contact 1234", MENU, MENU])
    ]
    rows += [
        {"id": "empty", "url": "http://user@example.com:80/e", "text": f"{MENU}\n{FOOT}"},
        {"id": "elsewhere", "url": "https://other.example/", "text": page(5)},
        {"id": "nowhere", "url": "", "text": page(6)},
        {
            "id": "equal-a",
            "url": "https://example.com/a",
            "text": f"{MENU}\n{FOOT}\nWe sell boats.",
        },
        {"id": "equal-b", "url": "https://boats.example/", "text": "We sell boats."},
    ]
    again = "This text lies under six addresses of one site, and its lines are no menu.\nNone is."
    rows += [
        {"id": f"copy-{n}", "url": f"https://copies.example/{n}", "text": again} for n in range(6)
    ]
    rows += [  # a line of three documents of the site
        {
            "id": f"few-{n}",
            "url": f"https://few.example/{n}",
            "text": f"{FOOT}\n{page(8 + n, menu='')[2:]}",
        }
        for n in range(3)
    ]
    return rows


RECIPE = """
name = "spans"
[[sources]]
kind = "records"
inputs = ["*.jsonl"]
id_column = "id"
uri_column = "url"
snapshot = "S"
[quality]
before_spans = ["minimum_words", "maximum_cleaned_word_share"]
[quality.rules]
minimum_words = 6
maximum_words = 40
maximum_cleaned_word_share = 0.4
[spans]
repeated_line_documents = 5
sources = ["records"]
[release]
validation_share = 0.2
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("spans")
    rows = documents()
    for number in range(3):  # blocks of their own
        with (folder / f"{number}.jsonl").open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows[number::3])
    (folder / "spans.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "spans.toml"


@pytest.fixture(scope="module")
def released(curate, recipe, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return store, curate.json("run", str(recipe), "--store", str(store), "--workers", "2")


@pytest.fixture(scope="module")
def ledger(released) -> dict:
    store, result = released
    rows = pl.read_parquet(store / result["folder"] / "ledger/part-*.parquet").to_dicts()
    return {row["source_id"]: row for row in rows}


def text_of(curate, released, name):
    store, _ = released
    story = curate.json("explain", name, "--release", "spans@1", "--store", str(store), "--text")
    return story["documents"][0]


def test_the_lines_of_a_site_go_and_are_recorded(curate, released, ledger):
    for number in range(4):
        row = ledger[f"page-{number}"]
        story = text_of(curate, released, f"page-{number}")
        word, other = WORDS[number], WORDS[-1 - number]
        rest = f"The {word} and the {other} are what page {word} is about.\nNothing else."
        gone = len(page(number)) - len(rest)

        assert story["text"] == rest
        assert story["cleaned"] == {"repeated_lines": gone}
        assert row["cleaned_by"] == f"repeated_lines:{gone}"
        assert row["cleaned_characters"] == gone
        assert row["cleaned_word_share"] == round(13 / 26, 6)
        assert (row["words"], row["words_before_spans"]) == (13, 23)


def test_nothing_else_changes(curate, released, ledger):
    texts = {row["id"]: row["text"] for row in documents()}
    for name in ("elsewhere", "nowhere", "equal-b", *(f"few-{n}" for n in range(3))):
        assert ledger[name]["cleaned_by"] in {None, "characters:1"}
        assert text_of(curate, released, name)["text"] == texts[name].strip()


def test_documents_that_repeat_one_another_count_as_one(ledger):
    assert all(ledger[f"copy-{n}"]["cleaned_by"] is None for n in range(6))
    assert [ledger[f"copy-{n}"]["removed_by"] for n in range(6)].count(None) == 1


def test_a_document_of_which_nothing_is_left_is_removed(released, ledger):
    row = ledger["empty"]
    assert (row["removed_by"], row["value"], row["limit"]) == ("spans.nothing_left", 0.0, "0")
    assert row["cleaned_word_share"] == 1.0
    documents = released[1]["documents"]
    assert documents["read"] == documents["kept"] + documents["removed"]


def test_a_text_that_was_short_before_is_removed_and_one_that_became_so_is_kept(ledger):
    rows = [ledger["equal-a"], ledger["equal-b"]]
    assert [row["removed_by"] for row in rows] == [None, "quality.minimum_words"]


def test_a_rule_reads_what_was_before_or_after(curate, released, ledger):
    store = str(released[0])
    before = ("what-if", "spans@1", "--store", store, "--set")
    # 23 words before, 13 after
    changed = {row["id"] for row in curate.json(*before, "quality.minimum_words=20")["changed"]}
    assert changed.isdisjoint(ledger[f"page-{n}"]["id"] for n in range(4))
    after = curate.json(*before, "quality.maximum_words=12")["changed"]
    assert {row["id"] for row in after} >= {ledger[f"page-{n}"]["id"] for n in range(4)}
    refused = curate(*before, "spans.repeated_line_documents=9", status=2).stderr
    assert "spans.repeated_line_documents cannot be answered so" in refused
    # repeated lines are half of the words of these; nothing had been cleaned before
    shares = ("cleaned_word_share", "cleaned_word_share_before_spans")
    assert [ledger["page-0"][name] for name in shares] == [0.5, 0.0]
    cleaned = curate.json(*before, "quality.before_spans=['minimum_words']")["changed"]
    assert {row["after"] for row in cleaned} == {"quality.maximum_cleaned_word_share"}
    assert {row["id"] for row in cleaned} >= {ledger[f"page-{n}"]["id"] for n in range(4)}
    told = text_of(curate, released, "page-0")
    assert {rule["rule"]: rule["value"] for rule in told["rules"]}["quality.minimum_words"] == 23
    shown = curate("explain", "page-0", "--release", "spans@1", "--store", store).stdout
    assert f"cleaned   repeated_lines {told['cleaned']['repeated_lines']} characters" in shown


def test_two_texts_that_become_equal_share_a_cluster(curate, recipe, tmp_path):
    settings = ("--set", "quality.before_spans=[]", "--set", "quality.rules.minimum_words=1")
    settings += ("--set", "quality.maximum_cleaned_word_share=false")
    result = curate.json("run", str(recipe), "--store", str(tmp_path), *settings)
    rows = pl.read_parquet(tmp_path / result["folder"] / "ledger/part-*.parquet")
    near = rows.filter(pl.col("source_id").str.starts_with("equal")).to_dicts()
    assert sorted(str(row["removed_by"]) for row in near) == ["None", "duplicates.near"]
    assert {row["similarity"] for row in near} == {None, 1.0}


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "batch"), [("1", "2"), ("1", "4096")])
def test_workers_and_batches_shape_nothing(curate, recipe, released, tmp_path, workers, batch):
    common = ("--store", str(tmp_path), "--workers", workers, "--batch", batch)
    result = curate.json("run", str(recipe), *common)
    store, reference = released
    assert result["content_hash"] == reference["content_hash"]
    assert contents(tmp_path / result["folder"]) == contents(store / reference["folder"])
    again = curate.json("run", str(recipe), *common)
    assert not again["new"]
    assert sum(step["computed"] for step in again["steps"].values()) == 0


def test_a_run_without_any_site_says_so(curate, tmp_path):
    (tmp_path / "x.jsonl").write_text(json.dumps({"id": "x", "text": page(1)}))
    (tmp_path / "r.toml").write_text(RECIPE.replace('uri_column = "url"\n', ""))
    result = curate.json("run", str(tmp_path / "r.toml"), "--store", str(tmp_path / "store"))
    assert any("found no line of a site" in warning for warning in result["warnings"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"spans": {}}, "set repeated_line_documents in it"),
        ({"duplicates": {"among": "passing"}}, 'set among = "read"'),
        ({"spans": {"repeated_line_documents": 5}}, "name some of records"),
        (
            {"quality": {"before_spans": ["minimum_wrods"], "rules": {"minimum_words": 5}}},
            "did you mean 'minimum_words'",
        ),
    ],
)
def test_what_would_do_nothing_is_refused(change, told):
    values = {
        "name": "x",
        "sources": [{"kind": "records", "inputs": ["x"]}],
        "quality": {"before_spans": ["minimum_words"], "rules": {"minimum_words": 5}},
        "spans": {"repeated_line_documents": 5, "sources": ["records"]},
    }
    make_recipe(values)
    with pytest.raises(RecipeError, match=told):
        make_recipe(values | change)
