"""How well encodings are found: `python -m benchmarks.encodings`.

Files: every file of `encodings/chardet-tests.tar.gz`, whose folder names the encoding that it is
in; right when the decoded text is what that encoding gives. A label is read as the web reads it
(`gb2312` is GB 18030). A byte order mark is no part of the text.

Sentences: eight sentences of each language of `langid/flores101-devtest.tsv.gz` for which legacy
encodings were in use, each re-encoded into every one of those that can hold it (and has a byte
beyond ASCII for it); right when the text comes back. Left out: sentences that are themselves UTF-8
read wrongly, so that their bytes are valid UTF-8 again.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import importlib.util
import tarfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.figures import Figure
from curate.languages import normalise_language
from curate.sources.encoding import USED_FOR, codec_of, detect

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SENTENCES = 8
# What pages and subtitles came in; the encodings of DOS and Mac are in the files.
WEB = {
    *(f"cp{n}" for n in (874, 932, 949, *range(1250, 1259))),
    *(f"iso8859-{n}" for n in range(2, 17)),
    *("koi8-r", "koi8-u", "cp866", "euc_jp", "gb18030", "big5hkscs", "iso2022_jp_ext", "tis-620"),
}
Answer = Callable[[bytes, str | None], str | None]
Case = tuple[bytes, str, str | None, str]  # bytes, text, language, encoding


def main() -> list[Figure]:
    """Print the figures."""
    files, sentences = labelled_files(), encoded_sentences()
    print(f"{len(files)} files, {len(sentences):,} re-encoded sentences; right texts\n")
    print(f"{'':34} {'files':>8} {'MB/s':>6} {'sentences':>10} {'per s':>8}")
    shares: dict[str, tuple[str, str]] = {}
    for name, answer in answers().items():
        right, seconds, wrong = judge(files, answer)
        size = sum(len(data) for data, *_ in files)
        short, short_seconds, short_wrong = judge(sentences, answer)
        shares[name] = f"{right / len(files):.2%}", f"{short / len(sentences):.2%}"
        print(
            f"{name:34} {right / len(files):8.2%} {size / 1e6 / seconds:6.1f}"
            f" {short / len(sentences):10.2%} {len(sentences) / short_seconds:8,.0f}"
        )
        if name.startswith("curate"):
            print("    wrong files by encoding:", dict(wrong.most_common(6)))
            print("    wrong sentences by encoding:", dict(short_wrong.most_common(8)))
    print(f"{'aim':34} {0.99:8.2%} {'':6} {0.98:10.2%}")
    cases = ((f"{len(files)} labelled files", "≥ 99 %"), ("re-encoded sentences", "≥ 98 %"))
    return [
        Figure(
            f"encodings: right texts of {what}",
            aim,
            shares["curate"][place],
            ", ".join(f"{n} {shares[n][place]}" for n in shares if not n.startswith("curate")),
        )
        for place, (what, aim) in enumerate(cases)
    ]


def answers() -> dict[str, Answer]:
    """Ours, with and without the language, and whichever peers are installed."""
    found: dict[str, Answer] = {
        "curate": lambda data, _: detect(data).encoding,
        "curate, language known": lambda data, language: detect(data, language=language).encoding,
    }
    import chardet

    found["chardet"] = lambda data, _: chardet.detect(data)["encoding"]
    if importlib.util.find_spec("charset_normalizer"):
        import charset_normalizer

        def normalizer(data: bytes, _: str | None) -> str | None:
            best = charset_normalizer.from_bytes(data).best()
            return best.encoding if best else None

        found["charset-normalizer"] = normalizer
    from resiliparse.parse.encoding import detect_encoding

    found["Resiliparse"] = lambda data, _: detect_encoding(data)
    found["Resiliparse, not html5_compatible"] = lambda data, _: detect_encoding(
        data, html5_compatible=False
    )
    return found


def judge(cases: list[Case], answer: Answer) -> tuple[int, float, Counter[str]]:
    """Right answers, seconds of this process, and the encodings of the wrong ones."""
    wrong: Counter[str] = Counter()
    begin = time.process_time()
    given = [answer(data, language) for data, _, language, _ in cases]
    seconds = time.process_time() - begin
    for (data, text, _, encoding), label in zip(cases, given, strict=True):
        if not is_text(data, label, text):
            wrong[encoding] += 1
    return len(cases) - wrong.total(), seconds, wrong


def is_text(data: bytes, label: str | None, text: str) -> bool:
    """Whether the bytes give the text in the encoding, as named or as the web reads the name."""
    for name in {label, codec_of(label)} - {None}:
        with suppress(LookupError, UnicodeError):
            if data.decode(name or "", "replace").lstrip("\ufeff") == text:
                return True
    return False


def labelled_files() -> list[Case]:
    """Files whose folder says what they are in."""
    cases = []
    with tarfile.open(DATA / "encodings" / "chardet-tests.tar.gz") as archive:
        for member in archive:
            if not member.isfile():
                continue
            stream = archive.extractfile(member)
            label = Path(member.name).parts[-2]
            codec = named(label)
            if stream is None or codec is None:  # EUC-TW: no codec of Python reads it
                continue
            data = stream.read()
            marked = codec in {"utf-16", "utf-32"}  # their mark says which
            text = data.decode(codec if marked else codec_of(codec) or codec, "replace")
            text = text.lstrip("\ufeff")
            cases.append((data, text, None, label))
    return cases


def named(label: str) -> str | None:
    """The codec of a folder such as `iso-8859-2-hungarian`."""
    parts = label.split("-")
    for length in range(len(parts), 0, -1):
        with suppress(LookupError):
            return codecs.lookup("-".join(parts[:length])).name
    return None


def encoded_sentences() -> list[Case]:
    """Sentences in every encoding that their language was written in."""
    taken: Counter[str] = Counter()
    cases = []
    with gzip.open(DATA / "langid" / "flores101-devtest.tsv.gz", "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
            language = normalise_language(row["lang"].split("_")[0])
            if row["lang"].startswith("zho_trad"):
                encodings: tuple[str, ...] = ("big5hkscs",)
            else:
                encodings = USED_FOR.get(language, ())
            if not set(encodings) & WEB or row["text"].isascii() or taken[row["lang"]] >= SENTENCES:
                continue
            taken[row["lang"]] += 1
            for encoding in sorted(set(encodings) & WEB):
                text = row["text"]
                if encoding == "cp1258":  # it has the tones as marks of their own
                    text = "".join(vietnamese(character) for character in text)
                with suppress(UnicodeEncodeError):
                    data = text.encode(encoding)
                    if not is_utf8(data) or b"\x1b" in data:
                        cases.append((data, text, language, encoding))
    return cases


def is_utf8(data: bytes) -> bool:
    """Whether bytes are valid UTF-8, so that nothing is to be detected."""
    with suppress(UnicodeDecodeError):
        data.decode()
        return True
    return False


def vietnamese(character: str) -> str:
    """A letter as windows-1258 spells it: its tone apart, its other mark not."""
    parts = unicodedata.normalize("NFD", character)
    tone = next((mark for mark in parts[1:] if mark in "\u0300\u0301\u0303\u0309\u0323"), "")
    return unicodedata.normalize("NFC", parts.replace(tone, "", 1)) + tone if tone else character


if __name__ == "__main__":
    main()
