from __future__ import annotations

import pytest

from curate.explain import _sentence, tell_match


@pytest.mark.parametrize(
    ("value", "outcome", "sentence"),
    [
        (7.0, "hit", "A page was removed by quality.minimum_words: 7 against the limit 50"),
        (
            None,
            "hit: the scorer failed",
            "A page was removed by quality.minimum_words: what measures it failed on this text",
        ),
    ],
)
def test_a_failed_score_is_told_as_such(value, outcome, sentence):
    story = {
        "outcome": "removed",
        "removed_by": "quality.minimum_words",
        "value": value,
        "limit": "50",
        "duplicate": None,
        "ledger": {"title": "A page", "language": "eng"},
        "rules": [{"rule": "quality.minimum_words", "outcome": outcome}],
    }

    assert _sentence(story) == sentence


def test_a_contaminated_document_is_told_with_set_item_stretch_and_overlap():
    match = {"set": "gsm8k", "item": "test.jsonl:7", "words": 46, "start": 9, "end": 240}
    match["overlap"] = 0.8333
    story = {
        "outcome": "removed",
        "removed_by": "decontamination.maximum_overlap",
        "value": 0.8077,
        "limit": "0.5",
        "duplicate": None,
        "ledger": {"title": "A page", "language": "eng"},
        "rules": [],
        "contamination": [match],
    }

    assert tell_match(match) == (
        "83% of the item test.jsonl:7 of gsm8k (46 words) in its characters 9–240"
    )
    assert _sentence(story) == (
        "A page was removed by decontamination.maximum_overlap: it holds " + tell_match(match)
    )
