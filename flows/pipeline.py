"""The whole run, top to bottom.

    inputs ─▶ (reference ─▶) read ─▶ measure ─▶ link ─▶ find, spans ─▶ decide ─▶ make ─▶ release

Every stage only adds objects; a stage whose objects exist does nothing. Started by
`curate run`, by a Prefect deployment (`prefect.yaml`), or as a function.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from prefect import flow

from curate.recipe import load_recipe
from curate.release.manifest import Manifest
from curate.sources.inputs import Part
from curate.steps import (
    deciding,
    indexing,
    linking,
    losses,
    measuring,
    pairing,
    reading,
    referencing,
    releasing,
    spanning,
    splitting,
)
from curate.steps.clustering import fits_at_once
from curate.steps.pairing import PairPart
from curate.steps.work import Corpus, Linked, Work, find_repeats, name_of
from curate.store import Store
from flows import artifacts, outcome
from flows.clustering import find_clusters, find_splits
from flows.finding import find_spans
from flows.recipes import find_recipe
from flows.run import Run, start_run


@flow(name="curate", flow_run_name="{recipe}", persist_result=False, validate_parameters=False)
def pipeline(
    recipe: str,
    store: str | None = None,
    workers: int | None = None,
    batch_documents: int = 4096,
    settings: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Run a recipe through to a release.

    Args:
        recipe: a recipe's path, or the name of a packaged one.
        store: a folder or an fsspec URL, instead of the recipe's.
        workers: processes; left out: one per core.
        batch_documents: documents scored at a time; shapes no output.
        settings: values that replace the recipe's, by dotted name.

    Returns:
        What the run did: release, funnel, counts of computed and reused objects, warnings.

    Raises:
        CurateError: in one sentence, what is wrong and what to change.
    """
    path = find_recipe(recipe)
    loaded = load_recipe(path, settings)
    work = Work(Store(store or loaded.store), loaded, batch_documents)
    with start_run(work, workers or os.cpu_count() or 1) as run:
        refer(run, path.parent)
        recall(run)
        parts = reading.plan_parts(loaded, path.parent)
        pairs = pair(run, pairing.plan_pairs(loaded, path.parent))
        parts, corpus = read(run, parts)
        measure(run, corpus)
        decided = decide(run, corpus)
        decided = make(run, decided)
        report = outcome.count(run, parts, decided)
        alarm(run, decided)
        manifest, is_new = release(run, parts, pairs, decided, report)
        remember(run)
        result = outcome.describe(run, manifest, report, decided, is_new=is_new)
        artifacts.publish(manifest, result)
        return result


def refer(run: Run, folder: Path) -> None:
    """Evaluation sets become the reference that documents are compared with."""
    sets = referencing.find_sets(run.work, folder)
    if not sets:
        return
    name = referencing.reference_name(run.work, sets)
    run.one("reference", referencing.build_reference, sets, name)
    run.work = replace(run.work, reference=referencing.reference_key(run.work, sets))


def recall(run: Run) -> None:
    """What was released before: the index with all releases of the store, as it is from here on."""
    if run.work.recipe.duplicates.scope == "index":
        remember(run)
        run.work = replace(run.work, index=indexing.newest(run.work))


def remember(run: Run) -> None:
    """Releases that the index lacks are added to it."""
    work = run.work
    if work.recipe.duplicates.scope == "index":
        found = run.each(
            "index",
            indexing.update,
            [work.recipe.duplicates],
            lambda _: indexing.is_current(work),
        )
        run.warnings += [sentence for _, sentences in found for sentence in sentences]


def read(run: Run, parts: list[Part]) -> tuple[list[Part], Corpus]:
    """Input parts become blocks of documents; ranges of one file that do not join are read again."""
    work = run.work
    todo = parts
    while todo:
        run.each(
            "read",
            reading.read_part,
            todo,
            lambda part: reading.is_read(work, part),
            lambda part: part.size,
        )
        read_already = {id(part) for part in parts}
        parts = reading.join_ranges(work, parts)
        todo = [part for part in parts if id(part) not in read_already]
    corpus = reading.assemble(work, parts)
    return parts, replace(corpus, ids=find_repeats(work, corpus))


