"""The compiled passes against the rules that they stand for, on generated and mutated text."""

from __future__ import annotations

import io
import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_subtitles_fuzz import SEEDS

from curate.errors import ComponentError
from curate.recipe import ParallelSection, SubtitlesSection
from curate.sources import InputFile, cue_scan
from curate.sources.cue_lines import read_substation
from curate.sources.cue_tags import read_ttml
from curate.sources.cues import (
    BREAK,
    Cues,
    _read_lines,
    _usual_subrip,
    _usual_webvtt,
    plain_by_rules,
    plain_text,
)
from curate.sources.dialogue import (
    _FREQUENT,
    GUESS_CHARACTERS,
    _uploaders,
    guess_language,
    make_dialogue,
    make_of_signs,
    signs_of,
)
from curate.sources.encoding import _HIGH, SAMPLE_BYTES, sample
from curate.sources.opus import (
    JOINT,
    _without_asides,
    detokenise,
    read_named_sentences,
    sentences_by_rules,
    without_asides,
)
from curate.sources.opus import _sentences as read_chunk
from curate.sources.parallel import PairSink, read_pairs

MARKUP = [
    "<", ">", "</", "i>", "<i>", "</font>", "<c.a b>", "<rt>", "<00:01>", "< 3", "<3", "<\\N", "{", "}",
    "{\\an8}", "{\\N", "{y:i}", "\\", "\\N", "\\h", "&", "& ", "&amp;", "&#8;", "&nbsp;", "&#160;", "&#233;", "&#55296;", "&#128;", "&#31;", "&#65", "&lt", "&quot;", "&#", ";", "a", "Zu", "é", "日", "7",
    ":", " ", "  ", "\n", "\t", "\xa0", "\u2028", BREAK, BREAK, "\ud800", "🎵",
]  # fmt: skip
SPEECH = [
    "a", "word", "the ", "you ", "und ", "que ", "il ", "het ", " ", " ", "\n", "\n", BREAK, BREAK, "- ",
    "–", "--", ". - ", "!\n- ", "JOHN", "JOHN: ", "M.:", "1:", "[x]", "(door)", "(1)", "【音】", "(", "♪ ",
    "♪", "#", "# la ", "...", "…", "\n*\n", "I", "l", "ll", "l'm", "heII", "AIl", "0", "O", "o", "1", " 1 am",
    "|", "/", "/f ", "''", "'", "’", '"', "é", "é0a", "\nheII\x01é0a", "٣", "日", "本", "日\n本", "\t", "\xa0", "\x02", "Z", "www.a.com ",
    "Subtitles by me", "Übersetzt von: A", "SYNC by x", "legenda: b", "corregİ", "ΥΠΟΤΙΤΛΙΣΜΌΣ: α", "ς",
]  # fmt: skip
SECTIONS = [
    SubtitlesSection(kind="subtitles", inputs=("x",), **switches)
    for switches in (
        {},
        {"lyrics": "remove"},
        {"remove_advertisements": False, "repair_ocr": False},
        {"remove_sounds": False, "lyrics": "keep", "remove_speakers": False},
    )
]


def pieces(parts, size=40):
    return st.lists(st.sampled_from(parts), max_size=size).map("".join)


@given(pieces(MARKUP), st.integers(1, 60))
@settings(max_examples=800, deadline=None)
def test_plain_text_is_what_the_rules_make(text, times):
    text = BREAK.join([text] * times)  # a few odd cues go one by one, many all at once
    assert plain_text(text) == plain_by_rules(text)


def test_usual_markup_needs_no_rules():
    text = "{\\an8}<i>Who's</i>\\N  there? {y:b}\x01 <font color='red'>Tom & me\n\n 1 > 0\xa0"
    codes = cue_scan.codes_of(text)
    out = np.empty_like(codes)
    kinds = cue_scan.kinds_of([r"[ \xa0]", r"\s"])
    length, odd = cue_scan.plain(codes, out, np.empty(1, np.int64), kinds)
    assert odd == 0
    assert cue_scan.text_of(out[:length]) == "Who's\nthere?\x01Tom & me\n1 > 0"


