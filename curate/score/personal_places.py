"""The compiled search for e-mail addresses, IPv6 addresses and street addresses."""

# ruff: noqa: PLR2004, C901, PLR0911, PLR0912, SIM110 - bytes are literals; compiled loops

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from curate.score.personal_around import NOTHING, run_of_digits
from curate.score.personal_symbols import is_digit, is_letter, is_word, small, symbol
from curate.text.cut import compiled

_LOCAL, _DOMAIN, _LABEL = 64, 253, 63  # octets at most (RFC 5321, 4.5.3.1; RFC 1035, 2.3.4)
_WINDOW = 96  # bytes from the beginning of a street address to its postal code
_TOKENS = 24
_BEFORE, _AFTER, _ENDING, _NUMBER, _OTHER = 0, 1, 2, 3, 4
_FNV, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@compiled
def is_local(byte: Any) -> bool:
    """Whether a byte stands in the local part of an address (the atoms of RFC 5322 in use)."""
    return bool(is_word(byte) or byte in (0x2E, 0x2B, 0x2D, 0x25, 0x27))  # . + - % '


@compiled
def is_domain(byte: Any) -> bool:
    """Whether a byte stands in a domain."""
    return bool(is_digit(byte) or is_letter(byte) or byte in (0x2D, 0x2E))


@compiled
def _same(data: Any, at: int, end: int, text: Any) -> bool:
    if end - at != len(text):
        return False
    for place in range(len(text)):
        if small(np.int64(data[at + place])) != text[place]:
            return False
    return True


def _bytes(text: str) -> Any:
    return np.frombuffer(text.encode(), np.uint8)


_EXAMPLE, _TEST, _INVALID, _LOCALHOST = map(_bytes, ("example", "test", "invalid", "localhost"))
_DOT, _AT = _bytes("dot"), _bytes("at")


@compiled
def domain_end(data: Any, at: int, stop: int, domains: Any) -> Any:
    """The byte after the host name that begins at a place, whose top-level domain exists; or -1.

    Names that RFC 2606 keeps for examples and tests are nobody's, and are none here.
    """
    end = at
    while end < stop and end - at <= _DOMAIN and is_domain(np.int64(data[end])):
        end += 1
    if end - at > _DOMAIN:
        return NOTHING
    while end > at and data[end - 1] in (0x2E, 0x2D):
        end -= 1
    last = second = at - 1  # the last two dots
    for place in range(at, end):
        if data[place] == 0x2E:
            if place == at or data[place - 1] == 0x2E or place - last - 1 > _LABEL:
                return NOTHING
            second, last = last, place
    if last < at or end - last < 3:
        return NOTHING
    if _same(data, second + 1, last, _EXAMPLE):
        return NOTHING
    state = _FNV
    for place in range(last + 1, end):
        state = (state ^ np.uint64(small(np.int64(data[place])))) * _PRIME
    is_known = domains[np.searchsorted(domains, state) % len(domains)] == state
    is_foreign = end - last > 5 and data[last + 3] == 0x2D and data[last + 4] == 0x2D  # .xn--
    return end if is_known or is_foreign else NOTHING


@compiled
def find_email(data: Any, at: int, begin: int, stop: int, domains: Any) -> Any:
    """Start and end of the e-mail address around an `@`; (-1, -1): there is none."""
    start = at
    while start > begin and at - start <= _LOCAL and is_local(np.int64(data[start - 1])):
        start -= 1
    if at - start > _LOCAL or (start > begin and data[start - 1] == 0x40):
        return NOTHING, NOTHING
    while start < at and data[start] in (0x2E, 0x2D, 0x27, 0x25, 0x2B):
        start += 1
    if start == at or data[at - 1] == 0x2E or at + 1 >= stop:
        return NOTHING, NOTHING
    for place in range(start, at):
        if data[place] == 0x2E and data[place + 1] == 0x2E:
            return NOTHING, NOTHING
    end = domain_end(data, at + 1, stop, domains)
    if end < 0 or (end < stop and data[end] in (0x40, 0x5F)):
        return NOTHING, NOTHING
    return start, end


@compiled
def _skip_word(data: Any, at: int, stop: int, word: Any) -> Any:
    """The byte after a word in brackets, with spaces around them; -1: it does not stand there."""
    while at < stop and data[at] == 0x20:
        at += 1
    if at >= stop or data[at] not in (0x28, 0x5B, 0x7B):
        return NOTHING
    at += 1
    while at < stop and data[at] == 0x20:
        at += 1
    if at + len(word) >= stop or not _same(data, at, at + len(word), word):
        return NOTHING
    at += len(word)
    while at < stop and data[at] == 0x20:
        at += 1
    if at >= stop or data[at] not in (0x29, 0x5D, 0x7D):
        return NOTHING
    at += 1
    while at < stop and data[at] == 0x20:
        at += 1
    return at


