"""The compiled search for numbers of persons: telephones, cards, accounts, national numbers.

A number is looked for where a run of digits begins. A form (see `curate.score.personal_formats`) is
taken when all of its symbols are there, what stands around it does not go on with it, its check
digits are right and, where it asks for one, a label stands before it.
"""

# ruff: noqa: PLR2004, C901, PLR0911, PLR0912, PLR0915 - one function weighs a form; compiled

from __future__ import annotations

from typing import Any

import numpy as np

from curate.score.personal_around import (
    NOTHING,
    begins_well,
    continues_number,
    ends_well,
    follows_number,
    is_labelled,
    may_go_on,
    precedes_number,
    run_of_digits,
)
from curate.score.personal_checks import check_number
from curate.score.personal_formats import (
    BY_SHAPE,
    FOLLOWERS,
    IBAN,
    IP,
    LABEL_NOT,
    LABEL_PHONE,
    MOST_LETTERS,
    PHONE,
    RULE_KIND,
    RULE_LABEL,
)
from curate.score.personal_phones import MOST_DIGITS, find_international, find_labelled_phone
from curate.score.personal_symbols import (
    REACH,
    find_labels,
    is_digit,
    is_letter,
    is_word,
    symbol,
    symbol_before,
)
from curate.text.cut import compiled

_FEWEST = 7  # digits of a telephone number behind a label
_FOLLOWERS = len(FOLLOWERS) + 1
_NOT_REACH = 14  # bytes from a word that says that a number is another one
_LABELLED, _SPACED, _OPENS = 1, 2, 4  # bits of `Formats.form_flags`


@compiled
def match_form(
    data: Any, at: int, stop: int, signs: Any, first: int, last: int, sets: Any, values: Any
) -> Any:
    """The byte after a form that begins at a place, or -1; and how many values it has."""
    count = 0
    for place in range(first, last):
        code, width = symbol(data, at, stop)
        if at >= stop or not sets[signs[place], code]:
            return NOTHING, 0
        if is_digit(code):
            values[count] = code - 0x30
            count += 1
        elif 0x41 <= code <= 0x5A:
            values[count] = code - 0x37
            count += 1
        at += width
    return at, count


@compiled
def find_iban(data: Any, at: int, stop: int, lengths: Any) -> Any:
    """The byte after the IBAN that begins at a place, or -1."""
    place = (np.int64(data[at]) - 0x41) * 26 + np.int64(data[at + 1]) - 0x41
    length = lengths[place]
    if length == 0:
        return NOTHING
    rest = np.int64(0)  # of the number mod 97, from the fifth symbol on; then the first four
    head = np.int64(0)
    check = np.int64(0)
    count = 0
    while count < length:
        code, width = symbol(data, at, stop)
        if code in (0x20, 0x2D) and count >= 4:
            after, _ = symbol(data, at + width, stop)
            if not (is_digit(after) or 0x41 <= after <= 0x5A):
                return NOTHING
            at += width
            continue
        if is_digit(code):
            value = code - 0x30
        elif 0x41 <= code <= 0x5A:
            value = code - 0x37
        else:
            return NOTHING
        if count < 2:
            head = head * 100 + value
        elif count < 4:
            if value > 9:
                return NOTHING
            check = check * 10 + value
        else:
            rest = (rest * (100 if value > 9 else 10) + value) % 97
        count += 1
        at += width
    code, _ = symbol(data, at, stop)
    if is_word(code) or not 2 <= check <= 98:
        return NOTHING
    rest = (rest * 10000 + head) % 97
    return at if (rest * 100 + check) % 97 == 1 else NOTHING


@compiled
def find_ipv4(data: Any, at: int, begin: int, stop: int, state: Any, labels: Any) -> Any:
    """The byte after an address of the public internet that begins at a place, or -1."""
    start = at
    before, _ = symbol_before(data, at, begin, stop)
    if is_word(before) or before in (0x2E, 0x2D, 0x2C):
        return NOTHING
    octets = np.int64(0)  # one number of them all
    largest = np.int64(0)
    for octet in range(4):
        count, end = run_of_digits(data, at, stop)
        if not 1 <= count <= 3 or end - at != count or (count > 1 and data[at] == 0x30):
            return NOTHING
        value = np.int64(0)
        for place in range(at, end):
            value = value * 10 + np.int64(data[place]) - 0x30
        if value > 255:
            return NOTHING
        octets = octets << 8 | value
        largest = max(largest, value)
        at = end
        if octet < 3:
            if at >= stop or data[at] != 0x2E:
                return NOTHING
            at += 1
    code, width = symbol(data, at, stop)
    after, _ = symbol(data, at + width, stop)
    if is_word(code) or (code in (0x2E, 0x2D) and is_word(after)):
        return NOTHING
    a, b, c = octets >> 24, octets >> 16 & 0xFF, octets >> 8 & 0xFF
    if a in (0, 10, 127) or a >= 224 or (a == 100 and 64 <= b <= 127):
        return NOTHING
    if (a == 169 and b == 254) or (a == 172 and 16 <= b <= 31) or (a == 192 and b == 168):
        return NOTHING
    if (a == 192 and b == 0 and c in (0, 2)) or (a == 198 and b in (18, 19)):
        return NOTHING
    if (a == 198 and b == 51 and c == 100) or (a == 203 and b == 0 and c == 113):
        return NOTHING
    if largest < 20:  # 3.11.2.1: the number of a version or a section
        return NOTHING
    find_labels(data, state, begin, start, stop, labels)
    if is_labelled(data, state, LABEL_NOT, start, _NOT_REACH):
        return NOTHING
    return at


