"""The sets that the toxicity model is trained and tested on, and how each becomes rows.

Every reader gives `text` and `toxic`, HateCheck's also `function` and `group`.
"""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import polars as pl

from curate.score.toxicity import PIECE_CHARACTERS, pieces
from curate.train.fit import DataSet

_MINIMUM_SEVERITY = 1.5  # of 3, in surge-profanity
_PROSE_LIMIT = 20_000  # sentences of one set


def _davidson(path: Path) -> pl.DataFrame:
    """Hate and offence (classes 0, 1) against neither (2); mentions, links and entities cut."""
    table = pl.read_csv(path, columns=["class", "tweet"])
    return table.select(text=_post(pl.col("tweet")), toxic=pl.col("class") < 2)  # noqa: PLR2004


def _germeval(path: Path) -> pl.DataFrame:
    names = ["text", "coarse", "fine"]
    table = pl.read_csv(path, separator="\t", quote_char=None, has_header=False, new_columns=names)
    return table.select(text=_post(pl.col("text")), toxic=pl.col("coarse") == "OFFENSE")


def _post(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"https?://\S+|@\w+|&#?\w+;|\bRT\b|\|LBR\|", " ")


def _cold(path: Path) -> pl.DataFrame:
    return pl.read_csv(path).select(text="TEXT", toxic=pl.col("label") == 1)


def _toxigen(path: Path) -> pl.DataFrame:
    """The statements in demonstrations and prompts: hate or neutral by the file's name."""
    texts, toxic = [], []
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            file = archive.extractfile(member) if member.name.endswith(".txt") else None
            if file is not None:
                statements = re.split(r"\\n|\n", file.read().decode("utf-8", "replace"))
                texts += [statement.strip(" -") for statement in statements]
                toxic += ["/hate_" in member.name] * len(statements)
    types = {"text": pl.String, "toxic": pl.Boolean}
    table = pl.DataFrame({"text": texts, "toxic": toxic}, schema=types).unique(maintain_order=True)
    return table.filter(pl.col("text").str.len_chars() > 15)  # noqa: PLR2004 - the rest are stubs


def _profanity(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path).filter(pl.col("severity_rating") >= _MINIMUM_SEVERITY)
    words = [table["text"], "you " + table["text"], table["text"] + " you"]
    return pl.DataFrame({"text": pl.concat(words)}).with_columns(toxic=pl.lit(True))


def _tatoeba(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, separator="\t", quote_char=None)
    english = table["eng"].unique(maintain_order=True).head(_PROSE_LIMIT)
    others = table.filter(pl.col("lang").is_in(["cmn", "deu"]))["text"]
    return pl.DataFrame({"text": pl.concat([others, english])}).with_columns(toxic=pl.lit(False))


def _sentences(path: Path) -> pl.DataFrame:
    """German, English and Chinese rows of a table with `lang` and `text`."""
    table = pl.read_csv(path, separator="\t", quote_char=None)
    wanted = table.filter(pl.col("lang").is_in(["deu", "de", "eng", "en", "zh"]))
    return wanted.select("text", toxic=pl.lit(False))


def _bold(path: Path) -> pl.DataFrame:
    """Wikipedia's sentences about people of many groups, and about professions and beliefs."""
    texts: list[str] = []
    with tarfile.open(path) as archive:
        for name in sorted(archive.getnames()):
            file = archive.extractfile(name) if name.startswith("wikipedia/") else None
            if file is not None:
                for articles in json.load(file).values():
                    texts += [sentence for article in articles.values() for sentence in article]
    return pl.DataFrame({"text": texts}, schema={"text": pl.String}).with_columns(
        toxic=pl.lit(False)
    )


