"""The bytes of a page or plain text file → text."""

from __future__ import annotations

import re

from curate.sources.encoding import (
    BOMS,
    CERTAIN,
    Decoded,
    decode_declared,
    decode_detected,
    find_wide,
)

_META = re.compile(
    rb"""<meta[^>]{0,512}?charset\s*=\s*["']?\s*([\w:.-]{2,40})"""
    rb"""|^\s*<\?xml[^>]{0,128}?encoding\s*=\s*["']([\w:.-]{2,40})""",
    re.IGNORECASE,
)
_META_BYTES = 4096  # HTML asks for 1024; real pages put scripts first


class SkipError(Exception):
    """A page that gives no document.

    Attributes:
        reason: a short fixed name, counted in the funnel.
        detail: what was found.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def decode(body: bytes, declared: str | None = None) -> str:
    """The text of a page or plain text file; see `decode_page`."""
    return decode_page(body, declared).text


def decode_page(body: bytes, declared: str | None = None) -> Decoded:
    """The text of a page or plain text file; bytes that mean nothing become U+FFFD.

    In this order: a byte order mark; UTF-16 by its zero bytes; UTF-8 if the bytes are (nearly)
    valid UTF-8, which no other encoding's text is by chance; what HTTP, then a `<meta>` tag
    declares, if the bytes are valid and plausible in it; detection; windows-1252.

    Args:
        body: the bytes.
        declared: the charset of the HTTP header.
    """
    for mark, codec in BOMS:
        if body.startswith(mark):
            return Decoded(body[len(mark) :].decode(codec, "replace"), codec, CERTAIN)
    if b"\0" in body[:1024] and (wide := find_wide(body[:1024])):
        return Decoded(body.decode(wide, "replace"), wide, CERTAIN)
    shifts = b"\x1b$" in body  # valid ASCII that is not meant as such
    text = None if shifts else _decode_utf8(body)
    if text is not None:
        return Decoded(text, "utf-8", CERTAIN)
    meta = _META.search(body[:_META_BYTES])
    labels = (declared, (meta[1] or meta[2]).decode() if meta else None)
    for label in labels:
        found = decode_declared(body, label)
        if found is not None:
            return found
    return decode_detected(body, labels)


def _decode_utf8(body: bytes) -> str | None:
    """The text when at most one in 20 of the characters beyond ASCII is broken."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        text = body.decode(errors="replace")
        broken = text.count("\ufffd")
        beyond_ascii = len(text) - len(text.encode("ascii", "ignore")) - broken
        return text if broken * 20 <= beyond_ascii else None
