"""A whole recipe, and what its sections ask of one another."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from curate.errors import RecipeError, nearest
from curate.presets import all_rules
from curate.recipe.comparison import DecontaminationSection, DuplicatesSection, SpansSection
from curate.recipe.measures import (
    BiasSection,
    ClassifierSection,
    CleanSection,
    LanguageSection,
    PageSection,
    PerplexitySection,
    PersonalSection,
    QualitySection,
    ToxicitySection,
    UrlsSection,
)
from curate.recipe.outcome import AlarmSection, AuditSection, AugmentSection, ReleaseSection
from curate.recipe.section import Section
from curate.recipe.sources import AnySource, FetchSection, ParallelSection
from curate.schema import COLUMNS, FOUND

_ASKED = {  # what makes [spans] find what a rule judges
    "shared": "set shared_words in [spans]",
    "site_lines": 'set repeated_line_documents and repeated_action = "tag" in [spans]',
    "common_paragraphs": 'set repeated_paragraph_documents and repeated_action = "tag" in [spans]',
}


class Recipe(Section):
    """A whole run.

    Attributes:
        name: the release's name; lower-case letters, digits, `-`, `_`, `.`.
        store: a folder or an fsspec URL.
        seed: of everything that is drawn.
        max_removed_share: the run stops when one rule would remove more than this share
            (of 100 documents or more).
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    store: str = "store"
    seed: int = 0
    max_removed_share: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.95
    sources: Annotated[tuple[AnySource, ...], Field(min_length=1, strict=False)]
    parallel: Annotated[tuple[ParallelSection, ...], Field(strict=False)] = ()
    fetch: FetchSection = FetchSection()
    clean: CleanSection = CleanSection()
    language: LanguageSection = LanguageSection()
    quality: QualitySection = QualitySection()
    perplexity: PerplexitySection = PerplexitySection()
    classifiers: Annotated[tuple[ClassifierSection, ...], Field(strict=False)] = ()
    duplicates: DuplicatesSection = DuplicatesSection()
    decontamination: DecontaminationSection = DecontaminationSection()
    spans: SpansSection = SpansSection()
    toxicity: ToxicitySection = ToxicitySection()
    personal: PersonalSection = PersonalSection()
    bias: BiasSection = BiasSection()
    urls: UrlsSection = UrlsSection()
    page: PageSection = PageSection()
    audit: AuditSection = AuditSection()
    alarm: AlarmSection = AlarmSection()
    augment: AugmentSection = AugmentSection()
    release: ReleaseSection = ReleaseSection()

    @field_validator("classifiers")
    @classmethod
    def _distinct(cls, sections: tuple[ClassifierSection, ...]) -> tuple[ClassifierSection, ...]:
        names = [section.name for section in sections]
        for name in names:
            if names.count(name) > 1:
                asked = "[[classifiers]] have names of their own"
                raise RecipeError(asked, f"{name!r} names more than one", "", "rename one")
        return sections

    @property
    def span_changes(self) -> tuple[str, ...]:
        """What changes texts after linking: names of `curate.steps.spanning.EDITORS`."""
        spans, toxicity = self.spans, self.toxicity
        goes = spans.repeated_action == "remove-span"
        asked = {
            "repeated_lines": bool(spans.repeated_line_documents) and goes,
            "repeated_paragraphs": bool(spans.repeated_paragraph_documents) and goes,
            "shared_passages": bool(spans.shared_words) and spans.shared_action == "remove-span",
            "toxic_sentences": toxicity.scorer != "none" and toxicity.action == "remove-sentence",
            "personal": self.personal.action == "mask",
        }
        return tuple(name for name, is_asked in asked.items() if is_asked)

    @property
    def changes_spans(self) -> bool:
        """Whether texts change after linking."""
        return bool(self.span_changes)

    @property
    def found_scorers(self) -> tuple[str, ...]:
        """The scorers that take the whole corpus: of `curate.schema.FOUND`."""
        spans = self.spans
        tags = spans.repeated_action == "tag"
        asked = {
            "shared": bool(spans.shared_words),
            "site_lines": bool(spans.repeated_line_documents) and tags,
            "common_paragraphs": bool(spans.repeated_paragraph_documents) and tags,
        }
        return tuple(name for name, is_asked in asked.items() if is_asked)

    @model_validator(mode="after")
    def _can_judge_found(self) -> Self:
        quality = self.quality
        limits = (quality.rules, *quality.languages.values(), *quality.sources.values())
        preset = quality.preset_rules()
        for name in set(preset).union(*limits):
            column = COLUMNS.get((preset.get(name) or all_rules()[name])["column"])
            if column and column.scorer in FOUND and column.scorer not in self.found_scorers:
                asked = f"quality.{name} judges what [spans] finds"
                raise RecipeError(asked, "it does not ask for that", "", _ASKED[column.scorer])
        return self

    @model_validator(mode="after")
    def _can_prefer(self) -> Self:
        if self.duplicates.prefer is None:
            return self
        name = self.duplicates.prefer.removeprefix("-")
        numbers = [one for one, column in COLUMNS.items() if column.is_number]
        asked = "[duplicates] prefer names a score column of numbers"
        if name not in numbers:
            raise RecipeError(asked, f"{name!r} is none", "", nearest(name, numbers))
        is_off = {
            "perplexity": not self.perplexity.models,
            "toxicity": self.toxicity.scorer == "none",
            "urls": self.urls.is_empty,
            "contamination": not self.decontamination.sets,
        }
        scorer = COLUMNS[name].scorer
        if is_off.get(scorer, False):
            raise RecipeError(asked, f"{name!r} is not measured", "", f"set up [{scorer}]")
        return self

    @property
    def references(self) -> tuple[int, ...]:
        """The places of the sources that other documents are compared with."""
        return tuple(place for place, source in enumerate(self.sources) if source.reference)

    @model_validator(mode="after")
    def _has_reference(self) -> Self:
        if len(self.references) == len(self.sources):
            asked, came = "some source holds what is compared", "each says reference = true"
            raise RecipeError(asked, came, "", "take it off one of them")
        if self.duplicates.scope == "reference" and not self.references:
            asked = (
                '[duplicates] scope = "reference" compares with sources that say reference = true'
            )
            raise RecipeError(asked, "none does", "", "say so in one of the [[sources]]")
        if self.duplicates.release_reference and not self.references:
            asked = "[duplicates] release_reference releases sources that say reference = true"
            raise RecipeError(asked, "none does", "", "say so in one of the [[sources]]")
        return self

    @model_validator(mode="after")
    def _can_change_spans(self) -> Self:
        if not self.changes_spans and self.quality.before_spans:
            asked = "[quality] before_spans reads what was measured before [spans]"
            change = "set repeated_line_documents in it"
            raise RecipeError(asked, "[spans] changes nothing", "", change)
        if not self.changes_spans and not self.found_scorers:
            return self
        if self.duplicates.among == "passing":
            asked = "[spans] changes texts, after which other rules may pass them"
            came = 'with [duplicates] among = "passing" these were not compared'
            raise RecipeError(asked, came, "", 'set among = "read"')
        kinds = {section.kind for section in self.sources}
        if self.spans.repeated_line_documents and not kinds.intersection(self.spans.sources):
            asked = "[spans] sources names kinds of the recipe's sources"
            came = f"{', '.join(self.spans.sources)} is none"
            raise RecipeError(asked, came, "", f"name some of {', '.join(sorted(kinds))}")
        return self
