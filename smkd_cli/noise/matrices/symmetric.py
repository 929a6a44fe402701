"""Symmetric noise: a label turns into any other class alike, never into its own."""

from __future__ import annotations

from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.forms import Even


def transitions(rate: float, classes: int, dataset: str | None) -> Even:  # noqa: ARG001
    """P_ii = 1 - rate, P_ij = rate / (C - 1): the expected share of wrong labels is the rate."""
    return Even(classes, 1 - rate, rate / (classes - 1))


KIND = NoiseKind(name="symmetric", transitions=transitions)
