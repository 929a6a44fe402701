"""What a step of every method costs, against what its definition requires, and against cross entropy.

    python benchmarks/methods.py                                     small_resnet on digits
    python benchmarks/methods.py --case resnet18:cifar100:128 --images 640 --without-required --rounds 5 --seconds 0 \\
        --together 5                                                 640 images of each, at full size

Required are the forward and backward passes and updates of both networks and of the modules that a method trains beside
them, and the forward passes of teachers, averages and unmixed images, in plain PyTorch over a fixed batch. Each method
is measured in each of its stages, in turns with its requirement and with cross entropy; a ratio is the median over the
rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contestants import _pair, _sgd
from machine import DATA, describe
from modules_beside import modules_called
from step import recipe_of
from torch import Tensor
from torch.nn import functional

from smkd_cli import methods, networks, noise
from smkd_cli.data import find
from smkd_cli.data.images.reader import ArrayReader
from smkd_cli.methods import LabelFacts
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.recipe import Recipe
from smkd_cli.train.calibrate import benches, choose_compute
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.device import choose_device, prepare_machine
from smkd_cli.train.step.build import build_pair, resident_images
from smkd_cli.train.step.pair import Pair

Steps = Callable[[int], None]


@dataclass
class MadeUp:
    """Predictions that a method may look at between epochs, right more often than not."""

    noisy_labels: Tensor
    train_indices: Tensor
    logits: Tensor

    def train_logits(self) -> Tensor:
        return self.logits

    def held_out(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.logits, self.logits.roll(1, 0), self.noisy_labels


def measured() -> Iterator[tuple[str, int]]:
    """Every method and stage: target rules alone, exchange rules over MyLC, the others as they are."""
    for name in methods.names():
        rule = methods.rule(name)
        alone = issubclass(rule, methods.Method | TargetRule)
        method = name if alone else f"{name}+MyLC"
        for stage in range(len(methods.build(method, options_of(method)).stages(100))):
            yield method, stage


def options_of(method: str) -> dict[str, Any]:
    """A teacher's path where one is needed; the benchmark makes the teacher up."""
    rules = methods.rules_of(method)
    return {"teacher": "teacher"} if any("teacher" in rule.model_fields for rule in rules) else {}


@dataclass
class Ours:
    """Our step of a method in a stage, on the first training images with 40 % of the labels wrong."""

    pair: Pair
    batches: list[dict[str, Tensor]]
    turn: int = 0

    def __call__(self, count: int) -> None:
        for _ in range(count):
            self.turn += 1
            self.pair.clock.iteration.add_(1)
            self.pair.train_step(self.batches[self.turn % len(self.batches)])
        self.pair.machine.synchronize()


def ours(recipe: Recipe, compute: ComputeConfig, method: str, stage: int, images: int, data: Path) -> Ours:
    """Our step, ready to be taken."""
    machine = prepare_machine(compute)
    dataset = find(recipe.dataset.reference, data)
    clean = dataset.labels("train").labels
    count = min(images, len(clean))
    reader = ArrayReader(dataset.images("train").read(np.arange(count)))
    noisy = noise.corrupt_labels(clean, kind="symmetric", rate=0.4, classes=dataset.classes, seed=1)[:count]
    noisy[: dataset.classes] = np.arange(dataset.classes)  # so that a part of the data set has every class
    made = methods.build(method, options_of(method))
    teacher = networks.build(recipe.networks[0], dataset.classes, dataset.image_shape[2]).to(machine.device)
    teachers = {"teacher": teacher}
    resident = resident_images(recipe, dataset, reader, machine)
    pair = build_pair(recipe, made, dataset, resident, noisy, machine, seed=1, teachers=teachers)
    matrix = torch.eye(dataset.classes, dtype=torch.float64, device=machine.device) * 0.6 + 0.4 / dataset.classes
    pair.prepare(LabelFacts(pair.noisy_labels, dataset.classes, 0.4, matrix))
    _enter(pair, made, stage, pair.noisy_labels, dataset.classes)
    pair.set_learning_rate(1e-4)
    plan = pair.plan_epoch(np.arange(count), 1)
    size = recipe.batch_size
    return Ours(pair, [batch for batch in plan.batches(size) if len(batch["indices"]) == size])


