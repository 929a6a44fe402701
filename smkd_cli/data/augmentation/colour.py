"""Colours of each image of a batch changed by its own number: images are float (N, C, H, W) from 0 to 255."""

from __future__ import annotations

import torch
from torch import Tensor

# How bright people see red, green and blue (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


def per_image(values: Tensor) -> Tensor:
    """Numbers (N,) in the shape that goes with images."""
    return values.float().view(-1, 1, 1, 1)


def grey(images: Tensor) -> Tensor:
    """How bright each pixel is, (N, 1, H, W)."""
    if images.shape[1] != len(_LUMA):
        return images.mean(1, keepdim=True)
    red, green, blue = images.unbind(1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).unsqueeze(1)


def blended(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """``other`` + ``factor`` · (images − ``other``), for factors (N,): 0 gives the other, 1 the images."""
    return (other + per_image(factor) * (images - other)).clamp(0, 255)


def mean_grey(images: Tensor) -> Tensor:
    """The mean brightness of each image, (N, 1, 1, 1)."""
    return grey(images).mean((2, 3), keepdim=True)


def hue_turned(images: Tensor, turn: Tensor) -> Tensor:
    """Images of three channels whose hue, on a circle of length 1, is turned by (N,); others as they are."""
    if images.shape[1] != len(_LUMA):
        return images
    red, green, blue = images.unbind(1)
    most, least = images.amax(1), images.amin(1)
    span = most - least
    divisor = torch.where(span > 0, span, 1)
    hue = torch.where(
        most == red,
        (green - blue) / divisor,
        torch.where(most == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = hue + 6 * turn.float().view(-1, 1, 1)

    def channel(number: int) -> Tensor:
        place = (number + hue).remainder(6)
        return most - span * torch.minimum(place, 4 - place).clamp(0, 1)

    return torch.stack([channel(5), channel(3), channel(1)], 1)
