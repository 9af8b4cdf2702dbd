"""Subtitles with a line, or a line of times and some of text, per cue.

MicroDVD, MPL2, TMPlayer, SubStation Alpha (SSA, ASS), SubViewer and YouTube's SBV, Spruce STL.
None has a standard; what is read is what players accept. A line that is no cue, header or comment
of its format is a damaged cue.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from curate.sources.cues import BREAK, Cues, Note, after, cut

MICRODVD_FRAME_RATE = 24000 / 1001  # where the file does not say: NTSC film, as players take it
SPRUCE_FRAME_RATE = 25.0

_MICRODVD = re.compile(r"^\s*\{(-?\d{1,9})\}\{(-?\d{0,9})\}(.*)$", re.MULTILINE)
_RATE = re.compile(r"\s*(\d{2,3}(?:[.,]\d{1,6})?)\s*")
_MPL2 = re.compile(r"^\s*\[(-?\d{1,9})\]\[(-?\d{0,9})\](.*)$", re.MULTILINE)
_TMPLAYER = re.compile(
    r"^\s*(\d{1,3}):(\d{1,2}):(\d{1,2})(?:[.,]\d{1,3})?(?:,\d)?[:= ](.*)$", re.MULTILINE
)
_SUBVIEWER = re.compile(
    r"^\s*(\d{1,3}):(\d{1,2}):(\d{1,2})[.,:](\d{1,3})\s*,\s*"
    r"(\d{1,3}):(\d{1,2}):(\d{1,2})[.,:](\d{1,3})[ \t]*$",
    re.MULTILINE,
)
_SPRUCE = re.compile(
    r"^\s*(\d{1,3}):(\d\d):(\d\d)[:;.](\d\d)\s*,\s*(\d{1,3}):(\d\d):(\d\d)[:;.](\d\d)\s*,(.*)$",
    re.MULTILINE,
)
_DIALOGUE = re.compile(r"^Dialogue:[ \t]*(.*)$", re.MULTILINE)
_EVENT_FORMAT = re.compile(
    r"^\[Events\][ \t]*\n(?:(?!\[|Dialogue:).*\n)*?Format:(.*)$", re.MULTILINE
)
_EVENT_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
_DRAWING = re.compile(r"\{[^{}\x01]*\\p[1-9][^{}\x01]*\}[^{}\x01]*")
_OVERRIDE = re.compile(r"\{[^{}\x01]*\}")
_ITALIC_LINE = re.compile(r"(^|[|\n\x01])((?:\{[^{}]*\})*)/")
_TOGGLE = re.compile(r"\^[BIU]")
_HEADER = re.compile(r"\s*(?:[\[{#;$]|//|$)")  # a line that belongs to no cue


def read_microdvd(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """`{100}{150}one|two`: frames; a first cue such as `{1}{1}25.000` gives their rate."""
    rate = MICRODVD_FRAME_RATE
    first = True
    for chunk in _whole_lines(blocks):
        rows = _MICRODVD.findall(chunk)
        _note_rest(chunk, len(rows), _MICRODVD, note)
        if first and rows and int(rows[0][0]) <= 1 and (found := _RATE.fullmatch(rows[0][2])):
            rate = float(found[1].replace(",", ".")) or MICRODVD_FRAME_RATE
            rows = rows[1:]
        first = first and not rows
        yield _framed(rows, rate)


def read_mpl2(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """`[100][150]one|two`: tenths of a second; a slash makes a line italic."""
    for chunk in _whole_lines(blocks):
        rows = _MPL2.findall(chunk)
        _note_rest(chunk, len(rows), _MPL2, note)
        yield _framed(rows, 10.0)


def read_tmplayer(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """`00:00:10:one|two`: a cue ends when the next begins; an empty one only ends another."""
    for chunk in _whole_lines(blocks):
        rows = _TMPLAYER.findall(chunk)
        _note_rest(chunk, len(rows), _TMPLAYER, note)
        starts = [int(h) * 3600.0 + int(m) * 60 + int(s) for h, m, s, _ in rows]
        yield Cues(starts, [math.nan] * len(rows), _bars([row[3] for row in rows]))


def read_substation(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """The `Dialogue:` events, by their times; without overrides, drawings and repeated layers."""
    fields = [name.strip() for name in _EVENT_FIELDS.split(",")]
    for chunk in _whole_lines(blocks):
        if found := _EVENT_FORMAT.search(chunk):
            named = [name.strip() for name in found[1].split(",")]
            fields = named if {"Start", "End", "Text"} <= set(named) else fields
        start, end, text = map(fields.index, ("Start", "End", "Text"))
        cues = []
        for event in _DIALOGUE.findall(chunk):
            row = event.split(",", len(fields) - 1)
            try:
                cues.append((_clock(row[start]), _clock(row[end]), row[text]))
            except (IndexError, ValueError):
                note("cues_damaged", 0)
        cues.sort(key=lambda cue: cue[0])
        spoken = BREAK.join([cue[2] for cue in cues])
        if "\\p" in spoken:
            spoken = _DRAWING.sub("", spoken)
        texts = _OVERRIDE.sub("", spoken).replace("\\n", "\n").split(BREAK)
        kept = [
            (*cue[:2], text)
            for place, (cue, text) in enumerate(zip(cues, texts, strict=False))  # none has one text
            if not place or text != texts[place - 1] or cue[0] > cues[place - 1][1]
        ]
        yield Cues(
            [cue[0] for cue in kept],
            [cue[1] for cue in kept],
            BREAK.join([cue[2] for cue in kept]),
        )


def read_subviewer(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """`00:00:01.00,00:00:02.00` and lines of text (`[br]` wraps them), SubViewer's and YouTube's."""
    for chunk in cut(blocks, lambda text: after(text, "\n\n")):
        head, *pieces = _SUBVIEWER.split(chunk)
        for line in head.split("\n"):
            if not _HEADER.match(line) and not line.endswith("[END INFORMATION]"):
                note("cues_damaged", 0)
        yield Cues(
            [_time(*pieces[at : at + 4]) for at in range(0, len(pieces), 9)],
            [_time(*pieces[at : at + 4]) for at in range(4, len(pieces), 9)],
            BREAK.join(pieces[8::9]).replace("[br]", "\n"),
        )


def read_spruce(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """`00:00:01:10 , 00:00:02:00 , one | two`: the last number of a time counts frames."""
    for chunk in _whole_lines(blocks):
        rows = _SPRUCE.findall(chunk)
        _note_rest(chunk, len(rows), _SPRUCE, note)
        starts, ends = (
            [
                int(row[at]) * 3600 + int(row[at + 1]) * 60 + int(row[at + 2])
                + int(row[at + 3]) / SPRUCE_FRAME_RATE
                for row in rows
            ]
            for at in (0, 4)
        )  # fmt: skip
        yield Cues(starts, ends, _TOGGLE.sub("", _bars([row[8] for row in rows])))


def _whole_lines(blocks: Iterable[str]) -> Iterator[str]:
    return cut(blocks, lambda text: after(text, "\n"))


def _framed(rows: list[tuple[str, str, str]], rate: float) -> Cues:
    """Cues of (first frame, last frame or nothing, text)."""
    return Cues(
        [int(row[0]) / rate for row in rows],
        [int(row[1]) / rate if row[1] else math.nan for row in rows],
        _bars([row[2] for row in rows]),
    )


def _bars(texts: list[str]) -> str:
    """Texts with lines instead of bars, and without the slashes that make lines italic."""
    joined = BREAK.join(texts)
    if "/" in joined:
        joined = _ITALIC_LINE.sub(r"\1\2", joined)
    return joined.replace("|", "\n")


def _note_rest(chunk: str, found: int, pattern: re.Pattern[str], note: Note) -> None:
    """Note the lines that are neither cues nor of a header."""
    if found == chunk.count("\n") + (not chunk.endswith("\n")):
        return
    for number, line in enumerate(chunk.split("\n"), 1):
        if not _HEADER.match(line) and not pattern.match(line):
            note("cues_damaged", number)


def _clock(stamp: str) -> float:
    """Seconds of `0:01:02.50`.

    Raises:
        ValueError: it is no time.
    """
    hours, minutes, seconds = stamp.strip().split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _time(hours: str, minutes: str, seconds: str, fraction: str) -> float:
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + float(f"0.{fraction}")
