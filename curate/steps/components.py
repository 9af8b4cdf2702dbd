"""Connected components of a graph that no process holds: its nodes are 64-bit numbers, cut by range.

    block ─▶ its nodes; block, stretch of pairs ─▶ edges, both ways, sorted
    range of nodes, of all edges that begin there ─▶ a star for each component of these; and again,
        from the stars, until every node sees the least of its component
    range ─▶ which nodes of each block are connected with others; pairs with their components

A range joins what it sees of the graph, other ends included, and hangs every node on the least one
it is connected with; what another range knows comes in the next round. One range needs one round;
of several, few (Rastogi et al. 2013, hash-to-min).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.bands import (
    GROUP_ENTRIES,
    cut_ranges,
    distinct,
    find_places,
    least_power,
    number_texts,
)
from curate.duplicates.clusters import connected
from curate.steps.work import Work, library_versions, name_of

EDGE_BYTES = 400  # of memory for each edge of a range, once for each way
NODE_BYTES = 150  # of memory for each node of a range's blocks
PAIRS_A_TIME = 1 << 17  # in about 50 MB
GROUP_ROWS = 1 << 10  # a piece takes some rows of every block and range
MIXED = np.uint64(0x9E3779B97F4A7C15)
UNMIXED = np.uint64(pow(int(MIXED), -1, 1 << 64))
EDGES = pl.Schema({"node": pl.UInt64, "other": pl.UInt64})


@dataclass(frozen=True)
class Pairs:
    """An object of pairs of texts.

    Attributes:
        name: of the object.
        ends: its columns with the hashes of texts; it is best sorted by the first.
        least: the `similarity` from which a pair connects.
    """

    name: str
    ends: tuple[str, str] = ("hash_a", "hash_b")
    least: float = 0.0

    def read(self, work: Work, stretch: int) -> pl.DataFrame:
        """The pairs of a stretch of the object that connect."""
        scan = work.store.scan_frame(self.name).slice(stretch * PAIRS_A_TIME, PAIRS_A_TIME)
        return scan.collect().filter(pl.col("similarity") >= self.least)

    def count_stretches(self, work: Work) -> int:
        """Into how many stretches of `PAIRS_A_TIME` the object is cut."""
        rows = work.store.scan_frame(self.name).select(pl.len()).collect().item()
        return int(-(-rows // PAIRS_A_TIME))


@dataclass(frozen=True)
class Graph:
    """What is connected.

    Attributes:
        key: of what it is made for; the names of all pieces hang on it.
        blocks: how many have nodes, and edges of their own.
        pairs: whose texts are edges too.
        memory: bytes of data that a process may hold.
        ranges: of nodes; known when the edges are.
        round: the last one, counted from 0.
    """

    key: str
    blocks: int
    pairs: tuple[Pairs, ...]
    memory: int
    ranges: int = 1
    round: int = 0


def piece_name(work: Work, graph: Graph, step: str, *place: int) -> str:
    """The object of a piece of a step."""
    libraries = library_versions("components")  # they hash names, and need not agree
    return name_of(step, work.key(step, graph=graph.key, place=place, libraries=libraries))


# --- nodes and edges


def write_nodes(
    work: Work, graph: Graph, place: int, numbers: pl.Series, edges: NDArray[np.uint64]
) -> None:
    """Publish what a block has of a graph.

    Args:
        work: the run.
        graph: the graph.
        place: of the block.
        numbers: the node of each document.
        edges: uint64[2, edges].
    """
    nodes = numbers.alias("node").value_counts(name="documents").sort("node")
    _write_edges(work, edges_name(work, graph, (-1, place)), edges)
    name = nodes_name(work, graph, place)
    work.store.write_frame(name, nodes, {"nodes": nodes.height}, GROUP_ENTRIES)


def nodes_name(work: Work, graph: Graph, place: int) -> str:
    """The object of a block's nodes, and how many of its documents are each."""
    return piece_name(work, graph, "nodes", place)


def edges_name(work: Work, graph: Graph, source: tuple[int, int]) -> str:
    """The object of the edges of a block (-1 and its place), or of a stretch of pairs."""
    return piece_name(work, graph, "edges", *source)


def pair_edges_name(work: Work, item: tuple[Graph, tuple[int, int]]) -> str:
    """The object of the edges of a stretch of pairs."""
    return edges_name(work, *item)


