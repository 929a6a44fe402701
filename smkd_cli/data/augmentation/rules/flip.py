"""Random horizontal flips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from smkd_cli.data.augmentation.contract import Augmentation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class Flip(Augmentation):
    """Left and right change sides in one half of the images."""

    name = "flip"

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        return {"flipped": random.random((n, views)) < 0.5}

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        return pixels.flip(3).where(drawn["flipped"].view(-1, 1, 1, 1), pixels)
