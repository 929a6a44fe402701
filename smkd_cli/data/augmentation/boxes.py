"""Boxes of random area, shape and place, one for each image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Ends = tuple[float, float]


def check_range(name: str, ends: Ends, most: float = math.inf) -> None:
    """Raise a ValueError unless the ends of a range are above 0, at most ``most``, and in order."""
    if not 0 < ends[0] <= ends[1] <= most:
        upper = "" if most == math.inf else f" and at most {most:g}"
        raise ValueError(f"{name} should be two numbers above 0{upper}, the smaller one first, not {list(ends)}")


def draw_boxes(
    random: np.random.Generator, scale: Ends, ratio: Ends, n: int, views: int
) -> dict[str, NDArray[np.generic]]:
    """For images of any size: areas as a part of the image's, widths divided by heights, and places.

    Args:
        scale, ratio: ends of the uniform distribution of the area, and of that of the logarithm of the ratio.
    """
    import numpy as np

    least, most = map(math.log, ratio)
    return {
        "area": random.uniform(*scale, (n, views)),
        "ratio": np.exp(random.uniform(least, most, (n, views))),
        "corner": random.random((n, views, 2)),
    }


def boxes_in(drawn: Mapping[str, Tensor], rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Top, left, height and width, (N,) whole numbers of pixels, in images of so many rows and columns.

    A box that would be wider or higher than the image ends at its borders.
    """
    area, ratio, corner = drawn["area"] * rows * columns, drawn["ratio"], drawn["corner"]
    height = (area / ratio).sqrt().round().clamp(1, rows)
    width = (area * ratio).sqrt().round().clamp(1, columns)
    return (corner[:, 0] * (rows - height + 1)).floor(), (corner[:, 1] * (columns - width + 1)).floor(), height, width
