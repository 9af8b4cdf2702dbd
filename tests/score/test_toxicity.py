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
    assert found["scores"]["surge-toxicity-en"]["auc"] > 0.86
    assert found["scores"]["madlibs-77k"]["auc"] > 0.9
    assert found["scores"]["cold-zh-dev"]["auc"] > 0.93
    assert found["scores"]["audit-templates-deu"]["clean_above_0.9"] == 0
    assert found["scores"]["audit-templates-eng"]["clean_above_0.9"] == 0
    assert found["scores"]["audit-templates-zho"]["clean_above_0.9"] < 0.01
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


@pytest.mark.detoxify
def test_detoxify_scores_as_detoxify_does(small_checkpoint):
    import torch
    from detoxify import Detoxify

    texts = ["you are an idiot", "nice house", "you", "an idiot idiot house"]
    got = DetoxifyScorer(str(small_checkpoint), "cpu")(frame(texts))["toxicity"].to_list()
    held = torch.load(small_checkpoint, weights_only=True)
    held["config"]["arch"]["args"]["model_type"] = str(small_checkpoint.parent)
    torch.save(held, small_checkpoint.with_name("named.ckpt"))
    peer = Detoxify(
        checkpoint=str(small_checkpoint.with_name("named.ckpt")),
        huggingface_config_path=str(small_checkpoint.parent),
    )
    want = [peer.predict(text)["toxicity"] for text in texts]
    assert got == pytest.approx(want, abs=1e-5)
    assert len({round(score, 3) for score in got}) > 1


@pytest.mark.detoxify
def test_detoxify_gives_the_same_for_any_batch(small_checkpoint):
    scorer = DetoxifyScorer(str(small_checkpoint), "cpu")
    texts = ["you are an idiot " * n for n in range(0, 400, 13)] + ["", None, "\x00 😀"]
    languages = ["eng"] * (len(texts) - 1) + ["deu"]
    whole = scorer(frame(texts, languages))
    rows = [whole[i : i + 1].select("text", "language") for i in range(whole.height)]
    single = pl.concat([scorer(row) for row in rows])
    assert conform(single, "toxicity").equals(conform(whole, "toxicity"))
    assert whole["toxicity_state"].to_list()[-2:] == [None, "not_applicable"]
    assert scorer(frame([])).height == 0


@pytest.mark.detoxify
def test_detoxify_refuses_missing_weights_and_pickles(small_checkpoint):
    import torch

    held = torch.load(small_checkpoint, weights_only=True)
    del held["state_dict"]["classifier.weight"]
    torch.save(held, small_checkpoint.with_name("headless.ckpt"))
    with pytest.raises(ComponentError, match=r"classifier\.weight"):
        DetoxifyScorer(str(small_checkpoint.with_name("headless.ckpt")))(frame(["a"]))
    torch.save(
        {"config": random.Random(1), "state_dict": {}}, small_checkpoint.with_name("evil.ckpt")
    )
    with pytest.raises(ComponentError, match="UnpicklingError"):
        DetoxifyScorer(str(small_checkpoint.with_name("evil.ckpt")))(frame(["a"]))
    with pytest.raises(RecipeError, match="is none"):
        DetoxifyScorer("none.ckpt")(frame(["a"]))


@pytest.mark.detoxify
def test_detoxify_gives_its_labels_and_not_those_it_lacks(small_checkpoint):
    from curate.score.detoxify import load_detoxify

    scorer = DetoxifyScorer(str(small_checkpoint), "cpu")
    texts = ["you are an idiot", "nice house", "the house is nice " * 300]
    got = conform(scorer(frame(texts)), "toxicity")
    assert got["toxicity_sexual"].null_count() == 3
    loaded = load_detoxify(str(small_checkpoint), "original", "cpu")
    direct = loaded.score(pl.Series(texts[:2]))
    for label in ("threat", "insult", "identity_attack", "obscene"):
        assert got[f"toxicity_{label}"][:2].to_list() == direct[label].round(4).to_list()
    windows = loaded.score(pieces(pl.Series(texts[2:]), 500)["text"])["toxicity"]
    assert len(windows) > 5
    assert got["toxicity"][2] == round(windows.max(), 4)
    assert got["toxicity_mean"][2] == round(windows.mean(), 4)


