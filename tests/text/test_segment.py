"""The cut against a slow, plain reference: regular expressions over the classes of characters."""

from __future__ import annotations

import re
import sys
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import batches, texts

from curate.errors import ComponentError
from curate.text import characters
from curate.text.segment import Segments, segment

WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
LETTERS = {  # one letter for each class, so that rules can be regular expressions
    characters.OTHER: "o",
    characters.SPACE: "s",
    characters.NEWLINE: "n",
    characters.LOWER: "l",
    characters.UPPER: "u",
    characters.LETTER: "x",
    characters.DIGIT: "d",
    characters.MARK: "m",
    characters.IDEOGRAPH: "I",
    characters.HIRAGANA: "H",
    characters.KATAKANA: "K",
    characters.UNSPACED: "U",
    characters.LEAD: "L",
    characters.TRAIL: "T",
    characters.STACKER: "S",
    characters.INNER_LETTER: "'",
    characters.INNER_DIGIT: ",",
    characters.FULL_STOP: ".",
    characters.TERMINAL_SPACED: "!",
    characters.TERMINAL: "|",
    characters.CLOSER: ")",
    characters.QUOTE: '"',
}
UNSPACED_KINDS = {characters.UNSPACED, characters.LEAD, characters.TRAIL}
WORD = re.compile(
    "(?:[lux][mS]*(?:'(?=[lux]))?|d[mS]*(?:[,.](?=d))?)+"
    "|I[mS]*|(?:H[mS]*)+|(?:K[mS]*)+"
    "|(?:Lm*(?:Um*)?|[UT]m*)(?:Tm*|Sm*(?:Um*)?)*"
)
TERMINALS = re.compile(r"[.!|][.!|)\"'m]*")
A_LETTER = re.compile("[luxIHKULT]")


def kinds(text: str) -> str:
    return "".join(LETTERS[int(characters.classes()[ord(char)])] for char in text)


def plain_words(text: str) -> list[str]:
    return [text[match.start() : match.end()] for match in WORD.finditer(kinds(text))]


def plain_classes(word: str) -> set[int]:
    """A stacker outside of its scripts is a mark."""
    found = {int(characters.classes()[ord(char)]) for char in word}
    if characters.STACKER in found and not found & UNSPACED_KINDS:
        found = found - {characters.STACKER} | {characters.MARK}
    return found


def plain_hash(word: str) -> int:
    state = 0x9AE16A3B2F90404F
    for char in word:
        code = ord(char)
        folded = int(characters.folding()[code]) if code < characters.FOLDED else code
        state = (state ^ folded) * 0x9E3779B97F4A7C15 % 2**64
        state ^= state >> 32
    return state


def plain_lines(text: str) -> list[list[str]]:
    """The paragraphs, each a list of its lines."""
    paragraphs: list[list[str]] = [[]]
    for line in re.split("\r\n|[\n\v\f\r\x85\u2028\u2029]", text):
        if line.strip(WHITE):
            paragraphs[-1].append(line.strip(WHITE))
        elif paragraphs[-1]:
            paragraphs.append([])
    return [lines for lines in paragraphs if lines]


def plain_sentences(line: str) -> list[str]:
    kind = kinds(line)
    found, begin, at = [], 0, 0
    while match := TERMINALS.search(kind, at):
        at = match.end()
        rest = kind[at:]
        is_strong = "|" in match.group() or not rest
        is_open = re.match("s+[^sl]|s+$", rest) is not None
        is_initial = match.group()[0] == "." and re.search(
            "(?:^|[^luxdIHKULTmS])[mS]*u[mS]*$", kind[begin : match.start()]
        )
        ends = (is_strong or is_open) and not (is_initial and rest)
        if ends and A_LETTER.search(kind, begin, at):
            found.append(line[begin:at].strip(WHITE))
            begin = at
    if A_LETTER.search(kind, begin):
        found.append(line[begin:].strip(WHITE))
    return found


