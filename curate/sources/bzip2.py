"""A bz2 file block by block: each block is found by its mark and decompressed on its own.

A bzip2 stream is a chain of blocks of at most 900,000 bytes that begin at any bit, each after the
48-bit mark 0x314159265359 and with a checksum of its own; another mark ends the stream
(bzip2 1.0.8, `compress.c`, `BZ2_compressBlock`). So a file can be divided at any byte, whether it
holds one stream or many, and a damaged block costs no more than itself.
"""

from __future__ import annotations

import bz2
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

_BLOCK_MARK: Final = 0x314159265359
_END_MARK: Final = 0x177245385090
_MARK_BITS = 48
_LONGEST_BLOCK = 8 * 1_200_000  # bits; 900,000 bytes that nothing compresses, with room
_TRIES = 3  # ends that are tried for a block: 48 bits may look like a mark by chance
_PIECE = 1 << 20
_KEPT = 4 << 20  # bytes of a block that are kept until its end is seen
_PADDING = 1 << 16  # bytes of zeros that may follow a stream
_STREAM = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_DAMAGED = "the compressed file is damaged"


class Lost(NamedTuple):
    """Bytes that could not be decompressed, and where in the file they begin."""

    detail: str
    offset: int


class Block(NamedTuple):
    """What a block holds, or a part of that, and the byte of the file in which it begins."""

    data: bytes
    offset: int


class _Mark(NamedTuple):
    bit: int  # of the file
    is_end: bool


def _patterns() -> list[tuple[bytes, int, int, bool]]:
    """For each mark at each bit of a byte: its five whole bytes, the mark, the bit, which mark."""
    found = []
    for mark, is_end in ((_BLOCK_MARK, False), (_END_MARK, True)):
        for bit in range(8):
            spread = (mark << (8 - bit)).to_bytes(7, "big")
            found.append((spread[1:6], mark, bit, is_end))
    return found


_PATTERNS = _patterns()


class _Window:
    """Part of the file, and the marks in it; it grows at its end, and is cut at its beginning."""

    def __init__(self, read: Callable[[], bytes], offset: int) -> None:
        self._read = read
        self.offset = offset  # of its first byte in the file
        self.data = b""
        self.is_last = False
        self.marks: deque[_Mark] = deque()

    @property
    def stop(self) -> int:
        """The bit of the file where it ends."""
        return 8 * (self.offset + len(self.data))

    def grow(self) -> None:
        """Read on."""
        more = self._read()
        if not more:
            self.is_last = True
            return
        seen = max(0, len(self.data) - 6)
        self.data += more
        self.marks.extend(self._find(seen))

    def _find(self, seen: int) -> list[_Mark]:
        """The marks that end after the bytes seen, in order."""
        found = []
        for pattern, mark, bit, is_end in _PATTERNS:
            at = self.data.find(pattern, seen)
            while at >= 0:
                first = 8 * (at - 1) + bit
                if first >= 0 and first + _MARK_BITS > 8 * (seen + 6) * (seen > 0):
                    whole = int.from_bytes(self.data[at - 1 : at + 6].ljust(7, b"\0"), "big")
                    has_all = first + _MARK_BITS <= 8 * len(self.data)
                    if has_all and (whole >> (8 - bit)) & ((1 << _MARK_BITS) - 1) == mark:
                        found.append(_Mark(8 * self.offset + first, is_end))
                at = self.data.find(pattern, at + 1)
        return sorted(found)

    def cut(self, bit: int) -> None:
        """Forget what lies before a bit."""
        size = bit // 8 - self.offset
        if size > _PIECE:
            self.data = self.data[size:]
            self.offset += size

    def bits(self, start: int, stop: int) -> int:
        """Bits of the file as a number."""
        first, last = start // 8 - self.offset, (stop + 7) // 8 - self.offset
        number = int.from_bytes(self.data[first:last], "big") >> (-stop % 8)
        return number & ((1 << (stop - start)) - 1)


