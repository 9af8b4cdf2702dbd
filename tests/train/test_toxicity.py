import gzip
import io
import json
import tarfile

import pytest

from curate.errors import InputError
from curate.models import sha256
from curate.train.toxicity import train_toxicity
from curate.train.toxicity_sets import SETS

SMALL = {"dim": 10, "minn": 2, "maxn": 3, "bucket": 2000, "minCount": 1, "epoch": 3}
HEADS = {
    "davidson-labeled.csv.gz": ("n,class,tweet", "{n},{two},{text}"),
    "germeval2018-training.tsv.gz": (None, "{text}\t{offense}\tX"),
    "cold-zh-train.csv.gz": ("n,label,TEXT", "{n},{label},{text}"),
    "cold-zh-dev.csv.gz": ("n,label,TEXT", "{n},{label},{text}"),
    "surge-profanity-en.csv": ("text,severity_rating", "swear{n},2.5"),
    "surge-toxicity-en.csv": ("text,is_toxic", "{text},{surge}"),
    "hatecheck-en.csv": (
        "functionality,test_case,label_gold,target_ident",
        "slur,{text},{gold},women",
    ),
    "hatecheck-german.csv.gz": (
        "functionality,test_case,label_gold,target_ident",
        "slur,{text},{gold},women",
    ),
    "hatecheck-mandarin.csv.gz": (
        "functionality,test_case,label_gold,target_ident",
        "slur,{text},{gold},women",
    ),
    "madlibs-77k.csv.gz": ("Text,Label", "{text},{bad}"),
    "sentence-templates-de.csv.gz": ("phrase,toxicity", "{text},{toxicity}"),
    "sentence-templates-zh-cn.csv.gz": ("phrase,toxicity", "{text},{toxicity}"),
    "../langid/tatoeba-112.tsv.gz": ("lang\ttext\teng", "deu\thaus {text}\thouse {text}"),
    "../langid/flores101-devtest.tsv.gz": ("lang\ttext", "eng\tgarden {text}"),
    "../langid/pud-parallel.tsv.gz": ("lang\ttext", "de\tstrasse {text}"),
    "../langid/lingua-75.tsv.gz": ("lang\tkind\ttext", "en\tsentences\tstreet {text}"),
}


@pytest.fixture
def data(tmp_path):
    """Write small sets in the form of the real ones: `grump` is toxic, `smile` is not."""
    folder = tmp_path / "data" / "toxicity"
    folder.mkdir(parents=True)
    for name in ("langid", "bias", "text"):
        (folder.parent / name).mkdir()
    for name, (head, row) in HEADS.items():
        lines = [] if head is None else [head]
        for n in range(120):
            toxic = bool(n % 2)
            values = {
                "n": n,
                "text": f"{'grump' if toxic else 'smile'} {name[:3]} {chr(97 + n % 26)}{chr(97 + n // 26)}",
                "two": 0 if toxic else 2,
                "offense": "OFFENSE" if toxic else "OTHER",
                "label": int(toxic),
                "surge": "Toxic" if toxic else "Not Toxic",
                "gold": "hateful" if toxic else "non-hateful",
                "bad": "BAD" if toxic else "NOT_BAD",
                "toxicity": "toxic" if toxic else "nontoxic",
            }
            lines.append(row.format(**values))
        content = ("\n".join(lines) + "\n").encode()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    people = {"people": {"somebody": [f"somebody was a {chr(97 + n)} painter" for n in range(20)]}}
    novel = "\n".join(f"it was a dark and {chr(97 + n)} night" for n in range(20))
    for name, members in {
        "toxigen.tar.gz": {
            f"prompts/{kind}_x.txt": "\\n".join(f"- a longer {word} line {n}" for n in range(40))
            for kind, word in (("hate", "grump"), ("neutral", "smile"))
        },
        "../bias/bold.tar.gz": {"wikipedia/x.json": json.dumps(people), "prompts/x.json": "{}"},
        "../text/eltec-eng.tar.gz": {"novel.txt": novel},
        "../text/eltec-deu.tar.gz": {"roman.txt": novel},
    }.items():
        with tarfile.open(folder / name, "w:gz") as archive:
            for member, text in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
    return folder


def test_training_again_gives_the_same_bytes_and_a_card_that_fits(data, tmp_path):
    found = train_toxicity(data, tmp_path / "one", SMALL)
    train_toxicity(data, tmp_path / "two", SMALL)
    first, second = tmp_path / "one" / "toxicity.ftz", tmp_path / "two" / "toxicity.ftz"
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".json").read_bytes() == second.with_suffix(".json").read_bytes()
    assert found == json.loads(first.with_suffix(".json").read_text())
    assert found["sha256"] == sha256(first)
    assert [one["file"] for one in found["data"]] == [one.file for one in SETS]
    assert found["scores"]["surge-toxicity-en"]["auc"] > 0.95
    assert found["scores"]["surge-toxicity-en"]["rows"] == 120
    assert "auc" not in found["scores"]["tatoeba-112"]
    assert {row["function"] for row in found["functions"]} == {"slur"}
    (women,) = [
        row
        for row in found["false_positives_by_group"]
        if (row["family"], row["group"]) == ("hatecheck-en", "women")
    ]
    (clean,) = [
        row for row in found["functions"] if row["family"] == "hatecheck-en" and not row["toxic"]
    ]
    assert women["rows"] == clean["rows"] == 60
    assert clean["accuracy_at_0.5"] == pytest.approx(1 - women["above_0.5"])
    assert "grump" not in first.with_suffix(".json").read_text()


def test_missing_sets_and_sets_without_toxic_posts(data, tmp_path):
    names = [name for name in HEADS if "../" not in name and "profanity" not in name]
    (data / "cold-zh-dev.csv.gz").rename(data / "away")
    with pytest.raises(InputError, match="no such file"):
        train_toxicity(data, tmp_path / "out", SMALL)
    (data / "away").rename(data / "cold-zh-dev.csv.gz")
    for name in names:
        content = (data / name).read_bytes()
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
        kept = "\n".join(line for line in text.splitlines() if "grump" not in line).encode() + b"\n"
        (data / name).write_bytes(gzip.compress(kept) if name.endswith(".gz") else kept)
    (data / "surge-profanity-en.csv").write_text("text,severity_rating\nmild,1.0\n")
    (data / "toxigen.tar.gz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="toxigen"):
        train_toxicity(data, tmp_path / "out", SMALL)
    with tarfile.open(data / "toxigen.tar.gz", "w:gz"):
        pass
    with pytest.raises(InputError, match="toxic and other"):
        train_toxicity(data, tmp_path / "out", SMALL)
