"""A run whose steps are done in this process, one item after the other."""

from __future__ import annotations

from dataclasses import dataclass, field

from curate.steps.work import Work


@dataclass
class InOrder:
    """What the drivers of stages ask of `flows.run.Run`.

    Attributes:
        work: the run.
        stages: how many items each stage had.
    """

    work: Work
    stages: dict[str, int] = field(default_factory=dict)

    def objects(self, stage, function, items, name):
        """What a run does, which names objects that the step makes."""
        for item in items:
            function(self.work, item)
            assert self.work.store.has(name(self.work, item))
        self.stages[stage] = self.stages.get(stage, 0) + len(items)
