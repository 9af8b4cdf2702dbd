from __future__ import annotations

import hashlib
import itertools
import random

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import hex_id, make_documents

from curate.errors import ReleaseError
from curate.release.shards import (
    RELEASE_COLUMNS,
    Shard,
    _batches,
    _canonical,
    plan_shards,
    scatter,
    shuffle_position,
    write_shard,
)
from curate.store import Store

MASK = 2**64 - 1
LITERAL_0 = [3746585686858627171, 18238592909620668334, 14605092558461541286]
LITERAL_7 = [1213277729458912176, 3477735816293062692, 14799061496388850627]


def plain_position(name: str, seed: int) -> int:
    """The slow reference: one id, Python integers."""

    def mix(value: int) -> int:
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
        return value ^ (value >> 31)

    high, low = int(name[:16], 16), int(name[16:], 16)
    return mix(mix(high ^ mix((seed + 0x9E3779B97F4A7C15) & MASK)) ^ low)


def test_positions_are_the_same_forever():
    ids = pl.Series(["0" * 32, "f" * 32, "0123456789abcdef0123456789abcdef"])
    assert shuffle_position(ids, 0).to_list() == LITERAL_0
    assert shuffle_position(ids, 7).to_list() == LITERAL_7
    assert shuffle_position(ids, 7).dtype == pl.UInt64
    assert shuffle_position(pl.Series([], dtype=pl.String), 7).to_list() == []


@settings(deadline=None)
@given(st.lists(st.text("0123456789abcdef", min_size=32, max_size=32)), st.integers())
def test_positions_equal_the_plain_reference(ids, seed):
    found = shuffle_position(pl.Series(ids, dtype=pl.String), seed)
    assert found.to_list() == [plain_position(name, seed) for name in ids]


def test_the_first_output_of_splitmix64_is_that_of_its_authors():
    # SplitMix64 with seed 0 gives 0xE220A8397B1DCDAF first: the finaliser of the golden gamma
    start = shuffle_position(pl.Series(["e220a8397b1dcdaf" + "0" * 16]), 0)
    assert start.to_list() == [0]  # high half cancels the mixed seed, and zero mixes to zero


def test_positions_fill_the_range_evenly():
    ids = pl.Series([hex_id(n) for n in range(20_000)])
    tenths = (shuffle_position(ids, 1) // (2**64 // 10 + 1)).value_counts()["count"]
    assert tenths.min() > 1850
    assert tenths.max() < 2150


@pytest.mark.parametrize(
    "bad", [["abc"], ["g" * 32], [None], ["0" * 31 + " "], ["0" * 31, "0" * 33], ["é" * 16]]
)
def test_a_malformed_id_is_an_error(bad):
    with pytest.raises(ReleaseError, match="an id is 32 hex digits"):
        shuffle_position(pl.Series(bad, dtype=pl.String), 0)


def test_the_plan_gives_powers_of_two_and_both_splits():
    sizes = pl.DataFrame(
        [("train", "b", 100), ("train", "a", 1), ("train", "b", 1), ("train", "c", 0)],
        schema=["split", "snapshot", "documents"],
        orient="row",
    )
    assert plan_shards(sizes, 40) == [
        Shard("train", "a", 0, 1),
        *(Shard("train", "b", index, 4) for index in range(4)),
        Shard("validation", "", 0, 1),
    ]
    nothing = sizes.clear()
    assert plan_shards(nothing, 1) == [Shard("train", "", 0, 1), Shard("validation", "", 0, 1)]
    exact = pl.DataFrame({"split": ["validation"], "snapshot": [None], "documents": [80]})
    assert [s.count for s in plan_shards(exact, 40)] == [1, 2, 2]


def test_ranges_meet_without_gap():
    for count in (1, 2, 64):
        ranges = [Shard("train", "a", index, count).positions for index in range(count)]
        assert ranges[0][0] == 0
        assert ranges[-1][1] == MASK
        assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(ranges))


def test_paths_are_plain_and_never_meet():
    paths = [Shard("train", name, 0, 1).path for name in ("a/b", "a b", "a-b", "../x", "", "日本")]
    assert paths[2] == "train/data-a-b-00000-of-00001.arrow"
    assert paths[4] == "train/data-00000-of-00001.arrow"
    assert len(set(paths)) == 6
    assert all(path.count("/") == 1 and path.isascii() for path in paths)
    assert len(Shard("train", "x" * 500, 0, 1).path) < 150


