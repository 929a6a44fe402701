"""Where training stands, as a method sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

TimeUnit = Literal["epoch", "iteration"]


@dataclass(frozen=True)
class Clock:
    """Where training stands, as tensors of no dimension that the loop updates in place.

    ``epoch`` runs from 1 to ``epochs`` and ``iteration`` from 1 to ``iterations``, so that each ratio ends at 1; a
    stage begins anew. ``stage`` is its number, from 0.
    """

    epoch: Tensor
    epochs: Tensor
    iteration: Tensor
    iterations: Tensor
    stage: int = 0

    def progress(self, unit: TimeUnit) -> Tensor:
        """t/Γ in (0, 1], counted in epochs or in iterations."""
        return self.epoch / self.epochs if unit == "epoch" else self.iteration / self.iterations
