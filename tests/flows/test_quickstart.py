"""The packaged recipe from end to end: its funnel is a literal, its stories are told."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from released import contents

import curate as package


def removed(result):
    sums: dict[str, int] = {}
    for row in result["funnel"]:
        sums[row["rule"]] = sums.get(row["rule"], 0) + row["removed"] + row["tagged"]
    return {rule: number for rule, number in sums.items() if number}


FUNNEL = {  # removed or tagged by each rule; a rule that is not here did nothing
    "language.keep": 3,
    "language.minimum_score": 1,
    "quality.maximum_duplicate_line_share": 2,
    "quality.maximum_duplicate_paragraph_share": 1,
    "quality.maximum_duplicate_line_character_share": 2,
    "quality.maximum_top_2_gram_character_share": 1,
    "quality.maximum_top_3_gram_character_share": 1,
    "quality.maximum_top_4_gram_character_share": 1,
    "quality.maximum_duplicate_5_gram_character_share": 1,
    "quality.maximum_duplicate_6_gram_character_share": 1,
    "quality.maximum_duplicate_7_gram_character_share": 1,
    "quality.maximum_duplicate_8_gram_character_share": 1,
    "quality.maximum_duplicate_9_gram_character_share": 1,
    "quality.maximum_duplicate_10_gram_character_share": 1,
    "quality.minimum_words": 3,
    "quality.maximum_words": 1,
    "quality.minimum_mean_word_length": 1,
    "quality.maximum_mean_word_length": 1,
    "quality.maximum_hash_to_word_ratio": 1,
    "quality.maximum_ellipsis_to_word_ratio": 1,
    "quality.maximum_bullet_line_share": 2,
    "quality.maximum_ellipsis_line_share": 1,
    "quality.minimum_alphabetic_word_share": 1,
    "quality.minimum_stop_words": 1,
    "quality.no_lorem_ipsum": 1,
    "quality.no_curly_bracket": 1,
    "quality.minimum_sentences": 1,
    "quality.line_punctuation_share_above": 1,
    "quality.duplicate_line_character_share_below": 1,
    "quality.short_line_share_below": 2,
    "personal.maximum_count": 1,
    "toxicity.maximum_score": 4,
    "bias.maximum_derogatory_mentions": 3,
    "duplicates.exact": 4,
    "duplicates.near": 8,
    "duplicates.version": 1,
}
SILENT = {
    "quality.maximum_duplicate_paragraph_character_share",  # the line rule stands before it
}


def test_the_funnel_is_the_one_that_was_planted(quickstart):
    result = quickstart[1]

    assert removed(result) == FUNNEL
    assert {row["rule"] for row in result["funnel"]} == set(FUNNEL) | SILENT
    assert result["documents"] == {"read": 142, "made": 4, "kept": 91, "removed": 55}
    assert result["skipped"] == {
        "damaged": 4,
        "empty": 2,
        "http_status": 1,
        "not_html": 2,
        "revisit": 1,
        "truncated": 1,
    }


def test_the_release_opens_everywhere(quickstart):
    from datasets import load_from_disk

    store, result = quickstart
    folder = Path(store) / result["folder"]

    splits = load_from_disk(str(folder))
    train = package.load("quickstart@1", store=store)
    both = package.load("quickstart@latest", store=store, split=None)

    assert {name: len(split) for name, split in splits.items()} == result["splits"]
    assert len(train) == result["splits"]["train"]
    assert set(both) == {"train", "validation"}
    assert train.column_names[:2] == ["id", "text"]


def test_linked_documents_never_straddle_the_splits(quickstart):
    store, result = quickstart
    folder = Path(store) / result["folder"]
    ledger = pl.read_parquet(folder / "ledger/part-*.parquet").filter(
        pl.col("removed_by").is_null()
    )
    links = pl.read_parquet(folder / "links.parquet")
    split = dict(ledger.select("text_hash", "split").iter_rows())
    by_id = dict(ledger.select("id", "split").iter_rows())

    pairs = [
        (a, b) for a, b in links.select("hash_a", "hash_b").iter_rows() if a in split and b in split
    ]
    children = ledger.filter(pl.col("parent").is_not_null())

    assert pairs
    assert all(split[a] == split[b] for a, b in pairs)
    assert children.height == result["documents"]["made"]
    assert all(by_id[row["parent"]] == row["split"] for row in children.iter_rows(named=True))
    works = ledger.drop_nulls("work").group_by("work").agg(pl.col("split").n_unique())
    assert works["split"].max() == 1


def test_an_unchanged_recipe_recomputes_nothing(curate, quickstart):
    store, first = quickstart

    again = curate.json("run", "quickstart", "--store", store)

    assert not again["new"]
    assert again["release"] == first["release"]
    assert all(step["computed"] == 0 for step in again["steps"].values())
    assert again["funnel"] == first["funnel"]


def test_a_changed_rule_recomputes_decide_and_after(curate, quickstart, tmp_path):
    store = copy(quickstart[0], tmp_path)

    result = curate.json("run", "quickstart", "--store", store, "--set", "quality.minimum_words=70")

    assert result["new"]
    assert result["release"] == "quickstart@2"
    steps = {name: step["computed"] for name, step in result["steps"].items()}
    assert steps["read"] == steps["link"] == 0
    assert steps["judge"] > 0
    assert steps["survivors"] > 0
    made = [name for name, number in steps.items() if number]
    assert set(made) <= {
        "judge",
        "survivors",
        "losses",
        "make",
        "measure",
        "splits",
        "scatter",
        "release",
        "ledger",
    }


def test_a_changed_release_section_recomputes_only_the_release(curate, quickstart, tmp_path):
    store = copy(quickstart[0], tmp_path)

    result = curate.json(
        "run", "quickstart", "--store", store, "--set", "release.shard_documents=20"
    )

    assert result["release"] == "quickstart@2"
    steps = {name for name, step in result["steps"].items() if step["computed"]}
    assert steps <= {"splits", "scatter", "release", "ledger"}
    assert "release" in steps


def copy(store: str, folder: Path) -> str:
    """A store of one's own, so that tests don't see one another's releases."""
    import shutil

    shutil.copytree(store, folder / "store")
    return str(folder / "store")


