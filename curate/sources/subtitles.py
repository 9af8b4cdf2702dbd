"""Subtitles → dialogue documents: OPUS XML, SubRip, WebVTT, SubStation Alpha, TTML and others.

A file is known by its content, plain, packed by gzip or in a zip. One film's file is one document,
or several where it is longer than the section allows: a line per utterance or sentence, a blank
line where nothing is said for `scene_gap_seconds`. Films of up to 4 MB are held whole, larger ones
are read twice.
"""

from __future__ import annotations

import dataclasses
import html
import math
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import numpy as np

from curate.errors import InputError
from curate.languages import canonical
from curate.recipe import SubtitlesSection
from curate.sources import InputFile, Sink
from curate.sources.broadcast import code_table, read_ebu_stl
from curate.sources.cue_formats import Format, UnreadableError, recognise
from curate.sources.cues import BREAK, Cues, Note, plain_text
from curate.sources.decoding import ZIP_ERRORS, Content, decoded, survey
from curate.sources.dialogue import join_sentences, make_dialogue
from curate.sources.opus import read_sentences

_FILM = re.compile(
    r"(?:^|/)(?P<path>(?:OpenSubtitles[^/]*/(?:v?\d{4}\w?/)?)?(?:(?P<kind>xml|raw|parsed)/)?"
    r"(?P<language>[a-z]{2,3}(?:_[A-Za-z]{2,4})?)/(?P<year>\d{1,4})/(?P<film>\d{1,10})/"
    r"(?P<file>[^/]+\.xml))(?:\.gz)?$"
)
_LANGUAGE = re.compile(r"[._-]([a-z]{2})(?:[_-][A-Za-z]{2,4})?\.\w{2,5}(?:\.gz)?$")
_TITLE = re.compile(r"<meta>(?:(?!</?meta>).)*?<title>([^<]*)</title>", re.DOTALL)
UNSURE = 0.3  # an encoding's score, from here down it is counted


def read(stream: BinaryIO, file: InputFile, section: SubtitlesSection, sink: Sink) -> None:
    """Read the films of one input into the sink.

    Skips: `damaged` (once per film: what could be read is kept), `empty` (no dialogue),
    `not_subtitles` (a zip's member of another kind), `other_language` (of a SAMI file that holds
    several). Counts: `files`, `format_<name>`, `decoded_<encoding>`, `encodings_unsure`, `cues` or
    `sentences`, `cues_damaged`, `files_cut_short`, `blocks_left_out` (WebVTT's notes, styles,
    regions), and what cleaning changed: `advertisements_removed`, `sounds_removed`,
    `speakers_removed`, `lyrics_removed`, `lyric_marks_removed`, `ocr_repaired` (each in
    occurrences), `cues_emptied`, `sentences_joined`.

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
    except UnreadableError as error:
        raise InputError(
            "an input of kind 'subtitles' is subtitles (OPUS XML, SRT, WebVTT, ASS, SUB, TTML …) or a zip of them",
            error.came,
            file.name,
            "take it out of `inputs`",
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
    except ZIP_ERRORS as error:
        raise UnreadableError("damaged", f"it is a damaged zip: {error}") from error
    if not members:
        raise UnreadableError("empty", "it is an empty zip")
    for member in members:
        name = member.filename
        try:
            with _open(archive, member) as film:
                _read_film(film, label_of(name), f"{name}: ", section, sink)
        except UnreadableError as error:
            sink.skip(error.reason, detail=f"{name}: {error.came}")


def _open(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    if member.flag_bits & 1:
        raise UnreadableError("damaged", "it is locked with a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnreadableError("damaged", "it is neither stored nor deflated")
    try:
        return cast("BinaryIO", archive.open(member))
    except ZIP_ERRORS as error:
        raise UnreadableError("damaged", str(error)) from error


def _read_film(
    stream: BinaryIO, label: str, where: str, section: SubtitlesSection, sink: Sink
) -> None:
    """Read one film; `where` begins the details of its skips."""
    film = _FILM.search(label)
    language = section.language or language_of(label)
    content, kind = open_film(stream, language)
    _count_content(content, kind, where, sink)
    first: dict[str, int] = {}

    def note(what: str, line: int) -> None:
        sink.count(what)
        first.setdefault(what, line)

    cues = cues_of(stream, content, kind, language, note)
    is_opus = kind.name == "opus"
    scenes = _scenes(cues, "sentences" if is_opus else "cues", language, section, sink)
    identity, part = _identity(film) if film else content.sha256, 0
    documents = _join(scenes, section.maximum_document_characters)
    for part, dialogue in enumerate(documents, 1):
        sink.document(
            identity=identity if part == 1 else f"{identity}#{part}",
            source_id=label,
            text=dialogue,
            date=film["year"] if film and len(film["year"]) == len("2001") else None,
            title=_title(content) if is_opus else None,
            work=work_of(label),
            declared_language=language or None,
            encoding=content.encoding,
            encoding_score=content.score,
        )
    _report(first, where, sink)
    if not part:
        sink.skip("empty", detail=f"{where}no dialogue")


def open_film(stream: BinaryIO, language: str = "") -> tuple[Content, Format]:
    """What a file holds, and its format.

    Raises:
        UnreadableError: it is no film.
    """
    content = survey(stream, language)
    kind = recognise(content)
    if kind.name == "ebu_stl":  # its header says what its bytes are
        table = code_table(content.data or b"")
        content = dataclasses.replace(content, encoding=table, score=1.0, invalid=None)
    return content, kind


def cues_of(
    stream: BinaryIO, content: Content, kind: Format, language: str, note: Note
) -> Iterator[Cues]:
    """The cues (of OPUS XML: the sentences) of a film, as its file has them.

    Args:
        stream: the film.
        content: what `open_film` gave.
        kind: likewise.
        language: as the OPUS path spells it; empty where unknown.
        note: takes what was found damaged, and its line.
    """
    if kind.name == "opus":
        return read_sentences(
            decoded(stream, content), root=kind.root, language=language, note=note
        )
    if kind.reader is None:
        return read_ebu_stl(content.data or b"", note)
    return kind.reader(decoded(stream, content), note)


def _count_content(content: Content, kind: Format, where: str, sink: Sink) -> None:
    sink.count("files")
    sink.count(f"format_{kind.name}")
    sink.count(f"decoded_{content.encoding.replace('cp125', 'windows-125')}")
    if content.score <= UNSURE:
        sink.count("encodings_unsure")
    if content.broken:
        sink.skip("damaged", offset=content.size, detail=f"{where}{content.broken}")
    if content.invalid is not None:
        sink.skip("damaged", offset=content.invalid, detail=f"{where}bytes that are not UTF-8")


def _report(first: dict[str, int], where: str, sink: Sink) -> None:
    """Skip what was noted, by the line where it was noted first."""
    for what in ("cues_damaged", "files_cut_short"):
        if what in first:
            at = f", first before line {first[what] + 1}" if first[what] else ""
            sink.skip("damaged", detail=f"{where}{what}{at}")
    if "other_languages" in first:
        sink.skip("other_language", detail=f"{where}cues in another language than most")


def work_of(label: str) -> str | None:
    """The film that an OPUS path names, whatever its language and upload.

    >>> work_of("OpenSubtitles/xml/en/2001/0209475/54828.xml")
    'imdb:209475'
    """
    film = _FILM.search(label)
    return f"imdb:{int(film['film'])}" if film and int(film["film"]) else None


def language_of(label: str) -> str:
    """ISO 639-1 (with `_br` for Brazil) of an OPUS path or of `film.en.srt`; empty for none.

    >>> language_of("OpenSubtitles/xml/pt_br/1999/133093/7.xml"), language_of("alien.de.srt")
    ('pt_br', 'de')
    """
    if film := _FILM.search(label):
        return film["language"]
    named = _LANGUAGE.search(label)
    return named[1] if named and canonical(named[1]) else ""


def _identity(film: re.Match[str]) -> str:
    """An OPUS path as it is wherever the corpus lies: `xml/en/2001/209475/54828.xml`."""
    return "/".join([film["kind"] or "xml", *film.group("language", "year", "film", "file")])


def _title(content: Content) -> str | None:
    """The title that the XML's <meta> gives, at its beginning or its end."""
    found = _TITLE.search(content.head) or _TITLE.search(content.tail_text())
    return " ".join(html.unescape(found[1]).split()) or None if found else None


