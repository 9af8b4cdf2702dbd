"""Language and script of a document, by any fastText language model.

What the model sees of a document: the whole text up to 360 characters; of a longer one five windows
of 72 characters, evenly spaced; addresses (URLs, e-mail) are left out. The label gives the language and, where it has one, the script;
else the script is the text's own, the one with the most letters. Where the model's card has a
`calibration`, the score is a probability: the share of texts of so many letters and such a score,
among those that the card names, whose language was right.

The language is `und`, score 0, of a text with too few letters or with fewer letters than digits and
signs, of code (by the signs that prose hardly uses), where the script of the label holds less than
a tenth of the letters seen, and where a calibrated score is below 0.2.

The shares of a document's languages are those of six such windows, cut to one line each (up to 432
characters: of its lines, by their letters). A window counts for another language than the document's
where the model is sure of it (0.8); the document's language is then the one with the largest share,
and `und` where none has half.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import ComponentError
from curate.languages import (
    ISO_639_1,
    NO_SCRIPT,
    SCRIPT_PARTS,
    SCRIPT_RUNS,
    UNKNOWN,
    WIKIPEDIA_CODES,
    canonical,
)
from curate.models import (
    card,
    find_model,
    identity,
    label_probabilities,
    load_fasttext,
    top_label,
)

WINDOW_CHARACTERS = 72
SAMPLE_WINDOWS = 5
LINE_WINDOWS = 6
MINIMUM_SCRIPT_SHARE = 0.1
MINIMUM_LETTERS = 6  # weighted by script, see _DENSE_WEIGHT
MINIMUM_ANSWER = 0.2  # a calibrated score below it is no answer
SURE = 0.8  # from here up a line is of another language than its document
SURE_LETTERS = 20
MAXIMUM_CODE_MARKS = 0.05  # of the characters that are no white space; prose has 0.01
_CODE_MARKS = r"[{}=<>_\\|&+$@^~`]|[)}\]];|//|\(\)|\w\(|\w\[\w*[A-Za-z]\w*\]"
_ADDRESS = r"(?i)\b(?:https?://|www\.)\S+|\S+@\S+\.\w+"
_ADDRESS_SIGNS = ["://", "www.", "@"]  # one of which every address holds
_DENSE = ("Hani", "Hira", "Kana", "Hang", "Ethi", "Yiii")
_DENSE_WEIGHT = 3  # a letter of theirs is a syllable or a word
_KANA_SHARE = 0.1  # of Han and kana together: Japanese prose has about half, Chinese none
_CHUNK = 256  # documents whose code points are held at once


@dataclass(frozen=True)
class LanguageScorer:
    """Adds `language`, `script`, `language_score`, `languages`, `language_share` and the state.

    Attributes:
        model: `bundled`, the path of a fastText model whose labels are language codes (`en`, `eng`,
            `eng_Latn`, `zh-Hans`), or the name of one in the registry.
    """

    model: str = "bundled"

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score the column `text`.

        Returns:
            The rows with `language` (ISO 639-3, `und` where unknown), `script` (ISO 15924, `Zyyy`
            without letters), `language_score` (0–1), `languages` (`eng:0.70 deu:0.30`: the share of
            each, the largest first; null without letters), `language_share` (0–1, of `language`;
            0 where it is `und`) and `language_state` (null: every text has a value).

        Raises:
            RecipeError: the model's file is not there.
            ComponentError: it is no fastText classifier, or its labels are no languages.
        """
        path = find_model(self.model, "language")
        texts = sample(frame["text"])
        whole = identify(path, texts)
        lines = _lines(frame["text"])
        parts = lines.select("row").hstack(identify(path, lines["line"]))
        merged = _merge(whole.with_row_index("row"), parts)
        return frame.with_columns(
            *merged.select("language", "script", "language_score", "languages", "language_share"),
            pl.lit(None, pl.String).alias("language_state"),
        )

    def identity(self) -> str:
        """What of the model shapes the scores."""
        path = find_model(self.model, "language")
        calibration = card(path).get("calibration")
        if calibration is None:
            return identity(path)
        told = json.dumps(calibration, sort_keys=True).encode()
        return f"{identity(path)}:{hashlib.blake2b(told, digest_size=16).hexdigest()}"


