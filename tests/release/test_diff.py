from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import hex_id, make_documents, stage

from curate.errors import ReleaseError
from curate.release import diff
from curate.release.diff import diff_releases
from curate.release.publish import publish
from curate.store import Store


def release(store: Store, numbers, removed=None, **arguments):
    documents = make_documents(numbers)
    draft = stage(store, documents, removed=removed, **arguments)
    return publish(store, "releases/corpus/.staging-1", draft)


def test_a_diff_counts_what_changed(tmp_path):
    store = Store(str(tmp_path))
    words, toxic = "quality.minimum_words", "toxicity.maximum_score"
    release(store, range(100), {hex_id(200): words, hex_id(201): words, hex_id(202): words})
    # 3 is removed, 200 is kept, 201 has another rule, 202 is gone, 300 and 301 are new
    now = [n for n in range(101) if n not in {3, 100}] + [200, 301]
    release(store, now, {hex_id(3): toxic, hex_id(201): toxic, hex_id(300): toxic}, ledger_parts=5)
    found = diff_releases(store, "corpus@1", "corpus")
    assert (found["a"], found["b"]) == ("corpus@1", "corpus@2")
    assert found["documents"] == {
        "same": 99,
        "changed": 3,
        "added": 2,
        "removed": 1,
        "entered": 2,
        "left": 1,
    }
    rows = [
        ("records", "absent", "kept", 1),
        ("records", "absent", toxic, 1),
        ("records", "kept", toxic, 1),
        ("records", words, "absent", 1),
        ("records", words, "kept", 1),
        ("records", words, toxic, 1),
    ]
    names = ("source", "before", "after", "documents")
    assert found["changes"] == [dict(zip(names, row, strict=True)) for row in rows]
    assert found["funnel"] == [
        {"rule": toxic, "source": "records", "removed": [0, 3], "tagged": [0, 0]},
        {"rule": words, "source": "records", "removed": [3, 0], "tagged": [0, 0]},
    ]
    shards = found["shards"]
    assert shards["shared"] > 0
    assert shards["shared"] + shards["only_b"] == len(store_shards(store, 2))


def store_shards(store: Store, version: int) -> list[str]:
    return [
        name
        for split in ("train", "validation")
        for name in store.names(f"releases/corpus/{version}/{split}")
        if name.endswith(".arrow")
    ]


def test_a_release_equals_itself(tmp_path):
    store = Store(str(tmp_path))
    release(store, range(50))
    found = diff_releases(store, "corpus", "corpus@1")
    assert found["changes"] == []
    assert found["documents"]["same"] == 50
    assert found["shards"]["only_a"] == found["shards"]["only_b"] == 0
    with pytest.raises(ReleaseError, match="versions: 1"):
        diff_releases(store, "corpus@1", "corpus@2")


verdicts = st.dictionaries(st.integers(0, 30), st.sampled_from([None, "a.x", "b.y"]), min_size=1)


@settings(max_examples=5, deadline=None)
@given(verdicts, verdicts, st.integers(1, 4))
def test_counts_equal_a_plain_comparison_however_the_ids_are_cut(
    tmp_path_factory, former, latter, parts
):
    store = Store(str(tmp_path_factory.mktemp("store")))
    for number, side in enumerate((former, latter)):
        kept = [n for n, rule in side.items() if rule is None]
        removed = {hex_id(n): rule for n, rule in side.items() if rule is not None}
        draft = stage(store, make_documents(kept), removed=removed, ledger_parts=parts)
        publish(
            store, "releases/corpus/.staging-1", draft.model_copy(update={"name": f"r{number}"})
        )
    plain = Counter(
        (former.get(n, "absent") or "kept", latter.get(n, "absent") or "kept")
        for n in former.keys() | latter.keys()
    )
    expected = {pair: count for pair, count in plain.items() if pair[0] != pair[1]}
    results = []
    with pytest.MonkeyPatch.context() as patch:
        for rows in (diff.JOINED_ROWS, 20):  # one range of ids, or 16
            patch.setattr(diff, "JOINED_ROWS", rows)
            results.append(diff_releases(store, "r0", "r1"))
    assert results[0] == results[1]
    found = pl.DataFrame(results[0]["changes"], schema=["source", "before", "after", "documents"])
    pairs = found.group_by("before", "after").agg(pl.sum("documents")).iter_rows()
    assert {(before, after): count for before, after, count in pairs} == expected
    assert results[0]["documents"]["same"] == sum(plain.values()) - sum(expected.values())
