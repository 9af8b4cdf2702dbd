"""Passages that documents share: found over the whole corpus, a range of hashes at a time.

    block ─▶ anchors of its windows; a range of anchors of all blocks ─▶ those of several documents
    block ─▶ its windows with such anchors; a range of windows of all blocks ─▶ those that several
    documents have, and who keeps them; block ─▶ of each document the passages that others keep

`curate.duplicates.substrings` says what windows and anchors are. Of the documents that have a window
one **keeps** it, in the order of survivors but for dates: a reference before others, then the first by
priority of the source, by preference, the longest, then by id; it is shared by the others. So what one
document keeps another may share, and of every passage one stays. Parts of one document are one, and
documents that repeat one another count as the one that survives of them: each of these keeps what
that one keeps. Rules judge later, by texts without what others keep: whether its keeper will pass is
not known here.

Memory, whatever the corpus: `RANGE_ROWS` rows and a few copies of them (400 MB) at a time, or a block
with up to 150 bytes for each of its words that lies in a window with a common anchor. What several
documents have (8 bytes an anchor, 32 a window) is read a range at a time for every block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.decide import preference
from curate.duplicates.bands import distinct
from curate.schema import conform
from curate.steps.deciding import preferred_keys
from curate.steps.measuring import read_scores
from curate.steps.repeats import read_copies, scope_of_copies
from curate.steps.work import Block, Linked, Work, library_versions, name_of, read_documents

RANGE_ROWS = 1 << 21
_LONGEST = (1 << 32) - 1  # words
_HALF, _SIGN = np.uint64(32), np.uint64(63)
PASSAGES = 100  # of a document that are kept as evidence, the longest first
_KEY = ("high", "low")
_ORDER = ("rank", "order")  # the smaller keeps
_IDS = ("holder_high", "holder_low")
_HOLDER = (*_ORDER, *_IDS)


@dataclass(frozen=True)
class HashRange:
    """The part `number` of `count` equal ranges of hashes."""

    linked: Linked
    number: int
    count: int

    def holds(self, column: str) -> pl.Expr:
        """Whether a hash lies in the range."""
        low, high = (n * (1 << 64) // self.count for n in (self.number, self.number + 1))
        first, last = (pl.lit(bound, dtype=pl.UInt64) for bound in (low, high - 1))
        return pl.col(column).is_between(first, last)


@dataclass(frozen=True)
class Shared:
    """How far the search is.

    Attributes:
        linked: the corpus.
        anchor_ranges: in so many ranges were anchors counted.
        window_ranges: in so many ranges were windows joined.
    """

    linked: Linked
    anchor_ranges: int = 0
    window_ranges: int = 0

    @property
    def anchors(self) -> list[HashRange]:
        """The ranges of anchors."""
        return [HashRange(self.linked, n, self.anchor_ranges) for n in range(self.anchor_ranges)]

    @property
    def windows(self) -> list[HashRange]:
        """The ranges of windows."""
        return [HashRange(self.linked, n, self.window_ranges) for n in range(self.window_ranges)]


def _least(work: Work) -> int:
    least = work.recipe.spans.shared_words
    assert least is not None  # the pipeline asks for these steps when it is set
    return least


def _key_of(work: Work, step: str, linked: Linked, **parts: Any) -> str:
    """The key of an object; in how many ranges it was found shapes nothing."""
    duplicates = work.recipe.duplicates
    return work.key(
        step,
        corpus=linked.corpus.key,
        ids=linked.corpus.ids,
        links=linked.links,
        similarity=duplicates.minimum_similarity,
        scope=duplicates.scope,
        preferred=(duplicates.prefer, preferred_keys(work, linked.corpus)),
        references=work.recipe.references,
        least=_least(work),
        libraries=library_versions("spans"),
        **parts,
    )


def anchors_name(work: Work, item: tuple[Linked, int]) -> str:
    """The object of the anchors of a block."""
    return name_of("anchors", _key_of(work, "anchors", item[0], place=item[1]))


def common_name(work: Work, part: HashRange) -> str:
    """The object of the anchors of a range that several documents have."""
    range_ = (part.number, part.count)
    return name_of("common", _key_of(work, "common", part.linked, part=range_))


def windows_name(work: Work, item: tuple[Shared, int]) -> str:
    """The object of a block's windows with such anchors."""
    return name_of("windows", _key_of(work, "windows", item[0].linked, place=item[1]))


