"""One way to train a fastText classifier: the same lines give the same bytes again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from lxml import etree

from curate.errors import ComponentError, InputError
from curate.models import PREPARATIONS, sha256

_UNREADABLE = (
    pl.exceptions.PolarsError,
    etree.XMLSyntaxError,
    tarfile.TarError,
    OSError,
    ValueError,
    KeyError,
    EOFError,
)
Rows = TypeVar("Rows")  # what a set's file becomes
_TEST_BYTES = 26  # of 256: a tenth of every set is kept for testing

# With one thread fastText fills only a tenth of its first weights and leaves the rest as the
# allocator gives it: in a process that has worked before, other bytes each time, or NaN.
_ZEROED = {"MALLOC_PERTURB_": "255"}
_SCRIPT = """
import fasttext, json, sys
a = json.loads(sys.argv[1])
m = fasttext.train_supervised(thread=1, verbose=0, **a["parameters"])
m.quantize(thread=1, verbose=0, **a["quantization"])
m.save_model(a["path"])
"""


@dataclass(frozen=True)
class DataSet(Generic[Rows]):
    """One labelled set, as a card names it.

    Attributes:
        file: its name in the data folder.
        source: the repository and folder that it comes from.
        licence: its licence.
        attribution: whom to name.
        read: the file → its rows.
        held_out: it is for testing alone.
        use: what a set is for that is not held out.
    """

    file: str
    source: str
    licence: str
    attribution: str
    read: Callable[[Path], Rows]
    held_out: bool = False
    use: str = "training; a tenth, chosen by hash, for tests"

    def load(self, data: Path) -> Rows:
        """Read the set.

        Raises:
            InputError: it is not there, or not what its name says.
        """
        path = data / self.file
        asked, where = f"training reads {path.name}", str(path.parent)
        if not path.is_file():
            change = "give the folder that holds the data sets as --data"
            raise InputError(asked, "there is no such file", where, change)
        try:
            return self.read(path)
        except _UNREADABLE as error:
            came = f"it does not read ({str(error).splitlines()[0]})"
            raise InputError(asked, came, where, "fetch the file again") from error

    def described(self, data: Path) -> dict[str, str]:
        """The set's entry in a card."""
        return {
            "file": self.file,
            "sha256": sha256(data / self.file),
            "source": self.source,
            "licence": self.licence,
            "attribution": self.attribution,
            "use": "test only" if self.held_out else self.use,
        }


def fit(
    examples: pl.DataFrame,
    preparation: str,
    out: Path,
    parameters: dict[str, Any],
    quantization: dict[str, Any] | None = None,
) -> int:
    """Train and quantize a model: one thread, a process of its own, memory that starts as zeros.

    Args:
        examples: columns `label` and `text`, as many rows as the model is to see.
        preparation: what is done to each text (`curate.models.PREPARATIONS`).
        out: the model file; replaced in one step.
        parameters: of `fasttext.train_supervised`.
        quantization: of `quantize`; with `cutoff`, the words and n-grams to keep, the rest is
            fitted again to the same lines (`retrain`).

    Returns:
        Examples trained on: those with text left after preparation, each once.

    Raises:
        ComponentError: fastText failed.
    """
    prepare = PREPARATIONS[preparation]
    lines = (
        examples.select("label", prepare(pl.col("text")).alias("text"))
        .filter(pl.col("text") != "")
        .select(pl.format("__label__{} {}", "label", "text"))
        .to_series()
        .unique()
        .to_list()
    )
    lines.sort(key=_digest)  # an order that mixes the sets and needs no random numbers
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        source, target = Path(folder) / "lines.txt", Path(folder) / "model.ftz"
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        asked: dict[str, Any] = {
            "path": str(target),
            "parameters": {**parameters, "input": str(source)},
            "quantization": quantization or {},
        }
        if asked["quantization"].get("retrain"):
            asked["quantization"] = {**asked["quantization"], "input": str(source)}
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", _SCRIPT, json.dumps(asked)],
            env={**os.environ, **_ZEROED},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            came = (done.stderr.strip().splitlines() or ["it ended by a signal"])[-1]
            raise ComponentError("fastText trains a model", came, change="see the parameters")
        target.replace(out)
    return len(lines)


def is_test(texts: pl.Series) -> pl.Series:
    """Whether each text belongs to the tenth that training never sees: by a hash of its letters."""
    letters = pl.DataFrame({"text": texts}).select(PREPARATIONS["letters"](pl.col("text")))
    flags = [_digest(text)[0] < _TEST_BYTES for text in letters.to_series().to_list()]
    return pl.Series("test", flags, dtype=pl.Boolean)


def write_card(
    model: Path,
    card: dict[str, Any],
    library: str = "fasttext-numpy2",
    manner: str = "one thread, quantized",
) -> dict[str, Any]:
    """Write the card beside a model, its sha256 and size filled in; returns the whole card."""
    card = {
        **card,
        "sha256": sha256(model),
        "bytes": model.stat().st_size,
        "trained_with": f"{library} {version(library)}, {manner}",
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    model.with_suffix(".json").write_text(text, encoding="utf-8")
    return card


def area_under_curve(truth: Iterable[bool], score: Iterable[float]) -> float:
    """Area under the ROC curve: how often a positive scores above a negative; ties count half."""
    positive = np.fromiter(truth, dtype=bool)
    values: npt.NDArray[np.float64] = np.fromiter(score, dtype=np.float64)
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    ones = int(positive.sum())
    zeros = len(positive) - ones
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / max(ones * zeros, 1))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
