"""Random crops of images that are padded with black."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.data.augmentation.contract import Augmentation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class Crop(Augmentation):
    """A crop of the original size from an image padded with black pixels on every side."""

    name = "crop"

    padding: Annotated[int, Field(ge=0, description="pixels added on every side (the paper: 4)")] = 4

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        # offsets: row and column of the crop in the padded image, 0 … 2·padding
        return {"offsets": random.integers(0, 2 * self.padding + 1, size=(n, views, 2))}

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        import torch

        padded = torch.nn.functional.pad(pixels, [self.padding] * 4)
        windows = padded.unfold(2, pixels.shape[2], 1).unfold(3, pixels.shape[3], 1)
        rows, columns = drawn["offsets"].unbind(1)
        return windows[torch.arange(len(pixels), device=pixels.device), :, rows, columns]
