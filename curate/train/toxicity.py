"""`curate train toxicity`: openly licensed labelled posts in, a toxicity model and its card out."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import InputError
from curate.score.templates import load_templates
from curate.score.toxicity import ToxicityScorer
from curate.train.fit import DataSet, area_under_curve, fit, is_test, write_card
from curate.train.toxicity_sets import SETS

LANGUAGES = ("deu", "eng", "zho")
PREPARATION = "letters"
PARAMETERS = {
    "dim": 30,
    "wordNgrams": 2,
    "minn": 2,
    "maxn": 5,
    # Of the n-grams only the strongest stay (`cutoff`): many buckets cost memory in training (1 GB) and
    # no byte of the model, and a prime spreads the hash best. With a million, a Chinese sentence had an
    # English insult's bucket.
    "bucket": 8_000_009,
    "minCount": 5,
    "epoch": 5,
    "lr": 0.2,
    "loss": "softmax",
}
QUANTIZATION = {"cutoff": 100_000, "retrain": True, "epoch": 1, "lr": 0.1, "qnorm": True}
LIMITS = [
    "Words, not meaning: quoted, denied, reclaimed or counter-spoken slurs score high; hate without bad words scores low (see functions).",
    "Most English posts are tweets in which African-American English is over-represented among those labelled offensive: expect false positives on that dialect.",
    "Languages beside German, English and Chinese are not covered and not scored.",
    "One insult in a piece of ordinary prose is diluted by it: a short one is often not seen.",
    "Chinese, short phrases: hostility toward a group that names no insult is hardly seen (see sentence-templates-zh-cn).",
    "The maximum over a document's pieces grows with its length.",
    "Probabilities are the model's own, not calibrated on web pages.",
    "Settings were chosen with surge-toxicity-en, cold-zh-dev and ordinary articles in view: their scores are a little too good.",
    "Half of surge-toxicity-en was looked at when threats and abuse were added to insults.toml.",
    "A piece is scored by its letters alone: what emoji, stars and digits say is not seen.",
    "The template tests resemble frames that the model was trained on (curate/train/insults.toml), though none is the same.",
]
LEVELS = (0.5, 0.9)  # of the score, at which the card tells what is caught
_COMMON = 3  # times that a word is seen in ordinary prose


def train_toxicity(
    data: Path, out: Path, parameters: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Train `toxicity.ftz` and write its card beside it.

    Of each set that is trained on, the tenth with the lowest hashes is kept for testing; whole
    sets are for testing only. Ordinary sentences from the folders beside `data` (`langid`, `text`,
    `bias`) show what is not toxic.

    Args:
        data: the folder with the sets (the files named in `SETS`), in the folder of all data sets.
        out: the folder that the model and its card are written to.
        parameters: of `fasttext.train_supervised`, over `PARAMETERS`.

    Returns:
        The card: data, sha256, the area under the ROC curve for each test set, accuracy by
        HateCheck function, false positives by identity group, and the share of ordinary sentences
        above a limit.

    Raises:
        InputError: a set is missing or unreadable, or has nothing to train on.
        ComponentError: fastText failed.
    """
    rows = pl.concat(
        [
            one.load(data).with_columns(family=pl.lit(_family(one)), held_out=pl.lit(one.held_out))
            for one in SETS
        ],
        how="diagonal",
    ).drop_nulls(["text", "toxic"])
    prose = [_family(one) for one in SETS if one.file.startswith("..")]
    rows = rows.with_columns(
        prose=pl.col("family").is_in(prose), test=is_test(rows["text"]) | pl.col("held_out")
    )
    rows = rows.filter(~(pl.col("family").eq("tatoeba-112") & _has_insult(pl.col("text"))))
    seen = rows.filter(~pl.col("test"))
    seen = pl.concat([seen.select("text", "toxic"), _plain_words(seen), _frames()])
    if rows.filter(~pl.col("test"), ~pl.col("prose"))["toxic"].n_unique() < 2:  # noqa: PLR2004
        came = "the sets hold one of them at most"
        raise InputError("training needs toxic and other posts", came, str(data), "give more data")
    label = pl.when("toxic").then(pl.lit("toxic")).otherwise(pl.lit("clean")).alias("label")
    model = out / "toxicity.ftz"
    used = {**PARAMETERS, **(parameters or {})}
    count = fit(seen.select("text", label), PREPARATION, model, used, QUANTIZATION)
    card = {
        "name": "toxicity",
        "does": "whether a post is toxic: labels toxic, clean; a document has its pieces' highest",
        "command": "curate train toxicity",
        "preparation": PREPARATION,
        "parameters": used,
        "quantization": QUANTIZATION,
        "examples": count,
        "languages": list(LANGUAGES),
        "data": [one.described(data) for one in SETS],
        "own_data": "curate/train/insults.toml: frames with groups and insults, written for this",
        "limits": LIMITS,
    }
    write_card(model, card)  # before the test: the scorer reads the preparation from it
    tested = pl.concat([rows.filter("test"), _templates()], how="diagonal_relaxed")
    return write_card(model, {**card, **_scores(ToxicityScorer(str(model))(tested))})