def pieces(segments: Segments, kind: str, document: int = 0) -> list[str]:
    first, last = getattr(segments, f"{kind}_offsets")[document : document + 2]
    starts, ends = getattr(segments, f"{kind}_start"), getattr(segments, f"{kind}_end")
    return [bytes(segments.data[starts[i] : ends[i]]).decode() for i in range(first, last)]


@given(texts)
@example("a'b'c 1,2.3 x.1 'tis l'’été")
@example("\u0301a\u0301")
@example("a\u1039'b က္\u1039က เเก")
def test_words_and_their_hashes_are_those_of_the_plain_reference(text):
    segments = segment(pl.Series([text]))
    assert pieces(segments, "word") == plain_words(text)
    assert segments.word_hash.tolist() == [plain_hash(word) for word in plain_words(text)]
    assert segments.word_length.tolist() == [len(word) for word in plain_words(text)]
    held = [plain_classes(word) for word in plain_words(text)]
    assert segments.word_classes.tolist() == [sum(1 << kind for kind in kinds) for kinds in held]
    of_text = Counter(characters.classes()[ord(char)] for char in text)
    assert segments.class_count[0].tolist() == [of_text[kind] for kind in range(characters.CLASSES)]


@given(texts)
@example("a\r\n\r\nb\n \nc\r\rd")
def test_lines_and_paragraphs_are_those_of_the_plain_reference(text):
    segments = segment(pl.Series([text]))
    assert pieces(segments, "line") == [line for lines in plain_lines(text) for line in lines]
    found = [plain_lines(piece) for piece in pieces(segments, "paragraph")]
    assert found == [[lines] for lines in plain_lines(text)]


@given(texts)
@example("J. Smith. x. X?) 1. Go. Yes.")
@example("。。a。b!c! d.” E")
def test_sentences_are_those_of_the_plain_reference(text):
    segments = segment(pl.Series([text]))
    lines = [line for lines in plain_lines(text) for line in lines]
    assert pieces(segments, "sentence") == [s for line in lines for s in plain_sentences(line)]


@given(batches)
def test_a_document_is_cut_alike_alone_and_in_any_batch(batch):
    together = segment(pl.Series(batch, dtype=pl.String))
    for kind in ("word", "line", "paragraph", "sentence"):
        assert len(getattr(together, f"{kind}_offsets")) == len(batch) + 1
    for at, text in enumerate(batch):
        alone = segment(pl.Series([text], dtype=pl.String))
        for kind in ("word", "line", "paragraph", "sentence"):
            assert pieces(together, kind, at) == pieces(alone, kind)


