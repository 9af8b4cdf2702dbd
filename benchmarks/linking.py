"""Documents in a store as a run leaves them, and all steps that compare them, timed: no benchmark itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from curate.duplicates.signatures import Signatures
from curate.schema import COLUMNS
from curate.steps import deciding, linking, splitting
from curate.steps.clustering import fits_at_once
from curate.steps.measuring import score_key
from curate.steps.work import DOCUMENT_COLUMNS, Block, Corpus, Work, name_of
from flows.clustering import find_clusters, find_splits


@dataclass
class Clock:
    """What each stage took.

    Attributes:
        work: the run.
        stages: CPU and wall seconds, peak bytes, and bytes of new objects.
        part: of the run, whose stages have names that others have too.
    """

    work: Work
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    part: str = ""

    def run(self, name: str, function: Callable[[Work, Any], Any], items: Sequence[Any]) -> None:
        """Run a step on items, one after the other."""
        name = f"{self.part} {name}" if self.part not in {"", name} else name
        before = self.disk()
        reset_peak()
        cpu, wall = time.process_time(), time.perf_counter()
        for item in items:
            function(self.work, item)
        row = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        row |= {"peak": reset_peak("VmHWM"), "disk": self.disk() - before}
        if name in self.stages:  # another round
            was = self.stages[name]
            row = {of: max(was[of], row[of]) if of == "peak" else was[of] + row[of] for of in row}
        self.stages[name] = row
        print(name, self.stages[name], file=sys.stderr, flush=True)

    def objects(
        self, name: str, function: Callable[[Work, Any], Any], items: Sequence[Any], _: object
    ) -> None:
        """Run a step on items that have an object each, as `flows.run.Run` does."""
        self.run(name, function, items)

    def disk(self) -> int:
        """Bytes in the store."""
        return sum(path.stat().st_size for path in Path(self.work.store.url).rglob("*.parquet"))


def write_block(work: Work, block: Block, documents: pl.DataFrame) -> None:
    """A block's documents (`id`, `text`) with their signatures; all are English and pass."""
    frame = documents.with_columns(
        pl.lit("records").alias("source"),
        *(
            pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in DOCUMENT_COLUMNS.items()
            if name not in {"id", "text", "source"}
        ),
    )
    work.store.write_frame(block.name, frame.select(DOCUMENT_COLUMNS.keys()))
    scored = Signatures(work.recipe.duplicates)(documents).drop("text")
    words = documents["text"].str.count_matches(" ").cast(COLUMNS["words"].dtype) + 1
    scores = {
        "signatures": scored,
        "language": documents.select("id", language=pl.lit("eng")),
        "quality": documents.select("id", words=words),
    }
    for scorer, columns in scores.items():
        work.store.write_frame(name_of(scorer, score_key(work, block, scorer)), columns)
    nothing = {"removed_by": pl.String, "tags": pl.String, "value": pl.Float64, "limit": pl.String}
    verdicts = pl.DataFrame(
        {name: pl.Series([None] * frame.height, dtype=kind) for name, kind in nothing.items()}
    )
    work.store.write_frame(deciding.judge_name(work, block), verdicts)


def link_in_pieces(clock: Clock, corpus: Corpus) -> linking.Cut:
    """Verified pairs by ranges and parts."""
    work, count = clock.work, len(corpus.blocks)
    clock.run("bands", linking.sort_block, corpus.blocks)
    cut = linking.plan_ranges(work, corpus)
    clock.run("pairs", linking.pair_range, [(cut, number) for number in range(cut.ranges)])
    cut = linking.plan_parts(work, cut)
    parts = [(cut, number) for number in range(cut.parts)]
    clock.run("candidates", linking.merge_pairs, parts)
    clock.run("sets", linking.cut_block, [(cut, place) for place in range(count)])
    clock.run("verify", linking.verify_part, parts)
    clock.run("link", linking.gather_links, [cut])
    return cut


def settle(clock: Clock, corpus: Corpus) -> deciding.Decided:
    """Survivors and splits of what is linked: at once where it fits into memory, else in pieces."""
    work = clock.work
    decided = deciding.Decided(corpus, linking.link_key(work, corpus))
    clusters = deciding.plan_survivors(work, decided)
    if fits_at_once(clusters):
        clock.run("survivors", deciding.find_survivors, [decided])
    else:
        clusters = find_clusters(clock, clusters)
        places = [(decided, clusters, place) for place in range(len(corpus.blocks))]
        clock.run("settle", deciding.settle_block, places)
        clock.run("survivors", deciding.sum_survivors, [decided])
    decided = replace(decided, survivors=clusters.graph.key)
    settled = splitting.Settled(decided)
    whole = splitting.plan_cut(work, settled)
    if splitting.fits_at_once(whole):
        clock.run("splits", splitting.split_documents, [settled])
    else:
        clock.part = "splits"
        clock.run("splits", splitting.sum_splits, [find_splits(clock, whole)])
    return decided


def reset_peak(read: str = "VmRSS") -> int:
    """A figure of this process's memory, in bytes; afterwards the peak counts from here."""
    status = Path("/proc/self/status").read_text().split(f"{read}:")[1].split()[0]
    Path("/proc/self/clear_refs").write_text("5")
    return int(status) * 1024
