"""Symmetric noise: a label turns into any other class alike, never into its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def transition_matrix(rate: float, classes: int, dataset: str | None) -> NDArray[np.float64]:  # noqa: ARG001
    """P_ii = 1 - rate, P_ij = rate / (C - 1): the expected share of wrong labels is the rate."""
    matrix = np.full((classes, classes), rate / (classes - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return matrix
