"""The `curate` command. Imports are late: `--help` answers in 0.3 s, look-ups in 1 s."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from flows.display import (
    STORE,
    make_console,
    show_audit,
    show_change,
    show_diff,
    show_fit,
    show_models,
    show_plan,
    show_preset,
    show_presets,
    show_releases,
    show_run,
    show_scores,
    show_story,
)

if TYPE_CHECKING:
    from curate.store import Store

P = ParamSpec("P")
R = TypeVar("R")


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
        show_run(result)
    if strict and result["warnings"]:
        sys.exit(1)


def _run_flow(
    recipe: str, store: Store, workers: int | None, batch: int, settings: dict[str, str]
) -> dict[str, Any]:
    """The flow, with a Prefect server of the run's own unless the user points at one."""
    import tempfile

    from flows.server import prefect_server

    console = make_console(stderr=True)
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
    show_story(story)


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
            "changed": change.read_changed().to_dicts(),
            "samples": change.samples.to_dicts(),
            "undetermined": change.undetermined,
        }
        click.echo(json.dumps(facts))
        return
    show_change(reference, change)


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
    show_releases(found)


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
    show_diff(facts)


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
def duplicates() -> None:
    """Plan the search for duplicates, and look after the index of what was released."""


@duplicates.command("index")
@click.argument("recipe", required=False)
@store_option
@json_option
@fail_in_one_sentence
def show_index_command(recipe: str | None, store: str | None, as_json: bool) -> None:
    """Check and tell what is indexed; with RECIPE, make the index that it asks for first."""
    from curate.duplicates.index import open_indexes

    place = _open_store(store or STORE)
    if recipe is not None:
        from curate.recipe import load_recipe
        from curate.steps.indexing import build_index
        from flows.recipes import find_recipe

        loaded = load_recipe(find_recipe(recipe))
        place = _open_store(store or loaded.store)
        for sentence in build_index(place, loaded):
            click.echo(f"warning: {sentence}", err=True)
    indexes = open_indexes(place)
    facts = [index.describe(index.newest()) for index in indexes]
    for one, index in zip(facts, indexes, strict=True):
        one["damage"] = index.find_damage(index.newest())
    _tell_indexes(facts, as_json=as_json)
    if any(one["damage"] for one in facts):
        sys.exit(1)