def test_scatter_sorts_and_refuses_what_is_no_document():
    documents = make_documents(range(50)).with_columns(extra=pl.lit(1))
    frame = scatter(documents, 7)
    assert frame.columns == [*RELEASE_COLUMNS, "split", "position"]
    assert frame.equals(frame.sort("split", "snapshot", "position", "id"))
    assert set(frame["id"]) == set(documents["id"])
    assert scatter(documents.clear(), 7).height == 0
    with pytest.raises(ReleaseError, match=r"\['toxicity'\] are missing"):
        scatter(documents.drop("toxicity"), 7)
    with pytest.raises(ReleaseError, match="'test' came"):
        scatter(documents.with_columns(split=pl.lit("test")), 7)
    with pytest.raises(ReleaseError, match="None came"):
        scatter(documents.with_columns(split=pl.lit(None)), 7)


def write_all(store: Store, groups: list[pl.DataFrame], shards: list[Shard], tag: str):
    names = []
    for number, group in enumerate(groups):
        names.append(f"o/{tag}-{number}.parquet")
        store.write_frame(names[-1], scatter(group, 7))
    random.Random(tag).shuffle(names)
    return [write_shard(store, names, shard, f"{tag}/{shard.path}") for shard in shards]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=60, max_size=60),
    st.randoms(use_true_random=False),
)
def test_bytes_are_the_same_whatever_the_spread(tmp_path_factory, places, rng):
    store = Store(str(tmp_path_factory.mktemp("store")))
    documents = make_documents(range(60))
    shards = plan_shards(
        documents.group_by("split", "snapshot").agg(documents=pl.len()), shard_documents=16
    )
    whole = write_all(store, [documents], shards, "whole")
    order = list(range(60))
    rng.shuffle(order)
    groups = [documents[[n for n in order if places[n] == place]] for place in range(4)]
    spread = write_all(store, groups, shards, "spread")
    assert whole == spread
    for shard in shards:
        content = store.read_bytes(f"whole/{shard.path}")
        assert content == store.read_bytes(f"spread/{shard.path}")
    assert sum(file.rows for file in whole) == 60


def test_a_shard_holds_its_rows_in_order_with_pinned_types(tmp_path):
    store = Store(str(tmp_path))
    documents = make_documents(range(2300), snapshots=1, validation=2400)[1:]
    [file] = write_all(store, [documents], [Shard("train", "S-0", 0, 1)], "t")
    content = store.read_bytes(f"t/{file.path}")
    assert file.bytes == len(content)
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    with pa.ipc.open_stream(content) as stream:
        batches = list(stream)
        schema = stream.schema
    assert [batch.num_rows for batch in batches] == [1000, 1000, 299]
    assert schema == pa.schema(
        [
            *((name, pa.string()) for name in list(RELEASE_COLUMNS)[:9]),
            ("part", pa.int64()),
            *((name, pa.string()) for name in list(RELEASE_COLUMNS)[10:18]),
            ("language_score", pa.float64()),
            ("toxicity", pa.float64()),
            ("cluster_size", pa.int64()),
        ]
    )
    assert schema.metadata is None
    table = pl.DataFrame(pa.Table.from_batches(batches))
    expected = scatter(documents, 7).sort("position", "id").select(*RELEASE_COLUMNS)
    assert table.equals(expected)


def test_one_document_less_changes_one_shard(tmp_path):
    store = Store(str(tmp_path))
    documents = make_documents(range(200))
    shards = plan_shards(documents.group_by("split", "snapshot").agg(documents=pl.len()), 16)
    before = write_all(store, [documents], shards, "before")
    after = write_all(store, [documents.filter(pl.col("id") != hex_id(77))], shards, "after")
    changed = [a.path for a, b in zip(before, after, strict=True) if a.sha256 != b.sha256]
    assert len(shards) > 8
    assert len(changed) == 1


def test_an_id_that_comes_twice_is_an_error(tmp_path):
    documents = make_documents([1, 1], snapshots=1)
    with pytest.raises(ReleaseError, match=f"id {hex_id(1)} came twice"):
        write_all(Store(str(tmp_path)), [documents], [Shard("train", "S-0", 0, 1)], "t")


def test_no_objects_give_an_empty_shard(tmp_path):
    file = write_shard(Store(str(tmp_path)), [], Shard("validation", "", 0, 1), "x.arrow")
    assert (file.rows, file.path) == (0, "validation/data-00000-of-00001.arrow")
    with pa.ipc.open_stream((tmp_path / "x.arrow").read_bytes()) as stream:
        assert stream.read_all().num_rows == 0


def test_a_store_in_memory_gives_the_same_bytes(tmp_path):
    documents = make_documents(range(40))
    shards = plan_shards(documents.group_by("split", "snapshot").agg(documents=pl.len()), 16)
    here = write_all(Store(str(tmp_path)), [documents], shards, "t")
    assert write_all(Store("memory://shards"), [documents], shards, "t") == here


