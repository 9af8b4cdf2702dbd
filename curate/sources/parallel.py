"""Parallel text: pairs of sentences that say the same in two languages.

They come of OPUS sentence alignments (cesAlign) and the XML documents that those link, of Moses
pairs (two files of as many lines, or OPUS' zip of them), and of subtitle files of one film in two
languages, by the time in which they are shown (Tiedemann 2007, "Improved sentence alignment for
movie subtitles").
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from itertools import combinations, permutations, zip_longest
from typing import Any, BinaryIO, NamedTuple, Self, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.errors import InputError
from curate.recipe import ParallelSection, SubtitlesSection
from curate.schema import PARALLEL, SKIPPED
from curate.sources import InputFile
from curate.sources.cue_formats import UnreadableError
from curate.sources.cues import BREAK, after, cut, plain_text
from curate.sources.decoding import UNPACKING_ERRORS, ZIP_ERRORS, decoded, survey
from curate.sources.dialogue import make_dialogue
from curate.sources.opus import read_named_sentences
from curate.sources.subtitles import cues_of, language_of, open_film, work_of

Open = Callable[[InputFile], AbstractContextManager[BinaryIO]]
TICKS = 10  # of a second, in which films are compared
MAXIMUM_SECONDS = 20_000.0  # of a film
MAXIMUM_OFFSET_SECONDS = 120.0
SCALES = (1.0, *(a / b for a, b in permutations((24000 / 1001, 24.0, 25.0), 2)))
LEAST_GAIN = 1.05
BLOCK_PAIRS = 200_000  # held at once
SMALLER_IS_BETTER = 0.85  # of the greatest overlap is enough for a smaller group
LEAST_OVERLAP = 0.2  # of cues that are paired by time
_GROUP = re.compile(r"<(?:linkGrp|cesAlign)\b([^<>]*)>")
_LINK = re.compile(r"<(linkGrp|cesAlign|link)\b([^<>]*)>")
_ATTRIBUTE = re.compile(r"""([A-Za-z]+)\s*=\s*["']([^"'<>]*)["']""")
_MOSES = re.compile(
    r"(?:^|/)(?P<corpus>[^/]+)\.(?!gz$)(?P<language>[a-z]{2,3}(?:_[A-Za-z]{2,4})?)(?:\.gz)?$"
)
_NAMED = re.compile(
    r"^(?P<film>.*?)[._-](?P<language>[a-z]{2})(?:[_-][A-Za-z]{2,4})?\.\w{2,5}(?:\.gz)?$"
)
_NO_PAIR = re.compile(r"(?:^|/)(?:README|LICENSE)[^/]*$|\.(?:ids|scores|xml)$")
_BEADS = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
_FILM = SubtitlesSection(kind="subtitles", inputs=("",))


@dataclass
class PairSink:
    """Collects pairs and skips as columns.

    Attributes:
        kind: of the section.
        input: identity of the file that is being read.
        minimum_overlap: pairs with an overlap below it are counted, not kept.
        counts: of pairs, and of what was left out.
        on_full: takes the pairs collected so far whenever there are `BLOCK_PAIRS`.
    """

    kind: str
    input: str
    minimum_overlap: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    on_full: Callable[[pl.DataFrame], None] | None = None
    _pairs: list[tuple[Any, ...]] = field(default_factory=list)
    _skipped: list[tuple[Any, ...]] = field(default_factory=list)

    def count(self, name: str, number: int = 1) -> None:
        """Count something seen."""
        self.counts[name] = self.counts.get(name, 0) + number

    def skip(self, reason: str, detail: str) -> None:
        """Record something that gave no pair."""
        self._skipped.append((self.input, None, None, reason, detail))
        self.count(f"skipped_{reason}")

    def pair(
        self,
        sides: Sequence[Side],
        place: int,
        *,
        work: str | None = None,
        overlap: float | None = None,
        certainty: float | None = None,
    ) -> None:
        """Add a pair of two sides; `place` tells it from the others of its documents."""
        if overlap is not None and overlap < self.minimum_overlap:
            self.count("below_minimum_overlap")
            return
        one, other = sides
        facts = [self.kind, one.source_id, other.source_id, str(place), one.text, other.text]
        name = hashlib.blake2b("\0".join(facts).encode("utf-8", "replace"), digest_size=16)
        row = (name.hexdigest(), self.kind, work, *one, *other, overlap, certainty, self.input)
        self._pairs.append(row)
        self.count("pairs")
        if self.on_full is not None and len(self._pairs) >= BLOCK_PAIRS:
            self.on_full(self.take_pairs())

    def take_pairs(self) -> pl.DataFrame:
        """The pairs since the last call, in order."""
        frame = pl.DataFrame(self._pairs, schema=PARALLEL, orient="row")
        self._pairs = []
        return frame

    def take_skipped(self) -> pl.DataFrame:
        """The skips since the last call, in order."""
        frame = pl.DataFrame(self._skipped, schema=SKIPPED, orient="row")
        self._skipped = []
        return frame


class Side(NamedTuple):
    """One side of a pair: its language, its document, which of its sentences, and their text."""

    language: str
    source_id: str
    sentences: str
    text: str


def read_pairs(
    files: Sequence[InputFile],
    section: ParallelSection,
    open_: Open,
    sink: PairSink,
    documents: Sequence[InputFile] = (),
) -> None:
    """Read the pairs of some files into the sink.

    Skips: `damaged`, `missing` (a document or a sentence that an alignment names), `not_parallel`
    (a file without a partner). Counts: `pairs`, `empty` (a side says nothing),
    `below_minimum_overlap`.

    Args:
        files: an alignment file; the two files of a Moses pair, or a zip; the files of one film.
        section: the recipe's section.
        open_: opens a file, binary and seekable.
        sink: takes pairs, skips and counts.
        documents: in which the documents of alignments are looked up: XML files, and zips.

    Raises:
        InputError: a file cannot be read at all.
    """
    if section.kind == "alignments":
        with _Documents(documents, open_) as library, open_(files[0]) as stream:
            _read_alignments(stream, library, sink)
    elif section.kind == "moses":
        _read_moses(files, open_, sink)
    else:
        _read_films(files, open_, sink)


# --- OPUS sentence alignments


class _Documents:
    """The XML documents of a corpus by the end of their path."""

    def __init__(self, files: Sequence[InputFile], open_: Open) -> None:
        self._open = open_
        self._places: dict[str, list[tuple[InputFile, str]]] = {}
        self._archives: dict[str, zipfile.ZipFile] = {}
        self._read: dict[str, dict[str, str]] = {}
        self._stack = ExitStack()
        for file in files:
            self._add(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _add(self, file: InputFile) -> None:
        names = [file.name]
        if file.name.endswith(".zip"):
            try:
                stream = self._stack.enter_context(self._open(file))
                archive = self._stack.enter_context(zipfile.ZipFile(stream))
                names = archive.namelist()
            except ZIP_ERRORS as error:
                raise InputError("a zip of documents can be read", str(error), file.name) from error
            self._archives[file.uri] = archive
        for name in names:
            parts = name.replace("\\", "/").removesuffix(".gz").split("/")
            for begin in range(max(0, len(parts) - 6), len(parts) - 1):
                self._places.setdefault("/".join(parts[begin:]), []).append((file, name))

    def sentences(self, path: str, sink: PairSink) -> dict[str, str] | None:
        """The sentences of a document by their id; None (and a skip) where there is none."""
        if path in self._read:
            return self._read[path]
        parts = path.removesuffix(".gz").split("/")
        ends = ("/".join(parts[begin:]) for begin in range(len(parts) - 1))
        places = next((known for end in ends if (known := self._places.get(end))), None)
        if places is None:
            sink.skip("missing", f"{path}: there is no such document")
            return None
        file, name = places[0]
        try:
            archive = self._archives.get(file.uri)
            opened = archive.open(name) if archive else self._open(file)
            with cast("BinaryIO", opened) as stream:
                content = survey(stream)
                noted: list[str] = []
                found = dict(
                    read_named_sentences(
                        decoded(stream, content),
                        language=document_language(path),
                        note=lambda what, _line: noted.append(what),
                    )
                )
        except (*ZIP_ERRORS, *UNPACKING_ERRORS) as error:
            sink.skip("damaged", f"{path}: {error}")
            return None
        if content.broken or noted:
            sink.skip("damaged", f"{path}: {content.broken or noted[0]}")
        while len(self._read) > 3:  # noqa: PLR2004  # the two that are linked, and two before
            del self._read[next(iter(self._read))]
        self._read[path] = found
        return found


def document_language(path: str) -> str:
    """The language that a path in an OPUS corpus begins with, as it spells it.

    >>> document_language("OpenSubtitles/xml/pt_br/1999/133093/7.xml.gz"), document_language("de/a.xml")
    ('pt_br', 'de')
    """
    known = language_of(path.removesuffix(".gz"))
    if known:
        return known
    parts = [part for part in path.split("/")[:-1] if part not in {"xml", "raw", "parsed"}]
    named = [part for part in parts if re.fullmatch(r"[a-z]{2,3}(?:_[A-Za-z]{2,4})?", part)]
    return named[0] if named else ""


def _read_alignments(stream: BinaryIO, documents: _Documents, sink: PairSink) -> None:
    content = survey(stream)
    if not _GROUP.search(content.head):
        raise InputError("an alignment file is cesAlign XML", "it is not", sink.input)
    if content.broken:
        sink.skip("damaged", content.broken)
    paths = ["", ""]
    texts: list[dict[str, str] | None] = [None, None]
    place = 0
    for chunk in cut(decoded(stream, content), lambda text: after(text, "/>", "</linkGrp>")):
        for element, attributes in _LINK.findall(chunk):
            found = dict(_ATTRIBUTE.findall(attributes))
            if element != "link":
                new = [found.get("fromDoc", paths[0]), found.get("toDoc", paths[1])]
                if new != paths:
                    paths, place = new, 0
                    texts = [documents.sentences(path, sink) if path else None for path in paths]
                continue
            place += 1
            if texts[0] is None or texts[1] is None:
                sink.count("links_without_documents")
                continue
            _link(found, paths, cast("list[dict[str, str]]", texts), place, sink)


def _link(
    attributes: dict[str, str],
    paths: list[str],
    texts: list[dict[str, str]],
    place: int,
    sink: PairSink,
) -> None:
    """Add the pair of one link, unless a side is empty."""
    one, _, other = attributes.get("xtargets", "").partition(";")
    sides = []
    for path, sentences, ids in zip(paths, texts, (one.split(), other.split()), strict=True):
        lost = [name for name in ids if name not in sentences]
        if lost:
            sink.skip("missing", f"{path}: there is no sentence {lost[0]}")
            return
        text = " ".join([sentences[name] for name in ids if sentences[name]])
        label = path.removesuffix(".gz")
        sides.append(Side(document_language(path), label, " ".join(ids), text))
    if not sides[0].text or not sides[1].text:
        sink.count("empty")
        return
    sink.pair(
        sides,
        place,
        work=work_of(paths[0]),
        overlap=_number(attributes.get("overlap")),
        certainty=_number(attributes.get("certainty")),
    )


def _number(text: str | None) -> float | None:
    try:
        number = round(float(text or ""), 6)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


# --- Moses pairs


def moses_name(name: str) -> tuple[str, str] | None:
    """The corpus and the language of a Moses file; None for what is none.

    >>> moses_name("data/OpenSubtitles.de-en.de.gz")
    ('OpenSubtitles.de-en', 'de')
    """
    found = None if _NO_PAIR.search(name) else _MOSES.search(name)
    return (found["corpus"], found["language"]) if found else None


def _read_moses(files: Sequence[InputFile], open_: Open, sink: PairSink) -> None:
    with ExitStack() as stack:
        opened: dict[str, list[tuple[str, BinaryIO]]] = {}
        for file in files:
            stream = stack.enter_context(open_(file))
            members: Iterable[tuple[str, BinaryIO]] = [(file.name, stream)]
            if file.name.endswith(".zip"):
                try:
                    archive = stack.enter_context(zipfile.ZipFile(stream))
                    members = [
                        (name, stack.enter_context(cast("BinaryIO", archive.open(name))))
                        for name in sorted(archive.namelist())
                        if moses_name(name)
                    ]
                except ZIP_ERRORS as error:
                    raise InputError("a zip can be read", str(error), file.name) from error
            for name, member in members:
                if named := moses_name(name):
                    opened.setdefault(named[0], []).append((named[1], member))
        for corpus, sides in sorted(opened.items()):
            if len(sides) != 2:  # noqa: PLR2004  # languages
                sink.skip("not_parallel", f"{corpus}: it has {len(sides)} file(s), not two")
                continue
            _read_lines(corpus, sorted(sides, key=lambda side: side[0]), sink)


def _read_lines(corpus: str, sides: list[tuple[str, BinaryIO]], sink: PairSink) -> None:
    """Add a pair for every line of two files."""
    columns = [_text_lines(stream) for _, stream in sides]
    place = 0
    try:
        for place, lines in enumerate(zip_longest(*columns), 1):
            if None in lines:
                shorter = sides[lines.index(None)][0]
                detail = f"{corpus}: {shorter} ends before line {place}, the other goes on"
                sink.skip("damaged", detail)
                return
            texts = [" ".join(line.split()) for line in cast("tuple[str, str]", lines)]
            if not all(texts):
                sink.count("empty")
                continue
            sink.pair(
                [
                    Side(language, f"{corpus}.{language}", str(place), text)
                    for (language, _), text in zip(sides, texts, strict=True)
                ],
                place,
            )
    except (OSError, *UNPACKING_ERRORS) as error:
        sink.skip("damaged", f"{corpus}: after line {place}: {error}")


def _text_lines(stream: BinaryIO) -> Iterator[str]:
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    unpacked = gzip.GzipFile(fileobj=stream) if packed else stream
    text = io.TextIOWrapper(cast("BinaryIO", unpacked), "utf-8-sig", "replace", newline="\n")
    for line in text:
        yield line.replace("\0", "")


# --- films in two languages


def film_name(name: str) -> tuple[str, str] | None:
    """The film and the language of a subtitle file, `alien.de.srt` or `de/alien.srt`.

    >>> film_name("films/alien.de.srt"), film_name("films/de/alien.srt")
    (('films/alien', 'de'), ('films/alien', 'de'))
    """
    name = name.replace("\\", "/")
    folder, _, base = name.rpartition("/")
    if found := _NAMED.match(base):
        return f"{folder}/{found['film']}".lstrip("/"), found["language"]
    rest, _, last = folder.rpartition("/")
    if re.fullmatch(r"[a-z]{2}(?:_[A-Za-z]{2})?", last):
        return f"{rest}/{base.partition('.')[0]}".lstrip("/"), last
    return None


class Line(NamedTuple):
    """A cue: when it is shown, in seconds, and what it says."""

    start: float
    end: float
    text: str


def _read_films(files: Sequence[InputFile], open_: Open, sink: PairSink) -> None:
    """Pair the cues of one film's files, for each two languages."""
    films: dict[str, tuple[InputFile, list[Line]]] = {}
    for file in sorted(files, key=lambda file: (file.label, file.identity)):
        named = film_name(file.name)
        if named is None or named[1] in films:
            sink.skip("not_parallel", f"{file.label}: its name tells no further language")
            continue
        try:
            with open_(file) as stream:
                films[named[1]] = file, list(_lines_of(stream, named[1], file.label, sink))
        except UnreadableError as error:
            sink.skip(error.reason, f"{file.label}: {error.came}")
    if len(films) < 2:  # noqa: PLR2004  # languages
        sink.skip("not_parallel", "a film in fewer than two languages")
    for languages in combinations(sorted(films), 2):
        sides = [films[language] for language in languages]
        reference = sides[0][1]
        beads = align_by_time(reference, synchronised(reference, sides[1][1]))
        for place, (one, other, overlap) in enumerate(beads, 1):
            sink.pair(
                [
                    Side(
                        language,
                        file.label,
                        " ".join(str(at + 1) for at in chosen),
                        " ".join(lines[at].text for at in chosen),
                    )
                    for language, (file, lines), chosen in zip(
                        languages, sides, (one, other), strict=True
                    )
                ],
                place,
                overlap=overlap,
            )


