"""What people see on the terminal: funnels, stories, comparisons as tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from curate.audit import Audit
    from curate.explain import Change
    from curate.release.manifest import ReleaseSummary

STORE = "store"
SAMPLE_CHARACTERS = 300
SHOWN_PASSAGES = 5
TOLD_SENTENCES = 5


def make_console(*, stderr: bool = False) -> Console:
    """A console for a terminal, or as wide as a table needs for a pipe or a file."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 120  # a pipe or a file has no width of its own
    return console


def make_table(*columns: str) -> Any:
    """A table whose numbers stand to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    numbers = {
        "documents",
        "size",
        "met",
        "removed",
        "tagged",
        "n/a",
        "failed",
        "before",
        "after",
        "change",
        "value",
        "limit",
        "hit",
        "share",
        "overall",
        "ratio",
        "sentences",
        "alarms",
        "highest",
        "probability",
    }
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def format_size(size: float) -> str:
    """Bytes in decimal units.

    >>> format_size(1_234_567)
    '1.23 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  # decimal units
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def show_run(result: dict[str, Any]) -> None:
    """The funnel of a run, its warnings, where the release lies, and what to try next."""
    console = make_console()
    documents = result["documents"]
    table = make_table("rule", "met", "removed", "tagged", "n/a", "failed")
    table.add_row("documents read", f"{documents['read']:,}")
    if documents["made"]:
        table.add_row("documents made", f"{documents['made']:,}")
    for row in result["rules"]:
        numbers = (row[n] for n in ("met", "removed", "tagged", "not_applicable", "failed"))
        table.add_row(row["rule"], *(f"{number:,}" if number else "·" for number in numbers))
    table.add_row("kept", f"{documents['kept']:,}", f"{documents['removed']:,}", style="bold")
    console.print(table)
    if result["skipped"]:
        facts = ", ".join(f"{number:,} {reason}" for reason, number in result["skipped"].items())
        console.print(f"never became documents: {facts}")
    for facts in result["evaluation_sets"]:
        console.print(
            f"evaluation set {facts['set']}: {facts['indexed']:,} of {facts['items']:,} items were "
            f"looked for, {facts['short']:,} have too few words, {facts['repeated']:,} are repeated"
        )
    if cost := result.get("cascade"):
        low, high = cost["band"]
        console.print(
            f"cascade: the bundled model judged {cost['judged']:,} documents; Detoxify was sent "
            f"{cost['sent']:,} of them ({cost['sent_share']:.1%}, {cost['sent_characters']:,} "
            f"characters in all) with a score from {low:g} to {high:g}, and {cost['sent_unjudged']:,} in languages "
            "that the bundled model does not speak"
        )
    if index := result.get("index"):
        console.print(
            f"compared with {index['documents']:,} documents of {', '.join(index['releases']) or 'no release'}"
        )
    computed = sum(step["computed"] for step in result["steps"].values())
    reused = sum(step["reused"] for step in result["steps"].values())
    console.print(f"objects: {computed:,} computed, {reused:,} reused")
    for warning in result["warnings"]:
        console.print("warning:", style="yellow", end=" ")
        console.print(warning)
    state = "new" if result["new"] else "unchanged"
    store = result["store"]
    console.print(f"\n{result['release']}", style="bold", end=" ")
    console.print(f"({state}) lies in {store}/{result['folder']}\n")
    option = "" if store == STORE else f" --store {store}"
    reference = result["release"]
    curate, python = _called_as("curate"), _called_as("python")
    load = f"import curate; print(curate.load('{reference}', store='{store}'))"
    console.print("next:")
    for command in (
        f"{curate} explain {result['example']} --release {reference}{option}",
        f"{curate} what-if {reference} --set quality.minimum_words=100{option}",
        f'{python} -c "{load}"',
    ):
        console.print(f"  {command}")


