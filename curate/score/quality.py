"""What published corpora measure of a text's quality, in one pass over its segments.

Words, lines, paragraphs and sentences are those of `curate.text.segment`; characters are Unicode
code points. A share or ratio of nothing is 0, so that every value is defined: an empty document
has 0 everywhere. Lines carry no white space at their ends, and blank lines are none. Where
publications define one thing in several ways, each is a column of its own, named after them; all
count our words, where each of theirs has its own.

Counts and words
- `characters`, `words`, `lines`, `paragraphs`, `sentences`: how many there are.
- `stop_words`: how many of *the, be, to, of, and, that, have, with* occur, in any case (Rae et al.
  2021, arXiv 2112.11446, App. A.1); `stop_word_occurrences`: how often they do (as DCLM counts; Li
  et al. 2024, arXiv 2406.11794).
- `mean_word_length`: characters of the words per word; punctuation is in no word (Rae et al. 2021;
  as the published code of FineWeb counts). `median_word_length` counts a word as at most 1,000.
  `longest_word`: its characters.
- `unique_word_share`: distinct words per word (type-token ratio), and `unigram_entropy`: of the
  distribution of words, in nats (RedPajama-V2; Weber et al. 2024, arXiv 2411.12372).
- `upper_case_word_share`: words with an upper-case and no lower-case letter (the same).
- `hash_to_word_ratio`, `ellipsis_to_word_ratio`: `#`, and `...` or `…`, per word (Rae et al. 2021).
- `alphabetic_word_share`: words with a letter among all words and all runs between white space that
  hold no word, such as `|` or `***` (the same: there a lone symbol is a word without a letter).
- `newline_to_word_ratio`: line feeds per word (as in the published code of FineWeb).

Runs between white space, which Dolma (Soldaini et al. 2024, arXiv 2402.00159), RedPajama-V2 and
DCLM call words:
- `spaced_words`: how many; `mean_spaced_word_length`, `median_spaced_word_length` (a run counts as
  at most 1,000 characters), `alphabetic_spaced_word_share`: runs with a letter.
- `symbol_spaced_word_share`: runs that hold `#` or `…` (Dolma). `symbol_to_spaced_word_ratio`: `#`,
  `...` and `…` per run (RedPajama-V2, DCLM).

Characters, as shares of all
- `digit_share`: numbers of any script; `upper_case_share`: upper- and title-case letters;
  `white_space_share`; `non_alphabetic_share`: all but letters and marks of any script;
  `bracket_share`: `()[]{}`; `curly_bracket_share`: `{}` (RedPajama-V2); `url_share`: what stands
  from `http://`, `https://` or `www.` to the next white space; `lorem_ipsum_ratio`: how often *lorem
  ipsum* stands there, per character (RedPajama-V2).
- `has_lorem_ipsum`: the words *lorem ipsum* in a row, in any case; `has_curly_bracket`: a `{`;
  `has_javascript`: the word (Raffel et al. 2020, arXiv 1910.10683, §2.2).

Lines, as shares of all
- `bullet_line_share`: lines that begin with `*`, `-` or a bullet of U+2022, 2023, 2043, 204C, 204D,
  25A0, 25A1, 25AA, 25AB, 25B6, 25C0, 25CB, 25CF, 25E6 (Rae et al. 2021); not with longer dashes,
  which open the lines of dialogue in many languages. `bullet_line_share_dolma`: with `*` or `-`;
  `bullet_line_share_redpajama`: with U+2013, 2022, 2023, 25A0, 25A1, 25AA, 25AB, 25B6, 25C0, 25E6.
- `ellipsis_line_share`: lines that end in `...` or `…` (Rae et al. 2021);
  `ellipsis_line_share_dolma`: in `…`.
- `line_punctuation_share`: lines that end in terminal punctuation of any script or in a quotation
  mark (Penedo et al. 2024, arXiv 2406.17557); `line_punctuation_share_redpajama`: in `.`, `!`, `?`
  or `”`.
- `short_line_share`: lines of fewer than 30 characters (Penedo et al. 2024);
  `short_line_share_to_30`: of 30 or fewer (their code).
- `long_lines`: how many have 200 characters or more (mC4; Xue et al. 2021, arXiv 2010.11934);
  `longest_line`: its characters; `words_per_line`.
- `upper_case_line_share`: lines in which more than half of the characters are upper-case;
  `numeric_line_share`: lines of digits alone; `one_word_line_share`: lines without white space
  (Penedo et al. 2023, arXiv 2306.01116, G.2); `javascript_line_share`: lines with that word.
- `corrected_word_share`: share of the words that the line-wise corrections of RefinedWeb remove, by
  the limits of DCLM: words of the lines of the first three kinds, and of lines that only count
  (*3 likes*; likes, shares, comments, retweets, reposts, quotes, bookmarks, upvotes, downvotes,
  downloads, views, followers); in lines of up to ten runs, *items in cart*, *read more...* at the
  end, *sign-in* at the beginning. It judges a document; it changes none.
- `c4_line_share`: lines that C4 keeps: ended by `.`, `!`, `?` or `"` and not by `...`, of three runs
  or more, none longer than 1,000 characters, without *javascript*, *terms of use*, *privacy policy*,
  *cookie policy*, *uses cookies*, *use of cookies*, *use cookies*; `c4_sentences`: the sentences in
  them.

Repetition
- `duplicate_line_share`, `duplicate_paragraph_share`: lines (paragraphs) that occurred before in the
  document, and `duplicate_line_character_share`, `duplicate_paragraph_character_share`: their
  characters (Rae et al. 2021, Table A1; the first occurrence is no duplicate). `repeated_line_share`
  and so on: all lines that occur twice or more, the first one too (Dolma, DCLM). Lines are equal
  when their characters are, paragraphs when their lines are; line breaks are not counted.
- `top_2_gram_character_share` to 4: share of the words' characters that stand in the most frequent
  n-gram of words; 0 when none occurs twice; of equally frequent ones the one that covers most.
- `duplicate_5_gram_character_share` to 10: share of the words' characters that stand in any n-gram
  that occurs twice or more, the first occurrence included, each character counted once (the same
  table: "all duplicate n-grams"; RedPajama-V2 and DCLM count alike).
- `top_2_gram_share_datatrove`: characters of the n-gram, with a space between its words, times its
  count, per character of the text; `…_dolma`: characters of its words times its count, per character
  of the words; both of the first n-gram where none occurs twice, and overlaps counted twice, so that
  the value may pass 1. `…_redpajama`: as Dolma's, 0 where none occurs twice; `…_dclm`: the same of
  the longest of the equally frequent ones, where the others take the one that occurs first.
- `duplicate_5_gram_share_datatrove`: from left to right, n-grams that were met before, passing over
  their words; characters of the words per character of the text. `…_dolma`: characters of all
  occurrences of n-grams that occur twice or more, per character of all n-grams.
Words are compared in simple case folding.

Bad input. Every text has every value, and none is NaN: null and the empty text measure 0 throughout;
white space alone has characters and white space, and no word or line; emoji, marks and controls
alone (NUL too) have characters and a line, and no word. Lone surrogates are U+FFFD before they come
here (`curate.sources`), which is in no word. Direction marks part no words. Time and memory are
linear in the text, whatever its lines and words are. `quality_state` is always null: no text makes
these measurements fail.
"""

