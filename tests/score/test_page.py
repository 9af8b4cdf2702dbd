from __future__ import annotations

import polars as pl
import pytest

from curate.decide import compile_rules, judge
from curate.errors import RecipeError
from curate.recipe import change_recipe, make_recipe
from curate.score.page import score_page

SCHEMA = dict.fromkeys(
    [
        "uri",
        "source",
        "language",
        "declared_language",
        "canonical_uri",
        "licence",
        "robots",
        "page_kind",
    ],
    pl.String,
)


def score(**facts):
    return score_page(pl.DataFrame([{"source": "commoncrawl", **facts}], schema=SCHEMA)).row(
        0, named=True
    )


@pytest.mark.parametrize(
    ("robots", "index", "archive", "ai"),
    [
        (None, None, None, None),
        ("noindex", True, False, False),
        ("noarchive,noindex", True, True, False),
        ("none", True, True, False),
        ("noai", False, False, True),
        ("noimageai,nosnippet", False, False, True),
        ("tdm-reservation:1", False, False, True),
        ("tdm-reservation=1", False, False, True),
        ("tdm-reservation:0", False, False, False),
        ("follow,index", False, False, False),
    ],
)
def test_robots_directives(robots, index, archive, ai):
    row = score(robots=robots)

    assert (row["robots_noindex"], row["robots_noarchive"], row["robots_noai"]) == (
        index,
        archive,
        ai,
    )


@pytest.mark.parametrize(
    ("licence", "kind", "is_open"),
    [
        (None, None, None),
        ("https://creativecommons.org/licenses/by/4.0/", "by", True),
        ("http://creativecommons.org/licenses/by-sa/3.0/de/deed.de", "by-sa", True),
        ("https://creativecommons.org/licenses/by-nd/4.0/", "by-nd", False),
        ("https://creativecommons.org/licenses/by-nc/4.0/", "by-nc", False),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "by-nc-sa", False),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "by-nc-nd", False),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "public-domain", True),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "public-domain", True),
        ("https://www.gnu.org/licenses/fdl-1.3.html", "gfdl", True),
        ("https://example.com/terms", "other", False),
    ],
)
def test_licences(licence, kind, is_open):
    row = score(licence=licence)

    assert (row["licence_kind"], row["has_open_licence"]) == (kind, is_open)


@pytest.mark.parametrize(
    ("declared", "found", "disagrees"),
    [
        ("en", "eng", False),
        ("en-GB", "eng", False),
        ("pt_BR", "por", False),
        ("de", "eng", True),
        ("zh-Hans", "zho", False),
        ("de", "und", None),
        ("und", "eng", None),
        ("nonsense!", "eng", None),
        (None, "eng", None),
        ("de", None, None),
    ],
)
def test_languages(declared, found, disagrees):
    assert score(declared_language=declared, language=found)["language_disagrees"] is disagrees


@pytest.mark.parametrize(
    ("canonical", "own", "same"),
    [
        ("https://example.com/a", "http://www.EXAMPLE.com/a/#x", True),
        ("https://example.com/b", "https://example.com/a", False),
        (None, "https://example.com/a", None),
        ("https://example.com/a", None, None),
    ],
)
def test_canonical_addresses(canonical, own, same):
    assert score(canonical_uri=canonical, uri=own)["is_canonical"] is same


@pytest.mark.parametrize(
    ("source", "kind", "is_disambiguation", "is_list", "state"),
    [
        ("wikipedia", None, False, False, None),
        ("wikipedia", "disambiguation", True, False, None),
        ("wikipedia", "list", False, True, None),
        ("commoncrawl", None, None, None, "not_applicable"),
    ],
)
def test_kinds_of_page(source, kind, is_disambiguation, is_list, state):
    row = score(source=source, page_kind=kind)

    assert (row["is_disambiguation"], row["is_list_page"]) == (is_disambiguation, is_list)
    assert row["page_state"] == state


RULES = {
    "robots_noindex": {"robots": "noindex"},
    "robots_noarchive": {"robots": "noarchive"},
    "robots_noai": {"robots": "noai"},
    "no_open_licence": {"licence": "https://example.com/terms"},
    "disambiguation": {"page_kind": "disambiguation"},
    "list_page": {"page_kind": "list"},
    "language_disagrees": {"declared_language": "de", "language": "eng"},
    "not_canonical": {"canonical_uri": "http://a.example/x", "uri": "http://a.example/y"},
}


def recipe(**page):
    source = {"kind": "records", "inputs": ["x.jsonl"]}
    return make_recipe({"name": "r", "sources": [source], "page": page})


@pytest.mark.parametrize(("name", "facts"), RULES.items(), ids=RULES)
@pytest.mark.parametrize("action", ["tag", "remove"])
def test_each_rule_hits_its_fact_and_nothing_else(name, facts, action):
    changed = change_recipe(recipe(), {f"page.{name}": action})
    rules = [rule for rule in compile_rules(changed) if rule.name.startswith("page.")]
    rows = [{"source": "commoncrawl", **facts}, {"source": "commoncrawl"}]
    verdict = judge(score_page(pl.DataFrame(rows, schema=SCHEMA)), rules)

    assert [rule.name for rule in rules] == [f"page.{name}"]
    if action == "remove":
        assert verdict["removed_by"].to_list() == [f"page.{name}", None]
    else:
        assert verdict["tags"].to_list() == [[f"page.{name}"], []]


def test_a_misspelt_rule_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeError, match="did you mean 'robots_noindex'"):
        recipe(robots_noindx="remove")