def _called_as(name: str) -> str:
    """How to call a command of this environment from here: by name, or by its path."""
    import os
    import shutil

    found = shutil.which(name)
    mine = Path(sys.executable).parent / name
    if (found and Path(found).absolute() == mine.absolute()) or not mine.exists():
        return name
    return os.path.relpath(mine)


def show_story(story: dict[str, Any]) -> None:
    """What `explain` found."""
    from curate.explain import tell_scores

    console = make_console()
    console.print(story["answer"])
    for document in story["documents"]:
        facts = document["ledger"]
        console.print(f"\nid        {document['id']}")
        for name in ("source", "source_id", "uri", "date", "parent"):
            if facts[name]:
                console.print(f"{name:<9} {facts[name]}")
        for name, told in tell_scores(facts):
            console.print(f"{name:<9} {told}")
        console.print(f"input     {document['input']}\nrun       {document['run']}")
        if document["cluster_size"]:
            console.print(f"cluster   {document['cluster_size']} documents")
        _show_evidence(console, document)
        if "text" in document:
            gone = "(the store no longer holds the text)"
            console.print(f"\n{gone if document['text'] is None else document['text']}")
        table = make_table("rule", "value", "limit", "outcome")
        for rule in document["rules"]:
            value = rule["value"]
            shown = (
                ""
                if value is None
                else f"{value:g}"
                if isinstance(value, (int, float))
                else str(value)
            )
            table.add_row(rule["rule"], shown, rule["limit"], rule["outcome"])
        console.print(table)
    for skip in story["skipped"]:
        where = f" at byte {skip['offset']:,}" if skip["offset"] is not None else ""
        console.print(f"skipped   {skip['reason']} in {skip['input']}{where} {skip['detail']}")


def _show_evidence(console: Console, document: dict[str, Any]) -> None:
    """What a document holds of evaluation sets and of other documents, and what cleaning took."""
    from curate.explain import tell_evidence, tell_passage

    for told in tell_evidence(document):
        console.print(f"holds     {told}")
    for passage in document["shared"][:SHOWN_PASSAGES]:
        console.print(f"shares    {tell_passage(passage)}")
    if (more := len(document["shared"]) - SHOWN_PASSAGES) > 0:
        console.print(f"shares    {more} shorter passages more (--json)")
    _show_sentences(console, document)
    if document["cleaned"]:
        steps = [f"{name} {number:,}" for name, number in document["cleaned"].items()]
        console.print(f"cleaned   {', '.join(steps)} characters")


def _show_sentences(console: Console, document: dict[str, Any]) -> None:
    """The evidence for a document's toxicity."""
    for span in document["toxic"][:TOLD_SENTENCES]:
        said = " ".join((span["text"] or "(the store no longer holds the text)").split())
        where = f"bytes {span['start']:,}–{span['end']:,}"
        console.print(f"toxic     {span['score']:g} in {where}: {said[:SAMPLE_CHARACTERS]}")
    if (more := len(document["toxic"]) - TOLD_SENTENCES) > 0:
        console.print(f"          and {more:,} more (--json)")
    for span in document["toxic_before"]:
        where = f"bytes {span['start']:,}–{span['end']:,}"
        console.print(f"before    {span['score']:g} in {where} of the text as it was read")


def show_change(reference: str, change: Change) -> None:
    """What `what-if` found."""
    import polars as pl

    console = make_console()
    both = change.before.join(
        change.after.rename({"documents": "after"}),
        on=["source", "language", "rule"],
        how="full",
        coalesce=True,
        nulls_equal=True,
    ).with_columns(before=pl.col("documents").fill_null(0), after=pl.col("after").fill_null(0))
    _show_counts(console, both, ["rule"], "kept")
    kept = both.filter(pl.col("rule").is_null() & (pl.col("before") != pl.col("after")))
    if kept.height:
        console.print("kept, by source and language, where that changes:")
        _show_counts(console, kept, ["source", "language"], "und")
    console.print(f"{change.changes:,} documents of {reference} would change")
    for row in change.samples.iter_rows(named=True):
        name = row["title"] or row["uri"] or row["id"]
        console.print(f"\n  {name}: {row['before'] or 'kept'} → {row['after'] or 'kept'}")
        text = " ".join((row["text"] or "(the store no longer holds the text)").split())
        console.print(f"    {text[:SAMPLE_CHARACTERS]}")
    if change.undetermined:
        console.print(
            f"undetermined: {change.undetermined:,} documents need a score or comparison that was not made; a run computes it"
        )


