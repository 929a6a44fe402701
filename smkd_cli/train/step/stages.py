"""The epochs of a training, counted through all stages of its method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smkd_cli.methods import Method, Stage
from smkd_cli.methods.asking import answer


@dataclass(frozen=True)
class StagePosition:
    """An epoch in its stage.

    Attributes:
        number: of the stage, from 0.
        stage: the stage.
        epoch: within the stage, from 1.
    """

    number: int
    stage: Stage
    epoch: int


class StageSchedule:
    """The stages of a method, one after another.

    Args:
        epochs: the recipe's.

    Raises:
        UsageError: the method is not ours, and cannot say its stages.
    """

    def __init__(self, method: Method, epochs: int) -> None:
        self.stages: Sequence[Stage] = answer(method, "stages", epochs)
        self.epochs = sum(stage.epochs for stage in self.stages)

    def at(self, epoch: int) -> StagePosition:
        """Where an epoch is; they count from 1, through all stages."""
        before = 0
        for number, stage in enumerate(self.stages):
            if epoch <= before + stage.epochs:
                return StagePosition(number, stage, epoch - before)
            before += stage.epochs
        raise ValueError(f"there is no epoch {epoch} of {self.epochs}")
