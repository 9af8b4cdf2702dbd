"""Dumps → articles: leftovers of markup, prose kept, pages missed, rates, beside mwparserfromhell.

    python -m benchmarks.wikipedia [FILE …] [--examples 20] [--no-reference]

Without files, all dumps of ../shared/data/wikipedia, also those in its tar. The checks know nothing of
the cleaner: pages are found by lxml, leftovers by regular expressions over the text, and the prose
that must be there by other regular expressions over the wikitext: words of lines of running text of
100 characters or more, outside of templates, tables and references. `kept in order` counts the
trigrams of these words instead, within what no template or reference interrupts. Rates are MB of XML
per second of processor time on one core, over the articles of all dumps repeated to 60 MB.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import re
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from benchmarks.figures import Figure
from curate.recipe import WikipediaSection
from curate.sources import InputFile, Sink
from curate.sources.wikipedia import read
from curate.sources.wikitext import clean_wikitext

DUMPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "wikipedia"
SECTION = WikipediaSection(kind="wikipedia", inputs=("*",))
SPEED_BYTES = 60_000_000
# Pages that show these signs on purpose (about HTML, or programs) count too.
MARKUP = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|''|-\{|\}-|^[|!]|\|\||^==|==$|__[A-Z]+__|<!--|-->"
    r"|\[(?:https?:)?//|\b(?:thumb|miniatur|px)\||&(?:[a-zA-Z]+|#\d+|#x[0-9a-fA-F]+);"
    r"|\w:[^\s:|]+\.(?:jpe?g|png|svg|gif|tiff?|og[gv]|webm)\b(?=\||\]|$)",
    re.MULTILINE,
)
TAG = re.compile(
    r"</?(?:ref|references|br|hr|div|span|small|big|su[bp]|gallery|math|chem|nowiki|table|t[rdh]|center"
    r"|[abipqsu]|em|strong|font|code|pre|poem|blockquote|syntaxhighlight|source|timeline|score|ul|ol|li"
    r"|dl|d[td]|h[1-6]|noinclude|includeonly|onlyinclude|section|imagemap|abbr|cite|del|ins|var|tt"
    r"|ruby|r[tbp]|templatestyles|mapframe|img)\b[^<>]{0,300}/?>|<ref\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_REFERENCE = re.compile(r"<ref\b[^>]*/>|<ref\b[^>]*>.*?</ref\s*>", re.DOTALL | re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}|\{\{\{[^{}]*\}\}\}|-\{[^{}]*\}-")
_TABLE = re.compile(r"^[ :]*\{\|(?:(?!^[ :]*\{\|).)*?^\s*\|\}", re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(
    r"<(math|gallery|timeline|imagemap|source|syntaxhighlight|score|div|table|nowiki|chem|ce)\b[^>]*>"
    r".*?</\1\s*>",
    re.DOTALL | re.IGNORECASE,
)
_PROSE_LINE = re.compile(r"^(?:'{2,5}|\[\[|\"|«|„|“)?\w.{99,}$", re.MULTILINE)
_LINK = re.compile(r"\[\[:?([^\[\]|]*\|)*([^\[\]|]*)\]\]")
_ADDRESS = re.compile(r"\[(?:https?:)?//[^\s\]]+[ ]?([^\]]*)\]")
_SIMPLE_TAG = re.compile(
    r"</?(?:small|su[bp]|span|i|b|u|em|br|big|center|font|p)\b[^<>]*>", re.IGNORECASE
)
_UNCLEAR = re.compile(r"[{}<>|]|\[\[|\]\]|__|&\w+;|&#")
_WORD = re.compile(r"\w+")
_HOLE = "\0"


@dataclass
class Quality:
    """Figures over pages; `examples` show leftovers."""

    articles: int = 0
    documents: int = 0
    markup: int = 0
    tags: int = 0
    words: int = 0
    kept: int = 0
    trigrams: int = 0
    kept_trigrams: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, title: str, wikitext: str, text: str) -> None:
        """Judge the text that was made of a page."""
        self.documents += 1
        for name, pattern in (("markup", MARKUP), ("tags", TAG)):
            if found := pattern.search(text):
                setattr(self, name, getattr(self, name) + 1)
                around = text[max(0, found.start() - 50) : found.end() + 50]
                self.examples.append(f"{name:7} {title}: {around!r}")
        runs = prose(wikitext)
        expected = Counter(word for run in runs for word in run)
        had = Counter(_WORD.findall(text))
        missing = expected - had
        self.words += expected.total()
        self.kept += expected.total() - missing.total()
        order = Counter(three for run in runs for three in zip(run, run[1:], run[2:], strict=False))
        words = _WORD.findall(text)
        lost = order - Counter(zip(words, words[1:], words[2:], strict=False))
        self.trigrams += order.total()
        self.kept_trigrams += order.total() - lost.total()
        if lost.total() > 0.02 * order.total():
            self.examples.append(f"lost    {title}: {lost.most_common(4)}")


def prose(wikitext: str) -> list[list[str]]:
    """The words of running text that any good cleaner keeps, in runs that nothing interrupts."""
    text = _REFERENCE.sub(_HOLE, _COMMENT.sub("", wikitext))
    for _ in range(12):
        text, templates = _TEMPLATE.subn(_HOLE, text)
        if not templates:
            break
    for _ in range(4):
        text, tables = _TABLE.subn("", text)
        if not tables:
            break
    text = _BLOCK.sub(_HOLE, text)
    runs = []
    for line in _PROSE_LINE.findall(text):
        if re.search(r"\[\[[^\[\]|]*:", line):  # files, categories, other wikis: left to others
            continue
        plain = _ADDRESS.sub(r" \1", _LINK.sub(r"\2", line))
        plain = re.sub("'{2,}", "", _SIMPLE_TAG.sub("", plain))
        if not _UNCLEAR.search(plain):
            runs += [_WORD.findall(run) for run in plain.split(_HOLE)]
    return runs


def dumps(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Names and stored bytes."""
    for file in files:
        if file.name.endswith(".tar.gz"):
            with tarfile.open(file) as archive:
                for member in archive:
                    if content := archive.extractfile(member):
                        yield member.name, content.read()
        else:
            yield file.name, file.read_bytes()