@pytest.mark.detoxify
def test_a_batch_without_memory_is_halved_until_it_fits(small_checkpoint):
    import torch

    from curate.score.detoxify import LoadedModel, load_detoxify

    loaded = load_detoxify(str(small_checkpoint), "original", "cpu")
    texts = pl.Series(["you are an idiot " * (n % 9) + "house" for n in range(100)])
    want = loaded.score(texts)
    small = LoadedModel(
        torch,
        loaded.model,
        loaded.tokenizer,
        loaded.classes,
        loaded.languages,
        loaded.batch_tokens,
    )
    shapes = []

    def refuse(_module, _arguments, named):
        shapes.append(tuple(named["input_ids"].shape))
        if len(named["input_ids"]) > limit:
            raise torch.OutOfMemoryError("no")

    hook = loaded.model.register_forward_pre_hook(refuse, with_kwargs=True)
    try:
        limit = 3
        got = small.score(texts)
        assert [rows for rows, _ in shapes][:3] == [16, 8, 4]
        assert max(rows for rows, _ in shapes[3:]) == 2
        assert sum(rows for rows, _ in shapes if rows <= 3) >= 100
        assert got.select(pl.all().round(4)).equals(want.select(pl.all().round(4)))
        limit = 0
        with pytest.raises(ComponentError, match="one window of 64 tokens is too much"):
            small.score(texts)
    finally:
        hook.remove()


@pytest.mark.detoxify
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_name": "pipeline"}, "model_name is a class of transformers"),
        ({"tokenizer_name": "../x"}, "tokenizer_name is a class"),
        ({"trust_remote_code": True}, "gives model_name"),
    ],
)
def test_a_checkpoint_names_nothing_but_a_model_for_texts(
    small_checkpoint, tmp_path, change, message
):
    import torch

    held = torch.load(small_checkpoint, weights_only=True)
    held["config"]["arch"]["args"].update(change)
    torch.save(held, tmp_path / "odd.ckpt")
    with pytest.raises(ComponentError, match=message):
        DetoxifyScorer(str(tmp_path / "odd.ckpt"))(frame(["a"]))


class Evil:
    """A pickle of it writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.detoxify
def test_a_download_is_checked_by_its_name_and_never_executed(tmp_path, monkeypatch):
    import hashlib

    pytest.importorskip("detoxify")
    import torch
    from detoxify import detoxify

    torch.save({"config": Evil(str(tmp_path / "ran")), "state_dict": {}}, tmp_path / "evil.ckpt")
    digest = hashlib.sha256((tmp_path / "evil.ckpt").read_bytes()).hexdigest()
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "cache"))
    for name, message in ((digest[:8], "UnpicklingError"), ("0" * 8, "invalid hash")):
        served = tmp_path / f"evil-{name}.ckpt"
        served.write_bytes((tmp_path / "evil.ckpt").read_bytes())
        monkeypatch.setitem(detoxify.MODEL_URLS, "unbiased", served.as_uri())
        with pytest.raises(ComponentError, match=message):
            DetoxifyScorer(name="unbiased")(frame(["a"]))
    assert not (tmp_path / "ran").exists()


def test_sentences_that_are_toxic_alone_are_the_evidence():
    plain = "Das Café öffnet um neun. 😀 We like it.\n\n\t"
    insult = "Fuck you, you stupid worthless piece of shit, you filthy bastard!"
    texts = [plain * 6 + insult + " " + plain * 6, plain, TOXIC[0], None]
    spans = ToxicityScorer()(frame(texts))["toxicity_spans"]
    (only,) = spans[0].to_list()
    assert texts[0].encode()[only["start"] : only["end"]].decode() == insult
    assert [one["end"] for one in spans[2].to_list()] == [len(TOXIC[0])]
    assert spans[1] is None
    assert spans[3] is None


def test_a_long_run_without_sentences_is_told_by_its_pieces():
    text = "the garden house is nice " * 60 + "fuck you you filthy bastard idiot " * 8
    spans = ToxicityScorer()(frame([text]))["toxicity_spans"][0].to_list()
    assert min(one["start"] for one in spans) > 1200
    assert max(one["end"] for one in spans) == len(text.rstrip())
    assert all(one["end"] - one["start"] <= 240 for one in spans)


def test_labels_need_a_scorer_that_tells_them_apart():
    with pytest.raises(RecipeError, match="'bundled' gives no label"):
        ToxicitySection(maximum_threat=0.5)
    with pytest.raises(RecipeError, match="no such class"):
        ToxicitySection(scorer="detoxify", maximum_sexual=0.5)
    assert ToxicitySection(scorer="detoxify", model="unbiased", maximum_sexual=0.5).label_limits
    with pytest.raises(RecipeError, match="from a lower score"):
        ToxicitySection(scorer="cascade", band=(0.5, 0.5))
    with pytest.raises(RecipeError, match=r"maximum_score is 0\.4"):
        ToxicitySection(action="remove-sentence", maximum_score=0.4)


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, (6, 18)),
        ({"band": (0.32, 0.34), "maximum_score": 0.33}, (6, 6)),
        ({"maximum_score": 0.2}, (4, 18)),
        ({"maximum_score": 1.0}, (6, 19)),
        ({"maximum_threat": 0.5}, (6, 19)),
    ],
)
def test_a_band_is_widened_to_twentieths_and_to_the_limits(settings, steps):
    assert ToxicitySection(scorer="cascade", **settings).steps == steps
