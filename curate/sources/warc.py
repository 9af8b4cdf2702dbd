"""Web archive bytes → records, with every damaged byte accounted for.

The framing is done here and not by FastWARC's iterator, because that one loses records without a
word: it ends at an empty gzip member, takes a file with bare line feeds for one record (in quirks
mode it loses every second one), and gives no sign of a member that is cut off.

A record is intact when its length leads to the end of a record and, where that is the end of a gzip
member too, the member has the right checksum. One that fills a member alone is found by looking at
its two ends; whatever is not as simple goes through `_Feed`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from curate.errors import InputError
from curate.sources.headers import ARC, WARC, Dialect, find_dialects
from curate.sources.http import Response, parse_response
from curate.sources.members import CHUNK, Begin, Fault, Members, Source, find_format
from curate.sources.stretches import Stretch, find_stretches

_MAXIMUM_HEADER_BYTES = 1 << 20
_PREFIX_BYTES = 1 << 16  # what is kept of a record that is too long to hold: its HTTP header
_SHORT_BYTES = 4 << 20  # a member of at most so many is looked at whole
_PIECE_BYTES = 1 << 18  # of a file that is not compressed
_HEAD_BYTES = 4 << 20  # of a file that tell what it is
_NOWHERE = 1 << 63  # an offset beyond every file
_NO_LINE_END = re.compile(rb"[^\r\n]")
_KIND = re.compile(rb"\nWARC-Type: ([a-z]+)\r?\n(?![ \t])", re.IGNORECASE)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_ASKED = "a web archive is WARC, WET, ARC or WACZ"
_FOREIGN = (
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive", "unpack it"),
    (b"\xfd7zXZ\x00", "it is compressed with xz", "recompress it with gzip"),
    (b"Rar!", "it is a RAR archive", "unpack it"),
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
        header: tuple[Dialect, bytes] | None,
        content: bytes = b"",
        body: tuple[int, int] | None = None,
        length: int = 0,
        fault: Fault | None = None,
    ) -> None:
        self.offset, self.length = offset, length
        self.fault, self.detail, self.lost = fault or ("", "", 0)
        self._header = header
        self._fields: dict[str, str] | None = None if header else {}
        self._content = content
        self._body = body or (0, len(content))

    @property
    def kind(self) -> str:
        """`WARC-Type` in lower case; empty for a gap. The other fields need not be parsed for it."""
        found = _KIND.search(self._header[1]) if self._header and self._fields is None else None
        return found[1].lower().decode() if found else self.fields.get("warc-type", "").lower()

    @property
    def body(self) -> bytes:
        """What follows the header; of a record longer than `hold` only the beginning."""
        return self._content[self._body[0] : self._body[1]]

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
    def fields(self) -> dict[str, str]:
        """The header's fields, names in lower case, the first of those that repeat; none of a gap."""
        if self._fields is None:
            assert self._header is not None
            self._fields = self._header[0].parse(self._header[1])
        return self._fields


_NO_RECORD = Fault("damaged", "no record begins here")
_WRONG_LENGTH = Fault("damaged", "its length does not lead to the end of a record")
_FILE_ENDS = Fault("truncated", "the file ends within the record")


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


