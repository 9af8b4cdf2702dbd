"""Subtitles of broadcasters: EBU STL (EBU Tech 3264-E) and Scenarist's captions (SCC, CEA-608).

Both are small binary or coded formats with code pages of their own. Of SCC the first channel is
read: captions that pop on, roll up, or are painted on.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator

from curate.sources.cues import BREAK, Cues, Note

HEADER_BYTES, BLOCK_BYTES, FIELD_BYTES = 1024, 128, 112
_SUBTITLE_END, _USER_DATA, _NEW_LINE, _UNUSED = 0xFF, 0xFE, 0x8A, 0x8F
LATIN = "iso6937"  # for which Python has no codec
_CODE_TABLES = {b"01": "iso8859-5", b"02": "iso8859-6", b"03": "iso8859-7", b"04": "iso8859-8"}
_LATIN = (  # ISO 6937 from A0 on, without the row of diacritical marks
    "\u00a0¡¢£$¥#§¤‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿                ―¹®©™♪¬¦    ⅛⅜⅝⅞"
    "ΩÆĐªĦ ĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ\u00ad"
)
_MARKS = {  # before the letter, where Unicode has them after it
    0xC1: "\u0300", 0xC2: "\u0301", 0xC3: "\u0302", 0xC4: "\u0303", 0xC5: "\u0304",
    0xC6: "\u0306", 0xC7: "\u0307", 0xC8: "\u0308", 0xCA: "\u030a", 0xCB: "\u0327",
    0xCD: "\u030b", 0xCE: "\u0328", 0xCF: "\u030c",
}  # fmt: skip

_SCC_LINE = re.compile(
    r"^\s*(\d\d):(\d\d):(\d\d)[:;.,](\d\d)[ \t]+((?:[0-9a-fA-F]{4}[ \t]*)+)$", re.MULTILINE
)
_NO_PARITY = bytes(byte & 0x7F for byte in range(256))
_SCC_RATE = 30000 / 1001
_BASIC = [
    chr(code).translate(str.maketrans("*\\^_`{|}~\x7f", "áéíóúç÷Ññ█")) if code >= ord(" ") else ""
    for code in range(128)
]
_SPECIAL = "®°½¿™¢£♪à èâêîôû"
_EXTENDED = (
    "ÁÉÓÚÜü‘¡*'—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»",
    "ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤│ÅåØø┌┐└┘",
)
_LOAD, _PAINT, _ROLL = {0x20}, {0x29}, {0x25, 0x26, 0x27}
_SHOW, _ERASE, _FORGET, _RETURN, _BACK = 0x2F, 0x2C, 0x2E, 0x2D, 0x21


def is_ebu_stl(head: bytes) -> bool:
    """Whether a file begins as EBU STL does: with a code page and `STL25.01` or the like."""
    return re.match(rb"[\d ]{3}STL\d\d\.\d\d", head) is not None


def code_table(data: bytes) -> str:
    """The encoding that the header of an EBU STL file names."""
    return _CODE_TABLES.get(data[12:14], LATIN)


def read_ebu_stl(data: bytes, note: Note) -> Iterator[Cues]:
    """The subtitles of an EBU STL file, comments left out.

    Args:
        data: the whole file.
        note: is called with `cues_damaged` for a block that is cut short.
    """
    rate = float(data[6:8]) or 25.0
    table = code_table(data)
    starts, ends, texts = [], [], []
    field = b""
    for at in range(HEADER_BYTES, len(data), BLOCK_BYTES):
        block = data[at : at + BLOCK_BYTES]
        if len(block) < BLOCK_BYTES:
            if block.strip(b"\0\x1a\r\n \x8f"):
                note("cues_damaged", 0)
            break
        if block[3] == _USER_DATA:
            continue
        field += block[BLOCK_BYTES - FIELD_BYTES :].partition(bytes([_UNUSED]))[0]
        if block[3] != _SUBTITLE_END:
            continue
        if not block[15]:  # else it is a comment
            starts.append(_frames(block[5:9], rate))
            ends.append(_frames(block[9:13], rate))
            texts.append(_stl_text(field, table))
        field = b""
    yield Cues(starts, ends, BREAK.join(texts))


def read_scc(blocks: Iterable[str], note: Note) -> Iterator[Cues]:
    """The captions of the first channel of an SCC file.

    Args:
        blocks: the file's text.
        note: is called with `cues_damaged` for a line of codes that is none.
    """
    text = "".join(blocks)
    screen = _Screen()
    for hours, minutes, seconds, frames, codes in _SCC_LINE.findall(text):
        time = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(frames) / _SCC_RATE
        last = None
        data = bytes.fromhex(codes).translate(_NO_PARITY)
        for count, pair in enumerate(zip(data[::2], data[1::2], strict=True)):
            is_control = 0x10 <= pair[0] <= 0x1F  # noqa: PLR2004  # codes that are sent twice
            if is_control and pair == last:
                last = None
                continue
            last = pair
            screen.take(*pair, time + count / _SCC_RATE)
    for line in text.split("\n")[1:]:
        if line.strip() and not _SCC_LINE.match(line):
            note("cues_damaged", 0)
    screen.end()
    yield Cues(screen.starts, screen.ends, BREAK.join(screen.texts))


class _Screen:
    """What a decoder of CEA-608 shows on its first channel."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []
        self.texts: list[str] = []
        self._hidden: list[str] = []  # characters of the caption that is loaded
        self._shown: list[str] = []
        self._since = math.nan
        self._mode = _LOAD
        self._other_channel = False

    def take(self, first: int, second: int, time: float) -> None:
        """Take a pair of bytes, without parity."""
        if first >= 0x20:  # noqa: PLR2004  # characters
            if not self._other_channel:
                self._write(_BASIC[first] + _BASIC[second], time)
            return
        if first < 0x10:  # noqa: PLR2004  # filling, extended data
            return
        self._other_channel = first >= 0x18  # noqa: PLR2004
        if self._other_channel:
            return
        if first == 0x14 and 0x20 <= second < 0x30:  # noqa: PLR2004
            self._command(second, time)
        elif first == 0x11 and 0x30 <= second < 0x40:  # noqa: PLR2004
            self._write(_SPECIAL[second - 0x30], time)
        elif first in {0x12, 0x13} and 0x20 <= second < 0x40:  # noqa: PLR2004
            self._take_back()
            self._write(_EXTENDED[first - 0x12][second - 0x20], time)
        elif (first == 0x11 and 0x20 <= second < 0x30) or first == 0x17:  # noqa: PLR2004
            self._write(" ", time)
        elif second >= 0x40:  # noqa: PLR2004  # another row
            self._write("\n", time)

    def end(self) -> None:
        """End what is shown."""
        self._clear(math.nan)

    def _command(self, code: int, time: float) -> None:
        if code in _LOAD | _PAINT | _ROLL:
            mode = next(mode for mode in (_LOAD, _PAINT, _ROLL) if code in mode)
            if mode is not _LOAD and (mode is _PAINT or mode is not self._mode):
                self._clear(time)
            self._mode = mode
        elif code == _SHOW:
            self._clear(time)
            self._shown, self._hidden, self._since = self._hidden, [], time
        elif code == _ERASE or (code == _RETURN and self._mode is _ROLL):
            self._clear(time)
        elif code == _FORGET:
            self._hidden = []
        elif code == _BACK:
            self._take_back()

    def _clear(self, time: float) -> None:
        """End the caption that is shown."""
        text = "".join(self._shown)
        if text.strip():
            self.starts.append(self._since)
            self.ends.append(time)
            self.texts.append(text)
        self._shown = []
        self._since = math.nan

    def _write(self, text: str, time: float) -> None:
        if self._mode is _LOAD:
            self._hidden.append(text)
            return
        if text.strip() and math.isnan(self._since):
            self._since = time
        self._shown.append(text)

    def _take_back(self) -> None:
        """Take the last character back."""
        target = self._hidden if self._mode is _LOAD else self._shown
        if target:
            target[-1] = target[-1][:-1]


def _frames(stamp: bytes, rate: float) -> float:
    hours, minutes, seconds, frames = stamp
    return hours * 3600 + minutes * 60 + seconds + frames / rate


def _stl_text(field: bytes, table: str) -> str:
    lines = []
    for line in field.split(bytes([_NEW_LINE])):
        plain = bytes(max(b, 0x20) for b in line if not 0x80 <= b < 0xA0)  # noqa: PLR2004  # without colours and boxes
        lines.append(_latin(plain) if table == LATIN else plain.decode(table, "replace"))
    return "\n".join(lines)


def _latin(line: bytes) -> str:
    """ISO 6937 as Unicode."""
    text, mark = [], ""
    for byte in line:
        if byte in _MARKS:
            mark = _MARKS[byte]
            continue
        text.append((chr(byte) if byte < 0xA0 else _LATIN[byte - 0xA0]) + mark)  # noqa: PLR2004
        mark = ""
    return unicodedata.normalize("NFC", "".join(text))
