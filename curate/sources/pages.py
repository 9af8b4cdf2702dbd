"""What kind of page an article of a wiki is, and in which language: by `mediawiki.toml`."""

from __future__ import annotations

from curate.sources.wikitext import Cleaned, words_of

# Where the name of a wiki is no ISO 639 code, or that of another language: Wikimedia's own list
# (meta.wikimedia.org, "Special language codes").
_LANGUAGES = {
    "als": "gsw",
    "bat-smg": "sgs",
    "be-x-old": "be",
    "be-tarask": "be",
    "bh": "bho",
    "cbk-zam": "cbk",
    "eml": "egl",
    "fiu-vro": "vro",
    "map-bms": "jv",
    "mo": "ro",
    "nds-nl": "nds",
    "no": "nb",
    "nrm": "nrf",
    "roa-rup": "rup",
    "roa-tara": "nap",
    "simple": "en",
    "zh-classical": "lzh",
    "zh-min-nan": "nan",
    "zh-yue": "yue",
}
_PROJECTS = (
    "wiktionary",
    "wikibooks",
    "wikinews",
    "wikiquote",
    "wikisource",
    "wikiversity",
    "wikivoyage",
    "wiki",
)


def language_of(declared: str, name: str) -> str | None:
    """The ISO 639 code of a wiki's language.

    Args:
        declared: the dump's `xml:lang`; may be empty.
        name: the wiki's `dbname`, which tells where nothing is declared.

    >>> language_of("", "zh_yuewiki")
    'yue'
    """
    code = declared.lower()
    if not code:
        project = next((project for project in _PROJECTS if name.endswith(project)), "")
        code = name.removesuffix(project).replace("_", "-") if project else ""
    return _LANGUAGES.get(code, code.partition("-")[0]) or None


def kind_of_page(title: str, found: Cleaned) -> str | None:
    """`disambiguation`, `list` or None: by templates, switches, categories and the title."""
    if found.kind == "disambiguation" or title.endswith(words_of("disambiguation", "titles_end")):
        return "disambiguation"
    if any(name.startswith(words_of("disambiguation", "categories")) for name in found.categories):
        return "disambiguation"
    if (
        found.kind == "list"
        or title.startswith(words_of("list", "titles_begin"))
        or title.endswith(words_of("list", "titles_end"))
        or any(name.startswith(words_of("list", "categories")) for name in found.categories)
    ):
        return "list"
    return None