@duplicates.command("remove")
@click.argument("ids", nargs=-1, required=True)
@store_option
@json_option
@fail_in_one_sentence
def remove_from_index(ids: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Take documents out of the index: nothing is a duplicate of them from then on."""
    from curate.duplicates.index import open_indexes

    indexes = open_indexes(_open_store(store or STORE))
    _tell_indexes([one.describe(one.remove(ids)) for one in indexes], as_json=as_json)


@duplicates.command("compact")
@store_option
@click.option("--collect", is_flag=True, help="Remove old states and their segments too.")
@json_option
@fail_in_one_sentence
def compact_index(store: str | None, collect: bool, as_json: bool) -> None:
    """Merge the segments of the index; old states stay readable unless --collect."""
    from curate.duplicates.index import open_indexes

    facts = []
    for index in open_indexes(_open_store(store or STORE)):
        facts.append(index.describe(index.compact()))
        if collect:
            index.collect()
    _tell_indexes(facts, as_json=as_json)


def _tell_indexes(facts: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
        return
    if not facts:
        click.echo('nothing is indexed; a run with [duplicates] scope = "index" makes the index')
    for one in facts:
        click.echo(
            f"{one['folder']}: state {one['number']}, {one['documents']:,} documents of "
            f"{', '.join(one['releases']) or 'no release'} in {one['segments']} segments, "
            f"{one['bytes']:,} bytes, {one['removed']:,} taken out"
        )
        for segment, came in one.get("damage", {}).items():
            click.echo(f"  segment {segment} is damaged: {came}; the next run makes it again")


@duplicates.command("plan")
@click.option("--similarity", type=click.FloatRange(0, 1, min_open=True), help="To be found.")
@click.option("--recall", type=float, help="Share of such pairs to be found: chooses the bands.")
@click.option("--bands", type=click.IntRange(min=1), help="Given instead, with --rows.")
@click.option("--rows", type=click.IntRange(min=1), help="Given instead, with --bands.")
@click.option(
    "--maximum-hashes",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Bands × rows at most, where they are chosen.",
)
@json_option
@fail_in_one_sentence
def plan(
    similarity: float | None,
    recall: float | None,
    bands: int | None,
    rows: int | None,
    maximum_hashes: int,
    as_json: bool,
) -> None:
    """Print what bands × rows find, what they cost, and the recipe's lines."""
    from curate.duplicates.plan import plan_bands
    from curate.errors import RecipeError

    if (bands is None) != (rows is None):
        raise RecipeError("--bands and --rows come together", "one came", "duplicates plan")
    if recall is not None and not 0 < recall < 1:
        raise RecipeError("a recall is above 0 and below 1", f"{recall:g} came", "duplicates plan")
    shape = None if bands is None or rows is None else (bands, rows)
    facts = plan_bands(similarity, recall, shape, maximum_hashes)
    if as_json:
        click.echo(json.dumps(facts))
        return
    show_plan(facts)


@main.group(invoke_without_command=True)
@click.pass_context
@json_option
@fail_in_one_sentence
def presets(context: click.Context, as_json: bool) -> None:
    """List the quality presets; `presets show NAME` prints one."""
    from curate.presets.describe import summarise_presets

    if context.invoked_subcommand is not None:
        return
    found = summarise_presets()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    show_presets(found)


@presets.command("show")
@click.argument("name")
@json_option
@fail_in_one_sentence
def show_preset_command(name: str, as_json: bool) -> None:
    """Print every rule of the preset NAME with its origin."""
    from curate.presets.describe import describe_preset

    preset = describe_preset(name)
    if as_json:
        click.echo(json.dumps(preset, ensure_ascii=False))
        return
    show_preset(preset)


@main.command("fit-rules")
@click.option("--language", required=True, help="ISO 639 code of the documents' language.")
@click.option("--release", "reference", metavar="NAME@VERSION", help="Documents of a release.")
@click.option("--source", default="wikipedia", show_default=True, help="Their source, in it.")
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    help="Documents of a records file (Parquet, JSON lines) instead.",
)
@click.option("--text-column", default="text", show_default=True, help="Of the records file.")
@click.option(
    "--tail",
    type=click.FloatRange(0, 0.5),
    default=0.05,
    show_default=True,
    help="Share of the documents that each limit may remove.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The rules file to write."
)
@store_option
@json_option
@fail_in_one_sentence
def fit_rules_command(
    language: str,
    reference: str | None,
    source: str,
    records: Path | None,
    text_column: str,
    tail: float,
    out: Path,
    store: str | None,
    as_json: bool,
) -> None:
    """Derive a language's quality limits from documents that you trust."""
    from curate.errors import RecipeError
    from curate.fitting import (
        describe_fit,
        fit_rules,
        reference_of_records,
        reference_of_release,
    )
    from curate.languages import normalise_language

    code = normalise_language(language)
    if reference is not None and records is None:
        trusted = reference_of_release(_open_store(store or STORE), reference, code, source)
    elif records is not None and reference is None:
        trusted = reference_of_records(records, code, text_column)
    else:
        asked, came = "fit-rules takes --release or --records", "both or neither came"
        raise RecipeError(asked, came, "fit-rules", "name one")
    text = fit_rules(code, trusted, tail)
    try:
        out.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        asked, came = "the rules file can be written", str(error.strerror).lower()
        raise RecipeError(asked, came, str(out)) from error
    if as_json:
        click.echo(json.dumps({"out": str(out), "rules": describe_fit(text)}, ensure_ascii=False))
        return
    show_fit(describe_fit(text), out)


@main.command()
@click.argument("reference", metavar="NAME@VERSION")
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Removed documents to show with their text for each row that is looked at.",
)
@store_option
@json_option
@fail_in_one_sentence
def audit(reference: str, samples: int, store: str | None, as_json: bool) -> None:
    """Show what the rules do to documents that speak of groups of people."""
    from curate.audit import audit as look

    found = look(_open_store(store or STORE), reference, samples)
    if as_json:
        frames = ("table", "flagged", "samples", "templates")
        click.echo(json.dumps({name: getattr(found, name).to_dicts() for name in frames}))
        return
    show_audit(reference, found)


@main.command()
@json_option
@fail_in_one_sentence
def models(as_json: bool) -> None:
    """List the models: bundled, in the cache folder, and known elsewhere."""
    from curate.models.registry import cache_folder, describe_models

    found = describe_models()
    if as_json:
        click.echo(json.dumps({"cache": str(cache_folder()), "models": found}))
        return
    show_models(found, str(cache_folder()))


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
@click.option(
    "--peer",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Another language model to measure beside it: lid.176.ftz.",
)
@json_option
@fail_in_one_sentence
def train_language_command(data: Path, out: Path, peer: Path | None, as_json: bool) -> None:
    """Train the language model: the same sets give the same file."""
    from curate.train.language import train_language

    show_scores(train_language(data, out, peer=peer), as_json=as_json)


