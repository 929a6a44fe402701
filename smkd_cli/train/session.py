"""The live state of a cell in training: networks, optimisers, memories, counters; how it is saved and restored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from smkd_cli import methods, networks
from smkd_cli.datasets import DataSet
from smkd_cli.methods import Clock
from smkd_cli.recipe import Recipe
from smkd_cli.seeds import torch_seed
from smkd_cli.train.labels import TrainingLabels
from smkd_cli.train.schedule import steps_per_epoch
from smkd_cli.train.site import Site
from smkd_cli.train.statistics import Statistics
from smkd_cli.train.step import PairStep

PEERS = ("a", "b")


@dataclass
class Progress:
    """How far the cell is: ``step`` steps of epoch number ``epoch`` (from 1) are done; ``rows`` are metrics.csv's.

    ``seconds`` counts everything, ``epoch_seconds`` the training steps of the current epoch.
    """

    epoch: int = 1
    step: int = 0
    seconds: float = 0.0
    resumed: int = 0
    epoch_seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)


class Session:
    """Everything that changes while a cell trains.

    Args:
        recipe: resolved, of one cell.
        method: name and options of its method.
        dataset: for the classes and channels.
        labels: what is learned from; its clean labels are for statistics only.
        site: device, precision, layout.
    """

    def __init__(
        self,
        recipe: Recipe,
        method: tuple[str, dict[str, Any]],
        seed: int,
        dataset: DataSet,
        labels: TrainingLabels,
        site: Site,
    ) -> None:
        self.site = site
        self.progress = Progress()
        self.steps = steps_per_epoch(len(labels.learned), recipe.batch_size)
        classes, channels = dataset.classes, dataset.image_shape[2]
        self.networks = (
            self._network(recipe.networks[0], classes, channels, torch_seed(seed, "network", 0)),
            self._network(recipe.networks[1], classes, channels, torch_seed(seed, "network", 1)),
        )
        # What draws while training (dropout) draws from here on, from torch's own generator.
        torch.manual_seed(torch_seed(seed, "training"))
        self.method = methods.build(*method)
        # A batch names its samples by their place among all training images, held out or not.
        count = len(labels.given)
        self.memories = self._memory(count, classes), self._memory(count, classes)
        self.optimizers = self._optimizer(self.networks[0], recipe), self._optimizer(self.networks[1], recipe)
        now = (1.0, recipe.epochs, 0.0, recipe.epochs * self.steps)
        self.clock = Clock(*(torch.tensor(time, dtype=torch.float64, device=site.device) for time in now))
        clean = None if labels.clean is None else torch.from_numpy(labels.clean).to(site.device)
        self.statistics = Statistics(clean, site.device)
        self.classes = classes
        self.learn = PairStep(
            self.networks,
            self.optimizers,
            self.method,
            self.memories,
            classes,
            self.clock,
            self.statistics,
            site.precision,
        )

    def _network(self, name: str, classes: int, channels: int, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        network = networks.build(name, classes=classes, channels=channels)
        return network.to(self.site.device, memory_format=self.site.memory_format)  # type: ignore[call-overload, no-any-return]

    def _memory(self, samples: int, classes: int) -> dict[str, Tensor]:
        shapes = self.method.memory(samples, classes)
        return {name: torch.zeros(shape, device=self.site.device) for name, shape in shapes.items()}

    def _optimizer(self, network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
        options = recipe.optimizer
        return torch.optim.SGD(
            network.parameters(),
            lr=options.lr,
            momentum=options.momentum,
            weight_decay=options.weight_decay,
            nesterov=options.nesterov,
            fused=True,
        )

    def set_learning_rate(self, rate: float) -> None:
        """For the next step, for both peers."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def small_memories(self) -> list[dict[str, float]]:
        """Single numbers in each peer's memory: what refining labels after training needs."""
        return [{name: value.item() for name, value in memory.items() if not value.ndim} for memory in self.memories]

    def state(self) -> dict[str, Tensor]:
        """Every tensor that resuming needs, by name."""
        tensors = {"statistics": self.statistics.sums, "random.cpu": torch.get_rng_state()}
        if self.site.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.site.device)
        for peer, network, optimizer, memory in zip(PEERS, self.networks, self.optimizers, self.memories, strict=True):
            tensors |= {f"{peer}.weights.{name}": value for name, value in network.state_dict().items()}
            tensors |= {f"{peer}.memory.{name}": value for name, value in memory.items()}
            for name, parameter in network.named_parameters():
                momentum = optimizer.state[parameter].get("momentum_buffer")
                if momentum is not None:
                    tensors[f"{peer}.momentum.{name}"] = momentum
        return tensors

    def restore(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Go back to where :meth:`state` was taken."""
        for peer, network, optimizer, memory in zip(PEERS, self.networks, self.optimizers, self.memories, strict=True):
            prefix = f"{peer}.weights."
            weights = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            network.load_state_dict(weights, strict=True)
            for name, buffer in memory.items():
                buffer.copy_(tensors[f"{peer}.memory.{name}"])
            for name, parameter in network.named_parameters():
                momentum = tensors.get(f"{peer}.momentum.{name}")
                if momentum is not None:
                    # Strides count for the bits of a fused update, so the buffer takes its parameter's layout.
                    optimizer.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(momentum)
        self.statistics.sums.copy_(tensors["statistics"])
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and self.site.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"], self.site.device)
        self.progress = progress
        self.clock.epoch.fill_(progress.epoch)
        self.clock.iteration.fill_((progress.epoch - 1) * self.steps + progress.step)
