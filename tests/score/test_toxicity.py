import importlib.util
import pickle
import random

import polars as pl
import pytest

from curate.errors import ComponentError, RecipeError
from curate.models import BUNDLED, card, sha256
from curate.recipe import ToxicitySection
from curate.schema import conform
from curate.score.detoxify import DetoxifyScorer
from curate.score.toxicity import ToxicityScorer, pieces, toxicity_scorer
from curate.train.fit import fit

CLEAN = [
    "The library opens at nine and closes at six in the evening.",
    "Many of my friends are Muslims, and we celebrate together.",
    "Die Bibliothek öffnet um neun Uhr und schließt am Abend.",
    "图书馆早上九点开门，晚上六点关门。",
]
TOXIC = [
    "You are a stupid worthless piece of shit.",
    "Fuck you, you filthy bastard!",
    "Du bist ein dummes Arschloch.",
    "你这个傻逼，滚出去，恶心的垃圾！",
]


def frame(texts, languages=None):
    columns = {"text": texts} if languages is None else {"text": texts, "language": languages}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def test_the_bundled_model_tells_insults_from_plain_text():
    got = ToxicityScorer()(frame([*CLEAN, *TOXIC]))["toxicity"].to_list()
    assert max(got[:4]) < 0.5
    assert min(got[4:]) > 0.9


def test_a_document_has_the_highest_score_of_its_pieces():
    clean = "The library opens at nine.\n" * 200
    texts = [clean, f"{clean}{TOXIC[0]}\n{clean}"]
    cut = pieces(pl.Series(texts), 240)
    scores = ToxicityScorer()(frame(cut["text"].to_list()))["toxicity"]
    highest = cut.with_columns(scores).group_by("row").agg(pl.col("toxicity").max()).sort("row")

    assert ToxicityScorer()(frame(texts))["toxicity"].to_list() == highest["toxicity"].to_list()
    assert highest["toxicity"][0] < 0.1 < highest["toxicity"][1]


def test_a_heading_is_scored_with_the_text_around_it():
    got = pieces(pl.Series(["Sheep\n\nA good loaf needs time."]), 240)

    assert got["text"].to_list() == ["Sheep A good loaf needs time."]


def test_languages_that_are_not_covered():
    texts = [TOXIC[0], TOXIC[0], "", TOXIC[0], TOXIC[0]]
    got = ToxicityScorer()(frame(texts, ["eng", "fra", "deu", "und", None]))
    states = [None, "not_applicable", None, "not_applicable", "not_applicable"]
    assert got["toxicity_state"].to_list() == states
    assert got["toxicity"].is_null().to_list() == [False, True, False, True, True]
    assert got["toxicity"][2] == 0


def test_hostile_texts_have_values():
    texts = ["", " ", None, "\x00", "</s>", "123", "😀" * 1000, "\n" * 500, "x" * 1_000_000]
    got = conform(ToxicityScorer()(frame(texts)), "toxicity")
    assert got["toxicity"].is_between(0, 1).all()
    assert got["toxicity"][:3].to_list() == [0, 0, 0]
    assert ToxicityScorer()(frame([])).schema["toxicity"] == pl.Float64


def test_the_same_for_any_batch_and_order():
    texts = [*CLEAN, *TOXIC, None, "", "a" * 5000, " ".join(CLEAN * 30)]
    languages = ["eng", "deu", "fra"] * 4
    whole = ToxicityScorer()(frame(texts, languages))
    single = pl.concat(
        [ToxicityScorer()(whole[i : i + 1].select("text", "language")) for i in range(12)]
    )
    assert single.equals(whole)
    order = list(range(12))
    random.Random(5).shuffle(order)
    assert ToxicityScorer()(whole.select("text", "language")[order]).equals(whole[order])


def test_pieces():
    text = "One. Two!\n" + "word " * 60 + "\n\n" + "x" * 450
    got = pieces(pl.Series(["", text, None, "last"]), 240)
    assert got["row"].to_list() == [1, 1, 1, 1, 1, 3]
    assert got["text"].str.len_chars().to_list() == [200, 110, 200, 200, 50, 4]
    assert "".join("".join(got["text"][:-1]).split()) == "".join(text.split())


def test_no_letter_is_lost_by_cutting():
    rng = random.Random(7)
    alphabet = "ab é中 .!?。\n\t😀"
    texts = ["".join(rng.choices(alphabet, k=rng.randrange(2000))) for _ in range(50)]
    got = pieces(pl.Series(texts), 240)
    assert got["text"].str.len_chars().max() <= 240
    joined = dict(got.group_by("row").agg(pl.col("text").str.join("")).iter_rows())
    for row, text in enumerate(texts):
        assert "".join(joined.get(row, "").split()) == "".join(text.split())


