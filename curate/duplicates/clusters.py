"""Clusters of duplicates: which document survives, and which documents belong to one split.

Both are connected components, of texts and verified pairs. Without numba: `what-if` runs this.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.recipe import DuplicatesSection

EXACT, NEAR = "duplicates.exact", "duplicates.near"
MEMBERS = pl.Schema(
    {
        "id": pl.String,
        "duplicate_of": pl.String,
        "similarity": pl.Float64,
        "rule": pl.String,
        "cluster_size": pl.Int64,
    }
)


def choose_survivors(
    passing: pl.DataFrame, links: pl.DataFrame, section: DuplicatesSection
) -> pl.DataFrame:
    """Who survives of each cluster of duplicates among the documents that pass every other rule.

    A cluster is a connected component: documents with one text, and texts with a verified pair from
    `minimum_similarity` up whose both ends are among `passing`; with the scope `snapshot`, within
    one snapshot. A pair with a text that did not pass connects nothing, so that every member is
    connected to the survivor by pairs of members. The survivor is the first by priority, then the
    longest (words; unknown last), then the earliest (date as text; unknown last), then by id.

    Args:
        passing: `id`, `snapshot`, `text_hash` (null: of no cluster), `priority` (of the source;
            smaller is better), `words`, `date`.
        links: `hash_a`, `hash_b`, `similarity`.
        section: scope and similarity.

    Returns:
        One row for each member of a cluster of two or more, sorted by id:
        `id`; `duplicate_of`, the survivor's id; `similarity`: 1 to an equal text, else that of the
        verified pair with the survivor's text, else (connected through others) that of the text's
        best pair within the cluster; `rule`: `duplicates.exact` when the text equals the
        survivor's, else `duplicates.near`; `cluster_size`, in documents. The three in the middle
        are null for the survivor. Independent of the order of rows.
    """
    scope = pl.col("snapshot").fill_null("") if section.scope == "snapshot" else pl.lit("")
    documents = passing.filter(pl.col("text_hash").is_not_null()).with_columns(scope=scope)
    texts = (
        documents.select("scope", "text_hash").unique(maintain_order=True).with_row_index("text")
    )
    pairs = (
        links.filter(pl.col("similarity") >= section.minimum_similarity)
        .join(texts, left_on="hash_a", right_on="text_hash")
        .join(texts, left_on=["hash_b", "scope"], right_on=["text_hash", "scope"], suffix="_b")
        .select("text", pl.col("text_b").alias("survivor"), "similarity")
    )
    pairs = pl.concat(
        [pairs, pairs.select(text="survivor", survivor="text", similarity="similarity")]
    )
    cluster = connected(texts.height, pairs["text"].to_numpy(), pairs["survivor"].to_numpy())
    members = (
        documents.join(texts.with_columns(cluster=cluster), on=["scope", "text_hash"])
        .with_columns(cluster_size=pl.len().over("cluster").cast(pl.Int64))
        .filter(pl.col("cluster_size") > 1)
        .sort(
            "priority",
            "words",
            "date",
            "id",
            descending=[False, True, False, False],
            nulls_last=True,
        )
    )
    survivors = members.group_by("cluster", maintain_order=True).agg(
        duplicate_of=pl.col("id").first(), survivor=pl.col("text").first()
    )
    best = pairs.group_by("text").agg(best=pl.col("similarity").max())
    is_survivor = pl.col("id") == pl.col("duplicate_of")
    is_exact = pl.col("text") == pl.col("survivor")
    similarity = pl.when(is_exact).then(1.0).otherwise(pl.coalesce("similarity", "best"))
    rule = pl.when(is_exact).then(pl.lit(EXACT)).otherwise(pl.lit(NEAR))
    return (
        members.join(survivors, on="cluster")
        .join(pairs, on=["text", "survivor"], how="left")
        .join(best, on="text", how="left")
        .select(
            "id",
            pl.when(~is_survivor).then("duplicate_of").alias("duplicate_of"),
            pl.when(~is_survivor).then(similarity).alias("similarity"),
            pl.when(~is_survivor).then(rule).alias("rule"),
            "cluster_size",
        )
        .sort("id")
        .cast(MEMBERS)
    )


def group_for_split(
    documents: pl.DataFrame, links: pl.DataFrame, section: DuplicatesSection
) -> pl.DataFrame:
    """Groups of documents that belong to one split, so that none is tested on what it was trained on.

    A group is a connected component of documents with one text, with texts of a verified pair from
    `split_similarity` up (both among `documents`), with parent and children (siblings too, when
    the parent is not there), and with one `work`.

    Args:
        documents: `id`, `parent`, `work`, `text_hash`; all but `id` may be null.
        links: `hash_a`, `hash_b`, `similarity`.
        section: the similarity.

    Returns:
        `id`, in the order of `documents`, and `group`: the smallest id of its group.
    """
    linked = links.filter(pl.col("similarity") >= section.split_similarity)
    for name in ("hash_a", "hash_b"):
        linked = linked.join(documents, left_on=name, right_on="text_hash", how="semi")
    edges = pl.concat(
        [
            documents.select(one="id", other="parent"),
            documents.select(one="id", other="work:" + pl.col("work")),
            documents.select(one="id", other="text:" + pl.col("text_hash")),
            linked.select(one="text:" + pl.col("hash_a"), other="text:" + pl.col("hash_b")),
        ]
    ).drop_nulls()
    nodes = pl.concat([documents["id"], edges["one"], edges["other"]]).unique(maintain_order=True)
    places = pl.DataFrame({"node": nodes}).with_row_index("place")
    one, other = (
        edges.join(places, left_on=name, right_on="node", maintain_order="left")["place"].to_numpy()
        for name in ("one", "other")
    )
    component = places.with_columns(component=connected(len(nodes), one, other))
    return (
        documents.select("id")
        .join(component, left_on="id", right_on="node", maintain_order="left")
        .select("id", group=pl.col("id").min().over("component"))
    )


def connected(size: int, one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.int64]:
    """The connected components of a graph: the smallest node of each node's component.

    Each round hooks every root that has a smaller neighbour to the smallest of them, and then
    shortens all paths to one step (Shiloach and Vishkin 1982, without unconditional hooking).

    Args:
        size: nodes, numbered from 0.
        one: an end of each edge.
        other: the other end.
    """
    root = np.arange(size)
    while True:
        ends = root[one], root[other]
        apart = ends[0] != ends[1]
        if not apart.any():
            return root
        one, other = ends[0][apart], ends[1][apart]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while (root != (shorter := root[root])).any():
            root = shorter
