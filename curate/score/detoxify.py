"""Toxicity and its labels by Detoxify (the extra `detoxify`).

Nothing that a checkpoint holds is executed: it is read as weights and plain values, whether it
lies here or was downloaded, and names classes of transformers by two fixed forms only.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import ComponentError, RecipeError
from curate.models import sha256
from curate.score.toxicity import score_documents

WINDOW_CHARACTERS = 500  # at most 512 tokens for the tokenizers of BERT's family
BATCH_TOKENS = {"cpu": 1024, "cuda": 65_536}  # of a batch: the shorter its windows, the more
_TOKEN_STEP = 64
_TOKENIZED_TEXTS = 4096  # at once
_LONGEST = 512  # tokens; RoBERTa's 514 positions are 512 tokens, too
_ENGLISH = ("eng",)
_MULTILINGUAL = ("eng", "fra", "ita", "por", "rus", "spa", "tur")  # of Detoxify's `multilingual`
_CLASSES = {  # as checkpoints name them → as columns do
    "toxic": "toxicity",
    "toxicity": "toxicity",
    "threat": "threat",
    "insult": "insult",
    "identity_hate": "identity_attack",
    "identity_attack": "identity_attack",
    "sexual_explicit": "sexual",
    "obscene": "obscene",
}
_NAMES = {"model_name": r"\w+ForSequenceClassification", "tokenizer_name": r"\w+Tokenizer(Fast)?"}
_CHANGE = "use a checkpoint of Detoxify, from a place you trust"


@dataclass(frozen=True)
class DetoxifyScorer:
    """Adds the columns of toxicity by Detoxify.

    Attributes:
        checkpoint: a Detoxify checkpoint; the model's `config.json` and tokenizer lie beside it
            or in the folder that it names. Left out: Detoxify's own download of `name`.
        device: `cpu`, `cuda` …; left out: CUDA where there is one, then in half precision.
        name: `original`, `unbiased` or `multilingual`; of no account with a checkpoint.
    """

    checkpoint: str | None = None
    device: str | None = None
    name: str = "original"

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score the column `text`.

        Windows of at most 500 characters are padded to a multiple of 64 tokens and scored in
        batches of one shape for each length, filled up where windows lack, so that a window's
        score does not depend on its neighbours. A batch that the device has no memory for is
        halved, and so are those after it.

        Returns:
            See `curate.score.toxicity.score_documents`.

        Raises:
            RecipeError: the checkpoint is not there.
            ComponentError: the extra is missing, or the checkpoint holds more than weights, lacks
                some, or has no class for toxicity.
        """
        loaded = self._load()
        return score_documents(frame, WINDOW_CHARACTERS, loaded.score, loaded.languages)

    def languages(self) -> tuple[str, ...]:
        """The languages that the model speaks (ISO 639-3); it is loaded for that."""
        return self._load().languages

    def identity(self) -> str:
        """What of the model shapes the scores."""
        model = sha256(Path(self.checkpoint)) if self.checkpoint else f"detoxify:{self.name}"
        return f"{model}:{self.device or _best_device()}"

    def _load(self) -> LoadedModel:
        return load_detoxify(self.checkpoint, self.name, self.device or _best_device())


