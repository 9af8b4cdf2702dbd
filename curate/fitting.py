"""Limits for a language from documents that are trusted: the percentiles of what they measure.

FineWeb-2 (Penedo et al. 2025, arXiv 2506.20920) sets its limits for each language so, from its
Wikipedia. The rules are those that it fits, by the same definitions; the rest it keeps for every
language. A fitted limit is the percentile beyond which the given share of the trusted documents
lies, rounded to three decimals away from them; the file tells for each limit how many that were.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from curate.errors import InputError, RecipeError
from curate.languages import normalise_language
from curate.ledger import find_parts
from curate.recipe import CleanSection, RecordsSection
from curate.release.load import load
from curate.release.manifest import find_release
from curate.score.quality import score_quality
from curate.score.stopwords import score_stopwords, stopword_lists
from curate.sources import InputFile, Sink
from curate.sources.records import read
from curate.store import Store
from curate.text.clean import clean

MINIMUM_DOCUMENTS = 100  # below this a percentile says nothing
Removes = Literal["below", "above"]
FITTED: tuple[tuple[str, Removes], ...] = (
    ("duplicate_line_share", "above"),
    *((f"top_{n}_gram_share_datatrove", "above") for n in (2, 3, 4)),
    *((f"duplicate_{n}_gram_share_datatrove", "above") for n in (5, 6, 7, 8, 9, 10)),
    ("line_punctuation_share", "below"),
    ("newline_to_word_ratio", "above"),
    ("mean_word_length", "below"),
    ("mean_word_length", "above"),
    ("alphabetic_word_share", "below"),
    ("stop_word_share", "below"),
)
KEPT: tuple[tuple[str, Removes, float, str], ...] = (
    ("duplicate_line_character_share", "above", 0.1, "fineweb-2, fineweb-2-pipeline.py"),
    ("words", "below", 50, "Rae et al. 2021, arXiv 2112.11446, App. A.1"),
    ("words", "above", 100_000, "Rae et al. 2021, arXiv 2112.11446, App. A.1"),
    ("hash_to_word_ratio", "above", 0.1, "Rae et al. 2021, arXiv 2112.11446, App. A.1"),
    ("ellipsis_to_word_ratio", "above", 0.1, "Rae et al. 2021, arXiv 2112.11446, App. A.1"),
    ("bullet_line_share", "above", 0.9, "Rae et al. 2021, arXiv 2112.11446, App. A.1"),
    ("ellipsis_line_share", "above", 0.3, "Rae et al. 2021, arXiv 2112.11446, App. A.1"),
)
COLUMNS_READ = tuple(dict.fromkeys(column for column, _ in FITTED))


@dataclass(frozen=True)
class Reference:
    """Trusted documents as they measure.

    Attributes:
        values: a column for each of `COLUMNS_READ`, one row per document.
        told: what they are, for the file.
    """

    values: pl.DataFrame
    told: str


def reference_of_release(
    store: Store, reference: str, language: str, source: str = "wikipedia"
) -> Reference:
    """The documents of a language and source in a release's ledger, kept or not.

    Duplicates are left out: they would count twice.

    Raises:
        ReleaseError: there is no such release.
    """
    manifest = find_release(store, reference)
    frames = []
    for part in find_parts(store, manifest.folder):
        rows = store.scan_frame(f"{manifest.folder}/{part.name}")
        is_trusted = (
            (pl.col("language") == language)
            & (pl.col("source") == source)
            & pl.col("duplicate_of").is_null()
        )
        known = rows.collect_schema().names()
        missing = [pl.lit(None, pl.Float64).alias(n) for n in COLUMNS_READ if n not in known]
        wanted = rows.with_columns(missing).filter(is_trusted).select(COLUMNS_READ)
        frames.append(wanted.collect())
    values = pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(COLUMNS_READ))
    return Reference(values, f"{manifest.reference} ({source}, {language})")


def reference_of_records(path: Path, language: str, text_column: str = "text") -> Reference:
    """The documents of a records file (Parquet, JSON lines), cleaned and measured; all are trusted.

    Raises:
        InputError: the file cannot be read, or has no such column.
    """
    measured = [
        _measure(batch, language).select(COLUMNS_READ) for batch in _batches(path, text_column)
    ]
    return Reference(pl.concat(measured), f"{path.name} ({language})")


def texts_of_release(
    store: Store, reference: str, language: str, source: str = "wikipedia"
) -> pl.Series:
    """The texts of a language and source that a release keeps.

    Raises:
        ReleaseError: there is no such release, or it is not whole.
    """
    opened = load(reference, store=store.url, split=None)
    found = []
    for part in opened.values():
        columns = part.select_columns(["text", "language", "source"]).with_format("arrow")
        for batch in columns.iter(batch_size=4096):
            rows = pl.DataFrame(pl.from_arrow(batch))
            is_trusted = (pl.col("language") == language) & (pl.col("source") == source)
            found.append(rows.filter(is_trusted)["text"])
    return pl.concat(found).rechunk() if found else pl.Series("text", [], pl.String)


def texts_of_records(path: Path, text_column: str = "text") -> pl.Series:
    """The texts of a records file (Parquet, JSON lines), cleaned.

    Raises:
        InputError: the file cannot be read, or has no such column.
    """
    cleaned = [
        clean(batch["text"], CleanSection())["text"] for batch in _batches(path, text_column)
    ]
    return pl.concat(cleaned).rechunk()


def documents_of_release(store: Store, reference: str, columns: list[str]) -> pl.DataFrame:
    """Columns of all documents that a release keeps, in the order of its shards.

    Raises:
        ReleaseError: there is no such release, or it is not whole.
    """
    found = [
        pl.DataFrame(pl.from_arrow(batch))
        for part in load(reference, store=store.url, split=None).values()
        for batch in part.select_columns(columns).with_format("arrow").iter(batch_size=4096)
    ]
    return pl.concat(found) if found else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


def texts_of(store: Store, places: tuple[str, ...], text_column: str = "text") -> pl.Series:
    """The texts of files and releases (`name@version`): those files that exist are files.

    Raises:
        InputError: a file cannot be read, or has no such column.
        ReleaseError: there is no such release.
    """
    found = []
    for place in places:
        if "@" in place and not Path(place).exists():
            found.append(documents_of_release(store, place, ["text"])["text"])
        else:
            found.append(texts_of_records(Path(place), text_column))
    return pl.concat(found).rechunk()


def fit_rules(language: str, reference: Reference, tail: float = 0.05) -> str:
    """The rules of a language, as the text of a rules file.

    Args:
        language: ISO 639-3; the rules meet its documents alone.
        reference: the trusted documents.
        tail: share of them that a fitted limit may remove.

    Raises:
        RecipeError: the language has no code, or there are too few documents.
    """
    language = normalise_language(language)
    values = reference.values
    if values.height < MINIMUM_DOCUMENTS:
        raise RecipeError(
            f"limits are derived from {MINIMUM_DOCUMENTS} documents or more",
            f"{values.height} are there: {reference.told}",
            "fit-rules",
            "name another source, release or file",
        )
    lines = [
        f"# Limits from the {values.height:,} documents of {reference.told}: each fitted one may",
        f"# remove {tail:.2%} of them. Written by `curate fit-rules`.",
        f"title = {_quoted(f'Rules fitted for {language}')}",
        f"source = {_quoted(reference.told)}",
    ]
    for column, removes in FITTED:
        found = values[column].drop_nulls()
        if len(found) < MINIMUM_DOCUMENTS:
            continue  # no list of stop words, say
        limit = _limit(found, removes, tail)
        beyond = int((found < limit if removes == "below" else found > limit).sum())
        told = f"{tail:.2%} tail of {len(found):,} documents of {reference.told}: {beyond:,} beyond"
        lines += _rule(column, removes, limit, told, language)
    for column, removes, limit, source in KEPT:
        lines += _rule(column, removes, limit, source, language)
    return "\n".join(lines) + "\n"


def _limit(values: pl.Series, removes: Removes, tail: float) -> float:
    """The percentile, rounded away from the documents."""
    share = tail if removes == "below" else 1 - tail
    found = values.quantile(share, "nearest")
    assert found is not None
    scaled = round(found * 1000, 6)
    return (math.floor(scaled) if removes == "below" else math.ceil(scaled)) / 1000


def _rule(column: str, removes: Removes, limit: float, source: str, language: str) -> list[str]:
    side = {"below": "minimum", "above": "maximum"}[removes]
    return [
        "",
        f"[rules.{side}_{column}]",
        f"column = {_quoted(column)}",
        f"removes = {_quoted(removes)}",
        f"limit = {limit:g}",
        f"source = {_quoted(source)}",
        f"languages = [{_quoted(language)}]",
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a TOML one


def _measure(batch: pl.DataFrame, language: str) -> pl.DataFrame:
    frame = batch.select(
        clean(batch["text"], CleanSection())["text"], pl.lit(language).alias("language")
    ).filter(pl.col("text") != "")
    if language in stopword_lists().places:
        frame = score_stopwords(frame)
    else:
        frame = frame.with_columns(pl.lit(None, pl.Float64).alias("stop_word_share"))
    return score_quality(frame)


def _batches(path: Path, text_column: str) -> Iterator[pl.DataFrame]:
    """The documents of a records file, a few megabytes at a time."""
    full: list[pl.DataFrame] = []
    sink = Sink("records", "", path.name, on_full=full.append)
    section = RecordsSection(kind="records", inputs=(str(path),), text_column=text_column)
    try:
        size = path.stat().st_size
        stream = path.open("rb")
    except OSError as error:
        asked, came = "a records file can be read", str(error.strerror).lower()
        raise InputError(asked, came, str(path)) from error
    with stream:
        read(stream, InputFile(str(path), str(path), path.name, size, path.name), section, sink)
    yield from full
    yield sink.take_documents()


def describe_fit(text: str) -> list[dict[str, Any]]:
    """The rules of a rules file, for a table."""
    import tomllib

    rules = tomllib.loads(text)["rules"]
    return [
        {"rule": name, "limit": of["limit"], "source": of["source"]} for name, of in rules.items()
    ]
