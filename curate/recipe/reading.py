"""Reads a recipe, and says of a wrong one which line is meant and which name is nearest."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from curate.errors import RecipeError, nearest
from curate.presets import read_rules_file
from curate.recipe.measures import QualitySection
from curate.recipe.recipe import Recipe
from curate.recipe.section import Section
from curate.recipe.sources import KINDS


def load_recipe(path: Path, settings: dict[str, str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: a TOML file.
        settings: values that replace the file's, by dotted name as `--set` spells it.

    Raises:
        RecipeError: the file cannot be read, is no TOML, or has an unknown key or a wrong value;
            with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        came = (
            "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        )
        raise RecipeError(
            "a recipe can be read",
            came,
            str(path),
            "name a TOML file or a packaged recipe, such as quickstart",
        ) from error
    except UnicodeDecodeError as error:
        raise RecipeError("a recipe is UTF-8", str(error), str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError("a recipe is TOML", str(error), str(path)) from error
    for name, value in (settings or {}).items():
        _assign(values, name, value)
    _read_rules(values, path.parent)
    return make_recipe(values, str(path), text)


def change_recipe(recipe: Recipe, settings: dict[str, str]) -> Recipe:
    """The recipe with some values replaced, by dotted name as `--set` spells it.

    Raises:
        RecipeError: a name or a value is not one.
    """
    values = recipe.model_dump(mode="json", exclude_none=True)
    if "quality.preset" in settings:
        values.get("quality", {}).pop("definitions", None)
    for name, value in settings.items():
        _assign(values, name, value)
    _read_rules(values, Path())
    return make_recipe(values, "--set")


def _read_rules(values: dict[str, Any], folder: Path) -> None:
    """Put the rules of the file that `[quality] preset` names into the recipe.

    Raises:
        RecipeError: there is no such file, or it holds something else.
    """
    quality = values.get("quality")
    if not isinstance(quality, dict) or quality.get("definitions"):
        return
    name = quality.get("preset")
    if isinstance(name, str) and name.endswith(".toml"):
        definitions = read_rules_file(folder / name)
        values["quality"] = quality | {"preset": Path(name).stem, "definitions": definitions}


def make_recipe(values: dict[str, Any], where: str = "", text: str = "") -> Recipe:
    """Check values and make a recipe of them.

    Args:
        values: what a TOML file holds.
        where: what to call the place in messages.
        text: the TOML text, for line numbers.

    Raises:
        RecipeError: an unknown key or a wrong value, with the line and the nearest valid name.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        # a misspelt name says more than the name that is missing for it
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        place = _place_of(first["loc"])
        if first["type"].startswith("union_tag"):
            place.append("kind")
        line = _line_of(text, place)
        where = f"{where}, line {line}" if line else where
        raise _explain(first, place, where) from error
    except RecipeError as error:
        line = _line_of(text, [_misspelt(error.came)])
        where = f"{where}, line {line}" if line else where
        raise RecipeError(error.asked, error.came, where, error.change) from error


_TABLES = {"sources", "parallel", "classifiers", "decontamination.sets"}  # lists of sections


def _assign(values: dict[str, Any], name: str, value: str) -> None:
    """Set a dotted name; `quality.minimum_words` is a rule, so it goes to `[quality.rules]`."""
    *sections, key = name.split(".")
    if sections == ["quality"] and key not in QualitySection.model_fields:
        sections.append("rules")
    target: Any = values
    for section in sections:
        if isinstance(target, list):
            target = next((one for one in target if one.get("name") == section), None)
        else:
            target = target.setdefault(section, {})
        if not isinstance(target, dict) and section != "classifiers":
            break
    if not isinstance(target, dict):
        asked = "--set names a setting as section.name=value"
        change = "leave the sources to the recipe; a classifier is set by its name"
        raise RecipeError(asked, f"{name!r} is none", "--set", change)
    try:
        target[key] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        target[key] = value


def _place_of(found: tuple[str | int, ...]) -> list[str | int]:
    """A place in the recipe as its writer sees it: without the branches of unions."""
    place: list[str | int] = []
    for part in found:
        is_kind = part in KINDS and place and isinstance(place[-1], int)
        if not is_kind and part not in {"float", "bool", "str", "int"}:
            place.append(part)
    return place


def _explain(first: Any, place: list[str | int], where: str) -> RecipeError:
    name = ".".join(str(part) for part in place)
    if first["type"] == "extra_forbidden":
        model = _model_at(first["loc"][:-1])
        section = ".".join(str(part) for part in place[:-1])
        asked = f"[{section}] takes known keys" if section else "a recipe takes known keys"
        return RecipeError(
            asked, f"{place[-1]!r} is none", where, nearest(str(place[-1]), model.model_fields)
        )
    if first["type"] == "missing":
        return RecipeError("a recipe is complete", f"`{name}` is missing", where, "add it")
    if first["type"].startswith("union_tag"):
        kind = str(first.get("ctx", {}).get("tag", ""))
        came = f"{kind!r} is none" if kind else "there is none"
        return RecipeError(f"`{name}` names a kind of source", came, where, nearest(kind, KINDS))
    if first["type"] == "literal_error":
        valid = [name for name in re.findall("'([^']*)'", first["ctx"]["expected"]) if name]
        change = nearest(str(first["input"]), valid)
        return RecipeError(f"`{name}` has a valid value", f"{first['input']!r} came", where, change)
    message = {"tuple_type": "input should be a list", "model_type": "input should be a section"}
    change = message.get(first["type"], str(first["msg"]).lower())
    return RecipeError(f"`{name}` has a valid value", f"{first['input']!r} came", where, change)


def _model_at(place: tuple[str | int, ...]) -> type[Section]:
    model: type[Section] = Recipe
    for part in place:
        if part in KINDS:
            model = KINDS[str(part)]
        elif isinstance(part, str) and part in model.model_fields:
            found = model.model_fields[part].annotation
            for inner in (found, *get_args(found)):  # a section, or a list of them
                if isinstance(inner, type) and issubclass(inner, Section):
                    model = inner
    return model


def _misspelt(came: str) -> str:
    return came.split("'")[1] if "'" in came else came


def _line_of(text: str, place: list[str | int]) -> int | None:
    """The line on which the last named part of a place stands, below the headers before it."""
    names = [part for part in place if isinstance(part, str)]
    number = next((part for part in place if isinstance(part, int)), 0)
    lines = text.splitlines()
    start = 0
    if len(names) > 1:
        table = ".".join(names[:-1])
        header = f"[[{table}]]" if table in _TABLES else f"[{table}]"
        found = [index for index, line in enumerate(lines) if line.strip().startswith(header)]
        start = found[min(number, len(found) - 1)] if found else 0
    for index, line in enumerate(lines[start:], start + 1):
        if names and _names(line, names[-1]):
            return index
    return start + 1 if start else None


def _names(line: str, name: str) -> bool:
    """Whether a line has the name for its key or section, or for a value in quotes."""
    key, _, value = line.partition("=")
    if key.lstrip().startswith("["):
        return key.partition("]")[0].rpartition(".")[2].strip("[ \"'") == name
    return key.strip() == name or f'"{name}"' in value or f"'{name}'" in value
