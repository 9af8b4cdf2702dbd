"""From a recipe's patterns to input files, and from those to parts of work."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from curate.errors import ComponentError, InputError
from curate.recipe import AnySource
from curate.sources import InputFile
from curate.sources.subtitles import label_of

SMALL_FILE_BYTES = 1 << 20
GROUP_BYTES = 16 << 20


@dataclass(frozen=True)
class Part:
    """What one read step works through: one large file, or a group of small ones.

    Attributes:
        section: the recipe's source section.
        priority: the section's place in the recipe; the smaller survives among duplicates.
        files: in order of their identity.
    """

    section: AnySource
    priority: int
    files: tuple[InputFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def find_inputs(section: AnySource, folder: Path) -> list[InputFile]:
    """The files that a section's patterns name, each once a pattern names it, sorted by name.

    Args:
        section: one source of the recipe.
        folder: the recipe's folder, which relative patterns start from.

    Raises:
        InputError: a file is missing, a pattern matches nothing, or a URL cannot be opened.
        ComponentError: a URL's protocol needs a package that is not installed.
    """
    return find_files(section.inputs, folder)


def find_files(patterns: Sequence[str], folder: Path) -> list[InputFile]:
    """The files that patterns name; see `find_inputs`."""
    found = {name: uri for pattern in patterns for uri, name in _expand(pattern, folder)}
    with ThreadPoolExecutor(4) as threads:  # hashing releases the GIL
        return list(threads.map(lambda name: _describe(found[name], name), sorted(found)))


def divide(files: Sequence[InputFile], section: AnySource, priority: int) -> list[Part]:
    """Parts of work: each large file alone, small ones in groups by their content.

    A file's group depends on its own hash (and on the power of two that the total size calls
    for), so that a file more or less changes one group.
    """
    parts = [Part(section, priority, (file,)) for file in files if file.size > SMALL_FILE_BYTES]
    small = [file for file in files if file.size <= SMALL_FILE_BYTES]
    total = sum(file.size for file in small)
    groups = 1
    while total / groups > GROUP_BYTES or len(small) / groups > 2000:  # noqa: PLR2004  # files are held open one by one, but named in one key
        groups *= 2
    for number in range(groups):
        group = [file for file in small if int(file.identity[:8], 16) % groups == number]
        if group:
            ordered = sorted(group, key=lambda file: (file.identity, file.label))
            parts.append(Part(section, priority, tuple(ordered)))
    return parts


def _expand(pattern: str, folder: Path) -> list[tuple[str, str]]:
    """(uri, name) of what a pattern names."""
    if "://" in pattern:
        return _expand_url(pattern)
    path = Path(pattern) if Path(pattern).is_absolute() else folder / pattern
    if not glob.has_magic(pattern):
        if not path.exists():
            raise InputError(
                "an input exists",
                "there is no such file",
                pattern,
                "correct the path in `inputs`, which is relative to the recipe's folder",
            )
        if path.is_dir():
            raise InputError(
                "an input is a file",
                "it is a folder",
                pattern,
                f"name the files in it, as in {pattern.rstrip('/') + '/*'!r}",
            )
        return [(str(path), pattern)]
    root = Path(glob.escape(str(folder)))
    matches = [Path(match) for match in glob.glob(str(root / pattern), recursive=True)]  # noqa: PTH207  # Path.glob takes no absolute patterns
    files = [match for match in matches if match.is_file()]
    if not files:
        raise InputError(
            "a pattern in `inputs` matches files",
            "it matches none",
            pattern,
            "correct it; it is relative to the recipe's folder",
        )
    return [
        (str(file), str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file))
        for file in files
    ]


def _expand_url(url: str) -> list[tuple[str, str]]:
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        if not glob.has_magic(path):
            return [(url, url)]
        found = [filesystem.unstrip_protocol(str(match)) for match in filesystem.glob(path)]
    except ImportError as error:
        raise ComponentError(
            "the protocol of an input is installed",
            str(error),
            url,
            "install the extra `s3` or `http`: pip install 'curate[s3,http]'",
        ) from error
    except (OSError, ValueError) as error:
        raise InputError("an input can be listed", str(error), url) from error
    if not found:
        raise InputError("a pattern in `inputs` matches files", "it matches none", url)
    return [(match, match) for match in found]


def _describe(uri: str, name: str) -> InputFile:
    if "://" in uri:
        size, identity = _describe_remote(uri)
    else:
        try:
            with Path(uri).open("rb") as stream:
                identity = hashlib.file_digest(stream, "sha256").hexdigest()
            size = Path(uri).stat().st_size
        except OSError as error:
            raise InputError("an input can be read", str(error.strerror), name) from error
    return InputFile(uri, name, label_of(name), size, identity)


def _describe_remote(url: str) -> tuple[int, str]:
    """Size, and the hash of what tells whether a remote file changed."""
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        info: dict[str, Any] = filesystem.info(path)
    except FileNotFoundError as error:
        raise InputError("an input exists", "there is no such file", url) from error
    except OSError as error:
        raise InputError("an input can be opened", str(error), url) from error
    mark = info.get("ETag") or info.get("mtime") or info.get("LastModified") or ""
    facts = json.dumps([url, info.get("size"), str(mark)])
    return int(info.get("size") or 0), hashlib.sha256(facts.encode()).hexdigest()
