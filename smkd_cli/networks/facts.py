"""What a network costs: parameters and operations, known beforehand or counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from smkd_cli.errors import UsageError
from smkd_cli.registry import used

if TYPE_CHECKING:
    from torch import Tensor, nn

_SIDE, _CHANNELS, _CLASSES = 32, 3, 100
# A multiply-add is two operations; a backward pass costs about two forward passes.
_OPERATIONS_PER_MULTIPLY_ADD = 2
_PASSES_OF_A_STEP = 3


class NetworkFacts(ABC):
    """Facts of a network that need no training: its size and cost."""

    @property
    @abstractmethod
    def features(self) -> int:
        """D, the channels of its last feature maps; 0 where it has no ``maps``."""

    @abstractmethod
    def parameters_at(self, classes: int, channels: int = _CHANNELS) -> int:
        """Trainable parameters with that many classes and input channels."""

    @abstractmethod
    def multiply_adds_at(self, image_shape: tuple[int, int, int], classes: int) -> int:
        """Multiply-adds forward for one image (H, W, C), of convolutions and matrix products."""

    def training_operations(self, image_shape: tuple[int, int, int], classes: int) -> int:
        """Floating-point operations of one image (H, W, C) forward and backward, the usual 6 per multiply-add."""
        return _OPERATIONS_PER_MULTIPLY_ADD * _PASSES_OF_A_STEP * self.multiply_adds_at(image_shape, classes)


@dataclass(frozen=True)
class Recorded(NetworkFacts):
    """What was counted of one of ours, so that its cost is known without torch; exact where H and W are multiples of 8.

    Attributes:
        parameters: trainable parameters at 100 classes and 3 channels.
        multiply_adds: of the convolutions and the classifier, forward, for one 32x32x3 image and 100 classes.
        stem_width: output channels of the first convolution, which is 3x3 with stride 1.
        width: inputs of the classifier, D.
    """

    parameters: int
    multiply_adds: int
    stem_width: int
    width: int

    @property
    def features(self) -> int:
        return self.width

    def parameters_at(self, classes: int, channels: int = _CHANNELS) -> int:
        return self.parameters + (classes - _CLASSES) * (self.width + 1) + (channels - _CHANNELS) * 9 * self.stem_width

    def multiply_adds_at(self, image_shape: tuple[int, int, int], classes: int) -> int:
        height, width, channels = image_shape
        convolutions = self.multiply_adds - self.width * _CLASSES
        stem = (channels - _CHANNELS) * 9 * self.stem_width
        return convolutions * height * width // _SIDE**2 + stem * height * width + self.width * classes


class Counted(NetworkFacts):
    """What is counted of a network on torch's meta device, where nothing is computed.

    Args:
        title: what messages call the network.
        build: makes it, as :func:`smkd_cli.networks.build`.

    Every function raises a UsageError where the network cannot be built, or does not make logits of images.
    """

    def __init__(self, title: str, build: Callable[[int, int], nn.Module]) -> None:
        self._title = title
        self._build = build
        self._counted = cache(self._count)

    @property
    def features(self) -> int:
        return used(self._title, self._width, "maps")

    def parameters_at(self, classes: int, channels: int = _CHANNELS) -> int:
        def count() -> int:
            parameters = self._on_meta(classes, channels).parameters()
            return sum(parameter.numel() for parameter in parameters if parameter.requires_grad)

        return used(self._title, count)

    def multiply_adds_at(self, image_shape: tuple[int, int, int], classes: int) -> int:
        return self._counted(image_shape, classes)

    def _on_meta(self, classes: int, channels: int) -> nn.Module:
        import torch

        with torch.device("meta"):
            return self._build(classes, channels).eval()

    def _width(self) -> int:
        import torch

        network = self._on_meta(_CLASSES, _CHANNELS)
        if not hasattr(network, "maps"):
            return 0
        with torch.no_grad():
            maps: Tensor = network.maps(torch.empty(2, _CHANNELS, _SIDE, _SIDE, device="meta"))  # type: ignore[operator]
        return maps.shape[1]

    def _count(self, image_shape: tuple[int, int, int], classes: int) -> int:
        return used(self._title, lambda: self._run(image_shape, classes))

    def _run(self, image_shape: tuple[int, int, int], classes: int) -> int:
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        height, width, channels = image_shape
        network = self._on_meta(classes, channels)
        images = torch.empty(2, channels, height, width, device="meta")
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            logits = network(images)
        if tuple(logits.shape) != (len(images), classes):
            raise UsageError(
                f"{self._title} makes {tuple(logits.shape)} of images {tuple(images.shape)}, not logits"
                f" {(len(images), classes)}"
            )
        operations: int = counter.get_total_flops()
        return operations // _OPERATIONS_PER_MULTIPLY_ADD // len(images)
