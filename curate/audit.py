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

from curate.decide import DECONTAMINATION, DUPLICATE_RULES, in_band
from curate.errors import ReleaseError
from curate.ledger import find_parts, find_rows, read_text
from curate.recipe import RECORDED_TOXICITY, AuditSection, ToxicitySection, make_recipe
from curate.release.manifest import find_release
from curate.schema import BEFORE_SPANS
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
_COUNTS: dict[str, Any] = {
    "rule": pl.String,
    "documents": pl.Int64,
    **dict.fromkeys(GROUPS, pl.Int64),
}
HARMLESS: dict[str, Any] = {
    "group": pl.String,
    "rule": pl.String,  # that removed the document
    "ratio": pl.Float64,  # of group and rule
    "document": pl.String,
    "toxicity": pl.Float64,
    "text": pl.String,
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
SAMPLE_CHARACTERS = 160
_UNSHOWN = (  # what they remove is held elsewhere, is a test item, or comes from a blocked site
    *DUPLICATE_RULES,
    DECONTAMINATION,
)
_UNSHOWN_FAMILIES = ("augment.", "urls.")
_PERSONAL = ("personal", "personal" + BEFORE_SPANS)
_PICKED_BY = ["id", "removed_by", "toxicity", *GROUPS.values()]
_ASKED_OF_REMOVED = [*_PICKED_BY, "derogatory_mentions", *_PERSONAL]
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
    picked = _pick_removed(store, manifest.folder, looked_at, samples, pl.lit(value=True))
    return Audit(
        table,
        flagged,
        _read_texts(store, manifest.folder, picked),
        try_templates(recipe.toxicity),
    )


def count_audit(ledger: pl.DataFrame) -> pl.DataFrame:
    """How many documents each rule hits, and of those that speak of each group; counts add up.

    Args:
        ledger: the columns `COLUMNS`.

    Returns:
        `rule` (null: all documents whose language has a lexicon), `documents`, and a column for
        each group.
    """
    looked_at = ledger.filter(pl.col("bias_state").is_null()).select(
        pl.concat_list(
            pl.lit(None, dtype=pl.String),
            pl.col("removed_by"),
            pl.when(pl.col("removed_by").is_not_null()).then(pl.lit(ANY)),
        )
        .list.concat(pl.col("tags"))
        .list.unique()
        .alias("rule"),
        *(_speaks_of(column).alias(group) for group, column in GROUPS.items()),
    )
    by_rule = looked_at.explode("rule").group_by("rule")
    return by_rule.agg(pl.len().alias("documents"), pl.col(*GROUPS).sum()).cast(pl.Schema(_COUNTS))


def measure_audit(counts: pl.DataFrame) -> pl.DataFrame:
    """How each rule hits the documents that speak of each group.

    Args:
        counts: what `count_audit` gives, of one ledger or of the parts of one.

    Returns:
        The columns of `AUDIT`, sorted; a row where the rule hits any of the documents looked at.
        Shares have six decimals, ratios four; the ratio is null where the group has no document.
    """
    summed = counts.group_by("rule").agg(pl.all().sum())
    all_documents = summed.filter(pl.col("rule").is_null()).sum()
    total = max(int(all_documents["documents"].sum()), 1)
    by_rule = summed.drop_nulls("rule")
    rows = []
    for group in GROUPS:
        documents = int(all_documents[group].sum())
        rows.append(
            by_rule.select(
                pl.lit(group).alias("group"),
                "rule",
                pl.lit(documents, dtype=pl.Int64).alias("documents"),
                pl.lit(documents / total).round(6).alias("mention_share"),
                pl.col(group).alias("hit"),
                overall_share=pl.col("documents") / total,
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


def sample_harmless(
    store: Store, folder: str, table: pl.DataFrame, section: AuditSection
) -> pl.DataFrame:
    """Short cuts of removed documents that look harmless, for a card that may be published.

    Harmless as far as was measured: no personal data found, no derogatory mention, and a toxicity
    below the score that is kept as evidence, if there is a score. Duplicates are left out (the
    release holds their text or nearly), as are items of evaluation sets, pages of blocked sites and made
    documents.

    Args:
        store: the store.
        folder: of the release, which holds its ledger.
        table: the columns of `AUDIT`.
        section: `samples` is the most documents; what is flagged comes first, then each group's
            rule with the highest ratio.

    Returns:
        `group`, `rule`, `ratio`, `document` (id), `toxicity` and `text` (the first 160 characters, in one
        line); each document once.
    """
    empty = pl.DataFrame(schema=HARMLESS)
    if not section.samples:
        return empty
    shown = table.filter(_is_shown("rule"))
    by_any = shown.filter((pl.col("rule") == ANY) & (pl.col("hit") > 0))
    looked_at = pl.concat([find_flagged(shown, section), _highest(shown), by_any])
    is_shown = _is_shown("removed_by") & _is_harmless()
    picked = _pick_removed(store, folder, looked_at, 3, is_shown)
    picked = picked.with_columns(turn=pl.int_range(pl.len()).over("group", "removed_by"))
    picked = picked.sort("turn", maintain_order=True).unique(
        "id", keep="first", maintain_order=True
    )
    texts = _read_texts(store, folder, picked.head(section.samples))
    ratios = table.select("group", "ratio", removed_by="rule")
    return (
        texts.join(ratios, on=["group", "removed_by"], how="left", maintain_order="left")
        .select("group", "ratio", "toxicity", "text", rule="removed_by", document="id")
        .with_columns(pl.col("text").str.replace_all(r"\s+", " ").str.strip_chars())
        .with_columns(
            pl.when(pl.col("text").str.len_chars() > SAMPLE_CHARACTERS)
            .then(pl.col("text").str.head(SAMPLE_CHARACTERS) + "…")
            .otherwise("text")
            .alias("text")
        )
        .select(HARMLESS.keys())
        .cast(pl.Schema(HARMLESS))
    )


def _is_shown(rule: str) -> pl.Expr:
    """Whether what a rule removes may be shown in a card."""
    families = (pl.col(rule).str.starts_with(name) for name in _UNSHOWN_FAMILIES)
    return ~pl.col(rule).is_in(_UNSHOWN) & ~pl.any_horizontal(families)


def _is_harmless() -> pl.Expr:
    """Whether nothing was found that speaks against showing a text; what was not measured does."""
    nothing = [pl.col(name).fill_null(0) == 0 for name in ("derogatory_mentions", *_PERSONAL)]
    calm = pl.col("toxicity").fill_null(0.0) < RECORDED_TOXICITY
    return pl.all_horizontal(*nothing, pl.col("personal").is_not_null(), calm)


def _pick_removed(
    store: Store, folder: str, rows: pl.DataFrame, samples: int, chosen: pl.Expr
) -> pl.DataFrame:
    """`_pick` of a release's removed documents that are chosen, part by part of its ledger."""
    candidates = []
    for part in find_parts(store, folder):
        scan = store.scan_frame(f"{folder}/{part.name}").filter(pl.col("removed_by").is_not_null())
        there = set(scan.collect_schema().names())
        missing = [pl.lit(None, pl.Float64).alias(n) for n in _ASKED_OF_REMOVED if n not in there]
        removed = scan.with_columns(missing).filter(chosen).select(_PICKED_BY).collect()
        best = _pick(removed, rows, samples)["id"]
        candidates.append(removed.filter(pl.col("id").is_in(best.implode())))
    return _pick(pl.concat(candidates), rows, samples)


def _pick(removed: pl.DataFrame, rows: pl.DataFrame, samples: int) -> pl.DataFrame:
    """Some of the documents that each row speaks of, those with the lowest toxicity first."""
    found = []
    for group, rule in rows.select("group", "rule").unique(maintain_order=True).iter_rows():
        by_rule = pl.lit(rule == ANY) | (pl.col("removed_by") == rule)
        mine = removed.filter(by_rule & _speaks_of(GROUPS[group]))
        mine = mine.sort("toxicity", "id", nulls_last=True).head(samples)
        found.append(mine.select(pl.lit(group).alias("group"), "id", "removed_by", "toxicity"))
    return pl.concat([pl.DataFrame(schema=_SAMPLE), *(f.cast(pl.Schema(_SAMPLE)) for f in found)])


def _read_texts(store: Store, folder: str, picked: pl.DataFrame) -> pl.DataFrame:
    """Picked documents with their `title` and `text` (null where the store has it no more)."""
    places = find_rows(store, folder, picked["id"]).select("id", "title", "block", "row")
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
        unjudged = first["toxicity_state"].is_not_null()
        judged = (asked.to_series() | unjudged) & again["toxicity_state"].is_null()
        chosen = [
            pl.when(judged).then(again[name]).otherwise(first[name]).alias(name)
            for name in ("toxicity", "toxicity_state")
        ]
        return first.with_columns(chosen)

    return score
