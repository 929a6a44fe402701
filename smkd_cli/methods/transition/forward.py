"""Forward: predictions pass through the transition matrix before they meet noisy labels (Patrini et al., CVPR 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli.methods.contract import Batch, Clock, Outputs
from smkd_cli.methods.transition.known import KnowsTransition, noisy_column

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-7


def forward_losses(probs: Tensor, noisy_labels: Tensor, matrix: Tensor) -> Tensor:
    """−ln (pT)_y per sample, (N,), of predictions (N, C), noisy labels (N,) and T (C, C), with (pT)_y from 1e-7 on."""
    return -(probs * noisy_column(matrix, noisy_labels)).sum(1).clamp_min(_LEAST).log()


class Forward(KnowsTransition):
    """L = mean of −ln (pT)_y for p (N, C) as row vectors and T (C, C), T_ij = P(noisy j | clean i), a constant.

    (pT)_y is kept above 1e-7 as in the authors' code; its other bound, 1 − 1e-7, is left out. A sample below the bound
    has no gradient. With an estimated T the network begins anew once T is known. T need not have an inverse, but a T
    whose rows are all equal is refused: no gradient would pass through it.
    """

    name = "Forward"

    def corrected(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        return forward_losses(own.probs, batch.noisy_labels, own.memory["transition"]).mean()
