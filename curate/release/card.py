"""The data card of a release: its numbers are generated, its prose is written by people."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curate.languages import shortest_code
from curate.release.manifest import FunnelRow, Manifest

SIZES = (  # what the hub calls the size of a data set, by the number of documents below
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)
FUNNEL_COUNTS = ("met", "removed", "tagged", "not_applicable", "not_computed", "failed")


def write_card(
    manifest: Manifest,
    bias: pl.DataFrame | None,
    languages: pl.DataFrame | None,
    prose: str | None = None,
    audit: pl.DataFrame | None = None,
    flagged: pl.DataFrame | None = None,
    contamination: pl.DataFrame | None = None,
    templates: pl.DataFrame | None = None,
    samples: pl.DataFrame | None = None,
) -> str:
    """The card as Markdown with the YAML head that dataset hubs read.

    Args:
        manifest: the release.
        bias: any summary; its columns become the columns of a table.
        languages: kept documents by `source` and `language` (ISO 639-3), with `documents` and any
            further counts.
        audit: how rules hit the documents that speak of groups (`curate.audit.AUDIT`).
        flagged: those of its rows that are to be looked at.
        contamination: the evaluation sets: `set`, `files`, `sha256`, `items`, `indexed`, `short`,
            `repeated`, and the documents in which an item was `found`, `removed` or `tagged`.
        templates: false alarms of the toxicity scorer on sentences without offence
            (`curate.audit.TEMPLATES`).
        samples: cuts of removed documents that look harmless (`curate.audit.HARMLESS`); None: not
            asked for.
        prose: what people wrote about the corpus, Markdown with headings from level two on.

    Returns:
        Markdown. Equal arguments give equal text.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701  # Markdown, not HTML: every cell passes through `_cell`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(table=_table, number=_cell, yaml=json.dumps)
    template = environment.from_string(_template())
    return template.render(
        manifest=manifest,
        prose=prose.strip() if prose else None,
        codes=_language_codes(languages),
        size=next((size for limit, size in SIZES if manifest.documents.kept < limit), "n>1B"),
        languages=_rows(languages),
        bias=_rows(_shares(bias)),
        audit=_rows(_by_group(audit)),
        unspoken=_unspoken(audit),
        audit_rules=_rows(_by_rule(audit)),
        flagged=_rows(flagged),
        templates=_rows(_by_axis(templates)),
        samples=None if samples is None else _rows(_quote(samples)),
        contamination=_rows(_without_files(contamination)),
        set_files=_set_files(contamination),
        inputs=_sum_inputs(manifest),
        funnel=functools.partial(_sum_funnel, manifest.funnel),
        recipe=json.dumps(manifest.recipe, indent=2, ensure_ascii=False),
        total_bytes=sum(shard.bytes for shard in manifest.shards),
    )


@functools.cache
def _template() -> str:
    return Path(__file__).with_name("card.md.jinja").read_text("utf-8")


def _rows(frame: pl.DataFrame | None) -> list[list[Any]]:
    """A header and rows, or nothing."""
    if frame is None or not frame.height:
        return []
    return [[name.replace("_", " ") for name in frame.columns], *map(list, frame.iter_rows())]


def _shares(bias: pl.DataFrame | None) -> pl.DataFrame | None:
    """A summary without the counts that its shares of the scored documents tell as well."""
    if bias is None:
        return None
    told = [f"documents_{name.removeprefix('share_')}" for name in bias.columns if "share_" in name]
    return bias.drop(told, strict=False)


def _by_group(audit: pl.DataFrame | None) -> pl.DataFrame | None:
    """How often documents that speak of each group are hit by whichever rule."""
    if audit is None:
        return None
    spoken = pl.col("documents") > 0
    return audit.filter(spoken & (pl.col("rule") == "any rule")).drop("rule")


def _unspoken(audit: pl.DataFrame | None) -> list[str]:
    """The groups that no document speaks of."""
    if audit is None:
        return []
    return audit.filter(pl.col("documents") == 0)["group"].unique().sort().to_list()


