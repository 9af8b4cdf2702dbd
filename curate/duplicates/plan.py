"""What bands and rows find, and what they cost: answered without any document."""

from __future__ import annotations

from typing import Any

from curate.duplicates.bands import ENTRY_BYTES
from curate.errors import RecipeError
from curate.recipe import MAXIMUM_HASHES, DuplicatesSection, choose_bands, find_probability

SIMILARITIES = tuple(step / 20 for step in range(4, 21))
DOCUMENT_BYTES = 60  # of an indexed document beside its bands: id, text hash, place; compressed


def plan_bands(
    similarity: float | None = None,
    recall: float | None = None,
    shape: tuple[int, int] | None = None,
    maximum_hashes: int = MAXIMUM_HASHES,
) -> dict[str, Any]:
    """What some bands × rows find at each similarity.

    Args:
        similarity: Jaccard, of the pairs that shall be found; left out: that of the recipe.
        recall: the share of them that shall be found; left out: no bands are chosen.
        shape: bands and rows; left out: those that the recall asks for, else the recipe's default.
        maximum_hashes: bands × rows at most, where they are chosen.

    Returns:
        `bands`, `rows`, `hashes`; `curve`: for each similarity the probability that a pair of it is
        a candidate; `similarity` and `found` (of those pairs); `signature_bytes`, `entry_bytes` (on
        disk while linking, not compressed) and `index_bytes` (on disk afterwards, about), of a
        document; `recipe`: its lines.

    Raises:
        RecipeError: a recall and a shape came both, or nothing reaches the recall.
    """
    default = DuplicatesSection()
    wanted = default.minimum_similarity if similarity is None else similarity
    if recall is not None and shape is not None:
        asked, came = "bands and rows are given, or chosen for a recall", "both came"
        raise RecipeError(
            asked, came, "duplicates plan", "leave --recall or --bands and --rows out"
        )
    if recall is not None:
        shape = choose_bands(wanted, recall, maximum_hashes)
    bands, rows = shape or (default.bands, default.rows)
    lines = [
        "[duplicates]",
        f"minimum_similarity = {wanted:g}",
        f"bands = {bands}",
        f"rows = {rows}",
    ]
    return {
        "bands": bands,
        "rows": rows,
        "hashes": bands * rows,
        "similarity": wanted,
        "found": round(find_probability(wanted, bands, rows), 6),
        "curve": [
            {"similarity": one, "probability": round(find_probability(one, bands, rows), 6)}
            for one in SIMILARITIES
        ],
        "signature_bytes": 4 * bands * rows,
        "entry_bytes": ENTRY_BYTES * bands,
        "index_bytes": ENTRY_BYTES * bands + DOCUMENT_BYTES,
        "recipe": lines,
    }
