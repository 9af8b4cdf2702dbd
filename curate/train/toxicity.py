"""`curate train toxicity`: openly licensed labelled posts in, a toxicity model and its card out."""

from __future__ import annotations

import hashlib
import re
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import InputError
from curate.score.toxicity import ToxicityScorer
from curate.train.fit import DataSet, area_under_curve, fit, is_test, write_card

LANGUAGES = ("deu", "eng", "zho")
PREPARATION = "letters"
PARAMETERS = {
    "dim": 20,
    "minn": 2,
    "maxn": 5,
    "bucket": 200_000,
    "minCount": 5,
    "epoch": 5,
    "lr": 0.3,
    "loss": "softmax",
}
LIMITS = [
    "Words, not meaning: quoted, denied, reclaimed or counter-spoken slurs score high; hate without bad words scores low (see functions).",
    "Most English posts are tweets in which African-American English is over-represented among those labelled offensive: expect false positives on that dialect.",
    "Languages beside German, English and Chinese are not covered and not scored.",
    "The maximum over a document's pieces grows with its length.",
    "Probabilities are the model's own, not calibrated on web pages.",
    "The template tests resemble frames that the model was trained on (curate/train/insults.toml), though none is the same.",
]
_MINIMUM_SEVERITY = 1.5  # of 3, in surge-profanity
_PROSE_LIMIT = 20_000  # sentences of one language


def train_toxicity(
    data: Path, out: Path, parameters: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Train `toxicity.ftz` and write its card beside it.

    Of each set that is trained on, the tenth with the lowest hashes is kept for testing; whole
    sets are for testing only. Ordinary sentences from `langid`, the folder beside `data`, show
    what is not toxic.

    Args:
        data: the folder with the sets (the files named in `SETS`), beside one named `langid`.
        out: the folder that the model and its card are written to.
        parameters: of `fasttext.train_supervised`, over `PARAMETERS`.

    Returns:
        The card: data, sha256, the area under the ROC curve for each test set, recall by
        HateCheck function, and the share of ordinary sentences above a limit.

    Raises:
        InputError: a set is missing or unreadable, or has nothing to train on.
        ComponentError: fastText failed.
    """
    rows = pl.concat(
        [
            one.load(data).with_columns(family=pl.lit(_family(one)), held_out=pl.lit(one.held_out))
            for one in SETS
        ],
        how="diagonal",
    ).drop_nulls(["text", "toxic"])
    prose = [_family(one) for one in SETS if one.file.startswith("..")]
    rows = rows.with_columns(
        prose=pl.col("family").is_in(prose), test=is_test(rows["text"]) | pl.col("held_out")
    )
    rows = rows.filter(~(pl.col("prose") & _has_insult(pl.col("text"))))
    seen = pl.concat([rows.filter(~pl.col("test")).select("text", "toxic"), _frames()])
    if rows.filter(~pl.col("test"), ~pl.col("prose"))["toxic"].n_unique() < 2:  # noqa: PLR2004
        came = "the sets hold one of them at most"
        raise InputError("training needs toxic and other posts", came, str(data), "give more data")
    label = pl.when("toxic").then(pl.lit("toxic")).otherwise(pl.lit("clean")).alias("label")
    model = out / "toxicity.ftz"
    used = {**PARAMETERS, **(parameters or {})}
    count = fit(seen.select("text", label), PREPARATION, model, used)
    card = {
        "name": "toxicity",
        "does": "whether a post is toxic: labels toxic, clean; a document has its pieces' highest",
        "command": "curate train toxicity",
        "preparation": PREPARATION,
        "parameters": used,
        "examples": count,
        "languages": list(LANGUAGES),
        "data": [one.described(data) for one in SETS],
        "own_data": "curate/train/insults.toml: frames with groups and insults, written for this",
        "limits": LIMITS,
    }
    write_card(model, card)  # before the test: the scorer reads the preparation from it
    return write_card(model, {**card, **_scores(ToxicityScorer(str(model))(rows.filter("test")))})


def _scores(tested: pl.DataFrame) -> dict[str, Any]:
    """AUC per family; on prose the share above a limit; by HateCheck function the share caught."""
    scores: dict[str, Any] = {}
    for (family,), rows in sorted(tested.group_by("family")):
        found: dict[str, Any] = {"rows": rows.height}
        if rows["toxic"].n_unique() > 1:
            found["auc"] = round(area_under_curve(rows["toxic"], rows["toxicity"]), 4)
        for limit in (0.5, 0.9):
            for toxic, part in sorted(rows.group_by("toxic")):
                kind = "toxic" if toxic[0] else "clean"
                share = (part["toxicity"] > limit).mean()
                found[f"{kind}_above_{limit}"] = round(float(str(share)), 4)
        scores[str(family)] = found
    functions = (
        tested.drop_nulls("function")
        .group_by("family", "function", "toxic")
        .agg(pl.len().alias("rows"), (pl.col("toxicity") > 0.5).mean().round(4).alias("above_0.5"))  # noqa: PLR2004
        .sort("family", "function", "toxic")
    )
    return {"scores": scores, "functions": functions.to_dicts()}


def _lexicon() -> dict[str, dict[str, list[str]]]:
    text = (Path(__file__).parent / "insults.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, list[str]]] = tomllib.loads(text)
    return found


def _has_insult(text: pl.Expr) -> pl.Expr:
    """Whether a sentence has a word of the lexicon: then it is no example of ordinary prose."""
    words = {word for one in _lexicon().values() for word in (*one["insults"], *one["attributes"])}
    latin = "|".join(sorted(re.escape(word) for word in words if word.isascii()))
    other = "|".join(sorted(re.escape(word) for word in words if not word.isascii()))
    return text.str.contains(rf"(?i)\b(?:{latin})|(?:{other})")


def _frames() -> pl.DataFrame:
    """Sentences made of the lexicon: groups in neutral and hostile frames, and insults."""
    toxic: list[str] = []
    clean: list[str] = []
    for one in _lexicon().values():
        clean += [frame.format(group) for frame in one["neutral"] for group in one["groups"]]
        toxic += [frame.format(group) for frame in one["hostile"] for group in one["groups"]]
        for insult in one["insults"]:
            for attribute in one["attributes"]:
                number = hashlib.blake2b(f"{attribute} {insult}".encode(), digest_size=4).digest()
                subject = one["subjects"][number[0] % len(one["subjects"])]
                toxic.append(subject.format(attribute, insult))
    return pl.DataFrame(
        {"text": clean + toxic, "toxic": [False] * len(clean) + [True] * len(toxic)}
    )


def _family(one: DataSet) -> str:
    return Path(one.file).name.split(".")[0]


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
    """German, English and Chinese sentences of a table with `lang` and `text`."""
    table = pl.read_csv(path, separator="\t", quote_char=None)
    if "kind" in table.columns:
        table = table.filter(pl.col("kind") == "sentences")
    wanted = table.filter(pl.col("lang").is_in(["deu", "de", "eng", "en", "zh"]))
    return wanted.select("text", toxic=pl.lit(False))


def _surge(path: Path) -> pl.DataFrame:
    return pl.read_csv(path).select("text", toxic=pl.col("is_toxic") == "Toxic")


def _hatecheck(path: Path) -> pl.DataFrame:
    return pl.read_csv(path).select(
        text="test_case", toxic=pl.col("label_gold") == "hateful", function="functionality"
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
