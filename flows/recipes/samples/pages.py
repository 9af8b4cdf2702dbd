"""The web pages of the sample corpus: articles, a forum, a shop, and pages of other kinds."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from html import escape

from flows.recipes.samples.planted import COPIED, EDITED, WEB, generated, page, prose

CHARSETS = {  # name of the prose → (declared, written); all others are UTF-8
    "potager": ("windows-1252", "cp1252"),
    "cinema": ("iso-8859-1", "latin-1"),
    "huerto": ("utf-8", "cp1252"),  # mislabelled
    "flussbad": ("", "cp1252"),  # not labelled
    "reka": ("windows-1251", "cp1251"),
    "masterskaya": ("koi8-r", "koi8-r"),
}
BARE = {"chorus", "refrain", "short_lines", "bullets", "headlines"}


@dataclass(frozen=True)
class Answer:
    """What a server answers to a request."""

    uri: str
    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: str = "200 OK"
    headers: str = ""


def blocks(text: str) -> str:
    """A text as HTML paragraphs; a single line feed is a line break."""
    parts = (escape(part, quote=False).replace("\n", "<br>\n") for part in text.split("\n\n"))
    return "\n".join(f"<p>{part}</p>" for part in parts)


def document(language: str, title: str, body: str, charset: str = "utf-8") -> str:
    """A whole HTML page around a body."""
    meta = f'<meta charset="{charset}">\n' if charset else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n{meta}<title>{escape(title)}</title>\n'
        "<style>body { font-family: serif } nav a { padding: 1em }</style>\n"
        "<script>var shown = Date.now(); function menu() { return shown; }</script>\n"
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def article(language: str, title: str, text: str, charset: str = "utf-8") -> str:
    """A page with a menu, a cookie banner, an article and a footer."""
    home, news, about, contact, cookies = prose("menus")[language]
    links = "".join(
        f'<li><a href="/{language}/{i}">{label}</a></li>'
        for i, label in enumerate((home, news, about, contact))
    )
    heading = f"<h1>{escape(title, quote=False)}</h1>\n" if title else ""
    return document(
        language,
        title or home,
        f'<div class="cookie-banner" id="cookie-consent"><p>{cookies}</p><button>OK</button></div>\n'
        f'<header><nav class="menu"><ul>{links}</ul></nav></header>\n'
        f"<main><article>\n{heading}{blocks(text)}\n</article></main>\n"
        f'<aside class="sidebar"><ul>{links}</ul></aside>\n'
        f'<footer><p>© 2026 example.com · <a href="/imprint">{about}</a></p></footer>',
        charset,
    )


def journal(language: str, title: str, text: str, charset: str = "utf-8") -> str:
    """A page of an older kind: divisions instead of article and main."""
    home, news, about, contact, _ = prose("menus")[language]
    links = " | ".join(f'<a href="/{i}.html">{x}</a>' for i, x in enumerate((home, news, about)))
    return document(
        language,
        title,
        f'<div id="header" class="navigation">{links}</div>\n<div id="content" class="post">\n'
        f"<h2>{escape(title, quote=False)}</h2>\n{blocks(text)}\n</div>\n"
        f'<div id="footer" class="footer"><a href="/mail.html">{contact}</a></div>',
        charset,
    )


def forum(title: str, text: str) -> str:
    """A thread; each paragraph is a post."""
    posts = "\n".join(
        f'<div class="post" id="p{i}"><div class="author">member{i}</div>'
        f'<div class="post-body"><p>{escape(part, quote=False)}</p></div></div>'
        for i, part in enumerate(text.split("\n\n"), 1)
    )
    return document("en", title, f'<h1>{escape(title)}</h1>\n<div class="thread">\n{posts}\n</div>')


def shop(title: str, text: str) -> str:
    """A product page."""
    return document(
        "en",
        title,
        '<nav><a href="/">Shop</a> <a href="/cart">Cart (0)</a></nav>\n<main>\n'
        f'<h1>{escape(title)}</h1>\n<div class="description">\n{blocks(text)}\n</div>\n'
        "<button>Add to cart</button>\n</main>\n<footer>Prices include tax.</footer>",
    )


def table(title: str, text: str) -> str:
    """A text above a table."""
    rows = "".join(
        f"<tr><td>{day}</td><td>0{3 + i // 2}:{10 + 7 * i}</td><td>{3 + i / 10:.1f} m</td></tr>\n"
        for i, day in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"))
    )
    head = "<tr><th>Day</th><th>High water</th><th>Height</th></tr>\n"
    return document(
        "en",
        title,
        f"<main><h1>{escape(title)}</h1>\n{blocks(text)}\n<table>\n{head}{rows}</table></main>",
    )


def links_page() -> str:
    """A page that is nothing but links."""
    entries = "".join(f'<li><a href="/n/{i}">Notice {i}</a></li>\n' for i in range(1, 31))
    return document("en", "All notices", f"<h1>All notices</h1>\n<ul>\n{entries}</ul>")


def gzipped(content: bytes) -> bytes:
    """A gzip member; `gzip.compress` writes another header in each version of Python."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    sums = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return head + deflate.compress(content) + deflate.flush() + sums


