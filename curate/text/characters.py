"""What each Unicode character is to this package: tables shipped as data, one for every Python.

`characters.tsv` holds ranges of code points with their class in text (below) and what cleaning
does with them; `folding.tsv` holds simple case folding. `python -m curate.text.characters` writes
both from the Unicode database of the Python that runs it (the shipped ones: Unicode 14.0), so that
results do not change with the Python version.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

CODE_POINTS: Final = 0x110000
FOLDED: Final = 0x1E944  # no code point from here up has a case

# Classes in text. Words are made of LOWER … STACKER; see `curate.text.segment` for the rules.
OTHER: Final = 0
SPACE: Final = 1  # white space within a line
NEWLINE: Final = 2  # LF VT FF CR NEL LS PS
LOWER: Final = 3
UPPER: Final = 4  # and title case
LETTER: Final = 5  # a letter without case
DIGIT: Final = 6  # all numbers: Nd, Nl, No
MARK: Final = (
    7  # combining marks, joiners, soft hyphen, the kana length mark: belong to what is before
)
IDEOGRAPH: Final = 8  # Han, Yi, Tangut, Nushu, Khitan: a word each
HIRAGANA: Final = 9
KATAKANA: Final = 10
UNSPACED: Final = 11  # base letters of scripts written without spaces
LEAD: Final = 12  # Thai, Lao, Tai Viet vowels written before their consonant
TRAIL: Final = 13  # Thai and Lao vowels that are letters to Unicode, written after it
STACKER: Final = 14  # Khmer coeng, Burmese virama, Tai Tham sakot: join both neighbours
INNER_LETTER: Final = 15  # apostrophes and the like: inside a word between two letters
INNER_DIGIT: Final = 16  # comma and the like: inside a number between two digits
FULL_STOP: Final = 17  # inside a number too, and ends sentences
TERMINAL_SPACED: Final = 18  # ends a sentence when white space follows: ! ? …
TERMINAL: Final = 19  # ends a sentence whatever follows: 。 । ؟
CLOSER: Final = 20  # closing brackets
QUOTE: Final = 21  # quotation marks that can close, the apostrophe apart
CLASSES: Final = 22

# What cleaning does, in the low three bits, and two flags.
KEEP: Final = 0
DROP: Final = 1  # controls, zero-width and other invisible format characters
BREAK: Final = 2  # becomes a line feed
BLANK: Final = 3  # a space separator: a run of them becomes one space
TAB: Final = 4
JOINER: Final = 5  # ZWJ, ZWNJ: kept after a character that is JOINABLE, with its marks
ACTION: Final = 7
JOINABLE: Final = 8
NFC_CHECK: Final = 16  # the text may not be in NFC
NFKC_CHECK: Final = 32  # the text may not be in NFKC

_UNSPACED = (  # the beginnings of their characters' names
    *("THAI", "LAO", "KHMER", "MYANMAR", "TAI LE", "NEW TAI LUE", "TAI THAM", "TAI VIET"),
    *("AHOM", "JAVANESE", "BALINESE"),
)
_IDEOGRAPHS = (
    *("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC", "HANGZHOU NUMERAL"),
    *("YI SYLLABLE", "TANGUT", "NUSHU CHARACTER", "KHITAN SMALL SCRIPT CHARACTER"),
)
_KATAKANA = ("KATAKANA", "HALFWIDTH KATAKANA")
_IDEOGRAPHS_TO_COME = (0x20000, 0x3FFFD)  # two planes set aside for them
_TEXT_CLASS = {
    OTHER: "\x1c\x1d\x1e\x1f",
    SPACE: "\t ",
    NEWLINE: "\n\v\f\r\x85\u2028\u2029",
    MARK: "\xad\u200c\u200d\u2060ー\uff70",
    LEAD: "เแโใไເແໂໃໄ\uaab5\uaab6\uaab9\uaabb\uaabc",
    TRAIL: "ะาำๅະາຳ",
    STACKER: "\u17d2\u1039\u1a60",
    INNER_LETTER: "'\u2019\uff07\xb7\u05f3\u05f4",
    INNER_DIGIT: ",\u066b\u066c",
    FULL_STOP: ".",
    TERMINAL_SPACED: "!?…‥‼‽⁇⁈⁉",
    TERMINAL: "։\u05c3؝؞؟۔܀܁܂߹࠷࠹࠽࠾।॥၊။።፧፨᙮᜵᜶។៕᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᰻᰼᱾᱿།༎⸮⸼。꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫︒︕︖﹒﹖﹗！．？｡",  # noqa: RUF001 - these marks are meant
    QUOTE: '"」』｣﹂﹄',
}
_LATE_TERMINALS = (  # beyond the Basic Multilingual Plane
    *((0x10A56, 0x10A57), (0x10F55, 0x10F59), (0x11047, 0x11048), (0x110BE, 0x110C1)),
    *((0x11141, 0x11143), (0x111C5, 0x111C6), (0x111CD, 0x111CD), (0x111DE, 0x111DF)),
    *((0x11238, 0x11239), (0x1123B, 0x1123C), (0x112A9, 0x112A9), (0x1144B, 0x1144C)),
    *((0x115C2, 0x115C3), (0x115C9, 0x115D7), (0x11641, 0x11642), (0x1173C, 0x1173E)),
    *((0x11944, 0x11944), (0x11946, 0x11946), (0x11A42, 0x11A43), (0x11A9B, 0x11A9C)),
    *((0x11C41, 0x11C42), (0x11EF7, 0x11EF8), (0x16A6E, 0x16A6F), (0x16AF5, 0x16AF5)),
    *((0x16B37, 0x16B38), (0x16B44, 0x16B44), (0x16E98, 0x16E98), (0x1BC9F, 0x1BC9F)),
    *((0x1DA88, 0x1DA88),),
)
_LISTED = {ord(char): code for code, chars in _TEXT_CLASS.items() for char in chars}
_LISTED |= {code: TERMINAL for first, last in _LATE_TERMINALS for code in range(first, last + 1)}
_JOINABLE = (  # scripts whose letters join or stack, and what emoji are made of
    (0x0600, 0x109F),
    (0x1700, 0x18AF),
    (0x1900, 0x1CFF),
    (0x2600, 0x27BF),
    (0x2B00, 0x2BFF),
    (0xA800, 0xABFF),
    (0x10A00, 0x11FFF),
    (0x1E900, 0x1E95F),
    (0x1F000, 0x1FAFF),
)
_INVISIBLE = "\xad\u200b\u200e\u200f\u2060\ufeff"  # besides, all other Cf of these blocks:
_INVISIBLE_BLOCKS = ((0x202A, 0x202E), (0x2061, 0x206F), (0xFFF9, 0xFFFB), (0xE0000, 0xE0FFF))
_CLEAN_ACTION = {"\t": TAB, "\u200c": JOINER, "\u200d": JOINER}
_CLEAN_ACTION |= dict.fromkeys(_TEXT_CLASS[NEWLINE], BREAK)


@functools.cache
def classes() -> NDArray[np.uint8]:
    """The class in text of each code point: uint8 of length 0x110000."""
    return _tables()[0]


@functools.cache
def cleaning() -> NDArray[np.uint8]:
    """What cleaning does with each code point, and its flags: uint8 of length 0x110000."""
    return _tables()[1]


@functools.cache
def folding() -> NDArray[np.int32]:
    """The simple case folding of each code point below `FOLDED`."""
    table = np.arange(FOLDED, dtype=np.int32)
    for row in _rows("folding.tsv"):
        table[int(row[0], 16)] = int(row[1], 16)
    return table


@functools.cache
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    text = np.zeros(CODE_POINTS, np.uint8)
    clean = np.zeros(CODE_POINTS, np.uint8)
    for row in _rows("characters.tsv"):
        first, last = int(row[0], 16), int(row[1], 16) + 1
        text[first:last] = int(row[2])
        clean[first:last] = int(row[3])
    return text, clean


def _rows(name: str) -> list[list[str]]:
    content = resources.files("curate.text").joinpath(name).read_text("utf-8")
    return [line.split("\t") for line in content.splitlines() if not line.startswith("#")]


def text_class(code: int) -> int:
    """The class of a code point, from this Python's Unicode database."""
    if code in _LISTED:
        return _LISTED[code]
    char = chr(code)
    category, name = unicodedata.category(char), unicodedata.name(char, "")
    if category == "Cn" and _IDEOGRAPHS_TO_COME[0] <= code <= _IDEOGRAPHS_TO_COME[1]:
        return IDEOGRAPH
    if category[0] == "L" or category in ("Nl", "No"):
        by_name = {_IDEOGRAPHS: IDEOGRAPH, ("HIRAGANA",): HIRAGANA, _KATAKANA: KATAKANA}
        by_name |= {_UNSPACED: UNSPACED} if category[0] == "L" else {}
        for beginnings, found in by_name.items():
            if name.startswith(beginnings):
                return found
    by_category = {"Ll": LOWER, "Lu": UPPER, "Lt": UPPER, "Zs": SPACE}
    by_category |= {"Pe": CLOSER, "Pf": QUOTE, "Pi": QUOTE}
    by_group = {"L": LETTER, "N": DIGIT, "M": MARK}
    return by_category.get(category, by_group.get(category[0], OTHER))


