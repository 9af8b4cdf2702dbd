"""Blocks of documents are measured: one object per scorer, one pass over the text for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any, Protocol, runtime_checkable

import polars as pl

from curate.errors import ComponentError, CurateError
from curate.recipe import (
    TOXICITY_LABELS,
    ClassifierSection,
    DuplicatesSection,
    LanguageSection,
    PerplexitySection,
    PersonalSection,
    Recipe,
    Section,
    ToxicitySection,
    UrlsSection,
)
from curate.schema import BEFORE_SPANS, CLASSIFIER, FOUND, columns_of, conform
from curate.steps.referencing import load_reference
from curate.steps.work import Block, Work, library_versions, name_of, overlay
from curate.store import Store
from curate.text.segment import Words

NO_LABELS = dict.fromkeys([f"maximum_{label}" for label in TOXICITY_LABELS])
LINKED = "signatures"  # the scorer by which documents are linked, before `spans`
BATCH_BYTES = 4 << 20  # a scorer's arrays take several times the text
Scorer = Callable[[pl.DataFrame], pl.DataFrame]


@runtime_checkable
class Identified(Protocol):
    """A scorer with a model: what tells the model from any other."""

    def identity(self) -> str:
        """The hash of the model's files, and whatever else shapes its scores."""


NEEDS: dict[
    str, tuple[str, ...]
] = {  # scorers in order, and the earlier ones whose columns they read
    "language": (),
    "quality": (),
    "stopwords": ("language",),
    "fineweb2_stopwords": ("language",),
    "perplexity": ("language",),
    "toxicity": ("language",),
    "bias": ("language",),
    "urls": (),
    "page": ("language",),
    "cleaning": (),
    "personal": ("language",),
    "signatures": (),
    "contamination": (),
}


def _needs(scorer: str) -> tuple[str, ...]:
    return ("language",) if scorer.startswith(CLASSIFIER) else NEEDS[scorer]


BY_WORDS = ("quality", "stopwords")  # measured on the words that [quality] words says


def score_key(work: Work, block: Block, scorer: str) -> str:
    """The key of a scorer's object for a block; empty where what takes the corpus was not sought."""
    if scorer in FOUND:
        return dict(block.found).get(scorer, "")
    recipe = work.recipe
    step = "classifiers" if scorer.startswith(CLASSIFIER) else scorer
    parts: dict[str, Any] = {"documents": block.key, "libraries": library_versions(step)}
    if scorer == "contamination":
        parts["reference"] = work.reference  # its contents: the reference itself is not read
    elif isinstance(model := scorer_of(scorer, work), Identified):
        parts["model"] = _identity(model)
    if recipe.quality.words == "icu" and scorer in BY_WORDS:
        parts["words"] = library_versions("icu")
    if scorer == "toxicity" and recipe.toxicity.scorer in {"detoxify", "cascade"}:
        parts["libraries"] = library_versions("detoxify")
        if recipe.toxicity.scorer == "cascade":
            parts["first"] = score_key(first_stage(work), block, "toxicity")
            parts["band"] = recipe.toxicity.steps
    if scorer == "signatures":
        section = recipe.duplicates
        parts["shape"] = (section.shingle_words, section.bands, section.rows)
        if section.character_width != section.shingle_words:
            parts["characters"] = section.character_width
    parts["needs"] = [score_key(work, block, needed) for needed in _needs(scorer)]
    return work.key(step, **parts)


def first_stage(work: Work) -> Work:
    """The run with the first stage of its cascade for a scorer."""
    section = work.recipe.toxicity.model_copy(update={**NO_LABELS, "scorer": "bundled"})
    return replace(work, recipe=work.recipe.model_copy(update={"toxicity": section}))


def scorers_of(recipe: Recipe) -> tuple[str, ...]:
    """The scorers that a recipe asks for, in order; last those that take the whole corpus."""
    return *measured_by(recipe), *recipe.found_scorers


def measured_by(recipe: Recipe) -> tuple[str, ...]:
    """Those of them that measure each document by itself."""
    left_out = {
        "toxicity": recipe.toxicity.scorer == "none",
        "urls": recipe.urls.is_empty,
        "page": all(action == "off" for action in vars(recipe.page).values()),
        "perplexity": not recipe.perplexity.models,
        "contamination": not recipe.decontamination.sets,
    }
    named = tuple(CLASSIFIER + section.name for section in recipe.classifiers)
    return tuple(name for name in NEEDS if not left_out.get(name, False)) + named


