"""A page's HTML → its main text, and what the page says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from curate.errors import ComponentError
from curate.models import BUNDLED, EXTRACTOR_MODEL
from curate.recipe import CommonCrawlSection
from curate.sources.html import SkipError
from curate.sources.html_names import FACT, names
from curate.sources.other_extractors import watched

_OPENING = ord("<")
_KINDS = {number: name for name, number in FACT.items()}
_DATE = re.compile(
    r"(?P<year>(?:19|20)\d\d)-?(?P<month>0[1-9]|1[0-2])-?(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:[T ](?P<time>[0-2]\d:[0-5]\d(?::[0-5]\d)?)(?:\.\d+)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?)?"
)
_JSON_DATE = re.compile(rb'"datePublished"\s*:\s*"([^"\\]{8,40})"')
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")
_COMMONS = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/[^\s\"'<>?#]+",
    re.IGNORECASE,
)
_NO_DATE = 1990  # servers that know no date say 1970
_DATES = ("date_published", "json_ld", "date_other", "time")  # the likelier first


class Page(NamedTuple):
    """What a page holds.

    Attributes:
        text: its main text; may be empty.
        title: `<title>`, else `og:title`.
        date: ISO 8601, when it says that it was published.
        declared_language: as the page writes it (`de`, `pt-BR`).
        canonical_uri: the address that it calls its own, made absolute.
        licence: the address of the licence it links to.
        robots: directives to robots, lower-case, sorted, joined by commas.
    """

    text: str
    title: str | None = None
    date: str | None = None
    declared_language: str | None = None
    canonical_uri: str | None = None
    licence: str | None = None
    robots: str | None = None


@dataclass(frozen=True)
class BlockModel:
    """Boosted trees in flat arrays; see `html_text.score_blocks`.

    Attributes:
        limit: the probability from which a block is main text.
    """

    features: npt.NDArray[np.uint16]
    thresholds: npt.NDArray[np.float32]
    leaves: npt.NDArray[np.float32]
    limit: float

    def save(self, path: Path) -> None:
        """Write the trees: the same trees give the same bytes."""
        np.savez_compressed(
            path,
            features=self.features,
            thresholds=self.thresholds,
            leaves=self.leaves,
            limit=np.float64(self.limit),
        )

    @staticmethod
    def load(path: Path) -> BlockModel:
        """Read the trees.

        Raises:
            ComponentError: the file is not there, or is no such model.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return BlockModel(
                    arrays["features"],
                    arrays["thresholds"],
                    arrays["leaves"],
                    float(arrays["limit"]),
                )
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            change = "install the package again"
            raise ComponentError(
                "the extractor's model reads", str(error), str(path), change
            ) from error


@cache
def bundled_model() -> BlockModel:
    """The trees that the package carries."""
    return BlockModel.load(BUNDLED / EXTRACTOR_MODEL)


@dataclass(frozen=True)
class Scan:
    """A page as blocks; see `html_tokens.scan` and `html_blocks` for the arrays.

    Attributes:
        rows: float32[blocks, features].
    """

    page: bytes
    output: npt.NDArray[np.uint8]
    blocks: npt.NDArray[np.int32]
    nodes: npt.NDArray[np.int32]
    node_words: npt.NDArray[np.int64]
    facts: tuple[tuple[str, bytes], ...]
    measures: npt.NDArray[np.float32]
    rows: npt.NDArray[np.float32]

    def block_texts(self) -> list[str]:
        """The text of each block."""
        text = self.output.tobytes()
        return [text[start:stop].decode() for start, stop in self.blocks[:, :2].tolist()]

    def text(self, model: BlockModel, *, comments: bool = False) -> str:
        """The main text."""
        from curate.sources import html_text

        if not len(self.blocks):
            return ""
        scores = html_text.score_blocks(self.rows, model.features, model.thresholds, model.leaves)
        keep = html_text.choose(
            scores, self.blocks, self.nodes, self.node_words, self.measures, names().flags,
            model.limit, comments,
        )  # fmt: skip
        html_text.drop_repeats(self.output, self.blocks, self.nodes, keep)
        return str(html_text.compose(self.output, self.blocks, self.nodes, keep).tobytes().decode())


