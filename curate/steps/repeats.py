"""Lines that a site repeats, counted over the whole corpus.

    all blocks ─▶ copies: documents that repeat another one count for nothing
    block ─▶ hashes of its lines; a range of hashes of all blocks ─▶ those of repeated lines

Counts are exact, by hash. Memory: `LINES_A_COUNT` hashes and a few copies of them (300 MB) at a
time, whatever the corpus; `find_copies` holds about what `find_survivors` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.score.addresses import split_address
from curate.steps.clustering import find_members
from curate.steps.deciding import read_comparable
from curate.steps.work import Linked, Work, library_versions, name_of

LINES_A_COUNT = 1 << 23
BATCH_DOCUMENTS = 1024


@dataclass(frozen=True)
class LineRange:
    """The part `number` of `count` equal ranges of hashes of lines."""

    linked: Linked
    number: int
    count: int


def _key(work: Work, step: str, linked: Linked, **parts: Any) -> str:
    """The key of an object that the corpus, its links and the section shape."""
    duplicates = work.recipe.duplicates
    return work.key(
        step,
        corpus=linked.corpus.key,
        ids=linked.corpus.ids,
        links=linked.links,
        similarity=duplicates.minimum_similarity,
        sources=work.recipe.spans.sources,
        libraries=library_versions("spans"),
        **parts,
    )


def copies_name(work: Work, linked: Linked) -> str:
    """The object of the documents that repeat another one."""
    return name_of("copies", _key(work, "copies", linked))


def lines_name(work: Work, item: tuple[Linked, int]) -> str:
    """The object of the hashes of a block's lines."""
    linked, place = item
    return name_of("lines", _key(work, "lines", linked, place=place))


def repeats_key(work: Work, linked: Linked, **parts: Any) -> str:
    """The key of the repeated lines of a corpus, or of a part of them."""
    least = work.recipe.spans.repeated_line_documents
    return _key(work, "repeats", linked, least=least, **parts)


def repeats_name(work: Work, part: LineRange) -> str:
    """The object of the repeated lines of a range of hashes."""
    return name_of("repeats", repeats_key(work, part.linked, part=(part.number, part.count)))


# --- counting


def find_copies(work: Work, linked: Linked) -> None:
    """All documents but one of each cluster of duplicates, whatever other rules say of them.

    A page that a snapshot holds twelve times would else lose all its lines.
    """

    def read(place: int) -> pl.DataFrame:
        row = pl.int_range(pl.len(), dtype=pl.Int64).alias("row")
        named = ("id", "snapshot", "text_hash", "priority", "words", "date", "place")
        return read_comparable(work, linked.corpus, place).select(*named, row)

    blocks = linked.corpus.blocks
    texts_alone = {"versions": "off", "scope": "snapshot", "by": ()}
    section = work.recipe.duplicates.model_copy(update=texts_alone)
    readers = [partial(read, place) for place in range(len(blocks))]
    documents = sum(block.documents for block in blocks)
    members = find_members(work, readers, documents, linked.links, section)
    losers = members.filter(pl.col("duplicate_of").is_not_null())
    copies = losers.select(pl.col("place").cast(pl.Int32), "row")
    work.store.write_frame(copies_name(work, linked), copies.sort("place", "row"))


def hash_block(work: Work, item: tuple[Linked, int]) -> None:
    """The hashes of a block's lines, one for each document that counts and has the line; sorted."""
    linked, place = item
    frame = work.store.read_frame(linked.corpus.blocks[place].name)
    owners, hashes = _hash_lines(work, frame)
    copies = work.store.read_frame(copies_name(work, linked)).filter(pl.col("place") == place)
    counts = np.ones(frame.height, np.bool_)
    counts[copies["row"].to_numpy()] = False
    whole = frame.select(pl.coalesce("parent", "id").rank("dense")).to_series()  # parts are one
    lines = pl.DataFrame({"line": hashes, "document": whole[owners]})
    lines = lines.filter(pl.Series((hashes != 0) & counts[owners])).unique()
    every = lines.select(pl.col("line").sort())
    work.store.write_frame(lines_name(work, item), every, {"lines": every.height})


def _hash_lines(work: Work, frame: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """For each line of the documents the row of its document, and its hash; 0: it never counts."""
    from curate.text.site_lines import hash_lines  # numba takes half a second to import

    sites = _hash_sites(work, frame)
    owners, found = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for start in range(0, frame.height, BATCH_DOCUMENTS):
        stop = min(start + BATCH_DOCUMENTS, frame.height)
        hashes, offsets = hash_lines(frame["text"][start:stop], sites[start:stop])
        owners.append(np.repeat(np.arange(start, stop), np.diff(offsets)))
        found.append(hashes)
    return np.concatenate(owners), np.concatenate(found)


def _hash_sites(work: Work, documents: pl.DataFrame) -> NDArray[np.uint64]:
    """The hash of each document's snapshot and site; 0 where it has none."""
    sites = []
    for source, snapshot, uri in documents.select("source", "snapshot", "uri").iter_rows():
        address = split_address(uri) if uri and source in work.recipe.spans.sources else None
        name = f"{snapshot or ''}\0{address[0]}".encode() if address else b""
        digest = hashlib.blake2b(name, digest_size=8).digest() if name else b""
        sites.append(int.from_bytes(digest, "big"))
    return np.array(sites, np.uint64)


def plan_ranges(work: Work, linked: Linked) -> int:
    """In how many ranges of about `LINES_A_COUNT` hashes lines are counted: a power of two."""
    lines, count = count_hashes(work, linked), 1
    while lines / count > LINES_A_COUNT:
        count *= 2
    return count


def count_hashes(work: Work, linked: Linked) -> int:
    """How many lines are counted, once for each document."""
    names = [lines_name(work, (linked, place)) for place in range(len(linked.corpus.blocks))]
    return sum(work.store.read_metadata(name)["lines"] for name in names)


def count_lines(work: Work, part: LineRange) -> None:
    """The lines of a range of hashes that enough documents have, sorted."""
    least = work.recipe.spans.repeated_line_documents
    assert least is not None  # the pipeline asks for this step when it is set
    low, high = (n * (1 << 64) // part.count for n in (part.number, part.number + 1))
    first, last = (pl.lit(bound, dtype=pl.UInt64) for bound in (low, high - 1))
    found = [np.zeros(0, np.uint64)]
    for place in range(len(part.linked.corpus.blocks)):
        lines = work.store.scan_frame(lines_name(work, (part.linked, place)))
        some = lines.filter(pl.col("line").is_between(first, last)).collect()["line"]
        found.append(some.to_numpy())
    every = np.concatenate(found)
    every.sort()
    starts = np.flatnonzero(np.append(True, every[1:] != every[:-1])[: len(every)])
    repeated = every[starts[np.diff(starts, append=len(every)) >= least]]
    work.store.write_frame(repeats_name(work, part), pl.DataFrame({"line": repeated}))


def repeated_lines(work: Work, ranges: Sequence[LineRange], place: int) -> pl.DataFrame:
    """Where the repeated lines of a block's documents lie: `row`, `start`, `end`.

    Whatever the document is, copies too: a page that repeats another one loses the same lines.
    """
    from curate.text.site_lines import line_spans

    frame = work.store.read_frame(ranges[0].linked.corpus.blocks[place].name)
    _, hashes = _hash_lines(work, frame)
    dropped = np.zeros(len(hashes), np.bool_)
    for part in ranges:
        dropped |= np.isin(hashes, work.store.read_frame(repeats_name(work, part))["line"])
    return line_spans(frame["text"], dropped)
