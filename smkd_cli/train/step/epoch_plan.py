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
    """Per position of the epoch.

    Attributes:
        indices: (n,) int64, of the sample.
        offsets: (n, V, 2) int64, of the crop of each view.
        flips: (n, V) bool.
        mix: (n,) float64, the image's share in its mixture with the next, one number per batch; None to mix nothing.
    """

    indices: Tensor
    offsets: Tensor
    flips: Tensor
    mix: Tensor | None = None

    def batches(self, batch_size: int, first: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """The batches from number ``first`` on: indices, offsets, flips, and the mix if there is one."""
        columns = [self.indices, self.offsets, self.flips, *([] if self.mix is None else [self.mix])]
        for start in range(first * batch_size, len(self.indices), batch_size):
            yield tuple(column[start : start + batch_size] for column in columns)


@dataclass(frozen=True)
class Draws:
    """What is drawn for each image.

    Attributes:
        padding: of the images; crops start at 0 … 2·padding.
        flip: whether images are mirrored.
        views: how many crops and flips of each image.
        mixup: parameter of the symmetric Beta distribution of a batch's mix; None to mix nothing.
        balanced: (n,) the given labels of all samples, where each is to come equally often; None for a plain epoch.
    """

    padding: int
    flip: bool
    views: int = 1
    mixup: float | None = None
    balanced: np.ndarray | None = None


def plan_epoch(
    samples: np.ndarray, seed: int, epoch: int, batch_size: int, draws: Draws, device: torch.device
) -> EpochPlan:
    """Draw the plan of one epoch over the samples with these indices (n,).

    A last batch of a single sample is left out, because batch normalisation cannot be computed on it.
    """
    random = generator(seed, "batches", epoch)
    order = random.permutation(samples)
    if draws.balanced is not None:
        order = _balanced(order, draws.balanced)
    if len(order) % batch_size == 1 and len(order) > 1:
        order = order[:-1]
    views = []
    for _ in range(draws.views):
        offsets = random.integers(0, 2 * draws.padding + 1, size=(len(order), 2))
        views.append((offsets, random.random(len(order)) < 0.5 if draws.flip else np.zeros(len(order), dtype=bool)))
    offsets, flips = (np.stack(drawn, axis=1) for drawn in zip(*views, strict=True))
    mix = None
    if draws.mixup is not None:
        batches = -(-len(order) // batch_size)
        shares = random.beta(draws.mixup, draws.mixup, batches).repeat(batch_size)[: len(order)]
        mix = torch.from_numpy(shares).to(device)
    indices, offsets_there, flips_there = (torch.from_numpy(array).to(device) for array in (order, offsets, flips))
    return EpochPlan(indices, offsets_there, flips_there, mix)


def _balanced(order: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """As many samples, the classes in turn: any C of them in a row are of all C classes that there are.

    A class with fewer samples repeats them, one with more leaves some to other epochs.
    """
    of_class = [order[labels[order] == label] for label in np.unique(labels[order])]
    rounds = -(-len(order) // len(of_class))
    return np.stack([np.resize(members, rounds) for members in of_class], axis=1).ravel()[: len(order)]
