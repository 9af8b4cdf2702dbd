"""Writes the sample corpus: the same bytes each time.

    python -m flows.recipes.samples.write_samples

The prose is in `prose/*.toml`, the web pages in `pages.py`, what is planted in `planted.py`; here
are the formats: a WARC and a WET archive, a MediaWiki dump, subtitles as OPUS XML, SRT and WebVTT.
"""

from __future__ import annotations

import base64
import bz2
import hashlib
import json
import re
import uuid
from html import escape
from typing import Any

from flows.recipes.samples.pages import Answer, answers, article, gzipped
from flows.recipes.samples.planted import FOLDER, WEB, prose, sentences

MIRK = (
    "'''Mirk''' is a village on the [[Alder (river)|Alder]]. It has a school, a shop and a mill, "
    "and about two hundred people live there.\n\n{{stub}}"
)
REDIRECTS = {"The Comb": "Mount Harrow", "Velmore Blue": "Blue potato", "Alder": "Alder (river)"}
DAMAGED_AFTER = 40  # answers
DATE = "2026-09-14T0{}:{:02}:{:02}Z"

# --- WARC and WET ---------------------------------------------------------------------------------


def record(kind: str, uri: str, content: bytes, mime: str, number: int, **more: str) -> bytes:
    """One WARC record."""
    headers = {
        "WARC-Type": kind,
        "WARC-Target-URI": uri,
        "WARC-Date": DATE.format(number // 3600, number // 60 % 60, number % 60),
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {uri}')}>",
        **{name.replace("_", "-"): value for name, value in more.items()},
        "Content-Type": mime,
        "Content-Length": str(len(content)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return b"WARC/1.0\r\n" + head.encode() + b"\r\n" + content + b"\r\n\r\n"


def digest(payload: bytes) -> str:
    """A payload digest as crawlers write it."""
    return (
        "sha1:" + base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()
    )


def response(answer: Answer, number: int) -> bytes:
    """A response record."""
    head = (
        f"HTTP/1.1 {answer.status}\r\nContent-Type: {answer.kind}\r\n{answer.headers}"
        f"Content-Length: {len(answer.body)}\r\nServer: sample\r\n\r\n"
    )
    return record(
        "response",
        answer.uri,
        head.encode() + answer.body,
        "application/http; msgtype=response",
        number,
        WARC_IP_Address="192.0.2.10",
        WARC_Payload_Digest=digest(answer.body),
    )


def warc() -> bytes:
    """The archive: one gzip member for each record; one is damaged, the last is cut off."""
    info = b"software: the sample writer of this project\r\nformat: WARC File Format 1.0\r\n"
    members = [gzipped(record("warcinfo", "", info, "application/warc-fields", 0))]
    for number, answer in enumerate(answers(), 1):
        if number % 4 == 1:
            path = answer.uri.removeprefix(WEB)
            asked = f"GET {path} HTTP/1.1\r\nHost: www.example.com\r\n\r\n".encode()
            mime = "application/http; msgtype=request"
            members.append(gzipped(record("request", answer.uri, asked, mime, number)))
        members.append(gzipped(response(answer, number)))
        if number % 4 == 1:
            facts = b"fetchTimeMs: 112\r\ncharset-detected: utf-8\r\n"
            mime = "application/warc-fields"
            members.append(gzipped(record("metadata", answer.uri, facts, mime, number)))
        if number == DAMAGED_AFTER:
            members.append(damaged_member())
    seen = b"HTTP/1.1 304 Not Modified\r\nServer: sample\r\n\r\n"
    members.append(
        gzipped(
            record(
                "revisit",
                f"{WEB}/en/market_day",
                seen,
                "application/http; msgtype=response",
                900,
                WARC_Profile="http://netpreserve.org/warc/1.0/revisit/identical-payload-digest",
            )
        )
    )
    last = Answer(
        f"{WEB}/cut-off", article("en", "Cut off", " ".join(sentences(12, "cut"))).encode()
    )
    whole = gzipped(response(last, 901))
    members.append(whole[: len(whole) // 2])
    return b"".join(members)


def damaged_member() -> bytes:
    """A member whose middle was overwritten."""
    lost = Answer(
        f"{WEB}/damaged", article("en", "Damaged", " ".join(sentences(12, "damaged"))).encode()
    )
    whole = bytearray(gzipped(response(lost, 899)))
    middle = len(whole) // 2
    whole[middle : middle + 60] = b"\xff" * 60
    return bytes(whole)


def wet() -> bytes:
    """Plain text of pages, as Common Crawl gives it beside the archive."""
    info = b"Software-Info: the sample writer of this project\r\n"
    members = [gzipped(record("warcinfo", "", info, "application/warc-fields", 0))]
    texts = {
        f"{WEB}/wet/tren": prose("es")["tren"],
        f"{WEB}/wet/sad": prose("ru")["sad"],
        **{f"{WEB}/wet/{name}": text for name, text in prose("wet").items()},
    }
    for number, (uri, text) in enumerate(texts.items(), 1):
        content = f"{text['title']}\n{text['text']}\n".replace("\n\n", "\n").encode()
        mime = "text/plain"
        members.append(gzipped(record("conversion", uri, content, mime, 1000 + number)))
    return b"".join(members)


# --- MediaWiki ------------------------------------------------------------------------------------


def wikitext(made: dict[str, Any]) -> str:
    """An article with its markup."""
    parts = [made["extra"]] if "extra" in made else []
    parts.append(made["lead"])
    for section in made["sections"]:
        parts += [f"== {section['heading']} ==", section["text"]]
        parts += [section["extra"]] if "extra" in section else []
    parts += ["== References ==\n<references />", "[[Category:Velmore County]]"]
    return "\n\n".join(parts)


def wiki() -> bytes:
    """The dump."""
    namespaces = {-2: "Media", -1: "Special", 0: "", 1: "Talk", 2: "User", 6: "File"}
    namespaces |= {10: "Template", 14: "Category"}
    names = "".join(
        f'      <namespace key="{key}" case="first-letter"'
        + (f">{name}</namespace>\n" if name else " />\n")
        for key, name in namespaces.items()
    )
    pages = [(0, title, wikitext(made), "") for title, made in prose("wiki").items()]
    pages += [(0, title, f"#REDIRECT [[{to}]]", to) for title, to in REDIRECTS.items()]
    pages += [
        (0, "Mirk", MIRK, ""),
        (1, "Talk:Velmore", "== Population ==\nWhere does the number come from? ~~~~", ""),
        (10, "Template:Stub", "''This article is short.''<noinclude>Used often.</noinclude>", ""),
    ]
    body = "".join(
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{key}</ns>\n    <id>{i}</id>\n"
        + (f'    <redirect title="{escape(to)}" />\n' if to else "")
        + f"    <revision>\n      <id>{7000 + i}</id>\n      <timestamp>2026-08-{i:02}T12:00:00Z"
        "</timestamp>\n      <contributor><username>Sample</username><id>1</id></contributor>\n"
        "      <model>wikitext</model>\n      <format>text/x-wiki</format>\n"
        f'      <text bytes="{len(text.encode())}" xml:space="preserve">'
        f"{escape(text)}</text>\n    </revision>\n  </page>\n"
        for i, (key, title, text, to) in enumerate(pages, 1)
    )
    return bz2.compress(
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" '
        'xml:lang="en">\n  <siteinfo>\n    <sitename>Sample wiki</sitename>\n'
        "    <dbname>samplewiki</dbname>\n    <base>https://samplewiki.example.org/wiki/Main_Page"
        "</base>\n    <generator>MediaWiki 1.45.0</generator>\n    <case>first-letter</case>\n"
        f"    <namespaces>\n{names}    </namespaces>\n  </siteinfo>\n{body}</mediawiki>\n".encode()
    )


# --- subtitles ------------------------------------------------------------------------------------


def clock(seconds: int, comma: str = ",") -> str:
    """A time as subtitles write it."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{comma}000"


def tokens(cue: str, language: str) -> list[str]:
    """Words and punctuation apart, as the OPUS corpus has them: `don 't`, `l' eau`."""
    elided = r"'[^\W_]+|[^\W_]+" if language == "en" else r"quelqu'un|[^\W_]+'(?=[^\W_])|[^\W_]+"
    return re.findall(elided + r"(?:-[^\W_]+)*|[^\w\s]", cue)


def opus(cues: list[str], language: str) -> bytes:
    """A film in OPUS XML."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', '<document id="1">']
    for i, cue in enumerate(cues, 1):
        lines += [f'  <s id="{i}">', f'    <time id="T{i}S" value="{clock(5 * i)}" />']
        lines += [
            f'    <w id="{i}.{j}">{escape(w)}</w>' for j, w in enumerate(tokens(cue, language), 1)
        ]
        lines += [f'    <time id="T{i}E" value="{clock(5 * i + 4)}" />', "  </s>"]
    return "\n".join([*lines, "</document>", ""]).encode()


def subtitles() -> dict[str, bytes]:
    """All subtitle files: path → bytes."""
    made: dict[str, bytes] = {}
    films = prose("films")
    for film in films.values():
        for language, cues in film["cues"].items():
            if "imdb" in film:
                folder = f"OpenSubtitles/xml/{language}/{film['year']}/{film['imdb']}"
                made[f"{folder}/1.xml.gz"] = gzipped(opus(cues, language))
    again = films["ferry"]["cues"]["en"]
    again = [*again[:3], again[3].replace("boat", "ship"), *again[4:], "Subtitles by nightowl."]
    made["OpenSubtitles/xml/en/2003/90000001/2.xml.gz"] = gzipped(opus(again, "en"))
    signal = films["signal"]
    other = [*signal["cues"]["en"][:4], *signal["other_upload"]["en"], *signal["cues"]["en"][7:]]
    made["OpenSubtitles/xml/en/2016/90000003/2.xml.gz"] = gzipped(opus(other, "en"))
    cut = gzipped(opus(films["orchard"]["cues"]["es"], "es"))
    made["OpenSubtitles/xml/es/2011/90000002/2.xml.gz"] = cut[: len(cut) // 3]
    srt = (
        f"{i}\r\n{clock(4 * i)} --> {clock(4 * i + 3)}\r\n<i>{cue}</i>\r\n\r\n"
        for i, cue in enumerate(films["attic"]["cues"]["de"], 1)
    )
    made["film.srt"] = "".join(srt).encode("cp1252")
    vtt = (
        f"{i}\n{clock(4 * i, '.')} --> {clock(4 * i + 3, '.')} line:90%\n<v Narrator>{cue}</v>\n\n"
        for i, cue in enumerate(films["puddle"]["cues"]["en"], 1)
    )
    made["film.vtt"] = ("WEBVTT\n\nNOTE written by this project\n\n" + "".join(vtt)).encode()
    return made


def files() -> dict[str, bytes]:
    """Every file of the corpus: path → bytes."""
    return {
        "crawl.warc.gz": warc(),
        "crawl.warc.wet.gz": wet(),
        "samplewiki-pages-articles.xml.bz2": wiki(),
        **subtitles(),
        "later.jsonl": later(),
    }


LATER = "https://later.example"
LATER_PAGES: tuple[
    tuple[str, str, str, dict[str, str]], ...
] = (  # address, file of prose, page, replacements
    ("/bakery", "en", "harbour_bakery", {"The": "The bakery at the harbour\n\nThe"}),
    ("/werkstatt", "de", "werkstatt", {"Werkstatt": "Werkstube"}),
    ("/reliure", "fr", "reliure", {"papier": "carton"}),
    ("/ferme", "wet", "ferme", {}),
    ("/ferry", "later", "ferry_strike", {}),
    ("/ferry?utm_source=letter", "later", "tide_clock", {}),
    ("/islanders", "later", "ferry_strike", {"two brothers with a fishing boat": "two brothers"}),
    ("/seilbahn", "later", "seilbahn", {}),
)


def later() -> bytes:
    """Pages of a later crawl, as records."""
    rows: list[dict[str, str]] = []
    for address, name, key, edits in LATER_PAGES:
        facts = prose(name)[key]
        text = facts["text"].strip()
        for old, new in edits.items():
            text = text.replace(old, new, 1)
        url = LATER + address
        rows.append(
            {"id": f"later-{len(rows) + 1}", "url": url, "title": facts["title"], "text": text}
        )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def main() -> None:
    """Write the files beside this script."""
    for name, content in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
