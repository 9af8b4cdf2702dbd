"""What goes wrong is told in one sentence, or recorded; and it costs nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SENTENCE = (
    "The harbour master wrote in his diary that the winter of that year was long, and that the "
    "boats which were to have sailed with the first tide of March were still held by the ice in "
    "April, so that the whole town had to live of what the farms behind the hills could give. "
)


def write_recipe(folder: Path, inputs: str, extra: str = "", kind: str = "records") -> str:
    path = folder / "recipe.toml"
    path.write_text(
        f'name = "mine"\n{extra}\n[[sources]]\nkind = "{kind}"\ninputs = [{inputs}]\n',
        encoding="utf-8",
    )
    return str(path)


def write_records(path: Path, number: int = 3) -> None:
    rows = [
        json.dumps({"id": f"{path.stem}-{n}", "text": f"{SENTENCE}{n} {path.stem}"})
        for n in range(number)
    ]
    path.write_text("\n".join(rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("inputs", "status", "message"),
    [
        ('"none.jsonl"', 1, "an input exists, but there is no such file"),
        ('"*.none"', 1, "a pattern in `inputs` matches files, but it matches none"),
        ('"."', 1, "an input is a file, but it is a folder"),
        ("7", 2, "`sources.0.inputs.0` has a valid value, but 7 came"),
    ],
)
def test_wrong_inputs_are_refused(curate, tmp_path, inputs, status, message):
    recipe = write_recipe(tmp_path, inputs)

    answer = curate.json("run", recipe, "--store", str(tmp_path / "store"), status=status)

    assert message in answer["error"]
    assert not (tmp_path / "store/releases").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.toml"], "there is no such file"),
        (["quikstart"], "did you mean 'quickstart'"),
        (["quickstart", "--set", "quality.preset=gofer"], "did you mean 'gopher'"),
    ],
)
def test_a_wrong_call_ends_with_status_2(curate, tmp_path, arguments, message):
    errors = curate("run", *arguments, "--store", str(tmp_path / "store"), status=2).stderr

    assert message in errors
    assert errors.count("\n") == 1


def test_a_store_that_cannot_be_written_is_told(curate, tmp_path):
    (tmp_path / "file").write_text("")

    errors = curate("run", "quickstart", "--store", str(tmp_path / "file/store"), status=1).stderr

    assert "the store can be written, but" in errors


def test_a_bad_file_among_several_is_recorded_and_the_run_goes_on(curate, tmp_path):
    write_records(tmp_path / "good.jsonl")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "picture.jsonl").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    recipe = write_recipe(tmp_path, '"*.jsonl"')
    store = str(tmp_path / "store")

    text = curate("run", recipe, "--store", store)
    result = curate.json("run", recipe, "--store", store, "--strict", status=1)

    named = [warning.split(" ")[0] for warning in result["warnings"]]
    assert named == ["empty.jsonl", "picture.jsonl"]
    assert "empty.jsonl was not read" in text.stdout
    assert result["documents"]["read"] == 3
    manifest = json.loads((tmp_path / "store" / result["folder"] / "manifest.json").read_text())
    states = {file["name"]: file["state"] for file in manifest["inputs"]}
    assert states == {"empty.jsonl": "failed", "good.jsonl": "read", "picture.jsonl": "failed"}


def test_a_source_without_a_document_fails_the_run(curate, tmp_path):
    write_records(tmp_path / "good.jsonl")
    (tmp_path / "bad.xml").write_text("this is no dump")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "mine"\n[[sources]]\nkind = "records"\ninputs = ["good.jsonl"]\n'
        '[[sources]]\nkind = "wikipedia"\ninputs = ["bad.xml"]\n'
    )

    answer = curate.json("run", str(recipe), "--store", str(tmp_path / "store"), status=1)

    assert "the wikipedia source gives documents, but its 1 file gave none" in answer["error"]
    assert not list((tmp_path / "store").glob("releases/*/*"))


def test_a_rule_that_removes_nearly_everything_stops_the_run(curate, tmp_path):
    write_records(tmp_path / "good.jsonl", 120)
    recipe = write_recipe(tmp_path, '"good.jsonl"')
    settings = ["--set", "quality.minimum_words=1000", "--set", "duplicates.action=tag"]
    settings += ["--set", "alarm.maximum_source_loss=1", "--set", "alarm.maximum_language_loss=1"]
    store = str(tmp_path / "store")

    answer = curate.json("run", recipe, "--store", store, *settings, status=1)
    allowed = curate.json(
        "run", recipe, "--store", store, *settings, "--set", "max_removed_share=1.0"
    )

    assert "quality.minimum_words removes 120 of 120" in answer["error"]
    assert "max_removed_share" in answer["error"]
    assert allowed["documents"]["kept"] == 0
    assert allowed["splits"] == {"train": 0, "validation": 0}
    assert allowed["warnings"] == ["the rules removed every document: the release is empty"]


def test_one_file_given_twice_is_two_documents_of_which_one_survives(curate, tmp_path):
    write_records(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_bytes((tmp_path / "a.jsonl").read_bytes())
    recipe = write_recipe(tmp_path, '"*.jsonl"')

    result = curate.json("run", recipe, "--store", str(tmp_path / "store"))

    assert result["documents"]["read"] == 6
    funnel = {row["rule"]: row["removed"] for row in result["funnel"]}
    assert funnel["duplicates.exact"] >= 1  # the survivor's own copy
    assert result["documents"]["kept"] == 1  # the three texts are near to one another


def test_an_input_that_adds_only_skips_makes_a_new_release(curate, tmp_path):
    write_records(tmp_path / "good.jsonl")
    row = json.dumps({"id": "blank", "text": " ", "url": "https://example.org/blank"})
    large = (row + "\n") * (1_200_000 // len(row))  # larger than what shares a part with others
    (tmp_path / "blank.jsonl").write_text(large, encoding="utf-8")
    store = str(tmp_path / "store")

    first = curate.json("run", write_recipe(tmp_path, '"good.jsonl"'), "--store", store)
    recipe = write_recipe(tmp_path, '"good.jsonl", "blank.jsonl"')
    second = curate.json("run", recipe, "--store", store)
    again = curate.json("run", recipe, "--store", store)

    assert (first["release"], second["release"]) == ("mine@1", "mine@2")
    assert second["skipped"]["empty"] == large.count("\n")
    assert (again["release"], again["new"]) == ("mine@2", False)
    manifest = json.loads((tmp_path / "store" / second["folder"] / "manifest.json").read_text())
    assert [file["name"] for file in manifest["inputs"]] == ["blank.jsonl", "good.jsonl"]
