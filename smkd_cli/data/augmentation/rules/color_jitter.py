"""Random changes of brightness, contrast, saturation and hue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.data.augmentation.contract import Augmentation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_FACTORS = ("brightness", "contrast", "saturation")
Strength = Annotated[float, Field(ge=0)]


class ColorJitter(Augmentation):
    """Brightness, contrast and saturation times a random factor, and the hue turned, in this order.

    Each factor is drawn from [max(0, 1 − s), 1 + s], and the turn from [−hue, hue] of the circle of hues. Saturation
    and hue of images without three channels stay.
    """

    name = "color_jitter"

    brightness: Annotated[Strength, Field(description="s of the brightness")] = 0.4
    contrast: Annotated[Strength, Field(description="s of the contrast, the distance from the mean grey")] = 0.4
    saturation: Annotated[Strength, Field(description="s of the saturation, the distance from grey")] = 0.4
    hue: Annotated[float, Field(ge=0, le=0.5, description="largest turn of the hue, as a part of the circle")] = 0.1

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        drawn = {}
        for name in _FACTORS:
            strength = getattr(self, name)
            drawn[name] = random.uniform(max(0.0, 1 - strength), 1 + strength, (n, views))
        return drawn | {"hue": random.uniform(-self.hue, self.hue, (n, views))}

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        from smkd_cli.data.augmentation.colour import blended, grey, hue_turned, mean_grey

        images = pixels.float()
        if self.brightness:
            images = blended(images, images.new_zeros(()), drawn["brightness"])
        if self.contrast:
            images = blended(images, mean_grey(images), drawn["contrast"])
        if self.saturation and images.shape[1] > 1:
            images = blended(images, grey(images), drawn["saturation"])
        if self.hue:
            images = hue_turned(images, drawn["hue"])
        return images.round().to(pixels.dtype)
