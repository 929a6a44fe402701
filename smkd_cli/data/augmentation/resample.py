"""A box of each image of a batch, resized: the boxes may differ, the shapes do not."""

from __future__ import annotations

import torch
from torch import Tensor


def resized(pixels: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, size: int) -> Tensor:
    """Boxes of whole pixels, resized with an antialiasing bilinear filter.

    The filter is separable, so that resizing is two products of matrices.

    Args:
        pixels: uint8 (N, C, H, W).
        top, left, height, width: (N,) in pixels, inside of the image.
        size: side of the result in pixels.

    Returns:
        uint8 (N, C, size, size).
    """
    rows = _weights(top, height, pixels.shape[2], size).unsqueeze(1)
    columns = _weights(left, width, pixels.shape[3], size).unsqueeze(1)
    return (rows @ pixels.float() @ columns.mT).round().clamp(0, 255).to(pixels.dtype)


def whole(pixels: Tensor, size: int) -> Tensor:
    """The whole of each image, resized: uint8 (N, C, size, size)."""
    height, width = pixels.shape[2:]
    return middle_of(pixels, height, width, size)


def middle_of(pixels: Tensor, height: int, width: int, size: int) -> Tensor:
    """The box of that height and width in the middle of each image, resized: uint8 (N, C, size, size)."""
    top, left = (pixels.shape[2] - height) // 2, (pixels.shape[3] - width) // 2
    cut = pixels[:, :, top : top + height, left : left + width]
    if height == width == size:
        return cut
    from torchvision.transforms.v2 import functional

    resized: Tensor = functional.resize(cut, [size, size], antialias=True)
    return resized


def _weights(start: Tensor, length: Tensor, pixels: int, size: int) -> Tensor:
    """(N, size, pixels): how much of each pixel is in each of the result, the triangle filter over what is covered."""
    start, length = (value.float().view(-1, 1, 1) for value in (start, length))
    at = torch.arange(pixels, device=start.device) + 0.5
    scale = length / size
    centre = start + (torch.arange(size, device=start.device).view(-1, 1) + 0.5) * scale
    weights = (1 - (at - centre).abs() / scale.clamp_min(1)).clamp_min(0)
    weights = weights * ((at > start) & (at < start + length))
    return weights / weights.sum(2, keepdim=True)
