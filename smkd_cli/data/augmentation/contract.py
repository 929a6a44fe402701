"""What an augmentation is: parameters drawn for a whole epoch, and a pure function of pixels and parameters.

So what an image becomes depends on the seed, the epoch and its position in it: not on the number of processes that
prepare images, nor on whether training was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


# YAML has lists where the models, which never change, have tuples.
Range = Annotated[tuple[float, float], Field(strict=False)]


class Augmentation(BaseModel):
    """A random variation of training images. Its fields are its options and the keys of the recipe.

    Where it changes the size of images, it says so by ``output_size``, and what test images become by ``at_test``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    name: ClassVar[str]

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        """What is drawn for an epoch: arrays (n, views, …) by name, for n images of ``views`` views each."""
        return {}

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what becomes of images of that size, in pixels; by default the same.

        Raises:
            ValueError: images of that size cannot be varied; the message says why.
        """
        return height, width

    def at_test(self, pixels: Tensor) -> Tensor:
        """What test images become: uint8 (N, C, H, W) of the size of what ``apply`` makes; by default the same."""
        return pixels

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        """The images of a batch, varied: uint8 (N, C, H, W), and so is the result, of ``output_size``.

        Nothing is drawn here.

        Args:
            pixels: uint8 (N, C, H, W), on any device.
            drawn: rows of what was drawn for one view, (N, …) by name.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no apply")


def check_fits(size: int, height: int, width: int) -> None:
    """Raise a ValueError if a square is larger than images."""
    if size > min(height, width):
        raise ValueError(f"a square of {size} x {size} pixels does not fit into images of {height} x {width}")


def centre_of(pixels: Tensor, size: int) -> Tensor:
    """The square in the centre of images (N, C, H, W)."""
    top, left = ((length - size) // 2 for length in pixels.shape[2:])
    return pixels[:, :, top : top + size, left : left + size]
