"""Which texts may be near-duplicates, and which of those really are.

Pairs are between texts (`text_hash`), not documents: copies of one text share it and need no pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.bands import begins_run, hash_bands
from curate.errors import ComponentError
from curate.recipe import DuplicatesSection

FULL_BUCKET = 32  # texts with one band equal, up to which each is paired with each
NEIGHBOURS = 4  # beyond that
WORK_NEIGHBOURS = 32  # uploads of one film that are compared with each
_CHUNK = 1 << 13  # texts whose shingles are cut at once
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)

CANDIDATES: dict[str, type[pl.DataType]] = {"hash_a": pl.String, "hash_b": pl.String}
LINKS: dict[str, type[pl.DataType]] = {**CANDIDATES, "similarity": pl.Float64}
PAIRS = pl.Schema({"a": pl.UInt64, "b": pl.UInt64, "place_a": pl.UInt32, "place_b": pl.UInt32})


def find_candidates(signatures: pl.DataFrame, section: DuplicatesSection) -> pl.DataFrame:
    """Pairs of texts with a band equal (Broder 1997; Leskovec et al., chapter 3).

    A pair of similarity s is found with probability 1 - (1 - s^rows)^bands. In a **large bucket**
    (one band equal in more than `FULL_BUCKET` texts) each text is paired with the `NEIGHBOURS`
    that follow it in the order of the next band and of the hash, and with the first of the bucket,
    so that m texts give at most (NEIGHBOURS + 1) × m pairs and stay connected if they are similar.

    Memory: beside the signatures about 90 bytes per text, 8 per pair, and 24 per pair of one band.

    Args:
        signatures: `text_hash`, `signature`; nulls are left out, repeated texts count once.
        section: the shape of the signatures.

    Returns:
        `hash_a` < `hash_b`, sorted, without repetition; independent of the order of rows.

    Raises:
        ComponentError: signatures of another shape than the section's.
    """
    frame = (
        signatures.select("text_hash", "signature")
        .drop_nulls()
        .unique("text_hash", keep="first", maintain_order=True)
        .sort("text_hash")
    )
    pairs = np.empty(0, np.uint64)
    for band in range(section.bands):
        keys = hash_bands(frame["signature"], section, range(band, band + 1))[0]
        order = _order_shared(keys)

        def follow(members: NDArray[np.int64], band: int = band) -> NDArray[np.uint32]:
            some = frame["signature"].gather(members)
            after = (band + 1) % section.bands
            following: NDArray[np.uint64] = hash_bands(some, section, range(after, after + 1))[0]
            return following.astype(np.uint32)

        buckets = _plan_buckets(keys[order], order, follow)
        found = np.concatenate([pairs, *_pair_rows(buckets, 0, len(order))])
        found.sort()
        pairs = found[begins_run(found)]
    texts = frame["text_hash"]
    return pl.DataFrame(
        {
            "hash_a": texts.gather((pairs >> _HALF).astype(np.uint32)),
            "hash_b": texts.gather((pairs & _LOW).astype(np.uint32)),
        },
        schema=CANDIDATES,
    )


def pair_entries(
    band: NDArray[np.uint64],
    following: NDArray[np.uint32],
    text: NDArray[np.uint64],
    place: NDArray[np.uint32],
    most: int,
) -> Iterator[pl.DataFrame]:
    """The pairs that `find_candidates` finds, of entries of a range of bands (`bands.ENTRIES`).

    Memory: about 16 bytes per entry beside these, 70 per entry of a band that others share, and 80
    per pair of a frame.

    Args:
        band: of each entry, in any order; an entry may repeat.
        following: of each entry.
        text: of each entry.
        place: of each entry: where its text lies. The least place of a text's entries counts.
        most: pairs of a frame, or a few more.

    Yields:
        Frames of `PAIRS`: `a` < `b`, sorted, without repetition in one frame; at least one.
    """
    order = _order_shared(band)
    order = order[np.lexsort((place[order], text[order], band[order]))]
    order = order[begins_run(band[order]) | begins_run(text[order])]
    band, following, text, place = band[order], following[order], text[order], place[order]
    order = _order_shared(band)
    texts, number = np.unique(text, return_inverse=True)
    places = np.zeros(len(texts), np.uint32)
    places[number] = place
    buckets = _plan_buckets(band[order], order, lambda members: following[members])
    slices = np.cumsum(buckets.last - np.arange(len(order)) + buckets.is_large) // most
    cuts = [0, *np.flatnonzero(np.diff(slices)) + 1, len(order)]
    for first, last in pairwise(cuts):
        rows = np.concatenate([np.empty(0, np.uint64), *_pair_rows(buckets, first, last)])
        pairs = _packed(number[rows >> _HALF], number[rows & _LOW])
        pairs.sort()
        pairs = pairs[begins_run(pairs)]
        one, other = (pairs >> _HALF).astype(np.int64), (pairs & _LOW).astype(np.int64)
        columns = (texts[one], texts[other], places[one], places[other])
        yield pl.DataFrame(dict(zip(PAIRS, columns, strict=True)), schema=PAIRS)


def _order_shared(band: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The places of those values that occur more than once, by value and then by place."""
    order = np.argsort(band, kind="stable")
    begins = begins_run(band[order])
    shared: NDArray[np.int64] = order[~(begins & np.append(begins[1:], True)[: len(begins)])]
    return shared


