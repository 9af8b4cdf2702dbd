"""The sections of what is compared: documents with one another, and with evaluation sets."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from curate.errors import RecipeError
from curate.recipe.section import Section

MAXIMUM_HASHES = 256  # MinHash values of a signature that `recall` may ask for


def find_probability(similarity: float, bands: int, rows: int) -> float:
    """The probability that a pair of a Jaccard similarity has one of the bands equal."""
    return float(1 - (1 - similarity**rows) ** bands)


def choose_bands(similarity: float, recall: float, maximum_hashes: int) -> tuple[int, int]:
    """The bands and rows that find such a share of the pairs of a similarity.

    Of those that do with so many MinHash values, the most rows, by which the fewest pairs of lesser
    similarity are found, and as many bands as they need.

    Args:
        similarity: Jaccard, above 0, at most 1.
        recall: above 0, below 1.
        maximum_hashes: bands × rows at most.

    Raises:
        RecipeError: no bands do.
    """
    for rows in range(maximum_hashes, 0, -1):
        for bands in range(1, maximum_hashes // rows + 1):
            if find_probability(similarity, bands, rows) >= recall:
                return bands, rows
    best = find_probability(similarity, maximum_hashes, 1)
    asked = f"bands find {recall:g} of the pairs at a similarity of {similarity:g}"
    came = f"with {maximum_hashes} hashes they find {best:.6f} at most"
    raise RecipeError(asked, came, "", "ask for less recall, or give more hashes")


_SIZES = {
    "": 1,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}


PROCESS_BYTES = 320 << 20  # what a worker holds before it holds any data: libraries, compiled code


def parse_size(size: object) -> int:
    """Bytes of a size: `2GiB`, `500 MB`, or a number of bytes.

    Raises:
        RecipeError: it is none, or leaves nothing for data.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", str(size))
    count = round(float(found[1]) * _SIZES[found[2]]) if found and found[2] in _SIZES else 0
    if count > PROCESS_BYTES:
        return count
    least = f"{PROCESS_BYTES >> 20}MiB"
    asked = f"[duplicates] memory is a size above {least}, which a process needs without any data"
    raise RecipeError(asked, f"{size!r} came", "", 'as in memory = "2GiB"')


class DuplicatesSection(Section):
    """Exact and near duplicates.

    In place of `bands` and `rows` a recipe may give `recall`, the share of the pairs at
    `minimum_similarity` that shall be found: `choose_bands` chooses them then.

    Attributes:
        scope: documents are compared within their `snapshot`, within the whole `release`, within
            their `language`, with each other and everything that the store released before
            (`index`), or with those of the sources that say `reference = true` and no others
            (`reference`).
        among: link all that was read, or only what passes every other rule.
        minimum_similarity: Jaccard similarity of the shingle sets from which a pair is a duplicate.
        split_similarity: verified pairs from here up stay in one split.
        versions: documents of one work and language (uploads of one film) of which one is kept:
            those that are `similar`, all by their `id` alone, or none (`off`).
        version_similarity: Jaccard similarity from which two of one work are versions.
        by: more that makes documents of a run duplicates, whatever their text: one `url` (see
            `curate.score.addresses.canonical_address`), or one `key`.
        key: the column that `key` compares.
        prefer: a score column by which survivors are chosen after the order of the sources, before
            their length: the greatest value first; `-perplexity`: the least. Who keeps a passage
            that [spans] finds is chosen alike.
        release_reference: whether what the sources with `reference = true` hold is released too.
        shingle_words: words in a shingle, as `curate.text.segment` cuts them.
        shingle_characters: the same where a shingle begins in a script without spaces, of which an
            ideograph, a syllable or a run of kana is a word; left out: as many.
        bands: bands of a signature; a pair is a candidate when one band is equal. 32 bands of 4
            rows find 0.99999 of the pairs at 0.75 and 0.87 of those at 0.5.
        rows: MinHash values in a band.
        memory: of a process that links: `2GiB`, `500MB`, or a number of bytes. It shapes no output:
            what does not fit is cut into parts.
    """

    action: Literal["tag", "remove"] = "remove"
    scope: Literal["snapshot", "release", "language", "index", "reference"] = "release"
    among: Literal["read", "passing"] = "read"
    minimum_similarity: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.75
    split_similarity: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.5
    versions: Literal["similar", "id", "off"] = "similar"
    version_similarity: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.5
    by: Annotated[tuple[Literal["url", "key"], ...], Field(strict=False)] = ()
    key: Literal["source_id", "title", "work", "canonical_uri"] = "source_id"
    prefer: str | None = None
    release_reference: bool = False
    shingle_words: Annotated[int, Field(ge=1)] = 5
    shingle_characters: Annotated[int, Field(ge=1)] | None = None
    bands: Annotated[int, Field(ge=1)] = 32
    rows: Annotated[int, Field(ge=1)] = 4
    memory: Annotated[
        int, BeforeValidator(parse_size), Field(gt=PROCESS_BYTES, exclude=True, repr=False)
    ] = 2 << 30

    @property
    def character_width(self) -> int:
        """Words in a shingle that begins in a script without spaces."""
        return self.shingle_characters or self.shingle_words

    @property
    def memory_for_data(self) -> int:
        """Bytes that a process may hold beside its libraries."""
        return self.memory - PROCESS_BYTES

    @model_validator(mode="before")
    @classmethod
    def _choose_bands(cls, values: Any) -> Any:
        """Bands and rows for a wanted recall."""
        if not isinstance(values, dict) or "recall" not in values:
            return values
        recall = values["recall"]
        if "bands" in values or "rows" in values:
            came = "recall came with them"
            raise RecipeError(
                "[duplicates] gives bands and rows, or recall", came, "", "leave one out"
            )
        if not isinstance(recall, (int, float)) or not 0 < recall < 1:
            raise RecipeError("[duplicates] recall is above 0 and below 1", f"{recall!r} came")
        similarity = values.get("minimum_similarity", 0.75)
        if not isinstance(similarity, (int, float)) or not 0 < similarity <= 1:
            return {name: value for name, value in values.items() if name != "recall"}
        bands, rows = choose_bands(similarity, recall, MAXIMUM_HASHES)
        rest = {name: value for name, value in values.items() if name != "recall"}
        return {**rest, "bands": bands, "rows": rows}

    @property
    def least_of_duplicates(self) -> float:
        """The similarity below which no verified pair makes a duplicate."""
        similar = self.versions == "similar"
        return min(self.minimum_similarity, self.version_similarity if similar else 1.0)

    @property
    def least_similarity(self) -> float:
        """The similarity below which no verified pair is of use."""
        return min(self.least_of_duplicates, self.split_similarity)


