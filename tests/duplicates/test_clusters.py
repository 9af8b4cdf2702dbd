from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.clusters import choose_survivors, connected, group_for_split
from curate.recipe import DuplicatesSection

RELEASE = DuplicatesSection(versions="off")
SNAPSHOT = DuplicatesSection(versions="off", scope="snapshot")
PASSING = {
    "id": pl.String,
    "snapshot": pl.String,
    "text_hash": pl.String,
    "priority": pl.Int64,
    "words": pl.Int64,
    "date": pl.String,
}
LINKS = {"hash_a": pl.String, "hash_b": pl.String, "similarity": pl.Float64}
DOCUMENTS = dict.fromkeys(("id", "parent", "work", "text_hash"), pl.String)
EXACT, NEAR = "duplicates.exact", "duplicates.near"

TEXT = st.sampled_from("ABCDEF")
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["s", "t"]),
        st.none() | TEXT,
        st.integers(0, 1),
        st.none() | st.integers(1, 3),
        st.sampled_from([None, "2024", "2025-01"]),
    ),
    max_size=14,
).map(lambda rows: [(f"{number:02}", *row) for number, row in enumerate(rows)])
PAIRS = st.dictionaries(
    st.tuples(TEXT, TEXT).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from([0.5, 0.6, 0.75, 0.8, 0.9]),
    max_size=8,
).map(lambda pairs: [(a, b, similarity) for (a, b), similarity in pairs.items()])


def frame(rows: list, schema: dict) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")


def survivors(rows: list, links: list, section: DuplicatesSection = RELEASE) -> list[tuple]:
    return choose_survivors(frame(rows, PASSING), frame(links, LINKS), section).rows()


def slow_components(nodes: list, edges: list[tuple]) -> dict:
    """The component of each node, by walking."""
    component: dict = {}
    for start in nodes:
        reached, todo = set(), [start]
        while todo:
            node = todo.pop()
            if node not in reached:
                reached.add(node)
                todo += [b for a, b in edges if a == node] + [a for a, b in edges if b == node]
        component[start] = frozenset(reached)
    return component


def slow_survivors(rows: list, links: list, section: DuplicatesSection) -> list[tuple]:
    documents = {
        row[0]: (row[1] if section.scope == "snapshot" else "", row[2])
        for row in rows
        if row[2] is not None
    }
    similarity = {}
    for a, b, value in links:
        for scope in {scope for scope, _ in documents.values()}:
            if value >= 0.75 and {(scope, a), (scope, b)} <= set(documents.values()):
                similarity[(scope, a), (scope, b)] = similarity[(scope, b), (scope, a)] = value
    component = slow_components(list(documents.values()), list(similarity))
    order = sorted(
        (row for row in rows if row[0] in documents),
        key=lambda row: (
            row[3],
            row[4] is None,
            -(row[4] or 0),
            row[5] is None,
            row[5] or "",
            row[0],
        ),
    )
    result = []
    for row in rows:
        if row[0] not in documents:
            continue
        text = documents[row[0]]
        members = [other[0] for other in order if documents[other[0]] in component[text]]
        if len(members) == 1:
            continue
        first = members[0]
        target = documents[first]
        if row[0] == first:
            result.append((row[0], None, None, None, len(members)))
        elif text == target:
            result.append((row[0], first, 1.0, EXACT, len(members)))
        else:
            best = max(value for (one, _), value in similarity.items() if one == text)
            value = similarity.get((text, target), best)
            result.append((row[0], first, value, NEAR, len(members)))
    return result


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, links=PAIRS, section=st.sampled_from([RELEASE, SNAPSHOT]), source=st.randoms())
def test_survivors_are_those_of_a_plain_reference_in_any_order(rows, links, section, source):
    expected = slow_survivors(rows, links, section)
    source.shuffle(rows)
    source.shuffle(links)
    assert survivors(rows, links, section) == expected