def passages_name(work: Work, part: HashRange) -> str:
    """The object of the windows of a range that several documents have."""
    range_ = (part.number, part.count)
    return name_of("passages", _key_of(work, "passages", part.linked, part=range_))


def shared_key(work: Work, linked: Linked, place: int) -> str:
    """The key of the passages of a block's documents that others keep."""
    return _key_of(work, "shared", linked, place=place)


def shared_name(work: Work, item: tuple[Shared, int]) -> str:
    """The object of the passages of a block's documents that others keep."""
    return name_of("shared", shared_key(work, item[0].linked, item[1]))


def plan_ranges(rows: int) -> int:
    """In how many ranges so many rows are joined: a power of two."""
    count = 1
    while rows / count > RANGE_ROWS:
        count *= 2
    return count


def count_rows(work: Work, names: Iterable[str]) -> int:
    """The rows of some objects of anchors or of windows."""
    return sum(work.store.read_metadata(name)["rows"] for name in names)


# --- documents


def _read_block(work: Work, linked: Linked, place: int) -> pl.DataFrame:
    """A block's documents with what tells who keeps a passage.

    Returns:
        `id`, `text`, `rank` and `order` (the smaller keeps), `holder_high` and `holder_low` (halves of
        the id of the document that it is, or is part of, or repeats), and `counts`.
    """
    corpus = linked.corpus
    frame = read_documents(work, corpus, place, ["id", "parent", "snapshot", "text"])
    copies = read_copies(work, (linked, scope_of_copies(work.recipe.duplicates)), place)
    holder = frame.select(pl.coalesce("parent", "id")).to_series()
    holder = holder.scatter(copies["row"], copies["of"])
    halves = np.frombuffer(bytes.fromhex("".join(holder)), ">u8").astype(np.uint64).reshape(-1, 2)
    counts = pl.repeat(True, frame.height, eager=True).scatter(copies["row"], False)
    return frame.with_columns(
        *_rank(work, corpus.blocks[place]),
        counts.alias("counts"),
        holder_high=halves[:, 0],
        holder_low=halves[:, 1],
    )


def _rank(work: Work, block: Block) -> list[pl.Series]:
    """`rank` and `order` of a block's documents, UInt64.

    The bits of both, one after the other: the source's place, the preference and what the words lack
    of the longest, of 32, 64 and 32 bits.
    """
    chosen = preference(work.recipe.duplicates)
    scores = read_scores(work, block, ["words", *(chosen[:1] if chosen else ())])
    place = 0 if block.priority in work.recipe.references else block.priority + 1
    words = scores["words"].fill_null(0).cast(pl.Int64).clip(0, _LONGEST).to_numpy()
    last = np.zeros(len(words), np.uint64)
    if chosen:
        values = scores[chosen[0]].cast(pl.Float64) * (1 if chosen[1] else -1) + 0.0  # no minus 0
        bits = values.fill_null(0.0).to_numpy().view(np.uint64)
        last = np.where(bits >> _SIGN, ~bits, bits | np.uint64(1) << _SIGN)  # in order of values
        last[values.is_null().to_numpy()] = ~np.uint64(0)
    rank = np.uint64(place) << _HALF | last >> _HALF
    order = last << _HALF | (_LONGEST - words).astype(np.uint64)
    return [pl.Series("rank", rank), pl.Series("order", order)]


def _salts(work: Work, documents: pl.DataFrame) -> NDArray[np.uint64]:
    """What texts must have in common to share anything: their snapshot, if that is the scope."""
    if work.recipe.duplicates.scope != "snapshot":
        return np.zeros(documents.height, np.uint64)
    names = documents["snapshot"].fill_null("")
    hashes = {
        name: int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
        for name in names.unique()
    }
    return names.replace_strict(hashes, return_dtype=pl.UInt64).to_numpy()


def _some(hashes: NDArray[np.uint64], work: Work, parts: Iterable[HashRange]) -> Any:
    """Those of some anchors that several documents have."""
    chosen = np.zeros(len(hashes), np.bool_)
    for part in parts:
        common = work.store.read_frame(common_name(work, part))["anchor"]
        chosen |= np.isin(hashes, common.to_numpy())
    return hashes[chosen]