def test_the_same_seed_in_another_store_gives_the_same_bytes(curate, quickstart, tmp_path):
    store, first = quickstart

    result = curate.json(
        "run", "quickstart", "--store", str(tmp_path), "--workers", "1", "--batch", "5"
    )

    assert contents(tmp_path / result["folder"]) == contents(Path(store) / first["folder"])


# --- explain


def ledger(quickstart) -> pl.DataFrame:
    store, result = quickstart
    return pl.read_parquet(Path(store) / result["folder"] / "ledger/part-*.parquet")


def test_explain_tells_of_a_kept_document(curate, quickstart):
    row = (
        ledger(quickstart)
        .filter(pl.col("removed_by").is_null() & pl.col("uri").is_not_null())
        .row(0, named=True)
    )

    by_id, by_uri = (
        curate.json("explain", row[name], "--release", "quickstart@1", "--store", quickstart[0])
        for name in ("id", "uri")
    )

    story = next(found for found in by_uri["documents"] if found["id"] == row["id"])
    assert by_id["documents"] == [story]
    assert story["outcome"] == "kept"
    assert story["removed_by"] is None
    assert story["input"].startswith("samples/")
    assert story["run"] == quickstart[1]["run"]
    assert "was kept, in the split" in by_id["answer"]
    assert {rule["outcome"].split(":")[0] for rule in story["rules"]} <= {
        "passed",
        "not applicable",
        "hit",
    }
    assert story["rules"][0]["rule"] == "language.keep"
    assert story["rules"][-1]["rule"] == "duplicates.version"


def test_explain_tells_of_a_removed_document(curate, quickstart):
    rows = ledger(quickstart).filter(pl.col("removed_by") == "quality.minimum_words")
    row = rows.row(0, named=True)

    story = curate.json(
        "explain", row["source_id"], "--release", "quickstart", "--store", quickstart[0]
    )

    found = next(one for one in story["documents"] if one["id"] == row["id"])
    assert found["removed_by"] == "quality.minimum_words"
    assert found["value"] == row["words"] < 50
    assert found["limit"] == "50"
    met = {rule["rule"]: rule for rule in found["rules"]}
    assert met["quality.minimum_words"]["outcome"] == "hit"
    assert met["duplicates.near"]["outcome"] == "not compared"
    assert "was removed by quality.minimum_words" in story["answer"]