def show_plan(facts: dict[str, Any]) -> None:
    """What bands and rows find and cost."""
    console = make_console()
    bands, rows = facts["bands"], facts["rows"]
    console.print(
        f"{bands} bands × {rows} rows ({facts['hashes']} hashes) find {facts['found']:.6f} of the "
        f"pairs at {facts['similarity']:g}"
    )
    table = make_table("similarity", "probability")
    for row in facts["curve"]:
        table.add_row(f"{row['similarity']:.2f}", f"{row['probability']:.6f}")
    console.print(table)
    console.print(
        f"a document takes {format_size(facts['signature_bytes'])} of signature, "
        f"{format_size(facts['entry_bytes'])} on disk while linking, and about "
        f"{format_size(facts['index_bytes'])} in the index\n"
    )
    for line in facts["recipe"]:
        console.print(line)


def _show_counts(console: Console, both: pl.DataFrame, names: list[str], empty: str) -> None:
    """Documents before and after where these differ, summed by some columns; `empty`: a null."""
    import polars as pl

    table = make_table(*names, "before", "after", "change")
    sums = both.group_by(names).agg(pl.col("before", "after").sum()).sort(names, nulls_last=True)
    same = (pl.col("before") == pl.col("after")) & pl.col(names[0]).is_not_null()
    for *named, before, after in sums.filter(~same).iter_rows():
        style = "bold" if named == [None] else None
        shown = [name or empty for name in named]
        table.add_row(*shown, f"{before:,}", f"{after:,}", f"{after - before:+,}", style=style)
    console.print(table)
    if unchanged := sums.filter(same).height:
        console.print(f"and {unchanged} more, as before")


def show_audit(reference: str, found: Audit) -> None:
    """What `audit` found."""
    import polars as pl

    console = make_console()

    def show(rows: pl.DataFrame) -> None:
        table = make_table("group", "rule", "documents", "hit", "share", "overall", "ratio", "95 %")
        for row in rows.iter_rows(named=True):
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            low, high = row["ratio_low"], row["ratio_high"]
            interval = "" if row["ratio"] is None else f"{low:.2f} – {high:.2f}"
            counts = (f"{row['documents']:,}", f"{row['hit']:,}")
            shares = (f"{row['share'] or 0:.1%}", f"{row['overall_share']:.1%}")
            table.add_row(row["group"], row["rule"], *counts, *shares, ratio, interval)
        console.print(table)

    console.print(f"documents of {reference} that speak of a group, and how many are removed:")
    show(found.table.filter(pl.col("rule") == "any rule"))
    if found.flagged.height:
        console.print("to look at: rules that hit a group more often than the limit:", style="bold")
        show(found.flagged)
    else:
        console.print("no rule passes the recipe's limit")
    for row in found.samples.iter_rows(named=True):
        score = "" if row["toxicity"] is None else f", toxicity {row['toxicity']:g}"
        name = row["title"] or row["id"]
        console.print(f"\n  {row['group']}: {name}, {row['removed_by']}{score}")
        text = " ".join((row["text"] or "(the store no longer holds the text)").split())
        console.print(f"    {text[:SAMPLE_CHARACTERS]}")
    if not found.templates.height:
        return
    alarms = found.templates.filter(pl.col("alarms") > 0)
    total = found.templates["sentences"].sum()
    console.print(
        f"\nthe toxicity scorer on {total:,} sentences without offence: "
        f"{alarms['alarms'].sum():,} false alarms"
    )
    if alarms.height:
        table = make_table("language", "group", "sentences", "alarms", "share", "highest")
        for row in alarms.iter_rows(named=True):
            counts = (f"{row['sentences']:,}", f"{row['alarms']:,}", f"{row['share']:.1%}")
            group = f"{row['axis']}: {row['group']}"
            table.add_row(row["language"], group, *counts, f"{row['highest']:.3f}")
        console.print(table)


