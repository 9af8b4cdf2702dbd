"""The second of two snapshots, checked against the index of the first: seconds, memory, disk.

    python -m benchmarks.index [--documents 1000000]

Signatures are simulated: a tenth of the second snapshot's documents repeat a document of the first
in all values but some, the others in none. Linking (`pair_entries` by range, as `curate.steps.linking`
does) is timed for the first snapshot, which nothing was released before; then for the second one,
with the search of the index beside it. Signatures of documents of 3 kB are timed apart, on texts of
random words. Reading, other scores and releasing, which are the same for both and most of a run, are
left out: the ratio of whole runs is nearer to 1. CPU seconds of one process.
Pairs are not verified here (`benchmarks.duplicates` does): both snapshots have as many pairs.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import polars as pl

from curate.duplicates.bands import cut_ranges, make_entries
from curate.duplicates.candidates import pair_entries
from curate.duplicates.index import Index, Segment, State
from curate.duplicates.spool import Spool, spooling
from curate.recipe import DuplicatesSection
from curate.store import Store

SECTION = DuplicatesSection()
VALUES = SECTION.bands * SECTION.rows
BATCH = 1 << 14
PAIRS_AT_ONCE = 1 << 22
COPIES = 0.1
CHANGED = 0.06  # of the values of a copy: Jaccard similarity about 0.94


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=1_000_000)
    documents = parser.parse_args().documents
    make_entries(next(batches(2, 1)), SECTION)  # compiled code is loaded
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Store(folder), SECTION)
        with spooling(documents, SECTION) as spool:
            first, pairs = time_linking(spool, documents, 1)
        print(f"first:  linking {first:.1f} CPU s, {pairs:,} pairs")
        began = time.process_time()
        segment = index.write_segment(State(), ["first@1"], documents, batches(documents, 1))
        state = index.append(segment)
        adding = time.process_time() - began
        report(segment, adding)
        with spooling(documents, SECTION) as spool:
            linking, pairs = time_linking(spool, documents, 2)
            hashes = sought(documents)
            began = time.process_time()
            found = index.find(state, hashes, spool.take)
            searching = time.process_time() - began
        copies = round(documents * COPIES)
        whole = (linking + searching) / first
        print(
            f"second: linking {linking:.1f} CPU s, {pairs:,} pairs; searching {searching:.1f} CPU s"
        )
        print(f"        {found.height:,} candidates for {copies:,} copies of the first")
        signing = time_signatures() * documents
        both = (signing + linking + searching) / (signing + first)
        print(f"second / first: {both:.2f} with signatures of 3 kB texts ({signing:.1f} CPU s),")
        print(f"        {whole:.2f} of what follows them alone")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"peak memory {peak:.2f} GB")


def batches(documents: int, snapshot: int) -> Iterator[pl.DataFrame]:
    """Documents with simulated signatures."""
    for start in range(0, documents, BATCH):
        count = min(BATCH, documents - start)
        own = np.random.default_rng((snapshot, start)).integers(
            0, 1 << 32, (count, VALUES), np.uint32
        )
        if snapshot == 2:
            copied = round(count * COPIES)
            first = np.random.default_rng((1, start)).integers(
                0, 1 << 32, (count, VALUES), np.uint32
            )
            changed = np.random.default_rng((3, start)).random((copied, VALUES)) < CHANGED
            own[:copied] = np.where(changed, own[:copied], first[:copied])
        hashes = [name(snapshot, number) for number in range(start, start + count)]
        data = own.astype("<u4").tobytes()
        yield pl.DataFrame(
            {
                "id": [one[::-1] for one in hashes],
                "text_hash": hashes,
                "release": f"{'first' if snapshot == 1 else 'second'}@1",
                "block": f"objects/documents/{start // BATCH:032}.parquet",
                "row": np.arange(count),
                "signature": [data[at : at + 4 * VALUES] for at in range(0, len(data), 4 * VALUES)],
            }
        )


def name(snapshot: int, number: int) -> str:
    """A text's hash."""
    return hashlib.blake2b(f"{snapshot} {number}".encode(), digest_size=16).hexdigest()


def sought(documents: int) -> pl.Series:
    """The hashes of the second snapshot's texts."""
    return pl.Series([name(2, number) for number in range(documents)])


def time_linking(spool: Spool, documents: int, snapshot: int) -> tuple[float, int]:
    """CPU seconds to sort a snapshot's entries and pair them, range by range; and the pairs."""
    seconds, pairs = 0.0, 0
    for batch in batches(documents, snapshot):
        began = time.process_time()
        spool.add(make_entries(batch, SECTION))
        seconds += time.process_time() - began
    for low, high in cut_ranges(spool.ranges):
        began = time.process_time()
        entries = spool.read(low, high)
        columns = (entries[column].to_numpy() for column in ("band", "next", "text"))
        places = np.zeros(entries.height, np.uint32)
        pairs += sum(some.height for some in pair_entries(*columns, places, PAIRS_AT_ONCE))
        seconds += time.process_time() - began
    return seconds, pairs


def time_signatures() -> float:
    """CPU seconds to sign a document of about 3 kB."""
    from curate.duplicates.signatures import Signatures

    random = np.random.default_rng(5)
    words = np.array([f"w{number:x}" for number in range(50_000)])
    texts = [" ".join(random.choice(words, 500)) for _ in range(BATCH // 4)]
    frame = pl.DataFrame({"text": texts})
    score = Signatures(SECTION)
    score(frame.head(2))
    began = time.process_time()
    score(frame)
    return (time.process_time() - began) / frame.height


def report(segment: Segment, seconds: float) -> None:
    """Print what a segment takes."""
    each = segment.size / max(segment.documents, 1)
    print(
        f"index:  {segment.documents:,} documents added in {seconds:.1f} CPU s (simulating them "
        f"included), {segment.size / 1e6:,.0f} MB, {each:.0f} bytes a document on disk"
    )


if __name__ == "__main__":
    main()
