"""Scopes beside `snapshot` and `release`, and duplicates by address and key."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.clusters import EARLIER, choose_survivors
from curate.errors import RecipeError
from curate.recipe import DuplicatesSection, make_recipe
from curate.score.addresses import canonical_address

EXACT, NEAR = "duplicates.exact", "duplicates.near"
TEXT = st.sampled_from("ABCDE")
PAIRS = st.dictionaries(
    st.tuples(TEXT, TEXT).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from([0.6, 0.75, 0.8, 0.9]),
    max_size=7,
)
ROWS = st.lists(
    st.tuples(
        st.none() | TEXT,
        st.sampled_from(["eng", "deu"]),
        st.booleans(),
        st.none() | st.sampled_from(["u", "v", "w"]),
    ),
    max_size=10,
)


def passing(rows) -> pl.DataFrame:
    """Documents 00, 01 … in the order in which they survive."""
    return pl.DataFrame(
        [
            {
                "id": f"{number:02}",
                "text_hash": text,
                "language": language,
                "is_reference": reference,
                "url": url,
                "key": url,
                "parent": None,
                "priority": 0,
                "words": 100 - number,
                "date": None,
            }
            for number, (text, language, reference, url) in enumerate(rows)
        ],
        schema={
            **dict.fromkeys(("id", "text_hash", "language"), pl.String),
            "is_reference": pl.Boolean,
            **dict.fromkeys(("url", "key", "parent"), pl.String),
            **dict.fromkeys(("priority", "words"), pl.Int64),
            "date": pl.String,
        },
    )


def links(pairs: dict) -> pl.DataFrame:
    rows = [(a, b, value) for (a, b), value in pairs.items()]
    schema = {"hash_a": pl.String, "hash_b": pl.String, "similarity": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def section(**settings) -> DuplicatesSection:
    return DuplicatesSection(versions="off", **settings)


def losers(rows, pairs, chosen, earlier=None) -> dict[str, tuple]:
    found = choose_survivors(passing(rows), links(pairs), chosen, earlier)
    gone = found.filter(pl.col("duplicate_of").is_not_null())
    return {row[0]: row[1:4] for row in gone.iter_rows()}


def similar(pairs: dict, one: str, other: str) -> float:
    return 1.0 if one == other else pairs.get((min(one, other), max(one, other)), 0.0)


@settings(deadline=None, max_examples=120)
@given(rows=ROWS, pairs=PAIRS)
def test_only_what_is_near_to_a_reference_goes_with_the_scope_reference(rows, pairs):
    expected = {}
    references = [(n, row[0]) for n, row in enumerate(rows) if row[2] and row[0]]
    for number, (text, _, is_reference, _) in enumerate(rows):
        near = [(-similar(pairs, text, o), n, o) for n, o in references if text is not None]
        near = [one for one in near if -one[0] >= 0.75]
        if near and not is_reference:
            value, other, other_text = min(near)
            rule = EXACT if other_text == text else NEAR
            expected[f"{number:02}"] = (f"{other:02}", -value, rule)

    assert losers(rows, pairs, section(scope="reference")) == expected


@settings(deadline=None, max_examples=120)
@given(rows=ROWS, pairs=PAIRS, scope=st.sampled_from(["language", "release", "index"]))
def test_a_reference_outlives_its_cluster_within_the_scope(rows, pairs, scope):
    expected = {}
    nodes = [
        (n, text, language if scope == "language" else "", reference)
        for n, (text, language, reference, _) in enumerate(rows)
        if text is not None
    ]
    for one in nodes:
        reached, todo = set(), [one]
        while todo:
            node = todo.pop()
            if node not in reached:
                reached.add(node)
                todo += [
                    other
                    for other in nodes
                    if other[2] == node[2] and similar(pairs, node[1], other[1]) >= 0.75
                ]
        first = min(reached, key=lambda node: (not node[3], node[0]))
        if first != one and not one[3]:
            expected[f"{one[0]:02}"] = f"{first[0]:02}"

    found = losers(rows, pairs, section(scope=scope))
    assert {name: facts[0] for name, facts in found.items()} == expected


@settings(deadline=None, max_examples=120)
@given(rows=ROWS, pairs=PAIRS, by=st.sampled_from(["url", "key"]))
def test_one_document_of_an_address_or_a_key_is_kept(rows, pairs, by):
    """Before the texts: what goes by address shadows nobody by its text."""
    expected = {}
    for value in "uvw":
        group = [
            (not row[2], f"{n:02}") for n, row in enumerate(rows) if row[3] == value and row[0]
        ]
        for is_own, name in group:
            if is_own and name != min(group)[1]:
                expected[name] = (min(group)[1], None, f"duplicates.{by}")
    left = [(None, *row[1:]) if f"{n:02}" in expected else row for n, row in enumerate(rows)]
    texts = losers(left, pairs, section())
    for name, (other, *facts) in expected.items():
        expected[name] = (texts[other][0] if other in texts else other, *facts)

    found = choose_survivors(passing(rows), links(pairs), section(by=(by,)))
    gone = found.filter(pl.col("duplicate_of").is_not_null())
    assert {row[0]: row[1:4] for row in gone.iter_rows()} == expected | texts
    sizes = gone.group_by("duplicate_of").len("size")
    kept = found.filter(pl.col("duplicate_of").is_null())
    alone = kept.join(sizes, left_on="id", right_on="duplicate_of")
    if not any(row[2] for row in rows):  # else a cluster may have members that stay
        assert alone["cluster_size"].to_list() == [size + 1 for size in alone["size"]]
        assert gone.join(kept, left_on="duplicate_of", right_on="id")["cluster_size"].to_list() == (
            gone.join(kept, left_on="duplicate_of", right_on="id")["cluster_size_right"].to_list()
        )


def test_the_parts_of_a_document_stay_together():
    rows = passing([("A", "eng", False, "u"), ("B", "eng", False, "u"), ("C", "eng", False, "u")])
    parts = rows.with_columns(parent=pl.Series([None, "00", None]))
    found = choose_survivors(parts, links({}), section(by=("url",)))
    assert found.select("id", "duplicate_of", "rule").rows() == [
        ("00", None, None),
        ("02", "00", "duplicates.url"),
    ]


def test_what_was_released_before_survives_and_is_no_member():
    earlier = pl.DataFrame(
        [("A", "ff", "A", "old@1", 1.0), ("B", "ee", "X", "old@2", 0.8)],
        schema=EARLIER,
        orient="row",
    )
    rows = [(text, "eng", False, None) for text in "ABCD"]
    found = losers(rows, {("B", "C"): 0.9}, section(scope="index"), earlier)
    assert found == {
        "00": ("ff", 1.0, EXACT),
        "01": ("ee", 0.8, NEAR),
        "02": ("ee", 0.9, NEAR),
    }


def test_the_preferred_survives_before_the_longer():
    rows = passing([("A", "eng", False, None)] * 3).with_columns(
        preference=pl.Series([1.0, 2, None])
    )
    found = choose_survivors(rows, links({}), section(prefer="perplexity"))
    assert found["duplicate_of"].to_list() == ["01", None, "01"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://www.example.com/A/?b=2&a=1#x", "example.com/A?b=2&a=1"),
        ("https://example.com:443/A/?utm_source=q&fbclid=1&b=2&a=1", "example.com/A?b=2&a=1"),
        ("https://EXAMPLE.com", "example.com"),
        ("example.com/%7Euser/%2F", "example.com/~user/%2F"),
        ("https://example.com/?utm_campaign", "example.com"),
        ("https://example.com/watch?v=AbC", "example.com/watch?v=AbC"),
        ("mailto", "mailto"),
        ("", None),
        ("http://[", None),
    ],
)
def test_addresses_of_one_document_have_one_spelling(address, expected):
    assert canonical_address(address) == expected


@pytest.mark.parametrize(
    ("prefer", "told"),
    [
        ("wrods", "did you mean 'words'"),
        ("text_hash", "'text_hash' is none"),
        ("-perplexity", r"'perplexity' is not measured; set up \[perplexity\]"),
        ("url_word_score", "is not measured"),
    ],
)
def test_a_preference_that_nothing_measures_is_refused(prefer, told):
    values = {"name": "x", "sources": [{"kind": "records", "inputs": ["x"]}]}
    make_recipe(values | {"duplicates": {"prefer": "-toxicity"}})
    with pytest.raises(RecipeError, match=told):
        make_recipe(values | {"duplicates": {"prefer": prefer}})
