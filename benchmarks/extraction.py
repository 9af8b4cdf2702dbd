"""Main text of pages: quality by site-wise cross-validation and rate, beside other extractors.

    python -m benchmarks.extraction [--skip-others]

Article F1 is that of scrapinghub/article-extraction-benchmark (4-word shingles, mean over pages);
strings F1 that of trafilatura's evaluation (strings that must and must not be in the text). Our own
figures are of pages of sites that the trees which scored them were not trained on: the mean over
three ways to cut the sites into five folds. `same split` holds the pages of the first fold of the
first way alone, for all extractors. The other extractors have been tuned by their authors with
pages like these in view, or these. `non-Latin` are the pages of both sets whose text is mostly
Chinese, Japanese, Korean, Arabic, Hebrew, Cyrillic, Greek or Indic. Rates are pages per second of
processor time over 200 pages of 140 kB, decoded, on one core. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure
from curate.sources.extract import extract
from curate.train.extractor import (
    FOLDS,
    PARAMETERS,
    PARTITIONS,
    ROUNDS,
    Example,
    article_score,
    count_shingles,
    count_strings,
    fit,
    load_examples,
    strings_score,
)
from curate.train.extractor_sets import ARTICLES, STRINGS, LabelledPage, fold_of

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "html"
SPEED_PAGES = 200
NON_LATIN = 0.5  # of a text's letters


def main() -> list[Figure]:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--skip-others", action="store_true", help="our own figures only")
    skip_others = parser.parse_args().skip_others
    examples = load_examples(DATA)
    pages = [one.page for one in examples]
    in_split = [fold_of(one.site, FOLDS) == 0 for one in examples]
    rate = measure_rate(lambda html: extract(html).text, pages)
    texts = [cross_validated(examples, partition) for partition in range(PARTITIONS)]
    print(
        f"{'':28} {'article F1':>10} {'strings F1':>10} {'same split':>15} {'non-Latin':>15} pages/s"
    )
    reached = report("curate, by site", pages, texts, in_split, rate)
    report("curate, model as shipped", pages, [[extract(one.html).text for one in pages]], in_split)
    beside: list[dict[str, str]] = []
    for name, way in () if skip_others else others():
        found = [attempt(way, one.html) for one in pages]
        scores = report(name, pages, [found], in_split, measure_rate(way, pages))
        beside.append({what: f"{name} {score}" for what, score in scores.items()})
    aims = {"article F1": "≥ 0.970", "strings F1": "≥ 0.935"}
    return [
        Figure(
            f"main text by site, {what}",
            aims.get(what, ""),
            score,
            ", ".join(peer[what] for peer in beside if what in peer),
        )
        for what, score in reached.items()
    ]


def cross_validated(examples: list[Example], partition: int) -> list[str]:
    """The text of each page by trees that saw no page of its site."""
    parameters = {**PARAMETERS, "rounds": ROUNDS}
    folds = np.array([fold_of(one.site, FOLDS, partition) for one in examples])
    texts = [""] * len(examples)
    for fold in range(FOLDS):
        model = fit([examples[row] for row in np.flatnonzero(folds != fold)], parameters)
        for row in np.flatnonzero(folds == fold).tolist():
            texts[row] = examples[row].scan.text(model)
    return texts


def report(
    name: str,
    pages: list[LabelledPage],
    runs: list[list[str]],
    in_split: list[bool],
    rate: float | None = None,
) -> dict[str, str]:
    """Print a line: the mean over the runs; returns what it says."""
    every = [True] * len(pages)
    foreign = [is_non_latin(one) for one in pages]
    article, strings = mean_scores(pages, runs, every)
    split = mean_scores(pages, runs[:1], in_split)
    other = mean_scores(pages, runs, foreign)
    print(
        f"{name:28} {article:10.4f} {strings:10.4f} {split[0]:8.4f} {split[1]:.4f}"
        f" {other[0]:8.4f} {other[1]:.4f} {f'{rate:,.0f}' if rate else '':>7}",
        flush=True,
    )
    held = [
        sum(is_in and one.family == family.file for one, is_in in zip(pages, foreign, strict=True))
        for family in (ARTICLES, STRINGS)
    ]
    return {
        "article F1": f"{article:.4f}",
        "strings F1": f"{strings:.4f}",
        f"article F1 of {held[0]} non-Latin pages": f"{other[0]:.3f}",
        f"strings F1 of {held[1]} non-Latin pages": f"{other[1]:.3f}",
        **({"pages/s": f"{rate:,.0f}"} if rate else {}),
    }


def mean_scores(
    pages: list[LabelledPage], runs: list[list[str]], chosen: list[bool]
) -> tuple[float, float]:
    """Article F1 and strings F1 of the chosen pages."""
    articles, strings = [], []
    for texts in runs:
        rows = [(one, text) for one, text, is_in in zip(pages, texts, chosen, strict=True) if is_in]
        articles.append(
            article_score(
                [
                    count_shingles(one.gold or "", text)
                    for one, text in rows
                    if one.family == ARTICLES.file
                ]
            )["f1"]
        )
        strings.append(
            strings_score(
                [count_strings(one, text) for one, text in rows if one.family == STRINGS.file]
            )["f1"]
        )
    return float(np.mean(articles)), float(np.mean(strings))


def is_non_latin(page: LabelledPage) -> bool:
    """Whether most letters of what the page's text must hold are beyond Latin."""
    wanted = page.gold or "".join(page.wanted)
    letters = [sign for sign in wanted if sign.isalpha()]
    return sum(ord(sign) >= 0x370 for sign in letters) > NON_LATIN * max(1, len(letters))


def measure_rate(way: Callable[[str], str], pages: list[LabelledPage]) -> float:
    """Pages per second of processor time."""
    sample = [one.html for one in pages if one.family == STRINGS.file][:SPEED_PAGES]
    attempt(way, sample[0])
    begin = time.process_time()
    for html in sample:
        attempt(way, html)
    return len(sample) / (time.process_time() - begin)


def attempt(way: Callable[[str], str], html: str) -> str:
    """The text, empty where the extractor fails."""
    try:
        return way(html)
    except Exception as error:  # noqa: BLE001 - of any kind, by other people's code; told
        print(f"  ({type(error).__name__} on a page of {len(html)} characters)")
        return ""


def others() -> Iterator[tuple[str, Callable[[str], str]]]:
    """The other extractors that are installed."""
    if find_spec("trafilatura"):
        from trafilatura import extract as trafilatura

        yield "trafilatura", lambda html: trafilatura(html, include_comments=False) or ""
        yield (
            "trafilatura, precision",
            lambda html: trafilatura(html, include_comments=False, favor_precision=True) or "",
        )
        yield (
            "trafilatura, fast",
            lambda html: trafilatura(html, include_comments=False, fast=True) or "",
        )
    from resiliparse.extract.html2text import extract_plain_text

    yield (
        "Resiliparse, main content",
        lambda html: extract_plain_text(
            html, preserve_formatting=True, main_content=True, alt_texts=False, comments=False
        ),
    )
    if find_spec("readability"):
        from readability import Document

        yield (
            "readability-lxml",
            lambda html: extract_plain_text(Document(html).summary(), preserve_formatting=True),
        )
    for missing in ("trafilatura", "readability"):
        if not find_spec(missing):
            print(f"({missing} is not installed)")


if __name__ == "__main__":
    main()