from __future__ import annotations

import functools

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.schema import columns_of
from curate.text.segment import Segments, Words, segment

# In the order in which `curate.score.measure.measure` gives them.
MEASURED = (
    *("words", "stop_words", "stop_word_occurrences"),
    *("mean_word_length", "median_word_length", "longest_word", "upper_case_word_share"),
    *("has_lorem_ipsum", "lorem_ipsum_ratio", "has_javascript"),
    *("characters", "newline_to_word_ratio", "alphabetic_word_share"),
    *("digit_share", "upper_case_share", "white_space_share", "non_alphabetic_share"),
    *("bracket_share", "curly_bracket_share", "url_share"),
    *("spaced_words", "mean_spaced_word_length", "median_spaced_word_length"),
    *("alphabetic_spaced_word_share", "symbol_spaced_word_share", "symbol_to_spaced_word_ratio"),
    *("corrected_word_share", "c4_sentences"),
    *("lines", "bullet_line_share", "bullet_line_share_dolma", "bullet_line_share_redpajama"),
    *("ellipsis_line_share", "ellipsis_line_share_dolma"),
    *("line_punctuation_share", "line_punctuation_share_redpajama"),
    *("short_line_share", "short_line_share_to_30", "long_lines", "longest_line", "words_per_line"),
    *("upper_case_line_share", "numeric_line_share", "one_word_line_share"),
    *("javascript_line_share", "c4_line_share"),
    *("hash_to_word_ratio", "ellipsis_to_word_ratio", "has_curly_bracket"),
    *("duplicate_line_share", "duplicate_line_character_share"),
    *("repeated_line_share", "repeated_line_character_share"),
    *("duplicate_paragraph_share", "duplicate_paragraph_character_share"),
    *("repeated_paragraph_share", "repeated_paragraph_character_share"),
    *(
        name.format(n)
        for n in (2, 3, 4)
        for name in (
            *("top_{}_gram_character_share", "top_{}_gram_share_datatrove"),
            *("top_{}_gram_share_dolma", "top_{}_gram_share_redpajama", "top_{}_gram_share_dclm"),
        )
    ),
    *(
        name.format(n)
        for n in (5, 6, 7, 8, 9, 10)
        for name in (
            *("duplicate_{}_gram_character_share", "duplicate_{}_gram_share_datatrove"),
            "duplicate_{}_gram_share_dolma",
        )
    ),
    *("paragraphs", "unique_word_share", "unigram_entropy"),
)


