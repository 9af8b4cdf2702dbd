"""What published corpora measure of a text's quality, in one pass over its segments.

Words, lines, paragraphs and sentences are those of `curate.text.segment`; characters are Unicode
code points. A share or ratio of nothing is 0, so that every value is defined: an empty document
has 0 everywhere. Lines carry no white space at their ends, and blank lines are none.

- `characters`, `words`, `lines`, `paragraphs`, `sentences`: how many there are.
- `mean_word_length`: characters of the words per word; punctuation is in no word (Rae et al. 2021,
  arXiv 2112.11446, App. A.1; as the published code of FineWeb counts).
- `hash_to_word_ratio`, `ellipsis_to_word_ratio`: `#`, and `...` or `…`, per word (the same).
- `alphabetic_word_share`: words with a letter among all words and all runs between white space that
  hold no word, such as `|` or `***` (the same: there a lone symbol is a word without a letter).
- `stop_words`: how many of *the, be, to, of, and, that, have, with* occur, in any case (the same).
- `bullet_line_share`: lines that begin with `*`, `-` or a bullet of U+2022, 2023, 2043, 204C, 204D,
  25A0, 25A1, 25AA, 25AB, 25B6, 25C0, 25CB, 25CF, 25E6 (the same); not with longer dashes, which open
  the lines of dialogue in many languages.
- `ellipsis_line_share`: lines that end in `...` or `…` (the same).
- `duplicate_line_share`, `duplicate_paragraph_share`: lines (paragraphs) that occurred before in the
  document, and `duplicate_line_character_share`, `duplicate_paragraph_character_share`: their
  characters (Rae et al. 2021, Table A1; the first occurrence is no duplicate). Lines are equal when
  their characters are, paragraphs when their lines are; line breaks are not counted.
- `top_2_gram_character_share` to 4: share of the words' characters that stand in the most frequent
  n-gram of words; 0 when none occurs twice; of equally frequent ones the one that covers most.
- `duplicate_5_gram_character_share` to 10: share of the words' characters that stand in any n-gram
  that occurs twice or more, the first occurrence included, each character counted once (the same
  table: "all duplicate n-grams"). Words are compared in simple case folding.
- `line_punctuation_share`: lines that end in terminal punctuation of any script or in a quotation
  mark; `short_line_share`: lines of fewer than 30 characters (Penedo et al. 2024, arXiv 2406.17557);
  `short_line_share_to_30`: of 30 or fewer; `newline_to_word_ratio`: line feeds per word (both as in
  the published code of FineWeb).
- `has_lorem_ipsum`: the words *lorem ipsum* in a row, in any case; `has_curly_bracket`: a `{`
  (Raffel et al. 2020, arXiv 1910.10683, §2.2).

`quality_state` is always null: no text makes these measurements fail.
"""

from __future__ import annotations

import functools

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.schema import columns_of
from curate.text.segment import Segments, segment

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
# In the order in which `curate.score.measure.measure` gives them.
MEASURED = (
    *("characters", "words", "lines", "paragraphs", "stop_words"),
    *("mean_word_length", "hash_to_word_ratio", "ellipsis_to_word_ratio", "newline_to_word_ratio"),
    *("alphabetic_word_share", "bullet_line_share", "ellipsis_line_share"),
    *("line_punctuation_share", "short_line_share", "short_line_share_to_30"),
    *("has_lorem_ipsum", "has_curly_bracket"),
    *("duplicate_line_share", "duplicate_line_character_share"),
    *("duplicate_paragraph_share", "duplicate_paragraph_character_share"),
    *(f"top_{n}_gram_character_share" for n in (2, 3, 4)),
    *(f"duplicate_{n}_gram_character_share" for n in (5, 6, 7, 8, 9, 10)),
)


def score_quality(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the quality columns (see the module) to documents with a `text`; null is empty."""
    return pl.concat([frame, score_quality_segments(segment(frame["text"]))], how="horizontal")


def score_quality_segments(segments: Segments) -> pl.DataFrame:
    """The quality columns alone, in declared order, of a batch that is already cut."""
    from curate.score.measure import measure  # numba takes half a second to import
    from curate.text.characters import classes

    s = segments
    measured = measure(
        (s.data, s.document_offsets),
        (s.word_start, s.word_end, s.word_hash, s.word_offsets),
        (s.line_start, s.line_end, s.line_offsets),
        (s.paragraph_start, s.paragraph_end, s.paragraph_offsets),
        (classes(), _terms()),
    )
    columns = {name: pl.Series(measured[:, at]) for at, name in enumerate(MEASURED)}
    columns["sentences"] = pl.Series(np.diff(s.sentence_offsets))
    declared = columns_of("quality")
    columns["quality_state"] = pl.Series([None] * len(measured), dtype=pl.String)
    return pl.DataFrame({name: columns[name].cast(dtype) for name, dtype in declared.items()})


@functools.cache
def _terms() -> NDArray[np.uint64]:
    return segment(pl.Series([" ".join(("lorem", "ipsum", *STOP_WORDS))])).word_hash
