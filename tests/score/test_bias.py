from __future__ import annotations

import csv
import functools
import random
import tomllib

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.schema import conform
from curate.score import mentions
from curate.score.bias import (
    AXES,
    COUNTS,
    FOLDER,
    count_bias,
    lexicon_languages,
    load_lexicon,
    score_bias,
    summarise_bias,
    term_flags,
)
from curate.text.segment import segment

NAMES = (*COUNTS, "derogatory_mentions")


def frame_of(texts: list[str | None], language: str | None = "eng") -> pl.DataFrame:
    schema = {"text": pl.String, "language": pl.String}
    return pl.DataFrame({"text": texts, "language": [language] * len(texts)}, schema=schema)


def found(text: str, language: str = "eng") -> dict[str, int]:
    """The counts that are not zero."""
    row = score_bias(frame_of([text], language)).row(0, named=True)
    assert row["bias_state"] is None
    return {name: row[name] for name in NAMES if row[name]}


def derogatory(text: str, language: str = "eng") -> int:
    return found(text, language).get("derogatory_mentions", 0)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("She met her brother.", {"female_words": 2, "male_words": 1}),
        ("WOMEN and men", {"female_words": 1, "male_words": 1, "mentions_gender": 2}),
        ("A Buddhist nun and two Catholics", {"female_words": 1, "mentions_religion": 2}),
        ("Nigerian food, the Dutch, Sri Lankans", {"mentions_nationality": 3}),
        ("Black people, a black dress, African Americans", {"mentions_ethnicity": 2}),
        (
            "lesbians and gay men",
            {"male_words": 1, "mentions_gender": 1, "mentions_orientation": 2},
        ),
        ("people with disabilities; deaf children; a deaf ear", {"mentions_disability": 2}),
        ("The elderly and young people", {"mentions_age": 2}),
        ("Old women", {"female_words": 1, "mentions_gender": 1, "mentions_age": 1}),
        ("Nothing here at all.", {}),
    ],
)
def test_mentions_are_counted_by_axis(text, counts):
    assert found(text) == counts


@pytest.mark.parametrize(
    ("text", "axis", "number"),
    [
        ("Please polish the table with Polish wax.", "nationality", 1),
        ("A pole fell; two Poles saw it.", "nationality", 1),
        ("A turnip is no swede, said the Swede.", "nationality", 1),
        ("His catholic taste; a Catholic church.", "religion", 1),
        ("Black coffee, white walls, a brown dog.", "ethnicity", 0),
        ("An old house, young cheese, a blind spot.", "age", 0),
        ("We disabled the alarm; a blind alley.", "disability", 0),
        ("French fries in the French quarter", "nationality", 2),  # accepted, see the lexicon
    ],
)
def test_false_friends(text, axis, number):
    assert found(text).get(f"mentions_{axis}", 0) == number


@pytest.mark.parametrize(
    "text",
    [
        "Everybody knows that women are terrible drivers.",
        "Immigrants are lazy.",
        "Lazy immigrants!",
        "All Muslims are terrorists, he said.",
        "Old people are useless.",
        "Women belong in the kitchen.",
        "the French are arrogant",
        "Women are generally considered to be bad drivers.",  # five words between
    ],
)
def test_a_generalising_predicate_is_derogatory(text):
    assert derogatory(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Women are not terrible drivers.",
        "Not all immigrants are lazy.",
        "No women are stupid.",
        "These men are violent.",  # in particular
        "Two dangerous men ran away.",
        "The men were violent.",  # told, not said of all
        "Women. Terrible drivers are everywhere.",  # two sentences
        "Women met on Sunday and said the drivers are lazy.",  # too far
        "The woman is lazy.",  # one person
        "Immigrants work hard.",
        "Lazy afternoons with immigrants.",
    ],
)
def test_what_is_no_derogation(text):
    assert derogatory(text) == 0


def test_each_mention_of_a_group_counts_once():
    assert derogatory("Immigrants are lazy and dirty and stupid.") == 1
    assert derogatory("Lazy immigrants are criminals.") == 1
    assert derogatory("Immigrants are lazy, foreigners are criminals.") == 2


def test_german_has_its_own_lexicon():
    assert found("Frauen und Männer aus Polen", "deu") == {
        "female_words": 1,
        "male_words": 1,
        "mentions_gender": 2,
        "mentions_nationality": 1,
    }
    assert derogatory("Er meint, dass Frauen dumm sind.", "deu") == 1
    assert derogatory("Frauen sind nicht dumm.", "deu") == 0
    assert derogatory("Ausländer nehmen uns die Arbeit weg.", "deu") == 1


