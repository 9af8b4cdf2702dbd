"""MediaWiki's export XML → pages: streamed in bounded memory, whatever is damaged stepped over.

The XML is read by expat, which knows encodings, CDATA and comments; nothing outside the file is
opened, and a dump that declares entities is refused. Where bytes are lost or no XML, what is wrong
is recorded and reading goes on at the next `<page>`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.parsers import expat

from curate.errors import InputError
from curate.sources import Sink
from curate.sources.bzip2 import Lost
from curate.sources.packed import PIECE, Piece

ASKED = "an input of kind 'wikipedia' is a MediaWiki XML dump (plain, bz2, gz, xz, zstd or 7z)"
_SAFE = ";@$!*(),/:~"  # what MediaWiki leaves as it is in the path of a title's address
_FIELDS = {  # whose text is read: parent and name
    ("siteinfo", "dbname"),
    ("siteinfo", "base"),
    ("namespaces", "namespace"),
    ("page", "title"),
    ("page", "ns"),
    ("page", "id"),
    ("revision", "id"),
    ("revision", "timestamp"),
    ("revision", "model"),
    ("revision", "text"),
}
_LONGEST_TAG = 16 << 20  # bytes; expat holds all of it
_PLACES = 16  # pieces whose place in the stored file is remembered


class _LostBytesError(Exception):
    """The structure of the XML says that bytes are missing.

    Attributes:
        offset: of the tag that says so: expat's own place is beyond it once this is raised.
    """

    def __init__(self, detail: str, offset: int) -> None:
        super().__init__(detail)
        self.offset = offset


class _NextRangeError(Exception):
    """A page begins that another range is to read."""


@dataclass
class Site:
    """What the head of a dump says of its wiki.

    Attributes:
        name: `dbname`, such as `dewiki`; empty where the dump has none.
        base: the address of the main page.
        language: the dump's `xml:lang`.
        namespaces: their names and numbers (`"Datei": "6"`).
    """

    name: str = ""
    base: str = ""
    language: str = ""
    namespaces: dict[str, str] = field(default_factory=dict)

    def address(self, title: str) -> str | None:
        """The address of an article, made like that of the main page."""
        if not self.base or not title:
            return None
        parts = re.split(r"(?<=[?&]title=)", self.base)
        before = parts[0] if len(parts) > 1 else self.base.rpartition("/")[0] + "/"
        return before + quote(title.replace(" ", "_"), safe=_SAFE)

    def names(self, numbers: tuple[str, ...]) -> frozenset[str]:
        """The names of some namespaces."""
        return frozenset(name for name, number in self.namespaces.items() if number in numbers)

    def namespace(self, title: str) -> str:
        """The number of a title's namespace, by its prefix."""
        prefix, colon, _ = title.partition(":")
        return self.namespaces.get(prefix, "0") if colon else "0"


@dataclass
class Page:
    """A page of a dump.

    Attributes:
        fields: the text of its elements: `title`, `ns`, `id`; `redirect`, the title it leads to.
        revision: of its newest revision: `id`, `timestamp`, `model`, `text`, or `too_large`.
        offset: where it begins in the stored file, or the block or stream that holds its beginning.
    """

    fields: dict[str, str]
    revision: dict[str, str]
    offset: int


