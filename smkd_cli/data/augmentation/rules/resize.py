"""Images of another size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.data.augmentation.contract import Augmentation

if TYPE_CHECKING:
    from torch import Tensor


class Resize(Augmentation):
    """The whole image, resized to a square with an antialiasing bilinear filter. Nothing is drawn."""

    name = "resize"

    size: Annotated[int, Field(ge=1, description="side of the result in pixels")]

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return self.size, self.size

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        return self.at_test(pixels)

    def at_test(self, pixels: Tensor) -> Tensor:
        from smkd_cli.data.augmentation.resample import whole

        return whole(pixels, self.size)
