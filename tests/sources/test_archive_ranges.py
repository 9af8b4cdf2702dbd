"""An archive that is read in ranges gives what it gives when it is read in one go."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections import Counter

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import InputError
from curate.recipe import CommonCrawlSection, Recipe
from curate.sources import RANGE_BYTES, InputFile, Sink, split_evenly
from curate.sources.commoncrawl import read
from curate.steps.reading import assemble, join_ranges, plan_parts, read_files, read_part
from curate.steps.work import Work
from curate.store import Store

SECTION = CommonCrawlSection(kind="commoncrawl", inputs=("x",), maximum_page_bytes=5000)
quick = settings(deadline=None, max_examples=150)


def wet(text, number):
    body = text.encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
        f"WARC-Target-URI: http://a.example/{number}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def arc(text, number):
    body = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{text}".encode()
    line = f"http://a.example/{number} 10.0.0.1 20080430204825 text/plain {len(body)}\n"
    return line.encode() + body + b"\n"


def packed(records, method):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as package:
        package.writestr("datapackage.json", "{}")
        half = len(records) // 2
        package.writestr(
            "archive/a.warc.gz", b"".join(gzip.compress(r, mtime=0) for r in records[:half])
        )
        package.writestr("archive/b.warc", b"".join(records[half:]))
        package.writestr("indexes/index.cdx", "x" * 300)
    return target.getvalue()


LAYOUTS = {
    "plain": b"".join,
    "gzip members": lambda records: b"".join(gzip.compress(r, mtime=0) for r in records),
    "one gzip member": lambda records: gzip.compress(b"".join(records), mtime=0),
    "two in a member": lambda records: b"".join(
        gzip.compress(b"".join(records[at : at + 2]), mtime=0) for at in range(0, len(records), 2)
    ),
    "members across records": lambda records: b"".join(
        gzip.compress(b"".join(records)[at : at + 170], mtime=0)
        for at in range(0, len(b"".join(records)), 170)
    ),
    "empty members between": lambda records: b"".join(
        gzip.compress(b"", mtime=0) + gzip.compress(r, mtime=0) for r in records
    ),
    "zstd frames": lambda records: b"".join(zstd.compress(r) for r in records),
    "LZ4 frames": lambda records: b"".join(lz4.frame.compress(r) for r in records),
    "stored in a ZIP": lambda records: packed(records, zipfile.ZIP_STORED),
    "deflated in a ZIP": lambda records: packed(records, zipfile.ZIP_DEFLATED),
}
nested = b"".join(wet(f"inner {number}", 1000 + number) for number in range(4))
# Texts that look like what surrounds them: whole archives among them, as crawls of archives have.
texts = st.lists(
    st.lists(
        st.sampled_from(
            [
                "\r\n\r\n",
                "WARC/1.0\r\nWARC-Type: x\r\n\r\n",
                nested.decode(),
                arc("inner", 7).decode(),
                "words and words ",
                "é" * 90,
                "x" * 6000,  # a page that is too long
            ]
        ),
        max_size=4,
    ).map(lambda parts: "".join(parts) + "."),
    min_size=1,
    max_size=7,
)


def read_range(data, start=0, stop=None):
    file = InputFile("x", "x", "x", len(data), "f00d", start, stop)
    sink = Sink("commoncrawl", "S", file.identity)
    read(io.BytesIO(data), file, SECTION, sink)
    return sink


def rows(sinks):
    """Documents and skips in order, and counts."""
    documents = [row for sink in sinks for row in sink.take_documents().rows()]
    skipped = [row for sink in sinks for row in sink.take_skipped().rows()]
    return documents, skipped, sum((sink.counts for sink in sinks), Counter())


def read_in_ranges(data, ranges):
    """Read each range on its own, and again those that did not begin where the one before ended."""
    sinks, expected, known, again = [], None, False, 0
    for start, stop in ranges:
        sink = read_range(data, start, stop)
        if known and (expected is None or (stop is not None and expected >= stop)):
            again += sink.first is not None
            continue
        if known and sink.first != expected:
            again += 1
            sink = read_range(data, expected, stop)
            assert sink.first == expected
        sinks.append(sink)
        if sink.first is not None:
            known, expected = True, sink.following
    assert expected is None
    return sinks, again


def compare(data, range_bytes):
    try:
        whole = read_range(data)
    except InputError:
        return None
    sinks, again = read_in_ranges(data, split_evenly(len(data), range_bytes))
    assert rows(sinks) == rows([whole])
    return again


@quick
@given(texts, st.sampled_from(sorted(LAYOUTS)), st.integers(40, 3000), st.booleans())
def test_ranges_of_any_size_give_what_the_whole_gives(texts, layout, range_bytes, is_arc):
    make = arc if is_arc else wet
    data = LAYOUTS[layout]([make(text, number) for number, text in enumerate(texts)])
    compare(data, range_bytes)


@quick
@given(texts, st.sampled_from(sorted(LAYOUTS)), st.integers(40, 3000), st.data())
def test_ranges_of_a_damaged_archive_too(texts, layout, range_bytes, data):
    make = data.draw(st.sampled_from([wet, arc]))
    whole = bytearray(LAYOUTS[layout]([make(text, number) for number, text in enumerate(texts)]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        what = data.draw(st.sampled_from(["flip", "cut out", "insert", "double"]))
        size = data.draw(st.integers(1, 400))
        if what == "flip":
            whole[at] ^= data.draw(st.integers(1, 255))
        elif what == "cut out" and len(whole) > size + 10:
            del whole[at : at + size]
        elif what == "insert":
            whole[at:at] = data.draw(st.binary(min_size=1, max_size=50))
        elif whole[at + size : at + size + 3] not in (b"", b"\x1f\x8b\x08"):
            # Where a gzip member's end comes twice, the second is stepped over unsaid at times.
            whole[at:at] = whole[at : at + size]
    compare(bytes(whole), range_bytes)


@pytest.mark.shared
@pytest.mark.parametrize("range_bytes", [3000, 70_000])
def test_ranges_of_the_real_archives(shared_data, range_bytes):
    files = [path for path in sorted((shared_data / "warc").rglob("*")) if path.is_file()]
    contents = [path.read_bytes() for path in files]
    small = [data for data in contents if len(data) < min(40 * range_bytes, 400_000)]
    compared = [compare(data, range_bytes) for data in small]
    assert len(compared) - compared.count(None) > 150  # the others are no archives


def test_a_range_that_begins_within_another_archive_is_read_again(tmp_path):
    """A page may be an archive itself: the second range of the file begins in the middle of it."""
    film = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + b"\0" * (1 << 20)
    video = warc_response(film)
    inner = b"HTTP/1.1 200 OK\r\nContent-Type: application/warc\r\n\r\n" + b"".join(
        wet(f"inner {number} " + "x" * 1000, number) for number in range(3000)
    )
    before = (RANGE_BYTES - (1 << 20)) // len(video)
    whole = b"".join(
        [
            *(wet(f"first {number}", number) for number in range(20)),
            video * before,
            warc_response(inner),
            video,
            *(wet(f"last {number}", 100 + number) for number in range(20)),
        ]
    )
    assert whole.index(b"inner 0") < RANGE_BYTES < whole.index(b"inner 2999")
    (tmp_path / "big.warc").write_bytes(whole)
    recipe = Recipe(name="x", sources=({"kind": "commoncrawl", "inputs": ["big.warc"]},))
    work = Work(Store(str(tmp_path / "store")), recipe)
    parts = plan_parts(recipe, tmp_path)
    assert [(part.files[0].start, part.files[0].stop) for part in parts] == [
        (0, RANGE_BYTES),
        (RANGE_BYTES, None),
    ]
    for part in parts:
        read_part(work, part)
    joined = join_ranges(work, parts)
    assert joined[0] is parts[0]
    again = joined[1].files[0]
    assert (again.start, again.stop) == (whole.index(video, RANGE_BYTES), None)
    read_part(work, joined[1])
    assert join_ranges(work, joined) == joined
    ((_, file, outcome),) = read_files(work, joined)
    assert (file.name, outcome["state"]) == ("big.warc", "read")
    assert outcome["counts"] == {
        "records": 40 + before + 2,
        "records_conversion": 40,
        "records_response": before + 2,
        "documents": 40,
        "skipped_not_html": before + 2,
    }
    assert sum(block.documents for block in assemble(work, joined).blocks) == 40


def warc_response(block):
    head = (
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/film\r\n"
        b"Content-Type: application/http\r\nContent-Length: %d\r\n\r\n"
    )
    return head % len(block) + block + b"\r\n\r\n"
