from __future__ import annotations

import random
import re
import time
from html.entities import html5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html

from curate.sources.extract import scan_page
from curate.sources.html import SkipError
from curate.sources.html_tokens import MAXIMUM_BLOCKS

SPACE = re.compile(r"\s+")


def blocks(page):
    return scan_page(page).block_texts()


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("", []),
        ("a", ["a"]),
        ("<p>a<p>b", ["a", "b"]),
        ("<p>a</p>b", ["a", "b"]),
        ("a <b>b</b><i>c</i>\n d", ["a bc d"]),
        ("<P CLASS=x>a</P\n>b", ["a", "b"]),
        ("a<br>b<br/>\n<br>c", ["a\nb", "c"]),
        ("a<hr>b", ["a", "b"]),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>e", ["a", "b", "c", "d", "e"]),
        ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", ["a", "b", "c", "d"]),
        ("<table><tr><td>a<td>b<tr><th>c</table>d", ["a", "b", "c", "d"]),
        ("<table><tr><td><table><tr><td>a</table>b</table>c", ["a", "b", "c"]),
        ("<h1>a</h1><h2>b<h3>c</h2>d", ["a", "b", "c", "d"]),
        ("<pre>\n a\n\n  b\t</pre>", [" a\n\n  b"]),
        ("<pre>a<br>b</pre>", ["a\nb"]),
        ("<div>a<span>b</span></div></div>c", ["ab", "c"]),
        ("<b><p>a</b>b</p>c", ["ab", "c"]),
        ("a<script>x<p>y</script>b<style>p{}</style>c", ["abc"]),
        ("a<script><!--<script></script>x</script>b", ["ab"]),
        ("a<script>x", ["a"]),
        ("a<textarea><p>x</textarea>b<iframe>y</iframe>c", ["abc"]),
        ("a<noscript><img></noscript>b<template>x</template>c", ["abc"]),
        ("a<select><option>x<option>y</select>b", ["a", "b"]),
        ("a<svg><title>x</title><path/></svg>b<svg><p>c", ["ab", "c"]),
        ("a<!-- x > y -->b<!-->c<!--->d<!-- --!>e", ["abcde"]),
        ("a<!doctype x>b<?php x ?>c</ x>d</>e", ["abcde"]),
        ("<svg><text><![CDATA[ <p> ]]></text></svg>a<![CDATA[x]]>b", ["ab"]),
        ("a < b <3 c<", ["a < b <3 c<"]),
        ("a<p x='>' y=\">\" z=>b", ["a", "b"]),
        ("a<p x='", ["a"]),
        ("<xmp><b>a</b></xmp>b", ["<b>a</b>", "b"]),
        ("a<plaintext><p>b", ["a", "<p>b"]),
        ("&lt;p&gt; &amp;amp; &#65;&#x42; &copy &notit; &nbsp;x", ["<p> &amp; AB © ¬it; x"]),
        ("&#128;&#0;&#xD800;&#x110000;&#99999999999;", ["€\ufffd\ufffd\ufffd\ufffd"]),
        ("&nosuch; &; & &#; &#x;", ["&nosuch; &; & &#; &#x;"]),
        ("&NotEqualTilde;", ["≂̸"]),
        ("漢<ruby>字<rp>(</rp><rt>じ</rt><rp>)</rp></ruby>", ["漢字"]),
        ("a <math alttext='x^2'><mi>x</mi></math> b", ["a x^2 b"]),
        (
            "a <math><mi>x</mi><annotation encoding='application/x-tex'>x^2</annotation></math> b",
            ["a x^2 b"],
        ),
        ("<head><title>x</title><meta name=a></head><body>a", ["a"]),
        ("<title>x</title>a", ["a"]),
        ("\0a\0b", ["ab"]),
        ("a\u00a0\u00a0b\u3000c", ["a b\u3000c"]),
        ("Ü<b>ß</b>😀", ["Üß😀"]),
    ],
)
def test_a_page_is_cut_into_blocks(page, found):
    assert blocks(page) == found


def test_every_named_reference_is_its_character():
    for name, text in html5.items():
        page = f"<pre>x&{name}y" if name.endswith(";") else f"<pre>x&{name} y"
        space = "" if name.endswith(";") else " "
        wanted = f"x{text}{space}y".replace("\u00a0", " ").replace("\r", "\n").replace("\f", " ")
        assert blocks(page) == [wanted], name


INLINE = st.sampled_from(["b", "i", "span", "a", "em", "code"])
BLOCK = st.sampled_from(["p", "div", "h2", "blockquote", "li", "section", "pre"])
WORDS = st.text(st.sampled_from("ab &<>é漢\n"), max_size=8)


def _element(name, children):
    element = etree.Element(name)
    last = None
    for child in children:
        if not isinstance(child, str):
            element.append(child)
            last = child
        elif last is None:
            element.text = (element.text or "") + child
        else:
            last.tail = (last.tail or "") + child
    return element


LINES = st.builds(
    _element, INLINE, st.lists(WORDS | st.builds(_element, INLINE, st.lists(WORDS, max_size=2)))
)
PARAGRAPHS = st.builds(_element, st.sampled_from(["p", "h2", "pre"]), st.lists(WORDS | LINES))
TREES = st.recursive(
    PARAGRAPHS,
    lambda inner: st.builds(
        _element, st.sampled_from(["div", "blockquote", "section", "td"]), st.lists(inner | WORDS)
    ),
    max_leaves=8,
)


