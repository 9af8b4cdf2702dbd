from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import Counter

import pytest
from fastwarc.stream_io import BrotliWriter, Lz4Writer, ZstdWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import InputError
from curate.recipe import CommonCrawlSection
from curate.schema import document_id
from curate.sources import InputFile, Sink
from curate.sources.commoncrawl import read

quick = settings(deadline=None, max_examples=60)
FILE = InputFile(uri="/there/x.warc.gz", name="x.warc.gz", label="x", size=0, identity="f00d")


def read_bytes(data, maximum_page_bytes=10_000_000):
    sink = Sink("commoncrawl", "S", FILE.identity)
    section = CommonCrawlSection(
        kind="commoncrawl", inputs=("x",), maximum_page_bytes=maximum_page_bytes
    )
    stream = data if isinstance(data, io.IOBase) else io.BytesIO(data)
    read(stream, FILE, section, sink)
    return sink


def texts_of(sink):
    return sink.take_documents()["text"].to_list()


def skips_of(sink):
    return sink.take_skipped().select("uri", "reason").rows()


def record(kind="conversion", body=b"", length=None, end=b"\r\n", **fields):
    fields = {"Target_URI": "http://a.example/", **fields}
    lines = [b"WARC/1.0", b"WARC-Type: " + kind.encode()]
    lines += [
        f"{'' if name == 'Content-Type' else 'WARC-'}{name}: {value}".encode()
        for name, value in ((name.replace("_", "-"), value) for name, value in fields.items())
        if value is not None
    ]
    lines += [b"Content-Length: %d" % (len(body) if length is None else length), b"", b""]
    return end.join(lines) + body + end * 2


def wet(text, number=0, **options):
    """A record of a WET file."""
    options = {"Content_Type": "text/plain", "Date": "2024-05-18T01:58:10Z", **options}
    options.setdefault("Record_ID", f"<urn:uuid:{number}>")
    return record(body=text.encode(), **{"Target_URI": f"http://a.example/{number}", **options})


def http(body, status=b"200 OK", content_type="text/html", **headers):
    lines = [b"HTTP/1.1 " + status]
    if content_type is not None:
        headers = {"Content-Type": content_type, **headers}
    lines += [f"{name.replace('_', '-')}: {value}".encode() for name, value in headers.items()]
    return b"\r\n".join([*lines, b"", b""]) + body


def response(block, **options):
    options.setdefault("Content_Type", "application/http; msgtype=response")
    return record("response", block, **options)


def compressed(writer_class, data):
    target = io.BytesIO()
    writer = writer_class(target)
    writer.write(data)
    writer.finish()
    writer.close()
    return target.getvalue()


def cut_into(records, size):
    whole = b"".join(records)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


LAYOUTS = {
    "plain": b"".join,
    "gzip members": lambda records: b"".join(gzip.compress(one, mtime=0) for one in records),
    "one gzip member": lambda records: gzip.compress(b"".join(records), mtime=0),
    "gzip members across records": lambda records: b"".join(
        gzip.compress(part, mtime=0) for part in cut_into(records, 150)
    ),
    "empty gzip members between": lambda records: b"".join(
        gzip.compress(b"", mtime=0) + gzip.compress(one, mtime=0) for one in records
    ),
    "zstd frames": lambda records: b"".join(compressed(ZstdWriter, one) for one in records),
    "one zstd frame": lambda records: compressed(ZstdWriter, b"".join(records)),
    "lz4 frames": lambda records: b"".join(compressed(Lz4Writer, one) for one in records),
}
layouts = st.sampled_from(sorted(LAYOUTS))
# Texts that look like what surrounds them.
nasty = st.lists(
    st.one_of(
        st.sampled_from(
            ["\r\n\r\n", "\n\n", "WARC/1.0\r\n", "WARC/1.0\r\nWARC-Type: x\r\n\r\n", "é", "😀"]
        ),
        st.sampled_from(["\x1f\u008b\x08", "\0", "Content-Length: 7\r\n", "words and words"]),
    ),
    max_size=5,
).map(lambda parts: "".join(parts) + ".")
# Texts that lie within one line, so that each change of their length is seen.
lines = st.text("abcdefg é", min_size=1, max_size=60).map(lambda text: f"<{text}>")


