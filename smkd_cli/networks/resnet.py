"""Residual networks for small images (He et al., "Deep residual learning for image recognition", CVPR 2016).

The form that work on noisy CIFAR labels uses (ProSelfLC, CDR): a 3x3 stem without pooling, so that a 32x32 image is
still 32x32 in the first stage. Every layer keeps PyTorch's default initialisation, as those code bases do: Kaiming
uniform with a = √5, batch normalisation at weight 1 and bias 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


class _Shortcut(nn.Sequential):
    """The identity, or a 1x1 projection where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        if stride == 1 and inputs == outputs:
            super().__init__()
        else:
            super().__init__(_convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: (N, inputs, H, W) to (N, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = _Shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return functional.relu(y + self.shortcut(x), inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 (strided) and 1x1 convolutions and a shortcut: (N, inputs, H, W) to (N, 4 width, H / stride, …)."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = _convolution(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = _Shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = functional.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        return functional.relu(y + self.shortcut(x), inplace=True)


class ResNet(nn.Module):
    """Stem, stages of residual blocks, global average pooling, linear classifier: (N, C, H, W) to (N, classes).

    Args:
        block: the kind of residual block.
        stem: output channels of the first convolution.
        stages: (blocks, width, stride) of each stage; the stride is the first block's.
        classes: number of logits.
        channels: of the images.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        stem: int,
        stages: Sequence[tuple[int, int, int]],
        classes: int,
        channels: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution(channels, stem, 3), nn.BatchNorm2d(stem), nn.ReLU(inplace=True))
        inputs = stem
        self.stages = nn.Sequential()
        for depth, width, stride in stages:
            stage = nn.Sequential()
            for position in range(depth):
                stage.append(block(inputs, width, stride if position == 0 else 1))
                inputs = width * block.expansion
            self.stages.append(stage)
        self.classifier = nn.Linear(inputs, classes)

    def maps(self, x: Tensor) -> Tensor:
        """The last feature maps, (N, D, h, w)."""
        features: Tensor = self.stages(self.stem(x))
        return features

    def classify(self, maps: Tensor) -> Tensor:
        """Logits (N, classes) of feature maps."""
        logits: Tensor = self.classifier(maps.mean(dim=(2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.maps(x))


def _four_stages(
    block: type[BasicBlock | Bottleneck], depths: tuple[int, int, int, int], classes: int, channels: int
) -> ResNet:
    stages = list(zip(depths, (64, 128, 256, 512), (1, 2, 2, 2), strict=True))
    return ResNet(block, 64, stages, classes, channels)


def resnet18(classes: int, channels: int) -> ResNet:
    """ResNet-18 for small images: 11.2 M parameters."""
    return _four_stages(BasicBlock, (2, 2, 2, 2), classes, channels)


def resnet34(classes: int, channels: int) -> ResNet:
    """ResNet-34 for small images, the paper's main network: 21.3 M parameters."""
    return _four_stages(BasicBlock, (3, 4, 6, 3), classes, channels)


def resnet50(classes: int, channels: int) -> ResNet:
    """ResNet-50 for small images: 23.7 M parameters."""
    return _four_stages(Bottleneck, (3, 4, 6, 3), classes, channels)


def small_resnet(classes: int, channels: int) -> ResNet:
    """Two residual blocks of 32 and 64 channels: 73 k parameters at 10 classes, enough to memorise all digits."""
    return ResNet(BasicBlock, 16, [(1, 32, 2), (1, 64, 2)], classes, channels)
