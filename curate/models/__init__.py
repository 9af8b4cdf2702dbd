"""The models the package carries, their cards, and one way to use any fastText classifier.

Beside a model `name.ftz` may lie its card `name.json`; of its fields two shape results:
`sha256` (of the model: a card of another file is refused) and `preparation` (what is done to a
text before the model sees it: one of `PREPARATIONS`; `plain` where there is no card).
"""

from __future__ import annotations

import functools
import hashlib
import json
import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import ComponentError, RecipeError
from curate.models.registry import find_named, suggest

BUNDLED = Path(__file__).parent
EXTRACTOR_MODEL = "extractor.npz"  # trees, see `curate.sources.extract`
_MAGIC = 793712314
_SUPERVISED = 3
_HEADER = struct.Struct("<ii12id3iqq")  # magic, version, arguments, dictionary's sizes


def _plain(text: pl.Expr) -> pl.Expr:
    """White space (a newline would end the text) and fastText's own end mark become a space."""
    return text.str.replace_all(r"[\s\x00]+|</s>", " ").str.strip_chars()


def _letters(text: pl.Expr) -> pl.Expr:
    """Lower case; every run of anything but letters and marks becomes a space."""
    return text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}]+", " ").str.strip_chars()


PREPARATIONS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "plain": _plain,
    "letters": _letters,
}


def find_model(name: str, kind: str) -> Path:
    """The file of a model.

    Args:
        name: `bundled`, the path of a fastText model file, or a name: of a bundled model
            (`quality`) or of one in the registry, which is fetched where it is not in the cache.
        kind: `language`, `toxicity` …: which bundled model.

    Raises:
        RecipeError: there is no such file or name.
        ComponentError: it is no whole fastText classifier, its card is of another file, or it
            cannot be fetched.
    """
    path = BUNDLED / f"{kind}.ftz" if name == "bundled" else Path(name)
    if not path.is_file():
        bundled = BUNDLED / f"{name}.ftz"
        found = bundled if bundled.is_file() else find_named(name)
        if found is None:
            raise RecipeError(
                f"[{kind}] model names a fastText model file",
                f"{name!r} is no file" if name != "bundled" else f"the package has no {path.name}",
                change=suggest(name),
            )
        path = found
    card(path)
    return path


def identity(path: Path) -> str:
    """What shapes a model's results: the file's sha256, and the text preparation if not plain."""
    preparation = card(path).get("preparation", "plain")
    return sha256(path) if preparation == "plain" else f"{sha256(path)}:{preparation}"


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def card(path: Path) -> dict[str, Any]:
    """The card of a model; empty when none lies beside it. The model file is checked, too.

    Raises:
        ComponentError: the model is no whole fastText classifier; its card is unreadable, of
            another file, or names no known preparation.
    """
    beside = path.with_suffix(".json")
    return _checked(*_stamp(path), _stamp(beside) if beside.is_file() else None)


def load_fasttext(path: Path) -> Any:
    """The model, loaded once per process (again when the file has changed)."""
    return _load(*_stamp(path))


def _stamp(file: Path) -> tuple[str, int, int]:
    """What tells that a file is still the same, for caches."""
    status = file.stat()
    return str(file), status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=16)
def _checked(
    name: str, _modified: int, _size: int, card_stamp: tuple[str, int, int] | None
) -> dict[str, Any]:
    path = Path(name)
    _check(path)
    if card_stamp is None:
        return {}
    beside = path.with_suffix(".json")
    where = str(beside)
    change = "put the right card there, or none"
    try:
        found = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ComponentError("a model's card is JSON", str(error), where, change) from error
    if not isinstance(found, dict) or found.get("sha256") != sha256(path):
        came = "its sha256 is not that of the file"
        raise ComponentError(f"the card describes {path.name}", came, where, change)
    if found.get("preparation", "plain") not in PREPARATIONS:
        came = f"{found['preparation']!r} is none"
        asked = f"`preparation` is one of {', '.join(PREPARATIONS)}"
        raise ComponentError(asked, came, where, change)
    return found


def top_label(path: Path, texts: pl.Series) -> pl.DataFrame:
    """The likeliest label of each text.

    Args:
        path: a fastText classifier.
        texts: strings; nulls count as empty.

    Returns:
        Columns `label` (without fastText's prefix; null where the text is empty after its
        preparation or the model knows nothing in it) and `probability` (0–1; 0 without a label).
    """
    labels, probabilities = _predict(path, texts, 1)
    return pl.DataFrame(
        {
            "label": [found[0].removeprefix("__label__") if found else None for found in labels],
            "probability": [min(float(p[0]), 1.0) if len(p) else 0.0 for p in probabilities],
        },
        schema={"label": pl.String, "probability": pl.Float64},
    )


