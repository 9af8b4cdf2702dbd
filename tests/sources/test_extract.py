from __future__ import annotations

import os
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import ComponentError
from curate.recipe import CommonCrawlSection
from curate.sources import extract as extracting
from curate.sources import other_extractors
from curate.sources.extract import (
    BlockModel,
    check_extractor,
    extract,
    extract_with,
    http_date,
    iso_date,
    join_directives,
    scan_page,
)
from curate.sources.html import SkipError
from curate.sources.other_extractors import MAXIMUM_DEPTH, WatchedExtractor

FIRST = "The river rose slowly through the night &amp; nobody in the village slept until morning."
SECOND = "In the morning, the bridge was gone, and the children had to wait for a boat."
NAVIGATION = "".join(
    f"<li><a href='/{name}'>{name}</a></li>" for name in ("Home", "News", "Sport", "Contact")
)


def page(main, head="", before="", after=""):
    return (
        f"<!doctype html><html lang='en'><head><title>The River</title>{head}</head><body>"
        f"<nav><ul>{NAVIGATION}</ul></nav>{before}<main><article>{main}</article></main>{after}"
        "<footer><a href='/imprint'>Imprint</a> <a href='/terms'>Terms</a></footer></body></html>"
    )


def section(**options):
    return CommonCrawlSection(kind="commoncrawl", inputs=["x"], **options)


PROSE = f"<p>{FIRST}</p><p>{SECOND}</p>"


def test_title_and_main_text():
    found = extract(page(f"<h1>The River</h1>{PROSE}"))
    assert found.title == "The River"
    assert found.text.split("\n\n") == ["The River", FIRST.replace("&amp;", "&"), SECOND]


def test_a_cookie_banner_is_left_out():
    banner = (
        "<div class='cookie-banner'><p>We use cookies to improve your experience, to show you"
        " content, and to count our visitors. Do you accept?</p><button>Accept all</button></div>"
    )
    found = extract(page(PROSE * 3, before=banner))
    assert "cookies" not in found.text
    assert found.text.count(SECOND) == 3


def test_lists_tables_headings_and_code_keep_their_form():
    main = (
        f"{PROSE}<h2>What was lost</h2><p>The flood took several things, among them these:</p>"
        "<ul><li>the old bridge, built of stone</li><li>two boats of the ferryman</li></ul>"
        f"<p>{SECOND}</p>"
        "<ol><li>first the water came,</li><li>then the mud came.</li></ol>"
        f"<p>{SECOND}</p>"
        "<table><tr><th>Day</th><th>Level</th></tr><tr><td>Monday</td><td>3 m</td></tr></table>"
        f"<p>{SECOND}</p><pre>def level(day):\n    return 3</pre><p>{SECOND}</p>"
    )
    text = extract(page(main)).text
    assert "\n\nWhat was lost\n\n" in text
    assert "\n\n- the old bridge, built of stone\n- two boats of the ferryman\n\n" in text
    assert "\n\n1. first the water came,\n2. then the mud came.\n\n" in text
    assert "\n\nDay | Level\nMonday | 3 m\n\n" in text
    assert "\n\ndef level(day):\n    return 3\n\n" in text


@pytest.mark.parametrize(
    ("lists", "lines"),
    [
        ('<ol start="5"><li>@<li>@</ol>', ["5. @", "6. @"]),
        ("<ol start=' 7 '><li>@</ol>", ["7. @"]),
        ('<ol start="-3"><li>@</ol>', ["1. @"]),  # beyond what is kept: as if it were not there
        ('<ol start="100000"><li>@</ol>', ["1. @"]),
        ('<ol><li>@<li value="9">@<li>@</ol>', ["1. @", "9. @", "10. @"]),
        ('<ol start="3"><li value="x">@<li value>@</ol>', ["3. @", "4. @"]),
        ('<ul><li value="4">@</ul>', ["- @"]),
        ("<ol><li>@</ol><ol><li>@</ol>", ["1. @", "", "1. @"]),
        ("<ul><li>@</ul><ol><li>@</ol>", ["- @", "", "1. @"]),
        ("<ul><li>@</ul><ul><li>@</ul>", ["- @", "- @"]),
        ("<ol><li>@<ol><li>@</ol><li>@</ol>", ["1. @", "1. @", "2. @"]),
    ],
)
def test_numbers_of_lists_are_those_that_the_page_gives(lists, lines):
    said = "first the water came over the old stones, then the mud came, and it stayed."
    main = f"{PROSE}{lists.replace('@', said)}<p>{SECOND}</p>"
    expected = "\n".join(lines).replace("@", said)
    assert f"{SECOND}\n\n{expected}\n\n{SECOND}" in extract(page(main)).text


