"""OPUS XML: sentences with their times, of tokenised and of raw (untokenised) files.

The XML is not parsed into elements: one film has a tag per word, and the corpus thousands of
millions. Regular expressions cut and clean whole blocks in C, so that Python touches sentences,
not words. Nothing is looked up, so no entity that a file declares is ever expanded; a damaged
sentence is left out, and reading goes on with the next.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from curate.sources.cues import BREAK, UNSPACED, Cues, decode_entities, in_plain, spaces

MAXIMUM_SENTENCE_CHARACTERS = 1 << 22  # what a file without </s> may hold in memory
JOINT = "\x05"  # between two tokens; XML can hold none of these characters
_AT, _BEGIN, _END = "\x02", "\x03", "\x04"  # around a time, before and after a sentence
_NAME = "\x06"  # after a sentence's id
_ID = re.compile(r"""\sid=["']([^"'<>]*)["']""")
_MARKS = (JOINT, _AT, _BEGIN, _END, _NAME)

_ATTRIBUTES = r"""(?=[\s/>])[^<>"']*(?:(?:"[^"<]*"|'[^'<]*')[^<>"']*)*"""
_SENTENCE = re.compile(rf"<s{_ATTRIBUTES}(?<!/)>")
_NEXT_WORD = re.compile(rf"</w>\s*<w{_ATTRIBUTES}>")
_WORD = re.compile(rf"<w{_ATTRIBUTES}>")
_TAG = re.compile(rf"</?[A-Za-z_][\w:.-]*{_ATTRIBUTES}>")
_TIME = re.compile(r"<time(\s[^<>]*)>")
_STAMP = re.compile(r"""\svalue=["'](\d{1,3}):(\d{1,2}):(\d{1,2}(?:[,.]\d{1,9})?)["']""")
_ENDS = re.compile(r"""\sid=["'][^"'<>]*E["']""")
_ASIDES = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">"))

_PAIRS = ('""', "“”", "„“", "„”", "«»", "»«", "‘’", "\u201a‘")
_ATTACHED = (
    rf"{JOINT}(?:"  # what a token loses its joint for; the literal goes first for speed
    r"(?=n['’]t\b)|(?=-\w)(?<=\w.)"  # do n't, vont -ils
    rf"|(?=[,.!?;:%…)\]}}”»’、。\uff01\uff1f]+(?:{JOINT}|[\"'”»’]|$))"
    r"|(?<=[(\[{¿¡“„«‘].)|(?=[\"']$)"  # and the end of a quotation that began before
)
_JOINED = re.compile(rf"{_ATTACHED})", re.IGNORECASE | re.MULTILINE)
_JOINED_CLITICS = re.compile(
    rf"{_ATTACHED}|(?=['’](?:s|t|m|re|ve|d|ll|am)\b)|(?='(?:{JOINT}|$))(?<=\win.))",
    re.IGNORECASE | re.MULTILINE,
)
_OPENING = (  # a sentence that goes on, or a quotation that goes on in the next
    (re.compile(rf"\.\.\.{JOINT}(?=\w)(?:(?<=^....)|(?<=\.\.\.{JOINT}....))", re.MULTILINE), "..."),
    (re.compile(rf"\"{JOINT}(?:(?<=^..)|(?<=[,:]{JOINT}..))", re.MULTILINE), '"'),
)
_INFLECTED = re.compile(rf"(?<=\w){JOINT}(['’]){JOINT}(?=\w)")
_ELIDED = re.compile(
    r"\b([cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu|un|all|dell|nell|sull|dall|quell)"
    rf"{JOINT}?(['’]){JOINT}(?=\w)",
    re.IGNORECASE,
)
_ELIDING = {"fr", "it", "ca", "oc", ""}  # write l'homme, all'alba
_INFLECTING = {"et", "fi", "tr", "az"}  # write Steve'il, Ankara'da
_PROCLITIC = {"nl", "af"}  # write 's avonds, in 't huis
_WIDE_MARKS = "\u3001-\u3011\uff01-\uff1f"  # punctuation that brings its own space
_UNSPACED_JOINT = re.compile(
    rf"{JOINT}(?:(?<=[{UNSPACED}].)(?=[{UNSPACED}“”‘’])|(?<=[{UNSPACED}“”‘’].)(?=[{UNSPACED}])"
    rf"|(?<=[{_WIDE_MARKS}].)|(?=[{_WIDE_MARKS}]))"
)


