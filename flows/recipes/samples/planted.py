"""What is planted in the sample corpus, for which rule, and the texts that a program writes.

`PLANTED` names, for each rule or reason, the documents that were made to meet it, by their URL or
their path in the corpus. A planted document may meet further rules: a text of lorem ipsum is no
prose either.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
WEB = "https://www.example.com"

# Pages that differ from others in a few words: page → (language, prose, replacements, ending).
EDITED: dict[str, tuple[str, str, dict[str, str], str]] = {
    "market_day_again": ("en", "market_day", {"blue.": "violet."}, ""),
    "old_bridge_again": ("en", "old_bridge", {}, " The photographs are in the town hall."),
    "night_train_again": ("en", "night_train", {"forty": "fifty"}, " Read more on the next page."),
    "uhrmacherin_again": ("de", "uhrmacherin", {"Sie ölt, ": "Sie schmiert, "}, ""),
    "riviere_again": ("fr", "riviere", {"du pain et du fromage": "du fromage et du pain"}, ""),
    "rain_barrel_rewritten": (
        "en",
        "rain_barrel",
        {
            "for a long time we watered": "for many years we watered",
            "asked everyone to save": "asked all of us to save",
            "fills it in twenty minutes": "fills it in half an hour",
            "the ferns like it better": "the roses like it better",
            "less than a cup of coffee": "no more than a cup of tea",
        },
        "",
    ),
    "taller_rewritten": (
        "es",
        "taller",
        {
            "lleno de madera": "lleno de polvo",
            "con los nudillos": "con los dedos",
            "seis guitarras al año": "ocho guitarras al año",
            "cortado en invierno": "cortado en otoño",
        },
        "",
    ),
}
# Pages that hold the very text of another one: page → (language, prose).
COPIED = {
    "harbour_bakery_copy": ("en", "harbour_bakery"),
    "wanderung_copy": ("de", "wanderung"),
    "orto_copy": ("it", "orto"),
}

HEADED = "orto_copy"  # a copy on a page whose heading is taken for text: similar, not equal

_PAGES = {  # rule or reason → planted pages
    "language.keep": ("portuguese_free",),
    "language.minimum_score": ("mixed_up",),
    "quality.maximum_duplicate_line_share": ("chorus", "machine"),
    "quality.maximum_duplicate_paragraph_share": ("refrain", "machine"),
    "quality.maximum_duplicate_line_character_share": ("disclaimer", "machine"),
    "quality.maximum_duplicate_paragraph_character_share": ("echoed_note", "machine"),
    "quality.maximum_top_2_gram_character_share": ("phrase_2",),
    "quality.maximum_top_3_gram_character_share": ("phrase_3",),
    "quality.maximum_top_4_gram_character_share": ("phrase_4",),
    "quality.maximum_duplicate_5_gram_character_share": ("phrase_5",),
    "quality.maximum_duplicate_6_gram_character_share": ("phrase_6",),
    "quality.maximum_duplicate_7_gram_character_share": ("phrase_7",),
    "quality.maximum_duplicate_8_gram_character_share": ("phrase_8",),
    "quality.maximum_duplicate_9_gram_character_share": ("phrase_9",),
    "quality.maximum_duplicate_10_gram_character_share": ("phrase_10",),
    "quality.minimum_words": ("too_short",),
    "quality.maximum_words": ("endless",),
    "quality.minimum_mean_word_length": ("short_words",),
    "quality.maximum_mean_word_length": ("long_words",),
    "quality.maximum_hash_to_word_ratio": ("hashtags",),
    "quality.maximum_ellipsis_to_word_ratio": ("dotted",),
    "quality.maximum_bullet_line_share": ("bullets",),
    "quality.maximum_ellipsis_line_share": ("trailing",),
    "quality.minimum_alphabetic_word_share": ("numbers",),
    "quality.minimum_stop_words": ("telegraphic",),
    "quality.no_lorem_ipsum": ("lorem",),
    "quality.no_curly_bracket": ("curly",),
    "quality.minimum_sentences": ("few_sentences",),
    "quality.line_punctuation_share_above": ("headlines",),
    "quality.duplicate_line_character_share_below": ("double_footer",),
    "quality.short_line_share_below": ("short_lines", "tide_table"),
    "toxicity.maximum_score": ("angry_reader", "angry_driver", "angry_gamer", "angry_german"),
    "personal.maximum_count": ("contact_page",),  # the rest of what looks so is nobody's
    "bias.maximum_derogatory_mentions": (
        "stereotype_drivers",
        "stereotype_foreigners",
        "stereotype_german",
    ),
    "duplicates.exact": tuple(name for name in COPIED if name != HEADED),
    "duplicates.near": (*(name for name in EDITED if name.endswith("again")), HEADED),
}
# Planted, and kept: addresses and numbers that are nobody's, policy lines that cleaning takes out, pages of other kinds than
# articles, and pages whose similarity to another one stays below the limit.
KEPT = (
    "kontakt",
    "script_notice",
    "thread_bench",
    "kettle",
    "rain_barrel_rewritten",
    "taller_rewritten",
)


def prose(name: str) -> dict[str, Any]:
    """One file of prose, as parsed TOML."""
    return tomllib.loads((FOLDER / "prose" / f"{name}.toml").read_text(encoding="utf-8"))


def page(name: str) -> str:
    """The URL of a planted page."""
    return f"{WEB}/planted/{name}"


def order(words: str, count: int, seed: str) -> list[str]:
    """`count` words in an order drawn by hash, each once before any comes again."""
    pool = words.split()

    def drawn(i: int, word: str) -> bytes:
        return hashlib.blake2b(f"{seed} {i} {word}".encode()).digest()

    rounds = range(-(-count // len(pool)))
    return [w for i in rounds for w in sorted(pool, key=lambda w: drawn(i, w))][:count]


def sentences(count: int, seed: str, phrase: str = "", copies: int = 0) -> list[str]:
    """Sentences that a program writes; `copies` of them, evenly spread, hold the phrase."""
    words = prose("generated")["words"]
    slots = (
        order(words[pool], count, f"{seed} {slot}")
        for slot, pool in enumerate(
            [
                "adjectives",
                "people",
                "verbs",
                "adjectives",
                "things",
                "prepositions",
                "adjectives",
                "places",
            ]
        )
    )
    written = []
    for i, (a, person, verb, b, thing, near, c, place) in enumerate(zip(*slots, strict=True)):
        insert = f" {phrase}" if (i + 1) * copies // count > i * copies // count else ""
        written.append(f"The {a} {person}{insert} {verb} the {b} {thing} {near} a {c} {place}.")
    return written


def paragraphs(lines: list[str], size: int = 5) -> str:
    """Sentences as paragraphs of `size`."""
    return "\n\n".join(" ".join(lines[i : i + size]) for i in range(0, len(lines), size))


def generated() -> dict[str, str]:
    """The pages that a program writes: name → text."""
    opening = prose("generated")["opening"]
    texts = {"endless": paragraphs([opening, *sentences(200, "endless")], 6)}
    for name, (copies, others, phrase) in prose("generated")["phrases"].items():
        lines = sentences(copies + others, name, phrase, copies)
        texts[name] = paragraphs([opening, *lines], 4)
    machine = (
        "We have the cheap tickets that you want. Buy the tickets from us and be there by noon."
    )
    texts["machine"] = "\n\n".join([machine] * 12)
    return texts


PLANTED = {rule: tuple(page(name) for name in names) for rule, names in _PAGES.items()}
PLANTED["language.keep"] += (f"{WEB}/el/psaras", f"{WEB}/el/elies")
PLANTED["quality.minimum_words"] += ("https://samplewiki.example.org/wiki/Mirk",)
PLANTED["duplicates.exact"] += (f"{WEB}/wet/tren", f"{WEB}/wet/sad")
PLANTED["duplicates.near"] += (
    page("wiki_mirror"),
    "OpenSubtitles/xml/en/2003/90000001/2.xml",
)
PLANTED["duplicates.version"] = ("OpenSubtitles/xml/en/2016/90000003/2.xml",)
