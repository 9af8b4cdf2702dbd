from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.duplicates.plan import plan_bands
from curate.errors import RecipeError
from curate.recipe import DuplicatesSection, choose_bands, make_recipe


def slow_choice(similarity: float, recall: float, hashes: int) -> tuple[int, int] | None:
    """All shapes that do; the most rows, then the fewest bands."""
    shapes = [
        (-rows, bands)
        for rows in range(1, hashes + 1)
        for bands in range(1, hashes + 1)
        if rows * bands <= hashes and 1 - (1 - similarity**rows) ** bands >= recall
    ]
    return (min(shapes)[1], -min(shapes)[0]) if shapes else None


@given(similarity=st.floats(0.05, 1), recall=st.floats(0.01, 0.999999), hashes=st.integers(1, 40))
def test_the_chosen_shape_is_that_of_a_plain_search(similarity, recall, hashes):
    expected = slow_choice(similarity, recall, hashes)
    if expected is None:
        with pytest.raises(RecipeError, match="ask for less recall, or give more hashes"):
            choose_bands(similarity, recall, hashes)
    else:
        assert choose_bands(similarity, recall, hashes) == expected


def test_the_curve_literally():
    facts = plan_bands(0.8, shape=(14, 8))

    curve = {row["similarity"]: row["probability"] for row in facts["curve"]}
    # 1 - (1 - 0.8^8)^14 and so on
    assert (curve[0.8], curve[0.5], curve[1.0]) == (0.923548, 0.05332, 1.0)
    assert (facts["signature_bytes"], facts["entry_bytes"]) == (4 * 112, 20 * 14)
    assert facts["recipe"] == ["[duplicates]", "minimum_similarity = 0.8", "bands = 14", "rows = 8"]


def test_the_recipes_shape_is_planned_where_nothing_is_asked():
    facts = plan_bands()
    assert (facts["bands"], facts["rows"], facts["found"]) == (32, 4, 0.999995)
    with pytest.raises(RecipeError, match="leave --recall or --bands and --rows out"):
        plan_bands(recall=0.9, shape=(1, 1))


def test_a_recipe_gives_a_recall_instead_of_bands():
    chosen = DuplicatesSection.model_validate({"recall": 0.999, "minimum_similarity": 0.8})
    assert (chosen.bands, chosen.rows) == choose_bands(0.8, 0.999, 256)
    recipe = {
        "name": "x",
        "sources": [{"kind": "records", "inputs": ["x"]}],
        "duplicates": {"recall": 0.999},
    }
    made = make_recipe(recipe)
    assert make_recipe(made.model_dump(mode="json", exclude_none=True)) == made
    for section, told in (
        ({"recall": 0.9, "bands": 4}, "recall came with them"),
        ({"recall": 1}, "above 0 and below 1"),
        ({"recall": "x"}, "above 0 and below 1"),
        ({"recall": 0.999999, "minimum_similarity": 0.01}, "ask for less recall"),
        ({"recall": 0.9, "minimum_similarity": 3}, "minimum_similarity"),
    ):
        with pytest.raises(RecipeError, match=told):
            make_recipe(recipe | {"duplicates": section})
