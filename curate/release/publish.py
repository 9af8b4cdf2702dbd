"""Publishing: a staged folder becomes the next version of a release, whole or not at all."""

from __future__ import annotations

import filecmp
import hashlib
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from curate.errors import ReleaseError, StoreError
from curate.release.manifest import (
    MANIFEST,
    Draft,
    Manifest,
    content_hash,
    file_system,
    read_manifest,
    versions_of,
)
from curate.release.shards import RELEASE_COLUMNS, SPLITS, ReleaseFile
from curate.store import Store


def publish(
    store: Store,
    staging: str,
    draft: Draft,
    write_card: Callable[[Manifest], str] | None = None,
) -> tuple[Manifest, bool]:
    """Make a staged folder the next version, unless the newest has the same content.

    On local disks the folder is renamed, after files that the newest version has too became hard
    links to it. On object stores files are copied and the manifest is written last, under a
    claim that keeps two publishers out of one version. Nobody ever sees half a release, and no
    publisher overwrites another's. (Object stores need `fsspec` 2025.2 and exclusive writes.)

    Args:
        store: the store.
        staging: a folder in it that no version has for a name (`releases/<name>/.staging-…`),
            in which the draft's shards and files lie.
        draft: what the release holds.
        write_card: gives the text of `card.md`.

    Returns:
        The manifest, and whether a version was made. The staging folder is gone.

    Raises:
        ReleaseError: a staged file is missing or has another size, or the newest manifest cannot
            be read.
        StoreError: the store cannot be written.
    """
    draft = draft.model_copy(
        update={
            "shards": tuple(sorted(draft.shards, key=lambda file: file.path)),
            "files": tuple(sorted(draft.files, key=lambda file: file.path)),
            "splits": {split: draft.splits.get(split, 0) for split in SPLITS},
        }
    )
    for file in (*draft.shards, *draft.files):
        staged = f"{staging}/{file.path}"
        came = f"it has {store.size(staged)}" if store.has(staged) else "it is missing"
        if came != f"it has {file.bytes}":
            raise ReleaseError(f"staged file {file.path} has {file.bytes} bytes", came, staging)
    digest = content_hash(draft.shards, draft.files)
    version = 0
    while True:
        newest = max(versions_of(store, draft.name), default=0)
        if newest:
            latest = read_manifest(store, draft.name, newest)
            if latest.content_hash == digest:
                store.remove(staging)
                return latest, False
            if store.is_local:
                _share_files(store, staging, draft, latest)
        version = max(version, newest) + 1
        manifest = Manifest(**dict(draft), version=version, content_hash=digest)
        derived = _derived_files(manifest, write_card)
        manifest = manifest.model_copy(
            update={"derived": tuple(_describe(path, content) for path, content in derived.items())}
        )
        derived[MANIFEST] = f"{manifest.model_dump_json(indent=2)}\n".encode()
        move = _rename if store.is_local else _copy
        if move(store, staging, manifest, derived):
            return manifest, True


def _describe(path: str, content: bytes) -> ReleaseFile:
    return ReleaseFile(path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _derived_files(
    manifest: Manifest, write_card: Callable[[Manifest], str] | None
) -> dict[str, bytes]:
    """What `datasets.load_from_disk` reads beside the shards, and the card."""
    features = {
        name: {"dtype": str(dtype).lower(), "_type": "Value"}
        for name, dtype in RELEASE_COLUMNS.items()
    }
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    files: dict[str, Any] = {"dataset_dict.json": {"splits": list(SPLITS)}}
    for split in SPLITS:
        names = [file.path.split("/")[-1] for file in manifest.shards if file.split == split]
        files[f"{split}/dataset_info.json"] = info
        files[f"{split}/state.json"] = {
            "_data_files": [{"filename": name} for name in names],
            "_fingerprint": manifest.content_hash,
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": split,
        }
    written = {
        path: f"{json.dumps(content, indent=2)}\n".encode() for path, content in files.items()
    }
    if write_card is not None:
        written["card.md"] = write_card(manifest).encode()
    return written


def _share_files(store: Store, staging: str, draft: Draft, latest: Manifest) -> None:
    """Make staged files that the latest version has too hard links to it.

    Bytes are compared, not only hashes of the manifest: a damaged old file must not spread.
    """
    old = {file.sha256: file.path for file in (*latest.shards, *latest.files)}
    for file in (*draft.shards, *draft.files):
        if file.sha256 not in old:
            continue
        mine = Path(store.path(f"{staging}/{file.path}"))
        theirs = Path(store.path(f"{latest.folder}/{old[file.sha256]}"))
        # disks that know no hard links, or a latest version that lacks the file: keep our own
        with suppress(OSError):
            if not mine.samefile(theirs) and filecmp.cmp(mine, theirs, shallow=False):
                link = mine.with_name(f".{uuid.uuid4().hex}")
                link.hardlink_to(theirs)
                link.replace(mine)


def _rename(store: Store, staging: str, manifest: Manifest, derived: dict[str, bytes]) -> bool:
    """Publish on a local disk; False when the version is taken."""
    folder = Path(store.path(staging))
    listed = {file.path for file in (*manifest.shards, *manifest.files)}
    for found in list(folder.rglob("*")):  # what a killed run with other shards left
        if found.is_file() and found.relative_to(folder).as_posix() not in listed:
            found.unlink()
    for path, content in derived.items():
        store.write_bytes(f"{staging}/{path}", content)
    target = Path(store.path(manifest.folder))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(target)
    except OSError as error:
        if target.exists():
            return False
        raise StoreError(f"the store takes {manifest.folder}", str(error), store.url) from error
    return True


def _copy(store: Store, staging: str, manifest: Manifest, derived: dict[str, bytes]) -> bool:
    """Publish on an object store; False when the version is taken.

    The claim holds a hash of all files but the manifest: a publisher that was killed and comes
    again goes on with its own version, and another takes the next.
    """
    filesystem = file_system(store)
    folder = manifest.folder
    mine = content_hash(manifest.shards, (*manifest.files, *manifest.derived)).encode()
    try:
        claimed = _create(filesystem, store.path(f"{folder}/.claim"), mine)
        if not claimed and store.read_bytes(f"{folder}/.claim") != mine:
            return False
        for file in (*manifest.shards, *manifest.files):
            source = store.path(f"{staging}/{file.path}")
            filesystem.cp_file(source, store.path(f"{folder}/{file.path}"))
        for path, content in derived.items():
            if path != MANIFEST:
                store.write_bytes(f"{folder}/{path}", content)
        if not _create(filesystem, store.path(f"{folder}/{MANIFEST}"), derived[MANIFEST]):
            return False
    except OSError as error:
        raise StoreError(f"the store takes {folder}", str(error), store.url) from error
    store.remove(staging)
    return True


def _create(filesystem: Any, path: str, content: bytes) -> bool:
    """Write a file that must not exist; False when it does."""
    try:
        filesystem.pipe_file(path, content, mode="create")
    except FileExistsError:
        return False
    return True
