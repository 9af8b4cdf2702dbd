"""Clusters of duplicates: which document survives, and which documents belong to one split.

Both are connected components, of texts and verified pairs. Without numba: `what-if` runs this.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.bands import distinct, find_places
from curate.recipe import DuplicatesSection

Kind: TypeAlias = Literal["id", "work", "text"]
EXACT, NEAR, VERSION = "duplicates.exact", "duplicates.near", "duplicates.version"
URL, KEY = "duplicates.url", "duplicates.key"
EARLIER = pl.Schema(
    {
        "text_hash": pl.String,  # of a document of the run
        "id": pl.String,  # of a document that was released before
        "earlier_hash": pl.String,  # of its text
        "release": pl.String,  # name@version, in which it is
        "similarity": pl.Float64,
    }
)
MEMBERS = pl.Schema(
    {
        "id": pl.String,
        "duplicate_of": pl.String,
        "similarity": pl.Float64,
        "rule": pl.String,
        "cluster_size": pl.Int64,
    }
)


ORDER = ("is_reference", "priority", "preference", "words", "date", "id")  # of survivors
DESCENDING = (True, False, True, True, False, False)
BEFORE_ALL = -1  # priority of what was released before


def choose_survivors(
    passing: pl.DataFrame,
    links: pl.DataFrame,
    section: DuplicatesSection,
    earlier: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Who survives of each cluster of duplicates among the documents that pass every other rule.

    A cluster is a connected component: documents with one text, texts with a verified pair from
    `minimum_similarity` up, and (with `versions = "similar"`) texts with one from
    `version_similarity` up that have documents of one work and language; with the scope `snapshot`
    within one snapshot, with `language` within one language. Both ends of a pair are among
    `passing` or released before: a text that did not pass connects nothing. The survivor is the
    first by reference (what was released before, then the sources with `reference = true`), by
    priority, by preference (greatest; unknown last), then the longest (words; unknown last), then
    the earliest (date as text; unknown last), then by id. A reference is never removed.

    With the scope `reference` there are no clusters: a document that equals a reference, or has a
    verified pair with one, goes with the first of those that are most similar.

    With `versions = "id"`, one upload (documents with one `source_id`) is kept of those of a work
    and language: the first in the same order. So is, before texts are compared, one document (with
    the parts that it was cut into) of those of one `url`, and then of one `key`: what goes by these
    shadows nobody by its text.

    Args:
        passing: `id` (text, or numbers in its order), `text_hash` (null: of no cluster),
            `priority` (of the source; smaller is better), `words`, `date`; where the section asks
            for it `snapshot`, `work` and `language`, `source_id`, `url` and `key` with `parent`; if
            need be `is_reference` (none is) and `preference` (greater is better).
        links: `hash_a`, `hash_b`, `similarity`.
        section: scope, similarity, versions, `by`.
        earlier: what was released before and is similar (`EARLIER`, its ids as those of `passing`);
            left out: nothing.

    Returns:
        One row for each member of a cluster of two or more, sorted by id:
        `id`; `duplicate_of`, the survivor's id; `similarity`: 1 to an equal text, else that of the
        verified pair with the survivor's text, else (connected through others) that of the text's
        best pair within the cluster, else (by id, url or key alone) null; `rule`:
        `duplicates.exact` when the text equals the survivor's, else `duplicates.near` when
        duplicates connect them, else `duplicates.version`, or `duplicates.url` or `duplicates.key`;
        `cluster_size`, in documents; what went by url or key counts with the survivor of what it
        went for. The three in the middle are null for what stays. Independent of the order of rows.
    """
    fixed = {"is_reference": pl.lit(value=False), "preference": pl.lit(None, pl.Float64)}
    missing = {name: value for name, value in fixed.items() if name not in passing.columns}
    passing = passing.with_columns(**missing)
    for name in _scope(section):
        passing = passing.with_columns(pl.col(name).fill_null(""))
    documents = passing.filter(pl.col("text_hash").is_not_null())
    gone = [pl.DataFrame(schema=_members(documents))]
    for column, rule in (("url", URL), ("key", KEY)):
        if column in section.by:
            whole = documents.with_columns(record=pl.coalesce("parent", "id"))
            found = _keep_first(whole, gone[0].clear(), section, [column], "record", rule)
            gone.append(found.filter(pl.col("duplicate_of").is_not_null()))
            documents = documents.join(gone[-1], on="id", how="anti", maintain_order="left")
    if earlier is not None and earlier.height:
        documents, links = _join_earlier(documents, links, earlier)
    links = links.filter(pl.col("similarity") >= section.least_of_duplicates)
    find = _find_references if section.scope == "reference" else _find_clusters
    found = find(_may_cluster(documents, links, section), links, section)
    if section.versions == "id":
        found = _keep_first(documents, found, section, ["work", "language"], "source_id", VERSION)
    if section.by:
        found = _join_gone(found, pl.concat(gone))
    if earlier is not None:
        found = found.filter(~pl.col("id").is_in(earlier["id"].implode()))
    return found


