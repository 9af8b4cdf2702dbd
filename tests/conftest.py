"""What all tests share."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the real files are not there: ../shared/data")
    return SHARED


WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "you",
    "are",
    "an",
    "idiot",
    "nice",
    "house",
    "is",
    "the",
    "a",
    "of",
    "and",
    "he",
    "she",
    "they",
]


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory) -> Path:
    """A Detoxify checkpoint of one small layer, its configuration and tokenizer beside it."""
    return write_checkpoint(tmp_path_factory.mktemp("detoxify"), "Bert")


@pytest.fixture(scope="session")
def small_multilingual_checkpoint(tmp_path_factory) -> Path:
    """The same of the kind that speaks several languages."""
    return write_checkpoint(tmp_path_factory.mktemp("detoxify"), "XLMRoberta")


def write_checkpoint(folder: Path, family: str) -> Path:
    """A checkpoint of one of the families of models that Detoxify uses."""
    pytest.importorskip("detoxify")
    torch = pytest.importorskip("torch")
    import transformers

    classes = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=len(classes),
        initializer_range=2.0,
        pad_token_id=0,
    )
    config.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    name = f"{family}ForSequenceClassification"
    model = getattr(transformers, name)(config)
    arguments = {
        "model_type": "nowhere",
        "model_name": name,
        "tokenizer_name": "BertTokenizer",
        "num_classes": len(classes),
    }
    held = {
        "config": {
            "arch": {"args": arguments},
            "dataset": {"args": {"classes": classes}},
        },
        "state_dict": model.state_dict(),
    }
    torch.save(held, folder / "tiny.ckpt")
    return folder / "tiny.ckpt"


@pytest.fixture
def bucket(monkeypatch):
    """A file system of S3 that this process and its children see, and the name of an empty bucket.

    Servers of one process share what they hold: the name is a new one each time.
    """
    moto, s3fs = pytest.importorskip("moto.server"), pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.get_host_and_port()[1]}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files, name = s3fs.S3FileSystem(), f"bucket-{uuid.uuid4().hex}"
    files.mkdir(name)
    yield files, name
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()
