"""Records with a text → documents: people's own data.

Parquet and Arrow (file and stream) are known by their first bytes; JSON lines and JSON arrays, CSV,
TSV and plain text may be packed by gzip, Zstandard or bzip2. All is read in small batches of rows,
element by element or line by line; an Arrow record batch is held whole.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import InputError, nearest
from curate.recipe import RecordsSection
from curate.sources import RANGE_BYTES, InputFile, Sink, split_evenly
from curate.sources.records_text import Damage, elements, find_delimiter, paragraphs, rows

BATCH_ROWS = 256  # a document can be a megabyte
BUFFER_BYTES = 1 << 20
MAXIMUM_LINE_BYTES = 1 << 26
PATIENCE_LINES = 100  # so many lines without one JSON object, and the file is something else
MAXIMUM_NAMES = 1000  # of columns, kept for the hint when an asked one is missing

_ASKED = "an input of kind 'records' is Parquet, Arrow, JSON lines, a JSON array, CSV, TSV or text"
_BLANK = b"\xef\xbb\xbf \t\r\n"
_PACKED = re.compile(r"\.(?:gz|zst|bz2)$")
_FORMS = {"csv": "csv", "tsv": "tsv", "tab": "tsv", "txt": "text", "text": "text", "md": "text"}
_ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, IndexError, MemoryError)
_UNPACKING_ERRORS = (EOFError, zlib.error, OSError)
_UNPACKING_WORDS = re.compile("compress|Invalid data stream")  # Zstandard's and bzip2's: no types


def read(stream: BinaryIO, file: InputFile, section: RecordsSection, sink: Sink) -> None:
    """Read the records of one input into the sink.

    A record's identity is its own id (`id_column`; left out, a column named `id` where there is
    one), else the sha256 of its text, as is that of a piece of plain text. Skips: `damaged` (a
    line, element, row, row group or text that cannot be decoded), `no_text` (missing, or no
    string), `empty`, `too_large`. Counts: `records`.

    Args:
        stream: binary and seekable, at byte 0.
        file: what is being read; its label tells CSV, TSV and plain text from JSON.
        section: the recipe's section of this source.
        sink: takes documents, skips and counts.

    Raises:
        InputError: the input is empty, of none of these kinds, damaged from its first byte, or
            without a column that the section names.
    """
    head = stream.read(6)
    stream.seek(0)
    if head.startswith(b"PAR1"):
        _read_parquet(stream, file, section, sink)
        return
    if head == b"ARROW1" or head.startswith(b"\xff\xff\xff\xff"):
        _read_arrow(stream, file, section, sink)
        return
    unpacked = _Unpacked(stream, sink)
    form = section.format if section.format != "auto" else _form_of(file.label)
    if form == "text":
        _read_text(unpacked, file, section, sink)
    elif form in {"csv", "tsv"}:
        _read_table(unpacked, file, section, sink, tabs=form == "tsv")
    else:
        _read_lines(unpacked, file, section, sink)


def find_ranges(stream: BinaryIO, file: InputFile) -> list[tuple[int, int | None]]:
    """The ranges that a large file is read in: some row groups of Parquet, lines of plain JSON."""
    head = stream.read(4)
    stream.seek(0)
    if head == b"PAR1":
        starts = [start for start, _ in _row_groups(_open_parquet(stream, file))]
        chosen = [0]
        for start in starts[1:]:
            if start - chosen[-1] >= RANGE_BYTES:
                chosen.append(start)
        return list(zip(chosen, [*chosen[1:], None], strict=True))
    is_json = head.lstrip(_BLANK).startswith(b"{") and _form_of(file.label) == "json"
    return split_evenly(file.size) if is_json else [(0, None)]


def _form_of(label: str) -> str:
    """What a file's name says that it is: `csv`, `tsv`, `text`; else `json`."""
    name = _PACKED.sub("", label.lower())
    return _FORMS.get(name.rpartition(".")[2], "json") if "." in name else "json"


