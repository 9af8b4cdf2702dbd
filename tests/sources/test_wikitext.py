from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources import wikitext
from curate.sources.wikitext import Choices

EVERYTHING = Choices(tables=True, infoboxes=True, math=True, variant="zh-hant")


def clean_wikitext(text, local, choices=EVERYTHING):
    return wikitext.clean_wikitext(text, local, choices=choices).text


LOCAL = ("Datei", "Файл", "Kategorie", "ファイル")


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("", ""),
        (" \n\t\n", ""),
        ("Plain text.", "Plain text."),
        # links
        ("[[Rome]] and [[Rome|the city]]s", "Rome and the citys"),
        ("[[Rome|''the'' '''city''']]", "the city"),
        ("[[Mercury (planet)|]]", "Mercury (planet)"),
        ("[[a|b|c]]", "c"),
        ("[[:Category:Physics]], [[:File:X.jpg|that file]]", "Category:Physics, that file"),
        ("a [[File:X.jpg|thumb|A [[caption]] of [http://x.org two]]] b", "a b"),
        ("a [[Datei:X.jpg|mini]][[datei:x]][[ФАЙЛ:Y.png]][[ファイル:Z]] b", "a b"),
        ("a [[Bild:X.jpg|an old name]] b", "a b"),
        ("a\n[[Category:B]]\n[[Kategorie:C|sort]]", "a"),
        ("a [[de:Rom]][[zh-min-nan:Rom]][[simple:Rome]] b [[wikt:word|word]]", "a b word"),
        ("[http://x.org a label] [http://x.org] [//y.org z] [mailto:a@b.c mail]", "a label z mail"),
        ("see https://x.org/?a=1&copy=2 there", "see https://x.org/?a=1&copy=2 there"),
        ("an array[1] and [sic]", "an array[1] and [sic]"),
        ("an [[open link\n\nNext.", "an open link\n\nNext."),
        ("a ]] b", "a b"),
        # emphasis
        ("''a'' '''b''' '''''c''''' ''''d''''", "a b c 'd'"),
        ("L'''Opera'' è '''grande'''", "L'Opera è grande"),
        ("the '''dogs'''' bowl", "the dogs' bowl"),
        # lines
        ("== Title ==\nText.\n=== Sub ===\nMore.", "Title\nText.\nSub\nMore."),
        ("A\n== Empty ==\n=== Empty too ===\n{{x}}\n== B ==\nb\n== C ==", "A\nB\nb"),
        ("==Title== <!-- note -->\nText", "Title\nText"),
        ("== Title == and text\nb\n=== Open\nc", "Title\nand text\nb\nOpen\nc"),
        ("== [[a]]\n====\n==", "a"),
        ("a\n{{Head}}\n! b\n| c\n!Kung", "a\n!Kung"),
        ("a\n= 5 is no title\nb", "a\n= 5 is no title\nb"),
        ("* a\n** b\n# c\n:* d\n: e\n; f", "- a\n- b\n- c\n- d\ne\nf"),
        ("* {{flag}}\n* a", "- a"),
        ("a\n----\nb", "a\nb"),
        (" indented", "indented"),
        ("a\n\n\n\nb\r\nc", "a\n\nb\nc"),
        ("a<br>b<br />c<p>d</p>", "a\nb\nc\nd"),
        # what is dropped
        ("a<ref>x [[y]]</ref>b<ref name=z/>c<REF name='q'>{{cite}}</REF >d", "abcd"),
        ("a<ref>never closed", "anever closed"),
        ("a<!-- x -->b\n<!-- a line -->\nc<!-- never closed", "ab\nc"),
        ("a<math>x<y</math><score>c</score> b", "a b"),
        (
            "a <syntaxhighlight lang=c inline>[[x]]</syntaxhighlight><timeline>x</timeline>b",
            "a [[x]]b",
        ),
        ("a<source lang='c'>\nint x;\n  y();\n</source>b", "a\nint x;\n  y();\nb"),
        ("a<style>x</style><templatestyles src='x'/>b<references/>", "ab"),
        ("{|\n! a\n|-\n| b\n{|\n| c\n|}\n|}\nd", "d"),
        (":{| class=x\n| a\n|}\nd", "d"),
        ("a <table><tr><td>b</td></tr></table> c", "a c"),
        ("a\n{| never closed\n! b\n| c\n|-\n\nd", "a\n\nd"),
        ("{{Infobox\n| a = {{b|[[c]]}}\n| d = {{{e|}}}\n}}\nf", "f"),
        ("a {{never closed\n| b = c\nd", "a\nd"),
        ("a }} b {{{{c}}}} d {{{e}} f", "a b d f"),
        ("a __NOTOC__ __БЕЗСОДЕРЖАНИЯ__ b __init__ __noToc__", "a b __init__"),
        ("__main__ __HIDDENCAT__ __KEINE_INDEXIERUNG__ x", "__main__ x"),
        # what is kept of tags
        ("<div style='x'>H<sub>2</sub>O</div><span>x</span>", "H2O\nx"),
        ("1 < 2 > 0 and <unknown>", "1 < 2 > 0 and <unknown>"),
        ("<nowiki>''[[a]] {{b}}</nowiki> &lt;ref&gt;", "''[[a]] {{b}} <ref>"),
        ("<pre>* [[a]]\n  ''b''</pre>", "* [[a]]\n  ''b''"),
        ("<noinclude>a</noinclude><includeonly>b</includeonly>", "a"),
        ("&amp;nbsp; &eacute; &#233; &#xE9; &unknown; AT&T", "&nbsp; é é é &unknown; AT&T"),
        # templates that show their text
        ("{{lang|fr|''oui''}}, {{lang-de|[[Berg|Bg.]]}}, {{nihongo|a|b|c}}", "oui, Bg., a"),
        ("{{convert|5|km|mi}}, {{convert|5|to|10|km}}, {{Cvt|3|kg}}", "5 km, 5 to 10 km, 3 kg"),
        ("{{nowrap|a {{lang|de|{{abbr|b|c}}}} d}}{{snd}}{{formatnum:12}}", "a b d–12"),
        ("{{as of|2014|lc=y}} {{lang|1=de|2=x}} {{frac|1|2}}", "as of 2014 x 1/2"),
        # what dropped things leave behind
        ("X ({{IPA|x}}) is ({{a}}; b) c {{d}}, e ({{f}}, {{g}}).", "X is (b) c, e."),
        ("main() stays", "main() stays"),
        # variants
        ("-{zh-hans:计算机; zh-hant:電腦}-和-{文}--{H|zh-cn:a}-", "计算机和文"),
        ("from -{ to 10-{{x}} and -5", "from -{ to 10- and -5"),
    ],
)
def test_a_construct(wikitext, text):
    assert clean_wikitext(wikitext, LOCAL, Choices()) == text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        # captions of galleries
        (
            (
                "a\n<gallery mode=packed>\nFile:X.jpg|A [[red|big]] ''ship''\nDatei:Y.jpg\n"
                "Z.png|alt=not this|{{x}} A tree|link=\nQ.jpg|\n</gallery>b"
            ),
            "a\n- A big ship\n- A tree\nb",
        ),
        ("<gallery>A.jpg|one</gallery>", "- one"),
        ("a\n<gallery>\nA.jpg|never closed", "a\nA.jpg|never closed"),
        # code
        ("a <code>x[1]</code> b", "a x[1] b"),
        (
            "Look:\n<syntaxhighlight lang='c'>\nif (a) {\n    b[[0]] = '';\n}\n</syntaxhighlight>\nso",
            "Look:\nif (a) {\n    b[[0]] = '';\n}\nso",
        ),
        ("<poem>\nOne line\n:two lines\n</poem>", "One line\ntwo lines"),
        # names of namespaces without any from the dump
        (
            "a [[Ficheiro:x]][[Plik:x]][[Tập tin:x|y]][[文件:x]][[ملف:x]][[קובץ:x]][[चित्र:x]] b",
            "a b",
        ),
        ("a\n[[Catégorie:x]]\n[[Категория:x]]\n[[Thể loại:x]]\n[[分类:x]]\n[[تصنيف:x]]", "a"),
        ("[[Vergleich:Datei]]", "Vergleich:Datei"),
        # templates
        ("{{quote|text=Be kind|author=A}} {{Zitat|Sei gut|X}}", "Be kind Sei gut"),
        ("{{citat|Vær god}}, {{lang|ja|''月''}} {{仮リンク|月面|en|x}}", "Vær god, 月 月面"),
        ("{{unknown|text=dropped}}a", "a"),
        # variants
        ("-{zh-hans:甲&nbsp;乙; zh-hant:丙}-", "甲\xa0乙"),
        ("-{A|zh-cn:甲;zh-tw:乙}-", "甲"),
        ("-{sr-ec:ћ; sr-el:ć}--{R|甲}-", "ћ甲"),
    ],
)
def test_a_construct_of_articles(wikitext, text):
    assert clean_wikitext(wikitext, (), Choices()) == text


