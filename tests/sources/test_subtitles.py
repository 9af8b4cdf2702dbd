from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import tracemalloc
import zipfile
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from curate.errors import InputError
from curate.recipe import SubtitlesSection
from curate.sources import InputFile, Sink, document_id
from curate.sources.cues import BREAK, Cues, in_plain
from curate.sources.opus import JOINT, detokenise, read_sentences
from curate.sources.subtitles import label_of, read

PATH = "OpenSubtitles/xml/en/2001/209475/54828.xml"
ARCHIVES = [
    "ableplayer-vtt",
    "cleanit",
    "elephants-dream",
    "formats",
    "formats-astisub",
    "formats-mantas",
    "libass-tests",
    "one-video-9-languages",
    "opus-opensubtitles",
    "opus-rf-xml",
    "pycaption-examples",
    "pysrt-encodings",
    "subtitle_it",
    "subtitleedit-encodings",
    "ttconv-wpt-vtt",
    "vttjs-languages",
]


AS_IT_STANDS = {
    "remove_advertisements": False,
    "remove_sounds": False,
    "remove_speakers": False,
    "lyrics": "keep",
    "repair_ocr": False,
    "join_sentences": False,
}


def read_film(data, name="film", on_full=None, **options):
    """The film as it stands: cleaning has its own tests."""
    sink = Sink("subtitles", "", "input", on_full=on_full, block_bytes=1 << 18)
    identity = hashlib.sha256(data).hexdigest()
    file = InputFile(name, name, label_of(name), len(data), identity)
    section = SubtitlesSection(kind="subtitles", inputs=("x",), **(AS_IT_STANDS | options))
    read(io.BytesIO(data), file, section, sink)
    return sink


def texts(data, **options):
    data = data.encode() if isinstance(data, str) else data
    return read_film(data, **options).take_documents()["text"].to_list()


def skips(sink):
    return sink.take_skipped().select("reason", "offset", "detail").rows()


def srt(*cues, gap=0, arrow=" --> "):
    blocks = []
    for number, cue in enumerate(cues, 1):
        begin = number * (2 + gap)
        times = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02},500" for s in (begin, begin + 1)]
        blocks.append(f"{number}\n{arrow.join(times)}\n{cue}\n")
    return "\n".join(blocks)


def opus(*sentences, seconds=None):
    """Tokenised XML; a sentence is a string of tokens, `seconds` its beginning."""
    body = []
    for number, sentence in enumerate(sentences):
        at = seconds[number] if seconds else 2 * number
        words = "\n    ".join(
            f'<w id="{number}.{n}">{w}</w>' for n, w in enumerate(sentence.split())
        )
        clock = [f"{t // 3600:02}:{t // 60 % 60:02}:{t % 60:02},000" for t in (at, at + 1)]
        body.append(
            f'  <s id="{number}">\n    <time id="T{number}S" value="{clock[0]}" />\n    {words}\n'
            f'    <time id="T{number}E" value="{clock[1]}" />\n  </s>\n'
        )
    head = '<?xml version="1.0" encoding="utf-8"?>\n<document id="1">\n'
    return head + "".join(body) + "  <meta><source><year>2001</year></source></meta>\n</document>\n"


# SubRip and WebVTT


def test_cues_become_lines_and_gaps_paragraphs():
    data = "1\n00:00:01,000 --> 00:00:02,000\nIt is now better\nthan before.\n\n"
    data += "2\n00:00:11,999 --> 00:00:12,500\n- Who's there?\n- Tom,\nyour friend.\n\n"
    data += (
        "3\n00:00:22,500 --> 00:00:23,000\nLater.\n\n4\n00:00:01,000 --> 00:00:02,000\nDisc 2.\n"
    )
    sink = read_film(data.encode(), "films/a.srt")
    frame = sink.take_documents()
    assert frame["text"].to_list() == [
        "It is now better than before.\n- Who's there?\n- Tom, your friend.\n\nLater.\n\nDisc 2."
    ]
    digest = hashlib.sha256(data.encode()).hexdigest()
    assert frame.select("id", "source_id", "date", "title", "work").row(0) == (
        document_id("subtitles", digest),
        "a.srt",
        None,
        None,
        None,
    )
    assert dict(sink.counts) == {
        "files": 1,
        "format_subrip": 1,
        "decoded_utf-8": 1,
        "cues": 4,
        "documents": 1,
    }
    assert texts(data, scene_gap_seconds=9.9)[0].count("\n\n") == 3