def _open_parquet(stream: BinaryIO, file: InputFile) -> Any:
    try:
        parquet = pq.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER_BYTES)
        _nested_names(parquet.schema_arrow)  # names that are no text
    except _ARROW_ERRORS as error:
        came = f"it is damaged Parquet: {error}"
        raise InputError(_ASKED, came, file.name, "fetch it again") from error
    return parquet


def _row_groups(parquet: Any) -> list[tuple[int, int]]:
    """(first byte, rows) of each row group."""
    found = []
    for number in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        starts = [column.data_page_offset for column in columns]
        starts += [c.dictionary_page_offset for c in columns if c.dictionary_page_offset]
        found.append((min(starts, default=0), group.num_rows))
    return found


def _read_parquet(stream: BinaryIO, file: InputFile, section: RecordsSection, sink: Sink) -> None:
    parquet = _open_parquet(stream, file)
    schema = parquet.schema_arrow
    _check_names(_nested_names(schema), section, file)
    wanted = _wanted(section)
    present = _present(wanted, schema)
    row = 0
    for group, (start, number) in enumerate(_row_groups(parquet)):
        rows_before, row = row, row + number
        if start < file.start:
            continue
        if file.stop is not None and start >= file.stop:
            sink.leave(start)
            break
        if not file.is_whole and sink.first is None:
            sink.enter(start)
        read_rows = rows_before
        try:
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=[group], columns=present):
                _add_rows(batch, present, wanted, sink, read_rows)
                read_rows += len(batch)
        except _ARROW_ERRORS as error:
            sink.skip("damaged", detail=f"row group {group} from row {read_rows} on: {error}")


def _read_arrow(stream: BinaryIO, file: InputFile, section: RecordsSection, sink: Sink) -> None:
    """Read the record batches of Arrow's file format, or of its stream format."""
    is_file = stream.read(6) == b"ARROW1"
    stream.seek(8 if is_file else 0)  # the file format holds a stream, and an index at its end
    try:
        batches = pa.ipc.open_stream(stream)
        names = batches.schema.names
        nested = _nested_names(batches.schema)
    except _ARROW_ERRORS as error:
        raise InputError(_ASKED, f"it is damaged Arrow: {error}", file.name) from error
    _check_names(nested, section, file)
    wanted = _wanted(section)
    present = _present(wanted, batches.schema)
    tops = list(
        dict.fromkeys(
            names.index(name if name in names else name.split(".")[0]) for name in present
        )
    )
    stream.seek(8 if is_file else 0)
    row = 0
    try:
        batches = pa.ipc.open_stream(stream, options=pa.ipc.IpcReadOptions(included_fields=tops))
        for batch in batches:
            for begin in range(0, len(batch), BATCH_ROWS):
                _add_rows(batch.slice(begin, BATCH_ROWS), present, wanted, sink, row + begin)
            row += len(batch)
    except _ARROW_ERRORS as error:
        sink.skip("damaged", detail=f"from row {row} on: {error}")


def _add_rows(
    batch: Any, present: Sequence[str], wanted: Mapping[str, str], sink: Sink, row: int
) -> None:
    """Add the rows of a batch; `row` is the number of its first one in the file."""
    columns = [_values(_column(batch, name)) for name in present]
    for place, values in enumerate(zip(*columns, strict=True)):
        _add(dict(zip(present, values, strict=True)), wanted, sink, where=f"row {row + place}")


def _column(batch: Any, name: str) -> Any:
    """A column of a batch, perhaps inside another one; offsets checked, texts not."""
    names = batch.schema.names
    path = [name] if name in names else name.split(".")
    column = batch.column(names.index(path[0]))
    for part in path[1:]:
        column = pc.struct_field(column, part)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        plain = pa.binary() if pa.types.is_string(column.type) else pa.large_binary()
        buffers = column.buffers()
        column = pa.Array.from_buffers(plain, len(column), buffers, -1, column.offset)
        column.validate(full=True)
        return column
    column.validate(full=True)
    return column


