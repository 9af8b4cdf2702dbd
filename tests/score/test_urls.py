from __future__ import annotations

import gzip
import tarfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.decide import compile_rules, judge
from curate.errors import InputError, RecipeError
from curate.explain import _sentence
from curate.recipe import UrlsSection, make_recipe
from curate.score.addresses import domains_of, normalise_host, prefixes_of, split_address
from curate.score.urls import UrlScorer, hash_entries, keys_of, read_list

ADDRESSES = [
    ("http://example.com", ("example.com", "")),
    ("https://Example.COM/", ("example.com", "")),
    ("http://www.example.com/a/", ("example.com", "/a")),
    ("http://www.com/", ("www.com", "")),
    ("http://example.com:8080/a?b=C#d", ("example.com", "/a?b=c")),
    ("http://user:pass@example.com/x", ("example.com", "/x")),
    ("http://example.com@evil.example/x", ("evil.example", "/x")),
    ("http://example.com./x", ("example.com", "/x")),
    ("http://example.com..", ("example.com", "")),
    ("example.com/x", ("example.com", "/x")),
    ("//example.com/x", ("example.com", "/x")),
    ("HTTP:\\\\example.com\\x", ("http", None)),
    ("http://bücher.example/ä", ("xn--bcher-kva.example", "/ä")),
    ("http://xn--bcher-kva.example/", ("xn--bcher-kva.example", "")),
    ("http://例え。テスト/", ("xn--r8jz45g.xn--zckzah", "")),
    ("http://192.168.0.1/x", ("192.168.0.1", "/x")),
    ("http://0xC0.0250.01/", ("192.168.0.1", "")),
    ("http://3232235521/", ("192.168.0.1", "")),
    ("http://256.1.1.1/", ("256.1.1.1", "")),
    ("http://[2001:DB8:0:0::1]:80/x", ("2001:db8::1", "/x")),
    ("http://example.com?q=1", ("example.com", "?q=1")),
    ("http://example.com/%7Ea/%2F", ("example.com", "/~a/%2f")),
    ("http://exa mple.com/", None),
    ("http://", None),
    ("http:///x", None),
    ("", None),
]


@pytest.mark.parametrize(("address", "parts"), ADDRESSES, ids=[a or "-" for a, _ in ADDRESSES])
def test_addresses_have_one_form(address, parts):
    found = split_address(address)

    assert found == parts or (parts == ("http", None) and found is not None)


def test_domains_and_prefixes_above():
    assert domains_of("a.b.co.uk") == ["a.b.co.uk", "b.co.uk", "co.uk", "uk"]
    assert domains_of("192.168.0.1") == ["192.168.0.1"]
    assert domains_of("2001:db8::1") == ["2001:db8::1"]
    assert prefixes_of("/a/b.html?x=1/2") == ["/a/b.html?x=1/2", "/a/b.html?x=1", "/a/b.html", "/a"]
    assert prefixes_of("") == []


@given(st.text(max_size=40))
def test_a_normal_host_is_its_own_normal_form(text):
    host = normalise_host(text)

    assert host is None or normalise_host(host) in {host, host.removeprefix("www.")}


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_none(text):
    parts = split_address(text)

    assert parts is None or (parts[0] and len(parts) == 2)


def write(folder, name, lines, *, packed=False):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "\n".join([*lines, ""]).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return str(path)


def score(section, *uris):
    frame = pl.DataFrame({"uri": list(uris)}, schema={"uri": pl.String})
    return UrlScorer(section)(frame)


