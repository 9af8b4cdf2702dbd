"""Entries of bands: what is sorted, cut by range and merged to find texts with a band equal.

An **entry** says that a text has a band: `band`, a hash of the band's number and its values, and
`text`, the first 64 bits of the text's hash. Two texts whose bits agree by chance (among 10⁹ texts
there are any with a probability of 0.03) count as one here; whoever reads texts back compares whole
hashes. `next` is a part of the hash of the band that follows, by which a bucket that is too large
for all its pairs is ordered (`curate.duplicates.candidates`).

A file of entries is sorted by `band`, then `text`, and holds no entry twice. It is an object of the
store (Parquet, 20 bytes an entry) of groups of `GROUP_ENTRIES`; its metadata has the shape of the
signatures, and of each group its first band and a checksum. So a range of bands is read without the
rest, and a damaged file is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.errors import ComponentError, StoreError
from curate.recipe import DuplicatesSection
from curate.store import Store

GROUP_ENTRIES = 1 << 14  # a range of bands takes a few of each file, and one more than it needs
ENTRIES = pl.Schema({"band": pl.UInt64, "next": pl.UInt32, "text": pl.UInt64})
ENTRY_BYTES = 20
_CHUNK = 1 << 11  # signatures whose bytes are copied at once: few, so that they stay near the core
_SOUGHT = 1 << 18
_EARLIER_GROUP = 1 << 16  # of files that do not say it: segments of an index that is there


def number_texts(text_hash: pl.Series) -> pl.Series:
    """The first 64 bits of texts' hashes: UInt64, in the order of the hashes."""
    return text_hash.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64).alias("text")


def shape_of(section: DuplicatesSection) -> dict[str, int]:
    """What two files of entries must agree on to be merged."""
    shape = {
        "bands": section.bands,
        "rows": section.rows,
        "shingle_words": section.shingle_words,
    }
    if section.character_width != section.shingle_words:  # else what is there stays of use
        shape["shingle_characters"] = section.character_width
    return shape


def make_entries(signatures: pl.DataFrame, section: DuplicatesSection) -> pl.DataFrame:
    """The entries of some texts, sorted and without repetition.

    Args:
        signatures: `text_hash`, `signature`; rows with a null are left out, repeated texts count once.
        section: the shape of the signatures.

    Raises:
        ComponentError: signatures of another shape than the section's.
    """
    frame = signatures.select("text_hash", "signature").drop_nulls()
    texts = number_texts(frame["text_hash"])
    is_first = texts.is_first_distinct()
    if not is_first.all():
        frame, texts = frame.filter(is_first), texts.filter(is_first)
    keys = hash_bands(frame["signature"], section, range(section.bands))
    following = (np.roll(keys, -1, axis=0) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return sort_entries(
        keys.reshape(-1), following.reshape(-1), np.tile(texts.to_numpy(), section.bands)
    )


def hash_bands(
    signatures: pl.Series, section: DuplicatesSection, bands: range
) -> NDArray[np.uint64]:
    """A hash of the number and the values of some bands, of each signature.

    Chance equality of two costs one verification.

    Returns:
        uint64[bands, signatures].

    Raises:
        ComponentError: signatures of another shape than the section's.
    """
    expected = section.bands * section.rows * 4
    sizes = signatures.bin.size()
    if (sizes != expected).any():
        came = sizes.filter(sizes != expected)[0]
        raise ComponentError(
            f"signatures have {section.bands} bands of {section.rows} values ({expected} bytes)",
            f"one of {came} bytes came",
            change="measure with the same [duplicates] bands and rows",
        )
    from curate.duplicates import kernels

    keys = np.empty((len(bands), len(signatures)), np.uint64)
    for start in range(0, len(signatures), _CHUNK):
        chunk = signatures.slice(start, _CHUNK)
        data = chunk.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]
        values = np.frombuffer(data, "<u4").reshape(len(chunk), section.bands * section.rows)
        kernels.hash_bands(values, section.rows, bands.start, keys[:, start : start + len(chunk)])
    return keys


def sort_entries(
    band: NDArray[np.uint64], following: NDArray[np.uint32], text: NDArray[np.uint64]
) -> pl.DataFrame:
    """A frame of `ENTRIES` in order and without repetition."""
    order = np.argsort(band)
    band, text = band[order], text[order]
    ties = np.flatnonzero(~begins_run(band))
    if len(ties):  # few: only they are ordered by text too
        shared = np.zeros(len(band), np.bool_)
        shared[ties] = shared[ties - 1] = True
        among = np.flatnonzero(shared)
        order[among] = order[among[np.lexsort((text[among], band[among]))]]
        text[among] = text[among[np.lexsort((text[among], band[among]))]]
    frame = pl.DataFrame({"band": band, "next": following[order], "text": text}, schema=ENTRIES)
    same = ~begins_run(band)
    same[1:] &= text[1:] == text[:-1]
    return frame.filter(~same) if same.any() else frame


