from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from web import Fault, Web

from curate.errors import FetchError, InputError, MissingInputError
from curate.recipe import CommonCrawlSection, FetchSection, WikipediaSection
from curate.sources import Checksum
from curate.sources.inputs import find_inputs

FETCH = FetchSection(attempts=3, first_wait_seconds=0.01, maximum_wait_seconds=0.05)
NAME = "CC-MAIN-2026-40"
PATHS = [f"crawl-data/{NAME}/segments/{n}/warc/{n:03}.warc.gz" for n in range(10)]
LISTING = gzip.compress("".join(f"{path}\n" for path in PATHS).encode(), mtime=0)


@pytest.fixture
def web():
    files = {path: path.encode() for path in PATHS}
    files[f"crawl-data/{NAME}/warc.paths.gz"] = LISTING
    files[f"crawl-data/{NAME}/wet.paths.gz"] = gzip.compress(PATHS[3].encode(), mtime=0)
    with Web(files) as server:
        yield server


def crawl(inputs, **settings):
    return CommonCrawlSection(kind="commoncrawl", inputs=inputs, **settings)


def wiki(inputs, **settings):
    return WikipediaSection(kind="wikipedia", inputs=inputs, **settings)


def find(section, folder=Path()):
    return find_inputs(section, folder, FETCH)


def names(section, folder=Path()):
    return [file.name for file in find(section, folder)]


def test_a_snapshot_s_name_is_its_listing(web):
    found = find(crawl([NAME], base=web.url))
    assert [file.name for file in found] == PATHS
    assert [file.uri for file in found] == [f"{web.url}/{path}" for path in PATHS]
    assert {file.snapshot for file in found} == {NAME}
    assert {file.size for file in found} == {len(PATHS[0])}
    assert names(crawl([NAME], base=f"{web.url}/", files="wet")) == [PATHS[3]]


def test_a_snapshot_that_the_recipe_names_otherwise_keeps_that_name(web):
    found = find(crawl([NAME], base=web.url, snapshot="autumn"))
    assert {file.snapshot for file in found} == {""}


@pytest.mark.parametrize("name", ["warc.paths.gz", "warc.paths", "wet.paths.gz"])
def test_a_listing_lies_here_or_there(web, tmp_path, name):
    content = LISTING if name.endswith("gz") else gzip.decompress(LISTING)
    (tmp_path / name).write_bytes(content)
    web.files[name] = content
    assert names(crawl([name], base=web.url), tmp_path) == PATHS
    assert names(crawl([f"{web.url}/{name}"], base=web.url), tmp_path) == PATHS


def test_a_base_may_be_a_folder(tmp_path):
    for path in PATHS:
        file = tmp_path / "mirror" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(path.encode())
    (tmp_path / "mirror" / f"crawl-data/{NAME}/warc.paths.gz").write_bytes(LISTING)
    found = find(crawl([NAME], base="mirror"), tmp_path)
    assert [file.identity for file in found] == [
        hashlib.sha256(path.encode()).hexdigest() for path in PATHS
    ]
    assert {file.snapshot for file in found} == {NAME}


def test_whole_addresses_in_a_listing_are_taken_as_they_are(web, tmp_path):
    (tmp_path / "warc.paths").write_text(f"{web.url}/{PATHS[1]}\r\n\r\n{PATHS[2]}\r\n")
    found = find(crawl(["warc.paths"], base=web.url), tmp_path)
    assert [file.name for file in found] == [PATHS[2], f"{web.url}/{PATHS[1]}"]
    assert found[1].label == "001.warc.gz"


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        ({"first": 8}, [8, 9]),
        ({"count": 2}, [0, 1]),
        ({"every": 4}, [0, 4, 8]),
        ({"first": 1, "count": 3, "every": 3}, [1, 4, 7]),
        ({"first": 9, "count": 1}, [9]),
        ({"every": 100}, [0]),
    ],
)
def test_a_part_of_a_listing_is_taken(web, settings, taken):
    assert names(crawl([NAME], base=web.url, **settings)) == [PATHS[place] for place in taken]


