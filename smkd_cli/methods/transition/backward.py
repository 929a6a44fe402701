"""Backward: the losses of all labels, weighted by the inverse transition matrix (Patrini et al., CVPR 2017)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from smkd_cli.methods.contract import Batch, Clock, Outputs
from smkd_cli.methods.transition.estimation import check_invertible
from smkd_cli.methods.transition.known import KnowsTransition

if TYPE_CHECKING:
    from torch import Tensor

_LOG_LEAST = math.log(1e-7)


def inverse_of(matrix: Tensor) -> Tensor:
    """T⁻¹, (C, C) float64; raises a ValueError where T is singular."""
    import torch

    check_invertible(matrix)
    wide = matrix.double()
    inverse: Tensor = torch.linalg.solve(wide, torch.eye(len(wide), dtype=wide.dtype, device=wide.device))
    return inverse


def backward_losses(log_probs: Tensor, noisy_labels: Tensor, inverse: Tensor) -> Tensor:
    """Σ_c (q T⁻¹)_c (−ln p_c) per sample, (N,), of ln p (N, C), labels (N,) and T⁻¹ (C, C), with p from 1e-7 on."""
    return -(inverse[noisy_labels] * log_probs.clamp_min(_LOG_LEAST)).sum(1)


class Backward(KnowsTransition):
    """L = mean of Σ_c (q T⁻¹)_c (−ln p_c) for one-hot labels q and predictions p (N, C), T⁻¹ (C, C) a constant.

    T⁻¹ has negative entries, so the loss may be negative; without a bound it would fall for ever with the p_c of
    negative weight. p is kept above 1e-7 as in the authors' code: below it, a class has no gradient. With an estimated
    T the network begins anew once T is known. A singular T (in single precision) is refused. T is inverted once.
    """

    name = "Backward"

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return {**super().memory(samples, classes), "inverse": (classes, classes)}

    def keep(self, memory: dict[str, Tensor], matrix: Tensor) -> None:
        memory["inverse"].copy_(inverse_of(matrix))
        super().keep(memory, matrix)

    def corrected(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        return backward_losses(own.log_probs, batch.noisy_labels, own.memory["inverse"]).mean()
