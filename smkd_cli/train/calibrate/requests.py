"""Requests to a measuring process, and its answers."""

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
class FreeMemory:
    """Free GPU memory, as a multiple of what the process has taken."""


Request = BestSpeed | SteadySpeed | MatrixPeak | FreeMemory


@dataclass(frozen=True)
class Measured:
    """The measured number."""

    value: float


@dataclass(frozen=True)
class Failure:
    """Why it could not be measured."""

    why: str


Answer = Measured | Failure