def test_a_chain_with_copies_literally():
    rows = [
        ("1", "s", "A", 0, 9, None),
        ("2", "s", "A", 0, 9, None),
        ("3", "s", "B", 0, 8, None),
        ("4", "s", "C", 0, 7, None),
        ("5", "s", "C", 0, 7, None),
        ("6", "s", "D", 0, 99, None),
        ("7", "s", "E", 0, 99, None),
    ]
    links = [("A", "B", 0.75), ("A", "C", 0.6), ("B", "C", 0.8), ("C", "D", 0.7499)]
    assert survivors(rows, links) == [
        ("1", None, None, None, 5),
        ("2", "1", 1.0, EXACT, 5),
        ("3", "1", 0.75, NEAR, 5),
        ("4", "1", 0.8, NEAR, 5),
        ("5", "1", 0.8, NEAR, 5),
    ]


def test_a_text_that_did_not_pass_connects_nothing():
    rows = [("1", "s", "A", 0, 9, None), ("3", "s", "C", 0, 9, None)]
    assert survivors(rows, [("A", "B", 0.9), ("B", "C", 0.9)]) == []


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((0, 1, None), (1, 9, "2001")),
        ((0, 9, None), (0, 8, "2001")),
        ((0, 8, None), (0, None, "2001")),
        ((0, 8, "2001"), (0, 8, "2001-02")),
        ((0, 8, "2001"), (0, 8, None)),
    ],
)
def test_the_survivor_is_the_first_by_priority_then_words_then_date(better, worse):
    rows = [("1", "s", "A", *worse), ("2", "s", "A", *better)]
    assert survivors(rows, [])[0] == ("1", "2", 1.0, EXACT, 2)


def test_within_a_snapshot_copies_of_another_snapshot_do_not_count():
    rows = [(str(i), "st"[i % 2], "AABB"[i], 0, 1, None) for i in range(4)]
    links = [("A", "B", 0.9)]
    assert survivors(rows, links, SNAPSHOT) == [
        ("0", None, None, None, 2),
        ("1", None, None, None, 2),
        ("2", "0", 0.9, NEAR, 2),
        ("3", "1", 0.9, NEAR, 2),
    ]
    assert [row[4] for row in survivors(rows, links)] == [4, 4, 4, 4]


def test_nothing_gives_an_empty_table_of_the_right_type():
    members = choose_survivors(frame([], PASSING), frame([], LINKS), RELEASE)
    assert members.schema == pl.Schema(
        {
            "id": pl.String,
            "duplicate_of": pl.String,
            "similarity": pl.Float64,
            "rule": pl.String,
            "cluster_size": pl.Int64,
        }
    )
    groups = group_for_split(frame([], DOCUMENTS), frame([], LINKS), RELEASE)
    assert groups.schema == pl.Schema({"id": pl.String, "group": pl.String})


@settings(deadline=None, max_examples=100)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.sampled_from(["0", "1", "2", "x"]),
            st.none() | st.sampled_from(["w", "v"]),
            st.none() | TEXT,
        ),
        max_size=10,
    ),
    links=PAIRS,
)
def test_groups_are_those_of_a_plain_reference(rows, links):
    rows = [(str(number), *row) for number, row in enumerate(rows)]
    texts = {row[3] for row in rows}
    edges = [(("id", row[0]), (kind, value)) for row in rows for kind, value in zip(
        ("id", "work", "text"), row[1:], strict=True) if value is not None]  # fmt: skip
    edges += [
        (("text", a), ("text", b)) for a, b, value in links if value >= 0.5 and {a, b} <= texts
    ]
    component = slow_components([("id", row[0]) for row in rows], edges)
    own = {row[0] for row in rows}
    expected = [
        (row[0], min(v for k, v in component["id", row[0]] if k == "id" and v in own))
        for row in rows
    ]
    groups = group_for_split(frame(rows, DOCUMENTS), frame(links, LINKS), RELEASE)
    assert groups.rows() == expected
    shuffled = group_for_split(frame(rows[::-1], DOCUMENTS), frame(links[::-1], LINKS), RELEASE)
    assert shuffled.rows() == expected[::-1]


