"""Dumps → documents, beside bare parsers over the same bytes: rates, leftovers of markup, memory.

    python -m benchmarks.wikipedia [FILE …] [--repeat 3]

Without files, the dumps of ../shared/data/wikipedia. Rates are MB of decompressed XML per second,
the best of the repetitions, with compiled code already in the cache. `unpack` is decompression
alone; `expat` and `lxml` walk the unpacked XML without keeping anything; `clean` is MB of
the articles' wikitext, alone; `read` is the whole reader over unpacked XML, and `packed` over the file as it
is. The ratio is that of `read` to `lxml`: how much of a bare walk's speed is left.
"""

from __future__ import annotations

import argparse
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from lxml import etree

from curate.recipe import WikipediaSection
from curate.sources import InputFile, Sink
from curate.sources.packed import Piece, unpack
from curate.sources.wikipedia import read
from curate.sources.wikitext import clean_wikitext

DUMPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "wikipedia"
SECTION = WikipediaSection(kind="wikipedia", inputs=("*",))
# What is left of markup; pages that show these signs on purpose (about HTML, say) count too.
LEFTOVER = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|''|-\{|\}-|^\||__[A-Z]+__|\bthumb\||={2,}|&(?:\w+|#\d+);"
    r"|</?(?:ref|br|div|span|small|su[bp]|gallery|math|nowiki|table|t[rdh]|center|[ibsu]|font)\b",
    re.MULTILINE,
)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    files = arguments.files or sorted(DUMPS.glob("*.xml*"), key=lambda file: -file.stat().st_size)
    clean_wikitext("compiled before the clock runs", ())
    heads = "XML MB", "unpack", "expat", "lxml", "clean", "read", "packed", "ratio"
    print(f"{'MB/s':44}" + "".join(f"{head:>8}" for head in heads) + f"{'articles':>10}{'left':>6}")
    articles = left = 0
    for file in files:
        found, leftovers = measure(file, arguments.repeat)
        articles += found
        left += leftovers
    print(f"articles {articles}, with leftovers {left}: {left / max(articles, 1):.2%}")


def measure(file: Path, repeat: int) -> tuple[int, int]:
    """Print one dump's row; its articles, and those with leftovers."""
    packed = file.read_bytes()
    blocks = unpack(io.BytesIO(packed), file.name, "a dump")
    data = b"".join(block.data for block in blocks if isinstance(block, Piece))
    megabytes = len(data) / 1e6

    def rate(work: Callable[[], object], size: float = megabytes) -> float:
        seconds = []
        for _ in range(repeat):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
        return size / min(seconds)

    texts = wikitexts(data)
    of_texts = sum(len(text.encode()) for text in texts) / 1e6
    rates = [
        rate(lambda: list(unpack(io.BytesIO(packed), file.name, "a dump"))),
        rate(lambda: expat.ParserCreate().Parse(data, True)),
        rate(lambda: walk(data)),
        rate(lambda: [clean_wikitext(text, ()) for text in texts], of_texts),
        rate(lambda: documents(data, file.name)),
        rate(lambda: documents(packed, file.name)),
    ]
    found = documents(data, file.name)
    left = sum(LEFTOVER.search(text) is not None for text in found)
    row = f"{file.name:44}{megabytes:8.1f}" + "".join(f"{value:8.0f}" for value in rates)
    print(f"{row}{rates[4] / rates[2]:8.2f}{len(found):10}{left:6}")
    return len(found), left


def walk(data: bytes) -> None:
    """Bare iteration as commonly written: each page's elements, freed as they end."""
    for _, element in etree.iterparse(io.BytesIO(data), huge_tree=True, resolve_entities=False):
        if element.tag.endswith("}page"):
            element.clear()


def wikitexts(data: bytes) -> list[str]:
    """The wikitext of every article."""
    found = []
    for _, element in etree.iterparse(io.BytesIO(data), huge_tree=True, resolve_entities=False):
        if element.tag.endswith("}page") and element.findtext("{*}ns", "0") == "0":
            if element.find("{*}redirect") is None:
                found.append(element.findtext("{*}revision/{*}text") or "")
            element.clear()
    return found


def documents(data: bytes, name: str) -> list[str]:
    """The texts that the reader makes of a dump."""
    sink = Sink("wikipedia", "", name)
    read(io.BytesIO(data), InputFile(name, name, name, len(data), name), SECTION, sink)
    return sink.take_documents()["text"].to_list()


if __name__ == "__main__":
    main()
