"""ShuffleNetV2 for small images (Ma et al., "ShuffleNet V2", ECCV 2018), width 1x.

The variant of the weiaicunzai and ProSelfLC code bases: every convolution has a bias, the stem has stride 1, no ReLU
and no pooling. Every layer keeps PyTorch's default initialisation.
"""

from __future__ import annotations

from torch import Tensor, nn, stack


def _pointwise(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _depthwise(channels: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels), nn.BatchNorm2d(channels)]


def _interleave(a: Tensor, b: Tensor) -> Tensor:
    """Channels of a and b by turns, (N, C, H, W) each to (N, 2C, H, W): concatenation and a shuffle of two groups."""
    return stack((a, b), dim=2).flatten(1, 2)


class Unit(nn.Module):
    """The unit of stride 1: half of the channels pass as they are, (N, C, H, W) to (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(*_pointwise(half, half), *_depthwise(half, 1), *_pointwise(half, half))

    def forward(self, x: Tensor) -> Tensor:
        passed, worked = x.chunk(2, dim=1)
        return _interleave(passed, self.branch(worked))


class DownsamplingUnit(nn.Module):
    """The unit of stride 2: both halves come from all channels, (N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.shortcut = nn.Sequential(*_depthwise(inputs, 2), *_pointwise(inputs, half))
        self.branch = nn.Sequential(*_pointwise(inputs, inputs), *_depthwise(inputs, 2), *_pointwise(inputs, half))

    def forward(self, x: Tensor) -> Tensor:
        return _interleave(self.shortcut(x), self.branch(x))


class ShuffleNetV2(nn.Module):
    """Stem, three stages, a 1x1 convolution, average pooling, linear classifier: (N, C, H, W) to (N, classes)."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        width = 24
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width))
        self.stages = nn.Sequential()
        for outputs, units in ((116, 4), (232, 8), (464, 4)):
            stage = [DownsamplingUnit(width, outputs), *(Unit(outputs) for _ in range(units - 1))]
            self.stages.append(nn.Sequential(*stage))
            width = outputs
        self.last = nn.Sequential(*_pointwise(width, 1024))
        self.classifier = nn.Linear(1024, classes)

    def maps(self, x: Tensor) -> Tensor:
        """The last feature maps, (N, D, h, w)."""
        features: Tensor = self.last(self.stages(self.stem(x)))
        return features

    def classify(self, maps: Tensor) -> Tensor:
        """Logits (N, classes) of feature maps."""
        logits: Tensor = self.classifier(maps.mean(dim=(2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.maps(x))


def shufflenet_v2(classes: int, channels: int) -> ShuffleNetV2:
    """ShuffleNetV2 1x for small images: 1.36 M parameters."""
    return ShuffleNetV2(classes, channels)
