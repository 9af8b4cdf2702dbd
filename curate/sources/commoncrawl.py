"""Web archives → documents: HTML pages and plain text that were answered with status 200.

A document comes from a `response` or `resource` record that holds HTML (its main text) or plain
text (as it is: WET files have such pages too), or from a `conversion` record of a WET file. Every
other record of these types, every revisit, and every damaged record becomes a skip; requests,
metadata and the like are counted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import BinaryIO

from curate.recipe import CommonCrawlSection
from curate.sources import InputFile, Sink, document_id, split_evenly
from curate.sources.encoding import Decoded
from curate.sources.extract import Page, check_extractor, extract_with, http_date, join_directives
from curate.sources.html import SkipError, decode_page
from curate.sources.http import Response, decode_body, looks_like_html
from curate.sources.warc import Archive, Record, is_divisible

_SLACK = 1 << 20  # HTTP header and chunk sizes of a page that is as long as allowed
_PAGE_TYPES = {"response", "resource", "conversion"}
_OTHER_TYPES = {"warcinfo", "request", "metadata"}
_COUNTED_TYPES = {*_PAGE_TYPES, *_OTHER_TYPES, "revisit", "continuation"}
_HTML = {"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"}
_BINARY = (b"%PDF-", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b\x08", b"Rar!")
_UNKNOWN = {"", "unknown/unknown", "application/unknown", "*/*", "no-type", "unk"}  # say nothing
_TYPE_END = re.compile(r"[\s;,]")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w:.-]{2,40})""", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.ASCII)
_DATE = re.compile(
    r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


def read(stream: BinaryIO, file: InputFile, section: CommonCrawlSection, sink: Sink) -> None:
    """Read a web archive, or a range of it.

    WARC 0.x and 1.x, WET and ARC, plain or in gzip, zstd, LZ4 or bzip2; or such files in a ZIP, as
    WACZ is.

    Skip reasons: `truncated` and `damaged` (the record, or its body), `http_status` (not 200),
    `not_html` (nor plain text), `revisit`, `segmented`, `empty`, `too_large`, `too_deep`,
    `too_many_blocks`, `unsupported_encoding`, `bad_http`, `extraction_failed`, `time_limit`.

    Counts: `records`, `records_<type>`, and `bytes_stepped_over`: decompressed bytes from damaged
    records and between records, compressed bytes where they could not be decompressed.

    Args:
        stream: the file, seekable.
        file: its name is used in errors, and its range.
        section: the recipe's.
        sink: takes documents, skips and counts.

    Raises:
        InputError: the file is empty, of another kind, or cannot be read on.
        ComponentError: the extractor does not work.
    """
    check_extractor(section)
    most = section.maximum_page_bytes + _SLACK
    archive = Archive(stream, file.name, most, file.start, file.stop)
    for record in archive:
        if record.lost:
            sink.count("bytes_stepped_over", record.lost)
        kind = record.kind
        if not record.is_gap:
            sink.count("records")
            sink.count(f"records_{kind}" if kind in _COUNTED_TYPES else "records_unknown")
        if kind in _OTHER_TYPES and not record.fault:
            continue
        uri = record.fields.get("warc-target-uri", "").strip("<>") or None
        try:
            _refuse_parts(record, kind)
            if kind in _PAGE_TYPES:
                _page(record, kind, uri, section, sink)
        except SkipError as skip:
            sink.skip(skip.reason, offset=record.offset, uri=uri, detail=skip.detail)
    sink.first, sink.following = archive.first, archive.following


def find_ranges(stream: BinaryIO, file: InputFile) -> list[tuple[int, int | None]]:
    """The byte ranges of a large archive that are read on their own; looks at its head only.

    Raises:
        InputError: the file cannot be read.
    """
    return split_evenly(file.size) if is_divisible(stream, file.name) else [(0, None)]


def _refuse_parts(record: Record, kind: str) -> None:
    """Skip what is not a whole record."""
    if record.fault:
        raise SkipError(record.fault, record.detail)
    if kind == "revisit":
        raise SkipError("revisit")
    if kind == "continuation" or "warc-segment-number" in record.fields:
        raise SkipError("segmented", "records in several parts are not joined")


def _page(
    record: Record, kind: str, uri: str | None, section: CommonCrawlSection, sink: Sink
) -> None:
    """Give the sink the record's document."""
    fields, limit = record.fields, section.maximum_page_bytes
    response = _response(record) if kind == "response" else Response("", {}, None, record.body)
    http, payload = response.fields, response.payload
    content_type = (http if response.status else fields).get("content-type", "")
    media_type, body = _content(record, kind, content_type, payload, http, limit)
    if kind == "conversion":  # UTF-8 by definition
        decoded = Decoded(body.decode(errors="replace"), "utf-8", 1.0)
    elif body.startswith(_BINARY) or (media_type not in _HTML and b"\0\0" in body[:1024]):
        raise SkipError("not_html", f"{media_type}, but the bytes are not text")
    else:
        charset = _CHARSET.search(content_type)
        decoded = decode_page(body, charset[1] if charset else None)
    page = extract_with(decoded.text, uri, section) if media_type in _HTML else Page(decoded.text)
    if not page.text.strip():
        raise SkipError("empty")
    source_id = fields.get("warc-record-id", "").strip("<>")
    date = fields.get("warc-date", "")
    digest = fields.get("warc-payload-digest") or _sha1(payload)
    identity = "\0".join((source_id, uri or "", date, digest))
    sink.document(
        identity=identity,
        source_id=source_id or document_id(sink.source, identity),
        text=page.text,
        uri=uri,
        date=page.date
        or http_date(http.get("last-modified", ""))
        or (date if _DATE.fullmatch(date) else None),
        title=page.title,
        declared_language=page.declared_language or _language(http),
        canonical_uri=page.canonical_uri,
        licence=page.licence,
        robots=join_directives(page.robots, response.robots),
        encoding=decoded.encoding,
        encoding_score=decoded.score,
    )


def _content(
    record: Record,
    kind: str,
    content_type: str,
    payload: bytes,
    http: Mapping[str, str],
    limit: int,
) -> tuple[str, bytes]:
    """The media type of a page and its bytes, all of them, without encodings of the transport.

    Raises:
        SkipError: it is no page, or not whole, or too long.
    """
    media_type = _media_type(record.fields, content_type)
    uri = record.fields.get("warc-target-uri")
    if media_type and media_type not in _HTML and not _is_text(kind, media_type, uri):
        raise SkipError("not_html", media_type)
    if "warc-truncated" in record.fields:
        raise SkipError("truncated", f"by the crawler: {record.fields['warc-truncated']}")
    if not record.is_whole:
        raise SkipError("too_large", f"{record.length} bytes")
    body = decode_body(payload, http, limit)
    if len(body) > limit:
        raise SkipError("too_large", f"more than {limit} bytes")
    if media_type:
        return media_type, body
    if not looks_like_html(body):
        raise SkipError("not_html", "no Content-Type")
    return "text/html", body


def _language(http: Mapping[str, str]) -> str | None:
    """The language that the server says, when it names one."""
    value = http.get("content-language", "").strip().lower()
    return value if _LANGUAGE.fullmatch(value) else None


def _sha1(payload: bytes) -> str:
    return f"sha1:{hashlib.sha1(payload, usedforsecurity=False).hexdigest()}"


def _response(record: Record) -> Response:
    """The HTTP response that a record holds; without status for another protocol's.

    Raises:
        SkipError: `bad_http`, or `http_status` where it is not 200.
    """
    response = record.response
    if not response.status:
        content_type = record.fields.get("content-type", "").lower()
        if content_type.startswith("application/http") or response.payload.startswith(b"HTTP/"):
            raise SkipError("bad_http", f"it begins with {response.payload[:40]!r}")
    elif response.status != "200":
        raise SkipError("http_status", response.status)
    return response


def _media_type(fields: Mapping[str, str], content_type: str) -> str:
    """What the crawler identified, else what the server said; empty when neither says anything."""
    declared, identified = (
        _TYPE_END.split(value.strip().lower(), maxsplit=1)[0]
        for value in (content_type, fields.get("warc-identified-payload-type", ""))
    )
    if declared in _HTML and identified == "text/plain":
        return declared
    return next((found for found in (identified, declared) if found not in _UNKNOWN), "")


def _is_text(kind: str, media_type: str, uri: str | None) -> bool:
    """Whether this is plain text from the web, and not (say) the crawler's own log."""
    from_web = (uri or "").strip("<>").lower().startswith(("http:", "https:", "ftp:"))
    return media_type == "text/plain" and (kind == "conversion" or from_web)
