"""`curate train language`: openly licensed sentences in, a language model and its card out."""

from __future__ import annotations

import hashlib
import math
import re
import tarfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from lxml import etree

from curate.errors import InputError
from curate.languages import NO_SCRIPT, UNKNOWN, canonical
from curate.models import PREPARATIONS, sha256
from curate.score.language import (
    LanguageScorer,
    dominant_script,
    identify,
    label_codes,
    sample,
)
from curate.train.fit import DataSet, fit, is_test, write_card
from curate.train.romanise import LANGUAGES, romanise
from curate.train.words import LARGE_LINES, NATIONAL_LINES, draw_words

MINIMUM_EXAMPLES = 40  # of a language in a script
LETTERS_FROM = (0, 10, 20, 40, 80, 160, 320)  # texts of so many letters are calibrated together
MINIMUM_BIN = 40  # texts from which a share is taken
MOST_BINS = 25
SURELY = 0.9
PREPARATION = "letters"
PARAMETERS = {
    "dim": 28,
    "minn": 2,
    "maxn": 4,
    "bucket": 200_000,
    "minCount": 1000,  # nearly all is told by character n-grams; words would double the size
    "epoch": 14,
    "lr": 0.5,
    "loss": "softmax",
}
LIMITS = [
    "Scores of one short word or two are guesses: see lingua-words.",
    "Close relatives are confused, above all in short text: Bosnian, Croatian and Serbian; Malay and Indonesian; Bokmål, Nynorsk and Danish; Interlingue, Interlingua, Ido and Novial.",
    "Languages that most pages are in are favoured where a text fits two: Galician may be given as Portuguese, Malay as Indonesian, Cantonese and Wu as Chinese.",
    "A language outside the list is given as a relative or neighbour of its script.",
    "Scores are calibrated on clean sentences with every language about as often as any other, not on web pages; see reliability, which was measured on texts that the calibration was not fitted on.",
    "Hindi, Arabic and Greek in Latin letters were learnt from rules (curate/train/romanise.py), not from what people wrote; other languages in other letters than their own are not known.",
    "Shares of languages come from six windows of a document: a language of less than a sixth may be missed, and close relatives are told apart only where the model is sure.",
]
CHOSEN = (
    "parameters and numbers of drawn lines: on another tenth of the training sets, by hash, left out "
    "for that, and on texts that are in no test family (Wikipedia pages in 97 languages, subtitles in "
    "16, government statements in 5). The rule that a text is in a language of its main script was "
    "made for mistakes seen in pud, and helped on those texts, too."
)
_KAGGLE = {
    "Arabic": "ara",
    "Danish": "dan",
    "Dutch": "nld",
    "English": "eng",
    "French": "fra",
    "German": "deu",
    "Greek": "ell",
    "Hindi": "hin",
    "Italian": "ita",
    "Kannada": "kan",
    "Malayalam": "mal",
    "Portugeese": "por",
    "Russian": "rus",
    "Spanish": "spa",
    "Sweedish": "swe",
    "Tamil": "tam",
    "Turkish": "tur",
}


