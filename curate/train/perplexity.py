"""Trains the n-gram model of a language that `curate.score.perplexity` reads.

Interpolated Kneser-Ney of three words with one discount for each length, n1 / (n1 + 2 n2) of the
n-grams that occur once and twice (Kneser and Ney 1995; Chen and Goodman 1999). Words that occur
once are the unknown word; of the triples those that occur once are left out, and the weights of
their contexts are those that make the probabilities sum to one. The limits of head and middle are
the 30th and 60th percentile (as in CCNet, Wenzek et al. 2019, arXiv 1911.00359) of the perplexity of
other documents: those that are named for it, else every twentieth one, which is not trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.errors import RecipeError
from curate.score.perplexity import FORMAT, NgramModel
from curate.text.segment import segment

MOST_WORDS = 1 << 20  # of a vocabulary: three ids fit into 64 bits
HELD_OUT = 20
MINIMUM_TOKENS = 1000
PERCENTILES = (0.3, 0.6)  # CCNet: head and middle
Keys = NDArray[np.uint64]
Numbers = NDArray[np.float64]


def train_model(
    texts: pl.Series, language: str, source: str, others: pl.Series | None = None
) -> NgramModel:
    """Train the model of a language.

    Args:
        texts: documents that are well written.
        language: ISO 639-3.
        source: what they are, for the model's facts.
        others: documents whose percentiles become the limits; left out: a twentieth of `texts`.

    Raises:
        RecipeError: there are too few words.
    """
    own = texts
    if others is None:
        place = pl.int_range(len(texts), eager=True) % HELD_OUT
        own, others = texts.filter(place > 0), texts.filter(place == 0)
    arrays, counted = _estimate(own)
    facts: dict[str, Any] = {"format": FORMAT, "language": language, "source": source, **counted}
    facts |= {"documents": len(own), "limits": [0.0, 0.0]}
    model = NgramModel(facts, arrays)
    found = model.perplexities(others).drop_nulls()
    if found.is_empty():
        asked = "the limits of head and middle come from documents with words"
        raise RecipeError(asked, "there is none", source, "give more documents")
    limits = [round(float(found.quantile(share, "nearest") or 0), 2) for share in PERCENTILES]
    return NgramModel(facts | {"limits": limits, "measured": len(found)}, arrays)


def _estimate(texts: pl.Series) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
    from curate.score.ngram_model import token_stream, word_ids

    cut = segment(texts)
    words, counts = np.unique(cut.word_hash, return_counts=True)
    if len(cut.word_hash) < MINIMUM_TOKENS:
        asked, came = f"a model has {MINIMUM_TOKENS:,} words or more", f"{len(cut.word_hash):,}"
        raise RecipeError(asked, f"{came} came", "train perplexity", "give more documents")
    kept = np.flatnonzero(counts > 1)
    if len(kept) > MOST_WORDS - 3:
        kept = np.sort(np.lexsort((words, -counts))[: MOST_WORDS - 3])
    vocabulary = words[kept]
    blank: dict[str, NDArray[Any]] = {"vocabulary": vocabulary, "pair_keys": vocabulary[:0]}
    table = NgramModel({}, blank | {"triple_keys": vocabulary[:0]}).tables[0]
    ids = word_ids(cut.word_hash, vocabulary, table)
    stream = token_stream(ids, cut.word_start, cut.word_offsets, cut.line_end, cut.line_offsets)
    counted = {"tokens": len(stream), "unknown_words": len(words) - len(kept)}
    return _smooth(stream.astype(np.uint64), vocabulary), counted


def _smooth(stream: Keys, vocabulary: Keys) -> dict[str, NDArray[Any]]:
    many = np.uint64(len(vocabulary) + 3)
    first, second, third = stream[:-2], stream[1:-1], stream[2:]
    is_triple = (second != 1) & (third != 1)  # none passes over a line's end
    triples, triple_counts = np.unique(
        ((first * many + second) * many + third)[is_triple], return_counts=True
    )
    is_pair = stream[1:] != 1
    pairs, pair_counts = np.unique((stream[:-1] * many + stream[1:])[is_pair], return_counts=True)
    # of how many words a pair is the continuation; a line's beginning continues nothing
    continued = np.bincount(np.searchsorted(pairs, triples % (many * many)), minlength=len(pairs))
    pair_mass = np.where(pairs // many == 1, pair_counts, continued).astype(np.float64)
    word_mass = np.bincount((pairs % many).astype(np.int64), minlength=int(many)).astype(np.float64)

    discount = _discount(word_mass[word_mass > 0])
    total, kinds = word_mass.sum(), np.count_nonzero(word_mass)
    spread = discount * kinds / total / (float(many) - 1)  # a line's beginning is never predicted
    one = np.maximum(word_mass - discount, 0) / total + spread
    one[1] = 0

    before, after = (pairs // many).astype(np.int64), (pairs % many).astype(np.int64)
    pair, one_back = _interpolated(pair_mass, before, int(many), one[after])
    context = np.searchsorted(pairs, triples // many)
    lower = pair[np.searchsorted(pairs, triples % (many * many))]
    triple, _ = _interpolated(triple_counts.astype(np.float64), context, len(pairs), lower)
    is_kept = triple_counts > 1
    left = 1 - np.bincount(context[is_kept], triple[is_kept], len(pairs))
    left_lower = 1 - np.bincount(context[is_kept], lower[is_kept], len(pairs))
    pair_back = np.clip(left, 1e-9, 1) / np.clip(left_lower, 1e-9, None)
    return {
        "vocabulary": vocabulary,
        "one": _logarithms(one),
        "one_back": _logarithms(one_back),
        "pair_keys": pairs,
        "pair": _logarithms(pair),
        "pair_back": _logarithms(pair_back),
        "triple_keys": triples[is_kept],
        "triple": _logarithms(triple[is_kept]),
    }


def _interpolated(
    mass: Numbers, context: NDArray[np.int64], contexts: int, lower: Numbers
) -> tuple[Numbers, Numbers]:
    """Probabilities of n-grams from their mass, and what their contexts leave to shorter ones."""
    discount = _discount(mass[mass > 0])
    total = np.bincount(context, mass, contexts)
    kinds = np.bincount(context, (mass > 0).astype(np.float64), contexts)
    some = np.maximum(total, 1e-300)
    left = np.where(total > 0, discount * kinds / some, 1.0)
    found = np.maximum(mass - discount, 0) / some[context] + left[context] * lower
    return found, left


def _discount(mass: Numbers) -> float:
    once, twice = np.count_nonzero(mass == 1), np.count_nonzero(mass == 2)  # noqa: PLR2004 - n2
    return once / (once + 2 * twice) if once and twice else 0.5


def _logarithms(values: Numbers) -> NDArray[np.float32]:
    return np.log(np.maximum(values, 1e-30)).astype(np.float32)


def write_model(model: NgramModel, out: Path) -> dict[str, Any]:
    """Write a model, and tell its facts and size."""
    try:
        with out.open("wb") as file:
            model.save(file)
    except OSError as error:
        asked, came = "the model's file can be written", str(error.strerror).lower()
        raise RecipeError(asked, came, str(out)) from error
    sizes = {name: len(model.arrays[name]) for name in ("vocabulary", "pair", "triple")}
    return {**model.facts, **sizes, "bytes": out.stat().st_size, "out": str(out)}
