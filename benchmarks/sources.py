"""Every figure of the readers in one go: archives, main text, dumps, subtitles, encodings, records, addresses.

    python -m benchmarks.sources

Takes some minutes. Each part also runs by itself (`python -m benchmarks.wikipedia`).
"""

from __future__ import annotations

import importlib
import sys

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
    """Print the table of each part."""
    sys.argv = sys.argv[:1]  # the parts read arguments of their own
    for part in PARTS:
        print(f"\n== {part}", flush=True)
        importlib.import_module(f"benchmarks.{part}").main()


if __name__ == "__main__":
    main()
