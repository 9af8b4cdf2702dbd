"""Entries of bands on a local disk, parted by range; and which of them meet those of an index."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.bands import ENTRIES, cut_ranges, merge_entries
from curate.recipe import DuplicatesSection

FULL_BUCKET = 32  # indexed texts with one band equal, up to which each is a candidate
NEIGHBOURS = 4  # on either side, beyond that
RANGE_ENTRIES = 1 << 22  # entries in a file of bands: what is sorted and merged at once
PAIRS = pl.Schema({"own": pl.UInt64, "theirs": pl.UInt64})
_SPOOLED = np.dtype([("band", "<u8"), ("next", "<u4"), ("text", "<u8")])


def meet(ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of texts with a band equal; see `Index.find` for large buckets.

    Args:
        ours: entries in any order; they may repeat.
        theirs: sorted entries.
    """
    ours = _may_meet(ours, theirs["band"].to_numpy())
    band, text = theirs["band"].to_numpy(), theirs["text"].to_numpy()
    following = theirs["next"].to_numpy()
    sought = ours["band"].to_numpy()
    start, stop = np.searchsorted(band, sought, "left"), np.searchsorted(band, sought, "right")
    sizes = stop - start
    own, own_next = ours["text"].to_numpy(), ours["next"].to_numpy()
    is_small = (sizes > 0) & (sizes <= FULL_BUCKET)
    found = [_expand(own[is_small], start[is_small], sizes[is_small], text)]
    large = np.flatnonzero(sizes > FULL_BUCKET)
    for first in np.unique(start[large]):
        mine = large[start[large] == first]
        last = stop[mine[0]]
        order = first + np.argsort(following[first:last], kind="stable")
        place = np.searchsorted(following[order], own_next[mine])
        low = np.maximum(place - NEIGHBOURS, 0)
        high = np.minimum(place + NEIGHBOURS, len(order))
        found.append(_expand(own[mine], low, high - low, text[order]))
    return pl.concat(found).unique()


def _may_meet(entries: pl.DataFrame, band: NDArray[np.uint64]) -> pl.DataFrame:
    """The entries whose band some others may have, sorted by it: most need not be sorted at all."""
    size = 1 << max(3, len(band).bit_length() + 3)  # one in eight to sixteen others passes
    is_there = np.zeros(size, np.bool_)
    low = np.uint64(size - 1)
    is_there[band & low] = True
    own = entries["band"].to_numpy()
    some = np.flatnonzero(is_there[own & low])
    return entries[some[np.argsort(own[some])]]


def _expand(
    own: NDArray[np.uint64],
    start: NDArray[np.int64],
    sizes: NDArray[np.int64],
    text: NDArray[np.uint64],
) -> pl.DataFrame:
    """Each text with the run of others that begins at its start."""
    ends = np.cumsum(sizes)
    at = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
    theirs = text[np.repeat(start, sizes) + at]
    return pl.DataFrame({"own": np.repeat(own, sizes), "theirs": theirs}, schema=PAIRS)


def take_range(entries: pl.DataFrame, low: int, high: int) -> pl.DataFrame:
    """The sorted entries from one band to another, both included."""
    band = entries["band"].to_numpy()
    start = int(np.searchsorted(band, np.uint64(low), "left"))
    stop = int(np.searchsorted(band, np.uint64(high), "right"))
    return entries.slice(start, stop - start)


@dataclass(frozen=True)
class Spool:
    """Entries on a local disk, parted by range, until they are sorted.

    Attributes:
        folder: where they lie.
        ranges: how many.
    """

    folder: Path
    ranges: int

    def add(self, entries: pl.DataFrame) -> None:
        """Add sorted entries."""
        for number, (low, high) in enumerate(cut_ranges(self.ranges)):
            part = take_range(entries, low, high)
            rows = np.empty(part.height, _SPOOLED)
            for name in ENTRIES:
                rows[name] = part[name].to_numpy()
            with Path(self.folder, str(number)).open("ab") as file:
                rows.tofile(file)

    def read(self, low: int, high: int) -> pl.DataFrame:
        """The entries from one band to another, sorted, without repetition."""
        return merge_entries([self.take(low, high)])

    def take(self, low: int, high: int) -> pl.DataFrame:
        """The entries from one band to another, in the order in which they came."""
        parts = [pl.DataFrame(schema=ENTRIES)]
        for number, (first, last) in enumerate(cut_ranges(self.ranges)):
            path = Path(self.folder, str(number))
            if first <= high and last >= low and path.exists():
                rows = np.fromfile(path, _SPOOLED)
                if first < low or last > high:
                    rows = rows[(rows["band"] >= low) & (rows["band"] <= high)]
                columns = {name: np.ascontiguousarray(rows[name]) for name in ENTRIES}
                parts.append(pl.DataFrame(columns, schema=ENTRIES))
        return pl.concat(parts)


@contextmanager
def spooling(documents: int, section: DuplicatesSection) -> Iterator[Spool]:
    """A spool for the entries of about so many documents; gone in the end."""
    ranges = count_ranges(documents, section)
    with tempfile.TemporaryDirectory() as folder:
        yield Spool(Path(folder), ranges)


def count_ranges(documents: int, section: DuplicatesSection) -> int:
    """Ranges of at most about `RANGE_ENTRIES` entries: a power of two."""
    ranges = 1
    while documents * section.bands > ranges * RANGE_ENTRIES:
        ranges *= 2
    return ranges
