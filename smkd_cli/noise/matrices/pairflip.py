"""Pairflip noise: a label turns into the next class, the last into the first (Han et al. 2018, Co-teaching)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def transition_matrix(rate: float, classes: int, dataset: str | None) -> NDArray[np.float64]:  # noqa: ARG001
    """P_ii = 1 - rate, P_i,(i+1) mod C = rate."""
    identity = np.eye(classes)
    return (1 - rate) * identity + rate * np.roll(identity, 1, axis=1)
