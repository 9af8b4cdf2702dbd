"""MediaWiki XML dumps → articles.

Plain and bz2 dumps, of one stream or many, are read in ranges of the stored file: a page belongs to
the range in which its `<page>` begins, or the bzip2 block that holds this. The head of the file
tells each range of the wiki. The index of a multistream dump is not needed for that; one that is
given is counted (`index_files`) and left alone.

`pages` = `redirects` + `pages_other_namespace` + documents + skipped pages. A redirect counts as
one in whatever namespace it lies. Of several revisions of a page (full-history dumps) the one with
the newest time is taken; the others count as `revisions_older`.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from curate.recipe import WikipediaSection
from curate.sources import InputFile, Sink, split_evenly
from curate.sources.bzip2 import Lost
from curate.sources.mediawiki_xml import ASKED, Dump, Page, Site
from curate.sources.packed import Piece, is_divisible, unpack
from curate.sources.pages import kind_of_page, language_of
from curate.sources.wikitext import Choices, clean_wikitext

_REDIRECT = re.compile(
    r"\s*#[^\W\d_]+\s*:?\s*\[\[[^\]\n]*\]\][^\S\n]*(?:\n|$)"
)  # before export 0.4
_FILES, _CATEGORIES = ("-2", "6"), ("14",)  # namespaces
_INDEX = re.compile(rb"[0-9]+:[0-9]+:[^\n]+\n")  # of a multistream dump
_HEAD_BYTES = 4 << 20  # of XML, in which the head of a dump ends


def find_ranges(stream: BinaryIO, file: InputFile) -> list[tuple[int, int | None]]:
    """The ranges of a stored dump that are read on their own; one for packings without any.

    Args:
        stream: the file at byte 0.
        file: names the input, and its size.

    Raises:
        InputError: the file is empty or no MediaWiki dump.
    """
    if not is_divisible(stream.read(6)):
        return [(0, None)]
    stream.seek(0)
    can_be_entered = _read_head(stream, file).can_be_entered
    return split_evenly(file.size) if can_be_entered else [(0, None)]


def _read_head(stream: BinaryIO, file: InputFile) -> Dump:
    """A dump of which the head was read, up to its first page."""
    dump = Dump(file.name, 1 << 16, Sink("", "", ""), Site(), lambda _: None)
    fed = 0
    for piece in unpack(stream, file.name, ASKED):
        if not isinstance(piece, Piece) or fed > _HEAD_BYTES:
            break
        dump.feed(piece)
        fed += len(piece.data)
        if dump.has_page:
            break
    return dump


def read(stream: BinaryIO, file: InputFile, section: WikipediaSection, sink: Sink) -> None:
    """Read a dump: each article that is no redirect becomes a document or a skip.

    Documents: `source_id` is `<dbname>:<page id>:<revision id>`, `uri` the article's address, `date`
    the revision's time, `declared_language` the wiki's (ISO 639-1 or 639-3), `categories` in the order
    of the page, `page_kind` as `mediawiki.toml` tells. Skips: `empty` (no text once cleaned), `too_large` (wikitext of more than
    `section.maximum_page_bytes` bytes), `not_wikitext` (another content model, such as Wikidata's),
    `damaged`.

    Args:
        stream: the file at byte 0, packed as `unpack` knows it; seekable for a range, and for 7z.
        file: names the input in errors, and the range to read, one of `find_ranges`.
        section: the recipe's section.
        sink: takes documents, skips and counts.

    Raises:
        InputError: the file is empty or no MediaWiki dump.
        ComponentError: it is a 7z archive, and the extra for these is not installed.
    """
    head = _read_head(stream, file) if file.start > 0 else None
    site = head.site if head else Site()
    articles = _Articles(file, section, sink, site)
    dump = Dump(file.name, section.maximum_page_bytes, sink, site, articles.take)
    if head:
        dump.enter(head)
        stream.seek(0)
    for number, piece in enumerate(unpack(stream, file.name, ASKED, file.start, file.stop)):
        if piece is None:
            dump.end_range()
        elif isinstance(piece, Lost):
            dump.lose(piece)
        elif number == 0 and file.start == 0 and _INDEX.match(piece.data):
            sink.count("index_files")
            return
        elif not dump.feed(piece):
            return
    dump.close()


class _Articles:
    """Makes documents of pages."""

    def __init__(self, file: InputFile, section: WikipediaSection, sink: Sink, site: Site) -> None:
        self._file, self._section, self._sink, self._site = file, section, sink, site
        self._choices = Choices(section.tables, section.infoboxes, section.math, section.variant)

    def take(self, page: Page) -> None:
        """Deliver a page as a document, a skip or a count."""
        sink, site, revision = self._sink, self._site, page.revision
        title, offset = page.fields.get("title", ""), page.offset
        text = revision.get("text", "")
        if "redirect" in page.fields or _REDIRECT.match(text):
            sink.count("redirects")
            return
        if page.fields.get("ns", site.namespace(title)) != "0":  # no <ns> before export 0.6
            sink.count("pages_other_namespace")
            return
        uri = site.address(title)
        model = revision.get("model", "wikitext").strip()
        if not title or "id" not in page.fields:
            sink.skip("damaged", offset=offset, uri=uri, detail="a page without title or id")
        elif model != "wikitext":
            sink.skip("not_wikitext", offset=offset, uri=uri, detail=model)
        elif "too_large" in revision:
            detail = f"more than {self._section.maximum_page_bytes} bytes"
            sink.skip("too_large", offset=offset, uri=uri, detail=detail)
        else:
            self._clean(page, title, text, uri)

    def _clean(self, page: Page, title: str, text: str, uri: str | None) -> None:
        site = self._site
        found = clean_wikitext(
            text,
            site.names(_FILES),
            categories=site.names(_CATEGORIES),
            title=title,
            choices=self._choices,
        )
        if not found.text:
            self._sink.skip("empty", offset=page.offset, uri=uri)
            return
        wiki = site.name or site.base or self._file.label
        ids = (wiki, page.fields["id"], page.revision.get("id", "").strip())
        self._sink.document(
            identity="\0".join(ids),
            source_id=":".join(ids),
            text=found.text,
            uri=uri,
            date=page.revision.get("timestamp", "").strip() or None,
            title=title,
            declared_language=language_of(site.language, site.name),
            categories="|".join(found.categories) or None,
            page_kind=kind_of_page(title, found),
        )
