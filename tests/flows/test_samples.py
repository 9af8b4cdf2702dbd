from __future__ import annotations

import itertools
import re
import zlib
from pathlib import Path

import polars as pl
import pytest

from curate.decide import compile_rules, duplicate_rules
from curate.recipe import load_recipe
from curate.score.bias import score_bias
from curate.score.language import LanguageScorer
from curate.score.personal import PersonalScorer
from curate.score.quality import score_quality
from curate.score.toxicity import ToxicityScorer
from curate.sources import Sink, commoncrawl, subtitles, wikipedia
from curate.sources.inputs import find_inputs
from curate.text.clean import clean
from flows.recipes.samples.planted import COPIED, EDITED, FOLDER, KEPT, PLANTED, page
from flows.recipes.samples.write_samples import files

RECIPE = FOLDER.parent / "quickstart.toml"
READERS = {"commoncrawl": commoncrawl, "wikipedia": wikipedia, "subtitles": subtitles}
WEB = "https://www.example.com"


@pytest.fixture(scope="module")
def recipe():
    return load_recipe(RECIPE)


@pytest.fixture(scope="module")
def reading(recipe):
    """The documents, each with a `name` (its URL, or its path in the corpus), and the skips."""
    documents, skips = [], []
    for section in recipe.sources:
        for file in find_inputs(section, RECIPE.parent):
            sink = Sink(section.kind, section.snapshot, file.label)
            with Path(file.uri).open("rb") as stream:
                READERS[section.kind].read(stream, file, section, sink)
            documents.append(sink.take_documents())
            skips.append(sink.take_skipped())
    name = pl.coalesce("uri", "source_id").alias("name")
    return pl.concat(documents).with_columns(name), pl.concat(skips)


@pytest.fixture(scope="module")
def hits(recipe, reading):
    """The documents, cleaned and scored, with a column for each rule: whether it hits."""
    frame = reading[0].with_columns(clean(reading[0]["text"], recipe.clean))
    scorers = (
        LanguageScorer(),
        score_quality,
        PersonalScorer(recipe.personal.counting),
        ToxicityScorer(),
        score_bias,
    )
    for score in scorers:
        frame = score(frame)
    rules = compile_rules(recipe)
    return frame.with_columns(rule.hits().alias(rule.name) for rule in rules)


def removed_by(recipe, frame: pl.DataFrame) -> dict[str, str]:
    """Each removed document, and the first rule that removes it, duplicates apart."""
    rules = [rule.name for rule in compile_rules(recipe) if rule.action == "remove"]
    first = pl.coalesce(pl.when(pl.col(rule)).then(pl.lit(rule)) for rule in rules)
    removed = frame.select("name", first.alias("rule")).drop_nulls()
    return dict(removed.iter_rows())


def test_writing_again_gives_the_same_bytes():
    written = files()
    formats = {".gz", ".bz2", ".srt", ".vtt", ".jsonl"}
    found = {
        str(path.relative_to(FOLDER)): path.read_bytes()
        for path in FOLDER.rglob("*")
        if path.suffix in formats
    }
    assert found.keys() == written.keys()
    stock = re.fullmatch(r"[\d.]+", zlib.ZLIB_RUNTIME_VERSION)  # zlib-ng compresses otherwise
    assert [n for n in found if (stock or n[-2:] != "gz") and found[n] != written[n]] == []


def test_the_samples_are_small():
    assert (
        sum(path.stat().st_size for path in FOLDER.rglob("*.*") if path.suffix != ".pyc") < 300_000
    )


def test_what_is_read(reading):
    documents, skips = reading
    assert dict(documents.group_by("source").len().iter_rows()) == {
        "commoncrawl": 115,
        "wikipedia": 15,
        "subtitles": 12,
    }
    web = skips.filter(pl.col("input").str.starts_with("crawl"))
    assert dict(web.group_by("reason").len().iter_rows()) == {
        "not_html": 2,
        "empty": 2,
        "http_status": 1,
        "revisit": 1,
        "damaged": 1,
        "truncated": 1,
    }
    broken = "OpenSubtitles/xml/es/2011/90000002/2.xml"
    assert set(skips.filter(pl.col("input") == broken)["reason"]) == {"damaged"}