@pytest.mark.parametrize(
    ("cue", "spoken"),
    [
        ("<i>Hello</i> <font color='#fff'>there</font>", "Hello there"),
        ("{\\an8}{\\i1}Up{\\i0}, {Y:i}she {really} said", "Up, she {really} said"),
        ("I <3 you, 2 < 3 > 1", "I <3 you, 2 < 3 > 1"),
        ("Tom &amp; Ana:&nbsp;&lt;i&gt; &#233;", "Tom & Ana: <i> é"),
        ("&#99999999999999; &#" + "9" * 5000 + ";", "\ufffd \ufffd"),
        ("one\\Ntwo\\hthree", "one two three"),
        ("  a\t\u00a0 b  \n\n \n c ", "a b c"),
        ("左に見える\nのは…\nabc", "左に見えるのは… abc"),
        ("<ruby>漢<rt>かん</rt></ruby>字", "漢字"),
        ("a\x00b\ufeffc", "abc"),
    ],
)
def test_markup_goes_and_entities_are_decoded(cue, spoken):
    assert texts(srt(cue)) == [spoken]


def test_webvtt_tags_settings_and_blocks_are_left_out():
    data = """WEBVTT - a title
Kind: captions

STYLE
::cue { color: red }

NOTE left
out

REGION
id:fred

intro
00:01.000 --> 00:02.000 align:start position:0%
<v Roger Bingham>We are <00:01.500><c.yellow.bg_blue>here</c></v>

00:00:03.000 --> 00:00:04.000
NOTE is said
"""
    sink = read_film(data.encode(), "a.vtt")
    assert sink.take_documents()["text"].to_list() == ["We are here\nNOTE is said"]
    assert skips(sink) == []
    assert (sink.counts["blocks_left_out"], sink.counts["cues"]) == (3, 2)


def test_broken_cues_are_left_out_and_counted():
    data = "1\n00:00:01,000 --> 00:00:02,000\ngood\n\n2\n00:00:0x,000 --> 00:00:03,000\nbad\n\n"
    data += "3\n00:00:04,000 -->\nbad\n\n4\n00:00:05,000 --> 00:00:06,000\ngood --> fine\n"
    sink = read_film(data.encode())
    assert sink.take_documents()["text"].to_list() == ["good\ngood --> fine"]
    assert sink.counts["cues_damaged"] == 2
    assert skips(sink) == [("damaged", None, "cues_damaged, first before line 11")]


def test_a_webvtt_block_without_a_timing_goes_on_the_one_before():
    data = "WEBVTT\n\nlost\n\n00:01.000 --> 00:02.000\n\ngood\n\nstill good\n\n"
    data += "STYLE\nb {}\n\ni {}\n\n00:0x.000 --> 00:03.000\nbad\n\nstill bad\n"
    sink = read_film(data.encode())
    assert sink.take_documents()["text"].to_list() == ["good still good"]
    assert (sink.counts["cues_damaged"], sink.counts["blocks_left_out"]) == (3, 2)


@pytest.mark.parametrize(
    "arrow",
    [
        "-->\n",
        "- --> -\n\n",
        "-->\nREGION\nid:x\n-->\n\n",
        "REGION\n--->\nid:x\n\n",
        "REGION\nid:x-->\n\n",
        "STYLE\n<!-- a {} -->\nb {}\n\n",
        "NOTE see\nA --> B\n\n",
    ],
)
def test_an_arrow_in_webvtt_that_is_no_timing_and_has_no_dialogue_is_no_damage(arrow):
    data = f"WEBVTT\n\n00:01.000 --> 00:02.000\none\n\n{arrow}00:03.000 --> 00:04.000\ntwo\n"
    sink = read_film(data.encode())
    assert sink.take_documents()["text"].to_list() == ["one\ntwo"]
    assert skips(sink) == []
    assert sink.counts["blocks_left_out"] >= 1


@pytest.mark.parametrize(
    "lost",
    [
        "-->\nlost\n",
        "lost -->\n",
        "00:02.000 --> 00:\n",
        "NOTE x\n00:0x.000 --> 00:03.000\nlost\n",
        "-->\n\nlost\n",
        "STYLE\na {}\n00:0x.000 --> 00:03.000\nlost\n",
    ],
)
def test_an_arrow_in_webvtt_that_may_have_cost_dialogue_is_told(lost):
    data = f"WEBVTT\n\n{lost}\n00:03.000 --> 00:04.000\ntwo\n"
    sink = read_film(data.encode())
    assert sink.take_documents()["text"].to_list() == ["two"]
    assert [reason for reason, *_ in skips(sink)] == ["damaged"]


