"""What the rules do to documents that speak of groups of people, from the ledger alone.

A document speaks of a group when a lexicon of its language finds a mention (`curate.score.bias`).
For each group and rule: how many of its documents the rule hits (removes or tags), and how that
share relates to the share among all documents that were looked at. The interval is Wilson's (1927)
for the group's share, divided by the overall share, which is taken as known.

A ratio above one is no proof of a fault: who writes of a group, and where, differs too. It says
where to look, and the samples are there to be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.decide import in_band
from curate.errors import ReleaseError
from curate.ledger import find_parts, find_rows, read_text
from curate.recipe import AuditSection, ToxicitySection, make_recipe
from curate.release.manifest import Manifest, find_release
from curate.score.bias import AXES, MARKERS
from curate.score.templates import load_templates
from curate.store import Store

GROUPS = {
    "female words": "female_words",
    "male words": "male_words",
    **{axis: f"mentions_{axis}" for axis in AXES},
    "dialect": "dialect_markers",
    "informal register": "register_markers",
}
MINIMUM = dict.fromkeys(MARKERS, 2)  # one such word may be a quotation; of the others one is enough
ANY = "any rule"
COLUMNS = ["removed_by", "tags", "bias_state", *GROUPS.values()]
AUDIT: dict[str, Any] = {
    "group": pl.String,
    "rule": pl.String,  # `any rule`: removed, by whichever
    "documents": pl.Int64,  # that speak of the group
    "mention_share": pl.Float64,  # of all documents whose language has a lexicon
    "hit": pl.Int64,  # of these
    "share": pl.Float64,
    "overall_share": pl.Float64,  # among all documents whose language has a lexicon
    "ratio": pl.Float64,
    "ratio_low": pl.Float64,  # 95 % interval
    "ratio_high": pl.Float64,
}
TEMPLATES: dict[str, Any] = {
    "language": pl.String,
    "axis": pl.String,
    "group": pl.String,
    "sentences": pl.Int64,  # without offence
    "alarms": pl.Int64,  # of these, scores above the recipe's limit
    "share": pl.Float64,
    "highest": pl.Float64,  # score
}
_Z = 1.959964  # of the normal distribution, for 95 %


@dataclass(frozen=True)
class Audit:
    """What `audit` found.

    Attributes:
        table: a row for each group and rule that hits anything; see `AUDIT`.
        flagged: its rows whose ratio passes the recipe's limit.
        samples: removed documents that speak of a group, of each flagged row (or of each group's
            highest ratio) those whose toxicity is lowest: group, rule, id, title, toxicity, text.
        templates: false alarms of the toxicity scorer on sentences without offence: language,
            axis, group, sentences, alarms, share, highest score; empty without a scorer.
    """

    table: pl.DataFrame
    flagged: pl.DataFrame
    samples: pl.DataFrame
    templates: pl.DataFrame


def audit(store: Store, reference: str, samples: int = 3) -> Audit:
    """Audit a release.

    Args:
        store: the store.
        reference: `name@version`.
        samples: documents to show with their text for each row that is looked at.

    Raises:
        ReleaseError: there is no such release, or it was made before audits were.
    """
    manifest = find_release(store, reference)
    recipe = make_recipe({**manifest.recipe})
    name = f"{manifest.folder}/audit.parquet"
    if not store.has(name):
        raise ReleaseError(
            "a release has its audit",
            "it was made before releases had one",
            manifest.reference,
            "run its recipe again: scores are reused",
        )
    table = store.read_frame(name)
    flagged = find_flagged(table, recipe.audit)
    looked_at = flagged if flagged.height else _highest(table)
    return Audit(
        table,
        flagged,
        _sample(store, manifest, looked_at, samples),
        try_templates(recipe.toxicity),
    )


def measure_audit(ledger: pl.DataFrame) -> pl.DataFrame:
    """How each rule hits the documents that speak of each group.

    Args:
        ledger: the columns `COLUMNS`.

    Returns:
        The columns of `AUDIT`, sorted; a row where the rule hits any of the documents looked at.
        Shares have six decimals, ratios four; the ratio is null where the group has no document.
    """
    looked_at = ledger.filter(pl.col("bias_state").is_null())
    hits = looked_at.select(
        pl.concat_list(
            pl.col("removed_by"),
            pl.when(pl.col("removed_by").is_not_null()).then(pl.lit(ANY)),
        )
        .list.concat(pl.col("tags"))
        .list.drop_nulls()
        .alias("rule"),
        *(_speaks_of(column).alias(column) for column in GROUPS.values()),
    )
    total = max(hits.height, 1)
    by_rule = hits.explode("rule").drop_nulls("rule")
    overall = by_rule.group_by("rule").agg(all=pl.len())
    rows = []
    for group, column in GROUPS.items():
        documents = int(hits[column].sum())
        found = by_rule.filter(pl.col(column)).group_by("rule").agg(hit=pl.len())
        rows.append(
            overall.join(found, on="rule", how="left").select(
                pl.lit(group).alias("group"),
                "rule",
                pl.lit(documents, dtype=pl.Int64).alias("documents"),
                pl.lit(documents / total).round(6).alias("mention_share"),
                pl.col("hit").fill_null(0).cast(pl.Int64),
                overall_share=pl.col("all") / total,
            )
        )
    share = pl.when(pl.col("documents") > 0).then(pl.col("hit") / pl.col("documents"))
    centre, spread = _wilson(share, pl.col("documents"))
    return (
        pl.concat(rows)
        .with_columns(
            share=share.round(6),
            ratio=(share / pl.col("overall_share")).round(4),
            ratio_low=((centre - spread).clip(0) / pl.col("overall_share")).round(4),
            ratio_high=((centre + spread) / pl.col("overall_share")).round(4),
            overall_share=pl.col("overall_share").round(6),
        )
        .select(AUDIT.keys())
        .cast(pl.Schema(AUDIT))
        .sort("group", "rule")
    )


def _speaks_of(column: str) -> pl.Expr:
    """Whether a document counts for a group."""
    return pl.col(column).fill_null(0) >= MINIMUM.get(column, 1)


def _wilson(share: pl.Expr, count: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Centre and half width of Wilson's interval for a share of so many (1927)."""
    square = _Z * _Z
    scale = 1 + square / count
    centre = (share + square / (2 * count)) / scale
    spread = _Z * (share * (1 - share) / count + square / (4 * count * count)).sqrt() / scale
    return centre, spread


