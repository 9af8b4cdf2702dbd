"""The shipped tables against the Unicode database of this Python."""

from __future__ import annotations

import unicodedata

import pytest

from curate.text import characters

SHIPPED = "14.0.0"


@pytest.mark.skipif(unicodedata.unidata_version != SHIPPED, reason="another Unicode version")
def test_the_shipped_tables_are_what_the_command_writes(tmp_path):
    characters.write_tables(tmp_path)
    folder = characters.Path(characters.__file__).parent
    for name in ("characters.tsv", "folding.tsv"):
        assert (tmp_path / name).read_text("utf-8") == (folder / name).read_text("utf-8")


def test_every_letter_and_number_of_the_shipped_version_is_in_words():
    classes = characters.classes()
    for code in range(0x110000):
        category = unicodedata.ucd_3_2_0.category(chr(code))  # an old version: all of it is shipped
        if category[0] in "LN" and category == unicodedata.category(chr(code)):
            assert characters.LOWER <= classes[code] <= characters.TRAIL, hex(code)


def test_characters_by_hand():
    classes = characters.classes()
    found = {char: int(classes[ord(char)]) for char in "az AZ09_\n'.,!。)”か中กเ"}
    assert found == {
        **dict.fromkeys("az", characters.LOWER),
        **dict.fromkeys("AZ", characters.UPPER),
        **dict.fromkeys("09", characters.DIGIT),
        " ": characters.SPACE,
        "_": characters.OTHER,
        "\n": characters.NEWLINE,
        "'": characters.INNER_LETTER,
        ".": characters.FULL_STOP,
        ",": characters.INNER_DIGIT,
        "!": characters.TERMINAL_SPACED,
        "。": characters.TERMINAL,
        ")": characters.CLOSER,
        "”": characters.QUOTE,
        "か": characters.HIRAGANA,
        "中": characters.IDEOGRAPH,
        "ก": characters.UNSPACED,
        "เ": characters.LEAD,
    }


def test_folding_by_hand():
    folding = characters.folding()
    pairs = {
        "A": "a",
        "ẞ": "ß",
        "ß": "ß",
        "ς": "σ",
        "Σ": "σ",
        "Ⴀ": "ⴀ",
        "İ": "İ",
        "Ⅷ": "ⅷ",
        "1": "1",
    }
    assert {char: chr(folding[ord(char)]) for char in pairs} == pairs
