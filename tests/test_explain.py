from __future__ import annotations

import pytest

from curate.explain import _sentence


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
