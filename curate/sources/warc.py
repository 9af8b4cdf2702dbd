"""Web archive bytes → records, with every damaged byte accounted for.

The framing is done here and not by FastWARC's iterator, because that one loses records without a
word: it ends at an empty gzip member, takes a file with bare line feeds for one record (in quirks
mode it loses every second one), and gives no sign of a member that is cut off.

A record is intact when its length leads to the end of a record and, where that is the end of a gzip
member too, the member has the right checksum. One that fills a member alone is found by looking at
its two ends; whatever is not as simple goes through `Feed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from curate.errors import InputError
from curate.sources.feed import FILE_ENDS, NOWHERE, WRONG_LENGTH, Feed, Plain
from curate.sources.headers import ARC, WARC, Dialect, find_dialects
from curate.sources.http import Response, parse_response
from curate.sources.members import Fault, Members, Source, find_format
from curate.sources.stretches import Stretch, find_stretches

_PREFIX_BYTES = 1 << 16  # what is kept of a record that is too long to hold: its HTTP header
_SHORT_BYTES = 4 << 20  # a member of at most so many is looked at whole
_HEAD_BYTES = 4 << 20  # of a file that tell what it is
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_ASKED = "a web archive is WARC, WET, ARC or WACZ"
_FOREIGN = (
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive", "unpack it"),
    (b"\xfd7zXZ\x00", "it is compressed with xz", "recompress it with gzip"),
    (b"Rar!\x1a\x07", "it is a RAR archive", "unpack it"),
)


class Record:
    """A record, or a gap: bytes that belong to none.

    Attributes:
        offset: where in the stored file the record or gap begins, or the member in which it does.
        length: of the body as the header says; what is there is shorter when the record is damaged
            or too long.
        fault: empty for an intact record, else `truncated` or `damaged`.
        detail: what is wrong.
        lost: bytes that were stepped over: decompressed ones, or compressed ones where they
            could not be decompressed.
    """

    __slots__ = (
        "_body",
        "_content",
        "_fields",
        "_header",
        "detail",
        "fault",
        "length",
        "lost",
        "offset",
    )

    def __init__(
        self,
        offset: int,
        header: tuple[Dialect, bytes | bytearray] | None,
        content: bytes | bytearray = b"",
        body: tuple[int, int] | None = None,
        length: int = 0,
        fault: Fault | None = None,
    ) -> None:
        self.offset, self.length = offset, length
        self.fault, self.detail, self.lost = fault or ("", "", 0)
        self._header = header
        self._fields: Mapping[str, str] | None = None if header else {}
        self._content = content
        self._body = body or (0, len(content))

    @property
    def kind(self) -> str:
        """`WARC-Type` in lower case; empty for a gap."""
        return self.fields.get("warc-type", "").lower()

    @property
    def body(self) -> bytes:
        """What follows the header; of a record longer than `hold` only the beginning."""
        return bytes(memoryview(self._content)[self._body[0] : self._body[1]])

    @property
    def response(self) -> Response:
        """The body as an HTTP response."""
        return parse_response(self._content, *self._body)

    @property
    def is_gap(self) -> bool:
        """Whether this is no record."""
        return self._header is None or (self.fault != "" and not self.fields)

    @property
    def is_whole(self) -> bool:
        """Whether the body is there as it is in the file."""
        return self._body[1] - self._body[0] == self.length

    @property
    def fields(self) -> Mapping[str, str]:
        """The header's fields, names in lower case, the first of those that repeat; none of a gap."""
        if self._fields is None:
            assert self._header is not None
            self._fields = self._header[0].parse(self._header[1])
        return self._fields


_NO_RECORD = Fault("damaged", "no record begins here")


