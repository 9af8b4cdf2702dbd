"""Subtitles → dialogue documents: OPUS OpenSubtitles XML, SubRip, WebVTT; plain, gzip, in a zip.

A file is known by its content. One film's file is one document, or several where it is longer
than the section allows: a line per cue or sentence, a blank line where nothing is said for
`scene_gap_seconds`. Films are read twice, to learn encoding and hash before the first document,
and never held whole.
"""

from __future__ import annotations

import html
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from curate.errors import InputError
from curate.recipe import SubtitlesSection
from curate.sources import InputFile, Sink
from curate.sources.cues import MAXIMUM_CUE_CHARACTERS, Cue, is_timing, read_cues
from curate.sources.decoding import Content, decoded, lines, survey
from curate.sources.opus import read_sentences, without_asides

_FILM = re.compile(
    r"(?:^|/)(?P<path>(?:OpenSubtitles[^/]*/(?:v?\d{4}\w?/)?)?(?:(?P<kind>xml|raw|parsed)/)?"
    r"(?P<language>[a-z]{2,3}(?:_[A-Za-z]{2,4})?)/(?P<year>\d{1,4})/(?P<film>\d{1,10})/"
    r"(?P<file>[^/]+\.xml))(?:\.gz)?$"
)
_OPUS_ROOTS = {"document", "text", "cesDoc", "letsmt"}
_FOREIGN = tuple(
    (name, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for name, pattern in (
        (
            "SubStation Alpha (ASS or SSA)",
            r"^\s*\[(?:Script Info|V4\+? Styles|Events)\]|^Dialogue:",
        ),
        ("Scenarist closed captions (SCC)", r"\A\s*Scenarist_SCC"),
        ("EBU STL", r"\A\d{3}STL\d\d\.\d\d"),
        ("MicroDVD (SUB)", r"^\{-?\d+\}\{-?\d*\}"),
        ("MPL2", r"^\[\d+\]\[\d*\]"),
        ("Spruce STL", r"^\s*\d\d:\d\d:\d\d[:;.]\d\d\s*,\s*\d\d:\d\d:\d\d[:;.]\d\d\s*,"),
        ("SubViewer (SUB or SBV)", r"^\d+:\d\d:\d\d\.\d+,\d+:\d\d:\d\d\.\d+|^\[INFORMATION\]"),
        ("TMPlayer", r"^\d\d?:\d\d:\d\d[:=]\S"),
    )
)
_FIRST_TAG = re.compile(r"\s*<([A-Za-z_][\w.:-]*)")
_OPUS_SENTENCE = re.compile(r"<s\s[^<>]*\bid=")
_WEBVTT = re.compile(r"WEBVTT(?!\S)")
_TITLE = re.compile(r"<meta>(?:(?!</?meta>).)*?<title>([^<]*)</title>", re.DOTALL)
_XML_KINDS = {
    "tt": "TTML",
    "sami": "SAMI",
    "cesalign": "OPUS sentence alignments",
    "transcript": "YouTube captions in XML",
    "html": "HTML",
}


class _UnreadableError(Exception):
    """A file or member that is no film: a reason for the skip, and what it is."""

    def __init__(self, reason: str, came: str) -> None:
        super().__init__(reason, came)
        self.reason, self.came = reason, came


def read(stream: BinaryIO, file: InputFile, section: SubtitlesSection, sink: Sink) -> None:
    """Read the films of one input into the sink.

    Skips: `damaged` (once per film: what could be read is kept), `empty` (no dialogue),
    `not_subtitles` (a zip's member of another kind). Counts: `files`, `cues` or `sentences`,
    `cues_damaged`, `files_cut_short`, `blocks_left_out` (WebVTT's notes, styles, regions),
    `decoded_<encoding>`.

    Args:
        stream: binary and seekable, at byte 0.
        file: what is being read.
        section: the recipe's section of this source.
        sink: takes documents, skips and counts.

    Raises:
        InputError: the input is empty, damaged from its first byte, or of another format.
    """
    signature = stream.read(4)
    try:
        if signature in (b"PK\x03\x04", b"PK\x05\x06"):
            _read_archive(stream, section, sink)
        else:
            _read_film(stream, file.label, "", section, sink)
    except _UnreadableError as error:
        raise InputError(
            "an input of kind 'subtitles' is OPUS XML, SubRip (SRT), WebVTT or a zip of them",
            error.came,
            file.name,
            "convert it to SRT, or take it out of `inputs`",
        ) from error


def label_of(name: str) -> str:
    """The part of a file's name that the corpus defines, else its base name.

    >>> label_of("/data/OpenSubtitles/xml/en/2001/209475/54828.xml.gz")
    'OpenSubtitles/xml/en/2001/209475/54828.xml'
    >>> label_of("films/alien.srt")
    'alien.srt'
    """
    path = name.replace("\\", "/")
    film = _FILM.search(path)
    return film["path"] if film else path.rstrip("/").rpartition("/")[2]


def _read_archive(stream: BinaryIO, section: SubtitlesSection, sink: Sink) -> None:
    try:
        archive = zipfile.ZipFile(stream)
        members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, struct.error, EOFError, OSError, ValueError) as error:
        raise _UnreadableError("damaged", f"it is a damaged zip: {error}") from error
    if not members:
        raise _UnreadableError("empty", "it is an empty zip")
    for member in members:
        name = member.filename
        try:
            with _open(archive, member) as film:
                _read_film(film, label_of(name), f"{name}: ", section, sink)
        except _UnreadableError as error:
            sink.skip(error.reason, detail=f"{name}: {error.came}")


