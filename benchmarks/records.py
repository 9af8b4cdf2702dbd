"""Reading of records against Polars and PyArrow, which only make columns of the same files.

Ours also makes an id for each document, checks that texts are UTF-8 on their own and notes what is
no document; the references do none of it.

    python -m benchmarks.records
"""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.figures import Figure
from curate.recipe import RecordsSection
from curate.sources import InputFile, Sink
from curate.sources.records import read

DOCUMENTS = 20_000
ROUNDS = 3
SECTION = RecordsSection(kind="records", inputs=("benchmark",))


def make_rows() -> list[dict[str, str]]:
    """Documents of about 3 kB of made-up words."""
    draw = random.Random(1)
    words = [
        "".join(draw.choices("abcdefghijklmnoprstuvwéü", k=draw.randint(2, 11)))
        for _ in range(5000)
    ]
    return [
        {"id": f"r{n}", "text": " ".join(draw.choices(words, k=430)), "source": "made up"}
        for n in range(DOCUMENTS)
    ]


def ours(data: bytes, name: str) -> int:
    """Documents that the reader gives."""
    count = 0

    def take(frame: pl.DataFrame) -> None:
        nonlocal count
        count += frame.height

    sink = Sink("records", "", "", on_full=take)
    read(io.BytesIO(data), InputFile(name, name, name, len(data), ""), SECTION, sink)
    take(sink.take_documents())
    return count


def arrow_bytes(rows: list[dict[str, str]]) -> bytes:
    """Arrow's stream format."""
    out = io.BytesIO()
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    return out.getvalue()


def best_seconds(work: Callable[[], int]) -> float:
    """The shortest CPU time of some rounds."""
    found = []
    for _ in range(ROUNDS):
        started = time.process_time()
        if work() != DOCUMENTS:
            raise SystemExit("not all documents were read")
        found.append(time.process_time() - started)
    return min(found)


def main() -> list[Figure]:
    """Print, for each format, MB/s of stored bytes and the ratio of the CPU times."""
    rows = make_rows()
    frame = pl.DataFrame(rows)
    parquet, table = io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet, row_group_size=4096)
    frame.write_csv(table)
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    stream = arrow_bytes(rows)
    cases: list[tuple[str, bytes, str, Callable[[bytes], int]]] = [
        ("a.jsonl", lines, "polars", lambda data: pl.read_ndjson(data).height),
        ("a.json", b"[" + b",".join(lines.splitlines()) + b"]", "polars",
         lambda data: pl.read_json(data).height),
        ("a.csv", table.getvalue(), "pyarrow",
         lambda data: pa.csv.read_csv(io.BytesIO(data)).num_rows),
        ("a.parquet", parquet.getvalue(), "pyarrow",
         lambda data: pq.read_table(io.BytesIO(data)).num_rows),
        ("a.arrow", stream, "pyarrow",
         lambda data: pa.ipc.open_stream(data).read_all().num_rows),
    ]  # fmt: skip
    print(f"{'format':10} {'MB':>6} {'ours MB/s':>10} {'documents/s':>12}   reference MB/s")
    figures = []
    for name, data, peer, reference in cases:
        mine = best_seconds(lambda data=data, name=name: ours(data, name))  # type: ignore[misc]
        theirs = best_seconds(lambda data=data, reference=reference: reference(data))  # type: ignore[misc]
        size = len(data) / 1e6
        print(
            f"{name:10} {size:6.1f} {size / mine:10.0f} {DOCUMENTS / mine:12.0f}   "
            f"{peer} {size / theirs:.0f} (all its threads' CPU time)"
        )
        what = f"records, {name[2:]}: MB/s of CPU time"
        figures.append(Figure(what, "", f"{size / mine:.0f}", f"{peer} {size / theirs:.0f}"))
    return figures


if __name__ == "__main__":
    main()
