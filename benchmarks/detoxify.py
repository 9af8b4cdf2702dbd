"""Rate of the Detoxify scorer, and how much of its time is not the model's.

    python -m benchmarks.detoxify [--checkpoint a.ckpt] [--documents 100] [--data ../shared/data]

Without a checkpoint a small one is made: BERT with 4 layers of 256, random weights and a vocabulary
of the data's own words. Its rate says nothing of Detoxify's models, which have 12 layers of 768 (about
27 times the multiplications); with it, the share outside the model is an upper bound for theirs.
Beside it `Detoxify.predict`, one document at a time, cut off after 512 tokens as it does. Seconds are
CPU seconds of one thread; on a GPU, seconds of the clock.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.models_texts import read_articles
from curate.score.detoxify import DetoxifyScorer, load_detoxify

CLASSES = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--documents", type=int, default=100)
    given = parser.parse_args()
    frame = read_articles(given.data).head(given.documents).select("text")
    frame = frame.with_columns(language=pl.lit("eng"))
    with tempfile.TemporaryDirectory() as folder:
        path = given.checkpoint or make_checkpoint(Path(folder), frame["text"])
        name = str(given.checkpoint or "a small model made here (4 layers of 256)")
        print_rate(name, path, frame)


def make_checkpoint(folder: Path, texts: pl.Series) -> Path:
    """A checkpoint in Detoxify's form with random weights, configuration and tokenizer beside it."""
    import torch
    import transformers

    words = texts.str.to_lowercase().str.extract_all(r"\w|\w+|[^\w\s]").explode()
    common = words.value_counts(sort=True)[texts.name].head(8000).sort().to_list()
    letters = sorted(set("".join(common)))
    vocabulary = list(
        dict.fromkeys([*SPECIAL, *letters, *(f"##{one}" for one in letters), *common])
    )
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=512).save_pretrained(
        folder
    )
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
        num_labels=len(CLASSES),
    )
    config.save_pretrained(folder)
    torch.manual_seed(0)
    weights = transformers.BertForSequenceClassification(config).state_dict()
    arguments = {
        "model_type": str(folder),
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
        "num_classes": len(CLASSES),
    }
    held = {"arch": {"args": arguments}, "dataset": {"args": {"classes": CLASSES}}}
    torch.save({"config": held, "state_dict": weights}, folder / "small.ckpt")
    return folder / "small.ckpt"


def print_rate(name: str, path: Path, frame: pl.DataFrame) -> None:
    """Documents per second, the share outside the model, and `Detoxify.predict` beside it."""
    import torch
    from detoxify import Detoxify

    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    clock = time.process_time if device == "cpu" else time.perf_counter
    loaded = load_detoxify(str(path), "original", device)
    inside = _Stopwatch(clock, torch if device == "cuda" else None)
    loaded.model.register_forward_pre_hook(inside.start)
    loaded.model.register_forward_hook(inside.stop)
    scorer = DetoxifyScorer(str(path), device)
    scorer(frame.head(2))
    inside.seconds = 0.0
    start = clock()
    scorer(frame)
    whole = clock() - start
    mean = frame["text"].str.len_chars().mean()
    print(f"Detoxify: {name}, {device}, {frame.height} documents of {mean:,.0f} characters")
    print(f"  ours, every window: {frame.height / whole:8.2f} docs/s, {inside.windows:,} windows")
    print(f"  outside of the model: {1 - inside.seconds / whole:.1%} of {whole:.1f} s")
    peer = Detoxify(checkpoint=str(path), huggingface_config_path=str(path.parent), device=device)
    start = clock()
    for text in frame["text"]:
        peer.predict(text)
    seconds = clock() - start
    print(f"  Detoxify.predict, first 512 tokens alone: {frame.height / seconds:8.2f} docs/s")


class _Stopwatch:
    """Sums the time between two hooks, and the rows that went in."""

    def __init__(self, clock: Callable[[], float], torch: Any) -> None:
        self.clock, self.torch = clock, torch
        self.seconds, self.began, self.windows = 0.0, 0.0, 0

    def start(self, *_: Any) -> None:
        self.began = self.clock()

    def stop(self, _module: Any, _given: Any, out: Any) -> None:
        if self.torch is not None:
            self.torch.cuda.synchronize()
        self.seconds += self.clock() - self.began
        self.windows += len(out[0])


if __name__ == "__main__":
    main()
