"""A compressed file → its members one by one, and what of them is lost; the next good one goes on.

A member is what can be decompressed on its own: a gzip member, a zstd or LZ4 frame, a bzip2 stream.
"""

from __future__ import annotations

import bz2
import re
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeAlias

import deflate
from backports import zstd
from isal import igzip_lib
from lz4.frame import LZ4FrameDecompressor

from curate.errors import InputError

CHUNK = 1 << 16  # bytes that are decompressed in one step
_WINDOW = 1 << 20  # bytes that are read in one step
_SMALLEST_BYTES = 18  # of a gzip member: its header and trailer
_TRAILER = struct.Struct("<II")  # of a gzip member: checksum and size of the content
_BACK = 1 << 20  # how far a broken member may have been read into the ones after it
_HEAD_BYTES = 64  # of a member's content, by which it is known whether a record begins there
_MAXIMUM_DICTIONARY_BYTES = 1 << 27
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"  # the WARC standard's: the first frame, a skippable one
_DICTIONARY_MAGIC = b"\x37\xa4\x30\xec"


class Fault(NamedTuple):
    """Where bytes are missing.

    Attributes:
        fault: `truncated` or `damaged`.
        detail: what is wrong.
        lost: bytes of the file that were stepped over.
    """

    fault: str
    detail: str
    lost: int = 0


class Begin(NamedTuple):
    """A member begins.

    Attributes:
        offset: of its first byte in the stored file.
    """

    offset: int


Event: TypeAlias = Begin | bytes | Fault


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes | memoryview, max_length: int = -1) -> bytes: ...


class Format(NamedTuple):
    """A compression format.

    Attributes:
        member: what its members are called.
        magic: matches the first bytes of one.
        begin: a decompressor of one member.
        unpack: decompresses a member of which all bytes are there, and at most so many come of it;
            None, or an error, when it is not as its last bytes say.
    """

    member: str
    magic: re.Pattern[bytes]
    begin: Callable[[], _Decompressor]
    unpack: Callable[[memoryview, int], bytearray | None] | None = None


def _begin_gzip() -> Any:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _unpack_gzip(member: memoryview, most: int) -> bytearray | None:
    if len(member) < _SMALLEST_BYTES:
        return None
    checksum, size = _TRAILER.unpack_from(member, len(member) - _TRAILER.size)
    if not 0 < size <= most:
        return None
    content = deflate.gzip_decompress(member, size)
    # It ignores what follows. Only the last part of this same member, written twice, passes for its
    # end: that is stepped over unsaid, and costs no record. To look for it costs a tenth of all.
    return content if len(content) == size and deflate.crc32(content) == checksum else None


_GZIP = Format("gzip member", re.compile(rb"\x1f\x8b\x08[\x00-\x1f]"), _begin_gzip, _unpack_gzip)
_ZSTD = Format("zstd frame", re.compile(rb"\x28\xb5\x2f\xfd"), zstd.ZstdDecompressor)
_LZ4 = Format("LZ4 frame", re.compile(rb"\x04\x22\x4d\x18"), LZ4FrameDecompressor)
_BZIP2 = Format(
    "bzip2 stream", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), bz2.BZ2Decompressor
)
_ERRORS: tuple[type[Exception], ...] = (  # LZ4 raises RuntimeError, bzip2 OSError
    deflate.DeflateError,
    igzip_lib.IsalError,  # type: ignore[assignment]  # its stub declares an instance
    zstd.ZstdError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
)


