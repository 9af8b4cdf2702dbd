"""Web archive bytes → records, with every damaged byte accounted for.

The framing is done here and not by FastWARC's iterator, because that one loses records without a
word: it ends at an empty gzip member, takes a file with bare line feeds for one record (in quirks
mode it loses every second one), and gives no sign of a member that is cut off.

A record is intact when its Content-Length leads to the end of a record and, where that is the end
of a gzip member too, the member has the right checksum.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from curate.errors import InputError
from curate.sources.members import Fault, Pieces, read_pieces

_CHUNK = 1 << 16  # bytes of a body that are passed over in one step
_MAXIMUM_HEADER_BYTES = 1 << 20
_PREFIX_BYTES = 1 << 16  # what is kept of a record that is too long to hold: its HTTP header
_NOWHERE = 1 << 63  # an offset beyond every file
_VERSION = re.compile(rb"WARC/[01]\.\d{1,2}[ \t\r]*\n", re.IGNORECASE)
_HEADER = re.compile(_VERSION.pattern + rb"(?:WARC|Content)-[A-Za-z-]+[ \t]*:", re.IGNORECASE)
_HEADER_AFTER_BLANK = re.compile(rb"\n\r*\n(" + _HEADER.pattern + rb")", re.IGNORECASE)
_HEADER_END = re.compile(rb"\n\r*\n")
_NO_LINE_END = re.compile(rb"[^\r\n]")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_FOREIGN = (
    (b"BZh", "it is compressed with bzip2", "recompress it with gzip"),
    (b"PK\x03\x04", "it is a ZIP or WACZ file", "unpack it and give the WARC files inside"),
    (b"filedesc:", "it is an ARC file", "convert it to WARC"),
)


class Record(NamedTuple):
    """A record, or a gap: bytes that belong to none.

    Attributes:
        offset: of its first byte in the decompressed file.
        fields: the header's fields, names in lower case, the first of those that repeat;
            empty for a gap.
        body: what follows the header; of a record longer than `hold` only the beginning.
        length: Content-Length; the body is shorter when the record is damaged or too long.
        fault: empty for an intact record, else `truncated` or `damaged`.
        detail: what is wrong.
        lost: bytes that were stepped over: decompressed ones, or compressed ones where they
            could not be decompressed.
    """

    offset: int
    fields: dict[str, str]
    body: bytes
    length: int
    fault: str = ""
    detail: str = ""
    lost: int = 0


_NO_RECORD = Fault("damaged", "no record begins here")
_WRONG_LENGTH = Fault("damaged", "Content-Length does not lead to the end of a record")
_FILE_ENDS = Fault("truncated", "the file ends within the record")


def parse_fields(lines: bytes) -> dict[str, str]:
    r"""The fields of a WARC or HTTP header, names in lower case, the first of those that repeat.

    >>> parse_fields(b"Content-Type: text/html;\r\n charset=utf-8\r\nX: 1\nx: 2")
    {'content-type': 'text/html; charset=utf-8', 'x': '1'}
    """
    try:
        text = lines.decode()
    except UnicodeDecodeError:
        text = lines.decode("latin-1")
    fields: dict[str, str] = {}
    name = ""
    for line in text.split("\n"):
        if line[:1] in {" ", "\t"} and name:  # a folded line goes on with the field before it
            fields[name] = f"{fields[name]} {line.strip()}".strip()
            continue
        key, colon, value = line.partition(":")
        name = key.strip().lower() if colon else ""
        if name in fields:
            name = ""
        elif name:
            fields[name] = value.strip()
    return fields


def read_records(stream: BinaryIO, name: str, hold: int) -> Iterator[Record]:
    """All records of a web archive in order, and the gaps between them.

    Args:
        stream: a seekable binary file at byte 0: WARC 0.x or 1.x, plain or compressed by gzip
            (a member for each record, or otherwise), zstd or LZ4.
        name: of the file, for errors.
        hold: bytes of a body that are kept at most; memory stays within a few times of it.

    Raises:
        InputError: the file is empty, is of another kind, holds no record at all, or cannot be
            read on.
    """
    feed = _Feed(read_pieces(stream, name))
    feed.fill(16)
    for magic, came, change in _FOREIGN:
        if feed.data.startswith(magic):
            raise InputError("a web archive is WARC or WET", came, name, change)
    at, found, empty = 0, False, True
    while True:
        at = feed.after_line_ends(at)
        if fault := feed.take_fault(at):
            yield Record(at, {}, b"", 0, *fault)
        elif at == feed.end:
            break
        elif head_end := feed.header_end(at):
            record, at = _record(feed, at, head_end, hold)
            found = found or bool(record.fields)
            yield record
        else:
            start, at = at, feed.next_header(at + 1)
            fault = feed.take_fault(at) or _NO_RECORD
            yield Record(start, {}, b"", 0, fault.fault, fault.detail, fault.lost + at - start)
        feed.forget(at)
        empty = False
    if not found:
        came = "there is nothing in it" if empty else "it holds no record"
        raise InputError("a web archive is WARC or WET", came, name, "check the file")


def _record(feed: _Feed, at: int, head_end: int, hold: int) -> tuple[Record, int]:
    """The record whose header lies between the offsets, and the offset to go on from."""
    head = feed.between(at, head_end)
    fields = parse_fields(head.partition(b"\n")[2])
    digits = fields.get("content-length", "")
    if not _LENGTH.fullmatch(digits):
        resume = feed.next_header(head_end)
        detail = f"Content-Length is {digits[:40]!r}"
        return Record(at, fields, b"", 0, "damaged", detail, resume - at), resume
    length = int(digits)
    end = head_end + length
    held = length <= hold
    body = b"" if held else feed.between(head_end, head_end + _PREFIX_BYTES)
    stopped = feed.pass_body(head_end, end, held=held)
    if not stopped:
        stopped = feed.check_end(end, line_feeds=head.endswith(b"\n\n"))
        if not stopped:
            body = feed.between(head_end, end) if held else body
            return Record(at, fields, body, length), end
    fault, resume = stopped
    if fault is _WRONG_LENGTH and held:
        resume = feed.next_header(head_end)
    elif fault is _FILE_ENDS and held:
        resume = feed.next_header(head_end)
        fault = _FILE_ENDS if resume == feed.end else _WRONG_LENGTH
    lost = fault.lost + resume - at
    return Record(at, fields, b"", length, fault.fault, fault.detail, lost), resume


class _Feed:
    """Decompressed bytes from `base` to `end`, and the members' ends and faults met so far."""

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces
        self.data = bytearray()
        self.base = 0
        self.member_ends: deque[int] = deque()
        self.faults: deque[tuple[int, Fault]] = deque()

    @property
    def end(self) -> int:
        return self.base + len(self.data)

    def pull(self) -> bool:
        """Take the next piece; False when there is none."""
        piece = next(self.pieces, None)
        if isinstance(piece, Fault):
            self.faults.append((self.end, piece))
        elif piece:
            self.data += piece
        elif piece is not None and self.fault_at() != self.end:
            self.member_ends.append(self.end)
        return piece is not None

    def fill(self, offset: int) -> None:
        """Have the bytes before the offset, or all there are."""
        while self.end < offset and self.pull():
            pass

    def forget(self, offset: int) -> None:
        """Drop the bytes before the offset."""
        del self.data[: max(0, offset - self.base)]
        self.base = max(self.base, offset)

    def between(self, start: int, end: int) -> bytes:
        """The bytes between the offsets, or as many as there are."""
        self.fill(end)
        return bytes(memoryview(self.data)[start - self.base : end - self.base])

    def fault_at(self) -> int:
        """The offset of the next fault; `_NOWHERE` when none is known."""
        return self.faults[0][0] if self.faults else _NOWHERE

    def take_fault(self, offset: int) -> Fault | None:
        """The next fault, if it lies at or before the offset; forgets the member ends there."""
        while self.member_ends and self.member_ends[0] <= offset:
            self.member_ends.popleft()
        return self.faults.popleft()[1] if self.fault_at() <= offset else None

    def after_line_ends(self, offset: int) -> int:
        """The first offset from here on that holds no line end; `end` when there is none."""
        while True:
            found = _NO_LINE_END.search(self.data, offset - self.base)
            if found:
                return found.start() + self.base
            offset = self.end
            if not self.pull():
                return offset

    def header_end(self, at: int) -> int | None:
        """Where the header that begins here ends; None when none does."""
        upto = at + 4096
        while True:
            self.fill(upto)
            if not _VERSION.match(self.data, at - self.base):
                return None
            found = _HEADER_END.search(self.data, at - self.base)
            if found:
                end = found.end() + self.base
                return end if end <= self.fault_at() else None
            if self.end < upto or upto > at + _MAXIMUM_HEADER_BYTES:
                return None
            upto = at + 4 * (upto - at)

    def next_header(self, offset: int) -> int:
        """The offset of the next header, or of the next fault, or `end`."""
        while True:
            found = _HEADER.search(self.data, offset - self.base)
            header = found.start() + self.base if found else _NOWHERE
            if (stop := min(header, self.fault_at())) <= self.end:
                return stop
            offset = max(offset, self.end - 64)  # a header may have begun
            self.forget(offset)
            if not self.pull():
                return self.end

    def pass_body(self, start: int, end: int, *, held: bool) -> tuple[Fault, int] | None:
        """Go from the start of a body to its end; what stops that before, and where.

        A body that is not held is forgotten on the way, so a header after a blank line stops it
        too: nobody could go back to it when Content-Length turns out to be wrong.
        """
        at = start
        while at < end:
            upto = end if held else min(end, at + _CHUNK)
            self.fill(upto + 64)  # the header that stops it may begin just before
            if (fault_at := self.fault_at()) < upto:
                return self.faults.popleft()[1], fault_at
            if self.end < upto:
                return _FILE_ENDS, self.end
            if not held:
                nested = _HEADER_AFTER_BLANK.search(self.data, at - self.base)
                if nested and nested.start(1) + self.base < end:
                    return _WRONG_LENGTH, nested.start(1) + self.base
                self.forget(upto)
            at = upto
        return None

    def check_end(self, end: int, *, line_feeds: bool) -> tuple[Fault, int] | None:
        """What says that a record does not end here, and where to go on."""
        after = self.after_line_ends(end)
        while self.member_ends and self.member_ends[0] < end:
            self.member_ends.popleft()
        member_end = self.member_ends[0] if self.member_ends else _NOWHERE
        if (fault_at := self.fault_at()) < member_end and fault_at <= after:
            return self.faults.popleft()[1], fault_at
        blank = b"\n\n" if line_feeds else b"\r\n\r\n"
        if (
            member_end <= after
            or after == self.end
            or self.data.startswith(blank, end - self.base)
            or _VERSION.match(self.data, after - self.base)
        ):
            return None
        return _WRONG_LENGTH, after
