"""The `curate` command. Imports are late: `--help` answers in 0.3 s, look-ups in 1 s."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from curate.explain import Change
    from curate.store import Store

P = ParamSpec("P")
R = TypeVar("R")
STORE = "store"
SAMPLE_CHARACTERS = 300


def fail_in_one_sentence(command: Callable[P, R]) -> Callable[P, R]:
    """End with a sentence and the error's exit status; with `--json`, the sentence is JSON."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from curate.errors import CurateError

        try:
            return command(*args, **kwargs)
        except CurateError as error:
            _say_error(str(error), as_json=bool(kwargs.get("as_json")))
            sys.exit(error.status)
        except KeyboardInterrupt:
            _say_error("interrupted; what is done is kept, start again to go on", as_json=False)
            sys.exit(130)
        except Exception as error:  # noqa: BLE001  # a traceback is for the file, not for the user
            _say_error(_note_fault(error), as_json=bool(kwargs.get("as_json")))
            sys.exit(1)

    return wrapped


def _note_fault(error: Exception) -> str:
    """Keep the traceback of a fault of curate in a file, and say where it lies."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="curate-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.writelines(traceback.format_exception(error))
    first = str(error).strip().partition("\n")[0]
    return f"a fault of curate ({type(error).__name__}: {first}); report it with {log.name}"


def _say_error(sentence: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": sentence}))
    click.echo(f"curate: {sentence}", err=True)


def _settings(pairs: tuple[str, ...]) -> dict[str, str]:
    from curate.errors import RecipeError

    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise RecipeError(
                "--set takes name=value",
                f"{pair!r} came",
                "--set",
                "as in --set quality.minimum_words=100",
            )
        found[name.strip()] = value.strip()
    return found


store_option = click.option("--store", metavar="PLACE", help="Folder or fsspec URL of the store.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting by dotted name; may be given several times.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="curate", message="%(prog)s %(version)s")
def main() -> None:
    """Turn crawls, dumps and subtitles into versioned, explained training data."""


@main.command()
@click.argument("recipe")
@store_option
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes (default: cores).")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=4096,
    show_default=True,
    help="Documents scored at a time; shapes no output.",
)
@set_option
@click.option(
    "--strict", is_flag=True, help="Exit with status 1 when an input was not read in full."
)
@json_option
@fail_in_one_sentence
def run(
    recipe: str,
    store: str | None,
    workers: int | None,
    batch: int,
    settings: tuple[str, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Run RECIPE (a TOML file, or the name of a packaged one) through to a release."""
    from curate.recipe import load_recipe
    from flows.recipes import find_recipe

    chosen = _settings(settings)
    loaded = load_recipe(find_recipe(recipe), chosen)  # a wrong recipe is told at once
    place = _open_store(store or loaded.store)
    place.prepare()
    result = _run_flow(recipe, place, workers, batch, chosen)
    if as_json:
        click.echo(json.dumps(result))
    else:
        _show_run(result)
    if strict and result["warnings"]:
        sys.exit(1)


def _run_flow(
    recipe: str, store: Store, workers: int | None, batch: int, settings: dict[str, str]
) -> dict[str, Any]:
    """The flow, with a Prefect server of the run's own unless the user points at one."""
    import tempfile

    from flows.server import prefect_server

    console = _console(stderr=True)
    logs = Path(store.path("runs")) if store.is_local else Path(tempfile.gettempdir())
    with console.status("starting Prefect") as status, prefect_server(logs / "server.log"):
        from flows.pipeline import pipeline

        status.stop()
        return pipeline(recipe, store.url, workers, batch, settings)


@main.command()
@click.argument("query")
@click.option("--release", "reference", required=True, metavar="NAME@VERSION")
@click.option("--text", is_flag=True, help="Tell the text too.")
@store_option
@json_option
@fail_in_one_sentence
def explain(query: str, reference: str, text: bool, store: str | None, as_json: bool) -> None:
    """Tell the story of QUERY: a document's id, its source id, or a URL."""
    from curate.explain import explain as tell

    story = tell(_open_store(store or STORE), reference, query, text=text)
    if as_json:
        click.echo(json.dumps(story))
        return
    _show_story(story)


