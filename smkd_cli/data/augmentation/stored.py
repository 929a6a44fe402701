"""Views of an image that were made beforehand: an epoch only draws which of them is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from smkd_cli.data.augmentation.contract import Augmentation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class StoredView(Augmentation):
    """One of ``count`` views that are stored of each image; no recipe names it."""

    name = "stored view"

    count: int

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        return {"view": random.integers(0, self.count, (n, views))}

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        return pixels
