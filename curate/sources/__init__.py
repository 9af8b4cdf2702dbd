"""Bytes → documents: what a reader of a source is given, and where it puts what it finds.

A reader is a function `read(stream, file, section, sink)`. It calls `sink.document` for each
document, `sink.skip` for everything that never becomes one (with a fixed reason and, where known,
the offset and URI), and `sink.count` for what it saw. Damage inside a file is a skip with the
reason `damaged` and the reader goes on; a file that cannot be read at all is an `InputError`.

A reader whose files can be entered in the middle offers `find_ranges(stream, file)` too, which looks
at the head of a large file and returns the byte ranges that are read on their own, `[(0, None)]`
where it has to be read in one go (`split_evenly` helps). A reader that is given a range looks for the
first entry (the gzip member, bzip2 stream, record or page that may be begun with) at `start` or
after it, reads on from there, and ends before the first entry at `stop` or after it that it comes
to, even if what it reads from entry to entry goes on beyond `stop`. It says so with `sink.enter` and
`sink.leave`. When bytes in the middle of something look like an entry, the range before says so by
what it leaves to be read, and the range is read again from there: `start` itself, when an entry
begins there, must be accepted as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict, Unpack

import polars as pl

from curate.schema import DOCUMENT, SKIPPED, document_id

__all__ = ["Checksum", "InputFile", "Sink", "document_id", "split_evenly"]

RANGE_BYTES = 32 << 20  # of a stored file: what a killed run redoes at most


class Facts(TypedDict, total=False):
    """What a source may say of a document beside its text; see `DOCUMENT`."""

    declared_language: str | None
    canonical_uri: str | None
    licence: str | None
    robots: str | None
    encoding: str | None
    encoding_score: float | None
    categories: str | None
    page_kind: str | None


class Checksum(NamedTuple):
    """What a publisher says of a file.

    Attributes:
        algorithm: `sha1` or `md5`; empty where only the size is known.
        digest: hexadecimal, lower-case.
        size: bytes; None where it is not published.
    """

    algorithm: str
    digest: str
    size: int | None = None


@dataclass(frozen=True)
class InputFile:
    """One input.

    Attributes:
        uri: where it is opened: a path or an fsspec URL. Never enters a key or an output.
        name: as the recipe spells it (relative to the recipe's folder): for reports.
        label: what of the name shapes the output: the part that a corpus itself defines
            (`OpenSubtitles/xml/en/2001/209475/1.xml`), else the base name.
        size: bytes.
        identity: sha256 of a local file; hash of URL, size and ETag of a remote one.
        start: the byte of the stored file from which on it is to be read.
        stop: entries at this byte or after it are left to another range; None at the file's end.
        checksum: what its publisher says of it, where a dump's own listing named it.
        snapshot: what its listing or dump is called, for a section that names no snapshot.
    """

    uri: str
    name: str
    label: str
    size: int
    identity: str
    start: int = 0
    stop: int | None = None
    checksum: Checksum | None = None
    snapshot: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether all of the file is to be read."""
        return self.start == 0 and self.stop is None

    @property
    def length(self) -> int:
        """Bytes of the range."""
        return (self.size if self.stop is None else self.stop) - self.start


def split_evenly(size: int, range_bytes: int = RANGE_BYTES) -> list[tuple[int, int | None]]:
    """Ranges of equal length over a file, the last one up to its end; one for a small file.

    >>> split_evenly(100, 40)
    [(0, 40), (40, 80), (80, None)]
    """
    starts = range(0, max(size, 1), range_bytes)
    return [(start, stop) for start, stop in zip(starts, [*starts[1:], None], strict=True)]


@dataclass
class Sink:
    """Collects the rows of input files, read one after another, as columns.

    Attributes:
        source: the kind of source, written to every document.
        snapshot: written to every document.
        input: identity of the file that is being read.
        counts: what the reader counted in it (`records`, `redirects`, `bytes_stepped_over` …).
        counts_of: the same of each file, by its identity.
        first: the byte of the stored file where the first entry of its range begins; None when
            none begins in the range.
        following: where the entry begins that the next range is to begin with; None at the end of
            the file, or when nothing was entered.
        on_full: takes the documents collected so far whenever their text reaches `block_bytes`
            characters, so that memory stays bounded; left out, the sink keeps everything.
    """

    source: str
    snapshot: str
    input: str
    counts: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    following: int | None = None
    on_full: Callable[[pl.DataFrame], None] | None = None
    block_bytes: int = 4 << 20
    text_bytes: int = 0
    counts_of: dict[str, Counter[str]] = field(init=False)
    _documents: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in DOCUMENT}
    )
    _skipped: dict[str, list[str | int | None]] = field(
        default_factory=lambda: {name: [] for name in SKIPPED}
    )

    def __post_init__(self) -> None:
        self.counts_of = {self.input: self.counts}

    def begin(self, identity: str) -> None:
        """Go on with another file; what was collected of those before it stays."""
        self.input = identity
        self.counts = self.counts_of[identity] = Counter()
        self.first = self.following = None

    def document(
        self,
        *,
        identity: str,
        source_id: str,
        text: str,
        uri: str | None = None,
        date: str | None = None,
        title: str | None = None,
        work: str | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        """Add a document.

        Args:
            identity: what the record is, as one string (WARC record id, URI, date and payload
                digest; wiki, page and revision; OPUS path): hashed into the document's id.
                Where it repeats, the run numbers the occurrences: readers need not.
            source_id: the source's own id.
            text: the document's text; here and elsewhere lone surrogates become U+FFFD.
            uri: where the document lives on the web, if anywhere.
            date: ISO 8601, as precise as the source says.
            title: the document's title.
            work: versions of one work share it (`imdb:209475`) and stay in one split.
            **facts: what else the source says of the document, by column.
        """
        row: dict[str, Any] = {
            "id": document_id(self.source, identity),
            "source_id": source_id,
            "source": self.source,
            "snapshot": self.snapshot,
            "uri": uri,
            "date": date,
            "title": title,
            "text": text,
            "work": work,
            "input": self.input,
            **facts,
        }
        for name, value in row.items():
            if isinstance(value, str) and not value.isascii():
                row[name] = _scalar_values(value)
        for name, column in self._documents.items():
            column.append(row.get(name))
        self.text_bytes += len(text)
        self.counts["documents"] += 1
        if self.on_full is not None and self.text_bytes >= self.block_bytes:
            self.on_full(self.take_documents())

    def skip(
        self,
        reason: str,
        *,
        offset: int | None = None,
        uri: str | None = None,
        detail: str = "",
        input: str | None = None,  # noqa: A002 - as the column is called
    ) -> None:
        """Record something that never became a document.

        Args:
            reason: a short fixed name.
            offset: where in its input it begins.
            uri: its address.
            detail: what there is to say besides.
            input: identity of the input; left out: the one that is being read.
        """
        where = self.input if input is None else input
        row = (where, offset, uri, reason, detail)
        for column, value in zip(self._skipped.values(), row, strict=True):
            column.append(value)
        self.counts_of[where][f"skipped_{reason}"] += 1

    def count(self, name: str, number: int = 1) -> None:
        """Count something seen."""
        self.counts[name] += number

    def enter(self, offset: int) -> None:
        """Say where in the stored file the first entry of the range begins."""
        self.first = offset

    def leave(self, offset: int) -> None:
        """Say where in the stored file the entry begins before which the reader ended."""
        self.following = offset

    def take_documents(self) -> pl.DataFrame:
        """The documents collected since the last call, in order; the sink forgets them."""
        frame = pl.DataFrame(self._documents, schema=DOCUMENT)
        self._documents = {name: [] for name in DOCUMENT}
        self.text_bytes = 0
        return frame

    def take_skipped(self) -> pl.DataFrame:
        """The skips collected since the last call, in order; the sink forgets them."""
        frame = pl.DataFrame(self._skipped, schema=SKIPPED)
        self._skipped = {name: [] for name in SKIPPED}
        return frame


def _scalar_values(text: str) -> str:
    """The text without lone surrogates, which no UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text
