"""The check digits of personal numbers, compiled: each by the rule whose source its table names.

Values are those of the symbols of a form, separators left out: digits 0 to 9, letters 10 to 35.
"""

# ruff: noqa: PLR2004, C901, PLR0911, PLR0912, SIM110 - each rule is its numbers; compiled loops

from __future__ import annotations

from typing import Any

import numpy as np

from curate.score.personal_formats import (
    CHECKS,
    RULE_CHECK,
    RULE_COUNTRY,
    RULE_DATE,
    RULE_DAY,
    RULE_LAST,
    RULE_MODULUS,
    RULE_MONTH,
    RULE_NOT_TIME,
    RULE_TRUNK,
)
from curate.text.cut import compiled

(
    _NONE,
    _WEIGHTED,
    _LUHN,
    _VERHOEFF,
    _SSN,
    _NINO,
    _STEUER_ID,
    _NIR,
    _DNI,
    _NIE,
    _CODICE_FISCALE,
    _CPF,
    _RESIDENT_ID,
    _HENKILOTUNNUS,
    _FODSELSNUMMER,
    _RIJKSREGISTER,
    _RRN,
    _TCKN,
    _SNILS,
    _RUT,
    _THAI_ID,
    _MY_NUMBER,
    _CURP,
    _CARD,
    _PHONE,
) = range(len(CHECKS))


def _letters(text: str) -> Any:
    return np.array([int(letter, 36) for letter in text], np.int64)


