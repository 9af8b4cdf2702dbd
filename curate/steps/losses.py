"""What rules and duplicates take of each source, language and site: a wipe-out stops the run.

    block ─▶ its documents counted by language and verdict, and by site; all blocks ─▶ those that lose
    more than `[alarm]` allows

Sites are added up in ranges of their hashes: `COUNTS_A_SUM` counts at a time, whatever the corpus.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import polars as pl

from curate.decide import REFERENCE
from curate.errors import DecisionError
from curate.languages import UNKNOWN
from curate.recipe import AlarmSection
from curate.score.addresses import split_address
from curate.steps.deciding import Decided, find_released_before, judge_key, read_verdicts
from curate.steps.measuring import read_scores, score_key
from curate.steps.work import Work, name_of, read_documents

COUNTS_A_SUM = 1 << 20
_LANGUAGES = {"language": pl.String, "removed_by": pl.String, "documents": pl.Int64}
_SITES = {"hash": pl.UInt64, "site": pl.String, "removed_by": pl.String, "documents": pl.Int64}
_RULES = ("removed_by", "documents")
Part = Literal["source", "language", "site"]


@dataclass(frozen=True)
class Loss:
    """What a part of the corpus loses.

    Attributes:
        part: what it is.
        name: what messages call it.
        documents: that were read of it.
        removed: how many of these it loses.
        rules: the rules that remove them with how many each, most first.
    """

    part: Part
    name: str
    documents: int
    removed: int
    rules: list[tuple[str, int]]


def losses_name(work: Work, decided: Decided, place: int) -> str:
    """The object of what a block loses."""
    block = decided.corpus.blocks[place]
    parts = {
        "documents": block.key,
        "place": place,
        "ids": decided.corpus.ids,
        "verdicts": judge_key(work, block),
        "survivors": decided.survivors,
        "languages": [score_key(work, b, "language") for b in (block, block.changed) if b],
        "sites": work.recipe.alarm.watches_sites,
    }
    return name_of("losses", work.key("losses", **parts))


def count_losses(work: Work, item: tuple[Decided, int]) -> None:
    """Count a block's documents by verdict and language (in the metadata) and, if asked, by site."""
    decided, place = item
    verdicts = read_verdicts(work, decided, place)
    removed_by = verdicts["removed_by"]
    before = find_released_before(work, decided, place)
    is_released = verdicts["id"].is_in(before.implode()) & removed_by.is_not_null()
    rows = read_scores(work, decided.corpus.blocks[place], ["language"]).with_columns(removed_by)
    # what is only compared with is no loss, and neither is what the store has released already
    counts_here = removed_by.ne_missing(REFERENCE) & ~is_released
    languages = _count(rows.filter(counts_here), "language", "removed_by")
    sites = pl.DataFrame(schema=_SITES)
    if work.recipe.alarm.watches_sites:
        found = read_documents(work, decided.corpus, place, ["uri"])["uri"]
        addresses = [split_address(uri) if uri else None for uri in found]
        names = [address[0] if address else None for address in addresses]
        named = pl.DataFrame(
            {"site": names, "removed_by": removed_by}, schema_overrides={"site": pl.String}
        )
        counts = _count(named.filter(counts_here).drop_nulls("site"), "site", "removed_by")
        hashes = [hashlib.blake2b(s.encode(), digest_size=8).digest() for s in counts["site"]]
        numbers = pl.Series("hash", [int.from_bytes(h, "big") for h in hashes], dtype=pl.UInt64)
        sites = counts.with_columns(numbers).select(*_SITES).sort("hash", "site", "removed_by")
    name = losses_name(work, decided, place)
    metadata = {
        "languages": languages.to_dicts(),
        "sites": sites.height,
        "released": int(is_released.sum()),
    }
    work.store.write_frame(name, sites, metadata)


def _count(rows: pl.DataFrame, *names: str) -> pl.DataFrame:
    return rows.group_by(names).agg(documents=pl.len().cast(pl.Int64)).sort(names)


def check_losses(work: Work, decided: Decided) -> None:
    """Stop a run whose rules wipe out a source, a language or a site.

    Raises:
        DecisionError: one loses more than `[alarm]` allows; it names the one that loses most.
    """
    found = [
        *_of_sources(work, decided),
        *_of_languages(work, decided),
        *(_of_sites(work, decided) if work.recipe.alarm.watches_sites else []),
    ]
    if not found:
        return
    worst = max(found, key=lambda loss: loss.removed)  # a source before a language before a site
    others = [loss.name for loss in found if loss is not worst and loss.part == worst.part]
    by_rule = ", ".join(f"{count:,} to {rule}" for rule, count in worst.rules[:3])
    limit = work.recipe.alarm.limit_of(worst.part)
    raise DecisionError(
        f"no {worst.part} loses more than {limit:.1%} of its documents",
        f"{worst.name} loses {worst.removed:,} of {worst.documents:,} ({by_rule})"
        + (f", and {len(others)} more lose as much: {', '.join(others[:5])}" if others else ""),
        "decide",
        f"check these rules, or go on with --set alarm.maximum_{worst.part}_loss=1",
    )


