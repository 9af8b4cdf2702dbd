"""`curate train quality`: texts that are wanted against a raw crawl, a model and its card out.

The way of DCLM (Li et al. 2024, arXiv 2406.11794): a classifier that tells documents like those of
a good source from what a crawl gives, whose score then ranks the crawl. The bundled model takes
encyclopedias, novels and speeches for wanted ones.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from curate.languages import UNKNOWN
from curate.recipe import CommonCrawlSection, WikipediaSection
from curate.score.language import LanguageScorer
from curate.sources import InputFile, Sink, commoncrawl, wikipedia
from curate.sources.extract import extract, plain_text
from curate.sources.html import decode
from curate.train.fit import DataSet
from curate.train.texts import train_texts

GOOD, RAW = "hq", "cc"  # DCLM's labels
PREPARATION = "letters"
PARAMETERS = {  # words and pairs of them, as DCLM has it
    "dim": 8,
    "minn": 0,
    "maxn": 0,
    "wordNgrams": 2,
    "bucket": 30_000,
    "minCount": 5,
    "epoch": 5,
    "lr": 0.2,
    "loss": "softmax",
}
BUNDLED = {**PARAMETERS, "wordNgrams": 1}  # of few sources pairs of words learn the sources
MINIMUM_CHARACTERS = 300  # a shorter document is a stub
MINIMUM_OF_LANGUAGE = 25  # documents of either label: a language with fewer is left out
LIMITS = [
    "It knows encyclopedias, novels and speeches from web pages, by their words: a good page about a subject or in a register that those lack scores low, dialogue and instructions among them.",
    "Few sites and few books are behind it: use the score to look at documents, or to rank within a language, rather than as a limit.",
    "Where a language's wanted texts are old novels alone (German, French), modern prose scores lower.",
]


def train_quality(
    positive: pl.Series, negative: pl.Series, out: Path, told: dict[str, Any]
) -> dict[str, Any]:
    """Train `quality.ftz` on a user's own texts, and write its card beside it.

    Args:
        positive: texts of documents that are wanted.
        negative: texts of a crawl as it is.
        out: the folder.
        told: what the card says of them.

    Raises:
        InputError: there are too few documents.
        ComponentError: fastText failed.
    """
    frames = [
        texts.rename("text").to_frame().with_columns(label=pl.lit(label))
        for texts, label in ((positive, GOOD), (negative, RAW))
    ]
    facts = {"does": _DOES, **told}
    return train_texts(pl.concat(frames), out, "quality", PREPARATION, PARAMETERS, facts)


def train_bundled_quality(data: Path, out: Path) -> dict[str, Any]:
    """Train the `quality.ftz` that the package carries, from the sets named in `SETS`.

    Languages with enough documents of both kinds are kept, as many pieces of either kind for each.

    Raises:
        InputError: a set is missing or unreadable, or there are too few documents.
        ComponentError: fastText failed.
    """
    rows = read_rows(data)
    counts = rows.filter(~pl.col("held_out")).group_by("language", "label").len()
    counts = counts.filter(pl.col("len") >= MINIMUM_OF_LANGUAGE)
    both = counts.group_by("language").len().filter(pl.col("len") == 2)  # noqa: PLR2004
    languages = both["language"].sort()
    rows = rows.filter(pl.col("language").is_in(languages.implode()))
    facts = {
        "does": _DOES,
        "languages": languages.to_list(),
        "data": [one.described(data) for one in SETS],
        "limits": LIMITS,
    }
    balance = ("language", "label")
    return train_texts(rows, out, "quality", PREPARATION, BUNDLED, facts, balance)


def read_rows(data: Path) -> pl.DataFrame:
    """The documents of the bundled model's sets: `text`, `label`, `held_out`, `language`.

    Raises:
        InputError: a set is missing or unreadable.
    """
    rows = pl.concat(
        one.load(data).select("text", label=pl.lit(_label(one)), held_out=pl.lit(one.held_out))
        for one in SETS
    ).filter(pl.col("text").str.len_chars() >= MINIMUM_CHARACTERS)
    rows = LanguageScorer()(rows).select("text", "label", "held_out", "language")
    return rows.filter(pl.col("language") != UNKNOWN)


_DOES = f"whether a document is like those that are wanted: labels {GOOD}, {RAW} (a crawl as it is)"


def _label(one: DataSet[pl.DataFrame]) -> str:
    return RAW if one.file.startswith(("warc/", "html/")) else GOOD


def _wiki(path: Path) -> pl.DataFrame:
    section = WikipediaSection(kind="wikipedia", inputs=(path.name,))
    return _read(wikipedia.read, path.name, path.read_bytes(), section)


def _warc(path: Path) -> pl.DataFrame:
    section = CommonCrawlSection(kind="commoncrawl", inputs=(path.name,))
    return _read(commoncrawl.read, path.name, path.read_bytes(), section)


def _read(read: Any, name: str, data: bytes, section: Any) -> pl.DataFrame:
    found: list[pl.DataFrame] = []
    sink = Sink(section.kind, "", name, on_full=found.append)
    read(io.BytesIO(data), InputFile(name, name, name, len(data), name), section, sink)
    return pl.concat([*found, sink.take_documents()]).select("text")


def _novels(path: Path) -> pl.DataFrame:
    """Chapters' worth of a novel: runs of lines."""
    texts = []
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                texts += list(_runs(file.read().decode("utf-8", "replace")))
    return pl.DataFrame({"text": texts}, schema={"text": pl.String})


