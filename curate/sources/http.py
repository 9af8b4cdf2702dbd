"""An HTTP response as it came over the wire → its header fields and its body."""

from __future__ import annotations

import codecs
import io
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from backports import zstd
from fastwarc.stream_io import BrotliReader

from curate.sources.headers import Fields
from curate.sources.html import SkipError

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b")
_HEADER_END = re.compile(rb"\n\r*\n")
_MAXIMUM_HEADER_BYTES = 1 << 20
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r\n]*)?\r?\n")
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_UNCODED = {"", "identity", "none", "utf-8", "binary", "8bit", "chunked"}
_WITH_VALUE = ("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after")
# What a page begins with, by https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf|\s)*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style"
    rb"|title|body|br|p|meta|link|!--|\?xml[^>]{0,200}>\s*<(?:!doctype html|html))[\s>/-]?",
    re.IGNORECASE,
)


class Response(NamedTuple):
    """An HTTP response.

    Attributes:
        status: three digits; empty when the block is no HTTP response.
        fields: of the header, names in lower case, the first of those that repeat.
        robots: the directives of all its `X-Robots-Tag` fields.
        payload: what follows the header, as it was sent.
    """

    status: str
    fields: Mapping[str, str]
    robots: str | None
    payload: bytes


def parse_response(content: bytes | bytearray, start: int = 0, stop: int | None = None) -> Response:
    """The parts of a response that lies between two offsets of the content.

    Without status where it does not begin like one, or has a header without an end or longer than
    1 MiB.
    """
    stop = len(content) if stop is None else stop
    status = _STATUS.match(content, start, stop)
    upto = min(stop, start + _MAXIMUM_HEADER_BYTES)
    end = _HEADER_END.search(content, start, upto) if status else None
    if not status or not end:
        return Response("", {}, None, bytes(memoryview(content)[start:stop]))
    fields = Fields(content[start : end.start()])
    robots = parse_robots(fields.all("x-robots-tag")) if "x-robots-tag" in fields else None
    payload = bytes(memoryview(content)[end.end() : stop])
    return Response(status[1].decode(), fields, robots, payload)


def parse_robots(values: Iterable[str]) -> str | None:
    """The directives of robots fields: lower-case, sorted, joined by commas; None without any.

    Values of directives are left out; what is said to one crawler keeps its name.

    >>> parse_robots(["NoIndex, noai", "otherbot: nofollow, max-snippet: 20"])
    'max-snippet,noai,noindex,otherbot:nofollow'
    """
    found: set[str] = set()
    for value in values:
        agent = ""
        for part in value.lower().split(","):
            name, colon, rest = (word.strip() for word in part.partition(":"))
            if colon and name not in _WITH_VALUE:
                agent, name = f"{name}:", rest
            if re.fullmatch(r"[a-z][a-z0-9_-]{1,40}", name):
                found.add(f"{'' if name in _WITH_VALUE else agent}{name}")
    return ",".join(sorted(found)) or None


def looks_like_html(body: bytes) -> bool:
    """Whether the bytes begin as those of a page do."""
    return _HTML.match(body, 0, 4096) is not None


def decode_body(payload: bytes, fields: Mapping[str, str], limit: int) -> bytes:
    """The body without chunk sizes and content encodings, or a little more than `limit` bytes of it.

    Many archives hold decoded bodies under the header of the coded ones: these stay as they are.

    Raises:
        SkipError: `truncated`, `damaged` or `unsupported_encoding`.
    """
    if "content-encoding" not in fields and "transfer-encoding" not in fields:
        return payload
    body = payload
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body = _join_chunks(payload)
    codings = ",".join((fields.get("content-encoding", ""), fields.get("transfer-encoding", "")))
    for coding in reversed(codings.lower().replace(" ", "").split(",")):
        if coding in {"gzip", "x-gzip"}:
            body = _inflate(body, limit) if body.startswith(_GZIP) else body
        elif coding in {"zstd", "x-zstd"}:
            body = _unzstd(body, limit) if body.startswith(_ZSTD) else body
        elif coding in {"deflate", "br"}:
            if not _is_text(body):
                body = _inflate(body, limit) if coding == "deflate" else _unbrotli(body, limit)
        elif coding not in _UNCODED:
            raise SkipError("unsupported_encoding", coding[:100])
    return body


def _is_text(body: bytes) -> bool:
    """Whether the bytes are text already, which brotli and deflate have no mark to tell from."""
    if body.lstrip().startswith(b"<"):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body[:4096])
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(body, 0, 4096)


def _join_chunks(body: bytes) -> bytes:
    """The body without chunk sizes; as it is when it has none, whatever the header says."""
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


def _inflate(body: bytes, limit: int) -> bytes:
    has_header = body[:2] and int.from_bytes(body[:2]) % 31 == 0 and body[0] & 15 == 8  # noqa: PLR2004 (RFC 1950)
    wbits = 31 if body.startswith(_GZIP) else 15 if has_header else -15
    return _unpack(body, limit, lambda: zlib.decompressobj(wbits), _GZIP)


def _unbrotli(body: bytes, limit: int) -> bytes:
    try:
        return bytes(BrotliReader(io.BytesIO(body)).read(limit + 1)) if body else body
    except OSError as error:
        raise SkipError("damaged", f"the HTTP body: {error}") from error


def _unzstd(body: bytes, limit: int) -> bytes:
    return _unpack(body, limit, zstd.ZstdDecompressor, b"") if body else body


def _unpack(body: bytes, limit: int, begin: Callable[[], Any], magic: bytes) -> bytes:
    """What the streams hold that follow each other, as long as the next one begins with `magic`."""
    content = bytearray()
    while True:
        stream = begin()
        try:
            content += stream.decompress(body, limit + 1 - len(content))
        except (zlib.error, zstd.ZstdError) as error:
            raise SkipError("damaged", f"the HTTP body: {error}") from error
        if not stream.eof and len(content) <= limit:
            raise SkipError("truncated", "the compressed HTTP body is cut off")
        body = stream.unused_data
        if len(content) > limit or not body or not body.startswith(magic):
            return bytes(content)
