"""Content-addressed objects, runs and releases in a folder or at an fsspec URL.

An object lies at `objects/<step>/<key>.parquet`. Its key hashes all that shapes it, so an object
that exists is used and never recomputed. Publishing is a rename on a local disk and a single PUT
elsewhere: a reader never sees half an object, and a killed writer leaves none.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import fsspec
import polars as pl

from curate.errors import StoreError, is_client_error

ROW_GROUP_ROWS = 8192  # a lookup by id reads one of these
STALE_SECONDS = 86_400
FULL = {errno.ENOSPC, errno.EDQUOT}


def content_key(step: str, version: int, **parts: Any) -> str:
    """The key of an object: a hash over the step, its version and whatever shapes the output.

    >>> content_key("read", 1, seed=7) == content_key("read", 1, seed=7)
    True
    """
    text = json.dumps([step, version, parts], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _parquet(metadata: Mapping[str, Any] | None, row_group_rows: int) -> dict[str, Any]:
    """How a frame is written."""
    return {
        "compression": "zstd",
        "compression_level": 3,
        "row_group_size": row_group_rows,
        "metadata": {"curate": json.dumps(metadata or {}, sort_keys=True)},
    }


@dataclass(frozen=True)
class Store:
    """A place for objects, runs and releases.

    Attributes:
        url: a folder, or an fsspec URL (`s3://bucket/prefix`).
    """

    url: str

    @cached_property
    def _place(self) -> tuple[Any, str]:
        try:
            filesystem, root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise StoreError(
                "the store is a folder or an fsspec URL",
                str(error),
                self.url,
                "install the protocol's package (s3: pip install 'curate[s3]') or name a folder",
            ) from error
        return filesystem, str(root).rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether the store is a folder of this machine."""
        return "file" in self._place[0].protocol or "local" in self._place[0].protocol

    def path(self, name: str) -> str:
        """The full path of a name in the store, as its file system spells it."""
        return f"{self._place[1]}/{name}"

    def has(self, name: str) -> bool:
        """Whether a name exists."""
        if self.is_local:
            return os.path.exists(self.path(name))  # noqa: PTH110  # thousands of calls: no Path
        return bool(self._place[0].exists(self.path(name)))

    def size(self, name: str) -> int:
        """Bytes of a file."""
        with self._errors(name):
            return int(self._place[0].size(self.path(name)))

    def names(self, folder: str) -> list[str]:
        """The names directly in a folder, sorted; none when there is no such folder."""
        filesystem, _ = self._place
        try:
            with self._errors(folder):
                found = filesystem.ls(self.path(folder), detail=False)
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []
            raise
        return sorted(str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in found)

    def read_bytes(self, name: str) -> bytes:
        """The content of a file."""
        with self._errors(name):
            return bytes(self._place[0].cat_file(self.path(name)))

    def digest(self, name: str) -> str:
        """The sha256 of a file in hexadecimal; it is not held whole."""
        with self._errors(name), self._place[0].open(self.path(name), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def copy(self, name: str, to: str) -> None:
        """Publish a file under a second name."""
        if not self.is_local:
            with self._errors(name):
                self._place[0].cp_file(self.path(name), self.path(to))
            return
        with self._errors(name), self.publishing(to) as temporary:
            shutil.copyfile(self.path(name), temporary)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Publish a file whole."""
        if not self.is_local:
            with self._errors(name):
                self._place[0].pipe_file(self.path(name), content)
            return
        with self.publishing(name) as temporary:
            Path(temporary).write_bytes(content)

    @contextmanager
    def publishing(self, name: str) -> Iterator[str]:
        """A local path to write to; what lies there at the end is published under the name."""
        with self._errors(name):
            if not self.is_local:
                import tempfile

                with tempfile.TemporaryDirectory() as folder:
                    temporary = f"{folder}/file"
                    yield temporary
                    self._place[0].put_file(temporary, self.path(name))
                return
            target = Path(self.path(name))
            waiting = Path(self.path("tmp")) / uuid.uuid4().hex
            waiting.parent.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                yield str(waiting)
                waiting.replace(target)
            finally:
                waiting.unlink(missing_ok=True)

    def write_frame(
        self,
        name: str,
        frame: pl.DataFrame,
        metadata: Mapping[str, Any] | None = None,
        row_group_rows: int = ROW_GROUP_ROWS,
    ) -> None:
        """Publish a frame as Parquet; the metadata is kept in the file as JSON.

        Args:
            name: in the store.
            frame: what is published.
            metadata: whatever JSON can hold.
            row_group_rows: what a reader of a part of the rows reads at least.
        """
        with self.publishing(name) as temporary:
            frame.write_parquet(temporary, **_parquet(metadata, row_group_rows))

    def join_frames(
        self, name: str, parts: Sequence[str], metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Publish frames as one, in their order, as `write_frame` would; none is held whole.

        Args:
            name: in the store.
            parts: names of frames that have the same columns.
            metadata: whatever JSON can hold.
        """
        frames = pl.concat([self.scan_frame(part) for part in parts])
        with self.publishing(name) as temporary:
            frames.sink_parquet(temporary, engine="streaming", **_parquet(metadata, ROW_GROUP_ROWS))

    def read_frame(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        """A frame, or some of its columns."""
        with self._errors(name):
            source: Any = self.path(name) if self.is_local else io.BytesIO(self.read_bytes(name))
            return pl.read_parquet(source, columns=columns, glob=False)

    def scan_frame(self, name: str) -> pl.LazyFrame:
        """A frame that is read as far as a query needs it (local) or whole (elsewhere)."""
        with self._errors(name):
            if not self.is_local:
                return self.read_frame(name).lazy()
            frame = pl.scan_parquet(self.path(name), glob=False)
            frame.collect_schema()  # a missing or damaged file is told here, not by the query
            return frame

    def read_metadata(self, name: str) -> dict[str, Any]:
        """The metadata that `write_frame` kept with a frame."""
        with self._errors(name):
            source: Any = self.path(name) if self.is_local else io.BytesIO(self.read_bytes(name))
            return dict(json.loads(pl.read_parquet_metadata(source)["curate"]))

    def remove(self, name: str) -> None:
        """Remove a file or a folder; nothing happens when there is none."""
        with self._errors(name), suppress(FileNotFoundError):
            self._place[0].rm(self.path(name), recursive=True)

    def prepare(self) -> None:
        """Check that the store can be written, and clear what killed runs left unpublished.

        Raises:
            StoreError: it cannot be written.
        """
        try:
            self.write_bytes("tmp/probe", b"")
            self.remove("tmp/probe")
        except StoreError as error:
            raise StoreError(
                "the store can be written",
                error.came,
                self.url,
                error.change or "name a folder that can be made with --store",
            ) from error
        if self.is_local:
            oldest = time.time() - STALE_SECONDS
            left = Path(self.path("tmp")).iterdir()
            staged = Path(self.path("releases")).glob("*/.staging-*")
            for path in chain(left, staged):
                with suppress(OSError):
                    if path.stat().st_mtime < oldest:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Turn what a file system says into one sentence."""
        try:
            yield
        except FileNotFoundError as error:
            raise StoreError(
                f"the store holds {name}", "there is no such file", self.url
            ) from error
        except PermissionError as error:
            raise StoreError(
                f"the store takes {name}",
                "writing or reading it is not permitted",
                self.url,
                "change the folder's permissions or name another store with --store",
            ) from error
        except OSError as error:
            if error.errno in FULL:
                raise self._disk_full(name) from error
            raise StoreError(f"the store takes {name}", str(error), self.url) from error
        except pl.exceptions.ComputeError as error:
            if any(f"os error {number})" in str(error) for number in FULL):
                raise self._disk_full(name) from error
            raise StoreError(
                f"{name} is a Parquet file",
                f"it cannot be read ({error})",
                self.url,
                "remove it; the next run makes it again",
            ) from error
        except Exception as error:
            if not is_client_error(error):
                raise
            raise StoreError(
                "the store can be reached",
                str(error),
                self.url,
                "check its address and the credentials in the environment (AWS_ACCESS_KEY_ID, …)",
            ) from error

    def _disk_full(self, name: str) -> StoreError:
        return StoreError(
            f"the store takes {name}",
            "the disk is full",
            self.url,
            "free space or name another store with --store",
        )
