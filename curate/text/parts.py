"""Long documents in parts: cut at paragraphs, else at lines, else at words, else anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curate.schema import document_id

_BOUNDS = ("\n\n", "\n", " ")


def split_long(documents: pl.DataFrame, maximum_characters: int) -> pl.DataFrame:
    """The documents, those that are too long as several rows.

    The first part keeps the document's id; the others have ids of their own and the first one as
    `parent`, so that they stay in one split. `part` numbers them from 1; it is null for a
    document in one piece. Everything else is the document's.

    Args:
        documents: with `id`, `text`, `parent`, `part`.
        maximum_characters: of a part, at least 1.
    """
    is_long = documents["text"].str.len_chars() > maximum_characters
    if not is_long.any():
        return documents
    rows, ids, texts, parents, numbers = [], [], [], [], []
    for row, (identity, text) in enumerate(documents.select("id", "text").iter_rows()):
        pieces = list(cut_text(text, maximum_characters)) if is_long[row] else [text]
        for number, piece in enumerate(pieces, 1):
            rows.append(row)
            first = number == 1
            ids.append(identity if first else document_id("part", f"{identity}\0{number}"))
            texts.append(piece)
            parents.append(documents["parent"][row] if first else identity)
            numbers.append(number if len(pieces) > 1 else None)
    return documents[rows].with_columns(
        pl.Series("id", ids, pl.String),
        pl.Series("text", texts, pl.String),
        pl.Series("parent", parents, pl.String),
        pl.Series("part", numbers, pl.Int64),
    )


def cut_text(text: str, maximum_characters: int) -> Iterator[str]:
    """Pieces of at most so many characters; only white space between them is lost.

    Each piece ends at the last paragraph that fits; where none does, at the last line, then at
    the last word, and at the maximum where even a word is longer.
    """
    start = 0
    while len(text) - start > maximum_characters:
        stop = start + maximum_characters
        for bound in _BOUNDS:
            found = text.rfind(bound, start + 1, stop + 1)
            if found > 0:
                break
        else:
            found = stop
        if piece := text[start:found].strip():
            yield piece
        start = found
        while start < len(text) and text[start].isspace():
            start += 1
    if piece := text[start:].strip():
        yield piece
