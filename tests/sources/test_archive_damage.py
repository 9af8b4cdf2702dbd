"""Mutated archives of every format: no crash, no hang, no unbounded memory, nothing in silence."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import struct
import time
import tracemalloc
import zipfile

import lz4.frame
import pytest
from backports import zstd

from curate.errors import InputError
from curate.recipe import CommonCrawlSection
from curate.sources import InputFile, Sink
from curate.sources.commoncrawl import read

SECTION = CommonCrawlSection(kind="commoncrawl", inputs=("x",), maximum_page_bytes=200_000)
PAGE = b"<html><head><title>River</title></head><body><p>The river rose slowly.</p></body></html>"


def http(body, *fields):
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: text/html", *fields]
    return b"\r\n".join([*lines, b"", b""]) + body


def warc(block, number, kind=b"response", content_type=b"application/http; msgtype=response"):
    lines = [
        b"WARC/1.0",
        b"WARC-Type: " + kind,
        b"WARC-Record-ID: <urn:uuid:%d>" % number,
        b"WARC-Target-URI: http://a.example/%d" % number,
        b"WARC-Date: 2024-05-18T01:58:10Z",
        b"Content-Type: " + content_type,
        b"Content-Length: %d" % len(block),
    ]
    return b"\r\n".join([*lines, b"", b""]) + block + b"\r\n\r\n"


def arc(block, number):
    place = b"http://a.example/%d 10.0.0.1 20080430204825 text/html %d\n"
    return place % (number, len(block)) + block + b"\n"


CHUNKED = b"%x\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(PAGE), PAGE)
BLOCKS = [
    http(PAGE),
    http(gzip.compress(PAGE, mtime=0), b"Content-Encoding: gzip"),
    http(zstd.compress(PAGE), b"Content-Encoding: zstd"),
    http(CHUNKED, b"Transfer-Encoding: chunked"),
    http(PAGE * 3),
]
WARCS = [
    warc(b"software: x\r\n", 100, b"warcinfo", b"application/warc-fields"),
    *(warc(block, number) for number, block in enumerate(BLOCKS)),
    warc(b"Words of a page.", 101, b"conversion", b"text/plain"),
]
FILEDESC = b"1 0 X\nURL IP-address Archive-date Content-type Archive-length\n"
ARCS = [
    b"filedesc://x.arc 0.0.0.0 20080430204825 text/plain %d\n" % len(FILEDESC) + FILEDESC + b"\n",
    *(arc(block, number) for number, block in enumerate(BLOCKS)),
]


def packed(method):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as package:
        package.writestr("archive/a.warc.gz", b"".join(gzip.compress(r, mtime=0) for r in WARCS))
        package.writestr("archive/b.warc", b"".join(WARCS))
    return target.getvalue()


def with_dictionary(compressed):
    samples = [record + bytes([number]) for number, record in enumerate(WARCS * 20)]
    dictionary = zstd.train_dict(samples, 1500)
    content = dictionary.dict_content
    stored = zstd.compress(content) if compressed else content
    head = b"\x5d\x2a\x4d\x18" + struct.pack("<I", len(stored)) + stored
    return head + b"".join(zstd.compress(record, zstd_dict=dictionary) for record in WARCS)


ARCHIVES = {
    "WARC": b"".join(WARCS),
    "WARC, gzip": b"".join(gzip.compress(r, mtime=0) for r in WARCS),
    "WARC, one gzip member": gzip.compress(b"".join(WARCS), mtime=0),
    "WARC, zstd": b"".join(zstd.compress(r) for r in WARCS),
    "WARC, zstd with a dictionary": with_dictionary(compressed=False),
    "WARC, zstd with a packed dictionary": with_dictionary(compressed=True),
    "WARC, LZ4": b"".join(lz4.frame.compress(r) for r in WARCS),
    "WARC, bzip2": bz2.compress(b"".join(WARCS)),
    "ARC": b"".join(ARCS),
    "ARC, gzip": b"".join(gzip.compress(r, mtime=0) for r in ARCS),
    "WACZ": packed(zipfile.ZIP_STORED),
    "WACZ, deflated": packed(zipfile.ZIP_DEFLATED),
}


def read_bytes(data):
    sink = Sink("commoncrawl", "S", "f00d")
    read(io.BytesIO(data), InputFile("x", "x", "x", len(data), "f00d"), SECTION, sink)
    return sink


@pytest.mark.parametrize("broken", [b"", b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x07"])
def test_a_member_without_its_first_bytes_is_told_though_the_one_before_is_as_long(broken):
    first, second, third = (warc(http(PAGE), number) for number in (1, 2, 3))
    assert len(first) == len(second)
    members = [gzip.compress(record, mtime=0) for record in (first, second, third)]
    members[1] = broken + members[1][3:]

    sink = read_bytes(b"".join(members))

    assert sink.counts["documents"] == 2
    assert sink.take_skipped()["reason"].to_list() == ["damaged"]
    assert sink.counts["bytes_stepped_over"] >= len(members[1])


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_format_gives_its_documents(name):
    sink = read_bytes(ARCHIVES[name])
    expected = 5 if name.startswith("ARC") else 12 if name.startswith("WACZ") else 6
    assert sink.counts["documents"] == expected
    assert sink.take_skipped().height == 0


def mutate(data, draw):
    """The data with one to three things done to it."""
    data = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(data))
        size = draw.choice([1, 2, 7, 60, 700])
        match draw.randrange(5):
            case 0:
                data[at] ^= draw.randint(1, 255)
            case 1:
                del data[at:]
            case 2:
                data[at:at] = draw.randbytes(size)
            case 3:
                data[at:at] = data[at : at + size]
            case _:
                del data[at : at + size]
        if not data:
            break
    return bytes(data)


def check(name, seed):
    """Read one mutated archive; what it gives and does not give must be accounted for."""
    data = mutate(ARCHIVES[name], random.Random(f"{name} {seed}"))
    began = time.process_time()
    try:
        sink = read_bytes(data)
    except InputError as error:
        assert error.came  # noqa: PT017 - a refusal is one right answer of two
        return
    assert time.process_time() - began < 5, (name, seed)
    documents, skipped = sink.take_documents(), sink.take_skipped()
    assert documents.height == sink.counts["documents"]
    assert documents["text"].null_count() == 0
    assert skipped["reason"].null_count() == 0
    assert skipped["offset"].is_between(0, len(data)).all()
    pages = sum(
        sink.counts[f"records_{kind}"] for kind in ("response", "conversion", "resource", "revisit")
    )
    assert documents.height + skipped.height >= pages, (name, seed)


@pytest.mark.parametrize("name", ARCHIVES)
def test_mutated_archives(name):
    tracemalloc.start()
    try:
        for seed in range(30):
            check(name, seed)
        assert tracemalloc.get_traced_memory()[1] < 60 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.nightly
@pytest.mark.parametrize("name", ARCHIVES)
def test_many_mutated_archives(name):
    for seed in range(1000, 1834):  # 12 formats: 10,000 in all
        check(name, seed)


def test_a_bomb_is_stopped_at_the_limit():
    bomb = gzip.compress(b"\0" * (300 << 20), 9)
    data = b"".join(
        gzip.compress(warc(block, number))
        for number, block in enumerate([http(bomb, b"Content-Encoding: gzip"), BLOCKS[0]])
    )
    # And one that is a member of the archive itself.
    tracemalloc.start()
    try:
        sink = read_bytes(gzip.compress(warc(b"\0" * (100 << 20), 9)) + data)
        assert tracemalloc.get_traced_memory()[1] < 330 << 20
    finally:
        tracemalloc.stop()
    assert sink.counts["documents"] == 1
    assert sink.take_skipped()["reason"].to_list() == ["bad_http", "too_large"]


ARC_LINES = {
    b"10.0.0.1 2016020900 text/html": "2016-02-09T00:00Z",
    b"10.0.0.1 200011101120 text/html": "2000-11-10T11:20Z",
    b"10.0.0.1 20080430204825 text/html": "2008-04-30T20:48:25Z",
    b"10.0.0.1 201512000000000 text/html": "2015-12",
    b"10.0.0.1 2000082305410049 text/html": "2000-08-23T05:41:00Z",
    b"10.0.0.1 20000918002300295 text/html": "2000-09-18T00:23:00Z",
    b"None 20160211000000jpg text/html": "2016-02-11T00:00:00Z",
    b"10.0.0.1 a0d1fdddf3165d0447b1f7a285c61c1c9 text/html": None,
    b"20031219215023 10.0.0.1 text/html": "2003-12-19T21:50:23Z",
    b"10.0.0.1 20080430204825 ": "2008-04-30T20:48:25Z",
    b"10.0.0.1 20080430204825 text/html; charset=utf-8": "2008-04-30T20:48:25Z",
    b"10.0.0.1 20080430204825 text/html 200 fac069 - 209 x.arc": "2008-04-30T20:48:25Z",
}


@pytest.mark.parametrize(("line", "date"), ARC_LINES.items())
def test_odd_headers_of_arc_records(line, date):
    block = http(PAGE)
    odd = b"http://a.example/a page?x=1 %s %d\n%s\n" % (line, len(block), block)
    sink = read_bytes(ARCS[0] + odd + ARCS[1])
    assert sink.counts["records"] == 3
    assert sink.take_skipped().height == 0
    assert sink.take_documents().select("uri", "date", "text").rows() == [
        ("http://a.example/a page?x=1", date, "The river rose slowly."),
        ("http://a.example/0", "2008-04-30T20:48:25Z", "The river rose slowly."),
    ]


@pytest.mark.parametrize("length", [b"-1", b"abc", b"9999999"])
def test_an_arc_record_with_a_wrong_length_costs_only_itself(length):
    bad = b"http://a.example/bad 10.0.0.1 20080430204825 text/html " + length + b"\nHTTP/1.1\n\n"
    sink = read_bytes(ARCS[0] + bad + ARCS[1] + ARCS[2])
    assert sink.counts["documents"] == 2
    assert sink.take_skipped().select("uri", "reason", "offset").rows() == [
        ("http://a.example/bad", "damaged", len(ARCS[0]))
    ]


def test_a_wacz_without_its_directory_gives_what_is_stored_in_it():
    data = ARCHIVES["WACZ"]
    sink = read_bytes(data[: data.rindex(b"PK\x01\x02") - 200])
    assert sink.counts["documents"] >= 6
    assert "damaged" in sink.take_skipped()["reason"].to_list()


def test_folded_headers_take_linear_time():
    folded = b"X: a\r\n" + b" b\r\n" * 200_000
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + folded + b"\r\n" + PAGE
    began = time.process_time()
    sink = read_bytes(warc(block, 1))
    assert time.process_time() - began < 5
    assert sink.counts["documents"] == 1


@pytest.mark.parametrize(
    ("fields", "robots", "language"),
    [
        ([b"X-Robots-Tag: noindex, NoAI"], "noai,noindex", None),
        ([b"X-Robots-Tag: noai", b"x-robots-tag: bot: none"], "bot:none,noai", None),
        ([b"X-Robots-Tag: unavailable_after: 25 Jun 2030"], "unavailable_after", None),
        ([b"Content-Language: de-CH"], None, "de-ch"),
        ([b"Content-Language: de, en"], None, None),
    ],
)
def test_what_the_http_header_says_of_the_page(fields, robots, language):
    row = read_bytes(warc(http(PAGE, *fields), 1)).take_documents().row(0, named=True)
    assert (row["robots"], row["declared_language"]) == (robots, language)
