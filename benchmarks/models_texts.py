"""The quality, domain and mention scorers beside plain references, and what benchmarks share."""

from __future__ import annotations

import io
import re
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from curate.decide import compile_rules
from curate.models import BUNDLED, label_probability, load_fasttext, top_label
from curate.recipe import WikipediaSection, make_recipe
from curate.score.bias import AXES, COUNTS, FOLDER, lexicon_languages, score_bias, term_flags
from curate.score.quality import score_quality
from curate.score.templates import load_templates
from curate.sources import InputFile, Sink, wikipedia
from curate.train import quality
from curate.train.domain import OTHER, stem_patterns, tell_domain, train_domain
from curate.train.fit import area_under_curve, is_test

DUMPS = ("enwiki-shortened.xml.bz2", "itwiki-small.xml.gz")


def print_quality(data: Path) -> None:
    """Accuracy on sets that training never saw, beside the rules of FineWeb that a document passes."""
    rows = quality.read_rows(data)
    rows = rows.filter(is_test(rows["text"]) | pl.col("held_out"))
    spoken = rows.filter(pl.col("language").is_in(["deu", "eng"]))
    source = {"kind": "records", "inputs": ["x"]}
    asked = {"name": "x", "sources": [source], "quality": {"preset": "fineweb"}}
    rules = compile_rules(make_recipe(asked))
    scored = score_quality(spoken)
    hits = [rule.hits() for rule in rules if rule.name.startswith("quality.")]
    passed = scored.select(-pl.sum_horizontal(hit.cast(pl.Int64) for hit in hits)).to_series()
    path = BUNDLED / "quality.ftz"
    ours = label_probability(path, spoken["text"], quality.GOOD)
    for held_out, name in ((True, "whole sets held out"), (False, "a tenth of those trained on")):
        chosen = spoken["held_out"] == held_out
        wanted = spoken.filter(chosen)["label"] == quality.GOOD
        accuracy = ((ours.filter(chosen) > 0.5) == wanted).mean()
        model = area_under_curve(wanted, ours.filter(chosen))
        plain = area_under_curve(wanted, passed.filter(chosen).cast(pl.Float64))
        print(
            f"  {name:28} {len(wanted):4} documents  accuracy {accuracy:.4f}  AUC {model:.4f}  "
            f"reference (FineWeb rules passed) AUC {plain:.4f}"
        )
    frame = read_articles(data)
    flat = frame["text"].str.replace_all(r"\s+", " ").to_list()
    peers: dict[str, Callable[[], object]] = {
        "bare predict": partial(load_fasttext(path).predict, flat),
        "FineWeb measurements": partial(score_quality, frame.with_columns(language=pl.lit("eng"))),
    }
    print_rate("quality", frame["text"], partial(top_label, path, frame["text"]), peers)


def print_domain(data: Path) -> None:
    """A domain classifier trained on two small dumps, beside the words of the categories' table."""
    articles = pl.concat([_read_dump(data / "wikipedia" / name) for name in DUMPS])
    with tempfile.TemporaryDirectory() as folder:
        card = train_domain(articles, Path(folder), " and ".join(DUMPS))
        path = Path(folder) / "domain.ftz"
        tested = articles.with_columns(label=tell_domain(articles["categories"]))
        tested = tested.filter(is_test(tested["text"]), pl.col("label").is_in(card["labels"]))
        tested = tested.unique("text", maintain_order=True)
        ours = (top_label(path, tested["text"])["label"] == tested["label"]).mean()
        plain = (_count_stems(tested["text"], card["labels"]) == tested["label"]).mean()
        most = tested["label"].value_counts(sort=True)["count"][0] / tested.height
        print(
            f"  {tested.height} articles held out, {len(card['labels'])} domains: accuracy {ours:.4f}  "
            f"reference (stems of the table counted) {plain:.4f}, the commonest label {most:.4f}"
        )
        frame = read_articles(data)
        flat = frame["text"].str.replace_all(r"\s+", " ").to_list()
        peers: dict[str, Callable[[], object]] = {
            "bare predict": partial(load_fasttext(path).predict, flat),
            "stems counted": partial(_count_stems, frame["text"], card["labels"]),
        }
        print_rate("domain", frame["text"], partial(top_label, path, frame["text"]), peers)


