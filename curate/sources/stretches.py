"""A file → the web archives in it: itself, or those packed in a ZIP (WACZ), one by one.

WACZ: https://specs.webrecorder.net/wacz/1.1.1/ (its archives lie in `archive/`, as a rule stored
without compression, so that they can be entered in the middle).
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from curate.errors import InputError
from curate.sources.members import Fault, Source

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second when nothing is in it
_ARCHIVE = re.compile(r"(?:^|/)archive/[^/]+$|\.w?arc(?:\.\w+)?$|\.we?t(?:\.\w+)?$", re.IGNORECASE)
_PACKAGE = re.compile(r"\.(?:wacz|zip)$", re.IGNORECASE)
_LOCAL_HEADER = re.compile(rb"PK\x03\x04.{22}..", re.DOTALL)
_LOCAL_HEADER_BYTES = 30
_DEEPEST = 4  # packages within packages
_ENCRYPTED = 1  # a flag
_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, struct.error)


class Stretch(NamedTuple):
    """A web archive, or what of a package cannot be read.

    Attributes:
        start: where it begins in the stored file.
        source: its bytes.
        is_divisible: whether these lie in the stored file as they are, at their own offsets.
        fault: why it cannot be read.
    """

    start: int
    source: Source
    is_divisible: bool = True
    fault: Fault | None = None


def find_stretches(stream: BinaryIO, name: str) -> Iterator[Stretch]:
    """The web archives of a file in the order in which they lie there.

    Args:
        stream: the file, seekable.
        name: of the file, for errors.

    Raises:
        InputError: it is a ZIP file without a web archive.
    """
    source = Source(stream, name)
    if bytes(source.view(0, 4)[:4]) not in _ZIP:
        yield Stretch(0, source)
        return
    count = 0
    for stretch in _Package(stream, name).stretches():
        count += 1
        yield stretch
    if not count:
        asked = "a ZIP file given as a web archive has WARC files in it"
        raise InputError(asked, "it has none", name, "check the file")


class _Package:
    """A ZIP file that lies in a stretch of a stream.

    Args:
        stream: seekable.
        name: of the file, for errors.
        base: the byte of the stream where it begins.
        stop: where it ends; None at the stream's end.
        place: what is said of where its archives begin, when the stream is not the stored file.
        depth: of packages in packages.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        base: int = 0,
        stop: int | None = None,
        place: int | None = None,
        depth: int = 1,
    ) -> None:
        self._stream, self._name = stream, name
        self._base, self._place, self._depth = base, place, depth
        self._source = Source(stream, name, base, stop)

    def stretches(self) -> Iterator[Stretch]:
        try:
            package = zipfile.ZipFile(cast("BinaryIO", _Opened(self._source)))
            entries = sorted(package.infolist(), key=lambda entry: entry.header_offset)
        except (*_ERRORS, NotImplementedError) as error:
            yield from self._without_directory(str(error))
            return
        heads = [(self._base + entry.header_offset, entry) for entry in entries if _wanted(entry)]
        if any(at < self._base or self._head(at)[:4] != _ZIP[0] for at, _ in heads):
            yield from self._without_directory("a file is not where it says")
            return
        behind = self._base
        for header, entry in heads:
            start = header + _skip_header(self._head(header))
            if header < behind or entry.flag_bits & _ENCRYPTED:
                what = "overlaps another" if header < behind else "is encrypted"
                fault = Fault("damaged", f"{entry.filename[-200:]!r} in the ZIP file {what}")
                place = header if self._place is None else self._place
                yield Stretch(place, self._source, fault=fault)
                continue
            behind = start + entry.compress_size
            if entry.compress_type == zipfile.ZIP_STORED:
                yield from self._open(Source(self._stream, self._name, start, behind), self._place)
            else:
                place = header if self._place is None else self._place
                unpacked = _Unpacked(package, entry)
                yield from self._open(Source(cast("BinaryIO", unpacked), self._name), place)
                if unpacked.fault:
                    yield Stretch(place, self._source, fault=unpacked.fault)

    def _head(self, at: int) -> bytes:
        """The local header at a byte of the stream."""
        return bytes(self._source.view(at, _LOCAL_HEADER_BYTES)[:_LOCAL_HEADER_BYTES])

    def _open(self, source: Source, place: int | None) -> Iterator[Stretch]:
        if bytes(source.view(source.start, 4)[:4]) in _ZIP and self._depth < _DEEPEST:
            yield from _Package(
                source.stream, self._name, source.start, source.stop, place, self._depth + 1
            ).stretches()
        elif place is None:
            yield Stretch(source.start, source)
        else:
            yield Stretch(place, source, is_divisible=False)

    def _without_directory(self, error: str) -> Iterator[Stretch]:
        """The archives that are stored without compression, by the headers before them."""
        place = self._base if self._place is None else self._place
        fault = Fault("damaged", f"the directory of the ZIP file: {error}")
        yield Stretch(place, self._source, fault=fault)
        at = self._source.find(_LOCAL_HEADER, self._base, None)
        while at is not None:
            head = bytes(self._source.view(at, _LOCAL_HEADER_BYTES + (1 << 16)))
            start = at + _skip_header(head)
            method, size = struct.unpack("<H", head[8:10])[0], struct.unpack("<I", head[18:22])[0]
            entry = head[_LOCAL_HEADER_BYTES : start - at].decode("utf-8", "replace")
            stop = start + size if size else self._source.stop
            place = start if self._place is None else self._place
            if method != zipfile.ZIP_STORED and _ARCHIVE.search(entry):
                fault = Fault("damaged", f"{entry[-200:]!r} in the ZIP file cannot be unpacked")
                yield Stretch(place, self._source, fault=fault)
            elif _ARCHIVE.search(entry):
                source = Source(self._stream, self._name, start, stop)
                yield Stretch(place, source, is_divisible=False)
                if not size:
                    return
            at = self._source.find(_LOCAL_HEADER, max(start, stop or 0), None)


