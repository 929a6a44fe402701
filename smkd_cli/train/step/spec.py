"""What a pair is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from smkd_cli.methods import Method
from smkd_cli.recipe import Recipe


@dataclass(frozen=True, eq=False)
class PairSpec:
    """What a pair is made of, its images and its machine apart.

    Attributes:
        recipe: its networks, optimiser, augmentation, batch size and epochs count.
        method: the method.
        seed: of the initial weights and of the batches.
        classes, channels: of the data set.
        noisy_labels: (n,) int64, of all training images.
        clean_labels: (n,) int64, or None where they are not known; for statistics only.
        parts: of features of two networks, first and number of those of each peer; None where both see the same.
        pretrained: for each peer, what puts trained weights into its fresh network; None where none are given.
        teachers: trained networks by the path that the method names them with.
    """

    recipe: Recipe
    method: Method
    seed: int
    classes: int
    channels: int
    noisy_labels: np.ndarray
    clean_labels: np.ndarray | None = None
    pretrained: tuple[Callable[[nn.Module], None] | None, ...] = (None, None)
    teachers: Mapping[str, nn.Module] = field(default_factory=dict)
    parts: tuple[tuple[int, int], tuple[int, int]] | None = None
