"""Invented personal data, and what only looks like it: the makings of `benchmarks.personal`.

Written apart from the tables of the scan: check digits by their definitions, in plain Python, and
forms as people write them. Nothing here is anybody's but by chance.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable

Maker = Callable[[random.Random], str]


def fill(draw: random.Random, template: str) -> str:
    """A template with signs drawn: # a digit, ^ 2 to 9, ~ 1 to 9, & a capital, % a hex digit."""
    made = {
        "#": string.digits,
        "^": "23456789",
        "~": "123456789",
        "&": string.ascii_uppercase,
        "%": "0123456789abcdef",
    }
    return "".join(draw.choice(made[sign]) if sign in made else sign for sign in template)


def date(draw: random.Random) -> tuple[int, int, int]:
    """A day between 1940 and 2005."""
    return draw.randint(1940, 2005), draw.randint(1, 12), draw.randint(1, 28)


def digits_of(text: str) -> list[int]:
    """The digits of a text."""
    return [int(sign) for sign in text if sign.isdigit()]


# --- check digits


def luhn_digit(body: str) -> str:
    """The digit that follows."""
    total = 0
    for place, digit in enumerate(reversed(digits_of(body))):
        total += sum(divmod(digit * 2, 10)) if place % 2 == 0 else digit
    return str(-total % 10)


