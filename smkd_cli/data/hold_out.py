"""The noisy validation split: which training samples are held out."""

from __future__ import annotations

import numpy as np

from smkd_cli.seeds import generator


def hold_out(samples: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (train, held out), each in ascending order: a random ``fraction`` of the samples is held out."""
    order = generator(seed, "validation").permutation(samples)
    cut = round(samples * fraction)
    return np.sort(order[cut:]), np.sort(order[:cut])
