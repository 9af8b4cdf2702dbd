"""Segmenting, cleaning and every signal: rates beside other systems, memory, and first calls.

`python -m benchmarks.text` cuts 20,000 documents of 3,000 characters out of novels in seven languages
(`../shared/data/text`) and scores them in batches of 4 MiB, as a run does. Times are CPU seconds of
one process. datatrove's rules run beside on some of the same documents where the package is
installed (as shipped, and with words split at spaces); other systems by their figures on 20,000
documents of 3 kB. How often the definitions of repetition differ is counted on pages of web archives.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.reading import FILES, SHARED
from curate.decide import Rule, find_removals
from curate.recipe import CleanSection, CommonCrawlSection
from curate.schema import conform
from curate.score.language import LanguageScorer
from curate.score.quality import score_quality
from curate.score.stopwords import score_fineweb2_stopwords, score_stopwords
from curate.sources import InputFile, Sink
from curate.sources.commoncrawl import read
from curate.steps.measuring import BATCH_BYTES
from curate.text.clean import clean
from curate.text.segment import segment

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "text"
LANGUAGES = ("eng", "deu", "fra", "hun", "pol", "por", "ukr")
DOCUMENTS, CHARACTERS = 20_000, 3_000
PEER_DOCUMENTS = 100
PUBLISHED = {  # documents per CPU second; rule sets differ somewhat
    "datatrove 0.10.1, as shipped (spaCy words)": 42,
    "datatrove 0.10.1, words split at spaces": 329,
    "Dolma": 241,
    "NeMo Curator, rules": 234,
    "Data-Juicer, eight rules, no language": 588,
}
TOPS, DUPLICATES = (
    {2: 0.2, 3: 0.18, 4: 0.16},
    dict(zip(range(5, 11), range(15, 9, -1), strict=True)),
)
DEFINITIONS = {  # names of the columns for the most frequent n-gram, and for duplicate ones
    "paper": ("gram_character_share", "gram_character_share"),
    "datatrove": ("gram_share_datatrove", "gram_share_datatrove"),
    "Dolma": ("gram_share_dolma", "gram_share_dolma"),
    "RedPajama": ("gram_share_redpajama", "gram_character_share"),
    "DCLM": ("gram_share_dclm", "gram_character_share"),
}
FIRST_CALL = (
    "import time; start = time.perf_counter(); import polars as pl; "
    "from curate.score.quality import score_quality; "
    "from curate.score.stopwords import score_stopwords; "
    "frame = pl.DataFrame({'text': ['one text'], 'language': ['eng']}); "
    "score_stopwords(score_quality(frame)); print(time.perf_counter() - start, time.process_time())"
)
PEAK_MEMORY = (
    "import resource, sys; import polars as pl; from curate.score.quality import score_quality; "
    "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024; "
    "score_quality(pl.DataFrame({'text': ['compile first']})); "
    "text = pl.read_ipc(sys.argv[1])['text'].to_list(); "
    "frame = pl.DataFrame({'text': text}); before = peak(); score_quality(frame); "
    "print((peak() - before) / sum(len(one.encode()) for one in text))"
)


def novels(documents: int = DOCUMENTS) -> pl.Series:
    """About so many documents of `CHARACTERS` characters, the languages by turns."""
    return pl.Series(
        "text", list(itertools.islice(_by_turns([_pages(name) for name in LANGUAGES]), documents))
    )


def _pages(language: str) -> Iterator[str]:
    with tarfile.open(DATA / f"eltec-{language}.tar.gz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            text = file.read().decode() if file else ""
            for at in range(0, len(text) - CHARACTERS, CHARACTERS):
                yield text[at : at + CHARACTERS]


def _by_turns(sources: list[Iterator[str]]) -> Iterator[str]:
    while sources:
        for source in list(sources):
            page = next(source, None)
            if page is None:
                sources.remove(source)
            else:
                yield page


def seconds(work: Callable[[], Any], rounds: int = 3) -> float:
    """The least CPU time of some runs."""
    times = []
    for _ in range(rounds):
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


def batches(text: pl.Series) -> list[pl.DataFrame]:
    """The documents as a run scores them: about 4 MiB at a time."""
    each = max(BATCH_BYTES * len(text) // int(text.str.len_bytes().sum()), 1)
    return [text[at : at + each].to_frame() for at in range(0, len(text), each)]


def run_all(frames: list[pl.DataFrame], *scorers: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Every scorer over every batch, one batch after the other."""
    for frame in frames:
        scored = frame
        for scorer in scorers:
            scored = scorer(scored)


