"""Each format of subtitles: literal in, literal out."""

from __future__ import annotations

import io
import math
import struct

import pytest

from curate.recipe import SubtitlesSection
from curate.sources import InputFile, Sink
from curate.sources.broadcast import read_ebu_stl, read_scc
from curate.sources.cue_lines import read_microdvd, read_substation, read_tmplayer
from curate.sources.cue_tags import read_sami, read_ttml, read_youtube
from curate.sources.cues import cut, in_plain
from curate.sources.subtitles import read


def read_file(data, name="film.sub"):
    data = data.encode() if isinstance(data, str) else data
    sink = Sink("subtitles", "", "")
    section = SubtitlesSection(kind="subtitles", inputs=("x",), join_sentences=False)
    read(io.BytesIO(data), InputFile(name, name, name, len(data), ""), section, sink)
    return sink


def cues(reader, text, block_characters=1 << 20):
    """(start, end, text in plain) of each cue, and what was noted."""
    noted = []
    blocks = [text[at : at + block_characters] for at in range(0, len(text), block_characters)]
    found = []
    for some in reader(blocks, lambda what, _line: noted.append(what)):
        plain = in_plain(some).texts if some.texts else []
        found += [
            (round(start, 3), None if math.isnan(end) else round(end, 3), line)
            for start, end, line in zip(some.starts, some.ends, plain, strict=True)
        ]
    return found, noted


FORMATS = {
    "microdvd": (
        "{1}{1}25.000\n{25}{50}Where are|{y:i}you?\n{75}{100}{c:$0000ff}/Here.\n",
        "Where are you?\nHere.",
    ),
    "mpl2": ("[10][20]Where are|/you?\n[30][40]Here.\n", "Where are you?\nHere."),
    "tmplayer": ("00:00:01:Where are|you?\n00:00:02:\n00:00:03:Here.\n", "Where are you?\nHere."),
    "subviewer": (
        (
            "[INFORMATION]\n[TITLE]A film\n[END INFORMATION]\n[SUBTITLE]\n[COLF]&HFF,[SIZE]2\n"
            "00:00:01.00,00:00:02.00\nWhere are[br]you?\n\n00:00:03.00,00:00:04.00\nHere.\n"
        ),
        "Where are you?\nHere.",
    ),
    "youtube's SBV": (
        "0:00:01.000,0:00:02.000\nWhere are\nyou?\n\n0:00:03.000,0:00:04.000\nHere.\n",
        "Where are you?\nHere.",
    ),
    "spruce": (
        (
            "//a comment\n$FontName = Arial\n00:00:01:10 , 00:00:02:00 , Where ^Iare^I | you?\n"
            "00:00:03:00,00:00:04:00,Here.\n"
        ),
        "Where are you?\nHere.",
    ),
    "substation": (
        (
            "[Script Info]\nTitle: x\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, "
            "MarginR, MarginV, Effect, Text\n"
            "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\i1}He{\\i0}re.{a note}\n"
            "Comment: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,not said\n"
            "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,Where are\\Nyou?\n"
            "Dialogue: 1,0:00:03.00,0:00:04.00,Default,,0,0,0,,Here.\n"
            "Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 0{\\p0}\n"
        ),
        "Where are you?\nHere.",
    ),
    "ttml": (
        (
            '<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><head><title>x</title></head>'
            '<body><div><p begin="00:00:01.000" end="00:00:02.000">Where\n   are<br/>'
            '<span style="i">you</span>?</p><!-- <p>no</p> -->'
            '<p begin="3s" dur="1s">Here.</p></div></body></tt>'
        ),
        "Where are you?\nHere.",
    ),
    "sami": (
        (
            "<SAMI><HEAD><STYLE><!-- P {color: red} .EN {lang: en} --></STYLE></HEAD><BODY>\n"
            "<SYNC Start=1000><P Class=EN>Where are<br>you?\n<SYNC Start=2000><P Class=EN>&nbsp;\n"
            "<SYNC Start=3000><P Class=EN>Here.\n</BODY></SAMI>"
        ),
        "Where are you?\nHere.",
    ),
    "youtube": (
        (
            '<?xml version="1.0"?><transcript><text start="1" dur="1">Where are\nyou?</text>'
            '<text start="3.0" dur="1">He&amp;#114;e.</text></transcript>'
        ),
        "Where are you?\nHere.",
    ),
    "scc": (
        (
            "Scenarist_SCC V1.0\n\n00:00:01:00\t9420 9420 9440 9440 57e8 e572 e520 6172 e580 9470 "
            "9470 79ef 75bf 942f 942f\n\n00:00:02:00\t942c 942c\n\n00:00:03:00\t9420 9420 9470 9470 "
            "c8e5 72e5 ae80 942f 942f\n"
        ),
        "Where are you?\nHere.",
    ),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_each_format_gives_its_dialogue(name, line_end):
    data, dialogue = FORMATS[name]
    sink = read_file(data.replace("\n", line_end))
    assert sink.take_documents()["text"].to_list() == [dialogue]
    assert sink.counts[f"format_{name if name in FORMATS and ' ' not in name else 'subviewer'}"]
    assert sink.take_skipped().is_empty()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"scc"}))
