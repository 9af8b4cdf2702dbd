"""Evaluation sets become the reference that documents are compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from curate.duplicates.contamination import Contamination, Named, compile_items
from curate.errors import FetchError, InputError
from curate.recipe import EvaluationSet
from curate.sources import InputFile
from curate.sources.evaluation import read_items
from curate.sources.inputs import find_files
from curate.sources.places import Places
from curate.steps.work import Work, library_versions, name_of
from curate.store import Store

Sets = tuple[tuple[EvaluationSet, tuple[InputFile, ...]], ...]  # each set with its files


def find_sets(work: Work, folder: Path) -> Sets:
    """The recipe's evaluation sets with their files, in an order that their contents fix.

    Raises:
        InputError: a file is missing, or a pattern matches nothing.
        FetchError: a server does not answer.
    """
    found = []
    for section in work.recipe.decontamination.sets:
        try:
            files = find_files(section.files, section, folder, work.recipe.fetch)
        except FetchError:
            raise
        except InputError as error:
            asked = f"the files of the set {section.name!r} are there"
            change = "correct `files`; relative ones start from the recipe's folder"
            raise InputError(asked, error.came, error.where, change) from error
        ordered = sorted(files, key=lambda file: (file.label, file.identity))
        found.append((section, tuple(ordered)))
    return tuple(found)


def reference_key(work: Work, sets: Sets) -> str:
    """The key of the compiled reference: the sets' contents, and the shape of the n-grams."""
    section = work.recipe.decontamination
    return work.key(
        "reference",
        sets=[
            (one.name, one.columns, one.id_column, [(f.label, f.identity) for f in files])
            for one, files in sets
        ],
        ngram_words=section.ngram_words,
        minimum_item_words=section.minimum_item_words,
        form=work.recipe.clean.unicode,
        libraries=library_versions("reference"),
    )


def reference_name(work: Work, sets: Sets) -> str:
    """The object of the compiled reference."""
    return name_of("reference", reference_key(work, sets))


def build_reference(work: Work, sets: Sets) -> None:
    """Compile the items of all sets; what became of each set's in the metadata.

    Raises:
        InputError: a file cannot be read, a set is empty, lacks a column, or has no item that
            is long enough to be sought.
    """
    section = work.recipe.decontamination
    frames = []
    facts: list[dict[str, Any]] = []
    for place, (one, files) in enumerate(sets):
        hashes: list[dict[str, str]] = []
        items = _read(work, one, files, hashes)
        frame, counts = compile_items(items, place, section, work.recipe.clean.unicode)
        if not counts.indexed:
            raise InputError(
                f"the set {one.name!r} has items to look for",
                f"none of its {counts.items} has {section.minimum_item_words} words in a column",
                ", ".join(file.name for file in files),
                "name other `columns`, or lower `minimum_item_words` in [decontamination]",
            )
        frames.append(frame)
        facts.append({"set": one.name, "files": hashes, **asdict(counts)})
    work.store.write_frame(reference_name(work, sets), pl.concat(frames), {"sets": facts})


def _read(
    work: Work,
    section: EvaluationSet,
    files: tuple[InputFile, ...],
    hashes: list[dict[str, str]],
) -> Iterator[Named]:
    """The items of a set; notes the name and sha256 of each file that was read."""
    with Places(work.recipe.fetch) as places:
        for file in files:
            try:
                with places.open(file.uri, file.identity) as stream:
                    content = stream.read()
            except OSError as error:
                came = error.strerror or str(error)
                raise InputError("an evaluation set can be read", came, file.name) from error
            digest = hashlib.sha256(content).hexdigest()
            hashes.append({"file": file.label, "sha256": digest})
            yield from read_items(content, file.label, section)


def read_facts(store: Store, reference: str) -> list[dict[str, Any]]:
    """Of each set its name, its files with their sha256, and what became of its items."""
    if not reference:
        return []
    facts: list[dict[str, Any]] = store.read_metadata(name_of("reference", reference))["sets"]
    return facts


def load_reference(store: Store, reference: str) -> Contamination:
    """The scorer with a compiled reference.

    Raises:
        StoreError: the reference was not built.
    """
    items = store.read_frame(name_of("reference", reference))
    return Contamination(items, tuple(facts["set"] for facts in read_facts(store, reference)))
