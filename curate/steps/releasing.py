"""Kept documents become shards; every document becomes a row of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from curate.audit import COLUMNS as AUDITED
from curate.audit import count_audit, measure_audit, try_templates
from curate.decide import DECONTAMINATION, columns_read, compile_rules
from curate.ledger import LedgerPart, NamesPart, index_names, plan_names, plan_parts
from curate.release.manifest import EARLIER, Manifest, read_manifest, versions_of
from curate.release.shards import (
    RELEASE_COLUMNS,
    ReleaseFile,
    Shard,
    ShardFile,
    plan_shards,
    scatter,
    write_shard,
)
from curate.schema import BEFORE_SPANS, COLUMNS, classifier_columns
from curate.score.bias import count_bias, summarise_bias
from curate.steps.deciding import read_verdicts
from curate.steps.measuring import read_scores, score_names, scorers_of
from curate.steps.pairing import PairPart, pair_name, pair_outcome
from curate.steps.referencing import read_facts
from curate.steps.splitting import (
    Settled,
    corpus_of,
    decided_key,
    places,
    read_sizes,
    read_splits,
)
from curate.steps.work import Work, library_versions, name_of, overlay, read_documents

SCATTERED_ROWS = 256  # a shard takes some rows of every block: it should not unpack the others
CONTAMINATION = "contamination.parquet"
LEDGER_LEFT_OUT = {"signature"}  # 512 bytes a document that no rule reads


def planned_shards(work: Work, settled: Settled) -> tuple[list[Shard], int]:
    """The shards of the release, and how many groups the former release had already torn."""
    sizes, conflicts = read_sizes(work, settled)
    return plan_shards(sizes, work.recipe.release.shard_documents), conflicts


# --- rows of shards and of the ledger, block by block


def scatter_key(work: Work, settled: Settled, place: int, made: bool) -> str:
    """The key of a block's rows of the shards, and of its rows of the ledger."""
    block = corpus_of(settled.decided, made).blocks[place]
    return work.key(
        "scatter",
        block=block.key,
        place=place,
        decided=decided_key(settled.decided),
        scores=score_names(work, block),
        splits=settled.splits,
        libraries=library_versions("scatter"),
    )


def scatter_names(work: Work, settled: Settled, place: int, made: bool) -> tuple[str, str, str]:
    """The objects of a block's rows: of the shards, of the ledger, of its index by name."""
    key = scatter_key(work, settled, place, made)
    return name_of("scatter", key), name_of("ledger", key), name_of("names", key)


def scatter_block(work: Work, item: tuple[Settled, int, bool]) -> None:
    """A block's kept rows sorted for the shards, all its rows for the ledger, and their names."""
    settled, place, made = item
    decided = settled.decided
    corpus = corpus_of(decided, made)
    block = corpus.blocks[place]
    rows_name, ledger_name, names_name = scatter_names(work, settled, place, made)
    ledger = _ledger_rows(work, settled, place, made)
    kept = ledger.filter(pl.col("removed_by").is_null())
    texts = read_documents(work, corpus, place, ["id", "text"])
    rows = kept.join(texts, on="id", how="left", maintain_order="left")
    missing = [
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in RELEASE_COLUMNS.items()
        if name not in rows.columns
    ]
    rows = rows.with_columns(missing).select(*RELEASE_COLUMNS, "split")
    scattered = scatter(rows, work.recipe.seed)
    work.store.write_frame(rows_name, scattered, row_group_rows=SCATTERED_ROWS)
    work.store.write_frame(ledger_name, ledger.sort("id"), {"documents": block.documents})
    names = index_names(ledger.select("id", "uri", "source_id"))
    work.store.write_frame(names_name, names, {"names": names.height})


def _ledger_rows(work: Work, settled: Settled, place: int, made: bool) -> pl.DataFrame:
    """Every document of a block: what it is, every score, its verdict and split; no text."""
    decided = settled.decided
    corpus = corpus_of(decided, made)
    block = corpus.blocks[place]
    texts = pl.DataFrame(  # where the text lies, and in which row
        {"block": block.name, "row": pl.int_range(block.documents, dtype=pl.Int64, eager=True)}
    )
    if block.changed:
        rows = work.store.read_frame(block.changed.name, ["row"])
        there = pl.DataFrame(
            {
                "block": block.changed.name,
                "at": pl.int_range(rows.height, dtype=pl.Int64, eager=True),
            }
        )
        texts = overlay(texts.rename({"row": "at"}), there.hstack(rows)).rename({"at": "row"})
    documents = (
        read_documents(work, corpus, place)
        .drop("text", "cleaned_word_share")  # which is among the scores
        .with_columns(pl.lit(block.priority, dtype=pl.Int64).alias("priority"))
        .hstack(texts)
    )
    scorers = scorers_of(work.recipe)
    columns = [n for n, column in COLUMNS.items() if column.scorer in scorers]
    for section in work.recipe.classifiers:
        columns += classifier_columns(section.name)[:2]
    columns += [f"{scorer}_state" for scorer in scorers]
    read_before = {n for n in columns_read(compile_rules(work.recipe)) if n.endswith(BEFORE_SPANS)}
    if "personal" in work.recipe.span_changes:
        read_before.add("personal_spans" + BEFORE_SPANS)  # where it stood: nothing is left of it
    if "toxic_sentences" in work.recipe.span_changes:  # the evidence of what was taken out
        read_before |= {f"{n}{BEFORE_SPANS}" for n in ("toxicity", "toxicity_spans")}
    columns = [n for n in columns if n not in LEDGER_LEFT_OUT] + sorted(read_before)
    scores = read_scores(work, block, columns)
    verdicts = read_verdicts(work, decided, place, made=made).drop("id")
    splits = read_splits(work, settled, place, made)
    return documents.hstack(scores).hstack(verdicts).hstack([splits])


