"""Feature maps of two networks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def of_one_size(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps (N, D, h, w), each averaged down to the smaller height and width of the two."""
    height, width = (min(one, other) for one, other in zip(a.shape[2:], b.shape[2:], strict=True))
    return _pooled(a, height, width), _pooled(b, height, width)


def _pooled(maps: Tensor, height: int, width: int) -> Tensor:
    from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

    rows, columns = maps.shape[2:]
    if (rows, columns) == (height, width):
        return maps
    if rows % height == columns % width == 0:  # the same, and its gradient is deterministic on CUDA as well
        return avg_pool2d(maps, (rows // height, columns // width))
    return adaptive_avg_pool2d(maps, (height, width))