def speak(text, bits, section, language):
    counts = Counter()
    spoken = make_of_signs(
        text, bits, section, language, lambda name, number: counts.update({name: number})
    )
    return spoken, counts


@given(
    st.one_of(pieces(SPEECH), pieces(SPEECH).map(plain_by_rules)),
    st.sampled_from(SECTIONS),
    st.sampled_from(["", "en", "de", "fr", "nl", "es", "pt_br", "ja"]),
    st.integers(0, 60),
)
@settings(max_examples=1200, deadline=None)
def test_a_cue_without_signs_is_one_that_no_rule_changes(text, section, language, more):
    text += f"{BREAK}quiet" * more  # so that credits are only near the ends
    bits = signs_of(text)
    every = bits | ~(cue_scan.ADVERT | cue_scan.CREDIT)
    assert speak(text, bits, section, language) == speak(text, every, section, language)
    assert make_dialogue(text, section, language, lambda *_: None).count(BREAK) == text.count(BREAK)


@given(
    pieces(
        [
            "www",
            "sync",
            "Sub",
            "SUBS ",
            "S",
            "İ",
            "revİs",
            "i",
            "corregi",
            "字",
            "幕",
            "ut:",
            BREAK,
            "x",
        ]
    )
)
@settings(deadline=None)  # the first call compiles
def test_keys_of_uploaders_are_found_as_in_lower_case(text):
    for cue, bits in zip(text.split(BREAK), signs_of(text).tolist(), strict=True):
        for bit, (keys, _) in _uploaders().items():
            assert bool(bits & bit) == any(key in cue.lower() for key in keys)


def test_a_key_that_holds_half_a_letter_is_refused():
    with pytest.raises(ComponentError, match="dot above"):
        cue_scan.automaton([("i\u0307", 1)])


STAMP = re.compile(r"(\d\d):(\d\d):(\d\d)[.,](\d\d\d)")
BLOCKS = [
    "1\n", "2\n", "\n\n3\n", "\n\n12\n", "\n", "\n\n", " ", "Hello", "<i>a</i>", "- >", "->", "-->", " --> ",
    "00:00:01,000 --> 00:00:02,500\n", "01:00:01.000 --> 01:00:02.999", "00:00:01,00 --> 00:00:02,000\n",
    "00:01.000 --> 00:02.000\n", "1:00:01.500 --> 1:00:02.500 align:left\n", "\n\nid\n", "WEBVTT\n\n", "WEBVTT x\n", "00:00:01.000 -  > 00:00:02.000\n",
    "NOTE a\n\n", "٣\n", "NOTE", "\n\nNOTE\tb\nc\n", "NOTES\n", "\n\nSTYLE \n", "STYLE x\n", "\n\nREGION\nid:a\n\n",
    "Region: x", " NOTE x\n",
]  # fmt: skip
USUAL = st.lists(
    st.tuples(
        st.integers(0, 86_400_000),
        st.integers(0, 9_999),
        st.sampled_from(["a", "b\nc", "", "d\n\ne"]),
    ),
    min_size=1,
    max_size=12,
)


def stamp(milliseconds, point=","):
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def subrip_by_rules(chunk):
    """SubRip that is written as it should be, by expressions; None for any other."""
    parts = chunk.split(" --> ")
    count = len(parts) - 1
    if not count or chunk.count("->") != count or "- >" in chunk:
        return None
    stamps = [part[-12:] for part in parts[:-1]] + [part[:12] for part in parts[1:]]
    if not all(text.isascii() and STAMP.fullmatch(text) for text in stamps):
        return None
    texts = [part[12:-12] for part in parts[1:]]
    texts[-1] = parts[-1][12:]
    joined, found = re.subn(rf"\n\n\d{{1,9}}\n{BREAK}", BREAK, BREAK.join(texts))
    is_first = re.fullmatch(r"\s*(?:\d{1,9}\n)?", parts[0][:-12])
    if found != count - 1 or not is_first or not joined.startswith("\n"):
        return None
    return joined.split(BREAK) if joined.count(f"{BREAK}\n") == found else None