def test_comments_are_left_out_unless_asked_for():
    said = "I saw it from the hill, and I have never been so afraid in my life, believe me."
    comments = f"<section id='comments'><h3>Comments</h3><div class='comment'><p>{said}</p></div></section>"
    whole = page(PROSE * 3, after=comments)
    assert said not in extract(whole).text
    assert said in extract(whole, comments=True).text


SENTENCES = [
    "On Monday the water stood below the bridge, and nobody thought of it for more than a moment.",
    "The ferryman tied his two boats to the old willow, because he had seen such clouds before.",
    "By Tuesday noon, three steps of the market had gone, and the bakers moved their flour upstairs.",
    "A teacher rang the bell of the school until her hands hurt; some laughed, and most came.",
    "What happened in the night is told in many ways, but all agree that it was very quiet.",
    "When the sun rose, the mill was an island, with seven hens and a sleeping dog on its roof.",
    "It took until spring to clear the mud from the church, whose floor has been crooked since.",
]


def test_the_cells_of_a_row_stand_or_fall_together():
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    rows = "".join(
        f"<tr><td>{day}</td><td>0{n}:10</td><td>3.{n} m</td></tr>" for n, day in enumerate(days)
    )
    head = "<tr><th>Day</th><th>High water</th><th>Height</th></tr>"
    text = extract(page(f"<p>{SECOND}</p><table>{head}{rows}</table>")).text
    lines = text.split("\n\n")[1].split("\n")
    assert lines == ["Day | High water | Height"] + [
        f"{day} | 0{n}:10 | 3.{n} m" for n, day in enumerate(days)
    ]


@pytest.mark.parametrize("joined", [False, True])
def test_a_text_that_a_page_holds_twice_is_given_once(joined):
    paragraphs = "".join(f"<p>{one}</p>" for one in SENTENCES)
    again = f"<p>{' '.join(SENTENCES)}</p>" if joined else paragraphs
    twice = f"<div class='wide'>{paragraphs}</div><div class='narrow'>{again}</div>"
    assert extract(page(twice)).text.split("\n\n") == SENTENCES


def test_a_sentence_that_comes_again_between_others_stays():
    asked = "What did you think in the night when the water came up to the doors of your house?"
    main = "".join(
        f"<section><h3>{day}</h3><p>{asked}</p><p>{one}</p></section>"
        for day, one in enumerate(SENTENCES)
    )
    assert extract(page(main)).text.count(asked) == len(SENTENCES)


def test_topics_in_the_names_of_classes_are_no_layout():
    def words(name):
        return scan_page(f"<article class='{name}'><p>{FIRST}</p></article>").node_words.tolist()

    assert words("post category-open-thread tag-comments-and-ads hentry") == words(
        "post category-x tag-y hentry"
    )
    assert words("post open-thread") != words("post open-x")
    assert words("my-tag-comments") != words("my-tag-x")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "河水在夜里慢慢上涨，村里没有人睡着，大家都在等着天亮。孩子们坐在窗边，听着外面的声音。",
            "早上，桥不见了，孩子们只好等船。老人说，他从来没有见过这么大的水，也没有听说过。",
        ),
        (
            "川は夜通しゆっくりと増水し、村では誰も眠らなかった。子どもたちは窓のそばに座っていた。",
            "朝になると橋は消えていて、子どもたちは船を待つしかなかった。老人は黙っていた。",
        ),
        (
            "ارتفع النهر ببطء طوال الليل، ولم ينم أحد في القرية حتى الصباح. جلس الأطفال عند النافذة.",
            "في الصباح، كان الجسر قد اختفى، واضطر الأطفال إلى انتظار القارب. ولم يقل الشيخ شيئا.",
        ),
        (
            "Река медленно поднималась всю ночь, и никто в деревне не спал до самого утра.",
            "Утром моста уже не было, и детям пришлось ждать лодку. Старик ничего не сказал.",
        ),
    ],
)
def test_other_scripts(first, second):
    assert extract(page(f"<p>{first}</p><p>{second}</p>")).text == f"{first}\n\n{second}"


