"""Input parts become documents."""

from __future__ import annotations

import hashlib
import importlib
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl

from curate.errors import (
    ComponentError,
    CurateError,
    FetchError,
    InputError,
    MissingInputError,
    StoreError,
)
from curate.models import BUNDLED, EXTRACTOR_MODEL, sha256
from curate.recipe import Recipe
from curate.sources import InputFile, Sink
from curate.sources.checksums import CheckedStream, find_fault
from curate.sources.inputs import Part, divide, find_inputs
from curate.sources.places import Places
from curate.steps.work import Block, Corpus, Work, library_versions, name_of
from curate.text.clean import clean
from curate.text.parts import split_long

Reader = Callable[[BinaryIO, InputFile, Any, Sink], None]
# of a source section: say where, not what
MEMBER_COLUMNS = {"inputs", "base", "files", "first", "count", "every", "date", "reference"}
FAILED = "failed"
BLOCK_BYTES = 16 << 20  # of text in an object: what a worker holds at once


def read_key(work: Work, part: Part) -> str:
    """The key of what a part becomes."""
    return work.key(
        "read",
        section=part.section.model_dump(exclude=MEMBER_COLUMNS),
        clean=work.recipe.clean.model_dump(),
        files=[_facts(file) for file in part.files],
        extractor=_extractor(part.section),
        libraries=library_versions(part.section.kind)
        | library_versions(getattr(part.section, "extractor", ""))
        | (library_versions("mojibake") if work.recipe.clean.mojibake else {})
        | (library_versions("stopwords") if work.recipe.clean.stop_words else {}),
    )


@cache
def _extractor(section: Any) -> str | None:
    """What of the extractor shapes the text, beside libraries: the sha256 of its model."""
    bundled = getattr(section, "extractor", "") == "bundled"
    return sha256(BUNDLED / EXTRACTOR_MODEL) if bundled else None


def _facts(file: InputFile) -> tuple[Any, ...]:
    """What of a file shapes what becomes of it."""
    published = [file.checksum] if file.checksum else []
    return (file.identity, file.label, file.start, file.stop, *published)


def read_part(work: Work, part: Part) -> None:
    """Read a part, clean its text, publish its blocks, then its `skipped` table.

    The table's object is published last and its metadata lists the blocks and, per file, its
    state and counts: a part is read when it exists. A file that cannot be read is recorded with
    the reason, and the others go on.

    Raises:
        ComponentError: an extractor cannot work at all.
        StoreError: the store cannot be written.
    """
    key = read_key(work, part)
    blocks: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    reader: Reader = importlib.import_module(f"curate.sources.{part.section.kind}").read
    pending: list[pl.DataFrame] = []

    def publish() -> None:
        frame = pl.concat(pending)
        pending.clear()
        if frame.height == 0:
            return
        size = int(frame["text"].str.len_bytes().sum())
        block = Block(f"{key}-{len(blocks):05}-{_digest(frame)}", frame.height, size, 0)
        work.store.write_frame(block.name, frame)
        blocks.append({"key": block.key, "documents": block.documents, "size": block.size})

    def take(documents: pl.DataFrame) -> None:
        pending.append(_clean(work, documents, sink))
        if sum(frame["text"].str.len_bytes().sum() for frame in pending) >= BLOCK_BYTES:
            publish()

    sink = Sink(part.section.kind, part.section.snapshot, "", on_full=take)
    with Places(work.recipe.fetch) as places:
        for file in part.files:
            sink.begin(file.identity)
            state = _read_file(reader, file, part, sink, places)
            facts = {"identity": file.identity, "label": file.label, "counts": sink.counts}
            files.append({**facts, "first": sink.first, "following": sink.following, **state})
    take(sink.take_documents())
    if pending:
        publish()
    again = any(file["state"] == FAILED and file["again"] for file in files)
    metadata = {"blocks": blocks, "files": files, "again": again}
    work.store.write_frame(name_of("read", key), sink.take_skipped(), metadata)


def is_read(work: Work, part: Part) -> bool:
    """Whether a part was read, and no fault of the moment (a network, a disk) spoilt it."""
    name = read_name(work, part)
    return work.store.has(name) and not work.store.read_metadata(name)["again"]