@main.command("what-if")
@click.argument("reference", metavar="NAME@VERSION")
@set_option
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Documents that would change to show with their text.",
)
@store_option
@json_option
@fail_in_one_sentence
def what_if(
    reference: str, settings: tuple[str, ...], samples: int, store: str | None, as_json: bool
) -> None:
    """Decide again with other settings, from stored scores: no text is read."""
    from curate.errors import RecipeError
    from curate.explain import what_if as decide_again

    if not settings:
        raise RecipeError(
            "what-if takes settings", "none came", "--set", "as in --set quality.minimum_words=100"
        )
    change = decide_again(_open_store(store or STORE), reference, _settings(settings), samples)
    if as_json:
        facts = {
            "release": reference,
            "before": change.before.to_dicts(),
            "after": change.after.to_dicts(),
            "changed": change.changed.to_dicts(),
            "samples": change.samples.to_dicts(),
            "undetermined": change.undetermined,
        }
        click.echo(json.dumps(facts))
        return
    _show_change(reference, change)


@main.command()
@store_option
@json_option
@fail_in_one_sentence
def releases(store: str | None, as_json: bool) -> None:
    """List the releases of the store."""
    from dataclasses import asdict

    from curate.release.manifest import list_releases

    place = _open_store(store or STORE)
    found = list_releases(place)
    if as_json:
        click.echo(json.dumps([asdict(release) for release in found]))
        return
    if not found:
        click.echo(f"no release in {place.url}; make one with: curate run quickstart")
        return
    table = _table("release", "documents", "size", "content hash")
    for release in found:
        reference = f"{release.name}@{release.version}"
        if release.problem is not None:
            table.add_row(reference, "damaged")
            continue
        digest = str(release.content_hash)[:16]
        table.add_row(reference, f"{release.documents:,}", _size(release.bytes or 0), digest)
    console = _console()
    console.print(table)
    for problem in (release.problem for release in found if release.problem is not None):
        console.print(problem, markup=False)


@main.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@store_option
@json_option
@fail_in_one_sentence
def diff(first: str, second: str, store: str | None, as_json: bool) -> None:
    """Compare two releases: what came, went and changed, by source and rule."""
    from curate.release.diff import diff_releases

    facts = diff_releases(_open_store(store or STORE), first, second)
    if as_json:
        click.echo(json.dumps(facts))
        return
    _show_diff(facts)


@main.command()
@click.argument("reference", metavar="NAME@VERSION")
@store_option
@json_option
@fail_in_one_sentence
def verify(reference: str, store: str | None, as_json: bool) -> None:
    """Check every file of a release against its manifest."""
    from curate.release.manifest import verify_release

    problems = verify_release(_open_store(store or STORE), reference)
    if as_json:
        click.echo(json.dumps({"release": reference, "problems": problems}))
    elif problems:
        for problem in problems:
            click.echo(problem)
    else:
        click.echo(f"{reference} is whole: every file matches its manifest")
    if problems:
        sys.exit(1)


@main.group()
def train() -> None:
    """Train the models that the package carries."""


data_option = click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Folder of the training sets."
)
out_option = click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the model and its card.",
)


@train.command("language")
@data_option
@out_option
@json_option
@fail_in_one_sentence
def train_language_command(data: Path, out: Path, as_json: bool) -> None:
    """Train the language model: the same sets give the same file."""
    from curate.train.language import train_language

    _show_scores(train_language(data, out), as_json=as_json)


@train.command("toxicity")
@data_option
@out_option
@json_option
@fail_in_one_sentence
def train_toxicity_command(data: Path, out: Path, as_json: bool) -> None:
    """Train the toxicity model: the same sets give the same file."""
    from curate.train.toxicity import train_toxicity

    _show_scores(train_toxicity(data, out), as_json=as_json)


# --- what people see


def _open_store(url: str) -> Store:
    from curate.store import Store

    return Store(url)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 120  # a pipe or a file has no width of its own
    return console


