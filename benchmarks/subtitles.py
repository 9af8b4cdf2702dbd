"""How fast subtitles are read: `python -m benchmarks.subtitles`.

Prints MB/s of unpacked bytes through `curate.sources.subtitles.read` (sniffing, hashing, decoding,
detokenising, cleaning, joining into documents), and of the same XML through the two parsers that
only iterate it and join its words. Where `../shared/data` is, the real files too: nearly all of
them are smaller than a film, and most test a parser.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import re
import tarfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ftfy.badness import badness
from lxml import etree

from benchmarks.figures import Figure
from curate.errors import InputError
from curate.recipe import SubtitlesSection
from curate.sources import InputFile, Sink
from curate.sources.subtitles import read

SECTION = SubtitlesSection(kind="subtitles", inputs=("film",))
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "subtitles"
SMALL_BYTES = 10_000
MARKUP = re.compile(
    r"</?[a-zA-Z][^<>\n]{0,80}>|\{\\[^{}\n]*\}|\{[A-Za-z]:[^{}\n]*\}|&(?:amp|lt|gt|nbsp|#\d+);"
)
MOST_BADNESS = 5  # by ftfy, of a short text: degree signs and quotes have some
BADNESS_CHARACTERS = 1000  # one sequence that looks like mojibake in so many may be a real one
WORDS = ["the", "and", "you", "it", "'ll", "'s", ",", ".", "?", "...", "world", "remember", "city"]


def main() -> list[Figure]:
    """Print the rates."""
    dice = random.Random(7)
    films = [[dice.choices(WORDS, k=dice.randint(2, 14)) for _ in range(1500)] for _ in range(8)]
    xml = [opus(film) for film in films]
    rates = {
        "OPUS XML, curate": rate(xml, read_films),
        "OPUS XML, xml.etree": rate(xml, iterate_etree),
        "OPUS XML, lxml": rate(xml, iterate_lxml),
        "SubRip, curate": rate([srt(film) for film in films], read_films),
        "WebVTT, curate": rate([vtt(film) for film in films], read_films),
    }
    real = real_files()
    for name, some in real.items():
        if some:
            rates[f"{name} ({len(some)} files)"] = rate(some, read_films)
    others = [data for kind, some in real.items() if kind != "real OPUS XML" for data in some]
    rates[f"the real archive but OPUS XML ({len(others)} files)"] = rate(others, read_films)
    whole = [data for some in real.values() for data in some]
    rates[f"the whole real archive ({len(whole)} files)"] = rate(whole, read_films)
    reference = rates["OPUS XML, lxml"]
    for name, megabytes in rates.items():
        print(f"{name:42} {megabytes:7.1f} MB/s  {megabytes / reference:5.2f} of lxml")
    aims = {"OPUS XML, curate": "≥ lxml", "the whole real archive": "≥ 40"}
    figures = [
        Figure(f"{name}, MB/s", next((aims[a] for a in aims if name.startswith(a)), ""), f"{rate:.1f}",
               f"lxml {reference:.1f}" if "OPUS" in name else "")
        for name, rate in rates.items() if "lxml" not in name and "etree" not in name
    ]  # fmt: skip
    return [*figures, *judge_real()]


def rate(films: list[bytes], work: Callable[[list[bytes]], object]) -> float:
    """The best of seven rounds, in MB/s of this process's time."""
    times = []
    for _ in range(7):
        begin = time.process_time()
        work(films)
        times.append(time.process_time() - begin)
    return sum(map(len, films)) / 1e6 / min(times)


def read_films(films: list[bytes]) -> object:
    """Read films as a run does, small ones into one block."""
    sink = Sink("subtitles", "", "", on_full=lambda _: None)
    for number, data in enumerate(films):
        sink.begin(str(number))
        with suppress(InputError):  # real archives hold other files too
            read(io.BytesIO(data), InputFile("", "", "film", len(data), ""), SECTION, sink)
    return sink.take_documents()