def test_each_format_is_known_in_every_unicode(name, encoding):
    data, dialogue = FORMATS[name]
    assert read_file(data.encode(encoding)).take_documents()["text"].to_list() == [dialogue]


LINES = {"microdvd", "mpl2", "tmplayer", "spruce"}


@pytest.mark.parametrize("name", sorted(LINES))
def test_a_line_that_is_no_cue_is_reported(name):
    data, dialogue = FORMATS[name]
    sink = read_file(data + "what is this?\n")
    assert sink.take_documents()["text"].to_list() == [dialogue]
    assert sink.counts["cues_damaged"] == 1
    assert sink.take_skipped()["reason"].to_list() == ["damaged"]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("{1}{1}25.000\n", (4.0, 8.0)),
        ("{0}{0}50\n", (2.0, 4.0)),
        ("", (4.171, 8.342)),
        ("{1}{1}25 bottles\n", (4.171, 8.342)),
    ],
)
def test_the_frame_rate_of_microdvd(first, expected):
    found, _ = cues(read_microdvd, f"{first}{{100}}{{200}}Hi.\n")
    assert found[-1] == (*expected, "Hi.")


def test_the_end_of_a_tmplayer_cue_is_unknown():
    assert cues(read_tmplayer, "0:01:02=Hi.\n")[0] == [(62.0, None, "Hi.")]


def test_fields_of_substation_are_where_the_format_line_says():
    text = "[Events]\nFormat: Text, Start, End\nDialogue: Hi,0:00:01.00,0:00:02.00\n"
    text += "Dialogue: no,x,y\nDialogue: broken\n"
    assert cues(read_substation, text) == ([(1.0, 2.0, "Hi")], ["cues_damaged"] * 2)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('begin="00:00:01.5" end="00:00:02"', (1.5, 2.0)),
        ('begin="00:00:01:12" end="00:00:02:00"', (1.5, 2.0)),
        ('begin="1.5s" end="2000ms"', (1.5, 2.0)),
        ('begin="36f" dur="12f"', (1.5, 2.0)),
        ('begin="15000t" end="20000t"', (1.5, 2.0)),
        ("begin='0.025m' dur='0.5s'", (1.5, 2.0)),
    ],
)
def test_times_of_ttml(attributes, expected):
    head = '<tt:tt xmlns:tt="x" ttp:frameRate="24" ttp:tickRate="10000"><tt:body><tt:div>'
    found, noted = cues(
        read_ttml, f"{head}<tt:p {attributes}>Hi.</tt:p></tt:div></tt:body></tt:tt>"
    )
    assert found == [(*expected, "Hi.")]
    assert noted == []


def test_times_of_ttml_count_from_those_around_them():
    text = '<tt><body begin="10s"><div begin="5s"><p>A</p><p begin="1s" end="2s">B</p></div>'
    text += '<p begin="x">C</p><p begin="1s">D</p></body></tt>'
    found, noted = cues(read_ttml, text)
    assert found == [(15.0, None, "A"), (16.0, 17.0, "B"), (11.0, None, "D")]
    assert noted == ["cues_damaged"]


def test_the_language_with_most_cues_of_sami_is_read():
    text = "<sami><body>"
    for second, word in enumerate(["one", "two", "three"], 1):
        text += f'<sync start="{second}000"><p class="encc">{word}</p>'
        text += f'<p class="krcc">{"하나" if second == 1 else "&nbsp;"}</p></sync>'
    found, noted = cues(read_sami, text)
    assert [cue[2] for cue in found] == ["one", "two", "three"]
    assert noted == ["other_languages"]
    sink = read_file(text)
    assert sink.take_skipped()["reason"].to_list() == ["other_language"]


