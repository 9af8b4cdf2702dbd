"""Lines of words drawn by how often they are used: more of the languages that most pages are in.

The model sees n-grams of the letters inside words and no order of words, so that words drawn at
random teach what sentences would. The frequencies are wordfreq's (Speer 2022), of subtitles,
encyclopedias, news, books and the web.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from importlib.metadata import version
from itertools import accumulate
from typing import Any

import polars as pl

from curate.errors import ComponentError
from curate.languages import canonical
from curate.score.language import dominant_script

LINES = 8000  # of each language
LARGE_LINES = 16_000  # of each of those that most pages of the web are in
LARGE = ("ar", "cs", "de", "en", "es", "fr", "id", "it", "nl", "pl", "pt", "ru", "sv", "tr")
MOST_WORDS = 12  # of a line; short ones are more frequent
_CODES = """
ca:Latn cs:Latn da:Latn de:Latn en:Latn es:Latn fi:Latn fil:Latn fr:Latn hu:Latn id:Latn is:Latn
it:Latn lt:Latn lv:Latn ms:Latn nb:Latn nl:Latn pl:Latn pt:Latn ro:Latn sk:Latn sl:Latn sv:Latn
tr:Latn vi:Latn bg:Cyrl mk:Cyrl ru:Cyrl uk:Cyrl ar:Arab fa:Arab ur:Arab hi:Deva bn:Beng
"""
_LISTS = dict(entry.split(":") for entry in _CODES.split())  # languages whose script others share
_LETTERS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


def draw_words(labels: Collection[str]) -> pl.DataFrame:
    """Lines of every language that has a list and a label; the same ones each time.

    Args:
        labels: of the model: `<ISO 639-3>_<ISO 15924>`.

    Returns:
        `label` and `text`.

    Raises:
        ComponentError: wordfreq is not installed.
    """
    rows = [
        (label, line)
        for code, script in _LISTS.items()
        if (label := f"{canonical(code)}_{script}") in labels
        for line in _draw(code, script, LARGE_LINES if code in LARGE else LINES)
    ]
    return pl.DataFrame(rows, {"label": pl.String, "text": pl.String}, orient="row")


def _draw(code: str, script: str, lines: int) -> list[str]:
    words = {
        word: frequency
        for word, frequency in _frequencies(code).items()
        if _LETTERS.fullmatch(word)
    }
    texts = pl.Series("text", list(words), dtype=pl.String)
    words = {
        word: words[word]
        for word, own in zip(texts, dominant_script(texts), strict=True)
        if own == script
    }
    sums = list(accumulate(words.values()))
    drawn = random.Random(code)  # noqa: S311 - the same lines each time
    return [
        " ".join(
            drawn.choices(
                list(words), cum_weights=sums, k=1 + int(drawn.random() ** 1.5 * MOST_WORDS)
            )
        )
        for _ in range(lines)
    ]


def _frequencies(code: str) -> dict[str, float]:
    try:
        from wordfreq import get_frequency_dict
    except ImportError as error:
        raise ComponentError(
            "training draws words by their frequency",
            "wordfreq is not installed",
            change="pip install 'curate[train]'",
        ) from error
    return get_frequency_dict(code, wordlist="small")


def described() -> dict[str, Any]:
    """The lists' entry in a card."""
    return {
        "file": f"wordfreq {version('wordfreq')}, small lists: {' '.join(sorted(_LISTS))}",
        "source": "rspeer/wordfreq",
        "licence": "CC BY-SA 4.0 (lists), Apache-2.0 (library)",
        "attribution": "wordfreq: Robyn Speer 2022 (doi 10.5281/zenodo.7199437); SUBTLEX: Marc Brysbaert et al.; OpenSubtitles, Wikipedia, Leeds Internet Corpus, ParaCrawl, Google Books Ngrams",
        "use": f"training: {LINES:,} lines of words drawn by frequency, {LARGE_LINES:,} of {' '.join(LARGE)}",
    }