def _skip_header(head: bytes) -> int:
    """Bytes from a local header to the content."""
    if len(head) < _LOCAL_HEADER_BYTES:
        return len(head)
    name, extra = struct.unpack("<HH", head[26:30])
    return int(_LOCAL_HEADER_BYTES + name + extra)


def _wanted(entry: zipfile.ZipInfo) -> bool:
    return bool(_ARCHIVE.search(entry.filename) or _PACKAGE.search(entry.filename))


class _Opened(io.RawIOBase):
    """A source as a seekable stream of its own."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source, self._at = source, source.start
        self._end = source.end()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (self._source.start, self._at, self._end)[whence]
        self._at = max(self._source.start, base + offset)
        return self.tell()

    def tell(self) -> int:
        return self._at - self._source.start

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), self._end - self._at)
        if size <= 0:
            return 0
        view = self._source.view(self._at, size)[:size]
        buffer[: len(view)] = view
        self._at += len(view)
        return len(view)


class _Unpacked(io.RawIOBase):
    """A compressed entry; what goes wrong with it ends it, and is remembered."""

    def __init__(self, package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        super().__init__()
        self.fault: Fault | None = None
        self._package, self._entry = package, entry
        self._stream: zipfile.ZipExtFile | None = None
        self._at = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        stream = self._begin()
        if stream is not None and self.fault is None:
            try:
                self._at = stream.seek(offset, whence)
            except _ERRORS as error:
                self._fail(error)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        stream = self._begin()
        if stream is None or self.fault is not None:
            return b""
        try:
            piece = stream.read(size)
        except _ERRORS as error:
            self._fail(error)
            return b""
        self._at += len(piece)
        return piece

    def _begin(self) -> zipfile.ZipExtFile | None:
        if self._stream is None and self.fault is None:
            try:
                self._stream = cast("zipfile.ZipExtFile", self._package.open(self._entry))
            except (*_ERRORS, NotImplementedError, RuntimeError) as error:
                self._fail(error)
        return self._stream

    def _fail(self, error: Exception) -> None:
        detail = f"{self._entry.filename[-200:]!r} in the ZIP file: {error}"
        self.fault = Fault("damaged", detail)
