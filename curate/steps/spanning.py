"""Texts change by what the whole corpus holds, after linking.

    block ─▶ its changed documents, measured again; all of these ─▶ pairs that became equal

What changes them are `EDITORS`. An editor tells spans of a block's texts and what stands in their
place (`curate.text.edits`); those of all of them are applied at once. `relink` holds about what
`find_survivors` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from curate.steps import repeats, sharing
from curate.steps.measuring import read_scores, score_key
from curate.steps.work import (
    DOCUMENT_COLUMNS,
    Block,
    Corpus,
    Linked,
    Work,
    library_versions,
    name_of,
    overlay,
)

PERSONAL_REPLACEMENTS = 1  # raise it when what stands for personal data changes


@dataclass(frozen=True)
class Found:
    """What was found over the whole corpus, by which its texts are changed.

    Attributes:
        linked: the corpus.
        line_ranges: in so many parts were lines counted.
        paragraph_ranges: in so many were paragraphs.
    """

    linked: Linked
    line_ranges: int = 0
    paragraph_ranges: int = 0

    @property
    def lines(self) -> list[repeats.LineRange]:
        """The parts in which lines were counted."""
        return self._ranges(repeats.Lines(self.linked), self.line_ranges)

    @property
    def paragraphs(self) -> list[repeats.LineRange]:
        """The parts in which paragraphs were counted."""
        return self._ranges(repeats.Lines(self.linked, "paragraphs"), self.paragraph_ranges)

    def _ranges(self, lines: repeats.Lines, count: int) -> list[repeats.LineRange]:
        return [repeats.LineRange(lines, number, count) for number in range(count)]


@dataclass(frozen=True)
class Editor:
    """What takes spans out of texts, or puts something in their place.

    Attributes:
        parts: what shapes its edits of a block of the corpus, for the key.
        find: `row`, `start`, `end` of spans of the block's texts (see `curate.text.edits`), and
            `replacement` where they do not just go.
    """

    parts: Callable[[Work, Found, int], Any]
    find: Callable[[Work, Found, int], pl.DataFrame]


def _line_parts(work: Work, found: Found, place: int) -> Any:
    # in how many ranges shapes nothing
    return repeats.repeats_key(work, repeats.Lines(found.linked)), place


def _find_lines(work: Work, found: Found, place: int) -> pl.DataFrame:
    return repeats.repeated_lines(work, found.lines, place)


def _paragraph_parts(work: Work, found: Found, place: int) -> Any:
    return repeats.repeats_key(work, repeats.Lines(found.linked, "paragraphs")), place


def _find_paragraphs(work: Work, found: Found, place: int) -> pl.DataFrame:
    return repeats.repeated_lines(work, found.paragraphs, place)


def _shared_parts(work: Work, found: Found, place: int) -> Any:
    return sharing.shared_key(work, found.linked, place)


def _find_shared(work: Work, found: Found, place: int) -> pl.DataFrame:
    return sharing.shared_spans(work, found.linked, place)


def _personal_parts(work: Work, found: Found, place: int) -> Any:
    section = work.recipe.personal
    seed = work.recipe.seed if section.mask == "surrogate" else None
    scores = score_key(work, found.linked.corpus.blocks[place], "personal")
    return scores, section.mask, seed, PERSONAL_REPLACEMENTS


def _find_personal(work: Work, found: Found, place: int) -> pl.DataFrame:
    from curate.score.personal import replace_spans

    block = found.linked.corpus.blocks[place]
    spans = read_scores(work, block, ["personal_spans"])["personal_spans"]
    text = work.store.read_frame(block.name, ["text"])["text"]
    return replace_spans(text, spans, work.recipe.personal.mask, work.recipe.seed)


def _sentence_parts(work: Work, found: Found, place: int) -> Any:
    block = found.linked.corpus.blocks[place]
    return score_key(work, block, "toxicity"), work.recipe.toxicity.maximum_score


def _find_sentences(work: Work, found: Found, place: int) -> pl.DataFrame:
    """The sentences above the limit, of documents above the limit."""
    limit = work.recipe.toxicity.maximum_score
    block = found.linked.corpus.blocks[place]
    scores = read_scores(work, block, ["toxicity", "toxicity_spans"]).with_row_index("row")
    hit = scores.filter(pl.col("toxicity") > limit).explode("toxicity_spans")
    spans = hit.select("row", pl.col("toxicity_spans").struct.unnest()).drop_nulls("start")
    spans = spans.filter(pl.col("score") > limit).select("row", "start", "end")
    texts = work.store.read_frame(block.name, ["text"])["text"]
    data = {row: texts[row].encode() for row in spans["row"].unique()}
    ends = [_after_blanks(data[row], end) for row, end in spans.select("row", "end").iter_rows()]
    return spans.with_columns(end=pl.Series(ends, dtype=pl.Int64))


def _after_blanks(data: bytes, end: int) -> int:
    """The place after the blanks that part a sentence from the next one of its line."""
    return end + len(data[end:]) - len(data[end:].lstrip(b" "))


EDITORS = {  # name: what the ledger says
    "repeated_lines": Editor(_line_parts, _find_lines),
    "repeated_paragraphs": Editor(_paragraph_parts, _find_paragraphs),
    "shared_passages": Editor(_shared_parts, _find_shared),
    "personal": Editor(_personal_parts, _find_personal),
    "toxic_sentences": Editor(_sentence_parts, _find_sentences),
}


def _changed_key(work: Work, found: Found, place: int) -> str:
    asked = work.recipe.span_changes
    return work.key(
        "spans",
        documents=found.linked.corpus.blocks[place].key,
        editors={name: EDITORS[name].parts(work, found, place) for name in asked},
        libraries=library_versions("spans"),
    )


def changed_name(work: Work, item: tuple[Found, int]) -> str:
    """The object of a block's changed documents."""
    return name_of("documents", _changed_key(work, *item))