@pytest.mark.parametrize("signature", ["vtt", "WebVTT", "WEBvtt \nWEBVTT", "webvtt\r"])
def test_a_misspelt_signature_costs_no_cue(signature):
    data = f"{signature}\n\nNOTE x\n\n00:01.000 --> 00:02.000\none\n"
    sink = read_film(data.encode())
    assert sink.take_documents()["text"].to_list() == ["one"]
    assert skips(sink) == []
    assert sink.counts["format_webvtt"] == 1


@pytest.mark.parametrize("rest", ["and then.", "vtt or not", "nvtt"])
def test_what_is_left_of_a_cue_that_was_cut_off_is_no_signature(rest):
    sink = read_film(f"{rest}\n\n00:01.000 --> 00:02.000\none\n".encode())
    assert sink.take_documents()["text"].to_list() == ["one"]
    assert [reason for reason, *_ in skips(sink)] == ["damaged"]


DAMAGE = {
    "none": lambda text: text,
    "byte order mark": lambda text: "\ufeff" + text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "missing blank lines": lambda text: text.replace("\n\n", "\n"),
    "many blank lines": lambda text: text.replace("\n\n", "\n\n \n\n"),
    "spaced arrows": lambda text: text.replace(" --> ", " - -> "),
    "other spaced arrows": lambda text: text.replace("-->", "-- >"),
    "short arrows": lambda text: text.replace("-->", "->"),
    "no space": lambda text: text.replace(" --> ", "-->"),
    "spaced times": lambda text: text.replace("00:", "00: "),
    "comma for dot, dot for comma": lambda text: text.translate(str.maketrans(",.", ".,")),
    "no fractions": lambda text: text.replace(",500", "").replace(".500", ""),
    "short fractions": lambda text: text.replace("500", "5"),
    "no end": lambda text: text.rstrip("\n"),
}
SRT_DAMAGE = {
    "negative numbers": lambda number: f"-{number}\n",
    "missing numbers": lambda _: "",
    "number 0": lambda _: "0\n",
    "wide numbers": lambda number: f" {number}\t\n",
    "blank after the number": lambda number: f"{number}\n\n",
}
WORDS = st.text("abcXYZäßжשع'’!?…-", min_size=1, max_size=8).filter(lambda word: word[0] != "-")
LINES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
DIALOGUE = st.lists(st.lists(LINES, min_size=1, max_size=3), min_size=1, max_size=6)


def compose(dialogue, number_line, first, point):
    cues = []
    for number, lines in enumerate(dialogue, first):
        timing = f"00:00:{number:02}{point}500 --> 00:00:{number + 1:02}{point}500"
        cues.append(number_line(number) + "\n".join([timing, *lines]) + "\n")
    return "\n".join(cues)


@given(DIALOGUE, st.sampled_from(sorted(DAMAGE)), st.sampled_from(["plain", *SRT_DAMAGE]))
def test_srt_dialogue_survives_damage(dialogue, damage, numbers):
    number_line = SRT_DAMAGE.get(numbers, lambda number: f"{number}\n")
    data = DAMAGE[damage](compose(dialogue, number_line, 1, ","))
    if damage == "missing blank lines" and numbers == "blank after the number":
        data = data.replace("\n\n", "\n")
    sink = read_film(data.encode())
    spoken = "\n".join(" ".join(lines) for lines in dialogue)
    assert sink.take_documents()["text"].to_list() == [spoken]
    assert skips(sink) == []


@given(
    DIALOGUE,
    st.sampled_from(sorted(set(DAMAGE) - {"spaced times"})),
    st.sampled_from(["", "cue {}\n", "{}\n", "NOTE x\n\n", "NOTE\nx\n\n{}\n"]),
)
def test_webvtt_dialogue_survives_damage(dialogue, damage, before):
    if damage == "missing blank lines":  # then the line before a timing must tell itself apart
        before = before if before == "{}\n" else ""
    data = "WEBVTT\n\n" + compose(dialogue, before.format, 1, ".")
    sink = read_film(DAMAGE[damage](data).encode())
    spoken = "\n".join(" ".join(lines) for lines in dialogue)
    assert sink.take_documents()["text"].to_list() == [spoken]
    assert skips(sink) == []


# OPUS XML


def test_opus_sentences_become_lines():
    data = opus("He 'll see , you .", '" Yes , " she said ...', "Bye !", seconds=[1, 3, 14])
    sink = read_film(data.encode(), f"/somewhere/{PATH}")
    frame = sink.take_documents()
    assert frame["text"].to_list() == ['He\'ll see, you.\n"Yes," she said...\n\nBye!']
    assert frame.select("id", "source_id", "date", "title", "work").row(0) == (
        document_id("subtitles", "xml/en/2001/209475/54828.xml"),
        PATH,
        "2001",
        None,
        "imdb:209475",
    )
    assert dict(sink.counts) == {
        "files": 1,
        "format_opus": 1,
        "decoded_utf-8": 1,
        "sentences": 3,
        "documents": 1,
    }
    assert skips(sink) == []


