"""Toxicity of a document: the highest score of its pieces, and the sentences that have it.

A document is cut into pieces (within a line, at white space or after a sentence's end), each
piece is scored, and the document gets the maximum: one hateful sentence in a long article counts
as much as alone. This is how HAP scores documents (IBM data-prep-kit, `hap` transform). The mean
is kept beside it. Of a piece that scores `RECORDED` or more, its sentences are scored alone; those
that reach it by themselves are kept as evidence, else the stretch that the piece's sentences take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.models import card, find_model, identity, label_probability
from curate.recipe import RECORDED_TOXICITY, TOXICITY_LABELS, ToxicitySection
from curate.schema import TOXIC_SPAN, DataType
from curate.text.segment import segment

PIECE_CHARACTERS = 240  # about a post: what the training data are
_MANY_PIECES = 100_000
_ODD_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
_SPACES = np.array(  # what `\s` matches in the expressions of `pieces`
    [*map(ord, _ODD_SPACES), *range(0x2000, 0x200B)], dtype=np.uint32
)
Score = Callable[[pl.Series], pl.DataFrame]  # texts → `toxicity` and the labels that are known


@dataclass(frozen=True)
class ToxicityScorer:
    """Adds the columns of toxicity by a fastText model with the label `toxic`.

    Attributes:
        model: `bundled`, or the path of a fastText model.
    """

    model: str = "bundled"

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score the column `text`.

        Returns:
            See `score_documents`; pieces have 240 characters at most.

        Raises:
            RecipeError: the model's file is not there.
            ComponentError: it is no fastText classifier, or has no label `toxic`.
        """
        path = find_model(self.model, "toxicity")

        def score(texts: pl.Series) -> pl.DataFrame:
            return label_probability(path, texts, "toxic").alias("toxicity").to_frame()

        return score_documents(frame, PIECE_CHARACTERS, score, card(path).get("languages"))

    def identity(self) -> str:
        """What of the model shapes the scores."""
        return identity(find_model(self.model, "toxicity"))


def toxicity_scorer(
    section: ToxicitySection,
) -> Callable[[pl.DataFrame], pl.DataFrame] | None:
    """The scorer that a recipe asks for; None for `none`. Of a cascade: its second stage."""
    if section.scorer == "none":
        return None
    if section.scorer == "bundled":
        return ToxicityScorer()
    from curate.score.detoxify import DetoxifyScorer

    return DetoxifyScorer(section.checkpoint, name=section.model)


def pieces(texts: pl.Series, characters: int) -> pl.DataFrame:
    """Cut texts into pieces of at most so many characters.

    Lines run on into one another: a heading alone says too little. A text that is longer than a
    piece is cut at white space or after a sentence's end, at five sixths of the length at most, so
    that its last piece is no fragment of a few words; a word longer than that is cut.

    Returns:
        Columns `row` (of the text) and `text`, in order; texts without any piece are left out.
    """
    target = characters * 5 // 6
    ends = r"[\s.!?。！？]"  # noqa: RUF001 - sentence ends of many scripts
    whole, cut, hard = (
        rf".{{1,{characters}}}$",
        rf".{{1,{target - 1}}}{ends}",
        rf".{{1,{target}}}",
    )
    lines = pl.col("text").fill_null("").str.replace_all(r"\s+", " ").str.strip_chars(" ")
    return (
        pl.DataFrame({"text": texts}, schema={"text": pl.String})
        .with_row_index("row")
        .with_columns(lines.str.extract_all(f"{whole}|{cut}|{hard}"))
        .explode("text")
        .drop_nulls()
    )


def score_documents(
    frame: pl.DataFrame,
    characters: int,
    score: Score,
    languages: list[str] | tuple[str, ...] | None,
) -> pl.DataFrame:
    """Score the pieces of the documents in covered languages.

    Args:
        frame: `text`, and `language` if documents in others are to be left out.
        characters: of a piece at most.
        score: gives each text a `toxicity` and whichever of the labels it knows.
        languages: that are covered (ISO 639-3); None: all.

    Returns:
        The rows with `toxicity` (0–1, the highest of a piece; 0 without a piece), `toxicity_mean`
        (of the pieces), `toxicity_<label>` (the highest; null where the model does not know the
        label), `toxicity_spans` (evidence: bytes of the text and score, in order), and
        `toxicity_state` (`not_applicable` in a language that is not covered).
    """
    covered = pl.lit(True)
    if languages is not None and "language" in frame.columns:
        covered = pl.col("language").is_in(list(languages)).fill_null(False)
    rows = frame.select(covered.alias("covered"), "text").with_row_index("row")
    asked = rows.filter("covered")
    scored = _score_pieces(asked["text"], characters, score)
    labels = [f"toxicity_{name}" for name in TOXICITY_LABELS if name in scored.columns]
    found = scored.rename({label.removeprefix("toxicity_"): label for label in labels})
    best = found.group_by("row").agg(
        pl.col("toxicity", *labels).max(), toxicity_mean=pl.col("toxicity").mean()
    )
    spans = find_spans(asked["text"], scored, characters, score)
    whole = (
        asked.select(row="row", place=pl.int_range(pl.len(), dtype=pl.UInt32))
        .join(best.rename({"row": "place"}), on="place", how="left")
        .join(spans.rename({"row": "place"}), on="place", how="left")
        .with_columns(pl.col("toxicity", "toxicity_mean", *labels).fill_null(0.0))
        .drop("place")
    )
    named = [f"toxicity_{name}" for name in TOXICITY_LABELS]
    missing = [pl.lit(None, dtype=pl.Float64).alias(name) for name in named if name not in labels]
    joined = rows.join(whole, on="row", how="left", maintain_order="left").with_columns(missing)
    return frame.with_columns(
        joined.select(
            "toxicity",
            "toxicity_mean",
            *named,
            "toxicity_spans",
            pl.lit(None, dtype=pl.Float64).alias("toxicity_bundled"),
            pl.lit(None, dtype=pl.Boolean).alias("toxicity_sent"),
            pl.when(~pl.col("covered")).then(pl.lit("not_applicable")).alias("toxicity_state"),
        ).get_columns()
    )