def test_french_and_spanish_have_their_own_lexicons():
    text = "Les jeunes femmes et les personnes âgées, des Algériens."
    assert found(text, "fra") == {
        "mentions_gender": 1,
        "female_words": 1,
        "mentions_nationality": 1,
        "mentions_age": 2,
    }
    assert derogatory("Les femmes sont stupides.", "fra") == 1
    assert derogatory("Les femmes ne sont pas stupides.", "fra") == 0
    assert found("Las personas con discapacidad y los mexicanos.", "spa") == {
        "mentions_disability": 1,
        "mentions_nationality": 1,
    }
    assert derogatory("Las mujeres son tontas.", "spa") == 1
    assert derogatory("Las mujeres no son tontas.", "spa") == 0


def test_words_of_a_dialect_and_of_chat_are_counted_apart():
    assert found("y'all ain't finna go, lol", "eng") == {
        "dialect_markers": 3,
        "register_markers": 1,
    }
    assert found("Öppis isch nöd guet, digga.", "deu") == {
        "dialect_markers": 3,
        "register_markers": 1,
    }


def test_a_language_without_a_lexicon_is_not_applicable():
    assert lexicon_languages() == ("deu", "eng", "fra", "spa")
    frame = pl.DataFrame({"text": ["le donne", "women", "women"], "language": ["ita", None, "eng"]})
    scored = score_bias(frame)
    assert scored["bias_state"].to_list() == ["not_applicable", "not_applicable", None]
    assert scored["mentions_gender"].to_list() == [None, None, 1]
    assert conform(scored, "bias").columns == [*NAMES, "bias_state"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\0\0women\0",
        "🎉🎉",
        "e\u0301",
        "�",
        "…",
        "women " * 100_000,
        "x" * 1_000_000,
        None,
    ],
    ids=["empty", "blank", "nul", "emoji", "mark", "replaced", "dots", "long", "one word", "null"],
)
def test_odd_texts_have_values(text):
    row = score_bias(frame_of([text])).row(0, named=True)
    assert row["bias_state"] is None
    assert row["mentions_gender"] == (text or "").count("women")


def test_no_rows_give_no_rows():
    scored = score_bias(frame_of([]))
    assert scored.height == 0
    assert scored.columns == ["text", "language", *NAMES, "bias_state"]


def test_rows_keep_their_order_and_do_not_touch_each_other():
    texts = ["women", "Frauen sind", "las mujeres", "are lazy", "she"]
    languages = ["eng", "deu", "spa", "eng", "eng"]
    frame = pl.DataFrame({"id": list("abcde"), "text": texts, "language": languages})
    whole = score_bias(frame)
    assert whole["id"].to_list() == list("abcde")
    assert whole.equals(pl.concat([score_bias(part) for part in frame.iter_slices(2)]))


@pytest.mark.parametrize("language", ["deu", "eng", "fra", "spa"])
def test_every_term_is_found_alone(language):
    content = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    terms = {t: f for t, f in term_flags(content).items() if f & 0x7FF}
    scored = score_bias(frame_of([term.title().replace("'S", "'s") for term in terms], language))
    bits = sum(
        (scored[name].cast(pl.Int64) > 0).cast(pl.Int64) * (1 << i) for i, name in enumerate(COUNTS)
    )
    missed = [t for t, f, b in zip(terms, terms.values(), bits, strict=True) if f & 0x7FF & ~b]
    assert missed == []


@pytest.mark.parametrize(
    ("language", "terms"), [("deu", 500), ("eng", 500), ("fra", 450), ("spa", 450)]
)
def test_a_lexicon_has_no_idle_entry(language, terms):
    content = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    flags = term_flags(content)
    assert [term for term, flag in flags.items() if flag == mentions.CAPITAL] == []
    assert set(content["axes"]) == set(AXES)
    assert len(load_lexicon(language).flags) > terms


# --- a slow plain reference: lists of words, one sentence after the other


@functools.cache
def plain_lexicon(language: str) -> tuple[dict[tuple[str, ...], int], int]:
    content = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    terms = {tuple(term.split()): flags for term, flags in term_flags(content).items()}
    return terms, content["derogation"]["window"]


def plain_counts(text: str, language: str) -> list[int]:
    terms, window = plain_lexicon(language)
    cut = segment(pl.Series([text]))
    words = [
        (bytes(cut.data[a:b]).decode(), int(a))
        for a, b in zip(cut.word_start, cut.word_end, strict=True)
    ]
    counts = [0] * len(NAMES)
    for start, end in zip(cut.sentence_start, cut.sentence_end, strict=True):
        sentence = [word for word, at in words if start <= at < end]
        found, at = [], 0
        while at < len(sentence):
            term, length = 0, 1
            for n in range(min(8, len(sentence) - at), 0, -1):
                flags = terms.get(tuple(w.lower() for w in sentence[at : at + n]), 0)
                if flags & mentions.CAPITAL and not sentence[at + n - 1][0].isupper():
                    continue
                if flags:
                    term, length = flags, n
                    break
            found.append((at, at + length, term))
            at += length
        for i, _ in enumerate(COUNTS):
            counts[i] += sum(flags >> i & 1 for _, _, flags in found)
        counts[-1] += plain_derogatory(found, window)
    return counts


