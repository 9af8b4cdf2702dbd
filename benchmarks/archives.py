"""Web archives: what readers deliver of odd and damaged ones, and how fast they read sound ones.

What is intact is settled by a slow, plain reading of its own: every member is decompressed with the
standard library, every header is looked for at each byte, and a record counts when its length
leads to a blank line, to another header, or to the end of its member. The peers are FastWARC and
warcio; records are compared by the hash of their block.

    python -m benchmarks.archives
"""

from __future__ import annotations

import bz2
import contextlib
import hashlib
import importlib.util
import io
import re
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figures import Figure
from curate.errors import CurateError
from curate.recipe import CommonCrawlSection
from curate.sources import InputFile, Sink
from curate.sources.commoncrawl import read
from curate.sources.http import decode_body
from curate.sources.warc import Archive

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "warc"
SOUND = {  # files, and how often they are repeated
    "Common Crawl": (("commoncrawl-whirlwind/whirlwind.warc.gz",), 3000),
    "other crawls, small records": (
        (
            "aut/example.warc.gz",
            "ipwb/sample-1.warc.gz",
            "dolma/sample-0000.warc.gz",
            "resiliparse/warcfile.warc.gz",
        ),
        20,
    ),
}
ROUNDS = 7  # the shortest counts
DAMAGED: Counter[str] = Counter()  # response records that are not whole, by what is wrong
HOLD = 1 << 30  # one page is that giant
WARC = re.compile(rb"WARC/[01]\.\d{1,2}[ \t\r]*\n", re.IGNORECASE)
ARC = re.compile(rb"[a-z][a-z0-9+.-]+:[^\n]* (-?\d+)\r?\n", re.IGNORECASE)
ARC_DATE = re.compile(rb" (?:[\d.]{7,}|None|0) [0-9a-f]{10,}\w* | \d{14} [\d.]{7,} ")
AIM_RESPONSES = 1356  # read, as another count of these files has it