@given(pieces(BLOCKS, 16))
@settings(max_examples=1000, deadline=None)
def test_subrip_is_usual_where_the_expressions_say_so(chunk):
    cues = _usual_subrip(chunk)
    assert (None if cues is None else cues.texts) == subrip_by_rules(chunk)


@given(USUAL)
@settings(deadline=None)  # the first call compiles
def test_usual_subrip_is_what_a_walk_over_its_lines_gives(film):
    chunk = "\n".join(
        f"{number}\n{stamp(begin)} --> {stamp(begin + length)}\n{text}\n"
        for number, (begin, length, text) in enumerate(film, 1)
    )
    usual = _usual_subrip(chunk)
    lines = _read_lines(chunk, 0, lambda *_: None, webvtt=False)
    assert usual is not None
    for found, expected in zip(usual[:2], lines[:2], strict=True):
        assert found == pytest.approx(expected, abs=1e-9)
    assert plain_text(BREAK.join(usual.texts)) == plain_text(BREAK.join(lines.texts))


@given(st.one_of(pieces(BLOCKS, 16), pieces(BLOCKS, 16).map("WEBVTT\n\n".__add__)))
@settings(max_examples=1000, deadline=None)
def test_usual_webvtt_is_what_a_walk_over_its_lines_gives(chunk):
    told, noted = [], []
    usual = _usual_webvtt(chunk, 7, lambda *seen: told.append(seen))
    lines = _read_lines(chunk, 7, lambda *seen: noted.append(seen), webvtt=True)
    assert (usual, told) in ((lines, noted), (None, []))


@given(USUAL)
@settings(deadline=None)  # the first call compiles
def test_usual_webvtt_needs_no_walk(film):
    chunk = "WEBVTT - a film\nKind: captions\n\nSTYLE\na {}\n\n" + "\nNOTE x\n\n".join(
        f"{stamp(begin, '.')} --> {stamp(begin + length, '.')} line:90%\n <i>{text[:1]}</i> \n"
        for begin, length, text in film
    )
    lines = _read_lines(chunk, 0, lambda *_: None, webvtt=True)
    assert _usual_webvtt(chunk, 0, lambda *_: None) == lines
    assert len(lines.texts) == len(film)


XML = [
    '<s id="1">', "<s id='2'>", '<s id="3"/>', "<s>", "</s>", "</s>", "</s>", "<w>", '<w id="1.1">', '<w a="x>y\'">',
    "</w>", "</w>", "</w> <w>", "<w/>", "It", "'s", "é", " ", "\n  ", "\xa0", "&amp;", "&lt;", "&nbsp;", "&", "<",
    ">", '"', "<p>", "</p>", '<chunk type="NP">', "<br/>", "<span >", "\x05", "\x02", '<time id="T1S" value="00:00:01,240" />',
    '<time value="0:00:02.5" id="T1E"/>', '<time id="T2E" value="00:00:03" />', '<time id="T2S" />', "<time/>", '<time id="T5S" value="00:00:05,250" />',
    '<time id="T3" value="1:2:x" />', "<time id='T4E' value='00:00:01,5' />", '<time x="1" value="00:00:04,000" />',
]  # fmt: skip
SENTENCE = st.lists(
    st.tuples(
        st.integers(0, 3), st.lists(st.sampled_from(["a", "'s", "&amp;", ".", "é"]), max_size=4)
    ),
    min_size=1,
    max_size=5,
)


