"""Rules, which are data, turn score columns into verdicts.

A rule compares one column with a limit. A document is removed by the first rule, in order, that
it hits and whose action is `remove`; a rule whose action is `tag` only leaves its name. A score
that `failed` is a hit: nothing broken is kept in silence. A score that is `not_applicable`, or a
rule that does not speak the document's language, is no hit, and is counted.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from curate.errors import DecisionError, RecipeError
from curate.presets import all_rules
from curate.recipe import (
    CASCADE_STEPS,
    ClassifierSection,
    DuplicatesSection,
    Limits,
    PageSection,
    PersonalSection,
    QualitySection,
    Recipe,
    ToxicitySection,
    UrlsSection,
)
from curate.schema import BEFORE_SPANS, COLUMNS, DataType, classifier_columns, column_facts

Removes = Literal[
    "below", "above", "at_or_below", "at_or_above", "true", "false", "outside", "listed"
]
NEAR = "duplicates.near"
DUPLICATE_RULES = (
    "duplicates.url",
    "duplicates.key",
    "duplicates.exact",
    NEAR,
    "duplicates.version",
    "duplicates.reference",  # documents that others are compared with, and no duplicates
)
REFERENCE = DUPLICATE_RULES[-1]
DECONTAMINATION = "decontamination.maximum_overlap"
PERSONAL_RULE = "personal.maximum_count"
MINIMUM_DOCUMENTS = 100  # below this a share says nothing


@dataclass(frozen=True)
class Override:
    """Another limit for some documents.

    Attributes:
        column: `source` or `language`.
        value: of that column.
        limit: the number; None: the rule says nothing of these documents.
    """

    column: Literal["source", "language"]
    value: str
    limit: float | None

    def covers(self) -> pl.Expr:
        """Whether a document is one of them."""
        return pl.col(self.column).eq_missing(pl.lit(self.value))


@dataclass(frozen=True)
class Rule:
    """One comparison.

    Attributes:
        name: as `--set` spells it (`quality.minimum_words`).
        column: the column that it reads.
        removes: the side of the limit that is a hit; `outside`: not among the limit's values;
            `listed`: any text, which is then the limit that the ledger tells.
        limit: the number, or the values; None: only the overrides have one.
        action: what a hit does.
        languages: ISO 639-3 codes that the rule speaks; empty: all.
        source: where the limit comes from.
        overrides: other limits for some sources and languages; the first that covers a document
            counts.
        where_given: a document without a value is no case for the rule: its model has no such
            class.
        cascade: the first and the last twentieth of the score of a cascade's first stage in which
            its second stage decides.
    """

    name: str
    column: str
    removes: Removes
    limit: float | tuple[str, ...] | None
    action: Literal["tag", "remove"] = "remove"
    languages: tuple[str, ...] = ()
    source: str = ""
    overrides: tuple[Override, ...] = ()
    where_given: bool = False
    cascade: tuple[int, int] | None = None

    @property
    def scorer(self) -> str:
        """The scorer that the rule reads."""
        return column_facts(self.column.removesuffix(BEFORE_SPANS)).scorer

    @property
    def state(self) -> str:
        """The state column of that scorer."""
        before = BEFORE_SPANS if self.column.endswith(BEFORE_SPANS) else ""
        return f"{self.scorer}_state{before}"

    @property
    def columns(self) -> set[str]:
        """The columns that it needs of a document."""
        named = {"language"} if self.languages else set()
        if self.cascade:
            named |= {"toxicity_bundled", "toxicity_sent"}
        return named | {self.column, self.state, *(o.column for o in self.overrides)}

    def limit_text(self) -> pl.Expr:
        """The limit that a document meets, as text for the ledger."""
        if self.removes == "listed":
            return pl.col(self.column)
        if isinstance(self.limit, tuple):
            return pl.lit(",".join(self.limit))
        return self._by_limit(lambda n: pl.lit(f"{n:g}"))

    def applies(self) -> pl.Expr:
        """Whether the rule speaks to a document: it is covered, and it was scored."""
        scored = pl.col(self.state).ne_missing("not_applicable")
        if self.languages:
            scored &= pl.col("language").is_in(self.languages).fill_null(False)
        if self.limit is None or any(override.limit is None for override in self.overrides):
            scored &= self._by_limit(lambda _: pl.lit(value=True)).is_not_null()
        if self.where_given:
            scored &= (
                pl.col(self.column).is_not_null() | pl.col(self.state).is_not_null() | self._lacks()
            )
        return scored

    def undetermined(self) -> pl.Expr:
        """Whether the document lacks the score."""
        lacks = pl.col(self.state).eq_missing("not_computed") | self._lacks()
        return self.applies() & lacks

    def _lacks(self) -> pl.Expr:
        """Whether a cascade's second stage decides about the document, and was not asked."""
        if self.cascade is None:
            return pl.lit(value=False)
        return in_band(self.cascade) & pl.col("toxicity_sent").eq_missing(pl.lit(value=False))

    def value(self) -> pl.Expr:
        """What is compared with the limit."""
        if self.cascade is None or self.where_given:
            return pl.col(self.column)
        decides = in_band(self.cascade) | pl.col("toxicity_bundled").is_null()
        return pl.when(decides).then(self.column).otherwise("toxicity_bundled")

    def hits(self) -> pl.Expr:
        """Whether a document is hit; a failed score is."""
        column = self.value()
        if self.removes == "listed":
            hit = column.is_not_null()
        elif isinstance(self.limit, tuple):
            hit = column.is_in(self.limit).not_()
        else:
            limit = self._by_limit(pl.lit)
            hit = {
                "below": column < limit,
                "above": column > limit,
                "at_or_below": column <= limit,
                "at_or_above": column >= limit,
                "true": column.cast(pl.Float64) > 0,
                "false": column.cast(pl.Float64) <= 0,
            }[self.removes]
        failed = pl.col(self.state).eq_missing("failed")
        return self.applies() & (failed | hit.fill_null(False))

    def _by_limit(self, of: Callable[[float], pl.Expr]) -> pl.Expr:
        """What a function makes of the limit that a document meets; null where it meets none."""
        assert not isinstance(self.limit, tuple)
        chosen = pl.lit(None) if self.limit is None else of(self.limit)
        for override in reversed(self.overrides):  # the first one is asked first
            other = pl.lit(None) if override.limit is None else of(override.limit)
            chosen = pl.when(override.covers()).then(other).otherwise(chosen)
        return chosen


