"""What a benchmark found, for a table of several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Figure(NamedTuple):
    """A figure of one run.

    Attributes:
        what: is measured, with its unit.
        aim: as the project states it; empty where it states none.
        reached: by us.
        peer: what others reach in the same run; empty without any.
    """

    what: str
    aim: str
    reached: str
    peer: str = ""


def print_table(figures: Iterable[Figure]) -> None:
    """Print figures as one table."""
    rows = [Figure("figure", "aim", "reached", "peer"), *figures]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
