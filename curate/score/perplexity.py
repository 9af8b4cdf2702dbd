"""How foreign a document is to a model of well-written text of its language (as in CCNet).

CCNet (Wenzek et al. 2019, arXiv 1911.00359) trains a 5-gram model of SentencePiece tokens on each
Wikipedia and sorts pages by their perplexity into head, middle and tail. Here a model is of the
words of `curate.text.segment`, three in a row, with interpolated Kneser-Ney smoothing; words are
compared in simple case folding, each line is a sentence with its beginning and end. Words that are
not in the model's vocabulary share the unknown word's probability evenly: each has one part of as
many as there were such words in training.

- `perplexity`: exp of the mean negative log-probability of the words and the ends of lines.
- `perplexity_bucket`: `head` up to the model's first limit, `middle` up to the second, else `tail`.

`perplexity_state` is `not_applicable` where no model speaks the document's language, and where a
document has no words.

A model is a NumPy archive (`.npz`): `facts` (JSON: format, language, tokens, unknown_words, limits, source),
`vocabulary` (uint64: hashes of the words, sorted; their ids begin at 3), `one` and `one_back`
(float32, by id), `pair_keys` (uint64: first id × ids + second id, sorted), `pair`, `pair_back`,
`triple_keys` and `triple` (float32); all logarithms are natural.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.errors import ComponentError, RecipeError
from curate.models import sha256
from curate.text.segment import Segments, segment

FORMAT: Final = 1
ARRAYS = (
    "vocabulary",
    "one",
    "one_back",
    "pair_keys",
    "pair",
    "pair_back",
    "triple_keys",
    "triple",
)


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A model of a language.

    Attributes:
        facts: format, language (ISO 639-3), tokens, limits (of head and middle), source.
        arrays: those of the file by name.
    """

    facts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @functools.cached_property
    def tables(self) -> tuple[Any, ...]:
        """Hash tables of the vocabulary, the pairs and the triples."""
        from curate.score.ngram_model import filled_table  # numba takes half a second to import

        found = []
        for name in ("vocabulary", "pair_keys", "triple_keys"):
            size = 2
            while size < 2 * len(self.arrays[name]):
                size *= 2
            found.append(filled_table(self.arrays[name], size))
        return tuple(found)

    def ids(self, cut: Segments) -> NDArray[np.int32]:
        """The id of each word."""
        from curate.score.ngram_model import word_ids

        ids: NDArray[np.int32] = word_ids(cut.word_hash, self.arrays["vocabulary"], self.tables[0])
        return ids

    def perplexities(self, texts: pl.Series) -> pl.Series:
        """The perplexity of each text; null without words."""
        from curate.score.ngram_model import document_perplexities

        a, cut = self.arrays, segment(texts)
        _, pair_table, triple_table = self.tables
        model = (
            *(a["one"], a["one_back"]),
            *(a["pair_keys"], pair_table, a["pair"], a["pair_back"]),
            *(a["triple_keys"], triple_table, a["triple"]),
        )
        found = document_perplexities(
            self.ids(cut),
            cut.word_start,
            cut.word_offsets,
            cut.line_end,
            cut.line_offsets,
            model,
            -math.log(max(self.facts["unknown_words"], 1)),
        )
        return pl.Series("perplexity", found).fill_nan(None)

    def save(self, file: IO[bytes]) -> None:
        """Write the file: the same model gives the same bytes."""
        facts = np.frombuffer(json.dumps(self.facts, sort_keys=True).encode(), np.uint8)
        arrays: dict[str, Any] = {"facts": facts, **self.arrays}
        np.savez_compressed(file, **arrays)


@functools.lru_cache(maxsize=64)
def load_model(path: Path) -> NgramModel:
    """Read a model.

    Raises:
        RecipeError: there is no such file.
        ComponentError: it is no model of this format.
    """
    if not path.is_file():
        asked = "[perplexity] models names model files"
        raise RecipeError(
            asked, f"{str(path)!r} is no file", "", "train one: curate train perplexity"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(bytes(file["facts"]))
            arrays = {name: file[name] for name in ARRAYS}
    except (ValueError, KeyError, OSError, BadZipFile, EOFError) as error:
        asked = "[perplexity] models names model files"
        raise ComponentError(asked, f"it is none: {error}", str(path)) from error
    if facts.get("format") != FORMAT:
        came = f"its format is {facts.get('format')!r}"
        raise ComponentError(f"a model has the format {FORMAT}", came, str(path))
    return NgramModel(facts, arrays)


@dataclass(frozen=True)
class PerplexityScorer:
    """Adds `perplexity`, `perplexity_bucket` and `perplexity_state`; reads `language`.

    Attributes:
        models: paths of model files, one for each language.
    """

    models: tuple[str, ...]

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score the column `text` of the documents whose language has a model.

        Raises:
            RecipeError: a model's file is not there, or two are of one language.
            ComponentError: a file is no model.
        """
        perplexity = pl.Series("perplexity", [None] * frame.height, dtype=pl.Float64)
        bucket = pl.Series("perplexity_bucket", [None] * frame.height, dtype=pl.String)
        for language, model in self._by_language().items():
            rows = (frame["language"] == language).fill_null(value=False).arg_true()
            if rows.is_empty():
                continue
            mine = frame["text"] if len(rows) == frame.height else frame["text"].gather(rows)
            found = model.perplexities(mine)
            head, middle = model.facts["limits"]
            chosen = pl.select(
                pl.when(found <= head)
                .then(pl.lit("head"))
                .when(found <= middle)
                .then(pl.lit("middle"))
                .when(found.is_not_null())
                .then(pl.lit("tail"))
            ).to_series()
            perplexity = perplexity.scatter(rows, found)
            bucket = bucket.scatter(rows, chosen)
        state = pl.when(perplexity.is_null()).then(pl.lit("not_applicable"))
        return frame.with_columns(perplexity, bucket, state.alias("perplexity_state"))

    def identity(self) -> str:
        """What of the models shapes the scores."""
        self._by_language()
        return ":".join(sorted(sha256(Path(path)) for path in self.models))

    def _by_language(self) -> dict[str, NgramModel]:
        found: dict[str, NgramModel] = {}
        for path in self.models:
            model = load_model(Path(path))
            language = model.facts["language"]
            if language in found:
                asked = "[perplexity] models names one model for each language"
                raise RecipeError(asked, f"two are of {language!r}", path)
            found[language] = model
        return dict(sorted(found.items()))