def iban(country: str, account: str) -> str:
    """With its check digits."""
    number = int("".join(str(int(sign, 36)) for sign in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02}{account}"


def in_fours(text: str) -> str:
    """Groups of four signs."""
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def make_steuer_id(draw: random.Random) -> str:
    """One of the ten digits stands there twice, one is missing."""
    first = draw.sample("0123456789", 9)
    first.insert(draw.randrange(10), draw.choice(first))
    if first[0] == "0" or any(first[i] == first[i + 1] == first[i + 2] for i in range(8)):
        return make_steuer_id(draw)
    product = 10
    for digit in map(int, first):
        total = (digit + product) % 10 or 10
        product = total * 2 % 11
    return "".join(first) + str((11 - product) % 10)


def make_nir(draw: random.Random) -> str:
    """Sex, year, month, department, commune, order, key."""
    year, month, _ = date(draw)
    body = f"{draw.choice('12')}{year % 100:02}{month:02}{draw.randint(1, 95):02}" + fill(
        draw, "######"
    )
    return f"{body}{97 - int(body) % 97:02}"


def make_dni(draw: random.Random) -> str:
    """Eight digits and a letter."""
    number = draw.randint(10_000_000, 79_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def make_nie(draw: random.Random) -> str:
    """A letter, seven digits and a letter."""
    first, rest = draw.randrange(3), fill(draw, "#######")
    return f"{'XYZ'[first]}{rest}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(f'{first}{rest}') % 23]}"


def make_pesel(draw: random.Random) -> str:
    """Date of birth, a serial number, a check digit."""
    year, month, day = date(draw)
    body = f"{year % 100:02}{month + 20 * (year >= 2000):02}{day:02}" + fill(draw, "####")
    total = sum(d * w for d, w in zip(digits_of(body), (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return f"{body}{-total % 10}"


def make_cpf(draw: random.Random) -> str:
    """Nine digits and two check digits."""
    body = fill(draw, "#########")
    for _ in range(2):
        heaviest = len(body) + 1
        rest = sum(d * (heaviest - i) for i, d in enumerate(digits_of(body))) * 10 % 11
        body += str(rest % 10)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def make_resident_id(draw: random.Random) -> str:
    """Region, date of birth, order, check sign."""
    year, month, day = date(draw)
    region = draw.choice(("110105", "310104", "440305", "510107", "330106"))
    body = f"{region}{year}{month:02}{day:02}" + fill(draw, "###")
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(d * w for d, w in zip(digits_of(body), weights, strict=True))
    return body + "10X98765432"[total % 11]


def make_snils(draw: random.Random) -> str:
    """Nine digits above 001-001-998 and two check digits."""
    body = fill(draw, "~########")
    total = sum(d * (9 - i) for i, d in enumerate(digits_of(body))) % 101
    return f"{body[:3]}-{body[3:6]}-{body[6:]} {total % 100:02}"


def make_ssn(draw: random.Random) -> str:
    """Of the areas that are given."""
    return f"{draw.choice([*range(1, 666), *range(667, 900)]):03}-{draw.randint(1, 99):02}-{draw.randint(1, 9999):04}"


def make_nhs(draw: random.Random) -> str:
    """Ten digits in three groups."""
    while True:
        body = fill(draw, "~########")
        check = -sum(d * (10 - i) for i, d in enumerate(digits_of(body))) % 11
        if check < 10:
            return f"{body[:3]} {body[3:6]} {body[6:]}{check}"


def make_nino(draw: random.Random) -> str:
    """Two letters, six digits, a letter."""
    pair = draw.choice(("AB", "JK", "CE", "PX", "WM", "SR"))
    return f"{pair} {fill(draw, '## ## ##')} {draw.choice('ABCD')}"


def make_nif(draw: random.Random) -> str:
    """The Portuguese reader's other number: the Brazilian one, without points."""
    return "".join(sign for sign in make_cpf(draw) if sign.isdigit())


# --- kinds

LOCALS = ("anna", "j.smith", "maria_lopez", "k-weber", "ivan.petrov", "li.wei", "o'neil", "p.nowak")
HOSTS = ("brightmail.com", "posteo.de", "orange.fr", "correo.es", "wp.pl", "uol.com.br", "mail.ru", "qq.com", "cs.somewhere-university.edu", "firma.io", "research.museum")  # fmt: skip


def make_email(draw: random.Random) -> str:
    """Plain, with a tag, or in capitals."""
    tag = draw.choice(("", "", "", "+news", str(draw.randint(1, 99))))
    email = f"{draw.choice(LOCALS)}{tag}@{draw.choice(HOSTS)}"
    return email.upper() if draw.random() < 0.1 else email


def make_ip(draw: random.Random) -> str:
    """Of the public internet."""
    if draw.random() < 0.3:
        return (
            f"2a0{draw.randint(0, 9)}:{fill(draw, '%%%%')}:{fill(draw, '%%%')}::{fill(draw, '%%%')}"
        )
    first = draw.choice((8, 31, 46, 62, 77, 85, 91, 93, 109, 134, 151, 178, 185, 193, 212, 217))
    return f"{first}.{draw.randint(20, 254)}.{draw.randint(1, 254)}.{draw.randint(1, 254)}"


def make_card(draw: random.Random) -> str:
    """Visa, Mastercard or American Express."""
    kind = draw.randrange(3)
    if kind == 2:
        body = f"3{draw.choice('47')}{fill(draw, '############')}"
        number = body + luhn_digit(body)
        return draw.choice((number, f"{number[:4]} {number[4:10]} {number[10:]}"))
    body = (f"4{fill(draw, '#' * 14)}", f"5{draw.choice('12345')}{fill(draw, '#' * 13)}")[kind]
    number = body + luhn_digit(body)
    return draw.choice((number, in_fours(number), in_fours(number).replace(" ", "-")))


def make_iban(draw: random.Random) -> str:
    """Of seven countries, in fours or in one piece."""
    country, account = draw.choice(
        (
            ("DE", "#" * 18),
            ("FR", "#" * 10 + "#" * 11 + "##"),
            ("ES", "#" * 20),
            ("PL", "#" * 24),
            ("GB", "&&&&" + "#" * 14),
            ("NL", "&&&&" + "#" * 10),
            ("CH", "#" * 17),
        )
    )
    made = iban(country, fill(draw, account))
    return draw.choice((made, in_fours(made)))


def make_key(draw: random.Random) -> str:
    """Keys of three services."""
    signs = string.ascii_letters + string.digits
    rest = "".join(draw.choices(signs, k=36))
    return draw.choice((f"AKIA{fill(draw, '&&&~&&^&&&&&&~&&')}", f"ghp_{rest}", f"AIza{rest[:35]}"))


def make_password(draw: random.Random) -> str:
    """As people choose them."""
    word = draw.choice(("sunshine", "Dragon", "tiger", "Qwerty", "blau", "soleil"))
    return f"{word}{draw.randint(10, 9999)}{draw.choice('!_.*')}x"


PHONES: dict[str, tuple[str, ...]] = {
    "en": ("(^##) ^##-^###", "^##-^##-^###", "^##.^##.^###", "+1 ^## ^## ^###", "+44 20 7### ####", "07### ######", "020 7### ####", "+1-^##-^##-^###"),
    "de": ("0^##/^#####", "0^## ^#####", "+49 30 ^######", "0171 ^######", "+49 (0) 89 ^#####", "0151-^#######", "(0^#) ^######", "0049 30 ^######"),
    "fr": ("06 ~# ## ## ##", "01.4#.##.##.##", "+33 6 ~# ## ## ##", "0~~#######", "+33 (0)1 4# ## ## ##"),
    "es": ("6## ### ###", "+34 6## ## ## ##", "91 ^## ## ##", "6########"),
    "pl": ("5## ### ###", "+48 5## ### ###", "(22) ^## ## ##", "22 ^## ## ##", "5##-###-###"),
    "pt": ("(11) 9####-####", "+55 11 9####-####", "(21) 3###-####", "+351 91# ### ###", "11 9####-####"),
    "ru": ("+7 (9##) ###-##-##", "8 (495) ###-##-##", "8-9##-###-##-##", "+79#########", "89#########"),
    "zh": ("13#########", "138-####-####", "+86 15# #### ####", "010-6#######", "0755-8#######"),
}  # fmt: skip
IDS: dict[str, tuple[tuple[str, Maker], ...]] = {
    "en": (("SSN", make_ssn), ("NHS number", make_nhs), ("National Insurance number", make_nino)),
    "de": (("Steuer-ID", make_steuer_id), ("Identifikationsnummer", make_steuer_id)),
    "fr": (("Numéro de sécurité sociale", make_nir),),
    "es": (("DNI", make_dni), ("NIE", make_nie)),
    "pl": (("PESEL", make_pesel),),
    "pt": (("CPF", make_cpf), ("CPF", make_nif)),
    "ru": (("СНИЛС", make_snils),),
    "zh": (("身份证号", make_resident_id),),
}
ADDRESSES: dict[str, tuple[str, ...]] = {
    "en": ("~## Maple Street, Riverton, IL 6~###", "~# Kings Road, Leeds LS1 4AX", "~### Oak Ave, Hill Valley, CA 9~###"),
    "de": ("Lindenstraße ~#, 1~### Berlin", "Am Alten Weg ~, 8~### München", "Hauptstr. ~#a, 5~### Köln"),
    "fr": ("~# rue des Lilas, 7500~ Paris", "~#, avenue Victor Hugo, 690~# Lyon"),
    "es": ("Calle Mayor ~#, 280~# Madrid", "Avenida de la Paz, ~#, 410~# Sevilla"),
    "pl": ("ul. Długa ~#, 0~-### Warszawa",),
    "pt": (),
    "ru": (),
    "zh": (),
}  # fmt: skip

# --- what only looks like it


def make_isbn(draw: random.Random) -> str:
    """Ten or thirteen digits, with the right check digit."""
    if draw.random() < 0.5:
        body = f"{draw.randint(0, 9)}-{fill(draw, '###-#####')}"
        check = -sum(d * (10 - i) for i, d in enumerate(digits_of(body))) % 11
        return f"ISBN {body}-{'0123456789X'[check]}"
    body = f"978-{draw.randint(0, 9)}-{fill(draw, '###-#####')}"
    check = -sum(d * (1 + 2 * (i % 2)) for i, d in enumerate(digits_of(body))) % 10
    return f"ISBN {body}-{check}"


LOOK_ALIKES = (
    "v~.#.#-rc#",
    "16########",
    "16###########",
    "~#.#####, -~#.######",
    "$~,###,###.##",
    "~.###.###,## €",
    "~ ### ### km",
    "part no. &&#-####-####",
    "P/N ###-#####-##",
    "SKU &&######&",
    "%" * 32,
    "%" * 40,
    "%%%%%%%%-%%%%-4%%%-a%%%-%%%%%%%%%%%%",
    "x = ~## + ~### - ~#",
    "3.##############",
    "10.~###/s#####-###-####-#",
    "arXiv:20~#.#####",
    "~#-~#, ~-#, ~#-~",
    "pp. ~##-~##",
    "order number #########",
    "order ###-#######-#######",
    "tracking number ~# ### ### ###",
    "patent ~#######",
    "RFC #### §~.#.#.#",
    "2001-2005 2006-2010",
    "192.168.~.~#",
    "image@2x.png",
    "someone@example.com",
    "std::vector a[~]::b",
    "the ratio ~#:~#:~#",
    "~####### people",
    "token = tokens[~]",
    "0x%%%%%%%%%%%%%%%%",
    "lot ~#####-####",
    "(~#), (~#) and (~##)",
    "~# ## ## ##",
    "https://shop.somewhere.org/item/~#########?id=##########",
)


def make_negative(draw: random.Random) -> str:
    """Numbers and signs of ordinary texts that are no personal data."""
    year, month, day = date(draw)
    hour, minute, second = draw.randint(0, 23), draw.randint(0, 59), draw.randint(0, 59)
    made: tuple[Callable[[], str], ...] = (
        lambda: f"version {fill(draw, '~.#.#')}",
        lambda: f"version {fill(draw, '~.~#.~##.#')}",
        lambda: make_isbn(draw),
        lambda: f"{year}-{month:02}-{day:02}",
        lambda: f"{day:02}.{month:02}.{year}",
        lambda: f"{day:02}/{month:02}/{year}",
        lambda: f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z",
        lambda: f"{year}{month:02}{day:02}-{hour:02}{minute:02}",
        lambda: f"{hour:02}:{minute:02}:{second:02}",
        lambda: "password: at least eight characters",
        *((lambda template=template: fill(draw, template)) for template in LOOK_ALIKES),
    )
    return draw.choice(made)()