def _templates() -> pl.DataFrame:
    """The audit's sentences without offence, a family for each language."""
    family = pl.format("audit-templates-{}", "language").alias("family")
    return load_templates().select(
        "text", family, group=pl.format("{}: {}", "axis", "group"), toxic=pl.lit(value=False)
    )


def _scores(tested: pl.DataFrame) -> dict[str, Any]:
    """AUC per family; on prose the share above a limit; by HateCheck function the share caught."""
    scores: dict[str, Any] = {}
    for (family,), rows in sorted(tested.group_by("family")):
        found: dict[str, Any] = {"rows": rows.height}
        if rows["toxic"].n_unique() > 1:
            found["auc"] = round(area_under_curve(rows["toxic"], rows["toxicity"]), 4)
        for limit in LEVELS:
            for toxic, part in sorted(rows.group_by("toxic")):
                kind = "toxic" if toxic[0] else "clean"
                share = (part["toxicity"] > limit).mean()
                found[f"{kind}_above_{limit}"] = round(float(str(share)), 4)
        scores[str(family)] = found
    functions = (
        tested.drop_nulls("function")
        .group_by("family", "function", "toxic")
        .agg(
            pl.len().alias("rows"),
            *(
                (pl.col("toxicity") > limit).mean().round(4).alias(f"above_{limit}")
                for limit in LEVELS
            ),
            *(_accuracy(limit).alias(f"accuracy_at_{limit}") for limit in LEVELS),
        )
        .sort("family", "function", "toxic")
    )
    return {
        "scores": scores,
        "functions": functions.to_dicts(),
        "false_positives_by_group": _score_groups(tested.filter(~pl.col("toxic"))),
    }


def _accuracy(limit: float) -> pl.Expr:
    return ((pl.col("toxicity") > limit) == pl.col("toxic")).mean().round(4)


def _score_groups(clean: pl.DataFrame) -> list[dict[str, Any]]:
    """False positives by identity group."""
    above = {f"above_{n}": (pl.col("toxicity") > n).mean().round(4) for n in LEVELS}
    named = clean.drop_nulls("group").filter(pl.col("group") != "")
    groups = named.group_by("family", "group").agg(pl.len().alias("rows"), **above)
    return groups.sort("family", "group").to_dicts()


def _lexicon() -> dict[str, dict[str, list[str]]]:
    text = (Path(__file__).parent / "insults.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, list[str]]] = tomllib.loads(text)
    return found


def _has_insult(text: pl.Expr) -> pl.Expr:
    """Whether a sentence has a word of the lexicon: then it is no example of ordinary prose."""
    words = {word for one in _lexicon().values() for word in (*one["insults"], *one["attributes"])}
    latin = "|".join(sorted(re.escape(word) for word in words if word.isascii()))
    other = "|".join(sorted(re.escape(word) for word in words if not word.isascii()))
    return text.str.contains(rf"(?i)\b(?:{latin})|(?:{other})")


def _frames() -> pl.DataFrame:
    """Sentences made of the lexicon: groups in neutral and hostile frames, and insults."""
    toxic: list[str] = []
    clean: list[str] = []
    for one in _lexicon().values():
        clean += [frame.format(group) for frame in one["neutral"] for group in one["groups"]]
        clean += [frame.format(person) for frame in one["said"] for person in one["persons"]]
        toxic += [frame.format(group) for frame in one["hostile"] for group in one["groups"]]
        toxic += [*one["threats"], *one["abuse"]]
        toxic += _pairs(one["attributes"], one["insults"], one["subjects"])
        toxic += _pairs(one["attributes"], one["groups"], one["judged"])
        clean += _pairs(one["praise"], one["groups"], one["judged"])
    return pl.DataFrame(
        {"text": clean + toxic, "toxic": [False] * len(clean) + [True] * len(toxic)}
    )


def _pairs(first: list[str], second: list[str], frames: list[str]) -> list[str]:
    """Every two words in one frame, which their hash chooses."""
    made = []
    for one in first:
        for other in second:
            number = hashlib.blake2b(f"{one} {other}".encode(), digest_size=4).digest()[0]
            made.append(frames[number % len(frames)].format(one, other))
    return made


def _plain_words(seen: pl.DataFrame) -> pl.DataFrame:
    """The common words of ordinary prose alone: `bass` is no insult, in a heading or a list."""
    word = pl.col("text").str.to_lowercase().str.extract_all(r"\p{L}+").alias("text")
    words = seen.select("family", "prose", word).explode("text").drop_nulls()
    bad = words.filter(pl.col("family") == "surge-profanity-en")["text"].unique()
    common = words.filter("prose").group_by("text").len().filter(pl.col("len") >= _COMMON)
    plain = common.filter(~pl.col("text").is_in(bad.implode()), ~_has_insult(pl.col("text")))
    return plain.select("text", toxic=pl.lit(False))


def _family(one: DataSet[pl.DataFrame]) -> str:
    return Path(one.file).name.split(".")[0]
