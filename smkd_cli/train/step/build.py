"""Builds a pair: for training, for calibration, and for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from torch import nn

from smkd_cli.data.images.contract import TrainingImages
from smkd_cli.data.images.loading import Loading
from smkd_cli.data.images.place import placed
from smkd_cli.data.images.reader import ImageReader
from smkd_cli.methods import Method
from smkd_cli.recipe import Recipe
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.step.pair import Pair
from smkd_cli.train.step.spec import PairSpec


class ImageFacts(Protocol):
    """What a pair needs to know of its training images; every data set has it."""

    @property
    def classes(self) -> int:
        """Number of classes."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, of pixels scaled to [0, 1]."""

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel, of pixels scaled to [0, 1]."""


def training_images(
    recipe: Recipe, dataset: ImageFacts, reader: ImageReader, machine: Machine, loading: Loading
) -> TrainingImages:
    """All training images, or their features, varied as the recipe says: on the machine's device, or read as needed.

    Args:
        recipe: its augmentation and batch size.
        dataset: what is known of the images; none of its files is read.
        reader: reads them.
        loading: where they are.
    """
    return placed(
        reader,
        dataset.image_shape,
        dataset.mean,
        dataset.std,
        machine.device,
        recipe.drawn,
        machine.memory_format,
        loading=loading,
        most=2 * recipe.batch_size,
    )


def resident_images(recipe: Recipe, dataset: ImageFacts, reader: ImageReader, machine: Machine) -> TrainingImages:
    """All of them on the machine's device."""
    return training_images(recipe, dataset, reader, machine, Loading("resident"))


def build_pair(
    recipe: Recipe,
    method: Method,
    dataset: ImageFacts,
    images: TrainingImages,
    noisy_labels: np.ndarray,
    machine: Machine,
    *,
    clean_labels: np.ndarray | None = None,
    seed: int = 0,
    pretrained: tuple[Callable[[nn.Module], None] | None, ...] = (None, None),
    teachers: Mapping[str, nn.Module] | None = None,
    parts: tuple[tuple[int, int], tuple[int, int]] | None = None,
) -> Pair:
    """A pair with fresh weights, before its first stage.

    Args:
        recipe: as the cell is trained: networks, optimiser, augmentation, batch size.
        method: what the peers learn from.
        dataset: what is known of the images; none of its files is read.
        images: all training images, with the recipe's augmentation: :func:`training_images`, or others that put those
            of a batch into place by ``stage``.
        noisy_labels: int64 (n,), theirs.
        machine: where the pair lives.
        clean_labels: int64 (n,), for statistics only; None where they are not known.
        seed: of the initial weights and of the batches.
        pretrained: for each peer, what puts trained weights into its fresh network.
        teachers: trained networks on the machine's device, by the path that the method names them with.
        parts: of features of two networks, first and number of those of each peer.
    """
    channels = dataset.image_shape[2]
    spec = PairSpec(
        recipe, method, seed, dataset.classes, channels, noisy_labels, clean_labels, pretrained, teachers or {}, parts
    )
    return Pair(spec, images, machine)
