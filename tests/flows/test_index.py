"""A second run that is checked against the first release, as the README has it; and its index."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from command import ROOT, Command
from released import contents

from curate.duplicates.index import Index, IndexDamageError
from curate.errors import StoreError
from curate.recipe import load_recipe
from curate.release.manifest import find_release
from curate.steps import indexing, reading
from curate.steps.work import Work, find_repeats
from curate.store import Store
from flows.recipes import find_recipe

AGAIN = load_recipe(find_recipe("again"))
LATER = "https://later.example"
BAKERY = "https://www.example.com/en/harbour_bakery"


@pytest.fixture(scope="module")
def second(curate, quickstart, tmp_path_factory) -> tuple[str, dict]:
    """A store with the quickstart's release, and what the second run said."""
    store = str(tmp_path_factory.mktemp("second") / "store")
    shutil.copytree(quickstart[0], store)
    return store, curate.json("run", "again", "--store", store)


@pytest.fixture
def work(second, tmp_path) -> Work:
    """A copy of the store after the second run, to be harmed."""
    store = tmp_path / "store"
    shutil.copytree(second[0], store)
    return Work(Store(str(store)), AGAIN)


def update(work: Work):
    return indexing.update(work, work.recipe.duplicates)


def test_the_second_run_is_checked_against_the_first_release(second):
    result = second[1]
    removed = {row["rule"]: row["removed"] for row in result["funnel"] if row["removed"]}
    assert removed == {"duplicates.url": 1, "duplicates.exact": 1, "duplicates.near": 3}
    assert result["documents"] == {"read": 8, "made": 0, "kept": 3, "removed": 5}
    assert (result["index"]["releases"], result["index"]["number"]) == (["quickstart@1"], 1)
    assert result["index"]["documents"] == 87  # 91 kept, of which 4 were made of others
    assert result["warnings"] == []


def test_explain_names_survivor_similarity_and_release(curate, second):
    store = second[0]

    def told(name: str) -> dict:
        found = curate.json("explain", name, "--release", "again@1", "--store", store)
        return found["documents"][0] | {"answer": found["answer"]}

    bakery = told("later-1")
    assert bakery["removed_by"] == "duplicates.exact"
    assert bakery["duplicate"] | {"id": ""} == {
        "id": "",
        "uri": BAKERY,
        "source_id": bakery["duplicate"]["source_id"],
        "title": "The bakery at the harbour",
        "release": "quickstart@1",
        "similarity": 1.0,
    }
    assert f"({BAKERY} in quickstart@1), similarity 1" in bakery["answer"]
    assert bakery["answer"] in (ROOT / "README.md").read_text(encoding="utf-8")
    farm = told(f"{LATER}/ferme")
    assert (farm["removed_by"], farm["duplicate"]["release"]) == ("duplicates.near", "quickstart@1")
    assert farm["duplicate"]["similarity"] == farm["value"] == 0.942857
    ferry = told(f"{LATER}/ferry")
    assert ferry["duplicate"]["uri"] == f"{LATER}/ferry?utm_source=letter"
    assert ferry["duplicate"]["release"] == "again@1"
    assert "another capture of the address" in ferry["answer"]
    shutil.move(f"{store}/releases/quickstart", f"{store}/gone")  # a release may be deleted
    assert told("later-1")["duplicate"]["id"] == bakery["duplicate"]["id"]
    shutil.move(f"{store}/gone", f"{store}/releases/quickstart")


def test_what_if_decides_again_with_what_was_released_before(curate, second):
    store = second[0]

    def changed(setting: str) -> dict:
        found = curate.json("what-if", "again@1", "--store", store, "--set", setting)
        return {row["uri"].removeprefix(LATER): row["after"] for row in found["changed"]}

    assert changed("duplicates.minimum_similarity=0.94") == {"/werkstatt": None, "/reliure": None}
    assert changed("duplicates.by=[]") == {
        "/ferry": None,
        "/islanders": "duplicates.near",
    }
    assert changed("duplicates.scope=release") == {
        "/bakery": None,
        "/ferme": None,
        "/reliure": None,
        "/werkstatt": None,
    }
    refused = curate.json(
        *("what-if", "quickstart@1", "--store", store, "--set", "duplicates.scope=index"), status=2
    )
    assert "nothing released before was compared" in refused["error"]


def test_the_card_and_the_manifest_name_the_state(second):
    folder = Path(second[0], second[1]["folder"])
    manifest = json.loads((folder / "manifest.json").read_text())
    state = Index(Store(second[0]), AGAIN.duplicates).read_state(1)
    assert manifest["index"]["identity"] == state.identity
    assert "quickstart@1" in (folder / "card.md").read_text()
    earlier = pl.read_parquet(folder / "earlier.parquet")
    assert set(earlier["release"]) == {"quickstart@1"}
    assert (folder / "earlier.parquet").stat().st_size > 0


