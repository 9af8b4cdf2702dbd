"""Parquet and JSON lines with a text column → documents: people's own data.

A file is known by its content: Parquet, or JSON lines that are plain, gzip or Zstandard. It is
read in small batches of rows, or line by line.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import InputError, nearest
from curate.recipe import RecordsSection
from curate.sources import InputFile, Sink

BATCH_ROWS = 256  # a document can be a megabyte
BUFFER_BYTES = 1 << 20
MAXIMUM_LINE_BYTES = 1 << 26
PATIENCE_LINES = 100  # so many lines without one JSON object, and the file is something else
MAXIMUM_NAMES = 1000  # of columns, kept for the hint when an asked one is missing

_ASKED = "an input of kind 'records' is Parquet, or JSON lines (plain, gzip or Zstandard)"


def read(stream: BinaryIO, file: InputFile, section: RecordsSection, sink: Sink) -> None:
    """Read the records of one input into the sink.

    A record's identity is its own id (`id_column`; left out, a column named `id` where there is
    one), else the sha256 of its text. Skips: `damaged` (a line that is no JSON object, a row
    group or a text that cannot be decoded), `no_text` (missing, or no string), `empty`. Counts:
    `records`.

    Args:
        stream: binary and seekable, at byte 0.
        file: what is being read.
        section: the recipe's section of this source.
        sink: takes documents, skips and counts.

    Raises:
        InputError: the input is empty, neither Parquet nor JSON lines, damaged from its first
            byte, or without a column that the section names.
    """
    if stream.read(4) == b"PAR1":
        stream.seek(0)
        _read_parquet(stream, file, section, sink)
    else:
        _read_lines(stream, file, section, sink)


def _read_parquet(stream: BinaryIO, file: InputFile, section: RecordsSection, sink: Sink) -> None:
    try:
        parquet = pq.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER_BYTES)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            _ASKED, f"it is damaged Parquet: {error}", file.name, "fetch it again"
        ) from error
    names = parquet.schema_arrow.names
    _check_names(names, section, file)
    wanted = _wanted(section)
    present = list(dict.fromkeys(name for name in wanted.values() if name in names))
    row = 0
    for group in range(parquet.num_row_groups):
        rows_before = row
        try:
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=[group], columns=present):
                columns = [
                    _values(batch.column(batch.schema.get_all_field_indices(name)[0]))
                    for name in present
                ]
                for values in zip(*columns, strict=True):
                    _add(dict(zip(present, values, strict=True)), wanted, sink, where=f"row {row}")
                    row += 1
        except (pa.ArrowException, OSError, ValueError) as error:
            sink.skip("damaged", detail=f"row group {group} from row {row} on: {error}")
        row = rows_before + parquet.metadata.row_group(group).num_rows


def _read_lines(stream: BinaryIO, file: InputFile, section: RecordsSection, sink: Sink) -> None:
    names: dict[str, None] = {}  # in order of appearance
    wanted = _wanted(section)
    objects = damaged = 0
    first = b""
    for offset, line in _lines(stream, sink):
        if not line.strip():
            continue
        first = first or line
        record, problem = _parse(line)
        if record is None:
            damaged += 1
            sink.skip("damaged", offset=offset, detail=problem)
            if not objects and damaged >= PATIENCE_LINES:
                break
            continue
        objects += 1
        if len(names) < MAXIMUM_NAMES:
            names.update(dict.fromkeys(record))
        _add(record, wanted, sink, offset=offset)
    if objects:
        _check_names(names, section, file)
        return
    came = "it is neither"
    if not first:
        came = "nothing can be read" if sink.counts["skipped_damaged"] else "it is empty"
    elif first.lstrip().startswith(b"["):
        came = "it is a JSON array, whose records do not stand on lines of their own"
    raise InputError(_ASKED, came, file.name, "convert it, or take it out of `inputs`")


def _lines(stream: BinaryIO, sink: Sink) -> Iterator[tuple[int, bytes]]:
    """(offset into the unpacked bytes, line) until the end or damage of a packed file."""
    stream.seek(0)
    signature = stream.read(4)
    stream.seek(0)
    unpacked: BinaryIO = stream
    if signature.startswith(b"\x1f\x8b"):
        unpacked = cast("BinaryIO", gzip.GzipFile(fileobj=stream))
    elif signature == b"\x28\xb5\x2f\xfd":
        frames = pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")
        unpacked = cast("BinaryIO", io.BufferedReader(frames, BUFFER_BYTES))
    offset = 0
    try:
        while line := unpacked.readline(MAXIMUM_LINE_BYTES):
            begin, offset = offset, offset + len(line)
            if len(line) < MAXIMUM_LINE_BYTES:
                yield begin, line if begin else line.removeprefix(b"\xef\xbb\xbf")
                continue
            while line and not line.endswith(b"\n"):
                line = unpacked.readline(MAXIMUM_LINE_BYTES)
                offset += len(line)
            problem = f"the line has {MAXIMUM_LINE_BYTES} bytes or more"
            sink.skip("damaged", offset=begin, detail=problem)
    except (EOFError, zlib.error, OSError) as error:
        unpacking = isinstance(error, EOFError | zlib.error | gzip.BadGzipFile)
        if not unpacking and "compress" not in str(error):  # a Zstandard error has no type
            raise
        sink.skip("damaged", offset=offset, detail=f"cannot be unpacked from here: {error}")


def _parse(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """The JSON object on a line, or None and what is wrong."""
    try:
        record = json.loads(line.decode())
    except RecursionError:
        return None, "the JSON is nested too deeply"
    except ValueError as error:  # also bytes that are not UTF-8, and numbers of too many digits
        return None, str(error)[:200]
    if not isinstance(record, dict):
        return None, f"a JSON {type(record).__name__} is no object"
    return record, ""


def _add(
    record: Mapping[str, Any],
    wanted: Mapping[str, str],
    sink: Sink,
    *,
    offset: int | None = None,
    where: str = "",
) -> None:
    """Add one record as a document, or skip it."""
    sink.count("records")
    found = {part: _string(record.get(name)) for part, name in wanted.items()}
    text = record.get(wanted["text"])
    if isinstance(text, bytes):
        sink.skip("damaged", offset=offset, uri=found.get("uri"), detail=f"{where}, not UTF-8")
    elif not isinstance(text, str):
        sink.skip("no_text", offset=offset, uri=found.get("uri"), detail=where)
    elif not text.strip():
        sink.skip("empty", offset=offset, uri=found.get("uri"), detail=where)
    else:
        own = found["id"] or hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        sink.document(
            identity=own,
            source_id=own,
            text=text,
            uri=found.get("uri"),
            date=found.get("date"),
            title=found.get("title"),
        )


def _wanted(section: RecordsSection) -> dict[str, str]:
    """Part of a document → name of the column that it is read from."""
    names = {
        "text": section.text_column,
        "id": section.id_column or "id",
        "uri": section.uri_column,
        "date": section.date_column,
        "title": section.title_column,
    }
    return {part: name for part, name in names.items() if name is not None}


def _check_names(names: Iterable[str], section: RecordsSection, file: InputFile) -> None:
    """Raise an error when the file nowhere has a column that the section names."""
    for part, name in _wanted(section).items():
        if name not in names and not (part == "id" and section.id_column is None):
            raise InputError(
                f"`{part}_column` names a column",
                f"no record has {name!r}",
                file.name,
                nearest(name, names),
            )


def _values(column: Any) -> list[Any]:
    """An Arrow column as Python values: text that is not UTF-8 as bytes, nested ones as None."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        return [None] * len(column)
    if pa.types.is_temporal(column.type):
        times = column.cast(pa.string()).to_pylist()
        return [time and time.replace(" ", "T") for time in times]
    textual = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if textual:
        column = column.cast(pa.large_binary())  # so that one bad text does not spoil the batch
    values = column.to_pylist()
    return [_decoded(value) if isinstance(value, bytes) else value for value in values]


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _string(value: Any) -> str | None:
    """An id, address, date or title as text; None for what is no such thing (NaN, nested)."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") or None
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value) if value.is_integer() else value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return None
