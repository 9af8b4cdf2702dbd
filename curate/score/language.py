"""Language and script of a document, by any fastText language model.

What the model sees of a document: the whole text up to 1,200 characters; of a longer one its
first, middle and last 400 characters. The label gives the language and, where it has one, the
script; else the script is the text's own, the one with the most letters. A label whose script
holds less than a tenth of the letters seen is no answer: the language is then `und`, score 0, as
it is for a text without letters.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

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
from curate.models import find_model, identity, load_fasttext, top_label

SAMPLE_CHARACTERS = 1200
MINIMUM_SCRIPT_SHARE = 0.1
_KANA_SHARE = 0.1  # of Han and kana together: Japanese prose has about half, Chinese none
_CHUNK = 256  # documents whose code points are held at once


@dataclass(frozen=True)
class LanguageScorer:
    """Adds `language`, `script`, `language_score` and `language_state`.

    Attributes:
        model: `bundled`, or the path of a fastText model whose labels are language codes
            (`en`, `eng`, `eng_Latn`, `zh-Hans`).
    """

    model: str = "bundled"

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score the column `text`.

        Returns:
            The rows with `language` (ISO 639-3, `und` where unknown), `script` (ISO 15924, `Zyyy`
            without letters), `language_score` (the model's probability, 0–1) and
            `language_state` (null: every text has a value).

        Raises:
            RecipeError: the model's file is not there.
            ComponentError: it is no fastText classifier, or its labels are no languages.
        """
        path = find_model(self.model, "language")
        codes = label_codes(path)
        texts = sample(frame["text"])
        found = top_label(path, texts)
        counts = _script_counts(texts)
        own = _dominant(counts)
        letters = counts.sum(axis=1)
        languages, scripts, scores = [], [], []
        for row, (label, score) in enumerate(found.iter_rows()):
            language, script = codes.get(label, (None, None))
            parts = SCRIPT_PARTS.get(script or own[row], (script or own[row],))
            share = sum(int(counts[row, _SCRIPTS[part]]) for part in parts if part in _SCRIPTS)
            if language is None or share < MINIMUM_SCRIPT_SHARE * max(letters[row], 1):
                languages.append(UNKNOWN)
                scripts.append(own[row])
                scores.append(0.0)
            else:
                languages.append(language)
                scripts.append(script or own[row])
                scores.append(score)
        return frame.with_columns(
            pl.Series("language", languages, dtype=pl.String),
            pl.Series("script", scripts, dtype=pl.String),
            pl.Series("language_score", scores, dtype=pl.Float64),
            pl.lit(None, pl.String).alias("language_state"),
        )

    def identity(self) -> str:
        """What of the model shapes the scores."""
        return identity(find_model(self.model, "language"))


def sample(texts: pl.Series) -> pl.Series:
    """What of each text is looked at: all of a short one, three pieces of a long one."""
    text = pl.col("text").fill_null("")
    piece = SAMPLE_CHARACTERS // 3
    pieces = [text.str.head(piece), text.str.slice(text.str.len_chars() // 2 - piece // 2, piece)]
    return (
        pl.DataFrame({"text": texts}, schema={"text": pl.String})
        .select(
            pl.when(text.str.len_chars() <= SAMPLE_CHARACTERS)
            .then(text)
            .otherwise(pl.concat_str(*pieces, text.str.tail(piece), separator=" "))
        )
        .to_series()
    )


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
