"""MediaWiki XML dumps → articles: streamed in bounded memory, whatever is damaged stepped over.

The XML is read by expat, which knows encodings, CDATA and comments; nothing outside the file is
opened, and a dump that declares entities is refused. Where bytes are lost or no XML, what is wrong
is recorded and reading goes on at the next `<page>`.

`pages` = `redirects` + `pages_other_namespace` + documents + skipped pages. A redirect counts as
one in whatever namespace it lies. Of several revisions of a page (full-history dumps) the one with
the newest time is taken; the others count as `revisions_older`.
"""

from __future__ import annotations

import re
from typing import BinaryIO
from urllib.parse import quote
from xml.parsers import expat

from curate.errors import InputError
from curate.recipe import WikipediaSection
from curate.sources import InputFile, Sink
from curate.sources.packed import BLOCK, Fault, unpack
from curate.sources.wikitext import clean_wikitext

_SAFE = ";@$!*(),/:~"  # what MediaWiki leaves as it is in the path of a title's address
_REDIRECT = re.compile(
    r"\s*#[^\W\d_]+\s*:?\s*\[\[[^\]\n]*\]\][^\S\n]*(?:\n|$)"
)  # before export 0.4
_DROPPED_NAMESPACES = {"-2", "6", "14"}  # media, file, category
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
_ASKED = "an input of kind 'wikipedia' is a MediaWiki XML dump (plain, bz2 or gz)"


class _LostBytesError(Exception):
    """The structure of the XML says that bytes are missing."""


def read(stream: BinaryIO, file: InputFile, section: WikipediaSection, sink: Sink) -> None:
    """Read a dump: each article that is no redirect becomes a document or a skip.

    Documents: `source_id` is `<dbname>:<page id>:<revision id>`, `uri` the article's address, `date`
    the revision's time. Skips: `empty` (no text once cleaned), `too_large` (wikitext of more than
    `section.maximum_page_bytes` bytes), `not_wikitext` (another content model, such as Wikidata's),
    `damaged` (with the offset into the decompressed XML).

    Args:
        stream: the file at byte 0: plain, bz2 or gz, also of several streams, by its first bytes.
        file: names the input in errors.
        section: the recipe's section.
        sink: takes documents, skips and counts.

    Raises:
        InputError: the file is empty or no MediaWiki dump.
    """
    dump = _Dump(file, section, sink)
    for piece in unpack(stream, file.name, _ASKED):
        if isinstance(piece, Fault):
            dump.lose(piece.detail)
        else:
            dump.feed(piece)
    dump.close()