_DNI_LETTERS = _letters("TRWAGMYFPDXBNJZSQVHLCKE")
_HETU_LETTERS = _letters("0123456789ABCDEFHJKLMNPRSTUVWXY")
_NINO_BAD_FIRST = _letters("DFIQUV")
_NINO_BAD_SECOND = _letters("DFIOQUV")
_NINO_BAD_PAIRS = np.array([int(pair, 36) for pair in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")])
_CF_ODD = np.array(
    [
        *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
        *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10),
        *(22, 25, 24, 23),
    ]
)
_D5 = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ]
)
_PERMUTED = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ]
)
_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@compiled
def luhn(values: Any, first: int, count: int) -> bool:
    """Whether the last of the digits is Luhn's (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place in range(first, count):
        value = values[place]
        if (count - place) % 2 == 0:
            value = value * 2 - 9 * (value > 4)
        total += value
    return bool(total % 10 == 0)


@compiled
def number_of(values: Any, first: int, count: int) -> Any:
    """The decimal number that some digits write."""
    number = np.int64(0)
    for place in range(first, count):
        number = number * 10 + values[place]
    return number


@compiled
def weighed(values: Any, first: int, count: int, heaviest: int) -> Any:
    """The sum of digits by weights that fall by one from the first digit on."""
    total = 0
    for place in range(first, count):
        total += values[place] * (heaviest - (place - first))
    return total


@compiled
def check_number(
    rule: Any, weights: Any, values: Any, count: int, cards: Any, reserved: Any
) -> bool:
    """Whether the values of a form are a number of its rule.

    Args:
        rule: its row of `Formats.rules`.
        weights: its row of `Formats.weights`.
        values: int64[32]: of the symbols.
        count: of values.
        cards: ranges of issuers.
        reserved: prefixes of telephone numbers that are nobody's.
    """
    if rule[RULE_DATE] >= 0 and not _has_date(rule, values, count):
        return False
    check = rule[RULE_CHECK]
    if check == _PHONE:
        return not is_nobodys(values, count, rule[RULE_COUNTRY], rule[RULE_TRUNK], reserved)
    if check == _CARD:
        return luhn(values, 0, count) and _is_issued(values, count, cards)
    if check == _LUHN:
        return luhn(values, count - rule[RULE_LAST], count) and _varies(values, count)
    if check == _WEIGHTED:
        total = 0
        for place in range(count):
            total += values[place] * weights[place]
        return bool(total % rule[RULE_MODULUS] == 0) and _varies(values, count)
    return _check_by_name(check, values, count)


@compiled
def _check_by_name(check: int, values: Any, count: int) -> bool:
    last = values[count - 1]
    if check == _VERHOEFF:
        state = 0
        for place in range(count):
            state = _D5[state, _PERMUTED[place % 8, values[count - 1 - place]]]
        return bool(state == 0)
    if check == _SSN:
        area = number_of(values, 0, 3)
        known = area in (78, 123, 219) and number_of(values, 3, 9) in (51120, 99999, 456789)
        given = 0 < area < 900 and area != 666
        return bool(
            given and number_of(values, 3, 5) > 0 and number_of(values, 5, 9) > 0 and not known
        )
    if check == _NINO:
        bad = (values[0] == _NINO_BAD_FIRST).any() or (values[1] == _NINO_BAD_SECOND).any()
        return not (bad or (values[0] * 36 + values[1] == _NINO_BAD_PAIRS).any())
    if check == _STEUER_ID:
        return _check_steuer_id(values)
    if check == _NIR:
        month = number_of(values, 3, 5)
        real = 1 <= month <= 12 or 20 <= month <= 42 or month >= 50
        return bool(real and 97 - number_of(values, 0, 13) % 97 == number_of(values, 13, 15))
    if check == _DNI:
        number = number_of(values, 0, 8)
        return bool(number > 0 and _DNI_LETTERS[number % 23] == last)
    if check == _NIE:
        number = (values[0] - 33) * 10**7 + number_of(values, 1, 8)
        return bool(_DNI_LETTERS[number % 23] == last)
    if check == _CODICE_FISCALE:
        total = 0
        for place in range(15):
            value = values[place]
            total += _CF_ODD[value] if place % 2 == 0 else value - 10 * (value > 9)
        return bool(total % 26 == last - 10 and 1 <= number_of(values, 9, 11) % 40 <= 31)
    if check == _CPF:
        return _varies(values, 9) and (
            _eleven(weighed(values, 0, 9, 10)) == values[9]
            and _eleven(weighed(values, 0, 10, 11)) == values[10]
        )
    if check == _RESIDENT_ID:
        total = 0
        for place in range(17):
            total += values[place] * (2 ** (17 - place) % 11)
        wanted = (12 - total % 11) % 11
        return bool(wanted == (10 if last == 33 else last))
    return _check_other(check, values, count)


@compiled
def _check_other(check: int, values: Any, count: int) -> bool:
    last = values[count - 1]
    if check == _HENKILOTUNNUS:  # its century sign is a letter A, or no value at all
        serial = count - 4
        number = number_of(values, 0, 6) * 1000 + number_of(values, serial, serial + 3)
        return bool(_HETU_LETTERS[number % 31] == last and number % 1000 >= 2)
    if check == _FODSELSNUMMER:
        first = np.array([3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0])
        second = np.array([5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1])
        return bool(
            (first * values[:11]).sum() % 11 == 0 and (second * values[:11]).sum() % 11 == 0
        )
    if check == _RIJKSREGISTER:
        number, key = number_of(values, 0, 9), number_of(values, 9, 11)
        month = number_of(values, 2, 4)
        return bool(month <= 12 and key in (97 - number % 97, 97 - (2 * 10**9 + number) % 97))
    if check == _RRN:
        total = 0
        for place in range(12):
            total += values[place] * (place % 8 + 2)
        return bool((11 - total % 11) % 10 == last)
    if check == _TCKN:
        odd = values[0] + values[2] + values[4] + values[6] + values[8]
        even = values[1] + values[3] + values[5] + values[7]
        return bool((odd * 7 - even) % 10 == values[9] and (odd + even + values[9]) % 10 == last)
    if check == _SNILS:
        wanted = weighed(values, 0, 9, 9) % 101 % 100
        return bool(number_of(values, 0, 9) > 1001998 and wanted == number_of(values, 9, 11))
    if check == _RUT:
        total = 0
        for place in range(count - 1):
            total += values[place] * ((count - 2 - place) % 6 + 2)
        return bool((11 - total % 11) % 11 == (10 if last == 20 else last))
    if check == _THAI_ID:
        return bool((11 - weighed(values, 0, 12, 13) % 11) % 10 == last)
    if check == _MY_NUMBER:
        total = 0
        for place in range(11):
            total += values[10 - place] * (place + 2 if place < 6 else place - 4)
        return _varies(values, 11) and bool(_eleven(total) == last)
    if check == _CURP:
        total = 0
        for place in range(17):
            value = values[place]  # the alphabet has an Ñ after N
            total += (value + (value > 23)) * (18 - place)
        return bool((10 - total % 10) % 10 == last)
    return True


@compiled
def _eleven(total: int) -> Any:
    """The check digit of a sum by modulus 11 in which 10 and 11 become 0."""
    digit = 11 - total % 11
    return digit if digit < 10 else 0


@compiled
def _varies(values: Any, count: int) -> bool:
    """Whether the digits are not all the same."""
    for place in range(1, count):
        if values[place] != values[0]:
            return True
    return False


@compiled
def _check_steuer_id(values: Any) -> bool:
    """One digit of the first ten stands there twice or thrice, the others once at most."""
    counts = np.zeros(10, np.int64)
    product = 10
    for place in range(10):
        counts[values[place]] += 1
        total = (values[place] + product) % 10
        product = (total or 10) * 2 % 11
    repeated = (counts > 1).sum()
    return bool(repeated == 1 and counts.max() <= 3 and (11 - product) % 10 == values[10])


@compiled
def _has_date(rule: Any, values: Any, count: int) -> bool:
    """Whether the places of a date hold one; steps are what marks (a century, a sex) add to it."""
    date = rule[RULE_DATE:]
    month = number_of(values, date[2], date[2] + date[3])
    day = number_of(values, date[4], date[4] + date[5])
    if rule[RULE_MONTH]:
        month %= rule[RULE_MONTH]
    if rule[RULE_DAY]:
        day %= rule[RULE_DAY]
    if date[1] == 4 and not 1800 <= number_of(values, date[0], date[0] + 4) <= 2099:
        return False
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return False
    if rule[RULE_NOT_TIME]:  # a stamp such as 191125-1830
        hour, minute = number_of(values, count - 4, count - 2), number_of(values, count - 2, count)
        return not (hour < 24 and minute < 60)
    return True


@compiled
def _is_issued(values: Any, count: int, cards: Any) -> bool:
    for place in range(len(cards)):
        length, first, last, digits = cards[place]
        if count == digits and first <= number_of(values, 0, length) <= last:
            return True
    return False


@compiled
def is_nobodys(values: Any, count: int, code: Any, trunk: int, reserved: Any) -> bool:
    """Whether a telephone number is in a range that is given to nobody.

    Args:
        values: the national number, behind its trunk prefix.
        count: of digits, with that prefix.
        code: of the country; 0: the digits begin with it, or it is not known.
        trunk: digits of the prefix.
        reserved: prefixes in international form.
    """
    if count - trunk >= 2 and values[trunk] == 0 and values[trunk + 1] == 0:
        return True  # no plan has such numbers: surrogates are made so
    if count >= 7:  # 555-0100 to 555-0199 of any area, or dialled within one
        tail = number_of(values, count - 7, count)
        if 5550100 <= tail <= 5550199 and (code == 1 or count in (7, 10, 11)):
            return True
    whole = np.zeros(40, np.int64)
    size = 0
    scale = 100
    while scale >= 1:
        if code >= scale:
            whole[size] = code // scale % 10
            size += 1
        scale //= 10
    for place in range(trunk, count):
        whole[size] = values[place]
        size += 1
    data, offsets = reserved
    for prefix in range(len(offsets) - 1):
        length = offsets[prefix + 1] - offsets[prefix]
        same = length <= size
        for place in range(length):
            if same and data[offsets[prefix] + place] - 48 != whole[place]:
                same = False
        if same:
            return True
    return False
