"""A Prefect server for all tests, and the command as a user starts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from command import Command

from flows.server import prefect_server


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
