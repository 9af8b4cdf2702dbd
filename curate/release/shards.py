"""Arrow shards: hash ranges of (seed, id) within a split and snapshot, the same bytes every time.

A document's place depends on the seed and its id alone, so one document less changes one shard
and two versions of a release share the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel, ConfigDict

from curate.errors import ReleaseError
from curate.schema import DataType
from curate.store import Store

RELEASE_COLUMNS: dict[str, DataType] = {
    "id": pl.String,
    "text": pl.String,
    "source": pl.String,
    "source_id": pl.String,
    "snapshot": pl.String,
    "uri": pl.String,
    "date": pl.String,
    "title": pl.String,
    "parent": pl.String,
    "part": pl.Int64,
    "declared_language": pl.String,
    "canonical_uri": pl.String,
    "licence": pl.String,
    "robots": pl.String,
    "categories": pl.String,
    "page_kind": pl.String,
    "language": pl.String,
    "script": pl.String,
    "language_score": pl.Float64,
    "toxicity": pl.Float64,
    "cluster_size": pl.Int64,
}
SPLITS = ("train", "validation")
BATCH_ROWS = 1000
SLICE_BYTES = 4 << 20  # of scattered rows as they lie in the store, packed
BATCH_TEXT_BYTES = 1 << 30  # a column of type `string` holds less than 2 GiB in one batch
ID_DIGITS = 32


class ReleaseFile(BaseModel):
    """A file of a release: path relative to it, size, and sha256 in hexadecimal."""

    model_config = ConfigDict(frozen=True)

    path: str
    bytes: int
    sha256: str


class ShardFile(ReleaseFile):
    """A written shard; `rows` counts its documents."""

    split: str
    snapshot: str
    rows: int


@dataclass(frozen=True)
class Shard:
    """The part `index` of `count` equal ranges of positions; `count` is a power of two."""

    split: str
    snapshot: str
    index: int
    count: int

    @property
    def path(self) -> str:
        """The shard's file, relative to the release.

        >>> Shard("train", "enwiki-20261101", 0, 4).path
        'train/data-enwiki-20261101-00000-of-00004.arrow'
        """
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", self.snapshot)[:80]
        if slug != self.snapshot:  # two snapshots never meet in one name
            slug += "-" + hashlib.blake2b(self.snapshot.encode(), digest_size=4).hexdigest()
        middle = f"{slug}-" if slug else ""
        return f"{self.split}/data-{middle}{self.index:05d}-of-{self.count:05d}.arrow"

    @property
    def positions(self) -> tuple[int, int]:
        """The first and the last position of the range."""
        width = 2**64 // self.count
        return self.index * width, (self.index + 1) * width - 1


def shuffle_position(ids: pl.Series, seed: int) -> pl.Series:
    """Where documents stand in the shuffled order: a 64-bit hash of the seed and the id.

    The two halves of the id go through the finaliser of SplitMix64 (Steele, Lea and Flood 2014,
    "Fast splittable pseudorandom number generators", figure 17) one after the other.

    Args:
        ids: 32 hex digits each.
        seed: any integer; it counts modulo 2^64.

    Returns:
        UInt64, as long as `ids`.

    Raises:
        ReleaseError: an id is not 32 hex digits.
    """
    try:
        content = bytes.fromhex("".join(ids))
    except (TypeError, ValueError):
        content = b""
    well_formed = (ids.str.len_bytes() == ID_DIGITS).all(ignore_nulls=False)
    if len(content) * 2 != len(ids) * ID_DIGITS or not well_formed:
        bad = ids.filter(~ids.str.contains(r"^[0-9a-fA-F]{32}$").fill_null(value=False))
        raise ReleaseError("an id is 32 hex digits", f"{bad.first()!r} came", "shuffle")
    halves = np.frombuffer(content, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    start = np.array([(seed + 0x9E3779B97F4A7C15) % 2**64], dtype=np.uint64)
    position = _mix(_mix(halves[:, 0] ^ _mix(start)) ^ halves[:, 1])
    return pl.Series("position", position, dtype=pl.UInt64)


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64; array arithmetic wraps at 2^64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def plan_shards(sizes: pl.DataFrame, shard_documents: int) -> list[Shard]:
    """The shards of a release, train first, then by snapshot.

    The number of shards of a split and snapshot is the smallest power of two that leaves at most
    `shard_documents` to each on average: powers of two, so that a corpus which grows a little
    keeps its ranges. Both splits get a shard, if need be an empty one.

    Args:
        sizes: columns `split`, `snapshot` and `documents`; rows of one kind are added up.
        shard_documents: documents to a shard.
    """
    totals = (
        sizes.group_by("split", pl.col("snapshot").fill_null(""))
        .agg(pl.col("documents").sum())
        .filter(pl.col("documents") > 0)
        .sort("split", "snapshot")
    )
    plan = []
    for split, snapshot, documents in totals.iter_rows():
        count = 1
        while documents > count * shard_documents:
            count *= 2
        plan += [Shard(split, snapshot, index, count) for index in range(count)]
    for split in SPLITS:
        if split not in totals["split"]:
            plan.append(Shard(split, "", 0, 1))
    return sorted(plan, key=lambda shard: (shard.split, shard.snapshot, shard.index))


def scatter(documents: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The documents of one object in the order in which shards ask for them.

    Args:
        documents: kept documents: RELEASE_COLUMNS and `split`; further columns are left out, a
            missing snapshot becomes the empty one.
        seed: the recipe's.

    Returns:
        RELEASE_COLUMNS, `split` and `position`, sorted by split, snapshot, position and id.

    Raises:
        ReleaseError: a column is missing, a split is unknown, or an id is malformed.
    """
    wanted = {**RELEASE_COLUMNS, "split": pl.String}
    missing = [name for name in wanted if name not in documents.columns]
    if missing:
        raise ReleaseError(f"documents to release have {list(wanted)}", f"{missing} are missing")
    frame = documents.select(pl.col(name).cast(dtype) for name, dtype in wanted.items())
    strange = frame.filter(~pl.col("split").is_in(SPLITS).fill_null(value=False))["split"]
    if len(strange):
        raise ReleaseError(f"a document's split is one of {SPLITS}", f"{strange[0]!r} came")
    return frame.with_columns(
        pl.col("snapshot").fill_null(""), shuffle_position(frame["id"], seed).alias("position")
    ).sort("split", "snapshot", "position", "id")


