"""Verified pairs of texts: at once where they fit into memory, else cut by hash.

    block ─▶ entries of its bands, sorted
    range of bands, of all blocks ─▶ pairs of texts that share one; their places
    part of the texts ─▶ the pairs that begin there, each once; which texts each block shall give
    block ─▶ sets of shingles of those, cut from its documents' texts
    part ─▶ verified pairs; all parts ─▶ one object

`[duplicates] memory` says how much a process may hold, and so how many ranges and parts there are.
The pairs are the same whatever these are: only the last object, which has them all, is read by
other steps, and its key knows nothing of ranges and parts. The stages between have objects of their
own, so that a killed run goes on from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.bands import (
    ENTRIES,
    GROUP_ENTRIES,
    cut_ranges,
    distinct,
    least_power,
    make_entries,
    number_texts,
    read_entries,
    shape_of,
    sort_entries,
    write_entries,
)
from curate.duplicates.candidates import (
    LINKS,
    PAIRS,
    Sets,
    compare,
    cut_sets,
    find_candidates,
    find_texts,
    find_versions,
    pair_entries,
    verify,
)
from curate.errors import ComponentError
from curate.recipe import DuplicatesSection
from curate.steps.deciding import compared, compared_key
from curate.steps.measuring import read_scores, score_key
from curate.steps.work import Block, Corpus, Work, library_versions, name_of

ENTRY_BYTES = 64  # of memory for each entry of a range, pairs in it included
SHINGLE_BYTES = 18  # of memory for each shingle of texts that are compared
SKETCHED = 1024  # hashes by which pairs and texts are counted that several ranges have
MIXED = np.uint64(0x9E3779B97F4A7C15)
SHINGLES_A_BYTE = 0.19  # of text: an English word and what is about it have 5.3 bytes
TEXT_BYTES = 300  # of memory for each text that is linked at once, beside its signature
PAIR_BYTES = 200  # of memory for each pair of a part
LARGEST_RANGE = 2  # times the memory, at the most: an entry needs less than ENTRY_BYTES
GROUP_SETS = 256  # a part takes some sets of every block: it should not unpack the others
GROUP_WANTED = 1024
SETS = pl.Schema(
    {"part": pl.UInt32, "text_hash": pl.String, "size": pl.UInt32, "shingles": pl.Binary}
)


@dataclass(frozen=True)
class Cut:
    """A corpus that is linked in pieces.

    Attributes:
        corpus: the documents.
        links: key of the verified pairs: it takes every block, and names of all pieces hang on it.
        ranges: of hashes of bands.
        parts: of texts, by hash; known when the pairs are.
    """

    corpus: Corpus
    links: str
    ranges: int
    parts: int = 0


def link_key(work: Work, corpus: Corpus) -> str:
    """The key of the verified pairs: signatures, limits, and the verdicts if only those count."""
    section = work.recipe.duplicates
    parts: dict[str, Any] = {
        "signatures": [score_key(work, block, "signatures") for block in corpus.blocks],
        "floor": {
            "similarity": section.least_similarity,
            "versions": section.versions == "similar",
        },
        "languages": [score_key(work, block, "language") for block in corpus.blocks]
        if section.versions == "similar"
        else [],
        "libraries": library_versions("link"),
    }
    if section.among == "passing":
        parts["among"] = [compared_key(work, block) for block in corpus.blocks]
    return work.key("link", **parts)


def link_name(work: Work, corpus: Corpus) -> str:
    """The object of the verified pairs."""
    return name_of("link", link_key(work, corpus))


# --- at once


def fits_at_once(work: Work, corpus: Corpus) -> bool:
    """Whether signatures and all sets of shingles fit into the memory of one process."""
    section = work.recipe.duplicates
    held = 4 * section.bands * section.rows + TEXT_BYTES
    texts = sum(block.documents for block in corpus.blocks) * held
    shingles = sum(block.size for block in corpus.blocks) * SHINGLES_A_BYTE * SHINGLE_BYTES
    return texts + shingles <= section.memory_for_data


def link_at_once(work: Work, corpus: Corpus) -> None:
    """Verified pairs of text classes, whatever the scope: `decide` looks at scopes."""
    section = work.recipe.duplicates
    signatures = []
    works = []
    for block in corpus.blocks:
        scores = _read_linked(work, block)
        signatures.append(scores.select("text_hash", "signature"))
        if section.versions == "similar":
            works.append(scores.select("text_hash", "work", "language").drop_nulls())
    candidates = find_candidates(pl.concat(signatures), section)
    if section.versions == "similar":
        candidates = pl.concat([candidates, find_versions(pl.concat(works))]).unique()
    wanted = pl.concat([candidates["hash_a"], candidates["hash_b"]]).unique().sort()

    def texts() -> Iterator[pl.DataFrame]:
        for block in corpus.blocks:
            yield _read_texts(work, block, wanted)

    links = verify(candidates, texts(), section)
    _write_links(work, corpus, links, candidates.height)


def _read_linked(work: Work, block: Block, *more: str) -> pl.DataFrame:
    """What is linked by, of the documents of a block that are linked; without works, no `work`."""
    section = work.recipe.duplicates
    scores = read_scores(work, block, ["text_hash", "signature", *more])
    if section.versions == "similar":
        scores = scores.hstack(work.store.read_frame(block.name, ["work"]))
        scores = scores.hstack(read_scores(work, block, ["language"]))
    if section.among == "passing":
        scores = scores.filter(compared(work, block))
    return scores.filter(pl.col("signature").is_not_null())


def _read_texts(work: Work, block: Block, wanted: pl.Series) -> pl.DataFrame:
    """The texts of a block that have wanted hashes, which are sorted."""
    hashes = read_scores(work, block, ["text_hash"])["text_hash"]
    chosen = pl.Series(find_texts(wanted, hashes) >= 0)
    if not chosen.any():
        return pl.DataFrame(schema={"text_hash": pl.String, "text": pl.String})
    text = work.store.read_frame(block.name, ["text"])["text"]
    return pl.DataFrame({"text_hash": hashes, "text": text}).filter(chosen)


def _write_links(work: Work, corpus: Corpus, links: pl.DataFrame, candidates: int) -> None:
    metadata = {"candidates": candidates, "pairs": links.height}
    work.store.write_frame(link_name(work, corpus), links.rechunk(), metadata)


# --- entries of bands, by block


def bands_name(work: Work, block: Block) -> str:
    """The object of the entries of a block's bands."""
    return name_of("bands", _bands_key(work, block))


