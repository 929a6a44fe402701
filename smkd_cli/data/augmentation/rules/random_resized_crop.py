"""Random boxes of an image, resized (Szegedy et al., CVPR 2015)."""

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


class RandomResizedCrop(Augmentation):
    """A box of random area, shape and place, resized to a square with an antialiasing bilinear filter.

    A box that would be wider or higher than the image ends at its borders. Test images show their largest central
    square, resized to the same size.
    """

    name = "random_resized_crop"

    size: Annotated[int, Field(ge=1, description="side of the result in pixels")]
    scale: Annotated[Range, Field(description="smallest and largest area of the box, as a part of the image's")] = (
        0.08,
        1.0,
    )
    ratio: Annotated[Range, Field(description="smallest and largest width of the box divided by its height")] = (
        3 / 4,
        4 / 3,
    )

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        check_range("scale", self.scale, 1)
        check_range("ratio", self.ratio)
        return self

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return self.size, self.size

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        return draw_boxes(random, self.scale, self.ratio, n, views)

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        from smkd_cli.data.augmentation.resample import resized

        return resized(pixels, *boxes_in(drawn, *pixels.shape[2:]), self.size)

    def at_test(self, pixels: Tensor) -> Tensor:
        from smkd_cli.data.augmentation.resample import middle_of

        side = min(pixels.shape[2:])
        return middle_of(pixels, side, side, self.size)
