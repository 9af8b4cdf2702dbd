"""Golden documents: for each rule of each preset, values and verdicts worked out by hand.

A text is made of words of two letters that all differ, so that its value can be read off the call
that makes it: a block of n words that stands k times, so many words in all, so many characters.
For each limit there is a document at it, one just inside and one just outside, in several scripts.
Han and Thai are written without spaces: an ideograph is a word, and a consonant with its vowel.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import polars as pl
import pytest

from curate import presets
from curate.decide import compile_rules, judge
from curate.recipe import CleanSection, make_recipe
from curate.schema import conform
from curate.score.cleaning import score_cleaning
from curate.score.quality import score_quality
from curate.score.stopwords import score_fineweb2_stopwords
from curate.text.clean import clean

HAN = "".join(chr(0x4E00 + place) for place in range(1500))
THAI = "กขคงจชซญดตถทธนบปผพภมยรลวศสหอฮ"
THAI_VOWELS = "าิีึืุูะัํ"
SCRIPTS = {
    "Latin": "abcdefghijklmnopqrstuvwxyz",
    "Cyrillic": "абвгдежзийклмнопрстуфхцчшщъы",
    "Arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهو",
    "Devanagari": "कखगघचछजझटठडढणतथदधनपफबभमयरलवशह",
    "Hiragana": "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほ",
    "Katakana": "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホ",
    "Greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "Hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "Bengali": "কখগঘচছজঝটঠডঢণতথদধনপফবভমযরলশষসহ",
    "Hangul": "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허",
    "Han": HAN,
    "Thai": THAI,
}
Make = Callable[[str], str]
Golden = tuple[Make, float, bool]  # the text in a script, its value, whether it is removed


def word(letters: str, place: int) -> str:
    """The words of two letters (in Han of one), one after the other."""
    if letters == HAN:
        return letters[place]
    ends = THAI_VOWELS if letters == THAI else letters
    return letters[place // len(ends)] + ends[place % len(ends)]


def joined(letters: str, words: list[str]) -> str:
    """The words as the script writes them: with spaces, or without."""
    return ("" if letters in (HAN, THAI) else " ").join(words)


def some(letters: str, count: int) -> str:
    """So many words, all alike."""
    return joined(letters, [word(letters, 1)] * count)


def repeating(block: int, times: int, words: int, characters: int = 0) -> Make:
    """So many words; the first `block` stand `times` times, all the others differ."""

    def make(letters: str) -> str:
        others = iter(range(block, words))
        found: list[str] = []
        for _ in range(times):
            found += [word(letters, i) for i in range(block)]
            found.append(word(letters, next(others)))
        while len(found) < words:
            found.append(word(letters, next(others)))
        text = joined(letters, found[:words])
        return text + "!" * (characters - len(text))

    return make


def lines(same: int, count: int, parted: str = "\n") -> Make:
    """So many lines of one length, of which so many are one and the same."""

    def make(letters: str) -> str:
        places = [max(place - same + 1, 0) for place in range(count)]
        pairs = [word(letters, place // 200) + word(letters, place % 200) for place in places]
        return parted.join(pair * 10 for pair in pairs)

    return make


def ended(with_mark: int, count: int, mark: str, *, front: bool = False, length: int = 40) -> Make:
    """So many lines, of which so many end in (begin with) a mark."""

    def make(letters: str) -> str:
        body = letters[1] * length
        marked = mark + body if front else body + mark
        return "\n".join([marked] * with_mark + [body] * (count - with_mark))

    return make


def mixed(*parts: tuple[int, str]) -> Make:
    """Runs of characters: `x` stands for a letter of the script, `~` for a space within."""

    def make(letters: str) -> str:
        runs = [run.replace("x", letters[1]) for times, run in parts for _ in range(times)]
        return " ".join(runs).replace("~", " ")

    return make


def top(n: int, times: int, words: int) -> list[Golden]:
    """2n letters, `times` times, of 2 × words letters."""
    at = n * times
    return [
        (repeating(n, times, words), at / words, False),
        (repeating(n, times, words + 1), at / (words + 1), False),
        (repeating(n, times, words - 1), at / (words - 1), True),
    ]


def top_of_text(n: int, times: int, words: int, characters: int, length: int = 2) -> list[Golden]:
    """The letters of n words and n - 1 spaces between, `times` times, of so many characters."""
    part = times * (n * length + n - 1)
    return [
        (repeating(n, times, words, c), part / c, c < characters)
        for c in (characters, characters + 1, characters - 1)
    ]


def covered(block: int, times: int, words: int) -> list[Golden]:
    """The words of a block, each time it stands there, of all words; all have two letters."""
    return top(block, times, words)


def greedy(n: int, later: int, words: int, characters: int, length: int = 2) -> list[Golden]:
    """The letters of n words for each time but the first, of so many characters."""
    part = later * length * n
    return [
        (repeating(n, later + 1, words, c), part / c, c < characters)
        for c in (characters, characters + 1, characters - 1)
    ]


def counted(n: int, block: int, times: int, words: int) -> list[Golden]:
    """The n-grams in a block, each time it stands there, of all n-grams; all have 2n letters."""
    part, grams = times * (block - n + 1), words - n + 1
    return [
        (repeating(block, times, words + more), part / (grams + more), more < 0)
        for more in (0, 1, -1)
    ]


def repeated_lines(same: int, count: int, parted: str = "\n") -> list[Golden]:
    """All of the lines that are the same."""
    return [
        (lines(same, whole, parted), same / whole, whole < count)
        for whole in (count, count + 1, count - 1)
    ]


def duplicate_lines(later: int, count: int, parted: str = "\n") -> list[Golden]:
    """The lines that are the same, the first one apart."""
    return [
        (lines(later + 1, whole, parted), later / whole, whole < count)
        for whole in (count, count + 1, count - 1)
    ]


def _english(text: str) -> Make:
    return lambda _: text


def _lengths(limit: int) -> list[Golden]:
    """A hundred words of a length, and the same with one letter more or less in one of them."""
    same = mixed((100, "x" * limit))
    less = mixed((99, "x" * limit), (1, "x" * (limit - 1)))
    more = mixed((99, "x" * limit), (1, "x" * (limit + 1)))
    is_low = limit == 3
    return [
        (same, limit, False),
        (less, limit - 0.01, is_low),
        (more, limit + 0.01, not is_low),
    ]


def _medians(limit: int) -> list[Golden]:
    """Four runs: the median is the mean of the lengths of the two in the middle."""
    inside, outside = (limit + 1, limit - 1) if limit == 3 else (limit - 1, limit + 1)

    def four(other: int) -> Make:
        return mixed((1, "x"), (1, "x" * limit), (1, "x" * other), (1, "x" * 20))

    return [
        (four(limit), limit, False),
        (four(inside), (limit + inside) / 2, False),
        (four(outside), (limit + outside) / 2, True),
    ]


TOPS = {(2, 0.2): (10, 100), (3, 0.18): (6, 100), (4, 0.16): (4, 100)}
TEXT_TOPS = {(2, 0.2): (4, 30, 100), (3, 0.18): (9, 50, 400), (4, 0.16): (4, 50, 275)}
COVERED = {(5, 0.15): (5, 3, 100), (6, 0.14): (7, 2, 100), (7, 0.13): (13, 2, 200)}
COVERED |= {(8, 0.12): (8, 3, 200), (9, 0.11): (11, 2, 200), (10, 0.1): (10, 2, 200)}
GREEDY = {(5, 0.15): (3, 60, 200), (6, 0.14): (7, 150, 600), (7, 0.13): (13, 300, 1400)}
GREEDY |= {(8, 0.12): (3, 100, 400), (9, 0.11): (11, 300, 1800), (10, 0.1): (1, 50, 200)}
COUNTED = {(5, 0.15): (5, 3, 24), (6, 0.14): (6, 7, 55), (7, 0.13): (7, 13, 106)}
COUNTED |= {(8, 0.12): (8, 3, 32), (9, 0.11): (19, 2, 208), (10, 0.1): (10, 2, 29)}

GOLDEN: dict[tuple[str, float | bool], list[Golden]] = {
    **{(f"maximum_top_{n}_gram_character_share", at): top(n, *of) for (n, at), of in TOPS.items()},
    **{(f"maximum_top_{n}_gram_share_dolma", at): top(n, *of) for (n, at), of in TOPS.items()},
    **{(f"maximum_top_{n}_gram_share_redpajama", at): top(n, *of) for (n, at), of in TOPS.items()},
    **{(f"maximum_top_{n}_gram_share_dclm", at): top(n, *of) for (n, at), of in TOPS.items()},
    **{
        (f"maximum_top_{n}_gram_share_datatrove", at): top_of_text(n, *of)
        for (n, at), of in TEXT_TOPS.items()
    },
    **{
        (f"maximum_duplicate_{n}_gram_character_share", at): covered(*of)
        for (n, at), of in COVERED.items()
    },
    **{
        (f"maximum_duplicate_{n}_gram_share_datatrove", at): greedy(n, *of)
        for (n, at), of in GREEDY.items()
    },
    **{
        (f"maximum_duplicate_{n}_gram_share_dolma", at): counted(n, *of)
        for (n, at), of in COUNTED.items()
    },
    ("maximum_duplicate_line_share", 0.3): duplicate_lines(3, 10),
    ("maximum_duplicate_line_character_share", 0.2): duplicate_lines(2, 10),
    ("maximum_duplicate_line_character_share", 0.1): duplicate_lines(1, 10),
    ("maximum_duplicate_line_character_share", 0.01): duplicate_lines(1, 100),
    ("duplicate_line_character_share_below", 0.1): [
        (lines(2, 10), 0.1, True), (lines(2, 11), 1 / 11, False), (lines(2, 9), 1 / 9, True),
    ],
    ("maximum_duplicate_paragraph_share", 0.3): duplicate_lines(3, 10, "\n\n"),
    ("maximum_duplicate_paragraph_character_share", 0.2): duplicate_lines(2, 10, "\n\n"),
    ("maximum_repeated_line_share", 0.3): repeated_lines(3, 10),
    ("maximum_repeated_line_character_share", 0.2): repeated_lines(2, 10),
    ("maximum_repeated_line_character_share", 0.3): repeated_lines(3, 10),
    ("maximum_repeated_paragraph_share", 0.3): repeated_lines(3, 10, "\n\n"),
    ("maximum_repeated_paragraph_character_share", 0.2): repeated_lines(2, 10, "\n\n"),
    ("minimum_words", 50): [
        (lambda s: some(s, 50), 50, False), (lambda s: some(s, 51), 51, False),
        (lambda s: some(s, 49), 49, True), (lambda _: "中" * 50, 50, False),
        (lambda _: "中" * 49, 49, True), (lambda _: "กา" * 49, 49, True),
    ],
    ("maximum_words", 100_000): [
        (lambda s: some(s, 100_000), 100_000, False), (lambda s: some(s, 99_999), 99_999, False),
        (lambda s: some(s, 100_001), 100_001, True), (lambda _: "中" * 100_001, 100_001, True),
    ],
    ("maximum_words", 10_000): [
        (lambda s: some(s, 10_000), 10_000, False), (lambda s: some(s, 9_999), 9_999, False),
        (lambda s: some(s, 10_001), 10_001, True),
    ],
    ("minimum_spaced_words", 50): [
        (mixed((25, "x.x x")), 50, False), (mixed((25, "x.x x"), (1, "x")), 51, False),
        (mixed((24, "x.x x"), (1, "x")), 49, True), (lambda _: "中" * 50, 1, True),
    ],
    ("maximum_spaced_words", 100_000): [
        (mixed((100_000, "x")), 100_000, False), (mixed((99_999, "x")), 99_999, False),
        (mixed((100_001, "x")), 100_001, True), (lambda _: "中" * 100_001, 1, False),
    ],
    ("minimum_mean_word_length", 3): _lengths(3),
    ("maximum_mean_word_length", 10): _lengths(10),
    ("minimum_mean_spaced_word_length", 3): _lengths(3),
    ("maximum_mean_spaced_word_length", 10): _lengths(10),
    ("minimum_median_spaced_word_length", 3): _medians(3),
    ("maximum_median_spaced_word_length", 10): _medians(10),
    ("maximum_hash_to_word_ratio", 0.1): [
        (mixed((9, "xx"), (1, "#xx")), 0.1, False), (mixed((10, "xx"), (1, "#xx")), 1 / 11, False),
        (mixed((8, "xx"), (1, "#xx")), 1 / 9, True),
    ],
    ("maximum_ellipsis_to_word_ratio", 0.1): [
        (mixed((9, "xx"), (1, "xx...")), 0.1, False), (mixed((10, "xx"), (1, "xx…")), 1 / 11, False),
        (mixed((8, "xx"), (1, "xx…")), 1 / 9, True),
    ],
    ("maximum_symbol_to_spaced_word_ratio", 0.1): [
        (mixed((19, "xx"), (1, "#xx...")), 0.1, False), (mixed((20, "xx"), (1, "#xx…")), 2 / 21, False),
        (mixed((18, "xx"), (1, "#xx…")), 2 / 19, True),
    ],
    ("maximum_symbol_spaced_word_share", 0.1): [
        (mixed((9, "xx..."), (1, "##xx…")), 0.1, False), (mixed((10, "xx"), (1, "x#")), 1 / 11, False),
        (mixed((8, "xx"), (1, "xx…")), 1 / 9, True),
    ],
    ("maximum_bullet_line_share", 0.9): [
        (ended(9, 10, "• ", front=True), 0.9, False), (ended(8, 9, "- ", front=True), 8 / 9, False),
        (ended(10, 11, "* ", front=True), 10 / 11, True),
    ],
    ("maximum_bullet_line_share_dolma", 0.9): [
        (ended(9, 10, "* ", front=True), 0.9, False), (ended(8, 9, "- ", front=True), 8 / 9, False),
        (ended(10, 11, "-", front=True), 10 / 11, True), (ended(11, 11, "•", front=True), 0, False),
    ],
    ("maximum_bullet_line_share_redpajama", 0.9): [
        (ended(9, 10, "• ", front=True), 0.9, False), (ended(8, 9, "– ", front=True), 8 / 9, False),
        (ended(10, 11, "◦", front=True), 10 / 11, True), (ended(11, 11, "-", front=True), 0, False),
    ],
    ("maximum_ellipsis_line_share", 0.3): [
        (ended(3, 10, "..."), 0.3, False), (ended(3, 11, "…"), 3 / 11, False),
        (ended(3, 9, "…"), 1 / 3, True), (ended(9, 9, ".."), 0, False),
    ],
    ("maximum_ellipsis_line_share_dolma", 0.3): [
        (ended(3, 10, "…"), 0.3, False), (ended(3, 11, "…"), 3 / 11, False),
        (ended(3, 9, "…"), 1 / 3, True), (ended(9, 9, "..."), 0, False),
    ],
    ("minimum_alphabetic_word_share", 0.8): [
        (mixed((8, "xx"), (2, "12")), 0.8, False), (mixed((9, "xx"), (2, "12")), 9 / 11, False),
        (mixed((7, "xx"), (1, "12"), (1, "***")), 7 / 9, True),
    ],
    ("minimum_alphabetic_spaced_word_share", 0.8): [
        (mixed((8, "1x"), (2, "12")), 0.8, False), (mixed((9, "x-1"), (2, "1-2")), 9 / 11, False),
        (mixed((7, "xx"), (1, "12"), (1, "***")), 7 / 9, True),
    ],
    ("minimum_stop_words", 2): [
        (_english("The cat and more"), 2, False), (_english("to be with"), 3, False),
        (_english("the cat the"), 1, True), (_english("кот и пёс"), 0, True),
    ],
    ("minimum_stop_word_occurrences", 2): [
        (_english("The cat, the"), 2, False), (_english("to the end of it"), 3, False),
        (_english("the cat"), 1, True), (_english("кот и пёс"), 0, True),
    ],
    ("no_lorem_ipsum", True): [
        (lambda s: f"{some(s, 3)} Lorem ipsum", 1, True), (_english("LOREM IPSUM"), 1, True),
        (lambda s: f"lorem {some(s, 1)} ipsum", 0, False),
    ],
    ("no_curly_bracket", True): [
        (lambda s: f"{some(s, 3)} {{", 1, True), (_english("{}"), 1, True),
        (lambda s: f"{some(s, 3)} }}", 0, False),
    ],
    ("minimum_sentences", 5): [
        (mixed((5, "x~x.\n")), 5, False), (mixed((6, "x~x!\n")), 6, False),
        (mixed((4, "x~x?\n")), 4, True), (_english("你好。" * 5), 5, False),
        (_english("你好。" * 4), 4, True), (_english("वह गया। " * 4), 4, True),
    ],
    ("minimum_c4_sentences", 5): [
        (mixed((5, "x~x~x.\n")), 5, False), (mixed((6, "x~x~x!\n")), 6, False),
        (mixed((4, "x~x~x?\n"), (3, "x~x~x\n"), (2, "x~x.\n"), (2, "x~x~x...\n")), 4, True),
    ],
    ("minimum_long_lines", 3): [
        (ended(0, 3, "", length=200), 3, False), (ended(0, 4, "", length=201), 4, False),
        (ended(0, 2, "", length=200), 2, True), (ended(0, 9, "", length=199), 0, True),
    ],
    ("line_punctuation_share_above", 0.12): [
        (ended(3, 25, "."), 0.12, True), (ended(3, 24, "。"), 0.125, False),
        (ended(3, 26, "؟"), 3 / 26, True), (ended(3, 24, "।"), 0.125, False),
    ],
    ("minimum_line_punctuation_share", 0.12): [
        (ended(3, 25, "!"), 0.12, False), (ended(3, 24, "”"), 0.125, False),
        (ended(3, 26, "።"), 3 / 26, True),
    ],
    ("short_line_share_below", 0.67): [
        (lambda s: "\n".join([s[1] * 29] * 67 + [s[1] * 30] * 33), 0.67, True),
        (lambda s: "\n".join([s[1] * 29] * 66 + [s[1] * 30] * 34), 0.66, False),
        (lambda s: "\n".join([s[1] * 29] * 68 + [s[1] * 30] * 32), 0.68, True),
    ],
    ("maximum_short_line_share_to_30", 0.67): [
        (lambda s: "\n".join([s[1] * 30] * 67 + [s[1] * 31] * 33), 0.67, False),
        (lambda s: "\n".join([s[1] * 30] * 66 + [s[1] * 31] * 34), 0.66, False),
        (lambda s: "\n".join([s[1] * 30] * 68 + [s[1] * 31] * 32), 0.68, True),
    ],
    ("maximum_newline_to_word_ratio", 0.3): [
        (mixed((10, "xx"), (1, "\n\n\n")), 0.3, False), (mixed((11, "xx"), (1, "\n\n\n")), 3 / 11, False),
        (mixed((9, "xx"), (1, "\n\n\n")), 1 / 3, True), (_english("中文\n中文字"), 0.2, False),
    ],
    ("maximum_cleaned_word_share", 0.05): [
        (mixed((38, "x"), (1, "\n3~likes")), 0.05, False), (mixed((39, "x"), (1, "\n3~likes")), 2 / 41, False),
        (mixed((37, "x"), (1, "\n3~likes")), 2 / 39, True), (mixed((18, "x"), (1, "\n2026")), 1 / 19, True),
        (mixed((19, "x"), (1, "\n٢٠٢٦")), 0.05, False), (mixed((9, "x.x")), 0, False),
    ],
    ("maximum_corrected_word_share", 0.05): [
        (lambda s: f"{some(s, 19)}\n{some(s, 1)}", 0.05, False),
        (lambda s: f"{some(s, 20)}\n{some(s, 1)}", 1 / 21, False),
        (lambda s: f"{some(s, 18)}\n{some(s, 1)}", 1 / 19, True),
        (lambda s: f"{some(s, 38)}\n3 likes", 0.05, False),
        (lambda s: f"{some(s, 37)}\n3 likes", 2 / 39, True),
    ],
}  # fmt: skip

# What is otherwise where an ideograph, or a consonant with its vowel, is a word.
UNSPACED: dict[tuple[str, float | bool], list[Golden]] = {
    ("minimum_words", 50): [
        (lambda s: some(s, 50), 50, False), (lambda s: some(s, 51), 51, False),
        (lambda s: some(s, 49), 49, True), (lambda s: f"{some(s, 24)}。{some(s, 25)}", 49, True),
    ],
    ("minimum_mean_word_length", 3): [
        (mixed((50, "xabcde")), 3, False), (mixed((49, "xabcde"), (1, "xabcd")), 2.99, True),
        (mixed((49, "xabcde"), (1, "xabcdef")), 3.01, False), (lambda s: s[1] * 50, 1, True),
    ],
    ("maximum_mean_word_length", 10): [
        (mixed((50, "x" + 19 * "a")), 10, False), (mixed((49, "x" + 19 * "a"), (1, "x" + 18 * "a")), 9.99, False),
        (mixed((49, "x" + 19 * "a"), (1, "x" + 20 * "a")), 10.01, True), (lambda s: s[1] * 50, 1, False),
    ],
    ("maximum_hash_to_word_ratio", 0.1): [
        (lambda s: s[1] * 10 + "#", 0.1, False), (lambda s: s[1] * 11 + "#", 1 / 11, False),
        (lambda s: s[1] * 9 + "#", 1 / 9, True),
    ],
    ("maximum_ellipsis_to_word_ratio", 0.1): [
        (lambda s: s[1] * 10 + "…", 0.1, False), (lambda s: s[1] * 11 + "...", 1 / 11, False),
        (lambda s: s[1] * 9 + "…", 1 / 9, True),
    ],
    ("minimum_alphabetic_word_share", 0.8): [
        (lambda s: s[1] * 8 + " 12 12", 0.8, False), (lambda s: s[1] * 9 + " 12 12", 9 / 11, False),
        (lambda s: s[1] * 7 + " 12 ***", 7 / 9, True),
    ],
    ("maximum_newline_to_word_ratio", 0.3): [
        (lambda s: s[1] * 10 + "\n\n\n", 0.3, False), (lambda s: s[1] * 11 + "\n\n\n", 3 / 11, False),
        (lambda s: s[1] * 9 + "\n\n\n", 1 / 3, True),
    ],
    ("maximum_corrected_word_share", 0.05): [  # a line of one run is one of one word, as DCLM counts
        (lambda s: f"{some(s, 9)} {some(s, 10)}\n{some(s, 1)}", 0.05, False),
        (lambda s: f"{some(s, 10)} {some(s, 10)}\n{some(s, 1)}", 1 / 21, False),
        (lambda s: f"{some(s, 9)} {some(s, 9)}\n{some(s, 1)}", 1 / 19, True),
        (lambda s: f"{some(s, 19)} {some(s, 19)}\n3 likes", 0.05, False),
    ],
}  # fmt: skip
IN_HAN = UNSPACED | {  # words of one letter
    **{
        (f"maximum_top_{n}_gram_share_datatrove", at): top_of_text(n, *of, length=1)
        for (n, at), of in {(2, 0.2): (4, 30, 60), (3, 0.18): (9, 50, 250), (4, 0.16): (4, 50, 175)}.items()
    },
    **{
        (f"maximum_duplicate_{n}_gram_share_datatrove", at): greedy(n, later, words, of // 2, length=1)
        for (n, at), (later, words, of) in GREEDY.items()
    },
}  # fmt: skip


def golden_of(name: str, limit: float | bool, letters: str) -> list[Golden]:
    """The documents of a rule in a script."""
    others = {HAN: IN_HAN, THAI: UNSPACED}.get(letters, {})
    return others.get((name, limit)) or GOLDEN[name, limit]


def scores_of(column: str, texts: list[str]) -> pl.DataFrame:
    """What the scorer of a column says of texts, which are cleaned where that is what it measures."""
    if column == "cleaned_word_share":
        section = CleanSection(lines=("counter", "numeric"))
        return conform(score_cleaning(clean(pl.Series(texts), section)), "cleaning")
    return conform(score_quality(pl.DataFrame({"text": texts})), "quality")


def recipe_of(preset: str):
    sources = [{"kind": "wikipedia", "inputs": ["x"]}]
    return make_recipe({"name": "x", "sources": sources, "quality": {"preset": preset}})


PRESETS = [name for name in presets.preset_names() if not name.startswith(presets.FAMILY)]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_values_and_verdicts_at_each_limit(preset, script):
    letters = SCRIPTS[script]
    for rule in compile_rules(recipe_of(preset)):
        if not rule.name.startswith("quality."):
            continue
        name = rule.name.removeprefix("quality.")
        limit = presets.load_preset(preset)[name]["limit"]
        golden = golden_of(name, limit, letters)
        texts = [make(letters) for make, _, _ in golden]
        scores = scores_of(rule.column, texts).with_columns(language=pl.lit("eng"))
        values = scores[rule.column].cast(pl.Float64).to_list()
        assert values == [round(value, 6) for _, value, _ in golden], name
        verdicts = judge(scores, [rule])["removed_by"].is_not_null().to_list()
        assert verdicts == [removed for _, _, removed in golden], name


@pytest.mark.parametrize(
    ("language", "script", "rule", "make", "value", "removed"),
    [
        # the 2-gram, 5 characters with its space, stands 3 or 4 times
        ("deu", "Latin", "maximum_top_2_gram_share_datatrove", repeating(2, 3, 20, 88), 15 / 88, True),
        ("deu", "Latin", "maximum_top_2_gram_share_datatrove", repeating(2, 3, 20, 89), 15 / 89, False),
        ("rus", "Cyrillic", "maximum_top_2_gram_share_datatrove", repeating(2, 4, 20, 108), 20 / 108, True),
        ("rus", "Cyrillic", "maximum_top_2_gram_share_datatrove", repeating(2, 4, 20, 109), 20 / 109, False),
        ("ara", "Arabic", "maximum_top_2_gram_share_datatrove", repeating(2, 4, 20, 101), 20 / 101, True),
        ("ara", "Arabic", "maximum_top_2_gram_share_datatrove", repeating(2, 4, 20, 102), 20 / 102, False),
        # 10 characters of a 5-gram that was met before, twice; at 0.141 and 0.15
        ("deu", "Latin", "maximum_duplicate_5_gram_share_datatrove", repeating(5, 3, 30, 141), 20 / 141, True),
        ("deu", "Latin", "maximum_duplicate_5_gram_share_datatrove", repeating(5, 3, 30, 142), 20 / 142, False),
        ("fra", "Latin", "maximum_duplicate_5_gram_share_datatrove", repeating(5, 3, 30, 141), 20 / 141, False),
        ("hin", "Devanagari", "maximum_duplicate_5_gram_share_datatrove", repeating(5, 3, 30, 148), 20 / 148, True),
        ("hin", "Devanagari", "maximum_duplicate_5_gram_share_datatrove", repeating(5, 3, 30, 149), 20 / 149, False),
        ("pol", "Latin", "maximum_duplicate_line_share", duplicate_lines(8, 25)[0][0], 0.32, False),
        ("pol", "Latin", "maximum_duplicate_line_share", duplicate_lines(8, 25)[2][0], 8 / 24, True),
        ("ukr", "Cyrillic", "maximum_duplicate_line_share", duplicate_lines(3, 10)[0][0], 0.3, False),
        ("ukr", "Cyrillic", "maximum_duplicate_line_share", duplicate_lines(3, 10)[2][0], 3 / 9, True),
        ("ben", "Latin", "minimum_line_punctuation_share", ended(1, 8, "।"), 0.125, False),
        ("ben", "Latin", "minimum_line_punctuation_share", ended(1, 9, "।"), 1 / 9, True),
        ("zho", "Latin", "maximum_mean_word_length", lambda _: "中文abcdefghijklm", 5, False),
        ("zho", "Latin", "maximum_mean_word_length", lambda _: "中文abcdefghijklmn", 16 / 3, True),
        ("heb", "Arabic", "minimum_mean_word_length", _english("של על"), 2, False),
        ("heb", "Arabic", "minimum_mean_word_length", _english("של ע"), 1.5, True),
        ("ell", "Latin", "minimum_fineweb2_stop_words", _english("Το ΚΑΙ το άλλο"), 2, False),
        ("ell", "Latin", "minimum_fineweb2_stop_words", _english("το άλλο Το"), 1, True),
        ("jpn", "Latin", "minimum_fineweb2_stop_words", _english("私の本を読む"), 2, False),
        ("jpn", "Latin", "minimum_fineweb2_stop_words", _english("私の本"), 1, True),
        ("tha", "Latin", "maximum_newline_to_word_ratio", lambda _: "กา" * 20 + "\n\n\n", 0.15, False),
        ("tha", "Latin", "maximum_newline_to_word_ratio", lambda _: "กา" * 19 + "\n\n\n", 3 / 19, True),
    ],
)  # fmt: skip
def test_limits_of_fineweb_2_are_those_of_the_language(
    language, script, rule, make, value, removed
):
    frame = pl.DataFrame({"text": [make(SCRIPTS[script])], "language": [language]})
    scores = pl.concat(
        [
            conform(score_quality(frame), "quality"),
            conform(score_fineweb2_stopwords(frame), "fineweb2_stopwords"),
            frame.select("language"),
        ],
        how="horizontal",
    )
    rules = {found.name: found for found in compile_rules(recipe_of(f"fineweb-2/{language}"))}
    chosen = rules[f"quality.{rule}"]
    assert scores[chosen.column].to_list() == [round(value, 6)]
    assert judge(scores, [chosen])["removed_by"].is_not_null().to_list() == [removed]
    other = scores.with_columns(language=pl.lit("eng"))  # the language's rules meet it alone
    assert judge(other, [chosen])["removed_by"].to_list() == [None]


# The limits of each language, in thousandths, then of the mean length of words; and three stop words.
# Rule by rule: lines that repeat another; most frequent 2-, 3- and 4-grams; duplicate 5- to 10-grams;
# lines that end in punctuation; line breaks to words; words with a letter.
FINEWEB_2 = """
ara Arabic     304 197 172 146 165 153 142 131 120 109 143 189 787  2  9 في من على
ben Bengali    203 177 158 147 118 108  99  90  82  73 125 171 800  3 24 এবং করে থেকে
ces Latin      311 206 183 165 168 157 145 133 121 109  60 182 781  3 11 se na je
deu Latin      263 169 153 137 141 134 126 117 108  98   - 152 774  - 15 der und die
ell Greek      310 194 175 156 174 163 153 142 130 119 167 116 809  3 11 του και το
fra Latin      264 161 149 134 150 141 131 121 111 100 100 185 812  2 11 de la le
heb Hebrew     340 239 202 173 160 151 140 129 118 108 200 126 799  2  9 של את על
hin Devanagari 206 208 198 161 135 125 116 108  99  90  91 316 837  2 21 के में है
ind Latin      241 194 166 145 166 155 144 133 122 111 111 157 805  3 12 dan yang di
ita Latin      246 198 156 133 144 136 127 118 109 100  25 200 807  3 21 di il la
jpn Hiragana   328 239 196 172 243 225 207 190 175 159  96 130 759  1  6 の に を
kor Hangul     374 282 228 185 201 184 168 154 140 127  62 196 791  1  6 -
nld Latin      296 213 182 158 156 146 136 126 115 104 102 154 828  3 17 de van in
pol Latin      320 222 198 176 172 160 148 136 123 111  87 158 726  3 12 na do się
por Latin      287 371 191 163 163 153 141 130 119 108  77 186 814  3 13 de em do
rus Cyrillic   322 184 164 146 168 156 145 133 121 109 231 139 713  3 11 и на с
spa Latin      252 156 140 125 145 136 127 117 108  99 182 138 825  3 14 de la en
swe Latin      292 242 195 174 156 147 136 125 116 105 200 135 841  3 12 och är av
tha Thai       349 221 197 162 185 168 152 137 124 111   - 153 900  2 10 -
ukr Cyrillic   300 189 172 153 160 148 136 124 113 102 167 175 694  3 11 у на до
vie Latin      293 223 197 171 178 163 150 136 124 111 333 103 803  3 11 là và của
zho Han        287 256 201 171 198 182 167 154 140 127 106 178 735  1  5 的年在
"""
BY_THOUSANDTHS = (
    "maximum_duplicate_line_share",
    *(f"maximum_top_{n}_gram_share_datatrove" for n in (2, 3, 4)),
    *(f"maximum_duplicate_{n}_gram_share_datatrove" for n in (5, 6, 7, 8, 9, 10)),
    "minimum_line_punctuation_share",
    "maximum_newline_to_word_ratio",
    "minimum_alphabetic_word_share",
)


def at_thousandths(rule: str, limit: int, script: str) -> list[Golden]:
    """A document at a limit, one just inside, one just outside."""
    part, whole = limit // gcd(limit, 1000), 1000 // gcd(limit, 1000)
    length = 1 if script == "Han" else 2
    mark = {"Devanagari": "।", "Bengali": "।", "Arabic": "؟", "Han": "。", "Hiragana": "！"}
    if rule == "maximum_duplicate_line_share":
        return duplicate_lines(part, whole)
    if "gram" in rule:
        n = int(rule.split("_")[2])
        if "top" in rule:
            return top_of_text(n, part, part * (n + 1), (n * length + n - 1) * whole, length)
        return greedy(n, part, (part + 1) * (n + 1), n * length * whole, length)
    if rule == "minimum_line_punctuation_share":
        return [
            (ended(part, count, mark.get(script, ".")), part / count, count > whole)
            for count in (whole, whole - 1, whole + 1)
        ]
    if rule == "maximum_newline_to_word_ratio":
        return [
            (lambda s, n=count: some(s, n) + "\n" * part, part / count, count < whole)
            for count in (whole, whole + 1, whole - 1)
        ]
    return [
        (lambda s, n=count: some(s, n) + " 12" * (whole - part), n_share, n_share < limit / 1000)
        for count in (part, part + 1, part - 1)
        for n_share in [count / (count + whole - part)]
    ]


def of_length(limit: int, script: str, *, is_least: bool) -> list[Golden]:
    """Words whose mean length is at a limit, just inside, just outside."""
    if limit == 1:  # there is no shorter word
        return [
            (lambda s: some(s, 3), 1 if script == "Han" else 2, False),
            (_english("!!!"), 0, True),
        ]
    if script in ("Han", "Thai"):  # a letter is a word, and then a Latin one
        pairs = [("x" + "a" * (2 * limit - 1 + more), more) for more in (0, -1, 1)]
        texts = [mixed((49, pairs[0][0]), (1, pair)) for pair, _ in pairs]
    else:
        texts = [mixed((99, "x" * limit), (1, "x" * (limit + more))) for more in (0, -1, 1)]
    outside = -1 if is_least else 1
    return [
        (text, limit + more / 100, more == outside)
        for text, more in zip(texts, (0, -1, 1), strict=True)
    ]


def golden_of_language(line: str) -> dict[str, list[Golden]]:
    """The documents of each rule of a language that has limits of its own."""
    _, script, *facts = line.split(maxsplit=17)
    found = {
        rule: at_thousandths(rule, int(limit), script)
        for rule, limit in zip(BY_THOUSANDTHS, facts, strict=False)
        if limit != "-"
    }
    least, most, words = facts[-3:]
    if least != "-":
        found["minimum_mean_word_length"] = of_length(int(least), script, is_least=True)
    found["maximum_mean_word_length"] = of_length(int(most), script, is_least=False)
    if words != "-":
        one, two, three = words if script == "Han" else words.split()
        texts = [f"{one} 12 {two}", f"{one} {two} {three} {two}", f"{one} {one.upper()} 12"]
        found["minimum_fineweb2_stop_words"] = [
            (_english(text), count, count < 2) for text, count in zip(texts, (2, 3, 1), strict=True)
        ]
    return found


@pytest.mark.parametrize("line", FINEWEB_2.strip().splitlines(), ids=lambda line: line[:3])
def test_each_rule_of_a_language_of_fineweb_2_at_its_limit(line):
    language, script = line.split()[:2]
    letters = SCRIPTS[script]
    own = golden_of_language(line)
    rules = [r for r in compile_rules(recipe_of(f"fineweb-2/{language}")) if r.languages]
    names = {rule.name.removeprefix("quality.") for rule in rules}
    assert set(own) <= names
    for rule in rules:
        name = rule.name.removeprefix("quality.")
        golden = own.get(name) or golden_of(name, rule.limit, letters)
        frame = pl.DataFrame({"text": [make(letters) for make, _, _ in golden]})
        frame = frame.with_columns(language=pl.lit(language))
        scorer = score_quality if rule.scorer == "quality" else score_fineweb2_stopwords
        scores = conform(scorer(frame), rule.scorer).with_columns(language=pl.lit(language))
        values = scores[rule.column].cast(pl.Float64).to_list()
        assert values == [round(value, 6) for _, value, _ in golden], name
        verdicts = judge(scores, [rule])["removed_by"].is_not_null().to_list()
        assert verdicts == [removed for _, _, removed in golden], name
