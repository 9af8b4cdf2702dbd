from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from curate.errors import InputError
from curate.models import BUNDLED, EXTRACTOR_MODEL, sha256
from curate.sources.extract import BlockModel, scan_page
from curate.train.extractor import (
    article_score,
    count_shingles,
    count_strings,
    strings_score,
    train_extractor,
)
from curate.train.extractor_sets import (
    ARTICLES,
    MARKDOWN,
    READER,
    STRINGS,
    LabelledPage,
    fold_of,
    label_blocks,
)

SMALL = {"rounds": 8, "min_data_in_leaf": 2}


def paragraph(number):
    return (
        f"In the year {1700 + number} the river rose again, and the people of village {number}"
        f" carried their things up the hill; {number} of them came back before the winter."
    )


def page(number):
    links = "".join(f"<li><a href='/{n}'>Link {n} of {number}</a></li>" for n in range(8))
    text = "".join(f"<p>{paragraph(number * 10 + n)}</p>" for n in range(3))
    address = f"http://site{number}.example/page"
    html = (
        f"<html><head><title>Page {number}</title><link rel='canonical' href='{address}'></head>"
        f"<body><ul class='nav'>{links}</ul><article>{text}</article>"
        f"<div class='footer'>Imprint {number}</div></body></html>"
    )
    return html, "\n\n".join(paragraph(number * 10 + n) for n in range(3)), address


def read_card(path):
    return json.loads(path.with_suffix(".json").read_text())


def write_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.fixture
def data(tmp_path):
    """Write small sets in the form of the real ones."""
    folder = tmp_path / "data"
    folder.mkdir()
    truth, members = {}, {}
    for number in range(12):
        html, text, address = page(number)
        truth[f"k{number}"] = {"url": address, "articleBody": text}
        members[f"./html/k{number}.html.gz"] = gzip.compress(html.encode())
    members["./ground-truth.json"] = json.dumps(truth).encode()
    write_tar(folder / ARTICLES.file, members)
    entries, members = {}, {}
    for number in range(12, 24):
        html, _, address = page(number)
        entries[address] = {
            "file": f"{number}.html",
            "with": [paragraph(number * 10)[:40]],
            "without": [f"Link 3 of {number}"],
        }
        members[f"./html/{number}.html"] = html.encode()
    members["./evaldata.json"] = json.dumps(entries).encode()
    write_tar(folder / STRINGS.file, members)
    html, text, _ = page(24)
    body = "".join(f"<p>{one}</p>" for one in text.split("\n\n"))
    files = {"./one/source.html": html.encode(), "./one/expected.html": body.encode()}
    write_tar(folder / READER.file, files)
    for number, one in enumerate(MARKDOWN, 25):
        html, text, address = page(number)
        entry = {"url": address, "html": html, "groundtruth_content": f"# Page\n\n{text}"}
        (folder / one.file).write_bytes(gzip.compress(json.dumps(entry).encode()))
    return folder


def test_training_again_gives_the_same_bytes_and_a_card_that_fits(data, tmp_path):
    found = train_extractor(data, tmp_path / "one", SMALL)
    again = train_extractor(data, tmp_path / "two", SMALL)
    first, second = tmp_path / "one" / "extractor.npz", tmp_path / "two" / "extractor.npz"
    assert first.read_bytes() == second.read_bytes()
    assert found == again == read_card(first)
    assert found["sha256"] == sha256(first)
    assert found["pages"] == {
        ARTICLES.file: 12,
        STRINGS.file: 12,
        READER.file: 1,
        MARKDOWN[0].file: 1,
        MARKDOWN[1].file: 1,
    }
    assert found["sites"] == 27
    scores = found["scores"]
    assert scores["article, by site"]["pages"] == scores["strings, by site"]["pages"] == 12
    assert scores["article, by site"]["f1"] == scores["strings, by site"]["f1"] == 1.0
    text = first.with_suffix(".json").read_text()
    assert "river" not in text
    assert str(tmp_path) not in text
    html, text, _ = page(99)
    assert scan_page(html).text(BlockModel.load(first)) == text


def test_missing_and_damaged_sets(data, tmp_path):
    path = data / READER.file
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="readability"):
        train_extractor(data, tmp_path / "out", SMALL)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        train_extractor(data, tmp_path / "out", SMALL)
    assert not (tmp_path / "out" / "extractor.npz").exists()


def test_the_bundled_model_is_the_one_of_its_card():
    path = BUNDLED / EXTRACTOR_MODEL
    assert read_card(path)["sha256"] == sha256(path)
    assert path.stat().st_size < 3_000_000
    scores = read_card(path)["scores"]
    assert scores["article, by site"]["f1"] >= 0.953  # trafilatura's, with which we are compared
    assert scores["strings, by site"]["f1"] >= 0.930


def test_scores_by_hand():
    both, more, less = count_shingles("a b c d e", "a b c d f")
    assert (both, more, less) == (1 / 3, 1 / 3, 1 / 3)
    assert article_score([(both, more, less)])["f1"] == 0.5
    one = LabelledPage("", "", "", "", None, ["a  b", "c"], ["x"])
    assert count_strings(one, "a b x") == (1, 1, 1)
    assert strings_score([(1, 1, 1)])["f1"] == 0.5
    assert strings_score([]) == {"pages": 0}


def test_labels_of_blocks():
    wanted = LabelledPage("", "", "", "", None, ["the river rose"], ["Imprint"])
    labels = label_blocks(wanted, ["Here the river rose.", "Imprint", "what else"])
    assert labels[:2].tolist() == [1, 0]
    assert labels[2] != labels[2]
    whole = LabelledPage("", "", "", "", "one two three")
    assert label_blocks(whole, ["one two", "five six", "three four four"]).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("url", "html", "site"),
    [
        ("http://www.a.example/x", "", "a.example"),
        ("http://news.a.co.uk/x", "", "a.co.uk"),
        ("", "<link rel=canonical href=http://m.b.example/x>", "b.example"),
        ("", "", "family:key"),
    ],
)
def test_sites(url, html, site):
    assert LabelledPage("family", "key", url, html).site == site


def test_folds_are_of_sites_alone():
    folds = [fold_of(f"site{number}.example", 5, 1) for number in range(1000)]
    assert [folds.count(fold) > 150 for fold in range(5)] == [True] * 5
    assert folds != [fold_of(f"site{number}.example", 5, 2) for number in range(1000)]
