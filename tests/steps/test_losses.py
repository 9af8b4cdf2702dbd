"""What rules take of sources, languages and sites, and when that stops a run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from curate.errors import DecisionError, RecipeError
from curate.recipe import change_recipe, load_recipe
from curate.steps import deciding, linking, losses, measuring, reading
from curate.steps.work import Work, find_repeats
from curate.store import Store

RECIPE = """
name = "losses"
[[sources]]
kind = "records"
inputs = ["a.jsonl"]
uri_column = "url"
[[sources]]
kind = "records"
inputs = ["b.jsonl"]
uri_column = "url"
[quality.rules]
minimum_words = 15
[duplicates]
action = "tag"
"""
ENGLISH = "The harbour master wrote in his diary that winter was long in the year {}"
GERMAN = "Der Hund und die Katze liegen heute in der Sonne von {}"
MORE = ", and that the boats were still held by the ice when the town had nothing left to eat."


def write_corpus(folder):
    """110 English documents that stay and 105 that are too short; 104 German ones, all too short."""
    rows = {
        "a": [("good.example", ENGLISH + MORE)] * 110 + [("bad.example", ENGLISH[:55])] * 105,
        "b": [("www.b.example", GERMAN)] * 104,
    }
    for name, documents in rows.items():
        with (folder / f"{name}.jsonl").open("w") as file:
            for place, (site, text) in enumerate(documents):
                url = f"https://{site}/{place}"
                file.write(json.dumps({"url": url, "text": text.format(place)}) + "\n")
    (folder / "bad.txt").write_text("bad.example\n")
    (folder / "r.toml").write_text(RECIPE)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A corpus that was read, and what it takes to decide about it."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    recipe = load_recipe(folder / "r.toml")
    work = Work(Store(str(folder / "store")), recipe)
    parts = reading.plan_parts(recipe, folder)
    for part in parts:
        reading.read_part(work, part)
    corpus = reading.assemble(work, parts)
    return folder, work, replace(corpus, ids=find_repeats(work, corpus))


def check(read, *settings):
    """Decide by other settings, and check what is lost."""
    folder, work, corpus = read
    changes = dict(setting.split("=", 1) for setting in settings)
    changes = {name: value.replace("FOLDER", str(folder)) for name, value in changes.items()}
    work = replace(work, recipe=change_recipe(work.recipe, changes))
    for block in corpus.blocks:
        measuring.measure_block(work, block)
        deciding.judge_block(work, block)
    decided = deciding.Decided(corpus, linking.link_key(work, corpus))
    linking.link_at_once(work, corpus)
    deciding.find_survivors(work, decided)
    decided = replace(decided, survivors=deciding.survivors_key(work, decided))
    for place in range(len(corpus.blocks)):
        losses.count_losses(work, (decided, place))
    losses.check_losses(work, decided)


SOURCES_OFF = "alarm.maximum_source_loss=1"
LANGUAGES_OFF = "alarm.maximum_language_loss=1"
SITES = "alarm.maximum_site_loss=0.9"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            [],
            (
                "decide: no source loses more than 99.9% of its documents, but records b.jsonl loses "
                "104 of 104 (104 to quality.minimum_words); check these rules, or go on with "
                "--set alarm.maximum_source_loss=1"
            ),
        ),
        ([SOURCES_OFF], "but deu loses 104 of 104 (104 to quality.minimum_words); check"),
        (
            [SOURCES_OFF, LANGUAGES_OFF, SITES],
            (
                "no site loses more than 90.0% of its documents, but bad.example loses 105 of 105 "
                "(105 to quality.minimum_words), and 1 more lose as much: b.example; check"
            ),
        ),
        ([SOURCES_OFF, "language.keep=['en','de']"], "but deu loses 104 of 104"),
        (["language.keep=['en']"], "records b.jsonl loses 104 of 104 (104 to language.keep)"),
        (["alarm.maximum_source_loss=0.4"], "a.jsonl loses 105 of 215 (105 to quality.minimum_w"),
        (
            [SOURCES_OFF, LANGUAGES_OFF, SITES, "urls.block={bad='FOLDER/bad.txt'}"],
            "but b.example loses 104 of 104",
        ),
        (  # what the lists of addresses remove is no loss of a site, but one of its source
            ["urls.block={bad='FOLDER/bad.txt'}", "alarm.maximum_source_loss=0.4"],
            "but records a.jsonl loses 105 of 215 (105 to urls.block), and 1 more",
        ),
    ],
)
def test_what_loses_too_much_stops_the_run(read, settings, told):
    with pytest.raises(DecisionError) as error:
        check(read, *settings)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        [SOURCES_OFF, LANGUAGES_OFF],
        [SOURCES_OFF, "language.keep=['en']"],  # which is to lose the others
        [SOURCES_OFF, "language.minimum_score=1"],  # of what language they are is not sure
        ["alarm.minimum_documents=105"],
        ["quality.minimum_words=10"],
        [SOURCES_OFF, LANGUAGES_OFF, SITES, "alarm.minimum_documents=106"],
    ],
)
def test_what_is_meant_or_too_small_to_tell_does_not(read, settings):
    check(read, *settings)


def test_sites_are_added_up_alike_in_many_ranges(read, monkeypatch):
    monkeypatch.setattr(losses, "COUNTS_A_SUM", 1)
    with pytest.raises(DecisionError) as error:
        check(read, SOURCES_OFF, LANGUAGES_OFF, SITES)
    assert "bad.example loses 105 of 105" in str(error.value)
    assert "1 more lose as much: b.example" in str(error.value)


def test_misspelt_and_impossible_settings_are_refused(read):
    recipe = read[1].recipe
    with pytest.raises(RecipeError, match="did you mean 'maximum_site_loss'"):
        change_recipe(recipe, {"alarm.maximum_sites_loss": "0.5"})
    with pytest.raises(RecipeError, match=r"alarm\.maximum_source_loss"):
        change_recipe(recipe, {"alarm.maximum_source_loss": "1.5"})
