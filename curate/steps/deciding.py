"""Pairs, verdicts, survivors, and the documents that are made of kept ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import partial

import polars as pl

from curate.augment.counterfactual import swap_gender
from curate.decide import (
    FUNNEL,
    REFERENCE,
    apply_survivors,
    columns_read,
    compile_rules,
    count_rules,
    duplicate_rules,
    judge,
    leave_out,
    preference,
    sum_funnel,
)
from curate.duplicates.clusters import MEMBERS
from curate.schema import COLUMNS, DOCUMENT
from curate.score.comparison import comparison
from curate.steps.clustering import find_members
from curate.steps.measuring import read_scores, score_key
from curate.steps.work import (
    DOCUMENT_COLUMNS,
    EXTRA_COLUMNS,
    Block,
    Corpus,
    Work,
    name_of,
    read_documents,
)

MADE = "augment:"  # begins the source of a made document
MADE_PRIORITY = 1 << 20  # a made document never outlives one that was read


@dataclass(frozen=True)
class Decided:
    """A corpus with what was decided about it.

    Attributes:
        corpus: the documents that were read.
        links: key of the verified pairs.
        earlier: key of what was released before and is near; empty where nothing is asked for.
        survivors: key of the duplicates among what passes.
        made: the documents that were made, one block for each block of the corpus or none.
        made_survivors: key of the duplicates among those.
    """

    corpus: Corpus
    links: str
    earlier: str = ""
    survivors: str = ""
    made: Corpus = field(default_factory=lambda: Corpus(()))
    made_survivors: str = ""


# --- each document by its own scores


def judge_key(work: Work, block: Block) -> str:
    """The key of a block's verdicts: its scores, and the rules as data."""
    rules = compile_rules(work.recipe)
    scorers = sorted({rule.scorer for rule in rules} | {"language"})
    parts = {"scores": [score_key(work, block, scorer) for scorer in scorers]}
    if changed := block.changed:
        parts["changed"] = [score_key(work, changed, scorer) for scorer in scorers]
    return work.key("judge", rules=[asdict(rule) for rule in rules], **parts)


def judge_name(work: Work, block: Block) -> str:
    """The object of a block's verdicts."""
    return name_of("judge", judge_key(work, block))


def judge_block(work: Work, block: Block) -> None:
    """The verdict of each document by its own scores; counts of each rule in the metadata."""
    rules = compile_rules(work.recipe)
    documents = work.store.read_frame(block.name, ["source"])
    scores = documents.hstack(read_scores(work, block, columns_read(rules)))
    verdicts = judge(scores, rules)
    counts = count_rules(scores, verdicts, rules)
    work.store.write_frame(judge_name(work, block), verdicts, {"funnel": counts.to_dicts()})


def read_funnel(work: Work, block: Block) -> pl.DataFrame:
    """How the rules met a block's documents."""
    metadata = work.store.read_metadata(judge_name(work, block))
    return pl.DataFrame(metadata["funnel"], schema=FUNNEL)


# --- survivors among what passes


def compared_key(work: Work, block: Block) -> str:
    """The key of which documents are compared: that of the verdicts; empty where all are."""
    return "" if block.priority in work.recipe.references else judge_key(work, block)


def compared(work: Work, block: Block) -> pl.Series:
    """Whether each document is compared: it passes, or it is of a source to compare with."""
    if block.priority in work.recipe.references:
        return pl.repeat(value=True, n=block.documents, eager=True)
    return _passing(work, block)


def _passing(work: Work, block: Block) -> pl.Series:
    name = judge_name(work, block)
    return work.store.read_frame(name, ["removed_by"])["removed_by"].is_null()


def survivors_key(work: Work, decided: Decided) -> str:
    """The key of the duplicates among the documents that pass every other rule."""
    return work.key(
        "survivors",
        links=decided.links,
        earlier=decided.earlier,
        section=work.recipe.duplicates.model_dump(
            include={
                "action",
                "scope",
                "minimum_similarity",
                "versions",
                "version_similarity",
                "by",
                "key",
                "prefer",
                "release_reference",
            }
        ),
        references=work.recipe.references,
        preferred=preferred_keys(work, decided.corpus, decided.made),
        corpus=[(judge_key(work, b), b.priority) for b in decided.corpus.blocks],
        made=[judge_key(work, block) for block in decided.made.blocks],
    )


def preferred_keys(work: Work, *corpora: Corpus) -> list[str]:
    """The keys of the scores by which survivors are chosen."""
    chosen = preference(work.recipe.duplicates)
    if chosen is None:
        return []
    scorer = COLUMNS[chosen[0]].scorer
    return [score_key(work, block, scorer) for corpus in corpora for block in corpus.blocks]


def survivors_name(work: Work, decided: Decided) -> str:
    """The object of the duplicates among what passes."""
    return name_of("survivors", survivors_key(work, decided))


