"""Which image comes when, cropped where and flipped how: a whole epoch drawn at its start.

The plan is a function of the seed and the epoch alone, so a run that resumes in the middle of an epoch draws the same
plan again and no generator's state needs saving.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smkd_cli.seeds import generator


@dataclass(frozen=True)
class EpochPlan:
    """Per position of the epoch: the sample's index (n,) int64, its crop offset (n, 2) int64, its flip (n,) bool."""

    indices: Tensor
    offsets: Tensor
    flips: Tensor

    def batches(self, batch_size: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The batches from number ``first`` on."""
        for start in range(first * batch_size, len(self.indices), batch_size):
            part = slice(start, start + batch_size)
            yield self.indices[part], self.offsets[part], self.flips[part]


def plan_epoch(
    samples: np.ndarray, seed: int, epoch: int, batch_size: int, padding: int, flip: bool, device: torch.device
) -> EpochPlan:
    """Draw the plan of one epoch over the samples with these indices (n,).

    A last batch of a single sample is left out, because batch normalisation cannot be computed on it.
    """
    random = generator(seed, "batches", epoch)
    order = random.permutation(samples)
    if len(order) % batch_size == 1 and len(order) > 1:
        order = order[:-1]
    offsets = random.integers(0, 2 * padding + 1, size=(len(order), 2))
    flips = random.random(len(order)) < 0.5 if flip else np.zeros(len(order), dtype=bool)
    return EpochPlan(*(torch.from_numpy(array).to(device) for array in (order, offsets, flips)))
