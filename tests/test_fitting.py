"""Limits from trusted documents: percentiles by hand, counts, and a file that a recipe takes."""

from __future__ import annotations

import json
import tomllib

import polars as pl
import pytest

from curate.decide import compile_rules, judge
from curate.errors import InputError, RecipeError
from curate.fitting import COLUMNS_READ, Reference, fit_rules, reference_of_records
from curate.recipe import load_recipe


def reference(**columns):
    """A hundred and one documents, the same in every column that is not given."""
    values = {name: [0.5] * 101 for name in COLUMNS_READ} | columns
    return Reference(pl.DataFrame(values, schema=dict.fromkeys(COLUMNS_READ, pl.Float64)), "here")


def test_a_limit_is_the_percentile_rounded_away_from_the_documents():
    ramp = [place + 0.0004 for place in range(101)]  # 0.0004 … 100.0004
    text = fit_rules("de", reference(mean_word_length=ramp, duplicate_line_share=ramp), tail=0.05)
    rules = tomllib.loads(text)["rules"]
    assert rules["minimum_mean_word_length"]["limit"] == 5.0  # 5.0004, down
    assert rules["maximum_mean_word_length"]["limit"] == 95.001  # 95.0004, up
    assert rules["maximum_duplicate_line_share"]["limit"] == 95.001
    assert rules["minimum_mean_word_length"]["languages"] == ["deu"]
    told = "5.00% tail of 101 documents of here: 5 beyond"
    assert rules["minimum_mean_word_length"]["source"] == told  # 0 … 4
    assert rules["maximum_mean_word_length"]["source"] == told  # 96 … 100
    assert rules["minimum_words"]["limit"] == 50


def test_no_fitted_rule_removes_more_than_its_share():
    values = {
        name: [((place * step) % 97) / 97 for place in range(101)]
        for step, name in enumerate(COLUMNS_READ, 2)
    }
    trusted = reference(**values)
    rules = tomllib.loads(fit_rules("deu", trusted, tail=0.1))["rules"]
    for name, rule in rules.items():
        if rule["column"] not in COLUMNS_READ:
            continue
        found = trusted.values[rule["column"]]
        beyond = found < rule["limit"] if rule["removes"] == "below" else found > rule["limit"]
        assert beyond.sum() <= 11, name
        assert f"{beyond.sum()} beyond" in rule["source"]


def test_a_column_without_values_has_no_rule():
    trusted = reference(stop_word_share=[None] * 101)
    rules = tomllib.loads(fit_rules("grc", trusted))["rules"]
    assert "minimum_stop_word_share" not in rules
    assert "minimum_line_punctuation_share" in rules


def test_too_few_documents_are_refused():
    few = Reference(reference().values.head(99), "here")
    with pytest.raises(RecipeError, match="100 documents or more, but 99 are there: here"):
        fit_rules("deu", few)


def test_records_are_measured_and_the_file_names_a_preset(tmp_path):
    records = tmp_path / "trusted.jsonl"
    line = "Der Hund und die Katze liegen in der Sonne, und alle sind froh. "
    texts = [f"{line * 6}\nAbsatz {place} steht hier allein." for place in range(120)]
    records.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    trusted = reference_of_records(records, "deu")
    assert trusted.values.height == 120
    assert trusted.values["stop_word_share"].min() > 0.3
    out = tmp_path / "deu.toml"
    out.write_text(fit_rules("deu", trusted))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "x"\n[[sources]]\nkind = "wikipedia"\ninputs = ["x"]\n'
        '[quality]\npreset = "deu.toml"\n'
    )
    rules = compile_rules(load_recipe(recipe))
    names = [rule.name for rule in rules]
    assert names.index("quality.maximum_duplicate_line_share") < names.index(
        "quality.minimum_words"
    )
    chosen = [rule for rule in rules if rule.column == "stop_word_share"]
    frame = pl.DataFrame(
        {
            "stop_word_share": [0.0, 0.0, 0.9],
            "language": ["deu", "eng", "deu"],
            "stopwords_state": pl.Series([None] * 3, dtype=pl.String),
        }
    )
    assert judge(frame, chosen)["removed_by"].is_not_null().to_list() == [True, False, False]


def test_a_records_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        reference_of_records(tmp_path / "missing.jsonl", "deu")