def clean_action(code: int, followers: frozenset[int]) -> int:
    """What cleaning does with a code point, and its flags, from this Python's Unicode database.

    Args:
        code: the code point.
        followers: code points that compose with one before them.
    """
    char = chr(code)
    category = unicodedata.category(char)
    if char in _CLEAN_ACTION:
        return _CLEAN_ACTION[char]
    listed = any(first <= code <= last for first, last in _INVISIBLE_BLOCKS)
    if category == "Cc" or char in _INVISIBLE or (listed and category in ("Cf", "Cn")):
        return DROP
    if category in ("Co", "Cs"):  # surrogates cannot be in UTF-8
        return KEEP
    if category == "Cn":
        return NFC_CHECK | NFKC_CHECK
    action = BLANK if category == "Zs" else KEEP
    moves = code in followers or unicodedata.combining(char) != 0
    forms = [unicodedata.normalize(form, char) for form in ("NFC", "NFKC")]
    if moves or forms[0] != char:
        action |= NFC_CHECK
    if moves or forms[1] != char:
        action |= NFKC_CHECK
    if all(_joinable(form) for form in (char, *forms)):
        action |= JOINABLE
    return action


def _joinable(form: str) -> bool:
    """Whether the last character that is no mark stands in a block where joiners matter."""
    for char in reversed(form):
        if any(first <= ord(char) <= last for first, last in _JOINABLE):
            if text_class(ord(char)) != MARK:
                return True
        elif unicodedata.category(char)[0] != "M":
            return False
    return False


