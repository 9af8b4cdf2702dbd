"""Which split each kept document is in: at once where all fit into memory, else a piece at a time.

A piece holds whole groups of documents that belong to one split
(`curate.duplicates.clusters.group_for_split`): components of a graph of documents, their parents,
works and texts (`curate.steps.components`), so what is found depends on no number of pieces.

An assignment is an object for each block, and one that sums them up, which comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from curate.duplicates.bands import least_power, number_texts
from curate.duplicates.clusters import Kind, group_for_split, number_names
from curate.release.shards import SPLITS
from curate.release.splits import assign_splits
from curate.steps.clustering import LINKS, read_links
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
from curate.steps.deciding import Decided, read_verdicts
from curate.steps.measuring import read_scores
from curate.steps.work import Block, Corpus, Work, name_of, read_documents

DOCUMENT_BYTES = 800  # of memory for each kept document of a piece
_READ = pl.Schema(
    {
        "id": pl.String,
        "parent": pl.String,
        "work": pl.String,
        "text_hash": pl.String,
        "snapshot": pl.String,
        "block": pl.UInt32,  # its number among `places`
        "row": pl.UInt32,
    }
)


_SIZES = pl.Schema({"split": pl.String, "snapshot": pl.String, "documents": pl.Int64})


@dataclass(frozen=True)
class Settled:
    """A decided corpus with its splits.

    Attributes:
        decided: the corpus and its verdicts.
        previous: the former release, whose assignments to splits stick; may be empty.
        splits: key of the assignment.
    """

    decided: Decided
    previous: str = ""
    splits: str = ""


@dataclass(frozen=True)
class Cut:
    """A corpus that is assigned to splits in pieces.

    Attributes:
        settled: the corpus.
        graph: of its kept documents, their works and texts; its key is that of the assignment.
        pieces: of components; known when the graph is.
    """

    settled: Settled
    graph: Graph
    pieces: int = 1


def places(decided: Decided) -> list[tuple[int, bool]]:
    """(place, made) of every block, those that were read first."""
    read = [(place, False) for place in range(len(decided.corpus.blocks))]
    return read + [(place, True) for place in range(len(decided.made.blocks))]


def corpus_of(decided: Decided, made: bool) -> Corpus:
    """The documents that were made, or those that were read."""
    return decided.made if made else decided.corpus


def decided_key(decided: Decided) -> dict[str, Any]:
    """What tells one decided corpus from another."""
    return {
        "corpus": decided.corpus.key,
        "ids": decided.corpus.ids,
        "links": decided.links,
        "earlier": decided.earlier,
        "survivors": decided.survivors,
        "made": decided.made.key,
        "made_survivors": decided.made_survivors,
    }


def splits_key(work: Work, settled: Settled) -> str:
    """The key of the assignment of kept documents to splits."""
    return work.key(
        "splits",
        decided=decided_key(settled.decided),
        similarity=work.recipe.duplicates.split_similarity,
        share=work.recipe.release.validation_share,
        seed=work.recipe.seed,
        previous=settled.previous,
    )


def _block_name(key: str, place: int, made: bool) -> str:
    return name_of("splits", f"{key}-{'made' if made else 'read'}-{place:05}")


def read_splits(work: Work, settled: Settled, place: int, made: bool) -> pl.Series:
    """`split` of each document of a block; null where it is not kept."""
    return work.store.read_frame(_block_name(settled.splits, place, made))["split"]


def read_sizes(work: Work, settled: Settled) -> tuple[pl.DataFrame, int]:
    """`split`, `snapshot`, `documents`; and how many groups the former release had already torn."""
    metadata = work.store.read_metadata(name_of("splits", settled.splits))
    return pl.DataFrame(metadata["sizes"], schema=_SIZES), metadata["conflicts"]


def split_sizes(work: Work, settled: Settled) -> dict[str, int]:
    """Documents in each split."""
    sizes = dict.fromkeys(SPLITS, 0)
    for split, _, documents in read_sizes(work, settled)[0].iter_rows():
        sizes[split] += documents
    return sizes


# --- at once


def fits_at_once(cut: Cut) -> bool:
    """Whether all documents fit into the memory of one process."""
    blocks = _blocks(cut.settled)
    return sum(block.documents for block in blocks) * DOCUMENT_BYTES <= cut.graph.memory


def split_documents(work: Work, settled: Settled) -> None:
    """Assign every kept document to a split, and count them; linked documents stay together."""
    decided = settled.decided
    kept = [_read_kept(work, decided, number) for number in range(len(places(decided)))]
    links = pl.concat(read_links(work, decided.links))
    found, torn = _assign(work, settled, pl.concat([pl.DataFrame(schema=_READ), *kept]), links)
    key = splits_key(work, settled)
    for number in range(len(kept)):
        _write_block(work, (settled, number), key, found.filter(pl.col("block") == number))
    _write_sum(work, key, _count_sizes(found), torn)


def _assign(
    work: Work, settled: Settled, kept: pl.DataFrame, links: pl.DataFrame
) -> tuple[pl.DataFrame, int]:
    """`snapshot`, `block`, `row` and `split` of some documents; and how many groups were torn."""
    groups = group_for_split(kept, links, work.recipe.duplicates)
    previous = _previous_splits(work, settled.previous, kept["id"])
    share = work.recipe.release.validation_share
    splits, torn = assign_splits(groups, work.recipe.seed, share, previous)
    return kept.select("snapshot", "block", "row").with_columns(splits["split"]), torn


def _count_sizes(found: pl.DataFrame) -> pl.DataFrame:
    return found.group_by("split", "snapshot").agg(documents=pl.len().cast(pl.Int64))


def _write_block(work: Work, item: tuple[Settled, int], key: str, found: pl.DataFrame) -> None:
    settled, number = item
    rows = pl.repeat(None, _blocks(settled)[number].documents, dtype=pl.String, eager=True)
    split = rows.scatter(found["row"], found["split"]).alias("split")
    name = _block_name(key, *places(settled.decided)[number])
    work.store.write_frame(name, split.to_frame())


def _write_sum(work: Work, key: str, sizes: pl.DataFrame, torn: int) -> None:
    summed = sizes.group_by("split", "snapshot").agg(pl.col("documents").sum())
    summed = summed.sort("split", "snapshot")
    metadata = {"sizes": summed.to_dicts(), "conflicts": torn}
    work.store.write_frame(name_of("splits", key), summed, metadata)


def _blocks(settled: Settled) -> list[Block]:
    decided = settled.decided
    return [corpus_of(decided, made).blocks[place] for place, made in places(decided)]


def _read_kept(work: Work, decided: Decided, number: int, more: Sequence[str] = ()) -> pl.DataFrame:
    """The kept documents of a block: a frame of `_READ`, and more columns."""
    place, made = places(decided)[number]
    corpus = corpus_of(decided, made)
    frame = read_documents(work, corpus, place, ["id", "parent", "work", "snapshot", *more])
    frame = frame.hstack(read_scores(work, corpus.blocks[place], ["text_hash"]))
    verdicts = read_verdicts(work, decided, place, made=made)
    row = pl.int_range(frame.height, dtype=pl.UInt32, eager=True).alias("row")
    frame = frame.with_columns(row, pl.lit(number, dtype=pl.UInt32).alias("block"))
    return frame.select(*_READ.names(), *more).filter(verdicts["removed_by"].is_null())


# --- in pieces


def plan_cut(work: Work, settled: Settled) -> Cut:
    """A corpus whose splits are asked for."""
    section, links = work.recipe.duplicates, settled.decided.links
    pairs = Pairs(name_of("link", links), least=section.split_similarity)
    blocks = len(places(settled.decided))
    graph = Graph(
        splits_key(work, settled), blocks, (pairs,) if links else (), section.memory_for_data
    )
    return Cut(settled, graph)


def enter_block(work: Work, item: tuple[Cut, int]) -> None:
    """What groups hang on: texts, and from a document's text edges to its work, its parent, its id.

    The last where it may be a parent: the first part of a document, or what others are made of.
    """
    cut, number = item
    decided = cut.settled.decided
    kept = _read_kept(work, decided, number, ["part"])
    nodes = _nodes(kept)
    is_parent = kept["part"].is_not_null() | bool(decided.made.blocks)
    named: list[tuple[Kind, pl.Series]] = [
        ("id", kept["parent"]),
        ("work", kept["work"]),
        ("id", kept["id"].set(~is_parent, None)),
    ]
    edges = []
    for kind, names in named:
        there = names.is_not_null()
        ends = nodes.filter(there), number_names(kind, names.filter(there))
        edges.append(np.array([end.to_numpy() for end in ends]))
    write_nodes(work, cut.graph, number, nodes, np.concatenate(edges, axis=1).astype(np.uint64))


def _nodes(kept: pl.DataFrame) -> pl.Series:
    """The node of each document: its text's, or its own where it has none."""
    return number_texts(kept["text_hash"]).zip_with(
        kept["text_hash"].is_not_null(), number_names("id", kept["id"])
    )


