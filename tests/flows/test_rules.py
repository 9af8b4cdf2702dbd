"""From a release to limits and a model of its documents, and to a release by these."""

from __future__ import annotations

import json

import pytest

LINE = "Der Hund und die Katze liegen in der Sonne, und Nummer {} ist froh über den Tag. "
HEAD = '[[sources]]\nkind = "records"\ninputs = ["trusted.jsonl"]\n[language]\nkeep = ["de"]\n'


@pytest.mark.slow
def test_limits_and_a_model_from_a_release_judge_the_next_one(curate, tmp_path):
    numbers = ("eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn")
    texts = [
        " ".join(LINE.format(f"{numbers[i % 10]}{numbers[place % 10]} {place}") for i in range(8))
        for place in range(120)
    ]
    texts.append("zzz qqq " * 60)
    with (tmp_path / "trusted.jsonl").open("w") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    store = str(tmp_path / "store")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'name = "first"\n{HEAD}[duplicates]\naction = "tag"\n')
    curate.json("run", str(recipe), "--store", store)

    rules, model = tmp_path / "de.toml", tmp_path / "de.npz"
    common = ("--language", "de", "--release", "first@1", "--source", "records", "--store", store)
    fitted = curate.json("fit-rules", *common, "--out", str(rules))
    facts = curate.json("train", "perplexity", *common, "--out", str(model))
    assert "120 documents of first@1 (records, deu)" in fitted["rules"][0]["source"]
    assert facts["language"] == "deu"
    assert facts["documents"] + facts["measured"] == 120

    recipe.write_text(
        f'name = "second"\n{HEAD}minimum_score = 0\n[quality]\npreset = "de.toml"\n'
        f'[perplexity]\nmodels = ["{model}"]\nmaximum = 1_000_000\n[duplicates]\naction = "tag"\n'
    )
    result = curate.json("run", str(recipe), "--store", store)
    told = {row["rule"]: row for row in result["rules"]}
    assert "quality.minimum_stop_word_share" in told
    assert told["perplexity.maximum"]["failed"] == 0
    change = curate.json(
        "what-if", "second@1", "--set", "perplexity.keep=['head']", "--store", store
    )
    assert any(row["rule"] == "perplexity.keep" for row in change["after"])
    refused = curate(
        "what-if", "second@1", "--set", "perplexity.models=[]", "--store", store, status=2
    )
    assert "perplexity" in refused.stderr


def test_presets_are_listed_and_shown(curate):
    listed = {preset["preset"]: preset for preset in curate.json("presets")}
    assert {"gopher", "c4", "fineweb", "fineweb-code", "refinedweb", "dclm-heuristics"} <= set(
        listed
    )
    assert {"dolma", "redpajama-v2", "fineweb-2", "fineweb-2/deu"} <= set(listed)
    shown = curate.json("presets", "show", "fineweb")
    first = shown["rules"][0]
    assert first["rule"] == "quality.maximum_duplicate_line_share"
    assert first["removes"] == "duplicate_line_share > 0.3"
    assert first["source"] == "Rae et al. 2021, arXiv 2112.11446, Table A1"
    assert "29" in curate("presets").stdout
    assert "quality.minimum_words" in curate("presets", "show", "fineweb-2/de").stdout
    assert "did you mean 'gopher'" in curate("presets", "show", "gofer", status=2).stderr
