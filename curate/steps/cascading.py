"""A cascade of toxicity: what the bundled model is not sure about goes to Detoxify.

So does every document in a language that the bundled model does not speak and Detoxify does: whatever
the band, nothing else would judge it. Detoxify's scores lie in objects of their own, one for each
twentieth of the first stage's score and one for documents without one, so that a wider band asks it
only about the documents that are new in the band.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from curate.decide import in_band
from curate.errors import ComponentError
from curate.recipe import CASCADE_STEPS
from curate.schema import columns_of
from curate.score.detoxify import DetoxifyScorer
from curate.steps.measuring import batches, first_stage, score_batch, score_key, scorer_of
from curate.steps.work import Block, Work, library_versions, name_of

SCORER = "toxicity"
UNJUDGED = -1  # the step of documents that the first stage does not speak for


def judge_uncertain(work: Work, block: Block) -> None:
    """Score what the first stage leaves open by Detoxify, and publish the cascade's columns of a block.

    The first stage's object is there. Metadata: `documents`, `judged` (by the first stage), `sent`
    (of these to the second), `sent_unjudged` (of others) and `sent_characters` (of both).
    """
    name = name_of(SCORER, score_key(work, block, SCORER))
    if work.store.has(name):
        return
    first = work.store.read_frame(name_of(SCORER, score_key(first_stage(work), block, SCORER)))
    language = work.store.read_frame(
        name_of("language", score_key(work, block, "language")), ["language"]
    )
    second = scorer_of(SCORER, work)
    assert isinstance(second, DetoxifyScorer)
    spoken = language["language"].is_in(second.languages()).fill_null(value=False)
    judged = first["toxicity_state"].is_null()
    first = first.with_columns(toxicity_bundled=pl.col("toxicity"))
    low, high = work.recipe.toxicity.steps
    is_unspoken = first["toxicity_state"].eq_missing("not_applicable")
    found = []
    for step in (UNJUDGED, *range(low, high + 1)):
        in_step = first.select(in_band((step, step))).to_series() & judged
        chosen = (is_unspoken if step == UNJUDGED else in_step) & spoken
        if chosen.any():
            rows = pl.Series("row", chosen.arg_true(), dtype=pl.Int64)
            found.append(_ask(work, block, second, step, rows))
    sent = pl.concat(found) if found else _nothing()
    if sent.height and sent["toxicity_state"].eq_missing("failed").all():
        asked, came = "Detoxify can score documents", f"it failed on all {sent.height} of a block"
        raise ComponentError(asked, came, block.name, "see the run's log for the first error")
    table = _combine(first, sent, (judged | is_unspoken) & spoken)
    unjudged = int((is_unspoken & spoken).sum())
    characters = int(sent["characters"].sum())
    metadata = {
        "documents": block.documents,
        "judged": int(judged.sum()),
        "sent": sent.height - unjudged,
        "sent_unjudged": unjudged,
        "sent_characters": characters,
    }
    work.store.write_frame(name, table.select("id", *columns_of(SCORER)), metadata)


def _combine(first: pl.DataFrame, sent: pl.DataFrame, sendable: pl.Series) -> pl.DataFrame:
    """The first stage's columns, with those of the second where it was asked."""
    mine = [
        name for name in columns_of(SCORER) if name not in {"toxicity_bundled", "toxicity_sent"}
    ]
    rows = first.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    joined = rows.join(
        sent.with_columns(asked=pl.lit(value=True)),
        on="row",
        how="left",
        suffix="_second",
        maintain_order="left",
    )
    asked = pl.col("asked").fill_null(value=False)
    return joined.with_columns(
        *(pl.when(asked).then(f"{name}_second").otherwise(name).alias(name) for name in mine),
        toxicity_sent=pl.when(sendable).then(asked),
    )


def _ask(
    work: Work, block: Block, second: DetoxifyScorer, step: int, rows: pl.Series
) -> pl.DataFrame:
    """Detoxify's columns of some documents of a block, with their `row` and `characters`."""
    key = work.key(
        "detoxify",
        documents=block.key,
        first=score_key(first_stage(work), block, SCORER),
        model=second.identity(),
        libraries=library_versions("detoxify"),
        twentieth=step,
    )
    name = name_of("detoxify", key)
    if not work.store.has(name):
        texts = work.store.read_frame(block.name, ["text"])[rows]
        scored = pl.concat(
            [score_batch(second, SCORER, part) for part in batches(texts, work.batch_documents)]
        )
        characters = texts["text"].str.len_chars().cast(pl.Int64).alias("characters")
        work.store.write_frame(name, scored.hstack([rows, characters]))
    return work.store.read_frame(name)


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema={**columns_of(SCORER), "row": pl.Int64, "characters": pl.Int64})


def sum_cost(work: Work, blocks: Iterable[Block]) -> dict[str, int | float | list[float]]:
    """What the cascade came to over some blocks.

    Returns:
        `band` (as it was asked), `documents`, `judged` (by the bundled model), `sent` (of these to
        Detoxify), `sent_share` (of those judged), `sent_unjudged` (documents in languages that the
        bundled model does not speak) and `sent_characters`.
    """
    names = [name_of(SCORER, score_key(work, block, SCORER)) for block in blocks]
    facts = [work.store.read_metadata(name) for name in names]
    total = {
        name: sum(int(one[name]) for one in facts)
        for name in ("documents", "judged", "sent", "sent_unjudged", "sent_characters")
    }
    low, high = work.recipe.toxicity.steps
    share = total["sent"] / total["judged"] if total["judged"] else 0.0
    return {
        "band": [low / CASCADE_STEPS, (high + 1) / CASCADE_STEPS],
        **total,
        "sent_share": round(share, 4),
    }