@pytest.mark.parametrize("rule", ["duplicates.exact", "duplicates.near"])
def test_explain_tells_of_what_a_document_is_a_duplicate(curate, quickstart, rule):
    row = ledger(quickstart).filter(pl.col("removed_by") == rule).row(0, named=True)

    story = curate.json("explain", row["id"], "--release", "quickstart", "--store", quickstart[0])

    found = story["documents"][0]
    assert found["duplicate"]["id"] == row["duplicate_of"]
    assert found["duplicate"]["similarity"] == row["similarity"]
    assert (found["duplicate"]["similarity"] == 1.0) or rule == "duplicates.near"
    assert found["cluster_size"] >= 2
    assert "a duplicate of" in story["answer"]


def test_explain_tells_of_a_page_that_was_skipped(curate, quickstart):
    store, result = quickstart
    skipped = pl.read_parquet(Path(store) / result["folder"] / "skipped.parquet")
    row = skipped.filter(pl.col("uri").is_not_null(), pl.col("reason") == "not_html").row(
        0, named=True
    )

    story = curate.json("explain", row["uri"], "--release", "quickstart", "--store", store)

    assert story["documents"] == []
    assert story["skipped"][0]["reason"] == "not_html"
    assert "was skipped when samples/" in story["answer"]


def test_explain_tells_of_a_page_that_was_never_there(curate, quickstart):
    story = curate.json(
        "explain", "https://nowhere.example/", "--release", "quickstart", "--store", quickstart[0]
    )

    assert story["documents"] == story["skipped"] == []
    assert "https://nowhere.example/ is not in quickstart@1" in story["answer"]


def test_explain_is_readable(curate, quickstart):
    row = ledger(quickstart).filter(pl.col("removed_by") == "duplicates.near").row(0, named=True)

    text = curate("explain", row["id"], "--release", "quickstart", "--store", quickstart[0]).stdout

    assert row["id"] in text
    assert row["duplicate_of"] in text
    assert "quality.minimum_words" in text


# --- what-if


def test_what_if_agrees_with_the_run(curate, quickstart, tmp_path):
    store = copy(quickstart[0], tmp_path)
    settings = [
        "--set",
        "quality.minimum_words=70",
        "--set",
        "quality.languages.en.minimum_words=60",
        "--set",
        "quality.sources.subtitles.minimum_words=40",
        "--set",
        "toxicity.action=tag",
        "--set",
        "duplicates.minimum_similarity=0.6",
    ]

    change = curate.json("what-if", "quickstart@1", "--store", store, *settings)
    result = curate.json("run", "quickstart", "--store", store, *settings)

    wanted: dict[str, int] = {}
    for row in result["funnel"]:
        if not row["source"].startswith("augment:"):
            wanted[row["rule"]] = wanted.get(row["rule"], 0) + row["removed"]
    found: dict[str, int] = {}
    for row in change["after"]:
        if row["rule"] and not row["source"].startswith("augment:"):
            found[row["rule"]] = found.get(row["rule"], 0) + row["documents"]
    assert found == {rule: number for rule, number in wanted.items() if number}
    assert change["changed"]
    assert change["undetermined"] == 0


def test_what_if_with_the_same_limits_changes_nothing(curate, quickstart):
    change = curate.json(
        "what-if", "quickstart@1", "--store", quickstart[0], "--set", "quality.minimum_words=50"
    )

    assert change["changed"] == []
    assert change["before"] == change["after"]
    assert change["samples"] == []


