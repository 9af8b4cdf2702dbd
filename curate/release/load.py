"""A release as a `datasets.Dataset`, memory-mapped."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from curate.errors import ReleaseError, nearest
from curate.release.manifest import Manifest, file_system, find_release
from curate.release.shards import SPLITS
from curate.store import Store


def load(reference: str, *, store: str = "store", split: str | None = "train") -> Any:
    """Open a release; its shards are memory-mapped, so that no text is read before it is used.

    A release on an object store is fetched once, into `$CURATE_CACHE` (else
    `$XDG_CACHE_HOME/curate`, else `~/.cache/curate`): the splits that are asked for, under their
    content hash. What `datasets` itself caches (`map`, `filter`) lies beside the shards.

    Args:
        reference: `name@3`, `name@latest`, or `name`.
        store: a folder or an fsspec URL.
        split: `train` or `validation`; `None` for both.

    Returns:
        A `datasets.Dataset`, or for both splits a `datasets.DatasetDict`.

    Raises:
        ReleaseError: there is no such release or split, or a file of it is not what the manifest
            says.
    """
    if split is not None and split not in SPLITS:
        change = nearest(split, SPLITS)
        raise ReleaseError("split names a part of the release", f"{split!r} came", "load", change)
    place = Store(store)
    manifest = find_release(place, reference)
    splits = SPLITS if split is None else (split,)
    folder = Path(place.path(manifest.folder))
    if not place.is_local:
        folder = _fetch(place, manifest, splits)
    for file in manifest.shards:
        path = folder / file.path
        if file.split in splits and not (path.is_file() and path.stat().st_size == file.bytes):
            raise ReleaseError(
                f"{manifest.reference} has {file.path} with {file.bytes} bytes",
                f"it has {path.stat().st_size}" if path.is_file() else "it is missing",
                store,
                f"see `curate verify {manifest.reference}`",
            )

    import datasets

    opened = {
        name: datasets.load_from_disk(str(folder / name), keep_in_memory=False) for name in splits
    }
    return datasets.DatasetDict(opened) if split is None else opened[split]


def _fetch(store: Store, manifest: Manifest, splits: tuple[str, ...]) -> Path:
    """The local copy of a release's splits."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = Path(os.environ.get("CURATE_CACHE") or Path(cache, "curate"))
    folder = root / "releases" / manifest.name / manifest.content_hash
    for file in (*manifest.shards, *manifest.derived):
        target = folder / file.path
        if file.path.split("/")[0] not in splits:
            continue
        if target.is_file() and target.stat().st_size == file.bytes:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        waiting = target.with_name(f".{uuid.uuid4().hex}")  # a killed fetch leaves no half shard
        try:
            file_system(store).get_file(store.path(f"{manifest.folder}/{file.path}"), str(waiting))
            waiting.replace(target)
        except OSError as error:
            raise ReleaseError(
                f"{manifest.reference} is fetched to {folder}", str(error), store.url
            ) from error
        finally:
            waiting.unlink(missing_ok=True)
    return folder
