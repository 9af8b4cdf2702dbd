"""Bytes of unknown encoding → the encoding and the text, for every reader.

Labels mean what the web means by them (WHATWG Encoding Standard, "Names and labels"): `latin1` and
`ascii` are windows-1252, `gb2312` is GB 18030, `shift_jis` is code page 932. Detection is chardet's,
among the encodings that texts came in (no EBCDIC), and sees only what can tell: lines with a byte
beyond ASCII, and of these the first 64 KiB.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import filterfalse

from curate.languages import normalise_language

SAMPLE_BYTES = 1 << 16
_FIRST_BYTES = 1 << 12  # of the sample: enough where they settle it
_SETTLED = 0.3  # the score from which they do
CERTAIN = 1.0
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
FALLBACK = "cp1252"

_SUPERSETS = {  # Python's name of a set → of the one that the web reads under this label
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "shift_jis_2004": "cp932",
    "shift_jisx0213": "cp932",
    "euc_jis_2004": "euc_jp",
    "euc_jisx0213": "euc_jp",
    "iso2022_jp": "iso2022_jp_ext",
    "euc_kr": "cp949",
}
_WINDOWS = {  # near twins: where an ISO set has controls, the text is in the Windows one
    "iso8859-2": "cp1250",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-13": "cp1257",
    "iso8859-15": "cp1252",
}
_LABELS = {  # labels of the standard that Python spells otherwise or does not know
    "x-gbk": "gb18030",
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "x-x-big5": "big5hkscs",
    "x-cp1250": "cp1250",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ukrainian": "mac-cyrillic",
    "dos-874": "cp874",
    "unicode": "utf-16-le",
    "unicodefeff": "utf-16-le",
    "utf-16": "utf-16-le",  # a mark was looked for before the label
    "utf-32": "utf-32-le",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-6-e": "iso8859-6",
    "iso-8859-6-i": "iso8859-6",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "ks_c_5601-1987": "cp949",
    "windows-949": "cp949",
    "x-windows-949": "cp949",
    "windows-31j": "cp932",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "koi8_r": "koi8-r",
    "koi8-ru": "koi8-u",
}
# Python has codecs of other kinds too (rot13, idna, unicode_escape, EBCDIC).
_TEXT_CODEC = re.compile(
    r"ascii|big5|cp(?:437|7\d\d|8\d\d|9\d\d|1006|1125|125\d)$|euc_|gb|hz$|iso2022|iso8859|johab|koi8|kz1048"
    r"|mac-|ptcp154|shift_jis|tis-620|utf-(?:8|16|32)"
)
_C1 = re.compile(rb"[\x80-\x9f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_ESCAPES = re.compile(rb"\x1b[$(]|~\{")  # ISO 2022 and HZ shift within ASCII
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_NO_TEXT = re.compile("[\x80-\x9f\ue000-\uf8ff\ufdd0-\ufdef\ufff0-\uffff\U000f0000-\U0010ffff]")
_WIDE_CHARACTERS = 4  # so many with the same zeros are no chance
_NO_MATCH_SCORE = 0.1  # chardet's, of the answer that it does not check
_IMPLAUSIBLE_SHARE = 10  # one in so many characters beyond ASCII that mean nothing: another set

_WESTERN = ("cp1252", "iso8859-15", "mac-roman", "cp850")
_CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac-latin2")
_CYRILLIC = ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic")
_BALTIC = ("cp1257", "iso8859-13", "iso8859-4", "cp775")
_ARABIC = ("cp1256", "iso8859-6", "cp864")
# Western sets of few and short lives, those of DOS and the Mac, and those of one country.
_RARE = re.compile(
    r"cp(?:437|7\d\d|8(?!66|74)\d\d|1006|1125)|mac-|hp-roman8|koi8-t|kz1048|ptcp154|utf-7"
    r"|iso8859-1[046]"
)
_UNSURE = 0.51  # a rare set is believed from this score up, else the best common one
USED_FOR: dict[str, tuple[str, ...]] = {  # ISO 639-3: legacy encodings that texts of it came in
    **dict.fromkeys(
        ("afr", "bre", "cat", "dan", "deu", "eng", "eus", "fao", "fin", "fra", "gle", "glg", "ind"),
        _WESTERN,
    ),
    **dict.fromkeys(
        ("isl", "ita", "ltz", "msa", "nld", "nno", "nob", "nor", "oci", "por", "spa", "sqi", "swa"),
        _WESTERN,
    ),
    **dict.fromkeys(
        ("swe", "tgl"),
        _WESTERN,
    ),
    **dict.fromkeys(("bos", "ces", "hrv", "hun", "pol", "ron", "slk", "slv"), _CENTRAL),
    **dict.fromkeys(("bul", "mkd", "rus", "mon", "kir"), _CYRILLIC),
    "srp": ("cp1251", "iso8859-5", "cp1250", "iso8859-2", "mac-cyrillic", "cp855"),
    "ukr": ("cp1251", "koi8-u", "iso8859-5", "mac-cyrillic", "cp1125", "cp866"),
    "bel": ("cp1251", "koi8-u", "iso8859-5", "cp866", "mac-cyrillic"),
    "kaz": ("kz1048", "ptcp154", "cp1251"),
    "ell": ("cp1253", "iso8859-7", "cp737", "mac-greek"),
    "tur": ("cp1254", "cp857", "mac-turkish"),
    "aze": ("cp1254",),
    "heb": ("cp1255", "iso8859-8", "cp862"),
    "yid": ("cp1255",),
    "ara": _ARABIC,
    "fas": ("cp1256",),
    "urd": ("cp1256",),
    "est": ("cp1257", "iso8859-13", "iso8859-15", "cp1252", "iso8859-4", "cp775"),
    "lav": _BALTIC,
    "lit": _BALTIC,
    "vie": ("cp1258",),
    "tha": ("cp874",),
    "epo": ("iso8859-3",),
    "mlt": ("iso8859-3",),
    "cym": ("iso8859-14", "cp1252"),
    "jpn": ("cp932", "euc_jp", "iso2022_jp_ext"),
    "kor": ("cp949", "johab", "iso2022_kr"),
    "zho": ("gb18030", "big5hkscs", "hz"),
}


@dataclass(frozen=True)
class Detected:
    """What some bytes are encoded in.

    Attributes:
        encoding: Python's name of the codec.
        score: 0 to 1: how sure that is; 1 where bytes leave no doubt or the source says it.
    """

    encoding: str
    score: float


@dataclass(frozen=True)
class Decoded:
    """A text with the encoding that its bytes were read in."""

    text: str
    encoding: str
    score: float


def detect(data: bytes, *, language: str | None = None) -> Detected:
    """The encoding of bytes, from a byte order mark, their validity as UTF-8, or their statistics.

    The same bytes give the same answer, however they were read. Bytes that nothing fits are called
    windows-1252, with score 0.

    Args:
        data: all there is, or as much as the caller cares to look at. Statistics look at the first
            64 KiB of lines that have a byte beyond ASCII.
        language: ISO 639-1 or 639-3, where the text's language is known: encodings that texts of
            it came in are then preferred.
    """
    for mark, codec in BOMS:
        if data.startswith(mark):
            return Detected(codec, CERTAIN)
    if wide := find_wide(data[:1024]):
        return Detected(wide, CERTAIN)
    first = data[:SAMPLE_BYTES]
    shifts = (b"\x1b" in first or b"~{" in first) and _ESCAPES.search(first)
    if not shifts:
        try:
            data.decode()
            return Detected("utf-8", CERTAIN)
        except UnicodeDecodeError:
            pass
    found = _guess(first if shifts else sample(data), language)
    if shifts and not found.encoding.startswith(("iso2022", "hz")):
        try:
            data.decode()
            return Detected("utf-8", CERTAIN)
        except UnicodeDecodeError:
            return _guess(sample(data), language)
    return found


def sample(data: bytes) -> bytes:
    """The lines that have a byte beyond ASCII, each once, until they are 64 KiB.

    A line that is longer than that is cut; it then begins at its first byte beyond ASCII.
    """
    lines: dict[bytes, None] = {}
    size = 0
    for line in filterfalse(bytes.isascii, data.split(b"\n")):
        if line in lines:
            continue
        first = _HIGH.search(line) if len(line) > SAMPLE_BYTES else None
        start = first.start() if first else 0
        lines[line[start : start + SAMPLE_BYTES - size]] = None
        size += len(line) + 1
        if size >= SAMPLE_BYTES:
            break
    return b"\n".join(lines)


def codec_of(label: str | None) -> str | None:
    """Python's codec for what the web means by a label; None where it means no text encoding."""
    return _codec_of(label.strip("\"' \t\r\n\f").lower()) if label else None


