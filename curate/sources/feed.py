"""The decompressed bytes of a web archive, and where in them members, faults and headers lie."""

from __future__ import annotations

import re
from collections import deque

from curate.sources.headers import Dialect
from curate.sources.members import CHUNK, Begin, Fault, Members, Source

_MAXIMUM_HEADER_BYTES = 1 << 20
_PIECE_BYTES = 1 << 18  # of a file that is not compressed
NOWHERE = 1 << 63  # an offset beyond every file
_NO_LINE_END = re.compile(rb"[^\r\n]")
WRONG_LENGTH = Fault("damaged", "its length does not lead to the end of a record")
FILE_ENDS = Fault("truncated", "the file ends within the record")


class Plain:
    """The pieces of a file that is not compressed."""

    def __init__(self, source: Source, at: int) -> None:
        self.at, self._source = at, source

    def next(self) -> bytes | None:
        """The next bytes; None at the end."""
        piece = bytes(self._source.view(self.at, 1)[:_PIECE_BYTES])
        self.at += len(piece)
        return piece or None


class Feed:
    """Decompressed bytes from `base` to `end`, and the members' bounds and faults met so far."""

    def __init__(self, pieces: Members | Plain, dialects: tuple[Dialect, ...], base: int) -> None:
        self.dialects = dialects
        self._pieces = pieces
        self._is_plain = isinstance(pieces, Plain)
        self._data = bytearray()
        self._base = base
        self._begins: deque[tuple[int, int]] = deque()  # of members: here, and in the stored file
        self._member_ends: deque[int] = deque()
        self._faults: deque[tuple[int, Fault]] = deque()

    @property
    def end(self) -> int:
        """The offset behind the last byte that is known."""
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

    def push(self, offset: int, content: bytes | bytearray) -> None:
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
        """The offset of the next fault; `NOWHERE` when none is known."""
        return self._faults[0][0] if self._faults else NOWHERE

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
                whole = self.begins(at) and end <= self.fault_at()
                cut_off = dialect.is_cut_off(self._data, place, found.end())
                return end if whole and not cut_off else None
            if self.end < upto or upto > at + _MAXIMUM_HEADER_BYTES:
                return None
            upto = at + 4 * (upto - at)

    def next_header(self, offset: int) -> int:
        """The offset of the next header, or of the next fault, or `end`."""
        overlap = max(dialect.overlap for dialect in self.dialects)
        while True:
            found = [d.search.search(self._data, offset - self._base) for d in self.dialects]
            header = min((f.start() + self._base for f in found if f), default=NOWHERE)
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
                    return WRONG_LENGTH, nested.start(1) + self._base
            if fault_at < upto:
                return self._faults.popleft()[1], fault_at
            if self.end < upto:
                return FILE_ENDS, self.end
            if not held:
                self.forget(upto)
            at = upto
        return None

    def check_end(self, end: int, blank: bytes) -> tuple[Fault, int] | None:
        """What says that a record does not end here, and where to go on."""
        after = self.after_line_ends(end)
        while self._member_ends and self._member_ends[0] < end:
            self._member_ends.popleft()
        member_end = self._member_ends[0] if self._member_ends else NOWHERE
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
        return WRONG_LENGTH, after
