"""One document's story, and what other limits would have done, from the ledger alone.

Both answer in about a second on a small release, and grow with the ledger, not with the corpus. No
text is read but that of the few documents that are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.decide import (
    DECONTAMINATION,
    DUPLICATE_RULES,
    Rule,
    any_undetermined,
    columns_read,
    compile_rules,
    duplicate_limits,
    find_removals,
)
from curate.errors import RecipeError
from curate.ledger import find_named, find_parts, find_rows, read_text
from curate.recipe import DuplicatesSection, Recipe, change_recipe, make_recipe
from curate.release.manifest import Manifest, find_release
from curate.store import Store

CHANGES_TEXT = ("sources", "clean", "spans", "name", "store")  # settings that need a run that reads
NEEDS_RUN = {
    "language.model": "measures again",
    "quality.words": "measures again",
    "perplexity.models": "measures again",
    "toxicity.scorer": "measures again",
    "toxicity.checkpoint": "measures again",
    "duplicates.shingle_words": "compares texts again",
    "duplicates.bands": "compares texts again",
    "duplicates.rows": "compares texts again",
    "duplicates.among": "compares texts again",
    "duplicates.split_similarity": "compares texts again",
    "decontamination.sets": "measures again",
    "decontamination.ngram_words": "measures again",
    "decontamination.minimum_item_words": "measures again",
    "urls.block": "measures again",
    "urls.allow": "measures again",
    "urls.words": "measures again",
    "seed": "draws again",
    "augment.kinds": "makes documents",
    "augment.share": "makes documents",
    "release.shard_documents": "shapes files, not verdicts",
    "release.validation_share": "shapes files, not verdicts",
    "max_removed_share": "stops runs, and decides about no document",
}

SCORER_FAILED = "hit: the scorer failed"


# --- explain


def explain(store: Store, reference: str, query: str, *, text: bool = False) -> dict[str, Any]:
    """Every document, kept or removed, and every skip that a name stands for.

    Args:
        store: the store.
        reference: `name@version`.
        query: a document's id, a source id, or a URL.
        text: whether to tell the text too.

    Returns:
        `documents`: per match its row of the ledger, `rules` (every rule in order with value,
        limit and outcome), `cleaned` (characters by the steps that changed its text), `duplicate`
        (of which document, how similar), `contamination` (the items of evaluation sets that it
        holds: see `curate.duplicates.contamination`), `input` (the file), `run` and, if asked,
        `text` (None when the store no longer holds it); `skipped`: what was skipped under that URL
        and why; `answer`: one sentence.

    Raises:
        ReleaseError: there is no such release.
    """
    manifest = find_release(store, reference)
    recipe = make_recipe({**manifest.recipe})
    rows = find_named(store, manifest.folder, query)
    skipped = store.scan_frame(f"{manifest.folder}/skipped.parquet").filter(pl.col("uri") == query)
    stories = [_tell(store, manifest, recipe, row) for row in rows.iter_slices(1)]
    if text:
        for story in stories:
            story["text"] = read_text(store, story["ledger"]["block"], story["ledger"]["row"])
    skips = skipped.collect().to_dicts()
    return {
        "release": manifest.reference,
        "query": query,
        "documents": stories,
        "skipped": skips,
        "answer": _answer(query, manifest, stories, skips),
    }


def _tell(store: Store, manifest: Manifest, recipe: Recipe, row: pl.DataFrame) -> dict[str, Any]:
    """The story of one row."""
    facts = row.to_dicts()[0]
    inputs = {file.identity: file.name for file in manifest.inputs}
    rules = [_meet(rule, row, facts) for rule in compile_rules(recipe)]
    duplicate = None
    if facts["duplicate_of"] is not None:
        other = find_rows(store, manifest.folder, [facts["duplicate_of"]]).select(
            "id", "uri", "source_id", "title"
        )
        duplicate = {**other.to_dicts()[0], "similarity": facts["similarity"]}
    outcome = "removed" if facts["removed_by"] else "kept"
    limits = duplicate_limits(recipe.duplicates)
    for name in DUPLICATE_RULES:
        hit = facts["removed_by"] == name or name in facts["tags"]
        passed_on = facts["removed_by"] is None or facts["removed_by"] in DUPLICATE_RULES
        rules.append(
            {
                "rule": name,
                "value": facts["similarity"] if hit else None,
                "limit": limits[name],
                "outcome": ("hit" if hit else "passed") if passed_on else "not compared",
            }
        )
    return {
        "id": facts["id"],
        "outcome": outcome,
        "removed_by": facts["removed_by"],
        "value": facts["value"],
        "limit": facts["limit"],
        "tags": facts["tags"],
        "rules": rules,
        "duplicate": duplicate,
        "cluster_size": facts["cluster_size"],
        "contamination": facts.get("contamination_matches") or [],
        "cleaned": _read_cleaning(facts["cleaned_by"]),
        "input": inputs.get(facts["input"], facts["input"]),
        "run": manifest.run,
        "ledger": facts,
    }


def _read_cleaning(cleaned_by: str | None) -> dict[str, int]:
    """The steps of cleaning that changed a document, and the characters that each took."""
    steps = (step.rpartition(":") for step in (cleaned_by or "").split(",") if step)
    return {name: int(characters) for name, _, characters in steps}


def _meet(rule: Rule, row: pl.DataFrame, facts: dict[str, Any]) -> dict[str, Any]:
    """How one document met one rule."""
    state = facts.get(rule.state)
    applies, hits, limit = row.select(
        rule.applies().alias("applies"), rule.hits().alias("hits"), rule.limit_text().alias("limit")
    ).row(0)
    if not applies:
        reason = "not applicable"
        if rule.languages and facts["language"] not in rule.languages:
            reason = f"not applicable: speaks {', '.join(rule.languages)}"
        outcome = reason
    elif state == "not_computed":
        outcome = "not computed"
    elif not hits:
        outcome = "passed"
    elif state == "failed":
        outcome = SCORER_FAILED
    else:
        outcome = "hit" if rule.action == "remove" else "hit: tagged"
    return {
        "rule": rule.name,
        "value": facts[rule.column],
        "limit": limit or "",
        "outcome": outcome,
    }


def tell_match(match: dict[str, Any]) -> str:
    """One item of an evaluation set in a document, in words."""
    return (
        f"{match['overlap']:.0%} of the item {match['item']} of {match['set']} "
        f"({match['words']} words) in its characters {match['start']}–{match['end']}"
    )


def _answer(
    query: str, manifest: Manifest, stories: list[dict[str, Any]], skips: list[dict[str, Any]]
) -> str:
    """The story in one sentence."""
    if stories:
        return "; ".join(_sentence(story) for story in stories)
    if skips:
        first = skips[0]
        why = f"{first['reason']}: {first['detail']}" if first["detail"] else first["reason"]
        return f"{query} was skipped when {first['input']} was read ({why})"
    return (
        f"{query} is not in {manifest.reference}: none of its {len(manifest.inputs)} inputs held it, "
        "neither as a document nor among what was skipped"
    )


def _sentence(story: dict[str, Any]) -> str:
    name = story["ledger"]["title"] or story["ledger"]["uri"] or story["ledger"]["source_id"]
    if story["outcome"] == "kept":
        split = story["ledger"]["split"]
        return f"{name} was kept, in the split {split}"
    if story["duplicate"]:
        other = story["duplicate"]
        what = "another version" if story["removed_by"] == DUPLICATE_RULES[2] else "a duplicate"
        similarity = other["similarity"]
        return (
            f"{name} was removed by {story['removed_by']}: {what} of {other['id']} "
            f"({other['uri'] or other['source_id']})"
            + (f", similarity {similarity:g}" if similarity is not None else "")
        )
    if story["removed_by"] == "urls.block" and story["limit"]:
        listed, _, entry = story["limit"].partition(":")
        return f"{name} was removed by urls.block: its url is on list {listed}: {entry}"
    if story["removed_by"] == DECONTAMINATION and story.get("contamination"):
        first = story["contamination"][0]
        return f"{name} was removed by {DECONTAMINATION}: it holds {tell_match(first)}"
    met = [rule["outcome"] for rule in story["rules"] if rule["rule"] == story["removed_by"]]
    if met == [SCORER_FAILED]:
        return f"{name} was removed by {story['removed_by']}: what measures it failed on this text"
    value = story["value"]
    shown = story["ledger"]["language"] if value is None else f"{value:g}"
    return (
        f"{name} was removed by {story['removed_by']}: {shown} against the limit {story['limit']}"
    )


# --- what-if


@dataclass(frozen=True)
class Change:
    """What other settings would have done.

    Attributes:
        before: kept and removed documents by source, language and rule, as released; a null rule:
            kept.
        after: the same with the other settings.
        changed: the documents whose verdict changes: id, source, language, uri, title, before,
            after; sorted by id.
        samples: some of them with their text (null where the store no longer holds it), each
            transition from one verdict to another in turn.
        undetermined: documents whose verdict needs a score or a comparison that was not made.
    """

    before: pl.DataFrame
    after: pl.DataFrame
    changed: pl.DataFrame
    samples: pl.DataFrame
    undetermined: int


def what_if(store: Store, reference: str, settings: dict[str, str], samples: int = 5) -> Change:
    """Decide again with other settings, from the stored scores.

    Args:
        store: the store.
        reference: `name@version`.
        settings: values by dotted name (`quality.minimum_words`: `100`).
        samples: how many of the documents that change are given with their text.

    Raises:
        RecipeError: a setting is unknown, or changes more than decisions; the message names the
            run that is needed.
        ReleaseError: there is no such release.
    """
    manifest = find_release(store, reference)
    old = make_recipe({**manifest.recipe})
    _refuse(manifest, settings)
    new = change_recipe(old, settings)
    _refuse_pairs(manifest, old.duplicates, new.duplicates)
    rules = compile_rules(new)
    rows = _scan(store, manifest, rules, new.duplicates)
    links = store.read_frame(f"{manifest.folder}/links.parquet")
    decided = rows.with_columns(_decide_again(rows, links, new, rules).alias("after"))
    decided = decided.rename({"removed_by": "before"})
    differs = decided.select(pl.col("before").ne_missing(pl.col("after"))).to_series()
    shown = ["id", "source", "language", "uri", "title", "before", "after"]
    changed = decided.filter(differs).hstack(_read_names(store, manifest, differs))
    unknown = _count_undetermined(rows, rules)
    if old.duplicates.among == "passing":  # what other rules removed was not compared
        by_other = pl.col("before").is_not_null() & ~pl.col("before").is_in(DUPLICATE_RULES)
        unknown += decided.filter(by_other & pl.col("after").is_null()).height
    groups = decided.lazy().group_by("source", "language", "before", "after")
    counts = groups.agg(documents=pl.len()).collect(engine="streaming")
    return Change(
        _sum_counts(counts, "before"),
        _sum_counts(counts, "after"),
        changed.select(shown),
        _sample(store, changed, samples).select(*shown, "text"),
        unknown,
    )


def _count_undetermined(rows: pl.DataFrame, rules: tuple[Rule, ...]) -> int:
    """The documents that lack some rule's score."""
    states = {rule.state for rule in rules}
    if not any((rows[state] == "not_computed").any() for state in states):
        return 0  # which is told in no time
    return int(rows.select(any_undetermined(rules)).to_series().sum())


