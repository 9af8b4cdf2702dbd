"""One document's story, and what other limits would have done, from the ledger alone.

Both answer in about a second on a small release, and grow with the ledger, not with the corpus. No
text is read but that of the few documents that are shown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import polars as pl

from curate.decide import (
    DECONTAMINATION,
    DUPLICATE_RULES,
    REFERENCE,
    Rule,
    any_undetermined,
    columns_read,
    compile_rules,
    duplicate_limits,
    duplicate_rules,
    find_removals,
    preference,
)
from curate.errors import CurateError, RecipeError
from curate.ledger import find_named, find_parts, find_rows, read_text
from curate.recipe import DuplicatesSection, Recipe, change_recipe, make_recipe
from curate.release.manifest import EARLIER, Manifest, find_release
from curate.schema import BEFORE_SPANS, CLASSIFIER, classifier_columns
from curate.score.comparison import comparison
from curate.store import Store

CHANGES_TEXT = ("sources", "clean", "spans", "name", "store")  # settings that need a run that reads
NEEDS_RUN = {
    "language.model": "measures again",
    "quality.words": "measures again",
    "perplexity.models": "measures again",
    "toxicity.scorer": "measures again",
    "toxicity.checkpoint": "measures again",
    "toxicity.model": "measures again",
    "duplicates.shingle_words": "compares texts again",
    "duplicates.shingle_characters": "compares texts again",
    "duplicates.bands": "compares texts again",
    "duplicates.rows": "compares texts again",
    "duplicates.among": "compares texts again",
    "duplicates.split_similarity": "compares texts again",
    "duplicates.recall": "compares texts again",
    "decontamination.sets": "measures again",
    "decontamination.ngram_words": "measures again",
    "decontamination.minimum_item_words": "measures again",
    "urls.block": "measures again",
    "personal.kinds": "measures again",
    "personal.languages": "measures again",
    "personal.mask": "changes texts",
    "urls.allow": "measures again",
    "urls.words": "measures again",
    "seed": "draws again",
    "augment.kinds": "makes documents",
    "augment.share": "makes documents",
    "release.shard_documents": "shapes files, not verdicts",
    "release.validation_share": "shapes files, not verdicts",
    "max_removed_share": "stops runs, and decides about no document",
    "alarm": "stops runs, and decides about no document",
    "audit": "stops runs, and decides about no document",
}

SHOWN_PLACES = 5  # of each kind of personal data, to people
MENTIONED = (
    *("female_words", "male_words", "dialect_markers", "register_markers", "derogatory_mentions"),
)
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
        holds: see `curate.duplicates.contamination`), `shared` (the passages that other documents
        keep, with what names those: see `curate.steps.sharing`), `personal` (kind and place of
        personal data, as it was before it was masked; bytes of the text), `toxic` (the sentences
        that are evidence: bytes, score, and the text if the store still holds it), `toxic_before`
        (the same, of a text before sentences were taken out: no text), `input` (the file), `run`
        and, if asked,
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
        other = _find_survivor(store, manifest, facts["duplicate_of"])
        duplicate = {**other, "similarity": facts["similarity"]}
    outcome = "removed" if facts["removed_by"] else "kept"
    limits = duplicate_limits(recipe.duplicates)
    for name in duplicate_rules(recipe):
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
        "shared": _read_shared(store, manifest, facts.get("shared_passages") or []),
        "personal": _read_places(facts),
        "toxic": _read_sentences(store, facts),
        "toxic_before": facts.get(f"toxicity_spans{BEFORE_SPANS}") or [],
        "cleaned": _read_cleaning(facts["cleaned_by"]),
        "input": inputs.get(facts["input"], facts["input"]),
        "run": manifest.run,
        "release": manifest.reference,
        "ledger": facts,
    }


def _find_survivor(store: Store, manifest: Manifest, identifier: str) -> dict[str, Any]:
    """A document that another one is a duplicate of: of the release, or of one before it.

    Of that one all but id and release is None when the store no longer holds it.
    """
    named = ["id", "uri", "source_id", "title"]
    found = find_rows(store, manifest.folder, [identifier]).select(named)
    reference = manifest.reference
    if not found.height:
        earlier = store.scan_frame(f"{manifest.folder}/{EARLIER}")
        rows = earlier.filter(pl.col("id") == identifier).select("release").head(1).collect()
        reference = str(rows["release"][0])
        with suppress(CurateError):
            folder = find_release(store, reference).folder
            found = find_rows(store, folder, [identifier]).select(named)
    facts = found.to_dicts()[0] if found.height else dict.fromkeys(named) | {"id": identifier}
    return {**facts, "release": reference}


def _read_shared(
    store: Store, manifest: Manifest, passages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Passages with the address of the document that keeps each."""
    ids = sorted({passage["id"] for passage in passages})
    keepers = find_rows(store, manifest.folder, ids).select("id", "uri", "source_id").to_dicts()
    named = {keeper.pop("id"): keeper for keeper in keepers}
    gone = {"uri": None, "source_id": "no longer in the ledger"}
    return [passage | named.get(passage["id"], gone) for passage in passages]


