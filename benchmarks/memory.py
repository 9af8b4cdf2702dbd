"""Peak memory of a run over a large dump: the whole process tree, the Prefect server included.

    python -m benchmarks.memory [--megabytes 200] [--workers 2]

The dump repeats the pages of the real dumps in `../shared/data/wikipedia` with new page ids,
revision ids and titles, and with the words of every page shuffled by paragraph, so that few pages
are duplicates. Memory is the proportional set size, sampled ten times a second. The reference
beside it is the size of the dump itself: nothing may hold the corpus.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

DATA = Path(__file__).resolve().parents[2] / "shared/data/wikipedia"
MEGABYTE = 1_000_000


def write_dump(path: Path, size: int) -> int:
    """Write a dump of about so many bytes; returns its pages."""
    draw = random.Random(7)
    sources = [
        gzip.decompress((DATA / "itwiki-small.xml.gz").read_bytes()).decode(),
        bz2.decompress((DATA / "enwiki-shortened.xml.bz2").read_bytes()).decode(errors="replace"),
    ]
    head = sources[0][: sources[0].index("<page>")]
    pages = [page for text in sources for page in re.findall(r"<page>.*?</page>", text, re.DOTALL)]
    written = number = 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write(head)
        while written < size:
            for page in pages:
                number += 1
                fresh = re.sub(r"<id>\d+</id>", f"<id>{number}</id>", page, count=2)
                fresh = re.sub(r"<title>(.*?)</title>", rf"<title>\1 ({number})</title>", fresh)
                fresh = shuffle_words(fresh, draw)
                stream.write(fresh)
                written += len(fresh)
                if written >= size:
                    break
        stream.write("</mediawiki>")
    return number


def shuffle_words(page: str, draw: random.Random) -> str:
    """Other sentences of the same words: plain words of three letters or more change places."""
    words = re.findall(r"(?<=\s)[^\W\d_]{3,}(?=\s)", page)
    draw.shuffle(words)
    places = iter(words)
    return re.sub(r"(?<=\s)[^\W\d_]{3,}(?=\s)", lambda _: next(places), page)


def tree_bytes(root: psutil.Process) -> dict[str, int]:
    """Proportional set size of a process and all below it, by what they do."""
    found: dict[str, int] = {}
    for process in [root, *root.children(recursive=True)]:
        try:
            line = " ".join(process.cmdline())
            role = (
                "server"
                if "flows.server" in line
                else "worker"
                if "spawn_main" in line
                else "other"
            )
            role = "driver" if process.pid == root.pid else role
            found[role] = found.get(role, 0) + process.memory_full_info().pss
        except psutil.Error:
            continue
    return found


def main() -> None:
    """Make the dump, run the recipe, print the peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages = write_dump(folder / "dump.xml", options.megabytes * MEGABYTE)
        size = (folder / "dump.xml").stat().st_size
        recipe = '[[sources]]\nkind = "wikipedia"\ninputs = ["dump.xml"]\n[quality]\npreset = "fineweb"\n'
        (folder / "r.toml").write_text(f'name = "memory"\nmax_removed_share = 1.0\n{recipe}')
        environment = {**os.environ, "PREFECT_HOME": str(folder / "prefect")}
        environment.pop("PREFECT_API_URL", None)
        command = [sys.executable, "-m", "flows.cli", "run", str(folder / "r.toml"), "--json"]
        command += ["--store", str(folder / "store"), "--workers", str(options.workers)]
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        root = psutil.Process(process.pid)
        peak: dict[str, int] = {}
        while process.poll() is None:
            peak = max(peak, tree_bytes(root), key=lambda found: sum(found.values()))
            time.sleep(0.1)
        seconds = time.monotonic() - started
        assert process.stdout is not None
        result = json.load(process.stdout)
    documents = result["documents"]["read"]
    print(f"dump             {size / MEGABYTE:8.0f} MB, {pages:,} pages, {documents:,} documents")
    print(
        f"run              {seconds:8.1f} s, {size / MEGABYTE / seconds:.1f} MB/s, {options.workers} workers"
    )
    for stage, step in result["steps"].items():
        print(f"  {stage:<14} {step['seconds']:8.1f} s")
    total = sum(peak.values())
    print(
        f"peak memory      {total / MEGABYTE:8.0f} MB (whole tree, PSS), {total / size:.2f} × dump"
    )
    for role, held in peak.items():
        print(f"  {role:<14} {held / MEGABYTE:8.0f} MB")


if __name__ == "__main__":
    main()
