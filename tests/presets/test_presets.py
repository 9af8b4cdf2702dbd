"""The presets are data: what must hold of every rule in them."""

from __future__ import annotations

import tomllib

import polars as pl
import pytest

from curate import presets
from curate.decide import compile_rules, judge
from curate.errors import RecipeError
from curate.presets.describe import write_documentation
from curate.recipe import change_recipe, load_recipe, make_recipe
from curate.schema import COLUMNS
from curate.steps.work import EXTRA_COLUMNS

FILES = sorted(presets.FOLDER.glob("**/*.toml"))
ENGLISH = ("stop_words", "stop_word_occurrences", "c4_sentences")  # what they read is English
SOURCES = [{"kind": "wikipedia", "inputs": ["x"]}]
SPELLING = {
    "below": "minimum_{}",
    "above": "maximum_{}",
    "at_or_below": "{}_above",
    "at_or_above": "{}_below",
}


def rules_of(path) -> dict[str, dict]:
    return tomllib.loads(path.read_text("utf-8"))["rules"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_rule_reads_a_quality_column_and_its_name_says_what_it_removes(path):
    content = tomllib.loads(path.read_text("utf-8"))
    assert set(content) - {"stop_words", "signals"} == {"title", "source", "rules"}
    assert content["title"]
    assert content["source"]
    for name, rule in content["rules"].items():
        column = COLUMNS[rule["column"]]
        assert column.scorer in ("quality", "fineweb2_stopwords", "cleaning")
        if rule["removes"] == "true":
            assert rule["column"] == name.replace("no_", "has_", 1)
            assert str(column.dtype) == "Boolean"
        else:
            assert name == SPELLING[rule["removes"]].format(rule["column"])
            assert str(column.dtype) in ("Int64", "Float64")
        assert all(len(language) == 3 for language in rule["languages"])


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.stem != presets.REGISTRY],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_a_rule_of_a_preset_has_a_limit_and_its_source(path):
    for name, rule in rules_of(path).items():
        assert set(rule) == {"column", "removes", "limit", "source", "languages"}, name
        assert rule["source"]
        assert (rule["limit"] is True) == (rule["removes"] == "true")
        if path.parent.name == presets.FAMILY:
            assert rule["languages"] == [path.stem]
        else:
            assert rule["languages"] == (["eng"] if rule["column"] in ENGLISH else [])


def test_further_rules_have_no_limit_and_one_name_is_one_rule_everywhere():
    seen: dict[str, dict] = {}
    for path in FILES:
        if path.parent.name == presets.FAMILY:
            continue
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
    assert c4.pop("minimum_c4_sentences") == 5
    assert c4 == {"no_lorem_ipsum": True, "no_curly_bracket": True, "minimum_sentences": 5}
    own = {
        "line_punctuation_share_above": 0.12,
        "duplicate_line_character_share_below": 0.1,
        "short_line_share_below": 0.67,
    }
    fineweb = {name: rule["limit"] for name, rule in presets.load_preset("fineweb").items()}
    assert fineweb == gopher | c4 | own
    code = {name: rule["limit"] for name, rule in presets.load_preset("fineweb-code").items()}
    by_text = {
        name.replace("character_share", "share_datatrove") if "gram" in name else name: limit
        for name, limit in gopher.items()
    }
    assert code == by_text | c4 | {
        "maximum_duplicate_line_character_share": 0.01,
        "minimum_line_punctuation_share": 0.12,
        "maximum_short_line_share_to_30": 0.67,
        "maximum_newline_to_word_ratio": 0.3,
    }
    dolma = {name: rule["limit"] for name, rule in presets.load_preset("dolma").items()}
    assert dolma["minimum_median_spaced_word_length"] == 3
    assert dolma["maximum_repeated_line_character_share"] == 0.3
    for name in ("refinedweb", "dclm-heuristics"):
        assert presets.load_preset(name)["maximum_corrected_word_share"]["limit"] == 0.05
        assert presets.load_preset(name)["maximum_cleaned_word_share"]["limit"] == 0.05
    assert presets.load_preset("redpajama-v2")["maximum_words"]["limit"] == 10_000
    portuguese = presets.load_preset("fineweb-2/pt")
    assert portuguese["maximum_duplicate_line_share"]["limit"] == 0.287
    assert portuguese["maximum_duplicate_10_gram_share_datatrove"]["limit"] == 0.108
    assert portuguese["minimum_alphabetic_word_share"]["limit"] == 0.814


