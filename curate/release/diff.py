"""What changed between two releases, counted from their ledgers."""

from __future__ import annotations

from typing import Any

import polars as pl

from curate.release.manifest import FunnelRow, Manifest, find_release, ledger_parts
from curate.store import Store

JOINED_ROWS = 1_000_000  # of each ledger in memory at once, about
ABSENT, KEPT = "absent", "kept"


def diff_releases(store: Store, a: str, b: str) -> dict[str, Any]:
    """Count what changed from release `a` to release `b`.

    The ledgers are joined by ranges of ids, so that memory is bounded.

    Args:
        store: the store.
        a: `name@version`, the former.
        b: `name@version`, the latter.

    Returns:
        `a` and `b`: the references, resolved.
        `documents`: `same` (same verdict), `changed` (another verdict), `added` and `removed`
        (in the ledger of `b` or of `a` alone), and of these `entered` and `left`: kept in `b` or
        in `a` alone.
        `changes`: rows of `source`, `before`, `after`, `documents`, where a verdict is `kept`,
        the rule that removed the document, or `absent`.
        `shards`: `shared` by content, and the number that only `a` or `b` has.
        `funnel`: rows of `rule`, `source`, and the counts of both: `removed` and `tagged`, each
        a pair.

    Raises:
        ReleaseError: there is no such release.
    """
    before, after = find_release(store, a), find_release(store, b)
    rows = max(side.documents.read + side.documents.made for side in (before, after))
    digits = 0
    while rows > JOINED_ROWS * 16**digits:
        digits += 1
    prefixes = [f"{n:0{digits}x}" if digits else "" for n in range(16**digits)]
    counts = pl.concat(_count_changes(store, before, after, prefix) for prefix in prefixes)
    changes = counts.group_by("source", "before", "after").agg(pl.sum("documents")).sort(pl.all())
    return {
        "a": before.reference,
        "b": after.reference,
        "documents": _totals(changes),
        "changes": changes.filter(pl.col("before") != pl.col("after")).to_dicts(),
        "shards": _compare_shards(before, after),
        "funnel": _compare_funnels(before.funnel, after.funnel),
    }


def _count_changes(store: Store, a: Manifest, b: Manifest, prefix: str) -> pl.DataFrame:
    """Verdicts before and after, of the documents whose id begins with `prefix`."""
    sides = []
    for manifest, verdict in ((a, "before"), (b, "after")):
        parts = [store.scan_frame(f"{manifest.folder}/{part}") for part in ledger_parts(manifest)]
        columns = [
            pl.col("id"),
            pl.col("source").alias(f"{verdict}_source"),
            pl.col("removed_by").fill_null(KEPT).alias(verdict),
        ]
        # no hex digit sorts after "g": a range of strings, so that row groups are passed over
        mine = pl.col("id").is_between(pl.lit(prefix), pl.lit(f"{prefix}g"), closed="left")
        sides.append(pl.concat(parts).filter(mine).select(columns))
    return (
        sides[0]
        .join(sides[1], on="id", how="full", coalesce=True)
        .group_by(
            pl.coalesce("after_source", "before_source").alias("source"),
            pl.col("before").fill_null(ABSENT),
            pl.col("after").fill_null(ABSENT),
        )
        .agg(pl.len().cast(pl.Int64).alias("documents"))
        .collect()
    )


def _totals(changes: pl.DataFrame) -> dict[str, int]:
    was, now = pl.col("before"), pl.col("after")
    both = (was != ABSENT) & (now != ABSENT)
    kinds = {
        "same": was == now,
        "changed": both & (was != now),
        "added": was == ABSENT,
        "removed": now == ABSENT,
        "entered": (was != KEPT) & (now == KEPT),
        "left": (was == KEPT) & (now != KEPT),
    }
    return {
        kind: int(changes.filter(condition)["documents"].sum()) for kind, condition in kinds.items()
    }


def _compare_shards(a: Manifest, b: Manifest) -> dict[str, int]:
    former, latter = ({shard.sha256 for shard in side.shards} for side in (a, b))
    return {
        "shared": len(former & latter),
        "only_a": len(former - latter),
        "only_b": len(latter - former),
    }


def _compare_funnels(a: tuple[FunnelRow, ...], b: tuple[FunnelRow, ...]) -> list[dict[str, Any]]:
    """Both funnels side by side: the rules of `b` in its order, then those that only `a` has."""
    former, latter = ({(row.rule, row.source): row for row in side} for side in (a, b))
    rows = []
    for rule, source in dict.fromkeys([*latter, *former]):
        nothing = FunnelRow(rule=rule, source=source)
        pair = (former.get((rule, source), nothing), latter.get((rule, source), nothing))
        rows.append(
            {
                "rule": rule,
                "source": source,
                "removed": [row.removed for row in pair],
                "tagged": [row.tagged for row in pair],
            }
        )
    return rows
