"""The noisy validation split: which training samples are held out, given or drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smkd_cli.seeds import generator

if TYPE_CHECKING:
    from smkd_cli.data.dataset import DataSet


def held_out_of(dataset: DataSet, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`hold_out`, of a data set's training images: those that it gives for validation, if it gives any."""
    given = dataset.validation
    if given is None:
        return hold_out(dataset.train_size, fraction, seed)
    return np.setdiff1d(np.arange(dataset.train_size), given), given


def held_out_count(dataset: DataSet, fraction: float) -> int:
    """How many they are."""
    return round(dataset.train_size * fraction) if dataset.validation is None else len(dataset.validation)


def hold_out(samples: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (train, held out), each in ascending order: a random ``fraction`` of the samples is held out."""
    order = generator(seed, "validation").permutation(samples)
    cut = round(samples * fraction)
    return np.sort(order[cut:]), np.sort(order[:cut])