def test_groups_literally():
    rows = [
        ("9", None, None, "A"),
        ("8", None, None, "B"),
        ("7", None, "w", "C"),
        ("6", "9", "w", None),
        ("5", None, None, "D"),
        ("4", None, None, None),
        ("3", "gone", None, "E"),
        ("2", "gone", None, "F"),
    ]
    links = [("A", "B", 0.5), ("A", "D", 0.4999), ("A", "gone", 0.9), ("D", "gone", 0.9)]
    groups = group_for_split(frame(rows, DOCUMENTS), frame(links, LINKS), RELEASE)
    assert groups.rows() == [
        ("9", "6"),
        ("8", "6"),
        ("7", "6"),
        ("6", "6"),
        ("5", "5"),
        ("4", "4"),
        ("3", "2"),
        ("2", "2"),
    ]


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 12).flatmap(
        lambda size: st.tuples(
            st.just(size),
            st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=20),
        )
    )
)
def test_components_are_those_found_by_walking(graph):
    size, edges = graph
    one, other = np.array(edges, np.int64).reshape(-1, 2).T
    component = slow_components(list(range(size)), edges)
    assert connected(size, one, other).tolist() == [min(component[i]) for i in range(size)]


@pytest.mark.parametrize("shape", ["path", "backwards", "shuffled path", "star", "pairs"])
def test_components_of_a_million_nodes_take_seconds(shape):
    size = 1_000_000
    nodes = np.arange(size)
    if shape == "backwards":
        nodes = nodes[::-1]
    if shape == "shuffled path":
        np.random.default_rng(1).shuffle(nodes)
    one, other = nodes[:-1], nodes[1:]
    if shape == "star":
        one, other = np.full(size, size - 1), nodes
    if shape == "pairs":
        one, other = nodes[::2], nodes[1::2]
    began = time.process_time()
    root = connected(size, one, other)
    assert time.process_time() - began < 10
    assert len(np.unique(root)) == (size // 2 if shape == "pairs" else 1)


def test_ten_thousand_copies_are_one_cluster():
    rows = [(f"{number:05}", "s", "A", 0, 1, None) for number in range(10_000)]
    members = survivors(rows, [])
    assert members[0] == ("00000", None, None, None, 10_000)
    assert {row[1:] for row in members[1:]} == {("00000", 1.0, EXACT, 10_000)}


def test_clusters_need_no_compiler():
    code = "import sys, curate.duplicates.clusters, curate.duplicates.candidates as c; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(ROWS, PAIRS, st.sampled_from([RELEASE, SNAPSHOT]))
def test_numbers_in_the_order_of_ids_do_as_well(rows, links, section):
    numbered = choose_survivors(
        frame(rows, PASSING).with_columns(pl.col("id").cast(pl.Int64)), frame(links, LINKS), section
    )
    assert numbered.schema["id"] == numbered.schema["duplicate_of"] == pl.Int64
    expected = survivors(rows, links, section)
    digits = pl.col("id", "duplicate_of").cast(pl.String).str.zfill(2)
    assert numbered.with_columns(digits).rows() == expected


def test_a_million_copies_of_one_text_are_one_cluster_and_one_group():
    rows = 1_000_000
    ids = pl.Series("id", range(rows)).cast(pl.String).str.zfill(32)
    copies = pl.DataFrame(
        {"id": ids, "text_hash": ["a" * 32] * rows, "priority": 0, "words": 5}
    ).with_columns(
        pl.lit(None, dtype=pl.String).alias(name)
        for name in ("date", "work", "language", "snapshot", "parent", "source_id")
    )
    began = time.process_time()
    members = choose_survivors(copies, frame([], LINKS), RELEASE)
    groups = group_for_split(copies, frame([], LINKS), RELEASE)
    assert time.process_time() - began < 60  # seconds; a square would take days
    assert members["cluster_size"].unique().to_list() == [rows]
    assert members["duplicate_of"].null_count() == 1
    assert groups["group"].unique().to_list() == ["0" * 32]
