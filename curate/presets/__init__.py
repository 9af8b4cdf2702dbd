"""Quality presets: named sets of rules as data, each number with its source.

A preset is a TOML file of `[rules.<name>]` tables, in the order in which they are applied. Those of
`fineweb-2/` are one for each language; `fineweb-2` alone is all of them at once, each rule with a
limit for each language. `fit-rules` writes such files too, and a recipe may name one by its path.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import RecipeError, nearest
from curate.languages import canonical
from curate.schema import COLUMNS, FOUND

FOLDER = Path(__file__).parent
REGISTRY = "rules"  # rules.toml lists rules that belong to no preset
FAMILY = "fineweb-2"  # one file for each language
SCORERS = (  # whose columns rules read
    "quality",
    "stopwords",
    "fineweb2_stopwords",
    "cleaning",
    *FOUND,
)
REMOVES = ("below", "above", "at_or_below", "at_or_above", "true")


@cache
def preset_names() -> tuple[str, ...]:
    """The names of the presets, sorted."""
    files = {path.stem for path in FOLDER.glob("*.toml") if path.stem != REGISTRY}
    family = {f"{FAMILY}/{path.stem}" for path in (FOLDER / FAMILY).glob("*.toml")}
    return tuple(sorted({*files, *family, FAMILY}))


@cache
def load_preset(name: str) -> dict[str, dict[str, Any]]:
    """The rules of a preset: name → column, removes, limit, source, languages.

    A language may be named by any of its codes (`fineweb-2/de`). A rule with limits for several languages has `language_limits` and the limit False.

    Raises:
        RecipeError: there is no such preset.
    """
    return _merged_family() if name == FAMILY else dict(read_preset(name)["rules"])


@cache
def read_preset(name: str) -> dict[str, Any]:
    """All that a preset's file holds: title, source, rules, and words where it has some.

    Raises:
        RecipeError: there is no such preset, or it is the family of several.
    """
    name = _resolved(name)
    if name not in preset_names() or name == FAMILY:
        raise RecipeError(
            "[quality] preset names a preset",
            f"{name!r} is none",
            "",
            nearest(name, preset_names()),
        )
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _resolved(name: str) -> str:
    """The preset's own name: a language by its ISO 639-3 code."""
    family, _, language = name.partition("/")
    return f"{family}/{canonical(language) or language}" if family == FAMILY and language else name


def comment_of(name: str) -> str:
    """The words that a preset's file begins with, as one paragraph."""
    name = _resolved(name)
    lines = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    return " ".join(line[2:] for line in lines if line.startswith("# "))


def family_languages() -> tuple[str, ...]:
    """The languages that `fineweb-2` has rules for, as ISO 639-3 codes."""
    return tuple(sorted(path.stem for path in (FOLDER / FAMILY).glob("*.toml")))


def _merged_family() -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for language in family_languages():
        for name, facts in read_preset(f"{FAMILY}/{language}")["rules"].items():
            rule = merged.setdefault(
                name, facts | {"limit": False, "languages": [], "language_limits": {}}
            )
            rule["languages"] = [*rule["languages"], language]
            rule["language_limits"] = rule["language_limits"] | {language: facts["limit"]}
            if rule["source"] != facts["source"]:
                rule["source"] = "fineweb-2, configs"
    return merged


@cache
def all_rules() -> dict[str, dict[str, Any]]:
    """Every rule that a recipe may set: name → definition.

    Those of the presets and of the list of further rules, and for each column that measures
    quality `minimum_x` and `maximum_x`, or `no_x` where it says yes or no.
    """
    text = (FOLDER / f"{REGISTRY}.toml").read_text(encoding="utf-8")
    rules: dict[str, dict[str, Any]] = tomllib.loads(text)["rules"]
    for name in preset_names():
        if not name.startswith(FAMILY):
            rules = load_preset(name) | rules
    for column, facts in COLUMNS.items():
        if facts.scorer not in SCORERS or facts.dtype not in (pl.Boolean, pl.Int64, pl.Float64):
            continue
        if facts.dtype == pl.Boolean:
            sides = {f"no_{column.removeprefix('has_')}": "true"}
        else:
            sides = {f"minimum_{column}": "below", f"maximum_{column}": "above"}
        for name, removes in sides.items():
            rules.setdefault(
                name,
                {"column": column, "removes": removes, "source": "recipe", "languages": []},
            )
    return rules


def read_rules_file(path: Path) -> dict[str, dict[str, Any]]:
    """The rules of a file that is no packaged preset, checked.

    Raises:
        RecipeError: there is no such file, or it holds no rules on columns of ours.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        came = "there is no such file"
        raise RecipeError("[quality] preset names a rules file", came, str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError("a rules file is TOML", str(error), str(path)) from error
    rules = content.get("rules")
    if not isinstance(rules, dict) or not rules:
        raise RecipeError("a rules file has [rules.<name>] tables", "there is none", str(path))
    checked = {}
    for name, facts in rules.items():
        if not isinstance(facts, dict):
            raise RecipeError("a rule is a table", f"{name!r} is none", str(path))
        column, removes = str(facts.get("column")), facts.get("removes")
        if column not in COLUMNS or COLUMNS[column].scorer not in SCORERS:
            asked = f"the rule {name} reads a column that measures quality"
            readable = [known for known, of in COLUMNS.items() if of.scorer in SCORERS]
            raise RecipeError(asked, f"{column!r} is none", str(path), nearest(column, readable))
        if removes not in REMOVES:
            asked = f"the rule {name} says which side it removes"
            raise RecipeError(asked, f"{removes!r} came", str(path), f"one of {', '.join(REMOVES)}")
        limit = facts.get("limit")
        if not isinstance(limit, (int, float)):
            asked = f"the rule {name} has a limit"
            raise RecipeError(asked, f"{limit!r} came", str(path), "give a number")
        languages = facts.get("languages", [])
        if not isinstance(languages, list):
            asked = f"the rule {name} lists its languages"
            raise RecipeError(asked, f"{languages!r} came", str(path))
        checked[name] = {
            "column": column,
            "removes": removes,
            "limit": limit,
            "source": str(facts.get("source", path.name)),
            "languages": [str(language) for language in languages],
        }
    return checked