def articles_of(data: bytes) -> Iterator[tuple[str, str, str]]:
    """(id, title, wikitext) of every article, by lxml."""
    for _, page in etree.iterparse(io.BytesIO(data), tag="{*}page", huge_tree=True):
        is_article = page.findtext("{*}ns", "0") == "0" and page.find("{*}redirect") is None
        revisions = page.findall("{*}revision")
        revision = max(revisions, key=lambda each: each.findtext("{*}timestamp") or "")
        text = revision.findtext("{*}text") or ""
        is_wikitext = revision.findtext("{*}model", "wikitext") == "wikitext"
        if is_article and is_wikitext and not re.match(r"\s*#\w+:?\s*\[\[[^\]]*\]\]\s*$", text):
            yield page.findtext("{*}id") or "", page.findtext("{*}title") or "", text
        page.clear()


def read_all(data: bytes, name: str) -> Sink:
    """What the reader makes of a dump."""
    sink = Sink("wikipedia", "", name)
    read(io.BytesIO(data), InputFile(name, name, name, len(data), name), SECTION, sink)
    return sink


def reference_text(wikitext: str) -> str:
    """The text by mwparserfromhell: files, categories and references taken out, then `strip_code`."""
    import mwparserfromhell

    code = mwparserfromhell.parse(wikitext)
    for link in code.filter_wikilinks(recursive=True):
        if re.match(r"\s*\w+\s*:", str(link.title)):
            try:
                code.remove(link)
            except ValueError:
                continue  # lay in one that is gone
    for tag in code.filter_tags(recursive=True):
        if str(tag.tag).lower() in {"ref", "table"}:
            try:
                code.remove(tag)
            except ValueError:
                continue
    return str(code.strip_code(normalize=True, collapse=True))