@given(batches, st.integers(0, 5))
def test_sliced_and_chunked_series_are_cut_alike(batch, at):
    whole = pl.Series(batch, dtype=pl.String)
    chunked = pl.concat([whole[:at], whole[at:]], rechunk=False) if batch else whole
    sliced = pl.concat([pl.Series(["before"]), whole, pl.Series([None, "after"])])[
        1 : 1 + len(batch)
    ]
    for series in (chunked, sliced):
        one, other = segment(whole), segment(series)
        for name in Segments.__dataclass_fields__:
            assert np.array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop: the cat's 3.14 m, 1,000.5!", "Don't|stop|the|cat's|3.14|m|1,000.5"),
        ("well-known snake_case ‘quoted’ 90's", "well|known|snake|case|quoted|90|s"),
        ("C'est l’été à Paris", "C'est|l’été|à|Paris"),
        ("paral·lel col·legi", "paral·lel|col·legi"),
        ("Übergröße naïve e\u0301te\u0301", "Übergröße|naïve|e\u0301te\u0301"),
        ("Съешь ещё этих булок", "Съешь|ещё|этих|булок"),
        ("我爱北京。2024年", "我|爱|北|京|2024|年"),
        ("日本語のカメラーを買う", "日|本|語|の|カメラー|を|買|う"),
        ("안녕하세요 세계", "안녕하세요|세계"),
        ("เด็กไทยกินน้ำ", "เด็|ก|ไท|ย|กิ|น|น้ำ"),
        ("ខ្មែរ", "ខ្មែ|រ"),
        ("မြန်မာ ဗုဒ္ဓ", "မြ|န်|မာ|ဗု|ဒ္ဓ"),
        ("བོད་ཡིག", "བོད|ཡིག"),
        ("नमस्ते दुनिया", "नमस्ते|दुनिया"),
        ("می\u200cخواهم צה״ל", "می\u200cخواهم|צה״ל"),
        ("👩\u200d👩 ❤️ *** 1️⃣", "1️⃣"),
        ("\u0301\u0301", ""),
    ],
)
def test_words_by_hand(text, words):
    assert pieces(segment(pl.Series([text])), "word") == [w for w in words.split("|") if w]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", "One.|Two!|Three?|Four"),
        ("It is 3.14 e.g. now. J. Smith left.", "It is 3.14 e.g. now.|J. Smith left."),
        ('"Yes?" he said. (No.) Ok', '"Yes?" he said.|(No.)|Ok'),
        ("1. Go there.\n2. Stop", "1. Go there.|2. Stop"),
        ("Wait... what? Well… Yes", "Wait... what?|Well…|Yes"),
        ("你好。再见！好吗？「是。」对", "你好。|再见！|好吗？|「是。」|对"),
        ("वह गया। वह आया॥ ठीक", "वह गया।|वह आया॥|ठीक"),
        ("ما اسمك؟ اسمي علي", "ما اسمك؟|اسمي علي"),
        ("... !!! 123", ""),
    ],
)
def test_sentences_by_hand(text, sentences):
    found = pieces(segment(pl.Series([text])), "sentence")
    assert found == [s for s in sentences.split("|") if s]


def test_hashes_ignore_case_alone():
    words = ["Straße", "STRASSE", "straße", "İ", "ΣΑΣ", "σας", "the", "The", "éa", "ÉA"]
    hashes = segment(pl.Series([" ".join(words)])).word_hash.tolist()
    equal = {(a, b) for a in range(10) for b in range(a) if hashes[a] == hashes[b]}
    assert equal == {(2, 0), (5, 4), (7, 6), (9, 8)}


def test_the_hash_of_a_word_is_a_constant_of_the_contract():
    assert segment(pl.Series(["The"])).word_hash.tolist() == [0x7535C77B9E9B8698]


def test_no_documents_and_only_empty_ones():
    for rows in ([], [None, "", None]):
        segments = segment(pl.Series(rows, dtype=pl.String))
        assert segments.document_offsets.tolist() == [0] * (len(rows) + 1)
        assert segments.word_offsets.tolist() == [0] * (len(rows) + 1)
        assert len(segments.word_start) == len(segments.sentence_end) == 0
    assert segment(pl.Series([None])).line_offsets.tolist() == [0, 0]


def test_numbers_are_no_texts():
    with pytest.raises(ComponentError, match="column 'n' holds Int64"):
        segment(pl.Series("n", [1]))


def test_hostile_texts_are_cut_in_linear_time():
    line = "word " * 2_000_000
    letters = "a\n" * 1_000_000
    emoji, marks = "👩‍👩‍👧" * 100_000, "\u0301" * 1_000_000
    segments = segment(pl.Series([line, letters, emoji, marks, "\0" * 1_000_000]))
    assert np.diff(segments.word_offsets).tolist() == [2_000_000, 1_000_000, 0, 0, 0]
    assert np.diff(segments.line_offsets).tolist() == [1, 1_000_000, 1, 1, 1]
    assert np.diff(segments.sentence_offsets).tolist() == [1, 1_000_000, 0, 0, 0]


def test_importing_the_module_compiles_and_loads_nothing_dear():
    import subprocess

    code = (
        "import sys, curate.text.segment, curate.text.clean, curate.score.quality as q; "
        "print([m for m in ('numba', 'pyarrow', 'prefect') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
