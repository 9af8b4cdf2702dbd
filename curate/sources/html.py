"""HTML bytes → title and main text."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from curate.errors import ComponentError
from curate.sources.encoding import (
    BOMS,
    CERTAIN,
    Decoded,
    decode_declared,
    decode_detected,
    find_wide,
)

# Chrome cuts off at 512. Extraction takes time with the square of the depth (200 s at 100,000),
# and open formatting elements take memory with it (3 GB at 4,000).
MAXIMUM_DEPTH = 1_000

_META = re.compile(
    rb"""<meta[^>]{0,512}?charset\s*=\s*["']?\s*([\w:.-]{2,40})"""
    rb"""|^\s*<\?xml[^>]{0,128}?encoding\s*=\s*["']([\w:.-]{2,40})""",
    re.IGNORECASE,
)
_META_BYTES = 4096  # HTML asks for 1024; real pages put scripts first
_TAG = re.compile(r"<([/a-zA-Z])")
# Not of the elements that never stay open, nor of those whose end tag is commonly left out.
_NESTING_TAG = re.compile(
    r"<(?!/?(?:area|base|body|br|col|colgroup|dd|dt|embed|head|hr|html|img|input|li|link|meta"
    r"|option|p|param|rp|rt|source|tbody|td|tfoot|th|thead|tr|track|wbr)[\s/>])([/a-z])",
    re.IGNORECASE | re.ASCII,
)


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


def extract(html: str) -> tuple[str | None, str]:
    """The title and the main text of a page; either may be empty.

    Raises:
        SkipError: `too_deep` or `extraction_failed`.
    """
    if (
        html.count("<") - html.count("</") > MAXIMUM_DEPTH
        and _depth(html, _TAG) > MAXIMUM_DEPTH
        and _depth(html, _NESTING_TAG) > MAXIMUM_DEPTH
    ):
        raise SkipError("too_deep", f"more than {MAXIMUM_DEPTH} elements are open at once")
    try:
        tree = HTMLTree.parse(html)
        text = extract_plain_text(
            tree, preserve_formatting=True, main_content=True, alt_texts=False, comments=False
        )
        title = tree.title
    except Exception as error:  # native code: whatever it raises is this page's fault, recorded
        raise SkipError("extraction_failed", f"{type(error).__name__}: {error}") from error
    return " ".join((title or "").split()) or None, text.strip()


def _depth(html: str, tag: re.Pattern[str]) -> int:
    """How many elements are open at once, at most, when every end tag closes one."""
    tags = np.frombuffer("".join(tag.findall(html)).encode(), np.uint8)
    opened = np.cumsum(np.where(tags == ord("/"), -1, 1))
    closed_before_opened = np.minimum.accumulate(np.minimum(opened, 0))
    return int((opened - closed_before_opened).max(initial=0))


@cache
def check_extractor() -> None:
    """Extract a known page once in each process.

    Raises:
        ComponentError: the extractor does not give its text.
    """
    words = "The river rose slowly through the night, and nobody in the village slept. " * 3
    page = f"<html><head><title>River</title></head><body><p>{words}</p></body></html>"
    try:
        found = extract(page)
    except SkipError as error:
        found = (None, error.detail)
    if found != ("River", words.strip()):
        raise ComponentError(
            "Resiliparse extracts the text of a page",
            f"it gave {str(found)[:200]}",
            change="install the pinned version of resiliparse",
        )
