"""Quality presets: named sets of rules as data, each number with its source.

A preset is a TOML file of `[rules.<name>]` tables, in the order in which they are applied.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from curate.errors import RecipeError, nearest

FOLDER = Path(__file__).parent
REGISTRY = "rules"  # rules.toml lists rules that belong to no preset


@cache
def preset_names() -> tuple[str, ...]:
    """The names of the presets, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != REGISTRY))


@cache
def load_preset(name: str) -> dict[str, dict[str, Any]]:
    """The rules of a preset: name → column, removes, limit, source, languages.

    Raises:
        RecipeError: there is no such preset.
    """
    if name not in preset_names():
        raise RecipeError(
            "[quality] preset names a preset",
            f"{name!r} is none",
            "",
            nearest(name, preset_names()),
        )
    return dict(tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))["rules"])


@cache
def all_rules() -> dict[str, dict[str, Any]]:
    """Every rule that any preset, or the list of further rules, defines: name → definition."""
    rules: dict[str, dict[str, Any]] = {}
    if (FOLDER / f"{REGISTRY}.toml").exists():
        text = (FOLDER / f"{REGISTRY}.toml").read_text(encoding="utf-8")
        rules |= tomllib.loads(text).get("rules", {})
    for name in preset_names():
        rules = load_preset(name) | rules
    return rules