# --- anchors


def hash_anchors(work: Work, item: tuple[Linked, int]) -> None:
    """The anchors of a block, each once, with a document that has it and whether others do."""
    from curate.duplicates.substrings import cut_words, find_anchors

    linked, place = item
    documents = _read_block(work, linked, place).filter("counts")
    rows, hashes = find_anchors(cut_words(documents["text"]), _least(work), _salts(work, documents))
    holder = documents["holder_high"].gather(rows).alias("holder")
    anchors = pl.DataFrame({"anchor": hashes, "holder": holder}).with_columns(several=False)
    anchors = _join_anchors(anchors)
    work.store.write_frame(anchors_name(work, item), anchors, {"rows": anchors.height})


def _join_anchors(anchors: pl.DataFrame) -> pl.DataFrame:
    """Each anchor once, sorted."""
    holder = pl.col("holder")
    several = pl.col("several").any() | (holder.min() != holder.max())
    return anchors.group_by("anchor").agg(holder.min(), several=several).sort("anchor")


def count_anchors(work: Work, part: HashRange) -> None:
    """The anchors of a range that several documents have, sorted."""
    linked = part.linked
    found = [
        work.store.scan_frame(anchors_name(work, (linked, place)))
        .filter(part.holds("anchor"))
        .collect()
        for place in range(len(linked.corpus.blocks))
    ]
    common = _join_anchors(pl.concat(found)).filter("several").select("anchor")
    work.store.write_frame(common_name(work, part), common)


# --- windows


def hash_windows(work: Work, item: tuple[Shared, int]) -> None:
    """A block's windows with anchors that several documents have: each once, and who keeps it."""
    from curate.duplicates.substrings import cut_words, find_windows

    shared, place = item
    anchors = work.store.read_frame(anchors_name(work, (shared.linked, place)))["anchor"]
    common = _some(anchors.to_numpy(), work, shared.anchors)
    documents = _read_block(work, shared.linked, place).filter("counts")
    pieces = cut_words(documents["text"])
    found = find_windows(pieces, _least(work), _salts(work, documents), common)
    again = np.zeros(len(found.words), np.bool_)  # a run of one word has one window many times
    again[1:] = (found.high[1:] == found.high[:-1]) & (found.low[1:] == found.low[:-1])
    again[1:] &= found.documents[1:] == found.documents[:-1]
    windows = pl.DataFrame({"high": found.high[~again], "low": found.low[~again]}).hstack(
        documents.select(*_HOLDER, several=pl.lit(value=False))[found.documents[~again]]
    )
    windows = _join_windows(windows)
    work.store.write_frame(windows_name(work, item), windows, {"rows": windows.height})


def _join_windows(windows: pl.DataFrame) -> pl.DataFrame:
    """Each window once, with the document that keeps it; sorted."""

    def changes(columns: Iterable[str]) -> pl.Expr:
        return pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in columns)

    windows = windows.sort(*_KEY, *_HOLDER)
    begins = windows.select(changes(_KEY)).to_series().fill_null(value=True).to_numpy()
    others = windows.select(changes(_IDS)).to_series().fill_null(value=False).to_numpy()
    at = np.flatnonzero(begins)
    several = np.logical_or.reduceat(windows["several"].to_numpy() | (others & ~begins), at)
    return windows[at].with_columns(several=several) if len(at) else windows


def join_windows(work: Work, part: HashRange) -> None:
    """The windows of a range that several documents have, and who keeps them; sorted."""
    shared = Shared(part.linked)
    found = [
        work.store.scan_frame(windows_name(work, (shared, place)))
        .filter(part.holds("high"))
        .collect()
        for place in range(len(part.linked.corpus.blocks))
    ]
    passages = _join_windows(pl.concat(found)).filter("several").select(*_KEY, *_IDS)
    work.store.write_frame(passages_name(work, part), passages)


# --- passages