def gathered_name(work: Work, item: tuple[Cut, int]) -> str:
    """The object of a block's kept documents, by component."""
    cut, number = item
    return piece_name(work, cut.graph, "gathered", number)


def gather_block(work: Work, item: tuple[Cut, int]) -> None:
    """The kept documents of a block; one that hangs on nothing is a component."""
    cut, number = item
    kept = _read_kept(work, cut.settled.decided, number)
    nodes = _nodes(kept)
    component = find_components(work, cut.graph, number, nodes).fill_null(nodes)
    write_by_component(work, gathered_name(work, item), kept.with_columns(component))


def plan_pieces(work: Work, cut: Cut) -> Cut:
    """Pieces whose documents fit into memory, as many as a power of two."""
    names = [gathered_name(work, (cut, number)) for number in range(cut.graph.blocks)]
    rows = sum(work.store.read_metadata(name)["rows"] for name in names)
    return replace(cut, pieces=least_power(rows * DOCUMENT_BYTES / cut.graph.memory))


def assigned_name(work: Work, item: tuple[Cut, int]) -> str:
    """The object of the splits of a piece's documents."""
    cut, piece = item
    return piece_name(work, cut.graph, "assigned", piece, cut.pieces)


def assign_piece(work: Work, item: tuple[Cut, int]) -> None:
    """The splits of the documents of a piece, by block; their numbers in the metadata."""
    cut, piece = item
    names = [gathered_name(work, (cut, number)) for number in range(cut.graph.blocks)]
    kept = read_piece(work, names, piece, cut.pieces)
    links = pl.DataFrame(schema=LINKS)
    if cut.graph.pairs:
        links = read_pairs(work, cut.graph, 0, piece, cut.pieces)
    found, torn = _assign(work, cut.settled, kept, links)
    metadata = {"sizes": _count_sizes(found).rows(), "conflicts": torn}
    rows = found.drop("snapshot").sort("block", "row")
    work.store.write_frame(assigned_name(work, item), rows, metadata, GROUP_ROWS)


