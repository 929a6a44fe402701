"""The terms that robust losses are made of: each takes ln p and one-hot labels (N, C) and gives losses (N,).

p_y is the probability of the noisy label. All of them are taken from ln p, so that 1 − p_y keeps its digits near one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LOG_ZERO = math.log(1e-4)
"""A, what ln 0 is taken for in RCE: the authors clip the one-hot label to [1e-4, 1]."""

_LOG_FLOOR = math.log(1e-7)


def log_noisy(log_probs: Tensor, onehot: Tensor) -> Tensor:
    """ln p_y, of the noisy label."""
    return (onehot * log_probs).sum(1)


def mae(log_probs: Tensor, onehot: Tensor) -> Tensor:
    """1 − p_y: half of the papers' ‖q − p‖₁ = 2 − 2 p_y, as in the code of APL."""
    return -log_noisy(log_probs, onehot).expm1()


def rce(log_probs: Tensor, onehot: Tensor, log_zero: float = LOG_ZERO) -> Tensor:
    """H(p, q) = −Σ_c p_c ln q_c with ln 0 := A, which is −A (1 − p_y)."""
    return -log_zero * mae(log_probs, onehot)


def gce(log_probs: Tensor, onehot: Tensor, q: float) -> Tensor:
    """(1 − p_y^q)/q, with p_y kept above 1e-7. Its gradient is p_y^q times that of CE."""
    return -(q * log_noisy(log_probs, onehot).clamp_min(_LOG_FLOOR)).expm1() / q


def ngce(log_probs: Tensor, onehot: Tensor, q: float) -> Tensor:
    """(1 − p_y^q)/(C − Σ_c p_c^q): GCE over what it is summed over all labels, with p kept above 1e-7."""
    missed = -(q * log_probs.clamp_min(_LOG_FLOOR)).expm1()
    return (onehot * missed).sum(1) / missed.sum(1)


def nce(log_probs: Tensor, onehot: Tensor) -> Tensor:
    """ln p_y/Σ_c ln p_c, in [0, 1]: CE over what it is summed over all labels."""
    return log_noisy(log_probs, onehot) / log_probs.sum(1)


def _focal(log_probs: Tensor, gamma: float) -> Tensor:
    """−(1 − p_c)^γ ln p_c of every label c, (N, C), the power detached as in the authors' code."""
    return -((-log_probs.detach().expm1()) ** gamma) * log_probs


def fl(log_probs: Tensor, onehot: Tensor, gamma: float) -> Tensor:
    """−sg[(1 − p_y)^γ] ln p_y, the focal loss."""
    return (onehot * _focal(log_probs, gamma)).sum(1)


def nfl(log_probs: Tensor, onehot: Tensor, gamma: float) -> Tensor:
    """FL over what it is summed over all labels, in [0, 1]."""
    focal = _focal(log_probs, gamma)
    return (onehot * focal).sum(1) / focal.sum(1)