def _read_file(
    reader: Reader, file: InputFile, part: Part, sink: Sink, places: Places
) -> dict[str, Any]:
    """Read one file; what cannot be read is the file's state, not the end of the run."""
    try:
        with places.open(file.uri, file.identity) as stream:
            checked = CheckedStream(stream, file.checksum) if file.checksum else None
            given = cast("BinaryIO", io.BufferedReader(checked)) if checked else stream
            reader(given, file, part.section, sink)
            if checked and (fault := find_fault(checked, file)):
                sink.skip("damaged", detail=fault)
    except (ComponentError, StoreError):
        raise
    except CurateError as error:
        reason = f"{error.asked}, but {error.came}"
        again = isinstance(error, FetchError | MissingInputError)
        return {"state": FAILED, "reason": reason, "change": error.change, "again": again}
    except Exception as error:  # noqa: BLE001  # a fault of a reader costs its file, not the run
        reason = f"{type(error).__name__}: {error}"
        return {"state": FAILED, "reason": reason, "change": "", "again": True}
    return {"state": "read", "reason": "", "change": "", "again": False}


def _digest(documents: pl.DataFrame) -> str:
    """What tells a block from another one of the same part: a hash of its ids and texts."""
    digest = hashlib.blake2b(digest_size=8)
    for name in ("id", "text"):
        for buffer in documents[name].rechunk().to_arrow().buffers()[1:]:
            digest.update(buffer)
    return digest.hexdigest()


def _clean(work: Work, documents: pl.DataFrame, sink: Sink) -> pl.DataFrame:
    """Clean the text and cut what is too long; a document of which nothing is left is a skip."""
    section, counts = work.recipe.clean, sink.counts_of
    frame = documents.with_columns(clean(documents["text"], section))
    if section.mojibake:
        repaired = frame.filter(pl.col("cleaned_by").str.contains(r"\bmojibake:"))
        for file, number in repaired["input"].value_counts().iter_rows():
            counts[file]["mojibake_repaired"] += number
    empty = frame.filter(pl.col("text") == "")
    for file, uri, source_id in empty.select("input", "uri", "source_id").iter_rows():
        detail = f"nothing is left of {source_id} after cleaning"
        sink.skip("empty", uri=uri, detail=detail, input=file)
        counts[file]["documents"] -= 1
    frame = frame.filter(pl.col("text") != "")
    if section.maximum_document_characters is None:
        return frame
    parts = split_long(frame, section.maximum_document_characters)
    for some, sign in ((parts, 1), (frame, -1)):
        for file, number in some["input"].value_counts().iter_rows():
            counts[file]["documents"] += sign * number
    return parts


def read_name(work: Work, part: Part) -> str:
    """The object that says that a part was read."""
    return name_of("read", read_key(work, part))


def plan_parts(recipe: Recipe, folder: Path) -> list[Part]:
    """The parts of all sources of a recipe, in the recipe's order, then by size.

    Raises:
        InputError: an input is missing, or a pattern matches nothing.
    """
    parts = []
    for priority, section in enumerate(recipe.sources):
        files = find_inputs(section, folder, recipe.fetch)
        for snapshot in dict.fromkeys(file.snapshot for file in files):
            named = section.model_copy(update={"snapshot": snapshot}) if snapshot else section
            some = [file for file in files if file.snapshot == snapshot]
            parts += divide(some, named, priority, recipe.fetch)
    return parts