def settle_block(work: Work, item: tuple[Cut, int]) -> None:
    """The splits of a block's documents, of all pieces."""
    cut, number = item
    names = [assigned_name(work, (cut, piece)) for piece in range(cut.pieces)]
    mine = pl.col("block") == number
    found = pl.concat([work.store.scan_frame(name).filter(mine).collect() for name in names])
    _write_block(work, (cut.settled, number), cut.graph.key, found)


def settled_name(_: Work, item: tuple[Cut, int]) -> str:
    """The object of the splits of a block's documents."""
    cut, number = item
    return _block_name(cut.graph.key, *places(cut.settled.decided)[number])


def sum_splits(work: Work, cut: Cut) -> None:
    """Count the documents in splits, of all pieces."""
    names = [assigned_name(work, (cut, piece)) for piece in range(cut.pieces)]
    facts = [work.store.read_metadata(name) for name in names]
    sizes = [pl.DataFrame(fact["sizes"], _SIZES, orient="row") for fact in facts]
    _write_sum(work, cut.graph.key, pl.concat(sizes), sum(fact["conflicts"] for fact in facts))


def _previous_splits(work: Work, previous: str, ids: pl.Series) -> pl.DataFrame | None:
    """`id` and `split` of some documents in the former release."""
    if not previous:
        return None
    folder = f"{previous}/ledger"
    parts = [pl.DataFrame(schema={"id": pl.String, "split": pl.String})]
    for name in work.store.names(folder):
        if name.startswith("part-"):
            rows = work.store.read_frame(f"{folder}/{name}", ["id", "split"]).drop_nulls()
            parts.append(rows.filter(rows["id"].is_in(ids.implode())))
    return pl.concat(parts)
