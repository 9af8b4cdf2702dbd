"""Reading and extraction of web archives against bare FastWARC, decoding and Resiliparse.

The bare loop has no error handling: no check of lengths and checksums, no content encodings, no
ids, no titles, no rows.

    python -m benchmarks.reading [files …]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from benchmarks.figures import Figure
from curate.recipe import CommonCrawlSection
from curate.sources import InputFile, Sink
from curate.sources.commoncrawl import read

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "warc"
FILES = (
    "aut/example.warc.gz",
    "ipwb/sample-1.warc.gz",
    "dolma/sample-0000.warc.gz",
    "resiliparse/warcfile.warc.gz",
)
ROUNDS = 5


def bare(stream: BinaryIO) -> int:
    """Pages whose text the libraries alone extract."""
    pages = 0
    for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
        headers = record.http_headers
        if headers is None or headers.status_code != 200:
            continue
        if not (headers.get("Content-Type") or "").startswith("text/html"):
            continue
        body = record.reader.read()
        try:
            html = body.decode()
        except UnicodeDecodeError:
            html = bytes_to_str(body, detect_encoding(body) or "utf-8")
        extract_plain_text(
            html, preserve_formatting=True, main_content=True, alt_texts=False, comments=False
        )
        pages += 1
    return pages


def ours(stream: BinaryIO) -> int:
    """Pages that the reader turns into documents; plain text is among them."""
    sink = Sink("commoncrawl", "", "")
    file = InputFile("", "benchmark", "benchmark", 0, "")
    section = CommonCrawlSection(kind="commoncrawl", inputs=("benchmark",))
    read(stream, file, section, sink)
    return sink.take_documents().height


def main() -> list[Figure]:
    """Print pages per second of both and the ratio of their times."""
    files = [Path(name) for name in sys.argv[1:]] or [SHARED / name for name in FILES]
    with tempfile.TemporaryFile() as archive:
        for file in files:
            archive.write(file.read_bytes())
        seconds: dict[str, list[float]] = {"bare": [], "ours": []}
        pages = {}
        for _ in range(ROUNDS):
            for run in (bare, ours):
                archive.seek(0)
                start = time.process_time()
                pages[run.__name__] = run(archive)
                seconds[run.__name__].append(time.process_time() - start)
    best = {name: min(times) for name, times in seconds.items()}
    for name, time_taken in best.items():
        rate = pages["bare"] / time_taken
        print(f"{name} {pages[name]:6} pages {time_taken:8.3f} CPU s {rate:8.1f} HTML pages/s")
    ratio = best["ours"] / best["bare"]
    print(f"ours / bare: {ratio:.2f} of the time (aim: 1.30 at most)")
    what = "crawl to text, CPU time of bare FastWARC and Resiliparse"
    return [
        Figure(what, "≤ 1.30", f"{ratio:.2f}", f"1.00 ({pages['bare'] / best['bare']:.0f} pages/s)")
    ]


if __name__ == "__main__":
    main()
