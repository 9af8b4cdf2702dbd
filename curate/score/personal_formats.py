"""The forms of personal data, read from the tables in `formats/` into arrays for the compiled scan.

A form is a row of signs (see `formats/identifiers.toml`); each becomes the set of symbols that may
stand there. Forms are found by how they begin: so many capital letters, then so many digits.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import string
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = (
    *("email", "phone", "ip", "iban", "card"),
    *("national_id", "address", "key", "password"),
)
EMAIL, PHONE, IP, IBAN, CARD, NATIONAL_ID, ADDRESS, KEY, PASSWORD = range(len(KINDS))

CHECKS: Final = (
    *("none", "weighted", "luhn", "verhoeff", "ssn", "nino", "steuer_id", "nir", "dni", "nie"),
    *("codice_fiscale", "cpf", "resident_id", "henkilotunnus", "fodselsnummer", "rijksregister"),
    *("rrn", "tckn", "snils", "rut", "thai_id", "my_number", "curp", "card", "phone"),
)
# Columns of `Formats.rules`.
RULE_KIND, RULE_CHECK, RULE_LABEL, RULE_COUNTRY, RULE_TRUNK = range(5)
RULE_MODULUS, RULE_LAST, RULE_MONTH, RULE_DAY, RULE_NOT_TIME, RULE_DATE = range(5, 11)
RULE_COLUMNS: Final = RULE_DATE + 6

LABEL_PHONE, LABEL_NOT = 0, 1  # classes of labels; each national number has one after these
BY_SHAPE: Final = 32  # digits told apart in the run with which a form begins
MOST_LETTERS: Final = 7  # before it
FOLLOWERS: Final = (" ", "-", ".", "/", ")", string.ascii_letters + string.digits)  # of the run

_FILES = (
    "payments.toml",
    "identifiers.toml",
    "phones.toml",
    "secrets.toml",
    "streets.toml",
    "domains.txt",
)
_DIGITS = frozenset(string.digits)
_LETTERS = frozenset(string.ascii_uppercase)
_SIGNS = {
    "#": _DIGITS,
    "N": frozenset("23456789"),
    "Z": frozenset("123456789"),
    "A": _LETTERS,
    "~": frozenset(" -."),
}
_SIGN = re.compile(r"(\[[^\]]+\]|.)(?:\{(\d+),(\d+)\})?")


@dataclass(frozen=True, eq=False)
class Formats:
    """All tables as arrays.

    Attributes:
        names: of the rules: the kind, and where it has one the country and the number's name.
        rules: int64[rules, RULE_COLUMNS].
        weights: int64[rules, 16]: of a check by weights.
        sets: bool[sets, 128]: which ASCII symbols a sign allows.
        signs: int16[all signs]: the sets of all forms, one form after the other.
        form_offsets: int64[forms + 1] into `signs`.
        form_rule: int64[forms].
        form_flags: int64[forms]: 1 where it needs a label, 2 where it holds a space, 4 where it
            begins with a bracket.
        shape_offsets: int64[shapes + 1] into `shape_forms`: see `shape_of`.
        shape_forms: int64[entries]: forms, in the order in which they are tried.
        labels: the words before numbers, for `find_labels`.
        iban: int64[676]: length by country, its two letters as a number of base 26; 0: none.
        cards: int64[ranges, 4]: digits of the prefix, first, last, digits of the number.
        codes: int64[1000, 2]: fewest and most digits after a country code; 0: it is none.
        reserved: prefixes of telephone numbers that are nobody's.
        domains: sorted hashes of top-level domains.
        keys: prefixes of keys, and limits: int64[keys, 2].
        names_of_secrets: names, and whether each is of a password.
        streets: words of streets, and their classes.
    """

    names: tuple[str, ...]
    rules: NDArray[np.int64]
    weights: NDArray[np.int64]
    sets: NDArray[np.bool_]
    signs: NDArray[np.int16]
    form_offsets: NDArray[np.int64]
    form_rule: NDArray[np.int64]
    form_flags: NDArray[np.int64]
    shape_offsets: NDArray[np.int64]
    shape_forms: NDArray[np.int64]
    labels: tuple[NDArray[Any], ...]
    iban: NDArray[np.int64]
    cards: NDArray[np.int64]
    codes: NDArray[np.int64]
    reserved: tuple[NDArray[Any], ...]
    domains: NDArray[np.uint64]
    keys: tuple[NDArray[Any], ...]
    names_of_secrets: tuple[NDArray[Any], ...]
    streets: tuple[NDArray[Any], ...]

    @property
    def number_tables(self) -> tuple[Any, ...]:
        """What `curate.score.personal_numbers` reads."""
        return (
            *(self.rules, self.weights, self.sets, self.signs, self.form_offsets, self.form_rule),
            *(self.form_flags, self.shape_offsets, self.shape_forms, self.iban, self.cards),
            *(self.codes, self.reserved),
        )


@dataclass
class _Form:
    signs: list[frozenset[str]]
    rule: int
    labelled: bool


def _read(name: str) -> str:
    return (resources.files("curate.score") / "formats" / name).read_text(encoding="utf-8")


@cache
def identity() -> str:
    """The hash of the tables."""
    text = "\0".join(_read(name) for name in _FILES)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@cache
def load_formats() -> Formats:
    """The tables, read once in a process."""
    payments, identifiers, phones, secrets, streets = (tomllib.loads(_read(n)) for n in _FILES[:5])
    names = list(KINDS)  # rule i < len(KINDS) is the kind itself: no country
    rules = [_rule(kind) for kind in range(len(KINDS))]
    weights = [[0] * 16 for _ in rules]
    forms: list[_Form] = []
    labels = [(word, LABEL_PHONE) for word in phones["labels"]["words"]]
    labels += [(word, LABEL_NOT) for word in phones["not_labels"]["words"]]
    label = LABEL_NOT
    for name, facts in identifiers.items():
        label += 1
        labels += [(word, label) for word in facts["labels"]]
        forms += _forms(facts.get("alone", ()), len(rules), labelled=False)
        forms += _forms(facts.get("labelled", ()), len(rules), labelled=True)
        rules.append(_identifier(facts, label))
        row = facts.get("weights", [])
        weights.append(row + [0] * (16 - len(row)))
        names.append(f"national_id:{facts['country']} {name}")
    forms += _forms(payments["card"]["forms"], CARD, labelled=False)
    rules[CARD][RULE_CHECK] = CHECKS.index("card")
    for facts in phones["national"]:
        forms += _forms(facts["forms"], len(rules), labelled=False)
        rule = _rule(PHONE, CHECKS.index("phone"))
        rule[RULE_COUNTRY], rule[RULE_TRUNK] = facts["code"], len(facts["trunk"])
        rules.append(rule)
        weights.append([0] * 16)
        names.append(f"phone:{facts['country']}")
    return Formats(
        names=tuple(names),
        rules=np.array(rules, np.int64),
        weights=np.array(weights, np.int64),
        **_compile(forms),
        labels=_label_table(labels),
        iban=_iban_lengths(payments["iban"]["lengths"]),
        cards=np.array([_card_range(*row) for row in payments["card"]["ranges"]], np.int64),
        codes=_codes(phones["codes"]),
        reserved=_packed(phones["reserved"]["prefixes"]),
        domains=_domain_hashes(_read("domains.txt")),
        keys=_key_table(secrets["keys"]["prefixes"]),
        names_of_secrets=_secret_names(secrets["names"]),
        streets=_street_table(streets),
    )


def _rule(kind: int, check: int = 0) -> list[int]:
    row = [0] * RULE_COLUMNS
    row[RULE_KIND], row[RULE_CHECK] = kind, check
    row[RULE_LABEL] = LABEL_PHONE if kind == PHONE else -1
    row[RULE_DATE] = -1
    return row


def _identifier(facts: Mapping[str, Any], label: int) -> list[int]:
    row = _rule(NATIONAL_ID, CHECKS.index(facts["check"]))
    row[RULE_LABEL] = label
    row[RULE_MODULUS] = facts.get("modulus", 0)
    row[RULE_LAST] = facts.get("last", 0)
    row[RULE_MONTH], row[RULE_DAY] = facts.get("month_step", 0), facts.get("day_step", 0)
    row[RULE_NOT_TIME] = int(facts.get("not_a_time", False))
    if "date" in facts:
        row[RULE_DATE:] = list(itertools.chain.from_iterable(facts["date"]))
    return row


# --- forms


def _forms(texts: Iterable[str], rule: int, *, labelled: bool) -> list[_Form]:
    return [_Form(signs, rule, labelled) for text in texts for signs in _spell(text)]


def _spell(text: str) -> Iterator[list[frozenset[str]]]:
    """The rows of sets that a form stands for: one for each number of repeated signs."""
    parts = []
    for sign, fewest, most in _SIGN.findall(text):
        allowed = _set_of(sign)
        counts = range(int(fewest or 1), int(most or 1) + 1)
        parts.append([[allowed] * count for count in counts])
    for chosen in itertools.product(*parts):
        yield list(itertools.chain.from_iterable(chosen))


def _set_of(sign: str) -> frozenset[str]:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if not sign.startswith("["):
        return frozenset(sign)
    allowed: set[str] = set()
    inner = sign[1:-1]
    for first, last, single in re.findall(r"(\w)-(\w)|(.)", inner):
        allowed.update(single or (chr(c) for c in range(ord(first), ord(last) + 1)))
    return frozenset(allowed)


def shape_of(letters: int, digits: int, follower: int) -> int:
    """The number of how a text begins: capitals, then digits, then a sign of a class.

    Args:
        letters: at most `MOST_LETTERS`.
        digits: below `BY_SHAPE`.
        follower: 0 for any other sign, else from 1 the place in `FOLLOWERS`.
    """
    return (letters * BY_SHAPE + digits) * (len(FOLLOWERS) + 1) + follower


def _shapes(signs: list[frozenset[str]]) -> list[int]:
    """How texts of a form begin: a sign that allows letters too may end the run of digits."""
    at = int(signs[0] == frozenset("("))
    letters = digits = 0
    while signs[at + letters] <= _LETTERS:
        letters += 1
    at += letters
    while at + digits < len(signs) and signs[at + digits] <= _DIGITS:
        digits += 1
    runs = [digits]
    if at + digits < len(signs) and signs[at + digits] & _DIGITS:
        runs.append(digits + 1)
    return [
        shape_of(letters, run, follower)
        for run in runs
        for follower in _followers(signs[at + run] if at + run < len(signs) else None)
    ]


def _followers(sign: frozenset[str] | None) -> list[int]:
    """The classes of what may follow a run: any where the form ends with it."""
    if sign is None:
        return list(range(len(FOLLOWERS) + 1))
    return [n for n, signs in enumerate(FOLLOWERS, 1) if sign.intersection(signs)]


def _compile(forms: list[_Form]) -> dict[str, NDArray[Any]]:
    """The arrays `sets` to `shape_forms` of `Formats`."""
    numbers: dict[frozenset[str], int] = {}
    signs: list[int] = []
    offsets, flags = [0], []
    by_shape: dict[int, list[int]] = defaultdict(list)
    for place, form in enumerate(forms):
        signs += [numbers.setdefault(allowed, len(numbers)) for allowed in form.signs]
        offsets.append(len(signs))
        has_space = any(" " in allowed for allowed in form.signs)
        opens = form.signs[0] == frozenset("(")
        flags.append(int(form.labelled) | has_space << 1 | opens << 2)
        for shape in _shapes(form.signs):
            by_shape[shape].append(place)
    sets = np.zeros((len(numbers), 128), np.bool_)
    for allowed, number in numbers.items():
        sets[number, [ord(symbol) for symbol in allowed]] = True
    shapes = [by_shape[shape] for shape in range(shape_of(MOST_LETTERS + 1, 0, 0))]
    shape_offsets = np.cumsum([0, *(len(places) for places in shapes)])
    return {
        "sets": sets,
        "signs": np.array(signs, np.int16),
        "form_offsets": np.array(offsets, np.int64),
        "form_rule": np.array([form.rule for form in forms], np.int64),
        "form_flags": np.array(flags, np.int64),
        "shape_offsets": shape_offsets.astype(np.int64),
        "shape_forms": np.array(list(itertools.chain.from_iterable(shapes)), np.int64),
    }


# --- words, prefixes, lengths


def _packed(texts: Iterable[str]) -> tuple[NDArray[Any], ...]:
    """uint8[bytes] of all texts, and int64[texts + 1]: where each begins."""
    encoded = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return data, np.cumsum([0, *map(len, encoded)]).astype(np.int64)


def _cases(word: str) -> set[str]:
    """A word with the ASCII letters small, the others as they are in any case of it."""
    ascii_small = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
    return {case.translate(ascii_small) for case in (word, word.capitalize(), word.upper())}


def _by_first(words: list[tuple[str, int]]) -> tuple[NDArray[Any], ...]:
    """Words sorted by their first byte: bytes, offsets, numbers, and by byte the first word."""
    words = sorted(words, key=lambda word: (word[0].encode(), word[1]))
    data, offsets = _packed(word for word, _ in words)
    firsts = np.array([word.encode()[0] for word, _ in words])
    begins = np.searchsorted(firsts, np.arange(257)).astype(np.int64)
    return data, offsets, np.array([number for _, number in words], np.int64), begins


def _label_table(labels: list[tuple[str, int]]) -> tuple[NDArray[Any], ...]:
    """As `_by_first`; a number is a class, plus 256 where the word may go on."""
    words = {
        (case.rstrip("*"), label + 256 * word.endswith("*"))
        for word, label in labels
        for case in _cases(word)
    }
    return _by_first(list(words))


def _iban_lengths(lengths: Mapping[str, int]) -> NDArray[np.int64]:
    table = np.zeros(26 * 26, np.int64)
    for country, length in lengths.items():
        first, second = (ord(letter) - ord("A") for letter in country)
        table[first * 26 + second] = length
    return table


def _card_range(first: str, last: str, digits: int) -> list[int]:
    return [len(first), int(first), int(last), digits]


def _codes(codes: Mapping[str, list[int]]) -> NDArray[np.int64]:
    table = np.zeros((1000, 2), np.int64)
    for code, limits in codes.items():
        table[int(code)] = limits
    return table


def hash_domain(domain: bytes) -> int:
    """FNV-1a, 64 bits, as the compiled scan has it."""
    state = 0xCBF29CE484222325
    for byte in domain:
        state = ((state ^ byte) * 0x100000001B3) % (1 << 64)
    return state


def _domain_hashes(text: str) -> NDArray[np.uint64]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return np.array(sorted(hash_domain(d.encode()) for d in " ".join(lines).split()), np.uint64)


def _key_table(prefixes: list[list[Any]]) -> tuple[NDArray[Any], ...]:
    data, offsets = _packed(row[0] for row in prefixes)
    return data, offsets, np.array([row[1:] for row in prefixes], np.int64)


def _secret_names(names: Mapping[str, Any]) -> tuple[NDArray[Any], ...]:
    """Longest first, so that `secret_access_key` is not read as `access_key`."""
    words = [(case, KEY) for word in names["key"] for case in _cases(word)]
    words += [(case, PASSWORD) for word in names["password"] for case in _cases(word)]
    words = sorted(set(words), key=lambda word: (-len(word[0].encode()), word))
    data, offsets = _packed(word for word, _ in words)
    return data, offsets, np.array([kind for _, kind in words], np.int64)


def _street_table(streets: Mapping[str, Any]) -> tuple[NDArray[Any], ...]:
    """Words and endings of streets; see `formats/streets.toml`."""
    words = [
        (case, number)
        for number, name in enumerate(("before", "after", "ending"))
        for word in streets[name]["words"]
        for case in _cases(word)
    ]
    data, offsets = _packed(word for word, _ in words)
    return data, offsets, np.array([number for _, number in words], np.int64)
