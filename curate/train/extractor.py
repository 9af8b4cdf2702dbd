"""`curate train extractor`: pages with known main text in, the extractor's trees and card out."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import ComponentError, InputError
from curate.sources.extract import BlockModel, Scan, scan_page
from curate.sources.html_text import TREE_DEPTH
from curate.train.extractor_sets import (
    ARTICLES,
    SETS,
    STRINGS,
    WEIGHTS,
    LabelledPage,
    count_words,
    fold_of,
    label_blocks,
    normalise,
    read_pages,
)
from curate.train.fit import write_card

FOLDS = 5
PARTITIONS = 3  # of the sites into folds: one alone is lucky or not by half a percent
LIMIT = 0.55
ROUNDS = 400
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.035,
    "max_depth": TREE_DEPTH,
    "num_leaves": 12,
    "max_bin": 63,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.25,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 2.0,
    "seed": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
LIMITS = [
    "Trained on articles, blogs and information pages; shops, forums and lists of links are few.",
    "The limit and the rules after the trees were chosen with the cross-validated scores in view: they are a little too good.",
    "Text that scripts would load is not in the page, and not found.",
]
_TOKEN = re.compile(r"\w+")


@dataclass
class Example:
    """A page of a set, cut into blocks with what is known of them."""

    page: LabelledPage
    site: str
    scan: Scan
    labels: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]


def train_extractor(
    data: Path, out: Path, parameters: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Train `extractor.npz` and write its card beside it.

    Scores come from site-wise cross-validation (`cross_validate`): each page is extracted by trees
    that were trained without any page of its site (registered domain).

    Args:
        data: the folder with the sets (`extractor_sets.SETS`).
        out: the folder that the model and its card are written to.
        parameters: of LightGBM, over `PARAMETERS`; `rounds` is the number of trees.

    Returns:
        The card.

    Raises:
        InputError: a set is missing or unreadable, or too small to train on.
        ComponentError: the extra `train` is not installed.
    """
    _check_library()
    used = {**PARAMETERS, "rounds": ROUNDS, **(parameters or {})}
    examples = load_examples(data)
    path = out / "extractor.npz"
    out.mkdir(parents=True, exist_ok=True)
    scores = cross_validate(examples, used)
    model = fit(examples, used)
    model.save(path)
    card = {
        "name": "extractor",
        "does": "whether a block of a page is main text, from its layout",
        "command": "curate train extractor",
        "parameters": used,
        "limit": LIMIT,
        "examples": sum(int(np.isfinite(one.labels).sum()) for one in examples),
        "pages": dict(sorted(Counter(one.page.family for one in examples).items())),
        "sites": len({one.site for one in examples}),
        "data": [one.described(data) for one in SETS],
        "scores": scores,
        "limits": LIMITS,
    }
    return write_card(path, card, "lightgbm", "one thread")


def _check_library() -> None:
    try:
        import lightgbm  # noqa: F401
    except (ImportError, OSError) as error:
        raise ComponentError(
            "`curate train extractor` fits trees with LightGBM",
            str(error),
            change="install the extra: pip install 'curate[train]'",
        ) from error


def load_examples(data: Path) -> list[Example]:
    """All labelled pages of the sets, scanned.

    Raises:
        InputError: a set is missing, or there is nothing to train on.
    """
    examples = []
    for page in read_pages(data):
        scan = scan_page(page.html)
        texts = scan.block_texts()
        labels = label_blocks(page, texts)
        weights = np.ones(len(texts))
        if page.gold is not None:  # each page counts the same, its long blocks more
            weights = np.sqrt([count_words(text) + 1.0 for text in texts])
            weights *= 100 * WEIGHTS[page.family] / max(1.0, weights.sum())
        examples.append(Example(page, page.site, scan, labels, weights))
    known = {label for one in examples for label in one.labels if np.isfinite(label)}
    if len(known) < 2:  # noqa: PLR2004 - main text, and other text
        came = "the pages have one of them at most"
        raise InputError("training needs main text and other text", came, str(data))
    return examples


def fit(examples: list[Example], parameters: dict[str, Any]) -> BlockModel:
    """Boosted trees from labelled blocks."""
    import lightgbm

    rows = np.concatenate([one.scan.rows for one in examples])
    labels = np.concatenate([one.labels for one in examples])
    weights = np.concatenate([one.weights for one in examples])
    known = np.isfinite(labels)
    options = {name: value for name, value in parameters.items() if name != "rounds"}
    booster = lightgbm.train(
        options,
        lightgbm.Dataset(rows[known], label=labels[known], weight=weights[known], params=options),
        parameters["rounds"],
    )
    return _flatten(booster.dump_model()["tree_info"])