def _nested_names(schema: Any) -> list[str]:
    """The names of all columns, those inside others dotted."""
    names: list[str] = []
    waiting = [(field.name, field.type) for field in schema]
    while waiting and len(names) < MAXIMUM_NAMES:
        name, kind = waiting.pop(0)
        names.append(name)
        if pa.types.is_struct(kind):
            waiting += [(f"{name}.{inner.name}", inner.type) for inner in kind]
    return names


def _present(wanted: Mapping[str, str], schema: Any) -> list[str]:
    names = set(_nested_names(schema))
    return list(dict.fromkeys(name for name in wanted.values() if name in names))


def _read_lines(unpacked: _Unpacked, file: InputFile, section: RecordsSection, sink: Sink) -> None:
    """Read JSON, an object on each line or in an array."""
    names: dict[str, None] = {}  # in order of appearance
    wanted = _wanted(section)
    objects = damaged = 0
    is_empty = True
    is_array = unpacked.head.lstrip(_BLANK).startswith(b"[") and file.is_whole
    found = unpacked.guard(elements(unpacked.stream)) if is_array else unpacked.lines(file)
    for offset, line in found:
        if isinstance(line, bytes) and not line.strip():
            continue
        is_empty = False
        record, problem = (None, line.detail) if isinstance(line, Damage) else _parse(line)
        if record is None:
            damaged += 1
            unpacked.skip("damaged", offset, problem)
            if not objects and damaged >= PATIENCE_LINES and not file.start:
                break
            continue
        objects += 1
        if len(names) < MAXIMUM_NAMES:
            _note_names(record, names, wanted)
        _add(record, wanted, sink, unpacked=unpacked, offset=offset)
    if objects:
        _check_names(names, section, file)
    elif file.is_whole or not file.start:
        came = "it is none of these"
        if is_empty:
            came = "nothing can be read" if sink.counts["skipped_damaged"] else "it is empty"
        elif is_array:
            came = "it is a JSON array without one object that can be read"
        raise InputError(_ASKED, came, file.name, "convert it, or take it out of `inputs`")


def _note_names(
    record: Mapping[str, Any], names: dict[str, None], wanted: Mapping[str, str]
) -> None:
    """Remember what columns there are, those inside others only where such a one is asked for."""
    names.update(dict.fromkeys(record))
    for name in wanted.values():
        path = name.split(".")
        inner: Any = record
        for depth, part in enumerate(path[:-1], 1):
            inner = inner.get(part) if isinstance(inner, dict) else None
            if isinstance(inner, dict):
                names.update(dict.fromkeys(".".join([*path[:depth], key]) for key in inner))


def _read_table(
    unpacked: _Unpacked, file: InputFile, section: RecordsSection, sink: Sink, *, tabs: bool
) -> None:
    """Read CSV or TSV, whose first row names the columns."""
    if unpacked.head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("a table is UTF-8", "it is UTF-16", file.name, "convert it to UTF-8")
    lines = unpacked.text_lines(file)
    first = next(((at, line) for at, line in lines if line.strip()), None)
    if first is None:
        raise InputError(_ASKED, "it is empty", file.name, "take it out of `inputs`")
    header_text = first[1].decode("utf-8", "replace").rstrip("\r\n")
    delimiter = find_delimiter(header_text, section.text_column, "\t" if tabs else ",")
    quoted = section.quoted_fields if section.quoted_fields is not None else not tabs
    wanted = _wanted(section)
    names: list[str] = []
    for row in rows(chain([first], lines), delimiter=delimiter, quoted=quoted):
        if isinstance(row.fields, Damage):
            unpacked.skip("damaged", row.offset, row.fields.detail)
        elif not names:
            names = [name.strip() for name in row.fields]
            _check_names(names, section, file)
        else:
            record = dict(zip(reversed(names), reversed(row.fields), strict=True))
            _add(record, wanted, sink, unpacked=unpacked, offset=row.offset)
    if not names:
        raise InputError(_ASKED, "no row of it can be read", file.name)