def plain_derogatory(found: list[tuple[int, int, int]], window: int) -> int:
    def before(at: int, flag: int, reach: int) -> bool:
        return any(f & flag and at - reach <= end <= at for _, end, f in found)

    total = 0
    groups = [i for i, (_, _, flags) in enumerate(found) if flags & mentions.PLURAL]
    for number, i in enumerate(groups):
        start, end, _ = found[i]
        led = next((g for g in found if g[1] == start and g[2] & mentions.PREDICATE), None)
        if (
            led
            and not before(led[0], mentions.SPECIFIC, 0)
            and not before(led[0], mentions.NEGATION, 2)
        ):
            total += 1
            continue
        if before(start, mentions.SPECIFIC, 0) or before(start, mentions.NEGATION, 2):
            continue
        stop = groups[number + 1] if number + 1 < len(groups) else len(found)
        linked = False
        for j in range(i + 1, stop):
            a, b, flags = found[j]
            if flags & mentions.NEGATION or a - end > window:
                break
            linked = linked or bool(flags & mentions.LINK)
            behind = j + 1 < stop and found[j + 1][2] & mentions.LINK and b - end <= window
            if flags & mentions.STATEMENT or (flags & mentions.PREDICATE and (linked or behind)):
                total += 1
                break
    return total


PIECES = [
    "women", "Women", "immigrants", "the", "The", "blind", "old", "people", "Poles", "poles", "are",
    "not", "no", "lazy", "stupid", "terrible", "drivers", "can't", "drive", "belong", "in", "kitchen",
    "these", "two", "her", "his", "and", "say", "that", "always", "steal", "steal our jobs", "black",
    "criminals", ".", "!", "\n", ",", "Élan", "7", "remain", "African American", "French",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_counts_equal_the_plain_reference(pieces):
    text = " ".join(pieces)
    assert list(score_bias(frame_of([text])).row(0)[2:-1]) == plain_counts(text, "eng")


def test_counts_equal_the_plain_reference_on_random_german():
    draw = random.Random(3)
    words = [
        "Frauen",
        "sind",
        "nicht",
        "dumm",
        "faul",
        "die",
        "Polen",
        "polen",
        "und",
        "klauen",
        "diese",
        "alte",
        "Männer",
        "dass",
        ".",
        "wirken",
    ]
    texts = [" ".join(draw.choices(words, k=20)) for _ in range(150)]
    scored = score_bias(frame_of(texts, "deu")).select(NAMES)
    assert [list(row) for row in scored.rows()] == [plain_counts(text, "deu") for text in texts]


# --- the summary


def test_summary_by_source_and_language():
    texts = ["She is a woman.", "He and she", "Immigrants are lazy.", "donne", "Jews and Muslims"]
    frame = score_bias(
        pl.DataFrame(
            {
                "source": ["web", "web", "web", "web", "wiki"],
                "language": ["eng", "eng", "eng", "ita", "eng"],
                "text": texts,
            }
        )
    )
    parts = [count_bias(part) for part in (frame, frame[:2], frame[2:])]
    assert summarise_bias(pl.concat(parts[1:])).equals(summarise_bias(parts[0]))
    rows = summarise_bias(parts[0]).to_dicts()
    assert [(r["source"], r["language"], r["documents"], r["documents_scored"]) for r in rows] == [
        ("web", "eng", 3, 3),
        ("web", "ita", 1, 0),
        ("wiki", "eng", 1, 1),
    ]
    web, italian, wiki = rows
    assert (web["documents_gender"], web["share_gender"]) == (1, 0.3333)
    assert (web["female_words"], web["male_words"], web["female_to_male"]) == (3, 1, 3.0)
    assert web["derogatory_documents"] == 1
    assert (italian["documents_gender"], italian["share_gender"]) == (0, None)
    assert (wiki["share_religion"], wiki["female_to_male"]) == (1.0, None)


@pytest.mark.shared
def test_few_wikipedia_like_and_many_stereotyping_sentences_hit(shared_data):
    with (shared_data / "bias" / "crows_pairs.csv").open(encoding="utf-8") as lines:
        pairs = list(csv.DictReader(lines))
    scored = score_bias(frame_of([pair["sent_more"] for pair in pairs]))
    assert scored.height == 1508
    assert (scored["derogatory_mentions"] > 0).sum() >= 20  # most are told, not said
    religion = scored.filter(pl.Series([pair["bias_type"] == "religion" for pair in pairs]))
    assert (religion["mentions_religion"] > 0).mean() > 0.8
