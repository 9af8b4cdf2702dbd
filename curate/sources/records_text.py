"""JSON arrays and tables of text, cut into records at known offsets; whatever is damaged alone.

Each function takes a binary stream of unpacked bytes and yields (offset, what begins there).
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

MAXIMUM_RECORD_BYTES = 1 << 26
_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t", "|")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_SPACE = b" \t\r\n"
_CLOSING = {b"{": b"}", b"[": b"]"}
_BRACKETS_END = (b"}", b"]")


class Damage(NamedTuple):
    """Bytes that are no record.

    Attributes:
        detail: what is wrong.
    """

    detail: str


def elements(stream: BinaryIO) -> Iterator[tuple[int, bytes | Damage]]:
    """The elements of a JSON array, as bytes, in memory for one element.

    An element ends where its brackets close; one in which they do not ends before the next line
    that begins as the first element's line did, if there is such a line.
    """
    feed = _Feed(stream)
    at = feed.skip(0, _BOM + _SPACE)
    assert feed.byte(at) == b"["
    at = feed.skip(at + 1, _SPACE)
    indent = feed.line_start(at)
    while (byte := feed.byte(at)) not in {b"", b"]"}:
        if byte == b",":
            yield at, Damage("a comma without an element before it")
            at = feed.skip(at + 1, _SPACE)
            continue
        end, problem = feed.element_end(at)
        if not problem:
            yield at, feed.between(at, end)
        else:
            resumed = feed.find(b"\n" + indent + b"{", at + 1)
            end = resumed + 1 + len(indent) if resumed >= 0 else -1
            rest = "" if end >= 0 else "; nothing can be read from here on"
            yield at, Damage(problem + rest)
            if end < 0:
                return
        feed.forget(end)
        at = feed.skip(end, _SPACE)
        if feed.byte(at) == b"," and not problem:
            at = feed.skip(at + 1, _SPACE)
    if feed.byte(at) == b"":
        yield at, Damage("the array is cut off")
    elif feed.byte(after := feed.skip(at + 1, _SPACE)):
        yield after, Damage("something follows the array")


class _Feed:
    """The bytes of a stream from `base` on, read as far as they are asked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.data, self.base, self.ended = stream, bytearray(), 0, False

    def pull(self) -> bool:
        block = b"" if self.ended else self.stream.read(_BLOCK)
        self.ended = not block
        self.data += block
        return bool(block)

    def forget(self, offset: int) -> None:
        keep = max(0, offset - self.base - _BLOCK)  # not for each small element
        if keep > _BLOCK:
            del self.data[:keep]
            self.base += keep

    def byte(self, at: int) -> bytes:
        while at >= self.base + len(self.data) and self.pull():
            pass
        return bytes(self.data[at - self.base : at - self.base + 1])

    def between(self, start: int, end: int) -> bytes:
        return bytes(memoryview(self.data)[start - self.base : end - self.base])

    def skip(self, at: int, signs: bytes) -> int:
        while (byte := self.byte(at)) and byte in signs:
            at += 1
            if at - self.base > 2 * _BLOCK:
                del self.data[:_BLOCK]
                self.base += _BLOCK
        return at

    def line_start(self, at: int) -> bytes:
        """The white space before an offset on its line; none on the line of the array's bracket."""
        line = bytes(self.data[: at - self.base]).rpartition(b"\n")
        return line[2] if line[1] else b""

    def find(self, sign: bytes, at: int) -> int:
        """The next place of some bytes; -1 where there is none."""
        while True:
            found = self.data.find(sign, max(0, at - self.base))
            if found >= 0:
                return found + self.base
            at = max(at, self.base + len(self.data) - len(sign) + 1)
            if at - self.base > _BLOCK:
                del self.data[: at - self.base]
                self.base = at
            if not self.pull():
                return -1

    def element_end(self, start: int) -> tuple[int, str]:
        """Where the element that begins here ends, or what is wrong with it."""
        open_brackets: list[bytes] = []
        at = start
        while True:
            found = self.token(at, start)
            if isinstance(found, str):
                return 0, found
            at, token = self.base + found.end(), found[0]
            if token in _CLOSING:
                open_brackets.append(_CLOSING[token])
            elif not open_brackets and len(token) == 1:  # a comma, or the array's own bracket
                end = self.base + found.start()
                return (end, "") if end > start else (0, "a bracket that closes nothing")
            elif token in _BRACKETS_END and open_brackets.pop() != token:
                return 0, f"a bracket is not closed before {token.decode()}"
            elif token in _BRACKETS_END and not open_brackets:
                return at, ""

    def token(self, at: int, start: int) -> re.Match[bytes] | str:
        """The next string, bracket or comma of the element at `start`, or what is wrong."""
        while True:
            found = _TOKEN.search(self.data, at - self.base)
            if found and found[0] != b'"':
                return found
            if self.base + len(self.data) - start > MAXIMUM_RECORD_BYTES:
                return f"it has more than {MAXIMUM_RECORD_BYTES} bytes"
            at = self.base + (found.start() if found else len(self.data))
            if not self.pull():
                return "it is cut off"


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        offset: of its first byte.
        fields: one for each column, or what is wrong.
    """

    offset: int
    fields: list[str] | Damage


def rows(lines: Iterator[tuple[int, bytes]], *, delimiter: str, quoted: bool) -> Iterator[Row]:
    """The rows of a table of text, the header first; a damaged row costs no line but its first.

    Args:
        lines: (offset, line with its end).
        delimiter: one character.
        quoted: whether fields may stand in quotes, and then hold delimiters and line breaks.
    """
    source = _Lines(lines)
    csv.field_size_limit(MAXIMUM_RECORD_BYTES)
    width = 0
    while source.has_more():
        reader = csv.reader(
            source, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        )
        source.begin()
        damage = ""
        fields: list[str] = []
        try:
            fields = next(reader)
        except csv.Error as error:
            damage = str(error)
        except StopIteration:
            return
        if not fields and not damage:
            continue  # an empty line
        if quoted and not damage:
            damage = source.fault(delimiter)
        if not damage and width and len(fields) != width:
            damage = f"it has {len(fields)} fields, the header {width}"
        elif not damage and any(_NOT_UTF8.search(field) for field in fields if not field.isascii()):
            damage = "it is not UTF-8"
        if damage:
            yield Row(source.offset, Damage(damage))
            source.go_back()
            continue
        width = width or len(fields)
        yield Row(source.offset, fields)


class _Lines:
    """Lines as text; those of the current row can be read again from its second one on."""

    def __init__(self, lines: Iterator[tuple[int, bytes]]) -> None:
        self._lines = lines
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._row: list[tuple[int, bytes]] = []
        self._size = 0
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self._row.append(line)
        self._size += len(line[1])
        if self._size > MAXIMUM_RECORD_BYTES:
            raise csv.Error(f"it has more than {MAXIMUM_RECORD_BYTES} bytes")
        return line[1].decode("utf-8", "surrogateescape")

    @property
    def offset(self) -> int:
        return self._row[0][0]

    def has_more(self) -> bool:
        if not self._waiting:
            line = next(self._lines, None)
            if line is None:
                return False
            self._waiting.append(line)
        return True

    def begin(self) -> None:
        self._row, self._size, self.ended = [], 0, False

    def go_back(self) -> None:
        self._waiting.extendleft(reversed(self._row[1:]))

    def fault(self, delimiter: str) -> str:
        """What is wrong with the quotes of a row on several lines, or that the file ended within."""
        if len(self._row) == 1 and not self.ended:
            return ""
        text = "".join(line.decode("utf-8", "surrogateescape") for _, line in self._row)
        try:
            next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), None)
        except csv.Error as error:
            is_open = "unexpected end of data" in str(error)
            return "a quoted field is not closed" if is_open else f"its quotes are wrong: {error}"
        return ""


def find_delimiter(header: str, column: str, first: str) -> str:
    """The delimiter by which a header has a column; the first choice where none does."""
    for delimiter in (first, *_DELIMITERS):
        with suppress(csv.Error):  # no header at all, which reading the rows will tell
            if column in next(csv.reader([header], delimiter=delimiter), []):
                return delimiter
    return first


def paragraphs(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes | Damage]]:
    """The paragraphs of a text: lines up to an empty one."""
    held: list[bytes] = []
    begin = size = 0
    for offset, line in lines:
        if not line.strip():
            if held:
                yield begin, b"".join(held).rstrip(b"\r\n")
            held, size = [], 0
            continue
        begin = begin if held else offset
        held.append(line)
        size += len(line)
        if size > MAXIMUM_RECORD_BYTES:
            yield begin, Damage(f"the paragraph has more than {MAXIMUM_RECORD_BYTES} bytes")
            held, size = [], 0
    if held:
        yield begin, b"".join(held).rstrip(b"\r\n")