def _read_places(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Where personal data stands in a document; where it stood, if it was masked."""
    name = "personal_spans"
    return facts.get(name + BEFORE_SPANS) or facts.get(name) or []


def tell_places(places: list[dict[str, Any]]) -> str:
    """Places of personal data in words: kinds, and bytes of the text; never what stands there."""
    told = []
    for kind in dict.fromkeys(place["kind"] for place in places):
        same = [place for place in places if place["kind"] == kind]
        shown = [f"{p['form']} {p['start']}–{p['end']}".lstrip() for p in same[:SHOWN_PLACES]]
        more = [f"{len(same) - SHOWN_PLACES} more"] if len(same) > SHOWN_PLACES else []
        told.append(f"{len(same)} {kind} ({', '.join([*shown, *more])})")
    return ", ".join(told)


def tell_evidence(story: dict[str, Any]) -> list[str]:
    """What a document holds that rules speak of, in words."""
    told = [tell_match(match) for match in story["contamination"]]
    if story["personal"]:
        told.append(f"personal data, in bytes of its text: {tell_places(story['personal'])}")
    return told


def tell_scores(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What models and lexicons found in a document, by name, in words: a row of the ledger."""
    told = []
    facts = {name: value for name, value in facts.items() if not name.endswith(BEFORE_SPANS)}
    if facts.get("language"):
        shares = (facts.get("languages") or "").split()
        several = ", ".join(share.replace(":", " ") for share in shares)
        parts = f"; shares: {several}" if len(shares) > 1 else ""
        score = facts.get("language_score")
        script = f" ({facts['script']})" if facts.get("script") else ""
        known = "" if score is None else f", score {score:g}"
        told.append(("language", f"{facts['language']}{script}{known}{parts}"))
    for column, state in facts.items():
        if column.startswith(CLASSIFIER):
            name = column.removeprefix(CLASSIFIER).removesuffix("_state")
            label, score = (facts.get(one) for one in classifier_columns(name)[:2])
            said = (state or label or "no label").replace("_", " ")
            told.append((name, said if score is None else f"{said} {score:g}"))
    counts = [
        (name.removeprefix("mentions_").replace("_", " "), count)
        for name, count in facts.items()
        if count and (name.startswith("mentions_") or name in MENTIONED)
    ]
    if counts:
        told.append(("speaks of", ", ".join(f"{name} {count}" for name, count in counts)))
    if facts.get("toxicity_sent") is not None:
        first = facts["toxicity_bundled"]
        sent = "Detoxify judged it" if facts["toxicity_sent"] else "not sent to Detoxify"
        judged = "the bundled model does not speak it" if first is None else f"bundled {first:g}"
        told.append(("cascade", f"{judged}; {sent}"))
    return told


def _read_sentences(store: Store, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The toxic sentences of a document, the highest first."""
    spans = facts.get("toxicity_spans") or []
    text = read_text(store, facts["block"], facts["row"]) if spans else None
    data = None if text is None else text.encode()
    told = [
        {**span, "text": None if data is None else data[span["start"] : span["end"]].decode()}
        for span in spans
    ]
    return sorted(told, key=lambda span: (-span["score"], span["start"]))


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


def tell_passage(passage: dict[str, Any]) -> str:
    """One passage that another document keeps, in words."""
    return (
        f"{passage['words']:,} words with {passage['uri'] or passage['source_id']} "
        f"({passage['id']}), which keeps them: characters {passage['start']}–{passage['end']} of "
        "the text as it was compared"
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


_RELATIONS = {
    "duplicates.version": "another version",
    "duplicates.url": "another capture of the address",
    "duplicates.key": "another document with the key",
}


def _sentence(story: dict[str, Any]) -> str:
    name = story["ledger"]["title"] or story["ledger"]["uri"] or story["ledger"]["source_id"]
    if story["outcome"] == "kept":
        split = story["ledger"]["split"]
        return f"{name} was kept, in the split {split}"
    if story["removed_by"] == REFERENCE:
        return f"{name} was left out by {REFERENCE}: others are compared with what its source holds"
    if story["duplicate"]:
        other = story["duplicate"]
        what = _RELATIONS.get(story["removed_by"], "a duplicate")
        similarity = other["similarity"]
        earlier = None if other["release"] == story["release"] else other["release"]
        return (
            f"{name} was removed by {story['removed_by']}: {what} of {other['id']} "
            f"({' in '.join(filter(None, (other['uri'] or other['source_id'], earlier)))})"
            + (f", similarity {similarity:g}" if similarity is not None else "")
        )
    if story["removed_by"] == "urls.block" and story["limit"]:
        listed, _, entry = story["limit"].partition(":")
        return f"{name} was removed by urls.block: its url is on list {listed}: {entry}"
    if story["removed_by"] == DECONTAMINATION and story.get("contamination"):
        first = story["contamination"][0]
        return f"{name} was removed by {DECONTAMINATION}: it holds {tell_match(first)}"
    return f"{name} was removed by {_tell_limit(story)}"


def _tell_limit(story: dict[str, Any]) -> str:
    """A rule, the value that it read, and its limit."""
    met = [rule["outcome"] for rule in story["rules"] if rule["rule"] == story["removed_by"]]
    if met == [SCORER_FAILED]:
        return f"{story['removed_by']}: what measures it failed on this text"
    value = story["value"]
    shown = story["ledger"]["language"] if value is None else f"{value:g}"
    return f"{story['removed_by']}: {shown} against the limit {story['limit']}"


# --- what-if


@dataclass(frozen=True)
class Change:
    """What other settings would have done.

    Attributes:
        before: kept and removed documents by source, language and rule, as released; a null rule:
            kept.
        after: the same with the other settings.
        changes: how many documents' verdict changes.
        read_changed: reads which: id, source, language, uri, title, before, after; sorted by id.
        samples: some of them with their text (null where the store no longer holds it), each
            transition from one verdict to another in turn.
        undetermined: documents whose verdict needs a score or a comparison that was not made.
    """

    before: pl.DataFrame
    after: pl.DataFrame
    changes: int
    read_changed: Callable[[], pl.DataFrame]
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
    _refuse_sentences(manifest, old, new)
    if old.span_changes != new.span_changes:
        name = "personal.action" if "personal.action" in settings else next(iter(settings))
        raise _needs_run(manifest, name, "it changes texts")
    rules = compile_rules(new)
    rows = _scan(store, manifest, rules, new.duplicates)
    links = store.read_frame(f"{manifest.folder}/links.parquet")
    earlier = None
    if new.duplicates.scope == "index":
        earlier = store.read_frame(f"{manifest.folder}/{EARLIER}")
    after = _decide_again(store, manifest, rows, links, earlier, new, rules)
    decided = rows.select("source", "language", before="removed_by", after=after)
    differs = decided.select(pl.col("before").ne_missing(pl.col("after"))).to_series()

    def read_changed() -> pl.DataFrame:
        names = _read(store, manifest, ["id", "uri", "title"]).filter(differs)
        return decided.filter(differs).hstack(names).select(SHOWN)

    unknown = _count_undetermined(rows, rules)
    if old.duplicates.among == "passing":  # what other rules removed was not compared
        by_other = pl.col("before").is_not_null() & ~pl.col("before").is_in(DUPLICATE_RULES)
        unknown += decided.filter(by_other & pl.col("after").is_null()).height
    groups = decided.lazy().group_by("source", "language", "before", "after")
    counts = groups.agg(documents=pl.len()).collect(engine="streaming")
    return Change(
        _sum_counts(counts, "before"),
        _sum_counts(counts, "after"),
        int(differs.sum()),
        read_changed,
        _sample(store, manifest, decided, differs, samples),
        unknown,
    )


def _count_undetermined(rows: pl.DataFrame, rules: tuple[Rule, ...]) -> int:
    """The documents that lack some rule's score."""
    states = {rule.state for rule in rules}
    if not any(rule.cascade for rule in rules) and not any(
        (rows[state] == "not_computed").any() for state in states
    ):
        return 0  # which is told in no time
    return int(rows.select(any_undetermined(rules)).to_series().sum())


def _refuse(manifest: Manifest, settings: dict[str, str]) -> None:
    for name in settings:
        section, setting = name.split(".")[0], ".".join(name.split(".")[:2])
        if section == "classifiers":
            if name.rpartition(".")[2] in ("name", "model", "label", "maximum_characters"):
                raise _needs_run(manifest, name, "it measures again")
            continue
        if section in CHANGES_TEXT:
            raise _needs_run(manifest, name, "it changes what is read")
        for part in (section, setting):
            if part in NEEDS_RUN:
                raise _needs_run(manifest, name, f"it {NEEDS_RUN[part]}")


def _refuse_pairs(manifest: Manifest, old: DuplicatesSection, new: DuplicatesSection) -> None:
    """Refuse what needs pairs of documents that were not compared, or not kept."""
    floor = old.least_similarity
    if new.minimum_similarity < floor:
        why = f"pairs below {floor:g} were not kept"
        raise _needs_run(manifest, "duplicates.minimum_similarity", why)
    if new.scope == "index" and old.scope != "index":
        raise _needs_run(manifest, "duplicates.scope", "nothing released before was compared")
    if new.versions == "similar":
        if old.versions != "similar":
            raise _needs_run(manifest, "duplicates.versions", "versions were not compared")
        if new.version_similarity < floor:
            why = f"pairs below {floor:g} were not kept"
            raise _needs_run(manifest, "duplicates.version_similarity", why)


def _refuse_sentences(manifest: Manifest, old: Recipe, new: Recipe) -> None:
    """Refuse what takes other sentences out of texts."""
    name = "toxic_sentences"
    taken = [recipe.toxicity if name in recipe.span_changes else None for recipe in (old, new)]
    limits = [section and section.maximum_score for section in taken]
    if limits[0] != limits[1]:
        setting = "maximum_score" if None not in limits else "action"
        raise _needs_run(manifest, f"toxicity.{setting}", "it takes other sentences out of texts")


def _needs_run(manifest: Manifest, name: str, why: str) -> RecipeError:
    return RecipeError(
        "what-if answers from stored scores",
        f"{name} cannot be answered so: {why}",
        manifest.reference,
        f"change {name} in the recipe and run it: what it does not touch is reused",
    )


DECIDES = ("source", "language", "parent", "removed_by")  # ids are dear to read
SHOWN = ("id", "source", "language", "uri", "title", "before", "after")


def _compared(section: DuplicatesSection) -> list[str]:
    """The columns by which survivors are chosen: long ones are dear to read."""
    columns = ["text_hash", "priority", "words", "date"]
    if section.scope in {"snapshot", "language"}:
        columns.append(section.scope)
    if section.versions != "off":
        columns += ["work", "language"]
    if section.versions == "id":
        columns.append("source_id")
    if section.by:
        columns.append("parent")
    if "url" in section.by:
        columns.append("uri")
    if "key" in section.by:
        columns.append(section.key)
    chosen = preference(section)
    if chosen:
        columns.append(chosen[0])
    return list(dict.fromkeys(columns))


def _scan(
    store: Store, manifest: Manifest, rules: tuple[Rule, ...], section: DuplicatesSection
) -> pl.DataFrame:
    """The columns of the whole ledger that decide, its rows sorted by id."""
    columns = list(dict.fromkeys([*DECIDES, *_compared(section), *columns_read(rules)]))
    first = find_parts(store, manifest.folder)[0]
    there = set(store.scan_frame(f"{manifest.folder}/{first.name}").collect_schema().names())
    missing = [column for column in columns if column not in there]
    if missing:
        raise RecipeError(
            "what-if answers from stored scores",
            f"the ledger lacks {', '.join(missing)}",
            manifest.reference,
            "run the recipe with that scorer on: what it does not touch is reused",
        )
    return _read(store, manifest, columns)


def _read(store: Store, manifest: Manifest, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of the whole ledger, its rows sorted by id."""
    parts = find_parts(store, manifest.folder)
    scans = [store.scan_frame(f"{manifest.folder}/{part.name}").select(columns) for part in parts]
    return pl.concat(scans).collect()


def _sample(
    store: Store, manifest: Manifest, decided: pl.DataFrame, differs: pl.Series, samples: int
) -> pl.DataFrame:
    """Some of what changes with its text: the first of each transition, then the second, and so on."""
    turn = ("before", "after")
    places = decided.select(*turn, place=pl.int_range(pl.len())).filter(differs)
    few = places.group_by(turn).agg(pl.col("place").head(samples)).explode("place").sort("place")
    few = few.with_columns(rank=pl.int_range(pl.len()).over(turn)).sort("rank", "place")
    chosen = few["place"].head(samples)
    names = _read_rows(store, manifest, chosen.to_list())
    texts = [read_text(store, *place) for place in names.select("block", "row").iter_rows()]
    rows = decided[chosen].hstack(names.select("id", "uri", "title"))
    return rows.select(*SHOWN, pl.Series("text", texts, dtype=pl.String))


def _read_rows(store: Store, manifest: Manifest, places: Sequence[int]) -> pl.DataFrame:
    """What tells a person which documents a few rows of the ledger are, and where their text lies."""
    columns = ("id", "uri", "title", "block", "row")
    parts = find_parts(store, manifest.folder)
    scans = [store.scan_frame(f"{manifest.folder}/{part.name}").select(columns) for part in parts]
    ends = list(accumulate(scan.select(pl.len()).collect().item() for scan in scans))
    found = [scans[0].limit(0)]
    for place in places:
        part = bisect_right(ends, place)
        found.append(scans[part].slice(place - (ends[part - 1] if part else 0), 1))
    return pl.concat(found).collect()


def _decide_again(
    store: Store,
    manifest: Manifest,
    rows: pl.DataFrame,
    links: pl.DataFrame,
    earlier: pl.DataFrame | None,
    recipe: Recipe,
    rules: tuple[Rule, ...],
) -> pl.Series:
    """What removes the ledger's rows under other rules, in their order."""
    from curate.duplicates.clusters import choose_survivors

    removed_by = find_removals(rows, rules)
    is_made = rows["source"].str.starts_with("augment:")
    if recipe.duplicates.action == "remove":
        is_reference = rows["priority"].is_in(recipe.references)
        passes = (removed_by.is_null() | is_reference) & ~is_made
        passing = _comparable(store, manifest, rows, passes, recipe.duplicates).with_columns(
            is_reference=is_reference.filter(passes)
        )
        if earlier is not None:  # numbered after the documents of the release
            number = pl.col("id").rank("dense").cast(pl.Int64) + rows.height
            earlier = earlier.with_columns(number.alias("id"))
        members = choose_survivors(passing, links, recipe.duplicates, earlier)
        losers = members.filter(pl.col("duplicate_of").is_not_null())
        removed_by = removed_by.scatter(losers["id"], losers["rule"])
    if recipe.references and not recipe.duplicates.release_reference:
        left_out = rows["priority"].is_in(recipe.references) & removed_by.is_null()
        removed_by = removed_by.scatter(left_out.arg_true(), REFERENCE)
    if not is_made.any():
        return removed_by
    made = rows.select("parent", was="removed_by", now=removed_by).filter(is_made)
    ids = _read(store, manifest, ["id"])["id"]
    is_parent = ids.is_in(made["parent"].unique().implode())
    kept = ids.filter(is_parent & removed_by.is_null())
    orphan = pl.col("parent").is_in(kept.implode()).fill_null(value=False).not_()
    verdicts = made.select(
        pl.when(orphan)
        .then(pl.lit("augment.parent_removed"))
        .when(pl.col("was").is_in(DUPLICATE_RULES))
        .then("was")
        .otherwise("now")
    ).to_series()
    return removed_by.scatter(is_made.arg_true(), verdicts)


def _comparable(
    store: Store,
    manifest: Manifest,
    rows: pl.DataFrame,
    chosen: pl.Series,
    section: DuplicatesSection,
) -> pl.DataFrame:
    """What survivors are chosen by, of some rows of the ledger; `id` is their place in it."""
    columns = _compared(section)
    frame = rows.select(columns).filter(chosen)
    uris = frame["uri"] if "url" in section.by else pl.Series(dtype=pl.String)
    frame = frame.with_columns(comparison(section, uris))
    places = chosen.arg_true().cast(pl.Int64).alias("id")
    if section.by:
        ids = _read(store, manifest, ["id"])["id"]
        whole = pl.DataFrame({"parent": ids, "place": pl.int_range(rows.height, eager=True)})
        parents = frame.select("parent").join(whole, on="parent", how="left", maintain_order="left")
        frame = frame.with_columns(parent=parents["place"])
    return frame.insert_column(0, places)


def _sum_counts(counts: pl.DataFrame, column: str) -> pl.DataFrame:
    """Documents by source, language and rule; a null rule: kept."""
    return (
        counts.group_by("source", "language", rule=column)
        .agg(pl.col("documents").sum())
        .sort("source", "language", "rule")
    )
