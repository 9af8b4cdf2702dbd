"""Subtitles in XML and HTML: TTML (DFXP), SAMI, YouTube's captions.

They are cut at their tags and not parsed: nothing that a file declares is ever looked up, and
damage costs one cue. Where a SAMI file holds several languages, the one with most cues is read.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from curate.sources.cues import BREAK, Cues, Note, after, cut

_ATTRIBUTE = re.compile(r"""(?:^|\s)(?:\w+:)?(begin|end|dur|t|d|start)\s*=\s*["']([^"']*)["']""")
_OTHERS = r"""(?:\s+(?!(?:\w+:)?(?:begin|end|dur|t|d|start)[\s=])[\w:-]+="[^"'=]*")*"""
_STAMP = r"(\d{1,3}):(\d\d):(\d\d)\.(\d{1,9})"
_USUAL = rf"""{_OTHERS}\s+begin="{_STAMP}"\s+end="{_STAMP}"{_OTHERS}\s*"""
_USUAL_TIMES = re.compile(_USUAL)
_PARAGRAPH = re.compile(
    rf"<(?:\w+:)?p{_USUAL}>([^<]*(?:<(?!/?(?:\w+:)?(?:p|div|body)\b)[^<]*)*)</(?:\w+:)?p\s*>"
    r"|<(?:\w+:)?(p|div|body)\b([^<>\"']*(?:(?:\"[^\"]*\"|'[^']*')[^<>\"']*)*)>"
    r"|</(?:\w+:)?(p|div|body)\s*>"
)
_RATE = re.compile(r"""\bframeRate\s*=\s*["'](\d{1,3})["']""")
_MULTIPLIER = re.compile(r"""\bframeRateMultiplier\s*=\s*["'](\d{1,6})[\s:](\d{1,6})["']""")
_TICKS = re.compile(r"""\btickRate\s*=\s*["'](\d{1,9})["']""")
_CLOCK = re.compile(r"\s*(\d{1,9}):(\d{1,2}):(\d{1,2})(?:([.,:;])(\d{1,9})(?:\.\d+)?)?\s*")
_OFFSET = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)(h|m|s|ms|f|t)\s*")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LINE_BREAK = re.compile(r"<(?:\w+:)?br\b[^<>\x01]*>", re.IGNORECASE)
_NO_TEXT = re.compile(
    r"<!--.*?-->|<(?:\w+:)?(metadata)\b[^<>]*(?<!/)>.*?</(?:\w+:)?metadata\s*>", re.DOTALL
)

_SYNC = re.compile(  # and the paragraph that follows; or where all ends
    r"<(?:sync\b[^<>]*?\bstart\s*=\s*[\"']?\s*(-?\d{1,12})[^<>]*>(?:\s*<p\b([^<>]*)>)?"
    r"|/(?:body|sami)\b)",
    re.IGNORECASE,
)
_CLASS = re.compile(r"\bclass\s*=\s*[\"']?\s*([^\s\"'<>]+)", re.IGNORECASE)
_BLANK = re.compile(r"(?:&nbsp;?|&#160;|<[^<>]*>|\s)*", re.IGNORECASE)
_SAMI_PARAGRAPH = re.compile(r"<p\b", re.IGNORECASE)

_YOUTUBE = re.compile(r"<(text|p)\b([^<>]*[^<>/])>(.*?)</\1>", re.DOTALL)