# --- the release's files


def write_release_shard(work: Work, item: tuple[str, Settled, Shard]) -> ShardFile:
    """Write one shard of the release into its staging folder."""
    staging, settled, shard = item
    scattered = [scatter_names(work, settled, *place)[0] for place in places(settled.decided)]
    return write_shard(work.store, scattered, shard, f"{staging}/{shard.path}")


@dataclass(frozen=True)
class Beside:
    """The tables beside shards and ledger.

    Attributes:
        parts: per part its `read` key and the names of its files by identity.
        pairs: parts of parallel text.
    """

    parts: tuple[tuple[str, dict[str, str]], ...]
    pairs: tuple[PairPart, ...] = ()


Table = LedgerPart | NamesPart | Beside


def planned_tables(
    work: Work,
    settled: Settled,
    parts: Sequence[tuple[str, dict[str, str]]],
    pairs: Sequence[PairPart] = (),
) -> list[Table]:
    """The parts of the ledger and of its index by name, and the rest."""
    blocks = [scatter_names(work, settled, *place) for place in places(settled.decided)]
    documents = sum(work.store.read_metadata(ledger)["documents"] for _, ledger, _ in blocks)
    names = sum(work.store.read_metadata(names)["names"] for _, _, names in blocks)
    return [*plan_parts(documents), *plan_names(names), Beside(tuple(parts), tuple(pairs))]


def write_table(work: Work, item: tuple[str, Settled, Table]) -> list[ReleaseFile]:
    """Write a part of the ledger or of its index, or the tables beside them, into the staging folder."""
    folder, settled, table = item
    blocks = [scatter_names(work, settled, *place) for place in places(settled.decided)]
    ledger = [name for _, name, _ in blocks]
    if isinstance(table, LedgerPart):
        return [_write_part(work, folder, table, ledger, ["id"])]
    if isinstance(table, NamesPart):
        names = [name for *_, name in blocks]
        return [_write_part(work, folder, table, names, ["name_hash", "id"])]
    copies = {"links.parquet": name_of("link", settled.decided.links)}
    if settled.decided.earlier:
        copies[EARLIER] = name_of("earlier", settled.decided.earlier)
    objects = [name for part in table.pairs for name in pair_outcome(work, part)["blocks"]]
    copies |= {f"parallel/part-{n:05}.parquet": name for n, name in enumerate(objects)}
    written = [_copy_file(work, folder, to, name) for to, name in copies.items()]
    frames = {
        "skipped.parquet": _all_skipped(work, table),
        **_summarise(work, ledger),
        **_count_contaminated(work, ledger),
    }
    return [*written, *(_write_file(work, folder, to, frame) for to, frame in frames.items())]


def _write_part(
    work: Work, folder: str, part: LedgerPart | NamesPart, names: list[str], order: list[str]
) -> ReleaseFile:
    """A range of the rows of all blocks, sorted."""
    rows = [work.store.scan_frame(name).filter(part.holds()).collect() for name in names]
    return _write_file(work, folder, part.name, pl.concat(rows).sort(order))


def _write_file(work: Work, folder: str, path: str, frame: pl.DataFrame) -> ReleaseFile:
    work.store.write_frame(f"{folder}/{path}", frame)
    return _describe(work, folder, path)


def _copy_file(work: Work, folder: str, path: str, name: str) -> ReleaseFile:
    work.store.copy(name, f"{folder}/{path}")
    return _describe(work, folder, path)


def _describe(work: Work, folder: str, path: str) -> ReleaseFile:
    name = f"{folder}/{path}"
    return ReleaseFile(path=path, bytes=work.store.size(name), sha256=work.store.digest(name))


