"""The names that the HTML scanner knows: tags, attributes, facts, layout words, references.

Each becomes an open-addressed table of 64-bit hashes, whose free places hold 0. Element classes
follow the WHATWG HTML standard (13.1.2, 13.2.4.2, 13.2.6, 15.3); the named references are those of
the standard, as Python's `html.entities` lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from html.entities import html5
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# --- what a tag does
VOID = 1 << 0
RAW = 1 << 1  # its content is text without markup, up to its end tag
REFERENCES = 1 << 2  # of RAW: character references count in it
DROPPED = 1 << 3  # nothing in it is shown
BLOCK = 1 << 4  # text before and after it is not of one line
CLOSES_P = 1 << 5
BARRIER = 1 << 6  # no end tag reaches out of it
SPECIAL = 1 << 7  # no end tag of an inline element reaches out of it
HEADING = 1 << 8
FORMATTING = 1 << 9  # its end tag closes it alone, even when other elements are open in it
BREAKOUT = 1 << 10  # ends SVG and MathML
KEEPS_SPACE = 1 << 11
BOLD = 1 << 12
STOPS_ITEM = 1 << 13  # a new list item does not close an item outside of it
CELL = 1 << 14
ROW = 1 << 15
ROWS = 1 << 16
MONOSPACE = 1 << 17
IGNORED = 1 << 18  # the tag opens nothing

_CLASSES: dict[int, str] = {
    VOID: "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr image",
    RAW: "script style iframe noembed noframes noscript xmp title textarea plaintext",
    REFERENCES: "title textarea",
    DROPPED: "script style iframe noembed noframes noscript textarea template svg select datalist option optgroup audio video canvas rp rt head annotation annotation-xml",
    BLOCK: "address article aside blockquote body button caption center dd details dialog dir div dl dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol optgroup option p plaintext pre search section summary table tbody td tfoot th thead tr ul xmp",
    CLOSES_P: "address article aside blockquote center details dialog dir div dl dd dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul xmp",
    BARRIER: "applet caption html table td th marquee object template",
    SPECIAL: "address applet area article aside base basefont bgsound blockquote body br button caption center col colgroup dd details dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe img input keygen li link listing main marquee menu meta nav noembed noframes noscript object ol p param plaintext pre script search section select source style summary table tbody td template textarea tfoot th thead title tr track ul wbr xmp",
    HEADING: "h1 h2 h3 h4 h5 h6",
    FORMATTING: "a b big code em font i nobr s small strike strong tt u",
    BREAKOUT: "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var article section main nav footer header aside form",
    KEEPS_SPACE: "pre listing xmp plaintext",
    BOLD: "b strong",
    STOPS_ITEM: "applet article aside blockquote button caption center colgroup dd details dir dl dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup html li listing main marquee menu nav object ol plaintext pre search section select summary table tbody td template tfoot th thead tr ul",
    CELL: "td th",
    ROW: "tr",
    ROWS: "tbody thead tfoot caption",
    MONOSPACE: "code kbd samp tt",
    IGNORED: "html head body frameset colgroup col frame",
}

# --- elements that blocks know themselves to be in, as bits
CONTEXTS = [
    "article",
    "main",
    "nav",
    "header",
    "footer",
    "aside",
    "form",
    "list",
    "table",
    "quote",
    "figure",
    "section",
    "heading",
    "details",
    "hidden",
    "button",
    "address",
    "pre",
    "cell",
    "item",
    "caption",
    "definition",
    "dialog",
    "paragraph",
]
_CONTEXT_TAGS = {
    "article": "article", "main": "main", "nav": "nav", "header": "header", "footer": "footer",
    "aside": "aside", "form": "form", "ul": "list", "ol": "list", "menu": "list", "dir": "list",
    "table": "table", "blockquote": "quote", "figure": "figure", "section": "section",
    "details": "details", "button": "button", "address": "address", "pre": "pre",
    "td": "cell", "th": "cell", "li": "item", "figcaption": "caption", "caption": "caption",
    "dl": "definition", "dialog": "dialog", "p": "paragraph",
    "h1": "heading", "h2": "heading", "h3": "heading", "h4": "heading", "h5": "heading",
    "h6": "heading", "fieldset": "form", "legend": "form", "summary": "details",
}  # fmt: skip
ROLES = {
    "main": "main", "article": "article", "navigation": "nav", "banner": "header",
    "contentinfo": "footer", "complementary": "aside", "search": "form", "form": "form",
    "dialog": "dialog", "alertdialog": "dialog", "menu": "nav", "menubar": "nav", "button": "button",
    "tablist": "nav", "alert": "dialog",
}  # fmt: skip
CONTEXT_BIT = {name: 1 << place for place, name in enumerate(CONTEXTS)}

# Tags that the code asks for by number; 0 stands for every tag that is not listed.
_NAMED = [
    "a",
    "p",
    "li",
    "dd",
    "dt",
    "table",
    "tr",
    "td",
    "th",
    "form",
    "button",
    "select",
    "option",
    "optgroup",
    "br",
    "hr",
    "img",
    "svg",
    "math",
    "title",
    "script",
    "html",
    "body",
    "head",
    "meta",
    "link",
    "time",
    "base",
    "annotation",
    "foreignobject",
    "desc",
    "input",
    "textarea",
    "ul",
    "ol",
    "pre",
    "plaintext",
    "noscript",
    "span",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "caption",
    "article",
    "section",
]
TAGS: dict[str, int] = {name: place for place, name in enumerate(_NAMED, 1)}
for _names in _CLASSES.values():
    for _name in _names.split():
        TAGS.setdefault(_name, len(TAGS) + 1)
for _name in _CONTEXT_TAGS:
    TAGS.setdefault(_name, len(TAGS) + 1)

ATTRIBUTES = [
    "class",
    "id",
    "href",
    "rel",
    "name",
    "property",
    "content",
    "datetime",
    "lang",
    "style",
    "hidden",
    "aria-hidden",
    "http-equiv",
    "type",
    "alttext",
    "role",
    "itemprop",
    "encoding",
    "start",
    "value",
]
ATTRIBUTE = {name: place for place, name in enumerate(ATTRIBUTES)}

# --- facts about a page
FACTS = [
    "title",
    "og_title",
    "html_lang",
    "meta_language",
    "date_published",
    "date_other",
    "canonical",
    "licence",
    "licence_link",
    "time",
    "json_ld",
    "robots",
    "tdm",
    "base",
    "og_type",
    "date_modified",
]
FACT = {name: place for place, name in enumerate(FACTS, 1)}
_META = {
    "title": "og_title", "og:title": "og_title", "twitter:title": "og_title", "dc.title": "og_title",
    "content-language": "meta_language", "language": "meta_language", "dc.language": "meta_language",
    "article:published_time": "date_published", "datepublished": "date_published",
    "og:published_time": "date_published", "article:published": "date_published",
    "publishdate": "date_published", "publish_date": "date_published", "pubdate": "date_published",
    "publication_date": "date_published", "parsely-pub-date": "date_published",
    "sailthru.date": "date_published", "dc.date.issued": "date_published",
    "dcterms.issued": "date_published", "dcterms.created": "date_published",
    "citation_publication_date": "date_published", "citation_date": "date_published",
    "cxenseparse:recs:publishtime": "date_published", "article.published": "date_published",
    "dc.date.created": "date_published", "datecreated": "date_published",
    "date": "date_other", "dc.date": "date_other", "dcterms.date": "date_other",
    "article_date_original": "date_other", "article:post_date": "date_other",
    "robots": "robots", "googlebot": "robots", "tdm-reservation": "tdm", "og:type": "og_type",
}  # fmt: skip

# --- words of layout in class and id: several spellings of one idea share a bit
WORDS = """
nav navigation navbar navi menu menus submenu mainmenu topnav navbars mainnav
side sidebar sidebars rightcolumn leftcolumn sidenav rail
foot footer bottom colophon pagefooter sitefooter
head header masthead topbar siteheader pageheader
comment comments commentlist commenting kommentar kommentare commentaire commentaires comentarios commenti discussion
disqus respond reply replies thread threads livefyre
share sharing shares sharebar addthis sharedaddy addtoany
social socials facebook twitter instagram whatsapp pinterest follow followus
related similar relate relatedposts yarpp jp weitere
recommend recommended recommendation recommendations outbrain taboola
promo promos promotion promoted sponsor sponsored partner partners
ad ads adv advert adverts advertise advertisement advertising anzeige werbung pub adsense adslot adbox
banner banners billboard leaderboard
cookie cookies consent gdpr privacy ccpa
newsletter newsletters subscribe subscription signup mailing abo optin mailchimp
login signin register account user users member
breadcrumb breadcrumbs crumb crumbs trail path
pagination pager paging pages nextprev paginate wp-pagenavi
tag tags tagcloud keyword keywords label labels topics topic
category categories cat cats kategorie rubric
meta metadata postmeta entrymeta info infos infobox
byline author authors autor writer credits authorbox vcard
bio profile about
date time datetime timestamp published pubdate posted updated
caption captions legend wp-caption imagecaption bildunterschrift figcaption
credit copyright rights legal source sources quelle imprint disclaimer
image images img photo photos picture pictures figure thumb thumbnail thumbnails thumbs icon icons media
gallery galleries slideshow slider carousel slide slides swiper lightbox
video videos player audio embed podcast playlist
widget widgets module modules gadget portlet
popup pop modal overlay lightbox dialog tooltip flyout
hidden hide invisible none sr screenreader visually skip offscreen assistive
print noprint toolbar tools tool toolbox action actions
content contents contenu inhalt inhoud contenido conteudo maincontent contentmain pagecontent innercontent
article articles artikel articulo articolo news newsitem
post posts single singlepost hentry blogpost postarea
entry entries entrycontent articlebody articletext postcontent postbody storybody articlecontent newstext
story stories
body bodytext bodycopy articlecontents maintext
text texte txt richtext prose copy paragraph paragraphs wysiwyg markdown rte
main primary mainbody principal hauptinhalt
page single
blog
description descriptions desc
summary abstract excerpt teaser teasers snippet
lead lede intro introduction standfirst dek kicker vorspann deck chapo
headline headlines title titles heading pagetitle entrytitle posttitle
subtitle subheading subhead subheadline tagline
toc tableofcontents
table tables grid
list lists listing listings index archive archives
item items card cards tile tiles box boxes
feed feeds stream rss
latest recent newest neueste
popular trending hot mostread most top best meistgelesen
more mehr readmore weiterlesen
next previous prev
contact kontakt address location map maps
search suche searchform query
form forms input field fields
rating ratings review reviews stars vote votes
question questions answer answers faq qa
message messages topicpost forum phorum thread
quote quotes blockquote pull pullquote inset zitat
link links linklist blogroll
product products price prices shop cart offer offers buy
event events calendar
section sections block blocks row
column columns col
right left
wrapper wrap container inner outer
logo brand
button buttons btn cta
language languages lang
note notes notice alert warning message footnote footnotes reference references
secondary extra tertiary supplementary aux
code codehighlighter highlight syntaxhighlighter prettyprint
job jobs
paywall premium piano
recipe recipes ingredient ingredients
chapter lyrics poem
answer accepted
""".strip()

Table = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]


class Names(NamedTuple):
    """Tables that the scanner looks names up in; `flags` and `contexts` go by a tag's number."""

    tags: npt.NDArray[np.uint64]
    tag_numbers: npt.NDArray[np.int64]
    flags: npt.NDArray[np.int64]
    contexts: npt.NDArray[np.int64]
    attributes: npt.NDArray[np.uint64]
    attribute_numbers: npt.NDArray[np.int64]
    metas: npt.NDArray[np.uint64]
    meta_facts: npt.NDArray[np.int64]
    roles: npt.NDArray[np.uint64]
    role_contexts: npt.NDArray[np.int64]
    words: npt.NDArray[np.uint64]
    word_numbers: npt.NDArray[np.int64]
    references: npt.NDArray[np.uint64]
    characters: npt.NDArray[np.int64]


