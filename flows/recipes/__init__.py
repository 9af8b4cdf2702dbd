"""The packaged recipes: `quickstart` and its samples."""

from __future__ import annotations

from pathlib import Path

from curate.errors import RecipeError, nearest

FOLDER = Path(__file__).parent


def recipe_names() -> list[str]:
    """The names of the packaged recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def find_recipe(name: str) -> Path:
    """The file of a recipe: a path, or the name of a packaged one.

    Raises:
        RecipeError: it is neither.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        return path
    if name in recipe_names():
        return FOLDER / f"{name}.toml"
    raise RecipeError(
        "`curate run` takes a recipe's path or the name of a packaged one",
        f"{name!r} is neither",
        "",
        nearest(name, recipe_names()),
    )
