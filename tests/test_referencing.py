from __future__ import annotations

import gzip
import json

import polars as pl
import pytest

from curate.duplicates.contamination import ITEMS
from curate.errors import InputError, StoreError
from curate.recipe import make_recipe
from curate.steps import referencing
from curate.steps.measuring import measure_block, read_scores, score_key, scorers_of
from curate.steps.work import DOCUMENT_COLUMNS, Block, Work, name_of
from curate.store import Store

QUESTION = "how many loaves does the baker sell on a day without rain"
BAKERS = {"name": "bakers", "files": ["bakers.jsonl"], "columns": ["q"]}
RIVERS = {"name": "rivers", "files": ["rivers*.csv"], "columns": [1]}


def start(tmp_path, *sets, **settings) -> Work:
    section = {"sets": sets, **settings}
    sources = [{"kind": "records", "inputs": ["x"]}]
    recipe = make_recipe({"name": "mine", "sources": sources, "decontamination": section})
    return Work(Store(str(tmp_path / "store")), recipe)


@pytest.fixture
def folder(tmp_path):
    rows = [QUESTION, "short", QUESTION.replace("e\u0301", "é")]
    (tmp_path / "bakers.jsonl").write_text("\n".join(json.dumps({"q": row}) for row in rows))
    for number in (1, 2):
        (tmp_path / f"rivers{number}.csv").write_text(f"river {number}: {QUESTION}\n")
    return tmp_path


def build(work, folder) -> tuple[str, pl.DataFrame]:
    sets = referencing.find_sets(work, folder)
    referencing.build_reference(work, sets)
    key = referencing.reference_key(work, sets)
    return key, work.store.read_frame(name_of("reference", key))


def test_a_reference_holds_the_items_of_all_sets_and_what_became_of_them(folder):
    work = start(folder, BAKERS, RIVERS)

    key, frame = build(work, folder)

    assert frame.schema == pl.Schema(ITEMS)
    assert frame.select("set", "item", "words", "width").rows() == [
        (0, "bakers.jsonl:1", 12, 5),
        (1, "rivers1.csv:1", 14, 5),
        (1, "rivers2.csv:1", 14, 5),
    ]
    assert frame["ngrams"].list.len().to_list() == [8, 10, 10]
    facts = referencing.read_facts(work.store, key)
    assert [(f["set"], f["items"], f["indexed"], f["short"], f["repeated"]) for f in facts] == [
        ("bakers", 3, 1, 1, 1),
        ("rivers", 2, 2, 0, 0),
    ]
    assert [len(file["sha256"]) for fact in facts for file in fact["files"]] == [64] * 3


def test_the_key_is_of_the_contents_and_the_shape_not_of_places(folder, tmp_path_factory):
    key, frame = build(start(folder, BAKERS, RIVERS), folder)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for path in (*folder.glob("*.jsonl"), *folder.glob("*.csv")):
        (elsewhere / path.name).write_bytes(path.read_bytes())

    def key_of(*sets, place=folder, **settings):
        work = start(place, *sets, **settings)
        return referencing.reference_key(work, referencing.find_sets(work, place))

    again, same = build(start(elsewhere, BAKERS, RIVERS), elsewhere)
    assert again == key
    assert same.equals(frame)
    assert key_of(BAKERS, RIVERS, maximum_overlap=0.9, action="tag") == key
    others = [
        key_of(RIVERS, BAKERS),
        key_of(BAKERS),
        key_of(BAKERS | {"name": "other"}, RIVERS),
        key_of(BAKERS, RIVERS, ngram_words=4),
        key_of(BAKERS, RIVERS, minimum_item_words=4),
    ]
    (folder / "bakers.jsonl").write_text(json.dumps({"q": QUESTION + " today"}))
    others.append(key_of(BAKERS, RIVERS))
    assert len({key, *others}) == 7


def test_items_are_brought_to_the_normal_form_of_documents(folder):
    decomposed = QUESTION.replace("loaves", "cafe\u0301s")
    (folder / "bakers.jsonl").write_text(json.dumps({"q": decomposed}))
    found = build(start(folder, BAKERS), folder)[1]
    (folder / "bakers.jsonl").write_text(json.dumps({"q": decomposed.replace("e\u0301", "é")}))

    assert found["ngrams"].to_list() == build(start(folder, BAKERS), folder)[1]["ngrams"].to_list()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": ["none.jsonl"]}, "none.jsonl: the files of the set 'bakers' are there, but there is no such file; correct `files`"),
        ({"files": ["*.none"]}, "the files of the set 'bakers' are there, but it matches none"),
        ({"files": ["."]}, "the files of the set 'bakers' are there, but it is a folder"),
        ({"columns": ["qq"]}, "bakers.jsonl: the set 'bakers' has the columns asked for, but 'qq' is none of q"),
        ({"files": ["empty.jsonl"]}, "empty.jsonl: an evaluation set is JSON lines"),
        ({"files": ["short.jsonl"]}, "short.jsonl: the set 'bakers' has items to look for, but none of its 2 has 8 words in a column"),
        ({"files": ["cut.jsonl.gz"]}, "cut.jsonl.gz: an evaluation set can be unpacked"),
    ],
)  # fmt: skip
def test_a_set_that_cannot_do_its_part_is_an_error(folder, change, message):
    (folder / "empty.jsonl").write_text("\n")
    (folder / "short.jsonl").write_text('{"q": "what is it"}\n{"q": null}')
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"q": "x"}')[:-3])
    work = start(folder, RIVERS, BAKERS | change)

    with pytest.raises(InputError) as error:
        build(work, folder)

    assert message in str(error.value)
    assert not (folder / "store/objects/reference").exists()


def test_a_block_is_measured_by_the_reference_of_its_run(folder):
    work = start(folder, BAKERS)
    work.store.prepare()
    assert "contamination" in scorers_of(work.recipe)
    assert "contamination" not in scorers_of(start(folder).recipe)
    row = {"id": "0" * 32, "source": "records", "text": f"Tell me {QUESTION}!"}
    block = Block("0123", 1, 60, 0)
    work.store.write_frame(block.name, pl.DataFrame([row], schema=DOCUMENT_COLUMNS))
    key, _ = build(work, folder)

    known = Work(work.store, work.recipe, reference=key)
    measure_block(known, block)

    assert read_scores(known, block, ["contamination"])["contamination"].to_list() == [1.0]
    assert score_key(known, block, "contamination") != score_key(work, block, "contamination")
    assert score_key(known, block, "quality") == score_key(work, block, "quality")
    with pytest.raises(StoreError):
        measure_block(work, block)  # the reference was not built: nothing is measured in silence