def in_band(steps: tuple[int, int]) -> pl.Expr:
    """Whether a cascade's second stage decides about a document, by the score of the first."""
    step = (pl.col("toxicity_bundled") * 10_000).round().cast(pl.Int64) * CASCADE_STEPS // 10_000
    return step.clip(0, CASCADE_STEPS - 1).is_between(*steps).fill_null(value=False)


def compile_rules(recipe: Recipe) -> tuple[Rule, ...]:
    """The rules of a recipe in the order in which they are applied, duplicates apart.

    Raises:
        RecipeError: a preset or a rule is unknown, or reads a column that no scorer gives.
    """
    rules = []
    if recipe.changes_spans:
        rules.append(Rule("spans.nothing_left", "characters", "at_or_below", 0.0))
    rules += [*_url_rules(recipe.urls), *_page_rules(recipe.page)]
    language, bias = recipe.language, recipe.bias
    decontamination = recipe.decontamination
    if language.keep is not None:
        rules.append(Rule("language.keep", "language", "outside", language.keep))
    if language.minimum_score is not None:
        rules.append(
            Rule("language.minimum_score", "language_score", "below", language.minimum_score)
        )
    if language.minimum_share is not None:
        rules.append(
            Rule("language.minimum_share", "language_share", "below", language.minimum_share)
        )
    rules += _quality_rules(recipe.quality)
    for section in recipe.classifiers:
        rules += _classifier_rules(section)
    perplexity = recipe.perplexity
    if perplexity.keep is not None:
        rules.append(Rule("perplexity.keep", "perplexity_bucket", "outside", perplexity.keep))
    if perplexity.maximum is not None:
        rules.append(Rule("perplexity.maximum", "perplexity", "above", perplexity.maximum))
    rules += _personal_rules(recipe.personal)
    rules += _toxicity_rules(recipe.toxicity)
    rules.append(
        Rule(
            "bias.maximum_derogatory_mentions",
            "derogatory_mentions",
            "above",
            bias.maximum_derogatory_mentions,
            bias.action,
        )
    )
    if decontamination.sets:
        limit, action = decontamination.maximum_overlap, decontamination.action
        rules.append(Rule(DECONTAMINATION, "contamination", "above", limit, action))
    return tuple(rules)


