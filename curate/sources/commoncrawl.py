"""Web archives → documents: HTML pages and plain text that were answered with status 200.

A document comes from a `response` or `resource` record that holds HTML (its main text) or plain
text (as it is: WET files have such pages too), or from a `conversion` record of a WET file. Every
other record of these types, every revisit, and every damaged record becomes a skip; requests,
metadata and the like are counted.
"""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from typing import BinaryIO

from fastwarc.stream_io import BrotliReader

from curate.recipe import CommonCrawlSection
from curate.sources import InputFile, Sink, document_id, split_evenly
from curate.sources.headers import parse_fields
from curate.sources.html import SkipError, check_extractor, decode, extract
from curate.sources.warc import Archive, Record, is_divisible

_SLACK = 1 << 20  # HTTP header and chunk sizes of a page that is as long as allowed
_PAGE_TYPES = {"response", "resource", "conversion"}
_COUNTED_TYPES = {*_PAGE_TYPES, "warcinfo", "request", "metadata", "revisit", "continuation"}
_HTML = {"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"}
_BINARY = (b"%PDF-", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b\x08", b"Rar!")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b")
_HEADER_END = re.compile(rb"\n\r*\n")
_TYPE_END = re.compile(r"[\s;,]")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w:.-]{2,40})""", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r\n]*)?\r?\n")
_DATE = re.compile(
    r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


def read(stream: BinaryIO, file: InputFile, section: CommonCrawlSection, sink: Sink) -> None:
    """Read a web archive, or a range of it.

    WARC 0.x and 1.x, WET and ARC, plain or in gzip, zstd, LZ4 or bzip2; or such files in a ZIP, as
    WACZ is.

    Skip reasons: `truncated` and `damaged` (the record, or its body), `http_status` (not 200),
    `not_html` (nor plain text), `revisit`, `segmented`, `empty`, `too_large`, `too_deep`,
    `unsupported_encoding`, `bad_http`, `extraction_failed`.

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
    check_extractor()
    limit = section.maximum_page_bytes
    archive = Archive(stream, file.name, limit + _SLACK, file.start, file.stop)
    for record in archive:
        if record.lost:
            sink.count("bytes_stepped_over", record.lost)
        kind = record.fields.get("warc-type", "").lower()
        if record.fields:
            sink.count("records")
            sink.count(f"records_{kind}" if kind in _COUNTED_TYPES else "records_unknown")
        uri = record.fields.get("warc-target-uri", "").strip("<>") or None
        try:
            _refuse_parts(record, kind)
            if kind in _PAGE_TYPES:
                _page(record, kind, uri, limit, sink)
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


def _page(record: Record, kind: str, uri: str | None, limit: int, sink: Sink) -> None:
    """Give the sink the record's document."""
    fields = record.fields
    http, payload = _split_http(record) if kind == "response" else ({}, record.body)
    content_type = http.get("content-type", "") if http else fields.get("content-type", "")
    media_type = _media_type(fields, content_type, payload)
    if media_type not in _HTML and not _is_text(kind, media_type, uri):
        raise SkipError("not_html", media_type or "no Content-Type")
    if "warc-truncated" in fields:
        raise SkipError("truncated", f"by the crawler: {fields['warc-truncated']}")
    if len(record.body) < record.length:
        raise SkipError("too_large", f"{record.length} bytes")
    body = _decompress(_join_chunks(payload, http), http, limit)
    if len(body) > limit:
        raise SkipError("too_large", f"more than {limit} bytes")
    title = None
    if kind == "conversion":  # UTF-8 by definition
        text = body.decode(errors="replace")
    elif body.startswith(_BINARY) or (media_type not in _HTML and b"\0\0" in body[:1024]):
        raise SkipError("not_html", f"{media_type}, but the bytes are not text")
    else:
        charset = _CHARSET.search(content_type)
        text = decode(body, charset[1] if charset else None)
    if media_type in _HTML:
        title, text = extract(text)
    if not text.strip():
        raise SkipError("empty")
    source_id = fields.get("warc-record-id", "").strip("<>")
    date = fields.get("warc-date", "")
    digest = fields.get("warc-payload-digest") or _sha1(payload)
    identity = "\0".join((source_id, uri or "", date, digest))
    sink.document(
        identity=identity,
        source_id=source_id or document_id(sink.source, identity),
        text=text,
        uri=uri,
        date=date if _DATE.fullmatch(date) else None,
        title=title,
    )


