"""Where files lie: here, on the web, in a bucket."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import fsspec

from curate.errors import InputError, MissingInputError
from curate.recipe import FetchSection

if TYPE_CHECKING:
    from curate.sources.remote import Web

_STREAMED = ("http://", "https://", "s3://")


class Places:
    """Opens and describes files by path or URL; a context that closes its connections.

    Args:
        fetch: how remote files are fetched.
    """

    def __init__(self, fetch: FetchSection) -> None:
        self.fetch = fetch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_web" in self.__dict__:
            self._web.__exit__()

    @cached_property
    def _web(self) -> Web:
        from curate.sources.remote import Web  # a run without remote inputs needs none of it

        return Web(self.fetch)

    @contextmanager
    def open(self, uri: str, identity: str = "") -> Iterator[BinaryIO]:
        """A file as a seekable stream at byte 0.

        Args:
            uri: a path or URL.
            identity: of a remote file: reading fails when it is another one by now.

        Raises:
            FetchError: a remote file could not be fetched; also while it is read.
            InputError: there is no such remote file.
            OSError: a local file cannot be opened.
        """
        if uri.startswith(_STREAMED):
            stream = self._web.open(uri, identity)
        elif "://" in uri:
            stream = io.BufferedReader(fsspec.open(uri, "rb").open())  # a reader peeks and seeks
        else:
            stream = Path(uri).open("rb")  # noqa: SIM115  # closed below
        with stream:
            yield stream

    def read(self, uri: str, maximum_bytes: int) -> bytes:
        """A small file whole.

        Raises:
            FetchError: a remote file could not be fetched.
            InputError: there is no such file, or it is larger than the maximum.
        """
        try:
            with self.open(uri) as stream:
                content = stream.read(maximum_bytes + 1)
        except OSError as error:
            raise _missing(error, uri) from error
        if len(content) > maximum_bytes:
            came = f"it is larger than {maximum_bytes} bytes"
            raise InputError("a listing is a small file", came, uri)
        return content

    def describe(self, uri: str, name: str) -> tuple[int, str]:
        """Size in bytes, and identity: the sha256 of a local file, a hash of URL, size and ETag.

        Args:
            uri: a path or URL.
            name: what to call it in errors.

        Raises:
            FetchError: a remote file could not be asked for.
            InputError: there is no such file, or it may not be read.
        """
        try:
            if "://" not in uri:
                with Path(uri).open("rb") as stream:
                    identity = hashlib.file_digest(stream, "sha256").hexdigest()
                return Path(uri).stat().st_size, identity
            if not uri.startswith(_STREAMED):
                return _describe_elsewhere(uri)
        except OSError as error:
            raise _missing(error, name) from error
        from curate.sources.remote import identity_of

        facts = self._web.describe(uri)
        return facts.size or 0, identity_of(uri, facts)


def join(base: str, name: str, folder: Path) -> str:
    """The path or URL of a name below a base, which may be relative to the recipe's folder."""
    if "://" in base:
        return f"{base.rstrip('/')}/{name}"
    return str(folder / base / name)


def _describe_elsewhere(url: str) -> tuple[int, str]:
    filesystem, path = fsspec.core.url_to_fs(url)
    info: dict[str, Any] = filesystem.info(path)
    mark = info.get("ETag") or info.get("mtime") or info.get("LastModified") or ""
    facts = json.dumps([url, info.get("size"), str(mark)])
    return int(info.get("size") or 0), hashlib.sha256(facts.encode()).hexdigest()


def _missing(error: OSError, name: str) -> InputError:
    if isinstance(error, FileNotFoundError):
        return MissingInputError("an input exists", "there is no such file", name)
    return InputError("an input can be read", error.strerror or str(error), name)
