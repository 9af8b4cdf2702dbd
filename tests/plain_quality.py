"""The slow, plain definition of every measurement of `curate.score.quality`."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from itertools import pairwise
from statistics import median

import polars as pl

from curate.text import characters
from curate.text.segment import Segments, segment

BULLETS = "*-•‣⁃⁌⁍■□▪▫▶◀○●◦"
REDPAJAMA_BULLETS = "–•‣▶◀◦■□▪▫"
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
WHITE = (characters.SPACE, characters.NEWLINE)
MARKS_AT_END = (characters.FULL_STOP, characters.TERMINAL_SPACED, characters.TERMINAL)
POLICIES = ("terms of use", "privacy policy", "cookie policy")
POLICIES += ("uses cookies", "use of cookies", "use cookies")
COUNTED = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads"
COUNTED += "|views|followers"
COUNTER = re.compile(rf"([0-9][0-9,.]*[KMB]?)([,.]*)[ \t]+({COUNTED})", re.IGNORECASE)
LINE_KINDS = ("is_upper", "is_numeric", "is_single", "has_javascript", "in_c4")


def spans(segments: Segments, kind: str) -> list[tuple[int, int]]:
    starts, ends = getattr(segments, f"{kind}_start"), getattr(segments, f"{kind}_end")
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def text_class(char: str) -> int:
    return int(characters.classes()[ord(char)])


def fold(text: str) -> str:
    table = characters.folding()
    return "".join(chr(table[ord(c)]) if ord(c) < characters.FOLDED else c for c in text)


def is_letter(char: str) -> bool:
    if text_class(char) in (characters.IDEOGRAPH, characters.KATAKANA, characters.HIRAGANA):
        return True
    return unicodedata.category(char)[0] == "L" and text_class(char) != characters.MARK


def runs_of(text: str) -> list[str]:
    """What stands between white space."""
    marked = "".join(" " if text_class(char) in WHITE else char for char in text)
    return [run for run in marked.split(" ") if run]


def plain_repeats(pieces: list[list[str]], name: str) -> dict[str, float]:
    weights = [sum(map(len, piece)) for piece in pieces]
    keys = ["\n".join(piece) for piece in pieces]
    counts = Counter(keys)
    later = [i for i, key in enumerate(keys) if key in keys[:i]]
    repeated = [i for i, key in enumerate(keys) if counts[key] > 1]
    return {
        f"{kind}_{name}_{measure}": share(part, whole)
        for kind, found in (("duplicate", later), ("repeated", repeated))
        for measure, part, whole in (
            ("share", len(found), len(keys)),
            ("character_share", sum(weights[i] for i in found), sum(weights)),
        )
    }


def plain_ngrams(keys: list[str], lengths: list[int], characters: int) -> dict[str, float]:
    found: dict[str, float] = {}
    own = sum(lengths)

    def covered(positions: list[int], n: int) -> int:
        return sum(lengths[i] for i in {at + i for at in positions for i in range(n)})

    def weight(at: int, n: int) -> int:
        return sum(lengths[at : at + n])

    for n in range(2, 11):
        at: dict[tuple[str, ...], list[int]] = {}
        for i in range(len(keys) - n + 1):
            at.setdefault(tuple(keys[i : i + n]), []).append(i)
        repeated = [p for p in at.values() if len(p) > 1]
        if n <= 4:
            most = max(map(len, at.values()), default=0)
            top = [p for p in at.values() if len(p) == most]
            first = weight(top[0][0], n) if top else 0
            name = f"top_{n}_gram_"
            is_twice = most > 1
            found[name + "character_share"] = share(
                max((covered(p, n) for p in top), default=0) * is_twice, own
            )
            found[name + "share_datatrove"] = share(most * (first + n - 1), characters)
            found[name + "share_dolma"] = share(most * first, own)
            found[name + "share_redpajama"] = share(most * first * is_twice, own)
            longest = max((weight(p[0], n) for p in top), default=0)
            found[name + "share_dclm"] = share(most * longest * is_twice, own)
        else:
            seen: set[tuple[str, ...]] = set()
            greedy = place = 0
            while place < len(keys) - n + 1:
                gram = tuple(keys[place : place + n])
                if gram in seen:
                    greedy += weight(place, n)
                    place += n
                else:
                    seen.add(gram)
                    place += 1
            counted = sum(weight(i, n) for p in repeated for i in p)
            of_all = sum(weight(i, n) for p in at.values() for i in p)
            name = f"duplicate_{n}_gram_"
            found[name + "character_share"] = share(
                covered([i for p in repeated for i in p], n), own
            )
            found[name + "share_datatrove"] = share(greedy, characters)
            found[name + "share_dolma"] = share(counted, of_all)
    return found


def ends_sentence(line: str) -> bool:
    return line[-1] in "'’＇" or text_class(line[-1]) in (*MARKS_AT_END, characters.QUOTE)


def phrase_in(words: list[str], phrase: str) -> bool:
    wanted = phrase.split()
    return any(words[i : i + len(wanted)] == wanted for i in range(len(words)))


def words_of_line(line: str, line_words: list[tuple[int, int]]) -> list[str]:
    data = line.encode()
    return [data[a:b].decode() for a, b in line_words]


def corrected(line: str, words: list[tuple[int, int]], is_removed: bool) -> int:
    """How many words the line-wise corrections remove."""
    data = line.encode()
    texts = [fold(word) for word in words_of_line(line, words)]
    is_count = len(words) == 2 and COUNTER.fullmatch(data[words[0][0] : words[1][1]].decode())
    if is_removed or is_count:
        return len(words)
    if len(runs_of(line)) > 10:
        return 0
    found = 3 * sum(
        texts[i : i + 3] == ["items", "in", "cart"] for i in range(len(texts))
    )  # fmt: skip
    is_read_more = texts[-2:] == ["read", "more"] and line.endswith(("...", "…"))
    is_sign_in = texts[:2] == ["sign", "in"] and words[0][0] == 0 and data[4:5] == b"-"
    return found + 2 * is_read_more + 2 * is_sign_in


def url_characters(data: bytes, words: list[tuple[int, int]]) -> int:
    """Characters of a run from where an address begins in it."""
    for start, end in words:
        word, rest = fold(data[start:end].decode()), data[end : end + 3]
        if (word in ("http", "https") and rest == b"://") or (word == "www" and rest[:1] == b"."):
            return len(data[start:].decode())
    return 0


def plain_lines(
    lines: list[str], line_words: list[list[tuple[int, int]]], sentences: list[int]
) -> dict[str, float]:
    tally: Counter[str] = Counter()
    removed = urls = 0
    for line, words, line_sentences in zip(lines, line_words, sentences, strict=True):
        texts = [fold(word) for word in words_of_line(line, words)]
        runs = runs_of(line)
        is_upper = 2 * sum(text_class(c) == characters.UPPER for c in line) > len(line)
        is_numeric = all(text_class(c) == characters.DIGIT for c in line)
        has_javascript = "javascript" in texts
        in_c4 = line[-1] in '.!?"' and not line.endswith("...") and len(runs) >= 3
        in_c4 = in_c4 and max(map(len, runs)) <= 1000 and not has_javascript
        in_c4 = in_c4 and not any(phrase_in(texts, phrase) for phrase in POLICIES)
        tally["upper"] += is_upper
        tally["numeric"] += is_numeric
        tally["single"] += len(runs) == 1
        tally["javascript"] += has_javascript
        tally["c4"] += in_c4
        tally["c4_sentences"] += line_sentences * in_c4
        removed += corrected(line, words, is_upper or is_numeric or len(runs) == 1)
        data, at = line.encode(), 0
        for run in runs:
            at = data.index(run.encode(), at)
            size = len(run.encode())
            inside = [(a - at, b - at) for a, b in words if at <= a < at + size]
            urls += url_characters(data[at : at + size], inside)
            at += size
    count = len(lines)
    words_in_all = sum(map(len, line_words))
    return {
        "upper_case_line_share": share(tally["upper"], count),
        "numeric_line_share": share(tally["numeric"], count),
        "one_word_line_share": share(tally["single"], count),
        "javascript_line_share": share(tally["javascript"], count),
        "c4_line_share": share(tally["c4"], count),
        "c4_sentences": tally["c4_sentences"],
        "corrected_word_share": share(removed, words_in_all),
        "url_characters": urls,
        "bullet_line_share": share(sum(line[0] in BULLETS for line in lines), count),
        "bullet_line_share_dolma": share(sum(line[0] in "*-" for line in lines), count),
        "bullet_line_share_redpajama": share(
            sum(line[0] in REDPAJAMA_BULLETS for line in lines), count
        ),
        "ellipsis_line_share": share(sum(line.endswith(("...", "…")) for line in lines), count),
        "ellipsis_line_share_dolma": share(sum(line.endswith("…") for line in lines), count),
        "line_punctuation_share": share(sum(map(ends_sentence, lines)), count),
        "line_punctuation_share_redpajama": share(sum(line[-1] in ".!?”" for line in lines), count),
        "short_line_share": share(sum(len(line) < 30 for line in lines), count),
        "short_line_share_to_30": share(sum(len(line) <= 30 for line in lines), count),
        "long_lines": sum(len(line) >= 200 for line in lines),
        "longest_line": max(map(len, lines), default=0),
        "words_per_line": share(words_in_all, count),
    }


def symbol_runs(data: bytes, words: list[tuple[int, int]]) -> int:
    masked = bytearray(data)
    for start, end in words:
        masked[start:end] = b"w" * (end - start)
    return sum("w" not in run for run in runs_of(masked.decode()))


def plain_quality(text: str) -> dict[str, float]:
    segments = segment(pl.Series([text]))
    data = text.encode()
    word_spans, line_spans = spans(segments, "word"), spans(segments, "line")
    words = [data[a:b].decode() for a, b in word_spans]
    lines = [data[a:b].decode() for a, b in line_spans]
    paragraphs: list[list[str]] = []
    ends = {b for _, b in spans(segments, "paragraph")}
    open_lines: list[str] = []
    for line, (_, end) in zip(lines, line_spans, strict=True):
        open_lines.append(line)
        if end in ends:
            paragraphs.append(open_lines)
            open_lines = []
    lengths = [len(word) for word in words]
    folded = [fold(word) for word in words]
    counts = Counter(folded)
    alphabetic = sum(any(map(is_letter, word)) for word in words)
    runs = runs_of(text)
    symbols = {c: text.count(c) for c in ("#", "...", "…")}
    classes = [text_class(char) for char in text]
    marks = (characters.MARK, characters.STACKER)
    many = max(len(words), 1)
    pairs = sum(pair == ("lorem", "ipsum") for pair in pairwise(folded))
    line_words = [[(a - s, b - s) for a, b in word_spans if s <= a < e] for s, e in line_spans]
    sentence_starts = segments.sentence_start.tolist()
    of_lines = plain_lines(
        lines, line_words, [sum(s <= at < e for at in sentence_starts) for s, e in line_spans]
    )
    values = {
        "characters": len(text),
        "words": len(words),
        "lines": len(lines),
        "paragraphs": len(paragraphs),
        "sentences": len(sentence_starts),
        "stop_words": len(set(folded) & set(STOP_WORDS)),
        "stop_word_occurrences": sum(counts[word] for word in STOP_WORDS),
        "mean_word_length": share(sum(lengths), len(words)),
        "median_word_length": median(min(n, 1000) for n in lengths) if words else 0,
        "longest_word": max(lengths, default=0),
        "unique_word_share": share(len(counts), len(words)),
        "unigram_entropy": -sum(n / many * math.log(n / many) for n in counts.values()),
        "upper_case_word_share": share(
            sum(
                characters.UPPER in map(text_class, word)
                and characters.LOWER not in map(text_class, word)
                for word in words
            ),
            len(words),
        ),
        "hash_to_word_ratio": symbols["#"] / many,
        "ellipsis_to_word_ratio": (symbols["..."] + symbols["…"]) / many,
        "newline_to_word_ratio": text.count("\n") / many,
        "alphabetic_word_share": share(alphabetic, len(words) + symbol_runs(data, word_spans)),
        "spaced_words": len(runs),
        "mean_spaced_word_length": share(sum(map(len, runs)), len(runs)),
        "median_spaced_word_length": median(min(len(r), 1000) for r in runs) if runs else 0,
        "alphabetic_spaced_word_share": share(
            sum(any(map(is_letter, run)) for run in runs), len(runs)
        ),
        "symbol_spaced_word_share": share(sum("#" in run or "…" in run for run in runs), len(runs)),
        "symbol_to_spaced_word_ratio": share(sum(symbols.values()), len(runs)),
        "digit_share": share(classes.count(characters.DIGIT), len(text)),
        "upper_case_share": share(classes.count(characters.UPPER), len(text)),
        "white_space_share": share(sum(c in WHITE for c in classes), len(text)),
        "non_alphabetic_share": share(
            sum(
                not is_letter(char) and code not in marks
                for char, code in zip(text, classes, strict=True)
            ),
            len(text),
        ),
        "bracket_share": share(sum(char in "()[]{}" for char in text), len(text)),
        "curly_bracket_share": share(sum(char in "{}" for char in text), len(text)),
        "url_share": share(of_lines.pop("url_characters"), len(text)),
        "lorem_ipsum_ratio": share(pairs, len(text)),
        "has_lorem_ipsum": pairs > 0,
        "has_curly_bracket": "{" in text,
        "has_javascript": "javascript" in folded,
    }
    values |= of_lines | plain_repeats([[line] for line in lines], "line")
    values |= plain_repeats(paragraphs, "paragraph")
    return values | plain_ngrams(folded, lengths, len(text))
