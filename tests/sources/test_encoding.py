from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.encoding import (
    SAMPLE_BYTES,
    USED_FOR,
    Detected,
    codec_of,
    decode_declared,
    detect,
    is_plausible,
    sample,
)
from curate.sources.html import decode_page

TEXTS = {
    "cp1252": "L’été dernier, l’élève était très fatigué à cause de la chaleur près du château.",
    "cp1250": "Pożegnał się ze mną i powiedział, że jutro wróci późno w nocy, być może pieszo.",
    "iso8859-2": "Příliš žluťoučký kůň úpěl ďábelské ódy, a nikdo ho celou noc neslyšel.",
    "cp1251": "Вчера вечером мы долго гуляли по набережной и говорили о старых книгах.",
    "koi8-r": "Вчера вечером мы долго гуляли по набережной и говорили о старых книгах.",
    "iso8859-5": "Вчера вечером мы долго гуляли по набережной и говорили о старых книгах.",
    "cp866": "Вчера вечером мы долго гуляли по набережной и говорили о старых книгах.",
    "koi8-u": "Учора ввечері ми довго гуляли набережною і розмовляли про її старі книжки.",
    "cp1253": "Χθες το βράδυ περπατήσαμε πολλή ώρα στην παραλία και μιλούσαμε για βιβλία.",
    "cp1254": "Dün akşam sahilde uzun süre yürüdük ve eski kitaplar hakkında konuştuk, değil mi?",
    "cp1255": "אתמול בערב הלכנו זמן רב לאורך החוף ודיברנו על ספרים ישנים.",
    "cp1256": "مشينا مساء أمس طويلا على الشاطئ وتحدثنا عن الكتب القديمة.",
    "cp1257": "Vakar vakare mes ilgai vaikščiojome krantine ir kalbėjomės apie senas knygas.",
    "cp874": "เมื่อวานตอนเย็นเราเดินเล่นริมทะเลเป็นเวลานานและคุยกันเรื่องหนังสือเก่า",
    "cp932": "昨日の夜、私たちは海岸を長い間歩いて、古い本について話しました。",
    "euc_jp": "昨日の夜、私たちは海岸を長い間歩いて、古い本について話しました。",
    "cp949": "어제 저녁 우리는 바닷가를 오래 걸으며 오래된 책에 대해 이야기했다.",
    "gb18030": "昨天晚上我们在海边走了很久，谈论着旧书和远方的朋友。",
    "big5hkscs": "昨天晚上我們在海邊走了很久，談論著舊書和遠方的朋友。",
    "utf-16-le": "Last night we walked along the shore and talked of old books.",
    "utf-16-be": "Last night we walked along the shore and talked of old books.",
    "utf-32-le": "Last night we walked along the shore and talked of old books.",
    "utf-32-be": "Last night we walked along the shore and talked of old books.",
    "utf-8": "Gestern Abend gingen wir lange am Ufer spazieren – schön!",
}


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items(), ids=TEXTS)
def test_a_sentence_comes_back_from_its_encoding(encoding, text):
    found = detect(text.encode(encoding))

    assert text.encode(encoding).decode(found.encoding) == text


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_believed(mark):
    assert detect("é".encode(mark)).score == 1.0
    assert decode_page("é".encode(mark)).text == "é"


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("latin1", "cp1252"),
        ("ISO-8859-1", "cp1252"),
        ("us-ascii", "cp1252"),
        ("iso-8859-9", "cp1254"),
        ("GB2312", "gb18030"),
        ("gbk", "gb18030"),
        ("x-gbk", "gb18030"),
        ("big5", "big5hkscs"),
        ("Shift_JIS", "cp932"),
        ("x-sjis", "cp932"),
        ("euc-kr", "cp949"),
        ("ks_c_5601-1987", "cp949"),
        ("tis-620", "cp874"),
        ("x-mac-cyrillic", "mac-cyrillic"),
        (' "utf8" ', "utf-8"),
        ("koi8-r", "koi8-r"),
        ("rot13", None),
        ("idna", None),
        ("unicode_escape", None),
        ("cp037", None),
        ("no such thing", None),
        ("\0", None),
        ("", None),
        (None, None),
    ],
)
def test_labels_mean_what_the_web_means(label, codec):
    assert codec_of(label) == codec