def test_raw_opus_is_taken_as_written():
    data = """<?xml version="1.0" encoding="utf-8"?>
<document id="1"><meta><source><title>A
 Film &amp; More</title></source></meta>
<s id="1"><time id="T1S" value="00:00:01,000" />She said , "go"
<time id="T1E" value="00:00:02,000" /><time id="T2S" value="00:00:03,000" />&lt;i&gt;now&lt;/i&gt;.</s>
<s id="2">It 's &amp;quot;over&amp;quot;.<time id="T2E" value="00:00:04,000" /></s>
</document>"""
    frame = read_film(data.encode(), PATH.replace("xml/", "raw/", 1)).take_documents()
    assert frame["text"].to_list() == ['She said , "go" now.\nIt \'s "over".']
    assert frame["title"].to_list() == ["A Film & More"]
    assert frame["id"][0] == document_id("subtitles", "raw/en/2001/209475/54828.xml")


@pytest.mark.parametrize(
    ("tokens", "language", "written"),
    [
        (
            "I do n't know , it 's John 's , is n't it ?",
            "en",
            "I don't know, it's John's, isn't it?",
        ),
        ("don 't you 're we 've ma 'am comin ' in", "en", "don't you're we've ma'am comin' in"),
        ('He said " no " and " yes " .', "en", 'He said "no" and "yes".'),
        ('He said , " I can', "en", 'He said, "I can'),
        ('not believe it . "', "en", 'not believe it."'),
        ("( well ... [ sighs ] ) : 5 % !", "en", "(well... [sighs]): 5%!"),
        ("... and then ... ... it went on", "en", "...and then... ...it went on"),
        ("- What ? - No - one !", "en", "- What? - No - one!"),
        (
            "l ' homme d' ici qu ' il vont -ils aujourd'hui",
            "fr",
            "l'homme d'ici qu'il vont-ils aujourd'hui",
        ),
        ("« Oui » , dit -il", "fr", "«Oui», dit-il"),
        ("dell' arte all ' alba", "it", "dell'arte all'alba"),
        ("„ Ja “ , sagte er , geht 's ?", "de", "„Ja“, sagte er, geht's?"),
        ("» Nein «", "de", "»Nein«"),
        ("in 's lands en 't huis", "nl", "in 's lands en 't huis"),
        ("¿ Qué ? ¡ No !", "es", "¿Qué? ¡No!"),
        ("Steve ' il on Ankara", "et", "Steve'il on Ankara"),
        ("私 は 学生 です 。", "ja", "私は学生です。"),
        ("他 说 “ 好 ” ， OK ？", "zh_cn", "他说“好”，OK？"),
        ("สวัสดี ครับ", "th", "สวัสดีครับ"),
        ("나는 학생 입니다 .", "ko", "나는 학생 입니다."),
        ("“ So , ” he said .", "en", "“So,” he said."),
    ],
)
def test_tokens_are_written_as_people_write(tokens, language, written):
    assert detokenise(tokens.replace(" ", JOINT), language) == written


TOKENS = st.text("abzé&<>\"'.,-日本ж]\u0301", min_size=1, max_size=5)


