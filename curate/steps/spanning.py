"""Lines that a site repeats: counted over the whole corpus, and taken out of its documents.

    all blocks ─▶ copies: documents that repeat another one count for nothing
    block ─▶ hashes of its lines; a range of hashes of all blocks ─▶ those of repeated lines
    block ─▶ its changed documents, measured again; all of these ─▶ pairs that became equal

Counts are exact, by hash. Memory: `LINES_A_COUNT` hashes and a few copies of them (300 MB) at a
time, whatever the corpus; `find_copies` and `relink` hold about what `find_survivors` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.clusters import choose_survivors
from curate.score.addresses import split_address
from curate.steps.deciding import read_comparable
from curate.steps.measuring import read_scores
from curate.steps.work import (
    DOCUMENT_COLUMNS,
    Block,
    Corpus,
    Work,
    library_versions,
    name_of,
    overlay,
)

LINES_A_COUNT = 1 << 23
BATCH_DOCUMENTS = 1024
CLEANING = "repeated_lines"


@dataclass(frozen=True)
class Linked:
    """A corpus as it was linked.

    Attributes:
        corpus: the documents.
        links: key of the verified pairs.
    """

    corpus: Corpus
    links: str


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


def repeats_name(work: Work, part: LineRange) -> str:
    """The object of the repeated lines of a range of hashes."""
    least = work.recipe.spans.repeated_line_documents
    where = (part.number, part.count)
    return name_of("repeats", _key(work, "repeats", part.linked, part=where, least=least))


def _changed_key(work: Work, linked: Linked, place: int) -> str:
    least = work.recipe.spans.repeated_line_documents
    return _key(work, "spans", linked, place=place, least=least)


def changed_name(work: Work, item: tuple[Sequence[LineRange], int]) -> str:
    """The object of a block's changed documents."""
    ranges, place = item
    return name_of("documents", _changed_key(work, ranges[0].linked, place))


# --- counting