def train_language(
    data: Path, out: Path, parameters: dict[str, Any] | None = None, peer: Path | None = None
) -> dict[str, Any]:
    """Train `language.ftz` and write its card beside it.

    Of each set that is trained on, the tenth with the lowest hashes is kept for testing, and with
    it every other copy of those sentences; `kaggle-17` and `pud-parallel` are test only. Lines of
    words drawn from the rest (`curate.train.words`) join the sentences of larger languages.

    Args:
        data: the folder with the sets (the files named in `SETS`).
        out: the folder that the model and its card are written to.
        parameters: of `fasttext.train_supervised`, over `PARAMETERS`.
        peer: another language model, whose accuracy on the same texts the card tells, too.

    Returns:
        The card: data, labels, sha256, and for each test family rows, accuracy, the share without
        an answer and the share that is wrong although its score is 0.9 or more.

    Raises:
        InputError: a set is missing or unreadable, or too small to train on.
        ComponentError: fastText failed.
    """
    rows = read_rows(data)
    seen = rows.filter(~pl.col("test"))
    # UDHR has some sixty sentences of one text per language: alone not enough to know it by
    counts = seen.filter(pl.col("family") != "udhr").group_by("label").len()
    labels = counts.filter(pl.col("len") >= MINIMUM_EXAMPLES)["label"].sort()
    if len(labels) < 2:  # noqa: PLR2004 - a classifier has at least two classes
        came = f"{len(labels)} languages have {MINIMUM_EXAMPLES} sentences or more"
        raise InputError("training needs two languages", came, str(data), "give more data")
    seen = seen.filter(pl.col("label").is_in(labels.implode()))
    seen = seen.select("label", "text")
    seen = pl.concat([seen, draw_words(seen)])
    letters = PREPARATIONS[PREPARATION](pl.col("text"))
    held_out = rows.filter("held_out").select(letters).to_series().implode()
    seen = seen.filter(~is_test(seen["text"]), ~letters.is_in(held_out))
    model = out / "language.ftz"
    used = {**PARAMETERS, **(parameters or {})}
    count = fit(seen, PREPARATION, model, used)
    card = {
        "name": "language",
        "does": "language and script of a text: labels <ISO 639-3>_<ISO 15924>",
        "command": "curate train language",
        "preparation": PREPARATION,
        "parameters": used,
        "examples": count,
        "languages": len({label.split("_")[0] for label in labels}),
        "labels": labels.to_list(),
        "drawn_lines": {
            "of each language that most pages are in": LARGE_LINES,
            "of each other language of many pages": NATIONAL_LINES,
        },
        "data": [one.described(data) for one in SETS],
        "chosen": CHOSEN,
        "limits": LIMITS,
    }
    write_card(model, card)  # before the test: the scorer reads the preparation from it
    tested = rows.filter(pl.col("test"), pl.col("label").is_in(labels.implode()))
    tested = tested.unique(["family", "label", "text"], maintain_order=True)
    tested = pl.concat([tested, _documents(tested)])
    fitted = tested.filter(~pl.col("held_out"), _is_fitted(tested["text"]))
    card["calibration"] = fit_calibration(model, fitted)
    write_card(model, card)
    tested = tested.with_columns(fitted=~pl.col("held_out") & _is_fitted(tested["text"]))
    tested = LanguageScorer(str(model))(tested.rename({"language": "truth"}).drop("script"))
    tested = tested.with_columns(right=pl.col("truth") == pl.col("language"))
    card |= _scores(tested)
    if peer is not None:
        card["peer"] = _compared(tested, peer)
    return write_card(model, card)


def read_rows(data: Path) -> pl.DataFrame:
    """All sentences of the sets, those made by romanising some among them.

    Returns:
        `family`, `text`, `language`, `script`, `label`, `held_out` (of a set for testing alone) and
        `test` (training never sees it).

    Raises:
        InputError: a set is missing or unreadable.
    """
    rows = pl.concat(one.load(data).with_columns(held_out=pl.lit(one.held_out)) for one in SETS)
    codes = {code: canonical(code) for code in rows["code"].unique().to_list()}
    rows = rows.with_columns(
        language=pl.col("code").replace_strict(codes, default=None, return_dtype=pl.String),
        script=dominant_script(rows["text"]),
        test=is_test(rows["text"]) | pl.col("held_out"),
    ).filter(
        pl.col("language").is_not_null(),
        pl.col("language") != UNKNOWN,
        pl.col("script") != NO_SCRIPT,
    )
    rows = pl.concat([rows, _romanised(rows)])
    return rows.with_columns(label=pl.format("{}_{}", "language", "script"))


def _romanised(rows: pl.DataFrame) -> pl.DataFrame:
    """Sentences of a few languages in Latin letters, each in two spellings."""
    own = rows.filter(
        pl.col("language").is_in(LANGUAGES),
        pl.col("script") != "Latn",
        pl.col("family").is_in(["tatoeba", "flores"]),
    )
    made = []
    for variant in (0, 1):
        texts = [romanise(t, c, variant) for t, c in own.select("text", "language").iter_rows()]
        made.append(own.with_columns(pl.Series("text", texts, dtype=pl.String)))
    return pl.concat(made).with_columns(
        family=pl.lit("romanised"), script=dominant_script(pl.concat(made)["text"])
    )


def _documents(tested: pl.DataFrame) -> pl.DataFrame:
    """Longer texts: five sentences of one language and set in a row."""
    one = tested.filter(~pl.col("family").is_in(["lingua-words", "romanised"]))
    place = pl.int_range(pl.len()).over("family", "label") // 5
    joined = one.with_columns(place=place).group_by("family", "label", "place", maintain_order=True)
    found = joined.agg(pl.all().exclude("text").first(), pl.col("text").str.join(" "))
    return found.select(tested.columns).with_columns(family=pl.lit("five sentences"))


