"""Train a classifier of documents from labelled ones: split, cut, fit, test, card."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import InputError
from curate.models import label_probability, top_label
from curate.train.fit import area_under_curve, fit, is_test, write_card

PIECE_CHARACTERS = 1000
MOST_PIECES = 20  # of one document: a book is not everything
MINIMUM_DOCUMENTS = 10  # of a label, on either side of the split


def train_texts(
    rows: pl.DataFrame,
    out: Path,
    name: str,
    preparation: str,
    parameters: dict[str, Any],
    facts: dict[str, Any],
    balance: tuple[str, ...] = ("label",),
) -> dict[str, Any]:
    """Train `<name>.ftz` in a folder, and write its card beside it.

    A tenth of the documents, by the hash of their letters, is for testing alone. The others are cut
    into pieces, of which each combination of `balance` gives as many as the rarest label beside it, by hash.

    Args:
        rows: `text`, `label`, and the columns of `balance`; one row per document. Where
            `held_out` is true the document is for testing alone, and its score is told apart.
        out: the folder.
        name: of the model.
        preparation: what is done to each text (`curate.models.PREPARATIONS`).
        parameters: of `fasttext.train_supervised`.
        facts: what else the card tells.
        balance: columns whose combinations are equally frequent, the label the last one; empty:
            all pieces are taken.

    Raises:
        InputError: a label has too few documents.
        ComponentError: fastText failed.
    """
    rows = rows.drop_nulls(["text", "label"]).unique("text", maintain_order=True)
    if "held_out" not in rows.columns:
        rows = rows.with_columns(held_out=pl.lit(value=False))
    rows = rows.with_columns(test=is_test(rows["text"]) | pl.col("held_out"))
    counts = rows.group_by("label").agg(seen=(~pl.col("test")).sum(), tested=pl.col("test").sum())
    counts = counts.sort("label")
    few = counts.filter((pl.col("seen") < MINIMUM_DOCUMENTS) | (pl.col("tested") < 1))
    if few.height or counts.height < 2:  # noqa: PLR2004 - a classifier has two classes
        came = ", ".join(f"{r['label']}: {r['seen'] + r['tested']}" for r in counts.to_dicts())
        asked = f"two labels or more have each {MINIMUM_DOCUMENTS} documents and some for testing"
        raise InputError(asked, came or "there is none", f"train {name}", "give more documents")
    pieces = cut_pieces(rows.filter(~pl.col("test")))
    if balance:
        pieces = _balanced(pieces, balance)
    model = out / f"{name}.ftz"
    examples = fit(pieces.select("label", "text"), preparation, model, parameters)
    card: dict[str, Any] = {
        "name": name,
        "command": f"curate train {name}",
        "preparation": preparation,
        "parameters": parameters,
        "examples": examples,
        "labels": counts["label"].to_list(),
        **facts,
    }
    write_card(model, card)  # before the test: the preparation is read from it
    return write_card(model, {**card, "scores": _scores(model, rows.filter("test"))})


def cut_pieces(rows: pl.DataFrame) -> pl.DataFrame:
    """Documents in pieces of up to 1,000 characters, twenty of one at most."""
    starts = range(0, PIECE_CHARACTERS * MOST_PIECES, PIECE_CHARACTERS)
    pieces = [pl.col("text").str.slice(start, PIECE_CHARACTERS) for start in starts]
    return (
        rows.with_columns(text=pl.concat_list(pieces))
        .explode("text")
        .filter(pl.col("text").str.strip_chars().str.len_chars() >= PIECE_CHARACTERS // 10)
    )


def _balanced(pieces: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    digests = [hashlib.blake2b(t.encode(), digest_size=8).hexdigest() for t in pieces["text"]]
    pieces = pieces.with_columns(digest=pl.Series(digests)).sort("digest", "text")
    *others, _ = columns
    sizes = pieces.group_by(columns).agg(rows=pl.len())
    least = sizes.group_by(others or pl.lit(0)).agg(least=pl.col("rows").min())
    rank = pl.int_range(pl.len()).over(columns)
    if not others:
        return pieces.filter(rank < int(sizes["rows"].min()))  # type: ignore[arg-type]
    pieces = pieces.with_columns(rank=rank).join(least, on=others, maintain_order="left")
    return pieces.filter(pl.col("rank") < pl.col("least"))


def _scores(model: Path, tested: pl.DataFrame) -> dict[str, Any]:
    """Accuracy by label (and language); of two labels also the area under the ROC curve.

    `all` is the tenth of the sets that were trained on; `held-out sets` are whole other ones.
    """
    found = top_label(model, tested["text"])
    tested = tested.with_columns(right=found["label"].eq_missing(tested["label"]))
    labels = tested["label"].unique().sort().to_list()
    if len(labels) == 2:  # noqa: PLR2004
        values = label_probability(model, tested["text"], labels[0])
        tested = tested.with_columns(values.alias("value"))
    groups = ["label"] if "language" not in tested.columns else ["language", "label"]
    scores = {"all": _score(tested.filter(~pl.col("held_out")), labels)}
    others = tested.filter("held_out")
    if others.height:
        scores["held-out sets"] = _score(others, labels)
    for key, rows in sorted(tested.group_by(["held_out", *groups])):
        name = "-".join(map(str, key[1:])) + (" held out" if key[0] else "")
        scores[name] = _score(rows, [])
    return scores


def _score(rows: pl.DataFrame, labels: list[str]) -> dict[str, Any]:
    share = rows["right"].sum() / max(rows.height, 1)
    found: dict[str, Any] = {"rows": rows.height, "accuracy": round(share, 4)}
    if len(labels) == 2 and rows["label"].n_unique() == 2:  # noqa: PLR2004
        found["auc"] = round(area_under_curve(rows["label"] == labels[0], rows["value"]), 4)
    return found
