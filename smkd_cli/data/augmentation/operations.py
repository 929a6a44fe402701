"""The operations of RandAugment, each image of a batch with its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from smkd_cli.data.augmentation.colour import blended, grey, mean_grey

OPERATIONS = (
    *("identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate"),
    *("brightness", "color", "contrast", "sharpness"),
    *("posterize", "solarize", "autocontrast", "equalize"),
)
# At full strength: how far a pixel moves per pixel, a shift as a part of the side, degrees, a factor's distance from 1,
# and bits that go.
_SHEAR, _SHIFT, _DEGREES, _FACTOR, _BITS = 0.3, 150 / 331, 30.0, 0.9, 4


def operated(pixels: Tensor, operation: Tensor, negative: Tensor, strength: float) -> Tensor:
    """Each image after its operation.

    Args:
        pixels: uint8 (N, C, H, W).
        operation: (N,), positions in :data:`OPERATIONS`.
        negative: (N,) bool, in which of two directions.
        strength: from 0 to 1.
    """

    def chosen(name: str) -> Tensor:
        return operation == OPERATIONS.index(name)

    signed = torch.where(negative, -strength, strength)
    moved = _moved(pixels, {name: torch.where(chosen(name), signed, 0) for name in OPERATIONS[1:6]})
    images = moved.float()
    zero = images.new_zeros(())
    for name, other in (("brightness", zero), ("color", grey(images)), ("contrast", mean_grey(images))):
        images = blended(images, other, torch.where(chosen(name), 1 + _FACTOR * signed, 1))
    images = blended(images, _smooth(images), torch.where(chosen("sharpness"), 1 + _FACTOR * signed, 1))
    images = images.round().to(pixels.dtype)
    others = {
        "posterize": moved & (256 - (1 << round(_BITS * strength))),
        "solarize": torch.where(moved >= 255 * (1 - strength), 255 - moved, moved),
        "autocontrast": _stretched(moved),
        "equalize": _equalized(moved),
    }
    for name, other in others.items():
        images = torch.where(chosen(name).view(-1, 1, 1, 1), other, images)
    return images


def _moved(pixels: Tensor, by: dict[str, Tensor]) -> Tensor:
    """Each image sheared, shifted or turned about its middle by its strengths (N,); the nearest pixel is taken."""
    height, width = pixels.shape[2:]
    angle = by["rotate"] * math.radians(_DEGREES)
    cosine, sine = (value.view(-1, 1, 1) for value in (angle.cos(), angle.sin()))
    shear_x, shear_y = (_SHEAR * by[name].view(-1, 1, 1) for name in ("shear_x", "shear_y"))
    row = (torch.arange(height, device=pixels.device) - (height - 1) / 2).view(-1, 1)
    column = torch.arange(width, device=pixels.device) - (width - 1) / 2
    x = cosine * column - sine * row + shear_x * row - (_SHIFT * width) * by["translate_x"].view(-1, 1, 1)
    y = sine * column + cosine * row + shear_y * column - (_SHIFT * height) * by["translate_y"].view(-1, 1, 1)
    x, y = (x + (width - 1) / 2).round().long(), (y + (height - 1) / 2).round().long()
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    places = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten(1).unsqueeze(1)
    found = pixels.flatten(2).gather(2, places.expand(-1, pixels.shape[1], -1)).view_as(pixels)
    return found.where(inside.unsqueeze(1), 0)


def _smooth(images: Tensor) -> Tensor:
    """Each pixel with its neighbours, which count one where it counts five; the border stays."""
    if min(images.shape[2:]) < 3:
        return images
    inner = images[:, :, 1:-1, 1:-1]
    smooth = pad((9 * avg_pool2d(images, 3, 1) + 4 * inner) / 13, [1, 1, 1, 1])
    border = pad(torch.zeros_like(inner), [1, 1, 1, 1], value=1)
    return torch.where(border > 0, images, smooth)


def _stretched(pixels: Tensor) -> Tensor:
    """Each channel so that its darkest pixel is 0 and its lightest 255; one of a single value stays."""
    images = pixels.float()
    least, most = (end(images, dim=(2, 3), keepdim=True) for end in (torch.amin, torch.amax))
    span = most - least
    stretched = (images - least) * (255 / torch.where(span > 0, span, 1))
    return torch.where(span > 0, stretched, images).round().to(pixels.dtype)


def _equalized(pixels: Tensor) -> Tensor:
    """Each channel so that its values are as evenly frequent as can be."""
    from torchvision.transforms.v2 import functional

    equalized: Tensor = functional.equalize(pixels)
    return equalized
