"""Files of evaluation sets → their items: the texts that no training document should hold.

An evaluation set is read in full or not at all: what is damaged or missing is an error, since an item
that is left out in silence would be one that nobody looks for.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import InputError, nearest
from curate.recipe import EvaluationSet
from curate.sources.records_text import Damage, find_delimiter, rows

_ASKED = "an evaluation set is JSON lines, a JSON array, CSV, TSV or Parquet"
_PACKED = re.compile(r"\.(?:gz|zst|bz2)$")
_READABLE = re.compile(r"\.(?:jsonl?|ndjson|csv|tsv|parquet)$")  # members of an archive
_TAR = slice(257, 262)  # where a tar archive says `ustar`
_UNPACKING_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    RuntimeError,  # of a zip: a locked member, an unknown version
)


class Item(NamedTuple):
    """A test item.

    Attributes:
        name: its own id, or its file and its number in it, from 1.
        passages: the texts of its columns, in order; of a column that holds a list, each of them.
    """

    name: str
    passages: tuple[str, ...]


def read_items(content: bytes, label: str, section: EvaluationSet) -> Iterator[Item]:
    """The items of a file, in its order; those of an archive file by file, sorted by name.

    Of an archive the files are read whose names end in `.jsonl`, `.json`, `.csv`, `.tsv` or
    `.parquet` (and `.gz`, `.zst` or `.bz2`).

    Args:
        content: of the file, whole.
        label: its name.
        section: which columns hold the text.

    Raises:
        InputError: the file is empty, damaged, of none of these kinds, or without one of the
            columns; the message names those that there are.
    """
    try:
        content = _unpack(content)
        members = _members(content)
    except _UNPACKING_ERRORS as error:
        raise InputError(
            "an evaluation set can be unpacked", str(error), label, "fetch it again"
        ) from error
    if members is not None:
        if not members:
            came = "the archive has no file that is called so"
            raise InputError(_ASKED, came, label, "name its files .jsonl, .json, .csv or .parquet")
        for name, inner in members:
            yield from read_items(inner, name, section)
        return
    if not content.strip():
        raise InputError(_ASKED, "it is empty", label)
    records = _check(_records(content, label, section), label, section)
    for number, record in enumerate(records, 1):
        own = [] if section.id_column is None else _texts(record, section.id_column)
        passages = [text for column in section.columns for text in _texts(record, column)]
        yield Item(own[0] if own else f"{label}:{number}", tuple(passages))


def _unpack(content: bytes) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        return gzip.decompress(content)
    if content.startswith(b"BZh"):
        return bz2.decompress(content)
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        return bytes(pa.CompressedInputStream(pa.BufferReader(content), "zstd").read())
    return content


def _members(content: bytes) -> list[tuple[str, bytes]] | None:
    """The readable files of an archive, sorted by name; None when it is none."""
    found = []
    if content[_TAR] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                if member.isfile() and _is_readable(member.name):
                    stream = tar.extractfile(member)
                    found.append((member.name, stream.read() if stream else b""))
    elif content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if _is_readable(name)]
            found = [(name, archive.read(name)) for name in names]
    else:
        return None
    return sorted(found)


def _is_readable(name: str) -> bool:
    base = name.rpartition("/")[2].lower()
    return not base.startswith(".") and bool(_READABLE.search(_PACKED.sub("", base)))


# --- records


def _records(content: bytes, label: str, section: EvaluationSet) -> Iterator[Mapping[Any, Any]]:
    """What each item of a file has, by the names or the numbers of its columns."""
    form = _PACKED.sub("", label.lower()).rpartition(".")[2]
    if content.startswith(b"PAR1"):
        return _parquet(content, label)
    if form in {"csv", "tsv"}:
        return _table(content, label, section, "\t" if form == "tsv" else ",")
    head = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if head == b"[":
        return _array(content, label)
    if head == b"{":
        return _lines(content, label)
    raise InputError(_ASKED, "it is none of these", label, "convert it, or name it .csv or .tsv")


def _parquet(content: bytes, label: str) -> Iterator[Mapping[Any, Any]]:
    try:
        parquet = pq.ParquetFile(pa.BufferReader(content))
        for batch in parquet.iter_batches(1024):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            "an evaluation set can be read", f"it is damaged: {error}", label
        ) from error


def _array(content: bytes, label: str) -> Iterator[Mapping[Any, Any]]:
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError("an evaluation set is JSON", str(error), label) from error
    for number, record in enumerate(found, 1):
        yield _object(record, f"{label}, element {number}")


def _lines(content: bytes, label: str) -> Iterator[Mapping[Any, Any]]:
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            where = f"{label}, line {number}"
            try:
                record = json.loads(line.decode())
            except (ValueError, RecursionError) as error:
                asked = "an evaluation set has a JSON object on each line"
                raise InputError(asked, str(error), where) from error
            yield _object(record, where)


def _object(record: object, where: str) -> Mapping[Any, Any]:
    if not isinstance(record, dict):
        came = f"a JSON {type(record).__name__} came"
        raise InputError("an item is a JSON object", came, where)
    return record


def _table(
    content: bytes, label: str, section: EvaluationSet, delimiter: str
) -> Iterator[Mapping[Any, Any]]:
    lines = enumerate(io.BytesIO(content.removeprefix(b"\xef\xbb\xbf")), 1)
    if section.has_names:
        first = content[: content.find(b"\n")].decode("utf-8", "replace").rstrip("\r\n")
        delimiter = find_delimiter(first, str(section.columns[0]), delimiter)
    names: Sequence[Any] = ()
    for row in rows(lines, delimiter=delimiter, quoted=True):
        if isinstance(row.fields, Damage):
            where = f"{label}, line {row.offset}"
            raise InputError("a row of an evaluation set can be read", row.fields.detail, where)
        if not names and section.has_names:
            names = [name.strip() for name in row.fields]
            continue
        yield dict(zip(names or range(1, len(row.fields) + 1), row.fields, strict=True))


# --- columns


def _check(
    records: Iterator[Mapping[Any, Any]], label: str, section: EvaluationSet
) -> Iterator[Mapping[Any, Any]]:
    """The records; an error at their end when none of them has a column that is asked for."""
    wanted = [*section.columns, *([] if section.id_column is None else [section.id_column])]
    names: dict[Any, None] = {}  # in order of appearance
    missing = list(wanted)
    count = 0
    for record in records:
        count += 1
        names.update(dict.fromkeys(record))
        if missing:
            missing = [column for column in missing if not _has(record, column)]
        yield record
    if not count:
        raise InputError("an evaluation set has items", "it has none", label)
    if missing:
        there = ", ".join(str(name) for name in names)
        change = nearest(str(missing[0]), map(str, names)) if section.has_names else ""
        if not section.has_names and any(isinstance(name, str) for name in names):
            change = "numbers are for tables without a row of names"
        came = f"{missing[0]!r} is none of {there}"
        raise InputError(f"the set {section.name!r} has the columns asked for", came, label, change)


def _has(record: Mapping[Any, Any], column: str | int) -> bool:
    if column in record:
        return True
    first, _, rest = str(column).partition(".")
    inner = record.get(first)
    some = inner if isinstance(inner, list) else [inner]
    return bool(rest) and any(isinstance(one, dict) and _has(one, rest) for one in some)


def _texts(record: Mapping[Any, Any], column: str | int) -> list[str]:
    """The texts of a column, which may lie inside others, and may be lists."""
    if column in record:
        return list(_flatten(record[column]))
    first, _, rest = str(column).partition(".")
    inner = record.get(first)
    some = inner if isinstance(inner, list) else [inner]
    return [text for one in some if rest and isinstance(one, dict) for text in _texts(one, rest)]


def _flatten(value: object) -> Iterator[str]:
    """The texts of a value; numbers are such, and what is nested is none."""
    if isinstance(value, str):
        if value.strip():
            yield value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    elif isinstance(value, list):
        for one in value:
            yield from _flatten(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
