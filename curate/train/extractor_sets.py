"""Pages with known main text → labelled blocks: how training for the extractor reads its sets."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from curate.sources.extract import plain_text
from curate.sources.html import decode
from curate.train.align import longest_runs
from curate.train.fit import DataSet

_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W぀-ヿ㐀-鿿가-힯]+")
_SPACE = re.compile(r"\s+")
_MARKDOWN = re.compile(r"!\[[^\]]*\]\([^)]*\)|(?<=\])\([^)]*\)|<[^>]+>|[\\`*#|\[\]]")
_ADDRESS_TAG = re.compile(
    r"""<(?:link[^>]*rel=["']?canonical|meta[^>]*og:url)[^>]*>""", re.IGNORECASE
)
_ADDRESS = re.compile(r"""(?:href|content)=["']?(https?://[^"'\s>]+)""", re.IGNORECASE)
_SECOND_LEVEL = {"co", "com", "org", "net", "ac", "gov", "edu", "gv", "or", "ne", "go"}
MOST_CELLS = 400_000_000  # of an alignment; a page that needs more is left out


@dataclass
class LabelledPage:
    """A page of a set.

    Attributes:
        family: the set.
        key: its name in the set.
        url: where it was, as far as is known.
        html: the page.
        gold: its main text; None where only strings are known.
        wanted: strings that an extraction must hold.
        unwanted: strings that it must not hold.
    """

    family: str
    key: str
    url: str
    html: str
    gold: str | None = None
    wanted: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)

    @property
    def site(self) -> str:
        """The registered domain; the page's own address where the set has none."""
        url = self.url
        for tag in () if url else _ADDRESS_TAG.findall(self.html):
            found = _ADDRESS.search(tag)
            url = url or (found[1] if found else "")
        parts = (urlsplit(url).hostname or "").lower().split(".") if url else []
        if not parts:
            return f"{self.family}:{self.key}"
        is_country = len(parts) > 2 and parts[-2] in _SECOND_LEVEL and len(parts[-1]) == 2  # noqa: PLR2004
        return ".".join(parts[-3:] if is_country else parts[-2:])


def _members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        files = [member for member in archive if member.isfile()]
        return {
            member.name.removeprefix("./"): file.read()
            for member in files
            if (file := archive.extractfile(member)) is not None
        }


def _articles(path: Path) -> list[LabelledPage]:
    files = _members(path)
    pages = []
    for key, entry in sorted(json.loads(files["ground-truth.json"]).items()):
        html = gzip.decompress(files[f"html/{key}.html.gz"]).decode()
        pages.append(LabelledPage(path.name, key, entry["url"], html, entry["articleBody"]))
    return pages


def _strings(path: Path) -> list[LabelledPage]:
    files = _members(path)
    pages = []
    for url, entry in sorted(json.loads(files["evaldata.json"]).items()):
        name, html = entry["file"], decode(files[f"html/{entry['file']}"])
        pages.append(
            LabelledPage(path.name, name, url, html, None, entry["with"], entry["without"])
        )
    return pages


def _reader(path: Path) -> list[LabelledPage]:
    files = _members(path)
    pages = []
    for name in sorted(files):
        folder, _, file = name.rpartition("/")
        if file == "source.html":
            gold = plain_text(files[f"{folder}/expected.html"].decode())
            pages.append(LabelledPage(path.name, folder, "", files[name].decode(), gold))
    return pages


def _markdown(path: Path) -> list[LabelledPage]:
    pages = []
    for number, line in enumerate(gzip.decompress(path.read_bytes()).splitlines()):
        entry = json.loads(line)
        gold = _MARKDOWN.sub(" ", entry["groundtruth_content"])
        pages.append(LabelledPage(path.name, str(number), entry["url"], entry["html"], gold))
    return pages


def _page_set(
    file: str,
    source: str,
    licence: str,
    attribution: str,
    read: Callable[[Path], list[LabelledPage]],
) -> DataSet[list[LabelledPage]]:
    use = "training; scores are of sites that the scoring model was not trained on"
    belongs = f"{licence} (collection); pages belong to their publishers"
    return DataSet(file, source, belongs, attribution, read, use=use)


ARTICLES = _page_set(
    "article-extraction-benchmark.tar.gz",
    "scrapinghub/article-extraction-benchmark",
    "MIT",
    "Zyte article extraction benchmark",
    _articles,
)
STRINGS = _page_set(
    "trafilatura-eval.tar.gz",
    "adbar/trafilatura tests",
    "Apache-2.0",
    "Adrien Barbaresi, trafilatura",
    _strings,
)
READER = _page_set(
    "readability-test-pages.tar.gz",
    "mozilla/readability test-pages",
    "Apache-2.0",
    "Mozilla Readability",
    _reader,
)
MARKDOWN = tuple(
    _page_set(
        f"webmainbench-{name}.jsonl.gz",
        "opendatalab/WebMainBench",
        "Apache-2.0",
        "WebMainBench",
        _markdown,
    )
    for name in ("sample_dataset", "WebMainBench_dataset_sample2")
)
SETS = (ARTICLES, STRINGS, READER, *MARKDOWN)
WEIGHTS = {one.file: 0.5 if one is READER else 1.0 for one in SETS}


def read_pages(data: Path) -> list[LabelledPage]:
    """All pages of the sets in a folder, in a fixed order.

    Raises:
        InputError: a set is missing, or not what its name says.
    """
    return [page for one in SETS for page in one.load(data)]


def label_blocks(page: LabelledPage, texts: list[str]) -> npt.NDArray[np.float64]:
    """For each block, whether it is main text: 1, 0, or NaN where nobody knows."""
    labels = np.full(len(texts), np.nan)
    if page.gold is not None:
        return _aligned(texts, page.gold, labels)
    wanted = [normalise(text) for text in page.wanted]
    unwanted = [normalise(text) for text in page.unwanted]
    for row, text in enumerate(map(normalise, texts)):
        if any(one in text or (len(text) >= 20 and text in one) for one in wanted):  # noqa: PLR2004
            labels[row] = 1
        if any(one in text for one in unwanted):
            labels[row] = np.nan if labels[row] == 1 else 0
    return labels


def _aligned(
    texts: list[str], gold: str, labels: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """A block is main text when more than half of its words are, in order, words of the gold."""
    numbers: dict[str, int] = {}
    owners: list[int] = []
    found: list[int] = []
    for row, text in enumerate(texts):
        for word in _WORD.findall(text):
            found.append(numbers.setdefault(word, len(numbers)))
            owners.append(row)
    wanted = [numbers.setdefault(word, len(numbers)) for word in _WORD.findall(gold)]
    if not found or len(found) * len(wanted) > MOST_CELLS:
        return labels
    hits = longest_runs(np.array(found, np.int64), np.array(wanted, np.int64))
    rows = np.array(owners, np.int64)
    words = np.bincount(rows, minlength=len(texts))
    matched = np.bincount(rows[hits], minlength=len(texts))
    shares: npt.NDArray[np.float64] = matched / np.maximum(words, 1)
    return (shares > 0.5).astype(np.float64)  # noqa: PLR2004 - half


def count_words(text: str) -> int:
    """Words, and ideographs one by one."""
    return len(_WORD.findall(text))


def normalise(text: str) -> str:
    """The text with every run of white space as one space."""
    return _SPACE.sub(" ", text).strip()


def fold_of(site: str, folds: int, partition: int = 0) -> int:
    """The fold of a site in one of the ways to cut the sites: by its hash."""
    key = f"{partition}{site}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest()) % folds