@quick
@given(st.lists(nasty, min_size=1, max_size=6), layouts, st.sampled_from([b"\r\n", b"\n"]))
def test_every_intact_record_is_delivered_in_every_layout(texts, layout, end):
    records = [wet(text, number, end=end) for number, text in enumerate(texts)]
    sink = read_bytes(LAYOUTS[layout](records))
    assert sink.counts == Counter(
        records=len(texts), records_conversion=len(texts), documents=len(texts)
    )
    documents = sink.take_documents()
    assert documents["text"].to_list() == texts
    assert documents["source_id"].to_list() == [f"urn:uuid:{n}" for n in range(len(texts))]


@quick
@given(st.lists(nasty, min_size=1, max_size=5), layouts, st.data())
def test_a_file_that_is_cut_off_gives_what_came_before(texts, layout, data):
    records = [wet(text, number) for number, text in enumerate(texts)]
    whole = LAYOUTS[layout](records)
    cut = data.draw(st.integers(4, len(whole) - 1))  # what begins like the format
    sink = Sink("commoncrawl", "S", FILE.identity)
    section = CommonCrawlSection(kind="commoncrawl", inputs=("x",))
    refused = False
    try:
        read(io.BytesIO(whole[:cut]), FILE, section, sink)
    except InputError:
        refused = True  # not one header is whole
    delivered = texts_of(sink)
    assert delivered == texts[: len(delivered)]
    reasons = {reason for _, reason in skips_of(sink)}
    assert reasons <= {"truncated", "damaged"}
    ends = {len(LAYOUTS[layout](records[:number])) for number in range(1, len(texts))}
    if layout in {"plain", "lz4 frames"}:  # line ends or end mark after a record may be missing
        ends = {end - missing for end in ends for missing in range(5)}
    elif layout == "empty gzip members between":
        ends |= {end + len(gzip.compress(b"", mtime=0)) for end in ends}
    elif layout == "gzip members across records":
        ends = {cut}  # a member's end may be a record's end by chance
    assert reasons or refused or delivered == texts or cut in ends


@quick
@given(st.lists(lines, min_size=1, max_size=6), st.data())
def test_a_plain_file_cut_within_a_record_names_that_record(texts, data):
    records = [wet(text, number) for number, text in enumerate(texts)]
    hit = data.draw(st.integers(0, len(texts) - 1))
    header = records[hit].index(b"\r\n\r\n") + 4
    cut = data.draw(st.integers(header, len(records[hit]) - 5))
    sink = read_bytes(b"".join(records[:hit]) + records[hit][:cut])
    assert texts_of(sink) == texts[:hit]
    assert skips_of(sink) == [(f"http://a.example/{hit}", "truncated")]


@quick
@given(st.lists(nasty, min_size=2, max_size=6), st.booleans(), st.data())
def test_a_header_that_is_cut_off_does_not_pass_to_the_next_record(texts, in_member, data):
    records = [wet(text, number) for number, text in enumerate(texts)]
    hit = data.draw(st.integers(0, len(texts) - 2))
    cut = data.draw(st.integers(1, records[hit].index(b"\r\n\r\n") + 3))
    parts = [*records[:hit], records[hit][:cut] + records[hit + 1], *records[hit + 2 :]]
    layout = "gzip members" if in_member else "plain"
    sink = read_bytes(LAYOUTS[layout](parts))
    assert texts_of(sink) == texts[:hit] + texts[hit + 1 :]
    assert [reason for _, reason in skips_of(sink)] == ["damaged"]


