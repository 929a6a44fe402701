"""What a measuring process is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from smkd_cli.recipe import Recipe
from smkd_cli.train.calibrate.trial import ImageKind
from smkd_cli.train.machine.compute import ComputeConfig


@dataclass(frozen=True)
class BestSpeed:
    """Images per second of a recipe's step with a compute configuration, in the fastest of several rounds."""

    recipe: Recipe
    images: ImageKind
    compute: ComputeConfig
    seconds: float


@dataclass(frozen=True)
class SteadySpeed:
    """Images per second of a recipe's step with a compute configuration, over all of the time."""

    recipe: Recipe
    images: ImageKind
    compute: ComputeConfig
    seconds: float


@dataclass(frozen=True)
class MatrixPeak:
    """Floating-point operations per second of a large matrix product with a compute configuration."""

    compute: ComputeConfig


@dataclass(frozen=True)
class Room:
    """How many times what the process has taken of the GPU's memory is still free there."""


Request = BestSpeed | SteadySpeed | MatrixPeak | Room


@dataclass(frozen=True)
class Measured:
    """The number that was asked for."""

    value: float


@dataclass(frozen=True)
class Failure:
    """It could not be measured, and why."""

    why: str


Answer = Measured | Failure
