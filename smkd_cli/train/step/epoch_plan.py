"""Which image comes when, cropped where and flipped how: a whole epoch drawn at its start.

The plan is a function of the seed, the epoch and, for some methods, of what the method remembers when the epoch begins.
So a run that resumes in the middle of an epoch draws the same plan again and no generator's state needs saving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smkd_cli.methods import Views
from smkd_cli.methods.sampling import Population, Sampler, Uniform
from smkd_cli.seeds import generator

Columns = dict[str, Tensor]


@dataclass(frozen=True)
class EpochPlan:
    """An epoch, a row per position.

    Attributes:
        columns: ``indices`` (n, P) int64, of the sample, for both peers (P = 1) or for each (P = 2); ``offsets``
            (n, K, 2) int64 and ``flips`` (n, K) bool, of the crop of each view, for both peers or first A's, then B's;
            and what the method drew, (n, …), by ``drawn.`` and its name.
    """

    columns: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.columns["indices"])

    def batches(self, batch_size: int, first: int = 0) -> Iterator[Columns]:
        """The batches from number ``first`` on."""
        for start in range(first * batch_size, len(self), batch_size):
            yield {name: column[start : start + batch_size] for name, column in self.columns.items()}


@dataclass(frozen=True)
class Draws:
    """What is drawn for each image.

    Attributes:
        padding: of the images; crops start at 0 … 2·padding.
        flip: whether images are mirrored.
        views: how many crops and flips of each image.
        sampler: draws the order.
        scores: (n,) of each peer, where the sampler goes by them.
        others: draws what the method wants beside, given the generator and the batches' sizes.
    """

    padding: int
    flip: bool
    views: Views = field(default_factory=Views)
    sampler: Sampler = field(default_factory=Uniform)
    scores: Sequence[np.ndarray] = ()
    others: Callable[[np.random.Generator, Sequence[int]], Mapping[str, Any]] = lambda _random, _sizes: {}


def plan_epoch(
    samples: np.ndarray,
    labels: np.ndarray,
    seed: int,
    epoch: int,
    batch_size: int,
    draws: Draws,
    device: torch.device,
) -> EpochPlan:
    """Draw the plan of one epoch.

    A last batch of a single sample is left out, because batch normalisation cannot be computed on it.

    Args:
        samples: (m,) int64, indices of the samples that are learned from.
        labels: (n,) int64, the noisy labels of all samples.
    """
    random = generator(seed, "batches", epoch)
    orders = [
        draws.sampler.order(random, Population(samples, labels, batch_size, score)) for score in draws.scores or (None,)
    ]
    count = len(samples)
    count -= count % batch_size == 1 and count > 1
    views = []
    for _ in range(draws.views.count * (1 if draws.views.shared else 2)):
        offsets = random.integers(0, 2 * draws.padding + 1, size=(count, 2))
        views.append((offsets, random.random(count) < 0.5 if draws.flip else np.zeros(count, dtype=bool)))
    offsets, flips = (np.stack(drawn, axis=1) for drawn in zip(*views, strict=True))
    sizes = [min(batch_size, count - start) for start in range(0, count, batch_size)]
    columns = {"indices": np.stack(orders, axis=1)[:count], "offsets": offsets, "flips": flips}
    columns |= {f"drawn.{name}": values for name, values in draws.others(random, sizes).items()}
    return EpochPlan({name: torch.from_numpy(values).to(device) for name, values in columns.items()})
