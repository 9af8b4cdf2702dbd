"""A file that is read is compared with the checksum that its publisher gives."""

from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO

from curate.sources import Checksum, InputFile

_BLOCK = 1 << 20


class CheckedStream(io.RawIOBase):
    """A stream that hashes what is read of it, each byte once, in whatever order it is read.

    Args:
        stream: seekable, at byte 0; stays open.
        checksum: what the publisher says.
    """

    def __init__(self, stream: BinaryIO, checksum: Checksum) -> None:
        super().__init__()
        self._stream, self._checksum = stream, checksum
        self._digest = hashlib.new(checksum.algorithm or "sha1", usedforsecurity=False)
        self._hashed = 0  # bytes from the file's first one on

    def readable(self) -> bool:
        """True: that is what it is for."""
        return True

    def seekable(self) -> bool:
        """True: see `seek`."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset; what is read next begins there."""
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as bytes are at hand; 0 at the end of the file."""
        at = self._stream.tell()
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        if at <= self._hashed < at + len(piece):
            self._digest.update(memoryview(piece)[self._hashed - at :])
            self._hashed = at + len(piece)
        return len(piece)

    def digest(self) -> tuple[int, str]:
        """Size and hexadecimal digest of the whole file; reads what was not read yet."""
        self._stream.seek(self._hashed)
        while piece := self._stream.read(_BLOCK):
            self._digest.update(piece)
            self._hashed += len(piece)
        return self._hashed, self._digest.hexdigest()


def find_fault(stream: CheckedStream, file: InputFile) -> str:
    """How a file that was read is not the one that its publisher made; empty when it is.

    Of a file that is read in ranges the first one tells: by the size alone where the file is
    remote, for it would have to be fetched twice.
    """
    if file.checksum is None or file.start:
        return ""
    algorithm, published, size = file.checksum
    found = file.size, ""
    if file.is_whole or "://" not in file.uri:
        found = stream.digest()
    if size is not None and size != found[0]:
        return f"the file has {found[0]} bytes, its publisher says {size}"
    if algorithm and found[1] and found[1] != published:
        return f"its {algorithm} is {found[1]}, its publisher says {published}"
    return ""