def pair(run: Run, parts: list[PairPart]) -> list[PairPart]:
    """Parallel text becomes pairs of sentences."""
    work = run.work
    run.each("pair", pairing.pair_part, parts, lambda part: pairing.is_paired(work, part))
    run.warnings += pairing.warnings(work, parts)
    return parts


def measure(run: Run, corpus: Corpus) -> None:
    """Every scorer's columns for every block."""
    work = run.work
    run.each(
        "measure",
        measuring.measure_block,
        corpus.blocks,
        lambda block: run.has(*measuring.score_names(work, block)),
        lambda block: block.size,
    )


def judge(run: Run, corpus: Corpus) -> None:
    """Each document's verdict by its own scores."""
    work = run.work
    run.each(
        "judge",
        deciding.judge_block,
        corpus.blocks,
        lambda block: run.has(deciding.judge_name(work, block)),
        lambda block: block.documents,
    )


def decide(run: Run, corpus: Corpus) -> deciding.Decided:
    """Verified pairs, verdicts, and survivors among what passes."""
    work = run.work
    late = work.recipe.changes_spans or work.recipe.found_scorers
    if not late:  # else what changes is judged as it is then
        judge(run, corpus)
    link(run, corpus)
    decided = deciding.Decided(corpus, linking.link_key(work, corpus))
    if late:
        decided = change(run, find_spans(run, Linked(corpus, decided.links)))
        judge(run, decided.corpus)
    decided = look_back(run, decided)
    return replace(decided, survivors=survive(run, decided))


def survive(run: Run, decided: deciding.Decided) -> str:
    """Who survives among what passes: at once where that fits into memory, else in pieces; the key."""
    clusters = deciding.plan_survivors(run.work, decided)
    key = clusters.graph.key
    name = name_of("survivors", key)
    if run.has(name) or fits_at_once(clusters):
        run.one("survivors", deciding.find_survivors, decided, name)
        return key
    clusters = find_clusters(run, clusters)
    judged = decided.made if decided.made.blocks else decided.corpus
    run.each(
        "settle",
        deciding.settle_block,
        [(decided, clusters, place) for place in range(len(judged.blocks))],
        lambda item: run.has(deciding.members_name(key, item[2])),
    )
    run.one("survivors", deciding.sum_survivors, decided, name)
    return key


def look_back(run: Run, decided: deciding.Decided) -> deciding.Decided:
    """What was released before and is near to the corpus."""
    work, corpus = run.work, decided.corpus
    if work.recipe.duplicates.scope != "index":
        return decided
    name = indexing.earlier_name(work, corpus)
    groups = indexing.plan_groups(work, corpus)
    if not run.has(name):
        run.objects("released", indexing.find_earlier, groups, indexing.found_name)
    run.one("earlier", indexing.gather_earlier, groups, name)
    key, repaired = indexing.settle_earlier(work, corpus)
    run.warnings += repaired
    return replace(decided, earlier=key)


def link(run: Run, corpus: Corpus) -> None:
    """Verified pairs: at once where they fit into memory, else by ranges of hashes."""
    work, blocks = run.work, corpus.blocks
    name = linking.link_name(work, corpus)
    if run.has(name) or linking.fits_at_once(work, corpus):
        run.one("link", linking.link_at_once, corpus, name)
        return
    run.each(
        "bands",
        linking.sort_block,
        blocks,
        lambda block: run.has(linking.bands_name(work, block)),
        lambda block: block.documents,
    )
    cut = linking.plan_ranges(work, corpus)
    ranges = [(cut, number) for number in range(cut.ranges)]
    run.each(
        "pairs", linking.pair_range, ranges, lambda item: run.has(linking.pairs_name(work, item))
    )
    cut = linking.plan_parts(work, cut)
    parts = [(cut, number) for number in range(cut.parts)]
    run.each(
        "candidates",
        linking.merge_pairs,
        parts,
        lambda item: run.has(linking.candidates_name(work, item)),
    )
    run.each(
        "sets",
        linking.cut_block,
        [(cut, place) for place in range(len(blocks))],
        lambda item: run.has(linking.sets_name(work, item)),
        lambda item: blocks[item[1]].size,
    )
    run.each(
        "verify",
        linking.verify_part,
        parts,
        lambda item: run.has(linking.verified_name(work, item)),
    )
    run.one("link", linking.gather_links, cut, name)


