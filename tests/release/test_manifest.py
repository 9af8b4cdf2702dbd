from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from releases import hex_id, make_documents, stage

from curate.errors import ReleaseError
from curate.release.card import write_card
from curate.release.manifest import (
    Manifest,
    content_hash,
    find_release,
    list_releases,
    verify_release,
)
from curate.release.publish import publish
from curate.store import Store

CARD = partial(write_card, bias=None, languages=None)
DOCUMENTS = make_documents(range(200))


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return Store(str(tmp_path) if request.param == "local" else f"memory://{uuid.uuid4().hex}")


def published(store: Store, documents: pl.DataFrame = DOCUMENTS, **arguments):
    staging = f"releases/corpus/.staging-{uuid.uuid4().hex}"
    return publish(store, staging, stage(store, documents, staging=staging, **arguments), CARD)


def test_a_release_holds_what_it_says(store):
    manifest, made = published(store, removed={hex_id(999): "quality.minimum_words"})
    assert made
    assert (manifest.reference, manifest.folder) == ("corpus@1", "releases/corpus/1")
    assert store.names("releases/corpus") == ["1"]
    assert set(store.names("releases/corpus/1")) - {".claim"} == {
        "card.md",
        "dataset_dict.json",
        "ledger",
        "links.parquet",
        "manifest.json",
        "skipped.parquet",
        "train",
        "validation",
    }
    assert find_release(store, "corpus@1") == manifest
    assert verify_release(store, "corpus") == []
    assert manifest.content_hash == content_hash(manifest.shards, manifest.files)
    state = json.loads(store.read_bytes("releases/corpus/1/train/state.json"))
    assert state["_fingerprint"] == manifest.content_hash
    assert "corpus@1" in store.read_bytes("releases/corpus/1/card.md").decode()


def test_equal_content_makes_equal_bytes_and_no_second_version(store, tmp_path):
    first, _ = published(store, objects=1)
    again, made = published(store, objects=7)
    assert not made
    assert again == first
    assert store.names("releases/corpus") == ["1"]
    other = Store(str(tmp_path / "other"))
    elsewhere, _ = published(other, objects=2)
    assert elsewhere == first
    for file in (*first.shards, *first.files, *first.derived):
        path = f"releases/corpus/1/{file.path}"
        assert store.read_bytes(path) == other.read_bytes(path)


def test_versions_count_up_and_return_to_old_content_is_a_new_one(store):
    versions = [published(store, DOCUMENTS[:n])[0].version for n in (10, 20, 10)]
    assert versions == [1, 2, 3]
    hashes = [find_release(store, f"corpus@{n}").content_hash for n in versions]
    assert hashes[0] == hashes[2] != hashes[1]
    assert find_release(store, "corpus@latest").version == 3
    assert all(verify_release(store, f"corpus@{n}") == [] for n in versions)


def test_what_a_killed_run_left_is_no_release(store):
    stage(store, DOCUMENTS, staging="releases/corpus/.staging-killed")
    stage(store, DOCUMENTS, staging="releases/corpus/3")  # files, yet no manifest
    assert list_releases(store) == []
    with pytest.raises(ReleaseError, match="the store has release 'corpus', but it has none"):
        find_release(store, "corpus")
    assert published(store)[0].version == 1
    assert published(store, DOCUMENTS[:50])[0].version == 2
    assert [(found.name, found.version) for found in list_releases(store)] == [
        ("corpus", 1),
        ("corpus", 2),
    ]


def test_a_restarted_run_drops_the_files_of_another_plan(store):
    staging = "releases/corpus/.staging-again"
    stage(store, DOCUMENTS, staging=staging, shard_documents=10)
    draft = stage(store, DOCUMENTS, staging=staging, shard_documents=100)
    manifest, _ = publish(store, staging, draft, CARD)
    found = [name for name in store.names(f"{manifest.folder}/train") if name.endswith(".arrow")]
    assert sorted(f"train/{name}" for name in found) == [
        shard.path for shard in manifest.shards if shard.split == "train"
    ]


