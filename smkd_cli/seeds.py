"""Every random draw comes from a cell's seed, a purpose and a position; none depends on what was drawn before."""

from __future__ import annotations

import numpy as np


def generator(seed: int, purpose: str, *position: int) -> np.random.Generator:
    """A generator for one purpose, for example ``generator(1, "batches", epoch)``."""
    return np.random.default_rng([seed, *purpose.encode(), *position])


def torch_seed(seed: int, purpose: str, *position: int) -> int:
    """A seed for torch's own generator, for one purpose."""
    return int(generator(seed, purpose, *position).integers(2**63))
