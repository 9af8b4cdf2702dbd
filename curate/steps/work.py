"""What every step is given, and how objects are named."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl

from curate.duplicates.index import State
from curate.recipe import Recipe
from curate.schema import DOCUMENT, DataType
from curate.sources import document_id
from curate.store import Store, content_key

VERSIONS = {  # raise one when the step's output changes for the same inputs
    "read": 12,
    "pair": 1,
    "ids": 1,
    "language": 5,
    "classifiers": 1,
    "quality": 2,
    "stopwords": 1,
    "fineweb2_stopwords": 1,
    "perplexity": 1,
    "toxicity": 4,
    "detoxify": 1,
    "bias": 2,
    "urls": 1,
    "page": 1,
    "cleaning": 1,
    "personal": 2,
    "signatures": 1,
    "reference": 1,
    "contamination": 1,
    "bands": 2,
    "pairs": 2,
    "candidates": 1,
    "sets": 2,
    "verify": 2,
    "link": 3,
    "nodes": 2,
    "edges": 2,
    "stars": 2,
    "routes": 2,
    "connected": 2,
    "gathered": 2,
    "members": 2,
    "assigned": 2,
    "copies": 4,
    "lines": 1,
    "repeats": 1,
    "tagged": 1,
    "anchors": 1,
    "common": 1,
    "windows": 2,
    "passages": 2,
    "shared": 1,
    "spans": 1,
    "relink": 1,
    "found": 1,
    "earlier": 1,
    "judge": 1,
    "survivors": 5,
    "losses": 2,
    "make": 3,
    "splits": 3,
    "scatter": 3,
    "ledger": 3,
    "names": 1,
    "release": 5,
}
LIBRARIES = {  # libraries that shape a step's output; all steps that write Parquet read it back
    "commoncrawl": (
        "chardet",
        "fastwarc",
        "deflate",
        "isal",
        "backports-zstd",
        "lz4",
        "resiliparse",
        "polars",
    ),
    "bundled": ("numba", "numpy"),  # extractors of main text
    "trafilatura": ("lxml", "trafilatura"),
    "wikipedia": ("numba", "polars"),
    "subtitles": ("chardet", "polars"),
    "records": ("polars", "pyarrow"),
    "language": ("fasttext-numpy2", "numpy"),
    "quality": ("numba", "numpy"),
    "stopwords": ("numba", "numpy", "stopwordsiso"),
    "fineweb2_stopwords": ("numba", "numpy"),
    "perplexity": ("numba", "numpy"),
    "bias": ("numba", "numpy"),
    "signatures": ("numba", "numpy"),
    "reference": ("numba", "numpy", "polars", "pyarrow"),
    "contamination": ("numba", "numpy"),
    "personal": ("numba", "numpy"),
    "link": ("numba", "numpy"),
    "components": ("polars",),
    "spans": ("numba", "numpy"),
    "toxicity": ("fasttext-numpy2", "numpy"),
    "classifiers": ("fasttext-numpy2", "numpy"),
    "detoxify": ("detoxify", "torch", "transformers"),
    "mojibake": ("ftfy",),
    "icu": ("icu4py",),
    "ledger": ("polars",),
    "scatter": ("polars", "pyarrow"),
}


@dataclass(frozen=True)
class Work:
    """A run's store and recipe, as steps see them.

    Attributes:
        store: where objects lie.
        recipe: the recipe; a step reads its own section.
        batch_documents: documents scored at a time; shapes no output.
        reference: key of the compiled evaluation sets; empty where the recipe names none.
        index: what was released before, as the run found it; None where it is not asked for.
    """

    store: Store
    recipe: Recipe
    batch_documents: int = 4096
    reference: str = ""
    index: State | None = None

    def key(self, step: str, **parts: Any) -> str:
        """The key of an object of a step."""
        return content_key(step, VERSIONS[step], **parts)


@dataclass(frozen=True)
class Block:
    """One object of documents.

    Attributes:
        key: of the object.
        documents: rows.
        size: bytes of text.
        priority: the source's place in the recipe.
        changed: those of its documents whose text `spans` changed, with their `row` in the block.
        found: what was found of its documents over the whole corpus: scorer and key.
    """

    key: str
    documents: int
    size: int
    priority: int
    changed: Block | None = None
    found: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The object's name in the store."""
        return f"objects/documents/{self.key}.parquet"


