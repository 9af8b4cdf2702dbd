from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
import zipfile

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import InputError
from curate.recipe import EvaluationSet
from curate.sources.evaluation import read_items

ROWS = [{"q": "Who?", "a": "I"}, {"q": "Where, then?", "a": "here\nor there"}]
FOUND = [("Who?", "I"), ("Where, then?", "here\nor there")]
LINES = "\n".join(map(json.dumps, ROWS)).encode()
CSV = b'q,a\nWho?,I\n"Where, then?","here\nor there"\n'


def section(*columns, id_column=None) -> EvaluationSet:
    return EvaluationSet(name="mine", files=("x",), columns=columns, id_column=id_column)


def read(content, label="set.jsonl", columns=("q", "a"), id_column=None):
    found = read_items(content, label, section(*columns, id_column=id_column))
    return [(item.name, item.passages) for item in found]


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def parquet(rows) -> bytes:
    sink = io.BytesIO()
    pl.DataFrame(rows).write_parquet(sink)
    return sink.getvalue()


def tar(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    sink = io.BytesIO()
    plain = mode.replace("gz", "")
    with tarfile.open(fileobj=sink, mode=plain) as archive:
        for name, content in members.items():
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))
    return sink.getvalue() if mode == plain else gzip.compress(sink.getvalue(), mtime=0)


def zipped(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content", "label"),
    [
        (LINES, "set.jsonl"),
        (b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n\r\n"), "set.jsonl"),
        (json.dumps(ROWS).encode(), "set.json"),
        (b"\xef\xbb\xbf" + json.dumps(ROWS, indent=1).encode(), "set.json"),
        (CSV, "set.csv"),
        (b"\xef\xbb\xbf" + CSV, "set.CSV"),
        (CSV.replace(b",", b";").replace(b"Where;", b"Where,"), "set.csv"),
        (b'q\ta\nWho?\tI\nWhere, then?\t"here\nor there"\n', "set.tsv"),
        (parquet(ROWS), "set.parquet"),
        (gzip.compress(LINES, mtime=0), "set.jsonl.gz"),
        (gzip.compress(CSV, mtime=0), "set.csv.gz"),
        (bz2.compress(CSV), "set.csv.bz2"),
        (zstd(LINES), "set.jsonl.zst"),
    ],
)
def test_every_kind_of_file_gives_its_items(content, label):
    assert read(content, label) == [
        (f"{label}:{number}", passages) for number, passages in enumerate(FOUND, 1)
    ]


@pytest.mark.parametrize("pack", [tar, zipped])
def test_an_archive_gives_the_items_of_its_files_sorted_by_name(pack):
    members = {
        "b/two.csv.gz": gzip.compress(CSV, mtime=0),
        "README.md": b"# a set",
        "b/.x.csv": b"no",
    }

    found = read(pack({**members, "a/one.jsonl": LINES}), "set.archive")

    assert [name for name, _ in found] == [
        *("a/one.jsonl:1", "a/one.jsonl:2", "b/two.csv.gz:1", "b/two.csv.gz:2"),
    ]
    assert [passages for _, passages in found] == FOUND * 2


def test_columns_by_number_are_those_of_a_table_without_names():
    found = read(b'"Who, me?",yes,A\nYou?,no,B\n', "set.csv", (1, 2), 3)

    assert found == [("A", ("Who, me?", "yes")), ("B", ("You?", "no"))]


def test_an_item_is_named_by_its_own_id():
    rows = [{"q": "Who?", "n": 7}, {"q": "Where?", "n": "x/1"}, {"q": "When?", "n": None}]

    names = [name for name, _ in read("\n".join(map(json.dumps, rows)).encode(), id_column="n", columns=("q",))]  # fmt: skip

    assert names == ["7", "x/1", "set.jsonl:3"]


def test_texts_may_lie_inside_others_and_in_lists():
    row = {
        "q": None,
        "choices": {"text": ["a", "b c", ["d", 4, True]], "label": ["A", "B"]},
        "qas": [{"query": "Who?"}, {"query": "Where?"}, {"other": 1}],
        "a.b": "dotted",
    }
    content = json.dumps(row).encode()

    found = read(content, columns=("q", "choices.text", "qas.query", "a.b"))

    assert found == [("set.jsonl:1", ("a", "b c", "d", "4", "Who?", "Where?", "dotted"))]
    assert read(parquet([{"choices": row["choices"]["text"][:2]}]), columns=("choices",)) == [
        ("set.jsonl:1", ("a", "b c"))
    ]


@pytest.mark.parametrize(
    ("content", "label", "message"),
    [
        (b"", "set.jsonl", "it is empty"),
        (b" \n\n", "set.csv", "it is empty"),
        (b"[]", "set.json", "it has none"),
        (b"q,a\n", "set.csv", "it has none"),
        (parquet({"q": [], "a": []}), "set.parquet", "it has none"),
        (b"hello", "set.txt", "it is none of these"),
        (b"\x1f\x8bxx", "set.jsonl.gz", "set.jsonl.gz: an evaluation set can be unpacked"),
        (
            gzip.compress(LINES, mtime=0)[:-9],
            "set.jsonl.gz",
            "set.jsonl.gz: an evaluation set can be",
        ),
        (tar({"README": b"x"}), "set.tar.gz", "the archive has no file that is called so"),
        (LINES + b"\n{", "set.jsonl", "set.jsonl, line 3: an evaluation set has a JSON object"),
        (
            LINES + b"\n7",
            "set.jsonl",
            "set.jsonl, line 3: an item is a JSON object, but a JSON int",
        ),
        (b'[{"q": "x"}, 7]', "set.json", "set.json, element 2: an item is a JSON object"),
        (b'[{"q": "x"}', "set.json", "an evaluation set is JSON"),
        (b"[" * 100_000, "set.json", "an evaluation set is JSON"),
        (CSV + b"one\n", "set.csv", "set.csv, line 5: a row of an evaluation set can be read"),
        (CSV + b'"x,y\n', "set.csv", "set.csv, line 5: a row of an evaluation set can be read"),
        (b"PAR1" + b"x" * 50, "set.parquet", "it is damaged"),
    ],
)
def test_what_cannot_be_read_in_full_is_an_error(content, label, message):
    with pytest.raises(InputError) as error:
        read(content, label)

    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "label", "columns", "message"),
    [
        (LINES, "a.jsonl", ("q", "anser"), "'anser' is none of q, a; valid: a, q"),
        (
            CSV,
            "a.csv",
            ("qq",),
            "the set 'mine' has the columns asked for, but 'qq' is none of q, a",
        ),
        (parquet([{"question": "x"}]), "a", ("qestion",), "did you mean 'question'?"),
        (LINES, "a.jsonl", (1,), "numbers are for tables without a row of names"),
        (b"x,y\n", "a.csv", (3,), "3 is none of 1, 2"),
        (LINES, "a.jsonl", ("q.text",), "'q.text' is none of q, a"),
    ],
)
def test_a_column_that_is_missing_is_an_error_that_names_those_there_are(content, label, columns, message):  # fmt: skip
    with pytest.raises(InputError) as error:
        read(content, label, columns)

    assert message in str(error.value)