def merge_entries(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Frames of `ENTRIES` as one, in order and without repetition."""
    frame = pl.concat([pl.DataFrame(schema=ENTRIES), *parts])
    return sort_entries(*(frame[name].to_numpy() for name in ENTRIES))


def begins_run(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of sorted values differ from the one before."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]


def distinct(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Values, sorted and each once: for millions 15 times as fast as `np.unique`, which hashes."""
    ordered = np.sort(values)
    return ordered[begins_run(ordered)]


def find_places(among: NDArray[np.uint64], values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The places of values among sorted ones; -1 where one is not there.

    Some at a time, and in their order: else each step of each search would wait for memory.
    """
    found = np.full(len(values), -1)
    for start in range(0, len(values) if len(among) else 0, _SOUGHT):
        some = values[start : start + _SOUGHT]
        order = np.argsort(some)
        some = some[order]
        place = np.minimum(np.searchsorted(among, some), len(among) - 1)
        found[start + order] = np.where(among[place] == some, place, -1)
    return found


def cut_ranges(count: int) -> list[tuple[int, int]]:
    """So many ranges of 64-bit numbers of about equal size: the first and the last of each."""
    bounds = [number * (1 << 64) // count for number in range(count + 1)]
    return [(low, high - 1) for low, high in pairwise(bounds)]


def least_power(least: float) -> int:
    """The least power of two that is not less."""
    count = 1
    while count < least:
        count *= 2
    return count


# --- files


def write_entries(
    store: Store,
    name: str,
    entries: pl.DataFrame,
    shape: Mapping[str, int],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Publish sorted entries.

    Args:
        store: where to.
        name: of the object.
        entries: of `ENTRIES`, sorted.
        shape: what `shape_of` says.
        facts: more that the metadata shall hold.
    """
    groups = list(entries.iter_slices(GROUP_ENTRIES))
    metadata = {
        **(facts or {}),
        "shape": dict(shape),
        "entries": entries.height,
        "group": GROUP_ENTRIES,
        "firsts": [int(group["band"][0]) for group in groups if group.height],
        "checksums": [checksum(group) for group in groups if group.height],
    }
    store.write_frame(name, entries, metadata, GROUP_ENTRIES)


def read_entries(
    store: Store, name: str, shape: Mapping[str, int], first: int = 0, last: int = (1 << 64) - 1
) -> pl.DataFrame:
    """The entries of a file whose band is in a range, both ends included.

    Raises:
        StoreError: the file is missing or damaged.
        ComponentError: its signatures have another shape.
    """
    return pl.concat([pl.DataFrame(schema=ENTRIES), *_read_groups(store, name, shape, first, last)])


def _read_groups(
    store: Store, name: str, shape: Mapping[str, int], first: int, last: int
) -> Iterator[pl.DataFrame]:
    metadata = store.read_metadata(name)
    if metadata["shape"] != dict(shape):
        raise ComponentError(
            f"{name} has signatures of the shape {_tell(shape)}",
            f"it was made with {_tell(metadata['shape'])}",
            store.url,
            "use the same [duplicates] bands, rows and shingles, or another store",
        )
    firsts = metadata["firsts"]
    after = [*firsts, 1 << 64][1:]
    wanted = [
        number
        for number, (low, high) in enumerate(zip(firsts, after, strict=True))
        if low <= last and high >= first
    ]
    if not wanted:
        return
    size = metadata.get("group", _EARLIER_GROUP)
    start = wanted[0] * size
    try:
        whole = store.scan_frame(name).slice(start, len(wanted) * size).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(store, name, str(error)) from error
    inside = pl.col("band").is_between(
        pl.lit(first, dtype=pl.UInt64), pl.lit(last, dtype=pl.UInt64)
    )
    for number, group in zip(wanted, whole.iter_slices(size), strict=False):
        if checksum(group) != metadata["checksums"][number]:
            raise _damaged(store, name, f"group {number} has another checksum")
        yield group.filter(inside) if number in {wanted[0], wanted[-1]} else group
    if min(metadata["entries"] - start, len(wanted) * size) != whole.height:
        raise _damaged(store, name, f"it has not the {metadata['entries']} entries that it had")


def checksum(entries: pl.DataFrame) -> str:
    """A hash of a frame of `ENTRIES`, as 16 hex digits."""
    digest = hashlib.blake2b(digest_size=8)
    for column in ENTRIES:
        digest.update(entries[column].to_numpy().tobytes())
    return digest.hexdigest()


def _damaged(store: Store, name: str, came: str) -> StoreError:
    return StoreError(
        f"{name} is a whole file of entries",
        came,
        store.url,
        "remove it; the next run makes it again",
    )


def _tell(shape: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in shape.items())
