"""Any fastText classifier as a scorer: quality, domain, whatever its labels mean.

The text is prepared as the model's card says (`curate.models.PREPARATIONS`). A card that lists
`languages` limits the scorer to them: other documents are not applicable, as is a text in which the
model knows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.models import card, find_model, identity, label_probability, top_label
from curate.recipe import ClassifierSection
from curate.schema import classifier_columns


@dataclass(frozen=True)
class ClassifierScorer:
    """Adds `<name>_label`, `<name>_score` and `classifier_<name>_state`; reads `language`."""

    section: ClassifierSection

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Score the column `text`.

        Returns:
            The rows with the likeliest label (without fastText's prefix) and its probability, or
            that of the section's `label`; 0–1.

        Raises:
            RecipeError: there is no such model.
            ComponentError: it is no fastText classifier, or lacks the label.
        """
        path = self._path()
        covered = card(path).get("languages")
        text = pl.col("text").fill_null("")
        if self.section.maximum_characters is not None:
            text = text.str.head(self.section.maximum_characters)
        if isinstance(covered, list):
            text = pl.when(pl.col("language").is_in(covered)).then(text).otherwise(pl.lit(""))
        texts = frame.select(text.alias("text")).to_series()
        found = top_label(path, texts)
        score = found["probability"]
        if self.section.label is not None:
            score = label_probability(path, texts, self.section.label.removeprefix("__label__"))
        label, value, state = classifier_columns(self.section.name)
        is_known = found["label"].is_not_null()
        return frame.with_columns(
            found["label"].alias(label),
            pl.select(pl.when(is_known).then(score)).to_series().alias(value),
            pl.select(pl.when(~is_known).then(pl.lit("not_applicable"))).to_series().alias(state),
        )

    def identity(self) -> str:
        """What of the model shapes the scores."""
        path = self._path()
        covered = card(path).get("languages")
        told = ",".join(covered) if isinstance(covered, list) else ""
        section = self.section
        return f"{identity(path)}:{section.label}:{section.maximum_characters}:{told}"

    def _path(self) -> Path:
        return find_model(self.section.model, f"classifiers.{self.section.name}")
