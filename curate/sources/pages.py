"""Pages of a wiki → documents; what kind of page each is, and in which language."""

from __future__ import annotations

import re

from curate.recipe import WikipediaSection
from curate.sources import InputFile, Sink
from curate.sources.mediawiki_xml import Page, Site
from curate.sources.wikitext import Choices, Cleaned, clean_wikitext, words_of

_REDIRECT = re.compile(
    r"\s*#[^\W\d_]+\s*:?\s*\[\[[^\]\n]*\]\][^\S\n]*(?:\n|$)"
)  # before export 0.4
_FILES, _CATEGORIES = ("-2", "6"), ("14",)  # namespaces

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


class Articles:
    """Makes documents of the pages of a dump.

    Args:
        file: whose label stands for a wiki without a name.
        section: the recipe's.
        sink: takes documents, skips and counts.
        site: what the head of the dump says.
    """

    def __init__(self, file: InputFile, section: WikipediaSection, sink: Sink, site: Site) -> None:
        self._file, self._section, self._sink, self._site = file, section, sink, site
        self._choices = Choices(section.tables, section.infoboxes, section.math, section.variant)

    def take(self, page: Page) -> None:
        """Deliver a page as a document, a skip or a count."""
        sink, site, revision = self._sink, self._site, page.revision
        title, offset = page.fields.get("title", ""), page.offset
        text = revision.get("text", "")
        if "redirect" in page.fields or _REDIRECT.match(text):
            sink.count("redirects")
            return
        if page.fields.get("ns", site.namespace(title)) != "0":  # no <ns> before export 0.6
            sink.count("pages_other_namespace")
            return
        uri = site.address(title)
        model = revision.get("model", "wikitext").strip()
        if not title or "id" not in page.fields:
            sink.skip("damaged", offset=offset, uri=uri, detail="a page without title or id")
        elif model != "wikitext":
            sink.skip("not_wikitext", offset=offset, uri=uri, detail=model)
        elif "too_large" in revision:
            detail = f"more than {self._section.maximum_page_bytes} bytes"
            sink.skip("too_large", offset=offset, uri=uri, detail=detail)
        else:
            self._clean(page, title, text, uri)

    def _clean(self, page: Page, title: str, text: str, uri: str | None) -> None:
        site = self._site
        found = clean_wikitext(
            text,
            site.names(_FILES),
            categories=site.names(_CATEGORIES),
            title=title,
            choices=self._choices,
        )
        if not found.text:
            self._sink.skip("empty", offset=page.offset, uri=uri)
            return
        wiki = site.name or site.base or self._file.label
        ids = (wiki, page.fields["id"], page.revision.get("id", "").strip())
        self._sink.document(
            identity="\0".join(ids),
            source_id=":".join(ids),
            text=found.text,
            uri=uri,
            date=page.revision.get("timestamp", "").strip() or None,
            title=title,
            declared_language=language_of(site.language, site.name),
            categories="|".join(found.categories) or None,
            page_kind=kind_of_page(title, found),
        )
