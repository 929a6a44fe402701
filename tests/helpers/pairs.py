"""A pair small enough to step in a moment, in any precision and on any device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from smkd_cli import methods
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.recipe import load_recipe
from smkd_cli.scoring import ImageBank
from smkd_cli.train.pair import Pair
from smkd_cli.train.setup import Setup
from smkd_cli.train.site import prepare

SETUP = Setup("cpu", 1, "float32", "channels_last", "in_turn", "eager")
IMAGES, BATCH, CLASSES = 48, 16, 10


def all_methods() -> Iterator[str]:
    """Every method that can be named: a new rule is here without this list being edited."""
    kinds = {name: methods.rules_of(name if name not in _needs_target() else f"{name}+CE") for name in methods.names()}
    exchanges = [name for name, rules in kinds.items() if issubclass(rules[0], ExchangeRule) and name == rules[0].name]
    targets = [name for name, rules in kinds.items() if issubclass(rules[-1], TargetRule) and name == rules[-1].name]
    yield from (f"{exchange}+{target}" for exchange in exchanges for target in targets)
    yield from (name for name in kinds if name not in exchanges and name not in targets)


def _needs_target() -> set[str]:
    found = set()
    for name in methods.names():
        try:
            methods.rules_of(name)
        except ValueError:
            found.add(name)
    return found


@dataclass
class Stepped:
    """A pair and the batches it may learn from."""

    pair: Pair
    batches: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]

    def gradients(self) -> dict[str, torch.Tensor]:
        """Of all weights, of both peers, after the last step."""
        return {
            f"{peer}.{name}": parameter.grad.detach().double()
            for peer, network in zip("ab", self.pair.networks, strict=True)
            for name, parameter in network.named_parameters()
        }


def pair(
    method: str, setup: Setup = SETUP, dtype: torch.dtype = torch.float32, network: str = "small_resnet"
) -> Stepped:
    """A pair in the middle of its training, so that thresholds and trusts have a say."""
    recipe = load_recipe("quickstart", [f"networks={network}", f"batch_size={BATCH}"])
    site = prepare(setup)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (IMAGES, 8, 8, 1), dtype=np.uint8)
    images = ImageBank(pixels, (0.5,), (0.3,), site.device, 1, site.memory_format)
    labels = torch.from_numpy(random.integers(0, CLASSES, IMAGES)).to(site.device)
    made = Pair(recipe, (method, {}), 1, images, labels, labels, CLASSES, 1, 3, site)
    if dtype != torch.float32:
        _widen(made, images, dtype)
    made.set_learning_rate(0.05)
    made.clock.epoch.fill_(20)
    made.clock.iteration.fill_(60)
    order = torch.from_numpy(random.permutation(IMAGES)).to(site.device)
    offsets = torch.from_numpy(random.integers(0, 3, (IMAGES, 2))).to(site.device)
    flips = torch.from_numpy(random.random(IMAGES) < 0.5).to(site.device)
    parts = [slice(start, start + BATCH) for start in range(0, IMAGES, BATCH)]
    return Stepped(made, [(order[part], offsets[part], flips[part]) for part in parts])


def _widen(made: Pair, images: ImageBank, dtype: torch.dtype) -> None:
    """Networks, images and so losses in this type."""
    for network in made.networks:
        network.to(dtype)
    normalised = images._normalised
    images._normalised = lambda pixels: normalised(pixels).to(dtype)  # type: ignore[method-assign]
    for optimizer, network in zip(made.optimizers, made.networks, strict=True):
        for parameter in network.parameters():
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter, requires_grad=False)
