"""Dumps damaged at random: nothing crashes, hangs, or is lost in silence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import time
import tracemalloc

import py7zr
import pyarrow as pa
import pytest

from curate.errors import InputError
from curate.recipe import WikipediaSection
from curate.sources import InputFile, Sink
from curate.sources.wikipedia import find_ranges, read
from curate.sources.wikitext import clean_wikitext

SECTION = WikipediaSection(
    kind="wikipedia", inputs=("x",), tables=True, infoboxes=True, math=True, variant="zh-hans"
)
PLAIN = WikipediaSection(kind="wikipedia", inputs=("x",))
REASONS = {"damaged", "empty", "not_wikitext", "too_large"}
WIKITEXT = """{{Infobox star|name=Sól|mass={{convert|5|kg}}}}'''Sól''' is a [[star|''Stern'']].&lt;ref
name="a"&gt;{{cite|x=1}}&lt;/ref&gt; -{zh-hans:太阳;zh-hant:太陽}- {| class="a"
! x !! y
|-
| [[File:a.jpg|thumb|b]] || 2
|}
== Light ==
* &lt;math&gt;E=mc^2&lt;/math&gt; &lt;nowiki&gt;[[&lt;/nowiki&gt; &amp;amp;nbsp;
&lt;gallery&gt;
File:a.jpg|a [[caption]]
&lt;/gallery&gt;&lt;!-- x --&gt; [http://x.example y] __NOTOC__ [[Category:Stars]]
"""
PAGES = "".join(
    f"<page><title>Sól {n}</title><ns>0</ns><id>{n}</id><revision><id>{n + 50}</id><timestamp>"
    f"2026-01-01T00:00:00Z</timestamp><model>wikitext</model><text>{WIKITEXT}{n}</text></revision>"
    "</page>\n"
    for n in range(12)
)
DUMP = (
    '<mediawiki xml:lang="en"><siteinfo><dbname>xwiki</dbname><base>https://x.example/wiki/Main</base>'
    '<namespaces><namespace key="6">File</namespace><namespace key="14">Category</namespace>'
    f"</namespaces></siteinfo>\n{PAGES}</mediawiki>\n"
).encode()


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    clean_wikitext("before any clock runs")


def _seven_zip():
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as archive:
        archive.writestr(DUMP, "dump.xml")
    return stream.getvalue()


STORED = (
    DUMP,
    DUMP,
    DUMP.decode().encode("utf-16"),
    bz2.compress(DUMP),
    bz2.compress(DUMP[:2500]) + bz2.compress(DUMP[2500:7000]) + bz2.compress(DUMP[7000:]),
    gzip.compress(DUMP),
    lzma.compress(DUMP),
    pa.compress(DUMP, "zstd", asbytes=True),
    _seven_zip(),
)
PIECES = [
    *b"{}[]|<>&;'=-!\0\xff",
    *(b"{{", b"}}", b"[[", b"]]", b"{|", b"|}", b"'''", b"-{", b"}-", b"&lt;ref&gt;", b"&lt;!--"),
    *(b"<page>", b"</page>", b"<text>", b"</text>", b"</revision>", b"<![CDATA[", b"]]>", b"<!--"),
    *(
        b"&lt;gallery&gt;",
        b"&lt;math&gt;",
        b"BZh91AY&SY",
        b"\x1f\x8b\x08",
        b"&#0;",
        b"\n|-\n",
        b"\n== ",
    ),
]


def mutate(chance):
    """A stored dump, damaged in one to six places."""
    data = bytearray(chance.choice(STORED))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            data[at : at + chance.randint(1, 300)] = b""
        elif kind == 1:
            data[at:at] = data[chance.randrange(len(data) + 1) :][: chance.randint(1, 2000)]
        elif kind == 2:
            data[at : at + 1] = chance.randbytes(chance.randint(1, 8))
        elif kind == 3:
            piece = chance.choice(PIECES)
            piece = bytes([piece]) if isinstance(piece, int) else piece
            data[at:at] = piece * chance.choice((1, 1, 2, 500))
        elif len(data) > 1:
            del data[max(1, at) :]
    return bytes(data)


def read_mutated(seed):
    """Read a damaged dump whole, or in ranges; check what always holds."""
    chance = random.Random(seed)
    data = mutate(chance)
    file = InputFile("x", "x", "x", len(data), "0" * 64)
    section = chance.choice((PLAIN, SECTION))
    stops = [None]
    try:
        is_divisible = find_ranges(io.BytesIO(data), InputFile("x", "x", "x", 1 << 27, "")) != [
            (0, None)
        ]
    except InputError:
        is_divisible = False
    if is_divisible and len(data) > 10 and chance.random() < 0.5:
        stops = [chance.randrange(5, len(data)), None]
    start = 0
    for stop in stops:
        sink = Sink("wikipedia", "", file.identity)
        piece = InputFile("x", "x", "x", len(data), file.identity, start, stop)
        start = stop or 0
        began = time.perf_counter()
        try:
            read(io.BytesIO(data), piece, section, sink)
        except InputError as error:
            assert error.came  # noqa: PT017
        assert time.perf_counter() - began < 20
        documents, skipped, counts = sink.take_documents(), sink.take_skipped(), sink.counts
        assert set(skipped["reason"]) <= REASONS
        told = counts["redirects"] + counts["pages_other_namespace"] + documents.height
        assert told <= counts["pages"] <= told + skipped.height
        assert documents["text"].null_count() == 0
        assert skipped["offset"].is_between(0, len(data)).all()


@pytest.mark.parametrize("part", range(4))
def test_mutated_dumps(part):
    for seed in range(part * 100, part * 100 + 100):
        read_mutated(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(20))
def test_ten_thousand_mutated_dumps(part):
    for seed in range(1000 + part * 500, 1500 + part * 500):
        read_mutated(seed)


@pytest.mark.parametrize(
    ("opening", "size"),
    [
        ("{{", 5),
        ("[[", 5),
        ("{|\n", 5),
        ("'''", 5),
        ("&lt;ref>", 5),
        ("&lt;!--", 5),
        ("-{", 5),
        ("x", 60),
    ],
)
@pytest.mark.parametrize("pack", [bytes, bz2.compress])
def test_a_huge_page_costs_bounded_time_and_memory(opening, size, pack):
    text = opening * ((size << 20) // len(opening))
    page = PAGES[: PAGES.index("</page>") + 7]
    huge = page.replace("{{Infobox", text + "{{Infobox")
    stored = pack(DUMP.replace(page.encode(), huge.encode()))
    del text, huge
    sink = Sink("wikipedia", "", "0" * 64)
    began = time.perf_counter()
    tracemalloc.start()
    read(io.BytesIO(stored), InputFile("x", "x", "x", len(stored), "0" * 64), SECTION, sink)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.perf_counter() - began < 20
    assert peak < 160 << 20
    documents, skipped = sink.take_documents(), sink.take_skipped()
    assert documents.height + skipped.height == 12
    assert skipped.height == (size > 10)


@pytest.mark.parametrize("piece", [b'<b x="', b"<!--", b"<?x ", b"<b "])
def test_a_tag_without_end_costs_one_page(piece):
    at = DUMP.index(b"Infobox", DUMP.index(b"<id>5<"))
    stored = DUMP[:at] + piece + b"x" * (24 << 20) + DUMP[at:]
    sink = Sink("wikipedia", "", "0" * 64)
    tracemalloc.start()
    read(io.BytesIO(stored), InputFile("x", "x", "x", len(stored), "0" * 64), PLAIN, sink)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20  # expat holds 16 MB, and twice as much while it grows
    ids = [int(source_id.split(":")[1]) for source_id in sink.take_documents()["source_id"]]
    assert ids == [n for n in range(12) if n != 5]
    assert sink.take_skipped()["detail"].to_list() == [
        "a tag or comment of more than 16777216 bytes"
    ]
