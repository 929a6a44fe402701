"""No noise: the labels stay as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smkd_cli.errors import UsageError


def transition_matrix(rate: float, classes: int, dataset: str | None) -> NDArray[np.float64]:  # noqa: ARG001
    """The identity.

    Raises:
        UsageError: the rate is not 0.
    """
    if rate != 0:
        raise UsageError(f"clean labels have noise rate 0, not {rate:g}: leave the rate out or choose another kind")
    return np.eye(classes)