def _all_skipped(work: Work, table: Beside) -> pl.DataFrame:
    """What was skipped, its input by name; sorted by URI, so that a look-up reads little."""
    skipped = []
    tables = [(name_of("read", key), names) for key, names in table.parts]
    for part in table.pairs:
        names = {file.identity: file.name for file in part.files}
        tables.append((pair_name(work, part), names))
    for name, names in tables:
        frame = work.store.read_frame(name)
        skipped.append(frame.with_columns(pl.col("input").replace(names)))
    return pl.concat(skipped).sort("uri", "input", "offset", "reason", "detail")


def _summarise(work: Work, ledger: list[str]) -> dict[str, pl.DataFrame]:
    """What is kept, by source and language, its mentions of groups, and what rules do to those."""
    columns = [column for column, facts in COLUMNS.items() if facts.scorer == "bias"]
    wanted = ["source", "language", "characters", "removed_by", "tags", *columns, "bias_state"]
    audited, counted, sizes = [], [], []
    of_all = {"documents": pl.len(), "characters": pl.col("characters").sum()}
    for name in ledger:
        rows = work.store.read_frame(name, wanted)
        audited.append(count_audit(rows.select(AUDITED)))
        kept = rows.filter(pl.col("removed_by").is_null())
        counted.append(count_bias(kept))
        sizes.append(kept.group_by("source", "language").agg(**of_all))
    languages = pl.concat(sizes).group_by("source", "language").agg(pl.all().sum())
    order = ["source", "documents", "language"]
    return {
        "audit.parquet": measure_audit(pl.concat(audited)),
        "templates.parquet": try_templates(work.recipe.toxicity),
        "bias.parquet": summarise_bias(pl.concat(counted)),
        "languages.parquet": languages.sort(order, descending=[False, True, False]),
    }


def _count_contaminated(work: Work, ledger: list[str]) -> dict[str, pl.DataFrame]:
    """Of each evaluation set its files, its items and what it removed; no table without sets.

    A document counts as removed by the set of the item of which it has most.
    """
    if not work.reference:
        return {}
    wanted = ["contamination_matches", "removed_by", "tags"]
    matches = pl.col("contamination_matches")
    found_in = [
        work.store.scan_frame(n).select(wanted).filter(matches.list.len() > 0) for n in ledger
    ]
    rows = pl.concat([frame.collect() for frame in found_in]).select(
        sets=matches.list.eval(pl.element().struct.field("set")).list.unique(),
        worst=matches.list.first().struct.field("set"),
        removed=pl.col("removed_by").eq_missing(DECONTAMINATION),
        tagged=pl.col("tags").list.contains(DECONTAMINATION),
    )
    counts = rows.group_by(set="worst").agg(pl.col("removed", "tagged").sum())
    found = rows.select(set="sets").explode("set").group_by("set").agg(found=pl.len())
    table = pl.DataFrame(
        [
            {
                "set": facts["set"],
                "files": [file["file"] for file in facts["files"]],
                "sha256": [file["sha256"] for file in facts["files"]],
                **{name: facts[name] for name in ("items", "indexed", "short", "repeated")},
            }
            for facts in read_facts(work.store, work.reference)
        ]
    )
    joined = table.join(found, on="set", how="left", maintain_order="left").join(
        counts, on="set", how="left", maintain_order="left"
    )
    numbers = pl.col("found", "removed", "tagged").fill_null(0).cast(pl.Int64)
    return {CONTAMINATION: joined.with_columns(numbers)}


# --- the release as a whole


def release_key(
    work: Work,
    settled: Settled,
    parts: Sequence[tuple[str, dict[str, str]]],
    pairs: Sequence[PairPart] = (),
) -> str:
    """What tells whether a release is the newest one again: all but the former release.

    The parts that were read are among it: an input may add nothing but what was skipped.
    """
    return work.key(
        "release",
        parts=[key for key, _ in parts],
        decided=decided_key(settled.decided),
        scores=[score_names(work, block) for block in settled.decided.corpus.blocks],
        release=work.recipe.release.model_dump(),
        pairs=[pair_name(work, part) for part in pairs],
        audit=work.recipe.audit.model_dump(),
        limit=work.recipe.toxicity.maximum_score,
        similarity=work.recipe.duplicates.split_similarity,
        seed=work.recipe.seed,
        libraries=library_versions("scatter"),
    )


def newest_release(work: Work) -> Manifest | None:
    """The newest version of the recipe's release, or None before the first.

    Raises:
        ReleaseError: its manifest is damaged: splits would lose what was assigned.
    """
    versions = versions_of(work.store, work.recipe.name)
    return read_manifest(work.store, work.recipe.name, max(versions)) if versions else None


@contextmanager
def staging(work: Work, run: str) -> Iterator[str]:
    """A folder in which a release grows unseen; gone in the end, whatever happens."""
    folder = f"releases/{work.recipe.name}/.staging-{run}"
    try:
        yield folder
    finally:
        if work.store.names(folder):
            work.store.remove(folder)
