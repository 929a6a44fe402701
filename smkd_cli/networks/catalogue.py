"""Which networks there are, where their code is, and what they cost, without torch."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smkd_cli.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

_SIDE, _CHANNELS, _CLASSES = 32, 3, 100
# A multiply-add is two operations; a backward pass costs about two forward passes.
_OPERATIONS_PER_MULTIPLY_ADD = 2
_PASSES_OF_A_STEP = 3


@dataclass(frozen=True)
class Facts:
    """What a network costs.

    Attributes:
        family: the module of this package that defines it.
        parameters: trainable parameters at 100 classes and 3 channels.
        multiply_adds: of the convolutions and the classifier, forward, for one 32x32x3 image and 100 classes. A step
            of training costs about three times that.
        stem_width: output channels of the first convolution, which is 3x3 with stride 1.
        features: inputs of the classifier.
    """

    family: str
    parameters: int
    multiply_adds: int
    stem_width: int
    features: int

    def parameters_at(self, classes: int, channels: int = _CHANNELS) -> int:
        """Trainable parameters with that many classes and input channels."""
        return (
            self.parameters + (classes - _CLASSES) * (self.features + 1) + (channels - _CHANNELS) * 9 * self.stem_width
        )

    def multiply_adds_at(self, image_shape: tuple[int, int, int], classes: int) -> int:
        """Multiply-adds forward for one image (H, W, C); exact where H and W are multiples of 8."""
        height, width, channels = image_shape
        convolutions = self.multiply_adds - self.features * _CLASSES
        stem = (channels - _CHANNELS) * 9 * self.stem_width
        return convolutions * height * width // _SIDE**2 + stem * height * width + self.features * classes

    def training_operations(self, image_shape: tuple[int, int, int], classes: int) -> int:
        """Floating-point operations of one image (H, W, C) forward and backward, the usual 6 per multiply-add."""
        return _OPERATIONS_PER_MULTIPLY_ADD * _PASSES_OF_A_STEP * self.multiply_adds_at(image_shape, classes)


_NETWORKS = {
    "resnet18": Facts("resnet", 11_220_132, 555_468_800, 64, 512),
    "resnet34": Facts("resnet", 21_328_292, 1_159_448_576, 64, 512),
    "resnet50": Facts("resnet", 23_705_252, 1_298_014_208, 64, 2048),
    "shufflenet_v2": Facts("shufflenet_v2", 1_360_896, 43_675_520, 24, 1024),
    "small_resnet": Facts("resnet", 79_220, 7_788_800, 16, 64),
}


def names() -> list[str]:
    """The names of all networks, sorted."""
    return sorted(_NETWORKS)


def facts(name: str) -> Facts:
    """What a network costs.

    Raises:
        UsageError: there is no such network.
    """
    if name not in _NETWORKS:
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"unknown network {name!r}: {hint}There are: {', '.join(names())}")
    return _NETWORKS[name]


def build(name: str, classes: int, channels: int = _CHANNELS) -> nn.Module:
    """A freshly initialised network, drawn from torch's global generator.

    Returns:
        A module that maps float images (N, channels, H, W) to logits (N, classes), by its ``maps`` (the last feature
        maps, (N, D, h, w)) and its ``classify`` (logits of these).

    Raises:
        UsageError: there is no such network.
    """
    module = importlib.import_module(f"smkd_cli.networks.{facts(name).family}")
    network: nn.Module = getattr(module, name)(classes, channels)
    return network