def find_copies(work: Work, linked: Linked) -> None:
    """All documents but one of each cluster of duplicates, whatever other rules say of them.

    A page that a snapshot holds twelve times would else lose all its lines.
    """
    frames = [
        read_comparable(work, linked.corpus, place).with_columns(
            pl.lit(place, dtype=pl.Int32).alias("place"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
        )
        for place in range(len(linked.corpus.blocks))
    ]
    documents = pl.concat(frames)
    links = work.store.read_frame(name_of("link", linked.links))
    texts_alone = {"versions": "off", "scope": "snapshot", "by": ()}
    section = work.recipe.duplicates.model_copy(update=texts_alone)
    members = choose_survivors(documents.drop("place", "row", "source"), links, section)
    losers = members.filter(pl.col("duplicate_of").is_not_null())
    copies = documents.join(losers, on="id", how="semi").select("place", "row")
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


def plan_ranges(work: Work, linked: Linked) -> list[LineRange]:
    """Ranges of about `LINES_A_COUNT` hashes, as many as a power of two."""
    lines, count = count_hashes(work, linked), 1
    while lines / count > LINES_A_COUNT:
        count *= 2
    return [LineRange(linked, number, count) for number in range(count)]


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


# --- taking out


def change_block(work: Work, item: tuple[Sequence[LineRange], int]) -> None:
    """Take repeated lines out of a block's documents; publish those that changed, and their rows.

    Whatever the document is, copies too: a page that repeats another one loses the same lines.
    """
    from curate.text.site_lines import without_lines

    ranges, place = item
    frame = work.store.read_frame(ranges[0].linked.corpus.blocks[place].name)
    owners, hashes = _hash_lines(work, frame)
    dropped = np.zeros(len(hashes), np.bool_)
    for part in ranges:
        dropped |= np.isin(hashes, work.store.read_frame(repeats_name(work, part))["line"])
    is_changed = np.zeros(frame.height, np.bool_)
    is_changed[owners[dropped]] = True
    rows = pl.Series("row", np.flatnonzero(is_changed), dtype=pl.Int64)
    old = frame[rows]
    new = without_lines(old["text"], dropped[is_changed[owners]])
    changed = old.with_columns(_tell_change(old, new)).with_columns(new, rows)
    metadata = {"documents": changed.height, "size": new.str.len_bytes().sum()}
    work.store.write_frame(
        changed_name(work, item), changed.select(*DOCUMENT_COLUMNS, "row"), metadata
    )


def _tell_change(old: pl.DataFrame, new: pl.Series) -> list[pl.Expr]:
    """What the ledger says of the change, with what it says of cleaning at reading."""
    gone = old["text"].str.len_chars().cast(pl.Int64) - new.str.len_chars().cast(pl.Int64)
    words, left = (text.str.count_matches(r"\S+") for text in (old["text"], new))
    told = pl.concat_str(
        "cleaned_by",
        pl.lit(f"{CLEANING}:") + gone.cast(pl.String),
        separator=",",
        ignore_nulls=True,
    )
    share = 1 - (1 - pl.col("cleaned_word_share")) * (left / words).fill_nan(1.0)
    return [
        pl.col("cleaned_characters") + gone,
        told.alias("cleaned_by"),
        share.round(6).alias("cleaned_word_share"),
    ]


def assemble_changed(work: Work, ranges: Sequence[LineRange]) -> Corpus:
    """The corpus, its blocks with what was changed of them."""
    linked = ranges[0].linked
    blocks = []
    for place, block in enumerate(linked.corpus.blocks):
        found = work.store.read_metadata(changed_name(work, (ranges, place)))
        key = _changed_key(work, linked, place)
        changed = Block(key, found["documents"], found["size"], block.priority)
        blocks.append(replace(block, changed=changed) if changed.documents else block)
    return replace(linked.corpus, blocks=tuple(blocks))


# --- pairs of documents that became equal


def relink_key(work: Work, linked: Linked, corpus: Corpus) -> str:
    """The key of the verified pairs, and those that became equal."""
    return work.key("relink", links=linked.links, corpus=corpus.key)


def relink(work: Work, item: tuple[Linked, Corpus]) -> None:
    """The verified pairs with those whose texts became equal, at a similarity of 1."""
    linked, corpus = item
    links = work.store.read_frame(name_of("link", linked.links))
    hashes = pl.concat([_read_hashes(work, block) for block in corpus.blocks]).unique()
    again = hashes.filter(pl.col("before") != pl.col("after")).select("after").unique()
    groups = hashes.join(again, on="after", how="semi").sort("after", "before")
    first = pl.col("before").first().over("after")
    pairs = groups.select(hash_a=first, hash_b="before", similarity=pl.lit(1.0))
    pairs = pairs.filter(pl.col("hash_a") != pl.col("hash_b")).unique()
    joined = pl.concat([links, pairs.select(links.columns).cast(links.schema)])
    best = joined.group_by("hash_a", "hash_b").agg(pl.col("similarity").max())
    name = name_of("link", relink_key(work, linked, corpus))
    work.store.write_frame(name, best.sort("hash_a", "hash_b"), {"pairs": best.height})


def _read_hashes(work: Work, block: Block) -> pl.DataFrame:
    """The hashes of a block's texts `before` and `after`; none for a text of which nothing is left."""
    before = after = read_scores(work, block, ["text_hash"])
    if block.changed:
        scores = read_scores(work, block.changed, ["text_hash", "characters"])
        left = pl.when(pl.col("characters") > 0).then("text_hash").alias("text_hash")
        rows = work.store.read_frame(block.changed.name, ["row"])
        after = overlay(before, scores.select(left).hstack(rows))
    hashes = {"before": before["text_hash"], "after": after["text_hash"]}
    return pl.DataFrame(hashes).drop_nulls().unique()