def join_ranges(work: Work, parts: Sequence[Part]) -> list[Part]:
    """The parts that were read, with those ranges of files corrected that began at no entry.

    A range in the middle of a file looks for what can be begun with, and may find something that
    only looks like it. The range before knows better when it comes to its end: where it ended, the
    next one must have begun. One that did not is replaced by one that does, or left out when the
    one before read all of it.

    Returns:
        What was given, when all is well; else parts of which some are still to be read, after which
        this is to be asked again.
    """
    joined: list[Part] = []
    before: tuple[int, str] | None = None  # the file that `expected` is about
    expected: int | None = None  # the entry where the next range must begin; None at the end
    known = False
    for part in parts:
        file = part.files[0]
        if file.is_whole:
            joined.append(part)
            continue
        if before != (part.priority, file.name):
            before, known = (part.priority, file.name), False
        found = _range_outcome(work, part)
        seen = found is None or found["state"] != FAILED  # a fault of the moment says nothing
        first = found["first"] if found else None
        if known and seen and (expected is None or (file.stop or expected + 1) <= expected):
            if first is not None:
                continue
        elif known and seen and first != expected != file.start and expected is not None:
            part = replace(part, files=(replace(file, start=expected),))  # noqa: PLW2901  # what follows is about it
            found = _range_outcome(work, part)
        joined.append(part)
        if found is None or found["state"] == FAILED:
            known = False
        elif found["first"] is not None:
            known, expected = True, found["following"]
    return joined


def _range_outcome(work: Work, part: Part) -> dict[str, Any] | None:
    """State and counts of the one file of a part, if it was read."""
    if not work.store.has(read_name(work, part)):
        return None
    return read_outcome(work, part)[1][0]


def assemble(work: Work, parts: Sequence[Part]) -> Corpus:
    """The blocks of all parts, in an order that the recipe and the content fix.

    Raises:
        InputError: a source gave no document.
    """
    blocks: list[Block] = []
    for priority, section in enumerate(work.recipe.sources):
        mine = [part for part in parts if part.priority == priority]
        keyed = sorted((read_key(work, part), place) for place, part in enumerate(mine))
        found = [block for _, place in keyed for block in read_outcome(work, mine[place])[0]]
        if not found:
            files = [outcome for *_, outcome in read_files(work, mine)]
            raise _empty_source(section.kind, section.inputs, files)
        blocks += found
    return Corpus(tuple(blocks))


def _empty_source(kind: str, inputs: Sequence[str], files: list[dict[str, Any]]) -> InputError:
    """What to say of a source without any document: what was skipped and why."""
    counts: Counter[str] = Counter()
    for file in files:
        counts.update({n: c for n, c in file["counts"].items() if n.startswith("skipped_")})
    reasons = [
        f"{count} × {name.removeprefix('skipped_')}" for name, count in counts.most_common(4)
    ]
    reasons += [file["reason"] for file in files if file["state"] == FAILED][:1]
    return InputError(
        f"the {kind} source gives documents",
        f"its {len(files)} file{'s' * (len(files) != 1)} gave none ({'; '.join(reasons) or 'they are empty'})",
        ", ".join(inputs),
        "check that `kind` is what the files are",
    )


def names_of(work: Work, parts: Sequence[Part]) -> list[tuple[str, dict[str, str]]]:
    """Per part its `read` key and the names of its files by identity."""
    return [(read_key(work, part), {f.identity: f.name for f in part.files}) for part in parts]


def read_files(work: Work, parts: Sequence[Part]) -> list[tuple[Part, InputFile, dict[str, Any]]]:
    """Each input file with a part of it, its state and its counts, those of its ranges added up.

    A file of which a range could not be read was not read; its reason is the first such range's.
    """
    files: dict[tuple[int, str], tuple[Part, InputFile, dict[str, Any]]] = {}
    for part in parts:
        for file, outcome in zip(part.files, read_outcome(work, part)[1], strict=True):
            place = (part.priority, file.name)
            if place not in files:
                files[place] = (part, file, outcome)
                continue
            known = files[place][2]
            counts = Counter(known["counts"])
            counts.update(outcome["counts"])
            worse = known if known["state"] == FAILED else outcome
            files[place] = (part, file, {**worse, "counts": dict(counts)})
    return list(files.values())


def read_outcome(work: Work, part: Part) -> tuple[list[Block], list[dict[str, Any]]]:
    """The blocks of a part that was read, and the state and counts of its files."""
    metadata = work.store.read_metadata(name_of("read", read_key(work, part)))
    blocks = [Block(b["key"], b["documents"], b["size"], part.priority) for b in metadata["blocks"]]
    return blocks, metadata["files"]
