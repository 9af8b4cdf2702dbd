"""What cleaning takes out of a document, as a rule: RefinedWeb's limit, by preset, source and run."""

from __future__ import annotations

import json

import polars as pl

WORDS = "the {0} and the {1} were on the {2} of the {3}, which had been {4} with {5} and {6} to be"


def text_of(number: int, likes: int) -> str:
    """88 words in prose, and so many lines of two words that count."""
    names = [f"{chr(97 + number)}{chr(97 + n)}x" for n in range(35)]
    prose = "\n".join(WORDS.format(*names[7 * n : 7 * n + 7]) + "." for n in range(4))
    return prose + "".join(f"\n{n + 3} likes" for n in range(likes))


def test_a_document_that_loses_many_words_to_line_rules_is_removed(curate, tmp_path):
    # 88 words, and 0, 4 or 6 more: 4 of 92 is below a twentieth, 6 of 94 above
    rows = [{"id": f"d{n}-{likes}", "text": text_of(n, likes)} for n, likes in enumerate((0, 2, 3))]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "mine"\n[[sources]]\nkind = "records"\ninputs = ["x.jsonl"]\nid_column = "id"\n'
        '[clean]\nlines = ["counter"]\n[quality]\npreset = "refinedweb"\n'
    )
    store = ("--store", str(tmp_path / "store"))
    result = curate.json("run", str(recipe), *store)
    ledger = pl.read_parquet(tmp_path / "store" / result["folder"] / "ledger/part-*.parquet")
    verdicts = {row["source_id"]: row for row in ledger.to_dicts()}

    shares = {name: row["cleaned_word_share"] for name, row in verdicts.items()}
    assert shares == {"d0-0": 0.0, "d1-2": round(4 / 92, 6), "d2-3": round(6 / 94, 6)}
    removed = {name: row["removed_by"] for name, row in verdicts.items()}
    rule = "quality.maximum_cleaned_word_share"
    assert removed == {"d0-0": None, "d1-2": None, "d2-3": rule}
    assert [row["removed"] for row in result["rules"] if row["rule"] == rule] == [1]

    story = curate.json("explain", "d2-3", "--release", "mine@1", *store)["documents"][0]
    assert (story["value"], story["limit"]) == (round(6 / 94, 6), "0.05")
    assert story["cleaned"] == {"counter": 24}

    asked = ("what-if", "mine@1", *store, "--set")
    assert curate.json(*asked, f"{rule}=0.06")["changed"] == []
    for setting in (
        f"{rule}=0.07",
        f"{rule}=false",
        "quality.languages.en.maximum_cleaned_word_share=0.5",
        "quality.sources.records.maximum_cleaned_word_share=false",
    ):
        changed = curate.json(*asked, setting)["changed"]
        assert [(row["before"], row["after"]) for row in changed] == [(rule, None)], setting
    refused = curate(*asked, "quality.maximum_cleaned_words_share=0.5", status=2).stderr
    assert "did you mean 'maximum_cleaned_word_share'" in refused