def _lines_of(stream: BinaryIO, language: str, label: str, sink: PairSink) -> Iterator[Line]:
    """The cleaned cues of a film that have both times, in the order of time."""
    content, kind = open_film(stream, language)
    noted: list[str] = []
    found = []
    for starts, ends, written in cues_of(
        stream, content, kind, language, lambda what, _line: noted.append(what)
    ):
        if not starts:
            continue
        spoken = make_dialogue(plain_text(written), _FILM, language, lambda _name, _number: None)
        for start, end, text in zip(starts, ends, spoken.split(BREAK), strict=True):
            if text and end > start:  # false where a time is not known
                found.append(Line(start, end, text.replace("\n", " ")))
    if content.broken or noted:
        sink.skip("damaged", f"{label}: {content.broken or noted[0]}")
    yield from sorted(found, key=lambda line: line.start)


def align_by_time(one: Sequence[Line], other: Sequence[Line]) -> list[tuple[range, range, float]]:
    """Groups of up to three lines that are shown at the same time.

    From the beginning on, of the groups that may come next the one is taken whose times overlap
    most (or nearly so, and is smaller); where none does by `LEAST_OVERLAP`, the line that ends first has no partner.

    Args:
        one: lines with `start` and `end` in seconds, sorted by start.
        other: likewise.

    Returns:
        Places in `one`, places in `other`, and the time that both are shown over the time that
        either is.
    """
    found = []
    at, to = 0, 0
    while at < len(one) and to < len(other):
        overlaps = [
            (_overlap(one, other, at, to, width, height), width, height)
            for width, height in _BEADS
            if at + width <= len(one) and to + height <= len(other)
        ]
        enough = max(max(overlaps)[0] * SMALLER_IS_BETTER, LEAST_OVERLAP)
        chosen = next((bead for bead in overlaps if bead[0] >= enough), None)
        if chosen is not None:
            overlap, width, height = chosen
            found.append((range(at, at + width), range(to, to + height), round(overlap, 6)))
            at, to = at + width, to + height
        elif one[at].end <= other[to].end:
            at += 1
        else:
            to += 1
    return found


