"""One TOML file is one run: frozen models, one section per stage, unknown keys refused."""

from __future__ import annotations

from curate.recipe.comparison import (
    MAXIMUM_HASHES,
    PROCESS_BYTES,
    RECORDED_OVERLAP,
    DecontaminationSection,
    DuplicatesSection,
    EvaluationSet,
    choose_bands,
    find_probability,
)
from curate.recipe.measures import (
    CASCADE_STEPS,
    RECORDED_TOXICITY,
    TOXICITY_LABELS,
    ClassifierSection,
    CleanSection,
    LanguageSection,
    Limits,
    LineRule,
    PageSection,
    PerplexitySection,
    PersonalSection,
    QualitySection,
    ToxicitySection,
    UrlsSection,
)
from curate.recipe.outcome import AlarmSection, AuditSection
from curate.recipe.reading import change_recipe, load_recipe, make_recipe
from curate.recipe.recipe import Recipe
from curate.recipe.section import Section
from curate.recipe.sources import (
    AnySource,
    CommonCrawlSection,
    FetchSection,
    ParallelSection,
    RecordsSection,
    SubtitlesSection,
    Variant,
    WikipediaSection,
)

__all__ = [
    "CASCADE_STEPS",
    "MAXIMUM_HASHES",
    "PROCESS_BYTES",
    "RECORDED_OVERLAP",
    "RECORDED_TOXICITY",
    "TOXICITY_LABELS",
    "AlarmSection",
    "AnySource",
    "AuditSection",
    "ClassifierSection",
    "CleanSection",
    "CommonCrawlSection",
    "DecontaminationSection",
    "DuplicatesSection",
    "EvaluationSet",
    "FetchSection",
    "LanguageSection",
    "Limits",
    "LineRule",
    "PageSection",
    "ParallelSection",
    "PerplexitySection",
    "PersonalSection",
    "QualitySection",
    "Recipe",
    "RecordsSection",
    "Section",
    "SubtitlesSection",
    "ToxicitySection",
    "UrlsSection",
    "Variant",
    "WikipediaSection",
    "change_recipe",
    "choose_bands",
    "find_probability",
    "load_recipe",
    "make_recipe",
]
