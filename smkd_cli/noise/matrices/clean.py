"""No noise: the labels stay as they are."""

from __future__ import annotations

import numpy as np

from smkd_cli.errors import UsageError
from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.forms import Single


def transitions(rate: float, classes: int, dataset: str | None) -> Single:  # noqa: ARG001
    """The identity.

    Raises:
        UsageError: the rate is not 0.
    """
    if rate != 0:
        raise UsageError(f"clean labels have noise rate 0, not {rate:g}: leave the rate out or choose another kind")
    return Single(np.arange(classes), 0.0)


KIND = NoiseKind(name="clean", transitions=transitions)
