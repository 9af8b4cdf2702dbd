"""Parallel text becomes pairs of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import CurateError, FetchError, StoreError
from curate.recipe import ParallelSection, Recipe
from curate.sources import InputFile
from curate.sources.inputs import find_files
from curate.sources.parallel import PairSink, film_name, moses_name, read_pairs
from curate.sources.places import Places
from curate.steps.reading import FAILED
from curate.steps.work import Work, library_versions, name_of


@dataclass(frozen=True)
class PairPart:
    """Files that give pairs together.

    Attributes:
        section: the recipe's section.
        files: an alignment file, the sides of a Moses corpus, the files of a film.
        documents: in which the documents of alignments are looked up.
    """

    section: ParallelSection
    files: tuple[InputFile, ...]
    documents: tuple[InputFile, ...]


def plan_pairs(recipe: Recipe, folder: Path) -> list[PairPart]:
    """The parts of all sections, in the recipe's order, then by name.

    Raises:
        InputError: an input is missing, or a pattern matches nothing.
    """
    parts = []
    for section in recipe.parallel:
        documents = tuple(find_files(section.documents, section, folder, recipe.fetch))
        groups: dict[str, list[InputFile]] = {}
        for file in find_files(section.inputs, section, folder, recipe.fetch):
            groups.setdefault(_group(section, file), []).append(file)
        parts += [PairPart(section, tuple(files), documents) for files in groups.values()]
    return parts


def _group(section: ParallelSection, file: InputFile) -> str:
    """What the files that belong together have in common."""
    if section.kind == "alignments" or file.name.endswith(".zip"):
        return file.name
    named = (moses_name if section.kind == "moses" else film_name)(file.name)
    return named[0] if named else file.name


def pair_key(work: Work, part: PairPart) -> str:
    """The key of the pairs of a part; of a file's name what tells which document it is counts."""

    def facts(files: Sequence[InputFile]) -> list[tuple[str, str]]:
        return [(file.identity, "/".join(file.name.split("/")[-6:])) for file in files]

    return work.key(
        "pair",
        section=part.section.model_dump(exclude={"inputs", "documents"}),
        files=facts(part.files),
        documents=facts(part.documents),
        libraries=library_versions("subtitles"),
    )


def pair_name(work: Work, part: PairPart) -> str:
    """The object that says that a part was read: what was skipped, and the names of its pairs."""
    return name_of("pair", pair_key(work, part))


def pair_part(work: Work, part: PairPart) -> None:
    """Publish the pairs of a part as objects of bounded size, then what was skipped.

    Raises:
        StoreError: the store cannot be written.
    """
    key = pair_key(work, part)
    blocks: list[str] = []
    sink = PairSink(part.section.kind, part.files[0].identity, part.section.minimum_overlap)

    def publish(pairs: pl.DataFrame) -> None:
        if pairs.height:
            blocks.append(name_of("parallel", f"{key}-{len(blocks):05}"))
            work.store.write_frame(blocks[-1], pairs)

    sink.on_full = publish
    state, reason, again = "read", "", False
    try:
        with Places(work.recipe.fetch) as places:
            read_pairs(
                part.files,
                part.section,
                lambda file: places.open(file.uri, file.identity),
                sink,
                part.documents,
            )
    except StoreError:
        raise
    except CurateError as error:
        state, reason = FAILED, f"{error.asked}, but {error.came}"
        again = isinstance(error, FetchError)
        sink.skip("failed", reason)
    publish(sink.take_pairs())
    metadata = {
        "blocks": blocks,
        "state": state,
        "reason": reason,
        "counts": sink.counts,
        "again": again,
    }
    work.store.write_frame(pair_name(work, part), sink.take_skipped(), metadata)


def is_paired(work: Work, part: PairPart) -> bool:
    """Whether a part was read, and no fault of the moment (a network) spoilt it."""
    name = pair_name(work, part)
    return work.store.has(name) and not work.store.read_metadata(name)["again"]


def pair_outcome(work: Work, part: PairPart) -> dict[str, Any]:
    """The names of a part's objects of pairs, its state and counts."""
    return work.store.read_metadata(pair_name(work, part))


def warnings(work: Work, parts: Sequence[PairPart]) -> list[str]:
    """One sentence for each part that gave no pairs, or not all."""
    found = []
    for part in parts:
        outcome = pair_outcome(work, part)
        name, counts = part.files[0].name, outcome["counts"]
        harm = ("damaged", "missing", "not_parallel")
        lost = [f"{n} {what}" for what in harm if (n := counts.get(f"skipped_{what}", 0))]
        if outcome["state"] == FAILED:
            found.append(f"{name} was not read: {outcome['reason']}")
        elif lost:
            found.append(f"{name} was read in part: {', '.join(lost)}")
        elif not counts.get("pairs"):
            found.append(f"{name} gave no pair")
    return found
