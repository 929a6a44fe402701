"""Symmetric noise that draws from all classes, the own one included (Tanaka et al. 2018, Arazo et al. 2019)."""

from __future__ import annotations

from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.forms import Even


def transitions(rate: float, classes: int, dataset: str | None) -> Even:  # noqa: ARG001
    """P_ii = 1 - rate + rate / C, P_ij = rate / C: the expected share of wrong labels is rate (C - 1) / C."""
    return Even(classes, 1 - rate + rate / classes, rate / classes)


KIND = NoiseKind(name="symmetric-inclusive", transitions=transitions)
