"""Cues as columns, and their text in plain; SubRip and WebVTT.

Everything works on the text of many cues at once, `BREAK` between them, so that Python touches
files and not lines. WebVTT follows the W3C's recommendation. SubRip has none: a line with two
times and an arrow between them begins a cue, whatever stands around it. A file written the usual
way is cut at its arrows; any other goes line by line.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Note = Callable[[str, int], None]  # takes what was found, and its line (from 1)

BREAK = "\x01"  # between two cues; `decoding` takes it out of what is read
UNSPACED = (  # characters of the scripts that are written without spaces, for a regex's [...]
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff"
)
DASHES = "-\u2010\u2013\u2014\u2015"  # begin the line of another speaker
MOST_ODD_CUES = 50  # that are made plain one by one: more go faster all at once
MAXIMUM_CUE_CHARACTERS = 1 << 24  # what a file without line ends or timings may hold in memory


class Cues(NamedTuple):
    """Some cues of a film, in its order.

    Attributes:
        starts: seconds; NaN where unknown.
        ends: seconds; NaN where unknown.
        text: of the cues, `BREAK` between them.
    """

    starts: Sequence[float]
    ends: Sequence[float]
    text: str

    @property
    def texts(self) -> list[str]:
        """The text of each cue."""
        return self.text.split(BREAK) if self.starts else []


Reader = Callable[[Iterable[str], Note], Iterator[Cues]]  # of a file's text, cut anywhere

_TIME = r"(-?\d{1,9})\s*:\s*(\d{1,2})(?:\s*:\s*(\d{1,2}))?(?:\s*[.,:;]\s*(\d{1,9}))?"
_ARROW = r"-\s?-?-?\s?>"
_TIMING = re.compile(rf"(?:-?\d{{1,9}}\s+)?{_TIME}\s*{_ARROW}\s*{_TIME}(?!\d|[.,:]\d)")
_LOOSE_TIME = r"(\d{1,3})[:.,](\d{1,2})[:.,](\d{1,2})[.,:](\d{3})"  # 00.02:32.000
_LOOSE_TIMING = re.compile(rf"(?:-?\d{{1,9}}\s+)?{_LOOSE_TIME}\s*{_ARROW}\s*{_LOOSE_TIME}(?!\d)")
_NEARLY_TIMING = re.compile(
    rf"\d\s*:\s*\w\w.*-->|-->.*\d\s*:\s*\d|\d\s*:\s*\d.*{_ARROW}.*\d\s*:\s*\d"
)
_NEARLY_TIMING_CHARACTERS = 100  # looked at: the pattern's cost grows with their square
_INDEX = re.compile(r"\s*-?\d{1,9}\s*")
_PLACE = re.compile(r"(?:\s*[A-Za-z]\w*:\S+(?!\S))*\s*")
_NO_CUE = re.compile(r"\s*(?:NOTE(?!\S)|STYLE\s*$|REGION\s*$|Region:)")
_SIGNATURE = re.compile(r"WEBVTT|(?i:web)?(?i:vtt)[ \t]*(?:\n|\Z)")  # some misspell it
_NUMBERS = re.compile(r"\d+\s*:\s*\d")
_WORD = re.compile(r"\w")

_WEIGHTS = np.array([36000, 3600, 600, 60, 10, 1, 0.1, 0.01, 0.001])  # of a stamp's digits

_UNSPACED_WRAP = re.compile(rf"(?<=[{UNSPACED}])\n(?=[{UNSPACED}])")
_RUBY = re.compile(r"<rt\b[^<>\x01]*>[^<\x01]*</rt>")  # how a Chinese character is read, beside it
_MARKUP = re.compile(
    r"</?[A-Za-z][^<>\x01]*>"  # <i>, </font>, <v Roger Bingham>, <c.yellow>
    r"|<\d[\d:.]*>|<\s?\d+:[\d:.]*\s?>"  # when a word lights up
    r"|\{\\[^{}\x01]*\}|\{[A-Za-z]:[^{}\x01]*\}"  # {\an8}, {Y:i}
    r"|</?(?:[ibuscv]|font|lang|ruby|rt|span)(?=[.\s<\x01]|\Z)[.\w]*"  # one that is never closed
    r"|<\s?\d+:[\d:.]*(?=[\s\x01]|\Z)"
)
_HUGE_REFERENCE = re.compile(r"&#\d{8,};?")
ODD_SPACES = "\t\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def is_timing(line: str) -> bool:
    """Whether a line is the timing of a cue, be it a damaged one."""
    return ">" in line and (
        _TIMING.match(line.strip()) is not None
        or _LOOSE_TIMING.match(line.strip()) is not None
        or _is_damaged_timing(line, webvtt=False)
    )


def read_subrip(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """The cues of a SubRip file.

    Only the next timing ends a cue, since real files have blank lines within; the number before
    a timing may be missing, negative or out of order.

    Args:
        blocks: the file's text, cut anywhere.
        note: is called with `cues_damaged` and the line that ends what was no cue.
    """
    for chunk, line in _with_lines(cut(blocks, _last_subrip_cue)):
        yield _usual_subrip(chunk) or _read_lines(chunk, line, note, webvtt=False)


def read_webvtt(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """The cues of a WebVTT file; notes, styles and regions are left out.

    Args:
        blocks: the file's text, cut anywhere.
        note: is called with `cues_damaged` or `blocks_left_out` and the line that ends what was
            no cue. An arrow in no timing is harmless where there is no dialogue.
    """
    for chunk, line in _with_lines(cut(blocks, lambda text: after(text, "\n\n"))):
        yield _usual_webvtt(chunk, line, note) or _read_lines(chunk, line, note, webvtt=True)


def _with_lines(chunks: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Parts of a text, and how many lines come before each; those of the last are not counted."""
    line, before = 0, ""
    for chunk in chunks:
        line += before.count("\n")
        yield chunk, line
        before = chunk


