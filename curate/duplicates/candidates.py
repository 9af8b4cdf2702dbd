"""Which texts may be near-duplicates, and which of those really are.

Pairs are between texts (`text_hash`), not documents: copies of one text share it and need no pair.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.errors import ComponentError
from curate.recipe import DuplicatesSection

FULL_BUCKET = 32  # texts with one band equal, up to which each is paired with each
NEIGHBOURS = 4  # beyond that
WORK_NEIGHBOURS = 32  # uploads of one film that are compared with each
_CHUNK = 1 << 13  # signatures whose bytes are copied at once: few, so that they stay near the core
_LOW = np.uint64(0xFFFFFFFF)

CANDIDATES: dict[str, type[pl.DataType]] = {"hash_a": pl.String, "hash_b": pl.String}
LINKS: dict[str, type[pl.DataType]] = {**CANDIDATES, "similarity": pl.Float64}


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
    expected = section.bands * section.rows * 4
    sizes = frame["signature"].bin.size()
    if (sizes != expected).any():
        came = sizes.filter(sizes != expected)[0]
        raise ComponentError(
            f"signatures have {section.bands} bands of {section.rows} values ({expected} bytes)",
            f"one of {came} bytes came",
            change="measure with the same [duplicates] bands and rows",
        )
    pairs = np.empty(0, np.uint64)
    for band in range(section.bands):
        found = np.concatenate([pairs, *_bucket_pairs(frame["signature"], section, band)])
        found.sort()
        pairs = found[_begins_run(found)]
    texts = frame["text_hash"]
    return pl.DataFrame(
        {
            "hash_a": texts.gather((pairs >> np.uint64(32)).astype(np.uint32)),
            "hash_b": texts.gather((pairs & _LOW).astype(np.uint32)),
        },
        schema=CANDIDATES,
    )


def find_versions(texts: pl.DataFrame) -> pl.DataFrame:
    """Pairs of texts that may be versions of one work.

    Each text of a work and language is paired with the `WORK_NEIGHBOURS` that follow it in the
    order of their hashes, so that a work with more is still connected.

    Args:
        texts: `text_hash`, `work`, `language`; rows with a null are left out.

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
    return pl.concat([pl.DataFrame(schema=CANDIDATES), *pairs]).unique().sort("hash_a", "hash_b")


def _largest_work(frame: pl.DataFrame) -> int:
    sizes = frame.group_by("work", "language").len()["len"]
    return int(sizes.max() or 0)  # type: ignore[arg-type]  # a number


def _bucket_pairs(
    signatures: pl.Series, section: DuplicatesSection, band: int
) -> list[NDArray[np.uint64]]:
    """Pairs of rows with one band equal, the smaller row in the upper 32 bits; some repeat."""
    keys = _band_keys(signatures, section, band)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    begins = _begins_run(keys)
    is_shared = ~(begins & np.append(begins[1:], True))
    order, keys = order[is_shared], keys[is_shared]
    starts = np.flatnonzero(_begins_run(keys))
    sizes = np.diff(np.append(starts, len(keys)))
    bucket = np.repeat(np.arange(len(starts)), sizes)
    is_large = sizes[bucket] > FULL_BUCKET
    found = []
    if is_large.any():
        members = order[is_large]
        hubs = order[starts[bucket[is_large]]]
        found.append(_packed(hubs[hubs != members], members[hubs != members]))
        following = _band_keys(signatures.gather(members), section, (band + 1) % section.bands)
        order[is_large] = members[np.lexsort((members, following, bucket[is_large]))]
    at = np.arange(len(order))
    reach = np.where(is_large, NEIGHBOURS, FULL_BUCKET)
    last = np.minimum((starts + sizes)[bucket] - 1, at + reach)
    for step in range(1, FULL_BUCKET + 1):
        at = at[at + step <= last[at]]
        found.append(_packed(order[at], order[at + step]))
    return found


def _band_keys(signatures: pl.Series, section: DuplicatesSection, band: int) -> NDArray[np.uint64]:
    """A 64-bit hash of one band of each signature; a chance equality costs one verification."""
    keys = np.empty(len(signatures), np.uint64)
    for start in range(0, len(signatures), _CHUNK):
        chunk = signatures.slice(start, _CHUNK)
        data = chunk.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]
        values = np.frombuffer(data, "<u4").reshape(len(chunk), section.bands * section.rows)
        state = np.zeros(len(chunk), np.uint64)
        for value in range(band * section.rows, (band + 1) * section.rows):
            state = (state ^ values[:, value]) * np.uint64(0x9E3779B97F4A7C15)
            state ^= state >> np.uint64(32)
        keys[start : start + len(chunk)] = state
    return keys


def _begins_run(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of sorted values differ from the one before."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]


def _packed(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.uint64]:
    low, high = np.minimum(one, other), np.maximum(one, other)
    packed: NDArray[np.uint64] = low.astype(np.uint64) << np.uint64(32) | high.astype(np.uint64)
    return packed


def verify(
    candidates: pl.DataFrame, texts: Iterable[pl.DataFrame], section: DuplicatesSection
) -> pl.DataFrame:
    """The true Jaccard similarity of candidate pairs: of their sets of shingle hashes.

    Memory: 8 bytes for each distinct shingle of the texts in candidates (about 1.5 bytes per byte
    of English text), 32 bytes per such text and 64 per pair, beside one frame of `texts`.

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
    from curate.duplicates import kernels

    pairs = candidates.select("hash_a", "hash_b").unique().sort("hash_a", "hash_b")
    hashes = pl.concat([pairs["hash_a"], pairs["hash_b"]]).unique().sort()
    places = pl.DataFrame({"text_hash": hashes, "place": np.arange(len(hashes))})
    starts, ends = np.full((2, len(hashes)), -1)
    shingles = np.empty(0, np.uint64)
    used = 0
    for frame in texts:
        wanted = frame.select("text_hash", "text").join(places, on="text_hash")
        wanted = wanted.filter(starts[wanted["place"].to_numpy()] < 0).unique("place", keep="any")
        for chunk in wanted.iter_slices(_CHUNK):
            words = kernels.word_hashes(chunk["text"])
            found, offsets = kernels.shingle_sets(*words, section.shingle_words)
            if used + len(found) > len(shingles):  # realloc: large arrays grow without a copy
                shingles.resize((used + len(found)) * 9 // 8, refcheck=False)
            shingles[used : used + len(found)] = found
            place = chunk["place"].to_numpy()
            starts[place], ends[place] = used + offsets[:-1], used + offsets[1:]
            used += len(found)
    if (starts < 0).any():
        raise ComponentError(
            "the texts of all candidate pairs are given",
            f"{(starts < 0).sum()} of {len(hashes)} did not come, such as {hashes.filter(starts < 0)[0]}",
        )
    left, right = (
        pairs.join(places, left_on=name, right_on="text_hash", maintain_order="left")["place"]
        for name in CANDIDATES
    )
    sizes = ends - starts
    one, other = sizes[left], sizes[right]
    floor = section.least_similarity
    is_possible = np.round(np.minimum(one, other) / np.maximum(one, other), 6) >= floor
    left, right = left.to_numpy()[is_possible], right.to_numpy()[is_possible]
    shared = kernels.overlaps(shingles, starts, ends, left, right)
    similarity = np.round(shared / (sizes[left] + sizes[right] - shared), 6)
    return (
        pairs.filter(is_possible)
        .with_columns(similarity=similarity)
        .filter(pl.col("similarity") >= floor)
    )
