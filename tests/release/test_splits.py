from __future__ import annotations

import hashlib

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import hex_id

from curate.errors import ReleaseError
from curate.release.splits import assign_splits

PAIRS = {"id": pl.String, "split": pl.String}
members = st.lists(st.integers(0, 8).map(lambda n: f"group {n}"), max_size=40)
earlier = st.dictionaries(
    st.integers(0, 50).map(str), st.sampled_from(["train", "validation", None]), max_size=40
)
shares = st.sampled_from([0.0, 0.01, 0.3, 0.5, 0.99, 1.0])


def frames(groups, previous):
    """Documents `0`, `1`, … of the named groups, and the earlier splits."""
    now = pl.DataFrame(
        {"id": [str(n) for n in range(len(groups))], "group": groups},
        schema={"id": pl.String, "group": pl.String},
    )
    rows = list(previous.items())
    return now, pl.DataFrame(rows, schema=PAIRS, orient="row")


def plain_splits(groups, seed, share, previous):
    """The slow reference: one group at a time."""
    conflicts = 0
    result = [""] * len(groups)
    for group in set(groups):
        places = [n for n, name in enumerate(groups) if name == group]
        was = {previous[str(n)] for n in places if previous.get(str(n))}
        digest = hashlib.blake2b(f"{seed}\0{group}".encode(), digest_size=8).digest()
        drawn = "validation" if int.from_bytes(digest, "big") < share * 2**64 else "train"
        side = "train" if "train" in was else "validation" if was else drawn
        conflicts += len(was) == 2
        for n in places:
            result[n] = previous.get(str(n)) or side
    return result, conflicts


@settings(deadline=None)
@given(members, st.integers(), shares, earlier)
def test_splits_equal_the_plain_reference(groups, seed, share, previous):
    now, before = frames(groups, previous)
    splits, conflicts = assign_splits(now, seed, share, before)
    assert splits["id"].to_list() == now["id"].to_list()
    assert (splits["split"].to_list(), conflicts) == plain_splits(groups, seed, share, previous)


@settings(deadline=None)
@given(members, st.integers(), shares, shares)
def test_groups_stay_together_and_a_larger_share_only_adds(groups, seed, share, other):
    now, _ = frames(groups, {})
    small, conflicts = assign_splits(now, seed, min(share, other), None)
    large, _ = assign_splits(now, seed, max(share, other), None)
    assert conflicts == 0
    together = now.join(small, on="id").group_by("group").agg(pl.n_unique("split"))
    assert together["split"].to_list() == [1] * together.height
    chosen = set(small.filter(split="validation")["id"])
    assert chosen <= set(large.filter(split="validation")["id"])


@settings(deadline=None)
@given(members, st.permutations(range(40)), earlier)
def test_order_does_not_matter(groups, order, previous):
    now, before = frames(groups, previous)
    rows = [n for n in order if n < len(groups)]
    splits, conflicts = assign_splits(now, 7, 0.3, before)
    shuffled, same = assign_splits(now[rows], 7, 0.3, before.reverse())
    assert shuffled.equals(splits[rows])
    assert conflicts == same


def test_shares_are_kept_and_released_splits_stick():
    ids = [hex_id(n) for n in range(10_000)]
    now = pl.DataFrame({"id": ids, "group": ids})
    first, _ = assign_splits(now, 7, 0.1)
    count = first.filter(split="validation").height
    assert 900 < count < 1100
    again, conflicts = assign_splits(now, 8, 0.9, first)
    assert again.equals(first)
    assert conflicts == 0


def test_torn_groups_keep_what_was_released_and_new_members_train():
    now, before = frames(
        ["g"] * 3 + ["h"] * 2, {"0": "train", "1": "validation", "3": "validation"}
    )
    splits, conflicts = assign_splits(now, 7, 0.0, before)
    assert splits["split"].to_list() == ["train", "validation", "train", "validation", "validation"]
    assert conflicts == 1


def test_literal_splits_and_a_document_alone():
    now = pl.DataFrame({"id": ["a", "b", "c", "d"], "group": ["g0", "g1", None, "c"]})
    splits, _ = assign_splits(now, 7, 0.5)
    assert splits["split"].to_list() == ["train", "train", "train", "train"]
    assert splits["split"][2] == splits["split"][3]


def test_an_unknown_earlier_split_is_an_error():
    now, before = frames(["g"], {"0": "test"})
    with pytest.raises(ReleaseError, match="'test' came"):
        assign_splits(now, 7, 0.5, before)
