"""A pair of peers ready to learn: networks, optimisers, memories, statistics, and the step that changes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from smkd_cli import methods, networks
from smkd_cli.methods import Clock
from smkd_cli.recipe import Recipe
from smkd_cli.scoring import ImageBank
from smkd_cli.seeds import torch_seed
from smkd_cli.train.captured import CapturedStep
from smkd_cli.train.site import Site
from smkd_cli.train.statistics import Statistics
from smkd_cli.train.step import PairStep

PEERS = ("a", "b")
Learn = Callable[[Tensor, Tensor, Tensor], None]


class Pair:
    """Two networks that learn from the same labels.

    Args:
        recipe: its networks, optimiser, batch size and epochs count.
        method: name and options.
        seed: of the initial weights.
        images: the training images, on the site's device.
        labels: (n,) int64, the given labels of all training images, there too.
        clean: (n,) int64, or None where nobody knows them; for statistics only.
        classes, channels: of the data set.
        steps: per epoch.
        site: device, precision, layout.
    """

    def __init__(
        self,
        recipe: Recipe,
        method: tuple[str, dict[str, Any]],
        seed: int,
        images: ImageBank,
        labels: Tensor,
        clean: Tensor | None,
        classes: int,
        channels: int,
        steps: int,
        site: Site,
    ) -> None:
        self.site, self.classes = site, classes
        self.networks = tuple(
            _network(name, classes, channels, torch_seed(seed, "network", peer), site)
            for peer, name in enumerate(recipe.networks)
        )
        # What draws while training (dropout) draws from here on, from torch's own generator.
        torch.manual_seed(torch_seed(seed, "training"))
        self.method = methods.build(*method)
        shapes = self.method.memory(len(labels), classes)
        self.memories = tuple(
            {name: torch.zeros(shape, device=site.device) for name, shape in shapes.items()} for _ in PEERS
        )
        self.optimizers = tuple(_optimizer(network, recipe) for network in self.networks)
        now = (1.0, recipe.epochs, 0.0, recipe.epochs * steps)
        self.clock = Clock(*(torch.tensor(time, dtype=torch.float64, device=site.device) for time in now))
        self.statistics = Statistics(labels, clean)
        self.step = PairStep(
            self.networks,
            self.optimizers,
            self.method,
            self.memories,
            images,
            labels,
            classes,
            self.clock,
            self.statistics,
            site.precision,
            site.both,
        )
        self._captured: CapturedStep | None = None
        self.learn = self._fastest(recipe.batch_size)

    @property
    def falls_back(self) -> str | None:
        """Why the step is done eagerly although the setup says captured, once that is known."""
        return self._captured.impossible if self._captured else None

    def set_learning_rate(self, rate: float) -> None:
        """For the next step, for both peers."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that a step changes, by name: writing into them restores an earlier state."""
        tensors = {"statistics.said": self.statistics.said, "statistics.losses": self.statistics.losses}
        for peer, network, optimizer, memory in zip(PEERS, self.networks, self.optimizers, self.memories, strict=True):
            tensors |= {f"{peer}.weights.{name}": value for name, value in network.state_dict().items()}
            tensors |= {f"{peer}.memory.{name}": value for name, value in memory.items()}
            for name, parameter in network.named_parameters():
                if "momentum_buffer" in optimizer.state[parameter]:
                    tensors[f"{peer}.momentum.{name}"] = optimizer.state[parameter]["momentum_buffer"]
        return tensors

    def _fastest(self, batch_size: int) -> Learn:
        """The step for whole batches as the setup says; an epoch's last batch, if smaller, takes the plain step."""
        step, setup = self.step, self.site.setup
        if setup.step == "eager":
            return step
        whole: Learn = step
        if setup.step == "compiled":
            whole = replace(step, networks=[torch.compile(network, dynamic=False) for network in self.networks])
        if self.site.device.type == "cuda":
            whole = self._captured = CapturedStep(whole, self.tensors)

        def learn(indices: Tensor, offsets: Tensor, flips: Tensor) -> None:
            (whole if len(indices) == batch_size else step)(indices, offsets, flips)

        return learn


def _network(name: str, classes: int, channels: int, seed: int, site: Site) -> nn.Module:
    torch.manual_seed(seed)
    network = networks.build(name, classes=classes, channels=channels)
    return network.to(site.device, memory_format=site.memory_format)  # type: ignore[call-overload, no-any-return]


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    options = recipe.optimizer
    parameters = list(network.parameters())
    device = parameters[0].device
    optimizer = torch.optim.SGD(
        parameters,
        # A captured update reads the rate from the device; a processor takes a plain number faster.
        lr=torch.tensor(options.lr, device=device) if device.type == "cuda" else options.lr,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        nesterov=options.nesterov,
        fused=True,
    )
    if options.momentum:
        for parameter in parameters:
            # From zero, the first update gives the bits of one without a buffer, and every update is alike. Strides
            # count in a fused update, so a buffer has its parameter's layout.
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter, requires_grad=False)
    return optimizer