def score_names(work: Work, block: Block) -> list[str]:
    """The names of a block's score objects, before `spans` changed some documents and after."""
    scorers = measured_by(work.recipe)
    versions = [block, block.changed] if block.changed else [block]
    names = [name_of(s, score_key(work, version, s)) for version in versions for s in scorers]
    return names + [name_of(scorer, key) for scorer, key in block.found]


def measure_block(work: Work, block: Block) -> None:
    """Compute whichever score objects of a block are missing, in one pass over its text.

    Raises:
        ComponentError: a scorer failed on every document, or broke its contract.
    """
    if work.recipe.toxicity.scorer == "cascade":
        from curate.steps.cascading import judge_uncertain

        measure_block(first_stage(work), block)
        judge_uncertain(work, block)
    names = {s: name_of(s, score_key(work, block, s)) for s in measured_by(work.recipe)}
    missing = [s for s, name in names.items() if not work.store.has(name)]
    known = {n for s in missing for n in _needs(s) if n not in missing}
    scorers = {s: scorer_of(s, work) for s in missing}
    documents = work.store.read_frame(block.name)
    earlier = [work.store.read_frame(names[s]).drop("id") for s in sorted(known)]
    frame = pl.concat([documents, *earlier], how="horizontal")
    pieces: dict[str, list[pl.DataFrame]] = {s: [] for s in missing}
    for batch in batches(frame, work.batch_documents):
        scored = batch
        for scorer, score in scorers.items():
            columns = score_batch(score, scorer, scored)
            pieces[scorer].append(columns)
            scored = scored.with_columns(columns.get_columns())  # one may be a document's own
    for scorer in missing:
        columns = pl.concat(pieces[scorer])
        if columns.height and (columns[f"{scorer}_state"] == "failed").fill_null(False).all():
            raise ComponentError(
                f"the scorer {scorer!r} can score documents",
                f"it failed on all {columns.height} of a block",
                block.name,
                "see the run's log for the first error",
            )
        work.store.write_frame(names[scorer], columns.insert_column(0, documents["id"]))


def batches(frame: pl.DataFrame, documents: int) -> Iterator[pl.DataFrame]:
    """The rows in slices of at most so many documents and about `BATCH_BYTES` of text."""
    sizes = frame["text"].str.len_bytes().cast(pl.Int64).to_list()
    start = held = 0
    for place, size in enumerate(sizes):
        if place > start and (place - start >= documents or held + size > BATCH_BYTES):
            yield frame[start:place]
            start, held = place, 0
        held += size
    if start < frame.height:
        yield frame[start:]


def read_scores(work: Work, block: Block, columns: Iterable[str]) -> pl.DataFrame:
    """Some score columns of a block, in the order of its documents.

    Those of a document that `spans` changed were measured again, but for those of `signatures` and
    those that take the whole corpus: it was compared as it was. A name that ends in `BEFORE_SPANS` asks for what was measured before.
    """
    wanted = set(columns)
    before = {name for name in wanted if name.endswith(BEFORE_SPANS)}
    scores = _read_version(work, block, wanted - before)
    if block.changed:
        again = (wanted - before).difference(*map(columns_of, (LINKED, *FOUND)))
        changed = _read_version(work, block.changed, again)
        if changed.width:
            rows = work.store.read_frame(block.changed.name, ["row"])
            scores = scores.with_columns(
                overlay(scores.select(changed.columns), changed.hstack(rows))
            )
    if before:
        old = _read_version(work, block, {name.removesuffix(BEFORE_SPANS) for name in before})
        scores = scores.hstack(old.rename(lambda name: name + BEFORE_SPANS))
    return scores


def _read_version(work: Work, block: Block, wanted: set[str]) -> pl.DataFrame:
    """Score columns of a block as it is named, whatever was changed in it."""
    found = []
    for scorer in scorers_of(work.recipe):
        mine = [name for name in columns_of(scorer) if name in wanted]
        if not mine:
            continue
        if key := score_key(work, block, scorer):
            found.append(work.store.read_frame(name_of(scorer, key), mine))
        else:  # documents that were made
            found.append(_not_applicable(scorer, block.documents).select(mine))
    return pl.concat(found, how="horizontal") if found else pl.DataFrame()