class _Buckets(NamedTuple):
    """Rows by bucket, in the order in which neighbours are paired.

    Attributes:
        rows: int64.
        last: int64: the place among them of the last one that each is paired with.
        hub: int64: the first of each row's bucket.
        is_large: whether that is paired too.
    """

    rows: NDArray[np.int64]
    last: NDArray[np.int64]
    hub: NDArray[np.int64]
    is_large: NDArray[np.bool_]


def _plan_buckets(
    keys: NDArray[np.uint64],
    rows: NDArray[np.int64],
    follow: Callable[[NDArray[np.int64]], NDArray[np.uint32]],
) -> _Buckets:
    """Which rows with equal keys are paired.

    Args:
        keys: sorted.
        rows: that have them; ascending where keys are equal.
        follow: what rows of large buckets are ordered by before they are by row.
    """
    starts = np.flatnonzero(begins_run(keys))
    sizes = np.diff(np.append(starts, len(keys)))
    bucket = np.repeat(np.arange(len(starts)), sizes)
    is_large = sizes[bucket] > FULL_BUCKET
    hub = rows[starts[bucket]]
    if is_large.any():
        members = rows[is_large]
        rows = rows.copy()
        rows[is_large] = members[np.lexsort((members, follow(members), bucket[is_large]))]
    reach = np.arange(len(rows)) + np.where(is_large, NEIGHBOURS, FULL_BUCKET)
    return _Buckets(rows, np.minimum((starts + sizes)[bucket] - 1, reach), hub, is_large)


def _pair_rows(buckets: _Buckets, first: int, last: int) -> list[NDArray[np.uint64]]:
    """Pairs of the rows at some places, the smaller row in the upper 32 bits; some repeat."""
    at = np.arange(first, last)
    large = at[buckets.is_large[at] & (buckets.rows[at] != buckets.hub[at])]
    found = [_packed(buckets.hub[large], buckets.rows[large])]
    for step in range(1, FULL_BUCKET + 1):
        at = at[at + step <= buckets.last[at]]
        found.append(_packed(buckets.rows[at], buckets.rows[at + step]))
    return found


def _packed(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.uint64]:
    low, high = np.minimum(one, other), np.maximum(one, other)
    packed: NDArray[np.uint64] = low.astype(np.uint64) << _HALF | high.astype(np.uint64)
    return packed


def find_versions(texts: pl.DataFrame) -> pl.DataFrame:
    """Pairs of texts that may be versions of one work.

    Each text of a work and language is paired with the `WORK_NEIGHBOURS` that follow it in the
    order of their hashes, so that a work with more is still connected.

    Args:
        texts: `text_hash` (or numbers in its order), `work`, `language`; rows with a null are left
            out.

    Returns:
        `hash_a` < `hash_b`, sorted, without repetition.
    """
    frame = texts.select("work", "language", "text_hash").drop_nulls().unique().sort(pl.all())
    pairs = [
        frame.select(
            hash_a="text_hash", hash_b=pl.col("text_hash").shift(-step).over("work", "language")
        ).drop_nulls()
        for step in range(1, min(WORK_NEIGHBOURS, _largest_work(frame) - 1) + 1)
    ]
    nothing = frame.select(hash_a="text_hash", hash_b="text_hash").clear()
    return pl.concat([nothing, *pairs]).unique().sort("hash_a", "hash_b")


def _largest_work(frame: pl.DataFrame) -> int:
    sizes = frame.group_by("work", "language").len()["len"]
    return int(sizes.max() or 0)  # type: ignore[arg-type]  # a number


@dataclass(frozen=True)
class Sets:
    """Sets of shingles of some texts.

    Attributes:
        text_hash: of each.
        shingles: uint64: the distinct shingles of all.
        offsets: int64[texts + 1]: where those of each begin.
    """

    text_hash: pl.Series
    shingles: NDArray[np.uint64]
    offsets: NDArray[np.int64]