def test_youtube_gives_milliseconds_too():
    text = '<timedtext><body><p t="1500" d="500">Hi.</p><p d="1">no</p></body></timedtext>'
    assert cues(read_youtube, text) == ([(1.5, 2.0, "Hi.")], ["cues_damaged"])


def ebu_stl(*blocks, table=b"00"):
    head = b"850STL25.01" + b"0" + table + b"09"
    data = head.ljust(1024, b" ")
    for number, (start, end, extension, comment, field) in enumerate(blocks):
        times = [*divmod(start, 25), *divmod(end, 25)]
        data += struct.pack(
            "<BHBB4B4BBBB112s", 0, number, extension, 0, 0, 0, *times[:2], 0, 0, *times[2:],
            20, 2, comment, field.ljust(112, b"\x8f"),
        )  # fmt: skip
    return data


def test_ebu_stl():
    data = ebu_stl(
        (25, 50, 0xFF, 0, b"\x03O\xc1u \x82\xc2etais-tu\x83,\x8ama s\xear ?"),
        (50, 75, 0xFF, 1, b"a comment"),
        (50, 75, 0x01, 0, b"one "),
        (50, 75, 0xFF, 0, b"block"),
    )
    data += b"\x00" * 60
    (found,) = read_ebu_stl(data, pytest.fail)
    assert list(found.starts) == [1.0, 2.0]
    assert list(found.ends) == [2.0, 3.0]
    assert in_plain(found).texts == ["Où étais-tu,\nma sŒr ?", "one block"]
    sink = read_file(data)
    frame = sink.take_documents()
    assert frame["text"].to_list() == ["Où étais-tu, ma sŒr ?\none block"]
    assert frame["encoding"].to_list() == ["iso6937"]
    damaged = read_file(data + b"cut short")
    assert damaged.take_skipped()["reason"].to_list() == ["damaged"]


def test_ebu_stl_in_cyrillic():
    data = ebu_stl((25, 50, 0xFF, 0, "Где ты?".encode("iso8859-5")), table=b"01")
    frame = read_file(data).take_documents()
    assert frame.select("text", "encoding").row(0) == ("Где ты?", "iso8859-5")


def test_scc_that_rolls_up_and_that_paints_on():
    def words(text):
        pairs = text.encode().ljust(len(text) + len(text) % 2, b"\0")
        return pairs.hex(" ", 2)

    text = f"Scenarist_SCC V1.0\n\n00:00:01:00\t9425 9425 94ad 94ad 9470 9470 {words('one')}\n"
    text += f"00:00:03:00\t94ad 94ad {words('two')} 9137 9137\n"
    text += f"00:00:05:00\t9429 9429 9470 9470 {words('cafe')} 94a1 94a1 9220 9220 {words('x')}\n"
    text += "00:00:06:00\t942c 942c\nnot a line\n"
    found, noted = cues(read_scc, text)
    assert [(math.floor(start), line) for start, _, line in found] == [
        (1, "one"),
        (3, "two♪"),
        (5, "caÁx"),
    ]
    assert noted == ["cues_damaged"]


def test_codes_of_scc_that_nothing_parts():
    codes = "9425 9425 94ad 94ad 9470 9470 6f6e 6500 9429 9429 942c 942c"
    text = "Scenarist_SCC V1.0\n\n00:00:01:00\t{}\n"
    apart, joined = (cues(read_scc, text.format(one)) for one in (codes, codes.replace(" ", "")))
    assert apart == joined
    assert [line for _, _, line in joined[0]] == ["one"]


@pytest.mark.parametrize("block_characters", [1, 7, 64, 1000])
def test_blocks_may_be_cut_anywhere(block_characters):
    readers = {"microdvd": read_microdvd, "ttml": read_ttml, "sami": read_sami}
    for name, reader in readers.items():
        whole = cues(reader, FORMATS[name][0])
        if name == "sami":  # where a block ends, the end of its last cue is not known
            whole = ([(a, c) for a, _, c in whole[0]], whole[1])
        found = cues(reader, FORMATS[name][0], block_characters)
        if name == "sami":
            found = ([(a, c) for a, _, c in found[0]], found[1])
        assert found == whole


def test_a_text_is_cut_where_a_cue_ends():
    chunks = list(cut(["ab\ncd", "e\nf", "g", "h\n"], lambda text: text.rfind("\n") + 1))
    assert "".join(chunks) == "ab\ncde\nfgh\n"
    assert all(chunk.endswith("\n") for chunk in chunks)
