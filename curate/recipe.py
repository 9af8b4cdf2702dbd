"""One TOML file is one run: frozen models, one section per stage, unknown keys refused."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate.errors import RecipeError, nearest


class Section(BaseModel):
    """A part of a recipe: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SourceSection(Section):
    """What every `[[sources]]` entry has.

    Attributes:
        inputs: files, globs or URLs; relative ones resolve against the recipe's folder.
        snapshot: the name that the documents carry (`CC-MAIN-2026-40`, `enwiki-20261101`).
    """

    inputs: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    snapshot: str = ""


class CommonCrawlSection(SourceSection):
    """Web archives: WARC (plain, gzip, zstd) and WET."""

    kind: Literal["commoncrawl"]
    maximum_page_bytes: Annotated[int, Field(gt=0)] = 10_000_000


class WikipediaSection(SourceSection):
    """MediaWiki XML dumps: plain, bz2, gz."""

    kind: Literal["wikipedia"]
    maximum_page_bytes: Annotated[int, Field(gt=0)] = 10_000_000


class SubtitlesSection(SourceSection):
    """OPUS OpenSubtitles XML (plain, gz, inside zip), SRT and WebVTT."""

    kind: Literal["subtitles"]
    scene_gap_seconds: Annotated[float, Field(gt=0, strict=False)] = 10.0
    maximum_document_characters: Annotated[int, Field(gt=0)] = 100_000


class RecordsSection(SourceSection):
    """Parquet and JSON lines with a text column; `None` means that there is no such column."""

    kind: Literal["records"]
    text_column: str = "text"
    id_column: str | None = None
    uri_column: str | None = None
    date_column: str | None = None
    title_column: str | None = None


AnySource = Annotated[
    CommonCrawlSection | WikipediaSection | SubtitlesSection | RecordsSection,
    Field(discriminator="kind"),
]


class CleanSection(Section):
    """Changes of the text before anything is measured, recorded by their number of characters.

    Attributes:
        unicode: the Unicode normal form that the text is brought to.
        policy_lines: drop lines that speak of JavaScript or of cookie and privacy policies (C4).
    """

    unicode: Literal["NFC", "NFKC", "none"] = "NFC"
    policy_lines: bool = False


class LanguageSection(Section):
    """Language identification.

    Attributes:
        model: `bundled`, or the path of any fastText language model.
        keep: ISO 639-1 or 639-3 codes; left out: all languages.
        minimum_score: a document below it is removed; left out: none is.
    """

    model: str = "bundled"
    keep: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    minimum_score: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None


class QualitySection(Section):
    """Quality rules: a preset, and limits that override or add to it."""

    preset: str | None = None
    rules: dict[str, float | bool] = {}


class DuplicatesSection(Section):
    """Exact and near duplicates.

    Attributes:
        scope: documents are compared within their snapshot, or within the whole release.
        among: link all that was read, or only what passes every other rule.
        minimum_similarity: Jaccard similarity of the shingle sets from which a pair is a duplicate.
        split_similarity: verified pairs from here up stay in one split.
        shingle_words: words in a shingle.
        bands: bands of a signature; a pair is a candidate when one band is equal.
        rows: MinHash values in a band.
    """

    action: Literal["tag", "remove"] = "remove"
    scope: Literal["snapshot", "release"] = "release"
    among: Literal["read", "passing"] = "read"
    minimum_similarity: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.75
    split_similarity: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.5
    shingle_words: Annotated[int, Field(ge=1)] = 5
    bands: Annotated[int, Field(ge=1)] = 32
    rows: Annotated[int, Field(ge=1)] = 4


class ToxicitySection(Section):
    """Toxicity scores, and what is done with them.

    Attributes:
        scorer: `bundled` (fastText), `detoxify` (needs the extra), or `none`.
        checkpoint: a Detoxify checkpoint file; left out: Detoxify's own download.
        maximum_score: a document above it is a hit.
    """

    scorer: Literal["bundled", "detoxify", "none"] = "bundled"
    checkpoint: str | None = None
    action: Literal["tag", "remove"] = "tag"
    maximum_score: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.9


class BiasSection(Section):
    """Mentions of identity groups, and the one rule about derogatory ones."""

    action: Literal["tag", "remove"] = "tag"
    maximum_derogatory_mentions: Annotated[int, Field(ge=0)] = 0


class AugmentSection(Section):
    """Documents made of kept ones, marked with their `parent`.

    Attributes:
        kinds: `counterfactual` swaps gendered words in English documents.
        share: share of the eligible kept documents that get a child.
    """

    kinds: Annotated[tuple[Literal["counterfactual"], ...], Field(strict=False)] = ()
    share: Annotated[float, Field(gt=0, le=1, strict=False)] = 1.0


class ReleaseSection(Section):
    """Shards and splits."""

    shard_documents: Annotated[int, Field(gt=0)] = 100_000
    validation_share: Annotated[float, Field(ge=0, lt=1, strict=False)] = 0.01


class Recipe(Section):
    """A whole run.

    Attributes:
        name: the release's name; lower-case letters, digits, `-`, `_`, `.`.
        store: a folder or an fsspec URL.
        seed: of everything that is drawn.
        max_removed_share: the run stops when one rule would remove more than this share
            (of 100 documents or more).
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    store: str = "store"
    seed: int = 0
    max_removed_share: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.95
    sources: Annotated[tuple[AnySource, ...], Field(min_length=1, strict=False)]
    clean: CleanSection = CleanSection()
    language: LanguageSection = LanguageSection()
    quality: QualitySection = QualitySection()
    duplicates: DuplicatesSection = DuplicatesSection()
    toxicity: ToxicitySection = ToxicitySection()
    bias: BiasSection = BiasSection()
    augment: AugmentSection = AugmentSection()
    release: ReleaseSection = ReleaseSection()
