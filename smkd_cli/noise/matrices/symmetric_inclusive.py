"""Symmetric noise that draws from all classes, the own one included (Tanaka et al. 2018, Arazo et al. 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def transition_matrix(rate: float, classes: int, dataset: str | None) -> NDArray[np.float64]:  # noqa: ARG001
    """P_ii = 1 - rate + rate / C, P_ij = rate / C: the expected share of wrong labels is rate (C - 1) / C."""
    matrix = np.full((classes, classes), rate / classes)
    np.fill_diagonal(matrix, 1 - rate + rate / classes)
    return matrix