class _Plain:
    """The pieces of a file that is not compressed."""

    def __init__(self, source: Source, at: int) -> None:
        self.at, self._source = at, source

    def next(self) -> bytes | None:
        piece = bytes(self._source.view(self.at, 1)[:_PIECE_BYTES])
        self.at += len(piece)
        return piece or None


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

    def _pieces(self, source: Source, at: int) -> Members | _Plain:
        return Members(source, self._form, at, self._opens) if self._form else _Plain(source, at)

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
        feed = _Feed(_Plain(self._source, start), self._dialects, start)
        if feed.header_end(start):
            return start
        return feed.next_entry(start, _NOWHERE if stop is None else stop)

    def read(self, entry: int, stop: int | None) -> Iterator[Record]:
        """Records and gaps from an entry on to the first entry at `stop` or after it."""
        at = self._source.start if entry == self._stretch.start else entry
        pieces = self._pieces(self._source, at)
        feed = _Feed(pieces, self._dialects, 0 if self._form else at)
        place = 0 if self._form else at
        members = pieces if isinstance(pieces, Members) else None
        end = stop if stop is not None and self._stretch.is_divisible else _NOWHERE
        while True:
            while members is not None and feed.is_drained(place):
                offset = members.at
                content = members.whole(min(_SHORT_BYTES, self._hold))
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

    def _only_record(self, offset: int, content: bytes) -> Record | None:
        """The record that a member holds, when it holds that alone and nothing about it is odd."""
        for dialect in self._dialects:
            if not dialect.prefix.match(content) or not (end := dialect.end.search(content)):
                continue
            length = dialect.length.search(content, 0, end.end())
            if not length or not dialect.begins.match(content):
                return None
            size, stop = int(length[1]), end.end() + int(length[1])
            if size > self._hold or stop > len(content) or content[stop:].strip(b"\r\n"):
                return None
            header = (dialect, content[: end.end()])
            return Record(self._reported(offset), header, content, (end.end(), stop), size)
        return None

    def _record(self, feed: _Feed, at: int, head_end: int) -> tuple[Record, int]:
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
        if fault is _WRONG_LENGTH and held:
            resume = feed.next_header(head_end)
        elif fault is _FILE_ENDS and held:
            resume = feed.next_header(head_end)
            fault = _FILE_ENDS if resume == feed.end else _WRONG_LENGTH
        fault = Fault(fault.fault, fault.detail, fault.lost + resume - at)
        return Record(offset, header, length=length, fault=fault), resume


