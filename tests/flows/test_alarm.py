"""A run that wipes out a source says so and releases nothing, until it is told to go on."""

from __future__ import annotations

import json
import random


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


def test_a_source_that_was_released_before_is_told_and_stops_no_run(curate, tmp_path):
    """A crawl that comes again under other ids, beside one that is new: nothing is lost."""
    draw = random.Random(3)
    words = [f"{one}{other}" for one in "bcdfghkl" for other in ("a", "en", "ir", "ost", "ump")]
    texts = [" ".join(draw.choices(words, k=40)) for _ in range(300)]
    for name, some in (("first", texts[:150]), ("again", texts[:150]), ("new", texts[150:])):
        rows = [json.dumps({"id": f"{name}-{n}", "text": text}) for n, text in enumerate(some)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))

    def run(name: str, *inputs: str, status: int = 0) -> dict:
        source = '[[sources]]\nkind = "records"\nid_column = "id"\ninputs = ["{}.jsonl"]\n'
        sources = "".join(source.format(one) for one in inputs)
        recipe = f'name = "{name}"\n{sources}[duplicates]\nscope = "index"\n'
        (tmp_path / "r.toml").write_text(recipe)
        store = ("--store", str(tmp_path / "store"))
        return curate.json("run", str(tmp_path / "r.toml"), *store, status=status)

    assert run("mine", "first")["documents"]["kept"] == 150

    both = run("other", "again", "new")

    assert both["documents"] == {"read": 300, "made": 0, "kept": 150, "removed": 150}
    told = "records again.jsonl: 150 of 150 documents are duplicates of what was released before"
    assert both["warnings"] == [told]
    alone = run("third", "again")  # one rule removes all that reaches it, and no alarm rings
    assert alone["documents"]["kept"] == 0
    assert told in alone["warnings"]
    (tmp_path / "again.jsonl").write_text(
        "\n".join(json.dumps({"id": f"same-{n}", "text": "One page, always."}) for n in range(300))
    )
    twice = run("fourth", "again", status=1)["error"]  # what repeats itself is a wipe-out still
    assert "duplicates.exact removes 299 of 300" in twice