def sentences(reader, chunk):
    """The cues of a chunk with their names, and what was noted."""
    noted, names = [], []
    found = list(reader(chunk, lambda: 1, "", lambda *seen: noted.append(seen), names))
    return repr(found), names, noted, repr(list(reader(chunk, lambda: 1, "", lambda *_: None)))


@given(st.lists(st.sampled_from(XML), max_size=30).map("".join))
@settings(max_examples=1200, deadline=None)
def test_sentences_of_opus_are_what_the_expressions_give(chunk):
    assert sentences(read_chunk, chunk) == sentences(sentences_by_rules, chunk)


@pytest.mark.parametrize("opened", ["<document id=", '<docu1\n1">', "<s\u2028a>", "</meta ", "<_a"])
def test_a_sentence_within_another_tag_is_read_as_the_expressions_read_it(opened):
    film = '<s id="1"><time id="T1S" value="00:00:02,000" /><w id="1.0">Two</w></s>'
    chunk = opened + film.replace('"1">', '"1">s id="0">') + film
    assert sentences(read_chunk, chunk) == sentences(sentences_by_rules, chunk)


@given(SENTENCE, st.sampled_from(["", " ", "\n  "]))
@settings(deadline=None)  # the first call compiles
def test_usual_opus_needs_no_expressions(film, blank):
    from curate.sources import opus_scan
    from curate.sources.cues import spaces

    chunk = '<document id="5">'
    for number, (times, words) in enumerate(film, 1):
        time = "".join(
            f'<time id="T{number}S" value="00:0{number}:0{at},5" />' for at in range(times)
        )
        tokens = "".join(f'{blank}<w id="{number}.1">{word}</w>' for word in words)
        chunk += f'{blank}<s id="{number}">{blank}{time}{tokens}{blank}</s>'
    texts, times, tags = opus_scan.sentences(cue_scan.codes_of(chunk), spaces())
    assert len(tags) == len(film)
    assert cue_scan.text_of(texts).split("\n") == [
        "\x05".join(words).replace("&amp;", "&") for _, words in film
    ]
    expected = [
        (number * 60 + 0.5, number * 60 + last - 0.5) if last else (math.nan,) * 2
        for number, (last, _) in enumerate(film, 1)
    ]
    assert repr([tuple(row) for row in times.tolist()]) == repr(expected)
    assert sentences(read_chunk, chunk) == sentences(sentences_by_rules, chunk)


TOKENS = [
    "a", "word", "Zu", "é", "7", "_", "n't", "n’t", "N'T", "n", "'s", "'", "’", "l'", "l", "d", "un", "-ils",
    "-", ",", ".", "?", "!", ";", ":", "…", "...", "..", "%", ")", "]", "}", "(", "[", "¿", "“", "”", '"',
    "«", "»", "‘", "、", "。", "！", "日", "ไทย", "", " x", "\n", "\n", "𠀀", "🎵", "\U00030001",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(TOKENS), max_size=40),
    st.sampled_from(["", "en", "fr", "nl", "et", "zh", "pt_br"]),
)
@settings(max_examples=2000, deadline=None)
def test_loosened_tokens_are_joined_as_all_of_them_are(tokens, language):
    from curate.sources import opus_scan
    from curate.sources.opus import _kinds

    text = JOINT.join(tokens).replace(f"{JOINT}\n", "\n").replace(f"\n{JOINT}", "\n")
    codes = cue_scan.codes_of(text).copy()
    length, unspaced = opus_scan.loosen(codes, _kinds())
    loosened = cue_scan.text_of(codes[:length])
    assert detokenise(loosened, language, unspaced=unspaced) == detokenise(text, language)


def test_joints_within_usual_text_need_no_expressions():
    from curate.sources import opus_scan
    from curate.sources.opus import _kinds

    tokens = ["Well", ",", "he", "is", "n't", "here", ".", "Who", "is", "?"]
    codes = cue_scan.codes_of(JOINT.join(tokens)).copy()
    length, unspaced = opus_scan.loosen(codes, _kinds())
    assert cue_scan.text_of(codes[:length]) == f"Well, he is{JOINT}n't here. Who is?"
    assert not unspaced


