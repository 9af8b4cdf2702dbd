from __future__ import annotations

import polars as pl
import yaml
from releases import make_documents, stage

from curate.release.card import write_card
from curate.release.manifest import FunnelRow, Manifest
from curate.store import Store

LANGUAGES = pl.DataFrame(
    [("wikipedia", "deu", 1200, 5), ("records", "eng", 800, 4), ("records", "und", 3, 1)],
    schema=["source", "language", "documents", "text_bytes"],
    orient="row",
)
FUNNEL = (
    FunnelRow(rule="quality.minimum_words", source="records", removed=2),
    FunnelRow(rule="quality.minimum_words", source="wikipedia", removed=1, not_applicable=4),
    FunnelRow(rule="duplicates.near", source="records", removed=1234),
    FunnelRow(rule="toxicity.maximum_score", source="records", tagged=9),
)


def make_manifest(tmp_path, **changes) -> Manifest:
    draft = stage(Store(str(tmp_path)), make_documents(range(30)))
    manifest = Manifest(**dict(draft), version=3, content_hash="ab" * 32)
    return manifest.model_copy(update=changes)


def test_the_card_has_a_head_that_hubs_read(tmp_path):
    card = write_card(make_manifest(tmp_path), None, LANGUAGES)
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head) == {
        "pretty_name": "corpus@3",
        "language": ["de", "en"],
        "size_categories": ["n<1K"],
        "task_categories": ["text-generation"],
        "tags": ["curate"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": "train", "path": "train/*.arrow"},
                    {"split": "validation", "path": "validation/*.arrow"},
                ],
            }
        ],
    }
    assert body.startswith("\n# corpus@3\n")


def test_evaluation_sets_are_listed_with_their_files_and_what_they_removed(tmp_path):
    sets = pl.DataFrame(
        {
            "set": ["mmlu"],
            "files": [["a.csv", "b.csv"]],
            "sha256": [["ab" * 32, "cd" * 32]],
            "items": [6481],
            "indexed": [6141],
            "short": [315],
            "repeated": [25],
            "found": [9],
            "removed": [7],
            "tagged": [0],
        }
    )

    card = write_card(make_manifest(tmp_path), None, LANGUAGES, contamination=sets)

    assert "| mmlu | 6,481 | 6,141 | 315 | 25 | 9 | 7 | 0 |" in card
    assert f"| mmlu | b.csv | {'cd' * 32} |" in card
    assert "were not compared" not in card
    assert "were not compared with evaluation sets" in write_card(
        make_manifest(tmp_path), None, LANGUAGES
    )


def test_numbers_come_from_the_release(tmp_path):
    bias = pl.DataFrame({"source": ["records"], "mentions_per_1000": [1.23456]})
    card = write_card(make_manifest(tmp_path, funnel=FUNNEL), bias, LANGUAGES)
    for line in (
        "30 documents were kept of 30 read;",
        "| wikipedia | deu | 1,200 | 5 |",
        "| rule | removed | tagged | not applicable |",
        "| quality.minimum_words | 3 | 0 | 4 |",
        "| duplicates.near | 1,234 |",
        "| toxicity.maximum_score | 0 | 9 |",
        "| source | mentions per 1000 |",
        "| records | 1.235 |",
        "| records | S-0 | read | 1 | 10 | 30 |",
        'documents = curate.load("corpus@3", store="store")',
        "Made by curate 0.1.0, polars 1, pyarrow 2.",
        "Nobody has written about this corpus yet",
    ):
        assert line in card, line


def test_prose_goes_in_and_nothing_measured_is_said_plainly(tmp_path):
    card = write_card(make_manifest(tmp_path), None, None, "\n## Purpose\n\nFor {{ tests }}.\n\n")
    assert "\n## Purpose\n\nFor {{ tests }}.\n\n## How to load it\n" in card
    assert "Nobody has written" not in card
    for line in ("composition by language was not counted", "No rule was set", "No duplicates"):
        assert line in card
    assert "language:" not in card.split("---\n")[1]
    assert "\n\n\n" not in card
    assert card.endswith("\n")


def test_hostile_names_stay_in_their_cells(tmp_path):
    hostile = "a|b\n| c | <script>"
    frame = pl.DataFrame({"source": [hostile], "language": ["eng"], "documents": [1]})
    manifest = make_manifest(tmp_path)
    item = manifest.inputs[0].model_copy(update={"snapshot": hostile})
    card = write_card(manifest.model_copy(update={"inputs": (item,)}), frame, frame)
    assert card.count(r"| a\|b \| c \| &lt;script> |") == 3
    assert "<script>" not in card


def test_equal_arguments_give_equal_text(tmp_path):
    manifest = make_manifest(tmp_path, funnel=FUNNEL)
    shuffled = LANGUAGES.filter(pl.col("language") != "und")
    assert write_card(manifest, None, shuffled) == write_card(manifest, None, shuffled)


def test_the_audit_shows_what_was_hit_and_how_many(tmp_path):
    columns = (
        "group",
        "rule",
        "documents",
        "mention_share",
        "hit",
        "share",
        "overall_share",
        "ratio",
    )
    rows = [
        ("age", "any rule", 20, 0.2, 5, 0.25, 0.1, 2.5),
        ("age", "quality.minimum_words", 20, 0.2, 5, 0.25, 0.1, 2.5),
        ("age", "toxicity.maximum_score", 20, 0.2, 0, 0.0, 0.02, 0.0),
        ("religion", "any rule", 0, 0.0, 0, None, 0.1, None),
        ("religion", "quality.minimum_words", 0, 0.0, 0, None, 0.1, None),
        ("gender", "any rule", 9, 0.1, 1, 0.11, 0.1, 1.1),
        ("gender", "quality.minimum_words", 9, 0.1, 1, 0.11, 0.1, 1.1111),
    ]
    audit = pl.DataFrame(rows, columns, orient="row")
    card = write_card(make_manifest(tmp_path), None, LANGUAGES, audit=audit)

    assert "No document speaks of: religion." in card
    assert "| rule | overall share | age | gender |" in card
    assert "| quality.minimum_words | 0.1 | 2.5 (5) | 1.11 (1) |" in card
    assert "| toxicity.maximum_score |" not in card
    assert "| age | 20 | 0.2 | 5 | 0.25 | 0.1 | 2.5 |" in card


def test_texts_of_removed_documents_can_do_nothing_in_a_card(tmp_path):
    text = "see ![x](https://evil.example/p.png) <b>or</b> www.evil.example | `a` **b** #c"
    samples = pl.DataFrame({"rule": ["quality.minimum_words"], "text": [text]})
    table = pl.DataFrame(
        {
            "group": ["age"] * 2,
            "rule": ["any rule", "q"],
            "overall_share": 0.5,
            "ratio": 1.0,
            "documents": 3,
            "hit": 1,
        }
    )

    def card(samples):
        manifest = make_manifest(tmp_path)
        return write_card(manifest, None, LANGUAGES, audit=table, samples=samples)

    assert (
        r"| quality.minimum_words | see \!\[x\](… &lt;b>or&lt;/b> … \| \`a\` \*\*b\*\* \#c |"
    ) in card(samples)
    assert "No samples were asked for" in card(None)
    assert "looks harmless by what was measured" in card(samples.clear())
