"""The same on an object store that speaks S3."""

from __future__ import annotations

from pathlib import Path

import pytest
from releases import make_documents, stage

from curate.errors import InputError, StoreError
from curate.recipe import RecordsSection
from curate.release.load import load
from curate.release.manifest import find_release, verify_release
from curate.release.publish import publish
from curate.sources.inputs import find_inputs
from curate.store import Store


@pytest.fixture
def store(bucket):
    return Store(f"s3://{bucket[1]}/store")


def test_a_store_without_credentials_is_told_so(monkeypatch):
    pytest.importorskip("s3fs")
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StoreError, match="the store can be reached, but Unable to locate cred"):
        Store("s3://somewhere/store").names("releases")
    with pytest.raises(InputError, match="an input can be listed, but Unable to locate cred"):
        find_inputs(
            RecordsSection(kind="records", inputs=("s3://somewhere/*.jsonl",)), Path("/nowhere")
        )
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.slow
def test_publish_verify_and_load(store, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    documents = make_documents(range(100))
    staging = "releases/corpus/.staging-1"
    first, made = publish(store, staging, stage(store, documents))
    assert (first.version, made) == (1, True)
    assert store.names("releases/corpus") == ["1"]
    assert publish(store, staging, stage(store, documents, objects=5)) == (first, False)

    store.remove(f"{first.folder}/manifest.json")  # as if killed just before it
    assert publish(store, staging, stage(store, documents[:50]))[0].version == 2
    store.remove("releases/corpus/2")
    assert publish(store, staging, stage(store, documents)) == (first, True)

    assert find_release(store, "corpus") == first
    assert verify_release(store, "corpus") == []
    assert len(load("corpus", store=store.url, split="validation")) == 10
    content = store.read_bytes(f"{first.folder}/{first.shards[0].path}")
    store.write_bytes(f"{first.folder}/{first.shards[0].path}", content[:-1] + b"x")
    problem = f"{first.shards[0].path}: its sha256 is not the manifest's"
    assert verify_release(store, "corpus") == [problem]
