"""Uploads of one film: which are versions, and which is kept."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from curate.decide import apply_survivors
from curate.duplicates.candidates import find_versions
from curate.duplicates.clusters import choose_survivors
from curate.recipe import DuplicatesSection

EXACT, NEAR, VERSION = "duplicates.exact", "duplicates.near", "duplicates.version"
LINKS = {"hash_a": pl.String, "hash_b": pl.String, "similarity": pl.Float64}
PASSING = {
    "id": pl.String,
    "text_hash": pl.String,
    "work": pl.String,
    "language": pl.String,
    "source_id": pl.String,
    "words": pl.Int64,
}


def choose(rows, links, versions, **options):
    passing = pl.DataFrame(rows, schema=PASSING, orient="row").with_columns(
        snapshot=pl.lit("s"), priority=pl.lit(0, dtype=pl.Int64), date=pl.lit("2001")
    )
    section = DuplicatesSection(versions=versions, **options)
    frame = pl.DataFrame(links, schema=LINKS, orient="row")
    members = choose_survivors(passing, frame, section)
    again = choose_survivors(passing.reverse(), frame.reverse(), section)
    assert members.equals(again)
    return members.rows()


FILM = [
    ("1", "A", "imdb:1", "eng", "one.xml", 100),
    ("2", "B", "imdb:1", "eng", "two.xml", 90),
    ("3", "C", "imdb:1", "deu", "three.xml", 80),
    ("4", "D", "imdb:2", "eng", "four.xml", 70),
    ("5", "E", None, "eng", "five.xml", 60),
]


def test_similar_uploads_of_one_film_and_language_are_versions():
    links = [("A", "B", 0.6), ("A", "C", 0.6), ("A", "D", 0.6), ("A", "E", 0.7)]
    assert choose(FILM, links, "similar") == [
        ("1", None, None, None, 2),
        ("2", "1", 0.6, VERSION, 2),
    ]
    assert choose(FILM, links, "similar", version_similarity=0.65) == []
    assert choose(FILM, links, "off") == []


def test_what_is_nearly_the_same_stays_a_near_duplicate():
    rows = [*FILM[:2], ("6", "A", "imdb:1", "eng", "six.xml", 95)]
    assert choose(rows, [("A", "B", 0.8)], "similar") == [
        ("1", None, None, None, 3),
        ("2", "1", 0.8, NEAR, 3),
        ("6", "1", 1.0, EXACT, 3),
    ]


def test_a_version_of_a_near_duplicate_is_a_version():
    rows = [*FILM[:2], ("6", "F", "imdb:1", "eng", "six.xml", 50)]
    links = [("A", "B", 0.8), ("B", "F", 0.55)]
    assert choose(rows, links, "similar") == [
        ("1", None, None, None, 3),
        ("2", "1", 0.8, NEAR, 3),
        ("6", "1", 0.55, VERSION, 3),
    ]


def test_by_id_one_upload_is_kept_with_all_its_parts():
    rows = [
        ("1", "A", "imdb:1", "eng", "one.xml", 60),
        ("2", "B", "imdb:1", "eng", "one.xml", 60),
        ("3", "C", "imdb:1", "eng", "two.xml", 100),
        ("4", "D", "imdb:1", "fra", "three.xml", 10),
        ("5", "E", None, "eng", "four.xml", 10),
        ("6", "E", None, "eng", "five.xml", 20),
    ]
    assert choose(rows, [], "id") == [
        ("1", None, None, None, 3),
        ("2", None, None, None, 3),
        ("3", "1", None, VERSION, 3),
        ("5", "6", 1.0, EXACT, 2),
        ("6", None, None, None, 2),
    ]


def test_by_id_what_duplicates_a_version_duplicates_what_is_kept():
    rows = [
        ("1", "A", "imdb:1", "eng", "one.xml", 100),
        ("2", "B", "imdb:1", "eng", "two.xml", 90),
        ("3", "B", None, "eng", "three.xml", 80),
    ]
    assert choose(rows, [], "id") == [
        ("1", None, None, None, 3),
        ("2", "1", None, VERSION, 3),
        ("3", "1", 1.0, EXACT, 3),
    ]


@pytest.mark.parametrize(("versions", "limit"), [("similar", "0.5"), ("id", "id")])
def test_the_verdict_names_the_rule_and_its_limit(versions, limit):
    schema = {"id": pl.String, "removed_by": pl.String, "value": pl.Float64, "limit": pl.String}
    verdicts = pl.DataFrame([("2", None, None, None)], schema=schema, orient="row").with_columns(
        tags=pl.lit([], dtype=pl.List(pl.String))
    )
    members = pl.DataFrame(
        [("2", "1", 0.6, VERSION, 2)],
        schema=["id", "duplicate_of", "similarity", "rule", "cluster_size"],
        orient="row",
    )
    decided = apply_survivors(verdicts, members, DuplicatesSection(versions=versions))
    assert decided.select("removed_by", "value", "limit", "duplicate_of").row(0) == (
        VERSION,
        0.6,
        limit,
        "1",
    )


def test_texts_of_one_work_and_language_are_compared():
    texts = pl.DataFrame(
        {
            "text_hash": ["A", "B", "C", "D", "E", "B"],
            "work": ["w", "w", "w", "x", None, "w"],
            "language": ["eng", "eng", "deu", "eng", "eng", "eng"],
        }
    )
    assert find_versions(texts).rows() == [("A", "B")]
    assert find_versions(texts.clear()).rows() == []


def test_a_work_with_very_many_texts_is_connected():
    hashes = [f"{number:04}" for number in range(500)]
    texts = pl.DataFrame({"text_hash": hashes, "work": "w", "language": "eng"})
    pairs = find_versions(texts)
    assert pairs.height < 500 * 32
    assert set(itertools.pairwise(hashes)) <= set(pairs.rows())
