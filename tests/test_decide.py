from __future__ import annotations

import polars as pl
import pytest

from curate.decide import (
    Rule,
    apply_survivors,
    check_removed_share,
    check_rows,
    compile_rules,
    count_rules,
    find_removals,
    judge,
    sum_funnel,
)
from curate.errors import DecisionError, RecipeError
from curate.recipe import DuplicatesSection, make_recipe

SOURCES = [{"kind": "wikipedia", "inputs": ["wiki.xml"]}]
WORDS = Rule("quality.minimum_words", "words", "below", 50)
STOP = Rule("quality.minimum_stop_words", "stop_words", "below", 2, languages=("eng",))
KEEP = Rule("language.keep", "language", "outside", ("deu", "eng"))
TOXIC = Rule("toxicity.maximum_score", "toxicity", "above", 0.9, action="tag")


def scores(**columns):
    """Scores of one document each, with the columns that the rules above read."""
    frame = {
        "language": ["eng"],
        "words": [100],
        "stop_words": [5],
        "toxicity": [0.1],
        "language_state": [None],
        "quality_state": [None],
        "toxicity_state": [None],
        "source": ["wikipedia"],
    } | columns
    height = max(len(values) for values in frame.values())
    frame = {name: values * (height // len(values)) for name, values in frame.items()}
    states = {name: pl.String for name in frame if name.endswith("_state")}
    return pl.DataFrame(frame, schema_overrides=states)


@pytest.mark.parametrize(
    ("removes", "limit", "hit"),
    [
        ("below", 50, [True, False, False]),
        ("at_or_below", 50, [True, True, False]),
        ("above", 50, [False, False, True]),
        ("at_or_above", 50, [False, True, True]),
    ],
)
def test_a_limit_is_met_just_under_at_and_just_over(removes, limit, hit):
    rule = Rule("quality.x", "words", removes, limit)

    verdicts = judge(scores(words=[49, 50, 51]), [rule])

    assert (verdicts["removed_by"] == "quality.x").fill_null(value=False).to_list() == hit


def test_the_first_rule_in_order_removes():
    verdicts = judge(scores(language=["rus"], words=[3]), [KEEP, WORDS])

    assert verdicts.to_dicts() == [
        {"removed_by": "language.keep", "value": None, "limit": "deu,eng", "tags": []}
    ]

    verdicts = judge(scores(language=["rus"], words=[3]), [WORDS, KEEP])

    assert verdicts.to_dicts() == [
        {"removed_by": "quality.minimum_words", "value": 3.0, "limit": "50", "tags": []}
    ]


def test_a_rule_that_tags_removes_nothing():
    verdicts = judge(scores(toxicity=[0.95]), [TOXIC])

    assert verdicts.to_dicts() == [
        {"removed_by": None, "value": None, "limit": None, "tags": ["toxicity.maximum_score"]}
    ]


def test_a_failed_score_is_a_hit_and_a_score_that_does_not_apply_is_none():
    frame = scores(words=[None, None], quality_state=["failed", "not_applicable"])

    verdicts = judge(frame, [WORDS])

    assert verdicts["removed_by"].to_list() == ["quality.minimum_words", None]


def test_a_rule_speaks_only_its_languages():
    frame = scores(language=["eng", "deu"], stop_words=[0])

    verdicts = judge(frame, [STOP])

    assert verdicts["removed_by"].to_list() == ["quality.minimum_stop_words", None]


def test_counts_say_how_each_rule_met_each_source():
    frame = scores(
        language=["rus", "eng", "deu", "eng"],
        words=[3, 3, 100, 100],
        stop_words=[0],
        toxicity=[0.95],
        source=["wikipedia", "wikipedia", "wikipedia", "records"],
    )
    rules = [KEEP, WORDS, STOP, TOXIC]

    counts = sum_funnel([count_rules(frame, judge(frame, rules), rules)], [r.name for r in rules])

    found = {(row.pop("rule"), row.pop("source")): row for row in counts.to_dicts()}
    zero = {"removed": 0, "tagged": 0, "not_applicable": 0, "failed": 0, "not_computed": 0}
    assert found == {
        ("language.keep", "records"): zero | {"met": 1},
        ("language.keep", "wikipedia"): zero | {"met": 3, "removed": 1},
        ("quality.minimum_words", "records"): zero | {"met": 1},
        ("quality.minimum_words", "wikipedia"): zero | {"met": 2, "removed": 1},
        ("quality.minimum_stop_words", "records"): zero | {"met": 1, "removed": 1},
        ("quality.minimum_stop_words", "wikipedia"): zero | {"met": 1, "not_applicable": 1},
        ("toxicity.maximum_score", "wikipedia"): zero | {"met": 1, "tagged": 1},
    }


def test_no_rules_and_no_documents_are_defined():
    assert judge(scores(), []).to_dicts() == [
        {"removed_by": None, "value": None, "limit": None, "tags": []}
    ]
    assert judge(scores().clear(), [WORDS, TOXIC]).height == 0
    assert sum_funnel([], []).height == 0


def overridden(**section):
    recipe = make_recipe({"name": "r", "sources": SOURCES, "quality": section})
    return [rule for rule in compile_rules(recipe) if rule.name == "quality.minimum_words"]


@pytest.mark.parametrize(
    ("section", "removed", "limits"),
    [
        (
            {"rules": {"minimum_words": 50}, "languages": {"de": {"minimum_words": 20}}},
            [True, False, True, False],
            ["50", None, "50", None],
        ),
        (  # where both speak, the source's counts
            {
                "rules": {"minimum_words": 50},
                "languages": {"deu": {"minimum_words": 20}},
                "sources": {"subtitles": {"minimum_words": 31}},
            },
            [True, False, True, True],
            ["50", None, "31", "31"],
        ),
        (
            {"rules": {"minimum_words": 50}, "sources": {"subtitles": {"minimum_words": False}}},
            [True, True, False, False],
            ["50", "50", None, None],
        ),
        (  # a rule that speaks of one language alone
            {"languages": {"ger": {"minimum_words": 31}}},
            [False, True, False, True],
            [None, "31", None, "31"],
        ),
        (
            {
                "preset": "gopher",
                "rules": {"minimum_words": False},
                "sources": {"wikipedia": {"minimum_words": 40}},
            },
            [True, True, False, False],
            ["40", "40", None, None],
        ),
    ],
)
def test_limits_differ_by_source_and_language(section, removed, limits):
    frame = scores(
        language=["eng", "deu", "eng", "deu"],
        source=["wikipedia", "wikipedia", "subtitles", "subtitles"],
        words=[30],
    )
    rules = overridden(**section)

    verdicts = judge(frame, rules)

    assert verdicts["removed_by"].is_not_null().to_list() == removed
    assert verdicts["limit"].to_list() == limits
    assert find_removals(frame, rules).to_list() == verdicts["removed_by"].to_list()
    met = count_rules(frame, verdicts, rules).sum().to_dicts()[0]
    assert (met["met"], met["removed"]) == (4, sum(removed))


def test_an_override_names_a_rule_a_language_and_a_source():
    with pytest.raises(RecipeError, match="did you mean 'minimum_words'"):
        overridden(languages={"de": {"minimum_wrods": 1}})
    with pytest.raises(RecipeError, match="did you mean 'subtitles'"):
        overridden(sources={"subtitle": {"minimum_words": 1}})
    with pytest.raises(RecipeError, match="language"):
        overridden(languages={"germanish": {"minimum_words": 1}})


def test_find_removals_is_what_judge_says():
    frame = scores(language=["rus", "eng", "deu", "eng"], words=[3, 3, 100, 60], toxicity=[0.95])
    rules = [KEEP, WORDS, STOP, TOXIC]

    assert find_removals(frame, rules).to_list() == [
        "language.keep",
        "quality.minimum_words",
        None,
        None,
    ]
    assert find_removals(frame, rules).equals(judge(frame, rules)["removed_by"], null_equal=True)
    assert find_removals(frame, []).to_list() == [None] * 4


def test_duplicates_are_removed_with_their_survivor_or_tagged():
    verdicts = pl.DataFrame(
        {
            "id": ["a", "b", "c"],
            "removed_by": [None, None, "quality.x"],
            "value": [None, None, 1.0],
            "limit": [None, None, "2"],
            "tags": [[], [], []],
        },
        schema_overrides={"tags": pl.List(pl.String)},
    )
    members = pl.DataFrame(
        {
            "id": ["a", "b"],
            "duplicate_of": [None, "a"],
            "similarity": [None, 0.8],
            "rule": [None, "duplicates.near"],
            "cluster_size": [2, 2],
        },
        schema_overrides={"duplicate_of": pl.String},
    )

    removed = apply_survivors(verdicts, members, DuplicatesSection())
    tagged = apply_survivors(verdicts, members, DuplicatesSection(action="tag"))

    assert removed["removed_by"].to_list() == [None, "duplicates.near", "quality.x"]
    assert removed["value"].to_list() == [None, 0.8, 1.0]
    assert removed["limit"].to_list() == [None, "0.75", "2"]
    assert removed["duplicate_of"].to_list() == [None, "a", None]
    assert removed["cluster_size"].to_list() == [2, 2, None]
    assert tagged["removed_by"].to_list() == [None, None, "quality.x"]
    assert tagged["tags"].to_list() == [[], ["duplicates.near"], []]


def test_a_rule_that_removes_nearly_everything_stops_the_run():
    funnel = pl.DataFrame(
        {
            "rule": ["quality.x", "quality.x"],
            "source": ["a", "b"],
            "met": [90, 10],
            "removed": [90, 6],
        }
    )

    check_removed_share(funnel, 0.96)
    with pytest.raises(DecisionError) as error:
        check_removed_share(funnel, 0.95)

    assert "quality.x removes 96 of 100 (96.0%)" in error.value.came
    assert "max_removed_share above 0.960" in error.value.change


def test_below_a_hundred_documents_a_share_says_nothing():
    funnel = pl.DataFrame({"rule": ["x"], "source": ["a"], "met": [99], "removed": [99]})

    check_removed_share(funnel, 0.5)


def test_rows_that_do_not_add_up_are_an_error():
    check_rows(10, 2, 7, 5)
    with pytest.raises(DecisionError, match="10 \\+ 2 ≠ 7 \\+ 4"):
        check_rows(10, 2, 7, 4)


def test_rules_come_in_order_with_overrides_in_the_presets_place():
    recipe = make_recipe(
        {
            "name": "x",
            "sources": SOURCES,
            "language": {"keep": ["en", "de"], "minimum_score": 0.5},
            "quality": {"preset": "gopher", "rules": {"minimum_words": 10, "maximum_words": False}},
            "toxicity": {"action": "remove", "maximum_score": 0.8},
        }
    )

    rules = compile_rules(recipe)

    names = [rule.name for rule in rules]
    assert names[:2] == ["language.keep", "language.minimum_score"]
    assert names[-3:] == [
        "toxicity.maximum_score",
        "personal.maximum_count",
        "bias.maximum_derogatory_mentions",
    ]
    assert rules[0].limit == ("deu", "eng")
    assert "quality.maximum_words" not in names
    limits = {rule.name: rule.limit for rule in rules}
    assert limits["quality.minimum_words"] == 10
    assert limits["toxicity.maximum_score"] == 0.8


def test_a_recipe_without_sections_measures_and_removes_nothing_but_duplicates():
    rules = compile_rules(make_recipe({"name": "x", "sources": SOURCES}))

    assert {rule.action for rule in rules} == {"tag"}


def test_an_unknown_preset_or_rule_is_refused_with_the_nearest():
    with pytest.raises(RecipeError, match="did you mean 'gopher'"):
        make_recipe({"name": "x", "sources": SOURCES, "quality": {"preset": "gofer"}})
    with pytest.raises(RecipeError, match="did you mean 'minimum_words'"):
        make_recipe({"name": "x", "sources": SOURCES, "quality": {"rules": {"minimum_wrods": 1}}})


def test_a_cascade_decides_by_the_stage_that_a_band_asks_for():
    frame = pl.DataFrame(
        {
            "toxicity": [0.2, 0.95, 0.1, 0.6, None],
            "toxicity_threat": [None, 0.9, 0.1, None, None],
            "toxicity_bundled": [0.2, 0.7, 0.7, 0.6, None],
            "toxicity_sent": [False, True, True, False, None],
            "toxicity_state": [None, None, None, None, "failed"],
        },
        schema_overrides={"toxicity_state": pl.String},
    )
    score = Rule("toxicity.maximum_score", "toxicity", "above", 0.5, cascade=(10, 15))
    narrow = Rule("toxicity.maximum_score", "toxicity", "above", 0.5, cascade=(10, 12))
    threat = Rule(
        *("toxicity.maximum_threat", "toxicity_threat", "above", 0.5),
        where_given=True,
        cascade=(10, 15),
    )
    found = frame.select(
        score=score.hits(),
        missing=score.undetermined(),
        narrow=narrow.hits(),
        threat=threat.hits(),
        no_case=~threat.applies(),
    )
    assert found["score"].to_list() == [False, True, False, True, True]
    assert found["missing"].to_list() == [False, False, False, True, False]
    assert found["narrow"].to_list() == [False, True, True, True, True]  # the first stage's 0.7
    assert found["threat"].to_list() == [False, True, False, False, True]
    assert found["no_case"].to_list() == [True, False, False, False, False]
