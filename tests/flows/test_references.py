"""A source that others are compared with: it loses nothing, and is not released unless asked for."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from curate.errors import RecipeError
from curate.recipe import make_recipe

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
    "bread",
    "salt",
    "wool",
    "clay",
]


def text(start: int, count: int = 40) -> str:
    """Words in an order of its own for each start."""
    return " ".join(WORDS[(start * 7 + n * (start + 3)) % 16] + str(n % 9) for n in range(count))


LICENSED = [("short", text(1, 12)), ("book", text(2)), ("book-again", text(2))]
LICENSED += [(f"more-{n}", " ".join(f"{n}w{k}" for k in range(30))) for n in range(120)]  # no alarm
WEB = [
    ("of-short", text(1, 12)),
    ("of-book", f"{text(2)} end"),
    ("twin", text(3)),
    ("twin-too", text(3)),
    ("own", text(4)),
]
RECIPE = """
name = "references"
[[sources]]
kind = "records"
inputs = ["web.jsonl"]
id_column = "id"
[[sources]]
kind = "records"
inputs = ["licensed.jsonl"]
id_column = "id"
reference = true
[quality.rules]
minimum_words = 12
maximum_words = 40
[duplicates]
scope = "reference"
versions = "off"
"""


@pytest.fixture(scope="module")
def released(curate, tmp_path_factory) -> tuple[str, dict, dict[str, dict]]:
    folder = tmp_path_factory.mktemp("references")
    for name, rows in (("licensed", LICENSED), ("web", WEB)):
        lines = [json.dumps({"id": one, "text": content}) + "\n" for one, content in rows]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    (folder / "r.toml").write_text(RECIPE.replace("maximum_words = 40", "maximum_words = 60"))
    store = str(folder / "store")
    result = curate.json("run", str(folder / "r.toml"), "--store", store, "--workers", "1")
    rows = pl.read_parquet(Path(store) / result["folder"] / "ledger/part-*.parquet").to_dicts()
    return store, result, {row["source_id"]: row for row in rows}


def test_only_others_lose_and_only_to_references(released):
    _, result, ledger = released
    more = {name: "duplicates.reference" for name, _ in LICENSED[3:]}
    assert {name: row["removed_by"] for name, row in ledger.items()} == {
        **more,
        "short": "duplicates.reference",
        "book": "duplicates.reference",
        "book-again": "duplicates.reference",
        "of-short": "duplicates.exact",
        "of-book": "duplicates.near",
        "twin": None,
        "twin-too": None,
        "own": None,
    }
    assert ledger["of-book"]["duplicate_of"] in {ledger[n]["id"] for n in ("book", "book-again")}
    assert result["documents"] == {"read": 128, "made": 0, "kept": 3, "removed": 125}
    rules = {row["rule"]: (row["met"], row["removed"]) for row in result["rules"]}
    assert rules["duplicates.exact"] == (128, 1)
    assert rules["duplicates.reference"] == (126, 123)


def test_what_if_and_explain_know_references(curate, released):
    store, _, ledger = released
    names = {row["id"]: name for name, row in ledger.items()}

    def changed(*settings: str) -> dict:
        chosen = [part for setting in settings for part in ("--set", setting)]
        found = curate.json("what-if", "references@1", "--store", store, *chosen)
        return {names[row["id"]]: row["after"] for row in found["changed"]}

    assert changed("duplicates.release_reference=true") == dict.fromkeys(
        name for name, _ in LICENSED
    )
    scope = changed("duplicates.scope=release")
    assert sorted(scope.values()) == ["duplicates.exact"]
    assert set(scope) <= {"twin", "twin-too"}
    # a reference that other rules remove is compared with all the same
    assert changed("quality.minimum_words=20") == {
        "short": "quality.minimum_words",
        "of-short": "quality.minimum_words",
    }
    assert changed("quality.maximum_words=40", "duplicates.action=tag") == {
        "of-short": None,
        "of-book": "quality.maximum_words",
    }
    told = curate.json("explain", "book", "--release", "references@1", "--store", store)
    assert "left out by duplicates.reference" in told["answer"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"duplicates": {"scope": "reference"}}, "say so in one of the"),
        ({"duplicates": {"release_reference": True}}, "say so in one of the"),
        ({"sources": [{"kind": "records", "inputs": ["x"], "reference": True}]}, "take it off one"),
    ],
)
def test_what_would_compare_with_nothing_is_refused(change, told):
    values = {"name": "x", "sources": [{"kind": "records", "inputs": ["x"]}]}
    make_recipe(values)
    with pytest.raises(RecipeError, match=told):
        make_recipe(values | change)