def _is_fitted(texts: pl.Series) -> pl.Series:
    """Whether the calibration is fitted on a text of the held-out tenth: half of them, by hash."""
    return pl.Series([hashlib.blake2b(t.encode()).digest()[0] < 128 for t in texts])  # noqa: PLR2004


def fit_calibration(model: Path, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """What a model's scores mean, for texts of so many letters: isotonic regression.

    Args:
        model: the model, with a card without calibration.
        rows: `text` and the right `language`; none that the model was trained on.

    Returns:
        As `curate.score.language.calibrate` takes it.
    """
    found = (
        rows.rename({"language": "truth"})
        .select("truth")
        .hstack(identify(model, sample(rows["text"])))
    )
    found = found.filter(pl.col("language") != UNKNOWN)
    letters = found["letters"].to_numpy()
    right = (found["language"] == found["truth"]).to_numpy().astype(float)
    scores = found["language_score"].to_numpy()
    calibration = []
    for low, high in pairwise((*LETTERS_FROM, math.inf)):
        mine = (letters >= low) & (letters < high)
        if mine.sum() >= MINIMUM_BIN:
            knots, values = _isotonic(scores[mine], right[mine])
            calibration.append({"letters_from": low, "scores": knots, "probabilities": values})
    if calibration:
        calibration[0]["letters_from"] = 0
    return calibration


def _isotonic(
    scores: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> tuple[list[float], list[float]]:
    """Knots of a rising curve through the shares of bins of equal size: pool adjacent violators."""
    order = np.argsort(scores, kind="stable")
    bins = np.array_split(order, max(min(len(order) // MINIMUM_BIN, MOST_BINS), 1))
    blocks: list[list[float]] = []  # sum of scores, right ones, all
    for part in bins:
        blocks.append([float(scores[part].sum()), float(right[part].sum()), float(len(part))])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    knots = [round(total / rows, 6) for total, _, rows in blocks]
    values = [round((ones + 0.5) / (rows + 1), 4) for _, ones, rows in blocks]
    return [round(float(scores.min()), 6), *knots], [values[0], *values]


def _scores(tested: pl.DataFrame) -> dict[str, Any]:
    """Accuracy per family and language, and how often a score is right that was not fitted."""
    rows = pl.len().alias("rows")
    accuracy = pl.col("right").mean().round(4).alias("accuracy")
    no_answer = (pl.col("language") == UNKNOWN).mean().round(4).alias("undetermined")
    wrong = (~pl.col("right") & (pl.col("language_score") >= SURELY)).mean().round(4)
    families = tested.group_by("family").agg(
        rows, accuracy, no_answer, wrong.alias(f"wrong_above_{SURELY}")
    )
    families = families.sort("family")
    sentences = tested.filter(~pl.col("family").is_in(["lingua-words", "romanised"]))
    languages = sentences.group_by("truth").agg(accuracy).sort("truth")
    fresh = tested.filter(~pl.col("fitted"), pl.col("language") != UNKNOWN)
    tenth = ((pl.col("language_score") * 10).floor().clip(0, 9) / 10).round(1)
    mean = pl.col("language_score").mean().round(4).alias("mean_score")
    bins = fresh.group_by(tenth.alias("score_from")).agg(rows, mean, accuracy).sort("score_from")
    sizes = bins["rows"] / max(fresh.height, 1)
    error = ((bins["mean_score"] - bins["accuracy"]).abs() * sizes).sum()
    return {
        "scores": {row.pop("family"): row for row in families.to_dicts()},
        "accuracy_by_language": dict(languages.iter_rows()),
        "reliability": bins.to_dicts(),
        "calibration_error": round(float(error), 4),
    }


def _compared(tested: pl.DataFrame, peer: Path) -> dict[str, Any]:
    """Both models on the languages that both know, by family."""
    known = sorted({language for language, _ in label_codes(peer).values()})
    both = tested.filter(pl.col("truth").is_in(known))
    theirs = LanguageScorer(str(peer))(both.select("text"))["language"]
    families = (
        both.with_columns(theirs=theirs)
        .group_by("family")
        .agg(
            rows=pl.len(),
            accuracy=pl.col("right").mean().round(4),
            peer_accuracy=(pl.col("theirs") == pl.col("truth")).mean().round(4),
            undetermined=(pl.col("language") == UNKNOWN).mean().round(4),
            peer_undetermined=(pl.col("theirs") == UNKNOWN).mean().round(4),
        )
        .sort("family")
    )
    return {
        "name": peer.name,
        "sha256": sha256(peer),
        "languages": len(known),
        "scores": {row.pop("family"): row for row in families.to_dicts()},
    }


def _table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, separator="\t", quote_char=None, infer_schema=False)


def _tatoeba(path: Path) -> pl.DataFrame:
    table = _table(path)
    english = table["eng"].unique(maintain_order=True).head(3000)
    return pl.concat(
        [
            table.select(family=pl.lit("tatoeba"), code="lang", text="text"),
            english.to_frame().select(family=pl.lit("tatoeba"), code=pl.lit("eng"), text="eng"),
        ]
    )


def _flores(path: Path) -> pl.DataFrame:
    return _table(path).select(family=pl.lit("flores"), code="lang", text="text")


def _lingua(path: Path) -> pl.DataFrame:
    is_sentence = pl.col("kind") == "sentences"
    family = pl.when(is_sentence).then(pl.lit("lingua-sentences")).otherwise(pl.lit("lingua-words"))
    return _table(path).select(family=family, code="lang", text="text")


def _udhr(path: Path) -> pl.DataFrame:
    codes, texts = [], []
    with tarfile.open(path) as archive:
        index = _member(archive, "index.xml").decode()
        languages = dict(re.findall(r"<udhr f='([^']*)'\s+iso639-3='([^']*)'", index))
        for name in sorted(archive.getnames()):
            code = languages.get(name.removeprefix("udhr_").removesuffix(".xml"))
            if code is not None:
                for paragraph in etree.fromstring(_member(archive, name)).iter("{*}para"):
                    codes.append(code)
                    texts.append(" ".join(paragraph.itertext()))
    return pl.DataFrame({"code": codes, "text": texts}, schema=_CODE_TEXT).select(
        pl.lit("udhr").alias("family"), "code", "text"
    )


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    return b"" if file is None else file.read()


def _kaggle(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, has_header=False, new_columns=["text", "name"], infer_schema=False)
    code = pl.col("name").replace_strict(_KAGGLE, default=None, return_dtype=pl.String)
    return table.select(family=pl.lit("kaggle"), code=code, text="text").drop_nulls()


def _pud(path: Path) -> pl.DataFrame:
    return _table(path).select(family=pl.lit("pud"), code="lang", text="text")


_CODE_TEXT = {"code": pl.String, "text": pl.String}
SETS = (
    DataSet(
        "tatoeba-112.tsv.gz",
        "facebookresearch/LASER data/tatoeba/v1",
        "CC-BY 2.0 FR",
        "Tatoeba and its contributors (tatoeba.org)",
        _tatoeba,
    ),
    DataSet(
        "flores101-devtest.tsv.gz",
        "Helsinki-NLP/OPUS-MT-train testsets/flores101",
        "CC-BY-SA 4.0",
        "FLORES-101: Goyal et al. 2021 (arXiv 2106.03193)",
        _flores,
    ),
    DataSet(
        "lingua-75.tsv.gz",
        "pemistahl/lingua-py language-testdata",
        "Apache-2.0 (collection), CC-BY (sentences)",
        "Leipzig Corpora Collection: Goldhahn, Eckart and Quasthoff 2012",
        _lingua,
    ),
    DataSet(
        "udhr-xml.tar.gz",
        "unicode-org/udhr",
        "free to use with attribution",
        "Office of the United Nations High Commissioner for Human Rights",
        _udhr,
    ),
    DataSet(
        "kaggle-17-languages.csv",
        "pulkit48/Language_detection_tool",
        "CC0 as published, unverified",
        "Language Detection data set on Kaggle",
        _kaggle,
        held_out=True,
    ),
    DataSet(
        "pud-parallel.tsv.gz",
        "UniversalDependencies/UD_*-PUD",
        "CC-BY-SA 3.0",
        "Parallel Universal Dependencies (CoNLL 2017 shared task)",
        _pud,
        held_out=True,
    ),
)