def _toxicity_rules(section: ToxicitySection) -> list[Rule]:
    if section.scorer == "none":
        return []
    action: Literal["tag", "remove"] = "remove" if section.action == "remove" else "tag"
    steps = section.steps if section.scorer == "cascade" else None
    limit = section.maximum_score
    rules = [Rule("toxicity.maximum_score", "toxicity", "above", limit, action, cascade=steps)]
    for label, limit in section.label_limits.items():
        name, column = f"toxicity.maximum_{label}", f"toxicity_{label}"
        rules.append(Rule(name, column, "above", limit, action, where_given=True, cascade=steps))
    return rules


def _url_rules(section: UrlsSection) -> list[Rule]:
    rules = []
    if section.block:
        rules.append(Rule("urls.block", "url_list", "listed", 1.0, section.action))
    if section.maximum_word_score is not None:
        limit = section.maximum_word_score
        rules.append(
            Rule("urls.maximum_word_score", "url_word_score", "above", limit, section.action)
        )
    return rules


def _classifier_rules(section: ClassifierSection) -> list[Rule]:
    label, score, _ = classifier_columns(section.name)
    rules: list[tuple[str, str, Removes, float | tuple[str, ...] | None]] = [
        ("keep", label, "outside", section.keep),
        ("minimum_score", score, "below", section.minimum_score),
        ("maximum_score", score, "above", section.maximum_score),
    ]
    return [
        Rule(f"classifiers.{section.name}.{name}", column, removes, limit, section.action)
        for name, column, removes, limit in rules
        if limit is not None
    ]


_PAGE_RULES: dict[str, tuple[str, Removes]] = {  # name in [page] → column, what is a hit
    "robots_noindex": ("robots_noindex", "true"),
    "robots_noarchive": ("robots_noarchive", "true"),
    "robots_noai": ("robots_noai", "true"),
    "no_open_licence": ("has_open_licence", "false"),
    "disambiguation": ("is_disambiguation", "true"),
    "list_page": ("is_list_page", "true"),
    "language_disagrees": ("language_disagrees", "true"),
    "not_canonical": ("is_canonical", "false"),
}


def _page_rules(section: PageSection) -> list[Rule]:
    rules = []
    for name, (column, removes) in _PAGE_RULES.items():
        action = getattr(section, name)
        if action != "off":
            limit = 0.0 if removes == "true" else 1.0
            rules.append(Rule(f"page.{name}", column, removes, limit, action))
    return rules


def _personal_rules(section: PersonalSection) -> list[Rule]:
    """With `mask` the rule reads the count before the text was changed."""
    masks = section.action == "mask"
    if masks and section.maximum_count is None:
        return []
    action: Literal["tag", "remove"] = "tag" if section.action == "tag" else "remove"
    column = "personal" + BEFORE_SPANS * masks
    return [Rule(PERSONAL_RULE, column, "above", float(section.maximum_count or 0), action)]