def _novels(path: Path) -> pl.DataFrame:
    """Pieces of novels, evenly drawn."""
    texts = []
    with tarfile.open(path) as archive:
        for name in sorted(archive.getnames()):
            file = archive.extractfile(name) if name.endswith(".txt") else None
            if file is not None:
                texts.append(file.read().decode())
    cut = pieces(pl.Series(texts, dtype=pl.String), PIECE_CHARACTERS)
    drawn = cut.gather_every(max(cut.height // _PROSE_LIMIT, 1))
    return drawn.select("text", toxic=pl.lit(False))


def _surge(path: Path) -> pl.DataFrame:
    return pl.read_csv(path).select("text", toxic=pl.col("is_toxic") == "Toxic")


def _hatecheck(path: Path) -> pl.DataFrame:
    return pl.read_csv(path).select(
        text="test_case",
        toxic=pl.col("label_gold") == "hateful",
        function="functionality",
        group="target_ident",
    )


def _madlibs(path: Path) -> pl.DataFrame:
    return pl.read_csv(path).select(text="Text", toxic=pl.col("Label") == "BAD")


def _templates(path: Path) -> pl.DataFrame:
    return pl.read_csv(path).select(text="phrase", toxic=pl.col("toxicity") == "toxic")


_HATECHECK = "HateCheck: Röttger et al. 2021 (arXiv 2012.15606), 2022 (arXiv 2206.09917)"
_MADLIBS = "Conversation AI, unintended bias: Dixon et al. 2018"
SETS = (
    DataSet(
        "davidson-labeled.csv.gz",
        "t-davidson/hate-speech-and-offensive-language",
        "MIT",
        "Davidson et al. 2017 (arXiv 1703.04009)",
        _davidson,
    ),
    DataSet(
        "germeval2018-training.tsv.gz",
        "uds-lsv/GermEval-2018-Data",
        "CC-BY 4.0",
        "Wiegand, Siegel and Ruppenhofer 2018",
        _germeval,
    ),
    DataSet(
        "cold-zh-train.csv.gz",
        "thu-coai/COLDataset",
        "Apache-2.0",
        "COLD: Deng et al. 2022 (arXiv 2201.06025)",
        _cold,
    ),
    DataSet(
        "toxigen.tar.gz",
        "microsoft/TOXIGEN",
        "CDLA-Permissive-2.0",
        "ToxiGen: Hartvigsen et al. 2022 (arXiv 2203.09509)",
        _toxigen,
    ),
    DataSet("surge-profanity-en.csv", "surge-ai/profanity", "MIT", "Surge AI", _profanity),
    DataSet(
        "../langid/tatoeba-112.tsv.gz",
        "facebookresearch/LASER data/tatoeba/v1",
        "CC-BY 2.0 FR",
        "Tatoeba and its contributors (tatoeba.org)",
        _tatoeba,
    ),
    DataSet(
        "../langid/flores101-devtest.tsv.gz",
        "Helsinki-NLP/OPUS-MT-train testsets/flores101",
        "CC-BY-SA 4.0",
        "FLORES-101: Goyal et al. 2021 (arXiv 2106.03193)",
        _sentences,
    ),
    DataSet(
        "../langid/lingua-75.tsv.gz",
        "pemistahl/lingua-py language-testdata",
        "Apache-2.0 (collection), CC-BY (sentences)",
        "Leipzig Corpora Collection: Goldhahn, Eckart and Quasthoff 2012",
        _sentences,
    ),
    DataSet(
        "../bias/bold.tar.gz",
        "amazon-science/bold wikipedia",
        "CC-BY-SA 4.0",
        "BOLD: Dhamala et al. 2021 (arXiv 2101.11718); Wikipedia and its contributors",
        _bold,
    ),
    DataSet(
        "../text/eltec-eng.tar.gz",
        "COST-ELTeC/ELTeC-eng",
        "CC-BY 4.0",
        "European Literary Text Collection, COST Action CA16204",
        _novels,
    ),
    DataSet(
        "../text/eltec-deu.tar.gz",
        "COST-ELTeC/ELTeC-deu",
        "CC-BY 4.0",
        "European Literary Text Collection, COST Action CA16204",
        _novels,
    ),
    DataSet(
        "../langid/pud-parallel.tsv.gz",
        "UniversalDependencies/UD_*-PUD",
        "CC-BY-SA 3.0",
        "Parallel Universal Dependencies (CoNLL 2017 shared task)",
        _sentences,
        held_out=True,
    ),
    DataSet("surge-toxicity-en.csv", "surge-ai/toxicity", "MIT", "Surge AI", _surge, held_out=True),
    DataSet(
        "cold-zh-dev.csv.gz",
        "thu-coai/COLDataset",
        "Apache-2.0",
        "COLD: Deng et al. 2022 (arXiv 2201.06025)",
        _cold,
        held_out=True,
    ),
    DataSet(
        "hatecheck-en.csv",
        "paul-rottger/hatecheck-data",
        "CC-BY 4.0",
        _HATECHECK,
        _hatecheck,
        held_out=True,
    ),
    DataSet(
        "hatecheck-german.csv.gz",
        "rewire-online/multilingual-hatecheck",
        "CC-BY 4.0",
        _HATECHECK,
        _hatecheck,
        held_out=True,
    ),
    DataSet(
        "hatecheck-mandarin.csv.gz",
        "rewire-online/multilingual-hatecheck",
        "CC-BY 4.0",
        _HATECHECK,
        _hatecheck,
        held_out=True,
    ),
    DataSet(
        "madlibs-77k.csv.gz",
        "conversationai/unintended-ml-bias-analysis",
        "Apache-2.0",
        _MADLIBS,
        _madlibs,
        held_out=True,
    ),
    DataSet(
        "sentence-templates-de.csv.gz",
        "conversationai/unintended-ml-bias-analysis",
        "Apache-2.0",
        _MADLIBS,
        _templates,
        held_out=True,
    ),
    DataSet(
        "sentence-templates-zh-cn.csv.gz",
        "conversationai/unintended-ml-bias-analysis",
        "Apache-2.0",
        _MADLIBS,
        _templates,
        held_out=True,
    ),
)
