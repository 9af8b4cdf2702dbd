"""Clusters found a piece at a time against those found at once."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from ordered import InOrder

from curate.duplicates.bands import number_texts
from curate.duplicates.candidates import LINKS
from curate.duplicates.clusters import EARLIER, MEMBERS, choose_survivors
from curate.recipe import PROCESS_BYTES, DuplicatesSection, make_recipe
from curate.steps import components
from curate.steps.clustering import (
    Clustering,
    choose_at_once,
    fits_at_once,
    make_clustering,
    read_members,
)
from curate.steps.components import Graph, Pairs
from curate.steps.work import Work, name_of
from curate.store import Store
from flows.clustering import find_clusters

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


def read(documents: pl.DataFrame, _: Work, place: int) -> pl.DataFrame:
    return documents[100 * place : 100 * (place + 1)].with_columns(place=pl.lit(place, pl.UInt32))


def cluster(documents: pl.DataFrame, section: DuplicatesSection, **keys: str) -> Clustering:
    """Blocks of a hundred documents."""
    sizes = [100] * -(-documents.height // 100)
    return make_clustering("members", partial(read, documents), sizes, section, **keys)


def find_in_pieces(work: Work, clusters: Clustering) -> tuple[pl.DataFrame, InOrder]:
    run = InOrder(work)
    clusters = find_clusters(run, clusters)
    members = [read_members(work, clusters, place) for place in range(clusters.graph.blocks)]
    return pl.concat(members), run


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
    keys = {"links": "links"}
    earlier = draw_earlier(documents) if scope == "index" else None
    if earlier is not None:
        work.store.write_frame(name_of("earlier", "before"), earlier.sort("text_hash"))
        keys["earlier"] = "before"
    settings = {"scope": scope, "by": by, "versions": "off"}
    section = work.recipe.duplicates.model_copy(update=settings)
    expected = choose_survivors(documents.drop("row", "source"), links, section, earlier)
    once = choose_at_once(work, cluster(documents, section, **keys))
    assert once.select(MEMBERS.names()).sort("id").equals(expected)
    limited = section.model_copy(update={"memory": PROCESS_BYTES + 40_000})
    found, run = find_in_pieces(work, cluster(documents, limited, **keys))
    assert found.sort("id").equals(once.sort("id"))
    assert found["is_earlier"].any() == (scope == "index")
    assert run.stages["members"] > 4
    assert run.stages["routes"] > 1
    assert expected.height > 50


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("data_bytes", [30_000, 400_000])
def test_pieces_give_the_members_of_the_whole(work, monkeypatch, settings, data_bytes):
    documents = draw_documents()
    links = draw_links(documents)
    work.store.write_frame(name_of("link", "links"), links)
    section = work.recipe.duplicates.model_copy(update=settings)
    expected = choose_survivors(documents.drop("row", "source"), links, section)
    monkeypatch.setattr(components, "PAIRS_A_TIME", 30)
    once = choose_at_once(work, cluster(documents, section, links="links"))
    assert once.select(MEMBERS.names()).sort("id").equals(expected)
    limited = section.model_copy(update={"memory": PROCESS_BYTES + data_bytes})
    clusters = cluster(documents, limited, links="links")
    assert not fits_at_once(clusters)
    found, run = find_in_pieces(work, clusters)

    assert found.sort("id").equals(once.sort("id"))
    where = found.select("id", "row").join(documents, on="id", suffix="_was")
    assert where.height == expected.height > 50
    assert (where["row"] == where["row_was"]).all()
    assert run.stages["nodes"] == 9
    assert run.stages["edges"] > 5
    assert run.stages["members"] >= 400_000 // data_bytes
    assert (run.stages["components"] > run.stages["routes"]) == (run.stages["routes"] > 1)


@pytest.mark.parametrize("ranges", [1, 2, 16])
def test_a_chain_of_pairs_is_one_component(work, ranges):
    """A thousand texts of which each is near to the next, in an order that has nothing to do with it."""
    draw = random.Random(1)
    texts = [f"{draw.getrandbits(128):032x}" for _ in range(1000)]
    rows = [(*sorted(pair), 0.8) for pair in pairwise(texts)]
    work.store.write_frame(
        name_of("link", "chain"), pl.DataFrame(rows, LINKS, orient="row").sort("hash_a")
    )
    graph = Graph("chain", 1, (Pairs(name_of("link", "chain")),), 1 << 30, ranges)
    numbers = number_texts(pl.Series([*texts, "0" * 32, "f" * 32, "f" * 32]))
    components.write_nodes(work, graph, 0, numbers, np.zeros((2, 0), np.uint64))
    components.enter_pairs(work, (graph, (0, 0)))
    for number in range(40):
        graph = replace(graph, round=number)
        for each in range(ranges):
            components.join_range(work, (graph, each))
        if components.is_connected(work, graph):
            break
    for each in range(ranges):
        components.route_range(work, (graph, each))
    found = components.find_components(work, graph, 0, numbers)

    assert components.is_connected(work, graph)
    assert graph.round < 20
    assert found[:1000].n_unique() == 1
    assert found[1000] is None  # alone
    assert found[1001] == found[1002] != found[0]


def test_without_links_only_equal_texts_count(work):
    documents = draw_documents(90)
    section = work.recipe.duplicates.model_copy(update={"versions": "off"})
    small = section.model_copy(update={"memory": PROCESS_BYTES + 10_000})
    once = choose_at_once(work, cluster(documents, section))
    found, _ = find_in_pieces(work, cluster(documents, small))

    assert found.sort("id").equals(once.sort("id"))
    assert set(found["rule"].drop_nulls()) == {"duplicates.exact"}


def test_no_documents_have_no_members(work):
    documents = draw_documents(5)
    section = work.recipe.duplicates.model_copy(update={"memory": PROCESS_BYTES + 1})
    clusters = make_clustering("none", partial(read, documents.clear()), [5], section)
    for found in (choose_at_once(work, clusters), find_in_pieces(work, clusters)[0]):
        assert found.height == 0
        assert found.columns == [*MEMBERS.names(), "place", "row", "source", "is_earlier"]
