from __future__ import annotations

import re
from pathlib import Path

import pytest

from curate.errors import RecipeError
from curate.recipe import Recipe, change_recipe, load_recipe
from curate.sources.dumps import names_wiki
from curate.sources.listings import names_listing
from flows.recipes import FOLDER, find_recipe, recipe_names

GOOD = """\
name = "mine"
seed = 7

[[sources]]
kind = "wikipedia"
inputs = ["*.xml"]

[[sources]]
kind = "records"
inputs = ["*.jsonl"]
text_column = "body"

[language]
keep = ["en", "deu"]

[quality]
preset = "gopher"

[quality.rules]
minimum_words = 100
"""


def load(tmp_path: Path, text: str, settings=None):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path, settings)


def test_a_recipe_is_read_with_its_defaults(tmp_path):
    recipe = load(tmp_path, GOOD)

    assert recipe.name == "mine"
    assert [source.kind for source in recipe.sources] == ["wikipedia", "records"]
    assert recipe.language.keep == ("deu", "eng")
    assert recipe.quality.rules == {"minimum_words": 100}
    assert recipe.max_removed_share == 0.95
    assert recipe.duplicates.scope == "release"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 7", "sede = 7", "line 2: a recipe takes known keys, but 'sede' is none; did you mean 'seed'?"),
        ("keep =", "keeps =", "line 14: [language] takes known keys, but 'keeps' is none; did you mean 'keep'?"),
        ("text_column =", "text_colum =", "line 11: [sources.1] takes known keys, but 'text_colum' is none; did you mean 'text_column'?"),
        ("minimum_words =", "minimum_wrods =", "line 20: [quality.rules] sets rules, but 'minimum_wrods' is none; did you mean 'minimum_words'?"),
        ('"gopher"', '"gofer"', "line 17: [quality] preset names a preset, but 'gofer' is none; did you mean 'gopher'?"),
        ("seed = 7", 'seed = "seven"', "line 2: `seed` has a valid value, but 'seven' came; input should be a valid integer"),
        ('"wikipedia"', '"wikipaedia"', "line 5: `sources.0.kind` names a kind of source, but 'wikipaedia' is none; did you mean 'wikipedia'?"),
        ('name = "mine"', "", "`name` is missing"),
        ('"deu"', '"xyzzy"', "line 14"),
        ("[language]", "[langauge]", "line 13: a recipe takes known keys, but 'langauge' is none; did you mean 'language'?"),
        ("[quality.rules]", "[quality.sources.record]", "line 19: [quality.sources] names sources, but 'record' is none; did you mean 'records'?"),
        ("[quality.rules]", "[quality.languages.xyzzy]", "line 19: a language is"),
        ("minimum_words = 100", "minimum_words = true", "line 20: the limit of a rule is a number, but 'minimum_words' is true"),
        ("minimum_words = 100", 'minimum_words = "many"', "line 20: `quality.rules.minimum_words` has a valid value, but 'many' came"),
        ('["*.jsonl"]', '"*.jsonl"', "line 10: `sources.1.inputs` has a valid value, but '*.jsonl' came; input should be a list"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_line_and_the_nearest_name(tmp_path, old, new, message):
    with pytest.raises(RecipeError) as error:
        load(tmp_path, GOOD.replace(old, new))

    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "mine.toml"))
    assert error.value.status == 2


SETS = """\

[decontamination]
maximum_overlap = 0.6

[[decontamination.sets]]
name = "questions"
files = ["questions.jsonl"]
columns = ["question"]

[[decontamination.sets]]
name = "table"
files = ["table.csv"]
columns = [1, 2]
"""


def test_evaluation_sets_are_read_in_order(tmp_path):
    section = load(tmp_path, GOOD + SETS).decontamination

    assert [one.name for one in section.sets] == ["questions", "table"]
    assert section.sets[1].columns == (1, 2)
    assert (section.ngram_words, section.minimum_item_words) == (5, 8)
    assert (section.maximum_overlap, section.action) == (0.6, "remove")
    recipe = load(tmp_path, GOOD + SETS)
    assert change_recipe(recipe, {"decontamination.action": "tag"}).decontamination.sets == (
        section.sets
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("maximum_overlap", "maximum_overlaps", "line 23: [decontamination] takes known keys, but 'maximum_overlaps' is none; did you mean 'maximum_overlap'?"),
        ("columns = [1", "colums = [1", "line 33: [decontamination.sets.1] takes known keys, but 'colums' is none; did you mean 'columns'?"),
        ("columns = [1, 2]", "", "line 30: a recipe is complete, but `decontamination.sets.1.columns` is missing"),
        ("[1, 2]", '[1, "b"]', "columns have names, or numbers from 1 where a table has no row of names, but [1, 'b'] came"),
        ("[1, 2]", "[0]", "but [0] came"),
        ("[1, 2]", "[]", "line 33: `decontamination.sets.1.columns` has a valid value, but [] came"),
        ("[1, 2]", "[true]", "line 33: `decontamination.sets.1.columns.0` has a valid value, but True came"),
        ('"table"', '"questions"', "'questions' names more than one; rename one"),
        ("0.6", "0.1", "line 23: `decontamination.maximum_overlap` has a valid value, but 0.1 came"),
        ("[[decontamination.sets]]", "[[decontamination.set]]", "[decontamination] takes known keys, but 'set' is none; did you mean 'sets'?"),
    ],
)  # fmt: skip
def test_a_mistake_in_evaluation_sets_is_refused(tmp_path, old, new, message):
    with pytest.raises(RecipeError) as error:
        load(tmp_path, GOOD + SETS.replace(old, new))

    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"name = ", "a recipe is TOML"), (b"name = '\xff'", "a recipe is UTF-8")],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, content, message):
    (tmp_path / "mine.toml").write_bytes(content)

    with pytest.raises(RecipeError, match=message):
        load_recipe(tmp_path / "mine.toml")


