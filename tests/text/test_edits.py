from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from curate.errors import ComponentError
from curate.recipe import CleanSection
from curate.text.clean import clean
from curate.text.edits import EDITS, apply_edits


def edit(text, *spans):
    """Edits of one text, by characters: start, end, replacement, by."""
    rows = [
        (0, len(text[:start].encode()), len(text[:end].encode()), put, by)
        for start, end, put, by in spans
    ]
    return apply_edits(pl.Series([text]), pl.DataFrame(rows, EDITS, orient="row"))


def test_spans_go_or_are_replaced():
    found = edit(
        "Write to ann@x.org, Zoë! Buy now.", (9, 18, "<EMAIL>", "mask"), (25, 33, "", "ads")
    )
    assert found.to_dicts() == [
        {"row": 0, "text": "Write to <EMAIL>, Zoë!", "gone": 11, "told": "ads:9,mask:2"}
    ]


def test_what_overlaps_goes_as_one_and_nothing_covered_is_left():
    found = edit("one two three four", (4, 13, "", "a"), (8, 18, "<NUMBER>", "b"))
    assert found["text"].to_list() == ["one <NUMBER>"]
    assert found["told"].to_list() == ["b:6"]
    inside = edit("one two three four", (3, 18, "", "a"), (8, 13, "<NUMBER>", "b"))
    assert inside["text"].to_list() == ["one"]
    touching = edit("onetwo", (0, 3, "1", "a"), (3, 6, "2", "a"))
    assert touching["text"].to_list() == ["12"]


def test_the_order_of_edits_shapes_nothing():
    text = pl.Series(["a b c d", "e f g h"])
    rows = [(1, 0, 2, "", "x"), (0, 2, 4, "!", "y"), (1, 4, 6, "", "y"), (0, 0, 1, "?", "x")]
    one, other = (
        apply_edits(text, pl.DataFrame(some, EDITS, orient="row")) for some in (rows, rows[::-1])
    )
    assert one.equals(other)
    assert one["text"].to_list() == ["? !c d", "f h"]


def test_a_text_that_stays_as_it_is_is_not_told():
    assert edit("one two", (4, 7, "two", "a")).height == 0
    assert apply_edits(pl.Series(["a"]), pl.DataFrame(schema=EDITS)).height == 0


@pytest.mark.parametrize("span", [(0, 0), (3, 2), (0, 9), (-1, 2), (2, 3), (0, 2)])
def test_a_span_that_is_none_is_refused(span):
    edits = pl.DataFrame([(0, *span, "", "a")], EDITS, orient="row")
    with pytest.raises(ComponentError, match="whole characters"):
        apply_edits(pl.Series(["aéb"]), edits)  # é: bytes 1 and 2


@given(st.lists(texts, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_edits_do_what_a_plain_loop_does(batch, random):
    cleaned = clean(pl.Series("text", batch, pl.String), CleanSection())["text"]
    rows, expected = [], []
    for row, text in enumerate(cleaned):
        new, at, begin = "", 0, 0
        for end in sorted(random.sample(range(len(text) + 1), min(4, len(text) + 1))):
            if end > begin and random.random() < 0.5:
                put = random.choice(["", "<X>", "é"])
                new += text[at:begin] + put
                rows.append((row, len(text[:begin].encode()), len(text[:end].encode()), put, "a"))
                at = end
            begin = end
        expected.append(new + text[at:])
    found = apply_edits(cleaned, pl.DataFrame(rows, EDITS, orient="row"))
    plain = clean(pl.Series(expected), CleanSection(unicode="none"))["text"]
    assert cleaned.clone().scatter(found["row"], found["text"]).to_list() == plain.to_list()
    gone = cleaned.str.len_chars().cast(pl.Int64) - plain.str.len_chars().cast(pl.Int64)
    assert found["gone"].to_list() == gone.gather(found["row"]).to_list()
