"""Releases: what one holds, how it is found and verified; `publish` makes them.

A release lies at `releases/<name>/<version>/` and exists when its `manifest.json` does:

    dataset_dict.json
    train/       data-<snapshot>-00000-of-00004.arrow …  dataset_info.json  state.json
    validation/  likewise
    ledger/      part-*.parquet  names-*.parquet
    parallel/    part-*.parquet, where the recipe asks for parallel text
    earlier.parquet, where it was compared with what was released before
    links.parquet  skipped.parquet  card.md  manifest.json
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import fsspec
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from curate.errors import ReleaseError, StoreError, nearest
from curate.release.shards import SPLITS, ReleaseFile, ShardFile
from curate.store import Store

MANIFEST = "manifest.json"
EARLIER = "earlier.parquet"
READ_BYTES = 1 << 20


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReleaseInput(_Model):
    """One input: as the recipe names it, what became of it, and what was counted in it."""

    name: str
    kind: str
    snapshot: str
    size: int
    identity: str
    state: str
    reason: str = ""
    counts: dict[str, int] = {}


class FunnelRow(_Model):
    """What one rule did to the documents of one source; each number counts documents.

    `met` are those that no earlier rule removed.
    """

    rule: str
    source: str
    met: int = 0
    removed: int = 0
    tagged: int = 0
    not_applicable: int = 0
    not_computed: int = 0
    failed: int = 0


class DocumentCounts(_Model):
    """`read + made = kept + removed`."""

    read: int
    made: int
    kept: int
    removed: int


class IndexState(_Model):
    """What a release was compared with: a state of the index (`curate.duplicates.index`).

    Attributes:
        folder: of the index in the store.
        number: of the state.
        identity: a hash of what can be found in it.
        documents: how many it held.
        releases: whose.
    """

    folder: str
    number: int
    identity: str
    documents: int
    releases: tuple[str, ...]


class Draft(_Model):
    """A release before it has a version.

    Attributes:
        name: the recipe's name.
        recipe: the recipe as it ran, defaults filled in.
        code_version: of this package.
        libraries: versions of the libraries that shape the release.
        shards: the Arrow shards.
        files: ledger, links and skipped.
        splits: documents in each split.
        split_conflicts: groups with earlier members on both sides (`assign_splits`).
        index: what it was compared with; None where it was not asked for.
        run: the run that made it.
        release_key: of the steps that made it: tells a run that it was made already.
    """

    name: str
    recipe: dict[str, Any]
    code_version: str
    libraries: dict[str, str]
    inputs: tuple[ReleaseInput, ...]
    funnel: tuple[FunnelRow, ...]
    documents: DocumentCounts
    shards: tuple[ShardFile, ...]
    files: tuple[ReleaseFile, ...]
    splits: dict[str, int]
    split_conflicts: int = 0
    index: IndexState | None = None
    run: str = ""
    release_key: str = ""


class Manifest(Draft):
    """A release.

    Attributes:
        version: 1, 2, 3 …
        content_hash: over the shards and `files`; equal content has equal hashes.
        derived: what is made of the rest and not in the content hash: JSON files and the card.
    """

    version: int
    content_hash: str
    derived: tuple[ReleaseFile, ...] = ()

    @property
    def reference(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def folder(self) -> str:
        """The release's folder in the store."""
        return f"releases/{self.name}/{self.version}"


@dataclass(frozen=True)
class ReleaseSummary:
    """One line of a list of releases; `problem` says why a manifest cannot be read."""

    name: str
    version: int
    documents: int | None = None
    bytes: int | None = None
    content_hash: str | None = None
    problem: str | None = None


