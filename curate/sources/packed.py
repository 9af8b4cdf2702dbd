"""A packed dump → its bytes in blocks: plain, bz2 or gz, of one stream or of many, by its head."""

from __future__ import annotations

import bz2
import re
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from curate.errors import InputError

BLOCK = 1 << 18  # bytes that are read, and at most decompressed, in one step
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_GZIP = re.compile(rb"\x1f\x8b\x08")
_OTHERS = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"PK\x03\x04", "a zip archive"),
)


class Fault(NamedTuple):
    """Bytes that could not be decompressed."""

    detail: str


def unpack(stream: BinaryIO, name: str, asked: str) -> Iterator[bytes | Fault]:
    """The bytes of a file, and faults where some are lost; it goes on with the next stream.

    Args:
        stream: the file at byte 0.
        name: of the file, for errors.
        asked: what the file should be, for errors.

    Yields:
        Blocks of at most `BLOCK` bytes, none of them empty, and faults between them.

    Raises:
        InputError: the file is empty, packed otherwise, or cannot be read to its end.
    """

    def block() -> bytes:
        try:
            return stream.read(BLOCK)
        except OSError as error:
            raise InputError("a file can be read to its end", str(error), name) from error

    data = block()
    if not data:
        raise InputError(asked, "it is empty", name)
    for head, what in _OTHERS:
        if data.startswith(head):
            raise InputError(asked, f"it is {what}", name, "unpack it, or pack it as bz2 or gz")
    if data.startswith(b"BZh"):
        yield from _streams(data, block, bz2.BZ2Decompressor, _BZIP2)
    elif data.startswith(b"\x1f\x8b"):
        yield from _streams(data, block, _GzipDecompressor, _GZIP)
    else:
        while data:
            yield data
            data = block()


class _GzipDecompressor:
    """A gzip member, with the interface of `bz2.BZ2Decompressor`."""

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


def _streams(
    data: bytes,
    block: Callable[[], bytes],
    begin: Callable[[], bz2.BZ2Decompressor | _GzipDecompressor],
    magic: re.Pattern[bytes],
) -> Iterator[bytes | Fault]:
    """Decompress streams that follow each other; a damaged one ends where the next begins."""
    while data:
        stream, fault = begin(), ""
        try:
            while not stream.eof:
                if piece := stream.decompress(data, BLOCK):
                    yield piece
                data = stream.unused_data  # empty before the end
                if not stream.eof and stream.needs_input and not (data := block()):
                    fault = "the compressed file is cut off"
                    break
        except (OSError, zlib.error) as error:
            fault = f"the compressed file is damaged: {error}"
        else:
            data = (data or block()).lstrip(b"\0")  # padding
            if data and not fault and not magic.match(data):
                fault = "bytes that are not compressed follow"
        if fault:
            yield Fault(fault)
            data = _next_stream(data[1:], block, magic)


def _next_stream(data: bytes, block: Callable[[], bytes], magic: re.Pattern[bytes]) -> bytes:
    """The compressed bytes from the next beginning of a stream on; empty where there is none."""
    while not (found := magic.search(data)):
        following = block()
        if not following:
            return b""
        data = data[-9:] + following
    return data[found.start() :]
