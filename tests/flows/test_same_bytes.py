"""The same recipe on the same real files gives the same bytes, however it is run or killed."""

from __future__ import annotations

import json
import signal
import tarfile
import time
from pathlib import Path

import pytest
from released import contents

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def recipe(shared_data, tmp_path_factory) -> Path:
    """A recipe over the real files: every archive, two dumps, the OPUS subtitles."""
    folder = tmp_path_factory.mktemp("recipe")
    with tarfile.open(shared_data / "subtitles/opus-opensubtitles.tar.gz") as archive:
        archive.extractall(folder / "opus", filter="data")
    path = folder / "real.toml"
    text = f"""
name = "real"
seed = 7

[[sources]]
kind = "commoncrawl"
snapshot = "CC-MAIN-2026-40"
inputs = ["{shared_data}/warc/**/*.warc", "{shared_data}/warc/**/*.warc.gz", "{shared_data}/warc/**/*.wet*"]

[[sources]]
kind = "wikipedia"
snapshot = "wiki-20261101"
inputs = ["{shared_data}/wikipedia/itwiki-small.xml.gz", "{shared_data}/wikipedia/enwiki-shortened.xml.bz2"]

[[sources]]
kind = "subtitles"
inputs = ["opus/**/*.xml", "opus/**/*.xml.gz", "opus/**/*.srt"]

[language]
minimum_score = 0.3

[quality]
preset = "fineweb"

[duplicates]
[toxicity]
[bias]
[augment]
kinds = ["counterfactual"]
share = 0.2
[release]
shard_documents = 300
validation_share = 0.1
"""
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reference(curate, recipe, tmp_path_factory) -> tuple[Path, dict]:
    """The release of an undisturbed run with two workers."""
    store = tmp_path_factory.mktemp("reference") / "store"
    result = curate.json("run", str(recipe), "--store", str(store), "--workers", "2")
    return store / result["folder"], result


def test_the_ledger_holds_every_document_read(reference):
    import polars as pl

    folder, result = reference
    ledger = pl.read_parquet(folder / "ledger/part-*.parquet")
    documents = result["documents"]
    manifest = json.loads((folder / "manifest.json").read_text())
    counted = sum(file["counts"].get("documents", 0) for file in manifest["inputs"])

    assert documents["read"] == counted > 1000
    assert ledger.height == documents["read"] + documents["made"]
    assert ledger["id"].n_unique() == ledger.height
    assert ledger["id"].is_sorted()
    assert (
        ledger["removed_by"].is_null().sum() == documents["kept"] == sum(result["splits"].values())
    )
    assert documents["read"] + documents["made"] == documents["kept"] + documents["removed"]


def test_every_input_is_read_or_named(reference):
    folder, result = reference
    manifest = json.loads((folder / "manifest.json").read_text())

    for file in manifest["inputs"]:
        counts = file["counts"]
        seen = counts.get("documents", 0) + sum(
            number for name, number in counts.items() if name.startswith("skipped_")
        )
        named = any(warning.startswith(file["name"]) for warning in result["warnings"])

        assert seen or named, file
        assert file["state"] in {"read", "failed"}
        assert (file["state"] == "failed") <= named


SILENT = {  # rules that remove or tag nothing of the real files, in the preset's order
    "duplicates.version",  # the film that came three times falls to the rule of short lines
    "quality.maximum_duplicate_paragraph_share",
    "quality.maximum_duplicate_paragraph_character_share",
    "quality.maximum_duplicate_8_gram_character_share",
    "quality.maximum_words",
    "quality.maximum_mean_word_length",
    "quality.no_lorem_ipsum",
    "quality.duplicate_line_character_share_below",
    "bias.maximum_derogatory_mentions",
}


def test_each_rule_meets_something_in_the_real_files(reference):
    rules = reference[1]["rules"]

    assert {row["rule"] for row in rules if not row["removed"] + row["tagged"]} == SILENT
    assert len(rules) - len(SILENT) == 27
    assert all(row["failed"] == 0 for row in rules)


def test_the_release_loads(reference):
    from datasets import load_from_disk

    import curate as package

    folder, result = reference
    splits = load_from_disk(str(folder))
    loaded = package.load(result["release"], store=str(folder.parents[2]))

    assert {name: len(split) for name, split in splits.items()} == result["splits"]
    assert len(loaded) == result["splits"]["train"]
    assert loaded[0]["text"]


@pytest.mark.parametrize(("workers", "batch"), [("1", "7"), ("2", "7"), ("1", "4096")])
def test_workers_and_batches_shape_nothing(curate, recipe, reference, tmp_path, workers, batch):
    result = curate.json(
        "run", str(recipe), "--store", str(tmp_path), "--workers", workers, "--batch", batch
    )

    assert result["content_hash"] == reference[1]["content_hash"]
    assert contents(tmp_path / result["folder"]) == contents(reference[0])


def objects(store: Path, step: str) -> int:
    return len(list((store / "objects" / step).glob("*.parquet")))


POINTS = {
    "after the first object": lambda store: objects(store, "documents") >= 1,
    "in mid-read": lambda store: objects(store, "read") >= 2,
    "in mid-link": lambda store: objects(store, "judge") >= 1 and objects(store, "link") == 0,
    "in mid-release": lambda store: any((store / "releases").glob("real/.staging-*/*/*")),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_goes_on_to_the_same_bytes(curate, recipe, reference, tmp_path, point):
    process = curate.start("run", str(recipe), "--store", str(tmp_path), "--workers", "2")
    end = time.monotonic() + 120
    while not POINTS[point](tmp_path):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = sum(1 for _ in (tmp_path / "objects").rglob("*.parquet"))

    assert before >= 1
    assert not list((tmp_path / "releases").glob("real/[0-9]*"))

    result = curate.json("run", str(recipe), "--store", str(tmp_path))
    reused = sum(step["reused"] for step in result["steps"].values())

    if point != "after the first object":  # a part is done when its last object is
        assert reused >= 1
    assert result["content_hash"] == reference[1]["content_hash"]
    assert contents(tmp_path / result["folder"]) == contents(reference[0])
    assert result["release"] == "real@1"