def test_a_missing_column_of_ids_is_an_error():
    with pytest.raises(InputError, match="'idd' is none of q, a"):
        read(LINES, id_column="idd")


def test_every_file_of_an_archive_has_the_columns():
    with pytest.raises(InputError, match=r"^b\.jsonl: .*'q' is none of x"):
        read(tar({"a.jsonl": LINES, "b.jsonl": b'{"x": 1}'}), "set.tar.gz")


def test_lone_surrogates_become_replacement_characters_as_in_documents():
    assert read(b'{"q": "a\\ud800b"}', columns=("q",)) == [
        ("set.jsonl:1", ("a\ufffd\ufffd\ufffdb",))
    ]


@given(content=st.binary(max_size=300), label=st.sampled_from(["a.csv", "a.jsonl", "a", "a.tsv"]))
def test_any_bytes_give_items_or_one_of_our_errors(content, label):
    for head in (b"", b"[", b"{", b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd"):
        try:
            found = read(head + content, label)
        except InputError:
            continue
        assert found


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "columns", "items"),
    [
        ("decontamination/gsm8k-test.jsonl.gz", ("question", "answer"), 1319),
        ("decontamination/humaneval.jsonl.gz", ("prompt",), 164),
        ("decontamination/truthfulqa.csv", ("Question", "Best Answer"), 817),
        ("decontamination/ARC-Challenge_test.csv.gz", (1,), 1165),
        ("decontamination/mmlu-test.tar.gz", (1, 2, 3, 4, 5), 6481),
        ("decontamination/cmrc2018-trial.json.gz", ("context_text", "qas.query_text"), 256),
        ("decontamination/cmmlu-dev.tar.gz", ("Question", "A"), 335),
        ("bias/bbq-Age.jsonl.gz", ("context", "question"), 3680),
    ],
)
def test_real_sets_are_read_whole(shared_data, file, columns, items):
    found = read((shared_data / file).read_bytes(), file.rpartition("/")[2], columns)

    assert len(found) == items
    assert all(passages for _, passages in found)
    assert len({name for name, _ in found}) == items
