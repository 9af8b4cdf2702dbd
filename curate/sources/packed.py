"""A packed dump → its bytes in pieces: plain, bz2, gz, xz, zstd or 7z, known by its first bytes.

Plain and bz2 files can be read in ranges. What is lost of a bz2 file is one block, of a gz or xz
file of many streams one stream, of others the rest.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NamedTuple

import pyarrow as pa

from curate.errors import InputError
from curate.sources.bzip2 import Lost, read_blocks
from curate.sources.seven_zip import read_7z

PIECE = 1 << 18  # bytes that are read, and mostly given, in one step
_BZIP2: Final = b"BZh"
_GZIP: Final = b"\x1f\x8b"
_XZ: Final = b"\xfd7zXZ\x00"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SEVEN_ZIP: Final = b"7z\xbc\xaf\x27\x1c"
_ZIP: Final = b"PK\x03\x04"
_MEMORY = 256 << 20  # bytes that an xz stream may ask for


class Piece(NamedTuple):
    """Bytes of the unpacked file.

    Attributes:
        data: the bytes, never none.
        offset: where they lie in the stored file: the byte itself, where it is plain; else the
            beginning of the block or stream that holds them.
        is_plain: which of the two.
    """

    data: bytes
    offset: int
    is_plain: bool = False


def unpack(  # noqa: C901, PLR0912  # one branch for each packing
    stream: BinaryIO, name: str, asked: str, start: int = 0, stop: int | None = None
) -> Iterator[Piece | Lost | None]:
    """The bytes of a file or of a range of it, what is lost, and what follows the range.

    Args:
        stream: the file at byte 0, seekable where `start` is not 0 or it is a 7z archive.
        name: of the file, for errors.
        asked: what the file should be, for errors.
        start: the byte of the stored file where the range begins; 0 where `is_divisible` says no.
        stop: the byte where it ends.

    Yields:
        Pieces and losses of the range, then None, where anything follows it, then what follows.

    Raises:
        InputError: the file is empty, packed otherwise, or cannot be read.
        ComponentError: it is a 7z archive, and the extra for these is not installed.
    """

    def read() -> bytes:
        try:
            return stream.read(PIECE)
        except OSError as error:
            raise InputError("a file can be read to its end", str(error), name) from error

    head = read()
    if not head:
        raise InputError(asked, "it is empty", name)
    if head.startswith(_ZIP):
        raise InputError(asked, "it is a zip archive", name, "unpack it, or pack it as bz2 or gz")
    if start > 0:
        stream.seek(start)
        head = read()
    if head.startswith(_SEVEN_ZIP) and start == 0:
        stream.seek(0)
        for data in read_7z(stream, name, asked):
            yield data if isinstance(data, Lost) else Piece(data, 0)
    elif _is_bzip2(stream, head, start):
        first = iter((head,))
        for block in read_blocks(lambda: next(first, b"") or read(), start, stop):
            if isinstance(block, Lost) or block is None:
                yield block
            else:
                for at in range(0, len(block.data), PIECE):
                    yield Piece(block.data[at : at + PIECE], block.offset)
    elif head.startswith(_GZIP) and start == 0:
        yield from _streams(head, read, _GzipDecompressor, _GZIP + b"\x08")
    elif head.startswith(_XZ) and start == 0:
        yield from _streams(head, read, _xz_decompressor, _XZ)
    elif head.startswith(_ZSTD) and start == 0:
        yield from _zstd(head, read)
    else:
        yield from _plain(head, read, start, stop)


def is_divisible(head: bytes) -> bool:
    """Whether a file that begins like this can be read in ranges: it is bz2, or plain."""
    return not head.startswith((_GZIP, _XZ, _ZSTD, _SEVEN_ZIP, _ZIP))


def _is_bzip2(stream: BinaryIO, head: bytes, start: int) -> bool:
    if start == 0:
        return head.startswith(_BZIP2)
    place = stream.tell()
    stream.seek(0)
    is_bzip2 = stream.read(len(_BZIP2)) == _BZIP2
    stream.seek(place)
    return is_bzip2


def _plain(
    data: bytes, read: Callable[[], bytes], start: int, stop: int | None
) -> Iterator[Piece | None]:
    offset = start
    while data:
        if stop is not None and offset + len(data) > stop:
            if stop > offset:
                yield Piece(data[: stop - offset], offset, True)
            yield None
            data, offset, stop = data[stop - offset :], stop, None
        if data:
            yield Piece(data, offset, True)
        offset += len(data)
        data = read()


class _GzipDecompressor:
    """A gzip member, with the interface of `lzma.LZMADecompressor`."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._member.decompress(self._member.unconsumed_tail + data, max_length)
        self.needs_input = len(piece) < max_length and not self._member.unconsumed_tail
        return piece

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data


def _xz_decompressor() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)


def _streams(  # noqa: C901, PLR0912  # one state for all that may be damaged
    data: bytes,
    read: Callable[[], bytes],
    begin: Callable[[], _GzipDecompressor | lzma.LZMADecompressor],
    magic: bytes,
) -> Iterator[Piece | Lost]:
    """Decompress streams that follow each other; a damaged one ends where the next begins."""
    taken = len(data)  # bytes read
    while data:
        offset = taken - len(data)
        stream, fault = begin(), ""
        try:
            while not stream.eof:
                if piece := stream.decompress(data, PIECE):
                    yield Piece(piece, offset)
                data = stream.unused_data  # empty before the end
                if not stream.eof and stream.needs_input:
                    data = read()
                    taken += len(data)
                    if not data:
                        fault = "the compressed file is cut off"
                        break
        except (EOFError, lzma.LZMAError, zlib.error) as error:
            fault = f"the compressed file is damaged: {error}"
        else:
            while not (data := data.lstrip(b"\0")) and not fault:  # padding
                more = read()
                taken += len(more)
                if not more:
                    break
                data = more
            if data and not fault and not data.startswith(magic[: len(data)]):
                fault = "bytes that are not compressed follow"
        if fault:
            yield Lost(fault, offset)
            data = data[1:]
            while magic not in data:
                following = read()
                if not following:
                    return
                taken += len(following)
                data = data[-len(magic) :] + following
            data = data[data.index(magic) :]


def _zstd(data: bytes, read: Callable[[], bytes]) -> Iterator[Piece | Lost]:
    frames = pa.CompressedInputStream(pa.PythonFile(_Joined(data, read), mode="r"), "zstd")
    try:
        while piece := frames.read(PIECE):
            yield Piece(piece, 0)
    except OSError as error:
        yield Lost(f"the compressed file is damaged: {error}", 0)


class _Joined:
    """A head that was read, and what follows, as a file."""

    closed = False

    def __init__(self, head: bytes, read: Callable[[], bytes]) -> None:
        self._data, self._read = head, read

    def read(self, size: int = -1) -> bytes:
        data = self._data or self._read()
        size = len(data) if size < 0 else size
        self._data = data[size:]
        return data[:size]

    def close(self) -> None:
        """Left open: the stream is the caller's."""


__all__ = ["PIECE", "Lost", "Piece", "is_divisible", "unpack"]
