"""Events of a cell in training: from the loop, over the connection of a worker, to the display."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Started:
    """Training begins, or goes on.

    Attributes:
        epoch: the first to be trained, from 1.
        steps: of the whole training.
        resumed: how often it was interrupted before.
    """

    epoch: int
    steps: int
    resumed: int


@dataclass(frozen=True)
class StepsDone:
    """Some steps of an epoch are done.

    Attributes:
        epoch: from 1.
        steps: done since the training's beginning.
        images_per_second: since the last such event.
        mfu: model FLOP utilisation, 0 to 1; None where the machine's peak was not measured.
    """

    epoch: int
    steps: int
    images_per_second: float
    mfu: float | None


@dataclass(frozen=True)
class EpochDone:
    """An epoch has ended.

    Attributes:
        row: of metrics.csv.
    """

    row: Mapping[str, Any]


@dataclass(frozen=True)
class Finished:
    """Training is over, and its result is on the disk.

    Attributes:
        scores: of result.json.
    """

    scores: Mapping[str, Any]


@dataclass(frozen=True)
class Skipped:
    """The cell was finished before."""


@dataclass(frozen=True)
class Failed:
    """The cell could not be trained.

    Attributes:
        error: why, without the cell's name.
    """

    error: str


@dataclass(frozen=True)
class Interrupted:
    """The cell's process has exited, not by its fault; the cell goes on in another."""


@dataclass(frozen=True)
class PassedOver:
    """Another process is training the cell; it is checked again when the others are done."""


Event = Started | StepsDone | EpochDone | Finished | Skipped | Failed | Interrupted | PassedOver
Report = Callable[[Event], None]
