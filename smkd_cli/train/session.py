"""The live state of a cell in training: the pair, and counters; how it is saved and restored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from smkd_cli.train.pair import Pair
from smkd_cli.train.timeline import Moment, Timeline


@dataclass
class Progress:
    """How far the cell is: ``step`` steps of epoch number ``epoch`` (from 1, through all stages) are done.

    ``rows`` are metrics.csv's; ``stage`` is the number of the stage that has begun, -1 before the first.

    ``seconds`` counts everything, ``epoch_seconds`` the training steps of the current epoch.
    """

    epoch: int = 1
    step: int = 0
    stage: int = -1
    seconds: float = 0.0
    resumed: int = 0
    epoch_seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)


class Session:
    """Everything that changes while a cell trains.

    Args:
        pair: freshly made.
        steps: per epoch.
        timeline: of the method.
    """

    def __init__(self, pair: Pair, steps: int, timeline: Timeline) -> None:
        self.pair, self.steps, self.timeline = pair, steps, timeline
        self.progress = Progress()

    @property
    def now(self) -> Moment:
        """Where the current epoch is."""
        return self.timeline.at(self.progress.epoch)

    def begin_epoch(self) -> Moment:
        """Set the clock to the current epoch; enter its stage, if it is the first of one."""
        now, progress = self.now, self.progress
        if now.number != progress.stage:
            self.pair.begin(now.stage, now.number)
            progress.stage = now.number
        self._set_clock(now)
        return now

    def _set_clock(self, now: Moment) -> None:
        clock = self.pair.clock
        clock.epoch.fill_(now.epoch)
        clock.epochs.fill_(now.stage.epochs)
        clock.iteration.fill_((now.epoch - 1) * self.steps + self.progress.step)
        clock.iterations.fill_(now.stage.epochs * self.steps)

    def small_memories(self) -> list[dict[str, float]]:
        """Single numbers in each peer's memory: what refining labels after training needs."""
        return [
            {name: value.item() for name, value in memory.items() if not value.ndim} for memory in self.pair.memories
        ]

    def state(self) -> dict[str, Tensor]:
        """Every tensor that resuming needs, by name."""
        tensors = self.pair.tensors() | {"random.cpu": torch.get_rng_state()}
        if self.pair.site.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.pair.site.device)
        return tensors

    def restore(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Go back to where :meth:`state` was taken."""
        pair, device = self.pair, self.pair.site.device
        with torch.no_grad():
            for name, value in pair.tensors().items():
                value.copy_(tensors[name])
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"], device)
        self.progress = progress
        pair.set_stage(max(progress.stage, 0))
