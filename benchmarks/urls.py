"""How fast addresses are matched against block lists: `python -m benchmarks.urls`.

A list of a million made domains (the entries of `urls/ut1-subset.tar.gz` among them) against 100,000
made addresses, one in ten of them listed. Beside it the plain way: a Python set of the domains, and
each address cut by `urllib.parse`, its domains looked up one by one. Memory is what the process
holds more after a list is read.
"""

from __future__ import annotations

import gc
import random
import tarfile
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import psutil

from benchmarks.figures import Figure
from curate.recipe import UrlsSection
from curate.score.urls import UrlScorer, read_list

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ENTRIES = 1_000_000
ADDRESSES = 100_000
BATCH = 4096


def main() -> list[Figure]:
    """Print rates, memory, and whether both ways agree."""
    dice = random.Random(7)
    listed = [f"host{number}.zone{number % 977}.example" for number in range(ENTRIES)]
    real = read_ut1()
    listed[: len(real)] = real
    dice.shuffle(listed)
    uris = [address(dice, listed) for _ in range(ADDRESSES)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "domains"
        path.write_text("\n".join(listed) + "\n", encoding="utf-8")
        del listed, real
        before = memory()
        begin = time.process_time()
        found_list = read_list("list", folder)
        read_seconds, held = time.process_time() - begin, memory() - before
        print(f"{len(found_list.hashes):,} entries read in {read_seconds:.1f} s, {held:.0f} MB")
        scorer = UrlScorer(UrlsSection(block={"list": folder}))
        frame = pl.DataFrame({"uri": uris})
        scorer(frame[:1])  # reads the list
        begin = time.process_time()
        ours = pl.concat([scorer(part) for part in frame.iter_slices(BATCH)])["url_list"]
        rate = ADDRESSES / (time.process_time() - begin)
        before = memory()
        plain = {line.strip() for line in path.open(encoding="utf-8")}
        plain_held = memory() - before
    begin = time.process_time()
    expected = [find_plainly(uri, plain) for uri in uris]
    plain_rate = ADDRESSES / (time.process_time() - begin)
    agree = sum((hit is not None) == wanted for hit, wanted in zip(ours, expected, strict=True))
    print(f"{'':24} {'addresses/s':>12} {'MB':>8}")
    print(f"{'curate':24} {rate:12,.0f} {found_list.hashes.nbytes / 1e6:8.1f}")
    print(f"{'a Python set':24} {plain_rate:12,.0f} {plain_held:8.1f}")
    print(f"same answer for {agree:,} of {ADDRESSES:,} addresses, {sum(expected):,} of them listed")
    what = "addresses matched a second against a million domains"
    held_by = f"{found_list.hashes.nbytes / 1e6:.0f} MB held"
    return [
        Figure(
            what, "", f"{rate:,.0f}, {held_by}", f"a set {plain_rate:,.0f}, {plain_held:.0f} MB"
        ),
        Figure("addresses with the answer of the plain way", f"{ADDRESSES:,}", f"{agree:,}"),
    ]


def read_ut1() -> list[str]:
    """The domains of the real lists."""
    domains: list[str] = []
    with tarfile.open(DATA / "urls" / "ut1-subset.tar.gz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name.endswith("/domains") else None
            if stream is not None:
                domains += stream.read().decode("utf-8", "replace").split()
    return domains


def address(dice: random.Random, listed: list[str]) -> str:
    """A made address, one in ten of them below a listed domain."""
    host = dice.choice(listed) if dice.random() < 0.1 else f"site{dice.randrange(10**7)}.example"
    path = "/".join(f"part{dice.randrange(1000)}" for _ in range(dice.randint(0, 5)))
    return f"https://www.{host}/{path}"


def find_plainly(uri: str, domains: set[str]) -> bool:
    """Whether a domain above the address is listed."""
    host = urlsplit(uri).hostname or ""
    parts = host.split(".")
    return any(".".join(parts[place:]) in domains for place in range(len(parts)))


def memory() -> float:
    """Resident megabytes of this process."""
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


if __name__ == "__main__":
    main()
