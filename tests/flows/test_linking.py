"""Linking in pieces: the same bytes as at once, whatever the memory, and however often killed."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest
from released import contents

LEAST = "321MiB"  # a mebibyte for data: thousands of entries at a time
RECIPE = """
name = "linked"
[duplicates]
[release]
"""
SOURCE = """
[[sources]]
kind = "records"
inputs = ["{}.jsonl"]
id_column = "id"
snapshot = "S"
"""


def texts(count: int) -> list[str]:
    """Texts of which some are changed copies, some equal, some short, some empty."""
    source = random.Random(3)
    words = [f"{one}{other}" for one in "bcdfghkl" for other in ("a", "en", "ir", "ost", "ump")]
    found = ["", "  ", "one", "One!", "two words", "?!", "?!"]
    for number in range(count):
        text = source.choices(words, k=source.randint(20, 300))
        if number % 3 == 0:
            text = found[-1].split()
            for _ in range(source.randint(0, 5)):
                text[source.randrange(len(text))] = "other"
        found.append(" ".join(text))
    adverts = [source.choices(words, k=30) for _ in range(2)]  # many share most of their bands
    found += [" ".join([*adverts[n % 2], str(n)]) for n in range(120)]
    return found + found[10:40]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("linked")
    every = texts(900)
    for number in range(5):
        rows = [
            json.dumps({"id": f"{number}-{row}", "text": text})
            for row, text in enumerate(every[number::5])
        ]
        (folder / f"{number}.jsonl").write_text("\n".join(rows) + "\n")
    sources = "".join(SOURCE.format(number) for number in range(5))
    (folder / "linked.toml").write_text(RECIPE + sources)
    return folder / "linked.toml"


@pytest.fixture(scope="module")
def reference(curate, recipe, tmp_path_factory) -> tuple[Path, dict]:
    """The store of a run that links at once."""
    store = tmp_path_factory.mktemp("reference") / "store"
    result = curate.json("run", str(recipe), "--store", str(store), "--workers", "1")
    assert not (store / "objects/bands").exists()
    return store, result


def links(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (store / "objects/link").glob("*")}


def test_memory_and_workers_change_no_byte(curate, recipe, reference, tmp_path):
    result = curate.json(
        "run",
        str(recipe),
        "--store",
        str(tmp_path),
        "--workers",
        "2",
        "--set",
        f"duplicates.memory={LEAST}",
    )

    steps = {name: step["computed"] for name, step in result["steps"].items()}
    assert steps["bands"] == steps["sets"] == 5
    assert steps["pairs"] > 1
    assert steps["verify"] > 1
    assert len(links(reference[0])) == 1
    assert links(tmp_path) == links(reference[0])
    assert result["content_hash"] == reference[1]["content_hash"]
    assert contents(tmp_path / result["folder"]) == contents(reference[0] / result["folder"])


def kill(curate, recipe: Path, store: Path, step: str, objects: int) -> bool:
    """Kill a run when a step has made so many objects; False when the run was done before that."""
    process = curate.start(
        "run", str(recipe), "--store", str(store), "--set", f"duplicates.memory={LEAST}"
    )
    end = time.monotonic() + 240
    while count_objects(store, step) < objects and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)
    killed = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return killed


def count_objects(store: Path, step: str = "") -> int:
    return sum(1 for _ in (store / "objects" / step).rglob("*.parquet"))


def finish(curate, recipe: Path, store: Path, reference: tuple[Path, dict]) -> None:
    """Go on with a killed run, and compare what it gives."""
    result = curate.json(
        "run", str(recipe), "--store", str(store), "--set", f"duplicates.memory={LEAST}"
    )

    assert count_objects(store, "verify") > 1
    assert links(store) == links(reference[0])
    assert result["content_hash"] == reference[1]["content_hash"]
    assert contents(store / result["folder"]) == contents(reference[0] / result["folder"])


def test_a_run_killed_while_it_links_goes_on_to_the_same_bytes(curate, recipe, reference, tmp_path):
    """Killed among the pairs, again among the sets of shingles, and then finished."""
    assert kill(curate, recipe, tmp_path, "pairs", 3)
    assert not (tmp_path / "objects/link").exists()
    assert kill(curate, recipe, tmp_path, "sets", 2)
    assert not (tmp_path / "objects/link").exists()
    finish(curate, recipe, tmp_path, reference)


SENTENCES = """
The man told his wife that he would wait at the old harbour until the boats came in.
She asked her brother for the long ladder, because the roof of the barn had begun to leak.
Every actress of that house knew her lines before the first evening of the season.
The king gave his daughter a horse, and she rode it to the border on the same day.
My uncle was a fisherman who mended his own nets with a needle made of bone.
A waiter carried the plates, and the manager wrote down what he had broken that week.
Her father and her mother had kept the letters in a box under the stairs for years.
The boys of the village built a bridge of planks, which the spring flood took away.
""".strip().splitlines()
EVERYTHING = """
name = "everything"
[quality.rules]
minimum_words = 20
[duplicates]
minimum_similarity = 0.75
[spans]
repeated_paragraph_documents = 4
paragraph_words = 8
[augment]
kinds = ["counterfactual"]
share = 1.0
[release]
validation_share = 0.2
"""


def test_whatever_compares_documents_gives_the_same_release_in_pieces(curate, tmp_path):
    """Copies for [spans], survivors, those among made documents, and splits."""
    draw = random.Random(8)
    rows = []
    for number in range(2600):
        chosen = draw.choices(SENTENCES, k=draw.randint(3, 9))
        numbered = [f"{line} Of {draw.randint(1, 60)} such." for line in chosen]
        text = rows[-1]["text"] if number % 5 == 0 and rows else "\n".join(numbered)
        rows.append({"id": str(number), "text": text})
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = tmp_path / "everything.toml"
    recipe.write_text(EVERYTHING + SOURCE.format("all"))
    found = []
    for memory in ("2GiB", LEAST):
        store = tmp_path / memory
        changes = ("--set", f"duplicates.memory={memory}")
        result = curate.json("run", str(recipe), "--store", str(store), *changes)
        found.append((result["content_hash"], contents(store / result["folder"])))
        steps = {name: step["computed"] for name, step in result["steps"].items()}
        assert ("components" in steps) == (memory == LEAST)
    assert steps["components"] > 3
    assert steps["members"] > 6
    assert steps["assign"] > 1
    copies = [row for row in result["funnel"] if row["rule"] == "duplicates.exact"]
    assert {row["source"] for row in copies} == {"augment:counterfactual", "records"}
    assert sum(row["removed"] for row in copies) > 300
    assert found[0] == found[1]


CHAINS, KILLS = 4, 5


@pytest.fixture(scope="module")
def pieces(curate, recipe, tmp_path_factory) -> int:
    """Objects that a run in pieces makes when it is never killed."""
    store = tmp_path_factory.mktemp("pieces") / "store"
    curate.json("run", str(recipe), "--store", str(store), "--set", f"duplicates.memory={LEAST}")
    return count_objects(store)


@pytest.mark.nightly
@pytest.mark.parametrize("chain", range(CHAINS))
def test_a_run_killed_at_random_points_goes_on_to_the_same_bytes(
    curate, recipe, reference, pieces, tmp_path, chain
):
    """Killed at five numbers of objects that chance chooses, one after the other; 20 in all chains.

    The last tenth is left out: the run may be over before the signal comes.
    """
    for objects in sorted(random.Random(chain).sample(range(1, pieces * 9 // 10), KILLS)):
        assert kill(curate, recipe, tmp_path, "", objects)
    finish(curate, recipe, tmp_path, reference)