def time_datatrove(texts: list[str], *, at_spaces: bool) -> float | None:
    """Seconds of datatrove's Gopher, C4 and FineWeb rules; None where it is not installed."""
    try:
        from datatrove.data import Document
        from datatrove.pipeline import filters
        from datatrove.pipeline.filters import (
            c4_filters,
            fineweb_quality_filter,
            gopher_quality_filter,
            gopher_repetition_filter,
        )
    except ImportError:
        return None
    modules = (fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter)
    before = [module.split_into_words for module in modules]
    sentences = c4_filters.split_into_sentences
    if at_spaces:
        for module in modules:
            module.split_into_words = lambda text, _language: text.split()
        c4_filters.split_into_sentences = lambda text, _language: text.split(". ")
    rules = (
        filters.GopherRepetitionFilter(
            None, None, None, None, ((2, 9), (3, 9), (4, 9)), tuple((n, 9) for n in range(5, 11))
        ),
        filters.GopherQualityFilter(),
        filters.C4QualityFilter(filter_no_terminal_punct=False),
        filters.FineWebQualityFilter(),
    )
    documents = [Document(text=text, id=str(place)) for place, text in enumerate(texts)]

    def work() -> None:
        for document in documents:
            for rule in rules:
                rule.filter(document)

    try:
        rules[0].filter(documents[0])
        rules[0].filter(documents[1])
        return seconds(work, 1)
    except ImportError:
        return None
    finally:
        for module, function in zip(modules, before, strict=True):
            module.split_into_words = function
        c4_filters.split_into_sentences = sentences


def web_pages() -> tuple[pl.Series, float]:
    """The texts of pages in web archives, and the CPU seconds of reading and extracting them."""
    texts, spent = [], 0.0
    for name in FILES:
        sink = Sink("commoncrawl", "", "")
        file = InputFile("", name, name, 0, "")
        section = CommonCrawlSection(kind="commoncrawl", inputs=(name,))
        with Path(SHARED / name).open("rb") as stream:
            start = time.process_time()
            read(stream, file, section, sink)
            spent += time.process_time() - start
        texts.append(sink.take_documents()["text"])
    return pl.concat(texts), spent


def verdicts(scores: pl.DataFrame) -> dict[str, pl.Series]:
    """Which documents each definition of repeated n-grams removes, at Gopher's limits."""
    found = {}
    for name, (top, duplicate) in DEFINITIONS.items():
        limits = {f"top_{n}_{top}": limit for n, limit in TOPS.items()}
        limits |= {f"duplicate_{n}_{duplicate}": p / 100 for n, p in DUPLICATES.items()}
        rules = [Rule(column, column, "above", limit) for column, limit in limits.items()]
        found[name] = find_removals(scores, rules).is_not_null()
    return found


def print_differences(scores: pl.DataFrame, told: str) -> None:
    """How often the definitions judge differently."""
    removed = verdicts(scores)
    frame = pl.DataFrame(removed)
    differ = frame.filter(pl.any_horizontal(pl.all()) & ~pl.all_horizontal(pl.all())).height
    shares = ", ".join(f"{name} {int(hits.sum()):,}" for name, hits in removed.items())
    print(f"\nrepetition of n-grams at Gopher's limits, {told}; removed by {shares}")
    print(
        f"the definitions do not agree on {differ:,} of {scores.height:,} ({differ / scores.height:.1%})"
    )
    for one, other in itertools.combinations(removed, 2):
        share = (removed[one] != removed[other]).mean()
        print(f"  {one:10} {other:10} {share:7.2%}")


