from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile

import pytest

from curate.errors import InputError
from curate.recipe import ParallelSection
from curate.schema import PARALLEL
from curate.sources import InputFile
from curate.sources.parallel import (
    Line,
    PairSink,
    align_by_time,
    moses_name,
    read_pairs,
    synchronised,
)


def pairs(kind, files, documents=(), minimum_overlap=0.0):
    """Read files given as name → bytes; returns (pairs as a frame, skips, counts)."""
    found = {**files, **dict(documents)}

    def described(names):
        return [InputFile(n, n, n.rpartition("/")[2], len(found[n]), f"hash of {n}") for n in names]

    section = ParallelSection(kind=kind, inputs=("x",), minimum_overlap=minimum_overlap)
    sink = PairSink(kind, "input", minimum_overlap)
    read_pairs(
        described(files),
        section,
        lambda file: io.BytesIO(found[file.name]),
        sink,
        described(dict(documents)),
    )
    frame = sink.take_pairs()
    assert dict(frame.schema) == PARALLEL
    return frame, sink.take_skipped().select("reason", "detail").rows(), sink.counts


def document(*sentences):
    body = "".join(
        f'<s id="{number}">' + "".join(f"<w>{word}</w>\n" for word in text.split()) + "</s>\n"
        for number, text in enumerate(sentences, 1)
    )
    return f'<?xml version="1.0"?>\n<document id="1">{body}</document>'.encode()


def alignment(*links, source="de/2001/7/1.xml.gz", target="en/2001/7/2.xml.gz"):
    body = "".join(
        f'<link id="SL{number}" xtargets="{targets}" {more}/>\n'
        for number, (targets, more) in enumerate(links)
    )
    return (
        '<?xml version="1.0"?><!DOCTYPE cesAlign PUBLIC "x" "">\n<cesAlign version="1.0">\n'
        f'<linkGrp targType="s" fromDoc="{source}" toDoc="{target}" overlap="0.9">\n{body}'
        "</linkGrp></cesAlign>"
    ).encode()


GERMAN = document("Wo bist du ?", "Hier .", "Ich &amp; er .", "Allein .")
ENGLISH = document("Where are you ?", "Here . He too .")
LINKS = (("1;1", 'overlap="0.9"'), ("2 3;2", 'overlap="0.25" certainty="1.5"'), ("4;", ""))


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


CORPORA = {
    "a tree": {"data/xml/de/2001/7/1.xml.gz": gzip.compress(GERMAN), "data/xml/en/2001/7/2.xml": ENGLISH},
    "zips": {
        "de.zip": zipped({"OpenSubtitles/xml/de/2001/7/1.xml": GERMAN, "README": b"x"}),
        "en.zip": zipped({"OpenSubtitles/xml/en/2001/7/2.xml": ENGLISH}),
    },
}  # fmt: skip


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress])
def test_alignments_give_the_sentences_that_they_link(corpus, pack):
    frame, skips, counts = pairs(
        "alignments", {"de-en.xml": pack(alignment(*LINKS))}, CORPORA[corpus]
    )
    assert frame.drop("id", "input", "kind").rows() == [
        ("imdb:7", "de", "de/2001/7/1.xml", "1", "Wo bist du?", "en", "en/2001/7/2.xml", "1",
         "Where are you?", 0.9, None),
        ("imdb:7", "de", "de/2001/7/1.xml", "2 3", "Hier. Ich & er.", "en", "en/2001/7/2.xml", "2",
         "Here. He too.", 0.25, 1.5),
    ]  # fmt: skip
    assert skips == []
    assert counts == {"pairs": 2, "empty": 1}
    assert frame["id"].is_unique().all()


def test_pairs_that_overlap_too_little_are_counted_only():
    data = {"de-en.xml": alignment(*LINKS)}
    frame, _, counts = pairs("alignments", data, CORPORA["a tree"], minimum_overlap=0.5)
    assert frame["overlap"].to_list() == [0.9]
    assert counts == {"pairs": 1, "empty": 1, "below_minimum_overlap": 1}