def find_flagged(table: pl.DataFrame, section: AuditSection) -> pl.DataFrame:
    """The rows whose ratio passes the limit, and would hardly do so by chance."""
    return table.filter(
        (pl.col("hit") >= section.minimum_hits)
        & (pl.col("ratio") > section.maximum_ratio)
        & (pl.col("ratio_low") > 1)
    ).sort("ratio", "group", "rule", descending=[True, False, False])


def tell_row(row: dict[str, Any]) -> str:
    """A flagged row in one sentence."""
    return (
        f"{row['rule']} hits documents that speak of {row['group']} {row['ratio']:.2g} times as often "
        f"as others ({row['hit']:,} of {row['documents']:,}; 95 % interval {row['ratio_low']:.2g} to "
        f"{row['ratio_high']:.2g})"
    )


def _highest(table: pl.DataFrame) -> pl.DataFrame:
    """For each group the rule with the highest ratio, by which documents are removed."""
    return (
        table.filter((pl.col("rule") != ANY) & (pl.col("hit") > 0))
        .sort("ratio", "rule", descending=[True, False])
        .group_by("group", maintain_order=True)
        .head(1)
    )


def _sample(store: Store, manifest: Manifest, rows: pl.DataFrame, samples: int) -> pl.DataFrame:
    """Removed documents of some rows, those with the lowest toxicity first, with their text."""
    columns = ["id", "removed_by", "toxicity", *GROUPS.values()]
    parts = find_parts(store, manifest.folder)
    scans = [store.scan_frame(f"{manifest.folder}/{part.name}") for part in parts]
    there = set(scans[0].collect_schema().names())
    chosen = [name for name in columns if name in there]
    ledger = pl.concat([scan.select(chosen) for scan in scans])
    removed = ledger.filter(pl.col("removed_by").is_not_null()).collect()
    if "toxicity" not in there:
        removed = removed.with_columns(toxicity=pl.lit(None, dtype=pl.Float64))
    found = []
    for group, rule in rows.select("group", "rule").iter_rows():
        by_rule = pl.lit(rule == ANY) | (pl.col("removed_by") == rule)
        mine = removed.filter(by_rule & _speaks_of(GROUPS[group]))
        mine = mine.sort("toxicity", "id", nulls_last=True).head(samples)
        found.append(mine.select(pl.lit(group).alias("group"), "id", "removed_by", "toxicity"))
    picked = pl.concat([pl.DataFrame(schema=_SAMPLE), *(f.cast(pl.Schema(_SAMPLE)) for f in found)])
    places = find_rows(store, manifest.folder, picked["id"]).select("id", "title", "block", "row")
    shown = picked.join(places, on="id", how="left", maintain_order="left")
    texts = [read_text(store, *place) for place in shown.select("block", "row").iter_rows()]
    return shown.with_columns(text=pl.Series(texts, dtype=pl.String)).drop("block", "row")


_SAMPLE = {
    "group": pl.String,
    "id": pl.String,
    "removed_by": pl.String,
    "toxicity": pl.Float64,
}


def try_templates(section: ToxicitySection) -> pl.DataFrame:
    """False alarms of a recipe's toxicity scorer at its limit, by group.

    Args:
        section: the recipe's `[toxicity]`.

    Returns:
        `language`, `axis`, `group`, `sentences`, `alarms`, `share`, `highest` (score); the most
        alarms first, no row without a scorer or where it does not speak the language.
    """
    scorer = _template_scorer(section)
    if scorer is None:
        return pl.DataFrame(schema=TEMPLATES)
    scored = scorer(load_templates()).filter(pl.col("toxicity_state").is_null())
    alarms = (pl.col("toxicity") > section.maximum_score).sum()
    return (
        scored.group_by("language", "axis", "group", maintain_order=True)
        .agg(
            sentences=pl.len(),
            alarms=alarms,
            share=(alarms / pl.len()).round(4),
            highest=pl.col("toxicity").max().round(4),
        )
        .cast(pl.Schema(TEMPLATES))
        .sort(
            "share", "highest", "language", "axis", "group", descending=[True, True, *[False] * 3]
        )
    )


def _template_scorer(section: ToxicitySection) -> Callable[[pl.DataFrame], pl.DataFrame] | None:
    """A recipe's scorer; of a cascade, both stages in turn."""
    from curate.score.toxicity import ToxicityScorer, toxicity_scorer

    second = toxicity_scorer(section)
    if second is None or section.scorer != "cascade":
        return second

    def score(frame: pl.DataFrame) -> pl.DataFrame:
        first = ToxicityScorer()(frame)
        asked = first.with_columns(toxicity_bundled="toxicity").select(in_band(section.steps))
        again = second(frame)
        judged = asked.to_series() & again["toxicity_state"].is_null()
        chosen = pl.when(judged).then(again["toxicity"]).otherwise(first["toxicity"])
        return first.with_columns(chosen.alias("toxicity"))

    return score