@train.command("quality")
@click.option(
    "--positive",
    multiple=True,
    metavar="FILE|NAME@VERSION",
    help="Documents that are wanted: a records file or a release; several times.",
)
@click.option(
    "--negative",
    multiple=True,
    metavar="FILE|NAME@VERSION",
    help="Documents of a crawl as it is.",
)
@click.option("--text-column", default="text", show_default=True, help="Of the records files.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of the sets of the bundled model, which is then trained.",
)
@out_option
@store_option
@json_option
@fail_in_one_sentence
def train_quality_command(
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    text_column: str,
    data: Path | None,
    out: Path,
    store: str | None,
    as_json: bool,
) -> None:
    """Train a quality model: wanted documents against a crawl as it is."""
    from curate.errors import RecipeError
    from curate.train.quality import train_bundled_quality, train_quality

    if data is not None and not positive and not negative:
        card = train_bundled_quality(data, out)
    elif data is None and positive and negative:
        from curate.fitting import texts_of

        place = _open_store(store or STORE)
        told = {"positive": [Path(p).name for p in positive]}
        told |= {"negative": [Path(p).name for p in negative]}
        wanted, crawl = (texts_of(place, names, text_column) for names in (positive, negative))
        card = train_quality(wanted, crawl, out, told)
    else:
        asked = "train quality takes --positive and --negative, or --data"
        raise RecipeError(asked, "another choice came", "train quality", "name one of the two")
    show_scores(card, as_json=as_json)


@train.command("domain")
@click.option(
    "--release",
    "reference",
    required=True,
    metavar="NAME@VERSION",
    help="A release with articles of Wikipedia.",
)
@out_option
@store_option
@json_option
@fail_in_one_sentence
def train_domain_command(reference: str, out: Path, store: str | None, as_json: bool) -> None:
    """Train a classifier of domains from the categories of a release's articles."""
    from curate.fitting import documents_of_release
    from curate.train.domain import train_domain

    columns = ["text", "categories"]
    articles = documents_of_release(_open_store(store or STORE), reference, columns)
    show_scores(train_domain(articles, out, reference), as_json=as_json)


@train.command("extractor")
@data_option
@out_option
@json_option
@fail_in_one_sentence
def train_extractor_command(data: Path, out: Path, as_json: bool) -> None:
    """Train the extractor of main text: the same pages give the same file."""
    from curate.train.extractor import train_extractor

    show_scores(train_extractor(data, out), as_json=as_json)


@train.command("perplexity")
@click.option("--language", required=True, help="ISO 639 code of the documents' language.")
@click.option("--release", "reference", metavar="NAME@VERSION", help="Documents of a release.")
@click.option("--source", default="wikipedia", show_default=True, help="Their source, in it.")
@click.option(
    "--records", type=click.Path(path_type=Path), help="Documents of a records file instead."
)
@click.option("--text-column", default="text", show_default=True, help="Of the records file.")
@click.option(
    "--limits-from",
    type=click.Path(path_type=Path),
    help="Records whose percentiles part head, middle and tail (default: held-out documents).",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The model's file.")
@store_option
@json_option
@fail_in_one_sentence
def train_perplexity_command(
    language: str,
    reference: str | None,
    source: str,
    records: Path | None,
    text_column: str,
    limits_from: Path | None,
    out: Path,
    store: str | None,
    as_json: bool,
) -> None:
    """Train the n-gram model of a language: the same documents give the same file."""
    from curate.errors import RecipeError
    from curate.fitting import texts_of_records, texts_of_release
    from curate.languages import normalise_language
    from curate.train.perplexity import train_model, write_model

    code = normalise_language(language)
    if reference is not None and records is None:
        texts = texts_of_release(_open_store(store or STORE), reference, code, source)
        told = f"{reference} ({source}, {code})"
    elif records is not None and reference is None:
        texts, told = texts_of_records(records, text_column), records.name
    else:
        asked, came = "train perplexity takes --release or --records", "both or neither came"
        raise RecipeError(asked, came, "train perplexity", "name one")
    others = None if limits_from is None else texts_of_records(limits_from, text_column)
    facts = write_model(train_model(texts, code, told, others), out)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for name, value in facts.items():
        click.echo(f"{name:<14} {value}")


@train.command("toxicity")
@data_option
@out_option
@json_option
@fail_in_one_sentence
def train_toxicity_command(data: Path, out: Path, as_json: bool) -> None:
    """Train the toxicity model: the same sets give the same file."""
    from curate.train.toxicity import train_toxicity

    show_scores(train_toxicity(data, out), as_json=as_json)


def _open_store(url: str) -> Store:
    from curate.store import Store

    return Store(url)


if __name__ == "__main__":
    main()