TABLE = """before
{| class="wikitable" style="x"
|+ align=top | Moons
|-
! Name !! style="y" | [[Year|Found]]
|-
| style="z" | ''Io'' || 1610
|-
| [[Europa (moon)|Europa]]
| {{x}} 1610<ref>a</ref>
* by him
|-
|
|}
after"""


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        (TABLE, "before\nMoons\nName | Found\nIo | 1610\nEuropa | 1610 by him\nafter"),
        ("{|\n|a\n{|\n|b\n|}\n|c\n|}d", "a\nb\nc\nd"),
        ("{|\n|a | b || c [[x|y]]\n|}", "b | c y"),
        (
            "<table><tr><th>a<td>b</tr>\n<tr>\n<td>c</td>\n<td>d</td></tr></table>e",
            "a | b\nc | d\ne",
        ),
        ("{| x\n|-\n! a ! b\n|}", "a ! b"),
        ("{{lang|x|\n{|\n|a\n|}\n}}", "a"),
        (
            (
                "{{Infobox moon\n| name = Io\n| image = Io.jpg\n| found_in = [[1610]]<ref>x</ref>\n"
                "| none = \n| size = {{convert|5|km}}\n| dropped = {{x}}\n}}\n'''Io''' is a moon."
            ),
            "name: Io\nfound in: 1610\nsize: 5 km\nIo is a moon.",
        ),
        ("{{Państwo infobox|a=b}}c", "a: b\nc"),
        ("{{Ficha de luna|a=* b\n* c}}d", "a: b\n- c\nd"),
        ("{{Moon\n|a=1\n|b=2\n|c=3\n}}\nText {{Moon|a=1|b=2|c=3}}.", "a: 1\nb: 2\nc: 3\nText."),
        ("{{Infobox a|x={{Infobox b|y=z}}|w=v}}", "y: z\nw: v"),
        ("so <math>\\frac{a}\n{b} < c</math> and <ce>H2O</ce>", "so $\\frac{a} {b} < c$ and $H2O$"),
        ("<math>{{x}}''[[y]]", "y"),
        ("-{zh-hans:甲;zh-hant:乙}--{zh-cn:丙;zh-hk:丁;zh:戊}--{en:己}-", "乙丁己"),
    ],
)
def test_a_construct_that_is_kept_by_choice(wikitext, text):
    assert clean_wikitext(wikitext, (), EVERYTHING) == text


