"""Lines that a site repeats, and paragraphs that a snapshot does, counted over the whole corpus.

    all blocks ─▶ copies: documents that repeat another one count for nothing
    block ─▶ hashes of its lines; a range of hashes of all blocks ─▶ those of repeated lines

Counts are exact, by hash. Memory: `LINES_A_COUNT` hashes and a few copies of them (300 MB) at a
time, whatever the corpus; copies are found as survivors are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.recipe import DuplicatesSection
from curate.schema import conform
from curate.score.addresses import split_address
from curate.steps.clustering import Clustering, choose_at_once, make_clustering, read_members
from curate.steps.deciding import preferred_keys, read_comparable
from curate.steps.work import Linked, Work, library_versions, name_of

if TYPE_CHECKING:
    from curate.text.site_lines import Unit

LINES_A_COUNT = 1 << 23
BATCH_DOCUMENTS = 1024
TAGS = {"lines": "site_lines", "paragraphs": "common_paragraphs"}  # the scorers that tell shares
Scope: TypeAlias = Literal["snapshot", "release"]


@dataclass(frozen=True)
class Lines:
    """What is counted: the lines of a corpus or, where `unit` says so, its paragraphs."""

    linked: Linked
    unit: Unit = "lines"

    def least(self, work: Work) -> int:
        """The number of documents from which one is repeated."""
        spans = work.recipe.spans
        counts = {
            "lines": spans.repeated_line_documents,
            "paragraphs": spans.repeated_paragraph_documents,
        }
        found = counts[self.unit]
        assert found is not None  # the pipeline asks for these steps when it is set
        return found


@dataclass(frozen=True)
class LineRange:
    """The part `number` of `count` equal ranges of hashes of lines."""

    lines: Lines
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
        preferred=(duplicates.prefer, preferred_keys(work, linked.corpus)),
        sources=work.recipe.spans.sources,
        libraries=library_versions("spans"),
        **parts,
    )


def scope_of_copies(section: DuplicatesSection) -> Scope:
    """Where documents that repeat one another are sought: [duplicates] may compare fewer."""
    return "snapshot" if section.scope == "snapshot" else "release"


def copies_name(key: str, place: int) -> str:
    """The object of a block's documents that repeat another one of their scope."""
    return name_of("copies", f"{key}-{place:05}")


def lines_name(work: Work, item: tuple[Lines, int]) -> str:
    """The object of the hashes of a block's lines."""
    lines, place = item
    return name_of("lines", _key(work, "lines", lines.linked, place=place, **_unit(work, lines)))


def _unit(work: Work, lines: Lines) -> dict[str, Any]:
    words = work.recipe.spans.paragraph_words if lines.unit == "paragraphs" else 0
    return {"unit": lines.unit, "words": words}


def repeats_key(work: Work, lines: Lines, **parts: Any) -> str:
    """The key of the repeated lines of a corpus, or of a part of them."""
    least = lines.least(work)
    return _key(work, "repeats", lines.linked, least=least, **_unit(work, lines), **parts)


def tagged_key(work: Work, lines: Lines, place: int) -> str:
    """The key of what a block's documents have of repeated lines."""
    return work.key("tagged", repeats=repeats_key(work, lines), place=place)


def repeats_name(work: Work, part: LineRange) -> str:
    """The object of the repeated lines of a range of hashes."""
    return name_of("repeats", repeats_key(work, part.lines, part=(part.number, part.count)))


# --- counting


def plan_copies(work: Work, item: tuple[Linked, Scope]) -> Clustering:
    """What is clustered: all documents, whatever other rules say of them."""
    linked, scope = item
    documents = [block.documents for block in linked.corpus.blocks]
    texts_alone = {"versions": "off", "scope": scope, "by": ()}
    section = work.recipe.duplicates.model_copy(update=texts_alone)
    key = _key(work, "copies", linked, scope=scope)
    return make_clustering(key, partial(_read_all, linked), documents, section, linked.links)


