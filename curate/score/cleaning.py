"""How much of a document cleaning took out: what reading counted, as a score for rules."""

from __future__ import annotations

import polars as pl

from curate.schema import columns_of


def score_cleaning(frame: pl.DataFrame) -> pl.DataFrame:
    """Tell the share of words that went with lines (RefinedWeb, G.2) apart from where none was cleaned.

    Args:
        frame: documents with `cleaned_word_share`, 0 to 1: of the words before lines were dropped;
            null for one that was made of another.

    Returns:
        Same rows, same order: the columns of `cleaning`; `not_applicable` where the share is null.
    """
    unknown = pl.col("cleaned_word_share").is_null()
    state = pl.when(unknown).then(pl.lit("not_applicable")).alias("cleaning_state")
    return frame.with_columns(state).select(columns_of("cleaning").keys())
