"""The sections of what is measured of a document alone, and of the rules that judge it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from curate.errors import RecipeError, nearest
from curate.languages import normalise_language, stop_words
from curate.presets import all_rules, load_preset
from curate.recipe.section import Section
from curate.recipe.sources import KINDS
from curate.schema import COLUMNS, DOCUMENT, classifier_columns

LineRule = Literal["policy", "uppercase", "numeric", "counter", "single_word", "boilerplate"]


class CleanSection(Section):
    """Changes of the text before anything is measured, recorded by their number of characters.

    Attributes:
        unicode: the Unicode normal form that the text is brought to.
        policy_lines: drop lines that speak of JavaScript or of cookie and privacy policies (C4);
            the same as `lines = ["policy"]`.
        mojibake: repair texts that were decoded in a wrong set and encoded again (by ftfy).
        lines: rules by which lines are dropped (RefinedWeb, DCLM); see `curate.text.lines`.
        stop_words: languages whose stop words are taken out of all texts, for classical models: what
            is measured then, the language too, is measured without them.
        maximum_document_characters: a longer document is cut at paragraphs into parts that are
            linked to the first one; left out: none is.
    """

    unicode: Literal["NFC", "NFKC", "none"] = "NFC"
    policy_lines: bool = False
    mojibake: bool = False
    lines: Annotated[tuple[LineRule, ...], Field(strict=False)] = ()
    stop_words: Annotated[tuple[str, ...], Field(strict=False)] = ()
    maximum_document_characters: Annotated[int, Field(ge=1000)] | None = None

    @field_validator("stop_words")
    @classmethod
    def _listed(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        chosen = tuple(sorted({normalise_language(code) for code in codes}))
        for code in chosen:
            if code not in stop_words():
                asked = "[clean] stop_words names languages with a list of stop words"
                change = f"there are lists for {', '.join(sorted(stop_words()))}"
                raise RecipeError(asked, f"{code!r} has none", "", change)
        return chosen

    @property
    def line_rules(self) -> tuple[str, ...]:
        """The rules by which lines are dropped, each once, in the recipe's order."""
        chosen: tuple[str, ...] = ("policy", *self.lines) if self.policy_lines else self.lines
        return tuple(dict.fromkeys(chosen))