def test_what_if_shows_documents_of_each_transition_with_their_text(curate, quickstart):
    settings = ["--set", "quality.minimum_words=100", "--samples", "4", "--store", quickstart[0]]

    change = curate.json("what-if", "quickstart@1", *settings)
    shown = curate("what-if", "quickstart@1", *settings).stdout

    transitions = [(sample["before"], sample["after"]) for sample in change["samples"]]
    assert len(set(transitions)) == len(transitions) == 4
    for sample in change["samples"]:
        story = curate.json(
            "explain", sample["id"], "--text", "--release", "quickstart@1", "--store", quickstart[0]
        )
        text = story["documents"][0]["text"]
        assert sample["text"] == text
        assert len(text.split()) < 100
        assert " ".join(text.split())[:200] in shown
    assert "kept, by source and language, where that changes:" in shown


def test_what_if_and_explain_say_when_a_text_is_gone(curate, quickstart, tmp_path):
    store = copy(quickstart[0], tmp_path)
    shutil.rmtree(Path(store) / "objects")
    place = ["--store", store]

    change = curate.json("what-if", "quickstart@1", "--set", "quality.minimum_words=100", *place)
    shown = curate(
        "explain", change["changed"][0]["id"], "--text", "--release", "quickstart@1", *place
    ).stdout

    assert {sample["text"] for sample in change["samples"]} == {None}
    assert "(the store no longer holds the text)" in shown


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("clean.unicode=NFKC", "clean.unicode cannot be answered so: it changes what is read"),
        ("language.model=other.bin", "language.model cannot be answered so: it measures again"),
        ("duplicates.minimum_similarity=0.3", "pairs below 0.5 were not kept"),
        ("release.shard_documents=5", "it shapes files, not verdicts"),
        ("max_removed_share=0.5", "it stops runs"),
        ("alarm.maximum_source_loss=0.5", "it stops runs"),
        ("audit.maximum_ratio=3", "it stops runs"),
        ("quality.minimum_wrods=1", "did you mean 'minimum_words'"),
        ("minimum_words", "--set takes name=value"),
    ],
)
def test_what_if_refuses_what_it_cannot_answer(curate, quickstart, setting, message):
    answer = curate.json(
        "what-if", "quickstart@1", "--store", quickstart[0], "--set", setting, status=2
    )

    assert message in answer["error"]


# --- releases, diff, verify


def test_releases_lists_and_verify_checks(curate, quickstart, tmp_path):
    store = copy(quickstart[0], tmp_path)

    listed = curate.json("releases", "--store", store)
    whole = curate.json("verify", "quickstart@1", "--store", store)
    shard = next(Path(store).glob("releases/quickstart/1/train/*.arrow"))
    shard.chmod(0o644)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    damaged = curate.json("verify", "quickstart@1", "--store", store, status=1)

    assert [(one["name"], one["version"]) for one in listed] == [("quickstart", 1)]
    assert whole["problems"] == []
    assert len(damaged["problems"]) >= 1
    assert shard.name in damaged["problems"][0]


def test_a_damaged_release_is_told_in_one_sentence(curate, quickstart, tmp_path):
    store = copy(quickstart[0], tmp_path)
    folder = Path(store) / "releases/quickstart/1"
    (folder / "ledger/names-00000-of-00001.parquet").unlink()
    place = ("--store", store)

    named = curate("explain", "x", "--release", "quickstart@1", *place, status=1).stderr
    for part in folder.glob("ledger/part-*"):
        part.unlink()
    change = ("--set", "quality.minimum_words=9")
    undecided = curate("what-if", "quickstart@1", *change, *place, status=1).stderr
    (folder / "manifest.json").write_text("{")
    listed = curate("releases", *place).stdout

    names = "releases/quickstart/1/ledger/names-00000-of-00001.parquet"
    assert f"the store holds {names}, but there is no" in named
    assert "the store holds the ledger in releases/quickstart/1, but it has no part" in undecided
    assert "damaged" in listed
    assert "quickstart@1 has a manifest, but it is no JSON" in listed


