"""Personal data in documents: where it stands and of which kind, never what it is.

Kinds, and what is found of each (the tables in `formats/` name their sources):

- `email`: addresses whose top-level domain exists, plain or as `name [at] host [dot] org`;
- `phone`: with `+` or `00` and a country code, of the lengths that the country has; the national
  forms of sixteen countries; 7 to 13 digits behind a word such as `Tel.`, in fourteen languages;
- `ip`: IPv4 and IPv6 addresses of the public internet;
- `iban`: of the country's length, check digits right; `card`: of an issuer's range, Luhn's digit right;
- `national_id`: numbers of persons in 30 countries, by form and check digits; those whose check a
  tenth of all numbers passes only behind a label (`PESEL`, `NHS number`);
- `address`: house number, street and postal code together;
- `key`: keys and tokens by the prefixes that services give them, private keys in PEM, and values
  behind names such as `api_key=`; `password`: behind `password=`, `Passwort:`, and in
  `https://user:password@host`.

What is kept for examples and tests is nobody's and not found: `example.org`, 555-0100 to 0199 and
other ranges of regulators, documentation networks, private networks. Names of persons are not
looked for: those of public figures are no personal data here, and no others can be told from them by
form. Digits may be ASCII, Arabic-Indic, Devanagari or full-width; e-mail addresses are ASCII.

Imports numba only when something is scanned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from curate.recipe import PersonalSection
from curate.schema import PERSONAL, columns_of
from curate.score.personal_formats import KINDS, identity, load_formats
from curate.text.segment import buffers

Mask = Literal["placeholder", "surrogate"]


def find_personal(text: pl.Series, kinds: Sequence[str] = KINDS) -> pl.DataFrame:
    """Find personal data in texts.

    Args:
        text: strings.
        kinds: that are asked for.

    Returns:
        One row for each place, in order: `row` of the text, `kind`, `form` (the country and name of
        a number where it has them; else empty), `start` and `end` in bytes of the text.
    """
    from curate.score.personal_scan import scan

    formats = load_formats()
    data, offsets = buffers(text)
    tables = (
        *(formats.number_tables, formats.labels, formats.domains),
        *(formats.keys, formats.names_of_secrets, formats.streets),
    )
    classes = int((formats.labels[2] & 0xFF).max()) + 1
    starts, ends, rules, found = scan(data, offsets, tables, classes)
    rows = np.repeat(np.arange(len(text)), np.diff(found))
    named = [name.partition(":") for name in formats.names]
    frame = pl.DataFrame(
        {
            "row": rows,
            "kind": pl.Series([name[0] for name in named], dtype=pl.String)[rules],
            "form": pl.Series([name[2] for name in named], dtype=pl.String)[rules],
            "start": starts - offsets[rows],
            "end": ends - offsets[rows],
        }
    )
    return frame.filter(pl.col("kind").is_in(kinds))


@dataclass(frozen=True)
class PersonalScorer:
    """Counts by kind, and the places.

    Attributes:
        section: which kinds are counted, and in which languages.
    """

    section: PersonalSection

    def identity(self) -> str:
        """Of the tables, and of what is counted."""
        section = self.section
        return f"{identity()} {','.join(section.kinds)} {','.join(section.languages)}"

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the columns to documents with `text` and `language`."""
        rows = pl.int_range(frame.height, dtype=pl.Int64, eager=True).alias("row")
        found = find_personal(frame["text"], self.section.kinds)
        places = pl.struct(PERSONAL.keys()).alias("personal_spans")
        counts = [(pl.col("kind") == kind).sum().alias(f"personal_{kind}") for kind in KINDS]
        by_row = found.group_by("row").agg(pl.len().alias("personal"), *counts, places)
        joined = pl.DataFrame(rows).join(by_row, on="row", how="left", maintain_order="left")
        no_places = pl.lit([], dtype=pl.List(pl.Struct(PERSONAL)))
        numbers = ["personal", *(f"personal_{kind}" for kind in KINDS)]
        scores = joined.with_columns(
            pl.col(numbers).fill_null(0), pl.col("personal_spans").fill_null(no_places)
        )
        if self.section.languages:
            spoken = frame["language"].is_in(self.section.languages).fill_null(value=False)
            told = pl.when(spoken).then(pl.all())
            state = pl.when(~spoken).then(pl.lit("not_applicable")).alias("personal_state")
            scores = scores.select(told, state)
        else:
            scores = scores.with_columns(personal_state=pl.lit(None, dtype=pl.String))
        return frame.hstack(scores.select(columns_of("personal").keys()))


def replace_spans(text: pl.Series, spans: pl.Series, mask: Mask, seed: int) -> pl.DataFrame:
    """What masking does to texts (see `curate.text.edits`).

    Args:
        text: strings.
        spans: `personal_spans` of each.
        mask: what stands in their place; see `curate.score.personal_surrogates`.
        seed: the recipe's, of surrogates.

    Returns:
        `row`, `start`, `end` (bytes of the text), `replacement`, in order.
    """
    from curate.score.personal_surrogates import make_surrogate, placeholder

    rows = pl.int_range(len(text), dtype=pl.Int64, eager=True).alias("row")
    places = pl.DataFrame([rows, spans.alias("span")]).explode("span").drop_nulls("span")
    places = places.unnest("span")
    new = []
    held, value = -1, b""
    for row, kind, start, end in places.select("row", "kind", "start", "end").iter_rows():
        if mask == "placeholder":
            new.append(placeholder(kind))
            continue
        if row != held:
            held, value = row, text[row].encode()
        new.append(make_surrogate(kind, value[start:end].decode(), seed))
    replacement = pl.Series("replacement", new, dtype=pl.String)
    return places.select("row", "start", "end").with_columns(replacement)