@pytest.mark.parametrize(
    ("settings", "asked", "found"),
    [
        ({"first": 10}, "first = 10, every = 1", 0),
        ({"first": 5, "count": 6}, "first = 5, every = 1, count = 6", 5),
        ({"every": 5, "count": 3}, "first = 0, every = 5, count = 3", 2),
    ],
)
def test_more_than_a_listing_has_is_an_error(web, settings, asked, found):
    with pytest.raises(InputError) as caught:
        find(crawl([NAME], base=web.url, **settings))
    assert str(caught.value) == (
        f"{web.url}/crawl-data/{NAME}/warc.paths.gz: a listing has the files that are asked for "
        f"({asked}), but it has 10, of which these are {found}; lower them"
    )


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b"", "it is empty"),
        (gzip.compress(b"\n \n", mtime=0), "it is empty"),
        (LISTING[:-12], "it is cut off"),
        (b"\x1f\x8b" + bytes(30), "it cannot be unpacked"),
        (b"\xff\xfe\n", "it cannot be unpacked"),
        (b"a.warc.gz\n/etc/passwd\n", "line 2 is '/etc/passwd'"),
        (b"a/../../b.warc.gz\n", "line 1 is 'a/../../b.warc.gz'"),
        (b"<html><body>Not found\n", "line 1 is '<html><body>Not found'"),
    ],
)
def test_what_is_no_listing_is_an_error(web, tmp_path, content, came):
    (tmp_path / "warc.paths").write_bytes(content)
    with pytest.raises(InputError) as caught:
        find(crawl(["warc.paths"], base=web.url), tmp_path)
    assert caught.value.where == "warc.paths"
    assert caught.value.came.startswith(came)


def test_a_snapshot_that_is_not_there_is_an_error(web):
    with pytest.raises(MissingInputError, match=r"/CC-MAIN-1999-01/warc\.paths\.gz: .*404"):
        find(crawl(["CC-MAIN-1999-01"], base=web.url))


def test_a_range_without_a_listing_is_an_error(tmp_path):
    (tmp_path / "a.warc").write_bytes(b"a")
    with pytest.raises(InputError, match="`count` takes a part of a listing, but there is no"):
        find(crawl(["a.warc"], count=1), tmp_path)


def test_a_listed_file_that_is_gone_costs_no_other(web):
    del web.files[PATHS[4]]
    found = find(crawl([NAME], base=web.url))
    assert [file.name for file in found] == PATHS
    assert [file.size for file in found].index(0) == 4
    assert len({file.identity for file in found}) == 10


def test_a_server_that_does_not_answer_is_an_error(web):
    web.always = Fault(status=503)
    with pytest.raises(FetchError, match="503"):
        find(crawl([NAME], base=web.url))


def test_so_many_connections_as_the_recipe_says(web):
    fetch = FETCH.model_copy(update={"connections": 2})
    web.always = Fault(delay=0.05)
    find_inputs(crawl([f"{web.url}/{path}" for path in PATHS]), Path(), fetch)
    assert web.most_at_once == 2


DATE = "20261101"
PAGES = {
    f"dewiki-{DATE}-pages-articles{n}.xml-p{n}p{n}9.bz2": f"part {n}".encode() for n in (1, 2, 10)
}
WHOLE = {f"dewiki-{DATE}-pages-articles.xml.bz2": b"whole"}
STREAMS = {f"dewiki-{DATE}-pages-articles-multistream.xml.bz2": b"streams"}
INDEX = {f"dewiki-{DATE}-pages-articles-multistream-index.txt.bz2": b"index"}
OTHER = {f"dewiki-{DATE}-pages-meta-current.xml.bz2": b"other"}


def job(files, status="done"):
    facts = {
        name: {
            "size": len(content),
            "sha1": hashlib.sha1(content).hexdigest(),
            "md5": hashlib.md5(content).hexdigest(),
            "url": f"/dewiki/{DATE}/{name}",
        }
        for name, content in files.items()
    }
    return {"status": status, "files": facts}


def status(**jobs):
    return json.dumps({"version": "0.8", "jobs": jobs}).encode()


def dump(files, date=DATE, **extra):
    return {f"dewiki/{date}/{name}": content for name, content in {**files, **extra}.items()}


ALL = status(
    articlesdump=job(PAGES),
    articlesdumprecombine=job(WHOLE),
    articlesmultistreamdump=job({**STREAMS, **INDEX}),
    metacurrentdump=job(OTHER),
)


