"""Where the steps run: a pool of spawned processes on this machine.

A runner maps a step's function over items; a thread of the driver waits for each. Workers import
neither prefect nor datasets, and end when the driver does, however it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Self, TypeVar

from curate.errors import ComponentError

Item = TypeVar("Item")
Result = TypeVar("Result")
WORKER = {
    **dict.fromkeys(("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
    # memory that is free goes back soon: it is the next block's, or another worker's. At once (0) would
    # cost twice the CPU of a step that reads or sorts: each array is paged in again
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:50,muzzy_decay_ms:0",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def _follow_driver() -> None:
    """End this worker when the driver is gone: a killed run leaves no process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch(sentinel: int) -> None:
            wait([sentinel])
            os._exit(1)

        threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


class LocalRunner:
    """A pool of worker processes on this machine.

    Args:
        workers: processes; each computes with one thread.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._restore = {name: os.environ.get(name) for name in WORKER}
        os.environ.update(WORKER)  # spawned workers inherit it
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_driver)

    def run(self, function: Callable[[Any, Item], Result], work: object, item: Item) -> Result:
        """Run a step on one item in a worker and wait for it.

        Raises:
            ComponentError: the worker was killed.
        """
        try:
            return self._pool.submit(function, work, item).result()
        except BrokenProcessPool as error:
            raise ComponentError(
                "a worker process finishes its step",
                "it was killed",
                function.__name__,
                "it may have run out of memory: start again with fewer --workers; what is done is kept",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=error is None, cancel_futures=True)
        for name, value in self._restore.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