def fold(code: int) -> int:
    """The simple case folding of a code point, from this Python's Unicode database."""
    char = chr(code)
    for folded in (char.casefold(), char.lower()):
        if len(folded) == 1:
            return ord(folded)
    return code


def _followers() -> frozenset[int]:
    found = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}  # Hangul vowels and finals
    for code in range(CODE_POINTS):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):  # noqa: PLR2004 - a canonical pair
            found.add(int(parts[1], 16))
    return frozenset(found)


def write_tables(folder: Path) -> None:
    """Write `characters.tsv` and `folding.tsv` into a folder."""
    header = (
        f"# Unicode {unicodedata.unidata_version}, written by python -m curate.text.characters\n"
    )
    followers = _followers()
    lines: list[str] = []
    first, current = 0, (OTHER, KEEP)
    for code in range(CODE_POINTS + 1):
        is_end = code == CODE_POINTS
        found = (-1, -1) if is_end else (text_class(code), clean_action(code, followers))
        if found != current:
            if current != (OTHER, KEEP):
                lines.append(f"{first:X}\t{code - 1:X}\t{current[0]}\t{current[1]}\n")
            first, current = code, found
    content = header + "# first\tlast\tclass in text\tcleaning\n" + "".join(lines)
    folder.joinpath("characters.tsv").write_text(content, "utf-8", newline="\n")
    pairs = [f"{code:X}\t{fold(code):X}\n" for code in range(CODE_POINTS) if fold(code) != code]
    content = header + "# code point\tfolded\n" + "".join(pairs)
    folder.joinpath("folding.tsv").write_text(content, "utf-8", newline="\n")


if __name__ == "__main__":
    write_tables(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
