"""Models by name: those the package carries, those in the cache folder, and those known elsewhere.

The cache folder is `$CURATE_MODELS`, else `curate/models` in the user's cache folder. A model lies
in it as `<name>/model.bin` (or `.ftz`), beside `model.json`, which pins the sha256 it had when it
came. A file `registry.toml` in the cache folder adds to the names, in the form of ours.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import tomllib
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from curate.errors import ComponentError, RecipeError, nearest

_KNOWN = Path(__file__).with_name("registry.toml")
_KEYS = {"kind", "url", "sha256", "licence", "labels", "preparation"}
_PIECE = 1 << 20


def cache_folder() -> Path:
    """Where models that were fetched lie."""
    chosen = os.environ.get("CURATE_MODELS")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "curate" / "models"


def known_models() -> dict[str, dict[str, str]]:
    """Every name of the registry: kind, url, licence, labels, preparation, and sha256 if known.

    Raises:
        RecipeError: the registry in the cache folder is no TOML, or an entry is not whole.
    """
    own = cache_folder() / "registry.toml"
    return _read(_KNOWN) | (_read(own) if own.is_file() else {})


def find_named(name: str) -> Path | None:
    """The file of a model of the registry, fetched if it is not there; None: no such name.

    Raises:
        ComponentError: it is not there and cannot be fetched, or is not the file it should be.
    """
    facts = known_models().get(name)
    if facts is None:
        return None
    path = _place(name, facts)
    beside = path.with_suffix(".json")
    if not path.is_file():
        _fetch(name, facts, path)
    if not beside.is_file():  # it was put there by hand
        _pin(name, facts, path)
    return path


def suggest(name: str) -> str:
    """What to write instead of a name that is none."""
    hint = nearest(name, known_models())
    return hint if hint.startswith("did") else "write 'bundled', a path, or a name of curate models"


def describe_models() -> list[dict[str, Any]]:
    """What there is: `name`, `kind`, `where` (bundled, cached, known), `bytes`, `licence`,
    `labels`, `sha256` (null where it is not known before it is fetched), `source`."""  # noqa: D205, D209
    rows: list[dict[str, Any]] = []
    for file in sorted(_KNOWN.parent.glob("*.json")):
        facts = json.loads(file.read_text(encoding="utf-8"))
        licences = sorted({one["licence"] for one in facts.get("data", []) if "licence" in one})
        labels = facts.get("labels", facts.get("does", ""))
        rows.append(
            {
                "name": file.stem,
                "kind": file.stem,
                "where": "bundled",
                "bytes": facts["bytes"],
                "licence": "trained on " + "; ".join(licences) if licences else "see its card",
                "labels": f"{len(labels)} labels" if isinstance(labels, list) else labels,
                "sha256": facts["sha256"],
                "source": facts.get("command", ""),
            }
        )
    for name, facts in sorted(known_models().items()):
        path = _place(name, facts)
        is_here = path.is_file()
        beside = path.with_suffix(".json")
        pinned = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
        rows.append(
            {
                "name": name,
                "kind": facts["kind"],
                "where": "cached" if is_here else "known",
                "bytes": path.stat().st_size if is_here else None,
                "licence": facts["licence"],
                "labels": facts["labels"],
                "sha256": facts.get("sha256") or pinned.get("sha256"),
                "source": facts["url"],
            }
        )
    return rows


def _place(name: str, facts: dict[str, str]) -> Path:
    return cache_folder() / name / f"model{PurePosixPath(facts['url']).suffix or '.bin'}"


def _read(path: Path) -> dict[str, dict[str, str]]:
    return _parse(path, path.stat().st_mtime_ns)


@cache
def _parse(path: Path, _modified: int) -> dict[str, dict[str, str]]:
    asked = "a registry of models has for each name kind, url, licence, labels and preparation"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError("a registry of models is TOML", str(error), str(path)) from error
    for name, facts in found.items():
        missing = _KEYS - {"sha256"} - set(facts if isinstance(facts, dict) else {})
        if missing or set(facts) - _KEYS or name != Path(name).name:
            raise RecipeError(asked, f"{name!r} is another thing", str(path))
    return found


def _fetch(name: str, facts: dict[str, str], path: Path) -> None:
    """Download a model beside its place, check it, and put it there in one step."""
    import fsspec

    url = facts["url"]
    change = f"put the file there as {path}, or set CURATE_MODELS to a folder that has it"
    asked = f"the model {name!r} can be fetched from {url}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        target = Path(folder) / path.name
        try:
            with fsspec.open(url, "rb") as source, target.open("wb") as file:
                size = getattr(source, "size", None)
                shutil.copyfileobj(source, file, _PIECE)
        except Exception as error:  # every protocol of fsspec has errors of its own
            came = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else url}"
            raise ComponentError(asked, came, str(path), change) from error
        came_bytes = target.stat().st_size
        if size is not None and came_bytes != size:
            came = f"{came_bytes:,} of {size:,} bytes came"
            raise ComponentError(asked, came, str(path), change)
        _pin(name, facts, target)
        target.with_suffix(".json").replace(path.with_suffix(".json"))
        target.replace(path)


def _pin(name: str, facts: dict[str, str], path: Path) -> None:
    """Check a file against the known sha256, and write its card."""
    from curate.models import sha256

    found = sha256(path)
    wanted = facts.get("sha256", found)
    if found != wanted:
        asked = f"the model {name!r} has the sha256 {wanted}"
        change = "fetch it again, or from another place"
        raise ComponentError(asked, f"the file has {found}", str(path), change)
    told = {"name": name, **{key: facts[key] for key in sorted(_KEYS & set(facts))}}
    told |= {"sha256": found, "pinned": "by the registry" if "sha256" in facts else "on first use"}
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
