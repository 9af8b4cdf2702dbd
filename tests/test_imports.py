"""Imports run one way: from the flows to the rooms, and down through the rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEVELS = [  # a module imports from lower levels and from its own room
    {"errors"},
    {"languages", "schema"},
    {"presets"},
    {"recipe", "models"},
    {"store"},
    {"sources", "decide", "augment", "text", "ledger"},
    {"score", "duplicates"},
    {"release", "train"},
    {"audit"},
    {"explain", "fitting", "steps"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def imported(path):
    """The rooms of `curate`, and the other packages, that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "curate":
                yield from (f"curate.{alias.name}" for alias in node.names)
            else:
                yield node.module


MODULES = sorted((ROOT / "curate").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_below(path):
    parts = path.relative_to(ROOT / "curate").with_suffix("").parts
    room = parts[0]
    if room == "__init__":  # the package's front: it opens releases
        return
    for name in imported(path):
        top, _, rest = name.partition(".")

        assert top not in {"flows", "prefect"}

        other = rest.split(".")[0]
        if top == "curate" and other != room and other in LEVEL:
            assert LEVEL[other] < LEVEL[room], f"{room} imports {other}"


def test_every_room_has_a_level():
    rooms = {path.relative_to(ROOT / "curate").with_suffix("").parts[0] for path in MODULES}

    assert rooms - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize(
    "module", ["curate.steps.reading", "curate.steps.measuring", "curate.steps.releasing"]
)
def test_workers_import_neither_prefect_nor_datasets(module):
    code = f"import sys, {module}; print({{'prefect', 'datasets', 'torch'}} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize("module", ["curate.explain", "curate.release.manifest", "flows.cli"])
def test_look_ups_import_nothing_heavy(module):
    heavy = {"prefect", "datasets", "numba", "torch"}
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["commoncrawl", "wikipedia", "subtitles", "records"])
def test_a_reader_is_asked_for_ranges_without_numba(kind):
    code = f"import sys, curate.sources.{kind}; print('numba' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert result.stdout.strip() == "False"
