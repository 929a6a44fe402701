"""The training loops that ``step.py`` compares: each is a function that takes so many steps of a pair and waits.

All train the same two networks with the same optimiser on batches of the same size. ``ours`` is the training step as
``smkd train`` takes it. ``arithmetic`` is nothing but forward, backward and update, in our precision and memory format.
``common`` is written like most public code of this field.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from smkd_cli import networks
from smkd_cli.data import DataSet, find
from smkd_cli.recipe import Recipe
from smkd_cli.train.calibrate.trial import ImageKind, prepare_trial
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.device import prepare_machine
from smkd_cli.train.step.cuda_graph import CudaGraphs

Steps = Callable[[int], None]
Contestant = Callable[[Recipe, ComputeConfig, Path], Steps]
_WORKERS = 4


def ours(recipe: Recipe, compute: ComputeConfig, data: Path) -> Steps:
    """Our step for SMKD-P+MyLC: augmentation, both peers, statistics, the update of clock and rate."""
    dataset = find(recipe.dataset.reference, data)
    trial = prepare_trial(recipe, ImageKind(dataset.image_shape, dataset.classes), compute, recipe.batch_size)

    def steps(count: int) -> None:
        for _ in range(count):
            trial.pair.set_learning_rate(1e-4)
            trial.step()
        trial.machine.synchronize()

    return steps


def _pair(
    recipe: Recipe, dataset: DataSet, device: torch.device, memory_format: torch.memory_format
) -> list[nn.Module]:
    made = [networks.build(name, dataset.classes, dataset.image_shape[2]) for name in recipe.networks]
    return [network.to(device, memory_format=memory_format) for network in made]  # type: ignore[call-overload]


def _sgd(network: nn.Module, fused: bool | None = None) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, fused=fused)


def arithmetic(recipe: Recipe, compute: ComputeConfig, data: Path) -> Steps:
    """Two plain loops over a fixed batch: cross entropy, backward, fused update, nothing else."""
    device = torch.device(compute.device)
    layout = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[compute.memory_format]
    torch.set_num_threads(compute.threads)
    if compute.device == "cuda":
        torch.backends.cudnn.benchmark = not compute.deterministic
        products = compute.precision != "float32"
        torch.set_float32_matmul_precision("high" if products else "highest")
        torch.backends.cudnn.allow_tf32 = products
    dataset = find(recipe.dataset.reference, data)
    pair = _pair(recipe, dataset, device, layout)
    optimizers = [_sgd(network, fused=True) for network in pair]
    height, width, channels = dataset.image_shape
    images = torch.randn(recipe.batch_size, channels, height, width, device=device).to(memory_format=layout)
    labels = torch.randint(dataset.classes, (recipe.batch_size,), device=device)
    mixed = compute.precision == "bfloat16"

    def steps(count: int) -> None:
        for _ in range(count):
            for network, optimizer in zip(pair, optimizers, strict=True):
                optimizer.zero_grad()
                with torch.autocast(compute.device, torch.bfloat16, enabled=mixed):
                    loss = functional.cross_entropy(network(images), labels)
                loss.backward()
                optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return steps


def arithmetic_tuned(recipe: Recipe, compute: ComputeConfig, data: Path) -> Steps:
    """The plain loops with what can be had without touching them: our allocator's settings, or a CUDA graph."""
    prepare_machine(compute)
    plain = arithmetic(recipe, compute, data)
    if compute.device != "cuda":
        return plain
    graphs = CudaGraphs()
    graphs.warm_up(lambda: plain(1))
    replay = graphs.record(lambda: _without_waiting(plain))

    def steps(count: int) -> None:
        for _ in range(count):
            replay()
        torch.cuda.synchronize()

    return steps


def _without_waiting(steps: Steps) -> None:
    """One step; waiting for the device is forbidden while it only records."""
    wait, torch.cuda.synchronize = torch.cuda.synchronize, lambda *_: None  # type: ignore[assignment]
    try:
        steps(1)
    finally:
        torch.cuda.synchronize = wait


class _Pictures(torch.utils.data.Dataset[tuple[Tensor, int, int]]):
    """Images through PIL and torchvision, one at a time."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, dataset: DataSet, padding: int) -> None:
        from torchvision import transforms

        self.pixels, self.labels = pixels, labels
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(pixels.shape[1], padding=padding or None),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(dataset.mean, dataset.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int, int]:
        from PIL import Image

        pixels = self.pixels[index]
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        return self.transform(picture), int(self.labels[index]), index


def common(recipe: Recipe, compute: ComputeConfig, data: Path) -> Steps:
    """DataLoader with workers, two backward passes, boolean indexing for the confident, numbers read every step."""
    device = torch.device(compute.device)
    torch.set_num_threads(compute.threads)
    dataset = find(recipe.dataset.reference, data)
    pair = _pair(recipe, dataset, device, torch.contiguous_format)
    optimizers = [_sgd(network) for network in pair]
    pixels, labels = _images(dataset)
    pictures = _Pictures(pixels, labels, dataset, recipe.augmentation.crop_padding)
    loader = torch.utils.data.DataLoader(
        pictures,
        recipe.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=min(_WORKERS, compute.threads),
        pin_memory=compute.device == "cuda",
        persistent_workers=True,
    )

    def forever() -> Any:
        while True:
            yield from loader

    batches = forever()
    uniform = math.log(dataset.classes)
    losses, hits = [0.0, 0.0], [0, 0]

    def steps(count: int) -> None:
        for _ in range(count):
            images, labels, _ = next(batches)
            images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            onehot = functional.one_hot(labels, dataset.classes).float()
            logits = [network(images) for network in pair]
            probs = [z.softmax(1) for z in logits]
            entropies = [-(p * (p + 1e-6).log()).sum(1).detach() for p in probs]
            targets = []
            for p, entropy in zip(probs, entropies, strict=True):
                trust = torch.sigmoid(16 * ((1 - entropy / uniform).mean() - 0.5)) * (1 - entropy / uniform)
                targets.append((1 - trust[:, None]) * onehot + trust[:, None] * p)
            for own, other in ((0, 1), (1, 0)):
                loss = -(targets[own] * logits[own].log_softmax(1)).sum(1).mean()
                confident = entropies[other] < uniform / 2
                if confident.sum().item() > 0:
                    taught = targets[other][confident].detach()
                    loss = loss - (taught * logits[own][confident].log_softmax(1)).sum(1).mean()
                optimizers[own].zero_grad()
                loss.backward()
                optimizers[own].step()
                losses[own] += loss.item()
                hits[own] += (logits[own].argmax(1) == labels).sum().item()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return steps


def _images(dataset: DataSet) -> tuple[np.ndarray, np.ndarray]:
    """The data set's training images, or as many of noise where it is not at hand."""
    if not dataset.missing():
        images = dataset.images("train")
        return images.read(np.arange(len(images))), dataset.labels("train").labels
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (dataset.train_size, *dataset.image_shape), dtype=np.uint8)
    return pixels, random.integers(0, dataset.classes, dataset.train_size)


CONTESTANTS: dict[str, Contestant] = {
    "ours": ours,
    "arithmetic": arithmetic,
    "arithmetic, tuned": arithmetic_tuned,
    "common": common,
}
