"""From a recipe's patterns to input files, and from those to parts of work."""

from __future__ import annotations

import glob
import hashlib
import importlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import fsspec

from curate.errors import (
    ComponentError,
    CurateError,
    FetchError,
    InputError,
    MissingInputError,
    is_client_error,
)
from curate.recipe import (
    AnySource,
    CommonCrawlSection,
    EvaluationSet,
    FetchSection,
    ParallelSection,
    RecordsSection,
    WikipediaSection,
)
from curate.sources import RANGE_BYTES, InputFile
from curate.sources.dumps import find_dump, names_wiki
from curate.sources.listings import Found, names_listing, read_listing
from curate.sources.places import Places
from curate.sources.saved import find_saved
from curate.sources.subtitles import label_of

FilesSection: TypeAlias = AnySource | ParallelSection | EvaluationSet
SMALL_FILE_BYTES = 1 << 20
GROUP_BYTES = 16 << 20


@dataclass(frozen=True)
class Part:
    """What one read step works through: a large file or a range of it, or a group of small ones.

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
        """Bytes of all files, or of the range."""
        return sum(file.length for file in self.files)


def find_inputs(
    section: AnySource, folder: Path, fetch: FetchSection | None = None
) -> list[InputFile]:
    """The files that a section's inputs name, each once, sorted by name.

    Args:
        section: one source of the recipe.
        folder: the recipe's folder, which relative patterns start from.
        fetch: how remote files are asked for.

    Raises:
        InputError: a file is missing, a pattern matches nothing, a listing or dump cannot be read.
            (A file that is missing though a listing names it is a file all the same: reading it
            fails, and the others go on.)
        FetchError: a server does not answer.
        ComponentError: a URL's protocol needs a package that is not installed.
    """
    return find_files(section.inputs, section, folder, fetch)


def find_files(
    names: Sequence[str],
    section: FilesSection,
    folder: Path,
    fetch: FetchSection | None = None,
) -> list[InputFile]:
    """The files that some entries of a section name; see `find_inputs`."""
    fetch = fetch or FetchSection()
    with Places(fetch) as places, ThreadPoolExecutor(fetch.connections) as threads:
        found = [found for text in names for found in _expand(text, section, folder, places)]
        _refuse_unused_range(section)
        ordered = sorted({file.name: file for file in found}.values(), key=lambda file: file.name)
        return list(threads.map(lambda file: _describe(file, section, places), ordered))


def divide(
    files: Sequence[InputFile],
    section: AnySource,
    priority: int,
    fetch: FetchSection | None = None,
) -> list[Part]:
    """Parts of work: each large file alone or in ranges, small ones in groups by their content.

    A file's group depends on its own hash (and on the power of two that the total size calls
    for), so that a file more or less changes one group; its ranges on itself alone.
    """
    fetch = fetch or FetchSection()
    large = [file for file in files if file.size > SMALL_FILE_BYTES]
    with Places(fetch) as places, ThreadPoolExecutor(fetch.connections) as threads:
        ranges = threads.map(lambda file: _split(file, section, places), large)
        parts = [Part(section, priority, (piece,)) for pieces in ranges for piece in pieces]
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


def _split(file: InputFile, section: AnySource, places: Places) -> list[InputFile]:
    """The ranges of a file; what is wrong with it is left for the reader to say."""
    if file.size <= RANGE_BYTES:
        return [file]
    reader = importlib.import_module(f"curate.sources.{section.kind}")
    if not hasattr(reader, "find_ranges"):
        return [file]
    try:
        with places.open(file.uri, file.identity) as stream:
            ranges = reader.find_ranges(stream, file)
    except FetchError:
        raise  # else the ranges, and so the keys, would hang on a fault of the moment
    except (CurateError, OSError):
        return [file]
    return [replace(file, start=start, stop=stop) for start, stop in ranges]


def _expand(text: str, section: FilesSection, folder: Path, places: Places) -> list[Found]:
    """What an entry of `inputs` names."""
    is_here = "://" not in text and (folder / text).exists()
    if isinstance(section, CommonCrawlSection) and names_listing(text):
        return read_listing(text, section, folder, places)
    if isinstance(section, WikipediaSection) and names_wiki(text) and not is_here:
        return find_dump(text, section, folder, places)
    if "://" in text:
        return [Found(uri, name) for uri, name in _expand_url(text)]
    if isinstance(section, RecordsSection) and (folder / text).is_dir():
        return find_saved(text, folder)
    return [Found(uri, name) for uri, name in _expand_pattern(text, folder)]


def _refuse_unused_range(section: FilesSection) -> None:
    """A range says something of listings alone."""
    if not isinstance(section, CommonCrawlSection) or any(map(names_listing, section.inputs)):
        return
    unused = [name for name in ("first", "count", "every") if name in section.model_fields_set]
    if unused:
        raise InputError(
            f"`{unused[0]}` takes a part of a listing",
            "there is no listing among `inputs`",
            ", ".join(section.inputs),
            "name a listing (warc.paths.gz) or a snapshot, or leave it out",
        )


def _expand_pattern(pattern: str, folder: Path) -> list[tuple[str, str]]:
    """(uri, name) of what a local pattern names."""
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
    is_web = url.startswith(("http://", "https://"))
    if not glob.has_magic(urlsplit(url).path if is_web else url):  # a query begins with `?`
        return [(url, url)]
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
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
    except Exception as error:
        if not is_client_error(error):
            raise
        change = "check the address and the credentials in the environment"
        raise InputError("an input can be listed", str(error), url, change) from error
    if not found:
        raise InputError("a pattern in `inputs` matches files", "it matches none", url)
    return [(match, match) for match in found]


def _describe(found: Found, section: FilesSection, places: Places) -> InputFile:
    snapshot = "" if getattr(section, "snapshot", "") else found.snapshot
    try:
        size, identity = places.describe(found.uri, found.name)
    except MissingInputError:
        if not found.is_listed:
            raise
        size, identity = 0, hashlib.sha256(f"missing {found.uri}".encode()).hexdigest()
    label = label_of(urlsplit(found.name).path if "://" in found.name else found.name)
    file = InputFile(found.uri, found.name, label, size, identity)
    return replace(file, checksum=found.checksum, snapshot=snapshot)