@compiled
def _skip_dot_back(data: Any, at: int, begin: int) -> Any:
    """The byte at which `[dot]` before a place begins, with spaces around it; or -1."""
    while at > begin and data[at - 1] == 0x20:
        at -= 1
    if at - 5 <= begin or data[at - 1] not in (0x29, 0x5D, 0x7D):
        return NOTHING
    if data[at - 5] not in (0x28, 0x5B, 0x7B) or not _same(data, at - 4, at - 1, _DOT):
        return NOTHING
    at -= 5
    while at > begin and data[at - 1] == 0x20:
        at -= 1
    return at


@compiled
def find_spelt_email(data: Any, at: int, begin: int, stop: int, domains: Any) -> Any:
    """Start and end of an address written `name [at] host [dot] org` around its first bracket."""
    after = _skip_word(data, at, min(stop, at + 12), _AT)
    if after < 0:
        return NOTHING, NOTHING
    end = at
    while end > begin and at - end < 2 and data[end - 1] == 0x20:
        end -= 1
    start = end
    while start > begin and end - start <= _LOCAL:
        if is_local(np.int64(data[start - 1])):
            start -= 1
            continue
        dot = _skip_dot_back(data, start, max(begin, start - 12))  # li [dot] wei [at] …
        if dot < 0 or start == end:
            break
        start = dot
    if start == end or end - start > _LOCAL:
        return NOTHING, NOTHING
    host = np.zeros(_DOMAIN + 2, np.uint8)
    size = 0
    place = after
    while place < stop and size <= _DOMAIN:
        byte = np.int64(data[place])
        if is_domain(byte):
            host[size] = data[place]
            size += 1
            place += 1
            continue
        dot = _skip_word(data, place, min(stop, place + 12), _DOT)
        if dot < 0:
            break
        host[size] = 0x2E
        size += 1
        place = dot
    length = domain_end(host, 0, size, domains)
    if length < 0:
        return NOTHING, NOTHING
    return start, place - (size - length)


@compiled
def find_ipv6(data: Any, at: int, begin: int, stop: int) -> Any:
    """Start and end of the global IPv6 address around its first colon; (-1, -1): none."""
    start = at
    while start > begin and at - start < 5 and _is_hex(np.int64(data[start - 1])):
        start -= 1
    end = at
    while (
        end < stop
        and end - at <= 46
        and (_is_hex(np.int64(data[end])) or data[end] in (0x3A, 0x2E))
    ):
        end += 1
    while end > at and data[end - 1] in (0x2E, 0x3A):
        end -= 1
    if at - start != 4 or end - start > 45 or end - start < 8:  # 2000::/3 has four digits there
        return NOTHING, NOTHING
    if start > begin and (is_word(np.int64(data[start - 1])) or data[start - 1] == 0x2E):
        return NOTHING, NOTHING
    if start > begin + 1 and data[start - 1] == 0x3A:  # IP:2a02:…
        before = np.int64(data[start - 2])
        if _is_hex(before) or before == 0x3A:
            return NOTHING, NOTHING
    if end < stop and is_word(np.int64(data[end])):
        return NOTHING, NOTHING
    groups = gaps = digits = 0
    for place in range(start, end):
        if data[place] == 0x3A:
            if digits:
                groups += 1
            elif place > start and data[place - 1] == 0x3A:
                gaps += 1
            digits = 0
        elif data[place] == 0x2E:
            return NOTHING, NOTHING
        else:
            digits += 1
            if digits > 4:
                return NOTHING, NOTHING
    groups += digits > 0
    if gaps > 1 or (gaps == 0 and groups != 8) or (gaps == 1 and groups > 7) or groups < 2:
        return NOTHING, NOTHING
    if data[start] not in (0x32, 0x33):
        return NOTHING, NOTHING
    if _starts(data, start, stop, _DOCUMENTATION):
        return NOTHING, NOTHING
    return start, end


_DOCUMENTATION: Final = _bytes("2001:db8:")  # RFC 3849


@compiled
def _starts(data: Any, at: int, stop: int, text: Any) -> bool:
    return at + len(text) <= stop and _same(data, at, at + len(text), text)


@compiled
def _is_hex(byte: Any) -> bool:
    return bool(is_digit(byte) or 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66)


# --- streets


@compiled
def postcode_end(data: Any, at: int, begin: int, stop: int) -> Any:
    """The byte after the postal code that begins at a digit, or -1; it is shaped as one only.

    12345 and a capital (Germany, France, Italy, Spain), `IL 62704` (United States), 1234 AB
    (Netherlands), 123 45 and a capital (Sweden), 12-345 and a capital (Poland), and the British
    codes, of which the first digit is asked about.
    """
    digits, end = run_of_digits(data, at, stop)
    if end - at != digits or (digits == 5 and _is_zero(data, at, end)):
        return NOTHING
    before = np.int64(data[at - 1]) if at > begin else 0
    code, _ = symbol(data, end, stop)
    if digits == 5 and before == 0x20:
        is_state = at - begin >= 4 and _capital(data, at - 2) and _capital(data, at - 3)
        if is_state and not is_letter(np.int64(data[at - 4])) and not is_word(code):
            return end
    if 0x41 <= before <= 0x5A:  # SW1A 2AA
        place = at + digits
        if place < stop and _capital(data, place):
            place += 1
        if digits > 2 or place + 4 > stop or data[place] != 0x20:
            return NOTHING
        fits = is_digit(np.int64(data[place + 1])) and _capital(data, place + 2)
        after = np.int64(data[place + 4]) if place + 4 < stop else 0
        return place + 4 if fits and _capital(data, place + 3) and not is_word(after) else NOTHING
    if is_word(before) or before in (0x2E, 0x2D):
        return NOTHING
    if digits == 4 and code == 0x20 and end + 3 <= stop:
        after = np.int64(data[end + 3]) if end + 3 < stop else 0
        is_dutch = _capital(data, end + 1) and _capital(data, end + 2) and not is_word(after)
        return end + 3 if is_dutch else NOTHING
    if (digits == 3 and code == 0x20) or (digits == 2 and code == 0x2D):
        more, end = run_of_digits(data, end + 1, stop)
        if more + digits != 5:
            return NOTHING
    elif digits != 5:
        return NOTHING
    if end + 1 >= stop or data[end] != 0x20:
        return NOTHING
    return end if _capital(data, end + 1) or data[end + 1] == 0xC3 else NOTHING


