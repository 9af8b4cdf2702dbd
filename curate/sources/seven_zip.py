"""The one file in a 7z archive, in pieces and bounded memory: py7zr writes, and waits for the reader."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

from curate.errors import ComponentError, InputError
from curate.sources.bzip2 import Lost

_PIECE = 1 << 18  # bytes
_WAITING = 8  # pieces
_SECONDS = 0.1  # between looks whether anybody still reads


class _LeftError(Exception):
    """Nobody reads on."""


class _Pieces:
    """What py7zr writes (its `Py7zIO`), and the factory that it asks for it (`WriterFactory`)."""

    def __init__(self) -> None:
        self.queue: queue.Queue[bytes | Exception | None] = queue.Queue(_WAITING)
        self.is_left = threading.Event()

    def put(self, piece: bytes | Exception | None) -> None:
        """Hand a piece on, None at the end, or what went wrong; wait until there is room."""
        while not self.is_left.is_set():
            try:
                self.queue.put(piece, timeout=_SECONDS)
            except queue.Full:
                continue
            return
        raise _LeftError

    def create(self, _name: str) -> _Pieces:
        return self

    def write(self, data: bytes | bytearray) -> int:
        for at in range(0, len(data), _PIECE):
            self.put(bytes(data[at : at + _PIECE]))
        return len(data)

    def read(self, _size: int | None = None) -> bytes:
        return b""

    def seek(self, _offset: int, _whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is held here."""

    def size(self) -> int:
        return 0


def read_7z(stream: BinaryIO, name: str, asked: str) -> Iterator[bytes | Lost]:
    """The file in an archive, and what is lost of it.

    Args:
        stream: the archive, seekable.
        name: of the archive, for errors.
        asked: what it should hold, for errors.

    Raises:
        InputError: it cannot be opened, is encrypted, or does not hold exactly one file.
        ComponentError: the extra for these archives is not installed.
    """
    try:
        import py7zr
    except ImportError as error:
        raise ComponentError(
            "a 7z archive can be read",
            f"py7zr is not installed ({error})",
            name,
            "install the extra `sevenzip`: pip install 'curate[sevenzip]', or pack it as bz2",
        ) from error
    try:
        archive = py7zr.SevenZipFile(stream, "r")
        files = [file for file in archive.list() if not file.is_directory]
    except Exception as error:
        raise InputError(asked, f"the 7z archive cannot be opened: {error!r}", name) from error
    if len(files) != 1:
        raise InputError(asked, f"the 7z archive holds {len(files)} files", name, "unpack it")
    if archive.needs_password():
        raise InputError(asked, "the 7z archive is encrypted", name)
    pieces = _Pieces()
    thread = threading.Thread(target=_extract, args=(archive, pieces), daemon=True)
    thread.start()
    try:
        while (piece := pieces.queue.get()) is not None:
            if isinstance(piece, Exception):
                yield Lost(f"the compressed file is damaged: {piece!r}", 0)
                return
            yield piece
    finally:
        pieces.is_left.set()
        thread.join()


def _extract(archive: Any, pieces: _Pieces) -> None:
    try:
        try:
            archive.extractall(factory=pieces)
        except _LeftError:
            return
        except Exception as error:  # noqa: BLE001  # of any kind, where the archive is damaged
            pieces.put(error)
        else:
            pieces.put(None)
    except _LeftError:
        return
