"""How well and how fast personal data is found: `python -m benchmarks.personal [--alarms]`.

Precision and recall on invented documents: eight languages, ten formats, each with personal data
(made by `benchmarks.personal_values`, apart from the scan's tables) among numbers and signs that only
look like it. A place counts as found when one of the same kind shares at least four fifths of
its bytes with it, both counted together. Beside it the expressions that DataTrove (e-mail, public IP)
and Dolma (e-mail, telephone, IP) describe, written anew and run by Python's `re`.

Rate: megabytes of UTF-8 a second of CPU, on novels, Wikipedia, web pages and the invented documents,
each of which has some personal data in every few lines. `--alarms`
scans the real prose and pages of `../shared/data` and prints what was found in it, by kind and a
million bytes, with examples: in novels all of it is false.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import re
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks import personal_values as values
from curate.score.personal import find_personal

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SEED, DOCUMENTS = 11, 400  # of each language; the scan was made with documents of seed 7
SHARE = 0.8
LANGUAGES = ("en", "de", "fr", "es", "pl", "pt", "ru", "zh")
PROSE = {
    "en": "The boats were held by the ice until the end of March.",
    "de": "Die Boote lagen bis Ende März im Eis fest.",
    "fr": "Les bateaux restaient pris dans la glace jusqu'à la fin de mars.",
    "es": "Los barcos quedaron atrapados en el hielo hasta finales de marzo.",
    "pl": "Łodzie stały w lodzie aż do końca marca.",
    "pt": "Os barcos ficaram presos no gelo até o fim de março.",
    "ru": "Лодки стояли во льду до конца марта.",
    "zh": "船只一直被冰封到三月底。",
}
LABELS = {
    "email": {"en": "E-mail", "de": "E-Mail", "fr": "Courriel", "es": "Correo", "pl": "E-mail", "pt": "E-mail", "ru": "Почта", "zh": "邮箱"},
    "phone": {"en": "Phone", "de": "Telefon", "fr": "Téléphone", "es": "Teléfono", "pl": "Telefon", "pt": "Telefone", "ru": "Телефон", "zh": "电话"},
}  # fmt: skip
CALLS = {
    "en": "you can call me on", "de": "anrufen unter", "fr": "appelez le", "es": "llame al",
    "pl": "zadzwoń", "pt": "ligue para", "ru": "звоните", "zh": "请致电",
}  # fmt: skip
FORMATS = (
    *("prose", "contact", "json", "csv", "html", "log", "code", "signature", "table", "chat"),
)
Place = tuple[int, int, str]


def make_value(draw: random.Random, language: str) -> tuple[str, str, str]:
    """Kind, label (may be empty) and value."""
    kinds = ["email", "phone", "ip", "iban", "card", "national_id", "key", "password"]
    kinds += ["address"] * bool(values.ADDRESSES[language])
    kind = draw.choice(kinds)
    label = ""
    if kind == "national_id":
        label, make = draw.choice(values.IDS[language])
        return kind, label, make(draw)
    if kind == "phone":
        return kind, LABELS[kind][language], values.fill(draw, draw.choice(values.PHONES[language]))
    if kind == "address":
        return kind, "", values.fill(draw, draw.choice(values.ADDRESSES[language]))
    make = getattr(values, f"make_{kind}")
    label = {"iban": "IBAN", "card": "card", "ip": "IP"}.get(kind, "")
    return kind, LABELS.get(kind, {}).get(language, label), make(draw)


def write_value(draw: random.Random, form: str, language: str) -> tuple[str, str, str]:
    """What stands before a value; its kind, NUL and the value; and what stands after it."""
    kind, label, value = make_value(draw, language)
    before, after = surround(draw, form, language, kind, label)
    if kind == "email" and form != "html" and draw.random() < 0.08:
        value = value.replace("@", " [at] ").replace(".", " [dot] ")
    return before, f"{kind}\0{value}", after


def surround(
    draw: random.Random, form: str, language: str, kind: str, label: str
) -> tuple[str, str]:
    """What stands before and after a value."""
    ways = {
        "password": (
            *(("password = '", "'"), ("Password: ", "")),
            *(("https://anna:", "@host.org/x"), ("PASSWORD=", "")),
        ),
        "key": (("api_key: ", ""), ("", ""), ("token=", "")),
    }
    ways["json"] = ((f'"{(label or kind).lower()}": "', '"'),)
    ways["html"] = (("<td>", "</td>"),)
    if kind == "email":
        ways["html"] = (('<a href="mailto:', '">x</a>'),)
    if label:
        ways |= dict.fromkeys(("contact", "signature", "log", "table"), _labelled(label))
    if kind == "phone":
        called = ((f"{CALLS[language]} ", ""), ("", ""))
        ways |= {"prose": called, "chat": called}
    usual = ((f"{label} ", ""),) if kind == "national_id" else (("", ""),)
    return draw.choice(ways.get(kind) or ways.get(form) or usual)


def _labelled(label: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"{label}{joint}", "") for joint in (": ", " ", ":"))


def make_document(draw: random.Random, language: str, form: str) -> tuple[str, list[Place]]:
    """A text, and the bytes at which personal data stands in it."""
    start, joint, end = {
        "prose": (f"{PROSE[language]} ", f". {PROSE[language]} ", "."),
        "contact": ("", "\n", ""),
        "json": ("{", ", ", "}"),
        "csv": ("7;", ";", ";ok"),
        "html": ("<table><tr>", " ", "</tr></table>"),
        "log": ("INFO ", " | ", ""),
        "code": ("# ", "\n# ", "\n"),
        "signature": (f"{PROSE[language]}\n--\n", "\n", ""),
        "table": ("| ", " | ", " |"),
        "chat": ("<anna> ", "\n<ivan> ", ""),
    }[form]
    pieces: list[tuple[str, str, str]] = [
        write_value(draw, form, language) for _ in range(draw.randint(1, 3))
    ]
    pieces += [(values.make_negative(draw), "", "") for _ in range(draw.randint(2, 6))]
    draw.shuffle(pieces)
    text, places = start.encode(), []
    for number, (before, held, after) in enumerate(pieces):
        text += (joint if number else "").encode() + before.encode()
        kind, _, value = held.partition("\0")
        if value:
            places.append((len(text), len(text) + len(value.encode()), kind))
        text += value.encode() + after.encode()
    return (text + end.encode()).decode(), places


def make_documents() -> dict[str, list[tuple[str, list[Place]]]]:
    """All documents by language: the same ones at each call."""
    draw = random.Random(SEED)
    return {
        language: [
            make_document(draw, language, FORMATS[number % len(FORMATS)])
            for number in range(DOCUMENTS)
        ]
        for language in LANGUAGES
    }


# --- the reference

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_REFERENCE = {
    "email": re.compile(
        rb"\b[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    ),
    "ip": re.compile(rf"\b(?:{_OCTET}\.){{3}}{_OCTET}\b".encode()),
    "phone": re.compile(rb"(?<=\s)\(?\d{3}\)?[-. ]*\d{3}[-. ]?\d{4}"),
}
_PRIVATE = re.compile(rb"^(?:0|10|127|169\.254|172\.(?:1[6-9]|2\d|3[01])|192\.168)\.")


def find_plainly(text: str) -> list[Place]:
    """By three expressions."""
    data = text.encode()
    return [
        (match.start(), match.end(), kind)
        for kind, expression in _REFERENCE.items()
        for match in expression.finditer(data)
        if not (kind == "ip" and _PRIVATE.match(match[0]))
    ]


# --- figures


def same_place(one: Place, other: Place) -> bool:
    """Whether two places of a kind are one."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    both = max(one[1], other[1]) - min(one[0], other[0])
    return one[2] == other[2] and shared >= SHARE * both