def _read_text(unpacked: _Unpacked, file: InputFile, section: RecordsSection, sink: Sink) -> None:
    """Read plain text: UTF-8, or UTF-16 with a byte order mark; a document for each unit."""
    if section.text_files == "file":
        try:
            content = unpacked.stream.read(MAXIMUM_LINE_BYTES + 1)
        except _UNPACKING_ERRORS as error:
            unpacked.skip("damaged", 0, f"cannot be unpacked: {error}")
            return
        if len(content) > MAXIMUM_LINE_BYTES:
            unpacked.skip("too_large", 0, f"more than {MAXIMUM_LINE_BYTES} bytes")
            return
        _add_text(content, unpacked, sink, 0, file.label)
        return
    lines = unpacked.text_lines(file)
    for offset, unit in paragraphs(lines) if section.text_files == "paragraph" else lines:
        if isinstance(unit, Damage):
            unpacked.skip("damaged", offset, unit.detail)
        elif unit.strip():
            _add_text(unit, unpacked, sink, offset)


def _add_text(content: bytes, unpacked: _Unpacked, sink: Sink, offset: int, own: str = "") -> None:
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    sink.count("records")
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        unpacked.skip("damaged", offset, f"it is not UTF-8: {error.reason} at byte {error.start}")
        return
    if not text.strip():
        unpacked.skip("empty", offset)
        return
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    sink.document(identity=digest, source_id=own or digest, text=text)


class _Unpacked:
    """The bytes of a file without its compression, and where in the stored file they lie.

    Attributes:
        stream: from its first byte on.
        head: its first bytes.
    """

    def __init__(self, stored: BinaryIO, sink: Sink) -> None:
        self._stored, self._sink = stored, sink
        stored.seek(0)
        signature = stored.read(4)
        stored.seek(0)
        self.is_packed = True
        opened: Any = stored
        if signature.startswith(b"\x1f\x8b"):
            opened = gzip.GzipFile(fileobj=stored)
        elif signature == b"\x28\xb5\x2f\xfd":
            opened = pa.CompressedInputStream(pa.PythonFile(stored, mode="r"), "zstd")
        elif signature.startswith(b"BZh"):
            opened = bz2.BZ2File(stored)
        else:
            self.is_packed = False
        self.stream = io.BufferedReader(opened, BUFFER_BYTES) if self.is_packed else stored
        try:
            if self.is_packed:
                self.head = bytes(self.stream.peek(1))  # type: ignore[attr-defined]
            else:
                self.head = stored.read(BUFFER_BYTES)
                stored.seek(0)
        except _UNPACKING_ERRORS:
            self.head = b""  # told where it is read

    def skip(self, reason: str, offset: int, detail: str = "", uri: str | None = None) -> None:
        """Record a skip; within a packed file the offset is told in the detail."""
        if self.is_packed:
            detail = f"at byte {offset} unpacked{': ' * bool(detail)}{detail}"
        self._sink.skip(reason, offset=None if self.is_packed else offset, uri=uri, detail=detail)

    def text_lines(self, file: InputFile) -> Iterator[tuple[int, bytes]]:
        """(offset, line) of the whole file; a line that is too long is a skip."""
        for offset, line in self.lines(file, whole=True):
            if isinstance(line, Damage):
                self.skip("damaged", offset, line.detail)
            else:
                yield offset, line

    def lines(
        self, file: InputFile, *, whole: bool = False
    ) -> Iterator[tuple[int, bytes | Damage]]:
        """(offset, line) of the file's range, until its end or the damage of a packed file."""
        offset = 0
        if file.start and not whole and not self.is_packed:
            self.stream.seek(file.start - 1)
            offset = file.start - 1 + len(_rest_of_line(self.stream))
        entered = False
        for begin, line in self.guard(_split_lines(self.stream, offset)):
            if not whole and not file.is_whole:
                if file.stop is not None and begin >= file.stop:
                    self._sink.leave(begin)
                    return
                if not entered:
                    self._sink.enter(begin)
                    entered = True
            is_first = begin == 0 and isinstance(line, bytes)
            yield begin, line.removeprefix(b"\xef\xbb\xbf") if is_first else line  # type: ignore[union-attr]

    def guard(
        self, found: Iterator[tuple[int, bytes | Damage]]
    ) -> Iterator[tuple[int, bytes | Damage]]:
        """What is found, up to where unpacking stops."""
        end = 0
        try:
            for offset, item in found:
                end = offset + (len(item) if isinstance(item, bytes) else 0)
                yield offset, item
        except _UNPACKING_ERRORS as error:
            unpacking = isinstance(error, EOFError | zlib.error | gzip.BadGzipFile)
            if not self.is_packed or not (unpacking or _UNPACKING_WORDS.search(str(error))):
                raise
            self.skip("damaged", end, f"cannot be unpacked from here: {error}")


