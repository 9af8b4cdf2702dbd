"""Wikitext → clean text: prose as a reader of the article sees it, without what is not prose.

Linear in the text whatever it holds, in two compiled passes (`wikitext_tokens`, `wikitext_prose`).

**Kept:** paragraphs; headings as lines of their own, without those of sections that hold nothing;
items of lists as lines beginning with `- ` (indents and `;`/`:` lines without a marker), captions of
galleries likewise; labels of links, of internal ones the target where there is no label; content of
inline and block tags, of poems line by line; code, and what nowiki and pre hold, as it is; one
choice of `-{zh-hans:…;zh-hant:…}-`; entities decoded.
**Dropped, with content:** comments, references, scores, timelines; links to files, to categories and
to the same article in other languages; behaviour switches; and templates, but for those of
`mediawiki.toml`, whose arguments are text. Parentheses, and spaces before punctuation, that a
dropped thing leaves behind go with it.
**By switch:** tables (a row is a line, its cells parted by ` | `), boxes of facts (a line `name: value`
for each), formulas (as TeX between `$`).
What is never closed: a table, a template or a file takes the rest of its line (and lines that begin
with `|`, which no prose does) with it; of anything else only the mark goes.
"""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from curate.sources import wikitext_parts as parts
from curate.sources import wikitext_prose as prose
from curate.sources import wikitext_tokens as tokens

NameTable: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.int16]]

_PART = re.compile(r"[1-9]|last|.", re.DOTALL)

_INLINE = (
    "abbr b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rb rp rt rtc"
)
_INLINE += " ruby s samp small span strike strong sub sup time tt u var wbr a ref references nowiki"
_INLINE += " noinclude onlyinclude langconvert section translate tvar languages phonos"
_BLOCK = "blockquote br caption center dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p poem ul tr td th"
_BLOCK += " tbody thead tfoot article aside footer header details summary figure figcaption"
_DROPPED = "ref references score timeline style templatestyles graph"
_DROPPED += " mapframe maplink hiero imagemap inputbox indicator categorytree rss"
_DROPPED += " charinsert templatedata dynamicpagelist pagelist quiz script includeonly listing img"
_DROPPED += " choose slideshow ppch mathml"
_CLASSES = (
    (tokens.INLINE_TAG, _INLINE),
    (tokens.BLOCK_TAG, _BLOCK),
    (tokens.DROPPED_TAG, _DROPPED),
    (tokens.LITERAL_TAG, "nowiki"),
    (tokens.CODE_TAG, "pre syntaxhighlight source"),
    (tokens.GALLERY_TAG, "gallery"),
    (tokens.TABLE_TAG, "table"),
)
_FORMULAS = "math chem ce"
_CELLS = "td th"
_MEDIA = ".jpg .jpeg .png .gif .svg .tif .tiff .webp .xcf .djvu .pdf .ogg .oga .ogv .webm .mp3 .wav"
_MEDIA += " .flac .mid .stl"
_PROJECTS = "mw voy wmf rev doi rfc"  # prefixes that look like a language's but are none
_LANGUAGES = "simple nds-nl"
_LONGEST_TITLE = 600  # bytes of a link's target, with its namespace

_SWITCHES = "toc notoc forcetoc noeditsection newsectionlink nonewsectionlink nogallery hiddencat"
_SWITCHES += " noindex staticredirect nocontentconvert nocc notitleconvert notc disambig start end"

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


@dataclass(frozen=True)
class Choices:
    """What is kept beside prose; see the module.

    Attributes:
        tables: whether tables are kept.
        infoboxes: whether boxes of facts are kept.
        math: whether formulas are kept.
        variant: the language variant (`zh-hans`) that converted words are shown in; empty for the
            first choice that the text gives.
    """

    tables: bool = False
    infoboxes: bool = False
    math: bool = False
    variant: str = ""


class Cleaned(NamedTuple):
    """An article.

    Attributes:
        text: lines, paragraphs parted by one empty line; without outer white space; may be empty.
        categories: names of the categories that it lies in, in order.
        kind: `disambiguation` or `list`, where templates or switches say so.
    """

    text: str
    categories: tuple[str, ...]
    kind: str | None


def clean_wikitext(
    text: str,
    dropped: Collection[str] = (),
    *,
    categories: Collection[str] = (),
    title: str = "",
    choices: Choices = Choices(),
) -> Cleaned:
    """The prose of an article, and what its markup tells of it.

    Args:
        text: its wikitext, of any length and content.
        dropped: the wiki's own names of the namespaces whose links are dropped (files, media); those
            of other wikis, and files in any namespace, are known too.
        categories: its own names of the namespace of categories; as above.
        title: of the article, shown for `{{PAGENAME}}`.
        choices: what is kept beside prose.

    >>> clean_wikitext("'''Rom''' ist die [[Stadt|Hauptstadt]]<ref>x</ref> {{Karte}}.").text
    'Rom ist die Hauptstadt.'
    """
    if "{{" in text and title:
        text = _title_words().sub(lambda _: title, text)
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    names = frozenset(dropped) | frozenset(categories)
    found = tokens.tokenise(data, *_tags(choices), *_namespaces(names))
    written = choices.tables * prose.TABLES | choices.infoboxes * prose.INFOBOXES
    cleaned, kinds = prose.write_prose(
        data, found, *_templates(), *_variants(choices.variant), np.int64(written)
    )
    clean: str = cleaned.tobytes().decode("utf-8", "surrogatepass")
    if "&" in clean:
        clean = _ENTITY.sub(lambda match: html.unescape(match[0]), clean)
    kind = None
    if kinds & prose.IS_DISAMBIGUATION or any(word in text for word in _switches()):
        kind = "disambiguation"
    elif kinds & prose.IS_LIST:
        kind = "list"
    of_page = _categories(data, found, _category_names(frozenset(categories)))
    return Cleaned(clean.replace("\uff08\uff09", "").strip(), of_page, kind)


