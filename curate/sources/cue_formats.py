"""Which format of subtitles a file is, by how it begins."""

from __future__ import annotations

import re
from typing import NamedTuple

from curate.sources.broadcast import is_ebu_stl, read_scc
from curate.sources.cue_lines import (
    read_microdvd,
    read_mpl2,
    read_spruce,
    read_substation,
    read_subviewer,
    read_tmplayer,
)
from curate.sources.cue_tags import read_sami, read_ttml, read_youtube
from curate.sources.cues import Reader, is_timing, read_subrip, read_webvtt
from curate.sources.decoding import Content
from curate.sources.opus import without_asides

_OPUS_ROOTS = {"document", "text", "cesDoc", "letsmt"}
_FIRST_TAG = re.compile(r"\s*<([A-Za-z_][\w.:-]*)")
_OPUS_SENTENCE = re.compile(r"<s\s[^<>]*\bid=")
_WEBVTT = re.compile(r"WEBVTT(?!\S)|(?i:web)?(?i:vtt)[ \t]*\n")  # the standard's, misspelt
_XML_READERS: dict[str, tuple[str, Reader]] = {
    "tt": ("ttml", read_ttml),
    "sami": ("sami", read_sami),
    "transcript": ("youtube", read_youtube),
    "timedtext": ("youtube", read_youtube),
}
_XML_KINDS = {"cesalign": "OPUS sentence alignments (see [[parallel]])", "html": "HTML"}
_TEXT_READERS: tuple[tuple[str, str, Reader], ...] = (
    ("substation", r"^\s*\[(?:Script Info|V4\+* Styles|Events)\]|^Dialogue:\s", read_substation),
    ("scc", r"\A\s*Scenarist_SCC", read_scc),
    ("microdvd", r"^\s*\{-?\d+\}\{-?\d*\}", read_microdvd),
    ("mpl2", r"^\s*\[\d+\]\[\d*\]", read_mpl2),
    ("spruce", r"^\s*\d\d:\d\d:\d\d[:;.]\d\d\s*,\s*\d\d:\d\d:\d\d[:;.]\d\d\s*,", read_spruce),
    ("subviewer", r"^\s*\d+:\d\d:\d\d[.:]\d+\s*,\s*\d+:\d\d:\d\d[.:]\d+\s*$", read_subviewer),
    ("tmplayer", r"^\s*\d\d?:\d\d:\d\d(?:[:=]|,\d=)\S", read_tmplayer),
)
_KINDS = tuple(
    (name, re.compile(pattern, re.MULTILINE), reader) for name, pattern, reader in _TEXT_READERS
)
BEGINNING_CHARACTERS = 2000


class UnreadableError(Exception):
    """A file or member that is no film: a reason for the skip, and what it is."""

    def __init__(self, reason: str, came: str) -> None:
        super().__init__(reason, came)
        self.reason, self.came = reason, came


class Format(NamedTuple):
    """What a file is.

    Attributes:
        name: of the format.
        reader: of its text; None for OPUS XML, and for EBU STL, which is no text.
        root: of OPUS XML: the root element.
    """

    name: str
    reader: Reader | None = None
    root: str = ""


def recognise(content: Content) -> Format:
    """The format of a file, by how it begins.

    Raises:
        UnreadableError: it is no film.
    """
    if content.data is not None and is_ebu_stl(content.data[:16]):
        return Format("ebu_stl")
    head = content.head.lstrip()
    if not head:
        if content.broken:
            raise UnreadableError("damaged", f"it is damaged from its first byte: {content.broken}")
        raise UnreadableError("empty", "it is empty")
    found = (_recognise_xml(head) if head.startswith("<") else None) or _recognise_text(head)
    if found is None:
        raise UnreadableError("not_subtitles", "it is none of them")
    return found


def _recognise_xml(head: str) -> Format | None:
    """The format of what begins with a tag; None where it is none of XML.

    Raises:
        UnreadableError: it is XML of another kind.
    """
    name = _FIRST_TAG.match(without_asides(head))
    root = name[1] if name else ""
    if root in _OPUS_ROOTS or (root and _OPUS_SENTENCE.search(head)):
        return Format("opus", None, root)
    plain = root.rpartition(":")[2].lower()
    if plain in _XML_READERS:
        return Format(*_XML_READERS[plain])
    kind = _XML_KINDS.get(plain, "")
    if kind or (root and head.startswith("<?xml")):
        raise UnreadableError("not_subtitles", f"it is {kind or f'XML of another kind, <{root}>'}")
    return None


def _recognise_text(head: str) -> Format | None:
    if _WEBVTT.match(head):
        return Format("webvtt", read_webvtt)
    for beginning in (head[:BEGINNING_CHARACTERS], head):  # most tell soon
        if any(map(is_timing, beginning.split("\n"))):
            return Format("subrip", read_subrip)
        for kind, pattern, reader in _KINDS:
            if pattern.search(beginning):
                return Format(kind, reader)
    return None
