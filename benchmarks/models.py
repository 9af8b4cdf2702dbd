"""Accuracy and rate of the bundled models, each beside a reference.

    python -m benchmarks.models [--language lid.176.ftz] [--data ../shared/data]

Language: accuracy on the two sets that training never saw, and documents per second against bare
fastText predict on the same samples; with `--language` a second model beside it. Toxicity: area
under the ROC curve on sets that training never saw, against the LDNOOBW word list; the share of
ordinary articles above the limits; false positives of the template test by group.
"""

from __future__ import annotations

import argparse
import re
import tarfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from curate.languages import canonical
from curate.models import BUNDLED, load_fasttext
from curate.score.language import LanguageScorer, sample
from curate.score.toxicity import ToxicityScorer
from curate.train import language, toxicity_sets
from curate.train.fit import area_under_curve

_WORD_LISTS = {"eng": "en", "deu": "de", "zho": "zh"}
_TESTED = {
    "surge-toxicity-en.csv": "eng",
    "hatecheck-en.csv": "eng",
    "madlibs-77k.csv.gz": "eng",
    "hatecheck-german.csv.gz": "deu",
    "sentence-templates-de.csv.gz": "deu",
    "cold-zh-dev.csv.gz": "zho",
    "hatecheck-mandarin.csv.gz": "zho",
}
_TERMS = (
    "gay lesbian bisexual transgender trans straight black white asian latino african european "
    "american muslim jewish christian catholic buddhist blind deaf old young male female"
)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--language", help="another language model, such as lid.176.ftz")
    given = parser.parse_args()
    if not given.data.is_dir():
        parser.exit(1, f"{given.data} is no folder: give the one with the data sets as --data\n")
    print_languages(given.data / "langid", ["bundled", given.language])
    print_rates(given.data)
    print_toxicity(given.data)


def print_languages(data: Path, models: Iterable[str | None]) -> None:
    """Accuracy on the held-out sets, over languages that the bundled model knows."""
    known = {label.split("_")[0] for label in _labels()}
    for one in language.SETS:
        if not one.held_out:
            continue
        rows = one.load(data)
        codes = {code: canonical(code) for code in rows["code"].unique()}
        rows = rows.with_columns(truth=pl.col("code").replace_strict(codes))
        rows = rows.filter(pl.col("truth").is_in(sorted(known)))
        for model in filter(None, models):
            got = LanguageScorer(model)(rows)
            right = (got["language"] == got["truth"]).mean()
            print(f"language {one.file:28} {model:12} {rows.height:6,} rows  accuracy {right:.4f}")


def print_rates(data: Path) -> None:
    """Documents per second of both scorers on articles, against bare predict on the same text."""
    frame = read_articles(data)
    mean = frame["text"].str.len_chars().mean()
    print(f"rates on {frame.height} articles of {mean:,.0f} characters")
    scorer = LanguageScorer()
    model = load_fasttext(BUNDLED / "language.ftz")
    lines = sample(frame["text"]).str.replace_all(r"\s+", " ").to_list()
    whole = frame["text"].str.replace_all(r"\s+", " ").to_list()
    bare = _rate(lambda: model.predict(lines), frame.height)
    ours = _rate(lambda: scorer(frame), frame.height)
    print(f"  language  {ours:8,.0f} docs/s  bare predict {bare:8,.0f}  ratio {ours / bare:.2f}")
    other = load_fasttext(BUNDLED / "toxicity.ftz")
    english = frame.with_columns(language=pl.lit("eng"))
    bare = _rate(lambda: other.predict(whole), frame.height)
    ours = _rate(lambda: ToxicityScorer()(english), frame.height)
    print(f"  toxicity  {ours:8,.0f} docs/s  bare predict {bare:8,.0f}  ratio {ours / bare:.2f}")


def print_toxicity(data: Path) -> None:
    """Area under the curve beside the word list; ordinary articles; the template test."""
    lists = _word_lists(data / "toxicity" / "ldnoobw.tar.gz")
    for one in toxicity_sets.SETS:
        if one.file in _TESTED:
            rows = ToxicityScorer()(one.load(data / "toxicity").drop_nulls("text"))
            listed = rows["text"].str.to_lowercase().str.count_matches(lists[_TESTED[one.file]])
            ours = area_under_curve(rows["toxic"], rows["toxicity"])
            words = area_under_curve(rows["toxic"], listed.cast(pl.Float64))
            print(f"toxicity {one.file:32} AUC {ours:.4f}  word list {words:.4f}")
            if one.file.startswith("madlibs"):
                _print_groups(rows)
    articles = ToxicityScorer()(read_articles(data))["toxicity"]
    shares = [f"{(articles > limit).mean():.4f} above {limit}" for limit in (0.5, 0.9)]
    print(f"toxicity of ordinary articles: {', '.join(shares)}")


def _print_groups(rows: pl.DataFrame) -> None:
    clean = rows.filter(~pl.col("toxic"))
    whole = (clean["toxicity"] > 0.5).mean()
    parts = []
    for term in _TERMS.split():
        part = clean.filter(pl.col("text").str.to_lowercase().str.contains(rf"\b{term}\b"))
        parts.append(f"{term} {(part['toxicity'] > 0.5).mean() or 0.0:.2f}")
    print(f"  false positives above 0.5: all {whole:.2f}; {', '.join(parts)}")


def _labels() -> list[str]:
    labels: list[str] = load_fasttext(BUNDLED / "language.ftz").get_labels()
    return [label.removeprefix("__label__") for label in labels]


def read_articles(data: Path) -> pl.DataFrame:
    """Wikipedia articles of WikiText-2 (a heading has one `=`)."""
    lines = pl.read_csv(
        data / "text" / "wikitext-2-valid.txt.gz",
        separator="\x01",
        quote_char=None,
        has_header=False,
        new_columns=["text"],
    )
    lines = lines.with_columns(  # undo its tokens
        pl.col("text").str.replace_all(r" ?<unk>", "").str.replace_all(r" @(.)@ ", "${1}")
    ).with_columns(article=pl.col("text").str.contains("^ = [^=]*= $").cum_sum())
    return lines.group_by("article", maintain_order=True).agg(pl.col("text").str.join("\n"))


def _word_lists(path: Path) -> dict[str, str]:
    """A pattern for each language's list; words at word bounds where the script has them."""
    found = {}
    with tarfile.open(path) as archive:
        members = {Path(name).name: name for name in archive.getnames()}
        for code, name in _WORD_LISTS.items():
            file = archive.extractfile(members[name])
            assert file is not None
            words = [re.escape(word.lower()) for word in file.read().decode().split("\n") if word]
            pattern = "|".join(sorted(words, key=len, reverse=True))
            found[code] = pattern if code == "zho" else rf"\b(?:{pattern})\b"
    return found


def _rate(work: Callable[[], object], documents: int) -> float:
    work()
    best = min(_seconds(work) for _ in range(3))
    return documents / best


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