def scan_page(html: str) -> Scan:
    """Cut a page into blocks and measure them.

    Raises:
        SkipError: `too_many_blocks`.
    """
    from curate.sources import html_blocks, html_measures, html_tokens

    page = html.encode("utf-8", "replace")
    data = np.frombuffer(page, np.uint8)
    eights = data[: len(data) // 8 * 8].view(np.uint64)
    tags = int(np.count_nonzero(data == _OPENING))
    known = names()
    output, blocks, block_words, nodes, node_words, facts, buffer, is_full = html_tokens.scan(
        data, eights, tags, len(data) + len(data) // 4 + 64, known, html_measures.COMMENT_WORDS[0]
    )
    if is_full:
        raise SkipError("too_many_blocks", f"more than {html_tokens.MAXIMUM_BLOCKS} blocks of text")
    values = buffer.tobytes()
    said = tuple(
        (kind, page[start:stop] if kind == "json_ld" else values[start:stop])
        for number, start, stop in facts.tolist()
        for kind in (_KINDS[number],)
    )
    title = next((value for kind, value in said if kind == "title"), b"")
    is_article = any(kind == "og_type" and value.lower() == b"article" for kind, value in said)
    measures = html_measures.measure_text(output, blocks, np.frombuffer(title, np.uint8))
    html_measures.weigh_prose(blocks, nodes, node_words, measures)
    sums = html_measures.sum_nodes(blocks, nodes, measures)
    rows = html_blocks.describe(
        blocks, block_words, nodes, node_words, measures, sums, known.flags, int(is_article)
    )
    return Scan(page, output, blocks, nodes, node_words, said, measures, rows)


def plain_text(html: str) -> str:
    """All text of a page, block by block."""
    return "\n\n".join(scan_page(html).block_texts())


def extract(html: str, url: str | None = None, *, comments: bool = False) -> Page:
    """The main text of a page, and what the page says of itself.

    Time is linear in the page, memory bounded by it, whatever it holds.

    Args:
        html: the page.
        url: its address, that relative ones are joined to.
        comments: keep users' comments.

    Raises:
        SkipError: `too_many_blocks`.
        ComponentError: the model is not there.
    """
    scan = scan_page(html)
    return read_facts(scan.facts, url)._replace(
        text=scan.text(bundled_model(), comments=comments).strip()
    )


def extract_with(html: str, url: str | None, section: CommonCrawlSection) -> Page:
    """Extract a page in the way that a recipe's source asks for.

    Raises:
        SkipError: `too_many_blocks`; with another extractor than the bundled one also
            `time_limit`, `too_deep` and `extraction_failed`.
        ComponentError: the extractor is not there, or does not work.
    """
    if section.extractor == "bundled":
        return extract(html, url, comments=section.comments)
    worker = watched(section.extractor, section.maximum_page_seconds)
    text = worker.extract(html, comments=section.comments)
    return read_facts(scan_page(html).facts, url)._replace(text=text.strip())


def read_facts(facts: tuple[tuple[str, bytes], ...], url: str | None = None) -> Page:
    """What a page says of itself, as a page without text."""
    said: dict[str, list[str]] = {}
    for kind, value in facts:
        if kind == "json_ld":
            said.setdefault(kind, []).extend(
                found.decode("utf-8", "replace") for found in _JSON_DATE.findall(value)
            )
        else:
            said.setdefault(kind, []).append(value.decode("utf-8", "replace"))
    base = _absolute(url, next(iter(said.get("base", [])), "")) or url
    language = next((one for one in _languages(said)), None)
    return Page(
        "",
        next((one for kind in ("title", "og_title") for one in said.get(kind, []) if one), None),
        next(
            (date for kind in _DATES for one in said.get(kind, []) if (date := iso_date(one))), None
        ),
        language,
        next((found for one in said.get("canonical", []) if (found := _absolute(base, one))), None),
        _licence(said, base),
        _robots(said),
    )


def _languages(said: dict[str, list[str]]) -> Iterator[str]:
    for kind in ("html_lang", "meta_language"):
        for value in said.get(kind, []):
            found = _LANGUAGE.fullmatch(value.split(",")[0].strip())
            if found:
                yield found[0].replace("_", "-")


def _absolute(base: str | None, address: str) -> str | None:
    """An address of the web, absolute; None where it is none."""
    try:
        joined = urljoin(base or "", address.strip())
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in {"http", "https"} and parts.netloc else None


def _licence(said: dict[str, list[str]], base: str | None) -> str | None:
    """What is marked as licence; else the Creative Commons licence linked to, if it is but one."""
    marked = next(
        (found for one in said.get("licence", []) if (found := _absolute(base, one))), None
    )
    if marked:
        return marked
    linked = [_absolute(base, one) or "" for one in said.get("licence_link", [])]
    licences = {match[0].lower() for one in linked if (match := _COMMONS.match(one))}
    kinds = {"/".join(urlsplit(one).path.split("/")[1:4]) for one in licences}
    return min(licences) if len(kinds) == 1 else None


def _robots(said: dict[str, list[str]]) -> str | None:
    found = {
        directive
        for value in said.get("robots", [])
        for one in value.lower().split(",")
        if (directive := " ".join(one.split()))
    }
    if any(value.strip() == "1" for value in said.get("tdm", [])):
        found.add("tdm-reservation")
    return ",".join(sorted(found)) or None


def join_directives(*listed: str | None) -> str | None:
    """Directives of several lists, sorted, each once."""
    found = {one for directives in listed if directives for one in directives.split(",")}
    return ",".join(sorted(found)) or None


def iso_date(value: str) -> str | None:
    """The date in ISO 8601, as precise as it is given; None where it is none."""
    found = _DATE.match(value.strip())
    if not found:
        return None
    day = f"{found['year']}-{found['month']}-{found['day']}"
    if not found["time"]:
        return day
    zone = found["zone"] or ""
    if zone and zone != "Z" and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    return f"{day}T{found['time']}{zone}"


def http_date(value: str) -> str | None:
    """The date of an HTTP header in ISO 8601; None where it is none."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if found.year <= _NO_DATE:
        return None
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def check_extractor(section: CommonCrawlSection) -> None:
    """Extract a known page once in each process.

    Raises:
        ComponentError: the extractor that the section names does not give its text.
    """
    words = "The river rose slowly through the night, and nobody in the village slept. " * 3
    page = f"<html><head><title>River</title></head><body><p>{words}</p></body></html>"
    try:
        found: Any = extract_with(page, None, section)[:2]
    except SkipError as error:
        found = error.detail
    if found != (words.strip(), "River"):
        raise ComponentError(
            f"extractor = {section.extractor!r} gives the text of a page",
            f"it gave {str(found)[:200]}",
            change="install the package and its pinned libraries again",
        )