def _empty(text: str) -> int:
    """How many empty cues are in a text with `BREAK` between them."""
    if text and BREAK * 2 not in text and text[0] != BREAK != text[-1]:
        return 0
    return text.split(BREAK).count("")


def _scenes(
    cues: Iterable[Cues], unit: str, language: str, section: SubtitlesSection, sink: Sink
) -> Iterator[str]:
    """Lines of dialogue, cleaned and counted, parted where nothing is said for `scene_gap_seconds`.

    They are also parted where times jump back as much (a second disc), and where a scene would
    outgrow `maximum_document_characters`; a line that is longer stays whole.
    """
    from curate.sources import cue_scan

    joins = section.join_sentences and unit == "cues"  # sentences are whole
    rest = ""  # a scene that may go on
    begin = end = math.nan
    for starts, ends, written in cues:
        if not starts:
            continue
        plain = plain_text(written)
        number = len(starts) - _empty(plain)
        sink.count(unit, number)
        spoken = cue_scan.codes_of(make_dialogue(plain, section, language, sink.count))
        out = np.empty(len(spoken) + 1, np.uint32)
        times = np.array(starts, np.float64), np.array(ends, np.float64)
        length, kept, begin, end = cue_scan.scenes(
            spoken, out, *times, begin, end, section.scene_gap_seconds
        )
        if kept < number:
            sink.count("cues_emptied", number - kept)
        if not kept:
            continue
        text = cue_scan.text_of(out[:length])
        if rest:
            text = f"{rest}{text}" if text[0] == BREAK else f"{rest}\n{text}"
        if joins:
            text = join_sentences(text, sink.count)
        *ended, last = text.split(BREAK)
        for scene in filter(None, ended):
            yield from _pieces(scene, section.maximum_document_characters)
        *whole, rest = _pieces(last, section.maximum_document_characters)
        yield from whole
    if rest:
        yield rest


def _pieces(scene: str, maximum_characters: int) -> list[str]:
    """A scene in pieces of whole lines; one piece where it is short enough."""
    if len(scene) <= maximum_characters:
        return [scene]
    pieces = [""]
    for line in scene.split("\n"):
        if pieces[-1] and len(pieces[-1]) + 1 + len(line) > maximum_characters:
            pieces.append(line)
        else:
            pieces[-1] = f"{pieces[-1]}\n{line}" if pieces[-1] else line
    return pieces


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
