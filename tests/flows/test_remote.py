"""Whole runs whose inputs lie on a server that refuses, breaks off and forgets."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
from collections import deque

import pytest
from web import Fault, Web

NAME = "CC-MAIN-2026-40"
SENTENCE = (
    "The harbour master wrote in his diary that the winter of that year was long, and that the "
    "boats which were to have sailed with the first tide of March were still held by the ice."
)
PATIENCE = "[fetch]\nattempts = 4\nfirst_wait_seconds = 0.01\nmaximum_wait_seconds = 0.05\n"


def wet(archive: int) -> bytes:
    """A WET file of three pages, large enough to be broken off in the middle."""
    members = []
    for page in range(3):
        words = " ".join(
            hashlib.sha256(f"{archive} {page} {n}".encode()).hexdigest()[:7] for n in range(2000)
        )
        body = f"{SENTENCE} {words}".encode()
        head = (
            "WARC/1.0\r\nWARC-Type: conversion\r\n"
            f"WARC-Target-URI: http://example.org/{archive}/{page}\r\n"
            f"WARC-Date: 2026-10-0{page + 1}T00:00:00Z\r\n"
            f"WARC-Record-ID: <urn:uuid:{archive}-{page}>\r\n"
            f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        members.append(gzip.compress(head.encode() + body + b"\r\n\r\n"))
    return b"".join(members)


@pytest.fixture
def web():
    paths = [f"crawl-data/{NAME}/wet/{n}.warc.wet.gz" for n in range(6)]
    files = {path: wet(n) for n, path in enumerate(paths)}
    files[f"crawl-data/{NAME}/wet.paths.gz"] = gzip.compress("\n".join(paths).encode())
    with Web(files) as server:
        yield server


def recipe_of(folder, web, text):
    path = folder / "recipe.toml"
    path.write_text(f'name = "far"\n[[sources]]\nbase = "{web.url}/"\n{text}{PATIENCE}')
    return str(path)


@pytest.mark.slow
def test_a_run_from_a_listing_is_the_same_whatever_breaks(curate, tmp_path, web):
    crawl = f'kind = "commoncrawl"\ninputs = ["{NAME}"]\nfiles = "wet"\ncount = 3\nevery = 2\n'
    recipe = recipe_of(tmp_path, web, crawl)
    whole = curate.json("run", recipe, "--store", str(tmp_path / "whole"))
    web.seen.clear()
    web.faults += [Fault(status=403), Fault(status=503)]
    breaks = [Fault(cut=9_000), Fault(cut=9_000, reset=True), Fault(status=500)]
    web.broken[f"crawl-data/{NAME}/wet/2.warc.wet.gz"] = deque(breaks)
    broken = curate.json("run", recipe, "--store", str(tmp_path / "broken"), "--workers", "1")

    assert not web.faults
    assert not any(web.broken.values())
    assert whole["documents"]["read"] == 9
    assert whole["warnings"] == broken["warnings"] == []
    folders = [tmp_path / "whole" / whole["folder"], tmp_path / "broken" / broken["folder"]]
    trees = [
        {
            str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in folder.rglob("*")
            if file.is_file() and file.name != "manifest.json"  # which names the run
        }
        for folder in folders
    ]
    assert trees[0] == trees[1]
    story = curate.json(
        "explain",
        "http://example.org/2/1",
        "--release",
        "far@1",
        "--store",
        str(tmp_path / "whole"),
    )
    assert story["documents"][0]["ledger"]["snapshot"] == NAME
    ranges = [seen.begin for seen in web.seen if seen.path.endswith(".wet.gz") and not seen.end]
    assert 9_000 in ranges


@pytest.mark.slow
def test_a_file_that_cannot_be_fetched_is_named_and_read_by_the_next_run(curate, tmp_path, web):
    crawl = f'kind = "commoncrawl"\ninputs = ["{NAME}"]\nfiles = "wet"\ncount = 3\n'
    recipe = recipe_of(tmp_path, web, crawl)
    gone = f"crawl-data/{NAME}/wet/1.warc.wet.gz"
    content = web.files.pop(gone)
    store = str(tmp_path / "store")
    breaks = [Fault(cut=9_000), *[Fault(status=503)] * 3]
    web.broken[f"crawl-data/{NAME}/wet/0.warc.wet.gz"] = deque(breaks)
    first = curate.json("run", recipe, "--store", store, "--workers", "1")
    web.files[gone] = content
    second = curate.json("run", recipe, "--store", store)

    found = sorted(first["warnings"])
    assert found[0].startswith(f"crawl-data/{NAME}/wet/0.warc.wet.gz was not read: ")
    assert "answered 503 (Service Unavailable) (the last of 4 attempts, at byte 9000)" in found[0]
    assert found[1].startswith(f"{gone} was not read: an input exists, but there is no such file")
    assert second["warnings"] == []
    assert first["documents"]["read"] >= 3
    assert second["documents"]["read"] == 9


@pytest.mark.slow
def test_a_dump_whose_sum_is_wrong_is_named(curate, tmp_path, web):
    pages = "".join(
        f"<page><title>P{n}</title><ns>0</ns><id>{n}</id><revision><id>{n}</id><timestamp>"
        f"2026-11-01T00:00:00Z</timestamp><text>{SENTENCE} {n}</text></revision></page>"
        for n in range(1, 4)
    )
    content = bz2.compress(
        f"<mediawiki><siteinfo><dbname>xxwiki</dbname></siteinfo>{pages}</mediawiki>".encode()
    )
    name = "xxwiki-20261101-pages-articles.xml.bz2"
    facts = {"size": len(content), "sha1": hashlib.sha1(content).hexdigest()}
    jobs = {"articlesdump": {"status": "done", "files": {name: facts}}}
    web.files[f"xxwiki/20261101/{name}"] = content
    web.files["xxwiki/"] = b'<a href="20261101/">20261101/</a>'
    web.files["xxwiki/20261101/dumpstatus.json"] = json.dumps({"jobs": jobs}).encode()
    recipe = recipe_of(tmp_path, web, 'kind = "wikipedia"\ninputs = ["xxwiki"]\n')
    store = str(tmp_path / "store")
    right = curate.json("run", recipe, "--store", store)
    facts["sha1"] = "0" * 40
    web.files["xxwiki/20261101/dumpstatus.json"] = json.dumps({"jobs": jobs}).encode()
    wrong = curate.json("run", recipe, "--store", store)

    assert right["warnings"] == []
    assert wrong["documents"]["read"] == right["documents"]["read"] == 3
    assert wrong["warnings"] == [f"{name} was read in part: 1 damaged"]
    assert right["documents"]["kept"] >= 1