def _flatten(trees: list[dict[str, Any]]) -> BlockModel:
    """LightGBM's trees, each made complete: below a leaf all leaves are that one.

    Thresholds are rounded down, so that a comparison of 32-bit numbers stays the same.
    """
    inner = 2**TREE_DEPTH - 1
    features = np.zeros((len(trees), inner), np.uint16)
    thresholds = np.full((len(trees), inner), np.float32(np.inf))
    leaves = np.zeros((len(trees), inner + 1), np.float32)
    for number, tree in enumerate(trees):
        waiting = [(tree["tree_structure"], 0)]
        while waiting:
            node, place = waiting.pop()
            if place >= inner:
                leaves[number, place - inner] = node["leaf_value"]
            elif "split_feature" not in node:
                waiting += [(node, 2 * place + 1), (node, 2 * place + 2)]
            else:
                features[number, place] = node["split_feature"]
                thresholds[number, place] = _round_down(node["threshold"])
                waiting += [
                    (node["left_child"], 2 * place + 1),
                    (node["right_child"], 2 * place + 2),
                ]
    return BlockModel(features, thresholds, leaves, LIMIT)


def _round_down(value: float) -> float:
    rounded = np.float32(value)
    return float(np.nextafter(rounded, np.float32(-np.inf)) if rounded > value else rounded)


def cross_validate(examples: list[Example], parameters: dict[str, Any]) -> dict[str, Any]:
    """Scores of each page by trees that saw no page of its site.

    Of all pages, as the mean over `PARTITIONS` ways to cut the sites into `FOLDS` folds; and of a
    fixed split: the first fold of the first partition.
    """
    articles: list[dict[str, float]] = []
    strings: list[dict[str, float]] = []
    fixed: dict[str, dict[str, float]] = {}
    for partition in range(PARTITIONS):
        folds = [fold_of(one.site, FOLDS, partition) for one in examples]
        shingles: list[tuple[float, float, float]] = []
        counts: list[tuple[int, int, int]] = []
        for fold in range(FOLDS):
            seen = [one for one, its in zip(examples, folds, strict=True) if its != fold]
            tested = [one for one, its in zip(examples, folds, strict=True) if its == fold]
            for one, text in _extract_unseen(seen, tested, parameters):
                if one.page.family == ARTICLES.file:
                    shingles.append(count_shingles(one.page.gold or "", text))
                elif one.page.family == STRINGS.file:
                    counts.append(count_strings(one.page, text))
            if not fixed:
                fixed = {
                    "article, fixed split": article_score(shingles),
                    "strings, fixed split": strings_score(counts),
                }
        articles.append(article_score(shingles))
        strings.append(strings_score(counts))
    by_site = {"article, by site": _mean(articles), "strings, by site": _mean(strings)}
    return {**by_site, **fixed}


def _extract_unseen(
    seen: list[Example], tested: list[Example], parameters: dict[str, Any]
) -> Iterator[tuple[Example, str]]:
    """The text of each tested page by trees that were trained on the seen ones."""
    if tested and any(np.isfinite(one.labels).any() for one in seen):
        model = fit(seen, parameters)
        yield from ((one, one.scan.text(model)) for one in tested)


def _mean(scores: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each score, and the lowest and highest F1."""
    means = {name: round(statistics.mean(one[name] for one in scores), 4) for name in scores[0]}
    if "f1" not in means:
        return means
    values = [one["f1"] for one in scores]
    return {**means, "lowest_f1": min(values), "highest_f1": max(values)}


def count_shingles(truth: str, found: str) -> tuple[float, float, float]:
    """Shares of 4-word shingles: in both, in `found` alone, in `truth` alone.

    As scrapinghub/article-extraction-benchmark defines it.
    """
    wanted, given = _shingles(truth), _shingles(found)
    both = sum((wanted & given).values())
    more, less = sum((given - wanted).values()), sum((wanted - given).values())
    total = max(1, both + more + less)
    return both / total, more / total, less / total


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _TOKEN.findall(text)
    starts = range(max(1, len(words) - 3))
    return Counter(shingle for at in starts if (shingle := tuple(words[at : at + 4])))


def article_score(counts: list[tuple[float, float, float]]) -> dict[str, float]:
    """Mean precision and recall over pages, and their F1 (article-extraction-benchmark)."""
    right = [both / (both + more) for both, more, _ in counts if both + more]
    found = [both / (both + less) for both, _, less in counts if both + less]
    if not right or not found:
        return {"pages": len(counts)}
    precision, recall = statistics.mean(right), statistics.mean(found)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"pages": len(counts), **_rounded(precision, recall, f1)}


def count_strings(page: LabelledPage, text: str) -> tuple[int, int, int]:
    """Wanted strings found, unwanted ones found, wanted ones missed (trafilatura's evaluation)."""
    text = normalise(text)
    right = sum(normalise(one) in text for one in page.wanted)
    wrong = sum(normalise(one) in text for one in page.unwanted)
    return right, wrong, len(page.wanted) - right


def strings_score(counts: list[tuple[int, int, int]]) -> dict[str, float]:
    """Precision, recall and F1 over all strings of all pages (trafilatura's evaluation)."""
    right, wrong, missed = (
        (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    )
    if not right:
        return {"pages": len(counts)}
    found = _rounded(
        right / (right + wrong), right / (right + missed), 2 * right / (2 * right + wrong + missed)
    )
    return {"pages": len(counts), **found}


def _rounded(precision: float, recall: float, f1: float) -> dict[str, float]:
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}
