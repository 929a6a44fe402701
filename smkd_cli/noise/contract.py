"""What a kind of label noise is: a function that gives its transition matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from smkd_cli.noise.forms import Dense, Matrix, Transitions

# Rows are sums of rounded numbers.
_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class NoiseKind:
    """A kind of label noise: one of two functions, each of ``(rate, classes, dataset)``.

    The rate is in [0, 1], and what it means is up to the kind; the classes C are at least 2; ``dataset`` is the name of
    the data set whose labels they are, or None. What of them the kind cannot do with, it refuses with a
    :class:`~smkd_cli.errors.UsageError`.

    Attributes:
        name: what recipes and ``smkd corrupt --kind`` call it.
        matrix: float64 (C, C), P(noisy = j | clean = i): row clean, column noisy, each row sums to 1.
        transitions: the same in a form that needs no memory in C² (:mod:`smkd_cli.noise.forms`), for many classes.
    """

    name: str
    matrix: Callable[[float, int, str | None], Matrix] | None = None
    transitions: Callable[[float, int, str | None], Transitions] | None = None

    def __post_init__(self) -> None:
        if (self.matrix is None) == (self.transitions is None):
            raise ValueError(f"the kind of noise {self.name} should have either a matrix or transitions")

    def at(self, rate: float, classes: int, dataset: str | None) -> Transitions:
        """The transitions at a rate.

        Raises:
            ValueError: the kind's function returned something else.
        """
        if self.transitions is None:
            assert self.matrix is not None
            return Dense(_checked(self.matrix(rate, classes, dataset), classes))
        made = self.transitions(rate, classes, dataset)
        if not isinstance(made, Transitions) or made.classes != classes:
            raise ValueError(f"transitions should return Transitions of {classes} classes")
        return made


def is_noise_kind(value: object) -> TypeGuard[NoiseKind]:
    """Whether a value is a kind of noise."""
    return isinstance(value, NoiseKind)


def _checked(value: object, classes: int) -> Matrix:
    """The value as a matrix of probabilities (C, C); raises ValueError if it is none."""
    matrix = np.asarray(value, dtype=np.float64)
    if matrix.shape != (classes, classes):
        raise ValueError(f"the matrix has shape {matrix.shape}, not {(classes, classes)}")
    if not ((matrix >= 0) & (matrix <= 1)).all():  # also refuses NaN
        raise ValueError("the matrix should hold probabilities, in [0, 1]")
    if (wrong := np.abs(matrix.sum(axis=1) - 1) > _TOLERANCE).any():
        row = int(wrong.argmax())
        raise ValueError(f"row {row} of the matrix sums to {matrix[row].sum():g}, not 1")
    return matrix
