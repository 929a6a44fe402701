"""What keeps a network that corrects its labels from giving one label to all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def prior_cross_entropy(log_probs: Tensor) -> Tensor:
    """−Σ_c (1/C) ln p̄_c, (), for p̄ the mean of the predictions (N, C): cross entropy of p̄ with a uniform prior."""
    # Not the logarithm of a mean, which is −∞ where all probabilities of a class are rounded to zero.
    return math.log(log_probs.shape[0]) - log_probs.logsumexp(0).mean()


def prior_divergence(log_probs: Tensor) -> Tensor:
    """Σ_c (1/C) ln((1/C)/p̄_c), (): the Kullback-Leibler divergence, which is the cross entropy less ln C."""
    return prior_cross_entropy(log_probs) - math.log(log_probs.shape[1])
