"""Mutated subtitle files: every one is read, or refused in one sentence, in bounded time."""

from __future__ import annotations

import io
import random
import zipfile

import pytest
from test_cues import FORMATS, ebu_stl
from test_subtitles import opus, srt

from curate.errors import InputError
from curate.recipe import SubtitlesSection
from curate.sources import InputFile, Sink
from curate.sources.subtitles import read

SEEDS = [data.encode() for data, _ in FORMATS.values()]
SEEDS += [srt("Hello.", "<i>You\nthere</i>", "- a\n- b").encode(), opus("One .", "Two .").encode()]
SEEDS += [b"WEBVTT\n\nSTYLE\nx\n\n" + srt("Hello.").encode(), ebu_stl((25, 50, 0xFF, 0, b"Hi."))]
SEEDS += [
    "1\n00:00:01,000 --> 00:00:02,000\nГде ты?\n".encode(codec) for codec in ("cp1251", "utf-16")
]
PIECES = [
    b"-->", b"<", b">", b"{", b"}", b"{\\p1}", b"&#", b"&amp;", b"<!--", b"<![CDATA[", b"</s>", b"\0",
    b"\xff\xfe", b"\r", b"\n\n", b"99999999999", b":", b"<SYNC Start=", b'<p begin="', b"|", b"/",
    b"[", b"(" * 50, b"\x8f", b"\x1f\x8b", b"Dialogue: ", b"\xe2\x99\xaa", b"- ", b"JOHN: ",
]  # fmt: skip


def mutated(dice):
    """A damaged file, and how long it is unpacked."""
    data = bytearray(dice.choice(SEEDS))
    for _ in range(dice.randint(1, 6)):
        at, to = sorted(dice.choices(range(len(data) + 1), k=2))
        match dice.randrange(6):
            case 0:
                data[at:at] = dice.choice(PIECES) * dice.choice([1, 1, 2, 500])
            case 1:
                del data[at : min(to, at + 40)]
            case 2:
                data[at:at] = data[at : min(to, at + 200)] * dice.choice([1, 3])
            case 3:
                data[at:at] = dice.randbytes(dice.randint(1, 8))
            case 4:
                data[at:at] = dice.choice(SEEDS)[:200]
            case _:
                del data[to:]
    length = len(data)
    if dice.random() < 0.1:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.srt", bytes(data))
        data = bytearray(stream.getvalue())
        if dice.random() < 0.5:
            data[dice.randrange(len(data))] ^= 0xFF
    return bytes(data), max(length, len(data))


def read_mutated(seeds):
    section = SubtitlesSection(kind="subtitles", inputs=("x",))
    outcomes = set()
    for seed in seeds:
        data, length = mutated(random.Random(seed))
        sink = Sink("subtitles", "", "")
        try:
            read(io.BytesIO(data), InputFile("", "x", "x", len(data), ""), section, sink)
        except InputError:
            outcomes.add("refused")
            continue
        documents, skipped = sink.take_documents(), sink.take_skipped()
        assert documents.height or skipped.height, seed
        assert documents["text"].str.len_chars().sum() <= 4 * length + 100, seed
        assert not any(mark in text for text in documents["text"] for mark in "\0\x01\x02"), seed
        outcomes.add("read" if documents.height else "skipped")
    assert outcomes == {"read", "refused", "skipped"}


def test_a_few_hundred_mutated_files():
    read_mutated(range(500))


@pytest.mark.nightly
@pytest.mark.parametrize("tenth", range(10))
def test_ten_thousand_mutated_files(tenth):
    read_mutated(range(1000 + tenth * 1000, 2000 + tenth * 1000))
