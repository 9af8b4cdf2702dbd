"""Clusters of a corpus within a stated memory: which documents to compare, a piece at a time.

What decides who survives is a dozen columns of text; it is read only of documents that may be in a
cluster, and where even these do not fit, of a **piece**: whole components of the graph whose nodes
are texts and whose edges are verified pairs, whatever limits and scopes say. No cluster lies in two.

Memory beside a piece: `NUMBER_BYTES` for each document, and `NODE_BYTES` for each text that may be
in a cluster; a piece takes what these leave, or a quarter if they leave less.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.bands import distinct, find_places, number_texts
from curate.duplicates.clusters import choose_survivors, connected
from curate.recipe import DuplicatesSection
from curate.steps.work import Work, name_of

DOCUMENT_BYTES = 1500  # of memory for each document that is compared
NUMBER_BYTES = 32
NODE_BYTES = 60
LINKS_A_TIME = 1 << 20
FLUSHED_ROWS = 1 << 17
PLACE = (
    "place",
    "row",
    "source",
    "made",
    "whole",
)  # columns that say where a document is, and no more

Reader = Callable[[], pl.DataFrame]


def find_members(
    work: Work,
    readers: Sequence[Reader],
    documents: int,
    links: str,
    section: DuplicatesSection,
    earlier: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The members of clusters of two or more documents, as `choose_survivors` gives them.

    Args:
        work: the run.
        readers: each gives some documents, with what `choose_survivors` asks for and those of
            `PLACE` that the caller wants; they may be called twice.
        documents: how many these are at the most.
        links: key of the verified pairs; empty: only equal texts count.
        section: scope, similarity, versions, `by`; memory.
        earlier: what was released before and is near (`EARLIER`).

    Returns:
        The columns of `choose_survivors`, and those of `PLACE`; in no order.
    """
    pieces = (
        _whole(work, readers, links)
        if documents * DOCUMENT_BYTES <= section.memory_for_data
        else _cut(work, readers, links, section, earlier)
    )
    found = []
    for compared, pairs in pieces:
        places = [name for name in PLACE if name in compared.columns]
        before = earlier
        if earlier is not None:
            before = earlier.join(compared.select("text_hash").unique(), on="text_hash", how="semi")
        members = choose_survivors(compared.drop(places), pairs, section, before)
        found.append(members.join(compared.select("id", *places), on="id"))
    return pl.concat(found)


