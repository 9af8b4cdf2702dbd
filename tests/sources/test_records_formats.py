from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import InputError
from curate.recipe import RecordsSection
from curate.sources import InputFile, Sink, records, records_text
from curate.sources.inputs import find_inputs

ROWS = [
    {"id": f"r{n}", "text": f'Text number {n}, it\'s "quoted".\nNext line', "n": n}
    for n in range(9)
]
TEXTS = [row["text"] for row in ROWS]
EXOTIC = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=30)


def read(data, name="r.jsonl", start=0, stop=None, **settings_):
    sink = Sink("records", "", "input")
    section = RecordsSection(kind="records", inputs=("x",), **settings_)
    file = InputFile(name, name, name, len(data), "i", start=start, stop=stop)
    records.read(io.BytesIO(data), file, section, sink)
    return sink


def texts(sink):
    return sink.take_documents()["text"].to_list()


def skips(sink):
    return sink.take_skipped().select("reason", "offset", "detail").rows()


def lines(rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def table(rows, delimiter=","):
    out = io.StringIO()
    writer = records_text.csv.DictWriter(
        out, list(rows[0]), delimiter=delimiter, lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def arrow(rows, new, rows_in_batch=4):
    out = io.BytesIO()
    whole = pa.Table.from_pylist(rows)
    with new(out, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=rows_in_batch)
    return out.getvalue()


def parquet(rows, group=3):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, row_group_size=group)
    return out.getvalue()


FORMATS = {
    "r.jsonl": lines(ROWS),
    "array.json": json.dumps(ROWS).encode(),
    "pretty.json": json.dumps(ROWS, indent=2).encode(),
    "one-a-line.json": b"[\n" + b",\n".join(lines(ROWS).splitlines()) + b"\n]\n",
    "r.csv": table(ROWS),
    "semicolons.csv": table(ROWS, ";"),
    "r.parquet": parquet(ROWS),
    "file.arrow": arrow(ROWS, pa.ipc.new_file),
    "stream.arrow": arrow(ROWS, pa.ipc.new_stream),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_documents(name):
    sink = read(FORMATS[name], name)
    frame = sink.take_documents()
    assert frame["text"].to_list() == TEXTS
    assert frame["source_id"].to_list() == [row["id"] for row in ROWS]
    assert sink.counts["records"] == 9
    assert skips(sink) == []


@pytest.mark.parametrize("name", ["array.json", "r.csv", "r.jsonl"])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_text_formats_may_be_packed(name, pack):
    ending = ".gz" if pack is gzip.compress else ".bz2"
    assert texts(read(pack(FORMATS[name]), name + ending)) == TEXTS


def test_tabs_stand_between_fields_that_have_no_quotes():
    data = b'\xef\xbb\xbfid\ttext\r\na\t"So," he said.\r\nb\tplain\r\n'
    assert texts(read(data, "r.tsv")) == ['"So," he said.', "plain"]
    assert texts(read(data, "r.dat", format="tsv", quoted_fields=True)) == ["So, he said.", "plain"]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("file", ["One.\nTwo.\n\nThree.\n"]),
        ("line", ["One.\n", "Two.\n", "Three.\n"]),
        ("paragraph", ["One.\nTwo.", "Three."]),
    ],
)
def test_a_text_file_is_a_document_or_several(unit, expected):
    data = b"One.\r\nTwo.\r\n\r\nThree.\r\n"
    sink = read(data, "book.txt", text_files=unit)
    frame = sink.take_documents()
    assert frame["text"].to_list() == expected
    own = hashlib.sha256(expected[0].encode()).hexdigest()
    assert frame["source_id"][0] == ("book.txt" if unit == "file" else own)


def test_text_that_is_not_utf8_is_damaged_alone():
    sink = read(b"good\n\xff\xfe bad\nfine\n", "a.txt", text_files="line")
    assert texts(sink) == ["good\n", "fine\n"]
    ((reason, offset, detail),) = skips(sink)
    assert (reason, offset) == ("damaged", 5)
    assert texts(read("Schöne Grüße".encode("utf-16"), "a.txt")) == ["Schöne Grüße"]
    assert detail.startswith("it is not UTF-8: ")


