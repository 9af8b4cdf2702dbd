"""What rules do to groups: counted by hand, with Wilson's interval, and flagged by its limits."""

from __future__ import annotations

import polars as pl
import pytest

from curate.audit import (
    ANY,
    COLUMNS,
    GROUPS,
    count_audit,
    find_flagged,
    measure_audit,
    tell_row,
    try_templates,
)
from curate.recipe import AuditSection, ToxicitySection
from curate.score.templates import load_templates


def ledger(*rows: tuple[str | None, list[str], str | None, dict[str, int]]) -> pl.DataFrame:
    """Rows of (removed by, tags, bias state, mentions)."""
    frames = [
        {
            "removed_by": removed_by,
            "tags": tags,
            "bias_state": state,
            **{column: mentions.get(group, 0) for group, column in GROUPS.items()},
        }
        for removed_by, tags, state, mentions in rows
    ]
    schema = {"removed_by": pl.String, "tags": pl.List(pl.String), "bias_state": pl.String}
    return pl.DataFrame(frames, schema_overrides=schema).select(COLUMNS)


def test_hits_of_a_group_are_related_to_all_that_was_looked_at():
    rows = [
        *[("quality.x", [], None, {"religion": 2})] * 4,
        *[(None, ["toxicity.y"], None, {"religion": 1})] * 2,
        *[(None, [], None, {"religion": 1})] * 4,
        *[("quality.x", [], None, {})] * 4,
        *[(None, [], None, {})] * 26,
        *[("quality.x", [], "not_applicable", {})] * 50,  # a language without a lexicon
    ]

    found = measure_audit(count_audit(ledger(*rows))).filter(pl.col("group") == "religion")

    by_rule = {row["rule"]: row for row in found.iter_rows(named=True)}
    assert set(by_rule) == {"quality.x", "toxicity.y", ANY}
    assert by_rule["quality.x"] == {
        "group": "religion",
        "rule": "quality.x",
        "documents": 10,
        "mention_share": 0.25,
        "hit": 4,
        "share": 0.4,
        "overall_share": 0.2,
        "ratio": 2.0,
        "ratio_low": 0.8409,  # Wilson: 4 of 10 is 0.16818 to 0.68733
        "ratio_high": 3.4366,
    }
    assert by_rule[ANY] == by_rule["quality.x"] | {"rule": ANY}
    assert (by_rule["toxicity.y"]["hit"], by_rule["toxicity.y"]["overall_share"]) == (2, 0.05)


def test_counts_of_parts_of_a_ledger_add_up():
    rows = ledger(
        *[("quality.x", [], None, {"religion": 2})] * 4,
        *[(None, ["toxicity.y", "quality.z"], None, {"religion": 1, "age": 1})] * 3,
        *[(None, [], None, {"dialect": 2})] * 5,
        *[("urls.a", ["quality.z"], "not_applicable", {"age": 1})] * 2,
    )
    parts = [count_audit(part) for part in rows.iter_slices(3)]

    assert measure_audit(pl.concat(parts)).equals(measure_audit(count_audit(rows)))


def test_a_group_that_nobody_speaks_of_has_no_ratio():
    found = measure_audit(count_audit(ledger(("quality.x", [], None, {}))))

    assert found["documents"].to_list() == [0] * found.height
    assert found["ratio"].null_count() == found.height == 2 * len(GROUPS)
    nothing = ledger(("quality.x", [], None, {})).clear()
    assert measure_audit(count_audit(nothing)).height == 0


@pytest.mark.parametrize(
    ("hit", "of", "flagged"),
    [
        (30, 60, True),  # 2.5 times as often
        (14, 60, False),  # 1.17 times: below the limit
        (4, 5, False),  # 4 times, but of five documents
    ],
)
def test_a_rule_is_flagged_by_its_ratio_its_hits_and_its_interval(hit, of, flagged):
    others = 940
    rows = [("q", [], None, {"age": 1})] * hit + [(None, [], None, {"age": 1})] * (of - hit)
    rows += [("q", [], None, {})] * 170 + [(None, [], None, {})] * (others - 170)

    found = find_flagged(measure_audit(count_audit(ledger(*rows))), AuditSection())

    assert (("age", "q") in found.select("group", "rule").rows()) == flagged


def test_a_flagged_row_is_told_in_a_sentence():
    row = {
        "group": "age",
        "rule": "quality.x",
        "documents": 1200,
        "hit": 300,
        "ratio": 1.849,
        "ratio_low": 1.7,
        "ratio_high": 2.04,
    }

    assert tell_row(row) == (
        "quality.x hits documents that speak of age 1.8 times as often as others "
        "(300 of 1,200; 95 % interval 1.7 to 2)"
    )


def test_templates_name_every_group_in_sentences_that_the_scorer_is_tried_on():
    templates = load_templates()

    assert templates["text"].is_duplicated().sum() == 0
    assert "My new neighbour is a Muslim." in templates["text"]
    found = try_templates(ToxicitySection(maximum_score=0.0))
    assert found["sentences"].sum() == templates.height
    assert found["alarms"].sum() == templates.height  # every score is above nought
    assert try_templates(ToxicitySection(maximum_score=1.0))["alarms"].sum() == 0
    assert try_templates(ToxicitySection(scorer="none")).height == 0
