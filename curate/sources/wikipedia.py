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
from curate.sources.mediawiki_xml import ASKED, Dump, Site
from curate.sources.packed import Piece, is_divisible, unpack

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
    from curate.sources.pages import (
        Articles,  # numba: the driver, which asks for ranges, needs none
    )

    head = _read_head(stream, file) if file.start > 0 else None
    site = head.site if head else Site()
    articles = Articles(file, section, sink, site)
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
