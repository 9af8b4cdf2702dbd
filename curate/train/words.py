"""Lines of words drawn at random: more of the languages that most pages are in, and of their neighbours.

The model sees n-grams of the letters inside words and no order of words, so that words drawn by how
often they come in a language's sentences teach what more sentences would. Every language whose
script others share gets some, so that none loses its share against a relative that has more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate

import polars as pl

LARGE_LINES = 40_000  # of each language that most pages of the web are in
_LARGE = """
ara_Arab ces_Latn deu_Latn eng_Latn fra_Latn ind_Latn ita_Latn nld_Latn pol_Latn por_Latn
rus_Cyrl spa_Latn swe_Latn tur_Latn zho_Hani
"""
NATIONAL_LINES = 12_000  # of each other language of many pages
_NATIONAL = """
ben_Beng bul_Cyrl cat_Latn dan_Latn fas_Arab fin_Latn hin_Deva hun_Latn isl_Latn lav_Latn
lit_Latn mkd_Cyrl msa_Latn nob_Latn ron_Latn slk_Latn slv_Latn tgl_Latn ukr_Cyrl urd_Arab
vie_Latn
"""
OTHER_LINES = 2  # for each sentence of any other
MOST_WORDS = 12  # of a line; short ones are more frequent
LARGE, NATIONAL = frozenset(_LARGE.split()), frozenset(_NATIONAL.split())
_SHARED = ("Latn", "Cyrl", "Arab", "Deva", "Beng")  # by several languages
_WORD = r"[\p{L}\p{M}]+(?:'[\p{L}\p{M}]+)*"


def draw_words(sentences: pl.DataFrame) -> pl.DataFrame:
    """Lines for Chinese and every language of the sentences whose script others share.

    Args:
        sentences: `label` (`<ISO 639-3>_<ISO 15924>`) and `text`, in any order.

    Returns:
        `label` and `text`; the same lines each time.
    """
    rows: list[tuple[str, str]] = []
    for (name,), group in sorted(sentences.group_by("label")):
        label = str(name)
        language, script = label.split("_")
        if label in LARGE:
            lines = LARGE_LINES
        elif label in NATIONAL:
            lines = NATIONAL_LINES
        elif script in _SHARED:
            lines = OTHER_LINES * group.height
        else:
            continue
        gap = "" if script == "Hani" else " "
        drawn = _draw(language, _count(group["text"]), lines)
        rows += [(label, gap.join(line)) for line in drawn]
    return pl.DataFrame(rows, {"label": pl.String, "text": pl.String}, orient="row")


def _draw(seed: str, words: dict[str, int], lines: int) -> Iterator[list[str]]:
    population = list(words)
    sums = list(accumulate(words.values()))
    drawn = random.Random(seed)  # noqa: S311 - the same lines each time
    for _ in range(lines if population else 0):
        count = 1 + int(drawn.random() ** 1.5 * MOST_WORDS)
        yield drawn.choices(population, cum_weights=sums, k=count)


def _count(texts: pl.Series) -> dict[str, int]:
    words = texts.str.to_lowercase().str.extract_all(_WORD).explode().drop_nulls()
    return dict(words.value_counts().sort(words.name).iter_rows())
