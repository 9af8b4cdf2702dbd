"""The scheduled deployment of `prefect.yaml`, executed by a real worker."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def prefect(curate, *arguments: str, **options):
    """A Prefect command against the tests' server."""
    environment = {**curate.environment, "CURATE_HOME": str(ROOT), "PREFECT_CLI_PROMPT": "false"}
    return subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=240,
        check=True,
        **options,
    ).stdout


def ask(curate, path: str, body: dict | None = None):
    """A call of Prefect's API."""
    request = urllib.request.Request(
        curate.environment["PREFECT_API_URL"] + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_a_worker_runs_the_deployment_to_a_release(curate, tmp_path):
    store = tmp_path / "store"
    prefect(curate, "work-pool", "create", "curate", "--type", "process")
    prefect(curate, "deploy", "--all")
    deployment = ask(curate, "/deployments/name/curate/monthly")
    prefect(curate, "deployment", "run", "curate/monthly", "--param", f"store={store}")
    environment = {**curate.environment, "CURATE_HOME": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "prefect",
        "worker",
        "start",
        "--pool",
        "curate",
        "--limit",
        "1",
    ]
    log = (tmp_path / "worker.log").open("w")
    worker = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wanted = {"deployments": {"id": {"any_": [deployment["id"]]}}, "sort": "START_TIME_ASC"}
        end = time.monotonic() + 200
        state = ""
        while state not in {"COMPLETED", "FAILED", "CRASHED"} and time.monotonic() < end:
            time.sleep(1)
            runs = ask(curate, "/flow_runs/filter", wanted)
            state = next((run["state_type"] for run in runs if run["start_time"]), "")
    finally:
        worker.terminate()
        worker.wait(20)
        log.close()

    assert deployment["schedules"][0]["schedule"]["cron"] == "0 3 2 * *"
    assert state == "COMPLETED", (tmp_path / "worker.log").read_text()
    assert (store / "releases/quickstart/1/manifest.json").is_file()
    artifacts = ask(curate, "/artifacts/filter", {"artifacts": {"key": {"any_": ["funnel"]}}})
    assert any("quickstart@1" in artifact["description"] for artifact in artifacts)