def test_legacy_encodings_are_read(reading):
    text = dict(reading[0].select("name", "text").iter_rows())
    for name, words in {
        "fr/potager": "on y récolte des courges",
        "fr/cinema": "sous une couche de poussière",
        "es/huerto": "dejó de saludarnos",  # says that it is UTF-8
        "de/flussbad": "öffnet das alte Flussbad",  # says nothing
        "ru/reka": "Лёд на нашей реке",
        "ru/masterskaya": "тикали сразу сорок часов",
        "it/bottega": "perché dice che la luce",  # chunked and compressed
    }.items():
        assert words in text[f"{WEB}/{name}"]
        assert "cookie" not in text[f"{WEB}/{name}"].lower()


def test_each_planted_document_meets_its_rule(recipe, hits):
    rules = {rule.name for rule in compile_rules(recipe)}
    assert PLANTED.keys() == rules | set(duplicate_rules(recipe))
    missed = [
        (rule, name)
        for rule in rules
        for name in PLANTED[rule]
        if hits.filter(name=name)[rule].to_list() != [True]
    ]
    assert missed == []


def test_the_first_rule_that_a_planted_page_meets(recipe, hits):
    first = removed_by(recipe, hits)
    shadowed = {
        rule: {first.get(name) for name in names}
        for rule, names in PLANTED.items()
        if "duplicates" not in rule and all(first.get(name) != rule for name in names)
    }
    assert shadowed == {
        # characters of a duplicate paragraph are characters of duplicate lines
        "quality.maximum_duplicate_paragraph_character_share": {
            "quality.maximum_duplicate_line_share",
            "quality.maximum_duplicate_line_character_share",
        },
        "bias.maximum_derogatory_mentions": {None},  # only tags
        "personal.maximum_count": {None},
    }


def test_most_prose_is_kept(recipe, hits):
    removed = removed_by(recipe, hits)
    planted = {name for names in PLANTED.values() for name in names}
    others = set(hits["name"]) - planted
    unplanned = {name: removed[name] for name in others & removed.keys()}
    alarms = {name for name, rule in unplanned.items() if rule == "toxicity.maximum_score"}
    assert alarms == set()
    assert {name: rule for name, rule in unplanned.items() if name not in alarms} == {
        f"{WEB}/notices": "quality.maximum_bullet_line_share",
        "OpenSubtitles/xml/es/2011/90000002/2.xml": "quality.minimum_words",  # the part read
    }
    assert {page(name) for name in KEPT} <= others
    kept = hits.filter(pl.col("name").is_in(others - removed.keys()))
    assert kept.height >= 60
    assert set(kept["language"]) == {"eng", "deu", "fra", "spa", "ita", "rus"}


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def test_planted_duplicates_are_the_only_similar_documents(reading):
    sets = {name: shingles(text) for name, text in reading[0].select("name", "text").iter_rows()}
    similar = {
        (one, other): len(sets[one] & sets[other]) / len(sets[one] | sets[other])
        for one, other in itertools.combinations(sorted(sets), 2)
        if not sets[one].isdisjoint(sets[other])
    }
    limit = 0.75
    doubles = {*PLANTED["duplicates.exact"], *PLANTED["duplicates.near"]}
    above = [pair for pair, similarity in similar.items() if similarity >= limit]
    assert len(above) == len(doubles)
    assert all(doubles & set(pair) for pair in above)
    exact = [pair for pair in above if similar[pair] == 1]
    assert len(exact) == len(PLANTED["duplicates.exact"])
    below = [pair for pair, similarity in similar.items() if 0.5 <= similarity < limit]
    names = {*COPIED, *EDITED} - {url.rsplit("/", 1)[-1] for url in doubles}
    [version] = PLANTED["duplicates.version"]
    assert sorted(below) == [
        (version.replace("/2.xml", "/1.xml"), version),
        (f"{WEB}/en/rain_barrel", page("rain_barrel_rewritten")),
        (f"{WEB}/es/taller", page("taller_rewritten")),
    ]
    assert names == {"rain_barrel_rewritten", "taller_rewritten"}
