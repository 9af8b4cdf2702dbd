"""The index of a release by name: parts by range of hash, and the one file of older releases."""

from __future__ import annotations

import polars as pl
import pytest

from curate.errors import StoreError
from curate.ledger import NamesPart, find_named, index_names, plan_names, plan_parts
from curate.store import Store

ROWS = pl.DataFrame(
    {
        "id": [f"{number:032x}" for number in range(50)],
        "uri": [f"https://a.example/{number % 40}" for number in range(50)],
        "source_id": [None if number % 2 else f"s{number}" for number in range(50)],
    }
)


def write_release(store: Store, files: dict[str, pl.DataFrame]) -> None:
    for part in plan_parts(ROWS.height):
        store.write_frame(f"r/{part.name}", ROWS.filter(part.holds()))
    for name, frame in files.items():
        store.write_frame(f"r/{name}", frame)


@pytest.mark.parametrize("count", [1, 4, 0])
def test_documents_are_found_by_address_source_id_and_id(tmp_path, count):
    names = index_names(ROWS)
    parts = [NamesPart(number, count) for number in range(count)]
    files = {part.name: names.filter(part.holds()) for part in parts}
    assert sum(frame.height for frame in files.values()) == (names.height if count else 0)
    store = Store(str(tmp_path))
    write_release(store, files or {"ledger/uris.parquet": names})

    def found(name: str) -> list[int]:
        return [int(one, 16) for one in find_named(store, "r", name)["id"]]

    assert [found(f"https://a.example/{n}") for n in (3, 39, 40)] == [[3, 43], [39], []]
    assert [found("s8"), found("s9"), found(f"{7:032x}")] == [[8], [], [7]]


def test_a_part_that_is_gone_is_told(tmp_path):
    store = Store(str(tmp_path))
    write_release(store, {})
    with pytest.raises(StoreError, match="ledger/names-00000-of-00001"):
        find_named(store, "r", "s8")


def test_parts_are_as_many_as_names_need():
    assert [len(plan_names(names)) for names in (0, 1_000_000, 1_000_001, 9_000_000)] == [
        1,
        1,
        2,
        16,
    ]
