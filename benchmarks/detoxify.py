"""Rate of the Detoxify scorer, and how much of its time is not the model's.

    python -m benchmarks.detoxify [--checkpoint a.ckpt] [--size small] [--documents 100] [--device cpu]
        [--data ../shared/data]

Without a checkpoint one is made: BERT with random weights and a vocabulary of the data's own words,
`small` (4 layers of 256) or `base`, the 12 layers of 768 that Detoxify's models have: as many
multiplications as theirs, so its rate is theirs. Beside it `Detoxify.predict`: one document at a
time, cut off after 512 tokens as it does, and the same windows as ours, 64 at a time (in the order
of the text, in single precision). Seconds are CPU seconds of one thread; on a GPU, seconds of the
clock, and what is outside of the model is the time in which the GPU has no batch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.models_texts import read_articles
from curate.score.detoxify import WINDOW_CHARACTERS, DetoxifyScorer, load_detoxify
from curate.score.toxicity import pieces

SIZES = {"small": (256, 4, 4), "base": (768, 12, 12)}  # hidden, layers, heads
CLASSES = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--device", help="cpu, cuda; left out: a GPU where there is one")
    given = parser.parse_args()
    articles = read_articles(given.data).select("text")
    repeated = pl.concat([articles] * -(-given.documents // articles.height))
    frame = repeated.head(given.documents).with_columns(language=pl.lit("eng"))
    with tempfile.TemporaryDirectory() as folder:
        path = given.checkpoint or make_checkpoint(Path(folder), frame["text"], given.size)
        hidden, layers, _ = SIZES[given.size]
        name = str(given.checkpoint or f"made here, {layers} layers of {hidden}")
        print_rate(name, path, frame, given.device)


def make_checkpoint(folder: Path, texts: pl.Series, size: str) -> Path:
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
    hidden, layers, heads = SIZES[size]
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
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


def print_rate(name: str, path: Path, frame: pl.DataFrame, device: str | None) -> None:
    """Documents per second, the share outside the model, and `Detoxify.predict` beside it."""
    import torch
    from detoxify import Detoxify

    torch.set_num_threads(1)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device != "cpu"
    clock = time.perf_counter if on_gpu else time.process_time
    loaded = load_detoxify(str(path), "original", device)
    watch = _Stopwatch(torch if on_gpu else None)
    scorer = DetoxifyScorer(str(path), device)
    scorer(frame.head(max(1, min(64, frame.height // 4))))
    loaded.model.register_forward_pre_hook(watch.start)
    loaded.model.register_forward_hook(watch.stop)
    start = clock()
    scorer(frame)
    whole = clock() - start
    inside = watch.seconds()
    windows = pieces(frame["text"], WINDOW_CHARACTERS)["text"].to_list()
    card = torch.cuda.get_device_name() if on_gpu else "CPU"
    mean = frame["text"].str.len_chars().mean()
    print(f"Detoxify: {name}, {card}, {frame.height:,} documents of {mean:,.0f} characters")
    print(
        f"  ours, every window: {frame.height / whole:8.2f} docs/s, {len(windows):,} windows "
        f"({len(windows) / whole:,.0f}/s), {watch.rows:,} rows computed"
    )
    print(f"  outside of the model: {1 - inside / whole:.1%} of {whole:.1f} s")
    peer = Detoxify(checkpoint=str(path), huggingface_config_path=str(path.parent), device=device)
    some = windows[: max(640, len(windows) // 8)]
    start = clock()
    for at in range(0, len(some), 64):
        peer.predict(some[at : at + 64])
    rate = len(some) / (clock() - start)
    print(f"  Detoxify.predict, the same windows, 64 at a time: {rate:,.0f} windows/s", end="")
    print(f", ours {len(windows) / whole / rate:.2f} times that")
    texts = frame["text"].head(100).to_list()
    start = clock()
    for text in texts:
        peer.predict(text)
    seconds = clock() - start
    print(f"  Detoxify.predict, first 512 tokens alone: {len(texts) / seconds:8.2f} docs/s")


class _Stopwatch:
    """Sums the time between two hooks, and the rows that went in.

    On a GPU by events in its own stream: to wait for each batch would be slower than what is measured.
    """

    def __init__(self, torch: Any) -> None:
        self.torch, self.rows = torch, 0
        self.marks: list[Any] = []

    def start(self, *_: Any) -> None:
        self._mark()

    def stop(self, _module: Any, _given: Any, out: Any) -> None:
        self._mark()
        self.rows += len(out[0])

    def _mark(self) -> None:
        if self.torch is None:
            self.marks.append(time.process_time())
            return
        event = self.torch.cuda.Event(enable_timing=True)
        event.record()
        self.marks.append(event)

    def seconds(self) -> float:
        pairs = zip(self.marks[::2], self.marks[1::2], strict=True)
        if self.torch is None:
            return float(sum(stop - start for start, stop in pairs))
        self.torch.cuda.synchronize()
        return sum(start.elapsed_time(stop) for start, stop in pairs) / 1000


if __name__ == "__main__":
    main()
