"""The toxicity scorer on sets that training never saw, beside a word list and Detoxify."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from benchmarks.detoxify import print_rate as print_detoxify_rate
from benchmarks.models_texts import print_rate, read_articles
from curate.audit import try_templates
from curate.models import BUNDLED, load_fasttext
from curate.recipe import ToxicitySection
from curate.score.toxicity import ToxicityScorer
from curate.train import toxicity_sets
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
    "sentence-templates-zh-cn.csv.gz": "zho",
}
_TERMS = (
    "gay lesbian bisexual transgender trans straight black white asian latino african european "
    "american muslim jewish christian catholic buddhist blind deaf old young male female"
)
_DETOXIFY_ROWS, _DETOXIFY_ARTICLES = 200, 5  # of each set, and for the rate: it is dear


def print_toxicity(data: Path, checkpoint: Path | None) -> None:
    """All figures of the toxicity scorer.

    Args:
        data: the folder of data sets.
        checkpoint: of Detoxify; None: it is left out.
    """
    lists = _word_lists(data / "toxicity" / "ldnoobw.tar.gz")
    detoxify, linear = _detoxify(checkpoint), _linear()
    for one in toxicity_sets.SETS:
        if one.file in _TESTED:
            language = _TESTED[one.file]
            rows = one.load(data / "toxicity").drop_nulls("text")
            rows = ToxicityScorer()(rows.with_columns(language=pl.lit(language)))
            listed = rows["text"].str.to_lowercase().str.count_matches(lists[language])
            ours = area_under_curve(rows["toxic"], rows["toxicity"])
            words = area_under_curve(rows["toxic"], listed.cast(pl.Float64))
            print(
                f"  {one.file:32} {rows.height:6,} rows  AUC {ours:.4f}  word list {words:.4f}"
                f"{_beside_linear(linear, rows)}{_beside(detoxify, rows)}"
            )
            if one.file.startswith("madlibs"):
                _print_groups(rows)
    frame = read_articles(data).with_columns(language=pl.lit("eng"))
    articles = ToxicityScorer()(frame)["toxicity"]
    shares = [f"{(articles > limit).mean():.4f} above {limit}" for limit in (0.5, 0.9)]
    print(f"  ordinary articles: {', '.join(shares)}")
    alarms = (
        try_templates(ToxicitySection()).group_by("language").agg(pl.sum("alarms", "sentences"))
    )
    told = [f"{row[0]} {row[1]} of {row[2]}" for row in alarms.sort("language").rows()]
    print(
        f"  false alarms at 0.9 on sentences without offence that name a group: {', '.join(told)}"
    )
    _print_rates(frame, lists["eng"])
    if detoxify is not None and checkpoint is not None:
        print_detoxify_rate(str(checkpoint), checkpoint, frame.head(_DETOXIFY_ARTICLES))


def _print_rates(frame: pl.DataFrame, words: str) -> None:
    model = load_fasttext(BUNDLED / "toxicity.ftz")
    whole = frame["text"].str.replace_all(r"\s+", " ").to_list()
    lower = frame["text"].str.to_lowercase()
    peers: dict[str, Callable[[], object]] = {
        "bare predict": partial(model.predict, whole),
        "word list": lambda: lower.str.count_matches(words),
    }
    print_rate("toxicity", frame["text"], partial(ToxicityScorer(), frame), peers)


def _detoxify(checkpoint: Path | None) -> Callable[[pl.DataFrame], pl.DataFrame] | None:
    if find_spec("detoxify") is None or find_spec("torch") is None:
        print("  Detoxify is not installed (pip install 'curate[detoxify]'): not run")
        return None
    if checkpoint is None:
        print("  no --checkpoint of Detoxify: not run (`benchmarks.detoxify` has its rate)")
        return None
    from curate.score.detoxify import DetoxifyScorer

    return DetoxifyScorer(str(checkpoint))


def _linear() -> Callable[[list[str]], object] | None:
    """`alt-profanity-check`: a linear model of words, of the Jigsaw comments and Davidson's tweets."""
    if find_spec("profanity_check") is None:
        print("  alt-profanity-check is not installed: not run")
        return None
    found: Callable[[list[str]], object] = import_module("profanity_check").predict_prob
    return found


def _beside_linear(linear: Callable[[list[str]], object] | None, rows: pl.DataFrame) -> str:
    if linear is None or rows["language"][0] != "eng":
        return ""
    scored = pl.Series(linear(rows["text"].to_list()), dtype=pl.Float64)
    return f"  alt-profanity-check {area_under_curve(rows['toxic'], scored):.4f}"


def _beside(detoxify: Callable[[pl.DataFrame], pl.DataFrame] | None, rows: pl.DataFrame) -> str:
    if detoxify is None:
        return ""
    few = rows.select("text", "toxic", "language").gather_every(
        max(rows.height // _DETOXIFY_ROWS, 1)
    )
    scored = detoxify(few).filter(pl.col("toxicity_state").is_null())
    if not scored.height:
        return "  Detoxify does not speak it"
    return f"  Detoxify {area_under_curve(scored['toxic'], scored['toxicity']):.4f} ({scored.height} rows)"


def _print_groups(rows: pl.DataFrame) -> None:
    clean = rows.filter(~pl.col("toxic"))
    whole = (clean["toxicity"] > 0.5).mean()
    parts = []
    for term in _TERMS.split():
        part = clean.filter(pl.col("text").str.to_lowercase().str.contains(rf"\b{term}\b"))
        parts.append(f"{term} {(part['toxicity'] > 0.5).mean() or 0.0:.2f}")
    print(f"    false positives above 0.5: all {whole:.2f}; {', '.join(parts)}")


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