def read_sentences(
    blocks: Iterable[str], *, root: str, language: str, note: Callable[[str, int], None]
) -> Iterator[Cues]:
    """The sentences of a file, in its order; only text inside `<s>` is dialogue.

    Args:
        blocks: the file's text, cut anywhere.
        root: name of the root element.
        language: as the OPUS path spells it (`pt_br`); empty where unknown.
        note: is called with `cues_damaged` or `files_cut_short` and the line (from 1).
    """
    end = ""
    end_line: Callable[[], int] = lambda: 1  # noqa: E731
    for chunk, line in _chunks(blocks, note):
        if chunk.endswith("</s>"):
            yield from _sentences(chunk, line, language, note)
        else:
            end, end_line = chunk, line
    if _SENTENCE.search(end):
        note("cues_damaged", end_line())
    if f"</{root}" not in end:
        note("files_cut_short", end_line() + end.count("\n"))


def _chunks(
    blocks: Iterable[str], note: Callable[[str, int], None]
) -> Iterator[tuple[str, Callable[[], int]]]:
    """A file's text in parts that end with a sentence, then the rest.

    With each comes what gives its first line, until the next is asked for: most need none.
    """
    buffer, line, before = "", 1, ""

    def first_line() -> int:
        return line + before.count("\n")

    for block in blocks:
        buffer, whole = _without_asides(buffer + block)
        cut = buffer.rfind("</s>", 0, whole) + len("</s>")
        if cut >= len("</s>"):
            chunk, buffer = buffer[:cut], buffer[cut:]
            yield chunk, first_line
            line, before = first_line(), chunk
        elif len(buffer) > MAXIMUM_SENTENCE_CHARACTERS:
            note("cues_damaged", first_line())
            line, before = first_line(), buffer
            buffer = ""
    yield buffer, first_line


def read_named_sentences(
    blocks: Iterable[str], *, language: str, note: Callable[[str, int], None]
) -> Iterator[tuple[str, str]]:
    """(id, text without markup) of the sentences of a file, in its order.

    Args:
        blocks: the file's text, cut anywhere.
        language: as the OPUS path spells it; empty where unknown.
        note: is called with `cues_damaged` and the line.
    """
    for chunk, line in _chunks(blocks, note):
        names: list[str] = []
        for cues in _sentences(chunk, line, language, note, names):
            yield from zip(names, in_plain(cues).texts, strict=True)


def without_asides(text: str) -> str:
    """XML text without its comments, instructions and declarations, CDATA as escaped text.

    Line ends stay. What the text's end cuts off is left as it is.
    """
    return _without_asides(text)[0]


def _without_asides(text: str) -> tuple[str, int]:
    """Text `without_asides`, and its length up to the one that its end cuts off."""
    kept: list[str] = []
    begin = 0
    marks = {mark: _find_aside(text, mark, 0) for mark in "!?"}
    while (start := min(marks.values())) < len(text):
        opening, closing = next(pair for pair in _ASIDES if text.startswith(pair[0], start))
        subset = text.find("[", start) if text.startswith("<!DOCTYPE", start) else -1
        if 0 <= subset < text.find(">", start):
            closing = "]>"
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        aside = text[start + len(opening) : end]
        is_text = opening == "<![CDATA["
        kept += text[begin:start], html.escape(aside) if is_text else "\n" * aside.count("\n")
        begin = end + len(closing)
        for mark, at in marks.items():
            marks[mark] = _find_aside(text, mark, begin) if at < begin else at
    whole = sum(map(len, kept)) + start - begin
    return "".join([*kept, text[begin:]]) if kept else text, whole


def detokenise(text: str, language: str, *, unspaced: bool = True) -> str:
    """Lines of tokens with `JOINT` between them → lines as they are written.

    Args:
        text: the lines.
        language: ISO 639-1; empty where unknown.
        unspaced: whether scripts without spaces may be among them.

    >>> detokenise(JOINT.join(["It", "'s", "“", "him", "”", ",", "isn", "'t", "it", "?"]), "en")
    "It's “him”, isn't it?"
    """
    text = text.replace(f" {JOINT}", JOINT)
    if unspaced and not text.isascii():
        text = _UNSPACED_JOINT.sub("", text)
    for opening, closing in map(tuple, _PAIRS):
        if opening in text:
            pair = rf"{opening}{JOINT}([^{opening}{closing}\n]*){JOINT}{closing}"
            text = re.sub(pair, rf"{opening}\1{closing}", text)
    language = language.partition("_")[0]
    if language in _ELIDING:
        text = _elided(text)
    if language in _INFLECTING:
        text = _INFLECTED.sub(r"\1", text)
    for pattern, replacement in _OPENING:
        text = pattern.sub(replacement, text)
    text = (_JOINED if language in _PROCLITIC else _JOINED_CLITICS).sub("", text)
    return text.replace(JOINT, " ")


