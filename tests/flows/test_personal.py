"""Personal data is tagged, masked, removed, explained and counted by a run; its values go nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from released import contents

PROSE = (
    "The harbour master wrote in his diary that the winter of year {} was long, and that the boats "
    "which were to have sailed with tide {} of March were still held by the ice in week {}. "
)
EMAIL, PHONE, IBAN, PASSWORD = "ada.king@mail.co.uk", "+49 341 5550123", "DE89370400440532013000", "s3cr3t!9"  # fmt: skip
HELD = {
    3: f"Write to {EMAIL} or call {PHONE}.",
    4: f"Übergröße: pay to {IBAN}; {EMAIL} says https://bob:{PASSWORD}@host.org/x was it.",
    5: f"{EMAIL}, {PHONE}, {IBAN}: {EMAIL}.",
}
VALUES = (EMAIL, PHONE, IBAN, PASSWORD)
RECIPE = """
name = "mine"
seed = 7

[[sources]]
kind = "records"
inputs = ["documents.jsonl"]

[duplicates]
action = "tag"
"""
MASKS = "\n[personal]\naction = 'mask'\nmask = '{}'\nmaximum_count = 3\n"


def write_inputs(folder: Path, section: str = "") -> Path:
    """Thirty documents, of which three hold personal data: 2, 3 and 4 places."""
    texts = [PROSE.format(n, 7 * n, 31 * n) * 2 + HELD.get(n, "") for n in range(30)]
    rows = [{"id": f"d{n}", "text": text} for n, text in enumerate(texts)]
    (folder / "documents.jsonl").write_text("\n".join(map(json.dumps, rows)))
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE + section)
    return recipe


def counts(result) -> tuple[int, int]:
    row = next(row for row in result["rules"] if row["rule"] == "personal.maximum_count")
    return row["removed"], row["tagged"]


def texts_of(store, result) -> dict[str, str]:
    from curate import load

    release = load(result["release"], store=store, split=None)
    return {row["source_id"]: row["text"] for part in release.values() for row in part}


@pytest.fixture(scope="module")
def tagged(curate, tmp_path_factory) -> tuple[str, dict]:
    recipe = write_inputs(tmp_path_factory.mktemp("tagged"))
    store = str(recipe.parent / "store")
    return store, curate.json("run", str(recipe), "--store", store, "--workers", "2")


@pytest.fixture(scope="module")
def masked(curate, tmp_path_factory) -> tuple[str, dict, Path]:
    recipe = write_inputs(tmp_path_factory.mktemp("masked"), MASKS.format("surrogate"))
    store = str(recipe.parent / "store")
    return store, curate.json("run", str(recipe), "--store", store, "--workers", "2"), recipe


def read_ledger(store, result) -> pl.DataFrame:
    return pl.read_parquet(f"{store}/{result['folder']}/ledger/part-*.parquet").sort("source_id")


def test_by_default_documents_are_tagged_and_nothing_changes(tagged, curate):
    store, result = tagged

    assert counts(result) == (0, 3)
    held = read_ledger(store, result).filter(pl.col("personal") > 0)
    assert held["source_id"].to_list() == ["d3", "d4", "d5"]
    assert held["personal"].to_list() == [2, 3, 4]
    assert held["personal_email"].to_list() == [1, 1, 2]
    assert held["personal_password"].to_list() == [0, 1, 0]
    text = texts_of(store, result)["d4"].encode()
    spans = held["personal_spans"].to_list()[1]
    assert [(s["kind"], text[s["start"] : s["end"]].decode()) for s in spans] == [
        ("iban", IBAN),
        ("email", EMAIL),
        ("password", PASSWORD),
    ]
    story = curate.json("explain", "d5", "--release", "mine@1", "--store", store)
    assert [p["kind"] for p in story["documents"][0]["personal"]] == [
        *("email", "phone", "iban", "email")
    ]


def test_what_if_answers_for_removal_and_asks_for_a_run_for_masks(tagged, curate):
    store, _ = tagged

    def ask(*settings, status=0):
        named = [part for setting in settings for part in ("--set", setting)]
        return curate.json("what-if", "mine@1", *named, "--store", store, status=status)

    change = ask("personal.action=remove", "personal.maximum_count=2")
    assert [row["after"] for row in change["changed"]] == ["personal.maximum_count"] * 2
    assert "it changes texts" in ask("personal.action=mask", status=2)["error"]
    assert "measures again" in ask("personal.kinds=['email']", status=2)["error"]


def test_masks_leave_no_value_anywhere(masked, curate):
    store, result, _ = masked

    assert counts(result) == (1, 0)  # d5 had four
    texts = texts_of(store, result)
    assert set(texts) == {f"d{n}" for n in range(30)} - {"d5"}
    folder = Path(store) / result["folder"]
    for path in folder.rglob("*"):
        if path.is_file():
            found = path.read_bytes()
            assert not [value for value in VALUES if value.encode() in found], path
    for name in ("d3", "d4", "d5"):
        for options in ([], ["--text"], ["--json"]):
            told = curate("explain", name, "--release", "mine@1", "--store", store, *options).stdout
            assert not [value for value in VALUES if value in told.replace("\n", "")]
    told = curate("explain", "d5", "--release", "mine@1", "--store", store).stdout
    assert "removed by personal.maximum_count: 4 against the limit 3" in told
    assert "personal data, in bytes of its text: 2 email (" in told
    ledger = read_ledger(store, result).filter(pl.col("source_id").is_in(["d3", "d4", "d5"]))
    assert ledger["personal"].to_list() == [0, 0, 0]
    assert ledger["personal_before_spans"].to_list() == [2, 3, 4]
    assert ledger["cleaned_by"].str.starts_with("personal:").all()
    assert "Personal data" in (folder / "card.md").read_text()


def test_a_value_has_one_surrogate_in_all_documents(masked):
    store, result, _ = masked

    texts = texts_of(store, result)
    email = texts["d3"].split("Write to ")[1].split()[0]
    assert email.startswith("user-")
    assert email.endswith("@example.org")
    assert email in texts["d4"]
    assert "+49 000 " in texts["d3"]
    assert "DE00" in texts["d4"]
    assert texts["d6"] == (PROSE.format(6, 42, 186) * 2).strip()


@pytest.mark.slow
def test_the_bytes_are_the_same_for_any_number_of_workers(masked, curate, tmp_path):
    store, result, recipe = masked
    other = tmp_path / "store"

    again = curate.json("run", str(recipe), "--store", str(other), "--workers", "1", "--batch", "3")

    assert again["content_hash"] == result["content_hash"]
    assert contents(other / again["folder"]) == contents(Path(store) / result["folder"])


def test_placeholders_say_the_kind_and_another_mask_reads_nothing_again(masked, curate):
    store, _, recipe = masked

    result = curate.json("run", str(recipe), "--store", store, "--set", "personal.mask=placeholder")

    assert result["steps"]["read"]["computed"] == 0
    assert texts_of(store, result)["d3"].endswith("Write to <EMAIL> or call <PHONE>.")
