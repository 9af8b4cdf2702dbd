"""One run: stages as Prefect tasks over batches of objects, handed to a pool of processes."""

from __future__ import annotations

import heapq
import json
import os
import platform
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from curate.errors import CurateError
from curate.steps.work import Work
from flows.runners import LocalRunner

Item = TypeVar("Item")
TASKS_PER_STAGE = 40  # about ten stages: far below what slows Prefect's server and UI


@dataclass
class Run:
    """What a run has at hand, and what it notes in `runs/<id>/run.json`.

    Attributes:
        work: store, recipe and batch size, as the steps see them.
        runner: where the steps run.
        identity: of this run.
        steps: per stage, how many objects were computed and how many reused.
        warnings: one sentence each, for the end of the run.
    """

    work: Work
    runner: LocalRunner
    identity: str
    progress: Progress
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def each(
        self,
        stage: str,
        function: Callable[[Work, Item], Any],
        items: Sequence[Item],
        done: Callable[[Item], bool] = lambda _: False,
        size: Callable[[Item], int] = lambda _: 1,
    ) -> list[Any]:
        """Run a step on every item that is not done yet.

        Args:
            stage: its name in the UI and on the terminal.
            function: the step.
            items: what it works through.
            done: whether an item's objects exist; left out: always run.
            size: bytes of an item, to balance the batches.

        Returns:
            What the step returned, for the items that were computed, in their order.
        """
        todo = [item for item in items if not done(item)]
        count = self.steps.setdefault(stage, {"computed": 0, "reused": 0, "seconds": 0.0})
        count["reused"] += len(items) - len(todo)
        count["computed"] += len(todo)
        if not todo:
            return []
        started = time.monotonic()
        batches = _balance([size(item) for item in todo], TASKS_PER_STAGE)
        results: dict[int, Any] = {}
        bar = self.progress.add_task(stage, total=sum(size(item) for item in todo) or 1)

        def compute(batch: int) -> int:
            for place in batches[batch]:
                results[place] = self.runner.run(function, self.work, todo[place])
                self.progress.advance(bar, size(todo[place]))
            return len(batches[batch])

        step = task(name=stage, cache_policy=NO_CACHE, persist_result=False)(compute)
        futures = [step.submit(batch) for batch in range(len(batches))]
        for future in futures:
            future.result()
        count["seconds"] = round(count["seconds"] + time.monotonic() - started, 3)
        return [results[place] for place in range(len(todo))]

    def objects(
        self,
        stage: str,
        function: Callable[[Work, Item], None],
        items: Sequence[Item],
        name: Callable[[Work, Item], str],
    ) -> list[str]:
        """Run a step on items that have an object each; the names of these."""
        names = [name(self.work, item) for item in items]
        self.each(stage, function, items, lambda item: self.has(name(self.work, item)))
        return names

    def one(self, stage: str, function: Callable[[Work, Item], Any], item: Item, name: str) -> None:
        """Run a step that has one object for the whole corpus."""
        self.each(stage, function, [item], lambda _: self.has(name))

    def reuse(self, stage: str) -> None:
        """Count a stage of which nothing was to be done."""
        self.steps[stage] = {"computed": 0, "reused": 1, "seconds": 0.0}

    def has(self, *names: str) -> bool:
        """Whether all these objects exist."""
        return all(self.work.store.has(name) for name in names)

    def note(self, **facts: Any) -> None:
        """Write what is known of the run; times, host and reuse live here and nowhere else."""
        record = {
            "run": self.identity,
            "recipe": self.work.recipe.name,
            "host": platform.node(),
            "workers": self.runner.workers,
            "steps": self.steps,
            "warnings": self.warnings,
            **facts,
        }
        text = json.dumps(record, indent=1, sort_keys=True)
        self.work.store.write_bytes(f"runs/{self.identity}/run.json", text.encode())


@contextmanager
def start_run(work: Work, workers: int, console: Console | None = None) -> Iterator[Run]:
    """A run with its pool of workers and its progress bars; notes how it ended."""
    work.store.prepare()
    started = datetime.now(UTC)
    identity = f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    console = console or Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    begun = time.monotonic()
    with LocalRunner(workers) as runner, progress:
        run = Run(work, runner, identity, progress)
        facts = {"started": started.isoformat(timespec="seconds"), "process": os.getpid()}
        run.note(state="running", **facts)
        try:
            yield run
        except BaseException as error:
            reason = str(error) if isinstance(error, CurateError) else repr(error)
            run.note(
                state="failed", reason=reason, seconds=round(time.monotonic() - begun, 3), **facts
            )
            raise
        run.note(state="done", seconds=round(time.monotonic() - begun, 3), **facts)


def _balance(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Places in at most so many batches of about equal size, the largest first."""
    batches: list[tuple[int, int, list[int]]] = [(0, n, []) for n in range(min(most, len(sizes)))]
    for place in sorted(range(len(sizes)), key=lambda p: -sizes[p]):
        total, number, batch = heapq.heappop(batches)
        batch.append(place)
        heapq.heappush(batches, (total + sizes[place], number, batch))
    return [batch for _, _, batch in sorted(batches, key=lambda entry: entry[1])]
