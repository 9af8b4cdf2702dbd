"""What was released before: the index brought up to date, and what of it a run's documents are near to.

A run with `[duplicates] scope = "index"` begins with the index brought up to date: releases of the
store that it lacks are read back from their ledgers and the objects of their texts. The newest state
is then the one that the run is checked against. When it has released, its own release is added; a run
that was killed before that leaves it to the next one. Documents that a release made of others
(`augment`) are not indexed: what is near to them is near to those.

A document of the run that the index has too, by its id, is the run's own: a run that is repeated or
corrected is decided again, and gives the same release if nothing else changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from curate.duplicates.bands import make_entries
from curate.duplicates.candidates import find_texts, verify
from curate.duplicates.clusters import EARLIER
from curate.duplicates.index import (
    DOCUMENTS,
    Index,
    IndexDamageError,
    Segment,
    State,
    checksum,
)
from curate.duplicates.spool import spooling
from curate.errors import ReleaseError, StoreError
from curate.ledger import find_parts
from curate.recipe import DuplicatesSection, Recipe
from curate.release.manifest import IndexState, Manifest, list_releases, read_manifest
from curate.steps.deciding import compared, compared_key
from curate.steps.measuring import read_scores, score_key
from curate.steps.work import (
    Block,
    Corpus,
    Work,
    library_versions,
    name_of,
    overlay,
    read_documents,
)
from curate.store import Store

PATIENCE_SECONDS = 600.0  # for another run that adds its release
PAIRS_AT_ONCE = 1 << 16  # whose texts are held in memory
BATCH_TEXTS = 4096
DOCUMENT_BYTES = 1500  # of memory for each document that is looked for, and what is near to it


# --- the index as the releases say


def is_current(work: Work) -> bool:
    """Whether the index has all releases of the store.

    Raises:
        StoreError: it has other parameters.
    """
    index = Index(work.store, work.recipe.duplicates)
    index.check_parameters()
    return not _lacking(work.store, index.newest())


def newest(work: Work) -> State:
    """The newest state of the index of a run's store."""
    return Index(work.store, work.recipe.duplicates).newest()


def update(work: Work, section: DuplicatesSection) -> tuple[State, list[str]]:
    """Add the releases of the store that the index lacks.

    Returns:
        The newest state, and one sentence for each release that could not be added.

    Raises:
        StoreError: the index has other parameters, or another process holds it for too long.
    """
    index = Index(work.store, section)
    index.check_parameters()
    return _add_releases(index)


def _add_releases(index: Index) -> tuple[State, list[str]]:
    warnings = []
    with index.writing(PATIENCE_SECONDS):
        state = index.newest()
        for manifest in _lacking(index.store, state):
            try:
                segment = _build(index, state, [manifest])
            except StoreError as error:
                warnings.append(f"{manifest.reference} is not compared with: {error}")
                continue
            state = index.append(segment)
    return state, warnings


def _lacking(store: Store, state: State) -> list[Manifest]:
    """The releases that are in no segment, by name and version."""
    there = set(state.releases)
    return [
        read_manifest(store, summary.name, summary.version)
        for summary in list_releases(store)
        if summary.problem is None and f"{summary.name}@{summary.version}" not in there
    ]


def _build(index: Index, earlier: State, manifests: list[Manifest]) -> Segment:
    """The segment of some releases, of their ledgers and of the objects of their texts."""

    def batches() -> Iterator[pl.DataFrame]:
        for manifest in manifests:
            yield from _sign(index, manifest)

    references = [manifest.reference for manifest in manifests]
    kept = sum(manifest.documents.kept for manifest in manifests)
    return index.write_segment(earlier, references, kept, batches())


def _sign(index: Index, manifest: Manifest) -> Iterator[pl.DataFrame]:
    """The kept documents of a release with their signatures, object by object."""
    from curate.duplicates.signatures import Signatures

    store, score = index.store, Signatures(index.section)
    is_kept = pl.col("removed_by").is_null() & ~pl.col("source").str.starts_with("augment:")
    ledger = [
        store.scan_frame(f"{manifest.folder}/{part.name}")
        .filter(is_kept)
        .select("id", "block", "row")
        .collect()
        for part in find_parts(store, manifest.folder)
    ]
    kept = pl.concat(ledger).sort("block", "row")
    for (block,), rows in kept.group_by("block", maintain_order=True):
        texts = store.read_frame(str(block), ["text"])
        for some in rows.iter_slices(BATCH_TEXTS):
            text = texts[some["row"]]
            scores = score(text).select("text_hash", "signature")
            named = pl.lit(manifest.reference).alias("release")
            yield some.hstack(scores).with_columns(named).select(*DOCUMENTS.names(), "signature")


