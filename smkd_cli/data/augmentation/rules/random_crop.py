"""Random crops that are smaller than the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.data.augmentation.contract import Augmentation, centre_of, check_fits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class RandomCrop(Augmentation):
    """A square from a random place of the image. Test images show their centre, in the same size."""

    name = "random_crop"

    size: Annotated[int, Field(ge=1, description="side of the square in pixels, at most that of the image")]

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        check_fits(self.size, height, width)
        return self.size, self.size

    def draw(self, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
        # row and column of the corner, as a fraction of the rows and columns that it may have
        return {"corner": random.random((n, views, 2))}

    def apply(self, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        import torch

        height, width = pixels.shape[2:]
        windows = pixels.unfold(2, self.size, 1).unfold(3, self.size, 1)
        rows = (drawn["corner"][:, 0] * (height - self.size + 1)).long()
        columns = (drawn["corner"][:, 1] * (width - self.size + 1)).long()
        return windows[torch.arange(len(pixels), device=pixels.device), :, rows, columns]

    def at_test(self, pixels: Tensor) -> Tensor:
        return centre_of(pixels, self.size)
