"""One TOML file is one run: frozen models, one section per stage, unknown keys refused."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from curate.errors import RecipeError, nearest
from curate.languages import normalise_language, stop_words
from curate.presets import all_rules, load_preset, read_rules_file
from curate.schema import COLUMNS, DOCUMENT, FOUND, classifier_columns


class Section(BaseModel):
    """A part of a recipe: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SourceSection(Section):
    """What every `[[sources]]` entry has.

    Attributes:
        inputs: files, globs or URLs; relative ones resolve against the recipe's folder.
        snapshot: the name that the documents carry (`CC-MAIN-2026-40`, `enwiki-20261101`).
        reference: other documents are compared with these, which survive first and which no
            duplicate rule removes, whatever the other rules say of them; they are not released
            unless `[duplicates] release_reference` asks for it.
    """

    inputs: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    snapshot: str = ""
    reference: bool = False


class CommonCrawlSection(SourceSection):
    """Web archives: WARC (plain, gzip, zstd) and WET.

    Among `inputs` there may be listings (`warc.paths.gz`, `wet.paths`, here or remote) and names of
    snapshots (`CC-MAIN-2026-40`), which stand for the listing that lies below `base`.

    Attributes:
        files: what of a snapshot is read.
        base: what the paths in a listing start from: a URL or a folder.
        first: place of the first file that is taken of a listing, counted from 0.
        count: files that are taken of a listing; left out: all that follow.
        every: of so many files one is taken.
        extractor: what takes the main text from HTML: our own, or a library (`trafilatura` needs
            the extra of that name).
        comments: keep users' comments.
        maximum_page_seconds: after which a library is stopped on a page; our own extractor takes
            time with the page's size alone, and needs no limit.
    """

    kind: Literal["commoncrawl"]
    files: Literal["warc", "wet"] = "warc"
    base: Annotated[str, Field(min_length=1)] = "https://data.commoncrawl.org/"
    first: Annotated[int, Field(ge=0)] = 0
    count: Annotated[int, Field(gt=0)] | None = None
    every: Annotated[int, Field(gt=0)] = 1
    maximum_page_bytes: Annotated[int, Field(gt=0)] = 10_000_000
    extractor: Literal["bundled", "resiliparse", "trafilatura"] = "bundled"
    comments: bool = False
    maximum_page_seconds: Annotated[float, Field(gt=0, strict=False)] = 30.0


Variant = Literal[
    "",
    "zh-hans",
    "zh-hant",
    "zh-cn",
    "zh-sg",
    "zh-my",
    "zh-tw",
    "zh-hk",
    "zh-mo",
    "sr-ec",
    "sr-cyrl",
    "sr-el",
    "sr-latn",
    "sh-latn",
    "sh-cyrl",
    "kk-cyrl",
    "kk-latn",
    "kk-arab",
    "ku-latn",
    "ku-arab",
    "tg-latn",
    "uz-latn",
    "uz-cyrl",
    "gan-hans",
    "gan-hant",
    "iu-latn",
    "shi-latn",
    "shi-tfng",
]


class WikipediaSection(SourceSection):
    """MediaWiki XML dumps: plain, bz2 (multistream or not), gz, xz, zstd, 7z.

    Among `inputs` there may be names of wikis (`dewiki`, `dewiki-20261101`), which stand for the
    files of the dump that lies below `base`.

    Attributes:
        date: of the dump of a wiki that is named without one: `20261101`, or `latest`.
        files: which of the dump's two sets of files is read: both hold the same pages.
        base: where the dumps lie, as `<base>/<wiki>/<date>/`: a URL or a folder.
        maximum_page_bytes: of wikitext; a larger page is skipped.
        tables: keep tables: a row is a line, its cells parted by ` | `.
        infoboxes: keep boxes of facts: a line `name: value` for each fact.
        math: keep formulas, as TeX between `$`.
        variant: the language variant (`zh-hans`, `zh-tw`, `sr-latn` …) in which words are shown that
            a page gives in several; left out: the first that it gives.
    """

    kind: Literal["wikipedia"]
    date: Annotated[str, Field(pattern=r"^([0-9]{8}|latest)$")] = "latest"
    files: Literal["articles", "multistream"] = "articles"
    base: Annotated[str, Field(min_length=1)] = "https://dumps.wikimedia.org/"
    maximum_page_bytes: Annotated[int, Field(gt=0)] = 10_000_000
    tables: bool = False
    infoboxes: bool = False
    math: bool = False
    variant: Variant = ""


class SubtitlesSection(SourceSection):
    """OPUS XML, SRT, WebVTT, ASS and other subtitles: plain, gz, inside zip.

    Attributes:
        language: of all files, ISO 639-1; left out: as the OPUS path or `film.en.srt` says.
        scene_gap_seconds: a silence from here up begins a new paragraph.
        maximum_document_characters: a longer film becomes several documents.
        remove_advertisements: drop cues in which uploaders sign or advertise.
        remove_sounds: drop what stands in brackets for those who cannot hear: `[door slams]`.
        remove_speakers: drop the name before what is said: `JOHN: Come in.`
        lyrics: `plain` takes the marks (♪, #) off, `remove` drops the lines, `keep` keeps both.
        repair_ocr: undo confusions of l and I, 0 and O, in words and languages where it is safe.
        join_sentences: a cue that goes on the sentence of the one before joins its line.
    """

    kind: Literal["subtitles"]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    scene_gap_seconds: Annotated[float, Field(gt=0, strict=False)] = 10.0
    maximum_document_characters: Annotated[int, Field(gt=0)] = 100_000
    remove_advertisements: bool = True
    remove_sounds: bool = True
    remove_speakers: bool = True
    lyrics: Literal["keep", "plain", "remove"] = "plain"
    repair_ocr: bool = True
    join_sentences: bool = True


