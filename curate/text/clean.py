"""Cleans a batch of texts: what every later stage may take for granted of a text.

In this order; cleaning a cleaned text changes nothing (with `mojibake`, first of all, lines that
were decoded in a wrong set are repaired; see `curate.text.mojibake`):

1. Control characters (NUL too) and invisible format characters go: zero-width space, byte-order
   mark, word joiner and other invisible operators, soft hyphen, direction marks, embeddings and
   isolates, interlinear annotations, tags. Tab and line feed stay.
   The zero-width joiner and non-joiner stay after a letter (with its marks) of the scripts in which
   they shape words (Arabic, Syriac, N'Ko, Indic, Tibetan, Burmese, Khmer, Mongolian and their
   relatives) and after emoji; elsewhere, and repeated, they go.
2. CRLF, CR, NEL, VT, FF and the line and paragraph separators become line feeds.
3. A run of spaces of any width (U+0020, no-break, ideographic …) becomes one U+0020. White space at
   the ends of lines goes; three or more line feeds become two; white space at the ends of the
   document goes. A line keeps its indentation, as one space or its tabs.
4. The text is brought to the Unicode normal form; after it, 3 is done again.
5. Lines that the section's `lines` (and `policy_lines`) name go; see `curate.text.lines`.
6. Stop words of the languages that `stop_words` names go; see `curate.text.stop_words`.
"""

from __future__ import annotations

import polars as pl

from curate.errors import ComponentError
from curate.recipe import CleanSection
from curate.text.lines import drop_lines
from curate.text.mojibake import repair
from curate.text.segment import buffers
from curate.text.stop_words import remove_words


def clean(text: pl.Series, section: CleanSection) -> pl.DataFrame:
    """Clean a batch of texts, and tell what went.

    Args:
        text: strings; a null stays null.
        section: the recipe's.

    Returns:
        One row per text: `text`; `cleaned_characters`, by how many characters it is shorter;
        `cleaned_by`, the steps that changed it and the characters that each took
        (`characters:12,unicode:0,policy:80`), null where none did; `cleaned_word_share`, the
        share of its words (runs without white space) that went with lines.

    Raises:
        ComponentError: `text` does not hold strings.
    """
    from curate.text import characters  # its tables are not needed to start the command line

    if text.dtype not in (pl.String, pl.Null):
        raise ComponentError("cleaning takes strings", f"{text.dtype} came")
    given = text.alias("text").cast(pl.String)
    steps = {}
    source = given
    if section.mojibake:
        source = _replaced(given, *repair(given))
        steps["mojibake"] = source
    cleaned, checks = _rewritten(source)
    steps["characters"] = cleaned
    if section.unicode != "none":
        flag = characters.NFC_CHECK if section.unicode == "NFC" else characters.NFKC_CHECK
        normal = cleaned.filter(checks & flag != 0).str.normalize(section.unicode)
        cleaned = _replaced(cleaned, checks & flag != 0, _rewritten(normal)[0])
        steps["unicode"] = cleaned
    before = _count_words(cleaned)
    for rule in section.line_rules:
        changed, shorter = drop_lines(cleaned, rule)
        cleaned = _replaced(cleaned, changed, _rewritten(shorter)[0])
        steps[rule] = cleaned
    gone = before - _count_words(cleaned) if section.line_rules else before * 0
    if section.stop_words:
        cleaned = _rewritten(remove_words(cleaned, section.stop_words))[0]
        steps["stop_words"] = cleaned
    return pl.DataFrame(
        {
            "text": _replaced(
                cleaned, text.is_null(), pl.Series([None] * text.null_count(), dtype=pl.String)
            ),
            "cleaned_characters": _length(given) - _length(cleaned),
            "cleaned_by": _tell_steps(given, steps),
            "cleaned_word_share": (gone / before).fill_nan(0.0).round(6),
        }
    )


def _count_words(text: pl.Series) -> pl.Series:
    return text.str.count_matches(r"\S+").cast(pl.Int64)


def _length(text: pl.Series) -> pl.Series:
    return text.str.len_chars().cast(pl.Int64).fill_null(0)


def _tell_steps(given: pl.Series, steps: dict[str, pl.Series]) -> pl.Series:
    """The steps that changed each text, with the characters that went."""
    told, before = [], given.fill_null("")
    for name, after in steps.items():
        lengths = (_length(before) - _length(after)).cast(pl.String)
        told.append(pl.when(before != after).then(pl.lit(f"{name}:") + lengths))
        before = after
    return pl.select(
        pl.when(pl.any_horizontal(t.is_not_null() for t in told)).then(
            pl.concat_str(*told, separator=",", ignore_nulls=True)
        )
    ).to_series()


def _rewritten(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    import pyarrow as pa

    from curate.text.characters import classes, cleaning
    from curate.text.rewrite import rewrite  # numba takes half a second to import

    new, offsets, checks = rewrite(*buffers(text), cleaning(), classes())
    array = pa.LargeStringArray.from_buffers(len(text), pa.py_buffer(offsets), pa.py_buffer(new))
    return pl.Series(text.name, array, dtype=pl.String), pl.Series(checks)


def _replaced(text: pl.Series, where: pl.Series, by: pl.Series) -> pl.Series:
    if by.is_empty():
        return text
    return text.clone().scatter(where.arg_true(), by)  # it changes the series that it is called on