def change_block(work: Work, item: tuple[Found, int]) -> None:
    """Publish the documents of a block that an editor changes, and their rows."""
    from curate.text.edits import EDITS, apply_edits

    found, place = item
    edits = [
        EDITORS[name]
        .find(work, found, place)
        .with_columns(by=pl.lit(name))
        .pipe(lambda f: f if "replacement" in f.columns else f.with_columns(replacement=pl.lit("")))
        .select(pl.col(column).cast(kind) for column, kind in EDITS.items())
        for name in work.recipe.span_changes
    ]
    frame = work.store.read_frame(found.linked.corpus.blocks[place].name)
    new = apply_edits(frame["text"], pl.concat(edits))
    old = frame[new["row"]]
    changed = old.with_columns(_tell_change(old, new)).with_columns(new["text"], new["row"])
    metadata = {"documents": changed.height, "size": new["text"].str.len_bytes().sum()}
    work.store.write_frame(
        changed_name(work, item), changed.select(*DOCUMENT_COLUMNS, "row"), metadata
    )


def _tell_change(old: pl.DataFrame, new: pl.DataFrame) -> list[pl.Series]:
    """What the ledger says of the change, with what it says of cleaning at reading."""
    words, left = (frame["text"].str.count_matches(r"\S+") for frame in (old, new))
    told = old.hstack(new.select("gone", "told", left=left, words=words))
    share = 1 - (1 - pl.col("cleaned_word_share")) * (pl.col("left") / pl.col("words")).fill_nan(1)
    return told.select(
        pl.col("cleaned_characters") + pl.col("gone"),
        pl.concat_str("cleaned_by", "told", separator=",", ignore_nulls=True).alias("cleaned_by"),
        share.round(6).alias("cleaned_word_share"),
    ).get_columns()


def assemble_changed(work: Work, found: Found) -> Corpus:
    """The corpus, its blocks with what was changed of them."""
    corpus = found.linked.corpus
    blocks = []
    for place, block in enumerate(corpus.blocks):
        size = work.store.read_metadata(changed_name(work, (found, place)))
        key = _changed_key(work, found, place)
        changed = Block(key, size["documents"], size["size"], block.priority)
        blocks.append(replace(block, changed=changed) if changed.documents else block)
    return replace(corpus, blocks=tuple(blocks))


# --- pairs of documents that became equal


def relink_key(work: Work, linked: Linked, corpus: Corpus) -> str:
    """The key of the verified pairs, and those that became equal."""
    return work.key("relink", links=linked.links, corpus=corpus.key)


def relink(work: Work, item: tuple[Linked, Corpus]) -> None:
    """The verified pairs with those whose texts became equal, at a similarity of 1."""
    linked, corpus = item
    links = work.store.read_frame(name_of("link", linked.links))
    changed = [_read_hashes(work, block) for block in corpus.blocks if block.changed]
    nothing = pl.DataFrame(schema={"before": pl.String, "after": pl.String})
    became = pl.concat([nothing, *changed]).filter(pl.col("before") != pl.col("after"))
    again = became.select("after").unique()
    same = [_read_hashes(work, b).join(again, on="after", how="semi") for b in corpus.blocks]
    groups = pl.concat([nothing, *same]).unique().sort("after", "before")
    first = pl.col("before").first().over("after")
    pairs = groups.select(hash_a=first, hash_b="before", similarity=pl.lit(1.0))
    pairs = pairs.filter(pl.col("hash_a") != pl.col("hash_b")).unique()
    joined = pl.concat([links, pairs.select(links.columns).cast(links.schema)])
    best = joined.group_by("hash_a", "hash_b").agg(pl.col("similarity").max())
    name = name_of("link", relink_key(work, linked, corpus))
    work.store.write_frame(name, best.sort("hash_a", "hash_b"), {"pairs": best.height})


def _read_hashes(work: Work, block: Block) -> pl.DataFrame:
    """The hashes of a block's texts `before` and `after`; none for a text of which nothing is left."""
    before = after = read_scores(work, block, ["text_hash"])
    if block.changed:
        scores = read_scores(work, block.changed, ["text_hash", "characters"])
        left = pl.when(pl.col("characters") > 0).then("text_hash").alias("text_hash")
        rows = work.store.read_frame(block.changed.name, ["row"])
        after = overlay(before, scores.select(left).hstack(rows))
    hashes = {"before": before["text_hash"], "after": after["text_hash"]}
    return pl.DataFrame(hashes).drop_nulls().unique()
