"""Cleans a batch of texts: what every later stage may take for granted of a text.

In this order; cleaning a cleaned text changes nothing:

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
5. With `policy_lines`, lines go that hold (in any case) *javascript*, *terms of use*, *privacy
   policy*, *cookie policy*, *uses cookies*, *use of cookies* or *use cookies*, as in the code of C4
   (Raffel et al. 2020, arXiv 1910.10683, §2.2).
"""

from __future__ import annotations

import polars as pl

from curate.recipe import CleanSection
from curate.text.segment import buffers

POLICY_PHRASES = (
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


def clean(text: pl.Series, section: CleanSection) -> pl.Series:
    """The cleaned texts: same rows, same name; null stays null.

    Raises:
        ComponentError: `text` does not hold strings.
    """
    from curate.text import characters  # its tables are not needed to start the command line

    cleaned, checks = _rewritten(text)
    if section.unicode != "none":
        flag = characters.NFC_CHECK if section.unicode == "NFC" else characters.NFKC_CHECK
        normal = cleaned.filter(checks & flag != 0).str.normalize(section.unicode)
        cleaned = _replaced(cleaned, checks & flag != 0, _rewritten(normal)[0])
    if section.policy_lines:
        has_phrase = cleaned.str.contains_any(list(POLICY_PHRASES), ascii_case_insensitive=True)
        cleaned = _replaced(cleaned, has_phrase, _without_policy_lines(cleaned.filter(has_phrase)))
    return _replaced(
        cleaned, text.is_null(), pl.Series([None] * text.null_count(), dtype=pl.String)
    )


def _without_policy_lines(text: pl.Series) -> pl.Series:
    has_phrase = pl.element().str.contains_any(list(POLICY_PHRASES), ascii_case_insensitive=True)
    lines = text.str.split("\n").list.eval(pl.element().filter(~has_phrase))
    return _rewritten(lines.list.join("\n"))[0]


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
    return text.scatter(where.arg_true(), by)