@quick
@given(st.lists(nasty, min_size=2, max_size=6), st.data())
def test_a_gzip_member_that_is_cut_off_costs_only_itself(texts, data):
    members = [gzip.compress(wet(text, number), mtime=0) for number, text in enumerate(texts)]
    hit = data.draw(st.integers(0, len(texts) - 1))
    cut = data.draw(st.integers(4, len(members[hit]) - 1))  # what begins like gzip
    sink = read_bytes(b"".join([*members[:hit], members[hit][:cut], *members[hit + 1 :]]))
    # The text may be whole when only the line ends after it are cut off.
    assert texts_of(sink) in (texts[:hit] + texts[hit + 1 :], texts)
    # What is decompressed before the damage shows may look like another record.
    assert {reason for _, reason in skips_of(sink)} <= {"truncated", "damaged"}
    assert sink.counts["bytes_stepped_over"] >= cut


@quick
@given(st.lists(nasty, min_size=1, max_size=6), st.data())
def test_a_flipped_byte_in_a_gzip_member_costs_only_that_member(texts, data):
    members = [gzip.compress(wet(text, number), mtime=0) for number, text in enumerate(texts)]
    hit = data.draw(st.integers(0, len(texts) - 1))
    at = data.draw(st.integers(0, len(members[hit]) - 1))
    broken = bytearray(members[hit])
    broken[at] ^= data.draw(st.integers(1, 255))
    try:
        sink = read_bytes(b"".join([*members[:hit], bytes(broken), *members[hit + 1 :]]))
    except InputError:
        assert len(texts) == 1 or (hit, at < 4) == (0, True)  # not even gzip by its first bytes
        return
    delivered = texts_of(sink)
    assert [text for text in delivered if text in texts] == delivered
    if delivered != texts:  # a time stamp in the member's header may change unnoticed
        assert delivered == texts[:hit] + texts[hit + 1 :]
        assert {reason for _, reason in skips_of(sink)} <= {"truncated", "damaged"}
        assert sink.counts["bytes_stepped_over"] > 0


@quick
@given(st.lists(nasty, min_size=2, max_size=6), st.data())
def test_a_flipped_byte_in_a_zstd_frame_costs_only_that_frame(texts, data):
    frames = [compressed(ZstdWriter, wet(text, number)) for number, text in enumerate(texts)]
    hit = data.draw(st.integers(0, len(texts) - 1))
    broken = bytearray(frames[hit])
    first = 4 if hit == 0 else 0  # what the format is known by
    broken[data.draw(st.integers(first, len(broken) - 1))] ^= data.draw(st.integers(1, 255))
    sink = read_bytes(b"".join([*frames[:hit], bytes(broken), *frames[hit + 1 :]]))
    delivered = texts_of(sink)
    # Without a checksum, a letter may change unnoticed.
    assert delivered[:hit] + delivered[len(delivered) - len(texts) + hit + 1 :] == (
        texts[:hit] + texts[hit + 1 :]
    )
    if len(delivered) < len(texts):
        assert skips_of(sink)


@quick
@given(
    st.lists(nasty, min_size=1, max_size=5),
    # Not what other formats begin with.
    st.binary(min_size=1, max_size=80).filter(lambda junk: junk[:1] not in b"\x1f\x28\x04BPf\r\n"),
    st.sampled_from(["plain", "gzip members", "one gzip member"]),
    st.data(),
)
def test_garbage_between_records_costs_no_record(texts, junk, layout, data):
    records = [wet(text, number) for number, text in enumerate(texts)]
    at = data.draw(st.integers(0, len(texts)))
    if layout == "gzip members":
        parts = [gzip.compress(one, mtime=0) for one in records]
        whole = b"".join(parts[:at]) + (junk if at else b"") + b"".join(parts[at:])
        expected = int(at > 0)
    else:
        whole = LAYOUTS[layout]([*records[:at], junk, *records[at:]])
        expected = 1
    sink = read_bytes(whole)
    assert texts_of(sink) == texts
    skips = sink.take_skipped()
    # One byte after the last member may be the beginning of another one.
    assert [reason.replace("truncated", "damaged") for reason in skips["reason"]] == [
        "damaged"
    ] * expected
    assert sink.counts["bytes_stepped_over"] >= expected