def _enter(pair: Pair, method: methods.Method, stage: int, given: Tensor, classes: int) -> None:
    logits = torch.randn(len(given), classes, device=given.device)
    logits[torch.arange(len(given)), given] += 2
    predictions = MadeUp(given, torch.arange(len(given), device=given.device), logits)
    stages = method.stages(100)
    for number in range(stage + 1):
        pair.begin(stages[number], number)
        epochs = stages[number].epochs
        now = epochs if number < stage else max(1, epochs // 2)
        for name, value in (("epoch", now), ("epochs", epochs), ("iteration", now), ("iterations", epochs)):
            getattr(pair.clock, name).fill_(value)
        for memory in pair.memories if number < stage else ():
            method.after_epoch(memory, pair.clock, predictions)


def required(recipe: Recipe, compute: ComputeConfig, method: str, stage: int, data: Path, step: Ours) -> Steps:
    """The passes of a method's definition, in plain PyTorch; ``step`` is asked which modules it calls with what."""
    machine = prepare_machine(compute)
    made = methods.build(method, options_of(method))
    count = sum(companion.first_stage <= stage for companion in made.companions()) + made.passes_before(stage)
    dataset = find(recipe.dataset.reference, data)
    pair = _pair(recipe, dataset, machine.device, machine.memory_format)
    others = [_pair(recipe, dataset, machine.device, machine.memory_format) for _ in range(count)]
    frozen = [[network.eval() for network in networks_of] for networks_of in others]
    optimizers = [_sgd(network, fused=True) for network in pair]
    height, width, channels = dataset.image_shape
    images = torch.randn(recipe.batch_size, channels, height, width, device=machine.device)
    images = images.to(memory_format=machine.memory_format)
    labels = torch.randint(dataset.classes, (recipe.batch_size,), device=machine.device)
    mixed = compute.precision == "bfloat16"
    beside = modules_called(step.pair, lambda: step(1))

    def one(peer: int) -> None:
        with torch.autocast(compute.device, torch.bfloat16, enabled=mixed):
            with torch.no_grad():
                for network in frozen:
                    network[peer](images)
            loss = functional.cross_entropy(pair[peer](images), labels)
        optimizers[peer].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizers[peer].step()
        beside[peer]()

    def steps(count: int) -> None:
        for _ in range(count):
            machine.both(one)
            beside["shared"]()
        machine.synchronize()

    return steps


def timed(steps: Steps, count: int) -> float:
    """Seconds per step."""
    start = time.perf_counter()
    steps(count)
    return (time.perf_counter() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", help="which (default: all)")
    parser.add_argument("--case", default="small_resnet:digits:128", help="network:dataset:batch")
    parser.add_argument("--images", type=int, default=1280, help="training images that the steps run through")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each loop in a round; of a longer step, one")
    parser.add_argument("--together", type=int, default=1, help="how many methods take turns with cross entropy")
    parser.add_argument("--without-required", action="store_true", help="compare with cross entropy only")
    parser.add_argument(
        "--compute", action="append", default=[], metavar="KEY=VALUE", help="fix a part of the compute configuration"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    recipe = recipe_of(arguments.case, arguments.compute, arguments.data)
    with benches() as processes:
        compute = choose_compute(recipe, find(recipe.dataset.reference, arguments.data), device, processes)
    report = {"machine": describe(device.type), "case": arguments.case, "compute": compute.record(), "methods": []}
    print(json.dumps(report["machine"]), compute, sep="\n")
    print(f"{'method':24} {'stage':14} {'ms/step':>8} {'/ required':>10} {'images/s':>9} {'of CE':>6}")
    cross_entropy = ours(recipe, compute, "CE", 0, arguments.images, arguments.data)
    once = max(1, int(arguments.seconds / max(timed(cross_entropy, 2), 1e-9)))
    chosen = [each for each in measured() if not arguments.methods or each[0] in arguments.methods]
    for first in range(0, len(chosen), arguments.together):
        group = chosen[first : first + arguments.together]
        loops: dict[Any, Steps] = {}
        for each in group:
            loops[each] = step = ours(recipe, compute, *each, arguments.images, arguments.data)
            if not arguments.without_required:
                loops[each, "required"] = required(recipe, compute, *each, arguments.data, step)
        for steps in loops.values():
            steps(1)
        loops["ce"] = cross_entropy  # warm since before the first group
        times: dict[Any, list[float]] = {name: [] for name in loops}
        for _ in range(arguments.rounds):
            for name, steps in loops.items():
                times[name].append(timed(steps, once))
        for each in group:
            row = row_of(each, recipe.batch_size, times[each], times.get((each, "required")), times["ce"])
            report["methods"].append(row)
            print(
                f"{row['method']:24} {row['stage']:14} {row['milliseconds_per_step']:8.2f} "
                f"{row['time_over_required'] or math.nan:10.3f} "
                f"{row['images_per_second']:9.0f} {row['images_per_second_of_ce']:6.2f}",
                flush=True,
            )
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def row_of(
    each: tuple[str, int], batch_size: int, ours: list[float], required: list[float] | None, ce: list[float]
) -> dict[str, Any]:
    """What the seconds per step in each round say of a method in a stage."""
    method, stage = each

    def over(theirs: list[float]) -> float:
        return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))

    return {
        "method": method,
        "stage": methods.build(method, options_of(method)).stages(100)[stage].name,
        "milliseconds_per_step": 1e3 * statistics.median(ours),
        "time_over_required": None if required is None else over(required),
        "images_per_second": batch_size / statistics.median(ours),
        "images_per_second_of_ce": 1 / over(ce),
    }


if __name__ == "__main__":
    sys.exit(main())
