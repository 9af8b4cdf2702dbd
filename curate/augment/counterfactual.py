"""Counterfactual documents: English text with its gendered words swapped both ways.

Words are those of `gender_pairs.toml`; a word's case is kept (`she`, `She`, `SHE`; other spellings
are left alone). Words within addresses (beside `@ . / _`) and the "he/she" of forms stay. The two
ambiguous words are told apart by the word that follows in the same line: "her" is "his" before
what may be its noun and "him" else ("her old boat", "saw her at noon"), "his" is "her" or "hers"
in the same way. Names stay, and so do things said of one sex only: this is dictionary swapping, and
some of its sentences are odd (Zmigrod et al. 2019, arXiv 1906.04571); keep the share small.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from curate.schema import DOCUMENT, document_id

SOURCE: Final = "augment:counterfactual"
_NEXT_WORD: Final = re.compile(r"[ \t]+([^\W\d_]+)")


@dataclass(frozen=True)
class Pairs:
    """The words to swap.

    Attributes:
        pattern: finds any of the words.
        swapped: each word, in each case, to its counterpart; ambiguous ones as before a noun.
        alone: counterparts of the ambiguous words where no noun follows.
        no_noun: words that no noun phrase begins with.
    """

    pattern: re.Pattern[str]
    swapped: dict[str, str]
    alone: dict[str, str]
    no_noun: frozenset[str]

    def replace(self, match: re.Match[str]) -> str:
        """The counterpart of one word."""
        word = match[0]
        if word in self.alone:
            following = _NEXT_WORD.match(match.string, match.end())
            if following is None or following[1].lower() in self.no_noun:
                return self.alone[word]
        return self.swapped[word]


def swap_gender(frame: pl.DataFrame, seed: int, share: float) -> pl.DataFrame:
    """The counterfactual children of English documents.

    Args:
        frame: documents with the columns of `DOCUMENT` and `language` (ISO 639-3); those that
            were made of others are left out.
        seed: of the draw; with a document's id it decides whether that document has a child,
            whatever else is in the frame.
        share: of the documents that are drawn, 0 to 1; those without a gendered word have no child.

    Returns:
        The children in the order of their parents, with the columns of `DOCUMENT`: `text` swapped,
        `parent` the parent's id, `source_id` that with `:counterfactual`, `uri`,
        `canonical_uri` and `part` null, the rest the parent's own.
    """
    was_read = ~pl.col("source").str.starts_with("augment:")
    english = (pl.col("language") == "eng") & was_read
    parents = frame.filter(english).select(DOCUMENT.keys())
    drawn = [_draw(seed, parent) < share for parent in parents["id"]]
    parents = parents.filter(pl.Series(drawn, dtype=pl.Boolean))
    children = parents.with_columns(
        pl.Series("text", [swap_text(text or "") for text in parents["text"]], pl.String),
        pl.Series("id", [document_id(SOURCE, parent) for parent in parents["id"]], pl.String),
        source_id=pl.col("id") + ":counterfactual",
        source=pl.lit(SOURCE),
        uri=pl.lit(None, pl.String),
        canonical_uri=pl.lit(None, pl.String),
        part=pl.lit(None, pl.Int64),
        parent=pl.col("id"),
    )
    return children.filter(children["text"] != parents["text"].fill_null(""))


def swap_text(text: str) -> str:
    """A text with its gendered words swapped.

    >>> swap_text("She gave her brother his hat, and he thanked her.")
    'He gave his sister her hat, and she thanked him.'
    """
    pairs = load_pairs()
    return pairs.pattern.sub(pairs.replace, text)


@cache
def load_pairs() -> Pairs:
    """The pairs of `gender_pairs.toml`, compiled."""
    content = tomllib.loads(Path(__file__).with_name("gender_pairs.toml").read_text("utf-8"))
    swapped, alone = {"her": "his", "his": "her", "him": "her", "hers": "his"}, {}
    for pair in content["one_way"]:
        one, other = pair.split()
        swapped[one] = other
    for pair in content["pairs"]:
        one, other = pair.split()
        swapped |= {one: other, other: one}
    swapped = _cased(swapped)
    alone = _cased({"her": "him", "his": "hers"})
    for pair in content["titles"]:
        one, other = pair.split()
        swapped |= {one: other, other: one}
    swapped |= dict(pair.split() for pair in content["titles_one_way"])
    named = set(content["titles_need_name"])
    words, titles = _any_of(swapped.keys() - named), _any_of(named)
    pattern = re.compile(rf"\b(?<![@/])(?<!\w\.)(?:{words}|{titles}(?= [A-Z]))\b(?![@/]|\.\w)")
    return Pairs(pattern, swapped, alone, frozenset(content["no_noun"].split()))


def _any_of(words: Collection[str]) -> str:
    """A pattern for any of the words that shares their beginnings, so that it is fast."""
    endings: dict[str, list[str]] = {}
    for word in filter(None, words):
        endings.setdefault(word[0], []).append(word[1:])
    branches = [re.escape(first) + _any_of(rest) for first, rest in sorted(endings.items())]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)})" + ("?" if "" in words else "")


def _cased(pairs: dict[str, str]) -> dict[str, str]:
    return {
        form(one): form(other)
        for form in (str.lower, str.capitalize, str.upper)
        for one, other in pairs.items()
    }


def _draw(seed: int, identifier: str) -> float:
    """A number from 0 to 1 (left out) that a seed and an id decide."""
    content = f"counterfactual\0{seed}\0{identifier}".encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") / 2**64