def test_local_versions_share_disk_but_never_damage(tmp_path):
    store = Store(str(tmp_path))
    first, _ = published(store)
    damaged = tmp_path / first.folder / first.shards[0].path
    flip(damaged)
    second, _ = published(store, DOCUMENTS.filter(pl.col("id") != hex_id(77)))
    shared = {shard.sha256 for shard in first.shards} & {shard.sha256 for shard in second.shards}
    assert len(shared) == len(first.shards) - 1
    for shard in second.shards:
        old, new = (tmp_path / side.folder / shard.path for side in (first, second))
        assert old.samefile(new) == (shard.sha256 in shared and old != damaged)
    assert verify_release(store, "corpus@2") == []
    assert verify_release(store, "corpus@1") == [
        f"{first.shards[0].path}: its sha256 is not the manifest's"
    ]


def test_a_taken_version_is_not_overwritten(tmp_path):
    store = Store(str(tmp_path))
    (tmp_path / "releases/corpus/1").mkdir(parents=True)
    (tmp_path / "releases/corpus/1/mine.txt").write_text("mine")
    (tmp_path / "releases/corpus/2").write_text("a file")
    (tmp_path / "releases/corpus/3").mkdir()
    assert published(store)[0].version == 3  # an empty folder is nobody's
    assert (tmp_path / "releases/corpus/1/mine.txt").read_text() == "mine"


def test_a_claimed_version_of_an_object_store_goes_to_who_claimed_it():
    store = Store(f"memory://{uuid.uuid4().hex}")
    manifest, _ = published(store)
    for file in (*manifest.shards, *manifest.files, *manifest.derived):
        store.remove(f"{manifest.folder}/{file.path}")
    store.remove(f"{manifest.folder}/manifest.json")  # as if killed right after the claim
    assert published(store, DOCUMENTS[:50])[0].version == 2
    store.remove("releases/corpus/2")
    assert published(store) == (manifest, True)
    assert verify_release(store, "corpus@1") == []


def test_publishers_that_race_take_different_versions(tmp_path):
    store = Store(str(tmp_path))

    def publish_three(start: int) -> list[int]:
        sizes = range(start, start + 3)
        return [published(store, DOCUMENTS[:n], objects=1)[0].version for n in sizes]

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(publish_three, (20, 40, 60, 80)))
    assert sorted(version for versions in taken for version in versions) == list(range(1, 13))
    assert all(versions == sorted(versions) for versions in taken)
    found = list_releases(store)
    assert [release.version for release in found] == list(range(1, 13))
    assert {release.documents for release in found} == {
        s + n for s in (20, 40, 60, 80) for n in range(3)
    }
    assert all(verify_release(store, f"corpus@{n}") == [] for n in range(1, 13))


def test_a_staged_file_that_is_not_as_said_is_an_error(store):
    draft = stage(store, DOCUMENTS)
    staging = "releases/corpus/.staging-1"
    missing = draft.shards[1].path
    content = store.read_bytes(f"{staging}/{missing}")
    store.write_bytes(f"{staging}/{missing}", content[:-1])
    with pytest.raises(ReleaseError, match=f"but it has {len(content) - 1}"):
        publish(store, staging, draft)
    store.remove(f"{staging}/{missing}")
    with pytest.raises(ReleaseError, match="but it is missing"):
        publish(store, staging, draft)
    assert list_releases(store) == []


def test_references_are_read_with_help(store):
    published(store)
    published(store, DOCUMENTS[:50])
    for reference, version in {
        "corpus": 2,
        "corpus@": 2,
        "corpus@latest": 2,
        "corpus@1": 1,
    }.items():
        assert find_release(store, reference).version == version
    for reference, words in {
        "corpsu@1": "did you mean 'corpus'",
        "": "valid: corpus",
        "..@1": "valid: corpus",
        "corpus@3": "versions: 1, 2; corpus@latest is the newest",
        "corpus@01": "versions: 1, 2",
        "corpus@-1": "versions: 1, 2",
    }.items():
        with pytest.raises(ReleaseError, match=words):
            find_release(store, reference)
    with pytest.raises(ReleaseError, match="make one with `curate run`"):
        find_release(Store("memory://nothing-here"), "corpus")


