"""Mentions of identity groups and gendered words, counted by lexicon; and derogatory mentions.

The lexicons are `lexicons/<ISO 639-3>.toml`: each says how it was made and which false friends it
knows. A document in a language without one is `not_applicable`.

A term is matched word by word with folded case (words: `curate.text.segment`), the longest term
first, without overlap, within a sentence. Mentions count occurrences: "women and men" is two for
the axis gender. Words say who is spoken of, not what is said: a high count is no fault.

**Derogatory mention.** Within one sentence a group named in the plural ("immigrants", "old people")
is followed by a predicate of the lexicon with a link between them or right behind ("immigrants are
lazy", "dass Frauen dumm sind"), or by a statement ("belong in the kitchen"), with at most `window`
words between, or has a predicate right before it ("lazy immigrants"). Each mention counts once. A
negation between the two or just before them takes it back; a group in particular ("these men are
violent") is none. Who speaks is not seen: a sentence that reports a stereotype counts as well, and
irony, implication and paraphrase do not. So this is a rule to tag and to look at, not a judge.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.text.segment import segment

FOLDER: Final = Path(__file__).parent / "lexicons"
AXES: Final = (
    "gender",
    "religion",
    "nationality",
    "ethnicity",
    "orientation",
    "disability",
    "age",
)
MARKERS: Final = ("dialect_markers", "register_markers")
COUNTS: Final = ("female_words", "male_words", *(f"mentions_{axis}" for axis in AXES), *MARKERS)


@dataclass(frozen=True, eq=False)
class Lexicon:
    """A lexicon, ready to match; the arrays are those of `curate.score.mentions.longest_term`.

    Attributes:
        table: int64[a power of two]: hash table of first words.
        hashes: uint64: hashes of all terms' words.
        offsets: int64[terms + 1]: into `hashes`.
        flags: int64[terms]: what each term is.
        window: words at most between a group and what is said of it.
    """

    table: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    flags: NDArray[np.int64]
    window: int


def score_bias(frame: pl.DataFrame) -> pl.DataFrame:
    """Count gendered words, mentions of groups, and derogatory mentions.

    Args:
        frame: `text`, and `language` (ISO 639-3).

    Returns:
        The rows with `female_words`, `male_words`, `mentions_<axis>` for each of `AXES`,
        `dialect_markers`, `register_markers` (words of a dialect, of informal writing),
        `derogatory_mentions` (all Int64), and `bias_state`: `not_applicable` where the language
        has no lexicon, else null.
    """
    languages = frame["language"].cast(pl.String)
    counts = np.zeros((frame.height, len(COUNTS) + 1), np.int64)
    for language in lexicon_languages():
        rows = (languages == language).fill_null(False).arg_true()
        if len(rows):
            counts[rows.to_numpy()] = _count(frame["text"].gather(rows), load_lexicon(language))
    covered = languages.is_in(lexicon_languages()).fill_null(False)
    names = (*COUNTS, "derogatory_mentions")
    columns = pl.DataFrame(counts, schema=dict.fromkeys(names, pl.Int64))
    return frame.hstack(
        columns.select(
            pl.when(covered).then(pl.col(names)),
            bias_state=pl.when(~covered).then(pl.lit("not_applicable")),
        )
    )


def _count(text: pl.Series, lexicon: Lexicon) -> NDArray[np.int64]:
    from curate.score.mentions import count_mentions

    cut = segment(text)
    counts = np.zeros((len(text), len(COUNTS) + 1), np.int64)
    count_mentions(
        (
            cut.data,
            cut.word_start,
            cut.word_hash,
            cut.word_offsets,
            cut.sentence_end,
            cut.sentence_offsets,
        ),
        lexicon.table,
        (lexicon.hashes, lexicon.offsets, lexicon.flags),
        lexicon.window,
        counts,
    )
    return counts


@cache
def lexicon_languages() -> tuple[str, ...]:
    """The languages that have a lexicon (ISO 639-3), sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def load_lexicon(language: str) -> Lexicon:
    """The lexicon of a language."""
    content = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    named = term_flags(content)
    cut = segment(pl.Series("text", list(named), pl.String))
    merged: dict[tuple[int, ...], int] = {}  # spellings that fold to the same words are one term
    for i, flags in enumerate(named.values()):
        words = tuple(cut.word_hash[cut.word_offsets[i] : cut.word_offsets[i + 1]].tolist())
        merged[words] = merged.get(words, 0) | flags
    terms = sorted(merged, key=lambda words: (words[0], -len(words), words))
    size = 1 << (2 * len(terms)).bit_length()
    table = np.full(size, -1, np.int64)
    for i, words in enumerate(terms):
        if i and terms[i - 1][0] == words[0]:
            continue
        slot = words[0] & (size - 1)
        while table[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        table[slot] = i
    return Lexicon(
        table,
        np.array([word for words in terms for word in words], np.uint64),
        np.cumsum([0, *map(len, terms)], dtype=np.int64),
        np.array([merged[words] for words in terms], np.int64),
        int(content["derogation"]["window"]),
    )


def term_flags(content: dict[str, Any]) -> dict[str, int]:
    """The terms of a lexicon file, written out, and what each one is (`curate.score.mentions`)."""
    from curate.score import mentions

    flags: dict[str, int] = {}

    def add(terms: list[str], flag: int) -> None:
        for term in terms:
            flags[term] = flags.get(term, 0) | flag

    add(content["female"].split(), 1 << COUNTS.index("female_words"))
    add(content["male"].split(), 1 << COUNTS.index("male_words"))
    composed: dict[tuple[str, str], int] = {}
    for axis in AXES:
        bit, group = 1 << COUNTS.index(f"mentions_{axis}"), content["axes"][axis]
        add(group["singular"], bit)
        add(group["plural"], bit | mentions.PLURAL)
        for number, flag in (("singular", bit), ("plural", bit | mentions.PLURAL)):
            for people in content[f"people_{number}"].split():
                for adjective in group["before_people"]:
                    composed[adjective, people] = composed.get((adjective, people), 0) | flag
    for (adjective, people), flag in composed.items():  # "old women" names women, too
        add([f"{adjective} {people}"], flag | flags.get(people, 0))
    for column in MARKERS:
        words = content["markers"][column.removesuffix("_markers")]
        add([word for some in words.values() for word in some.split()], 1 << COUNTS.index(column))
    derogation = content["derogation"]
    add(derogation["predicates"], mentions.PREDICATE)
    add(derogation["statements"], mentions.STATEMENT)
    add(derogation["links"], mentions.LINK)
    add(derogation["negations"], mentions.NEGATION)
    add(derogation["specific"], mentions.SPECIFIC)
    add(content["matching"]["capitalised"], mentions.CAPITAL)
    return flags


def count_bias(frame: pl.DataFrame) -> pl.DataFrame:
    """The mentions of a set of documents, by source and language; counts add up.

    Args:
        frame: `source`, `language` and the columns of `score_bias`.

    Returns:
        A row for each source and language: `documents`; `documents_scored` (those with a lexicon),
        all that follows is about these; for each axis `documents_<axis>` that mention it;
        `female_words`, `male_words`; `derogatory_documents`.
    """
    return frame.group_by("source", "language").agg(
        pl.len().cast(pl.Int64).alias("documents"),
        pl.col("bias_state").is_null().sum().cast(pl.Int64).alias("documents_scored"),
        *(
            (pl.col(f"mentions_{axis}") > 0).sum().cast(pl.Int64).alias(f"documents_{axis}")
            for axis in AXES
        ),
        pl.col("female_words", "male_words").sum().cast(pl.Int64),
        (pl.col("derogatory_mentions") > 0).sum().cast(pl.Int64).alias("derogatory_documents"),
    )


def summarise_bias(counts: pl.DataFrame) -> pl.DataFrame:
    """The mentions of a set of documents, by source and language, with shares.

    Args:
        counts: what `count_bias` gives, of all documents or of parts of them.

    Returns:
        The columns of `count_bias`, one row for each source and language, sorted; for each axis also
        the share `share_<axis>`, and of the words the ratio `female_to_male` (null without male
        words). Shares have 4 decimals, null where nothing was scored.
    """
    scored, male = pl.col("documents_scored"), pl.col("male_words")
    shares = [
        pl.when(scored > 0)
        .then(pl.col(f"documents_{axis}") / scored)
        .round(4)
        .alias(f"share_{axis}")
        for axis in AXES
    ]
    ratio = pl.when(male > 0).then(pl.col("female_words") / male).round(4).alias("female_to_male")
    summed = counts.group_by("source", "language").agg(pl.all().sum())
    return (
        summed.with_columns(*shares, ratio)
        .select(
            *("source", "language", "documents", "documents_scored"),
            *(f"documents_{axis}" for axis in AXES),
            *(f"share_{axis}" for axis in AXES),
            *("female_words", "male_words", "female_to_male", "derogatory_documents"),
        )
        .sort("source", "language", nulls_last=True)
    )