def tell_released(work: Work, decided: Decided) -> list[str]:
    """One sentence for each entry of `[[sources]]` that gives nothing new: no loss, but to be known."""
    section = work.recipe.alarm
    read, released = ([0] * len(work.recipe.sources) for _ in range(2))
    for place, block in enumerate(decided.corpus.blocks):
        metadata = work.store.read_metadata(losses_name(work, decided, place))
        read[block.priority] += block.documents
        released[block.priority] += metadata["released"]
    return [
        f"{name}: {before:,} of {all_:,} documents are duplicates of what was released before"
        for name, all_, before in zip(_names_of_sources(work), read, released, strict=True)
        if all_ >= section.minimum_documents and before > section.maximum_source_loss * all_
    ]


def _names_of_sources(work: Work) -> list[str]:
    return [f"{entry.kind} {', '.join(entry.inputs)}" for entry in work.recipe.sources]


def _of_sources(work: Work, decided: Decided) -> list[Loss]:
    """The entries of `[[sources]]` that lose too much."""
    names = _names_of_sources(work)
    counts = [
        rows.select("removed_by", "documents", name=pl.lit(names[block.priority]))
        for block, rows in zip(decided.corpus.blocks, _languages(work, decided), strict=True)
    ]
    return _too_great(pl.concat(counts), "source", work.recipe.alarm)


def _of_languages(work: Work, decided: Decided) -> list[Loss]:
    """The languages that the recipe keeps, and that lose too much."""
    counts = pl.concat(_languages(work, decided)).rename({"language": "name"})
    keep = work.recipe.language.keep
    if keep is not None:
        counts = counts.filter(pl.col("name").is_in(keep))
    else:  # a document whose language is not sure may be of any other
        unsure = pl.col("removed_by").eq_missing(pl.lit("language.minimum_score"))
        counts = counts.filter(~unsure & (pl.col("name") != UNKNOWN))
    return _too_great(counts, "language", work.recipe.alarm)


def _languages(work: Work, decided: Decided) -> list[pl.DataFrame]:
    """Each block's counts by language."""
    names = [losses_name(work, decided, place) for place in range(len(decided.corpus.blocks))]
    found = [work.store.read_metadata(name)["languages"] for name in names]
    return [pl.DataFrame(rows, schema=_LANGUAGES) for rows in found]


def _of_sites(work: Work, decided: Decided) -> list[Loss]:
    """The sites that lose too much, but for what lists of addresses remove; sorted by name."""
    names = [losses_name(work, decided, place) for place in range(len(decided.corpus.blocks))]
    rows, count = sum(work.store.read_metadata(name)["sites"] for name in names), 1
    while rows / count > COUNTS_A_SUM:
        count *= 2
    by_list = pl.col("removed_by").str.starts_with("urls.").fill_null(value=False)
    found = []
    for number in range(count):
        low, high = (n * (1 << 64) // count for n in (number, number + 1))
        first, last = (pl.lit(bound, dtype=pl.UInt64) for bound in (low, high - 1))
        mine = pl.col("hash").is_between(first, last) & ~by_list
        parts = [work.store.scan_frame(name).filter(mine).collect() for name in names]
        counts = pl.concat(parts).rename({"site": "name"})
        found += _too_great(counts, "site", work.recipe.alarm)
    return sorted(found, key=lambda loss: loss.name)


def _too_great(counts: pl.DataFrame, part: Part, section: AlarmSection) -> list[Loss]:
    """Those of one part that lose more than they may: of counts by `name` and `removed_by`."""
    sums = counts.group_by("name", "removed_by").agg(pl.col("documents").sum())
    removed = pl.col("documents").filter(pl.col("removed_by").is_not_null()).sum()
    wiped_out = (
        sums.group_by("name")
        .agg(pl.col("documents").sum(), removed=removed)
        .filter(pl.col("documents") >= section.minimum_documents)
        .filter(pl.col("removed") > section.limit_of(part) * pl.col("documents"))
    )
    rules = sums.drop_nulls("removed_by").sort("documents", "removed_by", descending=[True, False])
    return [
        Loss(part, name, documents, lost, rules.filter(name=name).select(_RULES).rows())
        for name, documents, lost in wiped_out.sort("name").iter_rows()
    ]