class RecordsSection(SourceSection):
    """Records with a text: JSON lines, JSON arrays, Parquet, Arrow, CSV, TSV, and plain text files.

    Among `inputs` there may be folders that Hugging Face `datasets` saved. A column may lie inside
    another one (`meta.url`). `None` means that there is no such column; columns that are not named
    are not kept.

    Attributes:
        format: of the files; `auto`: by name for CSV, TSV and text, else by content.
        text_files: what of a plain text file is a document.
        quoted_fields: whether fields may stand in quotes; left out: in CSV, and not in TSV.
    """

    kind: Literal["records"]
    format: Literal["auto", "json", "csv", "tsv", "text"] = "auto"
    text_files: Literal["file", "line", "paragraph"] = "file"
    quoted_fields: bool | None = None
    text_column: str = "text"
    id_column: str | None = None
    uri_column: str | None = None
    date_column: str | None = None
    title_column: str | None = None
    language_column: str | None = None
    licence_column: str | None = None


AnySource = Annotated[
    CommonCrawlSection | WikipediaSection | SubtitlesSection | RecordsSection,
    Field(discriminator="kind"),
]


class FetchSection(Section):
    """How remote files are fetched; shapes no output.

    Attributes:
        attempts: per mebibyte of a file, before it is given up for this run.
        first_wait_seconds: before the second attempt; doubled before each that follows, and a
            random part of it added. A server's `Retry-After` is waited for too.
        maximum_wait_seconds: between two attempts.
        timeout_seconds: without an answer, without a byte, or with less than a kibibyte a second.
        connections: while inputs are found; while they are read each worker has one at most.
    """

    attempts: Annotated[int, Field(ge=1)] = 8
    first_wait_seconds: Annotated[float, Field(gt=0, strict=False)] = 1.0
    maximum_wait_seconds: Annotated[float, Field(gt=0, strict=False)] = 60.0
    timeout_seconds: Annotated[float, Field(gt=0, strict=False)] = 60.0
    connections: Annotated[int, Field(ge=1)] = 8


LineRule = Literal["policy", "uppercase", "numeric", "counter", "single_word", "boilerplate"]


class ParallelSection(Section):
    """Pairs of sentences in two languages, released beside the documents.

    Attributes:
        kind: `alignments` (OPUS cesAlign files, whose documents lie in `documents`), `moses` (two
            files of as many lines, or OPUS' zip of them) or `times` (subtitles of one film, named
            `film.en.srt` or `en/film.srt`).
        inputs: files, globs or URLs; relative ones resolve against the recipe's folder.
        documents: OPUS XML files, and zips of them, in which alignments find their sentences.
        minimum_overlap: pairs whose overlap in time is known and below it are left out.
    """

    kind: Literal["alignments", "moses", "times"]
    inputs: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    documents: Annotated[tuple[str, ...], Field(strict=False)] = ()
    minimum_overlap: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.0