def test_the_documentation_is_that_of_the_files():
    page = presets.FOLDER.parents[1] / "docs" / "presets.md"
    assert page.read_text("utf-8") == write_documentation()


def test_the_signals_of_redpajama_are_columns():
    signals = presets.read_preset("redpajama-v2")["signals"]
    known = {*COLUMNS, *EXTRA_COLUMNS}
    assert {name for names in signals.values() for name in names} <= known
    read = {rule["column"] for rule in presets.load_preset("redpajama-v2").values()}
    assert read - {"stop_words"} <= {name for names in signals.values() for name in names}
    assert "| `rps_doc_unigram_entropy` | `unigram_entropy` |" in write_documentation()


def test_every_column_of_quality_may_have_a_rule():
    rules = presets.all_rules()
    for name, column in COLUMNS.items():
        if column.scorer == "quality":
            asked = (f"no_{name[4:]}",) if name.startswith("has_") else (f"maximum_{name}",)
            assert {rules[rule]["column"] for rule in asked} == {name}
    assert rules["minimum_stop_words"]["languages"] == ["eng"]


def test_the_family_is_every_language_at_once_each_with_its_own_limits():
    section = {"preset": "fineweb-2", "rules": {"minimum_words": 10}}
    section["languages"] = {"pl": {"maximum_mean_word_length": 13}}
    rules = compile_rules(make_recipe({"name": "x", "sources": SOURCES, "quality": section}))
    frame = pl.DataFrame(
        {
            "language": ["deu", "rus", "pol", "pol", "eng"],
            "mean_word_length": [12.0, 12.0, 12.5, 13.5, 30.0],
            "words": [50, 50, 9, 50, 9],
            "quality_state": pl.Series([None] * 5, dtype=pl.String),
        }
    )
    by_name = {rule.name: rule for rule in rules}
    longest = judge(frame, [by_name["quality.maximum_mean_word_length"]])
    assert longest["limit"].to_list() == [None, "11", None, "13", None]
    fewest = judge(frame, [by_name["quality.minimum_words"]])  # the recipe's limit, for all
    assert fewest["limit"].to_list() == [None, None, "10", None, None]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "there is none"),
        ("x = ", "a rules file is TOML"),
        ("rules = 1", "there is none"),
        ('[rules.a]\ncolumn = "word"\nremoves = "below"\nlimit = 1', "did you mean 'words'"),
        ('[rules.a]\ncolumn = "words"\nremoves = "under"\nlimit = 1', "'under' came"),
        ('[rules.a]\ncolumn = "words"\nremoves = "below"', "has a limit, but None came"),
        ("[rules]\na = 1", "'a' is none"),
    ],
)  # fmt: skip
def test_a_wrong_rules_file_is_told(tmp_path, content, told):
    (tmp_path / "mine.toml").write_text(content)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "x"\n[[sources]]\nkind = "wikipedia"\ninputs = ["x"]\n'
        '[quality]\npreset = "mine.toml"\n'
    )
    with pytest.raises(RecipeError, match=told):
        load_recipe(recipe)


def test_a_recipe_names_a_rules_file_and_is_whole_without_it(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        '[rules.minimum_words]\ncolumn = "words"\nremoves = "below"\nlimit = 7\n'
        'languages = ["de"]\nsource = "here"\n'
    )
    recipe_file = tmp_path / "recipe.toml"
    recipe_file.write_text(
        'name = "x"\n[[sources]]\nkind = "wikipedia"\ninputs = ["x"]\n'
        '[quality]\npreset = "mine.toml"\n'
    )
    recipe = load_recipe(recipe_file)
    other = change_recipe(
        make_recipe({"name": "y", "sources": SOURCES}), {"quality.preset": str(file)}
    )
    assert other.quality == recipe.quality
    file.unlink()
    again = make_recipe(recipe.model_dump(mode="json", exclude_none=True))
    assert again == recipe
    rule = next(r for r in compile_rules(again) if r.name == "quality.minimum_words")
    assert (rule.limit, rule.languages, rule.source) == (7, ("deu",), "here")
    other = change_recipe(recipe, {"quality.preset": "gopher"})
    assert other.quality.definitions == {}
