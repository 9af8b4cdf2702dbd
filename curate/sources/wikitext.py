"""Wikitext → clean text: prose as a reader of the article sees it, without what is not prose.

Linear in the text whatever it holds, in two compiled passes (`wikitext_tokens`, `wikitext_prose`).

**Kept:** paragraphs; headings as lines of their own, without those of sections that hold nothing;
items of lists as lines beginning with `- ` (indents and `;`/`:` lines without a marker); labels of
links, of internal ones the target where there is no label; content of inline and block tags; what
nowiki and pre hold, as it is; the first choice of `-{zh-hans:…;zh-hant:…}-`; entities decoded.
**Dropped, with content:** comments, references, tables, galleries, formulas, scores, source code;
links to files, to categories and to the same article in other languages; behaviour switches; and
templates, but for those of `TEMPLATES`, whose arguments are text. Parentheses, and spaces before
punctuation, that a dropped thing leaves behind go with it.
What is never closed: a table, a template or a file takes the rest of its line (and lines that begin
with `|`, which no prose does) with it; of anything else only the mark goes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from curate.sources import wikitext_prose as prose
from curate.sources import wikitext_tokens as tokens

NameTable: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.int16]]

# What templates show: a number is the argument of that number, `last` the last one without a name,
# anything else stands for itself. `wikitext_prose` knows the first three rows by their place.
TEMPLATES: tuple[tuple[str, str], ...] = (
    ("1", "lang-xx"),  # and lang-de, lang-el …
    ("1 2", "convert cvt unité unité/2 nombre quantité val tmp"),
    ("1 2 3 4", "to - – — and or x × by"),  # no templates: convert's second argument
    ("last", "lang langue lng vreemde transl transliteration translit foreign_language"),
    ("1", "nihongo ill interlanguage_link illm lien нп нп3 нп5 не_переведено translation"),
    ("1", "nobr nowrap j nobreak mono small smaller big larger sc small_caps smallcaps"),
    ("1", "abbr tooltip tt polytonic unicode script angbr vr maiuscoletto latin keypress kbd key"),
    ("1", "chiarire incise quote blockquote cquote citazione zitat cytat цитата siècle s- s sp-"),
    ("1", "formatnum: lc: uc: lcfirst: ucfirst: formatnum szám fmt num nts"),
    ("1 2 3", "date date- datum heure daton currency"),
    ("as of 1", "as_of"),
    ("c. 1", "circa c."),
    ("1/2", "frac fraction sfrac"),
    ("–", "snd spnd spaced_ndash ndash endash dash"),
    ("'", "' apostrophe"),
    ("=", "="),
)
_PART = re.compile(r"[1-9]|last|.", re.DOTALL)

_INLINE = (
    "abbr b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rb rp rt rtc"
)
_INLINE += " ruby s samp small span strike strong sub sup time tt u var wbr a ref references nowiki"
_INLINE += " noinclude onlyinclude langconvert section translate tvar languages phonos"
_BLOCK = "blockquote br caption center dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p poem ul tr td th"
_BLOCK += " tbody thead tfoot article aside footer header details summary figure figcaption"
_DROPPED = "ref references gallery math chem ce score timeline style templatestyles source graph"
_DROPPED += " syntaxhighlight mapframe maplink hiero imagemap inputbox indicator categorytree rss"
_DROPPED += " charinsert templatedata dynamicpagelist pagelist quiz script includeonly listing img"
_DROPPED += " choose slideshow ppch mathml"
_CLASSES = (
    (tokens.INLINE_TAG, _INLINE),
    (tokens.BLOCK_TAG, _BLOCK),
    (tokens.DROPPED_TAG, _DROPPED),
    (tokens.LITERAL_TAG, "nowiki pre"),
    (tokens.TABLE_TAG, "table"),
)
_NAMESPACES = "file image media category"
_MEDIA = ".jpg .jpeg .png .gif .svg .tif .tiff .webp .xcf .djvu .pdf .ogg .oga .ogv .webm .mp3 .wav"
_MEDIA += " .flac .mid .stl"
_PROJECTS = "mw voy wmf rev doi rfc"  # prefixes that look like a language's but are none
_LANGUAGES = "simple nds-nl"

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def clean_wikitext(text: str, namespaces: Collection[str]) -> str:
    """The prose of an article.

    Args:
        text: its wikitext, of any length and content.
        namespaces: the wiki's own names of the file, media and category namespaces, whose links
            are dropped; English ones, and files in any namespace, are known.

    Returns:
        Lines, paragraphs parted by one empty line; without outer white space; may be empty.

    >>> clean_wikitext("'''Rom''' ist die [[Stadt|Hauptstadt]]<ref>x</ref> {{Karte}}.", ())
    'Rom ist die Hauptstadt.'
    """
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    found = tokens.tokenise(data, *_tags(), *_namespaces(frozenset(namespaces)))
    cleaned = prose.write_prose(data, found, *_templates())
    clean: str = cleaned.tobytes().decode("utf-8", "surrogatepass")
    if "&" in clean:
        clean = _ENTITY.sub(lambda match: html.unescape(match[0]), clean)
    return clean.replace("\uff08\uff09", "").strip()


@lru_cache(maxsize=1)
def _tags() -> NameTable:
    numbers = {}
    for action, names in _CLASSES:  # the later class wins
        for name in names.split():
            numbers[name] = action
    return _table({name: 8 * row + kind for row, (name, kind) in enumerate(numbers.items())})


@lru_cache(maxsize=64)
def _namespaces(local: frozenset[str]) -> NameTable:
    values = dict.fromkeys(_NAMESPACES.split(), tokens.NAMESPACE)
    for name in local:
        for variant in (name, name.lower(), name.upper(), name.capitalize()):
            values[variant] = tokens.NAMESPACE
    values |= dict.fromkeys(_MEDIA.split(), tokens.MEDIA)
    values |= dict.fromkeys(_PROJECTS.split(), tokens.PROJECT)
    return _table(values | dict.fromkeys(_LANGUAGES.split(), tokens.LANGUAGE))


@lru_cache(maxsize=1)
def _templates() -> tuple[NDArray[np.uint64], NDArray[np.int16], NDArray[np.int16]]:
    """Names → rows, and int16[rows, SHOWN_PARTS]: see `wikitext_prose.SHOWN_PARTS`."""
    shown = np.zeros((len(TEMPLATES) + 1, prose.SHOWN_PARTS), np.int16)
    rows: dict[str, int] = {}
    special = {"last": prose.LAST, "–": prose.EN_DASH}
    for row, (parts, names) in enumerate(TEMPLATES, start=1):
        for place, part in enumerate(_PART.findall(parts)):
            shown[row, place] = special.get(part) or (int(part) if part.isdigit() else ord(part))
        for name in names.split():
            for variant in (name, name.capitalize(), name.upper()):
                rows.setdefault(variant, row)
    keys, values = _table(rows)
    return keys, values, shown


def _table(values: Mapping[str, int]) -> NameTable:
    """A hash table of names, a quarter full at most, so that looking up ends soon."""
    size = 1 << (4 * len(values)).bit_length()
    keys, numbers = np.zeros(size, np.uint64), np.zeros(size, np.int16)
    for name, value in values.items():
        data = np.frombuffer(name.encode(), np.uint8)
        key: Any = tokens.name_hash(data, 0, len(data))
        place = int(key) & (size - 1)
        while keys[place] not in (0, key):
            place = (place + 1) & (size - 1)
        keys[place], numbers[place] = key, value
    return keys, numbers
