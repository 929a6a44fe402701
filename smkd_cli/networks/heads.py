"""Classifiers of features: what is trained over a frozen network. Of images they see the mean of each channel."""

from __future__ import annotations

from torch import Tensor, nn

_HIDDEN = 512


class Head(nn.Module):
    """Layers over features (N, D), or over the mean of each channel of images (N, D, H, W): logits (N, classes).

    Attributes:
        part: first and number of the features that it sees, where there are others beside them.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.part: tuple[int, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        features = x if x.ndim == 2 else x.mean((2, 3))
        if self.part is not None:
            features = features.narrow(1, *self.part)
        logits: Tensor = self.layers(features)
        return logits


def linear(classes: int, channels: int) -> Head:
    """A linear classifier, whose weights are drawn as PyTorch draws them."""
    return Head(nn.Linear(channels, classes))


def mlp(classes: int, channels: int) -> Head:
    """One hidden layer of 512 units, normalised over the batch, with a rectifier."""
    return Head(
        nn.Linear(channels, _HIDDEN), nn.BatchNorm1d(_HIDDEN), nn.ReLU(inplace=True), nn.Linear(_HIDDEN, classes)
    )
