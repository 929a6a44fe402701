"""RandAugment (Cubuk et al., NeurIPS 2020): a few operations of one strength, drawn for each image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.data.augmentation.contract import Augmentation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class RandAugment(Augmentation):
    """``layers`` operations, one after the other, each drawn from 14: identity, shear and shift (horizontal, vertical),
    rotation, brightness, colour, contrast, sharpness, posterising, solarising, autocontrast and equalising.

    Strengths are those of torchvision's RandAugment with 31 bins. Where an operation has two directions, one is drawn.
    What comes from outside of the image is black. Every image goes through all operations of a layer, and one is kept:
    that takes time.
    """

    name = "rand_augment"

    layers: Annotated[int, Field(ge=1, le=8, description="operations for each image")] = 2
    magnitude: Annotated[int, Field(ge=0, le=30, description="strength, from none to all")] = 9

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        from smkd_cli.data.augmentation.operations import OPERATIONS

        shape = n, views, self.layers
        return {"operation": random.integers(0, len(OPERATIONS), shape), "negative": random.random(shape) < 0.5}

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        from smkd_cli.data.augmentation.operations import operated

        for layer in range(self.layers):
            pixels = operated(pixels, drawn["operation"][:, layer], drawn["negative"][:, layer], self.magnitude / 30)
        return pixels