def read_blocks(  # noqa: C901, PLR0912  # one state for all that may be damaged
    read: Callable[[], bytes], start: int, stop: int | None
) -> Iterator[Block | Lost | None]:
    """The blocks that begin from a byte on, then those after another.

    Args:
        read: the next bytes of the file from `start` on, none at its end.
        start: the byte of the file where reading begins; a block before it is not read.
        stop: the byte that parts the blocks asked for from those that follow.

    Yields:
        Blocks and what is lost; None once, before the first block that begins at `stop` or later
        (left out where there is none, or `stop` is None).
    """
    window = _Window(read, start)
    damaged = -1  # where blocks are lost, until one is whole again
    is_ended = start > 0  # whether the file may end here
    last = start  # byte of the last mark
    while True:
        while not window.marks and not window.is_last:
            window.grow()
            if not window.marks:
                window.cut(window.stop - 8 * _PIECE)
        if not window.marks:
            break
        begin = window.marks[0]
        last = begin.bit // 8
        if stop is not None and begin.bit >= 8 * stop:
            stop = None
            yield None
        data = None if begin.is_end else _decompress(window)
        if data is None:
            window.marks.popleft()
        elif damaged >= 0:
            yield Lost(_DAMAGED, damaged)
            damaged = -1
        is_ended = begin.is_end or (data is not None and window.marks[0].is_end)
        if data is not None:
            for piece in data:
                yield Block(piece, begin.bit // 8)
        elif begin.is_end:
            if _is_followed_by_others(window, begin):
                yield Lost("bytes that are not compressed follow", begin.bit // 8)
        elif data is None and damaged < 0:
            damaged = begin.bit // 8
        window.cut(window.marks[0].bit if window.marks else begin.bit)
    if not is_ended:
        yield Lost("the compressed file is cut off", damaged if damaged >= 0 else last)
    elif damaged >= 0:
        yield Lost(_DAMAGED, damaged)


def _decompress(window: _Window) -> Iterable[bytes] | None:
    """What the first block of the window holds; its mark goes; None where it is damaged."""
    begin = window.marks[0].bit
    for number in range(1, _TRIES + 1):
        while len(window.marks) <= number and not window.is_last:
            if window.stop - begin > _LONGEST_BLOCK:
                return None
            window.grow()
        if len(window.marks) <= number or window.marks[number].bit - begin > _LONGEST_BLOCK:
            return None
        end = window.marks[number].bit
        # A stream of this block alone: its checksum, the 32 bits after its mark, is the stream's.
        size = end - begin
        bits = window.bits(begin, end)
        checksum = (bits >> (size - _MARK_BITS - 32)) & 0xFFFFFFFF if size >= _MARK_BITS + 32 else 0
        bits = ((bits << _MARK_BITS | _END_MARK) << 32 | checksum) << (-size % 8)
        stream = b"BZh9" + bits.to_bytes((size + _MARK_BITS + 32 + 7) // 8, "big")
        try:
            data = _checked(stream)
        except OSError:
            continue
        for _ in range(number):
            window.marks.popleft()
        return data
    return None


def _checked(stream: bytes) -> Iterable[bytes]:
    """What a stream holds, after all of it was seen to be whole: twice decompressed, if it is much.

    A block may hold 45 MB, if these are all one letter.
    """
    kept: list[bytes] | None = []
    size = 0
    for piece in _pieces(stream):
        size += len(piece)
        if kept is not None and size <= _KEPT:
            kept.append(piece)
        else:
            kept = None
    return _pieces(stream) if kept is None else kept


def _pieces(stream: bytes) -> Iterator[bytes]:
    decompressor = bz2.BZ2Decompressor()
    data = stream
    while not decompressor.eof:
        piece = decompressor.decompress(data, _PIECE)
        if not piece and decompressor.needs_input:
            raise OSError("the stream is cut off")
        if piece:
            yield piece
        data = b""


def _is_followed_by_others(window: _Window, end: _Mark) -> bool:
    """Whether something that is no stream follows the end of one."""
    at = (end.bit + _MARK_BITS + 32 + 7) // 8 - window.offset
    while len(window.data) < at + _PADDING and not window.is_last:
        window.grow()
    rest = window.data[at:].lstrip(b"\0")
    return bool(rest) and not _STREAM.match(rest)