def real_files() -> dict[str, list[bytes]]:
    """The unpacked files of the real archives: OPUS XML, films in UTF-8 and other sets, small files."""
    found: dict[str, list[bytes]] = {
        name: []
        for name in (
            "real OPUS XML",
            "real films, UTF-8",
            "real films, other sets",
            "real, under 10 kB",
        )
    }
    for archive in sorted(DATA.glob("*.tar.gz")):
        with tarfile.open(archive) as packed:
            for member in filter(tarfile.TarInfo.isfile, packed):
                data = packed.extractfile(member).read()  # type: ignore[union-attr]
                data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
                if archive.name.startswith("opus") and ".xml" in member.name:
                    kind = "real OPUS XML" if b"<s id=" in data else ""
                elif len(data) < SMALL_BYTES:
                    kind = "real, under 10 kB"
                else:
                    kind = "real films, UTF-8" if is_utf8(data) else "real films, other sets"
                if kind:
                    found[kind].append(data)
    return found


def judge_real() -> list[Figure]:
    """Of the real files with dialogue, those read in full and clean; prints what the others are.

    Many of these files test a parser: some have no dialogue or are no subtitles, some hold cues
    that are invalid on purpose, which are left out and told.
    """
    why: Counter[str] = Counter()
    films = clean = 0
    for kind, some in real_files().items():
        for data in some if kind != "real OPUS XML" else ():
            outcome = judge(data)
            films += not outcome.startswith("(")
            clean += not outcome
            why[outcome] += 1
    for outcome, number in why.most_common():
        print(f"  {number:3} {outcome or 'read in full, no mojibake, no markup'}")
    what = "real subtitle files with dialogue: in full, no mojibake, no markup"
    return [Figure(what, "≥ 565 of 570", f"{clean} of {films}")]


def judge(data: bytes) -> str:
    """What is wrong with the dialogue of a file; in parentheses why it has none."""
    sink = Sink("subtitles", "", "", on_full=lambda _: None)
    try:
        read(io.BytesIO(data), InputFile("", "", "film", len(data), ""), SECTION, sink)
    except InputError as error:
        return f"(refused: {error.came})"
    text = "\n".join(sink.take_documents()["text"])
    reasons = set(sink.take_skipped()["reason"])
    if not text:
        return "(no dialogue)"
    if reasons:
        return f"told: {', '.join(sorted(reasons))}"
    if found := MARKUP.search(text):
        return f"markup left: {found[0]}"
    lost = text.count("\ufffd") > data.count("\ufffd".encode())
    if lost or badness(text) > MOST_BADNESS + len(text) / BADNESS_CHARACTERS:
        return "mojibake"
    return ""


def is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8."""
    with suppress(UnicodeDecodeError):
        return bool(data.decode()) or not data
    return False


def iterate_etree(films: list[bytes]) -> object:
    """Iterate the XML with the standard library, and join the words of each sentence."""
    lines = []
    for data in films:
        for _, element in ET.iterparse(io.BytesIO(data)):
            if element.tag == "s":
                lines.append(" ".join(word.text or "" for word in element.iter("w")))
                element.clear()
    return hashlib.sha256("\n".join(lines).encode())


def iterate_lxml(films: list[bytes]) -> object:
    """Iterate the XML with lxml, and join the words of each sentence."""
    lines = []
    for data in films:
        for _, element in etree.iterparse(io.BytesIO(data), tag="s"):
            lines.append(" ".join(element.itertext("w")))
            element.clear()
    return hashlib.sha256("\n".join(lines).encode())


def clock(seconds: int) -> str:
    """A time as subtitles write it."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},000"


def opus(film: list[list[str]]) -> bytes:
    """A film as OPUS writes it."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', '<document id="1">']
    for number, words in enumerate(film, 1):
        lines += [f'  <s id="{number}">']
        lines += [f'    <time id="T{number}S" value="{clock(4 * number)}" />']
        lines += [f'    <w id="{number}.{n}">{word}</w>' for n, word in enumerate(words, 1)]
        lines += [f'    <time id="T{number}E" value="{clock(4 * number + 3)}" />', "  </s>"]
    return "\n".join([*lines, "</document>"]).encode()


def srt(film: list[list[str]]) -> bytes:
    """The film as SubRip, its longer lines wrapped."""
    blocks = []
    for number, words in enumerate(film, 1):
        text = " ".join(words[:7]) + "\n" * (len(words) > 7) + " ".join(words[7:])
        begin, end = clock(4 * number), clock(4 * number + 3)
        blocks.append(f"{number}\n{begin} --> {end}\n{text}\n")
    return "\n".join(blocks).encode()


def vtt(film: list[list[str]]) -> bytes:
    """The film as WebVTT."""
    return b"WEBVTT\n\n" + srt(film).replace(b",000", b".000")


if __name__ == "__main__":
    main()