def repair(index: Index, state: State, name: str) -> State:
    """Make a damaged segment again, from the releases that it stands for.

    The state is the same if the same documents are there; else the new one is published.

    Raises:
        StoreError: a release or a text is gone.
    """
    with index.writing(PATIENCE_SECONDS):
        place = [segment.name for segment in state.segments].index(name)
        damaged = state.segments[place]
        before = State(0, state.segments[:place], state.removed)
        try:
            manifests = [
                read_manifest(index.store, *_parted(release)) for release in damaged.releases
            ]
            segment = _build(index, before, manifests)
        except (StoreError, ReleaseError) as error:
            raise StoreError(
                f"the damaged segment {name} of the index can be made again",
                str(error),
                index.folder,
                "restore it, or remove this folder: the next run makes the index anew of what is there",
            ) from error
        segments = (*state.segments[:place], segment, *state.segments[place + 1 :])
        mended = State(state.number, segments, state.removed)
        newest = index.newest()
        if newest.segments == state.segments and segments != state.segments:
            return index.publish(mended)
        return mended


def _parted(reference: str) -> tuple[str, int]:
    name, _, version = reference.rpartition("@")
    return name, int(version)


# --- what a run's documents are near to


def earlier_key(work: Work, corpus: Corpus) -> str:
    """The key of what was released before and is near to a corpus."""
    state = _pinned(work)
    blocks = [block for part in corpus.blocks for block in (part, part.changed) if block]
    parts: dict[str, Any] = {
        "state": state.identity,
        "corpus": (corpus.key, corpus.ids),
        "signatures": [score_key(work, block, "signatures") for block in blocks],
        "floor": work.recipe.duplicates.least_similarity,
        "libraries": library_versions("link"),
    }
    if work.recipe.duplicates.among == "passing":
        parts["among"] = [compared_key(work, block) for block in corpus.blocks]
    return work.key("earlier", **parts)


def _pinned(work: Work) -> State:
    return work.index or State()


def earlier_name(work: Work, corpus: Corpus) -> str:
    """The object of what was released before and is near to a corpus."""
    return name_of("earlier", earlier_key(work, corpus))


@dataclass(frozen=True)
class Group:
    """Blocks of a corpus whose documents are looked for in one reading of the index.

    Attributes:
        corpus: all blocks.
        first, stop: places of the group's blocks.
    """

    corpus: Corpus
    first: int
    stop: int


def plan_groups(work: Work, corpus: Corpus) -> list[Group]:
    """The groups of a corpus, as large as the memory allows."""
    most = work.recipe.duplicates.memory_for_data // DOCUMENT_BYTES
    groups, first, held = [], 0, 0
    for place, block in enumerate(corpus.blocks):
        if held + block.documents > most and place > first:
            groups.append(Group(corpus, first, place))
            first, held = place, 0
        held += block.documents
    return [*groups, Group(corpus, first, len(corpus.blocks))]


def found_name(work: Work, group: Group) -> str:
    """The object of what was released before and is near to a group."""
    blocks = (group.first, group.stop)
    return name_of(
        "found", work.key("found", earlier=earlier_key(work, group.corpus), blocks=blocks)
    )


def settle_earlier(work: Work, corpus: Corpus) -> tuple[str, list[str]]:
    """The key under which later steps find what was released before.

    It is that of the content: a state that grew by what is not near changes nothing later. And one
    sentence for each segment that was made again.
    """
    metadata = work.store.read_metadata(earlier_name(work, corpus))
    repaired = [
        f"segment {name} of the index was damaged and was made again"
        for name in metadata["repaired"]
    ]
    return metadata["content"], repaired


def find_earlier(work: Work, group: Group) -> None:
    """What was released before and equals a group's documents, or is near to them: `EARLIER`.

    A document is compared as it is after `[spans]`. Of the released documents with one text the
    first id stands for all.
    """
    state = _pinned(work)
    index = Index(work.store, work.recipe.duplicates)
    repaired: list[str] = []
    while True:
        try:
            found = _search(work, index, group, state)
            break
        except IndexDamageError as error:
            if error.segment in repaired:
                raise
            repaired.append(error.segment)
            state = repair(index, state, error.segment)
    work.store.write_frame(found_name(work, group), found, {"repaired": repaired})


def gather_earlier(work: Work, groups: Sequence[Group]) -> None:
    """What was released before and is near, of all groups, under the key of its content too."""
    names = [found_name(work, group) for group in groups]
    found = pl.concat([work.store.read_frame(name) for name in names]).unique().sort(pl.all())
    repaired = {one for name in names for one in work.store.read_metadata(name)["repaired"]}
    content = work.key("earlier", rows=checksum(found))
    metadata = {"content": content, "repaired": sorted(repaired), "pairs": found.height}
    work.store.write_frame(name_of("earlier", content), found, {"pairs": found.height})
    work.store.write_frame(earlier_name(work, groups[0].corpus), found, metadata)


