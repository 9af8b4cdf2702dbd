"""The sections that say what is read, and how it is fetched."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curate.recipe.section import Section


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


KINDS: dict[str, type[Section]] = {
    "commoncrawl": CommonCrawlSection,
    "wikipedia": WikipediaSection,
    "subtitles": SubtitlesSection,
    "records": RecordsSection,
}


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
