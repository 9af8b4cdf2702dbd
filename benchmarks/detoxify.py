"""Rate of the Detoxify scorer, and how much of its time is not the model's.

    python -m benchmarks.detoxify [--checkpoint a.ckpt] [--size base] [--documents 100] [--device cpu]
        [--data ../shared/data]

Without a checkpoint one is made: BERT with random weights and a vocabulary of the data's own words,
`small` (4 layers of 256, the default on a CPU) or `base` (on a GPU), the 12 layers of 768 that
Detoxify's models have: as many multiplications as theirs, so its rate is theirs. The documents have
200 to 5,000 characters. Beside it `Detoxify.predict`: the documents 32 at a time, cut off after 512
tokens as it does, and the same windows as ours, 64 at a time (in the order of the text); in single
precision, as it comes, and on a GPU in half precision, too. Seconds are CPU seconds of one thread;
on a GPU, seconds of the clock, and what is outside of the model is the time in which the GPU has no
batch.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from curate.score.detoxify import WINDOW_CHARACTERS, DetoxifyScorer, load_detoxify
from curate.score.toxicity import pieces

SIZES = {"small": (256, 4, 4), "base": (768, 12, 12)}  # hidden, layers, heads
CLASSES = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
VOCABULARY = 30_522  # of bert-base-uncased
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def main() -> None:
    """Print the figures."""
    import torch

    from benchmarks.models_texts import read_articles

    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--documents", type=int, help="100; on a GPU 4,000")
    parser.add_argument("--size", choices=SIZES, help="small; on a GPU base")
    parser.add_argument("--device", help="cpu, cuda; left out: a GPU where there is one")
    given = parser.parse_args()
    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device != "cpu"
    size = given.size or ("base" if on_gpu else "small")
    articles = read_articles(given.data)["text"]
    frame = make_documents(articles, given.documents or (4000 if on_gpu else 100))
    with tempfile.TemporaryDirectory() as folder:
        path = given.checkpoint or make_checkpoint(Path(folder), articles, size)
        hidden, layers, _ = SIZES[size]
        name = str(given.checkpoint or f"made here, {layers} layers of {hidden}")
        print_rate(name, path, frame, device)


def make_documents(texts: pl.Series, count: int) -> pl.DataFrame:
    """Stretches of the texts, of 200 to 5,000 characters: as many short ones as web pages have."""
    whole = "\n".join(texts)
    drawn = random.Random(0)
    stretches = []
    for _ in range(count):
        size = round(200 * 25 ** drawn.random())
        start = drawn.randrange(max(len(whole) - size, 1))
        stretches.append(whole[start : start + size])
    return pl.DataFrame({"text": stretches}).with_columns(language=pl.lit("eng"))


def make_checkpoint(folder: Path, texts: pl.Series, size: str) -> Path:
    """A checkpoint in Detoxify's form with random weights, configuration and tokenizer beside it."""
    import torch
    import transformers

    words = texts.str.to_lowercase().str.extract_all(r"\w|\w+|[^\w\s]").explode()
    common = words.value_counts(sort=True)[texts.name].head(20_000).sort().to_list()
    letters = sorted(set("".join(common)))
    vocabulary = list(
        dict.fromkeys([*SPECIAL, *letters, *(f"##{one}" for one in letters), *common])
    )
    vocabulary += [f"[unused{i}]" for i in range(VOCABULARY - len(vocabulary))]
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
    weights["classifier.bias"] -= 3  # few texts are toxic: few pieces are scored by sentences, too
    arguments = {
        "model_type": str(folder),
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
        "num_classes": len(CLASSES),
    }
    held = {"arch": {"args": arguments}, "dataset": {"args": {"classes": CLASSES}}}
    torch.save({"config": held, "state_dict": weights}, folder / "small.ckpt")
    return folder / "small.ckpt"


def print_rate(name: str, path: Path, frame: pl.DataFrame, device: str) -> dict[str, float]:
    """Documents per second, the share outside the model, and `Detoxify.predict` beside it."""
    import torch
    from detoxify import Detoxify

    on_gpu = device != "cpu"
    if not on_gpu:
        torch.set_num_threads(1)
    clock = time.perf_counter if on_gpu else time.process_time
    loaded = load_detoxify(str(path), "original", device)
    watch = _Stopwatch(torch if on_gpu else None)
    scorer = DetoxifyScorer(str(path), device)
    scorer(frame if on_gpu else frame.head(max(1, min(64, frame.height // 4))))
    hooks = [
        loaded.model.register_forward_pre_hook(watch.start),
        loaded.model.register_forward_hook(watch.stop),
    ]
    start = clock()
    scorer(frame)
    whole = clock() - start
    inside = watch.seconds()
    for hook in hooks:
        hook.remove()
    windows = pieces(frame["text"], WINDOW_CHARACTERS)["text"].to_list()
    card = torch.cuda.get_device_name() if on_gpu else "CPU"
    mean = frame["text"].str.len_chars().mean()
    print(f"Detoxify: {name}, {card}, {frame.height:,} documents of {mean:,.0f} characters")
    print(
        f"  ours, every window: {frame.height / whole:8.2f} docs/s, {len(windows):,} windows "
        f"({len(windows) / whole:,.0f}/s), {watch.rows:,} rows computed"
    )
    print(f"  outside of the model: {1 - inside / whole:.1%} of {whole:.1f} s")
    figures = {"docs/s": frame.height / whole, "windows/s": len(windows) / whole}
    figures |= {"outside": 1 - inside / whole, "seconds": whole}
    peer = Detoxify(checkpoint=str(path), huggingface_config_path=str(path.parent))
    peer.model.to(device)
    some, texts = windows[: max(640, len(windows) // 8)], frame["text"].to_list()
    for precision in ("single", "half") if on_gpu else ("single",):
        if precision == "half":
            peer.model.half()
        rate = _rate(peer.predict, some, 64, clock)
        print(
            f"  Detoxify.predict, {precision} precision, the same windows, 64 at a time: "
            f"{rate:,.0f} windows/s, ours {len(windows) / whole / rate:.2f} times that"
        )
        first = _rate(peer.predict, texts, 32, clock)
        print(
            f"  Detoxify.predict, {precision} precision, first 512 tokens alone, 32 at a time: "
            f"{first:8.2f} docs/s"
        )
        figures |= {f"predict windows/s, {precision}": rate, f"predict docs/s, {precision}": first}
    return figures


def _rate(
    predict: Callable[[list[str]], object],
    texts: list[str],
    size: int,
    clock: Callable[[], float],
) -> float:
    predict(texts[:size])
    start = clock()
    for at in range(0, len(texts), size):
        predict(texts[at : at + size])  # its scores are fetched: nothing is left to wait for
    return len(texts) / (clock() - start)


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
