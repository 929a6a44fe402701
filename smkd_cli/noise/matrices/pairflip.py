"""Pairflip noise: a label turns into the next class, the last into the first (Han et al. 2018, Co-teaching)."""

from __future__ import annotations

import numpy as np

from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.forms import Single


def transitions(rate: float, classes: int, dataset: str | None) -> Single:  # noqa: ARG001
    """P_ii = 1 - rate, P_i,(i+1) mod C = rate."""
    return Single((np.arange(classes) + 1) % classes, rate)


KIND = NoiseKind(name="pairflip", transitions=transitions)