def _whole(
    work: Work, readers: Sequence[Reader], links: str
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    yield pl.concat([read() for read in readers]), pl.concat(read_links(work, links))


def read_links(work: Work, links: str) -> Iterator[pl.DataFrame]:
    """The verified pairs, some at a time."""
    schema = {"hash_a": pl.String, "hash_b": pl.String, "similarity": pl.Float64}
    yield pl.DataFrame(schema=schema)
    if not links:
        return
    name = name_of("link", links)
    scan = work.store.scan_frame(name).select(schema.keys())
    pairs = scan.select(pl.len()).collect().item()
    for start in range(0, pairs, LINKS_A_TIME):
        yield scan.slice(start, LINKS_A_TIME).collect()


def _cut(
    work: Work,
    readers: Sequence[Reader],
    links: str,
    section: DuplicatesSection,
    earlier: pl.DataFrame | None,
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Pieces of about the size that fits; those of one component are in one."""
    texts, counts, groups = _count_texts(readers, section)
    edges = [_number_groups(groups)]
    if earlier is not None:
        ends = [number_texts(earlier[name]).to_numpy() for name in ("text_hash", "earlier_hash")]
        edges.append(np.array(ends)[:, find_places(texts, ends[0]) >= 0])
    for some in read_links(work, links):
        near = some.filter(pl.col("similarity") >= section.least_of_duplicates)
        ends = [number_texts(near[name]).to_numpy() for name in ("hash_a", "hash_b")]
        is_there = np.logical_and(*(find_places(texts, end) >= 0 for end in ends))
        edges.append(np.array([end[is_there] for end in ends]))
    one, other = np.concatenate(edges, axis=1)
    nodes = distinct(np.concatenate([texts[counts > 1], one, other]))
    root = connected(len(nodes), find_places(nodes, one), find_places(nodes, other))
    at = find_places(texts, nodes)
    compared = int(counts[at[at >= 0]].sum())
    room = section.memory_for_data - NUMBER_BYTES * int(counts.sum()) - NODE_BYTES * len(nodes)
    room = max(room, section.memory_for_data // 4, 1)
    del texts, counts, edges, one, other
    count = max(1, -(-compared * DOCUMENT_BYTES // room))
    piece_of = (root % count).astype(np.uint32)
    with tempfile.TemporaryDirectory() as folder:
        files = spill(_choose(readers, nodes, piece_of), Path(folder))
        for piece in sorted(files):
            documents = pl.concat([pl.read_parquet(file) for file in files[piece]])
            pairs = []
            for some in read_links(work, links):
                place = find_places(nodes, number_texts(some["hash_a"]).to_numpy())
                mine = np.append(piece_of, count)[place] == piece  # a text that is not there: none
                pairs.append(some.filter(pl.Series(mine)))
            yield documents, pl.concat(pairs)


def _count_texts(
    readers: Sequence[Reader], section: DuplicatesSection
) -> tuple[NDArray[np.uint64], NDArray[np.int64], pl.DataFrame]:
    """The numbers of all texts, sorted; how many documents have each; those of each group.

    A group is of documents that may go with one another without a verified pair.
    """
    grouped: list[tuple[str, ...]] = [(name,) for name in section.by]
    if section.versions == "id":
        grouped.append(("work", "language"))
    numbers = [np.zeros(0, np.uint64)]
    groups = [pl.DataFrame(schema={"text": pl.UInt64, "kind": pl.Int32, "group": pl.UInt64})]
    for read in readers:
        frame = read().filter(pl.col("text_hash").is_not_null())
        text = number_texts(frame["text_hash"])
        numbers.append(text.to_numpy())
        for kind, names in enumerate(grouped):
            rows = frame.select(names).with_columns(text).drop_nulls()
            # texts of two groups whose hashes agree by chance lie in one piece, no more
            group = rows.select(names).hash_rows(seed=1).alias("group")
            chosen = pl.lit(kind, dtype=pl.Int32).alias("kind")
            groups.append(rows.select("text", chosen, group))
    texts, counts = np.unique(np.concatenate(numbers), return_counts=True)
    return texts, counts, pl.concat(groups)


def _number_groups(groups: pl.DataFrame) -> NDArray[np.uint64]:
    """Edges from each text of a group to the first one: uint64[2, edges]."""
    first = groups.select("text", first=pl.col("text").min().over("kind", "group")).unique()
    return first.to_numpy().T.astype(np.uint64).reshape(2, -1)


def _choose(
    readers: Sequence[Reader], nodes: NDArray[np.uint64], piece_of: NDArray[np.uint32]
) -> Iterator[pl.DataFrame]:
    """The documents that may be in a cluster, and the `piece` of each."""
    for read in readers:
        frame = read().filter(pl.col("text_hash").is_not_null())
        place = find_places(nodes, number_texts(frame["text_hash"]).to_numpy())
        some = frame.filter(pl.Series(place >= 0))
        yield some.with_columns(piece=pl.Series(piece_of[place[place >= 0]]))


def spill(frames: Iterable[pl.DataFrame], folder: Path) -> dict[int, list[Path]]:
    """Files with the rows of each piece, as the column `piece` says; a piece without rows has none.

    There is one piece, if of no rows.
    """
    files: dict[int, list[Path]] = {}
    waiting: list[pl.DataFrame] = []

    def flush() -> None:
        every = pl.concat(waiting)
        for piece in sorted({0, *every["piece"].unique()}):
            mine = files.setdefault(piece, [])
            mine.append(folder / f"{piece}-{len(mine)}.parquet")
            rows = every.filter(pl.col("piece") == piece).drop("piece")
            rows.write_parquet(mine[-1], compression="zstd", compression_level=1)
        waiting.clear()

    for frame in frames:
        waiting.append(frame)
        if sum(rows.height for rows in waiting) >= FLUSHED_ROWS:
            flush()
    if waiting:
        flush()
    return files