def test_a_ut1_folder_blocks_domains_urls_and_expressions(tmp_path):
    write(tmp_path, "adult/domains", ["example.com", "192.168.0.1"])
    write(tmp_path, "adult/urls.gz", ["host.example/bad/"], packed=True)
    write(tmp_path, "adult/expressions", [r"(^|[-.])warez[0-9]+\."])
    section = UrlsSection(block={"adult": str(tmp_path / "adult")})

    found = score(
        section,
        "http://example.com/",
        "https://www.deep.Example.com:443/x",
        "http://notexample.com/",
        "http://192.168.0.1/x",
        "http://host.example/",
        "http://host.example/bad",
        "http://host.example/bad/page?q",
        "http://host.example/badly",
        "http://my-warez99.example/",
        None,
        "no address at all",
    )

    assert found["url_list"].to_list() == [
        "adult:example.com",
        "adult:example.com",
        None,
        "adult:192.168.0.1",
        None,
        "adult:host.example/bad",
        "adult:host.example/bad",
        None,
        r"adult:(^|[-.])warez[0-9]+\.",
        None,
        None,
    ]
    assert found["urls_state"].to_list() == [*[None] * 9, "not_applicable", "not_applicable"]


@pytest.mark.parametrize(
    "line",
    [
        "bad.example",
        "BAD.example.",
        "||bad.example^",
        "0.0.0.0 bad.example",
        "127.0.0.1\tbad.example # why",
        "*.bad.example",
        ".bad.example",
        "https://www.bad.example/",
        "bad.example  # why",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_of_a_list_is_read(tmp_path, line, packed):
    head = ["# a comment", "! another", "", "127.0.0.1 localhost"]
    path = write(tmp_path, "list", [*head, line], packed=packed)

    found = score(UrlsSection(block={"mine": path}), "http://sub.bad.example/x")

    assert found["url_list"].to_list() == ["mine:bad.example"]


def test_the_first_list_gives_the_reason_and_an_allow_list_overrules(tmp_path):
    one = write(tmp_path, "one", ["a.example"])
    two = write(tmp_path, "two", ["a.example", "b.example"])
    good = write(tmp_path, "good", ["ok.b.example"])
    section = UrlsSection(
        block={"one": one, "two": two},
        allow={"good": good},
        words={"casino": 2},
        maximum_word_score=1,
    )

    found = score(section, "http://a.example", "http://b.example", "http://ok.b.example/casino")

    assert found["url_list"].to_list() == ["one:a.example", "two:b.example", None]
    assert found["url_allowed"].to_list() == [False, False, True]
    assert found["url_word_score"].to_list() == [0.0, 0.0, 0.0]


def test_words_are_weighed():
    section = UrlsSection(
        words={"casino": 2.5, "Bet": 1, "*poker": 4, "news": -1}, maximum_word_score=3
    )

    found = score(
        section,
        "http://casino.example/bet-bet",
        "http://alphabet.example/",
        "http://pokerroom.example/news",
    )

    assert found["url_word_score"].to_list() == [4.5, 0.0, 3.0]


@pytest.mark.parametrize("lines", [[], ["# only a comment"]])
def test_a_list_without_entries_is_an_error(tmp_path, lines):
    path = write(tmp_path, "list", lines)

    with pytest.raises(InputError, match="has entries, but it has none"):
        read_list("mine", path)


def test_a_missing_list_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"'mine'.*no such file"):
        UrlScorer(UrlsSection(block={"mine": str(tmp_path / "none")})).identity()


def test_a_damaged_list_is_an_error(tmp_path):
    path = tmp_path / "list.gz"
    path.write_bytes(gzip.compress(b"a.example\n" * 1000)[:-10])

    with pytest.raises(InputError, match="a list of"):
        read_list("mine", str(path))


def test_a_broken_expression_is_an_error(tmp_path):
    write(tmp_path, "x/expressions", ["(unclosed"])

    with pytest.raises(InputError, match=r"'\(unclosed' is none"):
        read_list("x", str(tmp_path / "x"))


def test_identity_is_of_content_and_order_not_of_places(tmp_path):
    one, copy = (write(tmp_path, f"{n}/list", ["a.example"]) for n in "xy")
    other = write(tmp_path, "z/list", ["b.example"])

    def identity(**block):
        return UrlScorer(UrlsSection(block=block)).identity()

    assert identity(a=one) == identity(a=copy)
    assert len({identity(a=one), identity(b=one), identity(a=other)}) == 3
    assert identity(a=one, b=other) != identity(b=other, a=one)


hosts = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)
paths = st.lists(st.sampled_from("abc?"), max_size=4).map(lambda p: "".join("/" + x for x in p))
addresses = st.tuples(hosts, paths).map("".join)