@quick
@given(
    st.lists(lines, min_size=1, max_size=6),
    st.sampled_from(["plain", "gzip members", "one gzip member"]),
    st.data(),
)
def test_a_wrong_content_length_costs_only_its_record(texts, layout, data):
    hit = data.draw(st.integers(0, len(texts) - 1))
    true = len(texts[hit].encode())
    # Too long: within the next record's header, or beyond the file.
    too_long = st.integers(true + 5, true + 60) | st.just(10**6)
    wrong = data.draw(st.integers(0, true - 1) | too_long)
    sink = read_bytes(
        LAYOUTS[layout](
            [
                wet(text, number, length=wrong if number == hit else None)
                for number, text in enumerate(texts)
            ]
        )
    )
    assert texts_of(sink) == texts[:hit] + texts[hit + 1 :]
    reasons = [reason for _, reason in skips_of(sink)]
    assert reasons in (["damaged"], ["truncated"])
    assert sink.counts["records"] == len(texts)


@pytest.mark.parametrize("length", ["", "-5", "12a", "9" * 30, "٣"])
def test_a_content_length_that_is_no_number(length):
    bad = wet("bad").replace(b"Content-Length: 3", f"Content-Length: {length}".encode())
    sink = read_bytes(wet("one") + bad + wet("two"))
    assert texts_of(sink) == ["one", "two"]
    assert skips_of(sink) == [("http://a.example/0", "damaged")]


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_record_that_is_too_long_to_hold_is_passed_over(layout):
    big = response(http(b"<p>" + b"word " * 400_000))
    sink = read_bytes(LAYOUTS[layout]([wet("one"), big, wet("two")]), maximum_page_bytes=1000)
    assert texts_of(sink) == ["one", "two"]
    assert skips_of(sink) == [("http://a.example/", "too_large")]


def test_a_video_is_not_html_however_long():
    sink = read_bytes(response(http(b"\0" * 2_000_000, content_type="video/mp4")), 1000)
    assert skips_of(sink) == [("http://a.example/", "not_html")]


@pytest.mark.parametrize("layout", ["plain", "gzip members", "one gzip member"])
def test_a_length_beyond_what_is_held_does_not_swallow_the_records_after_it(layout):
    pages = [wet("x" * 1000, number) for number in range(3000)]
    lie = wet("bad", length=10**12)
    sink = read_bytes(LAYOUTS[layout]([wet("one"), lie, *pages]), maximum_page_bytes=1000)
    assert sink.counts["documents"] == 3001
    assert skips_of(sink) == [("http://a.example/0", "damaged")]


PAGE = b"<html><head><title>River</title></head><body><p>The river rose slowly.</p></body></html>"
TEXT = "The river rose slowly."
DEFLATED = zlib.compress(PAGE)
RAW_DEFLATED = zlib.compress(PAGE, wbits=-15)
CHUNKED = b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (9, PAGE[:9], len(PAGE) - 9, PAGE[9:])


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        (http(PAGE), {}),
        (http(PAGE, content_type="application/xhtml+xml; charset=utf-8"), {}),
        (http(PAGE, content_type="text/html charset=utf-8"), {}),
        (http(PAGE, content_type=None), {}),
        (http(PAGE, content_type=None), {"Identified_Payload_Type": "text/html"}),
        (http(PAGE).replace(b"\r\n", b"\n"), {}),
        (http(PAGE, status=b"200"), {}),
        (http(PAGE, Content_Encoding="gzip").replace(PAGE, gzip.compress(PAGE, mtime=0)), {}),
        (http(gzip.compress(PAGE, mtime=0), Content_Encoding="X-GZIP"), {}),
        (http(PAGE, Content_Encoding="gzip"), {}),  # decompressed by the crawler
        (http(DEFLATED, Content_Encoding="deflate"), {}),
        (http(RAW_DEFLATED, Content_Encoding="deflate"), {}),
        (http(PAGE, Content_Encoding="deflate"), {}),
        (http(compressed(BrotliWriter, PAGE), Content_Encoding="br"), {}),
        (http(PAGE, Content_Encoding="br"), {}),
        (http(gzip.compress(DEFLATED, mtime=0), Content_Encoding="deflate, gzip"), {}),
        (http(PAGE, Content_Encoding="identity"), {}),
        (http(CHUNKED, Transfer_Encoding="chunked"), {}),
        (http(PAGE, Transfer_Encoding="chunked"), {}),  # joined by the crawler
        (http(PAGE), {"Content_Type": None}),
        (http(PAGE), {"Target_URI": "<http://a.example/>"}),
    ],
)
def test_a_page_is_delivered_whatever_its_wrapping(block, fields):
    documents = read_bytes(response(block, **fields)).take_documents()
    assert documents.select("uri", "title", "text").rows() == [("http://a.example/", "River", TEXT)]