def test_a_missing_recipe_is_refused_with_the_packaged_ones():
    with pytest.raises(RecipeError, match="there is no such file"):
        load_recipe(find_recipe("nowhere/mine.toml"))
    with pytest.raises(RecipeError, match="did you mean 'quickstart'"):
        find_recipe("quikstart")


def test_settings_replace_values_by_dotted_name(tmp_path):
    settings = {"quality.minimum_words": "60", "toxicity.action": "remove", "seed": "9"}

    recipe = load(tmp_path, GOOD, settings)

    assert recipe.quality.rules == {"minimum_words": 60}
    assert recipe.toxicity.action == "remove"
    assert recipe.seed == 9
    assert change_recipe(recipe, {"language.keep": '["fr"]'}).language.keep == ("fra",)


def test_a_rule_about_a_flag_can_be_set_to_true(tmp_path):
    recipe = load(tmp_path, GOOD.replace("minimum_words = 100", "no_lorem_ipsum = true"))

    assert recipe.quality.rules == {"no_lorem_ipsum": True}


def test_an_unknown_setting_is_refused(tmp_path):
    recipe = load(tmp_path, GOOD)

    with pytest.raises(RecipeError, match="'minimum_wrods' is none; did you mean 'minimum_words'"):
        change_recipe(recipe, {"quality.minimum_wrods": "1"})
    with pytest.raises(RecipeError, match="'acton' is none; did you mean 'action'"):
        change_recipe(recipe, {"toxicity.acton": "remove"})
    with pytest.raises(
        RecipeError, match=r"`toxicity\.action` has a valid value, but 'delete' came"
    ):
        change_recipe(recipe, {"toxicity.action": "delete"})


@pytest.mark.parametrize("name", recipe_names())
def test_every_packaged_recipe_loads(name):
    assert load_recipe(find_recipe(name)).name == name


def test_every_recipe_of_the_documents_loads(tmp_path):
    root = FOLDER.parents[1]
    found = 0
    for document in (root / "README.md", root / "CONTRIBUTING.md"):
        for block in document.read_text(encoding="utf-8").split("```toml\n")[1:]:
            text = block.split("```")[0]
            if "[[sources]]" in text:
                load(tmp_path, text if "name = " in text else f'name = "mine"\n{text}')
                found += 1

    assert found >= 2


def test_each_source_of_the_readme_is_a_recipe_by_itself(tmp_path):
    text = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```toml\n")[1:]]
    sources = [
        part
        for block in blocks
        for part in re.split(r"(?=^\[\[sources\]\])", block, flags=re.MULTILINE)
        if part.startswith("[[sources]]")
    ]
    loaded = [load(tmp_path, f'name = "mine"\n{one.split(chr(10) + "[")[0]}') for one in sources]
    inputs = [entry for recipe in loaded for entry in recipe.sources[0].inputs]

    assert [entry for entry in inputs if names_listing(entry)] == [
        "CC-MAIN-2026-40",
        "CC-MAIN-2026-40",
        "https://data.commoncrawl.org/crawl-data/CC-MAIN-2026-40/wet.paths.gz",
    ]
    assert [entry for entry in inputs if names_wiki(entry)] == ["dewiki", "dewiki-20261101"]
    assert any(entry.endswith("/de.zip") for entry in inputs)


def test_the_reference_of_all_sections_is_one_recipe(tmp_path):
    text = (FOLDER.parents[1] / "docs/recipe.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```toml\n")[1:]]
    named = {
        name.split(".")[0] for name in re.findall(r"^\[+([a-z.]+)\]", "".join(blocks), re.MULTILINE)
    }

    load(tmp_path, "".join(blocks))

    assert named | {"name", "store", "seed", "max_removed_share"} == set(Recipe.model_fields)