def test_a_wiki_and_a_date_are_the_dump_s_files_with_their_sums(web):
    web.files |= dump({**PAGES, **WHOLE, "dumpstatus.json": ALL})
    found = find(wiki(["dewiki"], date=DATE, base=web.url))
    assert {file.name: file.checksum for file in found} == {
        name: Checksum("sha1", hashlib.sha1(content).hexdigest(), len(content))
        for name, content in PAGES.items()
    }
    assert found[0].uri == f"{web.url}/dewiki/{DATE}/{found[0].name}"
    assert {file.snapshot for file in found} == {f"dewiki-{DATE}"}


@pytest.mark.parametrize("text", [f"dewiki-{DATE}", "dewiki"])
def test_a_dump_of_one_file_is_one_file(web, text):
    web.files |= dump({**WHOLE, "dumpstatus.json": status(articlesdump=job(WHOLE))})
    assert names(wiki([text], date=DATE, base=web.url)) == list(WHOLE)


def test_multistream_dumps_come_without_their_index(web):
    web.files |= dump({**STREAMS, **INDEX, "dumpstatus.json": ALL})
    section = wiki(["dewiki"], date=DATE, base=web.url, files="multistream")
    assert names(section) == list(STREAMS)


@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_an_older_dump_is_known_by_its_list_of_sums(web, algorithm):
    lines = [
        f"{hashlib.new(algorithm, content).hexdigest()}  {name}\n"
        for name, content in {**PAGES, **WHOLE, **STREAMS, **OTHER}.items()
    ]
    sums = {f"dewiki-{DATE}-{algorithm}sums.txt": "".join(lines).encode()}
    web.files |= dump({**PAGES, **sums})
    found = find(wiki([f"dewiki-{DATE}"], base=web.url))
    assert {file.name: file.checksum for file in found} == {
        name: Checksum(algorithm, hashlib.new(algorithm, content).hexdigest())
        for name, content in PAGES.items()
    }


def test_the_latest_dump_is_the_newest_that_is_done(web):
    dates = ["20260901", "20261001", "20261101"]
    links = "".join(f'<a href="{date}/">{date}/</a> 02-Nov-2026 10:11 -\n' for date in dates)
    web.files["dewiki/"] = f'<pre><a href="../">../</a>\n{links}<a href="latest/">'.encode()
    for date in dates:
        files = {name.replace(DATE, date): content for name, content in WHOLE.items()}
        done = "in-progress" if date == "20261101" else "done"
        web.files |= dump({**files, "dumpstatus.json": status(articlesdump=job(files, done))}, date)
    found = find(wiki(["dewiki"], base=web.url))
    assert [(file.name, file.snapshot) for file in found] == [
        ("dewiki-20261001-pages-articles.xml.bz2", "dewiki-20261001")
    ]


def test_a_mirror_may_be_a_folder(tmp_path):
    for path, content in dump(
        {**WHOLE, "dumpstatus.json": status(articlesdump=job(WHOLE))}
    ).items():
        file = tmp_path / "mirror" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for text in ("dewiki", "dewiki-latest", f"dewiki-{DATE}"):
        assert names(wiki([text], base="mirror"), tmp_path) == list(WHOLE)


def test_a_file_that_is_called_like_a_wiki_is_a_file(tmp_path):
    (tmp_path / "dewiki").write_bytes(b"<mediawiki/>")
    assert names(wiki(["dewiki"]), tmp_path) == ["dewiki"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (status(articlesdump=job(WHOLE, "waiting")), "but articlesdump is 'waiting'"),
        (status(metacurrentdump=job(OTHER)), "but they are not among its jobs"),
        (status(articlesdump=job(OTHER)), "has files of articles, but it names 1 others"),
        (b"{", "dumpstatus.json tells of a dump's files, but it is not as it should be"),
        (b"[]", "but it is not as it should be"),
        (b'{"jobs": {"articlesdump": {"status": "done"}}}', "not as it should be: KeyError"),
        (None, "has files of articles, but nothing tells of its files"),
    ],
)
def test_a_dump_that_is_not_there_or_not_done_is_an_error(web, content, message):
    if content is not None:
        web.files |= dump({"dumpstatus.json": content})
    with pytest.raises(InputError, match=message):
        find(wiki([f"dewiki-{DATE}"], base=web.url))


def test_a_wiki_without_any_dump_is_an_error(web):
    with pytest.raises(InputError, match="there is a dump of xxwiki that is done, but no date is"):
        find(wiki(["xxwiki"], base=web.url))
    web.files["dewiki/"] = b'<a href="20260901/">'
    with pytest.raises(InputError, match="but none of 20260901 is"):
        find(wiki(["dewiki"], base=web.url))