def content_hash(shards: Iterable[ShardFile], files: Iterable[ReleaseFile]) -> str:
    """sha256 over the path and sha256 of the shards, then of the files, in the given order."""
    lines = [f"{file.path}\0{file.sha256}\n" for file in (*shards, *files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def list_releases(store: Store) -> list[ReleaseSummary]:
    """Every release of a store, by name and version; folders that are none are passed over."""
    found = []
    for name in store.names("releases"):
        for version in versions_of(store, name):
            try:
                manifest = read_manifest(store, name, version)
            except (ReleaseError, StoreError) as error:
                found.append(ReleaseSummary(name, version, problem=str(error)))
                continue
            size = sum(file.bytes for file in (*manifest.shards, *manifest.files))
            summary = ReleaseSummary(
                name, version, manifest.documents.kept, size, manifest.content_hash
            )
            found.append(summary)
    return found


def find_release(store: Store, reference: str) -> Manifest:
    """The manifest of `name@3`, `name@latest` or `name` (the latest).

    Raises:
        ReleaseError: there is no such release; the message names the nearest there is.
    """
    name, _, wanted = reference.partition("@")
    versions = versions_of(store, name) if name in store.names("releases") else []
    if not versions:
        names = [other for other in store.names("releases") if versions_of(store, other)]
        change = nearest(name, names) if names else "make one with `curate run`"
        raise ReleaseError(f"the store has release {name!r}", "it has none", store.url, change)
    if wanted in {"", "latest"}:
        return read_manifest(store, name, versions[-1])
    if wanted not in {str(version) for version in versions}:
        have = ", ".join(str(version) for version in versions)
        raise ReleaseError(
            f"release {name!r} has version {wanted!r}",
            "it has not",
            store.url,
            f"versions: {have}; {name}@latest is the newest",
        )
    return read_manifest(store, name, int(wanted))


def verify_release(store: Store, reference: str) -> list[str]:
    """What of a release does not match its manifest; nothing when all is well.

    Every file is there, with its size and sha256; each shard and the ledger have their rows; the
    numbers add up. Files are read in pieces, one record batch at most in memory. Files that the
    manifest does not name (such as what `datasets` caches beside shards) are passed over.

    Raises:
        ReleaseError: there is no such release, or its manifest cannot be read.
    """
    manifest = find_release(store, reference)
    problems = []
    intact = set()
    for file in (*manifest.shards, *manifest.files, *manifest.derived):
        problem = _file_problem(store, f"{manifest.folder}/{file.path}", file)
        if problem:
            problems.append(f"{file.path}: {problem}")
        else:
            intact.add(file.path)
    for shard in manifest.shards:
        if shard.path in intact:
            rows = _count_rows(store, f"{manifest.folder}/{shard.path}")
            problems += _differ(shard.path, rows, shard.rows)
    for split in SPLITS:
        rows = sum(shard.rows for shard in manifest.shards if shard.split == split)
        problems += _differ(f"{split}/", rows, manifest.splits.get(split, 0))
    counts = manifest.documents
    parts = ledger_parts(manifest)
    if intact.issuperset(parts):
        frames = [store.scan_frame(f"{manifest.folder}/{part}") for part in parts]
        rows = sum(int(frame.select(pl.len()).collect().item()) for frame in frames)
        problems += _differ("ledger/", rows, counts.read + counts.made)
    if counts.read + counts.made != counts.kept + counts.removed:
        problems.append(f"{MANIFEST}: documents read + made are not kept + removed")
    if sum(manifest.splits.values()) != counts.kept:
        problems.append(f"{MANIFEST}: the splits do not add up to the documents kept")
    if content_hash(manifest.shards, manifest.files) != manifest.content_hash:
        problems.append(f"{MANIFEST}: the content hash is not that of the files it names")
    return problems


def ledger_parts(manifest: Manifest) -> list[str]:
    """The parts of a release's ledger, relative to the release, in the order of the ids."""
    return [file.path for file in manifest.files if file.path.startswith("ledger/part-")]


def file_system(store: Store) -> Any:
    """The file system of a store: for what is asked of releases alone."""
    return fsspec.core.url_to_fs(store.url)[0]


def open_file(store: Store, name: str) -> Any:
    """A file of the store, open for reading bytes piece by piece."""
    return file_system(store).open(store.path(name), "rb")


def versions_of(store: Store, name: str) -> list[int]:
    """The versions of a release that exist, ascending."""
    folder = f"releases/{name}"
    if not store.is_local:  # another process may have published since this one last looked
        file_system(store).invalidate_cache()
    numbers = {
        int(entry) for entry in store.names(folder) if re.fullmatch("[1-9][0-9]{0,8}", entry)
    }
    return [n for n in sorted(numbers) if store.has(f"{folder}/{n}/{MANIFEST}")]


def read_manifest(store: Store, name: str, version: int) -> Manifest:
    """The manifest of a version that exists.

    Raises:
        ReleaseError: it cannot be read.
    """
    path = f"releases/{name}/{version}/{MANIFEST}"
    try:
        return Manifest.model_validate_json(store.read_bytes(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReleaseError(
            f"{name}@{version} has a manifest",
            f"it cannot be read ({where}: {first['msg']})" if where else "it is no JSON",
            store.path(path),
            "restore it, or remove the folder of this version",
        ) from error


def _file_problem(store: Store, name: str, file: ReleaseFile) -> str | None:
    """What is wrong with a file."""
    if not store.has(name):
        return "it is missing"
    size = store.size(name)
    if size != file.bytes:
        return f"it has {size} bytes, the manifest says {file.bytes}"
    digest = hashlib.sha256()
    try:
        with open_file(store, name) as content:
            while piece := content.read(READ_BYTES):
                digest.update(piece)
    except OSError as error:
        return f"it cannot be read ({error})"
    return None if digest.hexdigest() == file.sha256 else "its sha256 is not the manifest's"


def _differ(where: str, rows: int, said: int) -> list[str]:
    return [] if rows == said else [f"{where}: it has {rows} rows, the manifest says {said}"]


def _count_rows(store: Store, name: str) -> int:
    """The rows of an Arrow stream whose bytes are known to be right."""
    import pyarrow as pa

    source = pa.memory_map(store.path(name)) if store.is_local else open_file(store, name)
    with source as file, pa.ipc.open_stream(file) as stream:
        return sum(batch.num_rows for batch in stream)
