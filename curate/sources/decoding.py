"""Bytes of unknown encoding → text: one pass that learns what a file is, one that decodes it."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from curate.sources.broadcast import is_ebu_stl
from curate.sources.encoding import (
    BOMS,
    CERTAIN,
    FALLBACK,
    codec_of,
    detect,
    find_wide,
    windows_twin,
)

BLOCK_BYTES = 1 << 18
HEAD_BYTES = 1 << 16
WHOLE_BYTES = 1 << 22  # a file up to here is unpacked once
DECLARED = 0.95  # how sure a declaration is
UNPACKING_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
ZIP_ERRORS = (  # a locked member is a RuntimeError, an unknown version one of its kind
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
)

_ZEROS: dict[
    tuple[bool, ...], str
] = {  # which of the first four bytes are zero where a file begins with two ASCII characters
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding=["']([\w.-]{1,40})["']""")


@dataclass(frozen=True)
class Content:
    """What the first pass over a file found.

    Attributes:
        sha256: of the unpacked bytes.
        size: unpacked bytes that could be read.
        encoding: Python's name of it.
        score: how sure the encoding is, 0 to 1.
        head: the first characters.
        tail: the last bytes.
        broken: why unpacking stopped before the end; empty when it did not.
        invalid: offset of the first byte that is not UTF-8, in a file that is UTF-8 on the whole.
        data: the unpacked bytes, unless there are many.
    """

    sha256: str
    size: int
    encoding: str
    score: float
    head: str
    tail: bytes
    broken: str
    invalid: int | None
    data: bytes | None

    def tail_text(self) -> str:
        """The last characters."""
        return self.tail[len(self.tail) % 4 :].decode(self.encoding, "replace")


def survey(stream: BinaryIO, language: str = "") -> Content:
    """Read a file, packed by gzip or not, once from its first byte to its last.

    The encoding is what a byte order mark says; else UTF-8 where the bytes are valid UTF-8 (or
    nearly all are); else what an XML declaration says; else what the detector finds.

    Args:
        stream: at any place.
        language: of the text, as an OPUS path spells it: a hint for the detector.
    """
    digest, size, broken = hashlib.sha256(), 0, ""
    tail = sample = b""
    invalid: int | None = None
    whole: list[bytes] | None = []
    head = b""
    utf8 = codecs.getincrementaldecoder("utf-8")()
    pending = 0  # bytes at a block's end that begin a character
    try:
        for block in _blocks(stream):
            digest.update(block)
            if len(head) < HEAD_BYTES:
                head += block[: HEAD_BYTES - len(head)]
            tail = (tail + block)[-HEAD_BYTES:] if size else block[-HEAD_BYTES:]
            if invalid is None and (pending or not block.isascii()):
                begin = size - pending
                try:
                    utf8.decode(block)
                except UnicodeDecodeError as error:
                    invalid, sample = begin + error.start, block
                pending = len(utf8.getstate()[0])
            size += len(block)
            if whole is not None:
                whole.append(block)
                if size > WHOLE_BYTES:
                    whole = None
    except UNPACKING_ERRORS as error:
        broken = str(error)
    if invalid is None and pending:
        invalid, sample = size - pending, tail
    encoding, score = _encoding(head, sample, language)
    return Content(
        sha256=digest.hexdigest(),
        size=size,
        encoding=encoding,
        score=score,
        head=_plain(head.decode(encoding, "replace")),
        tail=tail,
        broken=broken,
        invalid=invalid if encoding == "utf-8" else None,
        data=None if whole is None else b"".join(whole),
    )


def decoded(stream: BinaryIO, content: Content) -> Iterator[str]:
    r"""The text of a file, packed by gzip or not, in blocks; every line ends with `\n`.

    What cannot be decoded becomes U+FFFD; NULs, byte order marks and the character U+0001 go.
    Stops without an error where a packed file is damaged: `survey` says so.
    """
    if content.size <= HEAD_BYTES:
        yield content.head
        return
    if content.data is not None:
        yield _plain(content.data.decode(content.encoding, "replace"))
        return
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(content.encoding)("replace"), translate=True
    )
    with suppress(*UNPACKING_ERRORS):
        for block in _blocks(stream):
            yield _plain(decoder.decode(block))
    yield _plain(decoder.decode(b"", final=True))


def _plain(text: str) -> str:
    """The text with one kind of line ends, and without characters that no text holds."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    for character in "\0\x01\x02\ufeff":
        if character in text:
            text = text.replace(character, "")
    return text


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


def _encoding(head: bytes, sample: bytes, language: str) -> tuple[str, float]:
    """Python's name of the encoding, and how sure it is.

    Args:
        head: the file's first bytes.
        sample: a block that is not UTF-8, or empty.
        language: of the text; empty where unknown.
    """
    for mark, name in BOMS:
        if head.startswith(mark):
            return name, CERTAIN
    if b"\0" in head[:1024]:
        zeros = tuple(byte == 0 for byte in head[:4])
        if wide := _ZEROS.get(zeros) or find_wide(head[:1024]):
            return wide, CERTAIN
    if not sample:
        return "utf-8", CERTAIN
    text = sample.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = len(text) - bad - len(text.encode("ascii", "ignore"))
    if good > bad:  # UTF-8 on the whole
        return "utf-8", round(good / (good + bad), 4)
    declared = _DECLARED.match(head)
    codec = codec_of(declared[1].decode()) if declared else None
    if is_ebu_stl(head):  # its own header says it; detection would be for nothing
        codec = FALLBACK
    if codec and not codec.startswith("utf"):
        return windows_twin(codec, sample), DECLARED
    found = detect(sample, language=language.partition("_")[0] or None)
    return found.encoding, round(found.score, 4)