def count(held: list[Place], found: list[Place]) -> dict[str, Counter[str]]:
    """Of each kind: `held`, `found`, `right` (found), `met` (held)."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for place in held:
        counts[place[2]].update(held=1, met=any(same_place(place, other) for other in found))
    for place in found:
        counts[place[2]].update(found=1, right=any(same_place(place, other) for other in held))
    return counts


def shares(counts: Counter[str]) -> str:
    """Precision and recall."""
    precision = counts["right"] / counts["found"] if counts["found"] else float("nan")
    recall = counts["met"] / counts["held"] if counts["held"] else float("nan")
    return f"{precision:9.3f} {recall:7.3f} {counts['held']:6,}"


def find_all(texts: list[str]) -> list[list[Place]]:
    """As documents of one batch."""
    found: list[list[Place]] = [[] for _ in texts]
    rows = find_personal(pl.Series(texts)).select("row", "start", "end", "kind")
    for row, start, end, kind in rows.iter_rows():
        found[row].append((start, end, kind))
    return found


def print_quality(verbose: bool) -> None:
    """Precision and recall by kind and by language."""
    documents = make_documents()
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    by_language: dict[str, Counter[str]] = defaultdict(Counter)
    plain: dict[str, Counter[str]] = defaultdict(Counter)
    for language, made in documents.items():
        found = find_all([text for text, _ in made])
        for (text, held), places in zip(made, found, strict=True):
            for kind, counts in count(held, places).items():
                by_kind[kind] += counts
                by_language[language] += counts
            for kind, counts in count(held, find_plainly(text)).items():
                plain[kind] += counts
            if verbose:
                _print_faults(text, held, places)
    print(f"{'kind':14} {'precision':>9} {'recall':>7} {'places':>6}   reference")
    for kind, counts in sorted(by_kind.items()):
        beside = shares(plain[kind]) if plain[kind]["found"] else ""
        print(f"{kind:14} {shares(counts)}   {beside}")
    print(f"\n{'language':14} {'precision':>9} {'recall':>7} {'places':>6}")
    for language, counts in by_language.items():
        print(f"{language:14} {shares(counts)}")
    total = sum(by_kind.values(), Counter())
    print(f"{'all':14} {shares(total)}")


def _print_faults(text: str, held: list[Place], places: list[Place]) -> None:
    data = text.encode()
    for sign, some, others in (("-", held, places), ("+", places, held)):
        for place in some:
            if not any(same_place(place, other) for other in others):
                shown = data[max(0, place[0] - 20) : place[1] + 10].decode("utf-8", "replace")
                print(sign, place[2], repr(data[place[0] : place[1]].decode()), "in", repr(shown))


def print_rates() -> None:
    """Megabytes a second of CPU, beside the reference."""
    made = [text for texts in make_documents().values() for text, _ in texts]
    samples = {"invented documents": made}
    if DATA.is_dir():
        real = {"novels": list(read_novels("eng"))[:40], "Wikipedia": read_wikitext()}
        samples = real | {"web pages": list(read_pages())} | samples
    print(f"\n{'MB/s of CPU':20} {'curate':>8} {'reference':>10}")
    for name, texts in samples.items():
        series = pl.Series(texts)
        size = series.str.len_bytes().sum() / 1e6
        find_personal(series[:1])
        begin = time.process_time()
        find_personal(series)
        ours = time.process_time() - begin
        begin = time.process_time()
        for text in texts:
            find_plainly(text)
        print(f"{name:20} {size / ours:8.0f} {size / (time.process_time() - begin):10.1f}")


def read_novels(language: str) -> Iterator[str]:
    """Novels from before 1920: they hold no personal data but by accident."""
    with tarfile.open(DATA / "text" / f"eltec-{language}.tar.gz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield stream.read().decode("utf-8", "replace")


def read_wikitext() -> list[str]:
    """Articles, by paragraph."""
    with gzip.open(DATA / "text" / "wikitext-2-valid.txt.gz", "rt", encoding="utf-8") as stream:
        return [line for line in stream if line.strip()]


def read_pages() -> Iterator[str]:
    """Main texts of web pages, as people marked them."""
    for path in sorted((DATA / "html").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for line in stream:
                record = json.loads(line)
                yield str(record.get("convert_main_content") or record.get("main_content") or "")
    with tarfile.open(DATA / "html" / "article-extraction-benchmark.tar.gz") as archive:
        for member in archive:
            if member.name.endswith("ground-truth.json"):
                truth = json.load(io.TextIOWrapper(archive.extractfile(member), "utf-8"))  # type: ignore[arg-type]
                yield from (page["articleBody"] for page in truth.values())


def print_alarms() -> None:
    """What is found in real text, by kind, with examples."""
    languages = ("deu", "eng", "fra", "hun", "pol", "por", "ukr")
    sets = {f"novels {code}": list(read_novels(code)) for code in languages}
    sets |= {"Wikipedia": read_wikitext(), "web pages": list(read_pages())}
    for name, texts in sets.items():
        series = pl.Series(texts)
        size = series.str.len_bytes().sum() / 1e6
        found = find_personal(series)
        counts = found.group_by("kind").len().sort("kind").rows()
        told = ", ".join(f"{number / size:.2f} {kind}" for kind, number in counts)
        print(f"{name:12} {size:6.1f} MB: per MB {told or 'nothing'}")
        for row, kind, form, start, end in found.rows()[:60]:
            data = texts[row].encode()
            before = data[max(0, start - 24) : start].decode("utf-8", "replace")
            after = data[end : end + 12].decode("utf-8", "replace")
            print(f"   {kind} {form}: {before!r} {data[start:end].decode()!r} {after!r}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--alarms", action="store_true", help="scan the real texts")
    parser.add_argument("--faults", action="store_true", help="show what was missed or is wrong")
    given = parser.parse_args()
    print_quality(given.faults)
    print_rates()
    if given.alarms:
        print_alarms()


if __name__ == "__main__":
    main()
