"""Timing the training step of a pair on made-up images: what runs in a measuring process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from smkd_cli import methods, networks
from smkd_cli.data.images.reader import ArrayReader
from smkd_cli.recipe import Recipe
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.device import Machine, prepare_machine
from smkd_cli.train.step.build import build_pair, resident_images
from smkd_cli.train.step.pair import Pair

# One method stands for all, so that every cell of every grid on these networks gets the same configuration.
_METHOD = ("SMKD-P+MyLC", dict[str, object]())
# A step of a large network takes seconds on a processor; a part of its batch measures the same.
_OPERATIONS_PER_CPU_STEP = 40e9
_WARM_UP_STEPS = 2
_ROUNDS = 5
_PEAK_SECONDS = 0.5
# What a process takes of a GPU's memory before it has a tensor there.
_CONTEXT_BYTES = 1 << 30


@dataclass(frozen=True)
class ImageKind:
    """Shape and classes of the made-up images: those of a data set, which need not be opened.

    Attributes:
        image_shape: (H, W, C).
        classes: number of classes.
    """

    image_shape: tuple[int, int, int]
    classes: int

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, typical of photographs."""
        return (0.5,) * self.image_shape[2]

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel, typical of photographs."""
        return (0.25,) * self.image_shape[2]


@dataclass
class Trial:
    """A pair that learns from noise; ``step()`` is one whole training step of ``batch_size`` images.

    Attributes:
        once: about how many seconds a step takes; None before the first ones.
    """

    pair: Pair
    machine: Machine
    batch_size: int
    step: Callable[[], None]
    once: float | None = None


def prepare_trial(recipe: Recipe, kind: ImageKind, compute: ComputeConfig, batch_size: int | None = None) -> Trial:
    """A pair on images of a kind.

    Args:
        batch_size: the recipe's by default, or fewer images where a step on a processor would take too long.
    """
    machine = prepare_machine(compute)
    height, width, channels = kind.image_shape
    size = batch_size or _batch_size(recipe, kind, compute)
    recipe = recipe.model_copy(update={"batch_size": size})
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2 * size, height, width, channels), dtype=np.uint8)
    noisy_labels = random.integers(0, kind.classes, len(pixels))
    method = methods.build(*_METHOD)
    images = resident_images(recipe, kind, ArrayReader(pixels), machine)
    pair = build_pair(recipe, method, kind, images, noisy_labels, machine, clean_labels=noisy_labels)
    for count in (pair.clock.epoch, pair.clock.epochs, pair.clock.iterations):
        count.fill_(1)
    pair.set_learning_rate(1e-4)  # on noise, the networks must not diverge: numbers out of range may be slow
    plan = pair.plan_epoch(np.arange(len(pixels)), 1)
    batches = list(plan.batches(size))
    turn = iter(range(2**62))

    def step() -> None:
        batch = batches[next(turn) % len(batches)]
        pair.clock.iteration.add_(1)
        pair.train_step(batch)

    return Trial(pair, machine, size, step)


def best_speed(trial: Trial, seconds: float) -> float:
    """Images per second in the fastest of several rounds, ``seconds`` in all: other load makes rounds slower.

    Raises:
        RuntimeError: the step cannot be done as configured.
    """
    once = _warm(trial)
    rounds = min(_ROUNDS, max(1, int(seconds / once)))  # a long step averages out disturbances by itself
    steps = max(1, int(seconds / rounds / once))
    return trial.batch_size * steps / min(_timed(trial, steps) for _ in range(rounds))


def steady_speed(trial: Trial, seconds: float) -> float:
    """Images per second over all of ``seconds``: this process's share while others run too.

    Raises:
        RuntimeError: the step cannot be done as configured.
    """
    steps = max(1, int(seconds / _ROUNDS / _warm(trial)))
    images, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        _timed(trial, steps)
        images += steps * trial.batch_size
    return images / passed


def _warm(trial: Trial) -> float:
    """Seconds of a step, after the first ones."""
    if trial.once is None:
        for _ in range(_WARM_UP_STEPS):
            trial.step()
        trial.machine.synchronize()
        trial.once = max(_timed(trial, 1), 1e-9)
    if trial.pair.falls_back:
        raise RuntimeError(trial.pair.falls_back)
    return trial.once


def _timed(trial: Trial, steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        trial.step()
    trial.machine.synchronize()
    return time.perf_counter() - start


def free_memory() -> float:
    """Free GPU memory, as a multiple of what this process has taken."""
    free, _ = torch.cuda.mem_get_info()
    return free / (torch.cuda.max_memory_reserved() + _CONTEXT_BYTES)


def _batch_size(recipe: Recipe, kind: ImageKind, compute: ComputeConfig) -> int:
    if compute.device == "cuda":
        return recipe.batch_size
    shape = recipe.seen(kind.image_shape)
    per_image = sum(networks.facts(name).training_operations(shape, kind.classes) for name in recipe.trained)
    return min(recipe.batch_size, max(8, int(_OPERATIONS_PER_CPU_STEP / per_image)))


def matrix_peak(compute: ComputeConfig) -> float:
    """Floating-point operations per second of a large product of random matrices, the best of several."""
    prepare_machine(compute)
    device = torch.device(compute.device)
    torch.set_num_threads(compute.threads)
    dtype = torch.bfloat16 if compute.precision == "bfloat16" else torch.float32
    size = 8192 if compute.device == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < _PEAK_SECONDS:
        start = time.perf_counter()
        torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best