def _quality_rules(section: QualitySection) -> list[Rule]:
    """The preset's rules with the recipe's limits, then what the recipe adds."""
    preset = section.preset_rules()
    limits = {name: facts["limit"] for name, facts in preset.items()} | section.rules
    elsewhere: list[tuple[Literal["source", "language"], dict[str, Limits]]] = [
        ("source", section.sources),
        ("language", section.languages),
    ]
    overrides: dict[str, list[Override]] = {}
    for column, by_value in elsewhere:
        for value, chosen in sorted(by_value.items()):
            for name, limit in chosen.items():
                overrides.setdefault(name, []).append(Override(column, value, _number(limit)))
    for name, facts in preset.items():
        if name not in section.rules:  # which speak of all languages
            for language, limit in facts.get("language_limits", {}).items():
                override = Override("language", language, _number(limit))
                overrides.setdefault(name, []).append(override)
    rules = []
    for name in limits | dict.fromkeys(overrides, False):
        facts = preset.get(name) or all_rules()[name]
        if facts["column"] not in COLUMNS:
            asked = f"the rule quality.{name} reads a column"
            raise RecipeError(asked, f"{facts['column']!r} is none")
        usual, mine = _number(limits.get(name, False)), tuple(overrides.get(name, ()))
        if usual is None and not any(override.limit is not None for override in mine):
            continue  # a recipe switches a preset's rule off
        rules.append(
            Rule(
                f"quality.{name}",
                facts["column"] + BEFORE_SPANS * (name in section.before_spans),
                facts["removes"],
                usual,
                "remove",
                tuple(facts.get("languages", ())),
                "recipe" if name in section.rules else facts["source"],
                mine,
            )
        )
    return rules


def _number(limit: float | bool) -> float | None:
    """A rule's limit; None for `false`, which switches it off."""
    return None if limit is False else float(limit)


def columns_read(rules: Iterable[Rule]) -> list[str]:
    """The columns that rules need, sorted."""
    return sorted({column for rule in rules for column in rule.columns})