def synchronised(one: Sequence[Line], other: Sequence[Line]) -> list[Line]:
    """The lines of the other film with its times brought to those of the one.

    Uploads start at different times and run at different frame rates. Of the rates of film and
    television and of the offsets up to `MAXIMUM_OFFSET_SECONDS`, those are taken with which both
    speak at once most; none where that gains less than `LEAST_GAIN`.
    """
    if not one or not other:
        return list(other)
    reference = _activity(one, 1.0)
    reach = int(MAXIMUM_OFFSET_SECONDS * TICKS)
    as_it_is, best = 0.0, (0.0, 1.0, 0)
    for scale in SCALES:
        activity = _activity(other, scale)
        size = 1 << (len(reference) + len(activity)).bit_length()
        spectrum = np.fft.rfft(reference, size) * np.conj(np.fft.rfft(activity, size))
        shared = np.round(np.fft.irfft(spectrum, size)).astype(np.int64)  # at each offset
        offsets = np.concatenate([np.arange(reach + 1), np.arange(-reach, 0)])
        offsets = offsets[np.abs(offsets) < size // 2]
        found = shared[offsets]
        if scale == 1.0:
            as_it_is = float(shared[0])
        at = int(np.argmax(found))
        best = max(best, (float(found[at]), scale, int(offsets[at])), key=lambda item: item[0])
    together, scale, ticks = best
    if together < as_it_is * LEAST_GAIN:
        return list(other)
    offset = ticks / TICKS
    return [
        Line(line.start * scale + offset, line.end * scale + offset, line.text) for line in other
    ]


def _activity(lines: Sequence[Line], scale: float) -> NDArray[np.float32]:
    """Whether something is said, in each tick."""
    ends = min(max(line.end for line in lines) * scale, MAXIMUM_SECONDS)
    activity = np.zeros(int(ends * TICKS) + 1, np.float32)
    for line in lines:
        activity[max(0, int(line.start * scale * TICKS)) : int(line.end * scale * TICKS)] = 1
    return activity


def _overlap(
    one: Sequence[Line], other: Sequence[Line], at: int, to: int, width: int, height: int
) -> float:
    """Common time of two groups of lines over the time of both."""
    starts = one[at].start, other[to].start
    ends = one[at + width - 1].end, other[to + height - 1].end
    whole = max(ends) - min(starts)
    return max(0.0, min(ends) - max(starts)) / whole if whole > 0 else 0.0