def _table(*columns: str) -> Any:
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
    }
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  # decimal units
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _show_run(result: dict[str, Any]) -> None:
    console = _console()
    documents = result["documents"]
    table = _table("rule", "met", "removed", "tagged", "n/a", "failed")
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
    computed = sum(step["computed"] for step in result["steps"].values())
    reused = sum(step["reused"] for step in result["steps"].values())
    console.print(f"objects: {computed:,} computed, {reused:,} reused")
    for warning in result["warnings"]:
        console.print(f"[yellow]warning:[/] {warning}", markup=True)
    state = "new" if result["new"] else "unchanged"
    store = result["store"]
    console.print(f"\n[bold]{result['release']}[/] ({state}) lies in {store}/{result['folder']}\n")
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
        console.print(f"  {command}", markup=False)


def _called_as(name: str) -> str:
    """How to call a command of this environment from here: by name, or by its path."""
    import os
    import shutil

    found = shutil.which(name)
    mine = Path(sys.executable).parent / name
    if (found and Path(found).absolute() == mine.absolute()) or not mine.exists():
        return name
    return os.path.relpath(mine)


def _show_story(story: dict[str, Any]) -> None:
    console = _console()
    console.print(story["answer"], markup=False)
    for document in story["documents"]:
        facts = document["ledger"]
        console.print(f"\nid        {document['id']}", markup=False)
        for name in ("source", "source_id", "uri", "date", "language", "parent"):
            if facts[name]:
                console.print(f"{name:<9} {facts[name]}", markup=False)
        console.print(f"input     {document['input']}\nrun       {document['run']}", markup=False)
        if document["cluster_size"]:
            console.print(f"cluster   {document['cluster_size']} documents", markup=False)
        if "text" in document:
            gone = "(the store no longer holds the text)"
            console.print(
                f"\n{gone if document['text'] is None else document['text']}", markup=False
            )
        table = _table("rule", "value", "limit", "outcome")
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
        console.print(
            f"skipped   {skip['reason']} in {skip['input']}{where} {skip['detail']}", markup=False
        )


def _show_change(reference: str, change: Change) -> None:
    import polars as pl

    console = _console()
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
    console.print(f"{change.changed.height:,} documents of {reference} would change")
    for row in change.samples.iter_rows(named=True):
        name = row["title"] or row["uri"] or row["id"]
        console.print(
            f"\n  {name}: {row['before'] or 'kept'} → {row['after'] or 'kept'}", markup=False
        )
        text = " ".join((row["text"] or "(the store no longer holds the text)").split())
        console.print(f"    {text[:SAMPLE_CHARACTERS]}", markup=False)
    if change.undetermined:
        console.print(
            f"undetermined: {change.undetermined:,} documents need a score or comparison that was not made; a run computes it"
        )


def _show_counts(console: Console, both: pl.DataFrame, names: list[str], empty: str) -> None:
    """Documents before and after, summed by some columns; `empty` stands for a null."""
    import polars as pl

    table = _table(*names, "before", "after", "change")
    sums = both.group_by(names).agg(pl.col("before", "after").sum()).sort(names, nulls_last=True)
    for *named, before, after in sums.iter_rows():
        style = "bold" if named == [None] else None
        shown = [name or empty for name in named]
        table.add_row(*shown, f"{before:,}", f"{after:,}", f"{after - before:+,}", style=style)
    console.print(table)


def _show_diff(facts: dict[str, Any]) -> None:
    console = _console()
    for name, value in facts.items():
        if isinstance(value, list):
            table = _table(*(value[0] if value else ()))
            for row in value:
                table.add_row(
                    *(
                        "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)
                        for cell in row.values()
                    )
                )
            console.print(f"\n{name}")
            console.print(table)
        else:
            console.print(f"{name}: {value}", markup=False)


def _show_scores(scores: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(scores))
        return
    columns = sorted({name for family in scores["scores"].values() for name in family})
    table = _table("held out", *columns)
    for family, found in scores["scores"].items():
        table.add_row(family, *(f"{found[name]:,}" if name in found else "" for name in columns))
    _console().print(table)
    click.echo(f"{scores['bytes']:,} bytes, sha256 {scores['sha256']}")


if __name__ == "__main__":
    main()
