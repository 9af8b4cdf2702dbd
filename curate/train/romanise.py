"""Hindi, Arabic and Greek as people type them in Latin letters, made of sentences in their scripts.

There is no openly licensed set of such text here, so that the language model learns these spellings
from rules: one letter at a time, the vowel that Devanagari implies left out where it is silent,
vowels guessed for Arabic, and where writers differ one spelling chosen by the sentence's hash.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Callable
from pathlib import Path

_LETTERS: dict[str, str] = tomllib.loads(
    Path(__file__).with_name("romanise.toml").read_text(encoding="utf-8")
)
_TABLES = {
    name: dict(zip(words.split()[::2], words.split()[1::2], strict=True))
    for name, words in _LETTERS.items()
}
_SILENT = re.compile(r"(?<=[aeiou][^aeiouA\W])A(?=[^aeiouA\W]h?[aeiou])|A(?=\W|$)")
_BARE = re.compile(r"(?<=[bcdfghjklmnqrstvxz])(?=[bdfjklmnqrstvxz])")  # where Arabic has a vowel


def _hindi(text: str, draw: Callable[[str], str]) -> str:
    letters, signs = _TABLES["hin"], _TABLES["hin_signs"]
    out: list[str] = []
    for mark in text.replace("\u093c", ""):
        if mark in signs or mark == "\u094d":  # a sign or none in place of the implied vowel
            if out and out[-1] == "A":
                out.pop()
            out.append(draw(signs[mark]) if mark in signs else "")
        elif mark in letters:
            out.append(draw(letters[mark]))
            if "\u0915" <= mark <= "\u0939":
                out.append("A")
        else:
            out.append({"\u0902": "n", "\u0901": "n", "\u0964": ".", "\u0903": "h"}.get(mark, mark))
    return _SILENT.sub("", "".join(out)).replace("A", "a")


def _arabic(text: str, draw: Callable[[str], str]) -> str:
    bare = "".join(mark for mark in text if not "\u064b" <= mark <= "\u0652")
    table = _TABLES["ara"]
    found = "".join(draw(table[mark]) if mark in table else mark for mark in bare)
    return _BARE.sub(lambda _: draw("a|e|i|o||"), found)


def _greek(text: str, draw: Callable[[str], str]) -> str:
    bare = unicodedata.normalize("NFD", text.lower())
    bare = "".join(mark for mark in bare if not unicodedata.combining(mark))
    table = _TABLES["ell"]
    return re.sub("|".join(table), lambda found: draw(table[found[0]]), bare)


_WAYS = {"hin": _hindi, "ara": _arabic, "ell": _greek}
LANGUAGES = tuple(_WAYS)


def romanise(text: str, language: str, variant: int = 0) -> str:
    """A sentence in Latin letters.

    Args:
        text: in the language's own script.
        language: one of `LANGUAGES`.
        variant: which of the spellings that writers use; the same number gives the same one.
    """
    key = hashlib.blake2b(f"{variant}\0{text}".encode(), digest_size=8).digest()
    state = int.from_bytes(key, "big")
    chosen: dict[str, str] = {}  # a writer keeps to a spelling

    def draw(choices: str) -> str:
        nonlocal state
        options = choices.split("|")
        if len(options) == 1:
            return choices
        if "||" not in choices and choices in chosen:
            return chosen[choices]
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (
            chosen.setdefault(choices, options[(state >> 33) % len(options)])
            if ("||" not in choices)
            else options[(state >> 33) % len(options)]
        )

    return _WAYS[language](text, draw)
