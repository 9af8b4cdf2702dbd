"""Sentences without offence that speak of groups of people, to try scorers on."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import polars as pl

from curate.score.bias import AXES


@cache
def load_templates() -> pl.DataFrame:
    """Sentences without offence: `language`, `axis`, `group`, `text`."""
    content = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    rows = [
        (language, axis, group, sentence.format(term))
        for language, facts in content.items()
        for axis in AXES
        for group, terms in facts[axis].items()
        for term in terms
        for sentence in facts["sentences"]
    ]
    return pl.DataFrame(rows, schema=["language", "axis", "group", "text"], orient="row")
