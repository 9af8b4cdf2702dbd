"""The headers of records in web archives: where one begins and ends, and what it says.

WARC: https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/
ARC: https://archive.org/web/researcher/ArcFileFormat.php
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

_VERSION = re.compile(rb"WARC/[01]\.\d{1,2}[ \t\r]*\n", re.IGNORECASE)
# An ARC header is one line: URL, IP address, date, media type, in version 2 five more fields,
# length. Dates of 14 digits are the rule; some have fewer or more of them, letters after them, or
# are hexadecimal rubbish, and some old crawls put the date before the address.
_SCHEME = rb"[A-Za-z][A-Za-z0-9+.-]{1,15}:"
_ARC_IP = rb"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,45}|None|-|0)"
_ARC_PLACE = (
    rb" (?:" + _ARC_IP + rb" (\d{8,20}[a-z]{0,8}|[0-9a-f]{24,40})|(\d{12,20}) " + _ARC_IP + rb") "
)
_ARC = re.compile(_SCHEME + rb"[^\n]{1,65536}?" + _ARC_PLACE)
_ARC_VERSION_2 = re.compile(rb"(.*) (?:\d{3}|-) \S+ \S+ (?:\d+|-) \S+", re.DOTALL)
_NAME = re.compile(rb"\n([^\s:][^\n:]*):")
_ARC_DATE = re.compile(
    r"(\d{4})(?:(0[1-9]|1[0-2])(?:(0[1-9]|[12]\d|3[01])"
    r"(?:([01]\d|2[0-3])(?:([0-5]\d)([0-5]\d)?)?)?)?)?",
    re.ASCII,
)


class Dialect(NamedTuple):
    """How records are written in a file.

    Attributes:
        begins: matches at a record's first byte; the first 64 bytes are enough for a first look.
        prefix: matches what of `begins` fits in 64 bytes.
        search: finds a header among bytes that may be anything.
        nested: finds one that stands after the end of another record, as group 1.
        overlap: bytes of a header that `search` needs to see.
        end: matches the end of a header.
        blanks: by how the header ends, what is after a record at least.
        parse: the header's fields, under WARC's names in lower case.
        length: finds the record's length in a header that is written as usual.
    """

    begins: re.Pattern[bytes]
    prefix: re.Pattern[bytes]
    search: re.Pattern[bytes]
    nested: re.Pattern[bytes]
    overlap: int
    end: re.Pattern[bytes]
    blanks: tuple[tuple[bytes, bytes], ...]
    parse: Callable[[bytes | bytearray], Mapping[str, str]]
    length: re.Pattern[bytes]

    def is_cut_off(self, content: bytes | bytearray, start: int, end: int) -> bool:
        """Whether the next record begins within what looks like a header between the offsets."""
        return (
            content.find(b"WARC/", start + 1, end) >= 0
            and self.search.search(content, start + 1, end) is not None
        )


class Fields(Mapping[str, str]):
    r"""The fields of a WARC or HTTP header, names in lower case, the first of those that repeat.

    They are looked up where they stand: most of most records' are never asked for.

    Args:
        header: from its first line on, which is no field.

    >>> fields = Fields(b"WARC/1.0\r\nContent-Type: text/html;\r\n charset=utf-8\r\nX: 1\nx : 2")
    >>> dict(fields), fields.all("x")
    ({'content-type': 'text/html; charset=utf-8', 'x': '1'}, ['1', '2'])
    """

    __slots__ = ("_header",)

    def __init__(self, header: bytes | bytearray) -> None:
        self._header = header

    def __getitem__(self, name: str) -> str:
        if found := _field(name).search(self._header):
            return _unfold(found[1])
        raise KeyError(name)

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """The field's value, or the default."""
        found = _field(name).search(self._header)
        return _unfold(found[1]) if found else default

    def all(self, name: str) -> list[str]:
        """The values of all fields of that name."""
        return [_unfold(value) for value in _field(name).findall(self._header)]

    def __contains__(self, name: object) -> bool:
        return _field(str(name)).search(self._header) is not None

    def __iter__(self) -> Iterator[str]:
        names = (_text(name).strip().lower() for name in _NAME.findall(self._header))
        return iter(dict.fromkeys(names))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def _field(name: str) -> re.Pattern[bytes]:
    """Finds a field; its value, with the folded lines that go on with it, is group 1."""
    pattern = rb"\n" + re.escape(name.encode()) + rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)"
    return re.compile(pattern, re.IGNORECASE)


def _unfold(value: bytes) -> str:
    text = _text(value)
    return (
        " ".join(line.strip() for line in text.split("\n")).strip()
        if "\n" in text
        else text.strip()
    )


def _parse_arc(header: bytes | bytearray) -> dict[str, str]:
    """The fields of an ARC header, as a WARC header would have them."""
    place = _ARC.match(header)
    if not place:
        return {}
    url = place[0].strip().rsplit(b" ", 2)[0]
    media_type, _, length = header[place.end() :].strip().rpartition(b" ")
    if version_2 := _ARC_VERSION_2.fullmatch(media_type):
        media_type = version_2[1]
    fields = {
        "warc-type": "warcinfo" if url.startswith(b"filedesc:") else "response",
        "warc-target-uri": _text(url),
        "content-type": _text(media_type),
        "content-length": _text(length),
    }
    date = parse_arc_date(_text(place[1] or place[2]))
    return {**fields, "warc-date": date} if date else fields


def _text(value: bytes | bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def parse_arc_date(digits: str) -> str:
    """An ARC header's date in ISO 8601, as precise as it is; empty when it is none.

    >>> parse_arc_date("20160209153640"), parse_arc_date("2000082305410049")
    ('2016-02-09T15:36:40Z', '2000-08-23T05:41:00Z')
    >>> parse_arc_date("200011101120"), parse_arc_date("201512000000000")
    ('2000-11-10T11:20Z', '2015-12')
    """
    found = _ARC_DATE.match(digits)
    if not found:
        return ""
    year, month, day, hour, minute, second = found.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if not hour:
        return date
    return f"{date}T{':'.join(part for part in (hour, minute or '00', second) if part)}Z"


_WARC_SEARCH = _VERSION.pattern + rb"(?:WARC|Content)-[A-Za-z-]+[ \t]*:"
WARC = Dialect(
    begins=_VERSION,
    prefix=re.compile(rb"WARC/", re.IGNORECASE),
    search=re.compile(_WARC_SEARCH, re.IGNORECASE),
    nested=re.compile(rb"\n\r*\n(" + _WARC_SEARCH + rb")", re.IGNORECASE),
    overlap=64,
    end=re.compile(rb"\n\r*\n"),
    blanks=((b"\n\n", b"\n\n"), (b"", b"\r\n\r\n")),
    parse=Fields,
    length=re.compile(rb"\nContent-Length: (\d{1,18})\r?\n", re.IGNORECASE),
)
ARC = Dialect(
    begins=_ARC,
    prefix=re.compile(_SCHEME),
    search=re.compile(rb"(?<=\n)" + _ARC.pattern),
    nested=re.compile(rb"\n(" + _ARC.pattern + rb")"),
    overlap=1 << 17,
    end=re.compile(rb"\n"),
    blanks=((b"\r\n", b"\r\n"), (b"", b"\n")),
    parse=_parse_arc,
    length=re.compile(rb" (\d{1,18})\r?\n"),
)


def find_dialects(content: bytes) -> tuple[Dialect, ...]:
    """The dialect of a file whose content begins so; both when it tells nothing."""
    return tuple(d for d in (WARC, ARC) if d.begins.match(content.lstrip(b"\r\n"))) or (WARC, ARC)