def show_diff(facts: dict[str, Any]) -> None:
    """What `diff` found: a table for each list."""
    console = make_console()
    for name, value in facts.items():
        if isinstance(value, list) and value:
            table = make_table(*value[0])
            for row in value:
                table.add_row(*map(_cell, row.values()))
            console.print(f"\n{name}")
            console.print(table)
        elif isinstance(value, dict):
            counts = ", ".join(f"{count:,} {kind}" for kind, count in value.items())
            console.print(f"{name}: {counts}".replace("_", " "))
        else:
            console.print(f"{name}: {value or 'none'}")


def _cell(value: Any) -> str:
    """A cell of a diff; a pair is before and after."""
    if isinstance(value, list):
        return " → ".join(map(_cell, value))
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def show_scores(scores: dict[str, Any], *, as_json: bool) -> None:
    """How a trained model scored on what was held out."""
    if as_json:
        click.echo(json.dumps(scores))
        return
    columns = sorted({name for family in scores["scores"].values() for name in family})
    table = make_table("held out", *columns)
    for family, found in scores["scores"].items():
        table.add_row(family, *(f"{found[name]:,}" if name in found else "" for name in columns))
    make_console().print(table)
    click.echo(f"{scores['bytes']:,} bytes, sha256 {scores['sha256']}")


def show_models(found: list[dict[str, Any]], folder: str) -> None:
    """The models that there are, and whence the others come."""
    table = make_table("model", "kind", "where", "size", "licence", "labels", "sha256")
    for model in found:
        size = "" if model["bytes"] is None else format_size(model["bytes"])
        digest = (model["sha256"] or "pinned on first use")[:19]
        told = (model[name] for name in ("licence", "labels"))
        table.add_row(model["name"], model["kind"], model["where"], size, *told, digest)
    make_console().print(table)
    click.echo(f"models that are fetched lie in {folder}")


def show_releases(found: list[ReleaseSummary]) -> None:
    """The releases of a store."""
    table = make_table("release", "documents", "size", "content hash")
    for release in found:
        reference = f"{release.name}@{release.version}"
        if release.problem is not None:
            table.add_row(reference, "damaged")
            continue
        digest = str(release.content_hash)[:16]
        table.add_row(reference, f"{release.documents:,}", format_size(release.bytes or 0), digest)
    console = make_console()
    console.print(table)
    for problem in (release.problem for release in found if release.problem is not None):
        console.print(problem)


def show_presets(found: list[dict[str, Any]]) -> None:
    """The quality presets."""
    table = make_table("preset", "title", "rules", "source")
    for preset in found:
        table.add_row(*(str(preset[name]) for name in ("preset", "title", "rules", "source")))
    make_console().print(table)


def show_preset(preset: dict[str, Any]) -> None:
    """A quality preset's rules, each with its origin."""
    console = make_console()
    console.print(f"{preset['preset']}: {preset['title']}")
    console.print(f"{preset['source']}\n")
    if preset["comment"]:
        console.print(f"{preset['comment']}\n")
    table = make_table("rule", "removes", "languages", "source")
    for rule in preset["rules"]:
        table.add_row(rule["rule"], rule["removes"], ", ".join(rule["languages"]), rule["source"])
    console.print(table)


def show_fit(rules: list[dict[str, Any]], out: Path) -> None:
    """Fitted limits, each with what it was derived from."""
    table = make_table("rule", "limit", "source")
    for rule in rules:
        table.add_row(rule["rule"], f"{rule['limit']:g}", rule["source"])
    make_console().print(table)
    click.echo(f'{out}: name it in a recipe as [quality] preset = "{out}"')