def _join_gone(members: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """The members of clusters, with what went by url or key before there were clusters."""
    every = pl.concat([gone, members.filter(pl.col("duplicate_of").is_not_null())])
    nexts = every.select(duplicate_of="id", then="duplicate_of")
    for _ in ("key", "text"):  # what a document went for may have gone by these
        gone = gone.join(nexts, on="duplicate_of", how="left").with_columns(
            pl.coalesce("then", "duplicate_of").alias("duplicate_of")
        )
        gone = gone.drop("then")
    here = pl.coalesce("duplicate_of", "id").alias("survivor")
    went = gone.group_by(survivor="duplicate_of").agg(went=pl.len().cast(pl.Int64))
    alone = went.join(members, left_on="survivor", right_on="id", how="anti").select(
        id="survivor",
        **{name: pl.lit(None, kind) for name, kind in MEMBERS.items() if name != "id"},
    )
    schema = members.schema
    joined = pl.concat([members, alone.cast(schema), gone.cast(schema)]).with_columns(here)
    size = pl.col("cluster_size").filter(
        pl.col("rule").is_in([URL, KEY]).not_() | pl.col("rule").is_null()
    )
    return (
        joined.join(went, on="survivor", how="left")
        .with_columns(
            (size.max().over("survivor").fill_null(1) + pl.col("went").fill_null(0)).alias(
                "cluster_size"
            )
        )
        .select(members.columns)
        .sort("id")
    )


def _join_earlier(
    documents: pl.DataFrame, links: pl.DataFrame, earlier: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The documents and links with what was released before among them."""
    before = earlier.select("id", text_hash="earlier_hash", is_reference=pl.lit(value=True))
    before = before.unique().with_columns(priority=pl.lit(BEFORE_ALL, dtype=pl.Int64))
    pairs = earlier.filter(pl.col("text_hash") != pl.col("earlier_hash")).select(
        hash_a="text_hash", hash_b="earlier_hash", similarity="similarity"
    )
    schema = pl.Schema({**before.schema, "id": documents.schema["id"]})
    documents = pl.concat([documents, before.cast(schema)], how="diagonal")
    return documents, pl.concat([links, pairs.unique()])


def _may_cluster(
    documents: pl.DataFrame, links: pl.DataFrame, section: DuplicatesSection
) -> pl.DataFrame:
    """The documents whose text others have too, or a pair links: what follows is dear.

    By numbers instead of texts, which are a few times as dear to compare: where two share one, a few
    documents too many are looked at.
    """
    hashes = documents["text_hash"].hash()
    ordered = hashes.sort()
    several = ordered.filter(ordered == ordered.shift(1))
    is_near = pl.col("similarity") >= section.minimum_similarity
    near, other = (links.filter(some) for some in (is_near, ~is_near))
    may = hashes.is_in(pl.concat([several, *_ends(near)]).implode())
    if other.height:  # which link versions of one work alone
        may |= hashes.is_in(pl.concat(_ends(other)).implode()) & documents["work"].is_not_null()
    return documents.filter(may)


def _ends(links: pl.DataFrame) -> list[pl.Series]:
    return [links["hash_a"].hash(), links["hash_b"].hash()]


def _find_clusters(
    documents: pl.DataFrame, links: pl.DataFrame, section: DuplicatesSection
) -> pl.DataFrame:
    """The members of clusters by text, as `choose_survivors` gives them."""
    scope = _scope(section)
    key = [*scope, "text_hash"]
    texts = documents.select(key).unique(maintain_order=True).with_row_index("text")
    documents = documents.join(texts, on=key, maintain_order="left")
    above = links.filter(pl.col("similarity") >= section.minimum_similarity)
    near = _text_pairs(above, texts, scope)
    pairs = near
    if section.versions == "similar":
        other = pl.col("similarity").is_between(
            section.version_similarity, section.minimum_similarity, closed="left"
        )
        may = _text_pairs(links.filter(other), texts, scope)
        pairs = pl.concat([near, may.join(_versions(documents, may), on=may.columns[:2])])
    ends = [(some["text"].to_numpy(), some["survivor"].to_numpy()) for some in (near, pairs)]
    clusters = texts.select(
        "text",
        duplicates=connected(texts.height, *ends[0]),
        cluster=connected(texts.height, *ends[1]),
    )
    members = (
        documents.hstack(clusters.drop("text")[documents["text"]])
        .with_columns(cluster_size=pl.len().over("cluster").cast(pl.Int64))
        .filter(pl.col("cluster_size") > 1)
    )
    first = members
    for column, is_highest in zip(ORDER, DESCENDING, strict=True):  # cheaper than to sort by all
        best_of = pl.col(column).max() if is_highest else pl.col(column).min()
        first = first.filter(pl.col(column).eq_missing(best_of.over("cluster")))
    survivors = first.select("cluster", duplicate_of="id", survivor="text", kept="duplicates")
    best = pairs.group_by("text").agg(best=pl.col("similarity").max())
    stays = (pl.col("id") == pl.col("duplicate_of")) | pl.col("is_reference")
    is_exact = pl.col("text") == pl.col("survivor")
    similarity = pl.when(is_exact).then(1.0).otherwise(pl.coalesce("similarity", "best"))
    rule = (
        pl.when(is_exact)
        .then(pl.lit(EXACT))
        .when(pl.col("duplicates") == pl.col("kept"))
        .then(pl.lit(NEAR))
        .otherwise(pl.lit(VERSION))
    )
    return (
        members.join(survivors, on="cluster")
        .join(pairs, on=["text", "survivor"], how="left")
        .join(best, on="text", how="left")
        .select(
            "id",
            pl.when(~stays).then("duplicate_of").alias("duplicate_of"),
            pl.when(~stays).then(similarity).alias("similarity"),
            pl.when(~stays).then(rule).alias("rule"),
            "cluster_size",
        )
        .sort("id")
        .cast(_members(documents))
    )


def _members(documents: pl.DataFrame) -> pl.Schema:
    """`MEMBERS` with ids as the documents have them."""
    return pl.Schema({**MEMBERS, **dict.fromkeys(("id", "duplicate_of"), documents.schema["id"])})


def _scope(section: DuplicatesSection) -> list[str]:
    """The columns in which documents that are compared agree."""
    return [section.scope] if section.scope in {"snapshot", "language"} else []


def _find_references(
    documents: pl.DataFrame, links: pl.DataFrame, section: DuplicatesSection
) -> pl.DataFrame:
    """What goes with a reference, as `choose_survivors` gives it."""
    is_reference = pl.col("is_reference")
    ordered = documents.sort(*ORDER, descending=DESCENDING, nulls_last=True)
    group = ["text_hash"]
    if section.versions == "similar":
        group += ["work", "language"]
    references = (
        ordered.filter(is_reference)
        .with_columns(place=pl.int_range(pl.len()))
        .unique(group, keep="first", maintain_order=True)
        .select(*group, "place", duplicate_of="id")
    )
    others = documents.filter(~is_reference)
    both = [links, links.select(hash_a="hash_b", hash_b="hash_a", similarity="similarity")]
    same = others.select(hash_a="text_hash", hash_b="text_hash", similarity=pl.lit(1.0)).unique()
    pairs = (
        others.join(pl.concat([*both, same]).unique(), left_on="text_hash", right_on="hash_a")
        .join(references, left_on="hash_b", right_on="text_hash", suffix="_reference")
        .with_columns(is_near=pl.col("similarity") >= section.minimum_similarity)
    )
    if section.versions == "similar":
        same_work = pl.all_horizontal(
            pl.col(name) == pl.col(f"{name}_reference") for name in ("work", "language")
        )
        pairs = pairs.filter(pl.col("is_near") | same_work.fill_null(value=False))
    chosen = pairs.sort("similarity", "place", descending=[True, False]).unique(
        "id", keep="first", maintain_order=True
    )
    is_exact = pl.col("hash_b") == pl.col("text_hash")
    rule = pl.when(is_exact).then(pl.lit(EXACT)).when("is_near").then(pl.lit(NEAR))
    losers = chosen.select(
        "id",
        "duplicate_of",
        "similarity",
        rule.otherwise(pl.lit(VERSION)).alias("rule"),
        (pl.len().over("duplicate_of") + 1).alias("cluster_size"),
    )
    kept = losers.select(
        pl.col("duplicate_of").alias("id"),
        pl.lit(None, dtype=losers.schema["id"]).alias("duplicate_of"),
        pl.lit(None, dtype=pl.Float64).alias("similarity"),
        pl.lit(None, dtype=pl.String).alias("rule"),
        "cluster_size",
    ).unique("id")
    return pl.concat([losers.cast(_members(documents)), kept.cast(_members(documents))]).sort("id")


def _text_pairs(links: pl.DataFrame, texts: pl.DataFrame, scope: list[str]) -> pl.DataFrame:
    """Pairs of texts of one scope, both ways: `text`, `survivor` (the other), `similarity`."""
    pairs = (
        links.join(texts, left_on="hash_a", right_on="text_hash")
        .join(texts, left_on=["hash_b", *scope], right_on=["text_hash", *scope], suffix="_b")
        .select("text", pl.col("text_b").alias("survivor"), "similarity")
    )
    return pl.concat(
        [pairs, pairs.select(text="survivor", survivor="text", similarity="similarity")]
    )


def _versions(documents: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Those of the pairs of texts that have documents of one work and language."""
    works = documents.select("text", "work", "language").drop_nulls().unique()
    return (
        pairs.select("text", "survivor")
        .join(works, on="text")
        .join(
            works, left_on=["survivor", "work", "language"], right_on=["text", "work", "language"]
        )
        .select("text", "survivor")
        .unique()
    )


def _keep_first(
    documents: pl.DataFrame,
    members: pl.DataFrame,
    section: DuplicatesSection,
    same: list[str],
    unit: str,
    rule: str,
) -> pl.DataFrame:
    """The members, with the documents that others outlive which agree with them in some columns.

    Args:
        documents: as `choose_survivors` has them.
        members: of clusters until now: whoever goes with another is gone.
        section: the scope.
        same: columns, nulls of which agree with nothing.
        unit: documents that agree in this column too stay or go together.
        rule: by which they go.
    """
    losers = members.filter(pl.col("duplicate_of").is_not_null())
    group = [*_scope(section), *dict.fromkeys(name for name in same if name not in _scope(section))]
    left = (
        documents.drop_nulls(same)
        .filter(pl.col("priority") != BEFORE_ALL)
        .join(losers, on="id", how="anti")
        .join(members.select("id", "cluster_size"), on="id", how="left")
        .with_columns(pl.col("cluster_size").fill_null(1))
    )
    units = (
        left.group_by(*group, unit)
        .agg(
            pl.col("is_reference").any(),
            pl.col("priority").min(),
            pl.col("preference").max(),
            pl.col("words").sum(),
            pl.col("date").min(),
            pl.col("id").min(),
        )
        .sort(*ORDER, descending=DESCENDING, nulls_last=True)
        .group_by(group, maintain_order=True)
        .agg(keeper=pl.col(unit).first(), units=pl.len(), known=pl.col("is_reference").first())
        .filter(pl.col("units") > 1)
    )
    if section.scope == "reference":
        units = units.filter("known")
    several = left.join(units, on=group)
    first = (
        several.filter(pl.col(unit) == pl.col("keeper"))
        .sort(*ORDER, descending=DESCENDING, nulls_last=True)
        .group_by(group, maintain_order=True)
        .agg(kept_id=pl.col("id").first())
    )
    several = several.join(first, on=group).with_columns(
        cluster_size=pl.col("cluster_size").sum().over(group)
    )
    stays = (pl.col(unit) == pl.col("keeper")) | pl.col("is_reference")
    new = several.select(
        "id",
        pl.when(~stays).then("kept_id").alias("duplicate_of"),
        pl.lit(None, dtype=pl.Float64).alias("similarity"),
        pl.when(~stays).then(pl.lit(rule)).alias("rule"),
        "cluster_size",
    )
    moved = new.drop_nulls("duplicate_of").select(
        pl.col("id").alias("duplicate_of"), kept_id="duplicate_of", size="cluster_size"
    )
    # what duplicated a document that is no longer kept duplicates the kept one
    rest = (
        members.join(new, on="id", how="anti")
        .join(moved, on="duplicate_of", how="left")
        .with_columns(
            duplicate_of=pl.coalesce("kept_id", "duplicate_of"),
            cluster_size=pl.coalesce("size", "cluster_size"),
        )
        .select(MEMBERS.names())
    )
    return pl.concat([rest, new.cast(_members(documents))]).sort("id")


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
    texts, ids = (number_names("text", documents["text_hash"]), number_names("id", documents["id"]))
    linked = links.filter(pl.col("similarity") >= section.split_similarity)
    pairs = linked.select(
        one=number_names("text", linked["hash_a"]), other=number_names("text", linked["hash_b"])
    )
    pairs = pairs.filter(pl.all_horizontal(pl.col("one", "other").is_in(texts.implode())))
    is_shared = texts.is_duplicated() | texts.is_in(pairs["one"].implode())
    is_shared |= texts.is_in(pairs["other"].implode())
    edges = [pairs]
    named_by: list[tuple[Kind, pl.Series]] = [
        ("id", documents["parent"]),
        ("work", documents["work"]),
        ("text", documents["text_hash"]),
    ]
    for kind, names in named_by:
        chosen = names.is_not_null() & is_shared if kind == "text" else names.is_not_null()
        named = names.filter(chosen)
        edges.append(pl.DataFrame({"one": ids.filter(chosen), "other": number_names(kind, named)}))
    one, other = pl.concat(edges).to_numpy().T
    nodes = distinct(np.concatenate([one, other]))
    root = connected(len(nodes), find_places(nodes, one), find_places(nodes, other))
    places = pl.DataFrame({"number": nodes, "component": root})
    joined = documents.select("id", number=ids).with_row_index("row").join(places, on="number")
    smallest = joined.select("row", group=pl.col("id").min().over("component"))
    group = documents["id"].scatter(smallest["row"], smallest["group"])
    return documents.select("id", group=group)


def number_names(kind: Kind, names: pl.Series) -> pl.Series:
    """64-bit hashes of names, to tell them apart within a process: of 10⁸, two agree with 3 in 10⁴."""
    seed = {"id": 1, "work": 2, "text": 3}[kind]
    return names.hash(seed)


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