SpanAction = Literal["remove-span", "tag"]


class SpansSection(Section):
    """Changes of the text by what the whole corpus holds, after linking; off unless asked for.

    Attributes:
        repeated_line_documents: lines that so many documents of one site (host) and snapshot hold
            are taken out of all of them; left out: none is. Documents that repeat one another count
            as one. See `curate.text.site_lines` for what makes two lines equal.
        repeated_paragraph_documents: the same for paragraphs, which so many documents of one snapshot
            hold, whatever their site.
        paragraph_words: a shorter paragraph is never counted.
        repeated_action: `remove-span` takes such lines and paragraphs out; `tag` measures alone, for
            the rules `maximum_site_lines_character_share` and
            `maximum_common_paragraphs_character_share` of [quality].
        shared_words: passages of so many words that several documents hold word for word, within
            the scope of [duplicates], stay in one of them (see `curate.steps.sharing`); left out:
            none is sought.
        shared_action: `remove-span` takes them out of the others; `tag` measures alone. Either way
            the rules `maximum_shared_word_share` and `maximum_longest_shared_words` of [quality]
            may judge documents by what others keep of them.
        sources: kinds of sources whose documents belong to sites.
    """

    repeated_line_documents: Annotated[int, Field(ge=2)] | None = None
    repeated_paragraph_documents: Annotated[int, Field(ge=2)] | None = None
    paragraph_words: Annotated[int, Field(ge=1)] = 10
    repeated_action: SpanAction = "remove-span"
    shared_words: Annotated[int, Field(ge=10)] | None = None
    shared_action: SpanAction = "remove-span"
    sources: Annotated[
        tuple[Literal["commoncrawl", "wikipedia", "records"], ...],
        Field(strict=False, min_length=1),
    ] = ("commoncrawl",)


RECORDED_OVERLAP = 0.2  # of items in documents: the least that is kept as evidence


class EvaluationSet(Section):
    """Test items that no training document should hold.

    Attributes:
        name: what explanations and the data card call it.
        files: files, globs or URLs; relative ones resolve against the recipe's folder. JSON lines,
            JSON arrays, CSV, TSV or Parquet; as they are, packed (gzip, bzip2, Zstandard), or
            inside tar and zip archives.
        columns: the columns that hold an item's text: by name, dotted where they lie inside another
            one; or by number, from 1, in tables without a row of names.
        id_column: what names an item; left out: its file and its number in it.
    """

    name: Annotated[str, Field(min_length=1)]
    files: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    columns: Annotated[tuple[str | int, ...], Field(min_length=1, strict=False)]
    id_column: str | int | None = None

    @model_validator(mode="after")
    def _named_alike(self) -> Self:
        named = self.columns if self.id_column is None else (*self.columns, self.id_column)
        numbers = [column for column in named if isinstance(column, int)]
        if numbers and (len(numbers) < len(named) or min(numbers) < 1):
            asked = "columns have names, or numbers from 1 where a table has no row of names"
            raise RecipeError(asked, f"{list(named)} came", f"the set {self.name!r}")
        return self

    @property
    def has_names(self) -> bool:
        """Whether the columns have names."""
        return isinstance(self.columns[0], str)


class DecontaminationSection(Section):
    """Documents that hold items of evaluation sets; nothing is sought where no set is named.

    The overlap of an item is the share of its word n-grams that stand in one stretch of the
    document, of at most twice the item's words. `curate.duplicates.contamination` says how short
    items are judged.

    Attributes:
        sets: the evaluation sets.
        ngram_words: words in an n-gram.
        minimum_item_words: an item without a passage of so many words is left out, and counted.
        maximum_overlap: a document with more of an item is a hit. Less than the least that is
            recorded cannot be asked for.
        action: what a hit does.
    """

    sets: Annotated[tuple[EvaluationSet, ...], Field(strict=False)] = ()
    ngram_words: Annotated[int, Field(ge=1)] = 5
    minimum_item_words: Annotated[int, Field(ge=1)] = 8
    maximum_overlap: Annotated[float, Field(ge=RECORDED_OVERLAP, le=1, strict=False)] = 0.5
    action: Literal["tag", "remove"] = "remove"

    @field_validator("sets")
    @classmethod
    def _distinct(cls, sets: tuple[EvaluationSet, ...]) -> tuple[EvaluationSet, ...]:
        names = [one.name for one in sets]
        for name in names:
            if names.count(name) > 1:
                asked = "[[decontamination.sets]] have names of their own"
                raise RecipeError(asked, f"{name!r} names more than one", "", "rename one")
        return sets