def test_a_model_by_path_and_one_without_the_label(tmp_path):
    parameters = {"dim": 4, "minn": 2, "maxn": 3, "bucket": 500, "minCount": 1, "epoch": 30}
    for labels in (("toxic", "clean"), ("spam", "ham")):
        words = dict(zip(labels, ("grump", "smile"), strict=True))
        rows = [(label, f"{words[label]} {n}") for label in labels for n in range(60)]
        examples = pl.DataFrame(rows, schema=["label", "text"], orient="row")
        fit(examples, "plain", tmp_path / f"{labels[0]}.ftz", parameters)
    got = ToxicityScorer(str(tmp_path / "toxic.ftz"))(frame(["grump", "smile"], ["fra", "und"]))
    assert got["toxicity"][0] > 0.5 > got["toxicity"][1]  # without a card: every language
    with pytest.raises(ComponentError, match="its labels are"):
        ToxicityScorer(str(tmp_path / "spam.ftz"))(frame(["a"]))


def test_the_card_is_of_the_bundled_model():
    found = card(BUNDLED / "toxicity.ftz")
    assert found["sha256"] == sha256(BUNDLED / "toxicity.ftz")
    assert (BUNDLED / "toxicity.ftz").stat().st_size < 3_000_000
    assert found["languages"] == ["deu", "eng", "zho"]
    assert found["scores"]["surge-toxicity-en"]["auc"] > 0.84
    assert found["scores"]["cold-zh-dev"]["auc"] > 0.92
    assert all(one["licence"] for one in found["data"])


def test_the_recipe_chooses_the_scorer():
    assert toxicity_scorer(ToxicitySection()) == ToxicityScorer()
    assert toxicity_scorer(ToxicitySection(scorer="none")) is None
    section = ToxicitySection(scorer="detoxify", checkpoint="a.ckpt")
    scorer = toxicity_scorer(section)
    assert scorer == DetoxifyScorer("a.ckpt")
    assert pickle.loads(pickle.dumps(scorer)) == scorer


@pytest.mark.skipif(
    importlib.util.find_spec("detoxify") is not None, reason="the extra is installed"
)
def test_without_the_extra_the_error_names_it():
    with pytest.raises(ComponentError, match=r"pip install 'curate\[detoxify\]'"):
        DetoxifyScorer("x.ckpt")(frame(["a"]))


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "you", "are", "an", "idiot", "nice", "house"]


@pytest.fixture
def checkpoint(tmp_path):
    """Make a small Detoxify checkpoint with its configuration and tokenizer beside it."""
    pytest.importorskip("detoxify")
    torch = pytest.importorskip("torch")
    import transformers

    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=2,
        initializer_range=2.0,
    )
    config.save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizerFast(str(tmp_path / "vocab.txt"))
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification(config)
    arguments = {
        "model_type": "nowhere",
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
        "num_classes": 2,
    }
    held = {
        "config": {
            "arch": {"args": arguments},
            "dataset": {"args": {"classes": ["toxic", "threat"]}},
        },
        "state_dict": model.state_dict(),
    }
    torch.save(held, tmp_path / "tiny.ckpt")
    return tmp_path / "tiny.ckpt"


@pytest.mark.detoxify
def test_detoxify_scores_as_detoxify_does(checkpoint):
    import torch
    from detoxify import Detoxify

    texts = ["you are an idiot", "nice house", "you", "an idiot idiot house"]
    got = DetoxifyScorer(str(checkpoint), "cpu")(frame(texts))["toxicity"].to_list()
    held = torch.load(checkpoint, weights_only=True)
    held["config"]["arch"]["args"]["model_type"] = str(checkpoint.parent)
    torch.save(held, checkpoint.with_name("named.ckpt"))
    peer = Detoxify(
        checkpoint=str(checkpoint.with_name("named.ckpt")),
        huggingface_config_path=str(checkpoint.parent),
    )
    want = [peer.predict(text)["toxicity"] for text in texts]
    assert got == pytest.approx(want, abs=1e-5)
    assert len({round(score, 3) for score in got}) > 1


@pytest.mark.detoxify
def test_detoxify_gives_the_same_for_any_batch(checkpoint):
    scorer = DetoxifyScorer(str(checkpoint), "cpu")
    texts = ["you are an idiot " * n for n in range(0, 400, 13)] + ["", None, "\x00 😀"]
    languages = ["eng"] * (len(texts) - 1) + ["deu"]
    whole = scorer(frame(texts, languages))
    rows = [whole[i : i + 1].select("text", "language") for i in range(whole.height)]
    single = pl.concat([scorer(row) for row in rows])
    assert conform(single, "toxicity").equals(conform(whole, "toxicity"))
    assert whole["toxicity_state"].to_list()[-2:] == [None, "not_applicable"]
    assert scorer(frame([])).height == 0


@pytest.mark.detoxify
def test_detoxify_refuses_missing_weights_and_pickles(checkpoint):
    import torch

    held = torch.load(checkpoint, weights_only=True)
    del held["state_dict"]["classifier.weight"]
    torch.save(held, checkpoint.with_name("headless.ckpt"))
    with pytest.raises(ComponentError, match=r"classifier\.weight"):
        DetoxifyScorer(str(checkpoint.with_name("headless.ckpt")))(frame(["a"]))
    torch.save({"config": random.Random(1), "state_dict": {}}, checkpoint.with_name("evil.ckpt"))
    with pytest.raises(ComponentError, match="UnpicklingError"):
        DetoxifyScorer(str(checkpoint.with_name("evil.ckpt")))(frame(["a"]))
    with pytest.raises(RecipeError, match="is none"):
        DetoxifyScorer("none.ckpt")(frame(["a"]))