def test_a_damaged_manifest_is_named_and_the_rest_still_listed(store):
    published(store)
    published(store, DOCUMENTS[:50])
    path = "releases/corpus/2/manifest.json"
    for content, words in {b"{": "it is no JSON", b'{"name": 1}': "name: "}.items():
        store.write_bytes(path, content)
        with pytest.raises(ReleaseError, match=words):
            find_release(store, "corpus")
        first, second = list_releases(store)
        assert (first.version, first.documents, first.problem) == (1, 200, None)
        assert second.version == 2
        assert "it cannot be read" in second.problem or "no JSON" in second.problem


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def add_row(path: Path) -> None:
    """Repeat the first row of an Arrow stream."""
    with pa.ipc.open_stream(path.read_bytes()) as stream:
        table = stream.read_all()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(pa.concat_tables([table, table.slice(0, 1)]))


def edit(path: Path, **changes) -> None:
    """Change fields of a manifest."""
    manifest = Manifest.model_validate_json(path.read_bytes())
    path.write_text(manifest.model_copy(update=changes).model_dump_json())


def test_verify_finds_every_kind_of_damage(tmp_path):
    store = Store(str(tmp_path))
    manifest, _ = published(store)
    folder = tmp_path / manifest.folder
    shard = manifest.shards[2]
    target = folder / shard.path
    sound = target.read_bytes()

    flip(target)
    assert verify_release(store, "corpus") == [f"{shard.path}: its sha256 is not the manifest's"]
    target.write_bytes(sound[:-100])
    size = f"it has {len(sound) - 100} bytes, the manifest says {len(sound)}"
    assert verify_release(store, "corpus") == [f"{shard.path}: {size}"]
    target.unlink()
    assert verify_release(store, "corpus") == [f"{shard.path}: it is missing"]
    target.write_bytes(sound)
    assert verify_release(store, "corpus") == []

    (folder / "card.md").write_text("another card")
    (folder / "ledger/part-00000.parquet").unlink()
    (folder / "train/cache-0123.arrow").write_text("what datasets caches")
    assert [problem.split(":")[0] for problem in verify_release(store, "corpus")] == [
        "ledger/part-00000.parquet",
        "card.md",
    ]


def test_verify_finds_an_extra_row_even_where_the_manifest_was_mended(tmp_path):
    import hashlib

    store = Store(str(tmp_path))
    manifest, _ = published(store)
    shard = manifest.shards[0]
    target = tmp_path / manifest.folder / shard.path
    add_row(target)
    assert len(verify_release(store, "corpus")) == 1
    content = target.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    mended = shard.model_copy(update={"bytes": len(content), "sha256": digest})
    path = tmp_path / manifest.folder / "manifest.json"
    edit(path, shards=(mended, *manifest.shards[1:]))
    assert verify_release(store, "corpus") == [
        f"{shard.path}: it has {shard.rows + 1} rows, the manifest says {shard.rows}",
        "manifest.json: the content hash is not that of the files it names",
    ]


def test_verify_adds_up(tmp_path):
    store = Store(str(tmp_path))
    manifest, _ = published(store)
    path = tmp_path / manifest.folder / "manifest.json"
    counts = manifest.documents.model_copy(update={"read": 201, "kept": 199})
    edit(path, documents=counts, splits={"train": 180, "validation": 21})
    assert verify_release(store, "corpus") == [
        "validation/: it has 20 rows, the manifest says 21",
        "ledger/: it has 200 rows, the manifest says 201",
        "manifest.json: documents read + made are not kept + removed",
        "manifest.json: the splits do not add up to the documents kept",
    ]


def test_a_later_manifest_with_more_fields_still_opens(tmp_path):
    store = Store(str(tmp_path))
    manifest, _ = published(store)
    path = tmp_path / manifest.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "new_field": 1}))
    assert find_release(store, "corpus") == manifest
