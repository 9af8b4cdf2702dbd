"""A run that wipes out a source says so and releases nothing, until it is told to go on."""

from __future__ import annotations

import json


def test_a_run_that_wipes_out_a_source_stops_with_the_facts(curate, tmp_path):
    long = "The harbour master wrote that the winter of the year {} was long, and that boats were held."
    short = "A short note of the year {}."
    for name, text in (("kept", long), ("lost", short)):
        rows = [json.dumps({"text": text.format(1000 + number)}) for number in range(101)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "mine"\n[[sources]]\nkind = "records"\ninputs = ["kept.jsonl"]\n'
        '[[sources]]\nkind = "records"\ninputs = ["lost.jsonl"]\n'
        '[quality.rules]\nminimum_words = 10\n[duplicates]\naction = "tag"\n'
    )
    run = ("run", str(recipe), "--store", str(tmp_path / "store"))

    error = curate.json(*run, status=1)["error"]

    assert "but records lost.jsonl loses 101 of 101 (101 to quality.minimum_words)" in error
    assert error.endswith("or go on with --set alarm.maximum_source_loss=1")
    assert not (tmp_path / "store/releases/mine/1").exists()

    result = curate.json(*run, "--set", "alarm.maximum_source_loss=1")
    assert result["documents"]["removed"] == 101
    assert result["steps"]["judge"]["computed"] == 0
    again = curate.json(*run, "--set", "alarm.maximum_source_loss=1")
    assert not again["new"]
    assert sum(step["computed"] for step in again["steps"].values()) == 0
    refused = curate(
        "what-if", "mine@1", "--set", "alarm.minimum_documents=7", *run[2:], status=2
    ).stderr
    assert "it stops runs, and decides about no document" in refused
    misspelt = curate(*run, "--set", "alarm.maximum_sorce_loss=1", status=2).stderr
    assert "did you mean 'maximum_source_loss'" in misspelt
