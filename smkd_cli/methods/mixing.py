"""Mixup: images and labels in pairs (Zhang et al., ICLR 2018). What is drawn for it, and the mixture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def shares_by_batch(random: np.random.Generator, batches: Sequence[int], alpha: float) -> NDArray[np.float64]:
    """λ ~ Beta(α, α), one for each batch, at every position of it: (m,), where ``batches`` add up to m."""
    return random.beta(alpha, alpha, len(batches)).repeat(batches)


def shares_by_sample(random: np.random.Generator, batches: Sequence[int], alpha: float) -> NDArray[np.float64]:
    """λ ~ Beta(α, α), one for each position, (m,)."""
    return random.beta(alpha, alpha, sum(batches))


def partners(random: np.random.Generator, batches: Sequence[int], views: int = 1) -> NDArray[np.int64]:
    """With which image of its batch each is mixed: (m, V), a permutation of 0 … V·N − 1 in each batch of N.

    Row i, column v is the partner of image v·N + i of the batch, whose views stand one after another.
    """
    import numpy as np

    drawn = [random.permutation(views * size).reshape(views, size).T for size in batches]
    return np.concatenate(drawn)


def mixed(images: Tensor, partners: Tensor, share: Tensor) -> Tensor:
    """λ x + (1 − λ) x', (N, …), for images, or labels, x and x' (N, …) and λ (N,)."""
    return partners.lerp(images, share.view(-1, *[1] * (images.ndim - 1)))
