"""How the ledger lies in a release: ranges of ids, and an index by name.

`ledger/part-00000-of-00002.parquet` … hold every document, sorted by id; each part holds an equal
range of ids, and there are as many as a power of two, so that most rows stay where they are.
`ledger/names-00000-of-00002.parquet` … map the hash of every URI and source id to ids; each holds an
equal range of hashes, sorted. (In releases made before, one file does: `ledger/uris.parquet`.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from curate.errors import StoreError
from curate.store import Store

PART_DOCUMENTS = 100_000
PART_NAMES = 1_000_000
_WHOLE_INDEX = "uris.parquet"


@dataclass(frozen=True)
class _Part:
    """The part `number` of `count` equal ranges."""

    number: int
    count: int
    _kind: ClassVar[str]

    @property
    def name(self) -> str:
        """The part's file, relative to the release."""
        return f"ledger/{self._kind}-{self.number:05}-of-{self.count:05}.parquet"


class LedgerPart(_Part):
    """A range of ids."""

    _kind = "part"

    @property
    def bounds(self) -> tuple[str, str]:
        """The first hex digits from which ids belong to the part, and from which they do not."""
        low, high = (n * (1 << 32) // self.count for n in (self.number, self.number + 1))
        return f"{low:08x}", "g" if high == 1 << 32 else f"{high:08x}"

    def holds(self) -> pl.Expr:
        """Whether an id belongs to the part."""
        low, high = self.bounds
        return pl.col("id").is_between(pl.lit(low), pl.lit(high), closed="left")


class NamesPart(_Part):
    """A range of hashes of names."""

    _kind = "names"

    def holds(self) -> pl.Expr:
        """Whether a hash belongs to the part."""
        low, high = (n * (1 << 64) // self.count for n in (self.number, self.number + 1))
        first, last = (pl.lit(bound, dtype=pl.UInt64) for bound in (low, high - 1))
        return pl.col("name_hash").is_between(first, last)


def plan_parts(documents: int) -> list[LedgerPart]:
    """The parts of a ledger of so many documents."""
    count = _count_parts(documents, PART_DOCUMENTS)
    return [LedgerPart(number, count) for number in range(count)]


def plan_names(names: int) -> list[NamesPart]:
    """The parts of an index of so many names."""
    count = _count_parts(names, PART_NAMES)
    return [NamesPart(number, count) for number in range(count)]


def _count_parts(rows: int, most: int) -> int:
    """The least power of two of parts that hold at most so many rows each."""
    count = 1
    while rows / count > most:
        count *= 2
    return count


def find_parts(store: Store, folder: str) -> list[LedgerPart]:
    """The parts of the ledger in a release's folder.

    Raises:
        StoreError: there is none.
    """
    count = sum(name.startswith("part-") for name in store.names(f"{folder}/ledger"))
    if not count:
        asked = f"the store holds the ledger in {folder}"
        raise StoreError(asked, "it has no part", store.url, "see `curate verify`")
    return [LedgerPart(number, count) for number in range(count)]


def find_rows(store: Store, folder: str, ids: Iterable[str]) -> pl.DataFrame:
    """Rows by id, sorted by id; no row for an id that is not there."""
    wanted = pl.Series("id", sorted(set(ids)), dtype=pl.String)
    found = []
    for part in find_parts(store, folder):
        mine = wanted.to_frame().filter(part.holds())["id"]
        rows = store.scan_frame(f"{folder}/{part.name}")
        found.append(
            (
                rows.filter(pl.col("id").is_in(mine.implode())) if len(mine) else rows.limit(0)
            ).collect()
        )
    return pl.concat(found)


def find_named(store: Store, folder: str, name: str) -> pl.DataFrame:
    """Rows whose id, URI or source id is the name."""
    wanted = int(name_hash(pl.Series([name]))[0])
    files = store.names(f"{folder}/ledger")
    count = max(sum(file.startswith("names-") for file in files), 1)
    part = NamesPart(wanted * count >> 64, count).name
    if _WHOLE_INDEX in files:
        part = f"ledger/{_WHOLE_INDEX}"
    index = store.scan_frame(f"{folder}/{part}").filter(pl.col("name_hash") == wanted).collect()
    rows = find_rows(store, folder, [*index["id"], name])
    is_name = [pl.col(column).eq_missing(pl.lit(name)) for column in ("id", "uri", "source_id")]
    return rows.filter(pl.any_horizontal(is_name))


def read_text(store: Store, block: str, row: int) -> str | None:
    """The text in a row of an object of documents; None when the store no longer holds it."""
    if not store.has(block):
        return None
    return str(store.scan_frame(block).select("text").slice(row, 1).collect().item())


def index_names(rows: pl.DataFrame) -> pl.DataFrame:
    """The index's rows for rows with `id`, `uri` and `source_id`: `name_hash`, `id`; sorted."""
    keys = []
    for column in ("uri", "source_id"):
        named = rows.select("id", name=column).drop_nulls()
        keys.append(named.select(name_hash(named["name"]), "id"))
    return pl.concat(keys).unique().sort("name_hash", "id")


def name_hash(names: pl.Series) -> pl.Series:
    """The hash under which the index holds a name: the first 64 bits of its BLAKE2b."""
    digests = [
        int.from_bytes(
            hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
        )
        for name in names.to_list()
    ]
    return pl.Series("name_hash", digests, dtype=pl.UInt64)
