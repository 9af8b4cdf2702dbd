"""Addresses of documents against block lists, allow lists and word scores.

Lists: a folder as UT1 has them (`domains`, `urls`, `expressions`), or one file of domains and
addresses, one a line (plain, a hosts file, AdBlock-style `||domain^`), each plain or in gzip; lines
that begin with `#` or `!` are comments. An entry without a path covers the domain and all below it;
with one, the addresses that begin with it, up to a `/` or `?` or the end, on this very host or one
below it.

Entries are held as sorted 64-bit hashes, 8 bytes each; the domains and paths above a document's
address are hashed and looked up. The entry that the reason names is the part of the address that was
found. That a part which is on no list shares its hash with one of n entries has probability
n / 2^64: 10^-12 for twenty parts of an address against a million entries.

Words: a document's address is cut at what is neither letter nor digit; the weights of the listed
words among these are summed, each as often as it occurs (RefinedWeb, Penedo et al. 2023, arXiv
2306.01116, App. G.1, scores addresses by words; the list is the recipe's own). A word written
`*word` counts anywhere inside the address.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.errors import InputError
from curate.recipe import UrlsSection
from curate.schema import columns_of
from curate.score.addresses import domains_of, normalise_host, prefixes_of, split_address

_PARTS = ("domains", "urls", "expressions")  # of a UT1 category
_CHUNK_LINES = 1 << 16
_HOSTS_FILE = re.compile(r"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+(\S+)")
_LOCAL = {"localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"}  # noqa: S104
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class UrlList:
    """One list, read.

    Attributes:
        name: as the recipe names it.
        hashes: of its entries, sorted, distinct.
        expressions: patterns over whole addresses; UT1's alone.
    """

    name: str
    hashes: NDArray[np.uint64]
    expressions: tuple[re.Pattern[str], ...] = ()


def read_list(name: str, path: str) -> UrlList:
    """Read a list; memory: 8 bytes an entry, twice while it is sorted.

    Raises:
        InputError: there is no such file, it cannot be read, or it holds no entry.
    """
    files = find_files(name, path)
    listed = tuple(file for file in files if not file.name.startswith("expressions"))
    expressions = [
        pattern
        for file in files
        if file not in listed
        for line in _lines(file)
        for pattern in [_expression(line, name, file)]
    ]
    pieces: list[NDArray[np.uint64]] = []
    for file in listed:
        chunk: list[str] = []
        for entry in _entries(file):
            chunk.append(entry)
            if len(chunk) == _CHUNK_LINES:
                pieces.append(hash_entries(chunk))
                chunk.clear()
        pieces.append(hash_entries(chunk))
    hashes = np.unique(np.concatenate(pieces)) if pieces else np.empty(0, np.uint64)
    if not len(hashes) and not expressions:
        raise InputError(
            f"the list {name!r} of [urls] has entries", "it has none", path, "check its format"
        )
    return UrlList(name, hashes, tuple(expressions))


def find_files(name: str, path: str) -> list[Path]:
    """The files of a list.

    Raises:
        InputError: there is none.
    """
    place = Path(path)
    if place.is_dir():
        files = [
            file
            for part in _PARTS
            for file in (place / part, place / f"{part}.gz")
            if file.exists()
        ]
    else:
        files = [place] if place.exists() else []
    if not files:
        raise InputError(
            f"the list {name!r} of [urls] can be read",
            "there is no such file, or no `domains`, `urls` or `expressions` in the folder",
            path,
            "correct its path, which is relative to the working directory",
        )
    return files


def _expression(line: str, name: str, file: Path) -> re.Pattern[str]:
    try:
        return re.compile(line, re.IGNORECASE)
    except re.error as error:
        raise InputError(
            f"the expressions of the list {name!r} of [urls] can be read",
            f"{line[:60]!r} is none: {error}",
            str(file),
        ) from error


def _lines(file: Path) -> Iterator[str]:
    """The lines that are no comments, stripped."""
    try:
        with file.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        with gzip.open(file, "rb") if packed else file.open("rb") as stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").strip().lstrip("\ufeff")
                if line and line[0] not in "#!":
                    yield line
    except (OSError, EOFError) as error:
        raise InputError("a list of [urls] can be read", str(error), str(file)) from error


def _entries(file: Path) -> Iterator[str]:
    """The entries of a list in normal form."""
    for line in _lines(file):
        if hosts := _HOSTS_FILE.match(line):
            entry = None if hosts[1] in _LOCAL else normalise_host(hosts[1])
        else:
            text = line.split("#")[0].split()[0] if "#" in line or " " in line else line
            text = text.removeprefix("||").removesuffix("^").removeprefix("*.").removeprefix(".")
            parts = split_address(text)
            entry = parts[0] + parts[1] if parts else None
        if entry:
            yield entry


def hash_entries(entries: list[str]) -> NDArray[np.uint64]:
    """The 64-bit hash of each entry, the same on every machine."""
    return pl.Series(
        [
            int.from_bytes(hashlib.blake2b(e.encode(), digest_size=8).digest(), "little")
            for e in entries
        ],
        dtype=pl.UInt64,
    ).to_numpy()


def keys_of(host: str, path: str) -> list[str]:
    """Every entry that would cover an address, longest path first, then the nearest domain.

    >>> keys_of("a.example.com", "/b")
    ['a.example.com/b', 'example.com/b', 'com/b', 'a.example.com', 'example.com', 'com']
    """
    domains = domains_of(host)
    return [*(d + p for p in prefixes_of(path) for d in domains), *domains]


@dataclass(frozen=True)
class UrlScorer:
    """Adds `url_list`, `url_allowed`, `url_word_score` and `urls_state`.

    `url_list` is `name:entry` of the first list, in the recipe's order, that has an entry for the
    address; null where none has, or where an allow list covers it.
    """

    section: UrlsSection

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score documents with a `uri`; those without one are `not_applicable`."""
        addresses = [split_address(uri) if uri else None for uri in frame["uri"].to_list()]
        keys = [keys_of(*address) if address else [] for address in addresses]
        whole = [host + path for host, path in (address or ("", "") for address in addresses)]
        allowed = [found is not None for found in self._match(self._allow, keys, whole)]
        listed = self._match(self._block, keys, whole)
        scores = [self._words(text) if text else None for text in whole]
        columns = {
            "url_list": [None if a else hit for a, hit in zip(allowed, listed, strict=True)],
            "url_allowed": [
                a if address else None for a, address in zip(allowed, addresses, strict=True)
            ],
            "url_word_score": [0.0 if a and s else s for a, s in zip(allowed, scores, strict=True)],
            "urls_state": [None if address else "not_applicable" for address in addresses],
        }
        added = pl.DataFrame(columns, schema=columns_of("urls"))
        return frame.hstack(added)

    def identity(self) -> str:
        """The hash of the lists' names, order and bytes, and of the words."""
        digest = hashlib.sha256()
        for kind, lists in (("block", self.section.block), ("allow", self.section.allow)):
            for name, path in lists.items():
                digest.update(f"{kind}\0{name}\0".encode())
                for file in find_files(name, path):
                    digest.update(file.name.encode() + b"\0")
                    with file.open("rb") as stream:
                        digest.update(hashlib.file_digest(stream, "sha256").digest())
        for word, weight in sorted(self.section.words.items()):
            digest.update(f"{word}\0{weight!r}\0".encode())
        return digest.hexdigest()

    @cached_property
    def _block(self) -> list[UrlList]:
        return [read_list(name, path) for name, path in self.section.block.items()]

    @cached_property
    def _allow(self) -> list[UrlList]:
        return [read_list(name, path) for name, path in self.section.allow.items()]

    def _match(
        self, lists: list[UrlList], keys: list[list[str]], whole: list[str]
    ) -> list[str | None]:
        """Per address the first list that covers it, as `name:entry`."""
        found: list[str | None] = [None] * len(keys)
        if not lists:
            return found
        flat = [key for some in keys for key in some]
        owner = np.repeat(np.arange(len(keys)), [len(some) for some in keys])
        hashes = hash_entries(flat)
        for one in lists:
            at = np.searchsorted(one.hashes, hashes)
            at[at == len(one.hashes)] = 0
            hit = np.flatnonzero(one.hashes[at] == hashes) if len(one.hashes) else np.empty(0, int)
            for place in hit.tolist():
                document = int(owner[place])
                if found[document] is None:
                    found[document] = f"{one.name}:{flat[place]}"
            for pattern in one.expressions:
                for document, text in enumerate(whole):
                    if text and found[document] is None and pattern.search(text):
                        found[document] = f"{one.name}:{pattern.pattern}"
        return found

    def _words(self, address: str) -> float:
        words = self.section.words
        counts = Counter(_WORD.findall(address)) if words else Counter()
        whole = sum(words.get(word, 0.0) * count for word, count in counts.items())
        inside = sum(
            weight * address.count(word[1:])
            for word, weight in words.items()
            if word.startswith("*") and len(word) > 1
        )
        return float(whole + inside)
