"""Clusters found a piece at a time against those found at once."""

from __future__ import annotations

import random
from dataclasses import replace

import polars as pl
import pytest

from curate.duplicates.candidates import LINKS
from curate.duplicates.clusters import EARLIER, MEMBERS, choose_survivors
from curate.recipe import PROCESS_BYTES, make_recipe
from curate.steps import clustering
from curate.steps.clustering import find_members
from curate.steps.work import Work, name_of
from curate.store import Store

RECIPE = {"name": "clustered", "sources": [{"kind": "records", "inputs": ["*.jsonl"]}]}


def draw_documents(rows: int = 900) -> pl.DataFrame:
    """Documents of texts, works and snapshots that others have too."""
    draw = random.Random(4)
    texts = [f"{draw.getrandbits(128):032x}" for _ in range(rows * 2 // 3)]
    ids = sorted(f"{draw.getrandbits(128):032x}" for _ in range(rows))
    return pl.DataFrame(
        {
            "id": draw.sample(ids, rows),
            "snapshot": [draw.choice(["A", "B", None]) for _ in ids],
            "text_hash": [draw.choice([*texts, None]) for _ in ids],
            "priority": [draw.randint(0, 2) for _ in ids],
            "words": [draw.randint(1, 5) for _ in ids],
            "date": [draw.choice(["2026-01-01", "2026-02-01", None]) for _ in ids],
            "work": [draw.choice(["one", "two", "three", None, None, None]) for _ in ids],
            "language": [draw.choice(["eng", "deu", None]) for _ in ids],
            "source_id": [str(draw.randint(0, 300)) for _ in ids],
            "source": "records",
        },
        schema_overrides={"snapshot": pl.String, "text_hash": pl.String},
    ).with_row_index("row")


def draw_links(documents: pl.DataFrame) -> pl.DataFrame:
    draw = random.Random(5)
    texts = [*documents["text_hash"].drop_nulls().unique().sort(), "f" * 32, "0" * 32]
    pairs = {tuple(sorted(draw.sample(texts, 2))) for _ in range(250)}
    rows = [(*pair, draw.choice([0.5, 0.6, 0.74, 0.75, 0.9])) for pair in sorted(pairs)]
    return pl.DataFrame(rows, LINKS, orient="row")


@pytest.fixture
def work(tmp_path) -> Work:
    return Work(Store(str(tmp_path)), make_recipe(RECIPE))


SETTINGS = [
    {"scope": scope, "versions": versions}
    for scope in ("snapshot", "release")
    for versions in ("similar", "id", "off")
]


def draw_earlier(documents: pl.DataFrame) -> pl.DataFrame:
    """Documents released before that some texts equal, or are near to."""
    draw = random.Random(6)
    texts = draw.sample([*documents["text_hash"].drop_nulls().unique().sort()], 60)
    rows = []
    for number, text in enumerate(texts):
        other = text if number % 3 == 0 else f"{number // 4:032x}"
        rows.append((text, f"{number:08x}", other, "old@1", 1.0 if other == text else 0.8))
    return pl.DataFrame(rows, EARLIER, orient="row").unique("earlier_hash", keep="first")


@pytest.mark.parametrize("scope", ["release", "language", "reference", "index"])
@pytest.mark.parametrize("by", [(), ("url",), ("url", "key")])
def test_pieces_know_addresses_references_and_what_was_released_before(work, scope, by):
    draw = random.Random(7)
    documents = draw_documents()
    rows = range(documents.height)
    documents = documents.with_columns(
        is_reference=pl.Series([draw.random() < 0.1 for _ in rows]),
        url=pl.Series([draw.choice([None, *map(str, range(200))]) for _ in rows]),
        key=pl.Series([draw.choice([None, *map(str, range(200))]) for _ in rows]),
        parent=pl.lit(None, dtype=pl.String),
    )
    links = draw_links(documents)
    work.store.write_frame(name_of("link", "links"), links)
    earlier = draw_earlier(documents) if scope == "index" else None
    settings = {"scope": scope, "by": by, "versions": "off"}
    section = work.recipe.duplicates.model_copy(update=settings)
    expected = choose_survivors(documents.drop("row", "source"), links, section, earlier)
    readers = [lambda at=at: documents[at : at + 100] for at in range(0, documents.height, 100)]
    for memory in (2 << 30, PROCESS_BYTES + 20_000):
        limited = section.model_copy(update={"memory": memory})
        found = find_members(work, readers, documents.height, "links", limited, earlier)
        assert found.select(MEMBERS.names()).sort("id").equals(expected)
    assert expected.height > 50


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("data_bytes", [20_000, 400_000])
def test_pieces_give_the_members_of_the_whole(work, monkeypatch, settings, data_bytes):
    documents = draw_documents()
    links = draw_links(documents)
    work.store.write_frame(name_of("link", "links"), links)
    section = work.recipe.duplicates.model_copy(update=settings)
    expected = choose_survivors(documents.drop("row", "source"), links, section)
    pieces = []
    choose = clustering.choose_survivors
    monkeypatch.setattr(clustering, "LINKS_A_TIME", 7)
    monkeypatch.setattr(clustering, "FLUSHED_ROWS", 50)
    monkeypatch.setattr(
        clustering, "choose_survivors", lambda *given: pieces.append(1) or choose(*given)
    )
    readers = [lambda at=at: documents[at : at + 100] for at in range(0, documents.height, 100)]
    for memory in (2 << 30, PROCESS_BYTES + data_bytes):
        limited = section.model_copy(update={"memory": memory})
        found = find_members(work, readers, documents.height, "links", limited)

        assert found.select(MEMBERS.names()).sort("id").equals(expected)
        where = found.select("id", "row").join(documents, on="id", suffix="_was")
        assert where.height == expected.height > 50
        assert (where["row"] == where["row_was"]).all()
    assert len(pieces) > 1 + (data_bytes < 100_000) * 3


def test_without_links_only_equal_texts_count(work):
    documents = draw_documents(90)
    section = work.recipe.duplicates.model_copy(update={"versions": "off"})
    small = section.model_copy(update={"memory": PROCESS_BYTES + 10_000})
    found = [find_members(work, [lambda: documents], 90, "", s) for s in (section, small)]

    assert found[0].sort("id").equals(found[1].sort("id"))
    assert set(found[0]["rule"].drop_nulls()) == {"duplicates.exact"}


def test_no_documents_have_no_members(work):
    documents = draw_documents(5).clear()
    for memory in (2 << 30, PROCESS_BYTES + 1):
        section = work.recipe.duplicates.model_copy(update={"memory": memory})
        found = find_members(replace(work), [lambda: documents], 5, "", section)

        assert found.height == 0
        assert found.columns == [*MEMBERS.names(), "row", "source"]
