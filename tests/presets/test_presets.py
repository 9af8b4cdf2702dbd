"""The presets are data: what must hold of every rule in them."""

from __future__ import annotations

import tomllib

import pytest

from curate import presets
from curate.schema import COLUMNS

FILES = sorted(presets.FOLDER.glob("*.toml"))
SPELLING = {
    "below": "minimum_{}",
    "above": "maximum_{}",
    "at_or_below": "{}_above",
    "at_or_above": "{}_below",
}


def rules_of(path) -> dict[str, dict]:
    return tomllib.loads(path.read_text("utf-8"))["rules"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_reads_a_quality_column_and_its_name_says_what_it_removes(path):
    content = tomllib.loads(path.read_text("utf-8"))
    assert set(content) == {"title", "source", "rules"}
    assert content["title"]
    assert content["source"]
    for name, rule in content["rules"].items():
        column = COLUMNS[rule["column"]]
        assert column.scorer == "quality"
        if rule["removes"] == "true":
            assert rule["column"] == name.replace("no_", "has_", 1)
            assert str(column.dtype) == "Boolean"
        else:
            assert name == SPELLING[rule["removes"]].format(rule["column"])
            assert str(column.dtype) in ("Int64", "Float64")
        assert all(len(language) == 3 for language in rule["languages"])


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.stem != presets.REGISTRY], ids=lambda path: path.stem
)
def test_a_rule_of_a_preset_has_a_limit_and_its_source(path):
    for name, rule in rules_of(path).items():
        assert set(rule) == {"column", "removes", "limit", "source", "languages"}, name
        assert rule["source"]
        assert (rule["limit"] is True) == (rule["removes"] == "true")
        assert (rule["languages"] == ["eng"]) == (rule["column"] == "stop_words")


def test_further_rules_have_no_limit_and_one_name_is_one_rule_everywhere():
    seen: dict[str, dict] = {}
    for path in FILES:
        for name, rule in rules_of(path).items():
            facts = {key: rule[key] for key in ("column", "removes", "languages")}
            assert seen.setdefault(name, facts) == facts
            assert ("limit" in rule) == (path.stem != presets.REGISTRY)


def test_published_limits():
    gopher = {name: rule["limit"] for name, rule in presets.load_preset("gopher").items()}
    assert gopher == {
        "maximum_duplicate_line_share": 0.3,
        "maximum_duplicate_paragraph_share": 0.3,
        "maximum_duplicate_line_character_share": 0.2,
        "maximum_duplicate_paragraph_character_share": 0.2,
        "maximum_top_2_gram_character_share": 0.2,
        "maximum_top_3_gram_character_share": 0.18,
        "maximum_top_4_gram_character_share": 0.16,
        "maximum_duplicate_5_gram_character_share": 0.15,
        "maximum_duplicate_6_gram_character_share": 0.14,
        "maximum_duplicate_7_gram_character_share": 0.13,
        "maximum_duplicate_8_gram_character_share": 0.12,
        "maximum_duplicate_9_gram_character_share": 0.11,
        "maximum_duplicate_10_gram_character_share": 0.1,
        "minimum_words": 50,
        "maximum_words": 100_000,
        "minimum_mean_word_length": 3,
        "maximum_mean_word_length": 10,
        "maximum_hash_to_word_ratio": 0.1,
        "maximum_ellipsis_to_word_ratio": 0.1,
        "maximum_bullet_line_share": 0.9,
        "maximum_ellipsis_line_share": 0.3,
        "minimum_alphabetic_word_share": 0.8,
        "minimum_stop_words": 2,
    }
    c4 = {name: rule["limit"] for name, rule in presets.load_preset("c4").items()}
    assert c4 == {"no_lorem_ipsum": True, "no_curly_bracket": True, "minimum_sentences": 5}
    own = {
        "line_punctuation_share_above": 0.12,
        "duplicate_line_character_share_below": 0.1,
        "short_line_share_below": 0.67,
    }
    fineweb = {name: rule["limit"] for name, rule in presets.load_preset("fineweb").items()}
    assert fineweb == gopher | c4 | own
    code = {name: rule["limit"] for name, rule in presets.load_preset("fineweb-code").items()}
    assert code == gopher | c4 | {
        "maximum_duplicate_line_character_share": 0.01,
        "minimum_line_punctuation_share": 0.12,
        "maximum_short_line_share_to_30": 0.67,
        "maximum_newline_to_word_ratio": 0.3,
    }