def chunked(body: bytes) -> bytes:
    """A body in chunks of 500 bytes, as servers send it."""
    pieces = [body[i : i + 500] for i in range(0, len(body), 500)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in [*pieces, b""])


def wiki_plain(text: str) -> str:
    """Wikitext of the sample wiki without its markup."""
    text = re.sub(r"<ref>.*?</ref>|\{\{.*?\}\}|'''", "", text)
    return re.sub(r"\[\[(?:[^|\]]*\|)?([^\]]*)\]\]", r"\1", text)


def prose_pages() -> list[Answer]:
    """The pages of plain prose, in seven languages and six encodings."""
    found: list[Answer] = []
    for language in ("en", "de", "fr", "es", "it", "ru", "el"):
        for number, (name, text) in enumerate(prose(language).items()):
            declared, written = CHARSETS.get(name, ("utf-8", "utf-8"))
            make = journal if number % 3 == 1 else article
            body = make(language, text["title"], text["text"], declared).encode(written)
            kind = "text/html" + (f"; charset={declared}" if declared and number % 2 else "")
            headers = ""
            if name == "bottega":
                body = chunked(gzipped(body))
                headers = "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n"
            found.append(Answer(f"{WEB}/{language}/{name}", body, kind, headers=headers))
    return found


MADE_BY = {
    "angry_reader": forum,
    "angry_driver": forum,
    "angry_gamer": forum,
    "angry_german": forum,
    "thread_bench": forum,
    "kettle": shop,
    "tide_table": table,
}


def planted_pages() -> dict[str, str]:
    """The planted pages: name → HTML."""
    pages: dict[str, str] = {}
    for name, text in prose("planted").items():
        language, title = text.get("language", "en"), text["title"]
        if name in BARE:
            pages[name] = document(language, title or name, blocks(text["text"]))
        elif name in MADE_BY:
            pages[name] = MADE_BY[name](title, text["text"])
        else:
            pages[name] = article(language, title, text["text"])
    for name, content in generated().items():
        pages[name] = article("en", name.replace("_", " ").capitalize(), content)
    for name, (language, base, replacements, ending) in EDITED.items():
        original = prose(language)[base]
        content = original["text"]
        for old, new in replacements.items():
            content = content.replace(old, new)
        pages[name] = article(language, original["title"], content + ending)
    for name, (language, base) in COPIED.items():
        original = prose(language)[base]
        pages[name] = article(language, original["title"], original["text"])
    copied = prose("wiki")["Grey Sound"]
    parts = [copied["lead"]]
    for section in copied["sections"]:
        parts += [section["heading"], section["text"]]
    mirror = wiki_plain("\n\n".join([*parts, "Copied from the sample wiki."]))
    pages["wiki_mirror"] = article("en", "", mirror)
    return pages


def answers() -> list[Answer]:
    """All answers of the sample crawl, in an order drawn by hash."""
    gone = document("en", "Not found", "<h1>404</h1><p>This page is gone.</p>")
    found = [
        *prose_pages(),
        *(Answer(page(name), html.encode()) for name, html in planted_pages().items()),
        Answer(f"{WEB}/api/stops.json", b'{"stops": ["Harbour", "Mill"]}', "application/json"),
        Answer(f"{WEB}/files/tides.pdf", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "application/pdf"),
        Answer(f"{WEB}/gone", gone.encode(), status="404 Not Found"),
        Answer(f"{WEB}/empty", b""),
        Answer(f"{WEB}/blank", document("en", "", "<div></div>").encode()),
        Answer(f"{WEB}/notices", links_page().encode()),
    ]
    return sorted(found, key=lambda answer: hashlib.blake2b(answer.uri.encode()).digest())