def identify(path: Path, texts: pl.Series) -> pl.DataFrame:
    """The language of each text as a whole: `language`, `script`, `language_score`, `letters`."""
    codes = label_codes(path)
    texts = _without_addresses(texts)
    counts = _script_counts(texts)
    weighted = counts * _WEIGHTS
    found = _likeliest(path, texts, _dominant(weighted))
    calibration = card(path).get("calibration")
    own = _dominant(counts)
    letters = counts.sum(axis=1)
    scores = calibrate(found["probability"].to_numpy(), letters, calibration)
    readable = (weighted.sum(axis=1) >= MINIMUM_LETTERS) & _is_prose(texts, letters)
    if calibration is not None:
        readable &= scores >= MINIMUM_ANSWER
    languages, scripts = [], []
    rows = zip(found["label"].to_list(), own, readable.tolist(), letters.tolist(), strict=True)
    for row, (label, own_script, is_readable, of_letters) in enumerate(rows):
        language, script = codes.get(label, (None, None))
        named = script or own_script
        share = sum(int(counts[row, part]) for part in _script_columns(named)) if is_readable else 0
        if language is None or not is_readable or share < MINIMUM_SCRIPT_SHARE * max(of_letters, 1):
            languages.append(UNKNOWN)
            scripts.append(own_script)
        else:
            languages.append(language)
            scripts.append(named)
    return pl.DataFrame(
        {
            "language": pl.Series(languages, dtype=pl.String),
            "script": pl.Series(scripts, dtype=pl.String),
            "language_score": pl.Series(scores, dtype=pl.Float64),
            "letters": pl.Series(letters, dtype=pl.Int64),
        }
    ).with_columns(
        pl.when(pl.col("language") == UNKNOWN)
        .then(0.0)
        .otherwise("language_score")
        .alias("language_score")
    )


def _likeliest(path: Path, texts: pl.Series, scripts: list[str]) -> pl.DataFrame:
    """The likeliest label of each text, among those of its script.

    A Chinese sentence full of foreign names is in the language of its Chinese letters, however
    sure the model is of the names': where the likeliest label is written in another script, the
    model is asked again for the letters of the text's own. Where no label has it, the first stays.

    Args:
        path: the model.
        texts: what is looked at.
        scripts: of each text, the script with the most letters.

    Returns:
        Columns `label` and `probability`, as `top_label` has them; the probability is the label's
        share among those of the script.
    """
    found = top_label(path, texts)
    codes = label_codes(path)
    written = {label: script for label, (_, script) in codes.items() if script is not None}
    labels = found["label"].to_list()
    others = [
        row
        for row, (label, script) in enumerate(zip(labels, scripts, strict=True))
        if label in written and not _is_written(written[label], script)
    ]
    own = [_letters_of(texts[row], scripts[row]) for row in others]
    told = label_probabilities(path, pl.Series("text", own, dtype=pl.String))
    probabilities = found["probability"].to_list()
    for row, values in zip(others, told, strict=True):
        fitting = {
            label: value
            for label, value in values.items()
            if label in written and _is_written(written[label], scripts[row])
        }
        if fitting:
            labels[row] = max(fitting, key=lambda label: fitting[label])
            probabilities[row] = fitting[labels[row]] / max(sum(fitting.values()), 1e-9)
    return pl.DataFrame(
        {"label": labels, "probability": probabilities},
        schema={"label": pl.String, "probability": pl.Float64},
    )


def _is_written(script: str, main: str) -> bool:
    """Whether a label's script is that of a text; Japanese has kana, so that Han alone is another's."""
    return script == main or (script != "Jpan" and SCRIPT_PARTS.get(script, (script,))[0] == main)


def _letters_of(text: str, script: str) -> str:
    """A text with a space for every run of letters in other scripts."""
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32).copy()
    kept = (*_script_columns(script), _SCRIPTS[NO_SCRIPT])
    points[~np.isin(_SCRIPT_OF[points], kept)] = ord(" ")
    return points.tobytes().decode("utf-32-le")


def _without_addresses(texts: pl.Series) -> pl.Series:
    """The texts with a space for every URL and e-mail: few have one, and to look for them is dear."""
    rows = texts.str.contains_any(_ADDRESS_SIGNS, ascii_case_insensitive=True).arg_true()
    return texts.scatter(rows, texts.gather(rows).str.replace_all(_ADDRESS, " "))


