"""A compressed file → its bytes, and what of them is lost; the next good member goes on."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from fastwarc.stream_io import Lz4Reader, ZstdReader

from curate.errors import InputError

_CHUNK = 1 << 16  # bytes that are read, and bytes that are decompressed, in one step
_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_LZ4 = b"\x04\x22\x4d\x18"
_SHORTEST_LZ4_FRAME = 11  # FastWARC says nothing when only a part of a header is left
_ZSTD_DICTIONARY = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a skippable frame comes first


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


Pieces: TypeAlias = Iterator[bytes | Fault]


def read_pieces(stream: BinaryIO, name: str) -> Pieces:
    """The bytes of a file that may be compressed by gzip, zstd or LZ4.

    Args:
        stream: seekable, at byte 0.
        name: of the file, for errors.

    Yields:
        Decompressed bytes in order, empty ones where a gzip member (and a frame before a broken
        one) ended well; faults where bytes are missing, after which it goes on with the next
        member that begins with a WARC header.

    Raises:
        InputError: the file cannot be read on (not: decompressed).
    """
    source = _Source(stream, name)
    head = source.read(4)
    source.seek(0)
    if head.startswith(_GZIP):
        yield from _gzip_pieces(source)
    elif head == _ZSTD or _ZSTD_DICTIONARY.match(head):
        yield from _frame_pieces(source, ZstdReader, _ZSTD)
    elif head == _LZ4:
        yield from _frame_pieces(source, Lz4Reader, _LZ4)
    else:
        while piece := source.read(_CHUNK):
            yield piece


class _Source:
    """The file, whose failures are told from those of decompressing it."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream, self.name = stream, name

    def read(self, size: int = -1) -> bytes:
        try:
            return self.stream.read(size)
        except OSError as error:
            came = f"reading stopped: {error}"
            raise InputError("a file can be read to its end", came, self.name) from error

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        return self.stream.tell()


def _gzip_pieces(source: _Source) -> Pieces:
    data, start = source.read(_CHUNK), 0
    while data:
        member = zlib.decompressobj(wbits=31)
        at = start  # of `data` in the file
        kind, detail = "truncated", "it is cut off"
        try:
            while not member.eof:
                data = data or source.read(_CHUNK)
                if piece := member.decompress(data, _CHUNK):
                    yield piece
                elif not data:
                    break
                rest = member.unused_data if member.eof else member.unconsumed_tail
                at += len(data) - len(rest)
                data = rest
        except zlib.error as error:
            kind, detail = "damaged", str(error)
        if member.eof:
            yield b""
        else:
            # What follows a member that is cut off is taken for its data, until that fails.
            resume = _next_member(source, max(start + 1, at - _CHUNK), _GZIP, _gunzip)
            detail = f"gzip member at byte {start} of the file: {detail}"
            yield Fault(kind, detail, resume - start)
            source.seek(resume)
            data, at = b"", resume
        data, start = data or source.read(_CHUNK), at


def _gunzip(data: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data, 16)


def _frame_pieces(source: _Source, reader_class: Callable[..., Any], magic: bytes) -> Pieces:
    resume = 0
    while True:
        source.seek(resume)
        reader = reader_class(source)
        done = 0
        try:
            while piece := reader.read(_CHUNK):
                yield piece
                done += len(piece)
        except OSError as error:
            yield from _rest_before_error(source, reader_class, resume, done)
            start = max(resume, reader.frame_start_position() or 0)
            cut = any(word in str(error) for word in ("incomplete", "fill whole buffer"))
            detail = f"frame at byte {start} of the file: {error}"
            resume = _next_member(
                source, start + 1, magic, lambda data: reader_class(io.BytesIO(data)).read(16)
            )
            yield Fault("truncated" if cut else "damaged", detail, resume - start)
            source.seek(resume)
            if not source.read(1):
                return
        else:
            start = reader.frame_start_position() or 0
            if magic == _LZ4 and source.tell() - start < _SHORTEST_LZ4_FRAME:
                yield Fault("truncated", f"frame at byte {start} of the file: only its header")
            return


def _rest_before_error(
    source: _Source, reader_class: Callable[..., Any], start: int, done: int
) -> Pieces:
    """What the step that failed did decompress: FastWARC's readers do not give it."""
    source.seek(start)
    reader = reader_class(source)
    while done:
        done -= len(reader.read(min(done, _CHUNK)))
    frame = reader.frame_start_position()
    try:
        while piece := reader.read(1):
            yield piece
            frame = reader.frame_start_position()
    except OSError:
        if reader.frame_start_position() != frame:
            yield b""  # the error lies in the next frame: this one ended well


def _next_member(source: _Source, start: int, magic: bytes, begin: Callable[[bytes], bytes]) -> int:
    """Where the next member begins whose first bytes are a WARC header; else the file's end."""
    source.seek(start)
    window, base = b"", start
    while data := source.read(_CHUNK):
        window += data
        found = window.find(magic)
        while found >= 0:
            if len(window) < found + 1024:
                window += source.read(_CHUNK)
            try:
                if begin(window[found : found + 1024]).startswith(b"WARC/"):
                    return base + found
            except (OSError, zlib.error):
                pass  # these bytes look like a member's first ones by chance
            found = window.find(magic, found + 1)
        keep = min(len(magic) - 1, len(window))
        base += len(window) - keep
        window = window[-keep:]
    return base + len(window)
