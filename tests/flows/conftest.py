"""A Prefect server for all tests, and the command as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.server import prefect_server

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Command:
    """`curate` in a process of its own.

    Attributes:
        environment: of the process.
    """

    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and come back at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.environment,
        )

    def __call__(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run it, and check its exit status and that no traceback reaches the user."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=300)

        assert process.returncode == status, f"{arguments}: {output}\n{errors}"
        assert "Traceback" not in output + errors
        return subprocess.CompletedProcess(arguments, status, output, errors)

    def json(self, *arguments: str, status: int = 0) -> Any:
        """Run it with `--json`; standard output is JSON alone."""
        return json.loads(self(*arguments, "--json", status=status).stdout)


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory) -> str:
    """A folder for Prefect's database, so that tests leave none in the user's home."""
    return str(tmp_path_factory.mktemp("prefect"))


@pytest.fixture(scope="session")
def prefect_api(prefect_home, tmp_path_factory) -> Iterator[str]:
    """One server that all runs of the tests point at."""
    before = os.environ.get("PREFECT_HOME")
    os.environ["PREFECT_HOME"] = prefect_home
    with prefect_server(tmp_path_factory.mktemp("server") / "server.log") as url:
        yield url
    if before is None:
        del os.environ["PREFECT_HOME"]


@pytest.fixture(scope="session")
def curate(prefect_api, prefect_home) -> Command:
    """The command, pointing at the tests' server."""
    environment = {**os.environ, "PREFECT_API_URL": prefect_api, "PREFECT_HOME": prefect_home}
    environment["PREFECT_LOGGING_TO_API_ENABLED"] = "true"
    return Command(environment)


@pytest.fixture(scope="session")
def quickstart(curate, tmp_path_factory) -> tuple[str, dict[str, Any]]:
    """The store of the quickstart's first run, and what the run said."""
    store = str(tmp_path_factory.mktemp("quickstart") / "store")
    return store, curate.json("run", "quickstart", "--store", store)