@pytest.mark.parametrize("html", ["", " \n", "<html></html>", "<!--", "\0", "<title>"])
def test_a_page_without_text(html):
    assert extract(html).text == ""


@given(st.text(st.sampled_from("<>/ab \"'=!-&;\0é😀\n"), max_size=200), st.booleans())
@settings(deadline=None)
def test_any_text_is_extracted_or_skipped(html, comments):
    with suppress(SkipError):
        extract(html, "http://a.example/", comments=comments).text.encode()


def test_lone_surrogates_do_not_stop_a_page():
    found = extract(page(f"<p>{FIRST} \ud800 {SECOND}</p>"))
    assert SECOND in found.text
    found.text.encode()


@pytest.mark.parametrize(
    ("head", "body", "field", "value"),
    [
        ("", "", "title", "The River"),
        ("", "", "declared_language", "en"),
        ("<link rel='canonical' href='/river?a=1&amp;b=2'>", "", "canonical_uri", "http://a.example/river?a=1&b=2"),
        ("<base href='http://b.example/x/'><link rel=canonical href=river>", "", "canonical_uri", "http://b.example/x/river"),
        ("<link rel='canonical' href='javascript:x'>", "", "canonical_uri", None),
        ("<link rel='canonical' href='http://[bad'>", "", "canonical_uri", None),
        ("<meta name='robots' content='NoIndex, nofollow'>", "", "robots", "nofollow,noindex"),
        ("<meta name='robots' content='noai'><meta name='googlebot' content='noindex'>", "", "robots", "noai,noindex"),
        ("<meta name='tdm-reservation' content='1'>", "", "robots", "tdm-reservation"),
        ("<meta name='tdm-reservation' content='0'>", "", "robots", None),
        ("<link rel='license' href='https://a.example/terms'>", "", "licence", "https://a.example/terms"),
        ("", "<a rel='license' href='https://creativecommons.org/licenses/by/4.0/'>CC</a>", "licence", "https://creativecommons.org/licenses/by/4.0/"),
        ("", "<a href='https://creativecommons.org/licenses/by-sa/4.0/deed.de'>CC</a>", "licence", "https://creativecommons.org/licenses/by-sa/4.0/deed.de"),
        ("", "<a href='https://creativecommons.org/licenses/by/4.0/'>a</a><a href='https://creativecommons.org/licenses/by-nc/4.0/'>b</a>", "licence", None),
        ("<meta property='article:published_time' content='2024-05-06T07:08:09+0200'>", "", "date", "2024-05-06T07:08:09+02:00"),
        ("<script type='application/ld+json'>{\"datePublished\": \"2023-01-02\"}</script>", "", "date", "2023-01-02"),
        ("", "<time datetime='2022-03-04T05:06Z'>today</time>", "date", "2022-03-04T05:06Z"),
        ("<meta property='article:published_time' content='yesterday'>", "", "date", None),
    ],
)  # fmt: skip
def test_what_a_page_says_of_itself(head, body, field, value):
    found = extract(page(PROSE + body, head), "http://a.example/seen")
    assert getattr(found, field) == value


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2024-05-06", "2024-05-06"),
        ("20240506", "2024-05-06"),
        ("2024-13-06", None),
        ("2024-05-06 07:08", "2024-05-06T07:08"),
        ("2024-05-06T07:08:09.123Z", "2024-05-06T07:08:09Z"),
        ("", None),
        ("6 May 2024", None),
    ],
)
def test_dates(value, date):
    assert iso_date(value) == date


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", "2015-10-21T07:28:00Z"),
        ("Wed, 21 Oct 2015 09:28:00 +0200", "2015-10-21T07:28:00Z"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_of_http(value, date):
    assert http_date(value) == date


def test_directives_are_joined():
    assert join_directives("nofollow,noindex", None, "noai,noindex") == "noai,nofollow,noindex"
    assert join_directives(None, "") is None


@pytest.mark.parametrize("name", ["resiliparse", "trafilatura"])
def test_the_other_extractors_give_the_main_text_and_the_same_facts(name):
    head = "<link rel='canonical' href='/river'><meta name='robots' content='noai'>"
    found = extract_with(page(PROSE, head), "http://a.example/", section(extractor=name))
    assert SECOND in found.text
    assert "Imprint" not in found.text
    assert (found.canonical_uri, found.robots) == ("http://a.example/river", "noai")
    check_extractor(section(extractor=name))


@pytest.mark.parametrize("opening", ["<div>", "<DIV\n>", "<b><i>", "<svg><g>", "<x-y>"])
def test_deep_pages_are_kept_from_the_other_extractors(opening):
    html = opening * 100_000 + "text"
    start = time.perf_counter()
    with pytest.raises(SkipError) as caught:
        extract_with(html, None, section(extractor="resiliparse"))
    assert caught.value.reason == "too_deep"
    assert str(MAXIMUM_DEPTH) in caught.value.detail
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "html",
    [
        "<p>word <br><img src=x> " * 20_000,
        "<ul>" + "<li>word" * 20_000,
        "<table>" + "<tr><td>1<td>2" * 20_000,
        "<div>word</div>" * 20_000,
        "<div>" * 900 + "word" + "</div>" * 900,
        "</div>" * 5000 + "word",
        "<div>" * 100_000 + "word" + "</div>" * 100_000,
        "<" * 100_000,
    ],
)
def test_long_pages_and_deep_pages(html):
    found = extract(html)
    assert found.title is None
    assert len(found.text) <= len(html)