def test_every_encoding_in_use_can_be_named():
    for encodings in USED_FOR.values():
        assert [codec_of(encoding) for encoding in encodings] == list(encodings)


def test_the_language_settles_what_bytes_alone_do_not():
    text = "Õnnelik jänes jõi järves vett."
    data = text.encode("iso8859-15")

    assert data.decode(detect(data, language="et").encoding) == text
    assert detect(data, language="et") == detect(data, language="est")


def test_windows_1252_labelled_latin_1_keeps_its_quotes():
    assert decode_page("“café”".encode("cp1252"), "iso-8859-1").text == "“café”"


def test_a_declaration_that_does_not_decode_falls_through():
    data = TEXTS["cp1251"].encode("cp1251")

    assert decode_declared(data, "utf-8") is None
    assert decode_page(data, "utf-8").text == TEXTS["cp1251"]


def test_a_declaration_that_gives_controls_falls_through():
    text = TEXTS["cp866"] + "\n" + TEXTS["cp866"].upper()  # capitals lie where ISO has controls
    data = text.encode("cp866")

    assert decode_declared(data, "iso-8859-10") is None
    assert decode_page(data, "iso-8859-10").text == text


def test_characters_that_stand_in_no_text_are_implausible():
    assert is_plausible("é" * 20)
    assert is_plausible("é" * 20 + "\x85")
    assert not is_plausible("é" * 20 + "\x85\x86\x87")
    assert not is_plausible("plain \ue000")


def test_a_declaration_comes_before_a_guess():
    data = "niño".encode("cp1252")

    assert decode_page(data, "windows-1251").text == "niсo"
    assert decode_page(data, "windows-1251").score == 1.0


def test_a_guess_says_how_sure_it_is():
    page = decode_page(TEXTS["koi8-r"].encode("koi8-r"))

    assert page.encoding == "koi8-r"
    assert 0 < page.score < 1


def test_text_beyond_the_sample_changes_nothing():
    line = (TEXTS["cp1251"] + "\n").encode("cp1251")
    many = b"".join(b"%d " % number + line for number in range(2000))

    assert len(sample(many)) <= SAMPLE_BYTES
    assert detect(many + b"\xff\xfe" * 100) == detect(many)


def test_markup_of_any_length_is_looked_past():
    data = b"<p class=x>" * 200_000 + TEXTS["cp932"].encode("cp932")

    assert detect(data).encoding == "cp932"


@pytest.mark.parametrize("data", [b"", b"\0", b"\x80", b"\xff" * 10, b"\x1b$", b"~{", bytes(256)])
def test_bytes_that_mean_nothing_have_some_encoding(data):
    found = detect(data)

    assert codecs.lookup(found.encoding).name == found.encoding
    assert 0 <= found.score <= 1


@given(st.binary(max_size=400), st.sampled_from([None, "de", "ja", "vi"]))
def test_any_bytes_have_one_encoding(data, language):
    found = detect(data, language=language)

    assert found == detect(bytes(bytearray(data)), language=language)
    assert codec_of(found.encoding) is not None or found.encoding.startswith("utf-")


@given(st.text(min_size=1, max_size=80))
def test_valid_utf8_skips_detection(text):
    data = text.encode("utf-8", "ignore")
    if not data.startswith((b"\xff", b"\xfe", b"\xef\xbb\xbf")) and b"\0" not in data:
        expected = Detected("utf-8", 1.0)

        assert b"\x1b" in data or b"~{" in data or detect(data) == expected