class Source:
    """A file, or a stretch of it, read forward in large steps and by offset.

    Args:
        stream: the file, seekable.
        name: of the file, for errors.
        start: of the stretch in the file.
        stop: where the stretch ends; None at the file's end.
    """

    def __init__(
        self, stream: BinaryIO, name: str, start: int = 0, stop: int | None = None
    ) -> None:
        self.name, self.start, self.stop = name, start, stop
        self.stream = stream
        self._base = start
        self._length = 0  # of what of the file is in the buffer, from `_base` on
        self._buffer = memoryview(bytearray(_WINDOW + CHUNK))  # one for all: fresh pages cost time

    def view(self, offset: int, size: int) -> memoryview:
        """The bytes from an offset on: at least `size` of them, or those there are.

        They are overwritten by the next view.
        """
        at = offset - self._base
        if at < 0 or self._length - at < size:
            self._fill(offset, size)
            at = offset - self._base
        return self._buffer[at : self._length]

    def until(self, offset: int, mark: re.Pattern[bytes], skip: int) -> memoryview:
        """The bytes from an offset to the next match that is `skip` bytes away or more, or to the end.

        Empty when that is too far to look.
        """
        for size in (CHUNK, _WINDOW):
            view = self.view(offset, size)
            if found := mark.search(view, skip):
                return view[: found.start()]
            if len(view) < size:
                return view
        return view[:0]

    def end(self) -> int:
        """Where the stretch ends in the file."""
        if self.stop is None:
            try:
                self.stop = self.stream.seek(0, 2)
            except OSError as error:
                raise self._unreadable(error) from error
        return self.stop

    def _unreadable(self, error: OSError) -> InputError:
        came = f"reading stopped: {error}"
        return InputError("a file can be read to its end", came, self.name)

    def _fill(self, offset: int, size: int) -> None:
        at, kept = offset - self._base, 0
        before = self._buffer
        if size + CHUNK > len(before):
            self._buffer = memoryview(bytearray(size + CHUNK))
        if 0 <= at < self._length:
            kept = self._length - at
            self._buffer[:kept] = before[at : self._length]
        self._base, self._length = offset, kept
        upto = max(size, _WINDOW)
        if self.stop is not None:
            upto = min(upto, self.stop - offset)
        try:
            if self._length < upto and self.stream.tell() != offset + kept:  # others read it too
                self.stream.seek(offset + kept)
            while self._length < upto:
                piece = self.stream.read(min(CHUNK, upto - self._length))
                if not piece:
                    break
                self._buffer[self._length : self._length + len(piece)] = piece
                self._length += len(piece)
        except OSError as error:
            raise self._unreadable(error) from error

    def find(self, pattern: re.Pattern[bytes], offset: int, stop: int | None) -> int | None:
        """Where the pattern (of at most 64 bytes) matches first, from the offset on, before `stop`."""
        while True:
            view = self.view(offset, _WINDOW)
            found = pattern.search(view)
            if found:
                place = offset + found.start()
                return place if stop is None or place < stop else None
            if len(view) < _WINDOW or (stop is not None and offset + len(view) >= stop + 64):
                return None
            offset += len(view) - 64


def find_format(source: Source) -> Format | None:
    """The format that a file is compressed by; None when it is by none that is known."""
    head = source.view(source.start, CHUNK)
    if _SKIPPABLE.match(head):  # these come before zstd as well as LZ4 frames
        if bytes(head[:4]) == _ZSTD_DICTIONARY:
            return _with_dictionary(source)
        length = 8 + int.from_bytes(head[4:8], "little")
        after = source.view(source.start + length, 4)
        return _LZ4 if _LZ4.magic.match(after) else _ZSTD
    return next((f for f in (_GZIP, _ZSTD, _LZ4, _BZIP2) if f.magic.match(head)), None)


def _with_dictionary(source: Source) -> Format:
    """Zstd with the dictionary that the file begins with, which may be compressed itself.

    Raises:
        InputError: it is none.
    """
    length = int.from_bytes(source.view(source.start, 8)[4:8], "little")
    asked = "a zstd archive begins with its dictionary"
    if length > _MAXIMUM_DICTIONARY_BYTES:
        raise InputError(asked, f"its length is {length}", source.name)
    content = bytes(source.view(source.start + 8, length)[:length])
    try:
        if _ZSTD.magic.match(content):
            packed = zstd.ZstdDecompressor()
            content = packed.decompress(content, _MAXIMUM_DICTIONARY_BYTES)
        dictionary = zstd.ZstdDict(content, is_raw=not content.startswith(_DICTIONARY_MAGIC))
        zstd.ZstdDecompressor(zstd_dict=dictionary)
    except _ERRORS as error:
        raise InputError(asked, f"it cannot be used: {error}", source.name) from error
    magic = re.compile(_ZSTD.magic.pattern)
    return Format(_ZSTD.member, magic, lambda: zstd.ZstdDecompressor(zstd_dict=dictionary))


