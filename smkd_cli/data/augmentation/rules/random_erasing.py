"""Random rectangles without content (Zhong et al., AAAI 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from smkd_cli.data.augmentation.boxes import boxes_in, check_range, draw_boxes
from smkd_cli.data.augmentation.contract import Augmentation, Range

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class RandomErasing(Augmentation):
    """A rectangle of random area, shape and place of some images gets one grey.

    A rectangle that would be wider or higher than the image ends at its borders.
    """

    name = "random_erasing"

    p: Annotated[float, Field(ge=0, le=1, description="how probable it is that an image has a rectangle")] = 0.5
    scale: Annotated[Range, Field(description="smallest and largest area, as a part of the image's")] = (0.02, 0.33)
    ratio: Annotated[Range, Field(description="smallest and largest width divided by the height")] = (0.3, 3.3)
    value: Annotated[int, Field(ge=0, le=255, description="the grey: 0 is black, 255 white")] = 0

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        check_range("scale", self.scale, 1)
        check_range("ratio", self.ratio)
        return self

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        return {"erased": random.random((n, views)) < self.p} | draw_boxes(random, self.scale, self.ratio, n, views)

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        import torch

        top, left, height, width = (value.view(-1, 1) for value in boxes_in(drawn, *pixels.shape[2:]))
        row, column = (torch.arange(length, device=pixels.device) for length in pixels.shape[2:])
        rows, columns = (row >= top) & (row < top + height), (column >= left) & (column < left + width)
        inside = rows[:, None, :, None] & columns[:, None, None, :] & drawn["erased"].view(-1, 1, 1, 1)
        return pixels.masked_fill(inside, self.value)