def _search(work: Work, index: Index, group: Group, state: State) -> pl.DataFrame:
    """`EARLIER` of a group and a state."""
    section, corpus = index.section, group.corpus
    hashes: list[pl.DataFrame] = [pl.DataFrame(schema=_SOUGHT)]
    mine = range(group.first, group.stop)
    with spooling(sum(corpus.blocks[place].documents for place in mine), section) as spool:
        for place in mine:
            sought = _sought(work, corpus.blocks[place])
            spool.add(
                make_entries(sought.rename({"sought": "text_hash", "text_hash": "own"}), section)
            )
            at = pl.lit(place, dtype=pl.Int64).alias("place")
            hashes.append(sought.select("text_hash", "sought", at))
        own = pl.concat(hashes).unique(["text_hash", "sought"], keep="first", maintain_order=True)
        met = index.find(state, own["sought"], spool.take)
    sought_ids = met["id"].unique().sort()
    is_own = np.zeros(len(sought_ids), np.bool_)
    for place in range(len(corpus.blocks)):
        found = find_texts(sought_ids, read_documents(work, corpus, place, ["id"])["id"])
        is_own[found[found >= 0]] = True
    met = met.filter(~pl.col("id").is_in(sought_ids.filter(pl.Series(is_own)).implode()))
    met = met.sort("own_hash", "text_hash", "id").unique(
        ["own_hash", "text_hash"], keep="first", maintain_order=True
    )
    is_exact = pl.col("own_hash") == pl.col("text_hash")
    near = met.filter(~is_exact)
    links = [met.filter(is_exact).select("own_hash", "text_hash", similarity=pl.lit(1.0))]
    for pairs in near.iter_slices(PAIRS_AT_ONCE):
        candidates = pairs.select(hash_a="own_hash", hash_b="text_hash")
        texts = _texts(work, corpus, own, pairs)
        verified = verify(candidates, texts, section)
        links.append(verified.rename({"hash_a": "own_hash", "hash_b": "text_hash"}))
    return (
        pl.concat(links)
        .join(met, on=["own_hash", "text_hash"])
        .join(own, left_on="own_hash", right_on="sought", suffix="_own")
        .select(
            pl.col("text_hash_own").alias("text_hash"),
            "id",
            pl.col("text_hash").alias("earlier_hash"),
            "release",
            "similarity",
        )
        .cast(EARLIER)
    )


_SOUGHT = pl.Schema({"text_hash": pl.String, "sought": pl.String, "place": pl.Int64})


def _sought(work: Work, block: Block) -> pl.DataFrame:
    """What a block's documents are sought by.

    `text_hash`, by which they are linked; `sought` and `signature`, of the text that they have in
    the end.
    """
    scores = read_scores(work, block, ["text_hash", "signature"])
    final = scores.rename({"text_hash": "sought"})
    if block.changed:
        rows = work.store.read_frame(block.changed.name, ["row"])
        again = read_scores(work, block.changed, ["text_hash", "signature"])
        final = overlay(final, again.rename({"text_hash": "sought"}).hstack(rows))
    frame = scores.select("text_hash").hstack(final)
    if work.recipe.duplicates.among == "passing":
        frame = frame.filter(compared(work, block))
    return frame.filter(pl.col("sought").is_not_null())


def _texts(
    work: Work, corpus: Corpus, own: pl.DataFrame, pairs: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """The texts of some pairs: those of the run, then those that were released."""
    mine = own.join(pairs.select(sought="own_hash").unique(), on="sought", how="semi")
    for (place,), some in mine.sort("place").group_by("place", maintain_order=True):
        assert isinstance(place, int)
        sought = _sought_all(work, corpus.blocks[place])
        wanted = sought.is_in(some["sought"].implode()).fill_null(value=False)
        text = read_documents(work, corpus, place, ["text"])["text"]
        yield pl.DataFrame({"text_hash": sought, "text": text}).filter(wanted)
    theirs = pairs.select("text_hash", "block", "row").unique().sort("block", "row")
    for (block,), rows in theirs.group_by("block", maintain_order=True):
        text = work.store.read_frame(str(block), ["text"])["text"]
        yield rows.select("text_hash").with_columns(text.gather(rows["row"]).alias("text"))


def _sought_all(work: Work, block: Block) -> pl.Series:
    """The hash of each document's final text, in order."""
    hashes = read_scores(work, block, ["text_hash"])
    if block.changed:
        rows = work.store.read_frame(block.changed.name, ["row"])
        hashes = overlay(hashes, read_scores(work, block.changed, ["text_hash"]).hstack(rows))
    return hashes["text_hash"]


def describe_state(work: Work) -> IndexState | None:
    """The state that a run was checked against, for its manifest."""
    state = work.index
    if state is None:
        return None
    return IndexState(
        folder=Index(work.store, work.recipe.duplicates).folder,
        number=state.number,
        identity=state.identity,
        documents=state.documents,
        releases=tuple(state.releases),
    )


def build_index(store: Store, recipe: Recipe) -> list[str]:
    """Make the index that a recipe asks for, of the releases that the store holds.

    Returns:
        One sentence for each release that could not be added.
    """
    return _add_releases(Index(store, recipe.duplicates))[1]