def _refuse(manifest: Manifest, settings: dict[str, str]) -> None:
    for name in settings:
        if name.split(".")[0] == "classifiers":
            if name.rpartition(".")[2] in ("name", "model", "label", "maximum_characters"):
                raise _needs_run(manifest, name, "it measures again")
            continue
        if name.split(".")[0] in CHANGES_TEXT:
            raise _needs_run(manifest, name, "it changes what is read")
        setting = ".".join(name.split(".")[:2])
        if setting in NEEDS_RUN:
            raise _needs_run(manifest, name, f"it {NEEDS_RUN[setting]}")


def _refuse_pairs(manifest: Manifest, old: DuplicatesSection, new: DuplicatesSection) -> None:
    """Refuse what needs pairs of documents that were not compared, or not kept."""
    floor = old.least_similarity
    if new.minimum_similarity < floor:
        why = f"pairs below {floor:g} were not kept"
        raise _needs_run(manifest, "duplicates.minimum_similarity", why)
    if new.versions == "similar":
        if old.versions != "similar":
            raise _needs_run(manifest, "duplicates.versions", "versions were not compared")
        if new.version_similarity < floor:
            why = f"pairs below {floor:g} were not kept"
            raise _needs_run(manifest, "duplicates.version_similarity", why)


def _needs_run(manifest: Manifest, name: str, why: str) -> RecipeError:
    return RecipeError(
        "what-if answers from stored scores",
        f"{name} cannot be answered so: {why}",
        manifest.reference,
        f"change {name} in the recipe and run it: what it does not touch is reused",
    )


