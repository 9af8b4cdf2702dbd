"""Texts with some of their spans taken out or replaced.

Spans that overlap become one, from the first byte of any to the last byte of any: nothing that one
of them covers is left. What stands in its place, and what the change is put down to, are those of
the longest.

Imported late: numba is dear to import.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from curate.errors import ComponentError
from curate.text import characters
from curate.text.cut import compiled
from curate.text.rewrite import rewrite
from curate.text.segment import buffers

EDITS = pl.Schema(
    {
        "row": pl.Int64,  # of the text
        "start": pl.Int64,  # in bytes from the text's begin
        "end": pl.Int64,
        "replacement": pl.String,  # empty: the span goes
        "by": pl.String,  # what the change is put down to
    }
)
_CONTINUES, _LEAD = np.uint8(0x80), np.uint8(0xC0)  # of the bytes of a character all but the first


def apply_edits(text: pl.Series, edits: pl.DataFrame) -> pl.DataFrame:
    """Change cleaned texts; their white space is then as `curate.text.clean` has it.

    Args:
        text: strings.
        edits: the columns of `EDITS`, in any order of rows; spans of one byte at least.

    Returns:
        For each text that changed, by `row`: `text`; `gone`, the characters by which it got
        shorter; and `told`, these by what they are put down to, as `name:characters,…`, names
        sorted. Characters of white space that went besides count for the first name.

    Raises:
        ComponentError: a span does not lie in its text, or cuts a character.
    """
    spans = _merged(edits.select(EDITS.names()).cast(EDITS))
    rows = spans["row"].unique(maintain_order=True)
    old = text.gather(rows)
    place = spans["row"].rle_id().to_numpy().astype(np.int64)
    data, offsets = buffers(old)
    starts, ends = (spans[name].to_numpy() + offsets[place] for name in ("start", "end"))
    _check_spans(data, offsets, place, starts, ends)
    given, given_offsets = buffers(spans["replacement"])
    new, new_offsets, counts = _replaced(data, offsets, place, starts, ends, given, given_offsets)
    new, new_offsets, _ = rewrite(new, new_offsets, characters.cleaning(), characters.classes())
    kept = [pa.py_buffer(new_offsets), pa.py_buffer(new)]
    changed = pl.DataFrame(
        {
            "row": rows,
            "old": old,
            "text": pl.Series(pa.LargeStringArray.from_buffers(len(rows), *kept), dtype=pl.String),
        }
    )
    counted = spans.select("row", "by", characters=pl.Series(counts, dtype=pl.Int64))
    return _with_told(changed, counted).drop("old")


def _merged(edits: pl.DataFrame) -> pl.DataFrame:
    """Spans by row and place, those that overlap as one."""
    size = pl.col("end") - pl.col("start")
    begins = pl.col("start") >= pl.col("end").cum_max().shift(1).over("row")
    return (
        edits.sort("row", "start", "end", "by", "replacement")
        .with_columns(span=begins.fill_null(value=True).cum_sum(), size=size)
        .sort("span", "size", descending=[False, True], maintain_order=True)
        .group_by("span", maintain_order=True)
        .agg(
            pl.col("row").first(),
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("replacement", "by").first(),
        )
        .drop("span")
    )


def _with_told(changed: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """The texts that changed, with what is told of each."""
    length = pl.col("old", "text").str.len_chars().cast(pl.Int64)
    changed = (
        changed.with_columns(length.name.suffix("_characters"))
        .with_columns(gone=pl.col("old_characters") - pl.col("text_characters"))
        .drop("old_characters", "text_characters")
    )
    told = (
        counted.group_by("row", "by")
        .agg(pl.col("characters").sum())
        .sort("row", "by")
        .join(changed.select("row", "gone"), on="row", maintain_order="left")
        .with_columns(
            pl.when(pl.int_range(pl.len()).over("row") == 0)
            .then(pl.col("characters") + pl.col("gone") - pl.col("characters").sum().over("row"))
            .otherwise("characters")
            .alias("characters")
        )
        .group_by("row", maintain_order=True)
        .agg(told=pl.concat_str("by", pl.lit(":"), "characters").str.join(","))
    )
    return changed.join(told, on="row", maintain_order="left").filter(
        pl.col("old") != pl.col("text")
    )


def _check_spans(data: Any, offsets: Any, place: Any, starts: Any, ends: Any) -> None:
    inside = (starts >= offsets[place]) & (starts < ends) & (ends <= offsets[place + 1])
    for some in (starts, ends):
        at = np.minimum(np.maximum(some, 0), max(len(data) - 1, 0))
        inside &= (some >= len(data)) | (data[at] & _LEAD != _CONTINUES)
    if not inside.all():
        asked = "an edit takes a span of whole characters of its text"
        raise ComponentError(asked, f"{(~inside).sum()} of {len(inside)} do not")


@compiled
def _replaced(
    data: Any, offsets: Any, place: Any, starts: Any, ends: Any, given: Any, given_offsets: Any
) -> Any:
    """The new bytes, where each text begins, and the characters by which each edit shortens it."""
    new = np.empty(len(data) + len(given), np.uint8)
    new_offsets = np.zeros(len(offsets), np.int64)
    gone = np.zeros(len(starts), np.int64)
    to = edit = 0
    for document in range(len(offsets) - 1):
        at, stop = offsets[document], offsets[document + 1]
        while at < stop:
            if edit < len(starts) and place[edit] == document and starts[edit] == at:
                for put in range(given_offsets[edit], given_offsets[edit + 1]):
                    new[to] = given[put]
                    to += 1
                    gone[edit] -= given[put] & _LEAD != _CONTINUES
                while at < ends[edit]:
                    gone[edit] += data[at] & _LEAD != _CONTINUES
                    at += 1
                edit += 1
            else:
                new[to] = data[at]
                to += 1
                at += 1
        new_offsets[document + 1] = to
    return new[:to], new_offsets, gone
