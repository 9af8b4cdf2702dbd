from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import tomllib
import tracemalloc
from dataclasses import replace
from importlib import resources
from typing import get_args
from xml.sax.saxutils import escape

import polars as pl
import py7zr
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import InputError, RecipeError
from curate.recipe import Variant, WikipediaSection, make_recipe
from curate.sources import InputFile, Sink
from curate.sources.pages import language_of
from curate.sources.wikipedia import find_ranges, read

SECTION = WikipediaSection(kind="wikipedia", inputs=("dump.xml",), maximum_page_bytes=1000)
FILE = InputFile("dump.xml", "dump.xml", "dump.xml", 0, "0" * 64)
HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">
<siteinfo><sitename>Wikipedia</sitename><dbname>dewiki</dbname>
<base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
<namespaces><namespace key="0" case="first-letter" /><namespace key="4">Wikipedia</namespace>
<namespace key="6">Datei</namespace><namespace key="14">Kategorie</namespace></namespaces>
</siteinfo>
"""
TAIL = "</mediawiki>\n"
LEFTOVER = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|''|^\||__[A-Z]+__|\bthumb\||={2,}|&(?:\w+|#\d+);"
    r"|</?(?:ref|br|div|span|small|su[bp]|gallery|math|nowiki|table|t[rdh]|center|[ibsu]|font)\b",
    re.MULTILINE,
)


def page(number, text, *, title=None, ns="<ns>0</ns>", extra="", model="wikitext"):
    title = escape(title or f"Seite {number}")
    return (
        f"<page><title>{title}</title>{ns}<id>{number}</id>{extra}<revision><id>{number + 100}</id>"
        "<timestamp>2026-01-02T03:04:05Z</timestamp><contributor><id>7</id></contributor>"
        f'<model>{model}</model><text bytes="1" xml:space="preserve">{escape(text)}</text>'
        "</revision></page>\n"
    )


def run(data, section=SECTION, file=FILE):
    sink = Sink("wikipedia", "dewiki-20260101", FILE.identity)
    read(io.BytesIO(data.encode() if isinstance(data, str) else data), file, section, sink)
    documents, skipped = sink.take_documents(), sink.take_skipped()
    return documents, skipped, dict(sink.counts)


def pages(first, last):
    """Pages that say their number."""
    return "".join(page(number, f"text {number}") for number in range(first, last + 1))


def numbers(documents):
    """Which of these pages became documents."""
    found = [int(text.removeprefix("text ")) for text in documents["text"]]
    assert [f"dewiki:{number}:{number + 100}" for number in found] == documents[
        "source_id"
    ].to_list()
    return found


def test_an_article_becomes_a_document():
    wikitext = "'''Köln''' &amp; [[Datei:x.jpg|a]]b"
    documents, skipped, counts = run(HEAD + page(1, wikitext, title="Köln & (Stadt)'s/a") + TAIL)
    stated = [name for name in documents.columns if documents[name].null_count() == 0]
    assert documents.select(stated).drop("id", "input").rows(named=True) == [
        {
            "source_id": "dewiki:1:101",
            "source": "wikipedia",
            "snapshot": "dewiki-20260101",
            "uri": "https://de.wikipedia.org/wiki/K%C3%B6ln_%26_(Stadt)%27s/a",
            "date": "2026-01-02T03:04:05Z",
            "title": "Köln & (Stadt)'s/a",
            "text": "Köln & b",
            "declared_language": "de",
        }
    ]
    assert skipped.is_empty()
    assert counts == {"pages": 1, "documents": 1}


@pytest.mark.parametrize(
    ("title", "text", "categories", "kind"),
    [
        ("Köln", "a [[Kategorie:Stadt am Rhein|K]] [[category:x_y]]", "Stadt am Rhein|X y", None),
        ("Köln", "a <!-- [[Kategorie:A]] --> <nowiki>[[Kategorie:B]]</nowiki>", None, None),
        ("Mond", "a {{Begriffsklärung}}", None, "disambiguation"),
        ("Lune", "a {{ homonymie | x }}", None, "disambiguation"),
        ("月", "a {{曖昧さ回避}}", None, "disambiguation"),
        ("قمر", "a\n{{توضيح}}", None, "disambiguation"),
        ("Луна", "a {{неоднозначность|тип=x}}", None, "disambiguation"),
        ("Moon", "a __DISAMBIG__", None, "disambiguation"),
        ("Moon (disambiguation)", "a", None, "disambiguation"),
        ("Луна (значения)", "a", None, "disambiguation"),
        ("M", "a [[Category:Disambiguation pages]]", "Disambiguation pages", "disambiguation"),
        ("List of moons", "a", None, "list"),
        ("Listen", "a", None, None),
        ("Liste der Monde", "a", None, "list"),
        ("Список лун", "a", None, "list"),
        ("衛星の一覧", "a", None, "list"),
        ("Moons", "a [[Category:Lists of moons]]", "Lists of moons", "list"),
        ("Moons", "a {{set index article}}", None, "list"),
    ],
)
def test_categories_and_kinds_of_pages(title, text, categories, kind):
    documents, _, _ = run(HEAD + page(1, text, title=title) + TAIL)
    assert documents["categories"].to_list() == [categories]
    assert documents["page_kind"].to_list() == [kind]


@pytest.mark.parametrize(
    ("declared", "name", "language"),
    [
        ("de", "dewiki", "de"),
        ("", "zh_yuewiki", "yue"),
        ("simple", "simplewiki", "en"),
        ("zh-Hans", "", "zh"),
        ("", "alswiktionary", "gsw"),
        ("", "samples", None),
        ("", "", None),
    ],
)
def test_the_language_of_a_wiki(declared, name, language):
    assert language_of(declared, name) == language


def test_switches_of_the_section():
    text = "a <math>x</math>\n{|\n|b\n|c\n|}\n-{zh-cn:d;zh-tw:e}-"
    section = WikipediaSection(
        kind="wikipedia", inputs=("x",), tables=True, math=True, variant="zh-tw"
    )
    documents, _, _ = run(HEAD + page(1, text) + TAIL, section)
    assert documents["text"].to_list() == ["a $x$\nb | c\ne"]
    documents, _, _ = run(HEAD + page(1, text) + TAIL)
    assert documents["text"].to_list() == ["a\nd"]


def test_what_is_no_article_is_counted_or_skipped():
    dump = (
        HEAD
        + page(1, "#WEITERLEITUNG [[Ziel]]", extra='<redirect title="Ziel" />')
        + page(2, "#REDIRECT [[Ziel]]\n[[Kategorie:A]]")  # before export 0.4
        + page(3, "x", title="Wikipedia:Hilfe", ns="<ns>4</ns>")
        + page(4, "x", title="Wikipedia:Hilfe", ns="")  # before export 0.6
        + page(5, "x", title="2001: Odyssee", ns="")
        + page(6, "{{Vorlage}}")
        + page(7, "é" * 501)
        + page(8, "é" * 500)
        + page(9, "{}", model="wikibase-item")
        + page(10, "# [[eine]] [[Liste]]")
        + TAIL
    )
    documents, skipped, counts = run(dump)
    assert documents["text"].to_list() == ["x", "é" * 500, "- eine Liste"]
    assert skipped.select("reason", "uri", "detail").rows() == [
        ("empty", "https://de.wikipedia.org/wiki/Seite_6", ""),
        ("too_large", "https://de.wikipedia.org/wiki/Seite_7", "more than 1000 bytes"),
        ("not_wikitext", "https://de.wikipedia.org/wiki/Seite_9", "wikibase-item"),
    ]
    data = dump.encode()
    assert [data[at : at + 6] for at in skipped["offset"]] == [b"<page>"] * 3
    assert counts == {
        "pages": 10,
        "redirects": 2,
        "pages_other_namespace": 2,
        "documents": 3,
        "skipped_empty": 1,
        "skipped_too_large": 1,
        "skipped_not_wikitext": 1,
    }


def test_the_newest_revision_is_taken():
    revisions = "".join(
        f"<revision><id>{number}</id><timestamp>{year}-01-01T00:00:00Z</timestamp>"
        f"<text>text {year}</text></revision>"
        for number, year in ((1, 2001), (2, 2003), (3, 2002))
    )
    documents, _, counts = run(
        f"{HEAD}<page><title>A</title><ns>0</ns><id>9</id>{revisions}</page>{TAIL}"
    )
    assert documents.select("source_id", "text", "date").rows() == [
        ("dewiki:9:2", "text 2003", "2003-01-01T00:00:00Z")
    ]
    assert counts["revisions_older"] == 2


def test_packings_and_encodings_give_the_same():
    dump = HEAD + page(1, "Füße und 中文") + pages(2, 40) + TAIL
    data = dump.encode()
    expected, _, counts = run(data)
    cut = len(data) // 3
    latin = dump.replace("中文", "")
    for packed in (
        bz2.compress(data),
        gzip.compress(data),
        bz2.compress(data[:cut])
        + bz2.compress(data[cut : 2 * cut])
        + bz2.compress(data[2 * cut :]),
        gzip.compress(data[:cut]) + gzip.compress(data[cut:]) + b"\0" * 100,
        b"\xef\xbb\xbf" + data,
        dump.encode("utf-16"),
        b"\xfe\xff" + dump.encode("utf-16-be"),
        ("<?xml version='1.0' encoding='UTF-16LE'?>" + dump).encode("utf-16-le"),
    ):
        documents, skipped, found = run(packed)
        assert documents.equals(expected)
        assert skipped.is_empty()
        assert found == counts
    declared = "<?xml version='1.0' encoding='ISO-8859-1'?>\n" + latin
    assert run(declared.encode("latin-1"))[0].equals(run(latin)[0])


def test_cdata_comments_and_prefixes_are_xml():
    dump = HEAD + pages(1, 1).replace("text 1<", "<![CDATA[text 1 </page><page>]]><!-- <page> --><")
    dump = (dump + TAIL).replace("</page><page>]]", " &lt;/page&gt;]]")
    documents, skipped, _ = run(dump)
    assert documents["text"].to_list() == ["text 1 </page>"]
    assert skipped.is_empty()
    prefixed = re.sub(r"<(/?)(?=[a-z])", r"<\1mw:", HEAD + pages(1, 2) + TAIL)
    assert numbers(run(prefixed.replace("xmlns=", "xmlns:mw="))[0]) == [1, 2]


def test_the_last_piece_of_a_cut_file_is_damaged():
    data = (HEAD + pages(1, 9) + TAIL).encode()
    cut = data.index(b"text 5") + 3
    documents, skipped, counts = run(data[:cut])
    assert numbers(documents) == [1, 2, 3, 4]
    assert skipped.select("reason", "offset", "uri").rows() == [
        ("damaged", cut, "https://de.wikipedia.org/wiki/Seite_5")
    ]
    assert counts["pages"] == 5
    documents, skipped, _ = run(data[: data.index(TAIL.encode())])
    assert numbers(documents) == list(range(1, 10))
    assert skipped["detail"].to_list() == ["the dump is cut off: no element found"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("old", "new", "lost", "detail"),
    [
        ("text 5", "text \x01 5", [5], "not well-formed (invalid token)"),
        ("text 5", "text &unknown; 5", [5], "undefined entity"),
        ("text 5", "text <b> 5", [5], "mismatched tag"),
        ("text 5</text>", "text 5", [5], "mismatched tag"),
        ("</title><ns>0</ns><id>5</id>", "", [5], "mismatched tag"),
        ("text 5</text></revision></page>\n", "text 5", [5], "a page begins inside another"),
        ("<id>5</id>", "", [5], "a page without title or id"),
    ],
)
def test_a_damaged_page_is_stepped_over(encoding, old, new, lost, detail):
    dump = HEAD + pages(1, 9) + TAIL
    assert old in dump
    documents, skipped, counts = run(dump.replace(old, new).encode(encoding))
    assert numbers(documents) == [number for number in range(1, 10) if number not in lost]
    assert skipped.select("reason", "detail").rows() == [("damaged", detail)]
    assert counts["pages"] == 9


def test_pages_that_begin_one_after_the_other_are_stepped_over():
    documents, skipped, counts = run(HEAD + pages(1, 1) + "<page>" * 500 + pages(2, 3) + TAIL)
    assert numbers(documents) == [1, 2, 3]
    assert skipped["detail"].to_list() == ["a page begins inside another"] * 500
    assert counts["pages"] == 503


def test_invalid_utf8_damages_one_page():
    data = (HEAD + pages(1, 9) + TAIL).encode()
    documents, skipped, _ = run(data.replace(b"text 5", b"text \xff 5"))
    assert numbers(documents) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert skipped["offset"].to_list() == [data.index(b"text 5") + 5]


def test_lost_bytes_of_a_packed_file_cost_the_pages_in_them():
    parts = [HEAD + pages(1, 3), pages(4, 6), pages(7, 9) + TAIL]
    for pack in (bz2.compress, gzip.compress):
        packed = [pack(part.encode()) for part in parts]
        middle = bytearray(packed[1])
        middle[40:60] = bytes(20)
        documents, skipped, _ = run(packed[0] + bytes(middle) + packed[2])
        assert numbers(documents) == [1, 2, 3, 7, 8, 9]
        assert skipped["reason"].to_list() == ["damaged"]
        assert skipped["detail"][0].startswith("the compressed file is damaged")
        cut = packed[0] + packed[1] + packed[2][:-20]
        documents, skipped, _ = run(cut)
        assert numbers(documents)[:6] == [1, 2, 3, 4, 5, 6]
        assert skipped["detail"].to_list() == ["the compressed file is cut off"]
        documents, skipped, _ = run(b"".join(packed) + b"not packed")
        assert numbers(documents) == list(range(1, 10))
        assert skipped["detail"].to_list() == ["bytes that are not compressed follow"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_damaged_nothing_crashes(data):
    dump = bytearray((HEAD + pages(1, 12) + TAIL).encode())
    pack = data.draw(st.sampled_from([bytes, bz2.compress, gzip.compress]))
    body = bytearray(pack(bytes(dump)))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(body)))
        stop = min(len(body), start + data.draw(st.integers(0, 400)))
        body[start:stop] = data.draw(st.binary(max_size=20))
    try:
        documents, skipped, counts = run(bytes(body))
    except InputError:
        return
    assert counts.get("documents", 0) == documents.height
    assert set(skipped["reason"]) <= {"damaged", "empty", "not_wikitext"}


@pytest.mark.parametrize(
    ("data", "came"),
    [
        (b"", "it is empty"),
        (bz2.compress(b""), "it is empty"),
        (b"just text", "it is none: syntax error"),
        (b"<html><body/></html>", "its root element is <html>"),
        (b"\0\0\0\0", "it is none"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "the 7z archive cannot be opened: "),
        (b"\xfd7zXZ\0\0", "it is none: the compressed file is"),
        (b"PK\x03\x04..", "it is a zip archive"),
        (bz2.compress(HEAD.encode())[:30], "it is none: the compressed file is cut off"),
        (
            b'<!DOCTYPE x [<!ENTITY a "b">]><mediawiki>&a;</mediawiki>',
            "it declares an entity of its own, 'a'",
        ),
    ],
)
def test_a_file_that_is_no_dump_is_an_error(data, came):
    with pytest.raises(InputError) as caught:
        run(data)
    assert caught.value.came.startswith(came)
    assert caught.value.where == "dump.xml"


def test_wikis_without_a_name_or_address_are_told_apart():
    dump = HEAD + pages(1, 1) + TAIL
    nameless = dump.replace("<dbname>dewiki</dbname>", "")
    documents, _, _ = run(nameless)
    base = "https://de.wikipedia.org/wiki/Wikipedia:Hauptseite"
    assert documents["source_id"].to_list() == [f"{base}:1:101"]
    documents, _, _ = run(f"<mediawiki>{pages(1, 1)}</mediawiki>")
    assert documents.select("source_id", "uri").rows() == [("dump.xml:1:101", None)]
    plain_address = nameless.replace(base, "http://x.org/w/index.php?title=Main_Page")
    assert run(plain_address)[0]["uri"].to_list() == ["http://x.org/w/index.php?title=Seite_1"]


LARGE = (
    HEAD
    + "".join(page(n, f"text {n}" + " wort" * (n * 7919 % 150)) for n in range(1, 900))
    + page(900, "text 900 " + "".join(f"w{n * 7919 % 9973} " for n in range(30_000)))
    + "".join(page(n, f"text {n} " + str(7**n)) for n in range(901, 1000))
    + TAIL
).encode()
STREAMS = [LARGE[at : at + 50_000] for at in range(0, len(LARGE), 50_000)]
STORED = {
    "plain": LARGE,
    "one stream": bz2.compress(LARGE, 1),
    "streams": b"".join(map(bz2.compress, STREAMS)),
}
LARGE_SECTION = WikipediaSection(kind="wikipedia", inputs=("x",))


def in_ranges(data, cuts):
    """The outcome of each range between these bytes of the file."""
    found = []
    for start, stop in zip([0, *cuts], [*cuts, None], strict=True):
        sink = Sink("wikipedia", "", FILE.identity)
        file = replace(FILE, size=len(data), start=start, stop=stop)
        read(io.BytesIO(data), file, LARGE_SECTION, sink)
        found.append((sink.take_documents(), sink.take_skipped(), sink))
    return found


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(STORED)), st.data())
def test_ranges_give_every_page_once(name, data):
    stored = STORED[name]
    cuts = data.draw(st.lists(st.integers(1, len(stored) - 1), max_size=6, unique=True).map(sorted))
    found = in_ranges(stored, cuts)
    whole, _, counts = run(stored, LARGE_SECTION)
    assert whole.height == counts["pages"] == 999
    documents = pl.concat(frame for frame, _, _ in found)
    assert documents["source_id"].to_list() == whole["source_id"].to_list()
    assert documents["text"].equals(whole["text"])
    assert documents["uri"].equals(whole["uri"])
    assert all(skipped.is_empty() for _, skipped, _ in found)
    entered = [sink for *_, sink in found if sink.first is not None]
    assert [s.following for s in entered[:-1]] == [s.first for s in entered[1:]]
    assert entered[-1].following is None


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(STORED)), st.data())
def test_damage_costs_ranges_no_more_than_the_whole(name, data):
    stored = bytearray(STORED[name])
    at = data.draw(st.integers(2000, len(stored) - 100))
    stored[at : at + 30] = data.draw(st.binary(min_size=30, max_size=30))
    cuts = data.draw(st.lists(st.integers(1, len(stored) - 1), max_size=4, unique=True).map(sorted))
    whole, skipped, _ = run(bytes(stored), LARGE_SECTION)
    found = in_ranges(bytes(stored), cuts)
    ids = [id_ for frame, _, _ in found for id_ in frame["source_id"]]
    assert ids == whole["source_id"].to_list()
    assert skipped.is_empty() == all(some.is_empty() for _, some, _ in found)


def test_a_damaged_block_of_one_stream_costs_its_pages():
    stored = bytearray(STORED["one stream"])
    middle = len(stored) // 3
    stored[middle : middle + 9] = b"\x55" * 9
    documents, skipped, _ = run(bytes(stored), LARGE_SECTION)
    assert skipped["detail"].to_list() == ["the compressed file is damaged"]
    assert 0 < skipped["offset"][0] <= middle
    assert documents.height > 600
    assert "dewiki:999:1099" in documents["source_id"]


def test_plain_and_bz2_dumps_are_divided():
    size = 100 << 20
    file = replace(FILE, size=size)
    even = [(at << 25, (at + 1) << 25) for at in range(3)] + [(96 << 20, None)]
    for stored in STORED.values():
        assert find_ranges(io.BytesIO(stored), file) == even
    for undivided in (
        gzip.compress(LARGE),
        lzma.compress(LARGE),
        LARGE.decode().encode("utf-16"),
        re.sub(rb"<(/?)(?=[a-z])", rb"<\1mw:", LARGE).replace(b"xmlns=", b"xmlns:mw="),
    ):
        assert find_ranges(io.BytesIO(undivided), file) == [(0, None)]


def test_an_index_of_streams_is_left_alone():
    documents, skipped, counts = run(bz2.compress("600:1:Köln\n600:2:Bonn: Stadt\n".encode()))
    assert documents.is_empty()
    assert skipped.is_empty()
    assert counts == {"index_files": 1}


def test_7z_xz_and_zstd(tmp_path):
    expected = run(LARGE, LARGE_SECTION)[0]
    with py7zr.SevenZipFile(tmp_path / "dump.7z", "w") as archive:
        archive.writestr(LARGE, "dump.xml")
    seven = (tmp_path / "dump.7z").read_bytes()
    zstd = pa.compress(LARGE, "zstd", asbytes=True)
    half = len(LARGE) // 2
    many = lzma.compress(LARGE[:half]) + lzma.compress(LARGE[half:])
    for stored in (seven, lzma.compress(LARGE), many, zstd):
        documents, skipped, _ = run(stored, LARGE_SECTION)
        assert documents.equals(expected)
        assert skipped.is_empty()
    for stored in (seven, lzma.compress(LARGE), zstd):
        damaged = bytearray(stored)
        damaged[len(stored) // 2 : len(stored) // 2 + 50] = bytes(50)
        try:
            documents, skipped, _ = run(bytes(damaged), LARGE_SECTION)
        except InputError:  # nothing came out of it
            continue
        assert documents.height < 999
        assert skipped.height > 0
    with py7zr.SevenZipFile(tmp_path / "two.7z", "w") as archive:
        archive.writestr(LARGE, "dump.xml")
        archive.writestr(LARGE, "other.xml")
    with pytest.raises(InputError, match="the 7z archive holds 2 files"):
        run((tmp_path / "two.7z").read_bytes())


def test_memory_does_not_grow_with_the_dump():
    unit = page(1, "Ein Satz mit [[Verweisen]] und {{Vorlagen}}. " * 20)
    huge = page(2, "x" * (20 << 20))
    packed = bz2.compress((HEAD + huge + unit * 8_000 + huge + unit + TAIL).encode())
    full = []
    sink = Sink("wikipedia", "", FILE.identity, block_bytes=1 << 20)
    sink.on_full = lambda frame: full.append(frame.height)
    read(io.BytesIO(bz2.compress((HEAD + unit + TAIL).encode())), FILE, SECTION, sink)
    tracemalloc.start()
    read(io.BytesIO(packed), FILE, SECTION, sink)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(full) > 7_000
    assert sink.counts["skipped_too_large"] == 2
    assert peak < 12 << 20  # of 50 MB


@pytest.mark.shared
def test_every_real_dump_is_read(shared_data):
    expected = {  # pages, redirects: of data/README.md
        "enwiki-shortened.xml.bz2": (206, 100),
        "itwiki-small.xml.gz": (747, 65),
        "ltgwiki-pages-articles.xml": (2004, 195),
        "aawiki-20260101-pages-meta-current.xml.bz2": (507, 19),
        "bgwiki-shortened.xml.bz2": (3, 0),
        "enwiki-table-markup.xml.bz2": (5, 0),
        "enwiki-annotated-sample.xml.gz": (2, 0),
        "article-pear-0.10.xml": (1, 0),
    }
    dumps = {}
    for path in sorted((shared_data / "wikipedia").iterdir()):
        if path.name == "minidumps.tar.gz":
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile():
                        dumps[member.name] = archive.extractfile(member).read()
        else:
            dumps[path.name] = path.read_bytes()
    assert len(dumps) == 8 + 100
    articles = left = mini_pages = 0
    section = WikipediaSection(kind="wikipedia", inputs=("*",))
    for name, data in dumps.items():
        documents, skipped, counts = run(data, section)
        assert counts["pages"] == (
            counts.get("redirects", 0)
            + counts.get("pages_other_namespace", 0)
            + documents.height
            + skipped.height
        )
        assert set(skipped["reason"]) <= {"empty", "not_wikitext"}, name
        if name in expected:
            assert (counts["pages"], counts.get("redirects", 0)) == expected[name]
        else:
            mini_pages += counts["pages"]
        assert documents["date"].null_count() == 0
        if name != "enwiki-table-markup.xml.bz2":  # has no <siteinfo>
            assert documents["uri"].null_count() == 0
        articles += documents.height
        left += sum(LEFTOVER.search(text) is not None for text in documents["text"])
    assert mini_pages == 179
    assert articles > 1700
    assert left / articles <= 0.005


@pytest.mark.shared
@pytest.mark.parametrize("name", ["enwiki-shortened.xml.bz2", "ltgwiki-pages-articles.xml"])
def test_real_dumps_in_ranges(shared_data, name):
    stored = (shared_data / "wikipedia" / name).read_bytes()
    whole, skipped, _ = run(stored, LARGE_SECTION)
    size = len(stored)
    found = in_ranges(stored, [size // 7, size // 2, size // 2 + 10, size - 1])
    documents = pl.concat(frame for frame, _, _ in found)
    assert documents.drop("snapshot").equals(whole.drop("snapshot"))
    assert pl.concat(some for _, some, _ in found).equals(skipped)


@pytest.mark.shared
def test_kinds_of_real_pages(shared_data):
    stored = (shared_data / "wikipedia" / "enwiki-shortened.xml.bz2").read_bytes()
    documents, _, _ = run(stored, LARGE_SECTION)
    kinds = dict(documents.select("title", "page_kind").iter_rows())
    assert kinds["Austin (disambiguation)"] == kinds["Alien"] == "disambiguation"
    assert kinds["List of anthropologists"] == "list"
    assert kinds["Anarchism"] is None
    assert set(documents["declared_language"]) == {"en"}
    assert documents["categories"].null_count() < 10


def test_a_recipe_may_choose_the_variants_that_are_known():
    content = resources.files("curate.sources").joinpath("mediawiki.toml").read_text("utf-8")

    assert set(get_args(Variant)) == {"", *tomllib.loads(content)["variants"]}
    with pytest.raises(RecipeError, match="'zh-hanss' came; did you mean 'zh-hans'"):
        make_recipe(
            {
                "name": "r",
                "sources": [{"kind": "wikipedia", "inputs": ["x"], "variant": "zh-hanss"}],
            }
        )