def test_diff_counts_by_rule_and_source(curate, quickstart, tmp_path):
    store = copy(quickstart[0], tmp_path)
    curate.json("run", "quickstart", "--store", store, "--set", "quality.minimum_words=70")

    facts = curate.json("diff", "quickstart@1", "quickstart@2", "--store", store)
    text = curate("diff", "quickstart@1", "quickstart@2", "--store", store).stdout

    assert "quality.minimum_words" in json.dumps(facts)
    assert "documents: " in text
    assert " same, " in text
    assert re.search(r"quality\.minimum_words +commoncrawl +\d+ → \d+ +0 → 0", text)


def test_a_release_that_is_not_there_is_named_with_those_that_are(curate, quickstart):
    answer = curate.json("verify", "quickstart@9", "--store", quickstart[0], status=1)

    assert "release 'quickstart' has version '9', but it has not; versions: 1" in answer["error"]


# --- audit


def test_audit_tells_what_rules_do_to_groups(curate, quickstart):
    place = ["--store", quickstart[0]]

    found = curate.json("audit", "quickstart@1", *place)
    shown = curate("audit", "quickstart@1", *place).stdout

    by_any = {row["group"]: row for row in found["table"] if row["rule"] == "any rule"}
    assert set(by_any) == {
        "female words",
        "male words",
        *("gender", "religion", "nationality", "ethnicity", "orientation", "disability", "age"),
        "dialect",
        "informal register",
    }
    assert by_any["female words"]["documents"] > by_any["female words"]["hit"] > 0
    flagged = [(row["group"], row["rule"], row["hit"]) for row in found["flagged"]]
    assert flagged == [("age", "any rule", 14)]  # of 23: many planted pages speak of age
    assert all(sample["text"] for sample in found["samples"])
    assert sum(row["sentences"] for row in found["templates"]) > 800
    assert "no rule passes the recipe's limit" not in shown
    assert "sentences without offence" in shown
    card = Path(quickstart[0], "releases/quickstart/1/card.md").read_text(encoding="utf-8")
    assert "### What the rules do to documents that speak of groups" in card
    assert "| female words |" in card
    assert "| toxicity.maximum_score |" in card.split("as a ratio to its share")[1]
    assert "### False alarms of the toxicity scorer, by group" in card
    assert "| eng | religion |" in card
    assert card.count("## Personal data") == 1


def test_the_card_shows_what_was_removed_and_may_be_harmless(quickstart):
    folder = Path(quickstart[0], "releases/quickstart/1")
    card = (folder / "card.md").read_text(encoding="utf-8")
    part = card.split("#### What was removed and may be harmless")[1].split("\n###")[0]
    ledger = pl.read_parquet(folder / "ledger" / "part-*.parquet")

    table = [line for line in part.splitlines() if line.startswith("| ")][2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]

    assert 5 <= len(rows) <= 10
    shown = ledger.filter(pl.col("id").is_in([row[3] for row in rows]))
    assert shown.height == len(rows)  # each once
    removers = dict(shown.select("id", "removed_by").iter_rows())
    assert all(removers[row[3]] == row[1] for row in rows)
    assert not shown["removed_by"].str.contains("^(duplicates|decontamination|urls)").any()
    assert (shown["personal"].sum(), shown["derogatory_mentions"].sum()) == (0, 0)
    assert shown["toxicity"].fill_null(0.0).max() < 0.5
    assert rows[0][0] == "age"  # what is flagged comes first
    assert all(10 < len(row[5]) <= 200 for row in rows)
    assert "The release does not hold these texts" in part


def test_an_audit_that_says_stop_ends_the_run_before_it_releases(curate, quickstart, tmp_path):
    store = copy(quickstart[0], tmp_path)
    settings = ["quality.minimum_words=95", "audit.maximum_ratio=1", "audit.minimum_hits=1"]
    chosen = [part for setting in settings for part in ("--set", setting)]

    stopped = curate.json(
        *("run", "quickstart", "--store", store), *chosen, "--set", "audit.action=stop", status=1
    )
    warned = curate.json("run", "quickstart", "--store", store, *chosen)

    sentence = "hits documents that speak of"
    assert stopped["error"].startswith(
        "audit: no rule hits a group more than 1 times as often, but "
    )
    assert sentence in stopped["error"]
    assert any(sentence in warning for warning in warned["warnings"])
    assert warned["release"] == "quickstart@2"