def cut(blocks: Iterable[str], boundary: Callable[[str], int]) -> Iterator[str]:
    """A text in chunks that end where a cue ends.

    Args:
        blocks: the text, cut anywhere.
        boundary: gives the length of the longest part that ends with a cue; 0: there is none.
    """
    rest = ""
    waiting = None  # the last block has no successor to be cut before
    for block in blocks:
        if waiting is not None:
            rest += waiting
            end = boundary(rest)
            if not end and len(rest) > MAXIMUM_CUE_CHARACTERS:
                end = len(rest)
            if end:
                yield rest[:end]
                rest = rest[end:]
        waiting = block
    rest += waiting or ""
    if rest:
        yield rest


def after(text: str, *marks: str) -> int:
    """The length of a text up to the last of some marks and with it; 0 where there is none."""
    return max(at + len(mark) if (at := text.rfind(mark)) >= 0 else 0 for mark in marks)


def in_plain(cues: Cues) -> Cues:
    r"""The cues without markup, entities decoded, each line's white space made single.

    >>> in_plain(Cues([0.0], [1.0], "{\\an8}<i>- Who's\n there?</i>\n\n - Tom &amp; me.")).text
    "- Who's\nthere?\n- Tom & me."
    """
    return cues._replace(text=plain_text(cues.text))


def plain_text(text: str) -> str:
    """`in_plain` of the text of cues with `BREAK` between them."""
    from curate.sources import cue_scan

    codes = cue_scan.codes_of(text)
    out = np.empty_like(codes)
    odd = np.empty(MOST_ODD_CUES, np.int64)
    length, count = cue_scan.plain(codes, out, odd, spaces())
    if length < 0:
        return plain_by_rules(text)
    plain = cue_scan.text_of(out[:length])
    if not count:
        return plain
    before, cues = text.split(BREAK), plain.split(BREAK)
    for place in odd[:count].tolist():
        cues[place] = plain_by_rules(before[place])
    return BREAK.join(cues)


@cache
def spaces() -> NDArray[np.uint16]:
    """uint16[KINDS] of `cue_scan`: white space that is or becomes a space; white space; digits."""
    from curate.sources import cue_scan

    return cue_scan.kinds_of([f"[ {re.escape(ODD_SPACES)}]", r"\s", r"\d"])


def plain_by_rules(text: str) -> str:
    """`plain_text` of any text, markup that is never closed and entities among it."""
    if "\\" in text:
        text = text.replace("\\N", "\n").replace("\\h", " ")
    if "<" in text:
        text = _MARKUP.sub("", _RUBY.sub("", text) if "<rt" in text else text)
    elif "{" in text:
        text = _MARKUP.sub("", text)
    if "&" in text:
        text = decode_entities(text)
    return tidy(text)


def tidy(text: str) -> str:
    """White space made single, and none around a line; empty lines go."""
    for space in ODD_SPACES:
        if space in text:
            text = text.replace(space, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    for double, single in (
        (" \n", "\n"),
        ("\n ", "\n"),
        (f" {BREAK}", BREAK),
        (f"{BREAK} ", BREAK),
        ("\n\n", "\n"),
        (f"{BREAK}\n", BREAK),
        (f"\n{BREAK}", BREAK),
    ):
        while double in text:
            text = text.replace(double, single)
    return text.strip(" \n")


def unwrap(text: str) -> str:
    r"""The lines of each cue joined; a line that begins with a dash (another speaker) stays one.

    >>> unwrap("- Who's\nthere?\n- Tom.")
    "- Who's there?\n- Tom."
    """
    if "\n" not in text:
        return text
    if not text.isascii():
        text = _UNSPACED_WRAP.sub("", text)
    for dash in DASHES:
        text = text.replace(f"\n{dash}", f"\x02{dash}")
    return text.replace("\n", " ").replace("\x02", "\n")


def decode_entities(text: str) -> str:
    """Text with HTML's entities decoded; references beyond Unicode become U+FFFD.

    >>> decode_entities("&eacute;&amp;&#33;")
    'é&!'
    """
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))  # of 4,300 digits it would raise


