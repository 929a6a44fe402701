"""Formulas that many methods share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from smkd_cli.methods.outputs import Outputs


def logistic(x: Tensor, b: float) -> Tensor:
    """h(x, b) = 1 / (1 + exp(−x·b)), elementwise."""
    return (x * b).sigmoid()


def cross_entropy(target: Tensor, own: Outputs) -> Tensor:
    """H(t, p) = −Σ_c t_c ln p_c per sample, (N,), for a target (N, C) of any mass."""
    return (target * own.log_probs).sum(1).neg()


def interpolate(labels: Tensor, prediction: Tensor, trust: Tensor | float) -> Tensor:
    """q̃ = (1 − ε) q + ε p̃ (Eq. 3), (N, C), for a trust ε that is a number, () or (N,)."""
    if not isinstance(trust, float) and trust.ndim == 1:
        trust = trust.unsqueeze(1)
    return labels + trust * (prediction - labels)