@pytest.mark.parametrize(
    ("record_bytes", "reason"),
    [
        (response(http(PAGE, status=b"404 Not Found")), "http_status"),
        (response(http(PAGE, status=b"206 Partial Content")), "http_status"),
        (response(http(PAGE, content_type="image/png")), "not_html"),
        (response(http(b"\0\1", content_type=None)), "not_html"),
        (response(http(b"%PDF-1.4 ...")), "not_html"),
        (response(http(b"MZ\0\0\0\0", content_type="text/plain")), "not_html"),
        (response(b"127.0.0.1", Content_Type="text/dns", Target_URI="dns:a.example"), "not_html"),
        (response(PAGE), "bad_http"),
        (response(b"HTTP/1.1 200 OK\r\nContent-Type: text/html"), "bad_http"),
        (response(b""), "bad_http"),
        (response(http(b"")), "empty"),
        (response(http(b"<html><body></body></html>")), "empty"),
        (response(http(b"<div>" * 2000)), "empty"),
        (response(http(b"<p>" + b"word " * 300)), "too_large"),
        (response(http(gzip.compress(b" " * 9000, mtime=0), Content_Encoding="gzip")), "too_large"),
        (response(http(compressed(BrotliWriter, b" " * 9000), Content_Encoding="br")), "too_large"),
        (response(http(PAGE, Content_Encoding="compress")), "unsupported_encoding"),
        (response(http(gzip.compress(PAGE, mtime=0)[:-9], Content_Encoding="gzip")), "truncated"),
        (response(http(b"\x1f\x8b\x08" + PAGE, Content_Encoding="gzip")), "damaged"),
        (response(http(b"\xff" * 50, Content_Encoding="br")), "damaged"),
        (response(http(b"\xff" * 50, Content_Encoding="deflate")), "damaged"),
        (response(http(CHUNKED[:-9], Transfer_Encoding="chunked")), "truncated"),
        (response(http(CHUNKED[:-5], Transfer_Encoding="chunked")), "truncated"),
        (response(http(b"3\r\nabcxyz\r\n0\r\n", Transfer_Encoding="chunked")), "damaged"),
        (response(http(PAGE), Truncated="length"), "truncated"),
        (response(http(PAGE), Segment_Number="1"), "segmented"),
        (record("continuation", PAGE, Segment_Number="2"), "segmented"),
        (record("revisit", http(PAGE)), "revisit"),
        (record("resource", PAGE, Content_Type="image/gif"), "not_html"),
        (
            record("resource", b"log", Content_Type="text/plain", Target_URI="metadata://wget.log"),
            "not_html",
        ),
        (record("conversion", b" \r\n ", Content_Type="text/plain"), "empty"),
    ],
)
def test_every_other_page_is_skipped_for_a_reason(record_bytes, reason):
    sink = read_bytes(record_bytes, maximum_page_bytes=1000 if reason == "too_large" else 10**6)
    skipped = sink.take_skipped()
    assert skipped["reason"].to_list() == [reason]
    assert skipped["uri"].null_count() == 0
    assert skipped["offset"].to_list() == [0]
    assert sink.counts["documents"] == 0
    assert sink.counts["records"] == sink.counts[f"skipped_{reason}"] == 1