def judge(scores: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """The verdict of each document by its own scores: duplicates are decided afterwards.

    Args:
        scores: the columns that the rules read, one row per document.
        rules: in order.

    Returns:
        Same rows, same order: `removed_by`, `value` and `limit` (null for a document that
        passes), and `tags`, the names of the rules that only tag it.
    """
    removing = [rule for rule in rules if rule.action == "remove"]
    tagging = [rule for rule in rules if rule.action == "tag"]
    hits = scores.lazy().select(
        **{rule.name: rule.hits() for rule in rules},
        **{f"value {rule.name}": _value(rule) for rule in removing},
        **{f"limit {rule.name}": rule.limit_text() for rule in removing},
    )

    def first(of: Callable[[Rule], pl.Expr], dtype: pl.DataType) -> pl.Expr:
        chosen = pl.lit(None, dtype=dtype)
        for rule in reversed(removing):  # the first rule is asked first
            chosen = pl.when(pl.col(rule.name)).then(of(rule)).otherwise(chosen)
        return chosen

    tags = [pl.when(pl.col(rule.name)).then(pl.lit(rule.name)) for rule in tagging]
    return hits.select(
        removed_by=first(lambda rule: pl.lit(rule.name), pl.String()),
        value=first(lambda rule: pl.col(f"value {rule.name}"), pl.Float64()),
        limit=first(lambda rule: pl.col(f"limit {rule.name}"), pl.String()),
        tags=pl.concat_list(tags).list.drop_nulls()
        if tags
        else pl.lit([], dtype=pl.List(pl.String)),
    ).collect()


def find_removals(scores: pl.DataFrame, rules: Sequence[Rule]) -> pl.Series:
    """`removed_by` alone, as `judge` gives it: a few times as fast."""
    removing = [rule for rule in rules if rule.action == "remove"]
    hit = [
        pl.when(rule.hits()).then(pl.lit(place, dtype=pl.UInt32))
        for place, rule in enumerate(removing)
    ]
    nobody = pl.repeat(None, pl.len(), dtype=pl.UInt32)  # a literal alone would be one row
    first = pl.coalesce(*hit, nobody)
    places = scores.lazy().select(removed_by=first).collect().to_series()
    names = pl.Series("removed_by", [rule.name for rule in removing], dtype=pl.String)
    return names.gather(places)


def _value(rule: Rule) -> pl.Expr:
    if isinstance(rule.limit, tuple) or rule.removes == "listed":
        return pl.lit(None, dtype=pl.Float64)
    return rule.value().cast(pl.Float64)


def count_rules(
    scores: pl.DataFrame, verdicts: pl.DataFrame, rules: Sequence[Rule]
) -> pl.DataFrame:
    """How each rule met the documents of each source.

    Args:
        scores: the columns that the rules read, and `source`.
        verdicts: what `judge` made of them.
        rules: in order.

    Returns:
        One row per rule and source, in order: `met` (documents that no earlier rule removed),
        `removed`, `tagged`, `not_applicable`, `failed`, `not_computed`.
    """
    order = {rule.name: place for place, rule in enumerate(rules)}
    removed_at = verdicts["removed_by"].replace_strict(
        order, default=len(rules), return_dtype=pl.Int64
    )
    frame = scores.with_columns(
        verdicts["removed_by"], verdicts["tags"], removed_at.alias("removed_at")
    )
    counts = []
    for place, rule in enumerate(rules):
        reached = frame.filter(pl.col("removed_at") >= place)
        counts.append(
            reached.group_by("source").agg(
                rule=pl.lit(rule.name),
                met=pl.len(),
                removed=pl.col("removed_by").eq_missing(rule.name).sum(),
                tagged=pl.col("tags").list.contains(rule.name).sum(),
                not_applicable=rule.applies().not_().sum(),
                failed=(rule.applies() & pl.col(rule.state).eq_missing("failed")).sum(),
                not_computed=rule.undetermined().sum(),
            )
        )
    return (
        pl.concat(counts).select(FUNNEL.keys()).cast(pl.Schema(FUNNEL))
        if counts
        else pl.DataFrame(schema=FUNNEL)
    )


FUNNEL: dict[str, DataType] = {
    "rule": pl.String,
    "source": pl.String,
    "met": pl.Int64,
    "removed": pl.Int64,
    "tagged": pl.Int64,
    "not_applicable": pl.Int64,
    "failed": pl.Int64,
    "not_computed": pl.Int64,
}


def sum_funnel(counts: Iterable[pl.DataFrame], order: Sequence[str]) -> pl.DataFrame:
    """Counts of several parts as one, in the order of the rules, then of the sources."""
    numbers = [name for name, dtype in FUNNEL.items() if dtype == pl.Int64]
    frame = pl.concat([pl.DataFrame(schema=FUNNEL), *counts])
    return (
        frame.group_by("rule", "source")
        .agg(pl.col(numbers).sum())
        .with_columns(
            place=pl.col("rule").replace_strict(
                {name: place for place, name in enumerate(order)},
                default=len(order),
                return_dtype=pl.Int64,
            )
        )
        .sort("place", "source")
        .select(FUNNEL.keys())
    )


def apply_survivors(
    verdicts: pl.DataFrame, members: pl.DataFrame, section: DuplicatesSection
) -> pl.DataFrame:
    """Verdicts with those of the duplicate rules.

    Args:
        verdicts: `id`, `removed_by`, `value`, `limit`, `tags`, one row per document.
        members: what `choose_survivors` gave.
        section: whether duplicates are removed or only tagged, and from which similarity.

    Returns:
        Same rows, same order, with `duplicate_of`, `similarity`, `cluster_size`.
    """
    frame = verdicts.join(members, on="id", how="left", maintain_order="left")
    loser = pl.col("duplicate_of").is_not_null()
    if section.action == "tag":
        tags = pl.when(loser).then(pl.concat_list("tags", "rule")).otherwise("tags")
        return frame.with_columns(tags=tags).drop("rule")
    limits = duplicate_limits(section)
    return frame.with_columns(
        limit=pl.when(loser).then(pl.col("rule").replace_strict(limits)).otherwise("limit"),
        removed_by=pl.when(loser).then("rule").otherwise("removed_by"),
        value=pl.when(loser).then("similarity").otherwise("value"),
    ).drop("rule")


def leave_out(verdicts: pl.DataFrame, section: DuplicatesSection) -> pl.DataFrame:
    """Verdicts of documents that are only there to compare others with: none is kept."""
    passes = pl.col("removed_by").is_null()
    return verdicts.with_columns(
        limit=pl.when(passes).then(pl.lit(duplicate_limits(section)[REFERENCE])).otherwise("limit"),
        removed_by=pl.coalesce("removed_by", pl.lit(REFERENCE)),
    )


def duplicate_limits(section: DuplicatesSection) -> dict[str, str]:
    """The limit of each duplicate rule as text."""
    similar = section.versions == "similar"
    version = f"{section.version_similarity:g}" if similar else section.versions
    texts = ("1", f"{section.minimum_similarity:g}", version)
    limits = ("one url", f"one {section.key}", *texts, "not released")
    return dict(zip(DUPLICATE_RULES, limits, strict=True))


def duplicate_rules(recipe: Recipe) -> tuple[str, ...]:
    """The duplicate rules that a recipe has, in order."""
    section = recipe.duplicates
    asked = {
        "duplicates.url": "url" in section.by,
        "duplicates.key": "key" in section.by,
        REFERENCE: bool(recipe.references) and not section.release_reference,
    }
    return tuple(rule for rule in DUPLICATE_RULES if asked.get(rule, True))


def preference(section: DuplicatesSection) -> tuple[str, bool] | None:
    """The column by which survivors are chosen, and whether the least is best; None: by none."""
    if section.prefer is None:
        return None
    return section.prefer.removeprefix("-"), section.prefer.startswith("-")


def check_removed_share(
    funnel: pl.DataFrame, maximum: float, spared: Mapping[str, int] | None = None
) -> None:
    """Stop when one rule removes nearly everything that reaches it.

    Args:
        funnel: of all sources.
        maximum: share of what reaches a rule.
        spared: documents of each rule that do not count: they are released already.

    Raises:
        DecisionError: a rule removes more than this share of 100 documents or more.
    """
    by_rule = funnel.group_by("rule", maintain_order=True).agg(pl.col("met", "removed").sum())
    for rule, every, gone in by_rule.iter_rows():
        met, removed = (count - (spared or {}).get(rule, 0) for count in (every, gone))
        if rule != REFERENCE and met >= MINIMUM_DOCUMENTS and removed > maximum * met:
            raise DecisionError(
                f"no rule removes more than {maximum:.0%} of the documents that reach it",
                f"{rule} removes {removed:,} of {met:,} ({removed / met:.1%})",
                "decide",
                f"check the rule, or set max_removed_share above {removed / met:.3f} in the recipe",
            )


def check_rows(read: int, made: int, kept: int, removed: int) -> None:
    """Every document read or made is kept or removed.

    Raises:
        DecisionError: the rows do not add up.
    """
    if read + made != kept + removed:
        raise DecisionError(
            "documents read + made = kept + removed",
            f"{read:,} + {made:,} ≠ {kept:,} + {removed:,}",
            "decide",
            "this is a fault of curate: report it with the recipe",
        )


def any_undetermined(rules: Sequence[Rule]) -> pl.Expr:
    """Whether some rule lacks its score."""
    return functools.reduce(operator.or_, (rule.undetermined() for rule in rules), pl.lit(False))
