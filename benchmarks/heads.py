"""How long a pair of heads takes for an epoch over frozen features, against its matrix products alone.

    python benchmarks/heads.py --images 50000 --features 1280 --classes 10 100

The two take turns, an epoch each, round after round; the ratio is the median over the rounds of the ratio within one.
The matrix products are those of both heads on the batches of the epoch, features gathered in its order: forward, and
the gradients of the weights. Neither loss nor update is in them.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import describe

from smkd_cli import methods
from smkd_cli.data.images.features import FeatureBank
from smkd_cli.recipe import load_recipe
from smkd_cli.train.calibrate.trial import ImageKind
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.device import prepare_machine
from smkd_cli.train.step.build import build_pair

METHOD = "SMKD-S+MyLC"
HIDDEN = 512
Epoch = Callable[[], None]


def pair_of_heads(features: torch.Tensor, classes: int, head: str, batch: int, threads: int) -> Epoch:
    """Our training over all rows, as ``smkd train`` steps it."""
    settings = [
        "dataset=digits",
        f"networks={head}",
        f"batch_size={batch}",
        "augmentation={crop_padding: 0, flip: false}",
        f"methods=[{METHOD}]",
        "options={}",
    ]

    recipe = load_recipe("quickstart", settings, data=Path())
    machine = prepare_machine(ComputeConfig("cpu", threads, "float32", "contiguous", "in_turn", "eager"))
    labels = np.random.default_rng(0).integers(0, classes, len(features))
    kind = ImageKind((1, 1, features.shape[1]), classes)
    images = FeatureBank(features, machine.device)
    pair = build_pair(recipe, methods.build(METHOD, {}), kind, images, labels, machine, clean_labels=labels)
    for count in (pair.clock.epoch, pair.clock.epochs, pair.clock.iterations):
        count.fill_(1)
    pair.set_learning_rate(1e-3)
    everyone = np.arange(len(features))

    def epoch() -> None:
        for columns in pair.plan_epoch(everyone, 1).batches(batch):
            pair.clock.iteration.add_(1)
            pair.train_step(columns)

    return epoch


def products(features: torch.Tensor, classes: int, head: str, batch: int, threads: int) -> Epoch:
    """The matrix products of the same."""
    widths = [features.shape[1], classes] if head == "linear" else [features.shape[1], HIDDEN, classes]
    weights = [torch.randn(wide, narrow) for wide, narrow in itertools.pairwise(widths)]

    def epoch() -> None:
        torch.set_num_threads(threads)
        for rows in torch.randperm(len(features)).split(batch):
            seen = features[rows]
            for _ in range(2):
                layers = [seen]
                for weight in weights:
                    layers.append(layers[-1] @ weight)
                for below, above in itertools.pairwise(layers):
                    below.T @ above
                for weight, above in zip(weights[1:], layers[2:], strict=True):
                    above @ weight.T

    return epoch


def seconds(epoch: Epoch) -> float:
    start = time.perf_counter()
    epoch()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 1024])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(describe())
    features = torch.randn(given.images, given.features)
    print("head    classes  batch  products s  pair s  ratio")
    for head in ("linear", "mlp"):
        for classes in given.classes:
            for batch in given.batch:
                setting = features, classes, head, batch, given.threads
                both = products(*setting), pair_of_heads(*setting)
                for epoch in both:
                    epoch()
                rounds = [tuple(map(seconds, both)) for _ in range(given.rounds)]
                alone, ours = (statistics.median(times) for times in zip(*rounds, strict=True))
                ratio = statistics.median(mine / theirs for theirs, mine in rounds)
                print(f"{head:7} {classes:7} {batch:6} {alone:11.2f} {ours:7.2f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
