"""Lines of words drawn at random: more of the languages that most pages are in, and of their neighbours.

The model sees n-grams of the letters inside words and no order of words, so that words drawn by
their frequency teach what sentences would. The frequencies are wordfreq's (Speer 2022): subtitles,
encyclopedias, news, books and the web. A language without a list there draws from its own sentences,
so that it doesn't lose its share against a relative that has one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from importlib.metadata import version
from itertools import accumulate
from typing import Any

import polars as pl

from curate.errors import ComponentError
from curate.languages import canonical
from curate.score.language import dominant_script

_LARGE = "ar cs de en es fr id it nl pl pt ru sv tr"
LINES = 8000  # of each language that has a list
LARGE_LINES = 16_000  # of each of those that most pages of the web are in
LARGE = frozenset(_LARGE.split())
OWN_LINES = 2  # for each sentence of a language without a list
MOST_WORDS = 12  # of a line; short ones are more frequent
_CODES = """
ca:Latn cs:Latn da:Latn de:Latn en:Latn es:Latn fi:Latn fil:Latn fr:Latn hu:Latn id:Latn is:Latn
it:Latn lt:Latn lv:Latn ms:Latn nb:Latn nl:Latn pl:Latn pt:Latn ro:Latn sk:Latn sl:Latn sv:Latn
tr:Latn vi:Latn bg:Cyrl mk:Cyrl ru:Cyrl uk:Cyrl ar:Arab fa:Arab ur:Arab hi:Deva bn:Beng zh:Hani
"""
_LISTS = dict(entry.split(":") for entry in _CODES.split())  # languages whose script others share
_LABELS = {f"{canonical(code)}_{script}": code for code, script in _LISTS.items()}
_SHARED = ("Latn", "Cyrl", "Arab", "Deva", "Beng")  # by several languages
_WORD = r"[\p{L}\p{M}]+(?:'[\p{L}\p{M}]+)*"


def draw_words(sentences: pl.DataFrame) -> pl.DataFrame:
    """Lines for every language of the sentences whose script others share.

    Args:
        sentences: `label` (`<ISO 639-3>_<ISO 15924>`) and `text`, in any order.

    Returns:
        `label` and `text`; the same lines each time.

    Raises:
        ComponentError: wordfreq is not installed.
    """
    rows: list[tuple[str, str]] = []
    for (label,), group in sorted(sentences.group_by("label")):
        language, script = str(label).split("_")
        code = _LABELS.get(f"{language}_{script}")
        if code is not None:
            words = _read_list(code, script)
            lines = LARGE_LINES if code in LARGE else LINES
        elif script in _SHARED:
            words = _count(group["text"])
            lines = OWN_LINES * group.height
        else:
            continue
        gap = "" if script == "Hani" else " "
        rows += [(str(label), gap.join(line)) for line in _draw(language, words, lines)]
    return pl.DataFrame(rows, {"label": pl.String, "text": pl.String}, orient="row")


def _draw(seed: str, words: dict[str, float], lines: int) -> Iterator[list[str]]:
    population = list(words)
    sums = list(accumulate(words.values()))
    drawn = random.Random(seed)  # noqa: S311 - the same lines each time
    for _ in range(lines):
        count = 1 + int(drawn.random() ** 1.5 * MOST_WORDS)
        yield drawn.choices(population, cum_weights=sums, k=count)


def _count(texts: pl.Series) -> dict[str, float]:
    words = texts.str.to_lowercase().str.extract_all(_WORD).explode().drop_nulls()
    return dict(words.value_counts().sort(words.name).iter_rows())


def _read_list(code: str, script: str) -> dict[str, float]:
    """The words of a list that are written in the language's script, and how often they come."""
    try:
        from wordfreq import get_frequency_dict
    except ImportError as error:
        raise ComponentError(
            "training draws words by their frequency",
            "wordfreq is not installed",
            change="install the extra: pip install 'curate[train]'",
        ) from error
    found = get_frequency_dict(code, wordlist="small")
    frame = pl.DataFrame({"word": list(found), "frequency": list(found.values())})
    own = dominant_script(frame["word"]) == script
    frame = frame.filter(own, pl.col("word").str.contains(f"^(?:{_WORD})$"))
    return dict(frame.iter_rows())


def described() -> dict[str, Any]:
    """The lists' entry in a card."""
    return {
        "file": f"wordfreq {version('wordfreq')}, small lists of {' '.join(sorted(_LISTS))}",
        "source": "rspeer/wordfreq",
        "licence": "CC BY-SA 4.0 (lists), Apache-2.0 (library)",
        "attribution": "wordfreq: Robyn Speer 2022 (doi 10.5281/zenodo.7199437); SUBTLEX: Marc Brysbaert et al.; OpenSubtitles, Wikipedia, Leeds Internet Corpus, ParaCrawl, Google Books Ngrams",
        "use": f"training: {LINES:,} lines of words drawn by frequency, {LARGE_LINES:,} of {_LARGE}",
    }