def print_mentions(data: Path) -> None:
    """Whether a sentence that names a group is counted for its axis, beside the lexicon as one pattern."""
    templates = load_templates()
    templates = templates.filter(pl.col("language").is_in(lexicon_languages()))
    scored = score_bias(templates)
    patterns = {code: _patterns(code) for code in templates["language"].unique().sort()}
    for (code,), part in sorted(scored.group_by("language")):
        found = [row[f"mentions_{row['axis']}"] > 0 for row in part.iter_rows(named=True)]
        plain = [
            bool(patterns[str(code)][row["axis"]].search(row["text"]))
            for row in part.iter_rows(named=True)
        ]
        print(
            f"  {code} {part.height:4} sentences that name a group: found {sum(found) / len(found):.4f}  "
            f"reference (terms as a pattern) {sum(plain) / len(plain):.4f}"
        )
    frame = read_articles(data).with_columns(language=pl.lit("eng"))
    texts = frame["text"].to_list()
    english = _patterns("eng").values()

    def search() -> object:
        return [[len(pattern.findall(text)) for pattern in english] for text in texts]

    print_rate("mentions", frame["text"], partial(score_bias, frame), {"terms as patterns": search})


def _patterns(language: str) -> dict[str, re.Pattern[str]]:
    content = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    flags = term_flags(content)
    patterns = {}
    for axis in AXES:
        bit = 1 << COUNTS.index(f"mentions_{axis}")
        terms = sorted((term for term, flag in flags.items() if flag & bit), key=len, reverse=True)
        patterns[axis] = re.compile(rf"(?i)\b(?:{'|'.join(map(re.escape, terms))})\b")
    return patterns


def _count_stems(texts: pl.Series, labels: list[str]) -> pl.Series:
    """The domain whose stems begin most words of a text."""
    patterns = {label: found for label, found in stem_patterns().items() if label in labels}
    best = []
    for text in texts:
        counts = {label: len(found.findall(text.lower())) for label, found in patterns.items()}
        most = max(counts, key=lambda label: counts[label])
        best.append(most if counts[most] else OTHER)
    return pl.Series("label", best, dtype=pl.String)


def _read_dump(path: Path) -> pl.DataFrame:
    section = WikipediaSection(kind="wikipedia", inputs=(path.name,))
    found: list[pl.DataFrame] = []
    sink = Sink("wikipedia", "", path.name, on_full=found.append)
    data = path.read_bytes()
    file = InputFile(path.name, path.name, path.name, len(data), path.name)
    wikipedia.read(io.BytesIO(data), file, section, sink)
    return pl.concat([*found, sink.take_documents()]).select("text", "categories")


def read_articles(data: Path) -> pl.DataFrame:
    """Wikipedia articles of WikiText-2 (a heading has one `=`)."""
    lines = pl.read_csv(
        data / "text" / "wikitext-2-valid.txt.gz",
        separator="\x01",
        quote_char=None,
        has_header=False,
        new_columns=["text"],
    )
    lines = lines.with_columns(  # undo its tokens
        pl.col("text").str.replace_all(r" ?<unk>", "").str.replace_all(r" @(.)@ ", "${1}")
    ).with_columns(article=pl.col("text").str.contains("^ = [^=]*= $").cum_sum())
    return lines.group_by("article", maintain_order=True).agg(pl.col("text").str.join("\n"))


def print_rate(
    name: str,
    texts: pl.Series,
    work: Callable[[], object],
    peers: Mapping[str, Callable[[], object]],
) -> None:
    """Documents and megabytes a second of CPU, the best of three, and the ratio to each reference."""
    size = texts.str.len_bytes().sum() / 1e6
    ours = _seconds(work)
    print(
        f"  {name}: {len(texts) / ours:,.0f} documents/s, {size / ours:.1f} MB/s of CPU "
        f"({len(texts)} articles of {size / len(texts) * 1000:.1f} kB)"
    )
    for peer, run in peers.items():
        theirs = _seconds(run)
        print(
            f"    reference {peer}: {len(texts) / theirs:,.0f} documents/s, ratio {theirs / ours:.2f}"
        )


def _seconds(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return max(min(times), 1e-9)
