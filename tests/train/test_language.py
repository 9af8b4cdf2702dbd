import gzip
import io
import json
import tarfile

import numpy as np
import polars as pl
import pytest

from curate.errors import InputError
from curate.models import card, sha256
from curate.score.language import LanguageScorer
from curate.train.fit import area_under_curve, fit, is_test
from curate.train.language import _isotonic, train_language

WORDS = {
    "eng": "the river and house with under morning green walks slowly never father small",
    "deu": "der fluss und haus mit unter morgen grün geht langsam niemals vater klein",
    "rus": "река и дом с под утро зелёный идёт медленно никогда отец маленький",
}
SMALL = {"dim": 10, "minn": 2, "maxn": 3, "bucket": 2000, "minCount": 1, "epoch": 5}


def sentences(code, count, step):
    """Make different sentences of one language."""
    words = WORDS[code].split()
    return [
        " ".join(words[(n * step + k * (n % 7 + 1)) % len(words)] for k in range(6)) + str(n)
        for n in range(count)
    ]


def write_gz(path, rows):
    path.write_bytes(gzip.compress("".join("\t".join(row) + "\n" for row in rows).encode()))


@pytest.fixture
def data(tmp_path):
    """Write small sets in the form of the real ones."""
    folder = tmp_path / "data"
    folder.mkdir()
    english = sentences("eng", 60, 5)
    rows = [(c, t, english[n]) for c in ("deu", "rus") for n, t in enumerate(sentences(c, 60, 3))]
    write_gz(folder / "tatoeba-112.tsv.gz", [("lang", "text", "eng"), *rows])
    rows = [(c, str(n), t) for c in WORDS for n, t in enumerate(sentences(c, 60, 7))]
    write_gz(folder / "flores101-devtest.tsv.gz", [("lang", "line", "text"), *rows])
    short = {"eng": "en", "deu": "de", "rus": "ru"}
    kinds = ("sentences", "word-pairs", "single-words")
    rows = [(short[c], k, t) for c in WORDS for k in kinds for t in sentences(c, 60, len(k))]
    write_gz(folder / "lingua-75.tsv.gz", [("lang", "kind", "text"), *rows])
    rows = [(short[c], str(n), t) for c in WORDS for n, t in enumerate(sentences(c, 40, 9))]
    write_gz(folder / "pud-parallel.tsv.gz", [("lang", "sent_id", "text"), *rows])
    lines = [
        f'"{t}",{n}\n'
        for c, n in (("eng", "English"), ("deu", "German"))
        for t in sentences(c, 30, 2)
    ]
    (folder / "kaggle-17-languages.csv").write_text("".join(lines))
    with tarfile.open(folder / "udhr-xml.tar.gz", "w:gz") as archive:
        members = {
            "index.xml": "<udhrs>\n <udhr f='deu_1996'  iso639-3='deu' iso15924='Latn'/>\n</udhrs>"
        }
        body = "".join(f"<para>{t}</para>" for t in sentences("deu", 20, 4))
        members["udhr_deu_1996.xml"] = f'<udhr xmlns="http://x.invalid/">{body}</udhr>'
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return folder


def test_training_again_gives_the_same_bytes_and_a_card_that_fits(data, tmp_path):
    found = train_language(data, tmp_path / "one", SMALL)
    again = train_language(data, tmp_path / "two", SMALL)
    first, second = tmp_path / "one" / "language.ftz", tmp_path / "two" / "language.ftz"
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".json").read_bytes() == second.with_suffix(".json").read_bytes()
    assert found == again == json.loads(first.with_suffix(".json").read_text()) == card(first)
    assert found["sha256"] == sha256(first)
    assert found["labels"] == ["deu_Latn", "eng_Latn", "rus_Cyrl"]
    assert set(found["scores"]) == {
        "five sentences",
        "flores",
        "kaggle",
        "lingua-sentences",
        "lingua-words",
        "pud",
        "tatoeba",
        "udhr",
    }
    assert found["scores"]["pud"] == {
        "rows": 120,
        "accuracy": 1.0,
        "undetermined": 0.0,
        "wrong_above_0.9": 0.0,
    }
    assert found["calibration"][0]["letters_from"] == 0
    assert 0 <= found["calibration_error"] <= 1
    assert sum(row["rows"] for row in found["reliability"]) < sum(
        row["rows"] for row in found["scores"].values()
    )  # half of the tenth was fitted on
    text = first.with_suffix(".json").read_text()
    assert not any(sentence in text for code in WORDS for sentence in sentences(code, 5, 3))
    assert str(tmp_path) not in text
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        "language.ftz",
        "language.json",
    ]
    got = LanguageScorer(str(first))(pl.DataFrame({"text": ["der vater geht", "река и дом"]}))
    assert got["language"].to_list() == ["deu", "rus"]