def works_name(work: Work, block: Block) -> str:
    """The object of the entries of a block's works; there is none for a block without works."""
    return name_of("works", _bands_key(work, block))


def _bands_key(work: Work, block: Block) -> str:
    section = work.recipe.duplicates
    return work.key(
        "bands",
        signatures=score_key(work, block, "signatures"),
        languages=score_key(work, block, "language") if section.versions == "similar" else "",
        among=compared_key(work, block) if section.among == "passing" else "",
    )


def sort_block(work: Work, block: Block) -> None:
    """The entries of a block's bands, and of its works."""
    section = work.recipe.duplicates
    scores = _read_linked(work, block, "shingles")
    works = pl.DataFrame(schema=ENTRIES)
    if section.versions == "similar":
        works = _enter_works(scores)
        if works.height:
            write_entries(work.store, works_name(work, block), works, shape_of(section))
    entries = make_entries(scores, section)
    facts = {"works": works.height, "shingles": int(scores["shingles"].sum())}
    write_entries(work.store, bands_name(work, block), entries, shape_of(section), facts)


def _enter_works(scores: pl.DataFrame) -> pl.DataFrame:
    """Entries whose band is a hash of a work and language."""
    frame = scores.select("text_hash", "work", "language").drop_nulls()
    works = frame.select("work", "language").unique()
    digests = [
        hashlib.blake2b(f"{name}\0{language}".encode(), digest_size=8).digest()
        for name, language in works.iter_rows()
    ]
    bands = np.frombuffer(b"".join(digests), "<u8")
    frame = frame.join(works.with_columns(band=pl.Series(bands)), on=["work", "language"])
    texts = number_texts(frame["text_hash"]).to_numpy()
    return sort_entries(frame["band"].to_numpy(), np.zeros(len(texts), np.uint32), texts)


# --- pairs, by range of bands


def plan_ranges(work: Work, corpus: Corpus) -> Cut:
    """Ranges of bands that fit into memory, as many as a power of two."""
    names = [bands_name(work, block) for block in corpus.blocks]
    entries = sum(work.store.read_metadata(name)["entries"] for name in names)
    count = least_power(entries * ENTRY_BYTES / work.recipe.duplicates.memory_for_data)
    return Cut(corpus, link_key(work, corpus), count)


def pairs_name(work: Work, item: tuple[Cut, int], piece: int = 0) -> str:
    """The object of a piece of the pairs of a range of bands; the first one tells how many."""
    cut, number = item
    place = (number, cut.ranges, piece)
    return name_of("pairs", work.key("pairs", link=cut.links, range=place))