def _not_applicable(scorer: str, rows: int) -> pl.DataFrame:
    """A scorer's columns for documents that it does not cover."""
    state = pl.lit("not_applicable").alias(f"{scorer}_state")
    return pl.DataFrame(schema=columns_of(scorer)).clear(rows).with_columns(state)


def score_batch(score: Scorer, scorer: str, batch: pl.DataFrame) -> pl.DataFrame:
    """The scorer's columns; when a batch breaks it, document by document, so that one costs one."""
    try:
        return conform(score(batch), scorer)
    except CurateError:
        raise
    except Exception:  # noqa: BLE001  # which document it was is found below
        rows = []
        for row in batch.iter_slices(1):
            try:
                rows.append(conform(score(row), scorer))
            except Exception:  # noqa: BLE001  # recorded as the document's state
                state = {f"{scorer}_state": ["failed"]}
                rows.append(
                    pl.DataFrame(
                        {name: state.get(name, [None]) for name in columns_of(scorer)},
                        schema=columns_of(scorer),
                    )
                )
        return pl.concat(rows)


@cache
def _identity(model: Identified) -> str:
    """Of a model, once in a process: it hashes files."""
    return model.identity()


def scorer_of(name: str, work: Work) -> Scorer:
    """A scorer made for its section; what it loads is kept for the life of the process."""
    recipe = work.recipe
    if name == "contamination":
        return _contamination(work.store, work.reference)
    sections = {
        "language": recipe.language,
        "toxicity": recipe.toxicity,
        "perplexity": recipe.perplexity,
        "signatures": recipe.duplicates,
        "urls": recipe.urls,
    }
    if name == "personal":
        return _personal(recipe.personal.counting)
    if name in BY_WORDS:
        return _word_scorer(name, recipe.quality.words)
    named = {CLASSIFIER + section.name: section for section in recipe.classifiers}
    if name in named:
        return _classifier(named[name])
    return _make_scorer(name, sections.get(name))


@cache
def _classifier(section: ClassifierSection) -> Scorer:
    from curate.score.classifier import ClassifierScorer

    return ClassifierScorer(section)


@cache
def _contamination(store: Store, reference: str) -> Scorer:
    return load_reference(store, reference)


@cache
def _personal(section: PersonalSection) -> Scorer:
    from curate.score.personal import PersonalScorer

    return PersonalScorer(section)


@cache
def _make_scorer(name: str, section: Section | None) -> Scorer:
    if isinstance(section, LanguageSection):
        from curate.score.language import LanguageScorer

        return LanguageScorer(section.model)
    if isinstance(section, PerplexitySection):
        from curate.score.perplexity import PerplexityScorer

        return PerplexityScorer(section.models)
    if isinstance(section, ToxicitySection):
        from curate.score.toxicity import toxicity_scorer

        chosen = toxicity_scorer(section)
        assert chosen is not None  # `scorers_of` leaves it out when there is none
        return chosen
    if isinstance(section, DuplicatesSection):
        from curate.duplicates.signatures import Signatures

        return Signatures(section)
    if isinstance(section, UrlsSection):
        from curate.score.urls import UrlScorer

        return UrlScorer(section)
    return _plain_scorer(name)


@cache
def _word_scorer(name: str, words: Words) -> Scorer:
    """A scorer that counts words."""
    from curate.score.quality import score_quality
    from curate.score.stopwords import score_stopwords

    if words == "icu":
        from curate.text.dictionary import check_icu

        check_icu()
    scorer = score_quality if name == "quality" else score_stopwords
    return partial(scorer, words=words)


def _plain_scorer(name: str) -> Scorer:
    """A scorer that takes no settings."""
    from curate.score.bias import score_bias
    from curate.score.cleaning import score_cleaning
    from curate.score.page import score_page
    from curate.score.stopwords import score_fineweb2_stopwords

    scorers: dict[str, Scorer] = {
        "fineweb2_stopwords": score_fineweb2_stopwords,
        "bias": score_bias,
        "page": score_page,
        "cleaning": score_cleaning,
    }
    return scorers[name]
