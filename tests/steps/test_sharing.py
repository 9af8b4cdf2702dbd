"""Shared passages against a plain search, in one range of hashes or in many."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from dataclasses import replace

import polars as pl
import pytest

from curate.duplicates.substrings import cut_words
from curate.recipe import load_recipe
from curate.steps import linking, measuring, reading, repeats, sharing, spanning
from curate.steps.work import Linked, Work, find_repeats, read_documents
from curate.store import Store

LEAST = 12
PASSAGES = [  # those of 8 and 11 words are too short
    " ".join(f"passage{number}word{n}" for n in range(words))
    for number, words in enumerate([8, 11, 12, 13, 30] * 3)
]
RECIPE = """
name = "sharing"
[[sources]]
kind = "records"
inputs = ["a*.jsonl"]
snapshot = "A"
id_column = "id"
[[sources]]
kind = "records"
inputs = ["b*.jsonl"]
snapshot = "B"
id_column = "id"
[clean]
maximum_document_characters = 1000
[spans]
shared_words = 12
[duplicates]
scope = "{scope}"
"""


def write_corpus(folder, scope):
    """Random documents with common passages, some long enough to become parts, and some copies."""
    draw = random.Random(7)
    words = [f"w{n}x" for n in range(400)]
    passages = [*map(str.split, PASSAGES), ["la"] * 20, ["la"] * 9 + ["lo"] + ["la"] * 9]
    for name in ("a0", "a1", "b0"):
        rows = []
        for number in range(25):
            text = []
            for _ in range(draw.choice([1, 3, 20])):
                text += draw.choices(words, k=draw.randint(0, 15)) + draw.choice(passages)
                text.append(draw.choice(["\n\n", ".", ""]))
            rows.append({"id": f"{name}-{number}", "text": " ".join(text)})
        rows += [{"id": f"{name}-copy-{row['id']}", "text": row["text"]} for row in rows[:5]]
        rows += [
            {"id": f"{name}-near-{row['id']}", "text": row["text"] + " end"} for row in rows[:5]
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "r.toml").write_text(RECIPE.replace("{scope}", scope))


def share(folder, store):
    """The corpus as it was compared, and as it was changed, without the command."""
    recipe = load_recipe(folder / "r.toml")
    work = Work(Store(str(store)), recipe)
    parts = reading.plan_parts(recipe, folder)
    for part in parts:
        reading.read_part(work, part)
    corpus = reading.assemble(work, parts)
    corpus = replace(corpus, ids=find_repeats(work, corpus))
    for block in corpus.blocks:
        measuring.measure_block(work, block)
    linking.link_at_once(work, corpus)
    linked = Linked(corpus, linking.link_key(work, corpus))
    repeats.find_copies(work, repeats.plan_copies(work, (linked, recipe.duplicates.scope)))
    places = range(len(corpus.blocks))
    for place in places:
        sharing.hash_anchors(work, (linked, place))
    names = [sharing.anchors_name(work, (linked, place)) for place in places]
    shared = sharing.Shared(linked, sharing.plan_ranges(sharing.count_rows(work, names)))
    for part in shared.anchors:
        sharing.count_anchors(work, part)
    for place in places:
        sharing.hash_windows(work, (shared, place))
    names = [sharing.windows_name(work, (shared, place)) for place in places]
    ranges = sharing.plan_ranges(sharing.count_rows(work, names))
    shared = replace(shared, window_ranges=ranges)
    for part in shared.windows:
        sharing.join_windows(work, part)
    for place in places:
        sharing.find_shared(work, (shared, place))
    linked = sharing.assemble_shared(work, linked)
    found = spanning.Found(linked)
    for place in places:
        spanning.change_block(work, (found, place))
    return work, linked, spanning.assemble_changed(work, found), shared


def read_all(work, corpus):
    columns = ["shared_word_share", "longest_shared_words", "shared_with", "shared_passages"]
    frames = [
        read_documents(work, corpus, place)
        .hstack(measuring.read_scores(work, block, [*columns, "words_before_spans"]))
        .with_columns(priority=pl.lit(block.priority))
        for place, block in enumerate(corpus.blocks)
    ]
    return pl.concat(frames)


@pytest.fixture(scope="module", params=["release", "snapshot"])
def folder(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    write_corpus(place, request.param)
    return place


@pytest.fixture(scope="module")
def shared(folder, tmp_path_factory):
    return share(folder, tmp_path_factory.mktemp("store"))


def preferred(work, row):
    """The smaller goes first."""
    chosen = work.recipe.duplicates.prefer
    if chosen is None:
        return 0
    value = row[chosen.removeprefix("-")]
    sign = 1 if chosen.startswith("-") else -1
    return (value is None, sign * (value or 0))


def search_plainly(work, rows):
    """For each document the words that others keep, and how many windows each of those keeps."""
    scope = work.recipe.duplicates.scope
    windows = defaultdict(list)
    for row in rows:
        hashes = cut_words(pl.Series([row["text"]])).hashes.tolist()
        realm = row["snapshot"] if scope == "snapshot" else ""
        row["grams"] = [(realm, *hashes[at : at + LEAST]) for at in range(len(hashes) - LEAST + 1)]
        row["words"] = len(hashes)
        if row["counts"]:
            order = (row["priority"], preferred(work, row), -len(hashes), row["holder"])
            for gram in row["grams"]:
                windows[gram].append((order, row["holder"]))
    for row in rows:
        covered, keepers = set(), Counter()
        for at, gram in enumerate(row["grams"]):
            holders = {holder for _, holder in windows[gram]}
            first = min(windows[gram])[1] if len(holders) > 1 else row["holder"]
            if first != row["holder"]:
                covered.update(range(at, at + LEAST))
                keepers[first] += 1
        yield row, covered, keepers


def read_rows(work, linked):
    """The documents, with whom each counts as."""
    kept_by = {}
    for place in range(len(linked.corpus.blocks)):
        ids = read_documents(work, linked.corpus, place, ["id"])["id"]
        item = (linked, work.recipe.duplicates.scope)
        copies = repeats.read_copies(work, item, place)
        kept_by |= {ids[row]: of for row, of in copies.select("row", "of").iter_rows()}
    assert len(kept_by) >= 25
    return [
        row
        | {
            "holder": kept_by.get(row["id"]) or row["parent"] or row["id"],
            "counts": row["id"] not in kept_by,
        }
        for row in read_all(work, linked.corpus).to_dicts()
    ]


def test_what_is_found_is_what_a_plain_search_finds(shared):
    work, linked, _, _ = shared
    lost = 0
    for row, covered, keepers in search_plainly(work, read_rows(work, linked)):
        lost += len(covered)
        assert row["shared_word_share"] == round(len(covered) / max(row["words"], 1), 6)
        assert row["shared_with"] in {None, *keepers}
        told = row["shared_passages"]
        assert sum(passage["words"] for passage in told) == len(covered)
        assert row["longest_shared_words"] == max((p["words"] for p in told), default=0)
        for passage in told:
            words = cut_words(pl.Series([row["text"][passage["start"] : passage["end"]]])).hashes
            assert len(words) == passage["words"] >= LEAST
    assert lost > 500


def test_what_is_found_goes_and_nothing_else(shared):
    work, linked, after, _ = shared
    rows, changed = (read_all(work, corpus).to_dicts() for corpus in (linked.corpus, after))
    for row, new in zip(rows, changed, strict=True):
        before, left = (len(cut_words(pl.Series([one["text"]])).hashes) for one in (row, new))
        gone = sum(passage["words"] for passage in row["shared_passages"])
        assert left == before - gone
        assert new["shared_passages"] == row["shared_passages"]
        assert ("shared_passages:" in (new["cleaned_by"] or "")) == bool(gone)


def test_of_every_passage_one_stays(shared):
    work, linked, after, _ = shared
    old, new = (read_all(work, corpus)["text"] for corpus in (linked.corpus, after))
    # whole, unless it lies in another passage too, or where a document was cut into parts
    words, left_words = ({word for text in some for word in text.split()} for some in (old, new))
    assert words == left_words
    whole = 0
    for passage in PASSAGES:
        pattern = passage.replace(" ", r"\s+")
        before, left = (some.str.count_matches(pattern).sum() for some in (old, new))
        if len(passage.split()) < LEAST:
            assert left > before / 2
        else:
            assert left < before / 2
            whole += left > 0
    assert whole >= 8


def test_many_ranges_of_hashes_give_the_same_bytes(folder, shared, tmp_path, monkeypatch):
    work, linked, after, search = shared
    assert (search.anchor_ranges, search.window_ranges) == (1, 1)
    monkeypatch.setattr(sharing, "RANGE_ROWS", 50)
    again, _, same, many = share(folder, tmp_path)
    assert min(many.anchor_ranges, many.window_ranges) >= 8
    assert same == after
    for name in [*(block.changed.name for block in after.blocks if block.changed)] + [
        sharing.shared_name(work, (search, place)) for place in range(len(after.blocks))
    ]:
        assert again.store.read_bytes(name) == work.store.read_bytes(name)
    assert any(block.changed for block in linked.corpus.blocks) is False


@pytest.mark.parametrize("prefer", ["unique_word_share", "-unique_word_share"])
def test_who_keeps_a_passage_follows_the_order_of_survivors(tmp_path, prefer):
    write_corpus(tmp_path, "release")
    recipe = tmp_path / "r.toml"
    recipe.write_text(recipe.read_text() + f'prefer = "{prefer}"\n')
    work, linked, _, _ = share(tmp_path, tmp_path / "store")
    rows = read_rows(work, linked)
    values = pl.concat(
        measuring.read_scores(work, block, ["unique_word_share"]) for block in linked.corpus.blocks
    )
    for row, value in zip(rows, values["unique_word_share"], strict=True):
        row["unique_word_share"] = value
    lost = 0
    for row, covered, keepers in search_plainly(work, rows):
        lost += len(covered)
        assert row["shared_word_share"] == round(len(covered) / max(row["words"], 1), 6)
        assert row["shared_with"] in {None, *keepers}
    assert lost > 500


def test_one_text_many_times_is_one_document(tmp_path):
    text = " ".join(f"word{n}" for n in range(60))
    rows = [{"id": f"{n}", "text": text} for n in range(3000)] + [
        {"id": "x", "text": text + " y z"}
    ]
    for name, some in (("a0", rows[::2]), ("b0", rows[1::2])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    (tmp_path / "r.toml").write_text(RECIPE.replace("{scope}", "release"))
    work, linked, after, _ = share(tmp_path, tmp_path / "store")
    assert after == linked.corpus
    assert read_all(work, after)["longest_shared_words"].max() == 0