def test_what_an_alignment_names_and_nobody_has_is_skipped():
    data = alignment(("1;1", ""), ("9;1", ""), ("2;2", 'overlap="x"'))
    data = data.replace(b"</cesAlign>", alignment(("1;1", ""), target="en/2001/7/3.xml")[60:])
    frame, skips, counts = pairs("alignments", {"a.xml": data}, CORPORA["a tree"])
    assert frame["text_a"].to_list() == ["Wo bist du?", "Hier."]
    assert frame["overlap"].to_list() == [None, None]
    assert skips == [
        ("missing", "de/2001/7/1.xml.gz: there is no sentence 9"),
        ("missing", "en/2001/7/3.xml: there is no such document"),
    ]
    assert counts["links_without_documents"] == 1


def test_a_damaged_document_gives_the_sentences_that_it_has():
    documents = {
        "xml/de/2001/7/1.xml": GERMAN.replace(b"<w>Hier</w>", b"<w>Hier</"),
        **CORPORA["zips"],
    }
    frame, skips, _ = pairs("alignments", {"a.xml": alignment(("1;1", ""), ("2;2", ""))}, documents)
    assert frame["text_a"].to_list() == ["Wo bist du?"]
    assert [reason for reason, _ in skips] == ["damaged", "missing"]


def test_what_is_no_alignment_is_an_error():
    with pytest.raises(InputError, match="cesAlign"):
        pairs("alignments", {"a.xml": b"<document/>"}, {})
    with pytest.raises(InputError, match="zip of documents"):
        pairs("alignments", {"a.xml": alignment(*LINKS)}, {"de.zip": b"PK\x03\x04"})


MOSES = {
    "corpus.de-en.de": "Guten Tag.\n\nJa\u2028.\n".encode(),
    "corpus.de-en.en": b"Hello.\nx\nYes.\n",
}


@pytest.mark.parametrize(
    "files",
    [
        MOSES,
        {f"{name}.gz": gzip.compress(data) for name, data in MOSES.items()},
        {"de-en.txt.zip": zipped({**MOSES, "corpus.de-en.ids": b"x", "README": b"", "LICENSE": b""})},
    ],
)  # fmt: skip
def test_moses_files_pair_line_by_line(files):
    frame, skips, counts = pairs("moses", files)
    assert frame.select("language_a", "source_id_a", "sentences_a", "text_a", "text_b").rows() == [
        ("de", "corpus.de-en.de", "1", "Guten Tag.", "Hello."),
        ("de", "corpus.de-en.de", "3", "Ja .", "Yes."),
    ]
    assert skips == []
    assert counts == {"pairs": 2, "empty": 1}


def test_moses_files_of_unequal_length_are_damaged():
    frame, skips, _ = pairs("moses", {**MOSES, "corpus.de-en.en": b"Hello.\n"})
    assert frame.height == 1
    assert skips == [("damaged", "corpus.de-en: en ends before line 2, the other goes on")]


def test_a_moses_file_alone_is_not_parallel():
    assert pairs("moses", {"corpus.de-en.de": b"x\n"})[1] == [
        ("not_parallel", "corpus.de-en: it has 1 file(s), not two")
    ]
    cut = {**MOSES, "corpus.de-en.en": gzip.compress(b"Hello.\n" * 3000)[:-20]}
    assert [reason for reason, _ in pairs("moses", cut)[1]] == ["damaged"]


@pytest.mark.parametrize("name", ["README", "a/LICENSE", "x.ids", "de-en.xml", "plain"])
def test_what_is_no_moses_file(name):
    assert moses_name(name) is None


def srt(*cues):
    def clock(seconds):
        return f"00:00:{int(seconds):02},{round(seconds % 1 * 1000):03}"

    blocks = [
        f"{number}\n{clock(start)} --> {clock(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(cues, 1)
    ]
    return "\n".join(blocks).encode()