def _categories(
    data: NDArray[np.uint8], found: NDArray[np.int32], names: frozenset[str]
) -> tuple[str, ...]:
    """The categories among the links to files and categories."""
    found = found[(found[:, tokens.KIND] == tokens.FILE) & (found[:, tokens.PARTNER] > 0)]
    if len(found) == 0:
        return ()
    text = data.tobytes()
    categories: dict[str, None] = {}
    for start in found[:, tokens.STOP].tolist():
        target = text[start : start + _LONGEST_TITLE].split(b"]]", 1)[0].split(b"|", 1)[0]
        prefix, _, name = target.decode("utf-8", "replace").partition(":")
        if prefix.replace("_", " ").strip().casefold() in names:
            plain = " ".join(html.unescape(name).replace("_", " ").split())
            if plain and "{" not in plain:
                categories[plain[0].upper() + plain[1:]] = None
    return tuple(categories)


@cache
def words_of(section: str, key: str) -> tuple[str, ...]:
    """A list of `mediawiki.toml`: words parted by space, or by `|` where a name has spaces."""
    value: str = _data()[section][key]
    if "|" in value:
        return tuple(value.split("|"))
    return tuple(part.replace("_", " ") for part in value.split())


@cache
def _data() -> dict[str, Any]:
    file = resources.files("curate.sources") / "mediawiki.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


@cache
def _switches() -> tuple[str, ...]:
    return tuple(_data()["disambiguation"]["switches"].split())


@cache
def _title_words() -> re.Pattern[str]:
    words = "|".join(map(re.escape, words_of("title", "words")))
    return re.compile(r"\{\{\s*(?:" + words + r")\s*\}\}")


@cache
def _category_names(local: frozenset[str]) -> frozenset[str]:
    names = {*local, *words_of("namespaces", "category")}
    return frozenset(name.replace("_", " ").casefold() for name in names)


@cache
def _tags(choices: Choices) -> NameTable:
    numbers: dict[str, int] = {}
    for action, names in _CLASSES:  # the later class wins
        numbers |= dict.fromkeys(names.split(), action)
    action = tokens.FORMULA_TAG if choices.math else tokens.DROPPED_TAG
    numbers |= dict.fromkeys(_FORMULAS.split(), action)
    if choices.tables:
        numbers |= dict.fromkeys(_CELLS.split(), tokens.CELL_TAG)
    return _table({name: 16 * row + kind for row, (name, kind) in enumerate(numbers.items())})


@lru_cache(maxsize=64)
def _namespaces(local: frozenset[str]) -> NameTable:
    values = dict.fromkeys(_SWITCHES.split(), tokens.SWITCH)
    known = [word for key in ("file", "media", "category") for word in words_of("namespaces", key)]
    for name in (*known, *local):
        values |= dict.fromkeys(_spellings(name), tokens.NAMESPACE)
    values |= dict.fromkeys(_MEDIA.split(), tokens.MEDIA)
    values |= dict.fromkeys(_PROJECTS.split(), tokens.PROJECT)
    return _table(values | dict.fromkeys(_LANGUAGES.split(), tokens.LANGUAGE))


def _spellings(name: str) -> tuple[str, ...]:
    """A name as it may be written: only ASCII letters are compared without their case."""
    return (name, name.lower(), name.upper(), name.capitalize())


@cache
def _templates() -> tuple[NDArray[np.uint64], NDArray[np.int16], NDArray[np.int16]]:
    """Names → rows, and int16[rows, SHOWN_PARTS]: see `wikitext_prose.SHOWN_PARTS`."""
    templates = _data()["templates"]
    shown = np.zeros((len(templates) + 1, parts.SHOWN_PARTS), np.int16)
    rows: dict[str, int] = {}
    special = {"last": parts.LAST, "–": parts.EN_DASH}
    for row, template in enumerate(templates, start=1):
        for place, part in enumerate(_PART.findall(template["shows"])):
            shown[row, place] = special.get(part) or (int(part) if part.isdigit() else ord(part))
        for name in template["names"].split():
            for variant in _spellings(name):
                rows.setdefault(variant, row)
    for row, names in (
        (parts.DISAMBIGUATION, words_of("disambiguation", "templates")),
        (parts.LIST, words_of("list", "templates")),
        (parts.INFOBOX, words_of("infoboxes", "names")),
        (parts.TEXT_ARGUMENT, words_of("arguments", "text")),
        (parts.MEDIA_FILE, tuple(_MEDIA.split())),
    ):
        for name in names:
            for variant in _spellings(name):
                rows.setdefault(variant, row)
    keys, values = _table(rows)
    return keys, values, shown


@cache
def _variants(variant: str) -> NameTable:
    chain = _data()["variants"].get(variant, "").split()
    return _table({code: rank for rank, code in enumerate(chain, start=1)})


def _table(values: Mapping[str, int]) -> NameTable:
    """A hash table of names, a quarter full at most, so that looking up ends soon."""
    size = 1 << max(4, (4 * len(values)).bit_length())
    keys, numbers = np.zeros(size, np.uint64), np.zeros(size, np.int16)
    for name, value in values.items():
        data = np.frombuffer(name.encode(), np.uint8)
        key: Any = tokens.name_hash(data, 0, len(data))
        place = int(key) & (size - 1)
        while keys[place] not in (0, key):
            place = (place + 1) & (size - 1)
        keys[place], numbers[place] = key, value
    return keys, numbers