def _sha1(payload: bytes) -> str:
    return f"sha1:{hashlib.sha1(payload, usedforsecurity=False).hexdigest()}"


def _split_http(record: Record) -> tuple[dict[str, str], bytes]:
    """The header fields and the body of an HTTP response; no fields for another protocol's.

    Raises:
        SkipError: `bad_http`, or `http_status` where it is not 200.
    """
    block = record.body
    status = _STATUS.match(block)
    end = _HEADER_END.search(block)
    if not status or not end:
        if record.fields.get("content-type", "").lower().startswith("application/http"):
            raise SkipError("bad_http", f"it begins with {block[:40]!r}")
        return {}, block
    if status[1] != b"200":
        raise SkipError("http_status", status[1].decode())
    fields = parse_fields(block[: end.start()].partition(b"\n")[2])
    return {"content-type": "", **fields}, block[end.end() :]


def _media_type(fields: dict[str, str], content_type: str, payload: bytes) -> str:
    """What the crawler identified, else what the server said, else what the bytes look like."""
    declared, identified = (
        _TYPE_END.split(value.strip().lower(), maxsplit=1)[0]
        for value in (content_type, fields.get("warc-identified-payload-type", ""))
    )
    if declared in _HTML and identified == "text/plain":
        return declared
    if identified or declared:
        return identified or declared
    head = payload[:1024].lstrip().lower()
    return "text/html" if head.startswith((b"<!doctype html", b"<html")) else ""


def _is_text(kind: str, media_type: str, uri: str | None) -> bool:
    """Whether this is plain text from the web, and not (say) the crawler's own log."""
    from_web = (uri or "").lower().startswith(("http:", "https:", "ftp:"))
    return media_type == "text/plain" and (kind == "conversion" or from_web)


def _join_chunks(body: bytes, http: dict[str, str]) -> bytes:
    """The body without chunk sizes; as it is when it has none, whatever the header says."""
    if "chunked" not in http.get("transfer-encoding", "").lower():
        return body
    pieces: list[bytes] = []
    at = 0
    while size := _CHUNK_SIZE.match(body, at):
        length = int(size[1], 16)
        if not length:
            return b"".join(pieces)
        pieces.append(body[size.end() : size.end() + length])
        at = size.end() + length
        if at > len(body):
            raise SkipError("truncated", "a chunk of the HTTP body is cut off")
        at += 2 if body.startswith(b"\r\n", at) else int(body.startswith(b"\n", at))
    if not pieces:
        return body
    if at >= len(body):
        raise SkipError("truncated", "the HTTP body has no last chunk")
    raise SkipError("damaged", f"the HTTP body has no chunk size at byte {at}")


def _decompress(body: bytes, http: dict[str, str], limit: int) -> bytes:
    """The body without its content encodings, or a little more than `limit` bytes of it.

    Many archives hold decompressed bodies under the header of the compressed ones.
    """
    codings = http.get("content-encoding", "").lower().replace(" ", "").split(",")
    for coding in reversed(codings):
        if coding in {"gzip", "x-gzip"}:
            body = _inflate(body, limit) if body.startswith(b"\x1f\x8b") else body
        elif coding in {"deflate", "br"} and not body.lstrip().startswith(b"<"):
            body = _inflate(body, limit) if coding == "deflate" else _unbrotli(body, limit)
        elif coding not in {"", "identity", "none", "utf-8", "deflate", "br"}:
            raise SkipError("unsupported_encoding", coding)
    return body


def _inflate(body: bytes, limit: int) -> bytes:
    has_header = body[:2] and int.from_bytes(body[:2]) % 31 == 0 and body[0] & 15 == 8  # noqa: PLR2004 (RFC 1950)
    wbits = 31 if body.startswith(b"\x1f\x8b") else 15 if has_header else -15
    stream = zlib.decompressobj(wbits)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise SkipError("damaged", f"the HTTP body: {error}") from error
    if not stream.eof and len(content) <= limit:
        raise SkipError("truncated", "the compressed HTTP body is cut off")
    return content


def _unbrotli(body: bytes, limit: int) -> bytes:
    try:
        return BrotliReader(io.BytesIO(body)).read(limit + 1) if body else body
    except OSError as error:
        raise SkipError("damaged", f"the HTTP body: {error}") from error
