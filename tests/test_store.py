from __future__ import annotations

import os
import time
from pathlib import Path

import polars as pl
import pytest

from curate.errors import StoreError
from curate.store import STALE_SECONDS, Store, content_key


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    """A store in a folder, and one behind fsspec."""
    if request.param == "local":
        return Store(str(tmp_path / "store"))
    return Store(f"memory://{tmp_path.name}")


def test_a_frame_comes_back_with_its_metadata(store):
    frame = pl.DataFrame({"id": ["a", "b"], "number": [1, None]})

    store.write_frame("objects/x/1.parquet", frame, {"blocks": [{"key": "k"}]})

    assert store.has("objects/x/1.parquet")
    assert not store.has("objects/x/2.parquet")
    assert store.read_frame("objects/x/1.parquet").equals(frame)
    assert store.read_frame("objects/x/1.parquet", ["number"]).columns == ["number"]
    assert store.scan_frame("objects/x/1.parquet").filter(pl.col("id") == "b").collect().height == 1
    assert store.read_metadata("objects/x/1.parquet") == {"blocks": [{"key": "k"}]}
    assert store.names("objects") == ["x"]
    assert store.names("nowhere") == []


def test_nothing_is_published_when_the_writer_fails(tmp_path):
    store = Store(str(tmp_path))

    def fail():
        with store.publishing("objects/x/1.parquet") as path:
            Path(path).write_bytes(b"half")
            raise RuntimeError("the writer failed")

    with pytest.raises(RuntimeError, match="the writer failed"):
        fail()

    assert not store.has("objects/x/1.parquet")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_killed_runs_left_unpublished_is_cleared_after_a_day(tmp_path):
    store = Store(str(tmp_path))
    store.prepare()
    names = ["tmp/{}", "releases/corpus/.staging-{}"]
    old, young = ([tmp_path / name.format(age) for name in names] for age in ("old", "young"))
    then = time.time() - STALE_SECONDS - 1
    for file, staging in (old, young):
        file.write_bytes(b"half")
        staging.mkdir(parents=True)
        (staging / "shard").write_bytes(b"half")
    for path in old:
        os.utime(path, (then, then))

    store.prepare()

    assert [path.exists() for path in old] == [False, False]
    assert [path.exists() for path in young] == [True, True]


def test_a_store_that_cannot_be_made_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StoreError) as error:
        Store(str(tmp_path / "file" / "store")).prepare()

    assert "the store can be written, but" in str(error.value)
    assert "--store" in error.value.change


def test_a_full_disk_is_told_as_such(tmp_path):
    store = Store(str(tmp_path))

    def fill():
        with store.publishing("x"):
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="the disk is full; free space"):
        fill()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_is_full_when_a_frame_is_written_is_told_as_such(tmp_path):
    store = Store(str(tmp_path))

    def fill():
        with store.publishing("x"):
            pl.DataFrame({"id": ["a"]}).write_parquet("/dev/full")

    with pytest.raises(StoreError, match="the disk is full; free space"):
        fill()


@pytest.mark.parametrize("read", ["read_frame", "scan_frame"])
def test_a_damaged_object_is_named(tmp_path, read):
    store = Store(str(tmp_path))
    store.write_bytes("objects/x/1.parquet", b"PAR1 not really")

    with pytest.raises(StoreError, match=r"objects/x/1\.parquet is a Parquet file, but"):
        getattr(store, read)("objects/x/1.parquet")


@pytest.mark.parametrize("read", ["read_frame", "scan_frame"])
def test_a_missing_object_is_named(store, read):
    with pytest.raises(StoreError, match=r"holds objects/x/1\.parquet, but there is no such file"):
        getattr(store, read)("objects/x/1.parquet")


def test_a_store_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StoreError, match="Not a directory"):
        Store(str(tmp_path / "file")).names("releases")


def test_an_unknown_protocol_is_refused():
    with pytest.raises(StoreError, match="nonsense"):
        Store("nonsense://x").prepare()


def test_a_key_depends_on_every_part_and_on_nothing_else():
    key = content_key("read", 1, seed=7, files=["a"])

    assert key == content_key("read", 1, files=["a"], seed=7)
    assert (
        len(
            {
                key,
                content_key("read", 2, seed=7, files=["a"]),
                content_key("link", 1, seed=7, files=["a"]),
                content_key("read", 1, seed=8, files=["a"]),
                content_key("read", 1, seed=7, files=["b"]),
            }
        )
        == 5
    )
