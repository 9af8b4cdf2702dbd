"""A wiki's name and a date → the files of its dump, with the checksums that are published.

`<base>/<wiki>/<date>/dumpstatus.json` tells for each job of a dump whether it is done, and name,
size, SHA-1 and MD5 of its files; older dumps have `<wiki>-<date>-sha1sums.txt` and `-md5sums.txt`.
https://meta.wikimedia.org/wiki/Data_dumps describes both.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import fsspec

from curate.errors import FetchError, InputError, MissingInputError
from curate.recipe import WikipediaSection
from curate.sources import Checksum
from curate.sources.listings import Found
from curate.sources.places import Places, join

MAXIMUM_STATUS_BYTES = 1 << 26
NEWEST_DATES = 8  # that are tried for `latest`: a dump is made in the weeks after its date
_WIKI = re.compile(
    r"(?P<wiki>[a-z][a-z0-9_]*(?:wiki|wiktionary|wikibooks|wikinews|wikiquote|wikisource"
    r"|wikiversity|wikivoyage))(?:-(?P<date>[0-9]{8}|latest))?"
)
_DATE_LINK = re.compile(rb"""href=["']?(?:[^"'>]*/)?([0-9]{8})/?["'>]""")
_SUM = re.compile(r"(?P<digest>[0-9a-f]{32}|[0-9a-f]{40})\s+\*?(?P<name>[\w.-]+)")
_JOBS = {  # of those that hold the same pages, the one in parts first: it has the more files
    "articles": ("articlesdump", "articlesdumprecombine"),
    "multistream": ("articlesmultistreamdump", "articlesmultistreamdumprecombine"),
}
_FILES = {
    "articles": re.compile(r"-pages-articles\d*\.xml(?:-p\d+p\d+)?\.(?:bz2|gz|7z)$"),
    "multistream": re.compile(r"-pages-articles-multistream\d*\.xml(?:-p\d+p\d+)?\.bz2$"),
}
_PART = re.compile(r"(?:articles|multistream)(\d+)\.xml|-p(\d+)p\d+")


def names_wiki(text: str) -> bool:
    """Whether an entry of `inputs` is the name of a wiki, with or without a date."""
    return bool(_WIKI.fullmatch(text))


def find_dump(text: str, section: WikipediaSection, folder: Path, places: Places) -> list[Found]:
    """The files of a wiki's dump, in the order of their pages.

    Args:
        text: `dewiki`, `dewiki-20261101` or `dewiki-latest`.
        section: says the date of a wiki without one, which set of files, and where dumps lie.
        folder: the recipe's, which a relative base starts from.
        places: opens what tells of the dump.

    Raises:
        InputError: there is no such dump, or it is not done.
    """
    match = _WIKI.fullmatch(text)
    assert match is not None
    wiki, date = match["wiki"], match["date"] or section.date
    if date != "latest":
        return _files(wiki, date, section, folder, places)
    dates = _dates(wiki, section, folder, places)
    for candidate in dates[:NEWEST_DATES]:
        try:
            return _files(wiki, candidate, section, folder, places)
        except FetchError:
            raise
        except InputError:
            continue  # not done yet: the one before it is the latest
    tried = ", ".join(dates[:NEWEST_DATES])
    raise InputError(
        f"there is a dump of {wiki} that is done",
        f"none of {tried} is" if dates else "no date is listed",
        join(section.base, wiki, folder),
        "check the wiki's name and `base`, or give a `date`",
    )


def _files(
    wiki: str, date: str, section: WikipediaSection, folder: Path, places: Places
) -> list[Found]:
    """The files of the dump of one date."""
    place = join(section.base, f"{wiki}/{date}", folder)
    checksums = _from_status(place, section, places)
    if checksums is None:
        checksums = _from_sums(place, f"{wiki}-{date}", places)
    pattern = _FILES[section.files]
    names = sorted((name for name in checksums if pattern.search(name)), key=_order)
    parts = [name for name in names if _PART.search(name)]
    if not names:
        raise InputError(
            f"the dump has files of {section.files}",
            f"it names {len(checksums)} others" if checksums else "nothing tells of its files",
            place,
            'check wiki, date and `base`; `date = "latest"` finds the newest that is done',
        )
    return [
        Found(f"{place}/{name}", name, f"{wiki}-{date}", checksums[name], is_listed=True)
        for name in parts or names  # where the parts are there, the recombined file repeats them
    ]


def _from_status(
    place: str, section: WikipediaSection, places: Places
) -> dict[str, Checksum] | None:
    """By `dumpstatus.json`; None where there is none."""
    uri = f"{place}/dumpstatus.json"
    content = _read(uri, places)
    if content is None:
        return None
    try:
        jobs = json.loads(content)["jobs"]
        found = {name: jobs[name] for name in _JOBS[section.files] if name in jobs}
        done = [job for job in found.values() if job["status"] == "done"]
        if done:
            return {name: _published(facts) for name, facts in done[0]["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        came = f"it is not as it should be: {error!r}"
        raise InputError("dumpstatus.json tells of a dump's files", came, uri) from error
    states = ", ".join(f"{name} is {job['status']!r}" for name, job in found.items())
    raise InputError(
        f"the dump's files of {section.files} are done",
        states or "they are not among its jobs",
        uri,
        "name an earlier date, or wait",
    )


def _published(facts: dict[str, Any]) -> Checksum:
    algorithm = next((name for name in ("sha1", "md5") if facts.get(name)), "")
    size = facts.get("size")
    digest = str(facts[algorithm]).lower() if algorithm else ""
    return Checksum(algorithm, digest, int(size) if size is not None else None)


def _from_sums(place: str, prefix: str, places: Places) -> dict[str, Checksum]:
    """By the lists of checksums; empty where there are none."""
    for algorithm in ("sha1", "md5"):
        content = _read(f"{place}/{prefix}-{algorithm}sums.txt", places)
        if content is not None:
            lines = content.decode(errors="replace").splitlines()
            found = [match for line in lines if (match := _SUM.fullmatch(line.strip()))]
            return {match["name"]: Checksum(algorithm, match["digest"]) for match in found}
    return {}


def _dates(wiki: str, section: WikipediaSection, folder: Path, places: Places) -> list[str]:
    """The dates of the wiki's dumps, newest first."""
    place = join(section.base, wiki, folder)
    if place.startswith(("http://", "https://")):  # the server's index page links to them
        dates = _DATE_LINK.findall(_read(f"{place}/", places) or b"")
        return sorted({date.decode() for date in dates}, reverse=True)
    filesystem, path = fsspec.core.url_to_fs(place)
    try:
        names = {str(name).rstrip("/").rpartition("/")[2] for name in filesystem.ls(path, False)}
    except FileNotFoundError:
        names = set()
    return sorted((name for name in names if re.fullmatch("[0-9]{8}", name)), reverse=True)


def _read(uri: str, places: Places) -> bytes | None:
    """A small file, or None where there is none."""
    try:
        return places.read(uri, MAXIMUM_STATUS_BYTES)
    except MissingInputError:
        return None


def _order(name: str) -> tuple[int, int, str]:
    """The place of a part among the others: by its number and its first page."""
    numbers = [0, 0]
    for match in _PART.finditer(name):
        for index, digits in enumerate(match.groups()):
            numbers[index] = int(digits) if digits else numbers[index]
    return numbers[0], numbers[1], name