def test_other_records_are_counted():
    kinds = ["warcinfo", "request", "metadata", "metadata", "experiment"]
    sink = read_bytes(b"".join(record(kind, b"x") for kind in kinds))
    assert sink.counts == Counter(
        records=5, records_warcinfo=1, records_request=1, records_metadata=2, records_unknown=1
    )


def test_plain_text_and_resources_are_documents():
    sink = read_bytes(
        response(http("Ä b\r\n".encode("cp1252"), content_type="text/plain; charset=latin1"))
        + record("resource", PAGE, Content_Type="text/html")
    )
    assert sink.take_documents().select("title", "text").rows() == [
        (None, "Ä b\r\n"),
        ("River", TEXT),
    ]


def test_the_http_header_says_the_charset():
    page = "<p>Да, река медленно поднималась.</p>".encode("cp1251")
    sink = read_bytes(response(http(page, content_type='text/html; charset="windows-1251"')))
    assert texts_of(sink) == ["Да, река медленно поднималась."]


def test_identity_is_the_record_and_not_where_it_lies():
    fields = {
        "Record_ID": "<urn:uuid:7>",
        "Date": "2024-05-18T01:58:10Z",
        "Payload_Digest": "sha1:ABC",
    }
    page = response(http(PAGE), **fields)
    expected = document_id(
        "commoncrawl", "urn:uuid:7\0http://a.example/\x002024-05-18T01:58:10Z\0sha1:ABC"
    )
    for data in (page, gzip.compress(wet("first"), mtime=0) + gzip.compress(page, mtime=0)):
        last = read_bytes(data).take_documents().row(-1, named=True)
        assert last["id"] == expected
        assert (last["source_id"], last["date"]) == ("urn:uuid:7", "2024-05-18T01:58:10Z")
        assert (last["source"], last["snapshot"]) == ("commoncrawl", "S")


def test_a_record_without_id_and_digest_is_known_by_its_payload():
    one, two = (
        read_bytes(response(http(PAGE + tail))).take_documents().row(0, named=True)
        for tail in (b"", b"<p>more</p>")
    )
    assert one["id"] != two["id"]
    assert one["source_id"] == one["id"]
    assert one["date"] is None


@pytest.mark.parametrize(
    ("data", "came"),
    [
        (b"", "there is nothing in it"),
        (gzip.compress(b"", mtime=0), "there is nothing in it"),
        (b"\r\n\r\n", "there is nothing in it"),
        (b"crawl-data/CC-MAIN-2024-22/warc.gz\n" * 50, "it holds no record"),
        (b"BZh91AY&SY", "it holds no record"),
        (b"PK\x03\x04....", "it holds no record"),
        (b"7z\xbc\xaf\x27\x1c....", "it is a 7z archive"),
        (b"\xfd7zXZ\0....", "it is compressed with xz"),
        (b"\x1f\x8b\x08 broken", "it holds no record"),
        (b"WARC/1.1\r\n", "it holds no record"),
        (b"WARC/1.1\r\n\r\n", "it holds no record"),
    ],
)
def test_what_is_no_web_archive_is_refused(data, came):
    with pytest.raises(InputError) as caught:
        read_bytes(data)
    assert (caught.value.asked, caught.value.came) == (
        "a web archive is WARC, WET, ARC or WACZ",
        came,
    )
    assert caught.value.where == FILE.name
    assert caught.value.change


class Failing(io.BytesIO):
    """A remote file whose connection breaks."""

    def read(self, size=-1):  # noqa: D102 - the base class says it
        if self.tell() > 20:
            raise TimeoutError("connection lost")
        return super().read(min(size, 25))


@pytest.mark.parametrize("layout", ["plain", "gzip members", "zstd frames", "lz4 frames"])
def test_a_file_that_cannot_be_read_on_is_not_taken_for_a_damaged_one(layout):
    with pytest.raises(InputError, match="connection lost"):
        read_bytes(Failing(LAYOUTS[layout]([wet("one"), wet("two")])))


# ------------------------------------------------------------------------- the real files

