"""Every scorer over texts that break things: a value or a state, and nothing fails or costs others."""

from __future__ import annotations

import json
import math

import polars as pl
import pytest

from curate.errors import InputError
from curate.recipe import make_recipe
from curate.schema import columns_of
from curate.steps import reading
from curate.steps.measuring import measure_block, read_scores, scorers_of
from curate.steps.work import DOCUMENT_COLUMNS, Block, Work
from curate.store import Store

HOSTILE = {
    "empty": "",
    "white space": " \n\t\u3000\n",
    "one word": "word",
    "one line": "lorem ipsum dolor " * 560_000,  # 10 MB
    "one-letter lines": "a\n" * 1_000_000,
    "emoji": "👩\u200d👩\u200d👧🔥" * 1000,
    "marks": "\u0301\u0308" * 1000,
    "NULs": "\0\0 \0\n" * 1000,
    "replaced surrogates": "\ufffd\ufffd a \ufffd",
    "right to left": "\u202eשלום\u202c hello سلام\u200f " * 1000,
    "ordinary": "The harbour master wrote in his diary that the winter of that year was long.",
}
SOURCES = [{"kind": "records", "inputs": ["x.jsonl"]}]


def test_every_scorer_has_a_value_or_a_state_for_each(tmp_path):
    recipe = make_recipe({"name": "x", "sources": SOURCES, "page": {"not_canonical": "tag"}})
    work = Work(Store(str(tmp_path)), recipe)
    rows = [
        {"id": f"{place:032x}", "source": "records", "text": text, "cleaned_word_share": 0.0}
        for place, text in enumerate(HOSTILE.values())
    ]
    block = Block("0123", len(rows), sum(map(len, HOSTILE.values())), 0)
    work.store.write_frame(block.name, pl.DataFrame(rows, schema=DOCUMENT_COLUMNS))

    measure_block(work, block)

    for scorer in scorers_of(recipe):
        scores = read_scores(work, block, columns_of(scorer))
        states = dict(zip(HOSTILE, scores[f"{scorer}_state"], strict=True))
        assert set(states.values()) <= {None, "not_applicable"}, (scorer, states)
        for name, row in zip(HOSTILE, scores.rows(named=True), strict=True):
            assert all(math.isfinite(v) for v in row.values() if isinstance(v, float)), name
    quality = read_scores(work, block, ["words", "lines", "characters"])
    assert dict(zip(HOSTILE, quality.select("words", "lines").rows(), strict=True)) == {
        "empty": (0, 0),
        "white space": (0, 0),
        "one word": (1, 1),
        "one line": (1_680_000, 1),
        "one-letter lines": (1_000_000, 1_000_000),
        "emoji": (0, 1),
        "marks": (0, 1),
        "NULs": (0, 1000),
        "replaced surrogates": (1, 1),
        "right to left": (3000, 1),
        "ordinary": (15, 1),
    }
    assert quality["characters"].to_list() == [len(text) for text in HOSTILE.values()]


def test_from_the_file_on_they_are_documents_or_skips(tmp_path):
    surrogates = '{"text": "lone \\ud800 surrogates \\udc00"}'
    lines = [json.dumps({"text": text}) for text in HOSTILE.values()]
    (tmp_path / "x.jsonl").write_text("\n".join([*lines, surrogates]))
    recipe = make_recipe({"name": "x", "sources": SOURCES})
    work = Work(Store(str(tmp_path / "store")), recipe)
    parts = reading.plan_parts(recipe, tmp_path)
    for part in parts:
        reading.read_part(work, part)
    corpus = reading.assemble(work, parts)
    for block in corpus.blocks:
        measure_block(work, block)
        assert read_scores(work, block, ["quality_state"])["quality_state"].null_count() == (
            block.documents
        )
    counts = reading.read_files(work, parts)[0][2]["counts"]
    # nothing is left of the empty one, of white space, and of NULs
    assert counts["skipped_empty"] == 3
    assert sum(block.documents for block in corpus.blocks) == len(HOSTILE) + 1 - 3
    with pytest.raises(InputError):
        reading.plan_parts(
            make_recipe({"name": "x", "sources": [SOURCES[0] | {"inputs": ["no"]}]}), tmp_path
        )