def write_shard(
    store: Store, scattered: list[str], shard: Shard, name: str, slice_bytes: int = SLICE_BYTES
) -> ShardFile:
    """Gather one shard from the scattered objects and publish it as an Arrow stream.

    The bytes depend on the shard's documents alone, however these lie over the objects. Memory
    holds one slice of its rows; where the store is not on this machine, all of them, since each
    slice would fetch the objects again.

    Args:
        store: where the objects lie and the shard goes.
        scattered: Parquet objects of `scatter`, in any order.
        shard: which documents.
        name: where the shard is published, in the store.
        slice_bytes: of scattered rows, as they lie in the store, that are held at once.

    Returns:
        What was written; `path` is the shard's own, whatever `name` is.

    Raises:
        ReleaseError: two documents have one id.
        StoreError: an object cannot be read, or the shard not be written.
    """
    import pyarrow as pa

    schema = _arrow_schema()
    options = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V5)
    rows = 0
    with store.publishing(name) as target:
        with pa.OSFile(target, "wb") as sink, pa.ipc.new_stream(sink, schema, options=options) as w:
            for part in _batches(
                _gather(store, scattered, shard, slice_bytes), BATCH_ROWS, BATCH_TEXT_BYTES
            ):
                columns = [_canonical(part[field.name], field.type) for field in schema]
                w.write_batch(pa.record_batch(columns, schema=schema))
                rows += part.height
        with Path(target).open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        size = Path(target).stat().st_size
    return ShardFile(
        path=shard.path,
        split=shard.split,
        snapshot=shard.snapshot,
        rows=rows,
        bytes=size,
        sha256=sha256,
    )


def _arrow_schema() -> Any:
    """The pinned types of a shard.

    Text is `string`, not the `large_string` that Polars exports: it is what `datasets` writes
    itself, and it refuses to concatenate data sets whose types differ. `_batches` keeps each
    batch below the limit of `string`.
    """
    import pyarrow as pa

    types = {"String": pa.string(), "Float64": pa.float64(), "Int64": pa.int64()}
    return pa.schema([(name, types[str(dtype)]) for name, dtype in RELEASE_COLUMNS.items()])


def _gather(
    store: Store, scattered: list[str], shard: Shard, slice_bytes: int
) -> Iterator[pl.DataFrame]:
    """The shard's rows in order, in slices of about equal size."""
    first, last = shard.positions
    packed = sum(store.size(part) for part in scattered) // shard.count
    slices = 1 + packed // slice_bytes if store.is_local else 1
    width = -(-(last - first + 1) // slices)
    empty = pl.DataFrame(schema={**RELEASE_COLUMNS, "position": pl.UInt64})
    for start in range(first, last + 1, width):
        low, high = (pl.lit(p, pl.UInt64) for p in (start, min(start + width - 1, last)))
        mine = (
            (pl.col("split") == shard.split)
            & (pl.col("snapshot") == shard.snapshot)
            & pl.col("position").is_between(low, high)
        )
        parts = [
            store.scan_frame(part).filter(mine).select(empty.columns).collect()
            for part in scattered
        ]
        frame = pl.concat([empty, *parts]).sort("position", "id").drop("position")
        del parts
        if frame["id"].is_duplicated().any():
            twice = frame.filter(pl.col("id").is_duplicated())["id"][0]
            raise ReleaseError("a document is released once", f"id {twice} came twice", shard.path)
        yield frame


def _batches(frames: Iterable[pl.DataFrame], rows: int, text_bytes: int) -> Iterator[pl.DataFrame]:
    """The frames' rows, `rows` at a time; a batch with too much text is halved until it fits."""
    rest = pl.DataFrame()
    for frame in frames:
        joined = pl.concat([rest, frame]) if rest.height else frame
        whole = joined.height // rows * rows
        for start in range(0, whole, rows):
            yield from _halve(joined.slice(start, rows), text_bytes)
        rest = joined.slice(whole)
    if rest.height:
        yield from _halve(rest, text_bytes)


def _halve(frame: pl.DataFrame, text_bytes: int) -> Iterator[pl.DataFrame]:
    if frame.height > 1 and frame["text"].str.len_bytes().sum() > text_bytes:
        half = frame.height // 2
        yield from _halve(frame.slice(0, half), text_bytes)
        yield from _halve(frame.slice(half), text_bytes)
    else:
        yield frame


def _canonical(column: pl.Series, arrow_type: Any) -> Any:
    """The column as an Arrow array whose null slots hold zeros.

    What lies under a null is arbitrary in Arrow, and would make equal content unequal bytes.
    """
    import pyarrow as pa

    filled = column.fill_null("" if column.dtype == pl.String else 0)
    array = pa.concat_arrays([filled.to_arrow().cast(arrow_type)])
    if not column.null_count():
        return array
    valid = pa.array(column.is_not_null().to_numpy())
    buffers = [valid.buffers()[1], *array.buffers()[1:]]
    return pa.Array.from_buffers(arrow_type, len(column), buffers, column.null_count())
