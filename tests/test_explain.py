from __future__ import annotations

import pytest

from curate.explain import _sentence, tell_match, tell_scores


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


def test_scores_are_told_with_shares_classifiers_mentions_and_the_stage_that_judged():
    facts = {
        "language": "spa",
        "script": "Latn",
        "language_score": 0.9892,
        "languages": "spa:0.88 glg:0.12",
        "edu_label": "hq",
        "edu_score": 0.75,
        "classifier_edu_state": None,
        "domain_label": None,
        "domain_score": None,
        "classifier_domain_state": "not_applicable",
        "female_words": 1,
        "male_words": 0,
        "mentions_gender": 2,
        "mentions_age": None,
        "toxicity_bundled": 0.4,
        "toxicity_sent": True,
    }

    assert tell_scores(facts) == [
        ("language", "spa (Latn), score 0.9892; shares: spa 0.88, glg 0.12"),
        ("edu", "hq 0.75"),
        ("domain", "not applicable"),
        ("speaks of", "female words 1, gender 2"),
        ("cascade", "bundled 0.4; Detoxify judged it"),
    ]
    unspoken = {"toxicity_bundled": None, "toxicity_sent": True}
    assert tell_scores({"language": "fra"} | unspoken) == [
        ("language", "fra"),
        ("cascade", "the bundled model does not speak it; Detoxify judged it"),
    ]
    alone = {"language": "eng", "languages": "eng:1.0", "toxicity_sent": None}
    assert tell_scores(alone) == [("language", "eng")]
