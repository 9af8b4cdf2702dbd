"""What documents are compared by beside their texts, and chosen by among duplicates."""

from __future__ import annotations

import polars as pl

from curate.decide import preference
from curate.recipe import DuplicatesSection
from curate.score.addresses import canonical_address


def comparison(section: DuplicatesSection, uris: pl.Series) -> list[pl.Expr]:
    """The columns `url`, `key` and `preference`, as far as a section asks for them.

    Args:
        section: what it asks for.
        uris: the documents' addresses, in their order.

    Returns:
        Expressions over frames that have the column that the section names.
    """
    found: list[pl.Expr] = []
    if "url" in section.by:
        urls = [uri and canonical_address(uri) for uri in uris.to_list()]
        found.append(pl.lit(pl.Series("url", urls, dtype=pl.String)))
    if "key" in section.by:
        key = pl.col(section.key)
        found.append(pl.when(key != "").then(key).alias("key"))
    chosen = preference(section)
    if chosen:
        value = pl.col(chosen[0]).cast(pl.Float64)
        found.append((-value if chosen[1] else value).alias("preference"))
    return found
