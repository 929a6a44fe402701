"""The modules that a method trains beside the networks: of one peer, or of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smkd_cli import networks
from smkd_cli.seeds import torch_seed
from smkd_cli.train.step import optimizers
from smkd_cli.train.step.spec import PairSpec


@dataclass(frozen=True)
class ExtraModule:
    """A module and what trains it.

    Attributes:
        scheduled: whether its learning rate follows the recipe's schedule.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    scheduled: bool

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor that a step changes, by name."""
        yield from self.module.state_dict().items()
        yield from optimizers.states(self.optimizer, self.module)


def build_extras(spec: PairSpec, device: torch.device, peer: int | None = None) -> dict[str, ExtraModule]:
    """The modules of peer 0 or 1 by name, or (None) those that both share."""
    own, order = ((), (0, 1)) if peer is None else ((peer,), (peer, 1 - peer))
    widths = [networks.facts(spec.recipe.trained[index]).features for index in order]
    extras = {}
    for extra in spec.method.extras():
        if extra.shared == (peer is None):
            torch.manual_seed(torch_seed(spec.seed, f"module {extra.name}", *own))
            module = extra.build(spec.classes, widths).to(device)
            optimizer = optimizers.of_extra(list(module.parameters()), extra.lr, spec.recipe.optimizer)
            extras[extra.name] = ExtraModule(module, optimizer, scheduled=extra.lr is None)
    return extras
