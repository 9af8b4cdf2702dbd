"""Common Crawl's listings → the archives that they name.

A listing (`warc.paths.gz`) has a path on each line, relative to where the crawl is kept. A
snapshot's own lies at `crawl-data/<snapshot>/warc.paths.gz`; https://commoncrawl.org/get-started
describes both.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from curate.errors import InputError
from curate.recipe import CommonCrawlSection
from curate.sources import Checksum
from curate.sources.places import Places, join

MAXIMUM_LISTING_BYTES = 1 << 28  # unpacked; a snapshot's has about 13 MB
_SNAPSHOT = re.compile(r"CC-[A-Z]+-\d{4}(?:-\d{2,4})?")
_LISTING = (".paths", ".paths.gz")
_ASKED = "a listing names files"


class Found(NamedTuple):
    """A file that a listing or a dump names.

    Attributes:
        uri: where it is opened.
        name: for reports.
        snapshot: what the listing or dump is called.
        checksum: what is published of it.
        is_listed: by a listing, which may name a file that is gone.
    """

    uri: str
    name: str
    snapshot: str = ""
    checksum: Checksum | None = None
    is_listed: bool = False


def names_listing(text: str) -> bool:
    """Whether an entry of `inputs` is a snapshot's name, or the path or URL of a listing."""
    return bool(_SNAPSHOT.fullmatch(text)) or text.lower().endswith(_LISTING)


def read_listing(
    text: str, section: CommonCrawlSection, folder: Path, places: Places
) -> list[Found]:
    """The archives that a listing names, in its order, as far as the section takes them.

    Args:
        text: a snapshot's name, or the path or URL of a listing.
        section: says what the paths start from, and which of them are taken.
        folder: the recipe's, which relative paths start from.
        places: opens the listing.

    Raises:
        InputError: the listing is missing, empty or no listing, or has fewer files than are asked.
    """
    is_snapshot = bool(_SNAPSHOT.fullmatch(text))
    if is_snapshot:
        path = f"crawl-data/{text}/{section.files}.paths.gz"
        uri, name = join(section.base, path, folder), f"{section.base.rstrip('/')}/{path}"
    else:
        uri, name = text if "://" in text else str(folder / text), text
    lines = _unpack(places.read(uri, MAXIMUM_LISTING_BYTES), name).splitlines()
    paths = [path for line in lines if (path := line.strip())]
    snapshot = text if is_snapshot else ""
    return [
        Found(_uri(path, section, folder), path, snapshot, is_listed=True)
        for path in _take(_checked(paths, name), section, name)
    ]


def _uri(path: str, section: CommonCrawlSection, folder: Path) -> str:
    return path if "://" in path else join(section.base, path, folder)


def _unpack(content: bytes, name: str) -> str:
    try:
        if content.startswith(b"\x1f\x8b"):
            stream = zlib.decompressobj(wbits=31)
            content = stream.decompress(content, MAXIMUM_LISTING_BYTES)
            if not stream.eof:
                raise InputError(_ASKED, "it is cut off", name, "fetch it again")
        return content.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise InputError(_ASKED, f"it cannot be unpacked: {error}", name) from error


def _checked(paths: Sequence[str], name: str) -> Sequence[str]:
    """The paths, none of which leads out of the base."""
    for number, path in enumerate(paths, 1):
        is_path = path.isprintable() and " " not in path
        if not is_path or path.startswith("/") or ".." in path.split("/"):
            came = f"line {number} is {path[:80]!r}"
            raise InputError("a listing has a relative path or a URL on each line", came, name)
    return paths


def _take(paths: Sequence[str], section: CommonCrawlSection, name: str) -> Sequence[str]:
    """The part of a listing that `first`, `count` and `every` say."""
    if not paths:
        raise InputError(_ASKED, "it is empty", name, "check the snapshot's name")
    taken = paths[section.first :: section.every]
    if len(taken) < (section.count or 1):
        asked = f"first = {section.first}, every = {section.every}"
        asked += f", count = {section.count}" if section.count else ""
        raise InputError(
            f"a listing has the files that are asked for ({asked})",
            f"it has {len(paths)}, of which these are {len(taken)}",
            name,
            "lower them",
        )
    return taken[: section.count]