def test_columns_inside_others_and_what_a_record_says_of_itself():
    row = {"a": {"text": "t"}, "meta": {"url": "http://x", "lang": "de", "by": "CC0"}, "id": 1}
    columns = {
        "text_column": "a.text",
        "uri_column": "meta.url",
        "language_column": "meta.lang",
        "licence_column": "meta.by",
    }
    for data, name in [
        (lines([row]), "r.jsonl"),
        (json.dumps([row]).encode(), "r.json"),
        (parquet([row]), "r.parquet"),
        (arrow([row], pa.ipc.new_file), "r.arrow"),
        (arrow([row], pa.ipc.new_stream), "r.arrow"),
    ]:
        frame = read(data, name, **columns).take_documents()
        assert frame.select("text", "uri", "declared_language", "licence").row(0) == (
            "t",
            "http://x",
            "de",
            "CC0",
        )
        with pytest.raises(
            InputError, match=r"no record has 'meta.ulr'; did you mean 'meta.url'\?"
        ):
            read(data, name, **{**columns, "uri_column": "meta.ulr"})
    flat = {"a.text": "literal", "a": {"text": "inner"}}
    assert texts(read(lines([flat]), text_column="a.text")) == ["literal"]


def test_a_damaged_element_of_an_array_costs_no_other():
    rows = lines(ROWS).splitlines()
    rows[2] = b'{"id": "x", "text": nul, "deep": [{"text": "inner"}]}'
    rows[4] = b'{"id": "y", "text": ["a"}'
    rows[6] = b'{"id": "z", "text": "\xff"}'
    data = b"[\n" + b",\n".join(rows) + b"\n]\n"
    sink = read(data, "a.json")
    assert texts(sink) == [text for n, text in enumerate(TEXTS) if n not in {2, 4, 6}]
    found = skips(sink)
    assert [reason for reason, *_ in found] == ["damaged"] * 3
    assert [offset for _, offset, _ in found] == [data.index(rows[n]) for n in (2, 4, 6)]


@pytest.mark.parametrize("keep", [1, 2, 50, 200, -3, -1])
def test_an_array_that_is_cut_off_says_so(keep):
    data = FORMATS["array.json"][:keep]
    if keep in {1, 2}:
        with pytest.raises(InputError, match=r"without one object|damaged|none of these"):
            read(data, "a.json")
        return
    try:
        sink = read(data, "a.json")
    except InputError:
        assert keep == 50  # within the first element
        return
    found = texts(sink)
    assert found == TEXTS[: len(found)]
    assert [reason for reason, *_ in skips(sink)] == ["damaged"]


def test_a_damaged_row_of_a_table_costs_no_other():
    data = b'id,text\n1,one\n2,"open\n3,three\n4,a,b\n5,"five\nlines"\n6,\xff\xf0\x9f\x98\x80\n7,seven\n'
    sink = read(data, "a.csv")
    assert texts(sink) == ["one", "three", "five\nlines", "seven"]
    assert [(reason, offset) for reason, offset, _ in skips(sink)] == [
        ("damaged", data.index(b"2,")),
        ("damaged", data.index(b"4,")),
        ("damaged", data.index(b"6,")),
    ]


def test_a_quote_that_is_never_closed_costs_one_row():
    data = b'id,text\n1,"open\n' + b"".join(b"%d,text %d\n" % (n, n) for n in range(2, 500))
    sink = read(data, "a.csv")
    assert texts(sink) == [f"text {n}" for n in range(2, 500)]
    assert skips(sink) == [("damaged", 8, "a quoted field is not closed")]


def test_a_table_without_the_column_is_an_error_with_the_nearest_name():
    with pytest.raises(InputError, match=r"no record has 'text'; did you mean 'texts'\?"):
        read(b"id,texts\n1,a\n", "a.csv")


def test_arrow_with_a_name_that_is_no_text_is_refused():
    data = arrow(ROWS, pa.ipc.new_stream).replace(b"text", b"\xd2ext")
    with pytest.raises(InputError, match="damaged Arrow"):
        read(data, "a.arrow")


@pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
def test_arrow_that_is_cut_off_keeps_its_whole_batches(new):
    data = arrow(ROWS, new)
    sink = read(data[: len(data) * 2 // 3], "a.arrow")
    found = texts(sink)
    assert 0 < len(found) < 9
    assert found == TEXTS[: len(found)]
    ((reason, _, detail),) = skips(sink)
    assert reason == "damaged"
    assert detail.startswith(f"from row {len(found)} on: ")


@pytest.mark.parametrize("name", ["r.jsonl", "r.parquet"])
def test_ranges_of_a_file_hold_each_record_once(name, monkeypatch):
    rows = [{"id": str(n), "text": f"{n} " * (n % 50)} for n in range(1, 400)]
    data = lines(rows) if name == "r.jsonl" else parquet(rows, group=20)
    monkeypatch.setattr(records, "RANGE_BYTES", 1000)
    monkeypatch.setattr(
        records, "split_evenly", lambda size: [(a, a + 1000) for a in range(0, size, 1000)]
    )
    file = InputFile(name, name, name, len(data), "i")
    found, expected = [], 0
    ranges = records.find_ranges(io.BytesIO(data), file)
    assert len(ranges) > 3
    for start, stop in ranges:
        sink = read(data, name, start, stop)
        if sink.first is not None:
            assert sink.first >= start
            assert expected in {0, sink.first}
            expected = sink.following
        found += sink.take_documents()["source_id"].to_list()
    assert found == [row["id"] for row in rows if row["text"].strip()]
    assert replace(file, start=1).is_whole is False


def test_what_datasets_saved_is_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    whole = datasets.Dataset.from_list(ROWS)
    whole.save_to_disk(tmp_path / "one", num_shards=2)
    datasets.DatasetDict({"train": whole, "test": whole.select([1])}).save_to_disk(tmp_path / "two")
    for name, number in (("one", 9), ("two", 10)):
        section = RecordsSection(kind="records", inputs=(name,))
        sink = Sink("records", "", "input")
        files = find_inputs(section, tmp_path)
        for file in files:
            with Path(file.uri).open("rb") as stream:
                records.read(stream, file, section, sink)
        assert len(texts(sink)) == number
        assert skips(sink) == []
    assert [file.name for file in find_inputs(section, tmp_path)] == [
        "two/test/data-00000-of-00001.arrow",
        "two/train/data-00000-of-00001.arrow",
    ]
    (tmp_path / "two/test/data-00000-of-00001.arrow").unlink()
    with pytest.raises(
        InputError, match=r"two/test: .* there is no file 'data-00000-of-00001.arrow'"
    ):
        find_inputs(section, tmp_path)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="an input is a file, but it is a folder"):
        find_inputs(RecordsSection(kind="records", inputs=("none",)), tmp_path)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(EXOTIC, EXOTIC), min_size=1, max_size=8))
def test_tables_and_arrays_hold_any_text(pairs):
    rows = [{"text": text, "id": own} for text, own in pairs]
    expected = [text for text, _ in pairs if text.strip()]
    assert texts(read(json.dumps(rows).encode(), "a.json")) == expected
    assert (
        texts(read(json.dumps(rows, ensure_ascii=False, indent=1).encode(), "a.json")) == expected
    )
    assert texts(read(table(rows), "a.csv")) == expected


def mutate(data, draw):
    """The data with some bytes changed, cut out or repeated."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(out) + 1)
        size = draw.choice([1, 1, 2, 8, 64])
        kind = draw.randrange(4)
        if kind == 0:
            out[at : at + size] = draw.randbytes(size)
        elif kind == 1:
            del out[at : at + size]
        elif kind == 2:
            out[at:at] = out[at : at + size]
        else:
            out[at : at + 1] = draw.choice(
                [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b"\n", b"\xff"]
            )
    return bytes(out)


def check_mutated(number, seed):
    draw = random.Random(seed)
    names = list(FORMATS)
    for turn in range(number):
        name = names[turn % len(names)]
        data = mutate(FORMATS[name], draw)
        if turn % 5 == 0:
            data = gzip.compress(data)[: draw.choice([None, -4, 40])]
        try:
            sink = read(data, name)
        except InputError:
            continue
        assert sink.counts["records"] <= 40
        assert sink.take_documents().height == sink.counts["documents"]


def test_a_few_hundred_mutated_files_break_nothing():
    check_mutated(400, 1)


@pytest.mark.nightly
@pytest.mark.slow
def test_ten_thousand_mutated_files_break_nothing():
    check_mutated(10_000, 2)
