"""Segmenting, cleaning and quality: documents/s and MB/s beside plain Python, and memory.

`python -m benchmarks.text` cuts about 5,000 documents of 3,000 characters out of the novels in
`../shared/data/text`. The reference computes a few of the same signals as a plain Python loop over
words does (words split at spaces, stop words, 2- to 10-grams with a Counter). Times are CPU seconds
of one process; the first call is timed in fresh processes, without and with Numba's cache on disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from curate.recipe import CleanSection
from curate.score.quality import score_quality, score_quality_segments
from curate.text.clean import clean
from curate.text.segment import segment

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "text"
LANGUAGES = ("eng", "deu", "fra", "pol", "ukr")
DOCUMENTS, CHARACTERS = 5_000, 3_000
FIRST_CALL = (
    "import time; start = time.perf_counter(); import polars as pl; "
    "from curate.score.quality import score_quality; "
    "score_quality(pl.DataFrame({'text': ['one text']})); print(time.perf_counter() - start)"
)

PEAK_MEMORY = (
    "import resource, sys; import polars as pl; from curate.score.quality import score_quality; "
    "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024; "
    "score_quality(pl.DataFrame({'text': ['compile first']})); "
    "text = pl.read_ipc(sys.argv[1])['text'].to_list(); "
    "frame = pl.DataFrame({'text': text}); before = peak(); score_quality(frame); "
    "print((peak() - before) / sum(len(one.encode()) for one in text))"
)


def novels() -> pl.Series:
    """About `DOCUMENTS` documents of `CHARACTERS` characters."""
    pages: list[str] = []
    for language in LANGUAGES:
        room = len(pages) + DOCUMENTS // len(LANGUAGES)
        with tarfile.open(DATA / f"eltec-{language}.tar.gz") as archive:
            for member in archive:
                file = archive.extractfile(member)
                text = file.read().decode() if file else ""
                starts = range(0, len(text) - CHARACTERS, CHARACTERS)
                pages += [text[at : at + CHARACTERS] for at in starts][: room - len(pages)]
    return pl.Series("text", pages)


def plain(text: str) -> dict[str, float]:
    """A few of the signals as a plain loop over words computes them."""
    words = text.split()
    lines = [line for line in text.splitlines() if line.strip()]
    found: dict[str, float] = {
        "words": len(words),
        "mean_word_length": sum(map(len, words)) / max(len(words), 1),
        "alphabetic": sum(any(c.isalpha() for c in w) for w in words) / max(len(words), 1),
        "stop_words": len({"the", "be", "to", "of", "and", "that", "have", "with"} & set(words)),
        "bullets": sum(line.lstrip().startswith(("•", "-")) for line in lines),
        "ellipses": sum(line.rstrip().endswith(("...", "…")) for line in lines),
        "duplicate_lines": len(lines) - len(set(lines)),
    }
    for n in range(2, 11):
        grams = Counter(zip(*(words[i:] for i in range(n)), strict=False))
        found[f"{n}_grams"] = max(grams.values(), default=0)
    return found


def seconds(work: Callable[[], Any]) -> float:
    """The least CPU time of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def fresh_process(code: str, cache: str, *arguments: str) -> str:
    """What Python code prints in a process of its own with this cache of Numba."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    command = [sys.executable, "-c", code, *arguments]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return run.stdout


def main() -> None:
    """Print the table."""
    text = novels()
    megabytes = int(text.str.len_bytes().sum()) / 1e6
    sample = text.gather_every(10).to_list()
    section = CleanSection()
    score_quality(pl.DataFrame({"text": text[:10]}))
    clean(text[:10], section)

    reference = seconds(lambda: [plain(page) for page in sample]) / len(sample) * len(text)
    segments = segment(text)
    work: dict[str, Callable[[], Any]] = {
        "segment": lambda: segment(text),
        "quality, of segments": lambda: score_quality_segments(segments),
        "segment + quality": lambda: score_quality(text.to_frame()),
        "clean (NFC)": lambda: clean(text, section),
    }
    print(f"{len(text):,} documents, {megabytes:.1f} MB")
    print(f"{'':24}{'documents/s':>12}{'MB/s':>8}{'× plain':>9}")
    print(
        f"{'plain Python, 16 signals':24}{len(text) / reference:12,.0f}{megabytes / reference:8.1f}"
    )
    for name, run in work.items():
        spent = seconds(run)
        rates = f"{len(text) / spent:12,.0f}{megabytes / spent:8.1f}{reference / spent:9.1f}"
        print(f"{name:24}{rates}")

    line = pl.DataFrame({"text": ["".join(text.to_list())[:10_000_000].replace("\n", " ")]})
    spent = seconds(lambda: score_quality(line))
    size = line["text"].str.len_bytes().item() / 1e6
    print(f"{f'one line of {size:.0f} MB':24}{1 / spent:12.1f}{size / spent:8.1f}")

    held = sum(getattr(segments, name).nbytes for name in segments.__dataclass_fields__)
    print(f"the segments of a batch hold {held / megabytes / 1e6:.1f} × its text")
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (float(fresh_process(FIRST_CALL, cache)) for _ in range(2))
        batch = Path(cache, "batch.arrow")
        pl.concat([text] * 4).to_frame().write_ipc(batch)
        peak = float(fresh_process(PEAK_MEMORY, cache, str(batch)))
    print(f"segment + quality add {peak:.1f} × the text of a batch to the peak memory")
    print(f"first call: {cold:.1f} s when nothing is compiled yet, {warm:.1f} s from the cache")


if __name__ == "__main__":
    main()
