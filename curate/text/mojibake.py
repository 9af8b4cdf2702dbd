"""Texts that were decoded in the wrong set and encoded again: found, and repaired by ftfy.

Only lines that ftfy itself finds bad are changed, and only by its repair of encodings
(`fix_encoding`): nothing else that it can do to a text is done.
"""

from __future__ import annotations

import polars as pl

# A broken character is two or more in a row, all of them of the sets that are mistaken for another.
SUSPECT = r"[\x{80}-\x{45f}\x{2010}-\x{2122}]{2}"


def repair(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Which texts are broken, and these repaired.

    Args:
        text: strings or nulls.

    Returns:
        A mask over the texts, true where a repair changes it; the changed texts.
    """
    suspect = text.str.contains(SUSPECT).fill_null(value=False)
    places = suspect.arg_true()
    repaired = [_repair_text(one) for one in text.gather(places).to_list()]
    changed = pl.Series([new is not None for new in repaired], dtype=pl.Boolean)
    mask = pl.repeat(False, len(text), dtype=pl.Boolean, eager=True)
    if changed.any():
        mask = mask.scatter(places.filter(changed), True)
    return mask, pl.Series([new for new in repaired if new is not None], dtype=pl.String)


def _repair_text(text: str) -> str | None:
    """The repaired text; None where nothing changes."""
    from ftfy import fix_encoding  # an expression of many thousand characters is compiled
    from ftfy.badness import is_bad

    if not is_bad(text):
        return None
    lines = text.split("\n")
    fixed = "\n".join(fix_encoding(line) if is_bad(line) else line for line in lines)
    return fixed if fixed != text else None