def _elided(text: str) -> str:
    """Lines of tokens with those joined whose vowel an apostrophe stands for."""
    lines = set()  # begin and end of those that may have any
    for mark in "'’":
        at = text.find(mark + JOINT)
        while at >= 0:
            end = text.find("\n", at)
            end = end if end >= 0 else len(text)
            lines.add((text.rfind("\n", 0, at) + 1, end))
            at = text.find(mark + JOINT, end)
    parts: list[str] = []
    done = 0
    for begin, end in sorted(lines):
        parts += text[done:begin], _ELIDED.sub(r"\1\2", text[begin:end])
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def _find_aside(text: str, mark: str, begin: int) -> int:
    """Where the next `<` with such a mark after it is, from a place on; the text's length for nowhere."""
    at = text.find(mark, begin + 1)  # rarer than the two together, which are searched slowly
    while at > 0 and text[at - 1] != "<":
        at = text.find(mark, at + 1)
    return at - 1 if at > 0 else len(text)


def _sentences(
    chunk: str,
    line: Callable[[], int],
    language: str,
    note: Callable[[str, int], None],
    names: list[str] | None = None,
) -> Iterator[Cues]:
    """The sentences of a chunk that ends in `</s>`; `line` gives the line of its beginning.

    Where `names` is given, the id of each sentence goes there.
    """
    from curate.sources import cue_scan, opus_scan

    texts, times, tags = opus_scan.sentences(cue_scan.codes_of(chunk), spaces())
    if not len(tags):
        yield from sentences_by_rules(chunk, line, language, note, names)
        return
    if names is not None:
        ids = [_ID.search(chunk, begin, end) for begin, end in tags.tolist()]
        names += [found[1] if found else "" for found in ids]
    starts, ends = times.T.tolist()
    length, unspaced = opus_scan.loosen(texts, _kinds())
    text = detokenise(cue_scan.text_of(texts[:length]), language, unspaced=unspaced)
    yield Cues(starts, ends, text.replace("\n", BREAK))


@cache
def _kinds() -> NDArray[np.uint16]:
    """uint16[KINDS]: characters of words with spaces between, of other scripts, marks after words."""
    from curate.sources import cue_scan

    return cue_scan.kinds_of(
        [rf"(?![{UNSPACED}])\w", f"[{UNSPACED}{_WIDE_MARKS}]", r"[,.!?;:%…)\]}]"]
    )


def sentences_by_rules(
    chunk: str,
    line: Callable[[], int],
    language: str,
    note: Callable[[str, int], None],
    names: list[str] | None = None,
) -> Iterator[Cues]:
    """`_sentences` of any chunk, however it is written."""
    marked = chunk
    for mark in _MARKS:
        marked = marked.replace(mark, " ")
    marked = _NEXT_WORD.sub(JOINT, marked).replace("</s>", _END)
    parts = _TIME.split(marked)
    parts[1::2] = [f"{_AT}{time}{_AT}" for time in parts[1::2]]
    begin = _BEGIN if names is None else _named
    marked = _SENTENCE.sub(begin, _WORD.sub(JOINT, "".join(parts)))
    times: list[tuple[float, float]] = []
    texts: list[str] = []
    damaged: list[int] = []
    for number, piece in enumerate(_TAG.sub("", marked).split(_END)[:-1]):
        _, *sentences = piece.split(_BEGIN)
        if len(sentences) != 1 or "<" in sentences[-1]:
            damaged.append(number)
        if not sentences or "<" in sentences[-1]:
            continue
        sentence = sentences[-1]
        if names is not None:
            name, _, sentence = sentence.partition(_NAME)
            names.append(name)
        spans = sentence.split(_AT)  # of text and, between them, of times
        text = "".join(spans[::2])
        text = decode_entities(text) if "&" in text else text
        texts.append(" ".join(text.split()).removeprefix(JOINT))
        first, last = (spans[1], spans[-2]) if len(spans) > 1 else ("", "")
        times.append((math.nan if _ENDS.search(first) else _seconds(first), _seconds(last)))
    if damaged:
        lines = list(accumulate((p.count("\n") for p in chunk.split("</s>")), initial=line()))
        for number in damaged:
            note("cues_damaged", lines[number + 1])
    if not texts:
        return
    yield Cues(
        [start for start, _ in times],
        [end for _, end in times],
        detokenise("\n".join(texts), language).replace("\n", BREAK),
    )


def _named(tag: re.Match[str]) -> str:
    """The mark of a sentence's beginning, with its id."""
    found = _ID.search(tag[0])
    return f"{_BEGIN}{found[1] if found else ''}{_NAME}"


def _seconds(attributes: str) -> float:
    """Seconds of the attributes ` id="T1S" value="00:01:11,240"`."""
    stamp = _STAMP.search(attributes)
    if stamp is None:
        return math.nan
    return int(stamp[1]) * 3600 + int(stamp[2]) * 60 + float(stamp[3].replace(",", "."))