def cut_sets(texts: Iterable[pl.DataFrame], section: DuplicatesSection) -> Iterator[Sets]:
    """The sets of shingles of texts, a few thousand at a time.

    Args:
        texts: frames with `text_hash` and `text`.
        section: what a shingle is.
    """
    from curate.duplicates import kernels

    for frame in texts:
        for chunk in frame.iter_slices(_CHUNK):
            yield Sets(chunk["text_hash"], *kernels.cut_shingles(chunk["text"], section)[2:])


def verify(
    candidates: pl.DataFrame, texts: Iterable[pl.DataFrame], section: DuplicatesSection
) -> pl.DataFrame:
    """The true Jaccard similarity of candidate pairs: of their sets of shingle hashes.

    Memory: that of `compare`, beside one frame of `texts`.

    Args:
        candidates: `hash_a`, `hash_b`.
        texts: frames with `text_hash` and `text`; which of the texts with one hash comes first, and
            texts that are no candidates, do not matter.
        section: what a shingle is, and the similarities below which no pair is of use.

    Returns:
        `hash_a`, `hash_b`, `similarity` (rounded to 6 decimals), sorted, of the pairs from the
        section's `least_similarity` up.

    Raises:
        ComponentError: the text of a candidate is not among `texts`.
    """
    hashes = _texts_of(candidates)
    is_missing = np.ones(len(hashes), np.bool_)

    def wanted() -> Iterator[pl.DataFrame]:
        for frame in texts:
            some = frame.select("text_hash", "text").unique("text_hash", keep="any")
            place = find_texts(hashes, some["text_hash"])
            is_new = place >= 0
            is_new[is_new] = is_missing[place[is_new]]
            is_missing[place[is_new]] = False
            yield some.filter(pl.Series(is_new))

    return compare(candidates, cut_sets(wanted(), section), section)


def compare(
    candidates: pl.DataFrame, sets: Iterable[Sets], section: DuplicatesSection
) -> pl.DataFrame:
    """As `verify`, of texts whose sets of shingles are cut already.

    Memory: 8 bytes for each distinct shingle of the texts in candidates (about 1.5 bytes per byte
    of English text), 32 bytes per such text and 64 per pair.
    """
    from curate.duplicates import kernels

    pairs = candidates.select("hash_a", "hash_b").unique().sort("hash_a", "hash_b")
    hashes = _texts_of(pairs)
    starts, ends = np.full((2, len(hashes)), -1)
    shingles = np.empty(0, np.uint64)
    used = 0
    for some in sets:
        found = find_texts(hashes, some.text_hash)
        row = np.flatnonzero(found >= 0)
        place = found[row]
        new = len(some.shingles)
        if used + new > len(shingles):  # realloc: large arrays grow without a copy
            shingles.resize((used + new) * 9 // 8, refcheck=False)
        shingles[used : used + new] = some.shingles
        starts[place], ends[place] = used + some.offsets[row], used + some.offsets[row + 1]
        used += new
    if (starts < 0).any():
        raise ComponentError(
            "the texts of all candidate pairs are given",
            f"{(starts < 0).sum()} of {len(hashes)} did not come, such as {hashes.filter(starts < 0)[0]}",
        )
    left, right = (find_texts(hashes, pairs[name]) for name in CANDIDATES)
    sizes = ends - starts
    one, other = sizes[left], sizes[right]
    floor = section.least_similarity
    is_possible = np.round(np.minimum(one, other) / np.maximum(one, other), 6) >= floor
    left, right = left[is_possible], right[is_possible]
    shared = kernels.overlaps(shingles, starts, ends, left, right)
    similarity = np.round(shared / (sizes[left] + sizes[right] - shared), 6)
    return (
        pairs.filter(is_possible)
        .with_columns(similarity=similarity)
        .filter(pl.col("similarity") >= floor)
    )


def _texts_of(pairs: pl.DataFrame) -> pl.Series:
    """The hashes of the texts in some pairs, sorted."""
    return pl.concat([pairs["hash_a"], pairs["hash_b"]]).unique().sort()


def find_texts(hashes: pl.Series, sought: pl.Series) -> NDArray[np.int64]:
    """The places of texts among sorted ones; -1 where one is not there.

    Not by a join: that looks at all of them for each few that come.
    """
    if hashes.is_empty():
        return np.full(len(sought), -1)
    place = hashes.search_sorted(sought).clip(upper_bound=len(hashes) - 1)
    is_there = (hashes.gather(place) == sought).to_numpy()
    return np.where(is_there, place.to_numpy().astype(np.int64), -1)
