import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate.errors import ComponentError, CurateError, RecipeError
from curate.languages import ISO_639_1, canonical, iso_639_3, normalise_language
from curate.models import BUNDLED, card, find_model, identity, sha256
from curate.schema import conform
from curate.score.language import (
    LanguageScorer,
    calibrate,
    dominant_script,
    label_codes,
    sample,
)
from curate.train.fit import _ZEROED, fit

SENTENCES = {
    "eng": "The children walked home along the river because the evening was so warm.",
    "deu": "Die Kinder gingen am Fluss entlang nach Hause, weil der Abend so warm war.",
    "fra": "Les enfants rentraient à la maison le long de la rivière, car il faisait doux.",
    "spa": "Los niños volvieron a casa por la orilla del río porque hacía mucho calor.",
    "ita": "I bambini tornarono a casa lungo il fiume perché la sera era molto calda.",
    "por": "As crianças voltaram para casa pela margem do rio porque não fazia frio.",
    "nld": "De kinderen liepen langs de rivier naar huis omdat het zo'n warme avond was.",
    "pol": "Dzieci wracały do domu wzdłuż rzeki, ponieważ wieczór był bardzo ciepły.",
    "fin": "Lapset kävelivät kotiin joen vartta pitkin, koska ilta oli niin lämmin.",
    "tur": "Çocuklar akşam çok sıcak olduğu için nehir boyunca eve yürüdüler.",
    "rus": "Дети шли домой вдоль реки, потому что вечер был очень тёплым.",
    "ukr": "Діти йшли додому вздовж річки, тому що вечір був дуже теплий.",
    "ell": "Τα παιδιά γύρισαν στο σπίτι δίπλα στο ποτάμι γιατί το βράδυ ήταν ζεστό.",
    "ara": "عاد الأطفال إلى المنزل على طول النهر لأن المساء كان دافئا جدا.",
    "heb": "הילדים הלכו הביתה לאורך הנהר כי הערב היה חם מאוד.",
    "hin": "बच्चे नदी के किनारे घर लौटे क्योंकि शाम बहुत गर्म थी।",
    "tha": "เด็กๆ เดินกลับบ้านตามแม่น้ำเพราะตอนเย็นอากาศอบอุ่นมาก",
    "zho": "因为晚上很暖和，孩子们沿着河走回家去了。",
    "jpn": "夕方がとても暖かかったので、子どもたちは川に沿って家に帰りました。",
    "kor": "저녁이 아주 따뜻했기 때문에 아이들은 강을 따라 집으로 걸어갔다.",
}
SCRIPTS = {"rus": "Cyrl", "ukr": "Cyrl", "ell": "Grek", "ara": "Arab", "heb": "Hebr"}
SCRIPTS |= {"hin": "Deva", "tha": "Thai", "zho": "Hani", "jpn": "Jpan", "kor": "Hang"}
HOSTILE = [
    "",
    " \n\t\r ",
    "12345 67,8 %",
    "\x00\x00",
    "😀😀😀 🎉",
    None,
    "�" * 50,
    "\u200b\u202e",
]


