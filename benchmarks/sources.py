"""Every figure of the readers in one go: archives, main text, dumps, subtitles, encodings, records, addresses.

    python -m benchmarks.sources

Takes some minutes, and ends with one table. Parts can be named (`python -m benchmarks.sources urls
remote`), and each also runs by itself (`python -m benchmarks.wikipedia`).
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.figures import Figure, print_table

PARTS = (
    "reading",
    "archives",
    "extraction",
    "wikipedia",
    "subtitles",
    "encodings",
    "urls",
    "records",
    "remote",
)


def main() -> None:
    """Print what each part does, then one table of all figures."""
    parts = sys.argv[1:] or PARTS
    sys.argv = sys.argv[:1]  # the parts read arguments of their own
    figures: list[Figure] = []
    for part in parts:
        print(f"\n== {part}", flush=True)
        figures += importlib.import_module(f"benchmarks.{part}").main()
    print("\n== all figures of this run")
    print_table(figures)


if __name__ == "__main__":
    main()
