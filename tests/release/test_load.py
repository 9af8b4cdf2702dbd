from __future__ import annotations

import uuid

import datasets
import polars as pl
import pytest
from releases import make_documents, stage

import curate
from curate.errors import ReleaseError
from curate.release.load import load
from curate.release.publish import publish
from curate.release.shards import RELEASE_COLUMNS
from curate.store import Store

DOCUMENTS = make_documents(range(120))


def publish_documents(store: Store, documents: pl.DataFrame):
    return publish(store, "releases/corpus/.staging-1", stage(store, documents))[0]


def test_datasets_opens_the_release_and_each_split(tmp_path):
    manifest = publish_documents(Store(str(tmp_path)), DOCUMENTS)
    folder = tmp_path / manifest.folder
    both = datasets.load_from_disk(str(folder))
    assert {name: len(split) for name, split in both.items()} == {"train": 108, "validation": 12}
    train = datasets.load_from_disk(str(folder / "train"))
    assert isinstance(train, datasets.Dataset)
    assert train.split == "train"
    assert train.features == datasets.Features(
        {name: datasets.Value(str(dtype).lower()) for name, dtype in RELEASE_COLUMNS.items()}
    )
    assert [file["filename"] for file in train.cache_files] == [
        str(folder / shard.path) for shard in manifest.shards if shard.split == "train"
    ]
    expected = DOCUMENTS.filter(split="train").select(*RELEASE_COLUMNS).sort("id")
    assert pl.DataFrame(train.with_format("arrow")[:]).sort("id").equals(expected)
    assert sorted(row["id"] for row in train) == expected["id"].to_list()


def test_load_gives_train_by_default_another_split_or_both(tmp_path):
    store = str(tmp_path)
    publish_documents(Store(store), DOCUMENTS)
    assert len(load("corpus@1", store=store)) == 108
    assert curate.load is load
    assert len(load("corpus", store=store, split="validation")) == 12
    both = load("corpus@latest", store=store, split=None)
    assert isinstance(both, datasets.DatasetDict)
    assert {name: len(split) for name, split in both.items()} == {"train": 108, "validation": 12}


@pytest.mark.parametrize("kept", ["train", "validation", "neither"])
def test_empty_splits_open(tmp_path, kept):
    publish_documents(Store(str(tmp_path)), DOCUMENTS.filter(pl.col("split") == kept))
    both = load("corpus", store=str(tmp_path), split=None)
    for name, split in both.items():
        assert len(split) == (0 if name != kept else DOCUMENTS.filter(split=kept).height)
        assert split.column_names == list(RELEASE_COLUMNS)
        assert len(list(split.select_columns("id"))) == len(split)


def test_a_remote_release_is_fetched_once_and_only_the_split_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    url = f"memory://{uuid.uuid4().hex}"
    manifest = publish_documents(Store(url), DOCUMENTS)
    assert len(load("corpus", store=url, split="validation")) == 12
    folder = tmp_path / "releases/corpus" / manifest.content_hash
    assert [entry.name for entry in folder.iterdir()] == ["validation"]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert len(load("corpus", store=url, split="validation")) == 12
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert len(load("corpus", store=url)) == 108
    assert sorted(entry.name for entry in folder.iterdir()) == ["train", "validation"]


def test_what_cannot_be_loaded_is_said(tmp_path):
    store = str(tmp_path)
    manifest = publish_documents(Store(store), DOCUMENTS)
    with pytest.raises(ReleaseError, match="did you mean 'validation'"):
        load("corpus", store=store, split="valdiation")
    with pytest.raises(ReleaseError, match="did you mean 'corpus'"):
        load("corpsu", store=store)
    path = tmp_path / manifest.folder / manifest.shards[0].path
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ReleaseError, match=r"it has 100; see `curate verify corpus@1`"):
        load("corpus", store=store)
    path.unlink()
    with pytest.raises(ReleaseError, match="it is missing"):
        load("corpus", store=store)
    assert len(load("corpus", store=store, split="validation")) == 12
