"""Linking in pieces against linking at once: the same object, byte for byte."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from curate.errors import ComponentError, RecipeError
from curate.recipe import PROCESS_BYTES, make_recipe
from curate.steps import deciding, linking, measuring
from curate.steps.linking import Cut
from curate.steps.work import DOCUMENT_COLUMNS, Block, Corpus, Work
from curate.store import Store

RECIPE = {
    "name": "linked",
    "sources": [{"kind": "records", "inputs": ["*.jsonl"]}],
    "language": {"keep": ["eng"]},
}
BLOCKS = 4
ADVERTS = 130  # texts that share most of their bands: more than a full bucket


def draw_texts() -> list[str]:
    """Texts of which some are changed copies, some equal, some short, some empty."""
    source = random.Random(3)
    words = [f"{one}{other}" for one in "bcdfghkl" for other in ("a", "en", "ir", "ost", "ump")]
    found = []
    for number in range(400):
        text = source.choices(words, k=source.randint(20, 300))
        if number % 3 == 0 and found:
            text = found[-1].split()
            for _ in range(source.randint(0, 5)):
                text[source.randrange(len(text))] = "other"
        found.append(" ".join(text))
    advert = " ".join(source.choices(words, k=60))
    found += [f"{advert} {words[n % 40]} {words[n // 40]}" for n in range(ADVERTS)]
    found += found[10:40]
    source.shuffle(found)
    return ["", "  ", "one", "One!", "two words", "?!", "?!", *found]


def make_corpus(work: Work, order: list[int]) -> Corpus:
    """Blocks of documents, measured; the films of a work are in several of them."""
    every = draw_texts()
    blocks = []
    for number in order:
        texts = every[number::BLOCKS]
        frame = pl.DataFrame(
            {
                "id": [f"{number:016x}{row:016x}" for row in range(len(texts))],
                "text": texts,
                "work": [f"film {row % 9}" if row < 60 else None for row in range(len(texts))],
            }
        )
        frame = frame.with_columns(
            pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in DOCUMENT_COLUMNS.items()
            if name not in frame.columns
        ).select(DOCUMENT_COLUMNS.keys())
        size = sum(len(text.encode()) for text in texts)
        block = Block(f"block{number}", frame.height, size, 0)
        if not work.store.has(block.name):
            work.store.write_frame(block.name, frame)
            measuring.measure_block(work, block)
        if not work.store.has(deciding.judge_name(work, block)):
            deciding.judge_block(work, block)
        blocks.append(block)
    return Corpus(tuple(blocks))


def with_duplicates(work: Work, **settings: object) -> Work:
    section = work.recipe.duplicates.model_copy(update=settings)
    return replace(work, recipe=work.recipe.model_copy(update={"duplicates": section}))


def link_in_pieces(
    work: Work, corpus: Corpus, ranges: int = 0, parts: int = 0, verifier: Work | None = None
) -> Cut:
    """As the pipeline does it; with so many ranges and parts, or as many as memory asks for."""
    for block in corpus.blocks:
        linking.sort_block(work, block)
    cut = (
        Cut(corpus, linking.link_key(work, corpus), ranges)
        if ranges
        else linking.plan_ranges(work, corpus)
    )
    for number in range(cut.ranges):
        linking.pair_range(work, (cut, number))
    cut = replace(cut, parts=parts) if parts else linking.plan_parts(work, cut)
    for number in range(cut.parts):
        linking.merge_pairs(work, (cut, number))
    for place in range(len(corpus.blocks)):
        linking.cut_block(work, (cut, place))
    for number in range(cut.parts):
        linking.verify_part(verifier or work, (cut, number))
    linking.gather_links(work, cut)
    return cut


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Work:
    """A store with measured blocks."""
    work = Work(Store(str(tmp_path_factory.mktemp("linked"))), make_recipe(RECIPE))
    make_corpus(work, [*range(BLOCKS)])
    return work


@pytest.fixture
def work(measured, tmp_path) -> Work:
    """The same in a store of its own."""
    shutil.copytree(measured.store.url, tmp_path / "store")
    return replace(measured, store=Store(str(tmp_path / "store")))


def linked_bytes(work: Work, corpus: Corpus) -> bytes:
    path = Path(work.store.path(linking.link_name(work, corpus)))
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.mark.parametrize(("ranges", "parts"), [(1, 1), (4, 1), (1, 8), (3, 5), (64, 32)])
def test_pieces_give_the_bytes_of_linking_at_once(work, ranges, parts):
    corpus = make_corpus(work, [*range(BLOCKS)])
    linking.link_at_once(work, corpus)
    links = work.store.read_frame(linking.link_name(work, corpus))
    once = linked_bytes(work, corpus)
    link_in_pieces(work, corpus, ranges, parts)

    assert links.height > 500
    assert links["similarity"].is_between(0.5, 1).all()
    assert linked_bytes(work, corpus) == once


def test_the_order_of_blocks_does_not_matter(work):
    found = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        corpus = make_corpus(work, order)
        cut = link_in_pieces(work, corpus, 2, 2)
        found.append(linked_bytes(work, corpus))
        assert cut.corpus.blocks[0].key == f"block{order[0]}"

    assert found[0] == found[1]


@pytest.mark.parametrize(
    "settings",
    [{"among": "passing"}, {"versions": "off"}, {"minimum_similarity": 0.9, "versions": "id"}],
)
def test_settings_are_the_same_in_pieces(work, settings):
    work = with_duplicates(work, **settings)
    corpus = make_corpus(work, [*range(BLOCKS)])
    linking.link_at_once(work, corpus)
    once = linked_bytes(work, corpus)
    link_in_pieces(work, corpus, 4, 4)

    assert linked_bytes(work, corpus) == once


@pytest.mark.parametrize("data_bytes", [100_000, 1_000_000])
def test_memory_decides_the_pieces_and_no_byte(work, data_bytes):
    corpus = make_corpus(work, [*range(BLOCKS)])
    assert linking.fits_at_once(work, corpus)
    linking.link_at_once(work, corpus)
    once = linked_bytes(work, corpus)
    before = linking.link_name(work, corpus)
    work = with_duplicates(work, memory=PROCESS_BYTES + data_bytes)

    assert linking.link_name(work, corpus) == before
    assert not linking.fits_at_once(work, corpus)
    cut = link_in_pieces(work, corpus)
    assert cut.ranges >= 1_000_000 / data_bytes
    assert cut.parts >= 1_000_000 / data_bytes
    assert linked_bytes(work, corpus) == once


def test_texts_that_do_not_fit_together_are_compared_a_piece_at_a_time(work, monkeypatch):
    corpus = make_corpus(work, [*range(BLOCKS)])
    linking.link_at_once(work, corpus)
    once = linked_bytes(work, corpus)
    pieces = []
    compare = linking.compare
    monkeypatch.setattr(
        linking, "compare", lambda *given: pieces.append(given[0].height) or compare(*given)
    )
    verifier = with_duplicates(work, memory=PROCESS_BYTES + 30_000)
    link_in_pieces(work, corpus, 1, 1, verifier)

    assert len(pieces) > 10
    assert linked_bytes(work, corpus) == once


def test_two_texts_that_do_not_fit_are_told(work):
    corpus = make_corpus(work, [*range(BLOCKS)])
    verifier = with_duplicates(work, memory=PROCESS_BYTES + 2000)
    message = r"memory: the shingles of two texts fit into .*, but two have \d+ .* set it to"
    with pytest.raises(ComponentError, match=message):
        link_in_pieces(work, corpus, 1, 1, verifier)


def test_a_range_that_does_not_fit_is_told(work):
    corpus = make_corpus(work, [*range(BLOCKS)])
    work = with_duplicates(work, memory=PROCESS_BYTES + 10_000)
    with pytest.raises(ComponentError, match=r"very many texts share a band.* set it to"):
        link_in_pieces(work, corpus, 1, 1)


def test_a_corpus_without_pairs_and_one_without_words(work):
    for texts in (["one text", "quite another one of more words"], ["", "!", " "]):
        frame = pl.DataFrame({"id": [f"{row:032x}" for row in range(len(texts))], "text": texts})
        frame = frame.with_columns(
            pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in DOCUMENT_COLUMNS.items()
            if name not in frame.columns
        ).select(DOCUMENT_COLUMNS.keys())
        block = Block(f"few{len(texts)}", frame.height, 100, 0)
        work.store.write_frame(block.name, frame)
        measuring.measure_block(work, block)
        corpus = Corpus((block,))
        linking.link_at_once(work, corpus)
        once = linked_bytes(work, corpus)
        link_in_pieces(work, corpus, 2, 2)

        assert linked_bytes(work, corpus) == once


@pytest.mark.parametrize(
    ("memory", "found"),
    [("2GiB", 2 << 30), ("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), (1 << 30, 1 << 30)],
)
def test_memory_is_read(memory, found):
    recipe = make_recipe({**RECIPE, "duplicates": {"memory": memory}})

    assert recipe.duplicates.memory == found
    assert "memory" not in recipe.duplicates.model_dump()


@pytest.mark.parametrize("memory", ["320MiB", "2 gigs", "much", 1000])
def test_memory_that_is_none_or_too_little_is_refused(memory):
    with pytest.raises(RecipeError, match="memory"):
        make_recipe({**RECIPE, "duplicates": {"memory": memory}})
