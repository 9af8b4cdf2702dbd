"""Which split each kept document is in: at once where all fit into memory, else a piece at a time.

A piece holds whole groups of documents that belong to one split
(`curate.duplicates.clusters.group_for_split`), or documents that are a group each, so what is found
does not depend on how many pieces there are. Memory beside a piece: a byte for each document; before that 40 bytes for each kept one, and 100 for
each that is linked to another.

An assignment is an object for each block, and one that sums them up, which comes last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.bands import distinct, find_places
from curate.duplicates.clusters import Kind, connected, group_for_split, number_names
from curate.release.shards import SPLITS
from curate.release.splits import assign_splits
from curate.steps.clustering import read_links, spill
from curate.steps.deciding import Decided, read_verdicts
from curate.steps.measuring import read_scores
from curate.steps.work import Corpus, Work, name_of, read_documents

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


def splits_name(work: Work, settled: Settled) -> str:
    """The object that sums up the assignment of kept documents to splits."""
    return name_of("splits", splits_key(work, settled))


def _block_name(key: str, place: int, made: bool) -> str:
    return name_of("splits", f"{key}-{'made' if made else 'read'}-{place:05}")


def read_splits(work: Work, settled: Settled, place: int, made: bool) -> pl.Series:
    """`split` of each document of a block; null where it is not kept."""
    return work.store.read_frame(_block_name(settled.splits, place, made))["split"]


def read_sizes(work: Work, settled: Settled) -> tuple[pl.DataFrame, int]:
    """`split`, `snapshot`, `documents`; and how many groups the former release had already torn."""
    metadata = work.store.read_metadata(name_of("splits", settled.splits))
    schema = {"split": pl.String, "snapshot": pl.String, "documents": pl.Int64}
    return pl.DataFrame(metadata["sizes"], schema=schema), metadata["conflicts"]


def split_sizes(work: Work, settled: Settled) -> dict[str, int]:
    """Documents in each split."""
    sizes = dict.fromkeys(SPLITS, 0)
    for split, _, documents in read_sizes(work, settled)[0].iter_rows():
        sizes[split] += documents
    return sizes


def split_documents(work: Work, settled: Settled) -> None:
    """Assign every kept document to a split, and count them; linked documents stay together."""
    decided, section = settled.decided, work.recipe.duplicates
    blocks = [corpus_of(decided, made).blocks[place] for place, made in places(decided)]
    documents = sum(block.documents for block in blocks)
    most = max(1, section.memory_for_data // DOCUMENT_BYTES)
    drawn = [np.full(block.documents, len(SPLITS), np.uint8) for block in blocks]
    sizes = [
        pl.DataFrame(schema={"split": pl.String, "snapshot": pl.String, "documents": pl.UInt32})
    ]
    conflicts = 0

    def assign(kept: pl.DataFrame, groups: pl.DataFrame) -> None:
        nonlocal conflicts
        ids = kept["id"] if kept.height < documents else None
        previous = _previous_splits(work, settled.previous, ids)
        share = work.recipe.release.validation_share
        splits, torn = assign_splits(groups, work.recipe.seed, share, previous)
        conflicts += torn
        found = kept.select("snapshot", "block", "row").with_columns(splits["split"])
        sizes.append(found.group_by("split", "snapshot").agg(documents=pl.len()))
        for (block,), rows in found.partition_by("block", as_dict=True).items():
            sides = rows["split"].replace_strict(SPLITS, range(len(SPLITS)), return_dtype=pl.UInt8)
            drawn[block][rows["row"].to_numpy()] = sides.to_numpy()

    if documents <= most:
        kept, links = _whole(work, decided)
        assign(kept, group_for_split(kept, links, section))
    else:
        _cut(work, decided, most, assign)
    key = splits_key(work, settled)
    names = pl.Series("split", [*SPLITS, None], dtype=pl.String)
    for (place, made), numbers in zip(places(decided), drawn, strict=True):
        split = names.gather(pl.Series(numbers, dtype=pl.UInt32))
        work.store.write_frame(_block_name(key, place, made), split.to_frame())
    summed = pl.concat(sizes).group_by("split", "snapshot").agg(pl.col("documents").sum())
    metadata = {"sizes": summed.sort("split", "snapshot").to_dicts(), "conflicts": conflicts}
    work.store.write_frame(name_of("splits", key), summed, metadata)


def _read_kept(work: Work, decided: Decided, number: int) -> pl.DataFrame:
    """The kept documents of a block: a frame of `_READ`."""
    place, made = places(decided)[number]
    corpus = corpus_of(decided, made)
    frame = read_documents(work, corpus, place, ["id", "parent", "work", "snapshot"])
    frame = frame.hstack(read_scores(work, corpus.blocks[place], ["text_hash"]))
    verdicts = read_verdicts(work, decided, place, made=made)
    row = pl.int_range(frame.height, dtype=pl.UInt32, eager=True).alias("row")
    frame = frame.with_columns(row, pl.lit(number, dtype=pl.UInt32).alias("block"))
    return frame.select(_READ.names()).filter(verdicts["removed_by"].is_null())


def _whole(work: Work, decided: Decided) -> tuple[pl.DataFrame, pl.DataFrame]:
    kept = [_read_kept(work, decided, number) for number in range(len(places(decided)))]
    documents = pl.concat([pl.DataFrame(schema=_READ), *kept])
    return documents, pl.concat(read_links(work, decided.links))


def _cut(
    work: Work, decided: Decided, most: int, assign: Callable[[pl.DataFrame, pl.DataFrame], None]
) -> None:
    """Assign documents in pieces of about so many: those that hang on nothing, then whole groups."""
    one, other = _find_edges(work, decided)
    nodes = distinct(np.concatenate([one, other]))
    root = connected(len(nodes), find_places(nodes, one), find_places(nodes, other))
    count = -(-len(nodes) // most)
    piece_of = np.append(root % max(1, count), count).astype(np.uint32)
    del one, other, root

    def piece(kind: Kind, names: pl.Series) -> pl.Series:
        return pl.Series(
            "piece", piece_of[find_places(nodes, number_names(kind, names).to_numpy())]
        )

    alone: list[pl.DataFrame] = []

    def assign_alone() -> None:
        if alone:
            kept = pl.concat(alone)
            assign(kept, kept.select("id", group="id"))
            alone.clear()

    def linked() -> Iterator[pl.DataFrame]:
        for number in range(len(places(decided))):
            kept = _read_kept(work, decided, number)
            kept = kept.with_columns(piece("id", kept["id"]))
            is_alone = pl.col("piece") == count
            alone.append(kept.filter(is_alone).drop("piece"))
            if sum(some.height for some in alone) >= most:
                assign_alone()
            yield kept.filter(~is_alone)

    with tempfile.TemporaryDirectory() as folder:
        pieces = spill(linked(), Path(folder))
        assign_alone()
        for number, files in pieces.items():
            links = [
                some.filter(piece("text", some["hash_a"]) == number)
                for some in read_links(work, decided.links)
            ]
            kept = pl.concat([pl.DataFrame(schema=_READ), *map(pl.read_parquet, files)])
            assign(kept, group_for_split(kept, pl.concat(links), work.recipe.duplicates))


def _find_edges(work: Work, decided: Decided) -> NDArray[np.uint64]:
    """What groups hang on: uint64[2, edges], numbers of documents, works and texts.

    Pairs of kept texts; and of documents their parents, works, and texts that others have too or a
    pair links.
    """
    found = [np.empty((2, 0), np.uint64)]
    texts = [np.empty((2, 0), np.uint64)]
    kinds: list[tuple[Kind, str]] = [("id", "parent"), ("work", "work"), ("text", "text_hash")]
    for number in range(len(places(decided))):
        kept = _read_kept(work, decided, number)
        for kind, column in kinds:
            named = kept.select("id", column).drop_nulls(column)
            both = number_names("id", named["id"]), number_names(kind, named[column])
            (texts if kind == "text" else found).append(np.array(both, np.uint64))
    ids, hashes = np.concatenate(texts, axis=1)
    del texts
    ordered = np.sort(hashes)
    shared = [ordered[1:][ordered[1:] == ordered[:-1]]]
    least = work.recipe.duplicates.split_similarity
    for some in read_links(work, decided.links):
        near = some.filter(pl.col("similarity") >= least)
        ends = [number_names("text", near[name]).to_numpy() for name in ("hash_a", "hash_b")]
        is_there = np.logical_and(*(find_places(ordered, end) >= 0 for end in ends))
        found.append(np.array([end[is_there] for end in ends]))
        shared.append(found[-1].ravel())
    del ordered
    chosen = find_places(distinct(np.concatenate(shared)), hashes) >= 0
    return np.concatenate([*found, np.array([ids[chosen], hashes[chosen]])], axis=1)


def _previous_splits(work: Work, previous: str, ids: pl.Series | None) -> pl.DataFrame | None:
    """`id` and `split` of the former release: of some documents, or of all."""
    if not previous:
        return None
    folder = f"{previous}/ledger"
    parts = [pl.DataFrame(schema={"id": pl.String, "split": pl.String})]
    for name in work.store.names(folder):
        if name.startswith("part-"):
            rows = work.store.read_frame(f"{folder}/{name}", ["id", "split"]).drop_nulls()
            parts.append(rows if ids is None else rows.filter(rows["id"].is_in(ids.implode())))
    return pl.concat(parts)