def _last_subrip_cue(text: str) -> int:
    """Where the last cue begins, by its number, if that is beyond doubt."""
    begin = text.rfind("\n\n", 0, max(text.rfind(" --> "), 0)) + 2
    return begin if text.count("\n", begin, text.rfind(" --> ")) == 1 else 0


def _usual_subrip(chunk: str) -> Cues | None:
    """The cues of SubRip that is written as it should be; None for any other."""
    from curate.sources import cue_cuts, cue_scan

    digits, texts = cue_cuts.subrip(cue_scan.codes_of(chunk), spaces())
    count = digits.shape[1] // 2
    if not count:
        return None
    seconds = (digits.T @ _WEIGHTS).tolist()
    return Cues(seconds[:count], seconds[count:], cue_scan.text_of(texts))


def _usual_webvtt(chunk: str, line: int, note: Note) -> Cues | None:
    """The cues of WebVTT without damage, `line` lines before the chunk; None for any other."""
    from curate.sources import cue_cuts, cue_scan

    texts, times, others = cue_cuts.webvtt(cue_scan.codes_of(chunk), spaces())
    if not len(times):
        return None
    for number in others.tolist():
        note("blocks_left_out", line + number)
    starts, ends = times.T.tolist()
    return Cues(starts, ends, cue_scan.text_of(texts))


def _read_lines(chunk: str, line: int, note: Note, *, webvtt: bool) -> Cues:
    """The cues of SubRip or WebVTT; `line` lines come before the chunk.

    A block of WebVTT without a timing goes on the block before it: real files have blank lines
    within cues and style sheets.
    """
    before = ""  # what the block before was: a name for `note`, or "cue"
    starts: list[float] = []
    ends: list[float] = []
    texts: list[str] = []
    for number, timing, times, block in _split(chunk.split("\n"), webvtt):
        if times is not None:
            rest = timing[times.end() :]
            if rest and not webvtt and _PLACE.fullmatch(rest) is None:
                block.insert(0, rest)
            first, second, third, fraction, *end = times.groups()
            starts.append(_seconds(first, second, third, fraction))
            ends.append(_seconds(*end))
            texts.append("\n".join(block))
            before = "cue"
        elif timing:
            before = "cues_damaged"
            is_harmless = webvtt and _is_harmless(timing, block)
            note("blocks_left_out" if is_harmless else before, line + number)
        elif any(block) and not _SIGNATURE.match(block[0]):
            if webvtt and _NO_CUE.match(block[0]):
                before = "blocks_left_out"
            elif before == "cue":
                texts[-1] += "\n" + "\n".join(block)
                continue
            before = before or "cues_damaged"
            note(before, line + number)
    return Cues(starts, ends, BREAK.join(texts))


def _split(
    lines: Iterable[str], webvtt: bool
) -> Iterator[tuple[int, str, re.Match[str] | None, list[str]]]:
    """(line where it ended, timing, its times, lines after it) of each piece of a file.

    The timing is empty where the piece has none, its times are `None` where it is damaged.
    """
    timing, times = "", None
    block: list[str] = []
    number = 0
    for number, raw in enumerate(lines, 1):  # the last number is used below
        line = raw.strip()
        found = (_TIMING.match(line) or _LOOSE_TIMING.match(line)) if ">" in line else None
        starts = found is not None or (
            ">" in line
            and _is_damaged_timing(line, webvtt)
            and not (webvtt and not timing and _is_in_block(line, block))
        )
        ends = webvtt and not line
        if starts:
            _drop_index(block, webvtt=webvtt, in_cue=bool(timing))
        if starts or ends:
            if timing or block:
                yield number, timing, times, block
            block = []
            timing, times = (line, found) if starts else ("", None)
        else:
            block.append(line)
    yield number, timing, times, block


def _is_damaged_timing(line: str, webvtt: bool) -> bool:
    head = line[:_NEARLY_TIMING_CHARACTERS]
    return (webvtt and "-->" in line) or _NEARLY_TIMING.search(head) is not None


def _is_in_block(line: str, block: list[str]) -> bool:
    """Whether an arrow stands in a style sheet, a region or a note of WebVTT."""
    return bool(block and _NO_CUE.match(block[0])) and not _NUMBERS.search(line)


def _is_harmless(timing: str, block: list[str]) -> bool:
    """Whether an arrow that is in no timing has no dialogue before, behind or beneath it."""
    if block:
        return _NO_CUE.match(block[0]) is not None and not _NUMBERS.search(timing)
    return _WORD.search(timing) is None or _NO_CUE.match(timing) is not None


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
