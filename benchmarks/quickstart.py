"""The packaged recipe from the command: start-up budgets, the run, and what Prefect costs.

    python -m benchmarks.quickstart

Prints the wall time of each command (the best of three), of the run with a Prefect server of its
own, of the server's start alone, and of a one-minute flow of idle tasks as this pipeline makes
them, against the same work in plain threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.server import prefect_server

STAGES, TASKS, SECONDS = 10, 12, 1.0  # two workers at a time: 60 s of work


def wall(command: list[str], environment: dict[str, str], times: int = 3) -> float:
    """The best wall time of a command, in seconds."""
    best = float("inf")
    for _ in range(times):
        started = time.monotonic()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        best = min(best, time.monotonic() - started)
    return best


def idle(_: int) -> None:
    """One second of work for a worker."""
    time.sleep(SECONDS)


def seconds(function: Callable[[], object]) -> float:
    """The wall time of a call."""
    started = time.monotonic()
    function()
    return time.monotonic() - started


def plain() -> None:
    """Stages of tasks in two threads."""
    for _ in range(STAGES):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(idle, range(TASKS)))


def prefect_flow() -> Callable[[], object]:
    """The same as a flow, made the way `flows.run` makes it."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.task_runners import ThreadPoolTaskRunner

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2), persist_result=False)
    def stages() -> None:
        for stage in range(STAGES):
            step = task(name=str(stage), cache_policy=NO_CACHE, persist_result=False)(idle)
            for future in [step.submit(batch) for batch in range(TASKS)]:
                future.result()

    return stages


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        store = str(Path(name) / "store")
        environment = {**os.environ, "PREFECT_HOME": str(Path(name) / "prefect")}
        os.environ["PREFECT_HOME"] = environment["PREFECT_HOME"]
        curate = [sys.executable, "-m", "flows.cli"]
        first = wall([*curate, "run", "quickstart", "--store", store], environment, 1)
        again = wall([*curate, "run", "quickstart", "--store", store], environment, 1)
        print(f"run, first time, own server         {first:7.1f} s  (aim 120)")
        print(f"run, unchanged, own server          {again:7.1f} s")
        reference = ["--store", store]
        for label, arguments, aim in (
            ("--help", ["--help"], 0.3),
            ("releases", ["releases", *reference], 1.0),
            ("explain", ["explain", "x", "--release", "quickstart@1", *reference], 1.0),
            (
                "what-if",
                ["what-if", "quickstart@1", "--set", "quality.minimum_words=70", *reference],
                1.0,
            ),
        ):
            print(f"{label:<35} {wall([*curate, *arguments], environment):7.2f} s  (aim {aim})")
        python = wall([sys.executable, "-c", "import polars, pydantic"], environment)
        print(f"{'python -c import polars, pydantic':<35} {python:7.2f} s  (reference)")
        os.environ.pop("PREFECT_API_URL", None)
        started = time.monotonic()
        with prefect_server(Path(name) / "server.log"):
            print(
                f"server start                        {time.monotonic() - started:7.1f} s  (aim 8, limit 15)"
            )
            flow = prefect_flow()
            bare, flown = seconds(plain), seconds(flow)
        print(f"{STAGES * TASKS} tasks in threads                {bare:7.1f} s")
        print(
            f"{STAGES * TASKS} tasks in a flow                 {flown:7.1f} s  ratio {flown / bare:.3f} (aim 1.05)"
        )


if __name__ == "__main__":
    main()
