from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate.duplicates.bands import (
    ENTRIES,
    GROUP_ENTRIES,
    cut_ranges,
    make_entries,
    merge_entries,
    number_texts,
    read_entries,
    shape_of,
    sort_entries,
    write_entries,
)
from curate.errors import ComponentError, StoreError
from curate.recipe import DuplicatesSection
from curate.store import Store

SMALL = DuplicatesSection(bands=3, rows=2)
NAME = "objects/bands/one.parquet"


def sketched(values: np.ndarray, hashes: np.ndarray) -> pl.DataFrame:
    """Frames of made-up signatures."""
    return pl.DataFrame(
        {
            "text_hash": [f"{number:016x}{number % 7:016x}" for number in hashes.tolist()],
            "signature": [row.astype("<u4").tobytes() for row in values],
        },
        schema={"text_hash": pl.String, "signature": pl.Binary},
    )


def drawn(rows: int, seed: int = 3) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    return sketched(draw.integers(0, 40, (rows, 6)), draw.permutation(rows).astype(np.uint64) << 40)


def many(entries: int) -> pl.DataFrame:
    draw = np.random.default_rng(9)
    band, text = draw.integers(0, 1 << 63, (2, entries), dtype=np.uint64)
    return sort_entries(band << np.uint64(1), text.astype(np.uint32), text)


def test_each_text_has_one_entry_for_each_band():
    entries = make_entries(drawn(100), SMALL)

    assert entries.schema == ENTRIES
    assert entries.height == 300
    assert entries.equals(entries.sort("band", "text"))
    assert entries["text"].value_counts()["count"].unique().to_list() == [3]


def test_texts_share_an_entry_where_a_band_is_equal_at_the_same_place():
    values = np.array([[1, 2, 3, 4, 5, 6], [1, 2, 9, 9, 5, 6], [3, 4, 1, 2, 7, 7]])
    entries = make_entries(sketched(values, np.array([10, 20, 30])), SMALL)
    shared = entries.filter(pl.len().over("band") > 1)

    assert shared["text"].to_list() == [10, 20, 10, 20]
    # the band after the first differs, and that after the last is the first, which is equal
    assert sorted(group["next"].n_unique() for group in shared.partition_by("band")) == [1, 2]


def test_numbers_of_texts_are_in_the_order_of_their_hashes():
    hashes = pl.Series(["00" * 16, "ff" * 16, "00ff" * 8])

    assert number_texts(hashes).to_list() == [0, (1 << 64) - 1, 0x00FF00FF00FF00FF]
    assert (number_texts(hashes.sort()).diff().drop_nulls() > 0).all()


@pytest.mark.parametrize("cut", [0, 1, 37, 100])
def test_merged_parts_are_the_whole_whatever_the_cut_and_the_order(cut):
    frame = drawn(100)
    parts = [make_entries(part, SMALL) for part in (frame[cut:], frame[:cut], frame[20:60])]

    assert merge_entries(parts).equals(make_entries(frame.reverse(), SMALL))


def test_rows_without_a_signature_and_no_rows_have_no_entries():
    frame = drawn(3).with_columns(signature=pl.lit(None, pl.Binary))

    assert make_entries(frame, SMALL).equals(pl.DataFrame(schema=ENTRIES))
    assert make_entries(frame.clear(), SMALL).equals(pl.DataFrame(schema=ENTRIES))
    assert merge_entries([]).equals(pl.DataFrame(schema=ENTRIES))


@pytest.mark.parametrize("entries", [0, 1, GROUP_ENTRIES, GROUP_ENTRIES + 1, 200_000])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_ranges_of_a_file_are_the_file(tmp_path, entries, count):
    store, frame = Store(str(tmp_path)), many(entries)
    write_entries(store, NAME, frame, shape_of(SMALL), {"texts": 5})
    parts = [read_entries(store, NAME, shape_of(SMALL), *part) for part in cut_ranges(count)]

    assert pl.concat(parts).equals(frame)
    assert store.read_metadata(NAME)["texts"] == 5


def test_a_range_within_one_band_of_many_groups_is_read_whole(tmp_path):
    store, rows = Store(str(tmp_path)), 3 * GROUP_ENTRIES
    band = np.full(rows, 77, np.uint64)
    band[0], band[-1] = 3, 99
    frame = sort_entries(band, np.zeros(rows, np.uint32), np.arange(rows, dtype=np.uint64))
    write_entries(store, NAME, frame, shape_of(SMALL))

    assert read_entries(store, NAME, shape_of(SMALL), 77, 77).equals(frame[1:-1])
    assert read_entries(store, NAME, shape_of(SMALL), 4, 76).height == 0


def test_another_shape_is_refused_with_both(tmp_path):
    store = Store(str(tmp_path))
    write_entries(store, NAME, many(10), shape_of(SMALL))
    message = "shape bands 32, rows 4, shingle_words 5, but it was made with bands 3, rows 2, shi"

    with pytest.raises(ComponentError, match=message):
        read_entries(store, NAME, shape_of(DuplicatesSection()))


def test_a_file_with_another_entry_is_named(tmp_path):
    store, frame = Store(str(tmp_path)), many(100_000)
    write_entries(store, NAME, frame, shape_of(SMALL))
    metadata = store.read_metadata(NAME)
    changed = frame["text"].to_numpy().copy()
    changed[GROUP_ENTRIES + 5] ^= 1
    store.write_frame(NAME, frame.with_columns(text=pl.Series(changed)), metadata, GROUP_ENTRIES)

    assert read_entries(store, NAME, shape_of(SMALL), 0, 1 << 60).height > 0
    with pytest.raises(StoreError, match=f"{NAME} is a whole.*group 1 has another checksum"):
        read_entries(store, NAME, shape_of(SMALL))


def test_a_file_cut_short_or_with_other_bytes_is_named(tmp_path):
    store = Store(str(tmp_path))
    write_entries(store, NAME, many(100_000), shape_of(SMALL))
    path = Path(store.path(NAME))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match=NAME):
        read_entries(store, NAME, shape_of(SMALL))
    torn = bytearray(content)
    torn[5000:5100] = bytes(100)
    path.write_bytes(torn)
    with pytest.raises(StoreError, match=NAME):
        read_entries(store, NAME, shape_of(SMALL))
