"""Pairs, verdicts, survivors, and the documents that are made of kept ones."""

from __future__ import annotations

from collections import Counter
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
from curate.steps.clustering import Clustering, choose_at_once, make_clustering, read_members
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

HITS = pl.Schema({"source": pl.String, "rule": pl.String, "hit": pl.Int64})
PASSING = pl.Schema({"source": pl.String, "passing": pl.UInt32})
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


def members_name(key: str, place: int) -> str:
    """The object of the duplicates in a block."""
    return name_of("survivors", f"{key}-{place:05}")


def plan_survivors(work: Work, decided: Decided) -> Clustering:
    """What is clustered: what passes; with made documents, those and what is kept."""
    section = work.recipe.duplicates
    corpus, made = decided.corpus, decided.made
    key = survivors_key(work, decided)
    documents = [block.documents for block in corpus.blocks + made.blocks]
    if not made.blocks:
        read = partial(_read_passing, decided)
        return make_clustering(key, read, documents, section, decided.links, decided.earlier)
    # a made text is meant to be near to its parent: only equal texts count
    scope = "snapshot" if section.scope == "snapshot" else "release"
    section = section.model_copy(update={"versions": "off", "by": (), "scope": scope})
    return make_clustering(key, partial(_read_kept_and_made, decided), documents, section)


def find_survivors(work: Work, decided: Decided) -> None:
    """Who survives among the passing documents of a corpus; counts in the metadata.

    With made documents: which of them repeat a kept document, or one another.
    """
    clustering = plan_survivors(work, decided)
    members = choose_at_once(work, clustering)
    for place in range(len(_judged(decided).blocks)):
        mine = members.filter(pl.col("place") == place)
        _write_members(work, (decided, clustering, place), mine)
    sum_survivors(work, decided)


def settle_block(work: Work, item: tuple[Decided, Clustering, int]) -> None:
    """The duplicates in a block, of all pieces."""
    _write_members(work, item, read_members(work, *item[1:]))


def _judged(decided: Decided) -> Corpus:
    """The documents that survive or not."""
    return decided.made if decided.made.blocks else decided.corpus


def _write_members(
    work: Work, item: tuple[Decided, Clustering, int], members: pl.DataFrame
) -> None:
    decided, clustering, place = item
    if decided.made.blocks:
        members = members.filter(pl.col("source").str.starts_with(MADE))
    members = members.sort("id")
    hits = members.drop_nulls("rule").group_by("source", "rule").agg(hit=pl.len())
    released = members.filter("is_earlier").group_by("rule").len()
    metadata = {"hits": hits.sort("source", "rule").rows(), "released_before": released.rows()}
    name = members_name(clustering.graph.key, place)
    work.store.write_frame(name, members.select(*MEMBERS.names(), "is_earlier"), metadata)


def sum_survivors(work: Work, decided: Decided) -> None:
    """Count the duplicates of all blocks."""
    blocks = _judged(decided).blocks
    key = survivors_key(work, decided)
    facts = [work.store.read_metadata(members_name(key, n)) for n in range(len(blocks))]
    hits = [pl.DataFrame(fact["hits"], HITS, orient="row") for fact in facts]
    hits += [pl.DataFrame(schema=HITS), *_left_out(work, decided)]
    sources = [pl.DataFrame(schema=PASSING), *(_count_sources(work, block) for block in blocks)]
    funnel = _count_duplicates(work, pl.concat(sources), pl.concat(hits))
    released: Counter[str] = Counter()
    for fact in facts:
        released.update(dict(fact["released_before"]))
    metadata = {"funnel": funnel.to_dicts(), "released_before": dict(sorted(released.items()))}
    work.store.write_frame(name_of("survivors", key), funnel, metadata)


def count_released_before(work: Work, decided: Decided) -> dict[str, int]:
    """How many documents each rule finds to be duplicates of what was released before."""
    return dict(
        work.store.read_metadata(name_of("survivors", decided.survivors))["released_before"]
    )


def find_released_before(work: Work, decided: Decided, place: int) -> pl.Series:
    """The ids of those documents of a block that are duplicates of what was released before."""
    members = work.store.read_frame(members_name(decided.survivors, place), ["id", "is_earlier"])
    return members.filter("is_earlier")["id"]


def _left_out(work: Work, decided: Decided) -> list[pl.DataFrame]:
    """`HITS` of the documents that are compared with others and are not released."""
    if decided.made.blocks or work.recipe.duplicates.release_reference:
        return []
    return [
        _count_sources(work, block).select(
            "source", rule=pl.lit(REFERENCE), hit=pl.col("passing").cast(pl.Int64)
        )
        for block in decided.corpus.blocks
        if block.priority in work.recipe.references
    ]


def _read_passing(decided: Decided, work: Work, place: int) -> pl.DataFrame:
    """What is compared of a block's documents."""
    return _read_compared(work, decided.corpus, place)


def _read_kept_and_made(decided: Decided, work: Work, number: int) -> pl.DataFrame:
    """What is compared of the documents that are kept, and in the blocks after those of the made."""
    read = len(decided.corpus.blocks)
    if number >= read:
        return _read_compared(work, decided.made, number - read)
    kept = read_verdicts(work, decided, number)["removed_by"].is_null()
    return read_comparable(work, decided.corpus, number).filter(kept)


def _read_compared(work: Work, corpus: Corpus, place: int) -> pl.DataFrame:
    chosen = compared(work, corpus.blocks[place])
    return read_comparable(work, corpus, place).filter(chosen)


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
        members: `HITS`.
    """
    left = sources.group_by("source").agg(pl.col("passing").sum()).sort("source")
    rows = []
    for rule in duplicate_rules(work.recipe):
        removes = work.recipe.duplicates.action == "remove" or rule == REFERENCE
        mine = members.filter(pl.col("rule") == rule)
        hits = mine.group_by("source").agg(pl.col("hit").sum())
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
    members = work.store.read_frame(members_name(survivors, place), MEMBERS.names())
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