def _by_rule(audit: pl.DataFrame | None) -> pl.DataFrame | None:
    """For each rule the share of all documents that it hits, and for each group the ratio to it.

    Behind a ratio stands how many documents of the group were hit: one of few says little.
    """
    if audit is None or audit.is_empty():
        return None
    hit = pl.when(pl.col("hit") > 0).then(pl.format("{} ({})", pl.col("ratio").round(2), "hit"))
    cells = audit.filter((pl.col("rule") != "any rule") & (pl.col("documents") > 0))
    cells = cells.with_columns(hit.alias("ratio"))
    table = cells.pivot("group", index=["rule", "overall_share"], values="ratio").sort("rule")
    groups = table.columns[2:]
    return table.filter(pl.any_horizontal(pl.col(groups).is_not_null())) if groups else None


def _by_axis(templates: pl.DataFrame | None) -> pl.DataFrame | None:
    """The false alarms by language and axis, with the groups that meet them."""
    if templates is None:
        return None
    alarms = pl.col("alarms") > 0
    by_axis = templates.group_by("language", "axis", maintain_order=True).agg(
        pl.col("sentences", "alarms").sum(),
        share=(pl.col("alarms").sum() / pl.col("sentences").sum()).round(4),
        groups=pl.format("{} {}", "group", "alarms").filter(alarms).str.join(", "),
    )
    return by_axis.sort("language", "axis")


def _quote(samples: pl.DataFrame) -> pl.DataFrame:
    """Texts of strangers as they read: no link, picture or mark of theirs takes effect."""
    unlinked = pl.col("text").str.replace_all(r"(?i)\b(?:[a-z]{2,9}://|www\.)\S*", "…")
    return samples.with_columns(unlinked.str.replace_all(r"([\\`*_\[\]~#!])", r"\${1}"))


def _without_files(contamination: pl.DataFrame | None) -> pl.DataFrame | None:
    return None if contamination is None else contamination.drop("files", "sha256")


def _set_files(contamination: pl.DataFrame | None) -> list[list[Any]]:
    """The files of evaluation sets with their hashes."""
    if contamination is None:
        return []
    return _rows(contamination.select("set", "files", "sha256").explode("files", "sha256"))


def _language_codes(languages: pl.DataFrame | None) -> list[str]:
    """The languages of the head, most documents first; `und` is none."""
    if languages is None:
        return []
    totals = (
        languages.filter(pl.col("language").is_not_null() & (pl.col("language") != "und"))
        .group_by("language")
        .agg(pl.sum("documents"))
        .sort("documents", "language", descending=[True, False])
    )
    return [shortest_code(code) for code in totals["language"]]


def _sum_inputs(manifest: Manifest) -> list[list[Any]]:
    """Inputs by kind, snapshot and state: a crawl has a hundred thousand of them."""
    totals: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for item in manifest.inputs:
        total = totals[item.kind, item.snapshot, item.state]
        total[0] += 1
        total[1] += item.size
        total[2] += item.counts.get("documents", 0)
    header = ["kind", "snapshot", "state", "inputs", "bytes", "documents"]
    return [header, *([*key, *totals[key]] for key in sorted(totals))]


def _sum_funnel(funnel: Sequence[FunnelRow], *families: str) -> list[list[Any]]:
    """The funnel by rule, all sources together; with `families`, those of their rules alone.

    Counts that are zero throughout are left out, `removed` never.
    """
    totals: dict[str, list[int]] = {}
    for row in funnel:
        if families and row.rule.split(".")[0] not in families:
            continue
        counts = totals.setdefault(row.rule, [0] * len(FUNNEL_COUNTS))
        for place, name in enumerate(FUNNEL_COUNTS):
            counts[place] += getattr(row, name)
    if not totals:
        return []
    shown = [
        place
        for place, name in enumerate(FUNNEL_COUNTS)
        if name == "removed" or any(counts[place] for counts in totals.values())
    ]
    header = ["rule", *(FUNNEL_COUNTS[place].replace("_", " ") for place in shown)]
    return [header, *([rule, *(counts[p] for p in shown)] for rule, counts in totals.items())]


def _table(rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; numbers stand on the right."""
    header, *body = rows
    numeric = [
        all(isinstance(row[place], int | float) for row in body) for place in range(len(header))
    ]
    rule = ["---:" if right else "---" for right in numeric]
    lines: list[Iterable[str]] = [map(_cell, header), rule, *(map(_cell, row) for row in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    r"""A value that cannot break out of its cell.

    >>> _cell(1234567), _cell(0.12345), _cell("a|b"), _cell(None)
    ('1,234,567', '0.1235', 'a\\|b', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        text = " ".join(str(value).split()).replace("&", "&amp;").replace("<", "&lt;")
        return text.replace("|", r"\|") or "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
