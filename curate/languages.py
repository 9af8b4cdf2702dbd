"""Language and script codes: what a recipe or a model may say, and the one code we use for it.

Every language has one code here: the ISO 639-3 code of its ISO 639-1 language where it has one
(Mandarin `cmn` is `zho`, Tosk Albanian `als` is `sqi`), else its own. So `zh`, `cmn` and `zho`
in a recipe mean what every model's `zh`, `cmn_Hani` and `zho_Hans` mean.

The code set is ISO 639-3 (registration authority: SIL International, iso639-3.sil.org), in
`iso-639-3.txt`; script codes are ISO 15924. Pure data: no library is imported but by `stop_words`,
whose lists are those of stopwords-iso (58 languages, MIT).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from curate.errors import RecipeError, nearest

UNKNOWN = "und"  # ISO 639-3: undetermined
NO_SCRIPT = "Zyyy"  # ISO 15924: undetermined


def _pairs(words: str) -> dict[str, str]:
    codes = words.split()
    return dict(zip(codes[::2], codes[1::2], strict=True))


_PAIRS = """
aa aar ab abk ae ave af afr ak aka am amh an arg ar ara as asm av ava ay aym az aze ba bak be bel
bg bul bh bho bi bis bm bam bn ben bo bod br bre bs bos ca cat ce che ch cha co cos cr cre cs ces
cu chu cv chv cy cym da dan de deu dv div dz dzo ee ewe el ell en eng eo epo es spa et est eu eus
fa fas ff ful fi fin fj fij fo fao fr fra fy fry ga gle gd gla gl glg gn grn gu guj gv glv ha hau
he heb hi hin ho hmo hr hrv ht hat hu hun hy hye hz her ia ina id ind ie ile ig ibo ii iii ik ipk
in ind io ido is isl it ita iu iku iw heb ja jpn ji yid jv jav jw jav ka kat kg kon ki kik kj kua
kk kaz kl kal km khm kn kan ko kor kr kau ks kas ku kur kv kom kw cor ky kir la lat lb ltz lg lug
li lim ln lin lo lao lt lit lu lub lv lav mg mlg mh mah mi mri mk mkd ml mal mn mon mo ron mr mar
ms msa mt mlt my mya na nau nb nob nd nde ne nep ng ndo nl nld nn nno no nob nr nbl nv nav ny nya
oc oci oj oji om orm or ori os oss pa pan pi pli pl pol ps pus pt por qu que rm roh rn run ro ron
ru rus rw kin sa san sc srd sd snd se sme sg sag sh hbs si sin sk slk sl slv sm smo sn sna so som
sq sqi sr srp ss ssw st sot su sun sv swe sw swa ta tam te tel tg tgk th tha ti tir tk tuk tl tgl
tn tsn to ton tr tur ts tso tt tat tw twi ty tah ug uig uk ukr ur urd uz uzb ve ven vi vie vo vol
wa wln wo wol xh xho yi yid yo yor za zha zh zho zu zul
"""
ISO_639_1 = _pairs(_PAIRS)  # withdrawn codes included
_NO_LONGER = {"in", "iw", "ji", "jw", "mo", "no"}  # of two that mean one language, the older
_SHORTEST = {long: short for short, long in ISO_639_1.items() if short not in _NO_LONGER}

# Other spellings of a language: ISO 639-2/B codes, members that stand for their macrolanguage
# (the one with an ISO 639-1 code that no other member shares), Norwegian for its usual form.
_SAME = """
alb sqi arm hye baq eus bur mya chi zho cze ces dut nld fre fra geo kat ger deu gre ell ice isl
mac mkd mao mri may msa per fas rum ron slo slk tib bod wel cym
als sqi arb ara ayr aym azj aze cmn zho ekk est fil tgl fuv ful gax orm gug grn hae orm ike iku
khk mon kmr kur knc kau kng kon lvs lav nor nob npi nep ojb oji ory ori pbt pus pbu pus pes fas
plt mlg prs fas quy que quz que src srd swh swa uzn uzb ydd yid zsm msa kzj dtp bih bho
"""
_CANONICAL = _pairs(_SAME)

# Codes that Wikipedia's subdomains, and models trained on them, use in their own way.
_WIKIPEDIA = """
als gsw eml egl nah nci simple eng bat-smg sgs be-tarask bel be-x-old bel cbk-zam cbk fiu-vro vro
nds-nl nds roa-rup rup zh-classical lzh zh-min-nan nan zh-yue yue
"""
WIKIPEDIA_CODES = _pairs(_WIKIPEDIA)

# Scripts of letters and marks (Unicode 16, Scripts.txt): each run begins at its code point and
# ends where the next begins; what is no letter may lie in any run outside of Latin-1.
SCRIPT_RUNS = """
0:Zyyy 41:Latn 5b:Zyyy 61:Latn 7b:Zyyy aa:Latn ab:Zyyy ba:Latn bb:Zyyy c0:Latn d7:Zyyy d8:Latn
f7:Zyyy f8:Latn 2b9:Zyyy 2e0:Latn 2e5:Zyyy 370:Grek 3e2:Copt 3f0:Grek 400:Cyrl 531:Armn 591:Hebr
610:Arab 710:Syrc 750:Arab 780:Thaa 7ca:Nkoo 800:Samr 840:Mand 860:Syrc 870:Arab 900:Deva 980:Beng
a01:Guru a81:Gujr b01:Orya b82:Taml c00:Telu c80:Knda d00:Mlym d81:Sinh e01:Thai e81:Laoo f00:Tibt
1000:Mymr 10a0:Geor 1100:Hang 1200:Ethi 13a0:Cher 1401:Cans 16a0:Runr 1700:Tglg 1780:Khmr 180b:Mong
18b0:Cans 1900:Limb 1950:Tale 1980:Talu 1a00:Bugi 1a20:Lana 1b00:Bali 1b80:Sund 1bc0:Batk 1c00:Lepc
1c5a:Olck 1c80:Cyrl 1c90:Geor 1d00:Latn 1d26:Grek 1d2b:Cyrl 1d2c:Latn 1d5d:Grek 1d62:Latn 1d66:Grek
1d6b:Latn 1d78:Cyrl 1d79:Latn 1dbf:Grek 1e00:Latn 1f00:Grek 2000:Zyyy 2071:Latn 2074:Zyyy 207f:Latn
2080:Zyyy 2090:Latn 20a0:Zyyy 2126:Grek 2127:Zyyy 212a:Latn 212c:Zyyy 2132:Latn 2133:Zyyy 214e:Latn
214f:Zyyy 2183:Latn 2185:Zyyy 2c00:Glag 2c60:Latn 2c80:Copt 2d00:Geor 2d30:Tfng 2d80:Ethi 2de0:Cyrl
3000:Zyyy 3005:Hani 3006:Zyyy 302e:Hang 3030:Zyyy 303b:Hani 303c:Zyyy 3041:Hira 30a1:Kana 3105:Bopo
3131:Hang 31a0:Bopo 31f0:Kana 3400:Hani a000:Yiii a4d0:Lisu a500:Vaii a640:Cyrl a6a0:Bamu a722:Latn
a880:Saur a8e0:Deva a90a:Kali a930:Rjng a960:Hang a980:Java a9e0:Mymr aa00:Cham aa60:Mymr aa80:Tavt
aae0:Mtei ab01:Ethi ab30:Latn ab65:Grek ab66:Latn ab70:Cher abc0:Mtei ac00:Hang f900:Hani fb00:Latn
fb13:Armn fb1d:Hebr fb50:Arab fe00:Zyyy fe2e:Cyrl fe30:Zyyy fe70:Arab ff01:Zyyy ff21:Latn ff3b:Zyyy
ff41:Latn ff5b:Zyyy ff66:Kana ff70:Zyyy ff71:Kana ff9e:Zyyy ffa0:Hang ffe0:Zyyy 10330:Goth
10400:Dsrt 104b0:Osge 10780:Latn 10d00:Rohg 10ec2:Arab 11100:Cakm 11300:Gran 118a0:Wara 11ab0:Cans
11fb0:Lisu 16800:Bamu 16fe3:Hani 1aff0:Kana 1b001:Hira 1b120:Kana 1b132:Hira 1b155:Kana 1d242:Grek
1df00:Latn 1e000:Glag 1e030:Cyrl 1e100:Hmnp 1e2c0:Wcho 1e7e0:Ethi 1e900:Adlm 1ee00:Arab 1f000:Zyyy
20000:Hani
"""
# Scripts that are written with several (ISO 15924 has codes for the mixtures).
SCRIPT_PARTS = {
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
    "Hani": ("Hani", "Bopo"),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
}


@cache
def iso_639_3() -> frozenset[str]:
    """Every ISO 639-3 code."""
    text = (Path(__file__).parent / "iso-639-3.txt").read_text(encoding="ascii")
    return frozenset(text.split())


def canonical(code: str) -> str | None:
    """The one code for a language, from ISO 639-1, -2 or -3; None where there is no such code.

    >>> canonical("en"), canonical("cmn"), canonical("ger"), canonical("xx")
    ('eng', 'zho', 'deu', None)
    """
    code = code.lower()
    code = ISO_639_1.get(code, code)
    code = _CANONICAL.get(code, code)
    return code if code in iso_639_3() else None


def normalise_language(code: str) -> str:
    """Give the code that the column `language` holds for a recipe's `en`, `eng`, `zh` or `cmn`.

    >>> normalise_language("en"), normalise_language("EN"), normalise_language("zh")
    ('eng', 'eng', 'zho')

    Raises:
        RecipeError: there is no such code.
    """
    found = canonical(code.strip())
    if found is None:
        hint = nearest(code.strip().lower(), {*ISO_639_1, *ISO_639_1.values()})
        if not hint.startswith("did"):
            hint = "write 'en' or 'eng'"
        raise RecipeError(
            "a language is an ISO 639-1 or 639-3 code", f"{code!r} is none", change=hint
        )
    return found


@cache
def stop_words() -> dict[str, frozenset[str]]:
    """The stop words of each language that has a list, by ISO 639-3 code."""
    import stopwordsiso

    lists = {canonical(code): stopwordsiso.stopwords(code) for code in stopwordsiso.langs()}
    return {code: frozenset(words) for code, words in lists.items() if code is not None}


def shortest_code(code: str) -> str:
    """A language's code as hubs and browsers write it: ISO 639-1, else ISO 639-3.

    >>> shortest_code("deu"), shortest_code("heb"), shortest_code("nds")
    ('de', 'he', 'nds')
    """
    return _SHORTEST.get(code, code)