def test_batches_are_halved_where_their_text_is_too_much():
    frame = pl.DataFrame({"text": ["a" * 10, "b" * 10, "c" * 10, "d" * 100, "e"]})
    heights = [part.height for part in _batches([frame], rows=4, text_bytes=25)]
    assert heights == [2, 1, 1, 1]
    assert pl.concat(_batches([frame], 4, 25)).equals(frame)
    assert [part.height for part in _batches([frame], 3, 1000)] == [3, 2]
    assert list(_batches([frame.clear()], 3, 1000)) == []


@given(st.lists(st.integers(0, 7), max_size=8), st.integers(1, 6))
def test_batches_are_as_long_whatever_the_slices(heights, rows):
    frame = pl.DataFrame(
        {"text": [str(n) for n in range(sum(heights))]}, schema={"text": pl.String}
    )
    starts = [sum(heights[:place]) for place in range(len(heights))]
    slices = [frame.slice(start, height) for start, height in zip(starts, heights, strict=True)]
    found = list(_batches(slices, rows, 1000))
    assert [part.height for part in found] == [p.height for p in _batches([frame], rows, 1000)]
    assert pl.concat([frame.clear(), *found]).equals(frame)


def test_a_shard_gathered_in_slices_has_the_same_bytes(tmp_path):
    store = Store(str(tmp_path))
    documents = make_documents(range(2300), snapshots=1, validation=2400)
    names = []
    for number, group in enumerate((documents[:900], documents[900:901], documents[901:])):
        names.append(f"o/{number}.parquet")
        store.write_frame(names[-1], scatter(group, 7), row_group_rows=100)
    shard = Shard("train", "S-0", 0, 1)
    whole = write_shard(store, names, shard, "whole", slice_bytes=1 << 40)
    for slice_bytes in (1000, 20_000):
        assert write_shard(store, names, shard, "sliced", slice_bytes) == whole


@settings(deadline=None)
@given(
    st.lists(st.none() | st.text(max_size=20), max_size=30),
    st.integers(0, 10),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_nothing_lies_under_a_null(values, start, hidden):
    column = pl.Series(values, dtype=pl.String)
    shown = pl.Series(hidden[: len(values)], dtype=pl.Boolean)
    masked = pl.select(pl.when(~shown).then(column)).to_series()[start:]
    wanted = [None if hide else value for value, hide in zip(values, hidden, strict=False)][start:]
    array = _canonical(masked, pa.string())
    plain = pa.array(wanted, type=pa.string())
    assert array.equals(plain)
    array.validate(full=True)
    schema = pa.schema([("c", pa.string())])
    batch, same = (pa.record_batch([a], schema=schema) for a in (array, plain))
    assert batch.serialize() == same.serialize()
    numbers = masked.str.len_bytes().cast(pl.Int64)
    array = _canonical(numbers, pa.int64())
    assert array.to_pylist() == numbers.to_list()
    values_below = bytes(array.buffers()[1] or b"")[: 8 * len(array)]
    zeros = [number or 0 for number in numbers]
    assert values_below == b"".join(n.to_bytes(8, "little") for n in zeros)


def test_documents_at_one_position_stand_by_id(tmp_path):
    def with_position_of(name: str, high: int) -> str:
        """An id with another high half and the same position: the low half makes up for it."""
        highs = pl.Series([name[:16] + "0" * 16, f"{high:016x}" + "0" * 16])
        # of an id with low half 0 the position is mix(inner): compare inner values by undoing mix
        inner = [unmix(position) for position in shuffle_position(highs, 7)]
        return f"{high:016x}{int(name[16:], 16) ^ inner[0] ^ inner[1]:016x}"

    first = hex_id(1)
    twins = [first, *(with_position_of(first, high) for high in (5, 1 << 60, 9, 77))]
    assert shuffle_position(pl.Series(twins), 7).n_unique() == 1
    documents = make_documents(range(1, 6), snapshots=1).with_columns(id=pl.Series(twins))
    shard = Shard("train", "S-0", 0, 1)
    store = Store(str(tmp_path))
    [whole] = write_all(store, [documents], [shard], "a")
    [spread] = write_all(store, [documents[[n]] for n in (3, 1, 4, 0, 2)], [shard], "b")
    assert whole == spread
    with pa.ipc.open_stream(store.read_bytes(f"a/{whole.path}")) as stream:
        assert stream.read_all()["id"].to_pylist() == sorted(twins)


def unmix(value: int) -> int:
    """The inverse of the finaliser of SplitMix64."""
    value = value ^ (value >> 31) ^ (value >> 62)
    value = value * pow(0x94D049BB133111EB, -1, 2**64) & MASK
    value = value ^ (value >> 27) ^ (value >> 54)
    value = value * pow(0xBF58476D1CE4E5B9, -1, 2**64) & MASK
    return value ^ (value >> 30) ^ (value >> 60)