DECIDES = ("id", "source", "language", "parent", "removed_by")
NAMES = ("uri", "title", "block", "row")


def _compared(section: DuplicatesSection) -> list[str]:
    """The columns by which survivors are chosen: long ones are dear to read."""
    columns = ["text_hash", "priority", "words", "date"]
    if section.scope == "snapshot":
        columns.append("snapshot")
    if section.versions != "off":
        columns += ["work", "language"]
    return [*columns, "source_id"] if section.versions == "id" else columns


def _scan(
    store: Store, manifest: Manifest, rules: tuple[Rule, ...], section: DuplicatesSection
) -> pl.DataFrame:
    """The columns of the whole ledger that decide, its rows sorted by id."""
    columns = list(dict.fromkeys([*DECIDES, *_compared(section), *columns_read(rules)]))
    parts = find_parts(store, manifest.folder)
    scans = [store.scan_frame(f"{manifest.folder}/{part.name}") for part in parts]
    there = set(scans[0].collect_schema().names())
    missing = [column for column in columns if column not in there]
    if missing:
        raise RecipeError(
            "what-if answers from stored scores",
            f"the ledger lacks {', '.join(missing)}",
            manifest.reference,
            "run the recipe with that scorer on: what it does not touch is reused",
        )
    return pl.concat([scan.select(columns) for scan in scans]).collect()