def score_quality(frame: pl.DataFrame, words: Words = "rules") -> pl.DataFrame:
    """Add the quality columns (see the module) to documents with a `text`; null is empty."""
    segments = segment(frame["text"], words)
    return frame.hstack(score_quality_segments(segments))


def score_quality_segments(segments: Segments) -> pl.DataFrame:
    """The quality columns alone, in declared order, of a batch that is already cut."""
    from curate.score.measure import measure  # numba takes half a second to import
    from curate.text.characters import classes

    s = segments
    measured = measure(
        (s.data, s.document_offsets, classes()),
        (s.word_start, s.word_end, s.word_hash, s.word_length, s.word_classes, s.word_offsets),
        (s.line_start, s.line_end, s.line_offsets),
        (s.paragraph_start, s.paragraph_offsets),
        (s.sentence_start, s.sentence_offsets),
        s.class_count,
        _terms(),
    )
    columns = {name: pl.Series(measured[:, at]) for at, name in enumerate(MEASURED)}
    columns["sentences"] = pl.Series(np.diff(s.sentence_offsets))
    declared = columns_of("quality")
    columns["quality_state"] = pl.Series([None] * len(measured), dtype=pl.String)
    return pl.DataFrame({name: columns[name].cast(dtype) for name, dtype in declared.items()})


@functools.cache
def _terms() -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """A hash table of the words that rules name, and their hashes; its place 0 is no word."""
    from curate.score.measure import TERM_SLOTS, TERMS

    hashes = np.zeros(len(TERMS), np.uint64)
    hashes[1:] = segment(pl.Series([" ".join(TERMS[1:])])).word_hash
    slots = np.zeros(TERM_SLOTS, np.uint8)
    for place, key in enumerate(hashes.tolist()[1:], 1):
        slot = key & (TERM_SLOTS - 1)
        while slots[slot]:
            slot = (slot + 1) & (TERM_SLOTS - 1)
        slots[slot] = place
    return slots, hashes