class _Dump:
    """The state of reading one dump; `feed` takes its XML in blocks of any size."""

    def __init__(self, file: InputFile, section: WikipediaSection, sink: Sink) -> None:
        self._file, self._sink = file, sink
        self._maximum = section.maximum_page_bytes
        self._encoding = ""  # as expat and Python call it, where the first bytes tell
        self._mark = b"<page>"  # in that encoding
        self._size = 0  # bytes fed
        self._recent = b""  # the last of them
        self._parser: expat.XMLParserType | None = None  # none while the next page is looked for
        self._base = 0  # offset of the parser's byte 0
        self._path: list[str] = []
        self._pieces: list[str] | None = None  # of the text of the element that is read
        self._length = 0  # of these pieces, in characters
        self._has_root = False
        self._site: dict[str, str] = {}
        self._namespaces: dict[str, str] = {}  # name → number
        self._dropped: frozenset[str] = frozenset()
        self._namespace = ""
        self._page: dict[str, str] | None = None
        self._page_offset = 0
        self._revision: dict[str, str] = {}
        self._newest: dict[str, str] = {}

    def feed(self, block: bytes) -> None:
        """Parse the next bytes of the XML.

        Raises:
            InputError: it is no MediaWiki dump.
        """
        if self._size == 0:
            self._begin(block)
        recent_offset = self._size - len(self._recent)
        recent = self._recent + block
        self._size += len(block)
        self._recent = recent[-BLOCK:]
        data = block
        while data:
            if self._parser is None:
                resumes = self._size - len(data)
                start = recent.find(self._mark, max(0, resumes - recent_offset - len(self._mark)))
                if start < 0:
                    return
                self._resume(recent_offset + start)
                data = recent[start:]
            parser = self._parser
            assert parser is not None
            try:
                parser.Parse(data, False)
            except expat.ExpatError as error:
                offset = self._base + parser.ErrorByteIndex
                self._damaged(offset, expat.ErrorString(error.code))
            except _LostBytesError as error:
                offset = self._base + parser.CurrentByteIndex
                self._damaged(offset, str(error))
            else:
                return
            data = recent[max(0, offset - recent_offset) :]

    def lose(self, detail: str) -> None:
        """Bytes are missing here: give up the open page, and go on at the next."""
        self._damaged(self._size, detail)
        self._recent = b""

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
            raise InputError(_ASKED, "it is empty", self._file.name)

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
        raise InputError(_ASKED, f"it declares an entity of its own, {name!r}", self._file.name)

    def _damaged(self, offset: int, detail: str) -> None:
        if not self._has_root:
            raise InputError(_ASKED, f"it is none: {detail}", self._file.name)
        uri = self._uri(self._page["title"]) if self._page and "title" in self._page else None
        self._sink.skip("damaged", offset=offset, uri=uri, detail=detail)
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
            if self._page is not None:
                raise _LostBytesError("a page begins inside another")
            assert self._parser is not None
            self._page, self._newest = {}, {}
            self._page_offset = self._base + self._parser.CurrentByteIndex
            self._sink.count("pages")
        elif name == "revision":
            self._revision = {}
        elif name == "redirect" and self._page is not None:
            self._page["redirect"] = attributes.get("title", "")
        elif not parent:
            if name != "mediawiki":
                raise InputError(_ASKED, f"its root element is <{name}>", self._file.name)
            self._has_root = True

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._pieces is not None and self._length <= self._maximum:
            self._pieces.append(text)

    def _end(self, _name: str) -> None:
        name = self._path.pop()
        if self._pieces is not None:
            self._take(self._path[-1], name, "".join(self._pieces))
            assert self._parser is not None
            self._pieces = self._parser.CharacterDataHandler = None
        elif name == "revision":
            if self._newest:
                self._sink.count("revisions_older")
            if self._revision.get("timestamp", "") >= self._newest.get("timestamp", ""):
                self._newest = self._revision or {"id": ""}
        elif name == "page" and self._page is not None:
            self._deliver(self._page, self._newest)
            self._page = None
        elif name == "siteinfo":
            self._dropped = frozenset(
                name for name, key in self._namespaces.items() if key in _DROPPED_NAMESPACES
            )

    def _take(self, parent: str, name: str, text: str) -> None:
        """Keep the text of an element of `_FIELDS`."""
        if parent == "siteinfo":
            self._site[name] = text.strip()
        elif parent == "namespaces":
            self._namespaces[text.strip()] = self._namespace
        elif parent == "revision":
            is_too_large = self._length > self._maximum or len(text.encode()) > self._maximum
            self._revision["too_large" if is_too_large else name] = text
        elif self._page is not None:
            self._page[name] = text.strip()

    def _deliver(self, page: dict[str, str], revision: dict[str, str]) -> None:
        sink, title, offset = self._sink, page.get("title", ""), self._page_offset
        text = revision.get("text", "")
        if "redirect" in page or _REDIRECT.match(text):
            sink.count("redirects")
            return
        prefix, colon, _ = title.partition(":")
        in_prefix = self._namespaces.get(prefix, "0") if colon else "0"
        if page.get("ns", in_prefix) != "0":  # there is no <ns> before export 0.6
            sink.count("pages_other_namespace")
            return
        uri = self._uri(title)
        model = revision.get("model", "wikitext").strip()
        if not title or "id" not in page:
            sink.skip("damaged", offset=offset, uri=uri, detail="a page without title or id")
        elif model != "wikitext":
            sink.skip("not_wikitext", offset=offset, uri=uri, detail=model)
        elif "too_large" in revision:
            detail = f"more than {self._maximum} bytes"
            sink.skip("too_large", offset=offset, uri=uri, detail=detail)
        elif not (clean := clean_wikitext(text, self._dropped)):
            sink.skip("empty", offset=offset, uri=uri)
        else:
            wiki = self._site.get("dbname") or self._site.get("base") or self._file.label
            ids = (wiki, page["id"], revision.get("id", "").strip())
            sink.document(
                identity="\0".join(ids),
                source_id=":".join(ids),
                text=clean,
                uri=uri,
                date=revision.get("timestamp", "").strip() or None,
                title=title,
            )

    def _uri(self, title: str) -> str | None:
        """The address of an article, made like that of the main page."""
        base = self._site.get("base", "")
        if not base or not title:
            return None
        before = re.split(r"(?<=[?&]title=)", base)[0] if "title=" in base else ""
        before = before or base.rpartition("/")[0] + "/"
        return before + quote(title.replace(" ", "_"), safe=_SAFE)
