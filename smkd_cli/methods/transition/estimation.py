"""The transition matrix of the label noise, estimated from anchor points (Patrini et al., CVPR 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Matrices are kept in single precision: a value below its relative rounding error has no meaning.
_RESOLUTION = 2.0**-23


def estimate_transition(probs: Tensor, percentile: float = 100.0) -> Tensor:
    """T_ij = p_j(x_i), (C, C) float64, row clean and column noisy; every row sums to 1.

    x_i, the anchor of class i, is the training sample with the largest p_i, or the one at the ``percentile`` of p_i;
    of equal ones the last. A class that is never the most probable, as after a short training, has an anchor all the
    same: its row then means that its samples mostly have other noisy labels. It has none if p_i is 0 everywhere.

    Args:
        probs: (m, C), predicted probabilities of the training samples, of a network trained on the noisy labels.
        percentile: in [0, 100]; the authors take 97 on CIFAR-10, and the largest on CIFAR-100.

    Raises:
        ValueError: there are no samples; the predictions are no probabilities; a class has no anchor; or all rows are
            equal, because the network predicts the same for every anchor.
    """
    if probs.ndim != 2 or not probs.numel():
        raise ValueError(f"the transition matrix needs predictions (samples, classes), and these are {probs.shape}")
    if not bool((probs >= 0).all()) or not bool(probs.isfinite().all()):
        raise ValueError("the transition matrix needs probabilities: some predictions are negative or not finite")
    rank = round(percentile / 100 * (len(probs) - 1))
    anchors = probs.argsort(stable=True, dim=0)[rank]
    rows = probs[anchors].double()
    missing = (rows.diagonal() == 0).nonzero().flatten().tolist()
    if missing:
        some = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
        raise ValueError(
            f"no sample can be the anchor of class {some}: its probability is 0 everywhere; "
            "let the first stage train longer or at a lower rate"
        )
    matrix = rows / rows.sum(1, keepdim=True)
    check_informative(matrix)
    return matrix


def check_informative(matrix: Tensor) -> None:
    """Raise a ValueError where all rows (C, C) are equal: noisy labels then carry no information on the clean ones."""
    if bool(((matrix - matrix[0]).abs() <= _RESOLUTION).all()):
        raise ValueError(
            "all rows of the transition matrix are equal: noisy labels carry no information on clean ones; "
            "where it is estimated, let the first stage train longer or at another rate"
        )


def check_invertible(matrix: Tensor) -> None:
    """Raise a ValueError where a matrix (C, C) has no inverse that single precision can hold."""
    if not bool(matrix.isfinite().all()):
        raise ValueError("singular transition matrix: it has entries that are not finite")
    import torch

    values = torch.linalg.svdvals(matrix.double())
    if bool(values[-1] <= _RESOLUTION * values[0]):
        raise ValueError(
            "singular transition matrix: two classes, or mixtures of classes, are noisy labels alike; "
            "take Forward, which needs no inverse, or let the estimate train longer"
        )