def _reference(element, in_pre, found):
    """All text of a tree, an empty place where a block begins or ends."""
    is_block = element.tag in {"p", "div", "h2", "blockquote", "section", "pre"}
    in_pre = in_pre or element.tag == "pre"
    if is_block:
        found.append(None)
    if element.text:
        found.append(element.text)
    for child in element:
        _reference(child, in_pre, found)
        if child.tail:
            found.append(child.tail)
    if is_block:
        found.append(None)


@given(TREES)
@settings(deadline=None)
def test_valid_pages_have_the_text_of_their_tree(tree):
    for one in tree.iter("td"):
        one.tag = "div"
    for one in tree.iter("a", "b", "i", "em", "code"):  # they do not nest in themselves
        if any(above.tag == one.tag for above in one.iterancestors()):
            one.tag = "span"
    page = lxml_html.tostring(tree, encoding="unicode")
    found: list[str | None] = []
    _reference(tree, False, found)
    pieces = "".join("\0" if one is None else one for one in found).split("\0")
    wanted = [SPACE.sub(" ", piece).strip() for piece in pieces]
    assert [SPACE.sub(" ", one).strip() for one in blocks(page)] == [one for one in wanted if one]


def _mutated(seed):
    """A page of every kind of markup, damaged in a few places."""
    draw = random.Random(seed)
    page = (
        "<!doctype html><html lang=en><head><title>T&amp;t</title><meta name=robots content=none>"
        '<script type=\'application/ld+json\'>{"datePublished": "2020-01-02"}</script></head>'
        "<body class='single post'><nav><ul><li><a href='/'>Home</a></ul></nav><main><article>"
        "<h1 id=t>Title</h1><p>Some <b>bold</b> text &eacute; with <a href=x>a link</a>.<br><br>"
        "More of it, and more.</p><table><tr><th>a<td>b</table><pre>\n x\n  y</pre><!-- c -->"
        "<ol><li>one<li>two</ol><svg><path d='M0'/></svg><math><mi>x</mi></math>"
        "<select><option>z</select></article></main><footer>© 2020</footer></body></html>"
    )
    for _ in range(draw.randint(1, 6)):
        at, length = draw.randrange(len(page)), draw.randint(0, 12)
        other = draw.randrange(len(page))
        piece = draw.choice(
            [
                "",
                page[other : other + draw.randint(1, 40)],
                "<",
                ">",
                "&",
                "\"'",
                "\0",
                "<!--",
                "</p>",
            ]
        )
        page = page[:at] + piece * draw.choice([1, 1, 1, 50]) + page[at + length :]
    return page


def _holds_no_surprise(page):
    scan = scan_page(page)
    text = scan.output.tobytes().decode()
    starts, stops = scan.blocks[:, 0].tolist(), scan.blocks[:, 1].tolist()
    assert all(stop > start for start, stop in zip(starts, stops, strict=True))
    assert starts == sorted(starts)
    assert len(text.encode()) <= 2 * len(page.encode()) + 64
    assert scan_page(page).block_texts() == scan.block_texts()


def test_damaged_pages_are_scanned():
    for seed in range(300):
        _holds_no_surprise(_mutated(seed))


@pytest.mark.nightly
def test_many_damaged_pages_are_scanned():
    for seed in range(300, 10_300):
        _holds_no_surprise(_mutated(seed))


@given(st.text(st.sampled_from("<>/ab \"'=!-&;\0é😀\n"), max_size=200))
@settings(deadline=None)
def test_any_text_is_scanned(page):
    _holds_no_surprise(page)


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<div>",
        "<b>",
        "<b><p>",
        "</div>",
        "<table><tr><td>",
        "<svg>",
        "<a href=x>",
        "<!--",
        "<!-- -->",
        "<script>",
        "<p a='",
        "&",
        "&#",
        "&" + "a" * 50,
        "<x ",
        "a=b ",
        "<select>",
        "<li>x",
        "<button><p></b>",
        "</p>",
        "<h1></h2>",
        "<pre>\n",
        "<math><annotation>",
        "\0",
        "é",
    ],
)
def test_two_megabytes_of_one_thing_take_linear_time(piece):
    page = "<p>text " + piece * (2_000_000 // len(piece))
    blocks("<p>compiled")
    start = time.process_time()
    if piece == "<li>x":
        with pytest.raises(SkipError, match="too_many_blocks"):
            blocks(page)
    else:
        assert blocks(page)[0].startswith("text")
    assert time.process_time() - start < 5


def test_a_tag_of_a_million_attributes():
    page = "<p " + " ".join(f"a{number}='{number}'" for number in range(1_000_000)) + ">text"
    assert blocks(page) == ["text"]


def test_more_blocks_than_are_kept_are_a_skip():
    with pytest.raises(SkipError) as caught:
        blocks("<p>a" * (MAXIMUM_BLOCKS + 1))
    assert caught.value.reason == "too_many_blocks"


def test_text_below_the_depth_that_is_followed_is_kept():
    page = "<div>" * 5_000 + "deep" + "</div>" * 5_000 + "<p>after"
    assert blocks(page) == ["deep", "after"]
