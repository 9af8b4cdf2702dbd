"""Repeated lines against a plain count of them, in one range of hashes or in many."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import replace

import polars as pl
import pytest

from curate.recipe import load_recipe
from curate.steps import linking, measuring, reading, repeats, spanning
from curate.steps.work import Linked, Work, find_repeats, read_documents
from curate.store import Store

RECIPE = """
name = "spans"
[[sources]]
kind = "records"
inputs = ["a*.jsonl"]
snapshot = "A"
uri_column = "url"
[[sources]]
kind = "records"
inputs = ["b*.jsonl"]
snapshot = "B"
uri_column = "url"
[clean]
maximum_document_characters = 1000
[spans]
repeated_line_documents = 3
sources = ["records"]
"""


def write_corpus(folder):
    """Random documents of few lines on few sites, some of them long enough to become parts."""
    draw = random.Random(7)
    words = [f"w{chr(97 + n)}x" for n in range(26)]
    lines = [" ".join(draw.choices(words, k=3)) for _ in range(40)]
    for name in ("a0", "a1", "b0"):
        rows = []
        for _ in range(60):
            own = [" ".join(draw.choices(words, k=8)) for _ in range(draw.choice([1, 3, 60]))]
            text = own + draw.choices(lines, k=draw.randint(0, 4))
            draw.shuffle(text)
            url = f"https://{draw.choice(['x', 'y', 'z'])}.example/{draw.random()}"
            rows.append({"url": url, "text": "\n".join(text)})
        rows += rows[:20]  # read twice: they count once
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "r.toml").write_text(RECIPE)


def change(folder, store):
    """The corpus before and after, without the command."""
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
    repeats.find_copies(work, repeats.plan_copies(work, (linked, "snapshot")))
    places, lines = range(len(corpus.blocks)), repeats.Lines(linked)
    for place in places:
        repeats.hash_block(work, (lines, place))
    found = spanning.Found(linked, repeats.plan_ranges(work, lines))
    for part in found.lines:
        repeats.count_lines(work, part)
    for place in places:
        spanning.change_block(work, (found, place))
    return work, corpus, spanning.assemble_changed(work, found), found.line_ranges


def read_all(work, corpus):
    frames = [read_documents(work, corpus, place) for place in range(len(corpus.blocks))]
    return pl.concat(frames)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("corpus")
    write_corpus(place)
    return place


@pytest.fixture(scope="module")
def changed(folder, tmp_path_factory):
    return change(folder, tmp_path_factory.mktemp("store"))


def test_the_lines_that_go_are_those_of_a_plain_count(changed):
    work, corpus, after, _ = changed
    before = read_all(work, corpus).to_dicts()
    seen = defaultdict(set)
    for row in before:
        site = (row["snapshot"], row["uri"].split("/")[2])
        for line in row["text"].split("\n"):
            # a document that was read twice has one address, and parts have their document's
            seen[site, line].add(row["uri"])
    expected = []
    for row in before:
        site = (row["snapshot"], row["uri"].split("/")[2])
        lines = row["text"].split("\n")
        expected.append("\n".join(line for line in lines if len(seen[site, line]) < 3))
    found = read_all(work, after)["text"].to_list()
    assert found == expected
    texts = [row["text"] for row in before]
    assert sum(a != b for a, b in zip(texts, found, strict=True)) > 50
    assert any(row["part"] for row in before)
    shared = [line for (_, line), uris in seen.items() if 1 < len(uris) < 3]
    assert shared, "no line is just below the limit"


def test_many_ranges_of_hashes_give_the_same_bytes(folder, changed, tmp_path, monkeypatch):
    work, _, after, ranges = changed
    assert ranges == 1
    monkeypatch.setattr(repeats, "LINES_A_COUNT", 100)
    again, _, same, many = change(folder, tmp_path)
    assert many >= 16
    assert same == after
    for block in after.blocks:
        assert block.changed is not None
        name = block.changed.name
        assert again.store.read_bytes(name) == work.store.read_bytes(name)


NOTICE = "All of this may be\nprinted again by anybody."
PARAGRAPHS = """
name = "paragraphs"
[[sources]]
kind = "records"
inputs = ["*.jsonl"]
uri_column = "url"
[spans]
repeated_line_documents = 3
repeated_paragraph_documents = 3
paragraph_words = 5
repeated_action = "ACTION"
sources = ["records"]
"""


def own_words(name):
    """Enough that documents with one notice are no near-duplicates."""
    return " ".join(f"{name}{number}" for number in range(40))


def find_all(folder, store, action):
    """Documents of several sites with common paragraphs, changed or tagged."""
    rows = [
        {"url": f"https://{site}.example/", "text": f"{own_words(own)}\n\n{notice}\n\nToo short."}
        for site, own, notice in (
            ("a", "Some", NOTICE),
            ("b", "Other", NOTICE.upper()),
            ("c", "More", NOTICE.replace("\n", " ")),
            ("d", "Few", "Nothing of that kind is said here."),
        )
    ]
    (folder / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "r.toml").write_text(PARAGRAPHS.replace("ACTION", action))
    recipe = load_recipe(folder / "r.toml")
    work = Work(Store(str(store)), recipe)
    parts = reading.plan_parts(recipe, folder)
    for part in parts:
        reading.read_part(work, part)
    corpus = reading.assemble(work, parts)
    measuring.measure_block(work, corpus.blocks[0])
    linking.link_at_once(work, corpus)
    linked = Linked(corpus, linking.link_key(work, corpus))
    repeats.find_copies(work, repeats.plan_copies(work, (linked, "snapshot")))
    for lines in (repeats.Lines(linked), repeats.Lines(linked, "paragraphs")):
        repeats.hash_block(work, (lines, 0))
        assert repeats.plan_ranges(work, lines) == 1
        repeats.count_lines(work, repeats.LineRange(lines, 0, 1))
    return work, spanning.Found(linked, 1, 1)


def test_paragraphs_that_a_snapshot_repeats_go(tmp_path):
    work, found = find_all(tmp_path, tmp_path / "store", "remove-span")
    spanning.change_block(work, (found, 0))
    documents = read_documents(work, spanning.assemble_changed(work, found), 0)
    own = [own_words(name) for name in ("Some", "Other", "More")]
    assert documents["text"].to_list() == [
        *(f"{some}\n\nToo short." for some in own),
        f"{own_words('Few')}\n\nNothing of that kind is said here.\n\nToo short.",
    ]
    assert documents["cleaned_by"].to_list() == [f"repeated_paragraphs:{len(NOTICE) + 2}"] * 3 + [
        None
    ]


def test_paragraphs_and_lines_may_be_tagged_alone(tmp_path):
    work, found = find_all(tmp_path, tmp_path / "store", "tag")
    linked = found.linked
    for ranges in (found.lines, found.paragraphs):
        repeats.tag_block(work, (ranges, 0))
        linked = repeats.assemble_tagged(work, ranges[0].lines, linked)
    columns = ["site_lines_character_share", "common_paragraphs_character_share"]
    scores = measuring.read_scores(work, linked.corpus.blocks[0], columns)
    texts = read_documents(work, linked.corpus, 0, ["text"])["text"]
    assert scores[columns[0]].to_list() == [0, 0, 0, 0]  # on each site one page
    assert scores[columns[1]].to_list() == [
        *(round((len(NOTICE) + 1) / len(text), 6) for text in texts[:3]),
        0,
    ]
    made = replace(linked.corpus.blocks[0], found=())  # a block that was made
    states = measuring.read_scores(work, made, ["site_lines_state", columns[0]])
    assert states.to_dicts() == [{"site_lines_state": "not_applicable", columns[0]: None}] * 4
