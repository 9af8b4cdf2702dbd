"""What stands for personal data after masking: placeholders, or surrogates that are nobody's.

A surrogate is drawn from a keyed hash of the recipe's seed, the kind and the value, without its
separators and case: a value has one surrogate in all documents, runs and orders of a seed. It keeps
the value's separators and number of digits (a password of fewer than seven signs becomes longer), and
cannot be anybody's:

- `email`: `user-<10 hex digits>@example.org` (RFC 2606);
- `phone`: 555-0100 to 0199 of any area in North America, which is kept for films; elsewhere three
  zeros behind the country code, or at the beginning;
- `ip`: of 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (RFC 5737) or 2001:db8::/32 (RFC 3849);
- `iban`: the country and check digits 00, which no account has;
- `card`: a number that begins with 0, which is no issuer's;
- `national_id`: three zeros, letters X, and a check digit that is wrong;
- `address`: `Example Street <number>, 00000`;
- `key`, `password`: `example` and hex digits, behind a key's prefix.

Where values are many, two may share a surrogate: there are 64,000 North American telephone numbers of
that kind, and 762 IPv4 addresses. None of these is found by the scan, so that masking what was masked
changes nothing; where a drawn one would be, the next is drawn.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

import polars as pl

from curate.score.personal_formats import load_formats

_DRAWS = 64  # before a placeholder stands in
_AMERICAN = re.compile("1?[2-9][0-9]{2}[2-9][0-9]{6}")
_TEST_NETS = ("192.0.2", "198.51.100", "203.0.113")
_SECRET_CONTEXTS = ("{}", "password = {}", "token={}", "https://user:{}@host.org/")
_CONTEXTS = (  # in which a surrogate must not be found again
    *("{}", "Tel. {}", "SSN {}", "NI number {}", "NHS number {}", "IdNr {}", "PESEL {}", "CPF {}"),
    *("Aadhaar {}", "BSN {}", "personnummer {}", "CPR-nr {}", "insz {}", "AHV-Nr {}", "SVNR {}"),
    *("TCKN {}", "СНИЛС {}", "RUT {}", "SIN {}", "TFN {}", "ID number {}", "個人番号 {}"),
    *("เลขประจำตัวประชาชน {}", "fnr {}", "x {} 10"),
)


def placeholder(kind: str) -> str:
    """The sign that stands for a kind."""
    return f"<{kind.upper()}>"


@lru_cache(maxsize=1 << 16)
def make_surrogate(kind: str, value: str, seed: int) -> str:
    """The surrogate of a value.

    >>> make_surrogate("ip", "93.184.216.34", 7) == make_surrogate("ip", "93.184.216.34", 7)
    True
    """
    plain = re.sub(r"[\W_]", "", value).lower() if kind not in _WHOLE else value
    key = f"{seed}\0{kind}\0{plain}"
    for attempt in range(_DRAWS):
        surrogate = _MAKERS[kind](value, _draw(key, attempt))
        contexts = _SECRET_CONTEXTS if kind in ("key", "password") else _CONTEXTS
        if _is_nobodys(surrogate, contexts):
            return surrogate
    return placeholder(kind)


_WHOLE = ("email", "ip", "key", "password")  # in these every sign counts


def _draw(key: str, attempt: int) -> Iterator[int]:
    """Bytes without end."""
    block = 0
    while True:
        text = f"{key}\0{attempt}\0{block}".encode("utf-8", "surrogatepass")
        yield from hashlib.blake2b(text, digest_size=64, person=b"surrogate").digest()
        block += 1


def _is_nobodys(surrogate: str, contexts: tuple[str, ...]) -> bool:
    from curate.score.personal import find_personal

    texts = pl.Series([context.format(surrogate) for context in contexts])
    return find_personal(texts).is_empty()


def _hex(draw: Iterator[int], count: int) -> str:
    return bytes(next(draw) for _ in range((count + 1) // 2)).hex()[:count]


def _replace(value: str, digits: Callable[[int], str | None], draw: Iterator[int]) -> str:
    """The value with other digits, those at some places given, and letters X; separators are kept."""
    new, place = [], 0
    for sign in value:
        if sign.isdecimal():
            given = digits(place)
            new.append(str(next(draw) % 10) if given is None else given)
            place += 1
        else:
            new.append("X" if sign.isalpha() else sign)
    return "".join(new)


def _zeros(count: int) -> Callable[[int], str | None]:
    return lambda place: "0" if place < count else None


def _email(value: str, draw: Iterator[int]) -> str:
    del value
    return f"user-{_hex(draw, 10)}@example.org"


def _phone(value: str, draw: Iterator[int]) -> str:
    digits = "".join(str(int(sign)) for sign in value if sign.isdecimal())
    has_plus = value.startswith(("+", "\uff0b"))
    exit_code = 2 if not has_plus and digits.startswith("00") else 0
    is_international = has_plus or exit_code
    code = _country_code(digits[exit_code:]) if is_international else ""
    kept = exit_code + len(code)
    is_american = not is_international and _AMERICAN.fullmatch(digits)
    if code == "1" or is_american:
        area = f"{2 + next(draw) % 8}{next(draw) % 10}{next(draw) % 10}"
        number = f"{area}55501{next(draw) % 10}{next(draw) % 10}"
        given = digits[: len(digits) - 10] + number
        return _replace(value, lambda place: given[place], draw)
    head = digits[:kept] + "000"
    return _replace(value, lambda place: head[place] if place < len(head) else None, draw)


@cache
def _codes() -> frozenset[str]:
    table = load_formats().codes
    return frozenset(str(code) for code in range(len(table)) if table[code, 1])


def _country_code(digits: str) -> str:
    return next((digits[:n] for n in (3, 2, 1) if digits[:n] in _codes()), "")


def _ip(value: str, draw: Iterator[int]) -> str:
    if ":" in value:
        groups = ":".join(_hex(draw, 4) for _ in range(6))
        return f"2001:db8:{groups}"
    return f"{_TEST_NETS[next(draw) % 3]}.{1 + next(draw) % 254}"


def _iban(value: str, draw: Iterator[int]) -> str:
    return value[:2] + _replace(value[2:], _zeros(2), draw)


def _card(value: str, draw: Iterator[int]) -> str:
    return _replace(value, _zeros(1), draw)


def _national_id(value: str, draw: Iterator[int]) -> str:
    return _replace(value, _zeros(3), draw)


def _address(value: str, draw: Iterator[int]) -> str:
    del value
    return f"Example Street {1 + (next(draw) << 8 | next(draw)) % 9999}, 00000"


def _key(value: str, draw: Iterator[int]) -> str:
    prefix = next((p for p in _prefixes() if value.startswith(p)), "")
    if value.startswith("-----"):
        return f"example-key-{_hex(draw, 16)}"
    return f"{prefix}example{_hex(draw, max(8, len(value) - len(prefix) - 7))}"


@cache
def _prefixes() -> tuple[str, ...]:
    data, offsets, _ = load_formats().keys
    text = bytes(data).decode()
    return tuple(text[offsets[i] : offsets[i + 1]] for i in range(len(offsets) - 1))


def _password(value: str, draw: Iterator[int]) -> str:
    return f"example{_hex(draw, max(4, len(value) - 7))}"


_MAKERS: dict[str, Callable[[str, Iterator[int]], str]] = {
    "email": _email,
    "phone": _phone,
    "ip": _ip,
    "iban": _iban,
    "card": _card,
    "national_id": _national_id,
    "address": _address,
    "key": _key,
    "password": _password,
}