class CleanSection(Section):
    """Changes of the text before anything is measured, recorded by their number of characters.

    Attributes:
        unicode: the Unicode normal form that the text is brought to.
        policy_lines: drop lines that speak of JavaScript or of cookie and privacy policies (C4);
            the same as `lines = ["policy"]`.
        mojibake: repair texts that were decoded in a wrong set and encoded again (by ftfy).
        lines: rules by which lines are dropped (RefinedWeb, DCLM); see `curate.text.lines`.
        stop_words: languages whose stop words are taken out of all texts, for classical models: what
            is measured then, the language too, is measured without them.
        maximum_document_characters: a longer document is cut at paragraphs into parts that are
            linked to the first one; left out: none is.
    """

    unicode: Literal["NFC", "NFKC", "none"] = "NFC"
    policy_lines: bool = False
    mojibake: bool = False
    lines: Annotated[tuple[LineRule, ...], Field(strict=False)] = ()
    stop_words: Annotated[tuple[str, ...], Field(strict=False)] = ()
    maximum_document_characters: Annotated[int, Field(ge=1000)] | None = None

    @field_validator("stop_words")
    @classmethod
    def _listed(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        chosen = tuple(sorted({normalise_language(code) for code in codes}))
        for code in chosen:
            if code not in stop_words():
                asked = "[clean] stop_words names languages with a list of stop words"
                change = f"there are lists for {', '.join(sorted(stop_words()))}"
                raise RecipeError(asked, f"{code!r} has none", "", change)
        return chosen

    @property
    def line_rules(self) -> tuple[str, ...]:
        """The rules by which lines are dropped, each once, in the recipe's order."""
        chosen: tuple[str, ...] = ("policy", *self.lines) if self.policy_lines else self.lines
        return tuple(dict.fromkeys(chosen))


class LanguageSection(Section):
    """Language identification.

    Attributes:
        model: `bundled`, or the path of any fastText language model.
        keep: ISO 639-1 or 639-3 codes; left out: all languages.
        minimum_score: a document below it is removed; left out: none is. Of the bundled model's
            scores about so large a share is right (see its card).
        minimum_share: a document less of which is in its language is removed; left out: none is.
    """

    model: str = "bundled"
    keep: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    minimum_score: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    minimum_share: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None

    @field_validator("keep")
    @classmethod
    def _normalise(cls, codes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return codes and tuple(sorted({normalise_language(code) for code in codes}))


Limits = dict[str, Annotated[float, Field(strict=False)] | bool]


class Definition(Section):
    """A rule of a rules file, as a preset has it."""

    column: str
    removes: Literal["below", "above", "at_or_below", "at_or_above", "true"]
    limit: Annotated[float, Field(strict=False)] | bool
    source: str
    languages: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @field_validator("languages")
    @classmethod
    def _normalise(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(normalise_language(code) for code in codes)


class QualitySection(Section):
    """Quality rules: a preset, and limits that override or add to it; `false` switches one off.

    Attributes:
        preset: the name of one that the package carries, or the path of a rules file (which
            `fit-rules` writes), relative to the recipe's folder.
        rules: limits by rule.
        languages: other limits by rule for documents of a language (`[quality.languages.de]`).
        sources: other limits by rule for documents of a source (`[quality.sources.subtitles]`);
            where both speak, the source's counts.
        definitions: the rules of the file that `preset` named, which reading it puts here, so that
            a recipe is whole without the file.
        words: how scripts without spaces are cut into words for quality and the stop words of a
            language: `rules` (see `curate.text.segment`), or `icu`, by dictionary (the extra `icu`).
        before_spans: rules that read what was measured before `[spans]` changed the text.
    """

    preset: str | None = None
    definitions: dict[str, Definition] = {}
    rules: Limits = {}
    languages: dict[str, Limits] = {}
    sources: dict[str, Limits] = {}
    words: Literal["rules", "icu"] = "rules"
    before_spans: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @field_validator("languages")
    @classmethod
    def _normalise(cls, languages: dict[str, Limits]) -> dict[str, Limits]:
        merged: dict[str, Limits] = {}
        for code, limits in languages.items():  # `--set` may name a language in another way
            merged.setdefault(normalise_language(code), {}).update(limits)
        return merged

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, sources: dict[str, Limits]) -> dict[str, Limits]:
        known = (*_KINDS, "augment:counterfactual")
        for name in sources:
            if name not in known:
                asked = "[quality.sources] names sources"
                raise RecipeError(asked, f"{name!r} is none", "", nearest(name, known))
        return sources

    @model_validator(mode="after")
    def _known_rules(self) -> Self:
        preset = self.preset_rules()
        for limits in (self.rules, *self.languages.values(), *self.sources.values()):
            for name, limit in limits.items():
                if name not in all_rules() and name not in self.definitions:
                    asked = "[quality.rules] sets rules"
                    raise RecipeError(asked, f"{name!r} is none", "", nearest(name, all_rules()))
                if limit is True and (preset.get(name) or all_rules()[name])["removes"] != "true":
                    asked = "the limit of a rule is a number"
                    change = "write one, or false to switch the rule off"
                    raise RecipeError(asked, f"{name!r} is true", "", change)
        mine = set(preset).union(self.rules, *self.languages.values(), *self.sources.values())
        for name in self.before_spans:
            if name not in mine:
                asked = "[quality] before_spans names rules of the recipe"
                raise RecipeError(asked, f"{name!r} is none", "", nearest(name, mine))
        return self

    def preset_rules(self) -> dict[str, dict[str, Any]]:
        """The preset's rules: name → column, removes, limit, source, languages.

        Raises:
            RecipeError: there is no such preset.
        """
        if self.definitions:
            return {name: rule.model_dump() for name, rule in self.definitions.items()}
        if self.preset is None:
            return {}
        return load_preset(self.preset)


class PerplexitySection(Section):
    """Perplexity by n-gram models that `curate train perplexity` makes.

    Attributes:
        models: paths of model files, one for each language; left out: nothing is measured.
        keep: buckets (`head`, `middle`, `tail`) whose documents stay; left out: all.
        maximum: a document above it is removed; left out: none is.
    """

    models: Annotated[tuple[str, ...], Field(strict=False)] = ()
    keep: Annotated[tuple[Literal["head", "middle", "tail"], ...], Field(strict=False)] | None = (
        None
    )
    maximum: Annotated[float, Field(gt=0, strict=False)] | None = None

    @model_validator(mode="after")
    def _has_models(self) -> Self:
        if not self.models and (self.keep is not None or self.maximum is not None):
            asked = "[perplexity] keep and maximum judge what models measure"
            raise RecipeError(asked, "`models` names none", "", "name model files")
        return self


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
PROCESS_BYTES = 256 << 20  # what a worker holds before it holds any data: libraries, compiled code


def parse_size(size: object) -> int:
    """Bytes of a size: `2GiB`, `500 MB`, or a number of bytes.

    Raises:
        RecipeError: it is none, or leaves nothing for data.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", str(size))
    count = round(float(found[1]) * _SIZES[found[2]]) if found and found[2] in _SIZES else 0
    if count > PROCESS_BYTES:
        return count
    asked = "[duplicates] memory is a size above 256MiB, which a process needs without any data"
    raise RecipeError(asked, f"{size!r} came", "", 'as in memory = "2GiB"')


class ClassifierSection(Section):
    """A fastText classifier: the columns `<name>_label` and `<name>_score`; no rule by itself.

    Attributes:
        name: of the columns and of the rules (`classifiers.<name>.minimum_score`).
        model: the path of a fastText model, a bundled one (`quality`), or a name of the registry.
        label: the score is this label's probability; left out: the likeliest label's.
        maximum_characters: of a text that the model sees; left out: all.
        keep: documents with another likeliest label are hits; left out: none is.
        minimum_score: a document below it is a hit; left out: none is.
        maximum_score: a document above it is a hit; left out: none is.
        action: what a hit does.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    model: Annotated[str, Field(min_length=1)]
    label: str | None = None
    maximum_characters: Annotated[int, Field(gt=0)] | None = None
    keep: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    minimum_score: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    maximum_score: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    action: Literal["tag", "remove"] = "remove"

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        for column in classifier_columns(name):
            if column in COLUMNS or column in DOCUMENT:
                asked = "[[classifiers]] have names that make columns of their own"
                raise RecipeError(
                    asked, f"{name!r} makes {column}, which there is", "", "rename it"
                )
        return name

    @field_validator("keep")
    @classmethod
    def _bare(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return labels and tuple(sorted({label.removeprefix("__label__") for label in labels}))


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


TOXICITY_LABELS = ("threat", "insult", "identity_attack", "sexual", "obscene")
RECORDED_TOXICITY = 0.5  # from which on the sentences that have it are kept as evidence
CASCADE_STEPS = 20  # a band is made of such parts of 0 to 1
Limit = Annotated[float, Field(ge=0, le=1, strict=False)] | None


class ToxicitySection(Section):
    """Toxicity scores, and what is done with them.

    Attributes:
        scorer: `bundled` (fastText), `detoxify` (needs the extra), `cascade` (bundled first, and
            Detoxify for the documents about which it is not sure), or `none`.
        model: which of Detoxify's models: `original`, `unbiased` (both English) or `multilingual`.
        checkpoint: a Detoxify checkpoint file instead; left out: Detoxify's own download.
        band: of a cascade: from which to which score of the bundled model a document goes to
            Detoxify. It is widened to twentieths, to `maximum_score`, and with a label's limit to
            1. What lies outside keeps the bundled model's score. Documents in languages that Detoxify
            speaks and the bundled model does not all go to Detoxify.
        action: what a hit does; `remove-sentence` takes the sentences above `maximum_score` out
            after linking, measures the document again, and tags what is still a hit.
        maximum_score: a document above it is a hit.
        maximum_threat: one with a piece that is more likely a threat is, too; likewise the other
            labels, which Detoxify tells apart (`original` has no `sexual`) and the bundled model
            does not.
    """

    scorer: Literal["bundled", "detoxify", "cascade", "none"] = "bundled"
    model: Literal["original", "unbiased", "multilingual"] = "original"
    checkpoint: str | None = None
    band: Annotated[
        tuple[
            Annotated[float, Field(ge=0, le=1, strict=False)],
            Annotated[float, Field(ge=0, le=1, strict=False)],
        ],
        Field(strict=False),
    ] = (0.3, 0.95)
    action: Literal["tag", "remove-sentence", "remove"] = "tag"
    maximum_score: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.9
    maximum_threat: Limit = None
    maximum_insult: Limit = None
    maximum_identity_attack: Limit = None
    maximum_sexual: Limit = None
    maximum_obscene: Limit = None

    @property
    def label_limits(self) -> dict[str, float]:
        """The limits of labels that are set, by label."""
        limits = {label: getattr(self, f"maximum_{label}") for label in TOXICITY_LABELS}
        return {label: limit for label, limit in limits.items() if limit is not None}

    @property
    def steps(self) -> tuple[int, int]:
        """The first and the last twentieth of the cascade's band, 0 to 19."""
        low, high = min(self.band[0], self.maximum_score), max(self.band[1], self.maximum_score)
        high = 1.0 if self.label_limits else high
        last = CASCADE_STEPS - 1
        first = min(math.floor(round(low * CASCADE_STEPS, 6)), last)
        return first, max(first, math.ceil(round(high * CASCADE_STEPS, 6)) - 1)

    @model_validator(mode="after")
    def _can_judge(self) -> Self:
        if self.band[0] >= self.band[1]:
            came = f"{list(self.band)} came"
            raise RecipeError("[toxicity] band goes from a lower score to a higher one", came)
        for label in self.label_limits:
            asked = f"[toxicity] maximum_{label} limits a label that the scorer tells apart"
            if self.scorer in {"bundled", "none"}:
                came = f"{self.scorer!r} gives no label"
                change = 'set scorer = "detoxify" or "cascade", or leave it out'
                raise RecipeError(asked, came, "", change)
            if label == "sexual" and self.model == "original" and self.checkpoint is None:
                came = "Detoxify's original model has no such class"
                raise RecipeError(asked, came, "", 'set model = "unbiased" or "multilingual"')
        if self.action == "remove-sentence" and self.maximum_score < RECORDED_TOXICITY:
            asked = f"sentences are told from a toxicity of {RECORDED_TOXICITY:g} on"
            came = f"[toxicity] maximum_score is {self.maximum_score:g} with remove-sentence"
            raise RecipeError(asked, came, "", "raise maximum_score")
        return self


PersonalKind = Literal[
    "email", "phone", "ip", "iban", "card", "national_id", "address", "key", "password"
]


class PersonalSection(Section):
    """Personal data, and what is done with it; `curate.score.personal` says what is found.

    Attributes:
        kinds: that are counted, tagged, masked.
        languages: of whose documents; empty: of all.
        action: `tag` leaves the rule's name on a document, `remove` removes it, `mask` changes its
            text after duplicates are linked.
        maximum_count: a document with more places than this is a hit. Left out: none may be there,
            and with `mask` any number. With `mask` a hit is removed, by its count before masking.
        mask: `placeholder` puts a sign such as `<EMAIL>` in the place, `surrogate` one of the same
            format that is nobody's, drawn from the recipe's seed and the value.
    """

    kinds: Annotated[tuple[PersonalKind, ...], Field(strict=False, min_length=1)] = get_args(
        PersonalKind
    )
    languages: Annotated[tuple[str, ...], Field(strict=False)] = ()
    action: Literal["tag", "mask", "remove"] = "tag"
    maximum_count: Annotated[int, Field(ge=0)] | None = None
    mask: Literal["placeholder", "surrogate"] = "placeholder"

    @field_validator("kinds")
    @classmethod
    def _in_order(cls, kinds: tuple[PersonalKind, ...]) -> tuple[PersonalKind, ...]:
        return tuple(kind for kind in get_args(PersonalKind) if kind in kinds)

    @field_validator("languages")
    @classmethod
    def _normalise(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({normalise_language(code) for code in codes}))

    @property
    def counting(self) -> PersonalSection:
        """What of the section the counts depend on."""
        return PersonalSection(kinds=self.kinds, languages=self.languages)


class BiasSection(Section):
    """Mentions of identity groups, and the one rule about derogatory ones."""

    action: Literal["tag", "remove"] = "tag"
    maximum_derogatory_mentions: Annotated[int, Field(ge=0)] = 0


class UrlsSection(Section):
    """Rules about a document's address; nothing is measured where nothing is configured.

    Attributes:
        block: name of a list → its path: a folder as UT1 has them, or a file of domains and
            addresses (plain, hosts file, gzip). Relative paths start from the working directory.
        allow: the same; what an allow list covers, no block list and no word hits.
        words: word → weight, summed over the words of an address; `*word` counts inside words.
        maximum_word_score: an address above it is a hit.
        action: what a hit does.
    """

    block: dict[str, str] = {}
    allow: dict[str, str] = {}
    words: dict[str, Annotated[float, Field(strict=False, allow_inf_nan=False)]] = {}
    maximum_word_score: Annotated[float, Field(strict=False)] | None = None
    action: Literal["tag", "remove"] = "remove"

    @field_validator("words")
    @classmethod
    def _lower(cls, words: dict[str, float]) -> dict[str, float]:
        return {word.lower(): weight for word, weight in sorted(words.items())}

    @model_validator(mode="after")
    def _scored(self) -> Self:
        if (self.maximum_word_score is None) != (not self.words):
            came = "only one of them is there"
            raise RecipeError("[urls] sets `words` and `maximum_word_score` together", came)
        return self

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to measure."""
        return not (self.block or self.words)

    def __hash__(self) -> int:
        """A scorer is kept for the section that it was made for."""
        return hash(self.model_dump_json())


PageAction = Literal["off", "tag", "remove"]


class PageSection(Section):
    """Rules about what a page says of itself (see `curate.score.page`); off unless asked for.

    Attributes:
        robots_noindex: the page asks not to be indexed.
        robots_noarchive: it asks not to be kept.
        robots_noai: it asks not to be used for AI, or reserves text and data mining.
        no_open_licence: it names a licence that is not an open one.
        disambiguation: a wiki's disambiguation page.
        list_page: a wiki's list.
        language_disagrees: the declared language is not the detected one.
        not_canonical: the page calls another address its own.
    """

    robots_noindex: PageAction = "off"
    robots_noarchive: PageAction = "off"
    robots_noai: PageAction = "off"
    no_open_licence: PageAction = "off"
    disambiguation: PageAction = "off"
    list_page: PageAction = "off"
    language_disagrees: PageAction = "off"
    not_canonical: PageAction = "off"


class AuditSection(Section):
    """What the rules do to documents that speak of groups of people.

    Attributes:
        maximum_ratio: a rule that hits the documents that speak of a group so many times as often
            as all documents, and more often than chance explains, is flagged.
        minimum_hits: documents of the group that the rule must hit before it is.
        samples: removed documents of which the card shows the first words, at most; 0: none. They are
            texts that the release does not hold: mind that before a card is published.
        action: `warn` names what is flagged at the end of the run; `stop` ends the run before it
            releases.
    """

    maximum_ratio: Annotated[float, Field(ge=1, strict=False)] = 1.5
    samples: Annotated[int, Field(ge=0, le=100)] = 10
    minimum_hits: Annotated[int, Field(ge=1)] = 10
    action: Literal["warn", "stop"] = "warn"


class AlarmSection(Section):
    """Losses that stop a run before it releases: what wipes out a whole part is seldom meant.

    Attributes:
        maximum_source_loss: the share of an entry of `[[sources]]` that rules and duplicates may
            remove; 1: any.
        maximum_language_loss: the same of each language that `[language] keep` names; where it names
            none, of all but `und`, and what `minimum_score` removes does not count.
        maximum_site_loss: the same of each site (host), and what `[urls]` removes does not count.
            Rules often remove whole sites, and rightly: any loss is allowed unless asked for.
        minimum_documents: of fewer, a share says nothing.
    """

    maximum_source_loss: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.999
    maximum_language_loss: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.999
    maximum_site_loss: Annotated[float, Field(gt=0, le=1, strict=False)] = 1.0
    minimum_documents: Annotated[int, Field(ge=1)] = 100

    def limit_of(self, part: Literal["source", "language", "site"]) -> float:
        """The share that a part may lose."""
        return {
            "source": self.maximum_source_loss,
            "language": self.maximum_language_loss,
            "site": self.maximum_site_loss,
        }[part]

    @property
    def watches_sites(self) -> bool:
        """Whether sites are to be counted."""
        return self.maximum_site_loss < 1

    @property
    def is_off(self) -> bool:
        """Whether nothing is watched."""
        return (
            min(self.maximum_source_loss, self.maximum_language_loss, self.maximum_site_loss) == 1
        )


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


_ASKED = {  # what makes [spans] find what a rule judges
    "shared": "set shared_words in [spans]",
    "site_lines": 'set repeated_line_documents and repeated_action = "tag" in [spans]',
    "common_paragraphs": 'set repeated_paragraph_documents and repeated_action = "tag" in [spans]',
}


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
    parallel: Annotated[tuple[ParallelSection, ...], Field(strict=False)] = ()
    fetch: FetchSection = FetchSection()
    clean: CleanSection = CleanSection()
    language: LanguageSection = LanguageSection()
    quality: QualitySection = QualitySection()
    perplexity: PerplexitySection = PerplexitySection()
    classifiers: Annotated[tuple[ClassifierSection, ...], Field(strict=False)] = ()
    duplicates: DuplicatesSection = DuplicatesSection()
    decontamination: DecontaminationSection = DecontaminationSection()
    spans: SpansSection = SpansSection()
    toxicity: ToxicitySection = ToxicitySection()
    personal: PersonalSection = PersonalSection()
    bias: BiasSection = BiasSection()
    urls: UrlsSection = UrlsSection()
    page: PageSection = PageSection()
    audit: AuditSection = AuditSection()
    alarm: AlarmSection = AlarmSection()
    augment: AugmentSection = AugmentSection()
    release: ReleaseSection = ReleaseSection()

    @field_validator("classifiers")
    @classmethod
    def _distinct(cls, sections: tuple[ClassifierSection, ...]) -> tuple[ClassifierSection, ...]:
        names = [section.name for section in sections]
        for name in names:
            if names.count(name) > 1:
                asked = "[[classifiers]] have names of their own"
                raise RecipeError(asked, f"{name!r} names more than one", "", "rename one")
        return sections

    @property
    def span_changes(self) -> tuple[str, ...]:
        """What changes texts after linking: names of `curate.steps.spanning.EDITORS`."""
        spans, toxicity = self.spans, self.toxicity
        goes = spans.repeated_action == "remove-span"
        asked = {
            "repeated_lines": bool(spans.repeated_line_documents) and goes,
            "repeated_paragraphs": bool(spans.repeated_paragraph_documents) and goes,
            "shared_passages": bool(spans.shared_words) and spans.shared_action == "remove-span",
            "toxic_sentences": toxicity.scorer != "none" and toxicity.action == "remove-sentence",
            "personal": self.personal.action == "mask",
        }
        return tuple(name for name, is_asked in asked.items() if is_asked)

    @property
    def changes_spans(self) -> bool:
        """Whether texts change after linking."""
        return bool(self.span_changes)

    @property
    def found_scorers(self) -> tuple[str, ...]:
        """The scorers that take the whole corpus: of `curate.schema.FOUND`."""
        spans = self.spans
        tags = spans.repeated_action == "tag"
        asked = {
            "shared": bool(spans.shared_words),
            "site_lines": bool(spans.repeated_line_documents) and tags,
            "common_paragraphs": bool(spans.repeated_paragraph_documents) and tags,
        }
        return tuple(name for name, is_asked in asked.items() if is_asked)

    @model_validator(mode="after")
    def _can_judge_found(self) -> Self:
        quality = self.quality
        limits = (quality.rules, *quality.languages.values(), *quality.sources.values())
        preset = quality.preset_rules()
        for name in set(preset).union(*limits):
            column = COLUMNS.get((preset.get(name) or all_rules()[name])["column"])
            if column and column.scorer in FOUND and column.scorer not in self.found_scorers:
                asked = f"quality.{name} judges what [spans] finds"
                raise RecipeError(asked, "it does not ask for that", "", _ASKED[column.scorer])
        return self

    @model_validator(mode="after")
    def _can_prefer(self) -> Self:
        if self.duplicates.prefer is None:
            return self
        name = self.duplicates.prefer.removeprefix("-")
        numbers = [one for one, column in COLUMNS.items() if column.is_number]
        asked = "[duplicates] prefer names a score column of numbers"
        if name not in numbers:
            raise RecipeError(asked, f"{name!r} is none", "", nearest(name, numbers))
        is_off = {
            "perplexity": not self.perplexity.models,
            "toxicity": self.toxicity.scorer == "none",
            "urls": self.urls.is_empty,
            "contamination": not self.decontamination.sets,
        }
        scorer = COLUMNS[name].scorer
        if is_off.get(scorer, False):
            raise RecipeError(asked, f"{name!r} is not measured", "", f"set up [{scorer}]")
        return self

    @property
    def references(self) -> tuple[int, ...]:
        """The places of the sources that other documents are compared with."""
        return tuple(place for place, source in enumerate(self.sources) if source.reference)

    @model_validator(mode="after")
    def _has_reference(self) -> Self:
        if len(self.references) == len(self.sources):
            asked, came = "some source holds what is compared", "each says reference = true"
            raise RecipeError(asked, came, "", "take it off one of them")
        if self.duplicates.scope == "reference" and not self.references:
            asked = (
                '[duplicates] scope = "reference" compares with sources that say reference = true'
            )
            raise RecipeError(asked, "none does", "", "say so in one of the [[sources]]")
        if self.duplicates.release_reference and not self.references:
            asked = "[duplicates] release_reference releases sources that say reference = true"
            raise RecipeError(asked, "none does", "", "say so in one of the [[sources]]")
        return self

    @model_validator(mode="after")
    def _can_change_spans(self) -> Self:
        if not self.changes_spans and self.quality.before_spans:
            asked = "[quality] before_spans reads what was measured before [spans]"
            change = "set repeated_line_documents in it"
            raise RecipeError(asked, "[spans] changes nothing", "", change)
        if not self.changes_spans and not self.found_scorers:
            return self
        if self.duplicates.among == "passing":
            asked = "[spans] changes texts, after which other rules may pass them"
            came = 'with [duplicates] among = "passing" these were not compared'
            raise RecipeError(asked, came, "", 'set among = "read"')
        kinds = {section.kind for section in self.sources}
        if self.spans.repeated_line_documents and not kinds.intersection(self.spans.sources):
            asked = "[spans] sources names kinds of the recipe's sources"
            came = f"{', '.join(self.spans.sources)} is none"
            raise RecipeError(asked, came, "", f"name some of {', '.join(sorted(kinds))}")
        return self


def load_recipe(path: Path, settings: dict[str, str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: a TOML file.
        settings: values that replace the file's, by dotted name as `--set` spells it.

    Raises:
        RecipeError: the file cannot be read, is no TOML, or has an unknown key or a wrong value;
            with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        came = (
            "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        )
        raise RecipeError(
            "a recipe can be read",
            came,
            str(path),
            "name a TOML file or a packaged recipe, such as quickstart",
        ) from error
    except UnicodeDecodeError as error:
        raise RecipeError("a recipe is UTF-8", str(error), str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError("a recipe is TOML", str(error), str(path)) from error
    for name, value in (settings or {}).items():
        _assign(values, name, value)
    _read_rules(values, path.parent)
    return make_recipe(values, str(path), text)


def change_recipe(recipe: Recipe, settings: dict[str, str]) -> Recipe:
    """The recipe with some values replaced, by dotted name as `--set` spells it.

    Raises:
        RecipeError: a name or a value is not one.
    """
    values = recipe.model_dump(mode="json", exclude_none=True)
    if "quality.preset" in settings:
        values.get("quality", {}).pop("definitions", None)
    for name, value in settings.items():
        _assign(values, name, value)
    _read_rules(values, Path())
    return make_recipe(values, "--set")


def _read_rules(values: dict[str, Any], folder: Path) -> None:
    """Put the rules of the file that `[quality] preset` names into the recipe.

    Raises:
        RecipeError: there is no such file, or it holds something else.
    """
    quality = values.get("quality")
    if not isinstance(quality, dict) or quality.get("definitions"):
        return
    name = quality.get("preset")
    if isinstance(name, str) and name.endswith(".toml"):
        definitions = read_rules_file(folder / name)
        values["quality"] = quality | {"preset": Path(name).stem, "definitions": definitions}


def make_recipe(values: dict[str, Any], where: str = "", text: str = "") -> Recipe:
    """Check values and make a recipe of them.

    Args:
        values: what a TOML file holds.
        where: what to call the place in messages.
        text: the TOML text, for line numbers.

    Raises:
        RecipeError: an unknown key or a wrong value, with the line and the nearest valid name.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        # a misspelt name says more than the name that is missing for it
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        place = _place_of(first["loc"])
        if first["type"].startswith("union_tag"):
            place.append("kind")
        line = _line_of(text, place)
        where = f"{where}, line {line}" if line else where
        raise _explain(first, place, where) from error
    except RecipeError as error:
        line = _line_of(text, [_misspelt(error.came)])
        where = f"{where}, line {line}" if line else where
        raise RecipeError(error.asked, error.came, where, error.change) from error


_TABLES = {"sources", "parallel", "classifiers", "decontamination.sets"}  # lists of sections
_KINDS: dict[str, type[Section]] = {
    "commoncrawl": CommonCrawlSection,
    "wikipedia": WikipediaSection,
    "subtitles": SubtitlesSection,
    "records": RecordsSection,
}


def _assign(values: dict[str, Any], name: str, value: str) -> None:
    """Set a dotted name; `quality.minimum_words` is a rule, so it goes to `[quality.rules]`."""
    *sections, key = name.split(".")
    if sections == ["quality"] and key not in QualitySection.model_fields:
        sections.append("rules")
    target: Any = values
    for section in sections:
        if isinstance(target, list):
            target = next((one for one in target if one.get("name") == section), None)
        else:
            target = target.setdefault(section, {})
        if not isinstance(target, dict) and section != "classifiers":
            break
    if not isinstance(target, dict):
        asked = "--set names a setting as section.name=value"
        change = "leave the sources to the recipe; a classifier is set by its name"
        raise RecipeError(asked, f"{name!r} is none", "--set", change)
    try:
        target[key] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        target[key] = value


def _place_of(found: tuple[str | int, ...]) -> list[str | int]:
    """A place in the recipe as its writer sees it: without the branches of unions."""
    place: list[str | int] = []
    for part in found:
        is_kind = part in _KINDS and place and isinstance(place[-1], int)
        if not is_kind and part not in {"float", "bool", "str", "int"}:
            place.append(part)
    return place


def _explain(first: Any, place: list[str | int], where: str) -> RecipeError:
    name = ".".join(str(part) for part in place)
    if first["type"] == "extra_forbidden":
        model = _model_at(first["loc"][:-1])
        section = ".".join(str(part) for part in place[:-1])
        asked = f"[{section}] takes known keys" if section else "a recipe takes known keys"
        return RecipeError(
            asked, f"{place[-1]!r} is none", where, nearest(str(place[-1]), model.model_fields)
        )
    if first["type"] == "missing":
        return RecipeError("a recipe is complete", f"`{name}` is missing", where, "add it")
    if first["type"].startswith("union_tag"):
        kind = str(first.get("ctx", {}).get("tag", ""))
        came = f"{kind!r} is none" if kind else "there is none"
        return RecipeError(f"`{name}` names a kind of source", came, where, nearest(kind, _KINDS))
    if first["type"] == "literal_error":
        valid = [name for name in re.findall("'([^']*)'", first["ctx"]["expected"]) if name]
        change = nearest(str(first["input"]), valid)
        return RecipeError(f"`{name}` has a valid value", f"{first['input']!r} came", where, change)
    message = {"tuple_type": "input should be a list", "model_type": "input should be a section"}
    change = message.get(first["type"], str(first["msg"]).lower())
    return RecipeError(f"`{name}` has a valid value", f"{first['input']!r} came", where, change)


def _model_at(place: tuple[str | int, ...]) -> type[Section]:
    model: type[Section] = Recipe
    for part in place:
        if part in _KINDS:
            model = _KINDS[str(part)]
        elif isinstance(part, str) and part in model.model_fields:
            found = model.model_fields[part].annotation
            for inner in (found, *get_args(found)):  # a section, or a list of them
                if isinstance(inner, type) and issubclass(inner, Section):
                    model = inner
    return model


def _misspelt(came: str) -> str:
    return came.split("'")[1] if "'" in came else came


def _line_of(text: str, place: list[str | int]) -> int | None:
    """The line on which the last named part of a place stands, below the headers before it."""
    names = [part for part in place if isinstance(part, str)]
    number = next((part for part in place if isinstance(part, int)), 0)
    lines = text.splitlines()
    start = 0
    if len(names) > 1:
        table = ".".join(names[:-1])
        header = f"[[{table}]]" if table in _TABLES else f"[{table}]"
        found = [index for index, line in enumerate(lines) if line.strip().startswith(header)]
        start = found[min(number, len(found) - 1)] if found else 0
    for index, line in enumerate(lines[start:], start + 1):
        if names and _names(line, names[-1]):
            return index
    return start + 1 if start else None


def _names(line: str, name: str) -> bool:
    """Whether a line has the name for its key or section, or for a value in quotes."""
    key, _, value = line.partition("=")
    if key.lstrip().startswith("["):
        return key.partition("]")[0].rpartition(".")[2].strip("[ \"'") == name
    return key.strip() == name or f'"{name}"' in value or f"'{name}'" in value