@compiled
def _follower(data: Any, at: int, stop: int) -> Any:
    """The class of the sign at a place, as `curate.score.personal_formats.shape_of` has it."""
    code, _ = symbol(data, at, stop)
    if is_letter(code):
        return 6
    if code == 0x20:
        return 1
    if code in (0x2D, 0x2E, 0x2F):
        return code - 0x2B
    return 5 if code == 0x29 else 0


@compiled
def _follows_pair(data: Any, at: int, begin: int, stop: int) -> bool:
    """Whether two capitals, which are a word, and one sign stand before a place."""
    code, width = symbol_before(data, at, begin, stop)
    pair = at - width - 2
    if code not in (0x20, 0x2D) or pair < begin:
        return False
    if not (0x41 <= data[pair] <= 0x5A and 0x41 <= data[pair + 1] <= 0x5A):
        return False
    return not is_word(symbol_before(data, pair, begin, stop)[0])


@compiled
def find_number(
    data: Any, at: int, begin: int, stop: int, state: Any, labels: Any, tables: Any, values: Any
) -> Any:
    """The number of a person that the run of digits at a place is part of.

    Args:
        data: the text's bytes.
        at: the first byte of a run of digits.
        begin: of what may be looked at: the text, or the end of what was found last.
        stop: of the text.
        state: see `find_labels`.
        labels: see `find_labels`.
        tables: `Formats.number_tables`.
        values: int64[40]: room; written.

    Returns:
        Start and end in bytes and the number's rule, or the end of the run and -1.
    """
    rules, weights, sets, signs, form_offsets, form_rule, flags = tables[:7]
    shape_offsets, shape_forms, lengths, cards, codes, reserved = tables[7:]
    digits, end = run_of_digits(data, at, stop)
    start = at
    letters = 0
    while start > begin and letters <= MOST_LETTERS and 0x41 <= data[start - 1] <= 0x5A:
        start -= 1
        letters += 1
    before, width = symbol_before(data, start, begin, stop)
    if letters > MOST_LETTERS or is_word(before):
        return at, end, NOTHING
    if letters == 0:
        if digits <= 3 and end < stop and data[end] == 0x2E:
            after = find_ipv4(data, at, begin, stop, state, labels)
            if after >= 0:
                return at, after, IP
        if before == 0x2B:
            ahead, _ = symbol_before(data, at - width, begin, stop)
            if not (is_word(ahead) or ahead in (0x2B, 0x29, 0x5E, 0x3D, 0x2D)):
                after = find_international(data, at, stop, codes, reserved, values, False)
                if after >= 0:
                    return at - width, after, PHONE
            return at, end, NOTHING
    elif letters == 2:
        after = find_iban(data, start, stop, lengths)
        if after >= 0:
            return start, after, IBAN
    if digits == 1 and letters == 0 and before != 0x28:
        code, _ = symbol(data, end, stop)
        if code not in (0x20, 0x2D, 0x2E, 0x28):
            return at, end, NOTHING
    shape = (letters * BY_SHAPE + min(digits, BY_SHAPE - 1)) * _FOLLOWERS + _follower(
        data, end, stop
    )
    if letters == 0 and digits == 2 and _follows_pair(data, start, begin, stop):
        start -= width + 2  # AB 12 34 56 C
        shape = 2 * BY_SHAPE * _FOLLOWERS + (1 if before == 0x20 else 2)
    asked = False
    for entry in range(shape_offsets[shape], shape_offsets[shape + 1]):
        form = shape_forms[entry]
        first = start
        if flags[form] & _OPENS:
            if before != 0x28 or letters:
                continue
            first = start - width
        row, row_end = form_offsets[form], form_offsets[form + 1]
        after, count = match_form(data, first, stop, signs, row, row_end, sets, values)
        if after < 0 or not ends_well(data, after, stop):
            continue
        rule = form_rule[form]
        if not asked:
            find_labels(data, state, begin, start, stop, labels)
            asked = True
        label = rules[rule, RULE_LABEL]
        labelled = label >= 0 and is_labelled(data, state, label, start, REACH)
        kind = rules[rule, RULE_KIND]
        if flags[form] & _LABELLED and not labelled:
            continue
        if not begins_well(data, first, begin, stop, labelled):
            continue
        if labelled and continues_number(data, first, begin, stop):
            continue
        goes_on = follows_number(data, first, begin, stop) or precedes_number(data, after, stop)
        if not labelled and flags[form] & _SPACED and goes_on:
            continue
        if not labelled and is_labelled(data, state, LABEL_NOT, start, _NOT_REACH):
            continue
        if kind == PHONE and labelled and state[LABEL_NOT] > state[LABEL_PHONE]:
            continue
        if check_number(rules[rule], weights[rule], values, count, cards, reserved):
            return first, after, rule
    if start != at or not (digits >= _FEWEST or may_go_on(data, end, stop)):
        return at, end, NOTHING
    if not asked:
        find_labels(data, state, begin, start, stop, labels)
    if digits >= 2 and data[at] == 0x30 and data[at + 1] == 0x30:
        labelled = is_labelled(data, state, LABEL_PHONE, at, REACH)
        is_free = not continues_number(data, at, begin, stop)
        if is_free and begins_well(data, at, begin, stop, labelled):
            after = find_international(data, at + 2, stop, codes, reserved, values, not labelled)
            if after >= 0:
                return at, after, PHONE
    is_denied_last = state[LABEL_NOT] > state[LABEL_PHONE]
    if is_labelled(data, state, LABEL_PHONE, at, REACH) and not is_denied_last:
        first = at - width if before == 0x28 else at
        is_free = begins_well(data, first, begin, stop, True)
        if is_free and digits <= MOST_DIGITS and not continues_number(data, first, begin, stop):
            after = find_labelled_phone(data, at, stop, reserved, values)
            if after >= 0:
                return first, after, PHONE
    return at, end, NOTHING
