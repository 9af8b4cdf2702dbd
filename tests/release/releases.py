"""Small releases made from frames, for the tests of this folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import polars as pl

from curate.release.manifest import DocumentCounts, Draft, FunnelRow, ReleaseInput
from curate.release.shards import (
    RELEASE_COLUMNS,
    ReleaseFile,
    ShardFile,
    plan_shards,
    scatter,
    write_shard,
)
from curate.store import Store


def hex_id(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


def make_documents(
    numbers: Iterable[int], snapshots: int = 2, validation: int = 10
) -> pl.DataFrame:
    """Documents with every kind of null; each `validation`-th is in validation."""
    rows = [
        {
            "id": hex_id(n),
            "text": f"Text {n}. " + "żółw 🐢\0 " * (n % 7),
            "source": "records" if n % 3 else "wikipedia",
            "source_id": str(n),
            "snapshot": f"S-{n % snapshots}",
            "uri": f"https://example.org/{n}" if n % 2 else None,
            "date": None,
            "title": "" if n % 4 else None,
            "parent": None,
            "language": "eng",
            "script": "Latn",
            "language_score": n / 1000 if n % 5 else None,
            "toxicity": None if n % 2 else 0.25,
            "cluster_size": n if n % 3 else None,
            "split": "train" if n % validation else "validation",
        }
        for n in numbers
    ]
    return pl.DataFrame(rows, schema={**RELEASE_COLUMNS, "split": pl.String})


def make_ledger(documents: pl.DataFrame, removed: dict[str, str]) -> pl.DataFrame:
    """The ledger of kept documents and removed ones (id: rule)."""
    kept = documents.select("id", "source", pl.lit(None, pl.String).alias("removed_by"), "split")
    rows = [
        {"id": name, "source": "records", "removed_by": rule, "split": None}
        for name, rule in removed.items()
    ]
    return pl.concat([kept, pl.DataFrame(rows, schema=kept.schema)]).sort("id")


def stage(
    store: Store,
    documents: pl.DataFrame,
    *,
    name: str = "corpus",
    staging: str = "releases/corpus/.staging-1",
    removed: dict[str, str] | None = None,
    objects: int = 3,
    shard_documents: int = 40,
    ledger_parts: int = 2,
) -> Draft:
    """Lay shards, ledger, links and skipped into a staging folder, as a run does."""
    removed = removed or {}
    scattered = []
    for number in range(objects):
        part = scatter(documents.gather_every(objects, number), seed=7)
        scattered.append(f"objects/scatter/{staging[-8:]}-{number}.parquet")
        store.write_frame(scattered[-1], part)
    sizes = documents.group_by("split", "snapshot").agg(pl.len().alias("documents"))
    shards: list[ShardFile] = [
        write_shard(store, scattered, shard, f"{staging}/{shard.path}")
        for shard in plan_shards(sizes, shard_documents)
    ]
    ledger = make_ledger(documents, removed)
    cuts = [ledger.height * part // ledger_parts for part in range(ledger_parts + 1)]
    tables = {
        f"ledger/part-{part:05d}.parquet": ledger[cuts[part] : cuts[part + 1]]
        for part in range(ledger_parts)
    }
    tables["links.parquet"] = pl.DataFrame(schema={"a": pl.String, "b": pl.String})
    tables["skipped.parquet"] = pl.DataFrame(schema={"reason": pl.String})
    files = []
    for path, frame in tables.items():
        store.write_frame(f"{staging}/{path}", frame)
        content = store.read_bytes(f"{staging}/{path}")
        digest = hashlib.sha256(content).hexdigest()
        files.append(ReleaseFile(path=path, bytes=len(content), sha256=digest))
    counted = documents["split"].value_counts().iter_rows()
    return Draft(
        name=name,
        recipe={"name": name, "seed": 7},
        code_version="0.1.0",
        libraries={"polars": "1", "pyarrow": "2"},
        inputs=(
            ReleaseInput(
                name="in/*.jsonl",
                kind="records",
                snapshot="S-0",
                size=10,
                identity="ab" * 32,
                state="read",
                counts={"documents": documents.height + len(removed)},
            ),
        ),
        funnel=tuple(
            FunnelRow(rule=rule, source="records", removed=list(removed.values()).count(rule))
            for rule in dict.fromkeys(removed.values())
        ),
        documents=DocumentCounts(
            read=documents.height + len(removed),
            made=0,
            kept=documents.height,
            removed=len(removed),
        ),
        shards=tuple(shards),
        files=tuple(files),
        splits=dict(counted),
    )