@dataclass
class LoadedModel:
    """A model on its device.

    Attributes:
        torch: the library.
        model: of transformers.
        tokenizer: of transformers.
        classes: name of a column → place among the model's outputs.
        languages: that it speaks.
        batch_tokens: of a batch: rows times length; halved when memory runs out.
    """

    torch: Any
    model: Any
    tokenizer: Any
    classes: dict[str, int]
    languages: tuple[str, ...]
    batch_tokens: int

    def score(self, texts: pl.Series) -> pl.DataFrame:
        """Probability of each class, in order of the texts.

        A batch is sent off as soon as there are enough windows of its length, and the scores are
        fetched at the end: a GPU computes while the next windows are made into tokens.
        """
        limit = min(_LONGEST, self.model.config.max_position_embeddings)
        asked = {"truncation": True, "max_length": limit}
        asked |= {"return_attention_mask": False, "return_token_type_ids": False}
        waiting: dict[int, list[int]] = {}  # length → rows
        encoded: dict[int, list[int]] = {}  # row → tokens
        sent: list[tuple[list[int], Any]] = []

        def send(length: int, rows: list[int]) -> None:
            while rows:
                batch = rows[: self._rows(length)]
                try:
                    out = self._batch([encoded[row] for row in batch], length)
                except self.torch.OutOfMemoryError as error:
                    self._halve(length, error)
                    continue
                sent.append((batch, out))
                for row in batch:
                    del encoded[row]
                rows = rows[len(batch) :]

        for start in range(0, len(texts), _TOKENIZED_TEXTS):
            chunk = texts[start : start + _TOKENIZED_TEXTS].to_list()
            for row, tokens in enumerate(self.tokenizer(chunk, **asked)["input_ids"], start):
                length = min(-(-len(tokens) // _TOKEN_STEP) * _TOKEN_STEP, limit)
                rows = waiting.setdefault(length, [])
                rows.append(row)
                encoded[row] = tokens
                if len(rows) >= self._rows(length):
                    send(length, waiting.pop(length))
        for length, rows in sorted(waiting.items()):
            send(length, rows)
        scores = np.zeros((len(texts), len(self.classes)))
        places = list(self.classes.values())
        for rows, out in sent:
            scores[rows] = out.cpu().numpy()[: len(rows), places]
        return pl.DataFrame(
            {name: scores[:, place] for place, name in enumerate(self.classes)},
            schema=dict.fromkeys(self.classes, pl.Float64),
        )

    def _rows(self, length: int) -> int:
        return max(self.batch_tokens // length, 1)

    def _halve(self, length: int, error: Exception) -> None:
        if self._rows(length) == 1:
            came = f"one window of {length} tokens is too much for {self.model.device}"
            asked = "Detoxify has memory for a batch"
            raise ComponentError(asked, came, change="run it on the CPU, or elsewhere") from error
        self.batch_tokens = self._rows(length) // 2 * length
        if self.model.device.type == "cuda":
            self.torch.cuda.empty_cache()

    def _batch(self, encoded: list[list[int]], length: int) -> Any:
        """The probabilities of a batch, on the device, those of rows that only fill it among them."""
        torch = self.torch
        sizes = np.ones(self._rows(length), np.int64)
        sizes[: len(encoded)] = [len(tokens) for tokens in encoded]
        mask = np.arange(length) < sizes[:, None]
        ids = np.full(mask.shape, self.tokenizer.pad_token_id or 0, np.int64)
        real = mask[: len(encoded)]
        ids[: len(encoded)][real] = np.fromiter(chain.from_iterable(encoded), np.int64, real.sum())
        with torch.inference_mode():
            out = self.model(
                input_ids=self._on_device(ids),
                attention_mask=self._on_device(mask.astype(np.int64)),
            )[0]
            return torch.sigmoid(out.float())

    def _on_device(self, values: npt.NDArray[np.int64]) -> Any:
        tensor = self.torch.from_numpy(values)
        if self.model.device.type == "cuda":
            tensor = tensor.pin_memory()  # or the copy waits for the batches before
        return tensor.to(self.model.device, non_blocking=True)


@functools.lru_cache(maxsize=2)
def load_detoxify(checkpoint: str | None, name: str, device: str) -> LoadedModel:
    """A model, loaded once per process.

    Raises:
        RecipeError: the checkpoint is not there.
        ComponentError: see `DetoxifyScorer`.
    """
    try:
        import torch
        import transformers
        from detoxify.detoxify import MODEL_URLS, get_model_and_tokenizer
    except ImportError as error:
        came = f"{error.name or error} is not installed"
        change = "pip install 'curate[detoxify]', or set scorer = 'bundled'"
        asked = "[toxicity] scorer = 'detoxify' runs Detoxify"
        raise ComponentError(asked, came, change=change) from error
    disable_progress_bar: Any = transformers.utils.logging.disable_progress_bar
    disable_progress_bar()
    path = Path(checkpoint) if checkpoint else _download(torch, MODEL_URLS[name])
    arguments, classes, weights = read_checkpoint(torch, path)
    here = path.with_name("config.json").is_file()
    if here:
        arguments["model_type"] = str(path.parent)
    named = Path(str(arguments["model_type"])).is_dir()
    config = arguments["model_type"] if checkpoint or named else None
    try:
        model, tokenizer = get_model_and_tokenizer(
            **arguments, state_dict=weights, huggingface_config_path=config
        )
    except Exception as error:
        change = (
            "put the model's config.json and tokenizer beside the checkpoint, or give as "
            "config.arch.args.model_type in it the folder that holds them"
        )
        asked = "Detoxify builds its model"
        raise ComponentError(asked, str(error), str(path), change) from error
    _refuse_missing_weights(torch, model, weights, str(path))
    model.to(device).eval()
    kind = torch.device(device).type
    if kind == "cuda":
        model.half()
    known = {_CLASSES[one]: place for place, one in enumerate(classes) if one in _CLASSES}
    multilingual = "XLM" in str(arguments["model_name"])
    spoken = _MULTILINGUAL if multilingual else _ENGLISH
    tokens = BATCH_TOKENS.get(kind, BATCH_TOKENS["cpu"])
    return LoadedModel(torch, model, tokenizer, known, spoken, tokens)


def _best_device() -> str:
    """CUDA where there is one."""
    try:
        import torch
    except ImportError:
        return "cpu"  # loading the model says what is missing
    return "cuda" if torch.cuda.is_available() else "cpu"


def _download(torch: Any, url: str) -> Path:
    """The file of a published model in torch's cache, fetched once; its name tells its hash."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = re.search(r"-([0-9a-f]{8,})\.ckpt$", url)
        try:
            torch.hub.download_url_to_file(
                url, str(path), prefix and prefix.group(1), progress=False
            )
        except Exception as error:
            change = f"put the file there yourself, or set [toxicity] checkpoint; it is {url}"
            asked = "Detoxify's model is downloaded once"
            raise ComponentError(asked, str(error), str(path), change) from error
    return path


def read_checkpoint(torch: Any, path: Path) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """The arguments, classes and weights in a checkpoint; nothing in it is executed.

    Raises:
        RecipeError: it is not there.
        ComponentError: it holds anything but weights and plain values, names no model for texts,
            or has no class for toxicity.
    """
    if not path.is_file():
        asked, came = "[toxicity] checkpoint names a file", f"{str(path)!r} is none"
        raise RecipeError(asked, came, change="check the path")
    asked = "a checkpoint holds weights and their configuration"
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        arguments = dict(loaded["config"]["arch"]["args"])
        classes = [str(one) for one in loaded["config"]["dataset"]["args"]["classes"]]
        weights = dict(loaded["state_dict"])
    except Exception as error:
        came = f"it does not load as such ({type(error).__name__})"
        raise ComponentError(asked, came, str(path), _CHANGE) from error
    wanted = {"model_type", "num_classes", *_NAMES}
    if set(arguments) != wanted:
        came = f"its model is given by {', '.join(sorted(arguments)) or 'nothing'}"
        asked = f"a checkpoint gives {', '.join(sorted(wanted))}"
        raise ComponentError(asked, came, str(path), _CHANGE)
    for name, form in _NAMES.items():
        if not re.fullmatch(form, str(arguments[name])):
            asked = f"a checkpoint's {name} is a class of transformers for texts"
            raise ComponentError(asked, f"it is {arguments[name]!r}", str(path), _CHANGE)
    if "toxicity" not in map(_CLASSES.get, classes):
        came = f"its classes are {classes}"
        raise ComponentError("a Detoxify model has the class toxicity", came, str(path))
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
