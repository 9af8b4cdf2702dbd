"""What cleaning takes out of a document, as a rule: RefinedWeb's limit, by preset, source and run."""

from __future__ import annotations

import json

import polars as pl

PLACES = (("Aarhus", 0), ("Bergen", 2), ("Cuxhaven", 3))
PROSE = """The harbour master of {} wrote in his diary that the winter of that year was long.
All boats which were to have sailed with the first tide of March lay still in April, held by ice.
So the whole town had to live of what its farms behind these hills could give to a few hundred mouths.
Nobody starved, he adds, but many sold their coats to have bread when spring came at last and no ship."""


def text_of(place: str, likes: int) -> str:
    """Prose, and so many lines of two words that count."""
    return PROSE.format(place) + "".join(f"\n{n + 3} likes" for n in range(likes))


def test_a_document_that_loses_many_words_to_line_rules_is_removed(curate, tmp_path):
    # 78 words, and 0, 4 or 6 more: 4 of 82 are below a twentieth, 6 of 84 above
    rows = [
        {"id": f"d{n}-{likes}", "text": text_of(name, likes)}
        for n, (name, likes) in enumerate(PLACES)
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "mine"\n[[sources]]\nkind = "records"\ninputs = ["x.jsonl"]\nid_column = "id"\n'
        '[clean]\nlines = ["counter"]\n[quality]\npreset = "refinedweb"\n[duplicates]\naction = "tag"\n'
    )
    store = ("--store", str(tmp_path / "store"))
    result = curate.json("run", str(recipe), *store)
    ledger = pl.read_parquet(tmp_path / "store" / result["folder"] / "ledger/part-*.parquet")
    verdicts = {row["source_id"]: row for row in ledger.to_dicts()}

    shares = {name: row["cleaned_word_share"] for name, row in verdicts.items()}
    assert shares == {"d0-0": 0.0, "d1-2": round(4 / 82, 6), "d2-3": round(6 / 84, 6)}
    removed = {name: row["removed_by"] for name, row in verdicts.items()}
    rule = "quality.maximum_cleaned_word_share"
    assert removed == {"d0-0": None, "d1-2": None, "d2-3": rule}
    assert [row["removed"] for row in result["rules"] if row["rule"] == rule] == [1]

    story = curate.json("explain", "d2-3", "--release", "mine@1", *store)["documents"][0]
    assert (story["value"], story["limit"]) == (round(6 / 84, 6), "0.05")
    assert story["cleaned"] == {"counter": 24}

    asked = ("what-if", "mine@1", *store, "--set")
    assert curate.json(*asked, f"{rule}=0.06")["changed"] == []
    for setting in (
        f"{rule}=0.08",
        f"{rule}=false",
        "quality.languages.en.maximum_cleaned_word_share=0.5",
        "quality.sources.records.maximum_cleaned_word_share=false",
    ):
        changed = curate.json(*asked, setting)["changed"]
        assert [(row["before"], row["after"]) for row in changed] == [(rule, None)], setting
    refused = curate(*asked, "quality.maximum_cleaned_words_share=0.5", status=2).stderr
    assert "did you mean 'maximum_cleaned_word_share'" in refused