@compiled
def _is_zero(data: Any, at: int, end: int) -> bool:
    """Whether all digits are 0, as in surrogates."""
    for place in range(at, end):
        if data[place] != 0x30:
            return False
    return True


@compiled
def _capital(data: Any, at: int) -> bool:
    return bool(0x41 <= data[at] <= 0x5A)


@compiled
def _street_class(data: Any, at: int, end: int, streets: Any) -> Any:
    words, offsets, classes = streets
    for word in range(len(classes)):
        length = offsets[word + 1] - offsets[word]
        if length > end - at or (classes[word] != _ENDING and length != end - at):
            continue
        same = True
        for place in range(length):
            if small(np.int64(data[end - length + place])) != words[offsets[word] + place]:
                same = False
                break
        if same:
            return classes[word]
    return _OTHER


def _parts() -> NDArray[np.uint8]:
    """1: between the words of an address; 2: ends what is before it."""
    table = np.zeros(256, np.uint8)
    table[[ord(sign) for sign in " ,\n"]] = 1
    table[[ord(sign) for sign in "\"'<>;|:()[]{}=*#"]] = 2
    return table


PARTS: Final = _parts()


@compiled
def _city_end(data: Any, at: int, stop: int) -> Any:
    """The byte after the word with a capital behind a postal code; where there is none, the code's."""
    if at + 1 >= stop or data[at] != 0x20 or not (_capital(data, at + 1) or data[at + 1] >= 0xC3):
        return at
    at += 1
    while at < stop and (is_letter(np.int64(data[at])) or data[at] >= 0x80 or data[at] == 0x2D):
        at += 1
    return at


@compiled
def find_street(data: Any, at: int, begin: int, stop: int, streets: Any) -> Any:
    """Start and end of the street address whose postal code begins at a digit; (-1, -1): none."""
    end = postcode_end(data, at, begin, stop)
    if end < 0:
        return NOTHING, NOTHING
    limit = at
    while limit > begin and 0x41 <= data[limit - 1] <= 0x5A and at - limit < 2:
        limit -= 1  # the letters of a British code
    place = max(begin, at - _WINDOW)
    starts = np.zeros(_TOKENS, np.int64)
    ends = np.zeros(_TOKENS, np.int64)
    kinds = np.zeros(_TOKENS, np.int64)
    count = 0
    while place < limit:
        while place < limit and PARTS[data[place]] > 0:
            if PARTS[data[place]] == 2:
                count = 0  # an address does not go on behind it
            place += 1
        start = place
        while place < limit and PARTS[data[place]] == 0:
            place += 1
        if place == start:
            break
        if count == _TOKENS:  # only the last ones count
            for token in range(_TOKENS - 1):
                starts[token], ends[token] = starts[token + 1], ends[token + 1]
                kinds[token] = kinds[token + 1]
            count -= 1
        starts[count], ends[count] = start, place
        digits, after = run_of_digits(data, start, place)
        is_number = 1 <= digits <= 4 and place - after <= 1
        kinds[count] = _NUMBER if is_number else _street_class(data, start, place, streets)
        count += 1
    end = _city_end(data, end, stop)
    number = count - 1
    while number >= max(0, count - 9):
        if kinds[number] == _NUMBER:
            far = count - number - 1  # tokens between the number and the code
            if far <= 1 and number > 0 and kinds[number - 1] == _ENDING:
                first = number - 1
                while first > 0 and number - first < 4 and _capital(data, starts[first]):
                    is_next = ends[first - 1] + 1 == starts[first] and data[ends[first - 1]] == 0x20
                    if not (is_next and _capital(data, starts[first - 1])):
                        break
                    first -= 1  # Am Alten Weg 5
                return starts[first], end
            if far <= 1:
                for word in range(max(0, number - 5), number - 1):
                    if kinds[word] == _BEFORE:
                        return starts[word], end
            for word in range(number + 1, min(number + 6, count)):
                if kinds[word] in (_BEFORE, _AFTER):
                    return starts[number], end
        number -= 1
    return NOTHING, NOTHING
