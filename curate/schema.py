"""The columns that flow through: one declared schema, so that a misspelt column is an error.

A document's columns come from a source; each scorer adds its own; `decide` adds the verdict.
A scorer's columns either hold a value, or its `<scorer>_state` says why they are null:
`failed` (the scorer broke on this document: a hit for each of its rules), `not_applicable`
(the scorer does not cover this document: no hit), `not_computed` (a lazy scorer was not run).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from curate.errors import ComponentError

DataType: TypeAlias = pl.DataType | type[pl.DataType]

DOCUMENT: dict[str, DataType] = {
    "id": pl.String,  # 32 hex digits
    "source_id": pl.String,  # the source's own id
    "source": pl.String,  # commoncrawl | wikipedia | subtitles | records | augment:<kind>
    "snapshot": pl.String,
    "uri": pl.String,
    "date": pl.String,  # ISO 8601, as precise as the source says
    "title": pl.String,
    "text": pl.String,
    "parent": pl.String,  # id of the document that this one was made of, or is a further part of
    "part": pl.Int64,  # from 1, of a document that was cut; null for one in one piece
    "work": pl.String,  # versions of one work (a film) share it and stay in one split
    "input": pl.String,  # identity of the input file
    "declared_language": pl.String,  # what the source says: HTML's lang, the dump's language
    "canonical_uri": pl.String,  # the address that the page itself calls its own
    "licence": pl.String,  # address of the licence that the page links to
    "robots": pl.String,  # directives, lower-case, sorted, joined by commas (noindex,noai)
    "encoding": pl.String,  # in which the bytes were read, where that was found or declared
    "encoding_score": pl.Float64,  # 0 to 1: how sure the encoding is
    "categories": pl.String,  # of a wiki page, joined by |
    "page_kind": pl.String,  # disambiguation | list; null for an ordinary page
}
SKIPPED: dict[str, DataType] = {
    "input": pl.String,  # identity of the input file
    # Where known, the byte of the stored (not the decompressed) input at which the record begins,
    # or the compressed member, frame, block or archive member in which it begins.
    "offset": pl.Int64,
    "uri": pl.String,
    "reason": pl.String,  # a short fixed name, counted in the funnel
    "detail": pl.String,
}
PARALLEL: dict[str, DataType] = {
    "id": pl.String,  # 32 hex digits
    "kind": pl.String,  # alignments | moses | times
    "work": pl.String,  # as of the documents
    "language_a": pl.String,  # as the corpus spells it
    "source_id_a": pl.String,  # of the document, as the corpus names it
    "sentences_a": pl.String,  # which of it, with spaces between them
    "text_a": pl.String,
    "language_b": pl.String,
    "source_id_b": pl.String,
    "sentences_b": pl.String,
    "text_b": pl.String,
    "overlap": pl.Float64,  # of the times in which they are shown, 0 to 1, where times are known
    "certainty": pl.Float64,  # that the corpus gives, on a scale of its own
    "input": pl.String,  # identity of the input file
}
VERDICT: dict[str, DataType] = {
    "removed_by": pl.String,
    "value": pl.Float64,
    "limit": pl.String,
    "duplicate_of": pl.String,
    "similarity": pl.Float64,
    "cluster_size": pl.Int64,
}
MATCH: dict[str, DataType] = {  # an item of an evaluation set in a document
    "set": pl.String,
    "item": pl.String,
    "words": pl.Int64,  # of the item
    "start": pl.Int64,  # of the stretch that holds it, in characters of the text
    "end": pl.Int64,
    "overlap": pl.Float64,  # share of the item's n-grams
}
PASSAGE: dict[str, DataType] = {  # a passage of a document that another one keeps
    "start": pl.Int64,  # in characters of the text before `spans`
    "end": pl.Int64,
    "words": pl.Int64,
    "id": pl.String,  # of the document that keeps most of it
}
FOUND = (
    "shared",
    "site_lines",
    "common_paragraphs",
)  # scorers whose columns take the whole corpus, in objects of their own steps
PERSONAL: dict[str, DataType] = {  # a place of personal data, without the data
    "kind": pl.String,  # email | phone | ip | iban | card | national_id | address | key | password
    "form": pl.String,  # the country and name of a number (GBR nhs), where it has them; else empty
    "start": pl.Int64,  # in bytes of the text
    "end": pl.Int64,
}
TOXIC_SPAN: dict[str, DataType] = {  # a sentence, or what holds it
    "start": pl.Int64,  # in bytes of the text
    "end": pl.Int64,
    "score": pl.Float64,
}
STATES = ("failed", "not_applicable", "not_computed")
BEFORE_SPANS = (
    "_before_spans"  # ends the name of a column as it was before `spans` changed the text
)


@dataclass(frozen=True)
class Column:
    """A column that a scorer adds.

    Attributes:
        scorer: name of the scorer that computes it.
        dtype: its Polars type.
        decimals: floats are rounded to this many places before any rule sees them.
    """

    scorer: str
    dtype: DataType
    decimals: int = 6

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return self.dtype in {pl.Float64, pl.Int64}


COLUMNS: dict[str, Column] = {
    "language": Column("language", pl.String),  # ISO 639-3, `und` where unknown
    "script": Column("language", pl.String),  # ISO 15924
    "language_score": Column("language", pl.Float64, 4),
    "languages": Column("language", pl.String),  # `eng:0.7 deu:0.3`, the largest share first
    "language_share": Column("language", pl.Float64, 2),  # of `language`, by letters
    "characters": Column("quality", pl.Int64),  # Unicode code points
    "words": Column("quality", pl.Int64),
    "lines": Column("quality", pl.Int64),
    "paragraphs": Column("quality", pl.Int64),
    "sentences": Column("quality", pl.Int64),
    "stop_words": Column("quality", pl.Int64),  # distinct English ones of eight
    "stop_word_occurrences": Column("quality", pl.Int64),
    "mean_word_length": Column("quality", pl.Float64),  # characters per word
    "median_word_length": Column("quality", pl.Float64),
    "longest_word": Column("quality", pl.Int64),  # characters
    "unique_word_share": Column("quality", pl.Float64),  # type-token ratio
    "unigram_entropy": Column("quality", pl.Float64),  # nats
    "upper_case_word_share": Column("quality", pl.Float64),
    "hash_to_word_ratio": Column("quality", pl.Float64),
    "ellipsis_to_word_ratio": Column("quality", pl.Float64),
    "newline_to_word_ratio": Column("quality", pl.Float64),
    "alphabetic_word_share": Column("quality", pl.Float64),
    "spaced_words": Column("quality", pl.Int64),  # runs between white space
    "mean_spaced_word_length": Column("quality", pl.Float64),
    "median_spaced_word_length": Column("quality", pl.Float64),
    "alphabetic_spaced_word_share": Column("quality", pl.Float64),
    "symbol_spaced_word_share": Column("quality", pl.Float64),
    "symbol_to_spaced_word_ratio": Column("quality", pl.Float64),
    "digit_share": Column("quality", pl.Float64),  # this and the next seven: of the characters
    "upper_case_share": Column("quality", pl.Float64),
    "white_space_share": Column("quality", pl.Float64),
    "non_alphabetic_share": Column("quality", pl.Float64),
    "bracket_share": Column("quality", pl.Float64),
    "curly_bracket_share": Column("quality", pl.Float64),
    "url_share": Column("quality", pl.Float64),
    "lorem_ipsum_ratio": Column("quality", pl.Float64),
    "bullet_line_share": Column("quality", pl.Float64),
    "bullet_line_share_dolma": Column("quality", pl.Float64),
    "bullet_line_share_redpajama": Column("quality", pl.Float64),
    "ellipsis_line_share": Column("quality", pl.Float64),
    "ellipsis_line_share_dolma": Column("quality", pl.Float64),
    "line_punctuation_share": Column("quality", pl.Float64),
    "line_punctuation_share_redpajama": Column("quality", pl.Float64),
    "short_line_share": Column("quality", pl.Float64),  # lines of fewer than 30 characters
    "short_line_share_to_30": Column("quality", pl.Float64),  # lines of 30 characters or fewer
    "long_lines": Column("quality", pl.Int64),  # of 200 characters or more
    "longest_line": Column("quality", pl.Int64),  # characters
    "words_per_line": Column("quality", pl.Float64),
    "upper_case_line_share": Column("quality", pl.Float64),
    "numeric_line_share": Column("quality", pl.Float64),
    "one_word_line_share": Column("quality", pl.Float64),
    "javascript_line_share": Column("quality", pl.Float64),
    "corrected_word_share": Column(
        "quality", pl.Float64
    ),  # words that RefinedWeb's line rules take out
    "c4_line_share": Column("quality", pl.Float64),  # lines that C4's line rules keep
    "c4_sentences": Column("quality", pl.Int64),  # in those lines
    "duplicate_line_share": Column("quality", pl.Float64),
    "duplicate_line_character_share": Column("quality", pl.Float64),
    "duplicate_paragraph_share": Column("quality", pl.Float64),
    "duplicate_paragraph_character_share": Column("quality", pl.Float64),
    "repeated_line_share": Column("quality", pl.Float64),
    "repeated_line_character_share": Column("quality", pl.Float64),
    "repeated_paragraph_share": Column("quality", pl.Float64),
    "repeated_paragraph_character_share": Column("quality", pl.Float64),
    **{
        f"top_{n}_gram_{share}": Column("quality", pl.Float64)
        for n in (2, 3, 4)
        for share in (
            *("character_share", "share_datatrove", "share_dolma"),
            *("share_redpajama", "share_dclm"),
        )
    },
    **{
        f"duplicate_{n}_gram_{share}": Column("quality", pl.Float64)
        for n in (5, 6, 7, 8, 9, 10)
        for share in ("character_share", "share_datatrove", "share_dolma")
    },
    "has_lorem_ipsum": Column("quality", pl.Boolean),
    "has_curly_bracket": Column("quality", pl.Boolean),
    "has_javascript": Column("quality", pl.Boolean),
    "stop_word_share": Column("stopwords", pl.Float64),  # of the document's own language
    "distinct_stop_words": Column("stopwords", pl.Int64),
    "fineweb2_stop_words": Column("fineweb2_stopwords", pl.Int64),  # distinct, of FineWeb-2's lists
    "perplexity": Column("perplexity", pl.Float64, 2),
    "perplexity_bucket": Column("perplexity", pl.String),  # head | middle | tail
    "toxicity": Column("toxicity", pl.Float64, 4),  # the highest of a piece
    "toxicity_mean": Column("toxicity", pl.Float64, 4),  # of the pieces
    "toxicity_threat": Column("toxicity", pl.Float64, 4),  # null here and below: no such class
    "toxicity_insult": Column("toxicity", pl.Float64, 4),
    "toxicity_identity_attack": Column("toxicity", pl.Float64, 4),
    "toxicity_sexual": Column("toxicity", pl.Float64, 4),
    "toxicity_obscene": Column("toxicity", pl.Float64, 4),
    "toxicity_spans": Column("toxicity", pl.List(pl.Struct(TOXIC_SPAN))),
    "toxicity_bundled": Column("toxicity", pl.Float64, 4),  # of a cascade: of its first stage
    "toxicity_sent": Column("toxicity", pl.Boolean),  # to its second; null: which cannot judge it
    "female_words": Column("bias", pl.Int64),
    "male_words": Column("bias", pl.Int64),
    "mentions_gender": Column("bias", pl.Int64),
    "mentions_religion": Column("bias", pl.Int64),
    "mentions_nationality": Column("bias", pl.Int64),
    "mentions_ethnicity": Column("bias", pl.Int64),
    "mentions_orientation": Column("bias", pl.Int64),
    "mentions_disability": Column("bias", pl.Int64),
    "mentions_age": Column("bias", pl.Int64),
    "dialect_markers": Column("bias", pl.Int64),
    "register_markers": Column("bias", pl.Int64),
    "derogatory_mentions": Column("bias", pl.Int64),
    "url_list": Column("urls", pl.String),  # name:entry of the block list that has the address
    "url_allowed": Column("urls", pl.Boolean),  # an allow list has it
    "url_word_score": Column("urls", pl.Float64, 4),  # sum of the weights of its words
    "robots_noindex": Column("page", pl.Boolean),
    "robots_noarchive": Column("page", pl.Boolean),
    "robots_noai": Column("page", pl.Boolean),  # AI training or data mining is not wanted
    "licence_kind": Column("page", pl.String),  # public-domain | by | by-sa | … | other
    "has_open_licence": Column("page", pl.Boolean),
    "is_disambiguation": Column("page", pl.Boolean),
    "is_list_page": Column("page", pl.Boolean),
    "language_disagrees": Column("page", pl.Boolean),  # declared and detected
    "is_canonical": Column("page", pl.Boolean),  # the page calls this address its own
    "cleaned_word_share": Column("cleaning", pl.Float64),  # words that went with dropped lines
    "personal": Column("personal", pl.Int64),  # places of personal data, of the kinds asked for
    **{
        f"personal_{kind}": Column("personal", pl.Int64)
        for kind in (
            *("email", "phone", "ip", "iban", "card"),
            *("national_id", "address", "key", "password"),
        )
    },
    "personal_spans": Column("personal", pl.List(pl.Struct(PERSONAL))),
    "contamination": Column("contamination", pl.Float64, 4),  # greatest weighed overlap
    "contaminating_items": Column("contamination", pl.Int64),
    "contamination_matches": Column("contamination", pl.List(pl.Struct(MATCH))),
    "shared_word_share": Column("shared", pl.Float64),  # of words in passages that others keep
    "longest_shared_words": Column("shared", pl.Int64),  # words of the longest of them
    "shared_with": Column("shared", pl.String),  # who keeps that
    "shared_passages": Column("shared", pl.List(pl.Struct(PASSAGE))),
    "site_lines_character_share": Column("site_lines", pl.Float64),  # lines that its site repeats
    "common_paragraphs_character_share": Column("common_paragraphs", pl.Float64),  # snapshot
    "text_hash": Column("signatures", pl.String),  # 32 hex digits of the normalised text
    "shingles": Column("signatures", pl.Int64),  # distinct shingles
    "signature": Column("signatures", pl.Binary),  # MinHash values, little-endian uint32
}


CLASSIFIER = "classifier_"  # begins the name of a scorer that `[[classifiers]]` names


def classifier_columns(name: str) -> tuple[str, str, str]:
    """The columns of a classifier that a recipe names: label, score, state."""
    return f"{name}_label", f"{name}_score", f"{CLASSIFIER}{name}_state"


def column_facts(name: str) -> Column:
    """The declaration of a column, those of a recipe's classifiers included.

    Raises:
        KeyError: it is no score column.
    """
    if name not in COLUMNS:
        owner, _, what = name.rpartition("_")
        if owner and what in ("label", "score"):
            return Column(CLASSIFIER + owner, pl.String if what == "label" else pl.Float64, 4)
    return COLUMNS[name]


def document_id(source: str, identity: str) -> str:
    """The 128-bit id of a record, as 32 hex digits."""
    text = f"{source}\0{identity}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def columns_of(scorer: str) -> dict[str, DataType]:
    """The columns of one scorer, its state column last.

    Raises:
        ComponentError: no column is declared for the scorer.
    """
    found = {name: column.dtype for name, column in COLUMNS.items() if column.scorer == scorer}
    if scorer.startswith(CLASSIFIER):
        label, score, _ = classifier_columns(scorer.removeprefix(CLASSIFIER))
        found = {label: pl.String, score: pl.Float64}
    if not found:
        raise ComponentError(
            f"scorer {scorer!r} has columns", "none is declared", "curate/schema.py"
        )
    return {**found, f"{scorer}_state": pl.String}


def conform(scores: pl.DataFrame, scorer: str) -> pl.DataFrame:
    """The scorer's columns alone, in declared order and type, floats rounded.

    Raises:
        ComponentError: a declared column is missing, or a float is NaN (never by accident).
    """
    wanted = columns_of(scorer)
    missing = [name for name in wanted if name not in scores.columns]
    if missing:
        raise ComponentError(f"scorer {scorer!r} gives its columns", f"{missing} are missing")
    expressions = []
    for name, dtype in wanted.items():
        expression = pl.col(name).cast(dtype)
        if dtype == pl.Float64:
            expression = expression.round(column_facts(name).decimals)
        expressions.append(expression)
    frame = scores.select(expressions)
    for name, dtype in wanted.items():
        if dtype == pl.Float64 and frame[name].is_nan().any():
            raise ComponentError(f"scorer {scorer!r} gives numbers", f"column {name!r} has NaN")
    return frame