@dataclass(frozen=True)
class Corpus:
    """All blocks of a run, in an order that the recipe and the content fix.

    A record's id is a hash of what the record is. Where an id repeats (real archives repeat
    record ids, and one file may be given twice), its occurrences are numbered in corpus order;
    `ids` names the object that holds the renumbered ones.
    """

    blocks: tuple[Block, ...]
    ids: str = ""

    @cached_property
    def key(self) -> str:
        """Of the whole corpus."""
        facts = [(b.key, b.priority, *([b.changed.key] if b.changed else [])) for b in self.blocks]
        return content_key("corpus", 1, blocks=facts)


@dataclass(frozen=True)
class Linked:
    """A corpus as it was linked.

    Attributes:
        corpus: the documents.
        links: key of the verified pairs.
    """

    corpus: Corpus
    links: str


def name_of(step: str, key: str) -> str:
    """The name of an object in the store."""
    return f"objects/{step}/{key}.parquet"


@cache
def library_versions(step: str) -> dict[str, str]:
    """The versions of the libraries that shape a step's output."""
    found = {}
    for library in LIBRARIES.get(step, ()):
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # an extra that is not installed shapes nothing
            continue
    return found


def find_repeats(work: Work, corpus: Corpus) -> str:
    """Number the occurrences of repeated ids; returns the key of the object that holds them."""
    key = work.key("ids", corpus=corpus.key)
    name = name_of("ids", key)
    if work.store.has(name):
        return key
    seen = pl.concat(
        [
            work.store.read_frame(block.name, ["id"]).select(
                pl.lit(place, dtype=pl.Int32).alias("block"),
                pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
                "id",
            )
            for place, block in enumerate(corpus.blocks)
        ]
        or [pl.DataFrame(schema={"block": pl.Int32, "row": pl.Int64, "id": pl.String})]
    )
    repeats = (
        seen.with_columns(occurrence=pl.int_range(pl.len()).over("id"))
        .filter(pl.col("occurrence") > 0)
        .sort("block", "row")
    )
    renumbered = [
        document_id("occurrence", f"{identifier}\0{occurrence}")
        for identifier, occurrence in repeats.select("id", "occurrence").iter_rows()
    ]
    frame = repeats.select("block", "row", id=pl.Series(renumbered, dtype=pl.String))
    work.store.write_frame(name, frame)
    return key


def read_documents(
    work: Work, corpus: Corpus, place: int, columns: list[str] | None = None
) -> pl.DataFrame:
    """The documents of a block of the corpus, repeated ids numbered, with the text after `spans`.

    Args:
        work: the run.
        corpus: with `ids`.
        place: of the block in the corpus.
        columns: some columns only.
    """
    block = corpus.blocks[place]
    frame = work.store.read_frame(block.name, columns)
    if corpus.ids and "id" in frame.columns:
        repeats = work.store.read_frame(name_of("ids", corpus.ids)).filter(pl.col("block") == place)
        if repeats.height:
            rows = repeats["row"].to_numpy()
            frame = frame.with_columns(frame["id"].scatter(rows, repeats["id"]))
    changes = [name for name in ("text", *EXTRA_COLUMNS) if name in frame.columns]
    if block.changed and changes:
        changed = work.store.read_frame(block.changed.name, ["row", *changes])
        frame = frame.with_columns(overlay(frame.select(changes), changed))
    return frame


def overlay(frame: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """A frame with some rows replaced: those that the other frame, of its columns, has by `row`."""
    places = pl.int_range(frame.height, eager=True)
    rows = pl.int_range(frame.height, frame.height + changed.height, eager=True)
    return pl.concat([frame, changed.select(frame.columns)])[places.scatter(changed["row"], rows)]


EXTRA_COLUMNS: dict[str, DataType] = {  # beside those of DOCUMENT
    "cleaned_characters": pl.Int64,  # by which cleaning made the text shorter
    "cleaned_by": pl.String,  # the steps of cleaning that changed it
    "cleaned_word_share": pl.Float64,  # of words that went with lines
}
DOCUMENT_COLUMNS = {**DOCUMENT, **EXTRA_COLUMNS}