def _read_all(linked: Linked, work: Work, place: int) -> pl.DataFrame:
    frame = read_comparable(work, linked.corpus, place).with_columns(
        row=pl.int_range(pl.len(), dtype=pl.Int64), whole=pl.coalesce("parent", "id")
    )
    named = ("id", "snapshot", "text_hash", "priority", "words", "date", "place", "is_reference")
    return frame.select(*named, "row", "whole")


def find_copies(work: Work, clustering: Clustering) -> None:
    """All documents but one of each cluster of duplicates, whatever other rules say of them.

    A page that a snapshot holds twelve times would else lose all its lines. `of` is the id of that
    one, or of the document that it is part of.
    """
    members = choose_at_once(work, clustering)
    for place in range(clustering.graph.blocks):
        _write_copies(work, (clustering, place), members.filter(pl.col("place") == place))


def settle_copies(work: Work, item: tuple[Clustering, int]) -> None:
    """The copies in a block, of all pieces."""
    _write_copies(work, item, read_members(work, *item))


def _write_copies(work: Work, item: tuple[Clustering, int], members: pl.DataFrame) -> None:
    clustering, place = item
    copies = members.filter(pl.col("duplicate_of").is_not_null()).select("row", "of")
    work.store.write_frame(copies_name(clustering.graph.key, place), copies.sort("row"))


def read_copies(work: Work, item: tuple[Linked, Scope], place: int) -> pl.DataFrame:
    """The `row` of each copy in a block, and of what it is a copy (`of`)."""
    key = _key(work, "copies", item[0], scope=item[1])
    return work.store.read_frame(copies_name(key, place))


def hash_block(work: Work, item: tuple[Lines, int]) -> None:
    """The hashes of a block's lines, one for each document that counts and has the line; sorted."""
    counted, place = item
    linked = counted.linked
    frame = work.store.read_frame(linked.corpus.blocks[place].name)
    owners, hashes = _hash_lines(work, frame, counted.unit)
    copies = read_copies(work, (linked, "snapshot"), place)
    counts = np.ones(frame.height, np.bool_)
    counts[copies["row"].to_numpy()] = False
    whole = frame.select(pl.coalesce("parent", "id").rank("dense")).to_series()  # parts are one
    lines = pl.DataFrame({"line": hashes, "document": whole[owners]})
    lines = lines.filter(pl.Series((hashes != 0) & counts[owners])).unique()
    every = lines.select(pl.col("line").sort())
    work.store.write_frame(lines_name(work, item), every, {"lines": every.height})