def name_hash(name: str) -> int:
    """FNV-1a (64 bits) of a name's UTF-8 bytes; the scanner computes the same."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFF_FFFF_FFFF_FFFF
    return state


def table_of(values: Mapping[str, int]) -> Table:
    """Names and the positive numbers that they stand for, as an open-addressed table."""
    size = 16
    while size < 3 * len(values):
        size *= 2
    keys, numbers = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    for name, number in values.items():
        key = name_hash(name)
        place = key & (size - 1)
        while keys[place]:
            place = (place + 1) & (size - 1)
        keys[place], numbers[place] = key, number
    return keys, numbers


WORD_GROUPS = len(WORDS.splitlines())


@cache
def names() -> Names:
    """All tables, built once in a process."""
    count = len(TAGS) + 1
    flags, contexts = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for flag, listed in _CLASSES.items():
        for name in listed.split():
            flags[TAGS[name]] |= flag
    for name, context in _CONTEXT_TAGS.items():
        contexts[TAGS[name]] = CONTEXT_BIT[context]
    words: dict[str, int] = {}
    for group, line in enumerate(WORDS.splitlines()):
        for word in line.split():
            words.setdefault(word, group + 1)
    return Names(
        *table_of(TAGS),
        flags,
        contexts,
        *table_of(_numbered(ATTRIBUTES)),
        *table_of({name: FACT[fact] for name, fact in _META.items()}),
        *table_of({name: CONTEXT_BIT[context] for name, context in ROLES.items()}),
        *table_of(words),
        *table_of({name: _packed(text) for name, text in html5.items()}),
    )


def _numbered(listed: Iterable[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(listed, 1)}


def _packed(text: str) -> int:
    """One or two code points in one number."""
    return ord(text[0]) | (ord(text[1]) << 32 if len(text) > 1 else 0)
