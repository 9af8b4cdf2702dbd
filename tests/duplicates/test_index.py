"""The index against a plain reference, under damage, kills, removal, several readers and a writer."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates import spool
from curate.duplicates.bands import ENTRIES, make_entries, merge_entries
from curate.duplicates.index import DOCUMENTS, Index, IndexDamageError, State, open_indexes
from curate.errors import StoreError
from curate.recipe import DuplicatesSection
from curate.store import Store

SECTION = DuplicatesSection(bands=4, rows=2)
FOUND = ["own_hash", "id"]


def text_hash(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


def documents(rows: list[tuple[int, list[int]]], release: str, start: int = 0) -> pl.DataFrame:
    """Documents of texts by number, each with its bands: a band is two equal values."""
    signatures = [
        None if bands is None else np.repeat(np.array(bands, "<u4"), 2).tobytes()
        for _, bands in rows
    ]
    return pl.DataFrame(
        {
            "id": [f"{start + n:032x}" for n in range(len(rows))],
            "text_hash": [text_hash(text) for text, _ in rows],
            "release": release,
            "block": "objects/documents/x.parquet",
            "row": range(len(rows)),
            "signature": pl.Series(signatures, dtype=pl.Binary),
        },
        schema={**DOCUMENTS, "signature": pl.Binary},
    )


def add(index: Index, frame: pl.DataFrame, release: str) -> State:
    with index.writing():
        segment = index.write_segment(index.newest(), [release], frame.height, [frame])
        return index.append(segment)


def find(index: Index, frame: pl.DataFrame, state: State | None = None) -> list[tuple[str, str]]:
    entries = make_entries(frame, index.section)

    def entries_of(low: int, high: int) -> pl.DataFrame:
        return entries.filter(
            (pl.col("band") >= pl.lit(low, pl.UInt64)) & (pl.col("band") <= pl.lit(high, pl.UInt64))
        )

    found = index.find(state or index.newest(), frame["text_hash"], entries_of)
    return sorted(found.select(FOUND).rows())


def slow_find(held: pl.DataFrame, frame: pl.DataFrame, gone=()) -> list[tuple[str, str]]:
    """Each new text with each held document of one text, or with one band equal."""
    pairs = set()
    for own, mine in frame.select("text_hash", "signature").iter_rows():
        for name, text, theirs in held.select("id", "text_hash", "signature").iter_rows():
            near = (
                mine
                and theirs
                and any(mine[at : at + 8] == theirs[at : at + 8] for at in range(0, 32, 8))
            )
            if (near or own == text) and name not in gone:
                pairs.add((own, name))
    return sorted(pairs)


BANDS = st.none() | st.lists(st.integers(0, 3), min_size=4, max_size=4)
TEXTS = st.dictionaries(st.integers(1, 30), BANDS, max_size=8)


@settings(deadline=None, max_examples=25)
@given(
    releases=st.lists(TEXTS, min_size=1, max_size=3),
    new=TEXTS,
    gone=st.sets(st.integers(0, 20), max_size=3),
    entries=st.sampled_from([4, 1 << 22]),
)
def test_what_is_found_is_that_of_a_plain_reference(
    tmp_path_factory, monkeypatch_of, releases, new, gone, entries
):
    known: dict[int, list[int]] = {}  # one text has one signature
    for texts in (*releases, new):
        for text, bands in texts.items():
            texts[text] = known.setdefault(text, bands)
    store = Store(str(tmp_path_factory.mktemp("store")))
    index = Index(store, SECTION)
    with monkeypatch_of(spool, "RANGE_ENTRIES", entries):
        held = []
        for number, texts in enumerate(releases):
            held.append(documents(list(texts.items()), f"r@{number + 1}", 100 * number))
            add(index, held[-1], f"r@{number + 1}")
        everything = pl.concat(held)
        sought = documents(list(new.items()), "new")

        assert find(index, sought) == slow_find(everything, sought)

        ids = {f"{one:032x}" for one in gone}
        before = index.newest()
        index.remove(ids)
        assert find(index, sought) == slow_find(everything, sought, ids)
        assert find(index, sought, before) == slow_find(everything, sought)
        index.compact()
        assert find(index, sought) == slow_find(everything, sought, ids)
        assert len(index.newest().segments) == 1
        index.collect()
        assert find(index, sought) == slow_find(everything, sought, ids)
        assert index.newest().documents == len(set(everything["id"]) - ids)


@pytest.fixture(scope="session")
def monkeypatch_of():
    """Like `monkeypatch.setattr`, for one example of a property."""
    from contextlib import contextmanager

    @contextmanager
    def patched(module, name, value):
        before = getattr(module, name)
        setattr(module, name, value)
        try:
            yield
        finally:
            setattr(module, name, before)

    return patched


@pytest.fixture
def index(tmp_path) -> Index:
    return Index(Store(str(tmp_path)), SECTION)


ROWS = [(1, [1, 2, 3, 4]), (2, [1, 9, 9, 9]), (3, None)]
NEW = documents([(3, None), (7, [8, 2, 8, 8]), (1, [1, 2, 3, 4])], "new", 50)


def test_a_document_that_is_there_is_not_added_again(index):
    first = add(index, documents(ROWS, "a@1"), "a@1")
    more = documents([*ROWS, (4, [5, 5, 5, 5])], "a@2")
    second = add(index, more, "a@2")

    assert [segment.documents for segment in second.segments] == [3, 1]
    assert second.releases == ["a@1", "a@2"]
    # the same again is the same segment, and no new state
    with index.writing():
        again = index.write_segment(first, ["a@2"], 4, [more])
        assert index.append(again) == second
    assert index.read_state(1) == first


def test_many_equal_bands_cost_no_square(index):
    """2,000 texts with one band equal: each new text meets a few of them, the nearest by the next."""
    rows = [(n, [7, n, 10**6 + n, 10**7 + n]) for n in range(1, 2001)]
    add(index, documents(rows, "a@1"), "a@1")
    sought = documents([(5000 + n, [7, n, 1, 1]) for n in range(1, 301)], "new")

    found = find(index, sought)
    assert len(found) <= 300 * 2 * spool.NEIGHBOURS + 300
    equal_next = {(text_hash(5000 + n), f"{n - 1:032x}") for n in range(1, 301)}
    assert equal_next <= set(found)


# --- damage


def damage(path: Path, kind: str) -> None:
    path.chmod(0o644)
    content = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "flipped":
        flipped = bytes(byte ^ 0xFF for byte in content[16:80])
        path.write_bytes(content[:16] + flipped + content[80:])
    elif kind == "empty":
        path.write_bytes(b"")


@pytest.mark.parametrize("kind", ["missing", "cut", "flipped", "empty", "other"])
@pytest.mark.parametrize("file", ["documents.parquet", "bands-00000-of-00001.parquet"])
def test_a_damaged_segment_is_named(index, tmp_path, kind, file):
    state = add(index, documents(ROWS, "a@1"), "a@1")
    assert index.find_damage(state) == {}
    name = state.segments[0].name
    path = tmp_path / index.folder / "segments" / name / file
    if kind == "other":  # whole, and of another segment
        other = Index(Store(str(tmp_path / "elsewhere")), SECTION)
        made = add(other, documents([(9, [1, 1, 1, 1])], "a@1"), "a@1").segments[0].name
        shutil.copy(Path(other.store.url, other.folder, "segments", made, file), path)
    else:
        damage(path, kind)

    with pytest.raises(IndexDamageError, match=f"segments/{name}") as raised:
        find(index, NEW)
    assert pickle.loads(pickle.dumps(raised.value)).segment == name
    assert list(index.find_damage(state)) == [name]
    assert file in str(raised.value)


def test_what_lies_in_an_entry_of_a_file_is_checked_value_by_value(index, tmp_path):
    """A file that is whole Parquet but holds another value than the state says."""
    state = add(index, documents(ROWS, "a@1"), "a@1")
    path = tmp_path / index.folder / "segments" / state.segments[0].name / "documents.parquet"
    frame = pl.read_parquet(path)
    metadata = index.store.read_metadata(str(path.relative_to(tmp_path)))
    changed = frame.with_columns(row=pl.col("row") + 1)
    index.store.write_frame(str(path.relative_to(tmp_path)), changed, metadata)
    with pytest.raises(IndexDamageError, match=r"group 0 of documents\.parquet"):
        find(index, NEW)


@pytest.mark.parametrize("content", ["{", "[]", '{"segments": []}', "null"])
def test_a_damaged_state_is_named(index, tmp_path, content):
    add(index, documents(ROWS, "a@1"), "a@1")
    name = tmp_path / index.folder / "states/00000001.json"
    name.write_text(content)
    with pytest.raises(StoreError, match=r"states/00000001\.json"):
        index.newest()
    facts = {"identity": "x", "segments": [], "removed": ""}
    name.write_text(json.dumps(facts))
    with pytest.raises(StoreError, match="the identity that it names"):
        index.newest()


def test_other_parameters_are_refused_with_both_sets(index):
    add(index, documents(ROWS, "a@1"), "a@1")
    other = Index(index.store, DuplicatesSection(bands=20, rows=13))
    with pytest.raises(StoreError, match=r"bands 20, rows 13.*bands 4, rows 2"):
        other.check_parameters()
    index.check_parameters()
    assert [one.section.bands for one in open_indexes(index.store)] == [4]


def test_another_width_of_character_shingles_is_another_parameter(index):
    def of(characters: int) -> Index:
        settings = {"shingle_characters": characters}
        return Index(index.store, index.section.model_copy(update=settings))

    assert of(index.section.shingle_words).folder == index.folder
    add(of(2), documents(ROWS, "a@1"), "a@1")
    with pytest.raises(StoreError, match=r"shingle_words 5, signed.*shingle_characters 2"):
        index.check_parameters()
    assert [one.section.shingle_characters for one in open_indexes(index.store)] == [2]


# --- kills, the lock, readers


class Killed(BaseException):
    """What ends a writer between two files."""


@pytest.mark.parametrize("step", range(1, 6))
def test_a_writer_that_is_killed_between_two_files_leaves_the_state(index, monkeypatch, step):
    add(index, documents(ROWS, "a@1"), "a@1")
    before = index.newest()
    found = find(index, NEW)
    count = 0
    publishing = Store.publishing

    def dying(self, name):
        nonlocal count
        count += 1
        if count == step:
            raise Killed
        return publishing(self, name)

    more = documents([(7, [8, 2, 8, 8])], "a@2", 90)
    monkeypatch.setattr(Store, "publishing", dying)
    try:
        add(index, more, "a@2")
    except Killed:
        assert index.newest() == before
        assert find(index, NEW) == found
    monkeypatch.undo()
    after = add(index, more, "a@2")
    assert after.releases == ["a@1", "a@2"]
    assert len(find(index, NEW)) == len(found) + 2  # near to two of the texts


def test_a_second_writer_is_told_who_writes_and_a_dead_one_is_passed(index, tmp_path):
    with (
        index.writing(),
        pytest.raises(StoreError, match=f"process {os.getpid()} on .*remove this"),
    ):
        index.remove(["x"])
    lock = tmp_path / index.folder / "lock"
    assert not lock.exists()
    process = multiprocessing.get_context("spawn").Process(target=os.getpid)
    process.start()
    process.join()
    import platform

    lock.write_text(json.dumps({"host": platform.node(), "process": process.pid}))
    index.remove(["x"])  # its process is gone
    assert not lock.exists()
    for content in ("", json.dumps({"host": "elsewhere", "process": 1})):
        lock.write_text(content)
        with pytest.raises(StoreError, match="one process writes the index"):
            index.remove(["y"])


def read_often(url: str, answers: multiprocessing.Queue) -> None:
    index = Index(Store(url), SECTION)
    state = index.read_state(1)
    answers.put({tuple(find(index, NEW, state)) for _ in range(10)})


def test_two_readers_see_their_state_while_a_writer_adds(index):
    add(index, documents(ROWS, "a@1"), "a@1")
    expected = tuple(find(index, NEW))
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    readers = [
        context.Process(target=read_often, args=(index.store.url, answers)) for _ in range(2)
    ]
    for reader in readers:
        reader.start()
    for number in range(2, 6):
        add(index, documents([(7 + number, [8, 2, 8, 8])], "r", 100 * number), f"a@{number}")
    index.compact()
    results = [answers.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join()
    assert results == [{expected}, {expected}]
    assert len(find(index, NEW)) == len(expected) + 8


def test_old_states_are_read_until_they_are_collected(index):
    add(index, documents(ROWS, "a@1"), "a@1")
    add(index, documents([(4, [5, 5, 5, 5])], "a@2", 90), "a@2")
    first = index.read_state(1)
    index.compact()
    assert find(index, NEW, first)
    assert len(index.collect()) == 2
    with pytest.raises(StoreError):
        index.read_state(1)
    assert index.collect() == []
    assert index.find_damage(index.newest()) == {}


def test_an_empty_release_and_an_empty_index(index):
    assert index.newest() == State()
    assert find(index, NEW) == []
    assert index.compact() == State()
    state = add(index, documents([], "a@1"), "a@1")
    assert (state.documents, find(index, NEW)) == (0, [])
    assert merge_entries([]).schema == ENTRIES
