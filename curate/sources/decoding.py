"""Bytes of unknown encoding → text: one pass that learns what a file is, one that decodes it."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from resiliparse.parse.encoding import detect_encoding

BLOCK_BYTES = 1 << 18
HEAD_BYTES = 1 << 16
UNPACKING_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
_ZEROS = {  # which of the first four bytes are zero where a file begins with two ASCII characters
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding=["']([\w.-]{1,40})["']""")
_TEXT_CODEC = re.compile(r"iso8859|cp\d|koi8|gb|big5|shift|euc|mac|tis|utf-(?:8|16|32)")
_C1 = re.compile(rb"[\x80-\x9f]")
_SUPERSETS = {  # texts come from Windows; a detector's rare Latin sets are wrong guesses
    **{f"iso8859-{n}": "cp1252" for n in (1, 3, 4, 10, 14, 15, 16)},
    "iso8859-2": "cp1250",  # where there are characters that the ISO set does not have
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}


@dataclass(frozen=True)
class Content:
    """What the first pass over a file found.

    Attributes:
        sha256: of the unpacked bytes.
        size: unpacked bytes that could be read.
        encoding: Python's name of it.
        head: the first characters.
        tail: the last characters.
        broken: why unpacking stopped before the end; empty when it did not.
        invalid: offset of the first byte that is not UTF-8, in a file that is UTF-8 on the whole.
    """

    sha256: str
    size: int
    encoding: str
    head: str
    tail: str
    broken: str
    invalid: int | None


def survey(stream: BinaryIO) -> Content:
    """Read a file, packed by gzip or not, once from its first byte to its last.

    The encoding is what a byte order mark says; else UTF-8 where the bytes are valid UTF-8 (or
    nearly all are); else what an XML declaration says; else what Resiliparse's detector finds.
    """
    digest, size, broken = hashlib.sha256(), 0, ""
    head = tail = sample = b""
    invalid: int | None = None
    utf8 = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(stream):
            digest.update(block)
            head += block[: HEAD_BYTES - len(head)]
            tail = (tail + block)[-HEAD_BYTES:]
            if invalid is None:
                begin = size - len(utf8.getstate()[0])
                try:
                    utf8.decode(block)
                except UnicodeDecodeError as error:
                    invalid, sample = begin + error.start, block
            size += len(block)
    except UNPACKING_ERRORS as error:
        broken = str(error)
    if invalid is None and utf8.getstate()[0]:
        invalid, sample = size - len(utf8.getstate()[0]), tail
    encoding = _encoding(head, sample)
    return Content(
        sha256=digest.hexdigest(),
        size=size,
        encoding=encoding,
        head=head.decode(encoding, "replace").replace("\0", "").replace("\ufeff", ""),
        tail=tail[len(tail) % 4 :].decode(encoding, "replace"),
        broken=broken,
        invalid=invalid if encoding == "utf-8" else None,
    )


def decoded(stream: BinaryIO, encoding: str) -> Iterator[str]:
    r"""The text of a file, packed by gzip or not, in blocks; every line ends with `\n`.

    What cannot be decoded becomes U+FFFD; NULs and byte order marks go. Stops without an error
    where a packed file is damaged: `survey` says so.
    """
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)("replace"), translate=True
    )
    with suppress(*UNPACKING_ERRORS):
        for block in _blocks(stream):
            yield decoder.decode(block).replace("\0", "").replace("\ufeff", "")
    yield decoder.decode(b"", final=True).replace("\0", "")


def lines(blocks: Iterator[str], maximum_characters: int) -> Iterator[str]:
    """Lines without their ends; one that is longer than the maximum comes in pieces."""
    rest = ""
    for block in blocks:
        *whole, rest = (rest + block).split("\n")
        yield from whole
        if len(rest) > maximum_characters:
            yield rest
            rest = ""
    if rest:
        yield rest


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The unpacked bytes of a file, from its beginning."""
    stream.seek(0)
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    if not packed:
        while block := stream.read(BLOCK_BYTES):
            yield block
    else:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            while block := unpacked.read1(BLOCK_BYTES):  # `read` loses what comes before damage
                yield block


def _encoding(head: bytes, sample: bytes) -> str:
    """Python's name of the encoding; `sample` is a block that is not UTF-8, or empty."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    zeros = tuple(byte == 0 for byte in head[:4])
    if zeros in _ZEROS:
        return _ZEROS[zeros]
    return _older_encoding(head, sample) if sample else "utf-8"


def _older_encoding(head: bytes, sample: bytes) -> str:
    """The encoding of a file by a block that is not valid UTF-8; perhaps still UTF-8."""
    text = sample.decode("utf-8", "replace")
    if len(re.findall("[^\x00-\x7f\ufffd]", text)) > text.count("\ufffd"):
        return "utf-8"
    declared = _DECLARED.match(head)
    detected = detect_encoding(sample, html5_compatible=False)
    names: tuple[str | None, ...] = (declared[1].decode() if declared else None, detected)
    for candidate in names:
        with suppress(LookupError):
            codec = codecs.lookup(candidate or "").name
            if codec == "iso8859-2" and not _C1.search(sample):
                return codec
            if _TEXT_CODEC.match(codec) and codec != "utf-8":
                return _SUPERSETS.get(codec, codec)
    return "cp1252"