def test_the_title_is_written_where_it_is_named():
    text = "'''{{PAGENAME}}''' x {{ SEITENNAME }}{{PAGENAMEE}}"
    assert wikitext.clean_wikitext(text, title="A & B").text == "A & B x A & B"


plain = st.text("abcdeé中ж", min_size=1, max_size=6)


def _pairs(children):
    """(wikitext, what is left of it), nested."""
    joined = st.lists(children, min_size=1, max_size=3).map(
        lambda pairs: (" ".join(p[0] for p in pairs), " ".join(p[1] for p in pairs))
    )
    wrapped = st.sampled_from(
        [
            (" ''", "'' "),  # four apostrophes would be another mark
            ("[[x|", "]]"),
            ("[[a b#c|", "]]"),
            ("{{lang|de|", "}}"),
            ("{{nowrap|", "}}"),
            ("<span class='x'>", "</span>"),
            ("-{", "}-"),
            ("<!-- ''x -->", ""),
        ]
    )
    dropped = st.sampled_from(
        [
            ("{{x|", "}}"),
            ("[[File:x.jpg|thumb|", "]]"),
            ("<ref>", "</ref>"),
            ("{{x|a=[[b|", "]]}}"),
            ("{{x|\n{|\n| ", "\n|}\n}}"),
        ]
    )
    return st.one_of(
        joined,
        st.tuples(wrapped, children).map(lambda w: (w[0][0] + w[1][0] + w[0][1], w[1][1])),
        st.tuples(dropped, children).map(lambda w: (w[0][0] + w[1][0] + w[0][1], "")),
    )