@given(st.lists(addresses, min_size=1, max_size=12), st.lists(addresses, max_size=8))
def test_matching_is_what_a_slow_comparison_says(tmp_path_factory, entries, documents):
    path = write(tmp_path_factory.getbasetemp(), "property-list", entries)
    found = score(UrlsSection(block={"p": path}), *documents)

    for document, hit in zip(documents, found["url_list"].to_list(), strict=True):
        covered = [e for e in entries if covers(e, document)]

        assert (hit is not None) == bool(covered)
        assert hit is None or any(hit == "p:" + normal(e) for e in covered)


def normal(entry):
    return "".join(split_address(entry))


def covers(entry, document):
    (host, path), (own_host, own_path) = split_address(entry), split_address(document)
    within = own_host == host or own_host.endswith("." + host)
    rest = own_path[len(path) :]
    return within and own_path.startswith(path) and (not path or not rest or rest[0] in "/?")


def test_hashes_are_the_same_everywhere():
    assert hash_entries(["example.com"]).tolist() == hash_entries(["x", "example.com"])[1:].tolist()
    assert keys_of("192.168.0.1", "/a") == ["192.168.0.1/a", "192.168.0.1"]


def recipe(**sections):
    source = {"kind": "records", "inputs": ["x.jsonl"]}
    return make_recipe({"name": "r", "sources": [source], **sections})


def test_a_hit_is_told_with_the_list_and_the_entry(tmp_path):
    path = write(tmp_path, "list", ["example.com"])
    made = recipe(urls={"block": {"adult": path}})
    rules = [rule for rule in compile_rules(made) if rule.name == "urls.block"]
    scores = score(made.urls, "http://example.com/x", "http://fine.example/", None)

    verdict = judge(scores, rules)

    assert verdict["removed_by"].to_list() == ["urls.block", None, None]
    assert verdict["limit"].to_list() == ["adult:example.com", None, None]
    assert verdict["value"].to_list() == [None, None, None]

    ledger = {"title": None, "uri": "http://example.com/x", "language": "eng"}
    story = {"outcome": "removed", "duplicate": None, "value": None, "ledger": ledger}
    story |= verdict.select("removed_by", "limit").row(0, named=True)

    assert _sentence(story) == (
        "http://example.com/x was removed by urls.block: its url is on list adult: example.com"
    )


def test_word_scores_are_judged_at_the_limit():
    made = recipe(urls={"words": {"bet": 1}, "maximum_word_score": 2, "action": "tag"})
    rules = [rule for rule in compile_rules(made) if rule.name.startswith("urls.")]
    uris = [f"http://x.example/{'bet-' * count}" for count in (1, 2, 3)]

    verdict = judge(score(made.urls, *uris), rules)

    assert verdict["tags"].to_list() == [[], [], ["urls.maximum_word_score"]]


def test_words_need_a_limit():
    with pytest.raises(RecipeError, match="together"):
        recipe(urls={"words": {"bet": 1}})


def test_nothing_configured_measures_nothing():
    assert [r.name for r in compile_rules(recipe()) if r.name.startswith(("urls", "page"))] == []


@pytest.mark.shared
def test_ut1_categories_are_read_and_matched(shared_data, tmp_path):
    with tarfile.open(shared_data / "urls" / "ut1-subset.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    folders = sorted(path.parent for path in tmp_path.rglob("domains"))
    section = UrlsSection(block={folder.name: str(folder) for folder in folders})

    for folder in folders:
        lines = (folder / "domains").read_text(errors="replace").split()
        found = score(UrlsSection(block={folder.name: str(folder)}), *lines[:200])
        listed = [address for address in lines[:200] if split_address(address)]

        assert found["url_list"].drop_nulls().len() == len(listed)

    assert score(section, "http://example.org/").item(0, "url_list") is None