def windows_twin(codec: str, data: bytes) -> str:
    """The Windows set for an ISO one where bytes are characters only there."""
    return _WINDOWS.get(codec, codec) if _C1.search(data) else codec


def is_plausible(text: str) -> bool:
    """Whether nearly all characters beyond ASCII can stand in a text.

    C1 controls, private use and noncharacters cannot; where they are more than one in ten, bytes
    were read in the wrong set.
    """
    head = text[:SAMPLE_BYTES]
    beyond = len(_BEYOND_ASCII.findall(head))
    return len(_NO_TEXT.findall(head)) * _IMPLAUSIBLE_SHARE <= beyond


def find_wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: every other byte of western text is zero, or three of four."""
    if b"\0" not in head:
        return None
    quarter = len(head) // 4
    counts = [head[place : quarter * 4 : 4].count(0) for place in range(4)]
    if quarter >= _WIDE_CHARACTERS:
        if counts[2] == counts[3] == quarter and counts[0] == 0:
            return "utf-32-le"
        if counts[0] == counts[1] == quarter and counts[3] == 0:
            return "utf-32-be"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 5 < max(40, len(head)) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def decode_declared(data: bytes, label: str | None) -> Decoded | None:
    """The text in the declared encoding; None where the bytes are not valid or plausible in it."""
    codec = codec_of(label)
    if codec is None:
        return None
    codec = windows_twin(codec, data)
    try:
        text = data.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None
    return Decoded(text, codec, CERTAIN) if is_plausible(text) else None


def decode_detected(data: bytes, labels: Iterable[str | None] = ()) -> Decoded:
    """The text in the encoding that detection finds.

    Where the bytes are not valid in it, in the first declared one that means anything, else in
    windows-1252, whose five unused bytes and all else that is invalid become U+FFFD.
    """
    found = detect(data)
    with suppress(UnicodeDecodeError):
        return Decoded(data.decode(found.encoding), found.encoding, found.score)
    declared = (codec_of(label) for label in labels)
    codec = next((name for name in declared if name and name != "utf-8"), None)
    if codec is None and found.score >= _UNSURE:  # damage in a text of that encoding
        codec = found.encoding
    codec = codec or FALLBACK
    return Decoded(data.decode(codec, "replace"), codec, 0.0)


def _guess(data: bytes, language: str | None) -> Detected:
    """What chardet finds best, among the encodings of the language where these are known and fit."""
    import chardet  # its models are not needed to start the command line

    def best(wanted: frozenset[str]) -> Detected | None:
        names = _names_for(wanted)
        answer = chardet.detect(
            data,
            max_bytes=SAMPLE_BYTES,
            compat_names=False,
            include_encodings=names,
            no_match_encoding=names[0],  # it must be one of them, with a score of 0.1
        )
        codec = codec_of(answer["encoding"])
        score = round(float(answer["confidence"]), 4)
        if codec is None or (score == _NO_MATCH_SCORE and not _is_valid(data, codec)):
            return None
        return Detected(windows_twin(codec, data), score)

    if len(data) > _FIRST_BYTES:
        first = _guess(data[:_FIRST_BYTES], language)
        if first.score >= _SETTLED and _is_valid(data, first.encoding):
            return Detected(windows_twin(first.encoding, data), first.score)
    code = normalise_language(language) if language else ""
    for wanted in (frozenset(USED_FOR.get(code, ())), _codecs()):
        found = best(wanted) if wanted else None
        if found and found.score < _UNSURE and _RARE.match(found.encoding):
            found = best(frozenset(name for name in wanted if not _RARE.match(name))) or found
        if found:
            return found
    return Detected(FALLBACK, 0.0)


def _is_valid(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


@cache
def _codecs() -> frozenset[str]:
    """All that chardet may find: no EBCDIC, which came on no disk and no page."""
    from chardet import EncodingEra
    from chardet.registry import REGISTRY

    found = (codec_of(n) for n, e in REGISTRY.items() if e.era != EncodingEra.MAINFRAME)
    return frozenset(codec for codec in found if codec)


@cache
def _names_for(wanted: frozenset[str]) -> tuple[str, ...]:
    """Some codecs as chardet names them."""
    from chardet.registry import REGISTRY

    return tuple(sorted(name for name in REGISTRY if codec_of(name) in wanted))


@cache
def _codec_of(label: str) -> str | None:
    try:
        codec = codecs.lookup(_LABELS.get(label, label)).name
    except (LookupError, ValueError):  # ValueError: a NUL in the label
        return None
    if codec == "utf-8-sig":
        return "utf-8"
    return _SUPERSETS.get(codec, codec) if _TEXT_CODEC.match(codec) else None