def print_rates(text: pl.Series, rates: dict[str, float], peers: dict[str, float]) -> None:
    """The table of rates, each beside the aim, and the other systems'."""
    size = int(text.str.len_bytes().sum()) / 1e6 / len(text)
    aims = {"all signals": 10_000, "all signals and language": 3_000}
    fastest = max(peers.values())
    print(f"{'':44}{'documents/s':>12}{'MB/s':>8}{'aim':>9}{'× peer':>9}")
    for name, rate in rates.items():
        aim = f"{aims[name]:,}" if name in aims else ""
        print(f"{name:44}{rate:12,.0f}{rate * size:8.1f}{aim:>9}{rate / fastest:9.1f}")
    for name, rate in peers.items():
        print(f"{name:44}{rate:12,.0f}{rate * size:8.1f}")
    print("(× peer: to the fastest of the others; of those not run here the published rate)")


def main() -> None:
    """Print the tables."""
    text = novels()
    frames = batches(text)
    language = LanguageScorer()
    own = (score_quality, score_stopwords, score_fineweb2_stopwords)
    spoken = [frame.with_columns(language=pl.lit("eng")) for frame in frames]
    run_all([frames[0][:10]], language, *own)  # compiles
    section = CleanSection()
    clean(text[:10], section)

    work: dict[str, Callable[[], Any]] = {
        "segment": lambda: [segment(frame["text"]) for frame in frames],
        "clean (NFC)": lambda: [clean(frame["text"], section) for frame in frames],
        "all signals": lambda: run_all(spoken, *own),
        "all signals and language": lambda: run_all(frames, language, *own),
    }
    rates = {name: len(text) / seconds(run, 2) for name, run in work.items()}
    peers: dict[str, float] = {name: float(rate) for name, rate in PUBLISHED.items()}
    sample = text.gather_every(len(text) // PEER_DOCUMENTS).to_list()
    for name, at_spaces in zip(list(PUBLISHED)[:2], (False, True), strict=True):
        spent = time_datatrove(sample, at_spaces=at_spaces)
        if spent is not None:
            peers[f"{name}, run here"] = len(sample) / spent
            del peers[name]
    print(f"{len(text):,} documents, {int(text.str.len_bytes().sum()) / 1e6:.1f} MB")
    print_rates(text, rates, peers)

    joined = "".join(text.to_list()).replace("\n", " ")
    for size in (1_000_000, 10_000_000):
        line = pl.DataFrame({"text": [joined[:size]]})
        other = pl.DataFrame({"text": [joined[1 : size + 1]]})
        spent = seconds(lambda a=line, b=other: (score_quality(a), score_quality(b)), 2) / 2
        held = line["text"].str.len_bytes().item() / 1e6
        print(f"one line of {held:5.1f} MB: {spent:.3f} s, {held / spent:.1f} MB/s")

    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (fresh_process(FIRST_CALL, cache).split() for _ in range(2))
        batch = Path(cache, "batch.arrow")
        pl.concat([text, text]).to_frame().write_ipc(batch)
        peak = float(fresh_process(PEAK_MEMORY, cache, str(batch)))
    print(f"segment + quality add {peak:.1f} × the text of a batch to the peak memory (aim: 12)")
    for told, (passed, spent) in (("nothing is compiled yet", cold), ("it is cached", warm)):
        print(f"first call when {told}: {float(passed):.1f} s, {float(spent):.1f} CPU s")

    pages, reading = web_pages()
    run_all(batches(pages), language, *own)
    scoring = seconds(lambda: run_all(batches(pages), language, *own), 2)
    signals = seconds(
        lambda: run_all(
            batches(pages.to_frame().with_columns(language=pl.lit("eng"))["text"]), score_quality
        ),
        2,
    )
    print(
        f"{len(pages):,} web pages: reading and extraction {reading:.2f} s; with all signals "
        f"{(reading + signals) / reading:.2f} ×, with language too {(reading + scoring) / reading:.2f} × (aim: 1.3)"
    )
    print_differences(conform(score_quality(pages.to_frame()), "quality").with_columns(
        language=pl.lit("eng")), f"{len(pages):,} web pages")  # fmt: skip
    print_differences(conform(score_quality(text.to_frame()), "quality").with_columns(
        language=pl.lit("eng")), f"{len(text):,} pieces of novels")  # fmt: skip


if __name__ == "__main__":
    main()
