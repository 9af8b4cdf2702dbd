"""What a page says of itself, as facts for rules.

- `robots_noindex`, `robots_noarchive`: the directive, or `none`, which implies both here.
- `robots_noai`: `noai`, `noimageai`, or a reservation of text and data mining (`tdm-reservation:1`,
  TDM Reservation Protocol, W3C community group).
- `licence_kind`: of the address of a licence: `public-domain` (CC0, the public domain mark), `by`,
  `by-sa`, `by-nd`, `by-nc`, `by-nc-sa`, `by-nc-nd` (Creative Commons), `gfdl`, or `other`.
- `has_open_licence`: whether that is `public-domain`, `by`, `by-sa` or `gfdl`: anyone may use,
  change and share the text for any purpose (Open Definition 2.1); ND and NC are not.
- `is_disambiguation`, `is_list_page`: what a wiki calls the page.
- `language_disagrees`: the declared language is another than the detected one (by the primary tag,
  after both are brought to ISO 639-3; `und` and `mul` disagree with nothing).
- `is_canonical`: the address that the page calls its own is its own, in the normal form of
  `curate.score.addresses`, whatever the scheme.

A column is null where the source does not say; the state is `not_applicable` where it says none of
this. For robots, a source that says anything else of a page (a licence, a language) but no directive
leaves the columns null: absence is no permission and no prohibition.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

from curate.errors import RecipeError
from curate.languages import UNKNOWN, normalise_language
from curate.schema import columns_of
from curate.score.addresses import split_address

FACTS = ("declared_language", "canonical_uri", "licence", "robots", "page_kind")
OPEN_LICENCES = ("public-domain", "by", "by-sa", "gfdl")
_CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/(?:licenses/(by(?:-nc)?(?:-sa|-nd)?)\b|(publicdomain|licenses/publicdomain))",
    re.IGNORECASE,
)
_GFDL = re.compile(r"gnu\.org/(?:copyleft|licenses)/(?:old-licenses/)?fdl", re.IGNORECASE)
_NO_LANGUAGE = {UNKNOWN, "mul", "zxx", "mis"}


def score_page(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the columns (see the module) to documents with the facts, `uri` and `language`."""
    absent = [pl.lit(None, dtype=pl.String).alias(n) for n in FACTS if n not in frame.columns]
    facts = frame.with_columns(absent)
    licence = pl.Series(
        "licence_kind",
        [_licence_kind(link) for link in facts["licence"].to_list()],
        dtype=pl.String,
    )
    directives = pl.col("robots").str.split(",").list.eval(pl.element().str.strip_chars())

    def has(*names: str) -> pl.Expr:
        return pl.any_horizontal(directives.list.contains(name) for name in names)

    pairs = zip(facts["declared_language"].to_list(), facts["language"].to_list(), strict=True)
    disagrees = [_disagree(declared, found) for declared, found in pairs]
    addresses = zip(facts["canonical_uri"].to_list(), facts["uri"].to_list(), strict=True)
    same = [_same(canonical, own) for canonical, own in addresses]
    nothing = pl.all_horizontal(pl.col(name).is_null() for name in FACTS)
    is_wiki = pl.col("page_kind").is_not_null() | pl.col("source").eq_missing(pl.lit("wikipedia"))
    kind = pl.col("page_kind").fill_null("")
    added = facts.with_columns(licence).select(
        robots_noindex=has("noindex", "none"),
        robots_noarchive=has("noarchive", "none"),
        robots_noai=has("noai", "noimageai", "tdm-reservation:1", "tdm-reservation=1"),
        licence_kind="licence_kind",
        has_open_licence=pl.col("licence_kind").is_in(OPEN_LICENCES),
        is_disambiguation=pl.when(is_wiki).then(kind == "disambiguation"),
        is_list_page=pl.when(is_wiki).then(kind == "list"),
        language_disagrees=pl.Series(disagrees, dtype=pl.Boolean),
        is_canonical=pl.Series(same, dtype=pl.Boolean),
        page_state=pl.when(nothing & ~is_wiki).then(pl.lit("not_applicable")),
    )
    return frame.hstack(added.select(columns_of("page").keys()))


def _licence_kind(link: str | None) -> str | None:
    if not link:
        return None
    found = _CREATIVE_COMMONS.search(link)
    if found:
        return "public-domain" if found[2] else found[1].lower()
    return "gfdl" if _GFDL.search(link) else "other"


def _disagree(declared: str | None, found: str | None) -> bool | None:
    code = _language(declared) if declared else None
    if code is None or found is None or found in _NO_LANGUAGE:
        return None
    return code != found


@cache
def _language(tag: str) -> str | None:
    """The ISO 639-3 code of a language tag such as `pt-BR`; None where it names no language."""
    try:
        code = normalise_language(re.split(r"[-_,; ]", tag.strip().lower())[0])
    except RecipeError:
        return None
    return None if code in _NO_LANGUAGE else code


def _same(canonical: str | None, own: str | None) -> bool | None:
    if not canonical or not own:
        return None
    return split_address(canonical) == split_address(own)