class Archive:
    """The records of a web archive, or of a range of it, in order, and the gaps between them.

    Args:
        stream: a seekable binary file: WARC 0.x or 1.x or ARC, plain or compressed by gzip (a
            member for each record, or otherwise), zstd, LZ4 or bzip2; or such files in a ZIP
            (WACZ).
        name: of the file, for errors.
        hold: bytes of a body that are kept at most; memory stays within a few times of it.
        start: the byte of the stored file at which, or after which, the first record begins.
        stop: records are left out from the first one on that begins a member (or, in a file that is
            not compressed, from the first one on) at this byte or after it.

    Attributes:
        first: where in the file the first entry of the range begins; None when none does.
        following: where the entry begins at which another range has to go on; None at the end.
    """

    def __init__(
        self, stream: BinaryIO, name: str, hold: int, start: int = 0, stop: int | None = None
    ) -> None:
        self.first: int | None = None
        self.following: int | None = None
        self._stream, self._name, self._hold = stream, name, hold
        self._start, self._stop = start, stop

    def __iter__(self) -> Iterator[Record]:
        """Read.

        Raises:
            InputError: the file is empty, is of another kind, holds no record at all, or cannot be
                read on.
        """
        self._refuse_foreign()
        found, empty, reached_end = False, True, True
        for stretch in find_stretches(self._stream, self._name):
            if self._stop is not None and stretch.start >= self._stop:
                self.following = stretch.start if self.first is not None else None
                reached_end = False
                break
            if isinstance(stretch.fault, Fault):
                if stretch.start >= self._start:
                    self._enter(stretch.start)
                    empty = False
                    yield Record(stretch.start, None, fault=stretch.fault)
                continue
            reading = _Reading(stretch, self._hold)
            entry = reading.find_entry(self._start, self._stop)
            if entry is None:
                continue
            self._enter(entry)
            for record in reading.read(entry, self._stop):
                found = found or not record.is_gap
                empty = False
                yield record
            if reading.following is not None:
                self.following = reading.following
                reached_end = False
                break
        if self._start == 0 and reached_end and not found:
            came = "there is nothing in it" if empty else "it holds no record"
            raise InputError(_ASKED, came, self._name, "check the file")

    def _enter(self, offset: int) -> None:
        self.first = offset if self.first is None else self.first

    def _refuse_foreign(self) -> None:
        head = bytes(Source(self._stream, self._name).view(0, 16)[:16])
        for magic, came, change in _FOREIGN:
            if head.startswith(magic):
                raise InputError(_ASKED, came, self._name, change)


def is_divisible(stream: BinaryIO, name: str) -> bool:
    """Whether a large archive can be entered in the middle, as its head shows.

    One that is compressed can, if its first member ends early: else it is one member, or a few.

    Raises:
        InputError: the file cannot be read, or is a ZIP file without an archive.
    """
    stretches = list(find_stretches(stream, name))
    if len(stretches) > 1:
        return all(stretch.fault is None for stretch in stretches)
    stretch = stretches[0]
    form = find_format(stretch.source)
    if form is None or not stretch.is_divisible:
        return stretch.is_divisible
    members = Members(stretch.source, form, stretch.source.start, lambda _: True)
    return members.whole(_SHORT_BYTES) is not None


