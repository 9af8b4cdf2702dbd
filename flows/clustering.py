"""Clusters and splits in pieces: a graph is connected range by range; whole components make pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from curate.steps import clustering, components, splitting
from curate.steps.clustering import Clustering
from curate.steps.components import Graph
from curate.steps.splitting import Cut
from curate.steps.work import Work
from flows.run import Run


def find_clusters(run: Run, clusters: Clustering) -> Clustering:
    """The members of clusters, in pieces."""
    places = range(clusters.graph.blocks)
    graph = connect(
        run, clusters.graph, clustering.enter_block, [(clusters, place) for place in places]
    )
    clusters = replace(clusters, graph=graph)
    blocks = [(clusters, place) for place in places]
    run.objects("gather", clustering.gather_block, blocks, clustering.gathered_name)
    clusters = clustering.plan_pieces(run.work, clusters)
    pieces = [(clusters, number) for number in range(clusters.pieces)]
    run.objects("members", clustering.choose_piece, pieces, clustering.members_name)
    return clusters


def find_splits(run: Run, cut: Cut) -> Cut:
    """The splits of documents, in pieces, and of each block."""
    places = range(cut.graph.blocks)
    graph = connect(run, cut.graph, splitting.enter_block, [(cut, place) for place in places])
    cut = replace(cut, graph=graph)
    blocks = [(cut, place) for place in places]
    run.objects("gather", splitting.gather_block, blocks, splitting.gathered_name)
    cut = splitting.plan_pieces(run.work, cut)
    pieces = [(cut, number) for number in range(cut.pieces)]
    run.objects("assign", splitting.assign_piece, pieces, splitting.assigned_name)
    blocks = [(cut, place) for place in places]
    run.objects("settle", splitting.settle_block, blocks, splitting.settled_name)
    return cut


def connect(
    run: Run,
    graph: Graph,
    enter: Callable[[Work, tuple[Any, int]], None],
    blocks: Sequence[tuple[Any, int]],
) -> Graph:
    """Connect a graph and tell its blocks what is connected; `enter` gives the nodes of a block."""
    work = run.work
    run.objects("nodes", enter, blocks, lambda _, item: components.nodes_name(work, graph, item[1]))
    stretches = [(graph, stretch) for stretch in components.list_stretches(work, graph)]
    run.objects("edges", components.enter_pairs, stretches, components.pair_edges_name)
    graph = replace(graph, ranges=components.plan_ranges(work, graph))
    while True:
        ranges = [(graph, number) for number in range(graph.ranges)]
        run.objects("components", components.join_range, ranges, components.stars_name)
        if components.is_connected(work, graph):
            break
        graph = replace(graph, round=graph.round + 1)
    run.objects("routes", components.route_range, ranges, components.routes_name)
    return graph