def unpacked(data: bytes) -> bytes:
    """By Python's own libraries."""
    if data.startswith(b"BZh"):
        return bz2.decompress(data)
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def main(words: Sequence[str] | None = None) -> list[Figure]:
    """Print the figures; `words` stand for those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--examples", type=int, default=0, help="of what is left or lost")
    parser.add_argument("--no-reference", action="store_true")
    arguments = parser.parse_args(words)
    clean_wikitext("compiled before the clock runs")
    ours, theirs = Quality(), Quality()
    failed = missed = empty = 0
    pages: list[bytes] = []
    reference_bytes = reference_seconds = 0.0
    has_reference = not arguments.no_reference and _has_mwparserfromhell()
    for name, stored in dumps(arguments.files or sorted(DUMPS.iterdir())):
        data = unpacked(stored)
        pages += re.findall(rb"<page>.*?</page>", data, re.DOTALL)
        expected = {id_: (title, text) for id_, title, text in articles_of(data)}
        try:
            sink = read_all(stored, name)
        except Exception as error:  # noqa: BLE001  # counted
            print(f"{name}: {error!r}")
            failed += 1
            continue
        frame = sink.take_documents()
        skips = sink.take_skipped()
        empty += skips.filter(skips["reason"] == "empty").height
        ids = [source_id.split(":")[-2] for source_id in frame["source_id"]]
        missed += max(0, len(set(expected) - set(ids)) - skips.height)
        ours.articles += len(expected)
        for id_, text in zip(ids, frame["text"], strict=True):
            if id_ not in expected:
                print(f"{name}: page {id_} is no article")
                continue
            title, wikitext = expected[id_]
            ours.add(f"{name}: {title}", wikitext, text)
            if has_reference:
                began = time.process_time()
                other = reference_text(wikitext)
                reference_seconds += time.process_time() - began
                reference_bytes += len(wikitext.encode())
                theirs.add(title, wikitext, other)
    for example in ours.examples[: arguments.examples]:
        print(example)
    figures = compare(ours, theirs if has_reference else None)
    print(f"{'articles (empty once cleaned)':34}{'':10}{f'{ours.articles} ({empty})':>12}")
    print(f"{'articles missed':34}{'0':>10}{missed:>12}")
    print(f"{'dumps failed':34}{'0':>10}{failed:>12}")
    beside = f"{reference_bytes / reference_seconds / 1e6:.1f}" if has_reference else ""
    figures.append(Figure("dumps: articles missed", "0", f"{missed} of {ours.articles}"))
    figures.append(Figure("dumps: failed", "0", str(failed)))
    figures += measure_speed(pages, beside)
    print(
        "Published for these dumps: WikiExtractor 1.3 % markup, 4.2 % tags, 98.3 % kept, 151 missed,"
    )
    print("3.6 MB/s; mwparserfromhell as NeMo Curator uses it 5.0 %, 2.2 %, 99.2 %, 1.1 MB/s.")
    return figures


def compare(ours: Quality, other: Quality | None) -> list[Figure]:
    """Print what is left and kept."""
    print(f"{'figure':34}{'aim':>10}{'reached':>12}{'mwparserfromhell':>20}")
    figures = []
    for label, aim, value in (
        ("pages with leftover markup", "≤ 0.5 %", lambda q: q.markup / q.documents),
        ("pages with leftover tags", "≤ 0.5 %", lambda q: q.tags / q.documents),
        ("prose kept, words", "≥ 99.5 %", lambda q: q.kept / q.words),
        ("prose kept in order, trigrams", "", lambda q: q.kept_trigrams / q.trigrams),
    ):
        beside = f"{value(other):.2%}" if other else "not installed"
        print(f"{label:34}{aim:>10}{value(ours):>12.2%}{beside:>20}")
        figures.append(
            Figure(f"dumps: {label}", aim, f"{value(ours):.2%}", f"mwparserfromhell {beside}")
        )
    return figures


def measure_speed(pages: list[bytes], beside: str) -> list[Figure]:
    """Print the rates over pages that are repeated."""
    once = b"\n".join(page for page in pages if b"\0" not in page)
    repeated = once * (SPEED_BYTES // len(once) + 1)
    data = b"<mediawiki>" + repeated + b"</mediawiki>"
    packed = bz2.compress(data)
    megabytes = len(data) / 1e6
    seconds = {}
    for name, stored in (("plain", data), ("bz2", packed)):
        began = time.process_time()
        read_all(stored, name)
        seconds[name] = time.process_time() - began
    began = time.process_time()
    bz2.decompress(packed)
    seconds["bz2 alone"] = time.process_time() - began
    print(f"{'MB/s of XML, plain':34}{'≥ 15':>10}{megabytes / seconds['plain']:>12.1f}{beside:>20}")
    print(f"{'MB/s of XML, bz2':34}{'':10}{megabytes / seconds['bz2']:>12.1f}")
    print(
        f"{megabytes:.0f} MB of XML: {seconds['plain']:.2f} s plain; {seconds['bz2']:.2f} s as bz2, "
        f"of which the library alone takes {seconds['bz2 alone']:.2f} s"
    )
    return [
        Figure(
            "dumps: MB/s of XML, plain",
            "≥ 15",
            f"{megabytes / seconds['plain']:.1f}",
            f"mwparserfromhell {beside}",
        ),
        Figure(
            "dumps: MB/s of XML, bz2",
            "",
            f"{megabytes / seconds['bz2']:.1f}",
            f"bz2 alone {megabytes / seconds['bz2 alone']:.1f}",
        ),
    ]


def _has_mwparserfromhell() -> bool:
    try:
        import mwparserfromhell  # noqa: F401
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main()
