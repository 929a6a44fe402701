"""The labels as people gave them: nothing is drawn, and how many of them are wrong is not said."""

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
        raise UsageError(f"given labels are taken as they are, at no rate, not {rate:g}: leave the rate out")
    return Single(np.arange(classes), 0.0)


KIND = NoiseKind(name="given", transitions=transitions)
