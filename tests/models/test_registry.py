"""Models by name: fetched once from a real server, checked, pinned, and told of."""

from __future__ import annotations

import json

import polars as pl
import pytest
from web import Fault, Web

from curate.errors import ComponentError, RecipeError
from curate.models import BUNDLED, card, find_model, sha256
from curate.models.registry import describe_models, find_named, known_models
from curate.score.language import LanguageScorer

MODEL = (BUNDLED / "language.ftz").read_bytes()
DIGEST = sha256(BUNDLED / "language.ftz")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    return tmp_path


def register(folder, url, **facts):
    """Add the name `mine` to the registry of the cache folder."""
    entry = {
        "kind": "language",
        "url": url,
        "licence": "CC0",
        "labels": "codes",
        "preparation": "letters",
        **facts,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    (folder / "registry.toml").write_text("[mine]\n" + "\n".join(lines) + "\n")


@pytest.fixture
def web():
    """A server with the bundled language model."""
    with Web({"model.ftz": MODEL}) as server:
        yield server


def test_a_model_is_fetched_once_and_pinned(folder, web):
    register(folder, f"{web.url}/model.ftz")
    path = find_model("mine", "language")
    assert path == folder / "mine" / "model.ftz"
    assert path.read_bytes() == MODEL
    assert card(path)["sha256"] == DIGEST
    assert card(path)["pinned"] == "on first use"
    asked = len(web.seen)
    assert asked
    assert find_model("mine", "language") == path
    assert len(web.seen) == asked
    got = LanguageScorer("mine")(
        pl.DataFrame({"text": ["Der Abend war warm und der Fluss still."]})
    )
    assert got["language"].to_list() == ["deu"]
    assert LanguageScorer("mine").identity() == f"{DIGEST}:letters"
    told = next(row for row in describe_models() if row["name"] == "mine")
    assert (told["where"], told["bytes"], told["sha256"]) == ("cached", len(MODEL), DIGEST)


def test_another_file_than_the_one_that_was_pinned_is_refused(folder, web):
    register(folder, f"{web.url}/model.ftz")
    path = find_model("mine", "language")
    path.write_bytes((BUNDLED / "toxicity.ftz").read_bytes())
    with pytest.raises(ComponentError, match="sha256"):
        find_model("mine", "language")


def test_a_wrong_hash_leaves_nothing_behind(folder, web):
    register(folder, f"{web.url}/model.ftz", sha256="0" * 64)
    with pytest.raises(
        ComponentError, match=f"has the sha256 {'0' * 64}, but the file has {DIGEST}"
    ):
        find_model("mine", "language")
    assert list((folder / "mine").iterdir()) == []
    register(folder, f"{web.url}/model.ftz", sha256=DIGEST)
    assert card(find_model("mine", "language"))["pinned"] == "by the registry"


@pytest.mark.parametrize(
    "fault",
    [Fault(cut=len(MODEL) // 2), Fault(cut=5000, reset=True), Fault(status=404), Fault(status=503)],
)
def test_a_broken_download_leaves_nothing_and_says_where_the_file_goes(folder, web, fault):
    register(folder, f"{web.url}/model.ftz")
    web.faults.extend([fault] * 20)
    with pytest.raises(ComponentError) as told:
        find_model("mine", "language")
    assert f"put the file there as {folder / 'mine' / 'model.ftz'}" in str(told.value)
    assert list((folder / "mine").iterdir()) == []


def test_without_a_network_a_file_put_in_place_is_used_and_pinned(folder):
    register(folder, "http://127.0.0.1:9/model.ftz")
    with pytest.raises(ComponentError, match="CURATE_MODELS"):
        find_named("mine")
    (folder / "mine" / "model.ftz").write_bytes(MODEL)
    assert find_model("mine", "language") == folder / "mine" / "model.ftz"
    assert json.loads((folder / "mine" / "model.json").read_text())["sha256"] == DIGEST
    register(folder, "http://127.0.0.1:9/model.ftz", sha256="1" * 64)
    (folder / "mine" / "model.json").unlink()
    with pytest.raises(ComponentError, match="another place"):
        find_model("mine", "language")


def test_a_name_that_is_none_and_a_registry_that_is_none(folder):
    with pytest.raises(RecipeError, match=r"did you mean 'lid\.176\.ftz'"):
        find_model("lid176.ftz", "language")
    (folder / "registry.toml").write_text("[mine\n")
    with pytest.raises(RecipeError, match="TOML"):
        known_models()
    (folder / "registry.toml").write_text("[mine]\nurl = 'x'\n")
    with pytest.raises(RecipeError, match="'mine' is another thing"):
        known_models()
    (folder / "registry.toml").write_text("mine = 3\n")
    with pytest.raises(RecipeError, match="'mine' is another thing"):
        known_models()


@pytest.mark.usefixtures("folder")
def test_what_there_is():
    rows = {row["name"]: row for row in describe_models()}
    assert {"language", "toxicity", "extractor"} <= {
        n for n, r in rows.items() if r["where"] == "bundled"
    }
    assert rows["language"]["sha256"] == DIGEST
    assert {"lid.176.ftz", "glotlid-v3", "openlid-v2", "dclm-oh-eli5"} <= set(rows)
    assert all(row["licence"] and row["labels"] for row in rows.values())
    assert rows["glotlid-v3"]["sha256"] is None  # none is known: it is pinned when it comes
