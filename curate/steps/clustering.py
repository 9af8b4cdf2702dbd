"""Clusters of a corpus within a stated memory: at once, or in pieces that hold whole components.

    block ─▶ its texts by number, and what else connects them ─▶ components (`curate.steps.components`)
    block ─▶ those of its documents that may be in a cluster, by component
    piece: the documents and pairs of a range of components ─▶ members of clusters

The graph has texts for nodes, and verified pairs for edges, whatever limits and scopes say: no
cluster lies in two pieces, and what is found depends on no number of pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from curate.duplicates.bands import least_power, number_texts
from curate.duplicates.clusters import choose_survivors
from curate.recipe import DuplicatesSection
from curate.steps.components import (
    GROUP_ROWS,
    Graph,
    Pairs,
    find_components,
    piece_name,
    read_pairs,
    read_piece,
    write_by_component,
    write_nodes,
)
from curate.steps.work import Work, name_of

DOCUMENT_BYTES = 1500  # of memory for each document that is compared
LINKS = pl.Schema({"hash_a": pl.String, "hash_b": pl.String, "similarity": pl.Float64})
PLACE = (
    "place",
    "row",
    "source",
    "made",
    "whole",
)  # columns that say where a document is, and no more


@dataclass(frozen=True)
class Clustering:
    """What is clustered.

    Attributes:
        graph: of the texts; its key is that of the members.
        read: gives the documents of a block that are compared, with what `choose_survivors` asks for
            and those of `PLACE` that the caller wants. It travels to other processes.
        documents: how many these are at the most, of all blocks.
        section: scope, similarity, versions, `by`; memory.
        links: key of the verified pairs; empty: only equal texts count.
        earlier: key of what was released before and is near; empty where nothing is asked for.
        pieces: of components; known when the graph is.
    """

    graph: Graph
    read: Callable[[Work, int], pl.DataFrame]
    documents: int
    section: DuplicatesSection
    links: str = ""
    earlier: str = ""
    pieces: int = 1


def make_clustering(
    key: str,
    read: Callable[[Work, int], pl.DataFrame],
    documents: Sequence[int],
    section: DuplicatesSection,
    links: str = "",
    earlier: str = "",
) -> Clustering:
    """What is clustered: `documents` are those of each block, the rest as `Clustering` has it."""
    pairs = []
    if links:
        pairs.append(Pairs(name_of("link", links), least=section.least_of_duplicates))
    if earlier:
        pairs.append(Pairs(name_of("earlier", earlier), ("text_hash", "earlier_hash")))
    graph = Graph(key, len(documents), tuple(pairs), section.memory_for_data)
    return Clustering(graph, read, sum(documents), section, links, earlier)


# --- at once


def fits_at_once(clustering: Clustering) -> bool:
    """Whether what is compared of all documents fits into the memory of one process."""
    return clustering.documents * DOCUMENT_BYTES <= clustering.section.memory_for_data


def choose_at_once(work: Work, clustering: Clustering) -> pl.DataFrame:
    """The members of clusters of two or more documents.

    Returns:
        The columns of `choose_survivors`, those of `PLACE`, `is_earlier`: it goes with what was
        released before, and with `whole` `of`, that of the survivor; in no order.
    """
    documents = [clustering.read(work, place) for place in range(clustering.graph.blocks)]
    pairs = pl.concat(read_links(work, clustering.links))
    earlier = None
    if clustering.earlier:
        earlier = work.store.read_frame(name_of("earlier", clustering.earlier))
    return _choose(pl.concat(documents), pairs, earlier, clustering.section)


def _choose(
    documents: pl.DataFrame,
    pairs: pl.DataFrame,
    earlier: pl.DataFrame | None,
    section: DuplicatesSection,
) -> pl.DataFrame:
    places = [name for name in PLACE if name in documents.columns]
    before = pl.Series([], dtype=pl.String)
    if earlier is not None:
        texts = documents.select("text_hash").unique()
        earlier = earlier.join(texts, on="text_hash", how="semi")
        before = earlier["id"].unique()
    members = choose_survivors(documents.drop(places), pairs, section, earlier)
    members = members.join(documents.select("id", *places), on="id")
    if "whole" in places:
        kept = documents.select(duplicate_of="id", of="whole")
        members = members.join(kept, on="duplicate_of", how="left")
    is_earlier = pl.col("duplicate_of").is_in(before.implode()).fill_null(value=False)
    return members.with_columns(is_earlier=is_earlier)


def read_links(work: Work, links: str) -> Iterator[pl.DataFrame]:
    """The verified pairs, some at a time."""
    yield pl.DataFrame(schema=LINKS)
    if not links:
        return
    pairs = Pairs(name_of("link", links))
    for stretch in range(pairs.count_stretches(work)):
        yield pairs.read(work, stretch).select(LINKS.names())


# --- in pieces


def enter_block(work: Work, item: tuple[Clustering, int]) -> None:
    """The texts of a block's documents, and edges from each to the groups that it is in.

    A group is of documents that may go with one another without a verified pair; it is a node too.
    """
    clustering, place = item
    section = clustering.section
    grouped: list[tuple[str, ...]] = [(name,) for name in section.by]
    if section.versions == "id":
        grouped.append(("work", "language"))
    frame = clustering.read(work, place).filter(pl.col("text_hash").is_not_null())
    texts = number_texts(frame["text_hash"])
    edges = [np.zeros((2, 0), np.uint64)]
    for kind, names in enumerate(grouped, 1):
        rows = frame.select(*names).with_columns(texts).drop_nulls()
        group = rows.select(names).hash_rows(seed=kind)
        edges.append(np.array([rows["text"].to_numpy(), group.to_numpy()], np.uint64))
    write_nodes(work, clustering.graph, place, texts, np.concatenate(edges, axis=1))


def gathered_name(work: Work, item: tuple[Clustering, int]) -> str:
    """The object of a block's documents that may be in a cluster, by component."""
    clustering, place = item
    return piece_name(work, clustering.graph, "gathered", place)


