"""Train and validation by hash: groups stay together, and a released assignment sticks."""

from __future__ import annotations

import hashlib

import polars as pl

from curate.errors import ReleaseError
from curate.release.shards import SPLITS


def assign_splits(
    groups: pl.DataFrame,
    seed: int,
    validation_share: float,
    previous: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, int]:
    """The split of every document.

    A group goes where the hash of (seed, group) says, with this exception: a document that was
    released before keeps its split, and brings the rest of its group along. Where a group has
    earlier members on both sides, each of them keeps its own and new members go to train, so
    that validation never gains a document whose like was trained on.

    A larger share only moves documents from train to validation.

    Args:
        groups: `id` and `group` (any string that the linked documents share; null: alone).
        seed: the recipe's.
        validation_share: expected share of groups in validation, 0 to 1.
        previous: `id` and `split` of the version before; a null split says nothing.

    Returns:
        `id` and `split`, rows as in `groups`; and the number of groups with earlier members on
        both sides.

    Raises:
        ReleaseError: an earlier split is neither train nor validation.
    """
    if previous is None:
        previous = pl.DataFrame(schema={"id": pl.String, "split": pl.String})
    released = previous.select("id", was="split").drop_nulls().group_by("id").agg(pl.min("was"))
    strange = released.filter(~pl.col("was").is_in(SPLITS))["was"]
    if len(strange):
        raise ReleaseError(f"an earlier split is one of {SPLITS}", f"{strange[0]!r} came")
    limit = int(validation_share * 2**64)
    members = groups.select("id", pl.coalesce("group", "id").alias("group")).join(
        released, on="id", how="left", maintain_order="left"
    )
    names = members["group"].unique()
    sides = [SPLITS[_draw(seed, name) < limit] for name in names]
    drawn = pl.Series("drawn", sides, dtype=pl.String)
    decided = (
        members.group_by("group")
        .agg(
            (pl.col("was") == "train").any().alias("train"),
            (pl.col("was") == "validation").any().alias("validation"),
        )
        .join(pl.DataFrame([names, drawn]), on="group")
        .select(
            "group",
            (pl.col("train") & pl.col("validation")).alias("torn"),
            pl.when("train")
            .then(pl.lit("train"))
            .when("validation")
            .then(pl.lit("validation"))
            .otherwise("drawn")
            .alias("side"),
        )
    )
    splits = members.join(decided, on="group", how="left", maintain_order="left").select(
        "id", split=pl.coalesce("was", "side")
    )
    return splits, int(decided["torn"].sum())


def _draw(seed: int, group: str) -> int:
    """A 64-bit hash of the seed and a group."""
    content = f"{seed}\0{group}".encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
