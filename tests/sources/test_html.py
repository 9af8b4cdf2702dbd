from __future__ import annotations

import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.html import decode

RUSSIAN = "Река медленно поднималась всю ночь, и никто в деревне не спал до утра."
JAPANESE = "川は夜通しゆっくりと増水し、村では誰も眠らなかった。"
GERMAN = "Der Fluß stieg langsam über die Ufer, und „niemand“ schlief."


@pytest.mark.parametrize(
    ("body", "declared", "text"),
    [
        (b"", None, ""),
        (GERMAN.encode(), None, GERMAN),
        (b"\xef\xbb\xbf" + GERMAN.encode(), "iso-8859-1", GERMAN),  # a mark goes before HTTP
        (b"\xff\xfe" + GERMAN.encode("utf-16-le"), None, GERMAN),
        (GERMAN.encode("utf-16-be"), None, GERMAN),
        (GERMAN.encode(), "iso-8859-1", GERMAN),  # valid UTF-8 is UTF-8, whatever is declared
        (GERMAN.encode("cp1252"), "ISO-8859-1", GERMAN),  # which means windows-1252 on the web
        (GERMAN.encode("cp1252"), None, GERMAN),
        (RUSSIAN.encode("cp1251"), "windows-1251", RUSSIAN),
        (RUSSIAN.encode("koi8-r"), "'KOI8-R'", RUSSIAN),
        (RUSSIAN.encode("cp1251"), None, RUSSIAN),  # detected
        (RUSSIAN.encode("cp1251"), "utf-8", RUSSIAN),  # declared wrongly
        (RUSSIAN.encode("cp1251"), "no-such-charset", RUSSIAN),
        (JAPANESE.encode("iso2022_jp"), "iso-2022-jp", JAPANESE),
        (JAPANESE.encode("iso2022_jp"), None, JAPANESE),
        (JAPANESE.encode("cp932"), "x-sjis", JAPANESE),
        ("你好，世界㐀".encode("gb18030"), "gb2312", "你好，世界㐀"),  # the web's superset
        ("안녕하세요 똠".encode("cp949"), "euc-kr", "안녕하세요 똠"),
    ],
)
def test_bytes_are_decoded_as_what_they_are(body, declared, text):
    assert decode(body, declared) == text


def test_one_broken_character_does_not_make_utf8_another_encoding():
    assert decode((RUSSIAN + "я").encode()[:-1], "utf-8") == RUSSIAN + "\ufffd"


@pytest.mark.parametrize(
    "head",
    [
        b'<meta charset="windows-1251">',
        b"<META HTTP-EQUIV=Content-Type CONTENT='text/html; charset=windows-1251'>",
        b'<?xml version="1.0" encoding="windows-1251"?>',
    ],
)
def test_a_page_that_declares_itself(head):
    assert decode(head + "Да".encode("cp1251")) == head.decode() + "Да"


@given(st.binary(max_size=300), st.none() | st.sampled_from(["utf-8", "big5", "x", "rot13", "hex"]))
def test_any_bytes_become_text_that_utf8_can_hold(body, declared):
    decode(body, declared).encode()


# What the web means by these names differs from Python's codecs in a few characters.
SAME_ON_THE_WEB = str.maketrans("〜−―・", "～－—·")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "codec"),
    [
        ("BIG5", "big5"),
        ("EUC-JP", "euc-jp"),
        ("EUC-KR", "euc-kr"),
        ("GB2312", "gb2312"),
        ("KOI8-R", "koi8-r"),
        ("SHIFT_JIS", "shift_jis"),
        ("UTF-8", "utf-8"),
        ("WINDOWS-1251-RUSSIAN", "windows-1251"),
    ],
)
def test_real_pages_in_many_encodings(shared_data, folder, codec):
    found = wrong = 0
    with tarfile.open(shared_data / "encodings" / "chardet-tests.tar.gz") as archive:
        for member in archive:
            if not member.isfile() or member.name.upper().split("/")[-2] != folder:
                continue
            file = archive.extractfile(member)
            body = file.read() if file else b""
            truth = body.decode(codec).lstrip("\ufeff").translate(SAME_ON_THE_WEB)
            found += 1
            wrong += decode(body).translate(SAME_ON_THE_WEB) != truth
    assert found > 2
    assert wrong <= found // 10  # without any declaration outside the file
