"""Lines that a page carries and nobody wrote as text: dropped where a recipe asks for it.

| rule | drops a line | source |
|---|---|---|
| `policy` | that holds (in any case) *javascript*, *terms of use*, *privacy policy*, *cookie policy*, *uses cookies*, *use of cookies* or *use cookies* | C4 (Raffel et al. 2020, arXiv 1910.10683, §2.2), as in its code |
| `uppercase` | of whose characters more than half are upper-case letters | RefinedWeb (Penedo et al. 2023, arXiv 2306.01116), limit of DCLM (Li et al. 2024, arXiv 2406.11794) |
| `numeric` | of digits alone | the same |
| `counter` | that is a number and what it counts (*3 likes*, *1.2K shares*) | the same |
| `single_word` | of one word; not where the script writes no spaces | the same |
| `boilerplate` | of ten words or fewer that holds *items in cart*, ends in *read more…* or begins with *sign in* | the same |

Empty lines stay: they part paragraphs. The corpora drop a document of which more than 5 % of the
words go so: `quality.maximum_cleaned_word_share` is that rule, and `maximum_corrected_word_share` the
same measured on a text that keeps them.
"""

from __future__ import annotations

import polars as pl

POLICY_PHRASES = (
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_COUNTED = (
    "likes?|shares?|comments?|retweets?|reposts?|quotes?|bookmarks?|upvotes?|downvotes?|downloads?"
    "|views?|followers?|replies|reply|votes?|reactions?|subscribers?"
)
_COUNTER = rf"(?i)^\W*\d[\d.,]*\s?[kmb]?[+)\]]?\s+(?:{_COUNTED})\W*$"
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
_MOST_BOILERPLATE_WORDS = 10
_UPPERCASE_SHARE = 0.5


def drop_lines(text: pl.Series, rule: str) -> tuple[pl.Series, pl.Series]:
    """Drop the lines that a rule names.

    Args:
        text: strings.
        rule: one of the table above.

    Returns:
        Boolean, as long as `text`: the texts that have such lines; those texts without them.
    """
    lines = (
        text.alias("line").to_frame().with_row_index("row").filter(_may_hold(rule, pl.col("line")))
    )
    lines = lines.with_columns(pl.col("line").str.split("\n")).explode("line")
    lines = lines.with_columns(dropped=_is_dropped(rule, pl.col("line").str.strip_chars()))
    changed = lines.filter("dropped").select("row").unique(maintain_order=True)
    kept = (
        lines.join(changed, on="row", how="semi", maintain_order="left")
        .group_by("row", maintain_order=True)
        .agg(pl.col("line").filter(~pl.col("dropped")).str.join("\n"))
        .sort("row")
    )
    where = pl.repeat(False, len(text), eager=True).scatter(kept["row"], True)
    return where, kept["line"].alias(text.name)


def _may_hold(rule: str, text: pl.Expr) -> pl.Expr:
    """Whether it is worth cutting a text into lines."""
    if rule == "policy":
        return text.str.contains_any(list(POLICY_PHRASES), ascii_case_insensitive=True)
    return text.is_not_null()


def _is_dropped(rule: str, line: pl.Expr) -> pl.Expr:
    words = line.str.count_matches(r"\S+")
    rules = {
        "policy": line.str.contains_any(list(POLICY_PHRASES), ascii_case_insensitive=True),
        "uppercase": line.str.count_matches(r"\p{Lu}") > line.str.len_chars() * _UPPERCASE_SHARE,
        "numeric": line.str.contains(r"^\p{Nd}+$"),
        "counter": line.str.contains(_COUNTER),
        "single_word": (words == 1) & ~line.str.contains(_UNSPACED),
        "boilerplate": (words <= _MOST_BOILERPLATE_WORDS)
        & line.str.contains(r"(?i)items in cart|read more\s*(?:…|\.\.\.)?$|^sign[- ]in\b"),
    }
    return rules[rule].fill_null(value=False)