def list_stretches(work: Work, graph: Graph) -> list[tuple[int, int]]:
    """All stretches of a graph's pairs: the place of the pairs, and that of the stretch."""
    counts = [pairs.count_stretches(work) for pairs in graph.pairs]
    return [(place, stretch) for place, count in enumerate(counts) for stretch in range(count)]


def enter_pairs(work: Work, item: tuple[Graph, tuple[int, int]]) -> None:
    """The edges of a stretch of pairs."""
    graph, (place, stretch) = item
    pairs = graph.pairs[place]
    frame = pairs.read(work, stretch)
    edges = np.array([number_texts(frame[name]).to_numpy() for name in pairs.ends], np.uint64)
    _write_edges(work, pair_edges_name(work, item), edges)


def _write_edges(work: Work, name: str, edges: NDArray[np.uint64], **facts: Any) -> None:
    one, other = edges
    frame = pl.DataFrame(
        {"node": np.concatenate([one, other]), "other": np.concatenate([other, one])}, EDGES
    )
    frame = frame.unique().sort("node", "other")
    work.store.write_frame(name, frame, {"edges": frame.height, **facts}, GROUP_ENTRIES)


def plan_ranges(work: Work, graph: Graph) -> int:
    """Ranges of nodes that fit into memory, as many as a power of two."""
    nodes = [nodes_name(work, graph, place) for place in range(graph.blocks)]
    held = NODE_BYTES * sum(work.store.read_metadata(name)["nodes"] for name in nodes)
    edges = sum(work.store.read_metadata(name)["edges"] for name in _first_edges(work, graph))
    return least_power(max(held, EDGE_BYTES * edges) / graph.memory)


def _first_edges(work: Work, graph: Graph) -> list[str]:
    sources = [(-1, place) for place in range(graph.blocks)] + list_stretches(work, graph)
    return [edges_name(work, graph, source) for source in sources]


# --- components, by range


def stars_name(work: Work, item: tuple[Graph, int]) -> str:
    """The object of the stars that a range makes in the last round."""
    graph, number = item
    return piece_name(work, graph, "stars", graph.round, number, graph.ranges)


def _all_stars(work: Work, graph: Graph) -> list[str]:
    return [stars_name(work, (graph, number)) for number in range(graph.ranges)]


def join_range(work: Work, item: tuple[Graph, int]) -> None:
    """Hang each node that a range sees on the least one that it is connected with there.

    The least as mixed: the least numbers themselves would be in the first ranges, and those too large.
    """
    graph, number = item
    if graph.round:
        before = _all_stars(work, replace(graph, round=graph.round - 1))
    else:
        before = _first_edges(work, graph)
    edges = pl.concat([pl.DataFrame(schema=EDGES), *_read_range(work, before, graph, number)])
    one, other = (end.to_numpy() * MIXED for end in edges.unique().get_columns())
    nodes = distinct(np.concatenate([one, other]))
    root = nodes[connected(len(nodes), *(find_places(nodes, end) for end in (one, other)))]
    was = _stars(np.maximum(one, other), np.minimum(one, other))
    is_new = not was.equals(_stars(nodes, root))
    edges_of_stars = np.array([nodes, root]) * UNMIXED
    _write_edges(work, stars_name(work, item), edges_of_stars, is_new=is_new)


def _stars(node: NDArray[np.uint64], root: NDArray[np.uint64]) -> pl.DataFrame:
    """Sorted, without edges from a node to itself: only that a node is there comes of them."""
    frame = pl.DataFrame({"node": node, "root": root}).filter(pl.col("node") != pl.col("root"))
    return frame.unique().sort("node", "root")


def is_connected(work: Work, graph: Graph) -> bool:
    """Whether a round changed nothing, or there is one range, which sees everything at once."""
    names = _all_stars(work, graph)
    return graph.ranges == 1 or not any(work.store.read_metadata(n)["is_new"] for n in names)


def _read_range(
    work: Work, names: Sequence[str], graph: Graph, number: int
) -> Iterator[pl.DataFrame]:
    """The rows of objects whose `node` is in a range."""
    first, last = (pl.lit(bound, dtype=pl.UInt64) for bound in cut_ranges(graph.ranges)[number])
    for name in names:
        yield work.store.scan_frame(name).filter(pl.col("node").is_between(first, last)).collect()


# --- who goes where