def change(run: Run, found: spanning.Found) -> deciding.Decided:
    """Texts change by what the corpus holds; what changed is measured again, and compared."""
    work, linked = run.work, found.linked
    if not work.recipe.changes_spans:
        return deciding.Decided(linked.corpus, linked.links)
    run.each(
        "spans",
        spanning.change_block,
        [(found, place) for place in range(len(linked.corpus.blocks))],
        lambda item: run.has(spanning.changed_name(work, item)),
    )
    corpus = spanning.assemble_changed(work, found)
    measure(run, Corpus(tuple(block.changed for block in corpus.blocks if block.changed)))
    key = spanning.relink_key(work, linked, corpus)
    run.one("relink", spanning.relink, (linked, corpus), name_of("link", key))
    return deciding.Decided(corpus, key)


def make(run: Run, decided: deciding.Decided) -> deciding.Decided:
    """Documents made of kept ones, measured and judged like those that were read."""
    work = run.work
    if not work.recipe.augment.kinds:
        return decided
    items = [(decided, place) for place in range(len(decided.corpus.blocks))]
    run.each(
        "make", deciding.make_block, items, lambda item: run.has(deciding.made_name(work, *item))
    )
    decided = replace(decided, made=deciding.assemble_made(work, decided))
    if not decided.made.blocks:
        return decided
    measure(run, decided.made)
    judge(run, decided.made)
    return replace(decided, made_survivors=survive(run, decided))


def alarm(run: Run, decided: deciding.Decided) -> None:
    """A run that wipes out a source, a language or a site ends before it releases."""
    work = run.work
    if work.recipe.alarm.is_off:
        return
    items = [(decided, place) for place in range(len(decided.corpus.blocks))]
    run.each(
        "losses",
        losses.count_losses,
        items,
        lambda item: run.has(losses.losses_name(work, *item)),
    )
    losses.check_losses(work, decided)
    run.warnings += losses.tell_released(work, decided)


def split(run: Run, settled: splitting.Settled) -> str:
    """The split of each kept document: at once where that fits into memory, else in pieces; the key."""
    cut = splitting.plan_cut(run.work, settled)
    name = name_of("splits", cut.graph.key)
    if run.has(name) or splitting.fits_at_once(cut):
        run.one("splits", splitting.split_documents, settled, name)
    else:
        run.one("splits", splitting.sum_splits, find_splits(run, cut), name)
    return cut.graph.key


def release(
    run: Run,
    parts: list[Part],
    pairs: list[PairPart],
    decided: deciding.Decided,
    report: outcome.Report,
) -> tuple[Manifest, bool]:
    """Splits, shards, ledger, card; an unchanged release makes no new version."""
    work = run.work
    newest = releasing.newest_release(work)
    settled = splitting.Settled(decided, newest.folder if newest else "")
    inputs = reading.names_of(work, parts)
    key = releasing.release_key(work, settled, inputs, pairs)
    if newest is not None and newest.release_key == key:
        run.reuse("release")
        return newest, False
    settled = replace(settled, splits=split(run, settled))
    outcome.check(run, report, settled)
    rows = [(settled, *place) for place in splitting.places(decided)]
    run.each(
        "scatter",
        releasing.scatter_block,
        rows,
        lambda r: run.has(*releasing.scatter_names(work, *r)),
    )
    with releasing.staging(work, run.identity) as folder:
        shards = releasing.planned_shards(work, settled)[0]
        items = [(folder, settled, shard) for shard in shards]
        written = run.each("release", releasing.write_release_shard, items)
        tables = releasing.planned_tables(work, settled, inputs, pairs)
        files = run.each("ledger", releasing.write_table, [(folder, settled, t) for t in tables])
        return outcome.publish(
            run, folder, key, report, settled, written, list(chain.from_iterable(files))
        )
