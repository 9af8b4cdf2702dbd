from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
from datetime import UTC, date, datetime

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import InputError
from curate.recipe import RecordsSection
from curate.sources import InputFile, Sink, document_id, records

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def section(**columns):
    return RecordsSection(kind="records", inputs=("x",), **columns)


def read(data, name="r.jsonl", **columns):
    sink = Sink("records", "", "input")
    file = InputFile(name, name, name, len(data), hashlib.sha256(data).hexdigest())
    records.read(io.BytesIO(data), file, section(**columns), sink)
    return sink


def lines(*rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def parquet(table, **options):
    stream = io.BytesIO()
    pq.write_table(pa.table(table) if isinstance(table, dict) else table, stream, **options)
    return stream.getvalue()


def skips(sink):
    return sink.take_skipped().select("reason", "offset", "detail").rows()


def zstd(data):
    return pa.compress(data, "zstd", asbytes=True)


@pytest.mark.parametrize(
    "packed", [bytes, gzip.compress, zstd, bz2.compress], ids=["plain", "gzip", "zstd", "bz2"]
)
def test_json_lines_are_read_plain_and_packed(packed):
    data = lines({"text": "one", "id": "a"}, {"text": "two", "id": 7, "n": {"x": [1]}})
    sink = read(packed(data))
    frame = sink.take_documents()
    assert frame["text"].to_list() == ["one", "two"]
    assert frame["source_id"].to_list() == ["a", "7"]
    assert frame["id"].to_list() == [document_id("records", "a"), document_id("records", "7")]
    assert frame["source"].unique().to_list() == ["records"]
    assert (sink.counts["records"], sink.counts["documents"], skips(sink)) == (2, 2, [])


def test_without_an_id_the_text_is_the_identity():
    frame = read(lines({"text": "same"}, {"text": "same"}, {"text": "other"})).take_documents()
    digest = hashlib.sha256(b"same").hexdigest()
    assert frame["source_id"].to_list()[:2] == [digest, digest]
    assert frame["id"].n_unique() == 2


def test_columns_are_taken_as_the_recipe_names_them():
    row = {"body": "b", "id": "no", "key": "k", "url": "http://x", "day": "2024-05", "name": "N"}
    frame = read(
        lines(row),
        text_column="body",
        id_column="key",
        uri_column="url",
        date_column="day",
        title_column="name",
    ).take_documents()
    assert frame.select("source_id", "uri", "date", "title", "text").row(0) == (
        "k",
        "http://x",
        "2024-05",
        "N",
        "b",
    )


@pytest.mark.parametrize(
    ("value", "own"),
    [
        ("a", "a"),
        (12, "12"),
        (12.0, "12"),
        (0.5, "0.5"),
        (float("nan"), None),
        (float("inf"), None),
        (None, None),
        (True, None),
        ("", None),
        ({"a": 1}, None),
        ([1], None),
        ("\ud800", "???"),
    ],
)
def test_an_id_is_text_or_a_number(value, own):
    expected = hashlib.sha256(b"t").hexdigest() if own is None else own.replace("?", "\ufffd")
    assert read(lines({"text": "t", "id": value})).take_documents()["source_id"][0] == expected


def test_what_is_no_document_is_skipped_with_reason_and_offset():
    good = b'{"text": "good"}\n'
    bad = [
        (b'{"text": \n', "damaged"),
        (b"[1, 2]\n", "damaged"),
        (b'{"text": "\xff"}\n', "damaged"),
        (b'{"text": ' + b"[" * 100_000 + b"\n", "damaged"),
        (b'{"text": ' + b"9" * 5000 + b"}\n", "damaged"),
        (b'{"text": NaN}\n', "no_text"),
        (b'{"text": null}\n', "no_text"),
        (b'{"text": ["a"]}\n', "no_text"),
        (b'{"other": "a"}\n', "no_text"),
        (b'{"text": " \\n\\u00a0"}\n', "empty"),
    ]
    sink = read(good + b"\n".join(line for line, _ in bad) + good)
    offset, expected = len(good), []
    for line, reason in bad:
        expected.append((reason, offset))
        offset += len(line) + 1
    assert [(reason, at) for reason, at, _ in skips(sink)] == expected
    assert sink.take_documents()["text"].to_list() == ["good", "good"]
    assert sink.counts["skipped_damaged"] == 5


def test_lone_surrogates_and_nuls_become_text():
    frame = read(b'{"text": "a\\ud800b\\u0000c", "id": "i"}\n').take_documents()
    assert frame["text"][0] == "a\ufffd\ufffd\ufffdb\0c"


def test_the_byte_order_mark_and_line_ends_do_not_matter():
    sink = read(b'\xef\xbb\xbf{"text": "a"}\r\n\r\n{"text": "b"}')
    assert sink.take_documents()["text"].to_list() == ["a", "b"]
    assert skips(sink) == []


def test_a_line_of_ten_megabytes_is_a_document():
    text = "long " * 2_000_000
    assert read(lines({"text": text})).take_documents()["text"][0] == text


def test_a_line_beyond_the_maximum_is_damaged():
    huge = b'{"text": "' + b"b" * records.MAXIMUM_LINE_BYTES + b'"}\n'
    sink = read(lines({"text": "a"}) + huge + lines({"text": "c"}))
    assert sink.take_documents()["text"].to_list() == ["a", "c"]
    assert [(reason, offset) for reason, offset, _ in skips(sink)] == [("damaged", 14)]


@pytest.mark.parametrize("packed", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_a_packed_file_that_is_cut_short_keeps_its_good_lines(packed):
    rows = [{"text": hashlib.sha512(str(n).encode()).hexdigest()} for n in range(20_000)]
    data = packed(lines(*rows))
    sink = read(data[: len(data) // 2])
    texts = sink.take_documents()["text"].to_list()
    assert 1000 < len(texts) < 20_000
    assert texts == [row["text"] for row in rows[: len(texts)]]
    ((reason, offset, detail),) = skips(sink)
    assert (reason, offset) == ("damaged", None)  # of the stored file no more is known
    place = len(lines(*rows[: len(texts)]))
    assert detail.startswith(f"at byte {place} unpacked: cannot be unpacked from here: ")


@pytest.mark.parametrize(
    ("data", "came"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (gzip.compress(b"", mtime=0), "it is empty"),
        (gzip.compress(b"abc" * 9, mtime=0)[:12], "nothing can be read"),
        (b"\x28\xb5\x2f\xfd\x00", "nothing can be read"),
        (b"[1]", "it is a JSON array without one object that can be read"),
        (b"text,id\na,1\n", "it is none of these"),
        (b"\x00" * 100_000, "it is none of these"),
        (b"x\n" * 1_000_000, "it is none of these"),
        (b"ARROW1\0\0" + bytes(40), "it is damaged Arrow"),
        (b"PAR1" + b"\x00" * 40, "it is damaged Parquet"),
    ],
)
def test_what_is_no_records_file_is_an_input_error(data, came):
    with pytest.raises(InputError, match=r"^r\.jsonl: an input of kind 'records' is") as caught:
        read(data)
    assert caught.value.came.startswith(came)


@pytest.mark.parametrize("write", [lines, lambda row: parquet({k: [v] for k, v in row.items()})])
@pytest.mark.parametrize("option", ["text", "id", "uri", "date", "title"])
def test_a_column_that_is_nowhere_is_an_error_with_the_nearest_name(write, option):
    columns = {f"{option}_column": "contnet"}
    with pytest.raises(InputError) as caught:
        read(write({"content": "a", "text": "b"}), **columns)
    assert str(caught.value) == (
        f"r.jsonl: `{option}_column` names a column, but no record has 'contnet'; "
        "did you mean 'content'?"
    )


@pytest.mark.parametrize("texts", [pa.string(), pa.large_string(), pa.binary()])
def test_parquet_is_read_in_row_groups(texts):
    table = pa.table({"text": pa.array([f"t{n}" for n in range(1000)], texts), "n": range(1000)})
    sink = read(parquet(table, row_group_size=300))
    assert sink.take_documents()["text"].to_list() == [f"t{n}" for n in range(1000)]


def test_parquet_columns_of_many_types():
    table = pa.table(
        {
            "text": pa.array(["a", None, "", "d"]).dictionary_encode(),
            "id": [1.0, float("nan"), 3.0, float("nan")],
            "day": [date(2024, 5, 1)] * 4,
            "time": pa.array([datetime(2024, 5, 1, 12, tzinfo=UTC)] * 4),
            "nested": [{"deep": [1]}] * 4,
        }
    )
    sink = read(parquet(table), date_column="day", title_column="nested", uri_column="time")
    frame = sink.take_documents()
    assert frame.select("text", "source_id", "date", "title", "uri").rows() == [
        ("a", "1", "2024-05-01", None, "2024-05-01T12:00:00.000000Z"),
        ("d", hashlib.sha256(b"d").hexdigest(), "2024-05-01", None, "2024-05-01T12:00:00.000000Z"),
    ]
    assert skips(sink) == [("no_text", None, "row 1"), ("empty", None, "row 2")]


def test_parquet_texts_that_are_nested_are_no_text():
    sink = read(parquet({"text": [{"a": "b"}], "id": [1]}))
    assert skips(sink) == [("no_text", None, "row 0")]


def test_parquet_text_that_is_not_utf8_is_damaged_alone():
    texts = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary()).view(pa.string())
    sink = read(parquet({"text": texts}))
    assert sink.take_documents()["text"].to_list() == ["good", "fine"]
    assert skips(sink) == [("damaged", None, "row 1, not UTF-8")]


def test_a_damaged_row_group_is_skipped_and_the_next_one_read():
    data = bytearray(parquet({"text": ["a" * 50, "b" * 50]}, row_group_size=1))
    data[4:24] = b"\xff" * 20
    sink = read(bytes(data))
    assert sink.take_documents()["text"].to_list() == ["b" * 50]
    ((reason, _, detail),) = skips(sink)
    assert reason == "damaged"
    assert detail.startswith("row group 0 from row 0 on: ")


def test_parquet_without_rows_is_read_and_gives_nothing():
    sink = read(parquet({"text": pa.array([], pa.string())}))
    assert (sink.counts.total(), skips(sink)) == (0, [])


def test_two_columns_of_one_name_are_no_obstacle():
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    assert read(parquet(table)).take_documents()["text"].to_list() == ["a"]


@given(st.lists(st.tuples(TEXTS, st.none() | TEXTS)))
def test_json_lines_and_parquet_give_the_same_documents(rows):
    frame = pl.DataFrame(rows, schema={"text": pl.String, "id": pl.String}, orient="row")
    stream = io.BytesIO()
    frame.write_parquet(stream)
    from_parquet = read(stream.getvalue())
    spoken = [text for text, _ in rows if text.strip()]
    documents = from_parquet.take_documents()
    assert documents["text"].to_list() == spoken
    if rows:
        from_lines = read(lines(*frame.to_dicts()))
        assert documents.equals(from_lines.take_documents())
        assert from_lines.counts == from_parquet.counts
        assert from_lines.counts["records"] == len(rows)
