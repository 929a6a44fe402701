"""A pair small enough to step in a moment, in any stage of any method, in any precision and on any device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data_sets import DATA

from smkd_cli import methods, networks
from smkd_cli.data import find
from smkd_cli.data.images.contract import TrainingImages
from smkd_cli.data.images.reader import ArrayReader
from smkd_cli.methods import LabelFacts
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.recipe import load_recipe
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.device import prepare_machine
from smkd_cli.train.step.build import build_pair, resident_images
from smkd_cli.train.step.pair import Pair

COMPUTE = ComputeConfig("cpu", 1, "float32", "channels_last", "in_turn", "eager")
IMAGES, BATCH, CLASSES = 48, 16, 10
# A method in a file of its own that uses every hook of a step.
DIVIDE = f"{Path(__file__).with_name('divide_mix.py')}:Divide"


def all_methods() -> Iterator[str]:
    """Every rule in some method: a new one is here without this list being edited.

    Every target rule alone, every exchange rule over two target rules that use all of what it calls, and what stands
    alone. Any exchange rule goes with any target rule; ``tests/methods/test_rules.py`` has them all.
    """
    rules = {name: methods.rule(name) for name in methods.names()}
    yield from (f"Zero+{name}" for name, rule in rules.items() if issubclass(rule, TargetRule))
    exchanges = [name for name, rule in rules.items() if issubclass(rule, ExchangeRule) and name != "Zero"]
    yield from (f"{exchange}+{target}" for exchange in exchanges for target in ("MyLC", "CP"))
    yield from (name for name, rule in rules.items() if issubclass(rule, methods.Method))


def all_stages() -> Iterator[str]:
    """Every method in each of its stages, as ``DMI@0`` and, in its last one, ``DMI``; and one that is not ours."""
    for name in (*all_methods(), DIVIDE):
        earlier = len(methods.build(name, options_of(name)).stages(40)) - 1
        yield from (f"{name}@{stage}" for stage in range(earlier))
        yield name


def options_of(name: str) -> dict[str, Any]:
    """What a method needs to be given: a teacher."""
    needs_teacher = any("teacher" in rule.model_fields for rule in methods.rules_of(name))
    return {"teacher": "teacher"} if needs_teacher else {}


@dataclass
class Stepped:
    """A pair and batches to train on."""

    pair: Pair
    batches: list[dict[str, torch.Tensor]]

    def gradients(self) -> dict[str, torch.Tensor]:
        """Of all weights, of both peers, after the last step."""
        return {
            f"{peer}.{name}": parameter.grad.detach().double()
            for peer, network in zip("ab", self.pair.networks, strict=True)
            for name, parameter in network.named_parameters()
        }


@dataclass
class Predicted:
    """An predictions of made-up predictions, which agree with the labels more often than not."""

    noisy_labels: torch.Tensor
    train_indices: torch.Tensor
    logits: torch.Tensor

    def train_logits(self) -> torch.Tensor:
        return self.logits

    def peer_train_logits(self) -> torch.Tensor:
        return self.logits.roll(1, 0)

    def held_out(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.logits, self.logits.roll(1, 0), self.noisy_labels


def pair(
    method: str, compute: ComputeConfig = COMPUTE, dtype: torch.dtype = torch.float32, network: str = "small_resnet"
) -> Stepped:
    """A pair in the middle of a stage, so that thresholds and trusts have a say: ``DMI@0``, or the last of ``DMI``."""
    stepped = untaught_pair(method, compute, network)
    made, method_of, device = stepped.pair, stepped.pair.method, stepped.pair.machine.device
    if dtype != torch.float32:
        _widen(made, dtype)
    noisy_labels = made.noisy_labels
    matrix = torch.eye(CLASSES, dtype=torch.float64, device=device) * 0.5 + 0.5 / CLASSES
    made.prepare(LabelFacts(noisy_labels, CLASSES, 0.4, matrix))
    stages, last = method_of.stages(40), made.clock.stage
    logits = torch.from_numpy(np.random.default_rng(1).normal(size=(IMAGES, CLASSES))).to(device, dtype)
    logits[range(IMAGES), noisy_labels] += 2
    predictions = Predicted(noisy_labels, torch.arange(IMAGES, device=device), logits)
    for number in range(last + 1):
        made.begin(stages[number], number)
        epochs = stages[number].epochs
        _set_clock(made, epochs, epochs)
        for memory in made.memories if number < last else ():
            method_of.after_epoch(memory, made.clock, predictions)
    _set_clock(made, max(1, stages[last].epochs // 2), stages[last].epochs)
    return stepped


def untaught_pair(
    method: str,
    compute: ComputeConfig = COMPUTE,
    network: str = "small_resnet",
    placed: Callable[..., TrainingImages] = resident_images,
    overrides: Sequence[str] = (),
) -> Stepped:
    """A pair in a stage that the method knows nothing of: nothing of this reads a number from the device.

    Args:
        placed: makes training images of a reader.
        overrides: of the recipe; its data set need not be here.
    """
    name, _, stage = method.partition("@")
    recipe = load_recipe(
        "quickstart",
        [f"networks={network}", f"batch_size={BATCH}", "augmentation={crop_padding: 1, flip: true}", *overrides],
        data=DATA,
    )
    machine = prepare_machine(compute)
    labels = np.arange(IMAGES) % CLASSES
    method_of = methods.build(name, options_of(name))
    torch.manual_seed(7)
    teachers = {"teacher": networks.build("small_resnet", CLASSES, 1).to(machine.device)}
    dataset = find(recipe.dataset.reference, DATA)
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, *dataset.image_shape), dtype=np.uint8)
    made = build_pair(
        recipe,
        method_of,
        dataset,
        placed(recipe, dataset, ArrayReader(pixels), machine),
        labels,
        machine,
        clean_labels=labels,
        teachers=teachers,
    )
    stages = method_of.stages(40)
    last = int(stage) if stage else len(stages) - 1
    made.set_stage(last)
    made.set_learning_rate(0.05)
    made._remembered = lambda name: [np.linspace(0, 1, IMAGES)] * 2  # type: ignore[method-assign]
    plan = made.plan_epoch(np.arange(IMAGES), 1)
    return Stepped(made, list(plan.batches(BATCH)))


def _set_clock(made: Pair, epoch: int, epochs: int) -> None:
    for time, now in (("epoch", epoch), ("epochs", epochs), ("iteration", 3 * epoch), ("iterations", 3 * epochs)):
        getattr(made.clock, time).fill_(now)


def _widen(made: Pair, dtype: torch.dtype) -> None:
    """Networks, what stands beside them, images and so losses in this type."""
    images, normalised = made.images, made.images._normalised
    images._normalised = lambda pixels: normalised(pixels).to(dtype)  # type: ignore[method-assign]
    made.loss.to(dtype)
    for index, peer in enumerate(made.peers):
        peer.memory = made.loss.memory(index)
    optimizers = [optimizer for peer in made.peers for optimizer in peer.optimizers]
    for peer in made.peers:
        for module in (peer.network, *peer.modules.values(), *peer.companions.values()):
            module.to(dtype)
    for optimizer in (*optimizers, *(extra.optimizer for extra in made.shared.values())):
        for state in optimizer.state.values():
            for key, value in state.items():
                if isinstance(value, torch.Tensor) and value.ndim:
                    state[key] = value.to(dtype)
