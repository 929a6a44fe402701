"""The centre of an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.data.augmentation.contract import Augmentation, centre_of, check_fits

if TYPE_CHECKING:
    from torch import Tensor


class CenterCrop(Augmentation):
    """A square from the centre of the image. Nothing is drawn."""

    name = "center_crop"

    size: Annotated[int, Field(ge=1, description="side of the square in pixels, at most that of the image")]

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        check_fits(self.size, height, width)
        return self.size, self.size

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        return centre_of(pixels, self.size)

    def at_test(self, pixels: Tensor) -> Tensor:
        return centre_of(pixels, self.size)