def frame(texts):
    return pl.DataFrame({"text": texts}, schema={"text": pl.String})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Train a model with two-letter labels, as lid.176 has them."""
    words = {"en": "the and of house river", "de": "der und von haus fluss", "als": "dr un vo huus"}
    rows = []
    for label, line in words.items():
        parts = line.split()
        rows += [(label, f"{a} {b} {c}") for a in parts for b in parts for c in parts]
    path = tmp_path_factory.mktemp("tiny") / "tiny.ftz"
    parameters = {"dim": 10, "minn": 2, "maxn": 3, "bucket": 1000, "minCount": 1, "epoch": 20}
    fit(pl.DataFrame(rows, schema=["label", "text"], orient="row"), "plain", path, parameters)
    return path


def test_the_bundled_model_tells_languages_and_scripts():
    got = LanguageScorer()(frame(list(SENTENCES.values())))
    assert got["language"].to_list() == list(SENTENCES)
    assert got["script"].to_list() == [SCRIPTS.get(code, "Latn") for code in SENTENCES]
    assert got["language_score"].min() > 0.5
    assert got["language_score"].max() <= 1
    assert got["language_state"].null_count() == got.height


def test_text_without_letters_is_undetermined():
    got = conform(LanguageScorer()(frame(HOSTILE)), "language")
    assert got.rows() == [("und", "Zyyy", 0.0, None, 0.0, None)] * len(HOSTILE)


def test_what_looks_like_a_mark_of_fasttext_is_text():
    texts = ["</s>", "__label__deu_Latn", f"</s> {SENTENCES['fra']}", f"a\x00{SENTENCES['fra']}"]
    got = LanguageScorer()(frame(texts))
    assert got["language"].to_list()[2:] == ["fra", "fra"]
    assert got["language_score"].is_between(0, 1).all()


def test_a_script_that_the_model_does_not_know_is_no_language():
    got = LanguageScorer()(frame(["ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᎤᏍᏗ ᎠᏂᏴᏫᏯ"]))
    assert got.select("language", "script", "language_score").rows() == [("und", "Cher", 0.0)]


@pytest.mark.parametrize(
    "text",
    [
        "演员Jennifer Lawrence昨天晚上出席了在Los Angeles举行的电影首映礼。",
        "作家Gabriel García Márquez的小說被譯成多種語言，在台北很受歡迎。",
    ],
)
def test_a_text_is_in_a_language_of_its_main_script(text):
    row = LanguageScorer()(frame([text])).row(0, named=True)
    assert (row["language"], row["script"]) == ("zho", "Hani")
    names = "Jennifer Lawrence, Bradley Cooper, Gabriel García Márquez and Los Angeles 出席"
    assert LanguageScorer()(frame([names]))["script"].to_list() == ["Latn"]


def test_a_scorer_gives_the_same_for_any_batch_and_order():
    texts = [*SENTENCES.values(), *HOSTILE, "Ein Satz. " * 500]
    whole = LanguageScorer()(frame(texts))
    single = pl.concat([LanguageScorer()(frame([text])) for text in texts])
    assert single.equals(whole)
    order = list(range(len(texts)))
    random.Random(3).shuffle(order)
    shuffled = LanguageScorer()(frame([texts[i] for i in order]))
    assert shuffled.equals(whole[order])


def test_newlines_and_case_change_nothing():
    text = SENTENCES["deu"]
    got = LanguageScorer()(frame([text, text.upper(), text.replace(" ", "\n"), f"</s> {text}\n"]))
    assert got["language"].to_list() == ["deu"] * 4
    assert got["language_score"].n_unique() <= 2  # the last has one letter more
    assert got["languages"].to_list() == ["deu:1.0"] * 4


def test_an_empty_frame_keeps_its_columns():
    got = LanguageScorer()(frame([]))
    assert got.schema == {
        "text": pl.String,
        "language": pl.String,
        "script": pl.String,
        "language_score": pl.Float64,
        "languages": pl.String,
        "language_share": pl.Float64,
        "language_state": pl.String,
    }


def test_a_huge_line_is_sampled():
    got = LanguageScorer()(frame([SENTENCES["fra"] * 130_000]))
    assert got["language"].to_list() == ["fra"]


def test_the_sample_is_five_windows_from_the_start_to_the_end():
    text = "".join(letter * 1000 for letter in "abcde")
    got = sample(pl.Series([text, "x" * 360, None, "y" * 361])).to_list()
    assert got == [
        " ".join(letter * 72 for letter in "abcde"),
        "x" * 360,
        "",
        " ".join(["y" * 72] * 5),
    ]


def test_no_language_is_told_of_what_is_none():
    texts = [
        "def add(first, second):\n    return first + second\n\nclass Sum(Base):\n    pass",
        "for (int i = 0; i < n; i++) { sum += values[i]; }",
        "SELECT * FROM users WHERE name_id = 5 AND x_y <> 3;",
        "https://example.com/some/page www.example.org/other",
        "12.11.2026 14:30 0049 30 1234567 EUR 45,99",
        "ok",
        "a b c",
        '$x = [1, 2]; {y: "z"} -> <br/>',
    ]
    got = LanguageScorer()(frame(texts))
    assert got["language"].to_list() == ["und"] * len(texts)
    assert got["language_score"].to_list() == [0.0] * len(texts)
    assert got["language_share"].to_list() == [0.0] * len(texts)


def test_prose_with_footnotes_addresses_and_numbers_is_prose():
    texts = [
        "It was the largest city of the kingdom,[12][13] with 40,000 people in 1890 (see map).",
        "Die Anmeldung ist unter https://example.com/anmeldung oder per Post an uns möglich.",
        "Elle a gagné 3 médailles en 2012, 2016 et 2020 ; son record est de 10,8 secondes.",
    ]
    assert LanguageScorer()(frame(texts))["language"].to_list() == ["eng", "deu", "fra"]


FINEWEB = 0.65  # the least score of a page that it keeps


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("hin", "Main aaj school nahi jaunga kyunki meri tabiyat theek nahi hai"),
        ("hin", "yaar ye movie bahut achhi thi, tumhe bhi dekhni chahiye ghar par"),
        ("hin", "Kya aap kal hamare saath bazaar chalenge? Mujhe bahut kaam hai."),
        ("ara", "Ana mabsoot kteer elyom, shu akhbarak ya habibi? Rah nrouh 3al souk bukra"),
        ("ara", "ezayak 3amel eh ya sadeeqi, ana ray7 el shoghl delwa2ty w hakalemak bokra"),
        ("ell", "Ti kaneis simera? Egw pao sti douleia kai meta tha erthw sto spiti sou"),
        ("ell", "kalimera se olous, pos eiste? avrio tha pame sti thalassa an den vrexei"),
    ],
)
def test_hindi_arabic_and_greek_in_latin_letters_are_not_mistaken(code, text):
    row = LanguageScorer()(frame([text])).row(0, named=True)
    assert row["script"] == "Latn"
    assert row["language"] in {code, "und"} or row["language_score"] < FINEWEB


def test_a_document_of_several_languages_has_shares():
    english, german, russian = (SENTENCES[code] + "\n" for code in ("eng", "deu", "rus"))
    texts = [english * 3 + german, english * 40 + russian * 20, german, (english + german) * 20]
    texts.append(english + german + russian + SENTENCES["ell"])
    got = LanguageScorer()(frame(texts))
    assert got["language"].to_list()[:3] == ["eng", "eng", "deu"]
    assert got["languages"].to_list()[0] == "eng:0.75 deu:0.25"
    assert got["language_share"].to_list()[0] == 0.75
    shares = dict(part.split(":") for part in got["languages"][1].split(" "))
    assert set(shares) == {"eng", "rus"}
    assert float(shares["eng"]) == pytest.approx(2 / 3, abs=0.1)
    assert got["languages"][2] == "deu:1.0"
    assert set(got["languages"][3].replace(" ", ":").split(":")) >= {"eng", "deu"}
    assert got.row(4, named=True)["language"] == "und"  # no language has half
    assert got.row(4, named=True)["language_share"] == 0
    assert len(got["languages"][4].split(" ")) == 4


def test_scores_are_mapped_by_the_number_of_letters():
    table = [
        {"letters_from": 0, "scores": [0.5, 1.0], "probabilities": [0.2, 0.6]},
        {"letters_from": 10, "scores": [0.5, 1.0], "probabilities": [0.5, 0.9]},
    ]
    scores, letters = np.array([0.75, 0.75, 0.1, 1.0]), np.array([9, 10, 9, 500])
    assert calibrate(scores, letters, table) == pytest.approx([0.4, 0.7, 0.04, 0.9])
    assert calibrate(scores, letters, None).tolist() == scores.tolist()


def test_scorers_are_pickled_and_hashed():
    scorer = pickle.loads(pickle.dumps(LanguageScorer()))
    assert scorer == LanguageScorer()
    assert scorer.identity().startswith(f"{sha256(BUNDLED / 'language.ftz')}:letters:")


def test_the_card_is_of_the_bundled_model():
    found = card(BUNDLED / "language.ftz")
    assert found["sha256"] == sha256(BUNDLED / "language.ftz")
    assert (BUNDLED / "language.ftz").stat().st_size < 3_000_000
    assert found["languages"] >= 140
    assert all(one["licence"] for one in found["data"])
    assert found["scores"]["pud"]["accuracy"] > 0.95
    assert found["scores"]["kaggle"]["accuracy"] > 0.95
    assert found["peer"]["name"] == "lid.176.ftz"
    assert len(found["peer"]["scores"]) >= 8
    for scores in found["peer"]["scores"].values():
        assert scores["accuracy"] > scores["peer_accuracy"]
    assert found["calibration_error"] < 0.02
    assert all(row["rows"] > 100 for row in found["reliability"])
    assert max(abs(row["mean_score"] - row["accuracy"]) for row in found["reliability"]) < 0.15


def test_any_model_by_path(tiny):
    got = LanguageScorer(str(tiny))(frame(["the river and the house", "der fluss", "dr huus", ""]))
    assert got["language"].to_list() == ["eng", "deu", "gsw", "und"]  # `als` the Wikipedia way
    assert got["script"].to_list() == ["Latn", "Latn", "Latn", "Zyyy"]
    assert identity(tiny) == sha256(tiny)


def test_labels_of_many_schemes(tmp_path):
    labels = ["eng_Latn", "zh-Hans", "pt-BR", "cmn_Hani", "zz", "als_Latn", "nob"]
    rows = [(label, f"{label[:2]} {n}x") for label in labels for n in range(30)]
    path = tmp_path / "labels.ftz"
    parameters = {"dim": 4, "minn": 2, "maxn": 2, "bucket": 500, "minCount": 1, "epoch": 1}
    fit(pl.DataFrame(rows, schema=["label", "text"], orient="row"), "plain", path, parameters)
    assert label_codes(path) == {
        "eng_Latn": ("eng", "Latn"),
        "zh-Hans": ("zho", "Hans"),
        "pt-BR": ("por", None),
        "cmn_Hani": ("zho", "Hani"),
        "als_Latn": ("sqi", "Latn"),
        "nob": ("nob", None),
    }


def test_a_model_of_something_else_is_refused(tmp_path):
    rows = [(label, f"{label} {n}x") for label in ("spam!", "notspam") for n in range(60)]
    path = tmp_path / "spam.ftz"
    parameters = {"dim": 4, "minn": 2, "maxn": 2, "bucket": 500, "minCount": 1, "epoch": 1}
    fit(pl.DataFrame(rows, schema=["label", "text"], orient="row"), "plain", path, parameters)
    with pytest.raises(ComponentError, match="notspam"):
        LanguageScorer(str(path))(frame(["a"]))


@pytest.mark.parametrize("size", [0, 4, 60, 91, 500, 5000, 100_000, -1, -300])
def test_a_cut_off_model_is_refused(tmp_path, size):
    data = (BUNDLED / "language.ftz").read_bytes()
    path = tmp_path / "cut.ftz"
    path.write_bytes(data[:size])
    with pytest.raises(ComponentError, match=r"fastText file|whole"):
        find_model(str(path), "language")


def test_other_files_are_refused(tmp_path, tiny):
    noise = tmp_path / "noise.bin"
    noise.write_bytes(random.Random(1).randbytes(5000))
    with pytest.raises(ComponentError, match="another kind"):
        find_model(str(noise), "language")
    with pytest.raises(RecipeError, match="is no file"):
        find_model(str(tmp_path / "none.bin"), "language")
    beside = tmp_path / "copy.ftz"
    beside.write_bytes(tiny.read_bytes())
    beside.with_suffix(".json").write_text('{"sha256": "0"}')
    with pytest.raises(ComponentError, match="sha256"):
        find_model(str(beside), "language")
    beside.with_suffix(".json").write_text(f'{{"sha256": "{sha256(beside)}", "preparation": "x"}}')
    with pytest.raises(ComponentError, match="preparation"):
        find_model(str(beside), "language")
    beside.with_suffix(".json").write_text("{")
    with pytest.raises(ComponentError, match="JSON"):
        find_model(str(beside), "language")


def test_models_that_are_not_quantized_and_word_vectors(tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("__label__en the house\n__label__de das haus\n" * 50)
    script = (
        "import fasttext, sys; p, a, b = sys.argv[1:];"
        "k = dict(thread=1, verbose=0, dim=4, bucket=100, minCount=1);"
        "fasttext.train_supervised(p, **k).save_model(a);"
        "fasttext.train_unsupervised(p, **k).save_model(b)"
    )
    whole, vectors = tmp_path / "whole.bin", tmp_path / "vectors.bin"
    command = [sys.executable, "-c", script, str(lines), str(whole), str(vectors)]
    subprocess.run(command, env=_ZEROED, check=True)
    assert find_model(str(whole), "language") == whole
    with pytest.raises(ComponentError, match="word vectors"):
        find_model(str(vectors), "language")


def test_dominant_script():
    texts = [
        "Hello",
        "Привет and hi",
        "日本の",
        "日本国",
        "한국어 漢字",
        "ΑΒΓ",
        "",
        "12",
        None,
        "Ⴀა",
    ]
    want = ["Latn", "Cyrl", "Jpan", "Hani", "Hang", "Grek", "Zyyy", "Zyyy", "Zyyy", "Geor"]
    assert dominant_script(pl.Series(texts, dtype=pl.String)).to_list() == want


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Latin", "Latn"),
        ("Cyrillic", "Cyrl"),
        ("Greek", "Grek"),
        ("Han", "Hani"),
        ("Thai", "Thai"),
        ("Arabic", "Arab"),
        ("Devanagari", "Deva"),
        ("Hangul", "Hang"),
        ("Hebrew", "Hebr"),
        ("Ethiopic", "Ethi"),
        ("Georgian", "Geor"),
        ("Khmer", "Khmr"),
        ("Tamil", "Taml"),
    ],
)
def test_scripts_agree_with_unicode(name, code):
    points = [*range(0xD800), *range(0xE000, 0x20000)]
    letters = pl.Series([chr(point) for point in points])
    has = letters.str.contains(rf"^[\p{{L}}&&\p{{Script={name}}}]$")
    got = dominant_script(letters.filter(has)).replace({"Jpan": "Hani"})
    assert set(got) == {code}


def test_codes():
    assert len(ISO_639_1) >= 184
    assert {canonical(code) for code in ISO_639_1} <= iso_639_3()
    for one, other in [("en", "eng"), ("EN", "eng"), ("zh", "zho"), ("cmn", "zho"), ("fa", "fas")]:
        assert normalise_language(one) == other
    for one, other in [
        ("ger", "deu"),
        ("nds", "nds"),
        ("no", "nob"),
        ("pes", "fas"),
        (" de ", "deu"),
    ]:
        assert normalise_language(one) == other
    for code in iso_639_3() | ISO_639_1.keys():  # what a recipe keeps is what a scorer gives
        assert canonical(normalise_language(code)) == normalise_language(code)


@pytest.mark.parametrize("code", ["", "xx", "english", "e n", "12", "en_US"])
def test_unknown_codes(code):
    with pytest.raises(RecipeError, match="ISO 639"):
        normalise_language(code)


def test_errors_are_ours():
    assert issubclass(RecipeError, CurateError)
    assert Path(find_model("bundled", "language")).name == "language.ftz"