class LanguageSection(Section):
    """Language identification.

    Attributes:
        model: `bundled`, or the path of any fastText language model.
        keep: ISO 639-1 or 639-3 codes; left out: all languages.
        minimum_score: a document below it is removed; left out: none is. Of the bundled model's
            scores about so large a share is right (see its card).
        minimum_share: a document less of which is in its language is removed; left out: none is.
    """

    model: str = "bundled"
    keep: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    minimum_score: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    minimum_share: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None

    @field_validator("keep")
    @classmethod
    def _normalise(cls, codes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return codes and tuple(sorted({normalise_language(code) for code in codes}))


Limits = dict[str, Annotated[float, Field(strict=False)] | bool]


class Definition(Section):
    """A rule of a rules file, as a preset has it."""

    column: str
    removes: Literal["below", "above", "at_or_below", "at_or_above", "true"]
    limit: Annotated[float, Field(strict=False)] | bool
    source: str
    languages: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @field_validator("languages")
    @classmethod
    def _normalise(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(normalise_language(code) for code in codes)


class QualitySection(Section):
    """Quality rules: a preset, and limits that override or add to it; `false` switches one off.

    Attributes:
        preset: the name of one that the package carries, or the path of a rules file (which
            `fit-rules` writes), relative to the recipe's folder.
        rules: limits by rule.
        languages: other limits by rule for documents of a language (`[quality.languages.de]`).
        sources: other limits by rule for documents of a source (`[quality.sources.subtitles]`);
            where both speak, the source's counts.
        definitions: the rules of the file that `preset` named, which reading it puts here, so that
            a recipe is whole without the file.
        words: how scripts without spaces are cut into words for quality and the stop words of a
            language: `rules` (see `curate.text.segment`), or `icu`, by dictionary (the extra `icu`).
        before_spans: rules that read what was measured before `[spans]` changed the text.
    """

    preset: str | None = None
    definitions: dict[str, Definition] = Field(default_factory=dict)
    rules: Limits = Field(default_factory=dict)
    languages: dict[str, Limits] = Field(default_factory=dict)
    sources: dict[str, Limits] = Field(default_factory=dict)
    words: Literal["rules", "icu"] = "rules"
    before_spans: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @field_validator("languages")
    @classmethod
    def _normalise(cls, languages: dict[str, Limits]) -> dict[str, Limits]:
        merged: dict[str, Limits] = {}
        for code, limits in languages.items():  # `--set` may name a language in another way
            merged.setdefault(normalise_language(code), {}).update(limits)
        return merged

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, sources: dict[str, Limits]) -> dict[str, Limits]:
        known = (*KINDS, "augment:counterfactual")
        for name in sources:
            if name not in known:
                asked = "[quality.sources] names sources"
                raise RecipeError(asked, f"{name!r} is none", "", nearest(name, known))
        return sources

    @model_validator(mode="after")
    def _known_rules(self) -> Self:
        preset = self.preset_rules()
        for limits in (self.rules, *self.languages.values(), *self.sources.values()):
            for name, limit in limits.items():
                if name not in all_rules() and name not in self.definitions:
                    asked = "[quality.rules] sets rules"
                    raise RecipeError(asked, f"{name!r} is none", "", nearest(name, all_rules()))
                if limit is True and (preset.get(name) or all_rules()[name])["removes"] != "true":
                    asked = "the limit of a rule is a number"
                    change = "write one, or false to switch the rule off"
                    raise RecipeError(asked, f"{name!r} is true", "", change)
        mine = set(preset).union(self.rules, *self.languages.values(), *self.sources.values())
        for name in self.before_spans:
            if name not in mine:
                asked = "[quality] before_spans names rules of the recipe"
                raise RecipeError(asked, f"{name!r} is none", "", nearest(name, mine))
        return self

    def preset_rules(self) -> dict[str, dict[str, Any]]:
        """The preset's rules: name → column, removes, limit, source, languages.

        Raises:
            RecipeError: there is no such preset.
        """
        if self.definitions:
            return {name: rule.model_dump() for name, rule in self.definitions.items()}
        if self.preset is None:
            return {}
        return load_preset(self.preset)


class PerplexitySection(Section):
    """Perplexity by n-gram models that `curate train perplexity` makes.

    Attributes:
        models: paths of model files, one for each language; left out: nothing is measured.
        keep: buckets (`head`, `middle`, `tail`) whose documents stay; left out: all.
        maximum: a document above it is removed; left out: none is.
    """

    models: Annotated[tuple[str, ...], Field(strict=False)] = ()
    keep: Annotated[tuple[Literal["head", "middle", "tail"], ...], Field(strict=False)] | None = (
        None
    )
    maximum: Annotated[float, Field(gt=0, strict=False)] | None = None

    @model_validator(mode="after")
    def _has_models(self) -> Self:
        if not self.models and (self.keep is not None or self.maximum is not None):
            asked = "[perplexity] keep and maximum judge what models measure"
            raise RecipeError(asked, "`models` names none", "", "name model files")
        return self


class ClassifierSection(Section):
    """A fastText classifier: the columns `<name>_label` and `<name>_score`; no rule by itself.

    Attributes:
        name: of the columns and of the rules (`classifiers.<name>.minimum_score`).
        model: the path of a fastText model, a bundled one (`quality`), or a name of the registry.
        label: the score is this label's probability; left out: the likeliest label's.
        maximum_characters: of a text that the model sees; left out: all.
        keep: documents with another likeliest label are hits; left out: none is.
        minimum_score: a document below it is a hit; left out: none is.
        maximum_score: a document above it is a hit; left out: none is.
        action: what a hit does.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    model: Annotated[str, Field(min_length=1)]
    label: str | None = None
    maximum_characters: Annotated[int, Field(gt=0)] | None = None
    keep: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    minimum_score: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    maximum_score: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    action: Literal["tag", "remove"] = "remove"

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        for column in classifier_columns(name):
            if column in COLUMNS or column in DOCUMENT:
                asked = "[[classifiers]] have names that make columns of their own"
                raise RecipeError(
                    asked, f"{name!r} makes {column}, which there is", "", "rename it"
                )
        return name

    @field_validator("keep")
    @classmethod
    def _bare(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return labels and tuple(sorted({label.removeprefix("__label__") for label in labels}))


TOXICITY_LABELS = ("threat", "insult", "identity_attack", "sexual", "obscene")


RECORDED_TOXICITY = 0.5  # from which on the sentences that have it are kept as evidence


CASCADE_STEPS = 20  # a band is made of such parts of 0 to 1


Limit = Annotated[float, Field(ge=0, le=1, strict=False)] | None


class ToxicitySection(Section):
    """Toxicity scores, and what is done with them.

    Attributes:
        scorer: `bundled` (fastText), `detoxify` (needs the extra), `cascade` (bundled first, and
            Detoxify for the documents about which it is not sure), or `none`.
        model: which of Detoxify's models: `original`, `unbiased` (both English) or `multilingual`.
        checkpoint: a Detoxify checkpoint file instead; left out: Detoxify's own download.
        band: of a cascade: from which to which score of the bundled model a document goes to
            Detoxify. It is widened to twentieths, to `maximum_score`, and with a label's limit to
            1. What lies outside keeps the bundled model's score. Documents in languages that Detoxify
            speaks and the bundled model does not all go to Detoxify.
        action: what a hit does; `remove-sentence` takes the sentences above `maximum_score` out
            after linking, measures the document again, and tags what is still a hit.
        maximum_score: a document above it is a hit.
        maximum_threat: one with a piece that is more likely a threat is, too; likewise the other
            labels, which Detoxify tells apart (`original` has no `sexual`) and the bundled model
            does not.
    """

    scorer: Literal["bundled", "detoxify", "cascade", "none"] = "bundled"
    model: Literal["original", "unbiased", "multilingual"] = "original"
    checkpoint: str | None = None
    band: Annotated[
        tuple[
            Annotated[float, Field(ge=0, le=1, strict=False)],
            Annotated[float, Field(ge=0, le=1, strict=False)],
        ],
        Field(strict=False),
    ] = (0.3, 0.95)
    action: Literal["tag", "remove-sentence", "remove"] = "tag"
    maximum_score: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.9
    maximum_threat: Limit = None
    maximum_insult: Limit = None
    maximum_identity_attack: Limit = None
    maximum_sexual: Limit = None
    maximum_obscene: Limit = None

    @property
    def label_limits(self) -> dict[str, float]:
        """The limits of labels that are set, by label."""
        limits = {label: getattr(self, f"maximum_{label}") for label in TOXICITY_LABELS}
        return {label: limit for label, limit in limits.items() if limit is not None}

    @property
    def steps(self) -> tuple[int, int]:
        """The first and the last twentieth of the cascade's band, 0 to 19."""
        low, high = min(self.band[0], self.maximum_score), max(self.band[1], self.maximum_score)
        high = 1.0 if self.label_limits else high
        last = CASCADE_STEPS - 1
        first = min(math.floor(round(low * CASCADE_STEPS, 6)), last)
        return first, max(first, math.ceil(round(high * CASCADE_STEPS, 6)) - 1)

    @model_validator(mode="after")
    def _can_judge(self) -> Self:
        if self.band[0] >= self.band[1]:
            came = f"{list(self.band)} came"
            raise RecipeError("[toxicity] band goes from a lower score to a higher one", came)
        for label in self.label_limits:
            asked = f"[toxicity] maximum_{label} limits a label that the scorer tells apart"
            if self.scorer in {"bundled", "none"}:
                came = f"{self.scorer!r} gives no label"
                change = 'set scorer = "detoxify" or "cascade", or leave it out'
                raise RecipeError(asked, came, "", change)
            if label == "sexual" and self.model == "original" and self.checkpoint is None:
                came = "Detoxify's original model has no such class"
                raise RecipeError(asked, came, "", 'set model = "unbiased" or "multilingual"')
        if self.action == "remove-sentence" and self.maximum_score < RECORDED_TOXICITY:
            asked = f"sentences are told from a toxicity of {RECORDED_TOXICITY:g} on"
            came = f"[toxicity] maximum_score is {self.maximum_score:g} with remove-sentence"
            raise RecipeError(asked, came, "", "raise maximum_score")
        return self


PersonalKind = Literal[
    "email", "phone", "ip", "iban", "card", "national_id", "address", "key", "password"
]


class PersonalSection(Section):
    """Personal data, and what is done with it; `curate.score.personal` says what is found.

    Attributes:
        kinds: that are counted, tagged, masked.
        languages: of whose documents; empty: of all.
        action: `tag` leaves the rule's name on a document, `remove` removes it, `mask` changes its
            text after duplicates are linked.
        maximum_count: a document with more places than this is a hit. Left out: none may be there,
            and with `mask` any number. With `mask` a hit is removed, by its count before masking.
        mask: `placeholder` puts a sign such as `<EMAIL>` in the place, `surrogate` one of the same
            format that is nobody's, drawn from the recipe's seed and the value.
    """

    kinds: Annotated[tuple[PersonalKind, ...], Field(strict=False, min_length=1)] = get_args(
        PersonalKind
    )
    languages: Annotated[tuple[str, ...], Field(strict=False)] = ()
    action: Literal["tag", "mask", "remove"] = "tag"
    maximum_count: Annotated[int, Field(ge=0)] | None = None
    mask: Literal["placeholder", "surrogate"] = "placeholder"

    @field_validator("kinds")
    @classmethod
    def _in_order(cls, kinds: tuple[PersonalKind, ...]) -> tuple[PersonalKind, ...]:
        return tuple(kind for kind in get_args(PersonalKind) if kind in kinds)

    @field_validator("languages")
    @classmethod
    def _normalise(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({normalise_language(code) for code in codes}))

    @property
    def counting(self) -> PersonalSection:
        """What of the section the counts depend on."""
        return PersonalSection(kinds=self.kinds, languages=self.languages)


class BiasSection(Section):
    """Mentions of identity groups, and the one rule about derogatory ones."""

    action: Literal["tag", "remove"] = "tag"
    maximum_derogatory_mentions: Annotated[int, Field(ge=0)] = 0


class UrlsSection(Section):
    """Rules about a document's address; nothing is measured where nothing is configured.

    Attributes:
        block: name of a list → its path: a folder as UT1 has them, or a file of domains and
            addresses (plain, hosts file, gzip). Relative paths start from the working directory.
        allow: the same; what an allow list covers, no block list and no word hits.
        words: word → weight, summed over the words of an address; `*word` counts inside words.
        maximum_word_score: an address above it is a hit.
        action: what a hit does.
    """

    block: dict[str, str] = Field(default_factory=dict)
    allow: dict[str, str] = Field(default_factory=dict)
    words: dict[str, Annotated[float, Field(strict=False, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    maximum_word_score: Annotated[float, Field(strict=False)] | None = None
    action: Literal["tag", "remove"] = "remove"

    @field_validator("words")
    @classmethod
    def _lower(cls, words: dict[str, float]) -> dict[str, float]:
        return {word.lower(): weight for word, weight in sorted(words.items())}

    @model_validator(mode="after")
    def _scored(self) -> Self:
        if (self.maximum_word_score is None) != (not self.words):
            came = "only one of them is there"
            raise RecipeError("[urls] sets `words` and `maximum_word_score` together", came)
        return self

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to measure."""
        return not (self.block or self.words)

    def __hash__(self) -> int:
        """A scorer is kept for the section that it was made for."""
        return hash(self.model_dump_json())


PageAction = Literal["off", "tag", "remove"]


class PageSection(Section):
    """Rules about what a page says of itself (see `curate.score.page`); off unless asked for.

    Attributes:
        robots_noindex: the page asks not to be indexed.
        robots_noarchive: it asks not to be kept.
        robots_noai: it asks not to be used for AI, or reserves text and data mining.
        no_open_licence: it names a licence that is not an open one.
        disambiguation: a wiki's disambiguation page.
        list_page: a wiki's list.
        language_disagrees: the declared language is not the detected one.
        not_canonical: the page calls another address its own.
    """

    robots_noindex: PageAction = "off"
    robots_noarchive: PageAction = "off"
    robots_noai: PageAction = "off"
    no_open_licence: PageAction = "off"
    disambiguation: PageAction = "off"
    list_page: PageAction = "off"
    language_disagrees: PageAction = "off"
    not_canonical: PageAction = "off"
