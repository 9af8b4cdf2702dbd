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
from itertools import islice
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
_PATH = re.compile(r"[/?]")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class UrlList:
    """One list, read.

    Attributes:
        name: as the recipe names it.
        hashes: of its entries, sorted, distinct.
        hosts: hashes of the hosts of entries with a path, sorted, distinct.
        expressions: patterns over whole addresses; UT1's alone.
    """

    name: str
    hashes: NDArray[np.uint64]
    hosts: NDArray[np.uint64]
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
    pieces, hosts = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for file in listed:
        entries = _entries(file)
        while chunk := list(islice(entries, _CHUNK_LINES)):
            pieces.append(hash_entries(chunk))
            cuts = [(entry, _PATH.search(entry)) for entry in chunk]
            hosts.append(hash_entries(list({e[: cut.start()] for e, cut in cuts if cut})))
    hashes = np.unique(np.concatenate(pieces))
    if not len(hashes) and not expressions:
        raise InputError(
            f"the list {name!r} of [urls] has entries", "it has none", path, "check its format"
        )
    return UrlList(name, hashes, np.unique(np.concatenate(hosts)), tuple(expressions))


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
        keys = self._keys(addresses)
        hashes = _hash_each(keys)
        whole = [host + path for host, path in (address or ("", "") for address in addresses)]
        allowed = [hit is not None for hit in _match(self._allow, keys, hashes, whole)]
        listed = _match(self._block, keys, hashes, whole)
        scores = [
            (self._words(text) if self.section.words else 0.0) if text else None for text in whole
        ]
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

    @cached_property
    def _hosts(self) -> NDArray[np.uint64]:
        lists = (*self._allow, *self._block)
        return np.unique(np.concatenate([np.empty(0, np.uint64), *(one.hosts for one in lists)]))

    def _keys(self, addresses: list[tuple[str, str] | None]) -> list[list[str]]:
        """Per address the entries that would cover it, those with a path where its host has any."""
        domains = [domains_of(address[0]) if address else [] for address in addresses]
        if not len(self._hosts):
            return domains
        hits = _find(self._hosts, _hash_each(domains))
        ends = np.cumsum([len(some) for some in domains])
        for row in set(np.searchsorted(ends, hits, "right").tolist()):
            address = addresses[row]
            domains[row] = keys_of(*address) if address else []
        return domains

    def _words(self, address: str) -> float:
        words = self.section.words
        counts = Counter(_WORD.findall(address))
        whole = sum(words.get(word, 0.0) * count for word, count in counts.items())
        inside = sum(
            weight * address.count(word[1:])
            for word, weight in words.items()
            if word.startswith("*") and len(word) > 1
        )
        return float(whole + inside)


def _hash_each(keys: list[list[str]]) -> NDArray[np.uint64]:
    """The hashes of all keys, one after the other; each is made once."""
    places: dict[str, int] = {}
    rows = [places.setdefault(key, len(places)) for some in keys for key in some]
    return hash_entries([*places])[rows] if rows else np.empty(0, np.uint64)


def _find(sorted_hashes: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The places of those hashes that are among the sorted ones."""
    if not len(sorted_hashes):
        return np.empty(0, np.int64)
    at = np.searchsorted(sorted_hashes, hashes)
    at[at == len(sorted_hashes)] = 0
    return np.flatnonzero(sorted_hashes[at] == hashes)


def _match(
    lists: list[UrlList], keys: list[list[str]], hashes: NDArray[np.uint64], whole: list[str]
) -> list[str | None]:
    """Per address the first list that covers it, as `name:entry`."""
    found: list[str | None] = [None] * len(keys)
    ends = np.cumsum([len(some) for some in keys])
    for one in lists:
        hits = _find(one.hashes, hashes)
        rows = np.searchsorted(ends, hits, "right")
        for row, hit in zip(rows.tolist(), hits.tolist(), strict=True):
            if found[row] is None:
                found[row] = f"{one.name}:{keys[row][hit - ends[row]]}"
        for pattern in one.expressions:
            for row, text in enumerate(whole):
                if text and found[row] is None and pattern.search(text):
                    found[row] = f"{one.name}:{pattern.pattern}"
    return found
