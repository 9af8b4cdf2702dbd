"""`curate train domain`: a classifier of domains from the categories of Wikipedia's articles.

Weak supervision: the table `domains.toml` says which word beginnings of a category tell a domain;
an article is of the domain that most of its categories tell. Articles whose categories tell none
are `other`; those that stand between two are left out.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import InputError
from curate.train.fit import is_test
from curate.train.texts import train_texts

OTHER = "other"
PREPARATION = "letters"
PARAMETERS = {
    "dim": 24,
    "minn": 4,
    "maxn": 5,
    "bucket": 50_000,
    "minCount": 2,
    "epoch": 30,
    "lr": 0.5,
    "loss": "softmax",
}
MINIMUM_SEEN = 12  # documents of a domain to learn it from; with fewer it is left out
LIMITS = [
    "Labels come from categories, not from readers: an article about a hospital's architect is of the domain that most of its categories name.",
    "It has seen encyclopedia articles alone: the words of shops, forums and news are other ones.",
]


def train_domain(articles: pl.DataFrame, out: Path, source: str) -> dict[str, Any]:
    """Train `domain.ftz` and write its card beside it.

    Args:
        articles: `text` and `categories` (joined by |).
        out: the folder.
        source: what the articles are, for the card.

    Raises:
        InputError: fewer than two domains have enough articles.
        ComponentError: fastText failed.
    """
    rows = articles.select("text", label=tell_domain(articles["categories"])).drop_nulls()
    rows = rows.unique("text", maintain_order=True)
    seen = rows.with_columns(test=is_test(rows["text"]))
    counts = seen.group_by("label").agg(
        documents=pl.len(), seen=(~pl.col("test")).sum(), tested=pl.col("test").sum()
    )
    is_enough = (pl.col("seen") >= MINIMUM_SEEN) & (pl.col("tested") > 0)
    enough = counts.filter(is_enough)["label"].sort()
    left_out = counts.filter(~is_enough).sort("label")
    if len(enough) < 2:  # noqa: PLR2004 - a classifier has two classes
        found = ", ".join(
            f"{r['label']}: {r['documents']}" for r in counts.sort("label").to_dicts()
        )
        asked = f"two domains have {MINIMUM_SEEN} articles or more"
        raise InputError(asked, found or "there is none", source, "give more articles")
    facts = {
        "does": "the domain of a text: labels from curate/train/domains.toml, and other",
        "source": source,
        "documents": dict(counts.sort("label").select("label", "documents").iter_rows()),
        "left_out": left_out["label"].to_list(),
        "limits": LIMITS,
    }
    rows = rows.filter(pl.col("label").is_in(enough.implode()))
    return train_texts(rows, out, "domain", PREPARATION, PARAMETERS, facts, balance=())


def tell_domain(categories: pl.Series) -> pl.Series:
    """The domain that most of an article's categories tell; null without categories or undecided."""
    patterns = stem_patterns()
    found: list[str | None] = []
    for joined in categories.to_list():
        names = [name for name in (joined or "").lower().split("|") if name]
        counts = {d: sum(bool(p.search(name)) for name in names) for d, p in patterns.items()}
        most = max(counts.values(), default=0)
        first = [domain for domain, count in counts.items() if count == most]
        if not names:
            found.append(None)
        elif most == 0:
            found.append(OTHER)
        else:
            found.append(first[0] if len(first) == 1 else None)
    return pl.Series("label", found, dtype=pl.String)


def stem_patterns() -> dict[str, re.Pattern[str]]:
    """For each domain what the words of its categories begin with."""
    table = tomllib.loads(Path(__file__).with_name("domains.toml").read_text(encoding="utf-8"))
    return {
        domain: re.compile(r"\b(?:" + "|".join(sorted(set(stems.split()))) + ")")
        for domain, stems in table.items()
    }