def _score_pieces(texts: pl.Series, characters: int, score: Score) -> pl.DataFrame:
    """The pieces of texts with their scores: `row`, `text`, `toxicity`, labels."""
    cut = pieces(texts, characters)
    nothing = score(cut["text"].clear())  # what it knows, of no text
    parts = [score(part["text"]) for part in cut.iter_slices(_MANY_PIECES)]
    return cut.hstack(pl.concat([nothing, *parts]))


# --- evidence


def find_spans(
    texts: pl.Series, scored: pl.DataFrame, characters: int, score: Score
) -> pl.DataFrame:
    """Where in its text each document is toxic.

    Args:
        texts: of the documents.
        scored: their pieces in order: `row`, `text`, `toxicity`.
        characters: of a piece at most.
        score: as of `score_documents`.

    Returns:
        `row` and `toxicity_spans`, of the documents that have any.
    """
    spans_type = pl.List(pl.Struct(TOXIC_SPAN))
    schema: dict[str, DataType] = {"row": pl.UInt32, "toxicity_spans": spans_type}
    hot_rows = scored.filter(pl.col("toxicity").round(4) >= RECORDED_TOXICITY)["row"].unique()
    if hot_rows.is_empty():
        return pl.DataFrame(schema=schema)
    hot_rows = hot_rows.sort()
    hot_texts = texts.gather(hot_rows)
    cut = segment(hot_texts)
    owned = scored.filter(pl.col("row").is_in(hot_rows.implode()))
    by_row = owned.partition_by("row", as_dict=True)
    asked: list[tuple[int, int, int, float, list[tuple[int, int]]]] = []
    for place, (row, text) in enumerate(zip(hot_rows, hot_texts, strict=True)):
        base = int(cut.document_offsets[place])
        first, last = cut.sentence_offsets[place : place + 2]
        starts = cut.sentence_start[first:last] - base
        ends = cut.sentence_end[first:last] - base
        for start, end, value in _hot_places(text, by_row[(row,)]):
            mine = np.flatnonzero((starts < end) & (ends > start))
            sentences = [(int(starts[i]), int(ends[i])) for i in mine]
            asked.append((place, start, end, value, sentences or [(start, end)]))
    alone = _score_sentences(hot_texts, asked, characters, score)
    found: dict[int, dict[tuple[int, int], float]] = {}
    for place, start, end, value, sentences in asked:
        mine_found = found.setdefault(place, {})
        hot = {
            one: alone[place, one] for one in sentences if alone[place, one] >= RECORDED_TOXICITY
        }
        if not hot:
            hot = {(sentences[0][0], sentences[-1][1]): value}
        for (low, high), of_it in hot.items():
            if high - low > 4 * characters:  # no sentence, but a text without any: the piece of it
                mine_found[max(low, start), min(high, end)] = value
            else:
                mine_found[low, high] = of_it
    spans = [
        [{"start": a, "end": b, "score": value} for (a, b), value in sorted(one.items())]
        for _, one in sorted(found.items())
    ]
    return pl.DataFrame({"row": hot_rows, "toxicity_spans": spans}, schema=schema)


def _hot_places(text: str, scored: pl.DataFrame) -> list[tuple[int, int, float]]:
    """First byte, last byte (exclusive) and score of the pieces of a text that reach the limit."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    widths = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)  # noqa: PLR2004 - of UTF-8
    bounds = np.concatenate([[0], np.cumsum(widths)])
    solid = np.flatnonzero(~np.isin(codes, _SPACES))  # cutting loses nothing but white space
    lengths = scored["text"].str.replace_all(r"\s+", "").str.len_chars().to_numpy()
    ends = np.cumsum(lengths.astype(np.int64))
    values = scored["toxicity"].round(4).to_numpy()
    return [
        (int(bounds[solid[stop - size]]), int(bounds[solid[stop - 1] + 1]), float(value))
        for size, stop, value in zip(lengths.astype(np.int64), ends, values, strict=True)
        if size and value >= RECORDED_TOXICITY
    ]


def _score_sentences(
    texts: pl.Series,
    asked: list[tuple[int, int, int, float, list[tuple[int, int]]]],
    characters: int,
    score: Score,
) -> dict[tuple[int, tuple[int, int]], float]:
    """The score of each sentence alone, by the place of its text and its bytes."""
    wanted = sorted({(place, one) for place, *_, sentences in asked for one in sentences})
    data = [text.encode() for text in texts]
    said = [data[place][start:end].decode() for place, (start, end) in wanted]
    scored = _score_pieces(pl.Series("text", said, dtype=pl.String), characters, score)
    best = scored.group_by("row").agg(pl.col("toxicity").max())
    values: NDArray[np.float64] = np.zeros(len(wanted))
    values[best["row"].to_numpy()] = best["toxicity"].to_numpy()
    rounded = np.round(values, 4).tolist()
    return dict(zip(wanted, rounded, strict=True))