def read_ttml(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """The paragraphs of a TTML document; times count from those of the elements around them."""
    rates: _Rates | None = None
    outer: list[float] = []  # begin of the elements that are open
    for chunk in cut(blocks, _last_paragraph):
        rates = rates or _rates(chunk)
        starts, ends, texts = [], [], []
        inside: tuple[float, float, int] | None = None  # of the open paragraph
        text = _NO_TEXT.sub("", chunk) if "<!--" in chunk or "metadata" in chunk else chunk
        for tag in _PARAGRAPH.finditer(text):
            *times, whole, name, attributes, closed = tag.groups()
            if inside and (closed == "p" or name or whole is not None):
                starts.append(inside[0])
                ends.append(inside[1])
                texts.append(text[inside[2] : tag.start()])
                inside = None
            if whole is not None:
                starts.append(sum(outer[-1:]) + _clock(*times[:4]))
                ends.append(sum(outer[-1:]) + _clock(*times[4:]))
                texts.append(whole)
            elif name and not attributes.endswith("/"):
                try:
                    begin, end = _span(attributes, rates, sum(outer[-1:]))
                except ValueError:
                    note("cues_damaged", 0)
                    continue
                if name == "p":
                    inside = (begin, end, tag.end())
                else:
                    outer.append(sum(outer[-1:]) if math.isnan(begin) else begin)
            elif closed in {"div", "body"} and outer:
                outer.pop()
        if inside:
            note("cues_damaged", 0)
        yield Cues(starts, ends, _flowed(texts))


def read_sami(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """The cues of a SAMI file: each ends where the next of its language begins."""
    language = None
    for chunk in cut(blocks, _last_sync):
        cues = list(_sami_paragraphs(chunk))
        spoken = _spoken(cues)
        if language is None and spoken:
            language = min(spoken, key=lambda name: (-spoken[name], name))
        for name in sorted(spoken):
            if name != language:
                note("other_languages", 0)
        mine = [cue for cue in cues if cue[0] == language]
        starts = [cue[1] for cue in mine]
        ends = [*starts[1:], math.nan][: len(starts)]
        yield Cues(starts, ends, _flowed([cue[2] for cue in mine]))


def _sami_paragraphs(chunk: str) -> Iterator[tuple[str, float, str]]:
    """Class (a language), time and text of each paragraph after a time."""
    names: dict[str, str] = {}  # by the attributes
    _, *pieces = _SYNC.split(chunk)
    for start, attributes, piece in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        if start is None:
            continue
        seconds = int(start) / 1000
        first, *rest = _SAMI_PARAGRAPH.split(piece) if "<p" in piece or "<P" in piece else (piece,)
        if attributes is not None:
            if attributes not in names:
                names[attributes] = _name(attributes)
            yield names[attributes], seconds, first
        elif not rest or first.strip():
            yield "", seconds, first
        for paragraph in rest:
            named, _, text = paragraph.partition(">")
            yield _name(named), seconds, text


def _name(attributes: str) -> str:
    named = _CLASS.search(attributes)
    return named[1].lower() if named else ""


def _spoken(cues: list[tuple[str, float, str]]) -> dict[str, int]:
    """How many cues of each class have text; of a class that is the only one, whether any has."""
    if len({name for name, _, _ in cues}) == 1:
        return {cues[0][0]: 1} if any(not _BLANK.fullmatch(text) for _, _, text in cues) else {}
    return Counter(name for name, _, text in cues if not _BLANK.fullmatch(text))


def read_youtube(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """`<text start dur>` (seconds) and `<p t d>` (milliseconds) of YouTube's captions."""
    for chunk in cut(blocks, lambda text: after(text, "</text>", "</p>")):
        starts, ends, texts = [], [], []
        for name, attributes, text in _YOUTUBE.findall(chunk):
            found = dict(_ATTRIBUTE.findall(attributes))
            try:
                start = float(found.get("start") or int(found["t"]) / 1000)
                length = float(found.get("dur") or int(found.get("d") or 0) / 1000)
            except (KeyError, ValueError):
                note("cues_damaged", 0)
                continue
            starts.append(start)
            ends.append(start + length)
            texts.append(text.replace("&amp;", "&") if name == "text" else text)
        yield Cues(starts, ends, BREAK.join(texts))


class _Rates(tuple[float, float]):
    """Frames and ticks of a second."""

    __slots__ = ()


def _rates(head: str) -> _Rates:
    frames = 30.0
    if "frameRate" in head and (found := _RATE.search(head)):
        frames = float(found[1])
    if "frameRateMultiplier" in head and (found := _MULTIPLIER.search(head)):
        frames *= int(found[1]) / (int(found[2]) or 1)
    ticks = frames
    if "tickRate" in head and (found := _TICKS.search(head)):
        ticks = float(found[1])
    return _Rates((frames or 30.0, ticks or 1.0))


def _span(attributes: str, rates: _Rates, outer: float) -> tuple[float, float]:
    """Begin and end in seconds; NaN for an element without times.

    Raises:
        ValueError: a time is none.
    """
    if usual := _USUAL_TIMES.fullmatch(attributes):
        first, second, third, fraction, *end = usual.groups()
        return outer + _clock(first, second, third, fraction), outer + _clock(*end)
    found = {name: _seconds(value, rates) for name, value in _ATTRIBUTE.findall(attributes)}
    begin = outer + found.get("begin", 0.0) if found or outer else math.nan
    if "dur" in found:
        return begin, begin + found["dur"]
    return begin, outer + found["end"] if "end" in found else math.nan


def _seconds(value: str, rates: _Rates) -> float:
    """Seconds of a clock time or an offset of TTML.

    Raises:
        ValueError: it is neither.
    """
    if found := _CLOCK.fullmatch(value):
        hours, minutes, seconds, sign, fraction = found.groups()
        if sign in {".", ","}:
            return _clock(hours, minutes, seconds, fraction)
        frames = int(fraction) / rates[0] if sign else 0
        return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + frames
    if found := _OFFSET.fullmatch(value):
        units = {**_UNITS, "f": 1 / rates[0], "t": 1 / rates[1]}
        return float(found[1]) * units[found[2]]
    raise ValueError(value)


def _clock(hours: str, minutes: str, seconds: str, fraction: str) -> float:
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + int(fraction) / 10.0 ** len(fraction)


def _flowed(texts: list[str]) -> str:
    """Texts with white space as HTML takes it, and lines where there are breaks."""
    flowed = " ".join(BREAK.join(["", *texts, ""]).split())[1:-1]
    return _LINE_BREAK.sub("\n", flowed)


def _last_paragraph(text: str) -> int:
    """Where the last paragraph ends that is in no open comment."""
    end = after(text, "</p>", ":p>")
    comment = text.rfind("<!--", 0, end)
    return after(text[:comment], "</p>", ":p>") if comment > text.rfind("-->", 0, end) else end


def _last_sync(text: str) -> int:
    return max(text.rfind("<SYNC"), text.rfind("<sync"), text.rfind("<Sync"), 0)
