"""Splits found a piece at a time against those found at once."""

from __future__ import annotations

import random
from dataclasses import replace

import polars as pl
import pytest
from ordered import InOrder

from curate.duplicates.candidates import LINKS
from curate.duplicates.clusters import MEMBERS, group_for_split
from curate.recipe import PROCESS_BYTES, make_recipe
from curate.steps import components, deciding, splitting
from curate.steps.measuring import score_key
from curate.steps.splitting import Settled
from curate.steps.work import DOCUMENT_COLUMNS, Block, Corpus, Work, name_of
from curate.store import Store
from flows.clustering import find_splits

RECIPE = {
    "name": "split",
    "sources": [{"kind": "records", "inputs": ["*.jsonl"]}],
    "release": {"validation_share": 0.3},
}
ROWS = 600


def draw_documents() -> pl.DataFrame:
    """Documents with texts, parents and works that others have too; some are removed."""
    draw = random.Random(4)
    texts = [f"{draw.getrandbits(128):032x}" for _ in range(ROWS * 2)]
    ids = [f"{draw.getrandbits(128):032x}" for _ in range(ROWS)]
    works = [*map(str, range(40)), *[None] * 800]
    return pl.DataFrame(
        {
            "id": ids,
            "parent": [draw.choice([*ids[:50], *[None] * 200]) for _ in ids],
            "part": [1] * 50 + [None] * (ROWS - 50),
            "work": [draw.choice(works) for _ in ids],
            "snapshot": [draw.choice(["A", "B", None]) for _ in ids],
            "text_hash": [draw.choice([*texts, None]) for _ in ids],
            "removed_by": [draw.choice([None, None, None, "quality.minimum_words"]) for _ in ids],
        },
        schema_overrides={"text_hash": pl.String, "snapshot": pl.String},
    )


def write_corpus(work: Work, documents: pl.DataFrame) -> Settled:
    """The documents in blocks, decided, with pairs of their texts and a former release."""
    draw = random.Random(5)
    blocks = []
    for number, at in enumerate(range(0, ROWS, 150)):
        some = documents[at : at + 150]
        block = Block(f"block{number}", some.height, some.height, 0)
        frame = some.with_columns(
            pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in DOCUMENT_COLUMNS.items()
            if name not in some.columns
        )
        work.store.write_frame(block.name, frame.select(DOCUMENT_COLUMNS.keys()))
        name = name_of("signatures", score_key(work, block, "signatures"))
        work.store.write_frame(name, some.select("id", "text_hash"))
        nothing = pl.lit(None, dtype=pl.String)
        verdicts = some.select("removed_by", tags=nothing, value=pl.lit(0.0), limit=nothing)
        work.store.write_frame(deciding.judge_name(work, block), verdicts)
        nobody = pl.DataFrame(schema=MEMBERS)
        work.store.write_frame(deciding.members_name("none", number), nobody)
        blocks.append(block)
    texts = [*documents["text_hash"].drop_nulls().unique().sort(), "f" * 32]
    pairs = sorted({tuple(sorted(draw.sample(texts, 2))) for _ in range(200)})
    rows = [(*pair, draw.choice([0.4, 0.5, 0.9])) for pair in pairs]
    work.store.write_frame(name_of("link", "links"), pl.DataFrame(rows, LINKS, orient="row"))
    was = [draw.choice([None, None, None, "train", "validation"]) for _ in range(ROWS)]
    ledger = pl.DataFrame(
        {"id": documents["id"], "split": was}, schema_overrides={"split": pl.String}
    )
    work.store.write_frame("releases/split/1/ledger/part-0.parquet", ledger)
    return Settled(deciding.Decided(Corpus(tuple(blocks)), "links", survivors="none"))


def split(work: Work, settled: Settled) -> str:
    """At once, or in pieces where that does not fit."""
    cut = splitting.plan_cut(work, settled)
    if splitting.fits_at_once(cut):
        splitting.split_documents(work, settled)
    else:
        cut = find_splits(InOrder(work), cut)
        splitting.sum_splits(work, cut)
    return cut.graph.key


@pytest.mark.parametrize("previous", ["", "releases/split/1"])
def test_pieces_give_the_splits_of_the_whole(tmp_path, monkeypatch, previous):
    recipe = make_recipe(RECIPE)
    monkeypatch.setattr(components, "PAIRS_A_TIME", 7)
    documents = draw_documents()
    found = []
    for data_bytes in (1 << 30, 150_000, 20_000):
        limited = recipe.duplicates.model_copy(update={"memory": PROCESS_BYTES + data_bytes})
        limited_recipe = recipe.model_copy(update={"duplicates": limited})
        work = Work(Store(str(tmp_path / str(data_bytes))), limited_recipe)
        settled = replace(write_corpus(work, documents), previous=previous)
        settled = replace(settled, splits=split(work, settled))
        splits = pl.concat([splitting.read_splits(work, settled, n, made=False) for n in range(4)])
        sizes, conflicts = splitting.read_sizes(work, settled)
        found.append((splits.to_list(), sizes.rows(), conflicts))
    assert found[0] == found[1] == found[2]
    splits, sizes, conflicts = found[0]
    kept = documents["removed_by"].is_null()
    assert [split is not None for split in splits] == kept.to_list()
    assert sum(row[2] for row in sizes) == kept.sum()
    assert (conflicts > 0) == bool(previous)
    if not previous:
        links = work.store.read_frame(name_of("link", "links"))
        some = documents.with_columns(split=pl.Series(splits)).filter(kept)
        groups = group_for_split(some, links, recipe.duplicates)
        sides = groups.with_columns(some["split"]).group_by("group").agg(pl.col("split").n_unique())
        assert sides["split"].max() == 1
        assert sides.height < some.height - 100


def test_no_documents_have_no_splits(tmp_path):
    work = Work(Store(str(tmp_path)), make_recipe(RECIPE))
    documents = draw_documents().with_columns(removed_by=pl.lit("quality.minimum_words"))
    for data_bytes in (1 << 30, 20_000):
        limited = work.recipe.duplicates.model_copy(update={"memory": PROCESS_BYTES + data_bytes})
        limited_work = replace(work, recipe=work.recipe.model_copy(update={"duplicates": limited}))
        settled = write_corpus(limited_work, documents)
        key = split(limited_work, settled)
        assert splitting.split_sizes(limited_work, replace(settled, splits=key)) == {
            "train": 0,
            "validation": 0,
        }