def calibrate(
    scores: npt.NDArray[np.float64],
    letters: npt.NDArray[np.int64],
    calibration: list[dict[str, Any]] | None,
) -> npt.NDArray[np.float64]:
    """Probabilities of a model's scores.

    Args:
        scores: of the likeliest label, 0–1.
        letters: of each text.
        calibration: for texts of `letters_from` letters up to the next entry's, `scores` and
            the `probabilities` that they mean, with straight lines between, and from the lowest
            down to nothing: no text of one language had less; None: the scores are
            left as they are.
    """
    if calibration is None:
        return scores
    found = scores.copy()
    for place, entry in enumerate(calibration):
        above = calibration[place + 1]["letters_from"] if place + 1 < len(calibration) else np.inf
        mine = (letters >= entry["letters_from"]) & (letters < above)
        knots, values = [0.0, *entry["scores"]], [0.0, *entry["probabilities"]]
        found[mine] = np.interp(scores[mine], knots, values)
    return found


def sample(texts: pl.Series) -> pl.Series:
    """What of each text is looked at: all of a short one, five windows of a long one."""
    found = [" ".join(_windows(text, SAMPLE_WINDOWS)) for text in texts.fill_null("").to_list()]
    return pl.Series("text", found, dtype=pl.String)


def _windows(text: str, windows: int) -> list[str]:
    """A short text, or evenly spaced pieces, the first at the start and the last at the end."""
    room = len(text) - WINDOW_CHARACTERS
    if len(text) <= windows * WINDOW_CHARACTERS:
        return [text]
    starts = [room * place // (windows - 1) for place in range(windows)]
    return [text[start : start + WINDOW_CHARACTERS] for start in starts]


def _lines(texts: pl.Series) -> pl.DataFrame:
    """The lines that tell the shares of documents with several: `row` and `line`.

    Of a window that lies over several lines it is the longest.
    """
    rows: list[int] = []
    lines: list[str] = []
    for row, text in enumerate(texts.fill_null("").to_list()):
        if "\n" not in text:
            continue
        windows = _windows(text, LINE_WINDOWS)
        if len(windows) == 1:
            found = [line for line in text.split("\n") if line.strip()]
        else:
            found = [
                max(window.split("\n"), key=len) if "\n" in window else window for window in windows
            ]
        if len(found) > 1:
            rows += [row] * len(found)
            lines += found
    return pl.DataFrame({"row": rows, "line": lines}, schema={"row": pl.UInt32, "line": pl.String})


def _merge(whole: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Each document's language and shares, of the language of the whole and those of its lines."""
    own = whole.select("row", whole="language", whole_script="script")
    parts = parts.filter(pl.col("letters") > 0).join(own, on="row", maintain_order="left")
    is_sure = (pl.col("language_score") >= SURE) & (pl.col("letters") >= SURE_LETTERS)
    counted = parts.select(
        "row",
        pl.when(is_sure).then("language").otherwise("whole").alias("part_language"),
        pl.when(is_sure).then("script").otherwise("whole_script").alias("part_script"),
        pl.when(is_sure).then("language_score").alias("part_score"),
        "letters",
    )
    shares = (
        counted.group_by("row", "part_language")
        .agg(
            pl.col("letters").sum(),
            pl.col("part_script").first(),
            pl.col("part_score").mean(),
        )
        .with_columns(share=(pl.col("letters") / pl.col("letters").sum().over("row")).round(2))
        .sort("row", "letters", "part_language", descending=[False, True, False])
    )
    told = pl.format("{}:{}", "part_language", pl.col("share").round(2))
    first = shares.group_by("row", maintain_order=True).agg(
        pl.col("part_language", "part_script", "part_score", "share").first(),
        told.str.join(" ").alias("languages"),
    )
    frame = whole.join(first, on="row", how="left", maintain_order="left")
    one = pl.when(pl.col("letters") > 0).then(pl.format("{}:1.0", "language"))
    frame = frame.with_columns(pl.coalesce("languages", one), pl.col("share").fill_null(1.0))
    is_other = pl.col("part_language").ne_missing(pl.col("language")) & (
        pl.col("part_language").is_not_null()
    )
    is_mixed = pl.col("share") < 0.5  # noqa: PLR2004 - no language has half
    unknown = is_mixed | (pl.when(is_other).then("part_language").otherwise("language") == UNKNOWN)
    return frame.select(
        pl.when(unknown)
        .then(pl.lit(UNKNOWN))
        .when(is_other)
        .then("part_language")
        .otherwise("language")
        .alias("language"),
        pl.when(is_other & ~is_mixed).then("part_script").otherwise("script").alias("script"),
        pl.when(unknown)
        .then(0.0)
        .when(is_other)
        .then("part_score")
        .otherwise("language_score")
        .alias("language_score"),
        "languages",
        pl.when(unknown).then(0.0).otherwise("share").alias("language_share"),
    )


def _is_prose(texts: pl.Series, letters: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether letters outweigh digits and signs, and signs of code are few."""
    text = pl.col("text")
    frame = pl.DataFrame({"text": texts}).select(
        seen=text.str.len_chars() - text.str.count_matches(r"\s"),
        code=text.str.count_matches(_CODE_MARKS),
    )
    seen = np.maximum(frame["seen"].to_numpy(), 1)
    is_code = frame["code"].to_numpy() > MAXIMUM_CODE_MARKS * seen
    return np.asarray((2 * letters >= seen) & ~is_code)


def dominant_script(texts: pl.Series) -> pl.Series:
    """The ISO 15924 script with the most letters in each text; `Zyyy` without letters.

    Han with some kana is `Jpan`; Hangul is `Hang`, Han alone `Hani`.
    """
    return pl.Series("script", _dominant(_script_counts(texts.fill_null(""))), dtype=pl.String)


@functools.lru_cache(maxsize=4)
def label_codes(path: Path) -> dict[str, tuple[str, str | None]]:
    """Language and script that each label of a model means; labels without a meaning are left out.

    Labels are `en`, `eng`, `eng_Latn`, `zh-Hans`, `pt-BR`; where a model uses two-letter codes,
    its others are read as Wikipedia's (`als` is Alemannic there, and Tosk Albanian in ISO 639-3).

    Raises:
        ComponentError: fewer than half of the labels are language codes.
    """
    labels = [label.removeprefix("__label__") for label in load_fasttext(path).get_labels()]
    wikipedia = WIKIPEDIA_CODES if any(label in ISO_639_1 for label in labels) else {}
    found = {}
    for label in labels:
        name = label.replace("_", "-")
        code, *rest = name.split("-")
        language = wikipedia.get(name.lower()) or canonical(code)
        if language is not None:
            script = next((part for part in rest if re.fullmatch("[A-Z][a-z]{3}", part)), None)
            found[label] = (language, script)
    if 2 * len(found) < len(labels) or not found:
        raise ComponentError(
            "[language] model has language codes as labels",
            f"its labels are {labels[:5]}",
            str(path),
            "give a language model, such as 'bundled' or lid.176.ftz",
        )
    return found


def _scripts() -> tuple[dict[str, int], npt.NDArray[np.uint8]]:
    """Index of each script, and the script of each code point."""
    runs = [run.split(":") for run in SCRIPT_RUNS.split()]
    index: dict[str, int] = {NO_SCRIPT: 0}
    table = np.zeros(0x110000, np.uint8)
    for start, name in runs:
        table[int(start, 16) :] = index.setdefault(name, len(index))
    return index, table


_SCRIPTS, _SCRIPT_OF = _scripts()
_NAMES = np.array(list(_SCRIPTS), dtype=object)
_WEIGHTS = np.array([_DENSE_WEIGHT if name in _DENSE else 1 for name in _SCRIPTS], np.int64)


@functools.cache
def _script_columns(script: str) -> tuple[int, ...]:
    """The columns of `_script_counts` that hold the letters of a script."""
    return tuple(_SCRIPTS[part] for part in SCRIPT_PARTS.get(script, (script,)) if part in _SCRIPTS)


def _script_counts(texts: pl.Series) -> npt.NDArray[np.int64]:
    """Letters of each script in each text; the column of `Zyyy` is zero."""
    counts = np.zeros((len(texts), len(_SCRIPTS)), np.int64)
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        points = np.frombuffer("".join(chunk.to_list()).encode("utf-32-le"), np.uint32)
        row = np.repeat(np.arange(len(chunk)), chunk.str.len_chars().to_numpy())
        cell = row * len(_SCRIPTS) + _SCRIPT_OF[points]
        found = np.bincount(cell, minlength=len(chunk) * len(_SCRIPTS))
        counts[start : start + len(chunk)] = found.reshape(len(chunk), -1)
    counts[:, 0] = 0
    return counts


def _dominant(counts: npt.NDArray[np.int64]) -> list[str]:
    kana = counts[:, _SCRIPTS["Hira"]] + counts[:, _SCRIPTS["Kana"]]
    japanese = kana + counts[:, _SCRIPTS["Hani"]]
    names = _NAMES[counts.argmax(axis=1)]
    is_japanese = (kana > 0) & (kana >= _KANA_SHARE * japanese) & (japanese >= counts.max(axis=1))
    names[is_japanese] = "Jpan"
    return list(names)