balanced = st.recursive(plain.map(lambda word: (word, word)), _pairs, max_leaves=25)


@given(balanced)
def test_of_balanced_markup_nothing_but_its_text_is_left(pair):
    wikitext, text = pair
    if "<ref>" in wikitext and wikitext.count("<ref>") > 1:
        return  # references do not nest: the first closing tag closes
    assert clean_wikitext(wikitext, LOCAL).split() == text.split()


WRITTEN = """
{{ }} {{{ }}} [[ ]] [ ] {| |} |- | ! = == '' ''' ''''' <ref> </ref> <ref/> <!-- --> <br> <b <p>
<nowiki> </nowiki> <pre> </pre> <table> </table> <gallery> <math> -{ }- zh-hans: ; : * # {{snd}}
{{lang|fr| {{convert|5|to|6|km {{formatnum: text= 1= H| http://x [http://x [// __TOC__ _ - ----
File:a.jpg de: &nbsp; é 中 a ( ) , .
"""
MARKS = [*WRITTEN.split(), "\0", "\ud800", " ", "\n", "\n\n", "\t"]


@given(st.lists(st.sampled_from(MARKS), max_size=60).map("".join))
def test_any_markup_gives_a_text(wikitext):
    text = clean_wikitext(wikitext, LOCAL)
    assert len(text) <= 2 * len(wikitext)
    assert text == text.strip()
    assert "\n\n\n" not in text or "<pre>" in wikitext or "<nowiki>" in wikitext


@given(st.text())
def test_any_text_gives_a_text(text):
    assert isinstance(clean_wikitext(text, LOCAL), str)


@given(st.text("abc中é .,\n"))
def test_text_without_markup_keeps_its_words(text):
    assert clean_wikitext(text, LOCAL).split() == text.split()


@pytest.mark.parametrize(
    "unit",
    [
        *MARKS,
        "{{a|",
        "[[a|",
        "[[File:a|",
        "{|\n|",
        "<ref>a",
        "{{a}}",
        "(({{x}}",
        "== a ==\n",
        "[[a:",
        "<gallery>",
        "<math>",
        "-{a:",
        "-{a:b;",
        "a || ",
        "! a !! ",
        "{{Infobox|a=",
        "|a=b",
        "<syntaxhighlight>",
        "[[Category:a",
    ],
)
@pytest.mark.parametrize("prefix", ["", "{|\n! ", "{{Infobox x|", "<gallery>\n", "-{zh:"])
def test_time_is_linear_in_hostile_text(unit, prefix):
    clean_wikitext("warm", LOCAL)
    ending = {"{|\n! ": "\n|}", "{{Infobox x|": "}}", "<gallery>\n": "</gallery>", "-{zh:": "}-"}
    began = time.perf_counter()
    clean_wikitext(prefix + unit * 200_000 + ending.get(prefix, ""), LOCAL)
    assert time.perf_counter() - began < 2  # seconds; a quadratic reading takes minutes


@pytest.mark.parametrize(
    ("opening", "closing", "text"),
    [
        ("{{a|", "}}", ""),
        ("[[a|", "]]", "x"),
        ("{{lang|fr|", "}}", "x"),
        ("{|\n", "\n|}", "x"),
        ("-{zh:", "}-", "x"),
        ("[[File:x|", "]]", ""),
        ("<table>", "</table>", "x"),
        ("{{{a|", "}}}", ""),
        ("[[a|{{lang|fr|", "}}]]", "x"),
    ],
)
def test_nesting_100_000_deep(opening, closing, text):
    assert clean_wikitext(opening * 100_000 + "x" + closing * 100_000, LOCAL) == text


def test_a_line_of_ten_megabytes():
    assert len(clean_wikitext("word " * 2_000_000, LOCAL)) == 9_999_999