def find_survivors(work: Work, decided: Decided) -> None:
    """Who survives among the passing documents of a corpus; counts in the metadata.

    With made documents: which of them repeat a kept document, or one another.
    """
    section = work.recipe.duplicates
    corpus, made = decided.corpus, decided.made
    name = survivors_name(work, decided)
    earlier = None
    if not made.blocks:
        readers = [partial(_read_compared, work, corpus, n) for n in range(len(corpus.blocks))]
        documents = sum(block.documents for block in corpus.blocks)
        earlier = read_earlier(work, decided.earlier)
        members = find_members(work, readers, documents, decided.links, section, earlier)
        sources = [_count_sources(work, block) for block in corpus.blocks]
    else:
        # a made text is meant to be near to its parent: only equal texts count
        scope = "snapshot" if section.scope == "snapshot" else "release"
        section = section.model_copy(update={"versions": "off", "by": (), "scope": scope})
        readers = [partial(_read_kept, work, decided, n) for n in range(len(corpus.blocks))]
        readers += [partial(_read_compared, work, made, n) for n in range(len(made.blocks))]
        documents = sum(block.documents for block in corpus.blocks + made.blocks)
        members = find_members(work, readers, documents, "", section)
        members = members.filter(pl.col("source").str.starts_with(MADE))
        sources = [_count_sources(work, block) for block in made.blocks]
    hits = pl.concat([members.select("source", "rule").drop_nulls(), *_left_out(work, decided)])
    funnel = _count_duplicates(work, pl.concat(sources), hits)
    before = pl.Series([], dtype=pl.String) if earlier is None else earlier["id"].unique()
    is_earlier = pl.col("duplicate_of").is_in(before.implode()).fill_null(value=False)
    members = members.select(*MEMBERS.names(), "place", is_earlier=is_earlier)
    released = members.filter("is_earlier").group_by("rule").len().sort("rule")
    metadata = {"funnel": funnel.to_dicts(), "released_before": dict(released.rows())}
    work.store.write_frame(name, members.sort("place", "id").rechunk(), metadata)


def count_released_before(work: Work, decided: Decided) -> dict[str, int]:
    """How many documents each rule finds to be duplicates of what was released before."""
    return dict(work.store.read_metadata(survivors_name(work, decided))["released_before"])


def find_released_before(work: Work, decided: Decided, place: int) -> pl.Series:
    """The ids of those documents of a block that are duplicates of what was released before."""
    scan = work.store.scan_frame(name_of("survivors", decided.survivors))
    mine = (pl.col("place") == place) & pl.col("is_earlier")
    return scan.filter(mine).select("id").collect()["id"]


def read_earlier(work: Work, key: str) -> pl.DataFrame | None:
    """What was released before and is near (`EARLIER`), by its key; None where nothing is asked."""
    return work.store.read_frame(name_of("earlier", key)) if key else None


def _left_out(work: Work, decided: Decided) -> list[pl.DataFrame]:
    """`source` and `rule` of each document that is compared with others and is not released."""
    if decided.made.blocks or work.recipe.duplicates.release_reference:
        return []
    return [
        work.store.read_frame(block.name, ["source"])
        .filter(_passing(work, block))
        .with_columns(rule=pl.lit(REFERENCE))
        for block in decided.corpus.blocks
        if block.priority in work.recipe.references
    ]


def _read_compared(work: Work, corpus: Corpus, place: int) -> pl.DataFrame:
    """What is compared of a block's documents."""
    chosen = compared(work, corpus.blocks[place])
    return read_comparable(work, corpus, place).filter(chosen)


def _read_kept(work: Work, decided: Decided, place: int) -> pl.DataFrame:
    """What is compared of a block's documents that are kept."""
    kept = read_verdicts(work, decided, place)["removed_by"].is_null()
    return read_comparable(work, decided.corpus, place).filter(kept)


def _count_sources(work: Work, block: Block) -> pl.DataFrame:
    """How many documents of each source pass."""
    documents = work.store.read_frame(block.name, ["source"])
    return documents.filter(_passing(work, block)).group_by("source").len("passing")


def read_comparable(work: Work, corpus: Corpus, place: int) -> pl.DataFrame:
    """What `choose_survivors` compares, of each document of a block, its source and place."""
    block = corpus.blocks[place]
    section = work.recipe.duplicates
    wanted = ["id", "snapshot", "date", "source", "work", "source_id", "parent", "uri", section.key]
    documents = read_documents(work, corpus, place, list(dict.fromkeys(wanted)))
    chosen = preference(section)
    columns = ["text_hash", "words", "language", *(chosen[:1] if chosen else ())]
    scores = read_scores(work, block, columns)
    return documents.hstack(scores).select(
        *comparison(section, documents["uri"]),
        pl.lit(block.priority in work.recipe.references).alias("is_reference"),
        "id",
        "snapshot",
        "text_hash",
        pl.lit(block.priority, dtype=pl.Int64).alias("priority"),
        pl.col("words").cast(pl.Int64),
        "date",
        "work",
        "language",
        "source_id",
        "source",
        "parent",
        pl.lit(place, dtype=pl.UInt32).alias("place"),
    )