def pair_range(work: Work, item: tuple[Cut, int]) -> None:
    """The pairs of texts that share a band of a range.

    Raises:
        ComponentError: so many texts have one band that they do not fit into memory.
    """
    cut, number = item
    section = work.recipe.duplicates
    bounds = cut_ranges(cut.ranges)[number]
    most = max(1, section.memory_for_data // 4 // PAIR_BYTES)
    band, following, text, place = _read_range(work, cut, bounds)
    pieces = pair_entries(band, following, text, place, most)
    del band, following, text, place  # they go when the first piece needs them no more
    if section.versions == "similar":
        pieces = chain([_pair_works(work, cut, bounds)], pieces)
    first = next(pieces)
    facts = {"pieces": 1, **_sketch(first)}
    for piece, pairs in enumerate(pieces, 1):
        work.store.write_frame(pairs_name(work, item, piece), pairs, row_group_rows=GROUP_ENTRIES)
        facts = {"pieces": piece + 1, **_join_sketches([facts, _sketch(pairs)])}
    work.store.write_frame(pairs_name(work, item), first, facts, GROUP_ENTRIES)


def _read_range(work: Work, cut: Cut, bounds: tuple[int, int]) -> list[NDArray[Any]]:
    """The columns of the entries of a range, and the place of the block that each is of."""
    section = work.recipe.duplicates
    most = LARGEST_RANGE * section.memory_for_data / ENTRY_BYTES
    found: dict[str, list[NDArray[Any]]] = {name: [] for name in [*ENTRIES, "place"]}
    entries = 0
    for place, block in enumerate(cut.corpus.blocks):
        frame = read_entries(work.store, bands_name(work, block), shape_of(section), *bounds)
        for name in ENTRIES:
            found[name].append(frame[name].to_numpy())
        found["place"].append(np.full(frame.height, place, np.uint32))
        entries += frame.height
        if entries > most:
            raise ComponentError(
                f"the entries of one of {cut.ranges} equal ranges of bands fit into {section.memory:,} bytes",
                f"there are more than {entries:,} of {ENTRY_BYTES} bytes: very many texts share a band",
                "[duplicates] memory",
                f"set it to {2 * section.memory:,} or more",
            )
    return [np.concatenate(found.pop(name)) for name in [*ENTRIES, "place"]]


def _pair_works(work: Work, cut: Cut, bounds: tuple[int, int]) -> pl.DataFrame:
    """The pairs of texts that may be versions of one work."""
    frames = [pl.DataFrame(schema={**ENTRIES, "place": pl.UInt32})]
    shape = shape_of(work.recipe.duplicates)
    for place, block in enumerate(cut.corpus.blocks):
        if work.store.read_metadata(bands_name(work, block))["works"]:
            frame = read_entries(work.store, works_name(work, block), shape, *bounds)
            frames.append(frame.with_columns(place=pl.lit(place, dtype=pl.UInt32)))
    works = pl.concat(frames)
    places = works.group_by("text").agg(pl.col("place").min())
    pairs = find_versions(
        works.select(text_hash="text", work="band", language=pl.lit("", pl.String))
    )
    for name in ("a", "b"):
        found = places.rename({"text": f"hash_{name}", "place": f"place_{name}"})
        pairs = pairs.join(found, on=f"hash_{name}")
    return pairs.rename({"hash_a": "a", "hash_b": "b"}).select(PAIRS.names()).cast(PAIRS)


# --- pairs, each once, by part of the texts


def plan_parts(work: Work, cut: Cut) -> Cut:
    """Parts whose sets of shingles fit into memory, as many as a power of two.

    An estimate: a text is in the part where its pairs begin, and in those of the texts before it,
    once for each pair at the most. `verify_part` looks at what there is, and takes what does not
    fit a piece at a time.
    """
    blocks = cut.corpus.blocks
    shingles = sum(
        work.store.read_metadata(bands_name(work, block))["shingles"] for block in blocks
    ) / max(1, sum(block.documents for block in blocks))
    names = [pairs_name(work, (cut, number)) for number in range(cut.ranges)]
    found = _join_sketches([work.store.read_metadata(name) for name in names])
    texts, pairs = (_count_distinct(found[of]) for of in ("texts", "pairs"))
    held = min(2 * pairs, texts + pairs) * shingles * SHINGLE_BYTES + PAIR_BYTES * pairs
    return replace(cut, parts=least_power(held / work.recipe.duplicates.memory_for_data))


def _sketch(pairs: pl.DataFrame) -> dict[str, list[int]]:
    """Of the pairs, and of the texts in them, the `SKETCHED` least hashes; texts are their own."""
    a, b = (pairs[end].to_numpy() for end in ("a", "b"))
    hashes = {"pairs": a * MIXED + b, "texts": np.concatenate([a, b])}
    return {of: distinct(some)[:SKETCHED].tolist() for of, some in hashes.items()}


def _join_sketches(sketches: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """The sketch of all that several are of."""
    return {
        of: sorted(set(chain.from_iterable(one[of] for one in sketches)))[:SKETCHED]
        for of in ("pairs", "texts")
    }


def _count_distinct(least: Sequence[int]) -> float:
    """How many there are of what has these least hashes, within 3 % (Bar-Yossef et al. 2002)."""
    return len(least) if len(least) < SKETCHED else (SKETCHED - 1) * 2.0**64 / least[-1]


def candidates_name(work: Work, item: tuple[Cut, int]) -> str:
    """The object of the pairs that begin in a part of the texts."""
    return name_of("candidates", _part_key(work, "candidates", item))


def wanted_name(work: Work, item: tuple[Cut, int]) -> str:
    """The object of the texts that are in these pairs, by the block that has them."""
    return name_of("wanted", _part_key(work, "candidates", item))


def _part_key(work: Work, step: str, item: tuple[Cut, int]) -> str:
    cut, number = item
    return work.key(step, link=cut.links, ranges=cut.ranges, part=(number, cut.parts))


def merge_pairs(work: Work, item: tuple[Cut, int]) -> None:
    """The pairs whose first text is in a part, of all ranges, each once."""
    cut, number = item
    first, last = (pl.lit(bound, dtype=pl.UInt64) for bound in cut_ranges(cut.parts)[number])
    frames = [pl.DataFrame(schema=PAIRS)]
    for each in range(cut.ranges):
        pieces = work.store.read_metadata(pairs_name(work, (cut, each)))["pieces"]
        for piece in range(pieces):
            scan = work.store.scan_frame(pairs_name(work, (cut, each), piece))
            frames.append(scan.filter(pl.col("a").is_between(first, last)).collect())
    pairs = pl.concat(frames).unique(["a", "b"], keep="any").sort("a", "b")
    ends = [pairs.select(place=f"place_{end}", text=end) for end in ("a", "b")]
    wanted = pl.concat(ends).unique().sort("place", "text")
    work.store.write_frame(wanted_name(work, item), wanted, row_group_rows=GROUP_WANTED)
    metadata = {"candidates": pairs.height}
    work.store.write_frame(candidates_name(work, item), pairs.select("a", "b"), metadata)


# --- sets of shingles, by block


def sets_name(work: Work, item: tuple[Cut, int]) -> str:
    """The object of the sets of shingles that a block gives."""
    cut, place = item
    return name_of("sets", _part_key(work, "sets", (cut, place)))


def cut_block(work: Work, item: tuple[Cut, int]) -> None:
    """The sets of shingles of a block's texts, once for each part that wants them."""
    cut, place = item
    parts = []
    for number in range(cut.parts):
        scan = work.store.scan_frame(wanted_name(work, (cut, number)))
        mine = scan.filter(pl.col("place") == place).select("text").collect()
        parts.append(mine.select(pl.lit(number, dtype=pl.UInt32).alias("part"), "text"))
    wanted = pl.concat(parts)
    block = cut.corpus.blocks[place]
    hashes = read_scores(work, block, ["text_hash"])["text_hash"].unique()
    chosen = hashes.filter(number_texts(hashes).is_in(wanted["text"].unique().implode()))
    texts = _read_texts(work, block, chosen.sort()).unique("text_hash", keep="any")
    frames = [pl.DataFrame(schema=SETS)]
    for some in cut_sets([texts], work.recipe.duplicates):
        data, ends = some.shingles.astype("<u8").tobytes(), (8 * some.offsets).tolist()
        pieces = [data[start:end] for start, end in pairwise(ends)]
        sizes = np.diff(some.offsets).astype(np.uint32)
        found = pl.DataFrame({"text_hash": some.text_hash, "size": sizes, "shingles": pieces})
        found = found.with_columns(number_texts(some.text_hash))
        frames.append(found.join(wanted, on="text").select(SETS.names()).cast(SETS))
    sets = pl.concat(frames).sort("part", "text_hash")
    work.store.write_frame(sets_name(work, item), sets, row_group_rows=GROUP_SETS)


# --- verified pairs, by part


def verified_name(work: Work, item: tuple[Cut, int]) -> str:
    """The object of the verified pairs of a part."""
    return name_of("verify", _part_key(work, "verify", item))


def verify_part(work: Work, item: tuple[Cut, int]) -> None:
    """The verified pairs of a part, so many at a time that their sets fit into memory.

    Raises:
        ComponentError: two texts alone do not fit.
    """
    cut, number = item
    section = work.recipe.duplicates
    scans = []
    sizes = [pl.DataFrame(schema={"place": pl.Int64, "text_hash": pl.String, "size": pl.UInt32})]
    for place in range(len(cut.corpus.blocks)):
        scans.append(work.store.scan_frame(sets_name(work, (cut, place))))
        mine = scans[-1].filter(pl.col("part") == number)
        sizes.append(mine.select(pl.lit(place).alias("place"), "text_hash", "size").collect())
    texts = pl.concat(sizes, how="vertical_relaxed").unique("text_hash", keep="first")
    texts = texts.with_columns(number_texts(texts["text_hash"]))
    pairs = work.store.read_frame(candidates_name(work, item))
    for end in ("a", "b"):
        names = {"text": end, "text_hash": f"hash_{end}", "size": f"size_{end}"}
        pairs = pairs.join(texts.select(*names).rename(names), on=end, how="left")
    if missing := pairs["hash_a"].null_count() + pairs["hash_b"].null_count():
        asked, came = "the texts of all candidate pairs are given", f"{missing} did not come"
        raise ComponentError(asked, came)
    links = [pl.DataFrame(schema=LINKS)]
    for some in _cut_pairs(pairs.sort("hash_a", "hash_b"), section):
        ends = pl.concat([some["hash_a"], some["hash_b"]]).unique()
        held = texts.filter(texts["text_hash"].is_in(ends.implode())).partition_by("place")
        links.append(compare(some, _read_sets(scans, number, held), section))
    found = pl.concat(links).sort("hash_a", "hash_b")
    metadata = {"candidates": pairs.height, "pairs": found.height}
    work.store.write_frame(verified_name(work, item), found, metadata)


def _cut_pairs(pairs: pl.DataFrame, section: DuplicatesSection) -> list[pl.DataFrame]:
    """Sorted pairs in pieces whose sets fit into memory."""
    if pairs.is_empty():
        return []
    room = max(section.memory_for_data - PAIR_BYTES * pairs.height, section.memory_for_data // 4)
    most = max(1, room // SHINGLE_BYTES)
    sizes = pairs.select(pl.col("size_a").cast(pl.Int64), pl.col("size_b").cast(pl.Int64))
    largest = sizes.sum_horizontal().max()
    assert isinstance(largest, int)
    if largest * SHINGLE_BYTES > section.memory_for_data:
        raise ComponentError(
            f"the shingles of two texts fit into {section.memory:,} bytes",
            f"two have {largest:,} of {SHINGLE_BYTES} bytes",
            "[duplicates] memory",
            f"set it to {section.memory + largest * SHINGLE_BYTES:,} or more",
        )
    is_new = pairs["hash_a"] != pairs["hash_a"].shift(1, fill_value="")
    held = (sizes["size_a"] * is_new + sizes["size_b"]).cum_sum()
    return pairs.with_columns(piece=(held / most).floor()).partition_by(
        "piece", maintain_order=True, include_key=False
    )


def _read_sets(
    scans: Sequence[pl.LazyFrame], part: int, wanted: Iterable[pl.DataFrame]
) -> Iterator[Sets]:
    """The sets of wanted texts of a part: frames with one `place` each, and `text_hash`."""
    for texts in wanted:
        scan = scans[texts["place"][0]].filter(pl.col("part") == part)
        given = scan.select("text_hash", "shingles").collect()
        some = given.join(texts, on="text_hash", how="semi").rechunk()
        array = some["shingles"].to_arrow(compat_level=pl.CompatLevel.oldest())
        _, ends, data = array.buffers()
        ends = np.frombuffer(ends, "<i8")[array.offset : array.offset + len(array) + 1]
        shingles = np.frombuffer(data, "u1")[ends[0] : ends[-1]].view("<u8")
        yield Sets(some["text_hash"], shingles, (ends - ends[0]) // 8)


def gather_links(work: Work, cut: Cut) -> None:
    """The verified pairs of all parts as one object, in their order, which is that of the hashes."""
    names = [verified_name(work, (cut, number)) for number in range(cut.parts)]
    facts = [work.store.read_metadata(name) for name in names]
    summed = {of: sum(fact[of] for fact in facts) for of in ("candidates", "pairs")}
    work.store.join_frames(link_name(work, cut.corpus), names, summed)