def element(kind, sentence, number):
    """A sentence as an lxml element: of tokens or raw, with times, comments and CDATA."""
    parent = etree.Element("s", id=str(number), other="> ' x")
    time = etree.SubElement(parent, "time", value=f"00:00:{number:02},000", id=f"T{number}S")
    if kind == "raw":
        time.tail = " ".join(sentence)
    else:
        time.tail = "\n  "
        for token in sentence:
            word = etree.SubElement(parent, "w", lem='"<>', id="1")
            word.text = etree.CDATA(token) if kind == "cdata" and "]]>" not in token else token
            word.tail = "\n"
    parent.append(etree.Comment(" <s id='9'><w>no</w></s> "))
    return parent


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["raw", "tokens", "cdata"]), st.lists(TOKENS, min_size=1, max_size=5)
        ),
        max_size=5,
    ),
    st.integers(1, 300),
)
def test_opus_xml_is_read_as_a_parser_reads_it(sentences, block_characters):
    root = etree.Element("document")
    for number, (kind, tokens) in enumerate(sentences):
        root.append(element(kind, tokens, number))
        root.append(etree.ProcessingInstruction("s", "<s>no</s>"))
    meta = etree.SubElement(etree.SubElement(root, "meta"), "source")
    meta.text = "no dialogue"
    data = etree.tostring(
        root, encoding="unicode", doctype='<!DOCTYPE document [<!ENTITY s "<s>">]>'
    )
    notes = []
    blocks = [data[at : at + block_characters] for at in range(0, len(data), block_characters)]
    cues = list(
        read_sentences(blocks, root="document", language="", note=lambda *note: notes.append(note))
    )
    expected = []
    for kind, tokens in sentences:
        line = " ".join(tokens) if kind == "raw" else detokenise(JOINT.join(tokens), "")
        expected.append(line)
    texts = [text for some in cues for text in some.texts]
    both = (in_plain(Cues([], [], BREAK.join(some))).text for some in (texts, expected))
    found, wanted = ["".join(some.replace(BREAK, "\n").split()) for some in both]
    assert found == wanted
    assert [start for starts, _, _ in cues for start in starts] == list(range(len(sentences)))
    assert notes == []


def test_damaged_sentences_are_left_out():
    good = opus("One .", "Two .", "Three .", "Four .", "Five .")
    data = good.replace('<w id="1.1">.</w>', '<w id="1.1".</w>').replace(
        '</s>\n  <s id="3">', '\n  <s id="3">'
    )
    sink = read_film(data.encode(), PATH)
    assert sink.take_documents()["text"].to_list() == ["One.\nFour.\nFive."]
    assert sink.counts["cues_damaged"] == 2
    assert skips(sink) == [("damaged", None, "cues_damaged, first before line 15")]


def test_opus_xml_that_is_cut_short_keeps_its_sentences():
    data = opus("One .", "Two .", "Three .")
    sink = read_film(data[: data.index("Three")].encode(), PATH)
    assert sink.take_documents()["text"].to_list() == ["One.\nTwo."]
    assert [reason for reason, _, _ in skips(sink)] == ["damaged", "damaged"]
    assert (sink.counts["cues_damaged"], sink.counts["files_cut_short"]) == (1, 1)


def test_no_entity_is_expanded():
    data = '<?xml version="1.0"?><!DOCTYPE document [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">'
    data += '<!ENTITY x SYSTEM "file:///etc/passwd">]><document><s id="1">&b; &x; ok</s></document>'
    assert texts(data) == ["&b; &x; ok"]


# Documents


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), min_size=1), st.integers(1, 60))
def test_a_long_film_is_parted_between_scenes(cues, maximum):
    lines = [chr(ord("a") + at % 26) * length for at, (_, length) in enumerate(cues)]
    seconds, at = [], 0
    for gap, _ in cues:
        at += 2 + gap * 10
        seconds.append(at)
    data = opus(*lines, seconds=seconds).encode()
    sink = read_film(data, PATH, maximum_document_characters=maximum)
    frame = sink.take_documents()
    documents = frame["text"].to_list()
    assert [line for text in documents for line in text.split("\n") if line] == lines
    assert all(len(text) <= maximum or "\n" not in text for text in documents)
    whole = texts(data)[0]
    scenes = whole.split("\n\n")
    for text in documents:
        assert text in whole
    fits = [scene for scene in scenes if len(scene) <= maximum]
    assert all(any(scene in text for text in documents) for scene in fits)
    parts = [
        "xml/en/2001/209475/54828.xml" + f"#{n}" * (n > 1) for n in range(1, len(documents) + 1)
    ]
    assert frame["id"].to_list() == [document_id("subtitles", part) for part in parts]
    assert set(frame["source_id"]) == {PATH}
    assert set(frame["work"]) == {"imdb:209475"}


# Encodings