class _Feed:
    """Decompressed bytes from `base` to `end`, and the members' bounds and faults met so far."""

    def __init__(self, pieces: Members | _Plain, dialects: tuple[Dialect, ...], base: int) -> None:
        self.dialects = dialects
        self._pieces = pieces
        self._is_plain = isinstance(pieces, _Plain)
        self._data = bytearray()
        self._base = base
        self._begins: deque[tuple[int, int]] = deque()  # of members: here, and in the stored file
        self._member_ends: deque[int] = deque()
        self._faults: deque[tuple[int, Fault]] = deque()

    @property
    def end(self) -> int:
        return self._base + len(self._data)

    def pull(self) -> bool:
        """Take what comes next; False when nothing does."""
        piece = self._pieces.next()
        if piece is None:
            return False
        if isinstance(piece, Fault):
            self._faults.append((self.end, piece))
        elif isinstance(piece, Begin):
            self._begins.append((self.end, piece.offset))
        elif piece:
            self._data += piece
        elif self.fault_at() != self.end:
            self._member_ends.append(self.end)
        return True

    def push(self, offset: int, content: bytes) -> None:
        """Take a whole member."""
        self._begins.append((self.end, offset))
        self._data += content
        self._member_ends.append(self.end)

    def is_drained(self, offset: int) -> bool:
        """Whether nothing is known of what comes at the offset."""
        return offset == self.end and not self._faults

    def stored(self, offset: int) -> int:
        """Where in the stored file the member begins in which the offset lies, or the offset."""
        if self._is_plain:
            return offset
        return next((s for at, s in reversed(self._begins) if at <= offset), 0)

    def entry(self, offset: int) -> int | None:
        """Where in the stored file the member begins that begins at the offset, if one does."""
        if self._is_plain:
            return offset
        return next((s for at, s in reversed(self._begins) if at == offset), None)

    def fill(self, offset: int) -> None:
        """Have the bytes before the offset, or all there are."""
        while self.end < offset and self.pull():
            pass

    def forget(self, offset: int) -> None:
        """Drop the bytes before the offset."""
        del self._data[: max(0, offset - self._base)]
        self._base = max(self._base, offset)
        while len(self._begins) > 1 and self._begins[1][0] <= offset:
            self._begins.popleft()

    def between(self, start: int, end: int) -> bytes:
        """The bytes between the offsets, or as many as there are."""
        self.fill(end)
        return bytes(memoryview(self._data)[start - self._base : end - self._base])

    def fault_at(self) -> int:
        """The offset of the next fault; `_NOWHERE` when none is known."""
        return self._faults[0][0] if self._faults else _NOWHERE

    def take_fault(self, offset: int) -> Fault | None:
        """The next fault, if it lies at or before the offset; forgets the member ends there."""
        while self._member_ends and self._member_ends[0] <= offset:
            self._member_ends.popleft()
        return self._faults.popleft()[1] if self.fault_at() <= offset else None

    def after_line_ends(self, offset: int) -> int:
        """The first offset from here on that holds no line end; `end` when there is none."""
        while True:
            found = _NO_LINE_END.search(self._data, offset - self._base)
            if found:
                return found.start() + self._base
            offset = self.end
            if not self.pull():
                return offset

    def begins(self, at: int) -> bool:
        """Whether a header begins at the offset."""
        return any(d.begins.match(self._data, at - self._base) for d in self.dialects)

    def header_end(self, at: int) -> int | None:
        """Where the header that begins here ends; None when none does."""
        upto = at + 4096
        while True:
            self.fill(upto)
            place = at - self._base
            dialect = next((d for d in self.dialects if d.prefix.match(self._data, place)), None)
            if dialect is None:
                return None
            if found := dialect.end.search(self._data, place):
                end = found.end() + self._base
                return end if self.begins(at) and end <= self.fault_at() else None
            if self.end < upto or upto > at + _MAXIMUM_HEADER_BYTES:
                return None
            upto = at + 4 * (upto - at)

    def next_header(self, offset: int) -> int:
        """The offset of the next header, or of the next fault, or `end`."""
        overlap = max(dialect.overlap for dialect in self.dialects)
        while True:
            found = [d.search.search(self._data, offset - self._base) for d in self.dialects]
            header = min((f.start() + self._base for f in found if f), default=_NOWHERE)
            if (stop := min(header, self.fault_at())) <= self.end:
                return stop
            offset = max(offset, self.end - overlap)  # a header may have begun
            self.forget(offset - 1)
            if not self.pull():
                return self.end

    def next_entry(self, offset: int, stop: int) -> int | None:
        """The offset of the next header that stands after the end of a record, before `stop`."""
        overlap = 8 + max(dialect.overlap for dialect in self.dialects)
        while offset < stop:
            found = [d.nested.search(self._data, offset - self._base) for d in self.dialects]
            header = min((f.start(1) + self._base for f in found if f), default=None)
            if header is not None:
                if header < stop and self.header_end(header):
                    return header
                offset = header
                continue
            offset = max(offset, self.end - overlap)
            self.forget(offset)
            if not self.pull():
                break
        return None

    def pass_body(
        self, start: int, end: int, dialect: Dialect, *, held: bool
    ) -> tuple[Fault, int] | None:
        """Go from the start of a body to its end; what stops that before, and where.

        A body that is not held is forgotten on the way, so a header after the end of a record stops
        it too: nobody could go back to it when the length turns out to be wrong.
        """
        at = start
        while at < end:
            upto = end if held else min(end, at + CHUNK)
            self.fill(upto + dialect.overlap)  # the header that stops it may begin just before
            fault_at = self.fault_at()
            if not held:
                nested = dialect.nested.search(self._data, at - self._base)
                if nested and nested.start(1) + self._base < min(end, fault_at):
                    return _WRONG_LENGTH, nested.start(1) + self._base
            if fault_at < upto:
                return self._faults.popleft()[1], fault_at
            if self.end < upto:
                return _FILE_ENDS, self.end
            if not held:
                self.forget(upto)
            at = upto
        return None

    def check_end(self, end: int, blank: bytes) -> tuple[Fault, int] | None:
        """What says that a record does not end here, and where to go on."""
        after = self.after_line_ends(end)
        while self._member_ends and self._member_ends[0] < end:
            self._member_ends.popleft()
        member_end = self._member_ends[0] if self._member_ends else _NOWHERE
        if (fault_at := self.fault_at()) < member_end and fault_at <= after:
            return self._faults.popleft()[1], fault_at
        if (
            member_end <= after
            or after == self.end
            or self._data.startswith(blank, end - self._base)
            or self.begins(after)
            or self.header_end(after)
        ):
            return None
        return _WRONG_LENGTH, after
