"""What a run came to: checks, the manifest, and the facts that terminal, UI and JSON show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from curate import __version__
from curate.audit import find_flagged, sample_harmless, tell_row
from curate.decide import NEAR, check_removed_share, check_rows
from curate.errors import DecisionError
from curate.ledger import find_parts
from curate.release.card import write_card
from curate.release.manifest import DocumentCounts, Draft, FunnelRow, Manifest, ReleaseInput
from curate.release.publish import publish as publish_release
from curate.release.shards import ReleaseFile, ShardFile
from curate.sources.inputs import Part
from curate.steps import deciding, indexing, reading, referencing, releasing, splitting
from curate.steps.work import LIBRARIES, Corpus
from flows.run import Run

CARDS = Path(__file__).parent.parent / "data_cards"


@dataclass(frozen=True)
class Report:
    """What reading and deciding came to.

    Attributes:
        inputs: per file its name, state and counts.
        funnel: per rule and source.
        documents: read, made, kept, removed.
        skipped: what never became a document, by reason.
    """

    inputs: tuple[ReleaseInput, ...]
    funnel: pl.DataFrame
    documents: DocumentCounts
    skipped: dict[str, int]


def count(run: Run, parts: Sequence[Part], decided: deciding.Decided) -> Report:
    """Add up what was read and decided; damaged and unreadable files become warnings.

    Raises:
        DecisionError: a rule removes nearly everything.
    """
    work = run.work
    inputs: list[ReleaseInput] = []
    skipped: dict[str, int] = {}
    for part, found, outcome in reading.read_files(work, parts):
        inputs.append(
            ReleaseInput(
                name=found.name,
                kind=part.section.kind,
                snapshot=part.section.snapshot,
                size=found.size,
                identity=found.identity,
                state=outcome["state"],
                reason=outcome["reason"],
                counts=dict(sorted(outcome["counts"].items())),
            )
        )
    inputs.sort(key=lambda file: file.name)
    for file in inputs:
        run.warnings += _warn(file)
        for name, number in file.counts.items():
            if name.startswith("skipped_"):
                reason = name.removeprefix("skipped_")
                skipped[reason] = skipped.get(reason, 0) + number
    funnel = deciding.decided_funnel(work, decided)
    if (
        "toxicity" in run.work.recipe.model_fields_set
    ):  # who asks for it is told where it does nothing
        run.warnings += _warn_silent(funnel)
    spared = {}
    if work.recipe.duplicates.action == "remove":
        spared = deciding.count_released_before(work, replace(decided, made=Corpus(())))
    check_removed_share(funnel, work.recipe.max_removed_share, spared)
    read = sum(block.documents for block in decided.corpus.blocks)
    made = sum(block.documents for block in decided.made.blocks)
    removed = int(funnel["removed"].sum())
    documents = DocumentCounts(read=read, made=made, kept=read + made - removed, removed=removed)
    if not documents.kept:
        run.warnings.append("the rules removed every document: the release is empty")
    return Report(tuple(inputs), funnel, documents, dict(sorted(skipped.items())))


def _warn(file: ReleaseInput) -> list[str]:
    """One sentence for an input that was not read in full."""
    if file.state == reading.FAILED:
        return [f"{file.name} was not read: {file.reason}"]
    harm = {name: file.counts.get(f"skipped_{name}", 0) for name in ("damaged", "truncated")}
    found = [f"{number} {name}" for name, number in harm.items() if number]
    if found:
        return [f"{file.name} was read in part: {', '.join(found)}"]
    if not file.counts.get("documents"):
        return [f"{file.name} gave no document"]
    return []


def _warn_silent(funnel: pl.DataFrame) -> list[str]:
    """One sentence for a rule of toxicity that no document could be held against."""
    numbers = funnel.group_by("rule", maintain_order=True).agg(
        pl.col("met", "not_applicable").sum()
    )
    mine = pl.col("rule").str.starts_with("toxicity.") & (pl.col("met") > 0)
    silent = numbers.filter(mine & (pl.col("not_applicable") == pl.col("met")))["rule"]
    why = "the model knows none of their languages, or has no such class"
    return [f"{rule} applies to no document: {why}" for rule in silent]


def check(run: Run, report: Report, settled: splitting.Settled) -> None:
    """The rows that the splits hold are those that the rules left.

    Raises:
        DecisionError: they are not.
    """
    shards = splitting.split_sizes(run.work, settled)
    documents = report.documents
    check_rows(documents.read, documents.made, sum(shards.values()), documents.removed)


def publish(
    run: Run,
    folder: str,
    key: str,
    report: Report,
    settled: splitting.Settled,
    shards: Sequence[ShardFile],
    files: Sequence[ReleaseFile],
) -> tuple[Manifest, bool]:
    """Make the staged folder the next version; the newest, if its content is the same.

    Raises:
        DecisionError: the recipe's audit says `stop`, and a rule is flagged.
    """
    work = run.work
    audit = work.store.read_frame(f"{folder}/audit.parquet")
    flagged = find_flagged(audit, work.recipe.audit)
    if flagged.height and work.recipe.audit.action == "stop":
        row = flagged.row(0, named=True)
        raise DecisionError(
            f"no rule hits a group more than {work.recipe.audit.maximum_ratio:g} times as often",
            tell_row(row),
            "audit",
            "change the rule, or [audit] maximum_ratio or action",
        )
    run.warnings += [tell_row(row) for row in flagged.iter_rows(named=True)]
    splits = splitting.split_sizes(work, settled)
    draft = Draft(
        name=work.recipe.name,
        run=run.identity,
        release_key=key,
        recipe=work.recipe.model_dump(mode="json", exclude={"store", "fetch"}, exclude_none=True),
        code_version=__version__,
        libraries=_libraries(),
        inputs=report.inputs,
        funnel=tuple(FunnelRow(**row) for row in report.funnel.to_dicts()),
        documents=report.documents,
        shards=tuple(shards),
        files=tuple(files),
        splits=splits,
        split_conflicts=releasing.planned_shards(work, settled)[1],
        index=indexing.describe_state(work),
    )
    bias = work.store.read_frame(f"{folder}/bias.parquet")
    languages = work.store.read_frame(f"{folder}/languages.parquet")
    templates = work.store.read_frame(f"{folder}/templates.parquet")
    asked = work.recipe.audit
    samples = sample_harmless(work.store, folder, audit, asked) if asked.samples else None
    table = f"{folder}/{releasing.CONTAMINATION}"
    contamination = work.store.read_frame(table) if work.reference else None
    prose = CARDS / f"{work.recipe.name}.md"
    text = prose.read_text(encoding="utf-8") if prose.is_file() else None
    return publish_release(
        work.store,
        folder,
        draft,
        lambda manifest: write_card(
            manifest, bias, languages, text, audit, flagged, contamination, templates, samples
        ),
    )


def _libraries() -> dict[str, str]:
    names = {name for libraries in LIBRARIES.values() for name in libraries}
    found = {}
    for name in sorted(names):
        try:
            found[name] = version(name)
        except ModuleNotFoundError:  # an extra that is not installed
            continue
    return found


def describe(
    run: Run, manifest: Manifest, report: Report, decided: deciding.Decided, *, is_new: bool
) -> dict[str, Any]:
    """What the run did, as JSON."""
    return {
        "release": manifest.reference,
        "new": is_new,
        "store": run.work.store.url,
        "folder": manifest.folder,
        "content_hash": manifest.content_hash,
        "documents": report.documents.model_dump(),
        "splits": manifest.splits,
        "index": manifest.index and manifest.index.model_dump(),
        "skipped": report.skipped,
        "evaluation_sets": referencing.read_facts(run.work.store, run.work.reference),
        "rules": _sum_sources(report.funnel),
        "funnel": report.funnel.to_dicts(),
        "cascade": _sum_cascade(run, decided),
        "steps": run.steps,
        "warnings": run.warnings,
        "run": run.identity,
        "example": _example(run, manifest),
    }


def _sum_cascade(run: Run, decided: deciding.Decided) -> dict[str, Any] | None:
    """What the cascade cost; None where the recipe has none."""
    if run.work.recipe.toxicity.scorer != "cascade":
        return None
    from curate.steps.cascading import sum_cost

    blocks = [block for corpus in (decided.corpus, decided.made) for block in corpus.blocks]
    blocks += [block.changed for block in blocks if block.changed]
    return sum_cost(run.work, blocks)


def _sum_sources(funnel: pl.DataFrame) -> list[dict[str, Any]]:
    """The funnel by rule alone, in the rules' order."""
    numbers = pl.selectors.integer().sum()
    return funnel.group_by("rule", maintain_order=True).agg(numbers).to_dicts()


def _example(run: Run, manifest: Manifest) -> str:
    """A document worth explaining: a near-duplicate, else any that was removed, else any."""
    part = find_parts(run.work.store, manifest.folder)[0]
    rows = run.work.store.scan_frame(f"{manifest.folder}/{part.name}").select("id", "removed_by")
    removed = pl.col("removed_by")
    order = [removed.eq_missing(NEAR), removed.is_not_null()]
    best = rows.sort(*order, "id", descending=[True, True, False]).head(1).collect()
    return str(best["id"][0]) if best.height else "ID"
