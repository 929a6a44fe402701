"""The live state of a cell in training: the pair, and counters; how it is saved and restored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from smkd_cli.artifacts.tensors import difference
from smkd_cli.errors import DataError
from smkd_cli.methods import Stage
from smkd_cli.train.step.pair import Pair
from smkd_cli.train.step.schedule import learning_rate_at
from smkd_cli.train.step.stages import StagePosition, StageSchedule

_CPU_STATE, _CUDA_STATE = "random.cpu", "random.cuda"
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass
class Progress:
    """How far the cell is: ``step`` steps of epoch number ``epoch`` (from 1, through all stages) are done.

    ``rows`` are metrics.csv's; ``stage`` is the number of the stage that has begun, -1 before the first.

    ``seconds`` counts everything, ``epoch_seconds`` the training steps of the current epoch.
    """

    epoch: Annotated[int, Field(ge=1)] = 1
    step: Annotated[int, Field(ge=0)] = 0
    stage: Annotated[int, Field(ge=-1)] = -1
    seconds: Seconds = 0.0
    resumed: Annotated[int, Field(ge=0)] = 0
    epoch_seconds: Seconds = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)


class TrainingState:
    """Everything that changes while a cell trains.

    Args:
        pair: freshly made.
        steps: per epoch.
        schedule: of the method's stages.
    """

    def __init__(self, pair: Pair, steps: int, schedule: StageSchedule) -> None:
        self.pair, self.steps, self.schedule = pair, steps, schedule
        self.progress = Progress()

    @property
    def position(self) -> StagePosition:
        """Where the current epoch is."""
        return self.schedule.at(self.progress.epoch)

    def begin_epoch(self) -> Stage:
        """Set the clock to the current epoch, and give its stage; enter that, if the epoch is the first of it."""
        position, progress = self.position, self.progress
        if position.number != progress.stage:
            self.pair.begin(position.stage, position.number)
            progress.stage = position.number
        self._set_clock(position)
        return position.stage

    def _set_clock(self, position: StagePosition) -> None:
        self.pair.loss.steps_per_epoch = self.steps
        self.pair.loss.set_time(position.epoch, self.progress.step)

    def learning_rate(self, step: int) -> float:
        """Of a step of the current epoch, from 0."""
        return learning_rate_at(self.pair.spec.recipe, self.position, step / self.steps)

    def small_memories(self) -> list[dict[str, float]]:
        """Single numbers in each peer's memory: what refining labels after training needs."""
        return [
            {name: value.item() for name, value in memory.items() if not value.ndim} for memory in self.pair.memories
        ]

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that resuming needs, by name."""
        tensors = self.pair.tensors() | {_CPU_STATE: torch.get_rng_state()}
        if self.pair.machine.device.type == "cuda":
            tensors[_CUDA_STATE] = torch.cuda.get_rng_state(self.pair.machine.device)
        return tensors

    def restore(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Go back to where :meth:`tensors` were taken, on whatever device that was.

        Raises:
            DataError: that was no state of this cell; the message names a tensor or a count.
        """
        pair, device = self.pair, self.pair.machine.device
        wanted = self.tensors()
        if not tensors.keys() & wanted.keys() & {_CUDA_STATE}:  # begun on another device
            tensors, wanted = ({n: v for n, v in each.items() if n != _CUDA_STATE} for each in (tensors, wanted))
        if wrong := difference(tensors, wanted):
            raise DataError(wrong)
        self._check(progress)
        try:
            torch.set_rng_state(tensors[_CPU_STATE])
            if _CUDA_STATE in tensors:
                torch.cuda.set_rng_state(tensors[_CUDA_STATE], device)
        except RuntimeError as error:
            raise DataError(f"the state of a random generator is not valid: {error}") from error
        with torch.no_grad():
            for name, value in pair.tensors().items():
                value.copy_(tensors[name])
        self.progress = progress
        pair.set_stage(max(progress.stage, 0))

    def _check(self, progress: Progress) -> None:
        """Raise a DataError if there is no such position in this cell's training."""
        position = f"step {progress.step} of epoch {progress.epoch} in stage {progress.stage}"
        if progress.epoch > self.schedule.epochs or progress.step > self.steps:
            raise DataError(f"{position} is beyond the {self.schedule.epochs} epochs of {self.steps} steps")
        number = self.schedule.at(progress.epoch).number
        if progress.stage not in ({number} if progress.step else {number, number - 1}):
            raise DataError(f"{position}: that epoch is in stage {number}")