NO_ARCHIVE = re.compile(r"invalid_example_1\.wacz$|\.warc\.paths\.gz$")
# Files that hold no whole WARC header, most of them on purpose.
NO_RECORD = re.compile(
    r"invalid-empty|invalid-warcheaderversion|invalid-warcreader-diagnosis-1"
    r"|droid/fmt-|gowarc/empty|not-there"
)


def known_counts(text):
    """The counts of the list of files: records by type as a strict reader saw them."""
    inner = re.match(r"\d+ \((.*?);", text)
    pairs = (part.rsplit(" ", 1) for part in inner[1].split(", ") if part) if inner else ()
    return {kind: int(number) for kind, number in pairs}


def real_files(shared_data):
    for line in (shared_data / "MANIFEST.tsv").read_text(encoding="utf-8").splitlines():
        name, _, _, records, *_ = line.split("\t")
        if name.startswith("warc/"):
            yield name, known_counts(records)


@pytest.mark.shared
def test_every_real_archive_is_read_or_reported(shared_data):
    section = CommonCrawlSection(kind="commoncrawl", inputs=("x",))
    total, refused, fewer = Counter(), [], []
    files = 0
    for name, known in real_files(shared_data):
        files += 1
        sink = Sink("commoncrawl", "", name)
        file = InputFile(name, name, name, 0, name)
        try:
            with (shared_data / name).open("rb") as stream:
                read(stream, file, section, sink)
        except InputError:
            refused.append(name)
            continue
        counts = sink.counts
        total += counts
        skipped = sink.take_skipped()
        assert counts["documents"] == sink.take_documents().height
        assert skipped["reason"].null_count() == 0
        # Each record that may hold a page became a document or a skip.
        pages = sum(
            counts[f"records_{kind}"]
            for kind in ("response", "resource", "conversion", "revisit", "continuation")
        )
        assert counts["documents"] + skipped.height >= pages
        fewer += [
            (name, kind, known[kind], counts[f"records_{kind}"])
            for kind in ("response", "resource", "conversion", "revisit", "request", "metadata")
            if counts[f"records_{kind}"] < known.get(kind, 0)
        ]
    assert files > 260
    assert [name for name in refused if not NO_ARCHIVE.search(name)] == [
        name for name in refused if NO_RECORD.search(name)
    ]
    assert sum(bool(NO_ARCHIVE.search(name)) for name in refused) == 2
    assert fewer == []
    assert total["documents"] > 500
    assert total["records_response"] >= 1356


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        (
            "aut/example.warc.gz",
            {
                "records": 822,
                "records_response": 299,
                "documents": 128,
                "skipped_http_status": 47,
                "skipped_not_html": 122,
                "skipped_empty": 2,
            },
        ),
        ("commoncrawl-whirlwind/whirlwind.warc.gz", {"records": 4, "documents": 1}),
        ("commoncrawl-whirlwind/whirlwind.warc.wet.gz", {"records": 2, "documents": 1}),
        ("commoncrawl-whirlwind/whirlwind.warc.wat.gz", {"records": 2, "documents": 0}),
        ("cdx-writer/empty-gzips.warc.gz", {"records": 9, "documents": 1, "skipped_revisit": 2}),
        ("resiliparse/warcfile.warc.lz4", {"records": 50, "records_response": 16}),
        ("resiliparse/clipped.warc.gz", {"records": 1, "documents": 0, "skipped_truncated": 1}),
        ("ipwb/5mementos.warc", {"records": 8, "records_response": 7}),  # bare line feeds
        ("solrwayback/transfer_compression_brotli.warc.gz", {"records": 5, "documents": 1}),
        ("warcio/example-iana.org-chunked.warc", {"records": 3, "documents": 1}),
        ("gowarc/corrupted-mid-record.warc.gz.open", {"records": 12, "skipped_damaged": 1}),
    ],
)
def test_what_is_in_a_real_archive(shared_data, name, counts):
    with (shared_data / "warc" / name).open("rb") as stream:
        sink = read_bytes(stream)
    assert {key: sink.counts[key] for key in counts} == counts
