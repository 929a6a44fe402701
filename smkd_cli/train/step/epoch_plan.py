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

from smkd_cli.data import augmentation
from smkd_cli.data.augmentation.contract import Augmentation
from smkd_cli.data.images.contract import Columns
from smkd_cli.errors import MethodError
from smkd_cli.methods import Views
from smkd_cli.methods.sampling import Population, Sampler, Uniform
from smkd_cli.seeds import generator
from smkd_cli.train.step.mixture import Mixture


def named(columns: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The columns whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in columns.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class EpochPlan:
    """An epoch, a row per position.

    Attributes:
        columns: ``indices`` (n, P) int64, of the sample, for both peers (P = 1) or for each (P = 2); what
            each rule of the augmentation drew, (n, K, …) for K views, of both peers or first A's, then B's, by
            ``view.``, the rule's position and its name; what the method drew, (n, …), by ``drawn.`` and its name; and
            what was drawn for mixing images, (n, …), by ``mix.`` and its name.
        samples: the indices, on the host.
    """

    columns: Mapping[str, Tensor]
    samples: np.ndarray

    def __len__(self) -> int:
        return len(self.columns["indices"])

    def batches(self, batch_size: int, first: int = 0) -> Iterator[Columns]:
        """The batches from number ``first`` on."""
        for start in range(first * batch_size, len(self), batch_size):
            yield {name: column[start : start + batch_size] for name, column in self.columns.items()}

    def samples_of_batches(self, batch_size: int, first: int = 0) -> Iterator[np.ndarray]:
        """The samples of the same batches, (N, P) each."""
        for start in range(first * batch_size, len(self), batch_size):
            yield self.samples[start : start + batch_size]


@dataclass(frozen=True)
class Draws:
    """What is drawn for each image.

    Attributes:
        augmentation: rules, in their order.
        views: of each image.
        sampler: draws the order.
        scores: (n,) of each peer, where the sampler goes by them.
        others: draws what the method wants beside, given the generator and the batches' sizes.
        method: its name, for messages.
        mixture: how images of a batch are mixed, if they are.
    """

    augmentation: Sequence[Augmentation] = ()
    views: Views = field(default_factory=Views)
    sampler: Sampler = field(default_factory=Uniform)
    scores: Sequence[np.ndarray] = ()
    others: Callable[[np.random.Generator, Sequence[int]], Mapping[str, Any]] = lambda _random, _sizes: {}
    method: str = "the method"
    mixture: Mixture | None = None


def plan_epoch(
    samples: np.ndarray,
    noisy_labels: np.ndarray,
    seed: int,
    epoch: int,
    batch_size: int,
    draws: Draws,
    device: torch.device,
) -> EpochPlan:
    """Draw the plan of one epoch.

    A last batch of a single sample is left out, because batch normalisation cannot be computed on it.

    Args:
        samples: (m,) int64, indices of the training samples.
        noisy_labels: (n,) int64, of all samples.

    Raises:
        MethodError: the method's ``sampler`` or ``draw`` does not give what it should.
    """
    random = generator(seed, "batches", epoch)
    orders = [
        draws.sampler.order(random, Population(samples, noisy_labels, batch_size, score))
        for score in draws.scores or (None,)
    ]
    for order in orders:
        _check_order(draws.method, order, len(samples), len(noisy_labels))
    count = len(samples)
    count -= count % batch_size == 1 and count > 1
    columns: dict[str, np.ndarray] = {"indices": np.stack(orders, axis=1)[:count]}
    views = draws.views.count * (1 if draws.views.shared else 2)
    for position, rule in enumerate(draws.augmentation):
        for name, values in augmentation.draw(rule, random, count, views).items():
            if values.shape[:2] != (count, views):
                raise ValueError(f"{rule.name} should draw {name} of shape ({count}, {views}, …), not {values.shape}")
            columns[f"view.{position}.{name}"] = values
    sizes = [min(batch_size, count - start) for start in range(0, count, batch_size)]
    drawn = draws.others(random, sizes)
    if not isinstance(drawn, Mapping):
        raise MethodError(f"{draws.method}: draw should give arrays by name, not {drawn!r:.80}")
    for name, values in drawn.items():
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
            raise MethodError(f"{draws.method}: draw should give {name} as an array of numbers, not {values!r:.80}")
        if values.shape[:1] != (count,):
            raise MethodError(f"{draws.method}: draw should give {name} of shape ({count}, …), not {values.shape}")
        columns[f"drawn.{name}"] = values
    if draws.mixture is not None:
        columns |= {f"mix.{name}": values for name, values in draws.mixture.draw(random, sizes).items()}
    on_device = {name: torch.from_numpy(values).to(device) for name, values in columns.items()}
    return EpochPlan(on_device, columns["indices"])


def _check_order(method: str, order: object, count: int, samples: int) -> None:
    wanted = f"{count} indices from 0 to {samples - 1}"
    if not isinstance(order, np.ndarray) or order.shape != (count,) or order.dtype != np.int64:
        got = f"{order.dtype} {order.shape}" if isinstance(order, np.ndarray) else f"{order!r:.80}"
        raise MethodError(f"{method}: sampler should order {wanted} as int64, not {got}")
    if count and not 0 <= order.min() <= order.max() < samples:
        raise MethodError(f"{method}: sampler should order {wanted}, not from {order.min()} to {order.max()}")
