"""What an augmentation is: parameters drawn for a whole epoch, and a pure function of pixels and parameters.

So what an image becomes depends on the seed, the epoch and its position in it: not on the number of processes that
prepare images, nor on whether training was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class Augmentation(BaseModel):
    """A random variation of training images. Its fields are its options and the keys of the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    name: ClassVar[str]

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        """What is drawn for an epoch: arrays (n, views, …) by name, for n images of ``views`` views each."""
        return {}

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        """The images of a batch, varied: uint8 (N, C, H, W), and so is the result. Nothing is drawn here.

        Args:
            pixels: uint8 (N, C, H, W), on any device.
            drawn: rows of what was drawn for one view, (N, …) by name.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no apply")
