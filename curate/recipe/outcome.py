"""The sections of what comes out: the audit, alarms, augmentation and the release."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curate.recipe.section import Section


class AuditSection(Section):
    """What the rules do to documents that speak of groups of people.

    Attributes:
        maximum_ratio: a rule that hits the documents that speak of a group so many times as often
            as all documents, and more often than chance explains, is flagged.
        minimum_hits: documents of the group that the rule must hit before it is.
        samples: removed documents of which the card shows the first words, at most; 0: none. They are
            texts that the release does not hold: mind that before a card is published.
        action: `warn` names what is flagged at the end of the run; `stop` ends the run before it
            releases.
    """

    maximum_ratio: Annotated[float, Field(ge=1, strict=False)] = 1.5
    samples: Annotated[int, Field(ge=0, le=100)] = 10
    minimum_hits: Annotated[int, Field(ge=1)] = 10
    action: Literal["warn", "stop"] = "warn"


class AlarmSection(Section):
    """Losses that stop a run before it releases: what wipes out a whole part is seldom meant.

    Attributes:
        maximum_source_loss: the share of an entry of `[[sources]]` that rules and duplicates may
            remove; 1: any.
        maximum_language_loss: the same of each language that `[language] keep` names; where it names
            none, of all but `und`, and what `minimum_score` removes does not count.
        maximum_site_loss: the same of each site (host), and what `[urls]` removes does not count.
            Rules often remove whole sites, and rightly: any loss is allowed unless asked for.
        minimum_documents: of fewer, a share says nothing.
    """

    maximum_source_loss: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.999
    maximum_language_loss: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.999
    maximum_site_loss: Annotated[float, Field(gt=0, le=1, strict=False)] = 1.0
    minimum_documents: Annotated[int, Field(ge=1)] = 100

    def limit_of(self, part: Literal["source", "language", "site"]) -> float:
        """The share that a part may lose."""
        return {
            "source": self.maximum_source_loss,
            "language": self.maximum_language_loss,
            "site": self.maximum_site_loss,
        }[part]

    @property
    def watches_sites(self) -> bool:
        """Whether sites are to be counted."""
        return self.maximum_site_loss < 1

    @property
    def is_off(self) -> bool:
        """Whether nothing is watched."""
        return (
            min(self.maximum_source_loss, self.maximum_language_loss, self.maximum_site_loss) == 1
        )


class AugmentSection(Section):
    """Documents made of kept ones, marked with their `parent`.

    Attributes:
        kinds: `counterfactual` swaps gendered words in English documents.
        share: share of the eligible kept documents that get a child.
    """

    kinds: Annotated[tuple[Literal["counterfactual"], ...], Field(strict=False)] = ()
    share: Annotated[float, Field(gt=0, le=1, strict=False)] = 1.0


class ReleaseSection(Section):
    """Shards and splits."""

    shard_documents: Annotated[int, Field(gt=0)] = 100_000
    validation_share: Annotated[float, Field(ge=0, lt=1, strict=False)] = 0.01
