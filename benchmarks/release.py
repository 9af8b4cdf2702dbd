"""Scatter and write shards, beside `datasets.Dataset.save_to_disk` of the same rows.

Run as `python -m benchmarks.release [DOCUMENTS]`. Ours also shuffles, splits into hash ranges,
hashes every shard and passes through Parquet objects; the reference writes rows as they come.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import datasets
import numpy as np
import polars as pl

from curate.release.shards import RELEASE_COLUMNS, plan_shards, scatter, write_shard
from curate.store import Store

OBJECT_DOCUMENTS = 5_000
SHARD_DOCUMENTS = 20_000
WORDS = 450


def make_documents(number: int, count: int) -> pl.DataFrame:
    """Documents of about 3 kB, of words drawn by Zipf's law."""
    random = np.random.default_rng(number)
    words = np.array([f"word{n:x}" for n in range(50_000)])
    drawn = np.minimum(random.zipf(1.2, (count, WORDS)), len(words)) - 1
    ids = random.bytes(16 * count).hex()
    frame = pl.DataFrame(
        {
            "id": [ids[32 * n : 32 * n + 32] for n in range(count)],
            "text": [" ".join(words[row]) for row in drawn],
            "source": "commoncrawl",
            "snapshot": "CC-MAIN-2026-40",
            "language": "eng",
            "script": "Latn",
            "language_score": random.random(count).round(4),
        }
    )
    missing = [
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in RELEASE_COLUMNS.items()
        if name not in frame.columns
    ]
    split = pl.when(pl.int_range(pl.len()) % 100 == 0).then(pl.lit("validation"))
    return frame.with_columns(*missing, split=split.otherwise(pl.lit("train")))


def main() -> None:
    """Print the rates of both and their ratio."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    objects = [
        make_documents(start, min(OBJECT_DOCUMENTS, total - start))
        for start in range(0, total, OBJECT_DOCUMENTS)
    ]
    size = sum(frame["text"].str.len_bytes().sum() for frame in objects) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"{folder}/store")
        times = [time.perf_counter()]
        names = []
        for number, frame in enumerate(objects):
            names.append(f"objects/scatter/{number}.parquet")
            store.write_frame(names[-1], scatter(frame, 7))
        times.append(time.perf_counter())
        sizes = pl.concat(frame.select("split", "snapshot") for frame in objects)
        sizes = sizes.group_by("split", "snapshot").agg(documents=pl.len())
        plan = plan_shards(sizes, SHARD_DOCUMENTS)
        shards = [write_shard(store, names, shard, f"ours/{shard.path}") for shard in plan]
        times.append(time.perf_counter())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        table = pl.concat(objects).select(*RELEASE_COLUMNS).to_arrow()
        reference = datasets.Dataset(datasets.table.InMemoryTable(table))
        datasets.disable_progress_bars()
        start = time.perf_counter()
        reference.save_to_disk(f"{folder}/reference", num_shards=len(plan))
        times.append(time.perf_counter() - start)
        written = sum(path.stat().st_size for path in Path(folder, "reference").rglob("*.arrow"))
    scattered, gathered = times[1] - times[0], times[2] - times[1]
    for label, seconds in (
        ("scatter", scattered),
        (f"write_shard × {len(plan)}", gathered),
        ("both", scattered + gathered),
        ("save_to_disk", times[3]),
    ):
        print(f"{label:16} {total / seconds:10,.0f} rows/s {size / seconds:8,.0f} MB/s")
    print(f"{'ratio in time':16} {(scattered + gathered) / times[3]:10.2f}")
    print(f"{'ratio in bytes':16} {sum(shard.bytes for shard in shards) / written:10.3f}")
    print(f"{'peak memory':16} {peak:10,.0f} MB with all {size:,.0f} MB of text held as input")


if __name__ == "__main__":
    main()