def _speeches(path: Path) -> pl.DataFrame:
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".txt"))
        texts = [run for n in names for run in _runs(archive.read(n).decode("utf-8", "replace"))]
    return pl.DataFrame({"text": texts}, schema={"text": pl.String})


def _runs(text: str, characters: int = 5000, most: int = 12) -> Iterator[str]:
    """The first stretches of a long text."""
    for start in range(0, min(len(text), characters * most), characters):
        yield text[start : start + characters]


def _pages(path: Path) -> pl.DataFrame:
    """HTML pages as a crawl gives them: of one its main text, of the next all, menus too."""
    texts = []
    with tarfile.open(path) as archive:
        members = sorted(archive.getmembers(), key=lambda one: one.name)
        for place, member in enumerate(members):
            name = member.name
            if member.isfile() and name.endswith((".html", ".htm")) and "expected" not in name:
                file = archive.extractfile(member)
                page = decode(b"" if file is None else file.read())
                texts.append(extract(page).text if place % 2 else plain_text(page))
    return pl.DataFrame({"text": texts}, schema={"text": pl.String})


def _wikitext(path: Path) -> pl.DataFrame:
    """Articles of WikiText-2, whose headings have one `=`, with its tokens undone."""
    lines = gzip.decompress(path.read_bytes()).decode()
    lines = re.sub(r" ?<unk>", "", re.sub(r" @(.)@ ", r"\1", lines))
    lines = re.sub(r" ([.,;:!?)'])", r"\1", lines).replace("( ", "(")
    texts = re.split(r"(?m)^ = [^=]*= *$", lines)
    return pl.DataFrame({"text": [t.strip() for t in texts]}, schema={"text": pl.String})


_BY_SA = "CC-BY-SA (Wikimedia text)"
_PAGES_OF = "pages belong to their publishers; the collection is free to use"
_SOURCES: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "wikipedia/enwiki-shortened.xml.bz2",
        "piskvorky/gensim test data",
        _BY_SA,
        "English Wikipedia",
        _wiki,
    ),
    (
        "wikipedia/itwiki-small.xml.gz",
        "idio/json-wikipedia test data",
        _BY_SA,
        "Italian Wikipedia",
        _wiki,
    ),
    *(
        (
            f"text/eltec-{code}.tar.gz",
            f"COST-ELTeC/ELTeC-{code}",
            "CC-BY 4.0 (texts public domain)",
            "European Literary Text Collection",
            _novels,
        )
        for code in ("eng", "deu", "fra")
    ),
    (
        "text/nltk-state_union.zip",
        "nltk/nltk_data state_union",
        "public domain",
        "State of the Union addresses",
        _speeches,
    ),
    (
        "html/trafilatura-eval.tar.gz",
        "adbar/trafilatura evaluation pages",
        f"Apache-2.0 (collection); {_PAGES_OF}",
        "trafilatura",
        _pages,
    ),
    (
        "html/readability-test-pages.tar.gz",
        "mozilla/readability test pages",
        f"Apache-2.0 (collection); {_PAGES_OF}",
        "Readability",
        _pages,
    ),
    (
        "html/article-extraction-benchmark.tar.gz",
        "scrapinghub/article-extraction-benchmark",
        f"MIT (collection); {_PAGES_OF}",
        "article-extraction-benchmark",
        _pages,
    ),
    (
        "warc/aut/example.warc.gz",
        "archivesunleashed/aut test data",
        f"Apache-2.0 (collection); {_PAGES_OF}",
        "Archives Unleashed Toolkit",
        _warc,
    ),
)
_HELD_OUT: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "text/wikitext-2-valid.txt.gz",
        "pytorch/examples wikitext-2",
        "CC-BY-SA 3.0",
        "WikiText-2: Merity et al. 2016 (arXiv 1609.07843)",
        _wikitext,
    ),
    *(
        (
            f"warc/{name}",
            f"{source} test data",
            f"{licence} (collection); {_PAGES_OF}",
            source,
            _warc,
        )
        for name, source, licence in (
            ("dolma/sample-0000.warc.gz", "allenai/dolma", "Apache-2.0"),
            ("ipwb/sample-1.warc.gz", "oduwsdl/ipwb", "MIT"),
            ("pywb/iana.warc.gz", "webrecorder/pywb", "GPL-3.0"),
        )
    ),
)
SETS = tuple(
    DataSet[pl.DataFrame](*facts, held_out=facts in _HELD_OUT) for facts in (*_SOURCES, *_HELD_OUT)
)