class Members:
    """The members of a compressed file from one of them on.

    Args:
        source: the file.
        form: its format.
        at: where the first member begins.
        opens: whether a record begins with these bytes.
    """

    def __init__(
        self, source: Source, form: Format, at: int, opens: Callable[[bytes], bool]
    ) -> None:
        self.at = at
        self._source, self._form, self._opens = source, form, opens
        self._decompressor: _Decompressor | None = None
        self._fed = at

    def next(self) -> Event | None:
        """What comes next: a member begins, some of its content, it ended well (b""), or a fault.

        After a fault it goes on with the next member that begins with a record's header.

        Raises:
            InputError: the file cannot be read on (not: decompressed).
        """
        member = self._decompressor
        if member is None:
            if not self._source.view(self.at, 1):
                return None
            self._decompressor, self._fed = self._form.begin(), self.at
            return Begin(self.at)
        kind, detail = "truncated", "it is cut off"
        try:
            while not member.eof:
                data: bytes | memoryview = b""
                if member.needs_input:
                    data = self._source.view(self._fed, 1)[:CHUNK]
                    if not data:
                        break
                    self._fed += len(data)
                if piece := member.decompress(data, CHUNK):
                    return piece
        except _ERRORS as error:
            kind, detail = "damaged", str(error)
        self._decompressor = None
        if member.eof:
            self.at = self._fed - len(member.unused_data or b"")
            return b""
        # What follows a member that is cut off is taken for its data, until that fails.
        start = self.at
        resume = self.find_entry(max(start + 1, self._fed - _BACK), None)
        if resume is None:
            resume = self._fed + _rest(self._source, self._fed)
        self.at = resume
        detail = f"{self._form.member} at byte {start} of the file: {detail}"
        return Fault(kind, detail, resume - start)

    def whole(self, most: int) -> bytes | bytearray | None:
        """The content of the next member, if it is sound and holds at most so many bytes.

        None when it is not, or when a member has been begun; then `next` tells more.
        """
        if self._decompressor is not None:
            return None
        if self._form.unpack is not None:
            member = self._source.until(self.at, self._form.magic, _SMALLEST_BYTES)
            try:
                content = self._form.unpack(member, most)
            except _ERRORS:
                content = None
            if content is not None:
                self.at += len(member)
                return content
        return self._piecewise(most)

    def _piecewise(self, most: int) -> bytes | None:
        """Likewise, of a member whose end is not known."""
        pieces: list[bytes] = []
        size = at = 0
        view = self._source.view(self.at, CHUNK)
        try:
            member = self._form.begin()
            while not member.eof and size <= most:
                data = view[at : at + CHUNK]
                if not data and len(view) < _WINDOW:
                    view = self._source.view(self.at, _WINDOW)
                    data = view[at : at + CHUNK]
                if not data:
                    return None
                at += len(data)
                pieces.append(member.decompress(data, most + 1 - size))
                size += len(pieces[-1])
        except _ERRORS:
            return None
        if size > most:
            return None
        self.at += at - len(member.unused_data or b"")
        return b"".join(pieces)

    def find_entry(self, start: int, stop: int | None) -> int | None:
        """Where the first member begins that opens with a record, from `start` on before `stop`."""
        at = self._source.find(self._form.magic, start, stop)
        while at is not None:
            # One that begins at `start` itself may be known to be right: look at more of it.
            view = self._source.view(at, _WINDOW if at == start else CHUNK)
            try:
                if self._opens(self._form.begin().decompress(view, _HEAD_BYTES)):
                    return at
            except _ERRORS:
                pass  # these bytes look like a member's first ones by chance
            at = self._source.find(self._form.magic, at + 1, stop)
        return None


def _rest(source: Source, offset: int) -> int:
    """Bytes from the offset to the end."""
    size = 0
    while length := len(source.view(offset + size, 1)):
        size += length
    return size