def test_a_peer_is_measured_on_the_languages_that_both_know(data, tmp_path):
    rows = [(code, text) for code in ("deu", "fra") for text in sentences("deu", 60, 3)]
    peer = tmp_path / "peer.ftz"
    fit(pl.DataFrame(rows, schema=["label", "text"], orient="row"), "plain", peer, SMALL)
    found = train_language(data, tmp_path / "out", SMALL, peer)["peer"]
    assert (found["sha256"], found["languages"]) == (sha256(peer), 2)
    assert found["scores"]["pud"]["rows"] == 40  # the German ones
    assert found["scores"]["pud"]["accuracy"] == 1.0
    assert 0 <= found["scores"]["pud"]["peer_accuracy"] <= 1


def test_missing_and_damaged_sets(data, tmp_path):
    good = (data / "lingua-75.tsv.gz").read_bytes()
    (data / "lingua-75.tsv.gz").write_bytes(good[: len(good) // 2])
    with pytest.raises(InputError, match="lingua-75"):
        train_language(data, tmp_path / "out", SMALL)
    (data / "lingua-75.tsv.gz").unlink()
    with pytest.raises(InputError, match="no such file"):
        train_language(data, tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_one_language_is_too_few(data, tmp_path):
    only = {"tatoeba-112.tsv.gz": 3, "flores101-devtest.tsv.gz": 3, "lingua-75.tsv.gz": 3}
    for name in only:
        lines = gzip.decompress((data / name).read_bytes()).decode().splitlines()
        (data / name).write_bytes(gzip.compress((lines[0] + "\n" + lines[1] + "\n").encode()))
    with pytest.raises(InputError, match="two languages"):
        train_language(data, tmp_path / "out", SMALL)


def test_fit_does_not_depend_on_what_memory_held(tmp_path):
    rows = [("a", f"x{n} y") for n in range(300)] + [("b", f"z{n} w") for n in range(300)]
    examples = pl.DataFrame(rows, schema=["label", "text"], orient="row")
    hashes = set()
    for order in (examples, examples.reverse()):
        assert fit(order, "plain", tmp_path / "m.ftz", {**SMALL, "bucket": 5000}) == 600
        hashes.add(sha256(tmp_path / "m.ftz"))
    assert len(hashes) == 1


def test_the_split_goes_by_letters_alone():
    texts = [
        f"some words {'abcdefghij'[n % 10]}{'abcdefghij'[n // 10 % 10]}{n // 100}"
        for n in range(1000)
    ]
    flags = is_test(pl.Series(texts))
    assert 0.05 < flags.mean() < 0.15
    assert is_test(pl.Series([text.upper() + " !" for text in texts])).equals(flags)


@pytest.mark.parametrize(
    ("truth", "score", "area"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], 0.75),
        ([1, 0, 1], [0.2, 0.2, 0.9], 0.75),
    ],
)
def test_area_under_curve(truth, score, area):
    assert area_under_curve([bool(one) for one in truth], score) == pytest.approx(area)


def test_a_calibration_rises_and_is_the_share_of_what_is_right():
    scores = np.repeat([0.2, 0.4, 0.6, 0.9], 100)
    right = np.concatenate([np.arange(100) < share for share in (20, 60, 50, 90)]).astype(float)
    knots, values = _isotonic(scores, right)
    assert knots == sorted(knots)
    assert values == sorted(values)
    assert np.interp([0.2, 0.5, 0.9], knots, values) == pytest.approx([0.2, 0.55, 0.9], abs=0.06)