def label_probability(path: Path, texts: pl.Series, label: str) -> pl.Series:
    """The probability (0–1) of one label for each text; 0 where the model knows nothing in it.

    Raises:
        ComponentError: the model has no such label.
    """
    known = load_fasttext(path).get_labels()
    if f"__label__{label}" not in known:
        raise ComponentError(
            f"the model has the label {label!r}", f"its labels are {known[:5]}", str(path)
        )
    values = [found.get(label, 0.0) for found in label_probabilities(path, texts)]
    return pl.Series("probability", values, dtype=pl.Float64)


def label_probabilities(path: Path, texts: pl.Series) -> list[dict[str, float]]:
    """The probability (0–1) of every label for each text; nothing where the model knows nothing."""
    labels, probabilities = _predict(path, texts, -1)
    return [
        {
            label.removeprefix("__label__"): min(float(value), 1.0)
            for label, value in zip(found, values, strict=True)
        }
        for found, values in zip(labels, probabilities, strict=True)
    ]


def _predict(path: Path, texts: pl.Series, labels: int) -> tuple[list[list[str]], list[Any]]:
    model = load_fasttext(path)
    prepare = PREPARATIONS[card(path).get("preparation", "plain")]
    prepared = pl.DataFrame({"text": texts}).select(prepare(pl.col("text").fill_null("")))
    asked = prepared.to_series().to_list()
    found, probabilities = model.predict(asked, k=labels)
    for row, line in enumerate(asked):
        if not line:  # fastText answers with the prior of its end mark
            found[row], probabilities[row] = [], []
    return found, probabilities


@functools.lru_cache(maxsize=4)
def _load(name: str, _modified: int, _size: int) -> Any:
    import fasttext

    card(Path(name))  # checks the file: fastText itself loads a cut-off one in silence
    return fasttext.load_model(name)


def _check(path: Path) -> None:
    """Walk the file's layout to its end.

    Raises:
        ComponentError: it is no fastText classifier, or its size is not what its header says.
    """
    where = str(path)
    change = "give a supervised fastText model (.bin or .ftz), downloaded whole"
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            magic, model, end = _layout(data)
            size = len(data)
    except (struct.error, ValueError, OverflowError) as error:
        came = "the file is cut off, or something else"
        raise ComponentError("a model is a fastText file", came, where, change) from error
    if magic != _MAGIC:
        raise ComponentError("a model is a fastText file", "it is another kind", where, change)
    if model != _SUPERVISED:
        came = "it holds word vectors without labels"
        raise ComponentError("a model is a classifier", came, where, change)
    if end != size:
        came = f"its header says {end:,} bytes and it has {size:,}"
        raise ComponentError("a model file is whole", came, where, change)


def _layout(data: mmap.mmap) -> tuple[int, int, int]:
    """Magic number, kind of model, and where the file ends by its own headers."""
    fields = _HEADER.unpack_from(data)
    entries, labels, pruned = fields[15], fields[17], fields[19]
    at = _HEADER.size
    if fields[0] != _MAGIC or fields[9] != _SUPERVISED or labels <= 0:
        return fields[0], fields[9], at
    for _ in range(entries):  # word, count, kind
        end = data.find(b"\0", at)
        if end < 0:
            raise ValueError("a word without an end")
        at = end + 10
    at += 8 * max(pruned, 0)
    quantized = data[at] != 0
    at = _matrix_end(data, at + 1, quantized=quantized)
    return fields[0], fields[9], _matrix_end(data, at + 1, quantized=quantized and data[at] != 0)


def _matrix_end(data: mmap.mmap, at: int, *, quantized: bool) -> int:
    if not quantized:
        rows, columns = struct.unpack_from("<qq", data, at)
        return at + 16 + 4 * int(rows) * int(columns)
    norms, rows, _, codes = struct.unpack_from("<?qqi", data, at)
    at = _quantizer_end(data, at + 21 + int(codes))
    return _quantizer_end(data, at + int(rows)) if norms else at


def _quantizer_end(data: mmap.mmap, at: int) -> int:
    dimensions = struct.unpack_from("<4i", data, at)[0]
    return at + 16 + 4 * 256 * int(dimensions)
