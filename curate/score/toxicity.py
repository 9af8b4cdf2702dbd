"""Toxicity of a document: the highest score of its pieces.

A document is cut into pieces (within a line, at white space or after a sentence's end), each
piece is scored, and the document gets the maximum: one hateful sentence in a long article counts
as much as alone. This is how HAP scores documents (IBM data-prep-kit, `hap` transform).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import ComponentError, RecipeError
from curate.models import card, find_model, identity, label_probability, sha256
from curate.recipe import ToxicitySection

PIECE_CHARACTERS = 240  # about a post: what the training data are
WINDOW_CHARACTERS = 500  # at most 512 tokens for the tokenizers of BERT's family
_BATCH_WINDOWS = 16
_TOKEN_STEP = 64
_LONGEST = 512  # tokens; RoBERTa's 514 positions are 512 tokens, too
_MANY_PIECES = 100_000
_DETOXIFY_LANGUAGES = ("eng",)
_MULTILINGUAL = ("eng", "fra", "ita", "por", "rus", "spa", "tur")  # of Detoxify's `multilingual`


@dataclass(frozen=True)
class ToxicityScorer:
    """Adds `toxicity` and `toxicity_state` by a fastText model with the label `toxic`.

    Attributes:
        model: `bundled`, or the path of a fastText model.
    """

    model: str = "bundled"

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score the column `text`.

        Returns:
            The rows with `toxicity` (0–1, the highest probability of a piece of at most 240
            characters; 0 without letters) and `toxicity_state` (`not_applicable` where the column
            `language` is there and names a language that the model's card does not cover).

        Raises:
            RecipeError: the model's file is not there.
            ComponentError: it is no fastText classifier, or has no label `toxic`.
        """
        path = find_model(self.model, "toxicity")

        def score(texts: pl.Series) -> pl.Series:
            return label_probability(path, texts, "toxic")

        languages = card(path).get("languages")
        return _highest(frame, PIECE_CHARACTERS, score, languages)

    def identity(self) -> str:
        """What of the model shapes the scores."""
        return identity(find_model(self.model, "toxicity"))


@dataclass(frozen=True)
class DetoxifyScorer:
    """Adds `toxicity` and `toxicity_state` by Detoxify (the extra `detoxify`).

    Attributes:
        checkpoint: a Detoxify checkpoint; the model's `config.json` and tokenizer lie beside it
            or in the folder that it names. Left out: Detoxify's own download of `original`.
        device: `cpu`, `cuda` …; left out: CUDA where there is one.
    """

    checkpoint: str | None = None
    device: str | None = None

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score the column `text`.

        Windows of at most 500 characters are padded to a multiple of 64 tokens and scored in
        batches of exactly 16, so that a window's score does not depend on its neighbours.

        Raises:
            RecipeError: the checkpoint is not there.
            ComponentError: the extra is missing, or the checkpoint holds more than weights, lacks
                some, or has no class for toxicity.
        """
        loaded = _load_detoxify(self.checkpoint, self.device)
        languages = _MULTILINGUAL if loaded.multilingual else _DETOXIFY_LANGUAGES
        return _highest(frame, WINDOW_CHARACTERS, loaded.score, languages)

    def identity(self) -> str:
        """What of the model shapes the scores."""
        model = sha256(Path(self.checkpoint)) if self.checkpoint else "detoxify:original"
        return f"{model}:{self.device or _best_device()}"


def toxicity_scorer(
    section: ToxicitySection,
) -> Callable[[pl.DataFrame], pl.DataFrame] | None:
    """The scorer that a recipe asks for; None for `none`."""
    if section.scorer == "none":
        return None
    if section.scorer == "detoxify":
        return DetoxifyScorer(section.checkpoint)
    return ToxicityScorer()


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


def _highest(
    frame: pl.DataFrame,
    characters: int,
    score: Callable[[pl.Series], pl.Series],
    languages: list[str] | tuple[str, ...] | None,
) -> pl.DataFrame:
    """Score the pieces of the documents in covered languages and keep each document's highest."""
    covered = pl.lit(True)
    if languages is not None and "language" in frame.columns:
        covered = pl.col("language").is_in(list(languages)).fill_null(False)
    rows = frame.select(covered.alias("covered"), "text").with_row_index("row")
    asked = rows.filter("covered")
    cut = pieces(asked["text"], characters)
    values = pl.concat(
        [score(part["text"]) for part in cut.iter_slices(_MANY_PIECES)]
        or [pl.Series([], dtype=pl.Float64)]
    )
    best = (
        cut.select(asked["row"].gather(cut["row"]).alias("row"), values.alias("toxicity"))
        .group_by("row")
        .max()
    )
    scored = rows.join(best, on="row", how="left", maintain_order="left")
    return frame.with_columns(
        scored.select(
            pl.when("covered").then(pl.col("toxicity").fill_null(0.0)).alias("toxicity"),
            pl.when(~pl.col("covered")).then(pl.lit("not_applicable")).alias("toxicity_state"),
        ).get_columns()
    )