def _open(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    if member.flag_bits & 1:
        raise _UnreadableError("damaged", "it is locked with a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _UnreadableError("damaged", "it is neither stored nor deflated")
    try:
        return cast("BinaryIO", archive.open(member))
    except (zipfile.BadZipFile, struct.error, EOFError, OSError, ValueError) as error:
        raise _UnreadableError("damaged", str(error)) from error


def _read_film(
    stream: BinaryIO, label: str, where: str, section: SubtitlesSection, sink: Sink
) -> None:
    """Read one film; `where` begins the details of its skips."""
    content = survey(stream)
    root = _root(content)
    film = _FILM.search(label)
    sink.count("files")
    sink.count(f"decoded_{content.encoding.replace('cp125', 'windows-125')}")
    if content.broken:
        sink.skip("damaged", offset=content.size, detail=f"{where}{content.broken}")
    if content.invalid is not None:
        sink.skip("damaged", offset=content.invalid, detail=f"{where}bytes that are not UTF-8")
    first: dict[str, int] = {}

    def note(what: str, line: int) -> None:
        sink.count(what)
        first.setdefault(what, line)

    text = decoded(stream, content.encoding)
    if root:
        cues = read_sentences(text, root=root, language=film["language"] if film else "", note=note)
    else:
        webvtt = _WEBVTT.match(content.head.lstrip()) is not None
        cues = read_cues(lines(text, MAXIMUM_CUE_CHARACTERS), webvtt=webvtt, note=note)
    identity, part = _identity(film) if film else content.sha256, 0
    spoken = _count(cues, "sentences" if root else "cues", sink)
    documents = _join(_scenes(spoken, section), section.maximum_document_characters)
    for part, dialogue in enumerate(documents, 1):
        sink.document(
            identity=identity if part == 1 else f"{identity}#{part}",
            source_id=label,
            text=dialogue,
            date=film["year"] if film and len(film["year"]) == len("2001") else None,
            title=_title(content) if root else None,
            work=f"imdb:{int(film['film'])}" if film and int(film["film"]) else None,
        )
    for what in ("cues_damaged", "files_cut_short"):
        if what in first:
            sink.skip("damaged", detail=f"{where}{what}, first before line {first[what] + 1}")
    if not part:
        sink.skip("empty", detail=f"{where}no dialogue")


def _root(content: Content) -> str:
    """The root element of OPUS XML; empty for SubRip and WebVTT.

    Raises:
        _UnreadableError: the file is none of these.
    """
    head = content.head.lstrip()
    if not head:
        if content.broken:
            raise _UnreadableError(
                "damaged", f"it is damaged from its first byte: {content.broken}"
            )
        raise _UnreadableError("empty", "it is empty")
    name = _FIRST_TAG.match(without_asides(head)) if head.startswith("<") else None
    root = name[1] if name else ""
    if root in _OPUS_ROOTS or (root and _OPUS_SENTENCE.search(head)):
        return root
    kind = _XML_KINDS.get(root.rpartition(":")[2].lower(), "")
    if kind or (root and head.startswith("<?xml")):
        raise _UnreadableError("not_subtitles", f"it is {kind or f'XML of another kind, <{root}>'}")
    if _WEBVTT.match(head) or any(map(is_timing, head.splitlines())):
        return ""
    for kind, pattern in _FOREIGN:
        if pattern.search(head):
            raise _UnreadableError("not_subtitles", f"it is {kind}")
    raise _UnreadableError("not_subtitles", "it is none of them")


def _identity(film: re.Match[str]) -> str:
    """An OPUS path as it is wherever the corpus lies: `xml/en/2001/209475/54828.xml`."""
    return "/".join([film["kind"] or "xml", *film.group("language", "year", "film", "file")])


def _title(content: Content) -> str | None:
    """The title that the XML's <meta> gives, at its beginning or its end."""
    found = _TITLE.search(content.head) or _TITLE.search(content.tail)
    return " ".join(html.unescape(found[1]).split()) or None if found else None


def _count(cues: Iterable[Cue], unit: str, sink: Sink) -> Iterator[Cue]:
    """The cues that hold dialogue, counted."""
    for cue in cues:
        if cue[2]:
            sink.count(unit)
            yield cue


def _scenes(cues: Iterable[Cue], section: SubtitlesSection) -> Iterator[str]:
    """Lines of dialogue, parted where nothing is said for `scene_gap_seconds`.

    They are also parted where times jump back as much (a second disc), and where a scene would
    outgrow `maximum_document_characters`; a cue that is longer stays whole.
    """
    scene: list[str] = []
    length = 0  # with the line ends
    begin = end = None
    for start, stop, line in cues:
        gap = 0.0
        if start is not None and begin is not None and end is not None:
            gap = max(start - end, begin - start)
        too_long = length + len(line) > section.maximum_document_characters
        if scene and (gap >= section.scene_gap_seconds or too_long):
            yield "\n".join(scene)
            scene, length = [], 0
        scene.append(line)
        length += len(line) + 1
        begin = begin if start is None else start
        end = end if stop is None else max(stop, start or stop)
    if scene:
        yield "\n".join(scene)


def _join(scenes: Iterable[str], maximum_characters: int) -> Iterator[str]:
    """Documents of as many scenes as fit, with blank lines between them."""
    document: list[str] = []
    length = 0
    for scene in scenes:
        if document and length + len(scene) > maximum_characters:
            yield "\n\n".join(document)
            document, length = [], 0
        document.append(scene)
        length += len(scene) + len("\n\n")
    if document:
        yield "\n\n".join(document)