def _hash_lines(
    work: Work, frame: pl.DataFrame, unit: Unit
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """For each line of the documents the row of its document, and its hash; 0: it never counts."""
    from curate.text.site_lines import hash_lines  # numba takes half a second to import

    sites = _hash_sites(work, frame, unit)
    least = work.recipe.spans.paragraph_words if unit == "paragraphs" else 0
    owners, found = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for start in range(0, frame.height, BATCH_DOCUMENTS):
        stop = min(start + BATCH_DOCUMENTS, frame.height)
        hashes, offsets = hash_lines(frame["text"][start:stop], sites[start:stop], unit, least)
        owners.append(np.repeat(np.arange(start, stop), np.diff(offsets)))
        found.append(hashes)
    return np.concatenate(owners), np.concatenate(found)


def _hash_sites(work: Work, documents: pl.DataFrame, unit: Unit) -> NDArray[np.uint64]:
    """The hash of each document's snapshot and site, 0 where it has none; of paragraphs, the former."""
    sites = []
    for source, snapshot, uri in documents.select("source", "snapshot", "uri").iter_rows():
        is_of_site = uri and unit == "lines" and source in work.recipe.spans.sources
        address = split_address(uri) if is_of_site else None
        name = f"{snapshot or ''}\0{address[0]}".encode() if address else b""
        if unit == "paragraphs":
            name = f"{snapshot or ''}\0".encode()
        digest = hashlib.blake2b(name, digest_size=8).digest() if name else b""
        sites.append(int.from_bytes(digest, "big"))
    return np.array(sites, np.uint64)


def plan_ranges(work: Work, counted: Lines) -> int:
    """In how many ranges of about `LINES_A_COUNT` hashes lines are counted: a power of two."""
    lines, count = count_hashes(work, counted), 1
    while lines / count > LINES_A_COUNT:
        count *= 2
    return count


def count_hashes(work: Work, lines: Lines) -> int:
    """How many lines are counted, once for each document."""
    places = range(len(lines.linked.corpus.blocks))
    names = [lines_name(work, (lines, place)) for place in places]
    return sum(work.store.read_metadata(name)["lines"] for name in names)


def count_lines(work: Work, part: LineRange) -> None:
    """The lines of a range of hashes that enough documents have, sorted."""
    least = part.lines.least(work)
    low, high = (n * (1 << 64) // part.count for n in (part.number, part.number + 1))
    first, last = (pl.lit(bound, dtype=pl.UInt64) for bound in (low, high - 1))
    found = [np.zeros(0, np.uint64)]
    for place in range(len(part.lines.linked.corpus.blocks)):
        lines = work.store.scan_frame(lines_name(work, (part.lines, place)))
        some = lines.filter(pl.col("line").is_between(first, last)).collect()["line"]
        found.append(some.to_numpy())
    every = np.concatenate(found)
    every.sort()
    starts = np.flatnonzero(np.append(True, every[1:] != every[:-1])[: len(every)])
    repeated = every[starts[np.diff(starts, append=len(every)) >= least]]
    work.store.write_frame(repeats_name(work, part), pl.DataFrame({"line": repeated}))


def repeated_lines(work: Work, ranges: Sequence[LineRange], place: int) -> pl.DataFrame:
    """Where the repeated lines of a block's documents lie: `row`, `start`, `end`, `characters`.

    Whatever the document is, copies too: a page that repeats another one loses the same lines.
    """
    from curate.text.site_lines import line_spans

    lines = ranges[0].lines
    frame = work.store.read_frame(lines.linked.corpus.blocks[place].name)
    _, hashes = _hash_lines(work, frame, lines.unit)
    dropped = np.zeros(len(hashes), np.bool_)
    for part in ranges:
        dropped |= np.isin(hashes, work.store.read_frame(repeats_name(work, part))["line"])
    return line_spans(frame["text"], dropped, lines.unit)


def tag_name(work: Work, item: tuple[Sequence[LineRange], int]) -> str:
    """The object of what a block's documents have of repeated lines."""
    lines = item[0][0].lines
    return name_of(TAGS[lines.unit], tagged_key(work, lines, item[1]))


def tag_block(work: Work, item: tuple[Sequence[LineRange], int]) -> None:
    """The share of each document's characters in repeated lines, as a scorer's columns."""
    ranges, place = item
    lines = ranges[0].lines
    scorer = TAGS[lines.unit]
    documents = work.store.read_frame(lines.linked.corpus.blocks[place].name, ["id", "text"])
    spans = repeated_lines(work, ranges, place).group_by("row").agg(pl.col("characters").sum())
    rows = documents.select(all=pl.col("text").str.len_chars()).with_row_index("row")
    share = (pl.col("characters") / pl.col("all")).fill_null(0.0).alias(f"{scorer}_character_share")
    state = pl.lit(None, dtype=pl.String).alias(f"{scorer}_state")
    found = (
        rows.with_columns(pl.col("row").cast(pl.Int64))
        .join(spans, on="row", how="left", maintain_order="left")
        .select(share, state)
    )
    work.store.write_frame(
        tag_name(work, item), conform(found, scorer).insert_column(0, documents["id"])
    )


def assemble_tagged(work: Work, lines: Lines, linked: Linked) -> Linked:
    """The corpus, its blocks with what was found of their lines."""
    blocks = [
        replace(block, found=(*block.found, (TAGS[lines.unit], tagged_key(work, lines, place))))
        for place, block in enumerate(linked.corpus.blocks)
    ]
    return replace(linked, corpus=replace(linked.corpus, blocks=tuple(blocks)))