@dataclass(frozen=True)
class _Detoxify:
    """A loaded model."""

    torch: Any
    model: Any
    tokenizer: Any
    toxic: int
    multilingual: bool

    def score(self, texts: pl.Series) -> pl.Series:
        """Probability of the class `toxicity`, in order of the texts."""
        limit = min(_LONGEST, self.model.config.max_position_embeddings)
        encoded = [
            self.tokenizer(text, truncation=True, max_length=limit)["input_ids"] for text in texts
        ]
        padded = [-(-len(ids) // _TOKEN_STEP) * _TOKEN_STEP for ids in encoded]
        lengths = np.minimum(np.array(padded, dtype=np.int64), limit)
        scores = np.zeros(len(encoded))
        order = np.argsort(lengths, kind="stable")
        for length in np.unique(lengths):
            rows = order[lengths[order] == length]
            for start in range(0, len(rows), _BATCH_WINDOWS):
                batch = rows[start : start + _BATCH_WINDOWS]
                scores[batch] = self._batch([encoded[row] for row in batch], int(length))
        return pl.Series("probability", scores)

    def _batch(self, encoded: list[list[int]], length: int) -> npt.NDArray[np.float64]:
        torch = self.torch
        shape = (_BATCH_WINDOWS, length)
        ids = torch.full(shape, self.tokenizer.pad_token_id or 0)
        mask = torch.zeros(shape, dtype=torch.long)
        mask[:, 0] = 1  # rows that only fill the batch
        for row, tokens in enumerate(encoded):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        device = self.model.device
        with torch.inference_mode():
            out = self.model(input_ids=ids.to(device), attention_mask=mask.to(device))[0]
        values = torch.sigmoid(out[: len(encoded), self.toxic].float()).cpu().numpy()
        found: npt.NDArray[np.float64] = values.astype(np.float64)
        return found


@functools.lru_cache(maxsize=2)
def _load_detoxify(checkpoint: str | None, device: str | None) -> _Detoxify:
    try:
        import torch
        import transformers
        from detoxify import Detoxify
        from detoxify.detoxify import get_model_and_tokenizer
    except ImportError as error:
        came = f"{error.name or error} is not installed"
        change = "pip install 'curate[detoxify]', or set scorer = 'bundled'"
        asked = "[toxicity] scorer = 'detoxify' runs Detoxify"
        raise ComponentError(asked, came, change=change) from error
    transformers.utils.logging.disable_progress_bar()
    if checkpoint is None:
        try:
            made = Detoxify("original")
        except Exception as error:
            change = "set [toxicity] checkpoint to a file that is here"
            asked = "Detoxify downloads its model"
            raise ComponentError(asked, str(error), change=change) from error
        model, tokenizer, classes, multilingual = (
            made.model,
            made.tokenizer,
            made.class_names,
            False,
        )
    else:
        arguments, classes, weights = _read_checkpoint(torch, Path(checkpoint))
        try:
            model, tokenizer = get_model_and_tokenizer(
                **arguments, state_dict=weights, huggingface_config_path=arguments["model_type"]
            )
        except Exception as error:
            change = "put the model's config.json and tokenizer files beside the checkpoint"
            asked = "Detoxify builds its model"
            raise ComponentError(asked, str(error), checkpoint, change) from error
        _refuse_missing_weights(torch, model, weights, checkpoint)
        multilingual = "XLM" in str(arguments.get("model_name"))
    toxic = next((i for i, name in enumerate(classes) if name in {"toxic", "toxicity"}), None)
    if toxic is None:
        came = f"its classes are {list(classes)}"
        raise ComponentError("a Detoxify model has the class toxicity", came, str(checkpoint))
    model.to(device or _best_device()).eval()
    return _Detoxify(torch, model, tokenizer, toxic, multilingual)


def _best_device() -> str:
    """CUDA where there is one."""
    try:
        import torch
    except ImportError:
        return "cpu"  # loading the model says what is missing
    return "cuda" if torch.cuda.is_available() else "cpu"


def _read_checkpoint(torch: Any, path: Path) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """The arguments, classes and weights in a checkpoint; nothing in it is executed."""
    if not path.is_file():
        asked, came = "[toxicity] checkpoint names a file", f"{str(path)!r} is none"
        raise RecipeError(asked, came, change="check the path")
    change = "use a checkpoint of Detoxify, from a place you trust"
    asked = "a checkpoint holds weights and their configuration"
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        arguments = dict(loaded["config"]["arch"]["args"])
        classes = list(loaded["config"]["dataset"]["args"]["classes"])
        weights = dict(loaded["state_dict"])
    except Exception as error:
        came = f"it does not load as such ({type(error).__name__})"
        raise ComponentError(asked, came, str(path), change) from error
    if (path.parent / "config.json").is_file():
        arguments["model_type"] = str(path.parent)
    return arguments, classes, weights


def _refuse_missing_weights(torch: Any, model: Any, weights: dict[str, Any], where: str) -> None:
    """Transformers fills what a checkpoint lacks with random numbers, in silence."""
    bad = [
        name
        for name, value in model.state_dict().items()
        if name not in weights or not torch.equal(value.cpu(), weights[name].cpu().to(value.dtype))
    ]
    if bad:
        came = f"{len(bad)} are missing or of another shape, such as {bad[0]!r}"
        change = "use the checkpoint with the config.json it was trained with"
        raise ComponentError("a checkpoint holds all weights of its model", came, where, change)