@pytest.mark.slow
def test_the_same_run_again_gives_the_same_release(curate, second, tmp_path):
    """Its own release is in the index by then: its documents are its own all the same."""
    store = tmp_path / "store"
    shutil.copytree(second[0], store)
    again = curate.json("run", "again", "--store", str(store))
    assert (again["release"], again["new"]) == ("again@1", False)
    computed = {name: step["computed"] for name, step in again["steps"].items() if step["computed"]}
    assert computed == {"released": 1, "earlier": 1}
    other = curate.json("run", "again", "--store", str(store), "--set", "name=other")
    before, after = (store / one["folder"] for one in (second[1], other))
    assert contents(before) == contents(after)


@pytest.mark.slow
def test_what_was_released_before_is_found_group_by_group(
    curate, quickstart, tmp_path, monkeypatch
):
    store = tmp_path / "store"
    shutil.copytree(quickstart[0], store)
    source = find_recipe("again")
    rows = (source.parent / "samples/later.jsonl").read_text().splitlines(keepends=True)
    for number in range(4):
        (tmp_path / f"{number}.jsonl").write_text("".join(rows[number::4]))
    head, section, rest = re.split(
        r"(?=^\[\[sources|^\[language)", source.read_text(), flags=re.MULTILINE
    )
    sections = [section.replace("samples/later", str(number)) for number in range(4)]
    recipe = tmp_path / "again.toml"
    recipe.write_text("".join([head, *sections, rest]))
    result = curate.json("run", str(recipe), "--store", str(store))
    assert result["steps"]["released"]["computed"] == 1

    loaded = load_recipe(recipe)
    state = Index(Store(str(store)), loaded.duplicates).read_state(1)
    work = Work(Store(str(store)), loaded, index=state)
    corpus = reading.assemble(work, reading.plan_parts(loaded, tmp_path))
    corpus = replace(corpus, ids=find_repeats(work, corpus))
    work.store.remove(indexing.earlier_name(work, corpus))
    monkeypatch.setattr(indexing, "DOCUMENT_BYTES", loaded.duplicates.memory_for_data // 5)
    groups = indexing.plan_groups(work, corpus)
    assert [(group.first, group.stop) for group in groups] == [(0, 2), (2, 4)]
    for group in groups:
        indexing.find_earlier(work, group)
    assert all(work.store.read_frame(indexing.found_name(work, group)).height for group in groups)
    indexing.gather_earlier(work, groups)

    found = work.store.read_frame(indexing.earlier_name(work, corpus))
    assert found.equals(pl.read_parquet(store / result["folder"] / "earlier.parquet"))


# --- with changed texts, and far away


def test_texts_are_compared_with_earlier_ones_as_they_were_changed(curate, tmp_path):
    """Pages that come again under another menu equal what was released without the first one."""
    draw = random.Random(3)
    words = [f"{one}{other}" for one in "bcdfghkl" for other in ("a", "en", "ir", "ost", "ump")]
    bodies = [" ".join(draw.choices(words, k=12)) for _ in range(6)]
    recipe = tmp_path / "r.toml"
    settings = (
        '[spans]\nrepeated_line_documents = 5\nsources = ["records"]\n'
        '[duplicates]\nscope = "index"\n'
    )
    results = []
    for name, menu, last in (("first", "Home | News", 5), ("later", "Start | Contact | Boats", 6)):
        rows = [
            {"id": f"{name}-{n}", "url": f"https://a.example/{n}", "text": f"{menu}\n{body}"}
            for n, body in enumerate(bodies[:last])
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        recipe.write_text(
            f'name = "{name}"\n[[sources]]\nkind = "records"\ninputs = ["{name}.jsonl"]\n'
            f'id_column = "id"\nuri_column = "url"\nsnapshot = "S"\n{settings}'
        )
        results.append(curate.json("run", str(recipe), "--store", str(tmp_path / "store")))

    first, later = results
    assert first["documents"] == {"read": 5, "made": 0, "kept": 5, "removed": 0}
    assert later["documents"] == {"read": 6, "made": 0, "kept": 1, "removed": 5}
    folder = tmp_path / "store" / later["folder"]
    ledger = pl.read_parquet(folder / "ledger/part-*.parquet")
    # they are named by the text that they had when they were linked, so that the rule is the near one
    assert ledger["removed_by"].drop_nulls().unique().to_list() == ["duplicates.near"]
    assert ledger["similarity"].drop_nulls().to_list() == [1.0] * 5
    assert (ledger["cleaned_word_share"] > 0).all()  # the menus went
    told = curate.json(
        *("explain", "later-0", "--release", "later@1", "--store", str(tmp_path / "store"))
    )["documents"][0]
    assert (told["duplicate"]["source_id"], told["duplicate"]["release"]) == ("first-0", "first@1")


class Killed(BaseException):
    """What ends a writer between two files."""


@pytest.mark.slow
def test_the_index_lies_behind_s3_survives_kills_and_is_made_again(
    curate, quickstart, second, bucket, monkeypatch
):
    files, name_of_bucket = bucket
    files.put(f"{quickstart[0]}/", f"{name_of_bucket}/store", recursive=True)
    far = Work(Store(f"s3://{name_of_bucket}/store"), AGAIN)
    index = Index(far.store, AGAIN.duplicates)
    publishing, write_bytes = Store.publishing, Store.write_bytes
    written: list[str] = []
    most = kills = 0

    def dies(name: str) -> None:
        write = getattr(Store, name)

        def dying(self, *given):
            if len(written) == most:
                raise Killed
            written.append(name)
            return write(self, *given)

        monkeypatch.setattr(Store, name, dying)

    dies("publishing")
    dies("write_bytes")
    while kills == most < 9:
        written.clear()
        try:
            update(far)
        except Killed:
            kills += 1
            assert index.newest().number == 0
            most += 1
        else:
            break
    monkeypatch.setattr(Store, "publishing", publishing)
    monkeypatch.setattr(Store, "write_bytes", write_bytes)
    assert kills == len(written) >= 4  # documents, bands, parameters, state
    state = index.newest()
    assert state.identity == Index(Store(second[0]), AGAIN.duplicates).read_state(1).identity
    assert index.find_damage(state) == {}

    command = Command({**curate.environment, **aws_of(bucket)})
    later = command.json("run", "again", "--store", far.store.url)
    again = command.json("run", "again", "--store", far.store.url)

    assert later["content_hash"] == second[1]["content_hash"]
    assert later["index"]["number"] == 1
    assert (again["release"], again["new"]) == ("again@1", False)
    segment = state.segments[0].name
    path = f"{name_of_bucket}/store/{index.folder}/segments/{segment}/documents.parquet"
    files.pipe_file(path, files.cat_file(path)[:-100])
    state = index.newest()
    assert list(index.find_damage(state)) == [segment]
    assert indexing.repair(index, state, segment) == state
    assert index.find_damage(state) == {}


def aws_of(bucket) -> dict[str, str]:
    """What the command needs to see the bucket."""
    files, name = bucket
    assert files.exists(name)
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


# --- the index


def test_a_run_that_was_killed_before_it_added_its_release_leaves_it_to_the_next(work):
    index = Index(work.store, AGAIN.duplicates)
    before = index.newest()
    assert before.releases == ["quickstart@1", "again@1"]
    Path(work.store.path(f"{index.folder}/states/00000002.json")).unlink()
    assert update(work) == (before, [])
    shutil.rmtree(work.store.path("index"))
    state, warnings = update(work)
    assert (state.identity, warnings) == (index.newest().identity, [])
    assert update(work) == (state, [])


def test_a_damaged_segment_is_made_again_of_the_objects(work):
    index = Index(work.store, AGAIN.duplicates)
    state = index.newest()
    name = state.segments[0].name
    path = Path(work.store.path(f"{index.folder}/segments/{name}/documents.parquet"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    assert list(index.find_damage(state)) == [name]
    with pytest.raises(IndexDamageError):
        index.read_documents(state.segments[0], lambda rows: rows)
    assert indexing.repair(index, state, name) == state
    assert index.find_damage(state) == {}

    index.remove([index.read_documents(state.segments[0], lambda rows: rows)["id"][0]])
    state = index.compact()
    path = Path(work.store.path(f"{index.folder}/segments/{state.segments[0].name}"))
    shutil.rmtree(path)
    assert indexing.repair(index, state, state.segments[0].name) == state  # all releases, less one
    assert index.find_damage(state) == {}
    shutil.rmtree(path)
    shutil.rmtree(work.store.path("objects/documents"))
    with pytest.raises(StoreError, match=r"can be made again, but .*objects/documents"):
        indexing.repair(index, state, state.segments[0].name)


def test_a_release_whose_texts_are_gone_is_told(work):
    shutil.rmtree(work.store.path("index"))
    manifest = find_release(work.store, "again@1")
    ledger = pl.read_parquet(work.store.path(f"{manifest.folder}/ledger/part-*.parquet"))
    for block in ledger["block"].unique():
        Path(work.store.path(block)).unlink()
    state, warnings = update(work)
    assert state.releases == ["quickstart@1"]
    assert len(warnings) == 1
    assert warnings[0].startswith("again@1 is not compared with: ")


def test_documents_are_taken_out_and_segments_merged_by_commands(curate, work):
    place = ("--store", work.store.url)
    index = Index(work.store, AGAIN.duplicates)
    name = index.read_documents(index.newest().segments[0], lambda rows: rows)["id"][0]

    listed = curate.json("duplicates", "index", *place)
    assert [(one["number"], one["documents"], one["damage"]) for one in listed] == [(2, 90, {})]
    removed = curate.json("duplicates", "remove", name, *place)
    assert removed[0]["number"] == 3
    merged = curate.json("duplicates", "compact", *place)
    assert (merged[0]["documents"], merged[0]["segments"]) == (89, 1)
    assert "89 documents of quickstart@1, again@1" in curate("duplicates", "index", *place).stdout
    segment = index.newest().segments[0].name
    Path(work.store.path(f"{index.folder}/segments/{segment}/documents.parquet")).unlink()
    shown = curate("duplicates", "index", *place, status=1).stdout
    assert "documents.parquet" in shown