def find_shared(work: Work, item: tuple[Shared, int]) -> None:
    """Of each document of a block, copies too, the passages that others keep.

    The object has the columns of the scorer `shared`, and `spans`: all passages, in bytes.
    """
    from curate.duplicates.substrings import (
        cover,
        cut_words,
        find_anchors,
        find_windows,
        look_up,
        place_spans,
    )

    shared, place = item
    least = _least(work)
    documents = _read_block(work, shared.linked, place)
    pieces, salts = cut_words(documents["text"]), _salts(work, documents)
    anchors = distinct(find_anchors(pieces, least, salts)[1])
    windows = find_windows(pieces, least, salts, _some(anchors, work, shared.anchors))
    kept = _read_passages(work, shared, windows.high)
    at = look_up(windows, kept["high"].to_numpy(), kept["low"].to_numpy())
    chosen = at >= 0
    keepers, mine = kept.select(_IDS)[at[chosen]], windows.documents[chosen]
    differs = np.zeros(len(mine), np.bool_)
    for half in _IDS:
        differs |= (keepers[half] != documents[half].gather(mine)).to_numpy()
    chosen[chosen] = differs
    spans = cover(windows, chosen, least)
    keeper = _most_of(keepers.filter(differs), spans.of_window)
    passages = place_spans(pieces, spans).with_columns(keeper)
    told = _tell(passages, pl.Series("all", np.diff(pieces.word_offsets)))
    found = conform(told, "shared").insert_column(0, documents["id"]).hstack(told.select("spans"))
    metadata = {"passages": passages.height, "words": passages["words"].sum()}
    work.store.write_frame(shared_name(work, item), found, metadata)


def _read_passages(work: Work, shared: Shared, high: NDArray[np.uint64]) -> pl.DataFrame:
    """The windows that several documents have, as far as upper halves of hashes tell, sorted."""
    wanted = pl.Series("high", high).unique().to_frame()
    found = [
        work.store.read_frame(passages_name(work, part)).join(
            wanted, on="high", how="semi", maintain_order="left"
        )
        for part in shared.windows
    ]
    return pl.concat(found)


def _most_of(keepers: pl.DataFrame, spans: NDArray[np.int64]) -> pl.Series:
    """The id of the document that keeps most windows of each span; of several, the first."""
    counts = (
        keepers.with_columns(pl.Series("span", spans), place=pl.int_range(pl.len()))
        .group_by("span", *_IDS)
        .agg(windows=pl.len(), place=pl.col("place").min())
        .sort("span", "windows", "place", descending=[False, True, False])
        .unique("span", keep="first", maintain_order=True)
    )
    halves = counts.select(_IDS).iter_rows()
    return pl.Series("id", [f"{high:016x}{low:016x}" for high, low in halves], dtype=pl.String)


def _tell(passages: pl.DataFrame, words: pl.Series) -> pl.DataFrame:
    """The columns of the scorer `shared` and `spans`, of documents with so many words."""
    longest = pl.col("words").arg_max()
    passage = pl.struct(
        start=pl.col("start_character"), end=pl.col("end_character"), words="words", id="id"
    )
    by_length = passage.sort_by("words", "start", descending=[True, False])
    told = passages.group_by("row").agg(
        covered=pl.col("words").sum(),
        longest_shared_words=pl.col("words").max(),
        shared_with=pl.col("id").get(longest),
        shared_passages=by_length.head(PASSAGES),
        spans=pl.struct("start", "end"),
    )
    rows = words.to_frame("all").with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    empty = [
        pl.col(name).fill_null(pl.lit([], dtype=told.schema[name]))
        for name in ("shared_passages", "spans")
    ]
    return rows.join(told, on="row", how="left", maintain_order="left").with_columns(
        pl.col("longest_shared_words").fill_null(0),
        *empty,
        shared_word_share=(pl.col("covered") / pl.col("all")).fill_null(0.0),
        shared_state=pl.lit(None, dtype=pl.String),
    )


def shared_spans(work: Work, linked: Linked, place: int) -> pl.DataFrame:
    """The passages of a block's documents that others keep: `row`, `start`, `end` in bytes."""
    spans = work.store.read_frame(name_of("shared", shared_key(work, linked, place)), ["spans"])
    rows = spans.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    return rows.filter(pl.col("spans").list.len() > 0).explode("spans").unnest("spans")


def assemble_shared(work: Work, linked: Linked) -> Linked:
    """The corpus, its blocks with what was found of them."""
    corpus = linked.corpus
    blocks = [
        replace(block, found=(*block.found, ("shared", shared_key(work, linked, place))))
        for place, block in enumerate(corpus.blocks)
    ]
    return replace(linked, corpus=replace(corpus, blocks=tuple(blocks)))
