"""SubRip and WebVTT: the lines of a file → cues, tolerant of what real files hold.

WebVTT follows the W3C's recommendation. SubRip has none: a line with two times and an arrow
between them begins a cue, whatever stands around it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

Cue: TypeAlias = tuple[float | None, float | None, str]  # start and end in seconds, text

UNSPACED = (  # characters of the scripts that are written without spaces, for a regex's [...]
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff"
)
MAXIMUM_CUE_CHARACTERS = 1 << 24  # what a file without line ends or timings may hold in memory

_TIME = r"(-?\d{1,9})\s*:\s*(\d{1,2})(?:\s*:\s*(\d{1,2}))?(?:\s*[.,:;]\s*(\d{1,9}))?"
_ARROW = r"-\s?-?-?\s?>"
_TIMING = re.compile(rf"(?:-?\d{{1,9}}\s+)?{_TIME}\s*{_ARROW}\s*{_TIME}(?!\d|[.,:]\d)")
_NEARLY_TIMING = re.compile(
    rf"\d\s*:\s*\w\w.*-->|-->.*\d\s*:\s*\d|\d\s*:\s*\d.*{_ARROW}.*\d\s*:\s*\d"
)
_NEARLY_TIMING_CHARACTERS = 100  # looked at: the pattern's cost grows with their square
_INDEX = re.compile(r"\s*-?\d{1,9}\s*")
_PLACE = re.compile(r"(?:\s*[A-Za-z]\w*:\S+(?!\S))*\s*")
_NO_CUE = re.compile(r"\s*(?:NOTE(?!\S)|STYLE\s*$|REGION\s*$|Region:)")

_UNSPACED_WRAP = re.compile(rf"(?<=[{UNSPACED}])\n(?=[{UNSPACED}])")
_WRAP = re.compile("\n(?![-\u2010\u2013-\u2015])")
_MARKUP = re.compile(
    r"<rt\b[^<>]*>[^<]*</rt>"  # how a Chinese character is read, written beside it
    r"|</?[A-Za-z][^<>]*>"  # <i>, </font>, <v Roger Bingham>, <c.yellow>
    r"|<\d[\d:.]*>"  # when a word lights up
    r"|\{\\[^{}]*\}|\{[A-Za-z]:[^{}]*\}"  # {\an8}, {Y:i}
)
_HUGE_REFERENCE = re.compile(r"&#\d{8,};?")


def is_timing(line: str) -> bool:
    """Whether a line is the timing of a cue, be it a damaged one."""
    return ">" in line and (
        _TIMING.match(line.strip()) is not None or _is_damaged_timing(line, webvtt=False)
    )


def read_cues(
    lines: Iterable[str], *, webvtt: bool, note: Callable[[str, int], None]
) -> Iterator[Cue]:
    """The cues of a file, in its order.

    In WebVTT a blank line ends a cue, and what is not one is left out. In SubRip only the next
    timing ends a cue, since real files have blank lines within; the number before a timing may
    be missing, negative or out of order.

    Args:
        lines: without their ends.
        webvtt: the file is WebVTT, else SubRip.
        note: is called with `cues_damaged` or `blocks_left_out` and the line (from 1) that ends
            what was no cue.
    """
    for number, timing, times, block in _split(lines, webvtt):
        if times is not None:
            rest = timing[times.end() :]
            if rest and not webvtt and _PLACE.fullmatch(rest) is None:
                block.insert(0, rest)
            start, end = times.groups()[:4], times.groups()[4:]
            yield _seconds(*start), _seconds(*end), plain(block)
        elif timing:
            note("cues_damaged", number)
        elif any(block) and not block[0].startswith("WEBVTT"):
            left_out = webvtt and _NO_CUE.match(block[0]) is not None
            note("blocks_left_out" if left_out else "cues_damaged", number)


def plain(lines: Iterable[str]) -> str:
    r"""The dialogue in a cue's lines: without markup, entities decoded, wrapped lines joined.

    A line that begins with a dash (another speaker) stays a line; empty ones go.

    >>> plain(["{\\an8}<i>- Who's", "there?</i>", "- Tom &amp; me."])
    "- Who's there?\n- Tom & me."
    """
    text = "\n".join(lines)
    if "\\" in text:
        text = text.replace("\\N", "\n").replace("\\h", " ")
    if "<" in text or "{" in text:
        text = _MARKUP.sub("", text)
    if "&" in text:
        text = decode_entities(text)
    text = "\n".join([words for line in text.split("\n") if (words := " ".join(line.split()))])
    if "\n" in text:
        text = _WRAP.sub(" ", _UNSPACED_WRAP.sub("", text))
    return text


def decode_entities(text: str) -> str:
    """Text with HTML's entities decoded; references beyond Unicode become U+FFFD.

    >>> decode_entities("&eacute;&amp;&#33;")
    'é&!'
    """
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))  # of 4,300 digits it would raise


def _split(
    lines: Iterable[str], webvtt: bool
) -> Iterator[tuple[int, str, re.Match[str] | None, list[str]]]:
    """(line where it ended, timing, its times, lines after it) of each piece of a file.

    The timing is empty where the piece has none, its times are `None` where it is damaged.
    """
    timing, times = "", None
    block: list[str] = []
    size = number = 0
    for number, raw in enumerate(lines, 1):  # the last number is used below
        line = raw.strip()
        found = _TIMING.match(line) if ">" in line else None
        starts = found is not None or (">" in line and _is_damaged_timing(line, webvtt))
        ends = webvtt and not line
        if starts:
            _drop_index(block, webvtt=webvtt, in_cue=bool(timing))
        if starts or ends or size > MAXIMUM_CUE_CHARACTERS:
            yield number, timing, times, block
            block, size = [], 0
            if starts or ends:
                timing, times = line, found
        if not starts and not ends:
            block.append(line)
            size += len(line)
    yield number, timing, times, block


def _is_damaged_timing(line: str, webvtt: bool) -> bool:
    head = line[:_NEARLY_TIMING_CHARACTERS]
    return (webvtt and "-->" in line) or _NEARLY_TIMING.search(head) is not None


def _drop_index(block: list[str], *, webvtt: bool, in_cue: bool) -> None:
    """Take the number (in WebVTT any line) that names the next cue off the end of a block."""
    if webvtt and not in_cue:
        del block[-1:]
        return
    end = len(block)
    while end and not block[end - 1]:
        end -= 1
    if end and _INDEX.fullmatch(block[end - 1]):
        beside_timing = end == len(block)
        after_blank = not block[end - 2] if end > 1 else not in_cue
        if beside_timing or after_blank:
            del block[end - 1 :]


def _seconds(first: str, second: str, third: str | None, fraction: str | None) -> float:
    """Seconds of `hours:minutes:seconds,fraction`, or of `minutes:seconds.fraction`."""
    whole = int(first) * 60 + int(second)
    if third is not None:
        whole = whole * 60 + int(third)
    return whole + (int(fraction) / 10 ** len(fraction) if fraction else 0)
