"""Cuts a batch of texts once into arrays that every signal reads: the contract of what a word is.

Positions are byte offsets into `Segments.data`, the UTF-8 bytes of the whole batch; `end` is
exclusive. The pieces of document `i` are `x[x_offsets[i] : x_offsets[i + 1]]`. Character classes
are those of `curate.text.characters` (Unicode 14).

**Word.** A maximal run of letters and numbers of any script, with the combining marks, joiners and
soft hyphens that follow them. An apostrophe (typewriter or typographic), middle dot, geresh or
gershayim stays inside between two letters, a full stop or comma between two digits: `don't`,
`l'été`, `3.14`; hyphens and underscores part. Scripts written without spaces are cut without a
dictionary:

- Han, Yi, Tangut, Nushu and Khitan: each ideograph is a word;
- kana: a run of hiragana is a word, and so is a run of katakana;
- Thai, Lao, Khmer, Burmese, Tai, Ahom, Javanese and Balinese: each base letter with its marks is a
  word, together with a vowel written before it (เ แ โ ใ ไ) or a vowel letter after it (ะ า ำ), and
  with the letter stacked below it (Khmer coeng, Burmese virama);
- Tibetan is parted at its tsheg, which is punctuation, so that a syllable is a word.

With `words = "icu"`, Han, kana, Thai, Lao, Khmer and Burmese are cut by dictionary instead; see
`curate.text.dictionary`.

A mark with nothing before it starts no word; emoji, symbols and punctuation are no words.

**Line.** What stands between line breaks (LF, CR, CRLF, VT, FF, NEL, LS, PS), without white space at
its ends; a line of white space alone is none.

**Paragraph.** A maximal run of lines without a blank line between them, from the first one's start
to the last one's end.

**Sentence.** A part of a line with at least one letter, without white space at its ends. It ends at
the line's end; after a terminal mark of another script (。 । ؟ …, see `TERMINAL`); and after
`. ! ? …` when white space follows and then no lower-case letter. Further marks, closing quotation
marks and brackets belong to the sentence they end. A full stop after a single capital letter (an
initial) or before which the sentence has no letter (a list's number) ends none.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.errors import ComponentError

Words = Literal["rules", "icu"]


@dataclass(frozen=True, eq=False)
class Segments:
    """A batch of texts in pieces; all positions are bytes into `data`.

    Attributes:
        data: uint8[bytes]: the UTF-8 bytes of all texts, one after the other; read-only.
        document_offsets: int64[documents + 1]: where each text begins, and where the last ends.
        word_start: int64[words].
        word_end: int64[words].
        word_hash: uint64[words]: of the word's simple case folding; equal for equal folded words,
            and the same in every batch, process and machine.
        word_length: int32[words]: in characters, which are Unicode code points.
        word_classes: uint32[words]: bit `c` is set when the word has a character of class `c` of
            `curate.text.characters`; a stacker outside of its scripts counts as a mark.
        word_offsets: int64[documents + 1]: into the five arrays above.
        class_count: int64[documents, 22]: the text's characters of each class.
        line_start: int64[lines].
        line_end: int64[lines].
        line_offsets: int64[documents + 1].
        paragraph_start: int64[paragraphs].
        paragraph_end: int64[paragraphs].
        paragraph_offsets: int64[documents + 1].
        sentence_start: int64[sentences].
        sentence_end: int64[sentences].
        sentence_offsets: int64[documents + 1].
    """

    data: NDArray[np.uint8]
    document_offsets: NDArray[np.int64]
    word_start: NDArray[np.int64]
    word_end: NDArray[np.int64]
    word_hash: NDArray[np.uint64]
    word_length: NDArray[np.int32]
    word_classes: NDArray[np.uint32]
    word_offsets: NDArray[np.int64]
    class_count: NDArray[np.int64]
    line_start: NDArray[np.int64]
    line_end: NDArray[np.int64]
    line_offsets: NDArray[np.int64]
    paragraph_start: NDArray[np.int64]
    paragraph_end: NDArray[np.int64]
    paragraph_offsets: NDArray[np.int64]
    sentence_start: NDArray[np.int64]
    sentence_end: NDArray[np.int64]
    sentence_offsets: NDArray[np.int64]


class _Latest(threading.local):
    """The batch that this thread cut last: several scorers read one batch in a row."""

    text: pl.Series | None = None
    words: str = ""
    segments: Segments | None = None


_latest = _Latest()


def segment(text: pl.Series, words: Words = "rules") -> Segments:
    """Cut a batch of texts; the same batch again is not cut again.

    Args:
        text: strings; null is an empty document.
        words: how scripts without spaces are cut: by the rules above, or by ICU's dictionaries.

    Returns:
        the pieces, with as many documents as `text` has rows.

    Raises:
        ComponentError: `text` does not hold strings, or the extra `icu` is not installed.
    """
    from curate.text import characters, cut  # numba takes half a second to import

    if _latest.segments is not None and _latest.text is not None:
        is_same = _latest.words == words and text.dtype == _latest.text.dtype
        if is_same and text.equals(_latest.text):
            return _latest.segments
        _latest.text = _latest.segments = None  # gone before the next ones come
    data, offsets = buffers(text)
    tables = characters.classes(), characters.folding()
    found_words = cut.words(data, offsets, *tables)
    if words == "icu":
        from curate.text.dictionary import cut_again

        found_words = cut_again(data, found_words, tables)
    lines = cut.lines(data, offsets, tables[0])
    sentences = cut.sentences(data, lines[0], lines[1], lines[2], tables[0])
    found = Segments(data, offsets, *found_words, *lines, *sentences)
    _latest.text, _latest.words, _latest.segments = text, words, found
    return found


def buffers(text: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The UTF-8 bytes of a batch, and where each text begins and the last ends; null is empty.

    Raises:
        ComponentError: `text` does not hold strings.
    """
    if text.dtype not in (pl.String, pl.Null):
        raise ComponentError("texts are strings", f"column {text.name!r} holds {text.dtype}")
    strings = text.cast(pl.String)
    if strings.null_count():  # to fill nothing costs five times a text that is alone
        strings = strings.fill_null("")
    array = strings.to_arrow(compat_level=pl.CompatLevel.oldest())
    if len(array) == 0:
        return np.frombuffer(b"", np.uint8), np.zeros(1, np.int64)
    _, raw_offsets, raw_data = array.buffers()
    offsets = np.frombuffer(raw_offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(raw_data or b"", np.uint8)  # read-only always: one type to compile for
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]