def test_films_in_two_languages_are_paired_by_time():
    files = {
        "films/alien.en.srt": srt(
            (1, 2, "Where are you?"), (3, 5, "Here."), (6, 8, "Only I."), (9, 10, "[noise]")
        ),
        "films/alien.de.srt": srt((1.1, 2.1, "Wo bist du?"), (3, 4, "Hier."), (4, 5, "Ja.")),
        "films/alien.fr.srt": srt((30, 31, "Rien.")),
    }
    frame, skips, counts = pairs("times", files)
    assert frame.select("language_a", "sentences_a", "text_a", "language_b", "text_b").rows() == [
        ("de", "1", "Wo bist du?", "en", "Where are you?"),
        ("de", "2 3", "Hier. Ja.", "en", "Here."),
    ]
    assert frame["overlap"].to_list() == [0.818182, 1.0]
    assert skips == []
    assert counts == {"pairs": 2}


def test_a_film_in_one_language_is_not_parallel():
    files = {"alien.en.srt": srt((1, 2, "a")), "other.srt": srt((1, 2, "a")), "a.de.srt": b"prose"}
    assert [reason for reason, _ in pairs("times", files)[1]] == [
        "not_subtitles",
        "not_parallel",
        "not_parallel",
    ]


@pytest.mark.parametrize(
    ("one", "other", "beads"),
    [
        ([(0, 1), (2, 3)], [(0, 1), (2, 3)], [((0,), (0,), 1.0), ((1,), (1,), 1.0)]),
        ([(0, 3)], [(0, 1), (1, 2), (2, 3)], [((0,), (0, 1, 2), 1.0)]),
        ([(0, 1), (5, 6)], [(5, 6)], [((1,), (0,), 1.0)]),
        ([(0, 1)], [(0.9, 1.9)], []),
        ([], [(0, 1)], []),
    ],
)
def test_lines_are_aligned_by_time(one, other, beads):
    sides = [[Line(*times, "x") for times in some] for some in (one, other)]
    found = align_by_time(*sides)
    assert [(tuple(a), tuple(b), overlap) for a, b, overlap in found] == beads


@pytest.mark.parametrize("scale", [1.0, 25 / (24000 / 1001)])
@pytest.mark.parametrize("offset", [0.0, -12.5, 90.0])
def test_films_of_other_rates_and_offsets_are_synchronised(scale, offset):
    dice = random.Random(7)
    at, lines = 100.0, []
    for _ in range(400):
        length = dice.uniform(1, 5)
        lines.append(Line(at, at + length, "x"))
        at += length + dice.uniform(0.1, 12)
    moved = [Line(a * scale + offset, b * scale + offset, text) for a, b, text in lines]
    found = synchronised(lines, moved)
    assert all(abs(a.start - b.start) < 0.3 for a, b in zip(lines, found, strict=True))
    assert synchronised(lines, []) == []
    assert synchronised([], lines) == lines


@pytest.fixture
def corpus(shared_data):
    with tarfile.open(shared_data / "subtitles" / "opus-opensubtitles.tar.gz") as packed:
        return {
            member.name.removeprefix("./"): packed.extractfile(member).read()
            for member in packed
            if member.isfile()
        }


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "links"),
    [("xml/en-et/2001/209475/54828-3123721.xml", 1_000), ("xml/de-en/shrek3.cog.best.xml", 1_000)],
)
def test_real_alignments_find_all_their_sentences(corpus, name, links):
    documents = {n: data for n, data in corpus.items() if ".xml" in n and "-" not in n}
    frame, skips, _ = pairs("alignments", {name: corpus[name]}, documents)
    assert skips == []
    assert frame.height > links
    linked = corpus[name].count(b";") - corpus[name].count(b';"') - corpus[name].count(b'";')
    assert frame.height == linked
    assert (frame["overlap"] > 0.5).mean() > 0.7


@pytest.mark.shared
def test_times_pair_a_real_film_as_its_alignment_does(corpus):
    files = {f"shrek3.{code}.srt": corpus[f"srt/{code}/shrek3.srt"] for code in ("de", "en", "sv")}
    frame, _, counts = pairs("times", files)
    assert counts["pairs"] > 1200
    assert frame["overlap"].mean() > 0.6