@pytest.mark.parametrize("mark", ["\ufeff", ""], ids=["marked", "unmarked"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("write", [srt, opus, lambda cue: "WEBVTT\n\n" + srt(cue)])
def test_unicode_is_read_with_and_without_its_mark(write, encoding, mark):
    data = (mark + write("Où étions-nous ? 日本 𝄞")).replace("utf-8", encoding).encode(encoding)
    sink = read_film(data)
    assert "Où étions-nous" in sink.take_documents()["text"][0]
    assert sink.counts[f"decoded_{encoding}"] == 1


@pytest.mark.parametrize(
    ("encoding", "name", "text"),
    [
        ("cp1252", "iso8859-15", "Où étais-tu passé, mon frère? À l'hôtel, près de la forêt."),
        ("cp1250", "cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy, říkal šťastně."),
        ("cp1251", "cp1251", "Где ты был, брат мой? Я ждал тебя всю ночь напролёт."),
        ("cp1253", "cp1253", "Πού ήσουν, αδελφέ μου; Σε περίμενα όλη τη νύχτα."),
        ("gb18030", "gb18030", "你到哪里去了，我的兄弟？我等了你一整夜，你知道吗？"),
    ],
)
def test_older_encodings_are_found_out(encoding, name, text):
    sink = read_film(srt(*[text] * 5).encode(encoding))
    frame = sink.take_documents()
    assert frame["text"].to_list() == ["\n".join([text] * 5)]
    assert frame["encoding"][0] in {encoding, name}
    assert 0 < frame["encoding_score"][0] < 1


def test_an_xml_declaration_is_believed():
    data = opus("Я").replace("utf-8", "KOI8-R").encode("koi8-r")
    sink = read_film(data)
    assert sink.take_documents()["text"].to_list() == ["Я"]
    assert sink.counts["decoded_koi8-r"] == 1


@pytest.mark.parametrize("declared", ["hex", "idna", "unicode_escape", "no-such", "utf-8"])
def test_a_senseless_declaration_is_not_believed(declared):
    data = opus("été").replace("utf-8", declared).encode("cp1252")
    assert texts(data) == ["été"]


def test_a_bad_byte_does_not_change_the_encoding_of_a_file():
    data = srt("Où étions-nous", "déjà XX vu").encode().replace(b"XX", b"\xff")
    sink = read_film(data)
    assert sink.take_documents()["text"].to_list() == ["Où étions-nous\ndéjà \ufffd vu"]
    assert skips(sink) == [("damaged", data.index(b"\xff"), "bytes that are not UTF-8")]


# Archives


def archive(members, **options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, **options) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return stream.getvalue()


def test_a_film_has_one_identity_plain_packed_and_in_an_archive():
    data = opus("One .", "Two .").encode()
    frames = [
        read_film(data, f"/a/b/{PATH}").take_documents(),
        read_film(gzip.compress(data, mtime=0), f"{PATH}.gz").take_documents(),
        read_film(archive({PATH: data}), "en.zip").take_documents(),
        read_film(archive({PATH + ".gz": gzip.compress(data, mtime=0)}), "en.zip").take_documents(),
    ]
    assert all(frame.equals(frames[0]) for frame in frames)
    subrip = srt("Hello").encode()
    names = ["a.srt", "b.srt", "c.zip"]
    for name, packed in zip(
        names, [subrip, gzip.compress(subrip, mtime=0), archive({"x.srt": subrip})], strict=True
    ):
        (identity,) = read_film(packed, name).take_documents()["id"]
        assert identity == document_id("subtitles", hashlib.sha256(subrip).hexdigest())


def test_the_members_of_an_archive_are_read_or_reported():
    good = opus("Good .").encode()
    translation = PATH.replace("/en/", "/de/")
    cut = gzip.compress(opus(*[f"{n} ." for n in range(5000)]).encode(), mtime=0)
    members = {
        "OpenSubtitles/": b"",
        PATH: good,
        translation: opus("Gut .").encode(),
        "README": b"about\n",
        "LICENSE.txt": b"",
        "film.ass": b"[Script Info]\n",
        "align.xml": b"<?xml version='1.0'?><cesAlign/>",
        "silent.srt": srt("<i></i>").encode(),
        "xml/en/2002/7/cut.xml.gz": cut[: len(cut) // 2],
        "locked.srt": srt("locked").encode(),
        "broken.srt": srt(*map(str, range(99))).encode(),
    }
    data = bytearray(archive(members))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        at = packed.getinfo("broken.srt").header_offset
        data[at + 100 : at + 110] = b"\xff" * 10
        entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"locked.srt"))
        data[entry + 8] |= 1
    sink = read_film(bytes(data), "en.zip")
    frame = sink.take_documents()
    assert frame["text"][0] == "Good."
    assert frame["text"][1] == "Gut."
    assert frame["text"][2].startswith("0.\n1.\n2.\n")
    assert frame["work"].to_list() == ["imdb:209475", "imdb:209475", "imdb:7"]
    found = skips(sink)
    assert [(reason, detail) for reason, _, detail in found[:5]] == [
        ("not_subtitles", "README: it is none of them"),
        ("empty", "LICENSE.txt: it is empty"),
        ("empty", "film.ass: no dialogue"),
        ("not_subtitles", "align.xml: it is OPUS sentence alignments (see [[parallel]])"),
        ("empty", "silent.srt: no dialogue"),
    ]
    assert all(
        (reason, detail.split(":")[0])
        in {
            ("damaged", "xml/en/2002/7/cut.xml.gz"),
            ("damaged", "broken.srt"),
            ("empty", "broken.srt"),
        }
        for reason, _, detail in found[5:]
        if "locked" not in detail
    )
    assert ("damaged", None, "locked.srt: it is locked with a password") in found


def test_a_packed_film_that_is_cut_short_keeps_its_cues():
    data = gzip.compress(
        srt(*[hashlib.sha256(b"%d" % n).hexdigest() for n in range(3000)]).encode(), mtime=0
    )
    sink = read_film(data[: len(data) // 2])
    lines = sink.take_documents()["text"].str.split("\n").explode().to_list()
    assert 1000 < len(lines) < 2000
    ((reason, offset, detail),) = skips(sink)
    assert (reason, detail) == (
        "damaged",
        "Compressed file ended before the end-of-stream marker was reached",
    )
    assert offset > 100_000


# What is no film


@pytest.mark.parametrize(
    ("data", "came"),
    [
        (b"", "it is empty"),
        (b" \n\r\n", "it is empty"),
        (gzip.compress(b"", mtime=0), "it is empty"),
        (gzip.compress(b"abcdef", mtime=0)[:11], "it is damaged from its first byte"),
        (b"PK\x03\x04" + b"\0" * 50, "it is a damaged zip"),
        (archive({}), "it is an empty zip"),
        (b"just prose\nof two lines\n", "it is none of them"),
        (b"\x00" * 1000, "it is empty"),
        (bytes(range(256)) * 100, "it is none of them"),
        (b"<?xml version='1.0'?><feed/>", "it is XML of another kind, <feed>"),
        (b"<!doctype html><html><s>x</s></html>", "it is HTML"),
        (b"<cesAlign version='1.0'/>", "it is OPUS sentence alignments (see [[parallel]])"),
    ],
)
def test_what_is_no_film_is_an_input_error(data, came):
    with pytest.raises(InputError) as caught:
        read_film(data, "folder/a.srt")
    assert caught.value.came.startswith(came)
    assert str(caught.value).startswith("folder/a.srt: an input of kind 'subtitles' is subtitles (")


@pytest.mark.parametrize("data", [srt("", " ", "<i></i>"), "WEBVTT", "WEBVTT\n\nNOTE x\n", opus()])
def test_a_film_without_dialogue_is_empty(data):
    sink = read_film(data.encode())
    assert skips(sink) == [("empty", None, "no dialogue")]
    assert sink.take_documents().is_empty()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (
            "/data/OpenSubtitles/xml/pt_br/1999/0133093/7.xml.gz",
            "OpenSubtitles/xml/pt_br/1999/0133093/7.xml",
        ),
        ("s3://b/OpenSubtitles2018/raw/de/0/5/7.xml", "OpenSubtitles2018/raw/de/0/5/7.xml"),
        ("C:\\films\\xml\\en\\2001\\5\\7.xml", "xml/en/2001/5/7.xml"),
        ("en/2001/5/7.xml.gz", "en/2001/5/7.xml"),
        ("xml/de/shrek3.xml", "shrek3.xml"),
        ("films/a.srt.gz", "a.srt.gz"),
        ("", ""),
    ],
)
def test_the_label_is_what_the_corpus_defines(name, label):
    assert label_of(name) == label


def test_one_film_is_one_work_in_every_language_and_version():
    names = ["xml/en/2001/0209475/1.xml", "xml/en/2001/209475/2.xml", "raw/et/2001/209475/3.xml"]
    works = [read_film(opus("a").encode(), name).take_documents()["work"][0] for name in names]
    assert works == ["imdb:209475"] * 3
    unknown = read_film(opus("a").encode(), "xml/en/0/0/3.xml").take_documents()
    assert unknown.select("work", "date").row(0) == (None, None)


# Hostile files


@pytest.mark.parametrize(
    "data",
    [
        srt("x" * 10_000_000),
        srt("a ") + "b\n" * 1_000_000,
        srt("<a" * 500_000, "{\\" * 500_000, "&" * 300_000, "\\N" * 300_000),
        srt("ok") + "1:1:" * 1_000_000 + "-->",
        srt("ok") + "1" * 1_000_000 + " --> 1",
        srt("ok") + "\x00" * 1_000_000,
        "00:00:01,000 --> 00:00:02,000 " + "a:b" * 300_000 + " !\nok",
        "999999999:99:99,999999999 --> -999999999:00:00,0\nok",
        opus("ok").replace("</document>", "<a>" * 500_000),
        opus("ok").replace("<meta>", "<!--" * 500_000 + "--><meta>"),
        opus("ok").replace("</document>", "<![CDATA[" * 300_000),
        opus("ok").replace("</document>", '<s id="1"' * 300_000),
        opus("ok").replace("</document>", "<s>" * 300_000),
        opus("ok").replace("ok", "ok &#" + "1" * 5000 + ";"),
        opus("ok").replace("ok", '" ' * 100_000 + "ok"),
        opus("ok").replace('value="00', 'value="' + "9" * 100_000),
        opus(*["ok"] * 10_000, seconds=[0] * 10_000),
    ],
    ids=range(17),
)
def test_hostile_files_are_read_in_time(data):
    sink = read_film(data.encode())
    assert sink.counts["documents"] + sink.counts["skipped_empty"] >= 1


@pytest.mark.parametrize("write", [srt, opus])
def test_memory_does_not_grow_with_the_film(write):
    data = gzip.compress(write(*["word " * 10] * 5_000).encode(), mtime=0)
    peaks = []
    for films in (1, 4):
        tracemalloc.start()
        read_film(archive({f"{n}.gz": data for n in range(films)}), on_full=lambda _: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] + 4 * len(data)


# Real files


def formats(shared_data, name):
    with tarfile.open(shared_data / "subtitles" / f"{name}.tar.gz") as packed:
        for member in packed:
            if member.isfile():
                yield member.name, packed.extractfile(member).read()


MARKUP = re.compile(r"</?(?:[ibuscv]|font|span|rt|ruby)\b[^<>\n]*>?|\{\\|\\N|-->|<\d\d:")
STUBS = {
    "blank-file.vtt": "empty",
    "blank-file-with-bom.vtt": "empty",
    "broken-1-in.vtt": "none of them",
    "garbage-signature.vtt": "none of them",
    "pseudo.rsb": "none of them",
    "test spaced.vtt": "none of them",
    "test_utils.scc": "none of them",
    "test_utils.smi": "none of them",
    "test_utils.srt": "none of them",
    "test_utils.xml": "none of them",
}


@pytest.mark.shared
@pytest.mark.parametrize("name", ARCHIVES)
def test_every_real_file_is_read_or_reported(shared_data, name):
    for path, data in formats(shared_data, name):
        file = PurePosixPath(path.removesuffix(".gz"))
        try:
            sink = read_film(data, path)
        except InputError as error:
            came = error.came.removeprefix("it is ")
        else:
            came = ""
        if came:
            is_alignment = came.startswith("OPUS sentence alignments")
            assert STUBS.get(file.name) == came or (is_alignment and file.suffix == ".xml"), path
        else:
            reasons = [reason for reason, _, _ in skips(sink)]
            assert sink.counts["documents"] or reasons[-1] == "empty", path
            assert sink.counts["documents"] or len(data) < 3000 or "drawImg" in path, path
            assert sink.counts["cues_damaged"] <= 1 or len(data) < 3000, path
            for text in sink.take_documents()["text"]:
                assert ("\ufffd" in text) <= ("\ufffd" in data.decode(errors="ignore")), path
                assert not MARKUP.search(text), path


@pytest.mark.shared
def test_the_real_corpus_has_the_sentences_that_it_counts(shared_data):
    sentences, works = 0, []
    for path, data in formats(shared_data, "opus-opensubtitles"):
        if ".xml" in path and "-" not in path.rpartition("xml/")[2]:
            sink = read_film(data, path)
            sentences += sink.counts["sentences"]
            works += sink.take_documents()["work"].to_list()
    assert sentences == 11_767
    assert sorted(works, key=str) == [None] * 4 + ["imdb:209475"] * 4


@pytest.mark.shared
def test_real_encodings_of_one_film_give_one_text(shared_data):
    films = dict(formats(shared_data, "pysrt-encodings"))
    found = {PurePosixPath(path).name: texts(data) for path, data in films.items()}
    assert found["windows-1252.srt"] == found["utf-8.srt"]
    marked = [text for name, text in found.items() if name.startswith("bom-")]
    assert len(marked) == 5
    assert all(text == found["no-indexes.srt"] for text in marked)


def test_a_zip_of_an_unknown_version_is_refused():
    good = archive({"a.srt": srt("Hello").encode()})
    other = bytearray(good)
    at = other.index(b"PK\x01\x02") + 6  # the version that is needed to unpack it
    other[at] = 235
    with pytest.raises(InputError, match="damaged zip"):
        read_film(bytes(other), "en.zip")
    assert read_film(good, "en.zip").take_documents().height == 1