@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_mutated_films_are_read_as_the_rules_read_them(seed, dice):
    data = bytearray(seed * dice.choice([1, 2]))
    for _ in range(dice.randint(0, 3)):
        at, to = sorted(dice.choices(range(len(data) + 1), k=2))
        data[at : min(to, at + 9)] = dice.choice(MARKUP + BLOCKS + XML).encode("utf-8", "replace")
    text = data.decode("utf-8", "replace").replace(BREAK, "").replace("\x02", "")
    assert plain_text(text) == plain_by_rules(text)
    assert sentences(read_chunk, text) == sentences(sentences_by_rules, text)
    cues = _usual_subrip(text)
    assert (None if cues is None else cues.texts) == subrip_by_rules(text)
    told, noted = [], []
    usual = _usual_webvtt(text, 0, lambda *seen: told.append(seen))
    lines = _read_lines(text, 0, lambda *seen: noted.append(seen), webvtt=True)
    assert (usual, told) in ((lines, noted), (None, []))
    bits = signs_of(text)
    every = bits | ~(cue_scan.ADVERT | cue_scan.CREDIT)
    assert speak(text, bits, SECTIONS[0], "") == speak(text, every, SECTIONS[0], "")


def scenes_by_rules(texts, starts, ends, begin, end, gap):
    """Lists of the cues of each scene, the first of which goes on the scene before."""
    found = [[]]
    for text, start, stop in zip(texts, starts, ends, strict=True):
        if not text:
            continue
        if max(start - end, begin - start) >= gap:
            found.append([])
        found[-1].append(text)
        if not math.isnan(start):
            begin, end = start, max(start, stop)
        elif not math.isnan(stop):
            end = stop
    return found, begin, end


TIMES = st.one_of(st.integers(0, 30).map(float), st.sampled_from([math.nan, math.inf, -math.inf]))
TIMED = st.tuples(st.sampled_from(["", "a", "two\nlines", "日本"]), TIMES, TIMES)


@given(st.lists(TIMED, min_size=1, max_size=12), TIMES, TIMES)
@settings(max_examples=500, deadline=None)
def test_scenes_end_where_a_walk_over_the_times_says(film, begin, end):
    texts, starts, ends = zip(*film, strict=True)
    scenes, *last = scenes_by_rules(texts, starts, ends, begin, end, 5.0)
    codes = cue_scan.codes_of(BREAK.join(texts))
    out = np.empty(len(codes) + 1, np.uint32)
    length, kept, begin, end = cue_scan.scenes(
        codes, out, np.array(starts), np.array(ends), begin, end, 5.0
    )
    found = out[:length]
    lines = [scene.split("\n") if scene else [] for scene in cue_scan.text_of(found).split(BREAK)]
    assert lines == [[line for text in scene for line in text.split("\n")] for scene in scenes]
    assert repr([begin, end]) == repr(last)
    assert kept == len([text for text in texts if text])


@given(
    pieces(
        [
            "<!--",
            "-->",
            "<?",
            "?>",
            "<![CDATA[",
            "]]>",
            "<!DOCTYPE a [",
            "]>",
            "<",
            ">",
            "!",
            "?",
            "a<",
            "\n",
        ]
    )
)
@settings(max_examples=500, deadline=None)
def test_what_is_left_without_asides_holds_at_most_one_that_is_cut_off(text):
    left, whole = _without_asides(text)
    assert left == without_asides(text)
    opened = [at for mark in ("<!", "<?") if (at := left.find(mark)) >= 0]
    # escaped CDATA and what stood on both sides of an aside make no new one
    assert whole == min(opened, default=len(left)) or re.search(r"<\Z|<[!?]", left[:whole])