def test_a_page_that_takes_too_long_is_stopped_and_the_next_one_is_read():
    worker = WatchedExtractor("resiliparse", 0.05)
    start = time.perf_counter()
    with pytest.raises(SkipError) as caught:
        worker.extract("<p>word <b>word</b> " * 500_000)
    assert caught.value.reason == "time_limit"
    assert time.perf_counter() - start < 20
    worker.seconds = 20.0
    assert SECOND in worker.extract(page(PROSE))
    worker.close()


def test_a_worker_that_is_killed_costs_one_page():
    worker = WatchedExtractor("resiliparse", 20)
    os.kill(worker._worker.pid, 9)
    worker._worker.wait()
    assert SECOND in worker.extract(page(PROSE))
    worker.close()


def test_an_extractor_that_is_not_installed_stops_the_run(monkeypatch):
    monkeypatch.setattr(other_extractors, "find_spec", lambda _: None)
    with pytest.raises(ComponentError, match=r"curate\[trafilatura\]"):
        WatchedExtractor("trafilatura", 1)


def test_a_missing_model_stops_the_run(monkeypatch, tmp_path):
    check_extractor(section())
    for cached in (check_extractor, extracting.bundled_model):
        cached.cache_clear()
    monkeypatch.setattr(extracting, "BUNDLED", tmp_path)
    with pytest.raises(ComponentError, match=r"extractor\.npz"):
        check_extractor(section())
    monkeypatch.undo()
    check_extractor(section())


def test_a_damaged_model_is_named(tmp_path):
    path = tmp_path / "extractor.npz"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ComponentError, match=r"extractor\.npz"):
        BlockModel.load(path)
    np.savez(path, features=np.zeros((1, 31), np.int16))
    with pytest.raises(ComponentError, match="thresholds"):
        BlockModel.load(path)


def test_a_model_is_written_the_same_again(tmp_path):
    model = extracting.bundled_model()
    for name in ("a.npz", "b.npz"):
        model.save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = BlockModel.load(tmp_path / "a.npz")
    assert (loaded.leaves == model.leaves).all()


def test_a_scan_is_bounded_by_the_page():
    scan = scan_page("<p>word" * 1000)
    assert scan.rows.nbytes < 2_000_000