def _count_duplicates(work: Work, sources: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """The rows of the funnel for the duplicate rules.

    Args:
        work: the run.
        sources: `source`, `passing`; a source may have several rows.
        members: with `source`.
    """
    left = sources.group_by("source").agg(pl.col("passing").sum()).sort("source")
    rows = []
    for rule in duplicate_rules(work.recipe):
        removes = work.recipe.duplicates.action == "remove" or rule == REFERENCE
        hits = members.filter(pl.col("rule") == rule).group_by("source").agg(hit=pl.len())
        left = left.join(hits, on="source", how="left", maintain_order="left")
        left = left.with_columns(pl.col("hit").fill_null(0))
        rows.append(
            left.filter(pl.col("passing") > 0)
            .select(
                "source",
                rule=pl.lit(rule),
                met="passing",
                removed="hit" if removes else pl.lit(0),
                tagged=pl.lit(0) if removes else "hit",
                not_applicable=pl.lit(0),
                failed=pl.lit(0),
                not_computed=pl.lit(0),
            )
            .select(FUNNEL.keys())
            .cast(pl.Schema(FUNNEL))
        )
        left = left.select("source", passing=pl.col("passing") - pl.col("hit"))
    return pl.concat(rows)


def read_verdicts(work: Work, decided: Decided, place: int, *, made: bool = False) -> pl.DataFrame:
    """The final verdict of each document of a block: the columns of VERDICT, `tags` and `id`."""
    corpus = decided.made if made else decided.corpus
    survivors = decided.made_survivors if made else decided.survivors
    block = corpus.blocks[place]
    verdicts = work.store.read_frame(judge_name(work, block))
    ids = read_documents(work, corpus, place, ["id"])
    scan = work.store.scan_frame(name_of("survivors", survivors))
    members = scan.filter(pl.col("place") == place).select(MEMBERS.names()).collect()
    section = work.recipe.duplicates
    verdicts = apply_survivors(ids.hstack(verdicts), members, section)
    left_out = block.priority in work.recipe.references and not section.release_reference
    return leave_out(verdicts, section) if left_out else verdicts


# --- documents made of kept ones


def make_key(work: Work, decided: Decided, place: int) -> str:
    """The key of what is made of a block's kept documents."""
    return work.key(
        "make",
        documents=decided.corpus.blocks[place].key,
        place=place,
        ids=decided.corpus.ids,
        verdicts=judge_key(work, decided.corpus.blocks[place]),
        survivors=decided.survivors,
        section=work.recipe.augment.model_dump(),
        seed=work.recipe.seed,
    )


def make_block(work: Work, item: tuple[Decided, int]) -> None:
    """Make documents of the kept ones of a block."""
    decided, place = item
    section = work.recipe.augment
    documents = read_documents(work, decided.corpus, place)
    languages = read_scores(work, decided.corpus.blocks[place], ["language"])
    kept = documents.hstack(languages).filter(
        read_verdicts(work, decided, place)["removed_by"].is_null()
    )
    made = pl.DataFrame(schema=DOCUMENT)
    if "counterfactual" in section.kinds:
        made = swap_gender(kept, work.recipe.seed, section.share).select(DOCUMENT.keys())
    frame = made.with_columns(
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in EXTRA_COLUMNS.items()
    )
    metadata = {"documents": frame.height, "size": frame["text"].str.len_bytes().sum()}
    name = made_name(work, decided, place)
    work.store.write_frame(name, frame.select(DOCUMENT_COLUMNS.keys()), metadata)


def made_name(work: Work, decided: Decided, place: int) -> str:
    """The object of what is made of a block's kept documents."""
    return name_of("documents", make_key(work, decided, place))


def made_block(work: Work, decided: Decided, place: int) -> Block:
    """The block of what was made of a block's kept documents."""
    metadata = work.store.read_metadata(made_name(work, decided, place))
    key = make_key(work, decided, place)
    return Block(key, metadata["documents"], metadata["size"], MADE_PRIORITY)


def assemble_made(work: Work, decided: Decided) -> Corpus:
    """The blocks of what was made, empty ones left out."""
    blocks = [made_block(work, decided, place) for place in range(len(decided.corpus.blocks))]
    return Corpus(tuple(block for block in blocks if block.documents))


def decided_funnel(work: Work, decided: Decided) -> pl.DataFrame:
    """How each rule met the documents of each source, read and made, in the rules' order."""
    counts = []
    for corpus, survivors in (
        (decided.corpus, decided.survivors),
        (decided.made, decided.made_survivors),
    ):
        counts += [read_funnel(work, block) for block in corpus.blocks]
        if survivors:
            metadata = work.store.read_metadata(name_of("survivors", survivors))
            counts.append(pl.DataFrame(metadata["funnel"], schema=FUNNEL))
    order = [rule.name for rule in compile_rules(work.recipe)]
    return sum_funnel(counts, [*order, *duplicate_rules(work.recipe)])