def contents(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """The members' contents, and whether each is sound; a file that is not compressed is one."""
    if data.startswith(b"PK"):
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as package:
            for name in package.namelist():
                if name.startswith("archive/"):
                    yield from contents(package.read(name))
    elif data.startswith(b"\x1f\x8b"):
        at = 0
        while at >= 0:
            content, size = gunzip(memoryview(data)[at:])
            yield content, size > 0
            at = data.find(b"\x1f\x8b\x08", at + max(size, 1))
    elif data.startswith(b"BZh"):
        yield bz2.decompress(data), True
    elif data.startswith(b"\x04\x22\x4d\x18"):
        lz4 = importlib.import_module("lz4.frame")
        while data:
            frame = lz4.LZ4FrameDecompressor()
            yield frame.decompress(data), True
            data = frame.unused_data or b""
    else:
        yield data, True


def gunzip(data: memoryview) -> tuple[bytes, int]:
    """A member's content and its length in the file; what came before damage, and 0."""
    member = zlib.decompressobj(wbits=31)
    pieces: list[bytes] = []
    try:
        for at in range(0, len(data), 512):
            pieces.append(member.decompress(data[at : at + 512]))
            if member.eof:
                size = at + len(data[at : at + 512]) - len(member.unused_data)
                return b"".join(pieces), size
    except zlib.error:
        pass
    return b"".join(pieces), 0


def responses(data: bytes) -> Counter[bytes]:
    """The hashes of the blocks of the intact response records."""
    found: Counter[bytes] = Counter()
    joined: list[tuple[bytes, bool]] = []
    for content, sound in contents(data):  # records may go on in the next member
        headed = WARC.match(content) or ARC.match(content)
        if joined and joined[-1][1] and not headed:
            joined[-1] = (joined[-1][0] + content, sound)
        else:
            joined.append((content, sound))
    for content, sound in joined:
        at = 0
        while at < len(content):
            at = scan(content, at, found, sound=sound)
    return found


def scan(content: bytes, at: int, found: Counter[bytes], *, sound: bool) -> int:
    """Look for a record at the offset; where to look next."""
    if header := WARC.match(content, at):
        end = re.compile(rb"\n\r*\n").search(content, header.end() - 1)
        head = content[at : end.end()] if end else b""
        length = re.search(rb"\ncontent-length[ \t]*:[ \t]*(\d+)", head.lower())
        kind = re.search(rb"\nwarc-type[ \t]*:[ \t]*(\w+)", head.lower())
        is_response = kind is not None and kind[1] == b"response"
        blanks = rb"\r\n\r\n|\n\n|[\r\n]*WARC/|[\r\n]*$"
    elif (header := ARC.match(content, at)) and ARC_DATE.search(header[0]):
        head, length = header[0], re.search(rb" (\d+)\r?\n", header[0])
        is_response = not head.startswith(b"filedesc:")
        blanks = rb"\r?\n|(?:dns|https?):[^\n]* \d+\r?\n|$"
    else:
        return next_line(content, at)
    if head and length:
        start = at + len(head)
        stop = start + int(length[1])
        ends = re.compile(blanks).match(content, stop) if stop <= len(content) else None
        if ends and (sound or ends.end() < len(content)):
            if is_response:
                found[hashlib.sha1(content[start:stop]).digest()] += 1
            return stop
    return next_line(content, at)


def next_line(content: bytes, at: int) -> int:
    """Where the next line begins, or the next bytes that look like a header."""
    ends = [
        place
        for place in (content.find(b"\n", at) + 1, content.find(b"WARC/", at + 1))
        if place > 0
    ]
    return min(ends, default=len(content))


def ours(data: bytes) -> tuple[Counter[bytes], bool]:
    """What our reader delivers, and whether it says that something is missing."""
    found: Counter[bytes] = Counter()
    said = False
    try:
        for record in Archive(io.BytesIO(data), "", HOLD):
            said = said or bool(record.fault)
            if record.kind == "response" and not record.fault:
                found[hashlib.sha1(record.body).digest()] += 1
            elif record.kind == "response":
                DAMAGED[f"{record.fault}: {record.detail}"] += 1
    except CurateError:
        said = True
    return found, said


def fastwarc(data: bytes) -> tuple[Counter[bytes], bool]:
    """What FastWARC delivers, and whether it raises."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    found: Counter[bytes] = Counter()
    try:
        for record in ArchiveIterator(io.BytesIO(data), parse_http=False):
            if record.record_type == WarcRecordType.response:
                found[hashlib.sha1(record.reader.read()).digest()] += 1
    except Exception:  # noqa: BLE001  # whatever it raises is a word
        return found, True
    return found, False


def warcio(data: bytes) -> tuple[Counter[bytes], bool]:
    """What warcio delivers, and whether it raises."""
    from warcio.archiveiterator import ArchiveIterator

    found: Counter[bytes] = Counter()
    try:
        for record in ArchiveIterator(io.BytesIO(data), no_record_parse=True):
            if record.rec_type == "response":
                found[hashlib.sha1(record.raw_stream.read()).digest()] += 1
    except Exception:  # noqa: BLE001  # whatever it raises is a word
        return found, True
    return found, False


def compare() -> list[Figure]:
    """Print what each reader delivers of the real files."""
    files = [p for p in sorted(SHARED.rglob("*")) if p.is_file() and "warc.paths" not in p.name]
    wanted = {path: responses(path.read_bytes()) for path in files}
    intact = sum(found.total() for found in wanted.values())
    print(f"{len(files)} files, {intact} intact response records by the plain reading")
    print(f"{'reader':12} {'delivered':>9} {'short, unsaid':>13} {'short, said':>11}")
    delivered_by: dict[str, int] = {}
    unsaid_by: dict[str, int] = {}
    readers = [ours, fastwarc] + [warcio] * (importlib.util.find_spec("warcio") is not None)
    for reader in readers:
        delivered, unsaid, told = 0, 0, 0
        for path, known in wanted.items():
            found, said = reader(path.read_bytes())
            common = (found & known).total()
            delivered += common
            unsaid += common < known.total() and not said
            told += common < known.total() and said
            if reader is ours and common < known.total():
                print(f"  missing in {path.relative_to(SHARED)}: {known.total() - common}")
        print(f"{reader.__name__:12} {delivered:9} {unsaid:13} {told:11}")
        delivered_by[reader.__name__], unsaid_by[reader.__name__] = delivered, unsaid
    damaged = DAMAGED.total()
    print(f"response records with a header: {intact + damaged}, of these not whole: {damaged}")
    for what, number in DAMAGED.most_common():
        print(f"  {number:2} {what}")
    if warcio not in readers:
        print("warcio       is not installed; 1.8.1 delivers 1,190 of these, 1 short unsaid")
    others = [name for name in delivered_by if name != "ours"]
    return [
        Figure(
            "odd archives: whole response records delivered",
            f"{intact} (by another count {AIM_RESPONSES:,})",
            f"{delivered_by['ours']} ({damaged} damaged reported)",
            ", ".join(f"{name} {delivered_by[name]}" for name in others),
        ),
        Figure(
            "odd archives: files with records missing, unsaid",
            "0",
            str(unsaid_by["ours"]),
            ", ".join(f"{name} {unsaid_by[name]}" for name in others),
        ),
        Figure("odd archives: crashes", "0", str(read_all(files))),
    ]


def read_all(files: list[Path]) -> int:
    """Print how every file ends in the source's reader; how many end in a crash."""
    section = CommonCrawlSection(kind="commoncrawl", inputs=("x",))
    ends: Counter[str] = Counter()
    for path in files:
        sink = Sink("commoncrawl", "", "")
        size = path.stat().st_size
        try:
            with path.open("rb") as stream:
                read(stream, InputFile("", path.name, path.name, size, ""), section, sink)
        except CurateError:
            ends["refused with a reason"] += 1
            continue
        except Exception as error:  # noqa: BLE001  # the figure is how many there are
            ends[f"crashed: {error!r}"] += 1
            continue
        harm = sink.counts["skipped_damaged"] + sink.counts["skipped_truncated"]
        ends["with damage reported" if harm else "read in full"] += 1
    print("files: " + ", ".join(f"{number} {how}" for how, number in ends.most_common()))
    return sum(number for how, number in ends.items() if how.startswith("crashed"))


def read_ours(data: bytes) -> int:
    """Bytes of all records, responses decoded."""
    size = 0
    for record in Archive(io.BytesIO(data), "", HOLD):
        if record.kind == "response":
            response = record.response
            size += len(decode_body(response.payload, response.fields, HOLD))
        else:
            size += len(record.body)
    return size


def read_fastwarc(data: bytes) -> int:
    """Likewise."""
    from fastwarc.warc import ArchiveIterator

    size = 0
    for record in ArchiveIterator(io.BytesIO(data), auto_decode="all"):
        size += len(record.reader.read())
    return size


def time_it(function: Callable[[bytes], int], data: bytes) -> float:
    """CPU seconds."""
    start = time.process_time()
    function(data)
    return time.process_time() - start


def main() -> list[Figure]:
    """Print what is delivered, then how fast."""
    figures = compare()
    for what, (names, copies) in SOUND.items():
        data = b"".join((SHARED / name).read_bytes() for name in names) * copies
        times: dict[str, list[float]] = {"ours": [], "FastWARC": []}
        for _ in range(ROUNDS):
            times["FastWARC"].append(time_it(read_fastwarc, data))
            times["ours"].append(time_it(read_ours, data))
        best = {name: min(taken) for name, taken in times.items()}
        print(f"\n{what}: records read, HTTP headers parsed, bodies decoded")
        for name, taken in best.items():
            print(f"{name:12} {taken:6.2f} CPU s, {len(data) / taken / 1e6:6.1f} MB/s of gzip")
        ratio = best["ours"] / best["FastWARC"]
        print(f"ours / FastWARC: {ratio:.2f} of the time (aim: 1.00)")
        peer = f"1.00 ({len(data) / best['FastWARC'] / 1e6:.0f} MB/s)"
        figures.append(Figure(f"{what}: CPU time of FastWARC", "≤ 1.00", f"{ratio:.2f}", peer))
    return figures


if __name__ == "__main__":
    main()