def _rest_of_line(stream: BinaryIO) -> bytes:
    """The bytes up to the end of a line (as many zeros: they are only counted)."""
    passed = bytearray()
    while line := stream.readline(BUFFER_BYTES):
        passed += bytes(len(line))
        if line.endswith(b"\n"):
            break
    return bytes(passed)


def _split_lines(stream: BinaryIO, offset: int) -> Iterator[tuple[int, bytes | Damage]]:
    while line := stream.readline(MAXIMUM_LINE_BYTES):
        begin, offset = offset, offset + len(line)
        if len(line) < MAXIMUM_LINE_BYTES:
            yield begin, line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAXIMUM_LINE_BYTES)
            offset += len(line)
        yield begin, Damage(f"the line has {MAXIMUM_LINE_BYTES} bytes or more")


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
    unpacked: _Unpacked | None = None,
    offset: int = 0,
    where: str = "",
) -> None:
    """Add one record as a document, or skip it."""
    sink.count("records")
    found = {part: _string(_lookup(record, name)) for part, name in wanted.items()}
    text = _lookup(record, wanted["text"])
    if isinstance(text, str) and text.strip():
        own = found["id"] or hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        sink.document(
            identity=own,
            source_id=own,
            text=text,
            uri=found.get("uri"),
            date=found.get("date"),
            title=found.get("title"),
            declared_language=found.get("language"),
            licence=found.get("licence"),
        )
        return
    reason = "empty" if isinstance(text, str) else "no_text"
    if isinstance(text, bytes):
        reason, where = "damaged", f"{where}, not UTF-8"
    if unpacked is not None:
        unpacked.skip(reason, offset, where, uri=found.get("uri"))
    else:
        sink.skip(reason, uri=found.get("uri"), detail=where)


def _lookup(record: Mapping[str, Any], name: str) -> Any:
    """A value by its column's name, dotted where it lies inside another one."""
    if name in record or "." not in name:
        return record.get(name)
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _wanted(section: RecordsSection) -> dict[str, str]:
    """Part of a document → name of the column that it is read from."""
    names = {
        "text": section.text_column,
        "id": section.id_column or "id",
        "uri": section.uri_column,
        "date": section.date_column,
        "title": section.title_column,
        "language": section.language_column,
        "licence": section.licence_column,
    }
    return {part: name for part, name in names.items() if name is not None}


def _check_names(names: Iterable[str], section: RecordsSection, file: InputFile) -> None:
    """Raise an error when the file nowhere has a column that the section names."""
    for part, name in _wanted(section).items():
        if not file.is_whole and part != "text":
            continue  # another range may have it
        if name not in names and not (part == "id" and section.id_column is None):
            raise InputError(
                f"`{part}_column` names a column",
                f"no record has {name!r}",
                file.name,
                nearest(name, names),
            )


def _values(column: Any) -> list[Any]:
    """An Arrow column as Python values: text that is not UTF-8 as bytes, nested ones as None."""
    if pa.types.is_nested(column.type):
        return [None] * len(column)
    if pa.types.is_temporal(column.type):
        times = column.cast(pa.string()).to_pylist()
        return [time and time.replace(" ", "T") for time in times]
    return [_decoded(value) if isinstance(value, bytes) else value for value in column.to_pylist()]


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