def guess_by_rules(text):
    text = text[:GUESS_CHARACTERS]
    found = {
        language: sum(text.count(f" {word} ") for word in words)
        for language, words in _FREQUENT.items()
    }
    language = max(sorted(found), key=lambda name: found[name])
    return language if found[language] * 30 > text.count(" ") + text.count("\n") else ""


@given(
    pieces(["the ", " the", "the the ", "de ", "het ", "een ", "que ", " ", "x", "\n", BREAK], 80)
)
@settings(deadline=None)  # the first call compiles
def test_the_language_is_guessed_by_its_frequent_words(text):
    assert guess_language(text) == guess_by_rules(text)


def sample_by_rules(data):
    lines, size = {}, 0
    for line in data.split(b"\n"):
        if line.isascii() or line in lines:
            continue
        first = _HIGH.search(line)
        start = first.start() if first and len(line) > SAMPLE_BYTES else 0
        lines[line[start : start + SAMPLE_BYTES - size]] = None
        size += len(line) + 1
        if size >= SAMPLE_BYTES:
            break
    return b"\n".join(lines)


@given(
    st.lists(
        st.sampled_from([b"a", b"\xe9", b"\n", b"\n\xe9\n", b"x" * 40_000, b"\xe8" * 30_000]),
        max_size=12,
    )
)
@settings(deadline=None)  # the first call compiles
def test_the_detector_gets_each_line_beyond_ascii_once(parts):
    assert sample(b"".join(parts)) == sample_by_rules(b"".join(parts))


def test_names_and_cues_of_an_empty_film():
    assert list(read_named_sentences([""], language="", note=lambda *_: None)) == []
    assert make_dialogue("", SECTIONS[0], "", lambda *_: None) == ""
    assert plain_text("") == ""
    assert _usual_subrip("") is None
    assert _usual_webvtt("", 0, lambda *_: None) is None
    assert isinstance(_usual_subrip("1\n00:00:01,000 --> 00:00:02,000\nA."), Cues)


@pytest.mark.parametrize("opened", ["<i", "{\\an8", "{y:i", "<rt>日", "<rt"])
@pytest.mark.parametrize("closed", ["x > y", "x } y", "x </rt> y"])
def test_markup_that_is_never_closed_ends_with_its_cue(opened, closed):
    plain = plain_text(f"One {opened}{BREAK}{closed}{BREAK}Three.").split(BREAK)
    assert (len(plain), plain[2]) == (3, "Three.")
    assert plain[1].startswith("x")
    assert plain[1].endswith("y")


def test_a_drawing_that_is_never_closed_ends_with_its_event():
    events = "[Events]\n" + "".join(
        f"Dialogue: 0,0:00:0{second}.00,0:00:0{second}.50,D,,0,0,0,,{text}\n"
        for second, text in enumerate(["One {b", "Two \\p1} x", "Three"])
    )
    (cues,) = read_substation([events], lambda *_: None)
    assert cues.texts == ["One {b", "Two \\p1} x", "Three"]


def test_a_line_break_that_is_never_closed_ends_with_its_paragraph():
    film = '<tt><p begin="1s" end="2s">One <br</p><p begin="3s" end="4s">a > b</p></tt>'
    (cues,) = read_ttml([film], lambda *_: None)
    assert cues.texts == ["One <br", "a > b"]


def test_a_film_without_cues_has_no_pairs():
    films = {
        "films/a.en.vtt": b"WEBVTT\n\nNOTE nobody speaks\n",
        "films/a.de.srt": b"1\n00:00:01,000 --> 00:00:02,000\nJa.\n",
    }
    sink = PairSink("times", "input")
    files = [InputFile(name, name, name, len(data), name) for name, data in films.items()]
    section = ParallelSection(kind="times", inputs=("x",))
    read_pairs(files, section, lambda file: io.BytesIO(films[file.name]), sink)
    assert sink.take_pairs().height == 0