class Dump:
    """The state of reading one dump, or a range of it; `feed` takes its XML in pieces.

    Args:
        name: of the file, in errors.
        maximum_bytes: of a page's text; a larger one is not kept.
        sink: takes damage and counts.
        site: is filled with what the head says.
        take: takes the pages.
    """

    def __init__(
        self, name: str, maximum_bytes: int, sink: Sink, site: Site, take: Callable[[Page], None]
    ) -> None:
        self.site = site
        self.has_page = False  # whether one has begun
        self._name, self._maximum, self._sink, self._take = name, maximum_bytes, sink, take
        self._encoding = ""  # as expat and Python call it, where the first bytes tell
        self._mark = b"<page>"  # in that encoding
        self._size = 0  # bytes fed
        self._recent = b""  # the last of them
        self._searched = 0  # the next page is not looked for before this byte
        self._places: deque[tuple[int, Piece]] = deque(maxlen=_PLACES)  # which were at which byte
        self._is_entered = False
        self._range_size: int | None = None  # bytes fed when the range ended
        self._following: int | None = None  # where the next range's first piece lies
        self._parser: expat.XMLParserType | None = None  # none while the next page is looked for
        self._base = 0  # offset of the parser's byte 0
        self._path: list[str] = []
        self._pieces: list[str] | None = None  # of the text of the element that is read
        self._length = 0  # of these pieces, in characters
        self._has_root = False
        self._namespace = ""
        self._page: Page | None = None
        self._revision: dict[str, str] = {}

    @property
    def can_be_entered(self) -> bool:
        """Whether pages can be found without reading from the file's beginning."""
        return (
            self.has_page and self._encoding[:6].upper() != "UTF-16" and self._mark in self._recent
        )

    def enter(self, head: Dump) -> None:
        """Go on in the middle of a dump whose head was read."""
        self._encoding, self._mark = head._encoding, head._mark
        self._has_root, self._size = True, 1

    def feed(self, piece: Piece) -> bool:  # noqa: C901  # one loop over what may go wrong
        """Parse the next bytes of the XML; False when the range is read to its end.

        Raises:
            InputError: it is no MediaWiki dump.
        """
        block = piece.data
        if self._size == 0:
            self._begin(block)
        self._places.append((self._size, piece))
        self._meet(piece)
        recent_offset = self._size - len(self._recent)
        recent = self._recent + block
        self._size += len(block)
        self._recent = recent[-PIECE:]
        view = memoryview(recent)  # what is parsed again and again is not copied
        data = memoryview(block)
        while data:
            if self._parser is None:
                resumes = self._size - len(data)
                first = max(resumes - len(self._mark), self._searched)
                start = recent.find(self._mark, max(0, first - recent_offset))
                if start < 0:
                    return True
                if self._is_beyond(recent_offset + start):
                    return False
                self._resume(recent_offset + start)
                self._searched = recent_offset + start + 1  # whatever comes, it is not begun twice
                data = view[start:]
            parser = self._parser
            assert parser is not None
            try:
                parser.Parse(data, False)
            except _NextRangeError:
                return False
            except expat.ExpatError as error:
                offset = self._base + parser.ErrorByteIndex
                self._damaged(offset, expat.ErrorString(error.code))
            except _LostBytesError as error:
                offset = error.offset
                self._damaged(offset, str(error))
            else:
                if self._size - self._base - parser.CurrentByteIndex <= _LONGEST_TAG:
                    return True
                self._damaged(self._size, f"a tag or comment of more than {_LONGEST_TAG} bytes")
                data = memoryview(block)
                continue
            self._searched = max(offset, self._searched)
            data = view[max(0, self._searched - recent_offset) :]
        return True

    def lose(self, lost: Lost) -> None:
        """Bytes are missing here: give up the open page, and go on at the next."""
        if self._range_size is None or self._page is not None:
            self._damaged(self._size, lost.detail, lost.offset)
        self._recent, self._parser = b"", None

    def end_range(self) -> None:
        """What is fed from here on belongs to another range: only the open page is read on."""
        self._range_size = self._size

    def close(self) -> None:
        """The XML ends here.

        Raises:
            InputError: it is no MediaWiki dump.
        """
        if self._parser is not None:
            try:
                self._parser.Parse(b"", True)
            except expat.ExpatError as error:
                detail = f"the dump is cut off: {expat.ErrorString(error.code)}"
                self._damaged(self._size, detail)
        elif not self._has_root:
            raise InputError(ASKED, "it is empty", self._name)

    def _meet(self, piece: Piece) -> None:
        """Say where the range's first entry lies, and the next one's; a bzip2 block is one."""
        if self._range_size is None and not self._is_entered and not piece.is_plain:
            self._is_entered = True
            self._sink.enter(piece.offset)
        if self._range_size is not None and self._following is None:
            self._following = piece.offset
            if self._is_entered and not piece.is_plain:
                self._sink.leave(piece.offset)

    def _is_beyond(self, offset: int) -> bool:
        """Whether a page that begins here is another range's; if not, it is this one's."""
        is_beyond = self._range_size is not None and offset >= self._range_size
        if not self._places[-1][1].is_plain:
            return is_beyond
        if is_beyond and self._is_entered:
            self._sink.leave(self._stored(offset))
        elif not is_beyond and not self._is_entered:
            self._is_entered = True
            self._sink.enter(self._stored(offset))
        return is_beyond

    def _stored(self, offset: int) -> int:
        """The place in the stored file of a byte of the XML, or of what holds it."""
        for first, piece in reversed(self._places):
            if first <= offset:
                return piece.offset + (offset - first if piece.is_plain else 0)
        return 0

    def _begin(self, head: bytes) -> None:
        for signs, encoding in (
            ((b"\xff\xfe", b"<\0"), "UTF-16LE"),
            ((b"\xfe\xff", b"\0<"), "UTF-16BE"),
        ):
            if head.startswith(signs):
                self._encoding, self._mark = encoding, "<page>".encode(encoding)
        self._new_parser(
            "UTF-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else self._encoding
        )

    def _resume(self, offset: int) -> None:
        """Go on at a page, as if the dump began there."""
        prefix = "<mediawiki>".encode(self._encoding or "ascii")
        self._new_parser(self._encoding)
        self._base = offset - len(prefix)
        assert self._parser is not None
        self._parser.Parse(prefix, False)

    def _new_parser(self, encoding: str) -> None:
        parser = expat.ParserCreate(encoding or None)
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = self._refuse_entity
        parser.XmlDeclHandler = self._declare
        self._parser = parser
        self._path, self._page, self._pieces = [], None, None

    def _declare(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and not self._encoding and encoding.upper() != "UTF-8":
            self._encoding = encoding

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise InputError(ASKED, f"it declares an entity of its own, {name!r}", self._name)

    def _damaged(self, offset: int, detail: str, stored: int | None = None) -> None:
        if not self._has_root:
            raise InputError(ASKED, f"it is none: {detail}", self._name)
        uri = self.site.address(self._page.fields.get("title", "")) if self._page else None
        place = self._stored(offset) if stored is None else stored
        self._sink.skip("damaged", offset=place, uri=uri, detail=detail)
        self._parser = None
        self._page = None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        parent = self._path[-1] if self._path else ""
        self._path.append(name)
        if (parent, name) in _FIELDS:
            self._pieces, self._length = [], 0
            self._namespace = attributes.get("key", "")
            assert self._parser is not None
            self._parser.CharacterDataHandler = self._characters
        elif name == "page":
            assert self._parser is not None
            offset = self._base + self._parser.CurrentByteIndex
            if self._page is not None:
                raise _LostBytesError("a page begins inside another", offset)
            if self._is_beyond(offset):
                raise _NextRangeError
            self._page = Page({}, {}, self._stored(offset))
            self.has_page = True
            self._sink.count("pages")
        elif name == "revision":
            self._revision = {}
        elif name == "redirect" and self._page is not None:
            self._page.fields["redirect"] = attributes.get("title", "")
        elif not parent:
            if name != "mediawiki":
                raise InputError(ASKED, f"its root element is <{name}>", self._name)
            self._has_root = True
            self.site.language = attributes.get("xml:lang", self.site.language)

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._pieces is not None and self._length <= self._maximum:
            self._pieces.append(text)

    def _end(self, _name: str) -> None:
        name = self._path.pop()
        page = self._page
        if self._pieces is not None:
            self._keep(self._path[-1], name, "".join(self._pieces))
            assert self._parser is not None
            self._pieces = self._parser.CharacterDataHandler = None
        elif page is None:
            return
        elif name == "revision":
            if page.revision:
                self._sink.count("revisions_older")
            if self._revision.get("timestamp", "") >= page.revision.get("timestamp", ""):
                page.revision = self._revision or {"id": ""}
        elif name == "page":
            self._take(page)
            self._page = None

    def _keep(self, parent: str, name: str, text: str) -> None:
        """Keep the text of an element of `_FIELDS`."""
        if parent == "siteinfo":
            setattr(self.site, "name" if name == "dbname" else name, text.strip())
        elif parent == "namespaces":
            self.site.namespaces[text.strip()] = self._namespace
        elif parent == "revision":
            is_too_large = self._length > self._maximum or len(text.encode()) > self._maximum
            self._revision["too_large" if is_too_large else name] = text
        elif self._page is not None:
            self._page.fields[name] = text.strip()
