"""What another limit would have done, on a ledger of a million documents.

    python -m benchmarks.decisions [DOCUMENTS]

The ledger is that of the packaged recipe with every row copied under new ids and its numbers
varied. Prints the time and the CPU seconds of `what-if` and of `explain` as commands, beside a bare
scan of the columns that the rules read.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from curate.decide import columns_read, compile_rules
from curate.ledger import find_parts, index_names, plan_names, plan_parts
from curate.recipe import make_recipe
from curate.release.manifest import find_release
from curate.store import Store

SETTINGS = (
    ("quality.minimum_words=100",),
    (
        "quality.minimum_words=100",
        "duplicates.minimum_similarity=0.9",
        "toxicity.maximum_score=0.5",
    ),
)


def enlarge(store: Store, folder: str, documents: int) -> None:
    """Put a ledger of so many rows in the place of a release's own."""
    parts = find_parts(store, folder)
    rows = pl.concat([store.read_frame(f"{folder}/{part.name}") for part in parts])
    links = store.read_frame(f"{folder}/links.parquet")
    random = np.random.default_rng(7)
    copies, pairs = [], []
    for copy in range(-(-documents // rows.height)):
        mark = pl.lit(f"{copy:x}-")
        varied = [
            (pl.col(name) * random.uniform(0.8, 1.25, rows.height)).cast(dtype)
            for name, dtype in rows.schema.items()
            if dtype in {pl.Float64, pl.Int64} and name not in {"priority", "cluster_size", "row"}
        ]
        ids = [hashlib.md5(f"{copy}{name}".encode()).hexdigest() for name in rows["id"]]
        copies.append(
            rows.with_columns(
                *varied,
                pl.Series("id", ids),
                *((mark + pl.col(name)).alias(name) for name in ("text_hash", "uri", "source_id")),
            )
        )
        pairs.append(links.with_columns((mark + pl.col(n)).alias(n) for n in ("hash_a", "hash_b")))
    ledger = pl.concat(copies)[:documents]
    store.remove(f"{folder}/ledger")
    for part in plan_parts(documents):
        store.write_frame(f"{folder}/{part.name}", ledger.filter(part.holds()).sort("id"))
    names = index_names(ledger.select("id", "uri", "source_id"))
    for range_ in plan_names(names.height):
        store.write_frame(f"{folder}/{range_.name}", names.filter(range_.holds()))
    store.write_frame(f"{folder}/links.parquet", pl.concat(pairs))


def wall(*arguments: str) -> tuple[float, float]:
    """The best wall time of three runs of a command, and the least CPU seconds."""
    best = cpu = float("inf")
    for _ in range(3):
        started, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments], check=True, capture_output=True
        )
        best = min(best, time.monotonic() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = min(cpu, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime)
    return best, cpu


def main() -> None:
    """Print the table."""
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = Path(tempfile.mkdtemp())
    os.environ["PREFECT_HOME"] = str(folder / "prefect")
    place = ("--store", str(folder / "store"))
    wall_run = [sys.executable, "-m", "flows.cli", "run", "quickstart", *place]
    subprocess.run(wall_run, check=True, capture_output=True)
    store = Store(place[1])
    manifest = find_release(store, "quickstart@1")
    enlarge(store, manifest.folder, documents)
    rules = compile_rules(make_recipe({**manifest.recipe}))
    started = time.monotonic()
    parts = find_parts(store, manifest.folder)
    for part in parts:
        store.read_frame(f"{manifest.folder}/{part.name}", ["id", *columns_read(rules)])
    bare = time.monotonic() - started
    print(f"{documents:,} documents; bare scan of the rules' columns {bare:.2f} s")
    for settings in SETTINGS:
        chosen = [part for setting in settings for part in ("--set", setting)]
        taken, cpu = wall("what-if", "quickstart@1", *chosen, *place)
        print(
            f"what-if {' '.join(settings):<90} {taken:6.2f} s  (aim 2; {cpu:.2f} CPU s)  {taken / bare:.1f} × bare"
        )
    query = store.read_frame(f"{manifest.folder}/{parts[0].name}", ["uri"])["uri"].drop_nulls()[0]
    taken, cpu = wall("explain", query, "--release", "quickstart@1", *place)
    print(f"explain {taken:.2f} s  (aim 1; {cpu:.2f} CPU s)")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