class _Reading:
    """The records of one stretch: a file, or a file in a package."""

    def __init__(self, stretch: Stretch, hold: int) -> None:
        self.following: int | None = None
        self._stretch, self._hold = stretch, hold
        self._source = stretch.source
        self._form = find_format(self._source)
        # Settled once, by the head, so that it does not hang on where a range begins.
        self._dialects: tuple[Dialect, ...] = (WARC, ARC)
        self._dialects = find_dialects(self._head())

    def _head(self) -> bytes:
        """The first bytes of the content, if they can be had."""
        start, stop = self._source.start, self._source.start + _HEAD_BYTES
        if self._source.stop is not None:
            stop = min(stop, self._source.stop)
        source = Source(self._source.stream, self._source.name, start, stop)
        pieces = self._pieces(source, start)
        for _ in range(8):  # there may be empty members before
            piece = pieces.next()
            if isinstance(piece, bytes) and piece:
                return piece
        return b""

    def _pieces(self, source: Source, at: int) -> Members | Plain:
        return Members(source, self._form, at, self._opens) if self._form else Plain(source, at)

    def _opens(self, content: bytes) -> bool:
        return any(dialect.prefix.match(content) for dialect in self._dialects)

    def find_entry(self, start: int, stop: int | None) -> int | None:
        """Where reading can begin in the range: at the stretch's own beginning, or at a record."""
        if start <= self._stretch.start:
            return self._stretch.start
        if not self._stretch.is_divisible:
            return None
        if self._form:
            return Members(self._source, self._form, start, self._opens).find_entry(start, stop)
        feed = Feed(Plain(self._source, start), self._dialects, start)
        if feed.header_end(start):
            return start
        return feed.next_entry(start, NOWHERE if stop is None else stop)

    def read(self, entry: int, stop: int | None) -> Iterator[Record]:
        """Records and gaps from an entry on to the first entry at `stop` or after it."""
        at = self._source.start if entry == self._stretch.start else entry
        pieces = self._pieces(self._source, at)
        feed = Feed(pieces, self._dialects, 0 if self._form else at)
        place = 0 if self._form else at
        members = pieces if isinstance(pieces, Members) else None
        end = stop if stop is not None and self._stretch.is_divisible else NOWHERE
        most = min(_SHORT_BYTES, self._hold)
        while True:
            drained = feed.is_drained(place)  # and stays so while members are taken whole
            while members is not None and drained:
                offset = members.at
                content = members.whole(most)
                if content is None:
                    break
                record = self._only_record(offset, content)
                if record is None or offset >= end:
                    feed.push(offset, content)
                    break
                yield record
            place = feed.after_line_ends(place)
            if fault := feed.take_fault(place):
                yield Record(self._reported(feed.stored(place)), None, fault=fault)
            elif place == feed.end:
                return
            elif head_end := feed.header_end(place):
                begins = feed.entry(place)
                if begins is not None and begins >= end:
                    self.following = begins
                    return
                record, place = self._record(feed, place, head_end)
                yield record
            else:
                offset, start = feed.stored(place), place
                place = feed.next_header(place + 1)
                fault = feed.take_fault(place) or _NO_RECORD
                fault = Fault(fault.fault, fault.detail, fault.lost + place - start)
                yield Record(self._reported(offset), None, fault=fault)
            feed.forget(place)

    def _reported(self, offset: int) -> int:
        return offset if self._stretch.is_divisible else self._stretch.start

    def _only_record(self, offset: int, content: bytes | bytearray) -> Record | None:
        """The record that a member holds, when it holds that alone and nothing about it is odd."""
        for dialect in self._dialects:
            if not dialect.begins.match(content) or not (head := dialect.end.search(content)):
                continue
            start = head.end()
            length = dialect.length.search(content, 0, start)
            stop = start + int(length[1]) if length else start
            if not length or stop - start > self._hold or content[stop:].strip(b"\r\n"):
                return None
            if stop > len(content) or dialect.is_cut_off(content, 0, start):
                return None
            header = (dialect, content[:start])
            return Record(self._reported(offset), header, content, (start, stop), stop - start)
        return None

    def _record(self, feed: Feed, at: int, head_end: int) -> tuple[Record, int]:
        """The record whose header lies between the offsets, and the offset to go on from."""
        head = feed.between(at, head_end)
        dialect = next(d for d in self._dialects if d.begins.match(head))
        offset = self._reported(feed.stored(at))
        header = (dialect, head)
        digits = dialect.parse(head).get("content-length", "")
        if not _LENGTH.fullmatch(digits):
            resume = feed.next_header(head_end)
            fault = Fault("damaged", f"its length is {digits[:40]!r}", resume - at)
            return Record(offset, header, fault=fault), resume
        length = int(digits)
        end = head_end + length
        held = length <= self._hold
        body = b"" if held else feed.between(head_end, head_end + _PREFIX_BYTES)
        stopped = feed.pass_body(head_end, end, dialect, held=held)
        if not stopped:
            blank = next(blank for ending, blank in dialect.blanks if head.endswith(ending))
            stopped = feed.check_end(end, blank)
            if not stopped:
                body = feed.between(head_end, end) if held else body
                return Record(offset, header, body, length=length), end
        fault, resume = stopped
        if fault is WRONG_LENGTH and held:
            resume = feed.next_header(head_end)
        elif fault is FILE_ENDS and held:
            resume = feed.next_header(head_end)
            fault = FILE_ENDS if resume == feed.end else WRONG_LENGTH
        fault = Fault(fault.fault, fault.detail, fault.lost + resume - at)
        return Record(offset, header, length=length, fault=fault), resume