def gather_block(work: Work, item: tuple[Clustering, int]) -> None:
    """The documents of a block that may be in a cluster: their text has company in the graph."""
    clustering, place = item
    frame = clustering.read(work, place).filter(pl.col("text_hash").is_not_null())
    texts = number_texts(frame["text_hash"])
    component = find_components(work, clustering.graph, place, texts)
    frame = frame.with_columns(component).filter(component.is_not_null())
    write_by_component(work, gathered_name(work, item), frame)


def plan_pieces(work: Work, clustering: Clustering) -> Clustering:
    """Pieces whose documents fit into memory, as many as a power of two."""
    names = _all_gathered(work, clustering)
    rows = sum(work.store.read_metadata(name)["rows"] for name in names)
    room = clustering.section.memory_for_data
    return replace(clustering, pieces=least_power(rows * DOCUMENT_BYTES / room))


def _all_gathered(work: Work, clustering: Clustering) -> list[str]:
    return [gathered_name(work, (clustering, n)) for n in range(clustering.graph.blocks)]


def members_name(work: Work, item: tuple[Clustering, int]) -> str:
    """The object of the members of clusters in a piece."""
    clustering, number = item
    return piece_name(work, clustering.graph, "members", number, clustering.pieces)


def choose_piece(work: Work, item: tuple[Clustering, int]) -> None:
    """The members of clusters in a piece, as `choose_at_once` gives them, by block."""
    clustering, number = item
    graph, pieces = clustering.graph, clustering.pieces
    documents = read_piece(work, _all_gathered(work, clustering), number, pieces)
    found = [read_pairs(work, graph, n, number, pieces) for n in range(len(graph.pairs))]
    pairs = found.pop(0) if clustering.links else pl.DataFrame(schema=LINKS)
    earlier = found.pop() if clustering.earlier else None
    members = _choose(documents, pairs, earlier, clustering.section)
    name = members_name(work, item)
    work.store.write_frame(name, members.sort("place", "id"), row_group_rows=GROUP_ROWS)


def read_members(work: Work, clustering: Clustering, place: int) -> pl.DataFrame:
    """The members of all pieces whose `place` is this."""
    names = [members_name(work, (clustering, number)) for number in range(clustering.pieces)]
    mine = pl.col("place") == place
    return pl.concat([work.store.scan_frame(name).filter(mine).collect() for name in names])