def _read_names(store: Store, manifest: Manifest, wanted: pl.Series) -> pl.DataFrame:
    """What tells a person which documents some rows are, and where their text lies."""
    parts = find_parts(store, manifest.folder)
    scans = [store.scan_frame(f"{manifest.folder}/{part.name}").select(NAMES) for part in parts]
    return pl.concat(scans).collect().filter(wanted)


def _sample(store: Store, changed: pl.DataFrame, samples: int) -> pl.DataFrame:
    """Some rows with their text: the first of each transition, then the second, and so on."""
    few = changed.group_by("before", "after").head(samples).sort("id")
    rank = pl.int_range(pl.len()).over("before", "after").alias("rank")
    chosen = few.with_columns(rank).sort("rank", "id").head(samples)
    texts = [read_text(store, *place) for place in chosen.select("block", "row").iter_rows()]
    return chosen.with_columns(text=pl.Series(texts, dtype=pl.String))


def _decide_again(
    rows: pl.DataFrame, links: pl.DataFrame, recipe: Recipe, rules: tuple[Rule, ...]
) -> pl.Series:
    """What removes the ledger's rows under other rules, in their order."""
    from curate.duplicates.clusters import choose_survivors

    removed_by = find_removals(rows, rules)
    is_made = rows["source"].str.starts_with("augment:")
    if recipe.duplicates.action == "remove":
        places = pl.int_range(rows.height, eager=True).alias("id")  # in the order of ids
        compared = rows.select(places, *_compared(recipe.duplicates))
        passing = compared.filter(removed_by.is_null() & ~is_made)
        members = choose_survivors(passing, links, recipe.duplicates)
        losers = members.filter(pl.col("duplicate_of").is_not_null())
        removed_by = removed_by.scatter(losers["id"], losers["rule"])
    if not is_made.any():
        return removed_by
    made = rows.select("parent", was="removed_by", now=removed_by).filter(is_made)
    is_parent = rows["id"].is_in(made["parent"].unique().implode())
    kept = rows["id"].filter(is_parent & removed_by.is_null())
    orphan = pl.col("parent").is_in(kept.implode()).fill_null(value=False).not_()
    verdicts = made.select(
        pl.when(orphan)
        .then(pl.lit("augment.parent_removed"))
        .when(pl.col("was").is_in(DUPLICATE_RULES))
        .then("was")
        .otherwise("now")
    ).to_series()
    return removed_by.scatter(is_made.arg_true(), verdicts)


def _sum_counts(counts: pl.DataFrame, column: str) -> pl.DataFrame:
    """Documents by source, language and rule; a null rule: kept."""
    return (
        counts.group_by("source", "language", rule=column)
        .agg(pl.col("documents").sum())
        .sort("source", "language", "rule")
    )