def routes_name(work: Work, item: tuple[Graph, int]) -> str:
    """The object of the nodes of a range that have company, by the block that has them."""
    graph, number = item
    return piece_name(work, graph, "routes", number, graph.ranges)


def route_range(work: Work, item: tuple[Graph, int]) -> None:
    """Tell the blocks which of their nodes are connected, and sort pairs by component."""
    graph, number = item
    found = pl.concat(
        [pl.DataFrame(schema=EDGES), *_read_range(work, _all_stars(work, graph), graph, number)]
    )
    least = found.group_by("node").agg(mixed(pl.col("other")).min())
    roots = least.select("node", component=pl.min_horizontal(mixed(pl.col("node")), "other"))
    for place, pairs in enumerate(graph.pairs):
        name = pairs_name(work, item, place)
        write_by_component(work, name, _route_pairs(work, item, pairs, roots))
    nodes = [pl.DataFrame(schema={"node": pl.UInt64, "documents": pl.UInt32, "place": pl.UInt32})]
    names = [nodes_name(work, graph, place) for place in range(graph.blocks)]
    for place, some in enumerate(_read_range(work, names, graph, number)):
        nodes.append(some.with_columns(place=pl.lit(place, dtype=pl.UInt32)))
    several = pl.col("documents").sum().over("node") > 1
    routes = (
        pl.concat(nodes)
        .join(roots, on="node", how="left")
        .filter(pl.col("component").is_not_null() | several)
        .select("place", "node", pl.col("component").fill_null(mixed(pl.col("node"))))
        .sort("place", "node")
    )
    work.store.write_frame(routes_name(work, item), routes, row_group_rows=GROUP_ROWS)


def mixed(node: pl.Expr) -> pl.Expr:
    """Nodes in another order: a component is the least of its nodes in that, and they are spread."""
    return node * pl.lit(int(MIXED), dtype=pl.UInt64)  # modulo 2⁶⁴


def pairs_name(work: Work, item: tuple[Graph, int], place: int) -> str:
    """The object of the pairs that begin in a range, by component."""
    graph, number = item
    return piece_name(work, graph, "connected", place, number, graph.ranges)


def _route_pairs(
    work: Work, item: tuple[Graph, int], pairs: Pairs, roots: pl.DataFrame
) -> pl.DataFrame:
    """The connecting pairs whose first text is in a range, with their `component`."""
    graph, number = item
    first, last = cut_ranges(graph.ranges)[number]
    text = pl.col(pairs.ends[0])  # in the order of its first 16 digits, which are its number
    inside = (text >= f"{first:016x}") & (text.str.head(16) <= f"{last:016x}")
    scan = work.store.scan_frame(pairs.name).filter(inside, pl.col("similarity") >= pairs.least)
    frame = scan.collect()
    numbers = number_texts(frame[pairs.ends[0]]).alias("node")
    return frame.with_columns(numbers).join(roots, on="node").drop("node")


def find_components(work: Work, graph: Graph, place: int, numbers: pl.Series) -> pl.Series:
    """The component of each document of a block by its node; null where it has no company."""
    mine = [
        work.store.scan_frame(routes_name(work, (graph, number)))
        .filter(pl.col("place") == place)
        .select("node", "component")
        .collect()
        for number in range(graph.ranges)
    ]
    frame = numbers.alias("node").to_frame()
    return frame.join(pl.concat(mine), on="node", how="left", maintain_order="left")["component"]


def write_by_component(work: Work, name: str, frame: pl.DataFrame) -> None:
    """Publish rows that have a `component`, so that those of a piece are read alone."""
    metadata = {"rows": frame.height}
    work.store.write_frame(name, frame.sort("component"), metadata, GROUP_ROWS)


def read_piece(work: Work, names: Sequence[str], number: int, pieces: int) -> pl.DataFrame:
    """The rows of objects by component that are in one of equal pieces."""
    first, last = (pl.lit(bound, dtype=pl.UInt64) for bound in cut_ranges(pieces)[number])
    inside = pl.col("component").is_between(first, last)
    return pl.concat(
        [work.store.scan_frame(name).filter(inside).drop("component").collect() for name in names]
    )


def read_pairs(work: Work, graph: Graph, place: int, number: int, pieces: int) -> pl.DataFrame:
    """Those of the graph's pairs that are in one of equal pieces."""
    names = [pairs_name(work, (graph, each), place) for each in range(graph.ranges)]
    return read_piece(work, names, number, pieces)
