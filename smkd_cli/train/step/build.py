"""The one place where a pair is put together, for training, for calibration, and for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import nn

from smkd_cli.datasets import DataSet
from smkd_cli.methods import Method
from smkd_cli.recipe import Recipe
from smkd_cli.scoring import ImageBank
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.step.pair import Pair
from smkd_cli.train.step.spec import PairSpec


def build_pair(
    recipe: Recipe,
    method: Method,
    dataset: DataSet,
    images: np.ndarray,
    noisy_labels: np.ndarray,
    machine: Machine,
    *,
    clean_labels: np.ndarray | None = None,
    seed: int = 0,
    teachers: Mapping[str, nn.Module] | None = None,
) -> Pair:
    """A pair with fresh weights, before its first stage.

    Args:
        recipe: as the cell is trained: networks, optimiser, augmentation, batch size.
        method: what the peers learn from.
        dataset: its classes, channels, mean and std; none of its files is read.
        images: uint8 (n, H, W, C), all training images.
        noisy_labels: int64 (n,), theirs.
        machine: where the pair lives.
        clean_labels: int64 (n,), for statistics only; None where nobody knows them.
        seed: of the initial weights and of the batches.
        teachers: trained networks on the machine's device, by the path that the method names them with.
    """
    padding = recipe.augmentation.crop_padding
    bank = ImageBank(images, dataset.mean, dataset.std, machine.device, padding, machine.memory_format)
    channels = dataset.image_shape[2]
    spec = PairSpec(recipe, method, seed, dataset.classes, channels, noisy_labels, clean_labels, teachers or {})
    return Pair(spec, bank, machine)
