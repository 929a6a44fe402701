"""A network without what makes logits of features."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from smkd_cli import networks
from smkd_cli.errors import UsageError
from smkd_cli.networks.weights import classifier_keys, load_backbone, read_weights

if TYPE_CHECKING:
    from torch import nn

_CLASSES = 2  # of the classifier that is taken away


def backbone(name: str, channels: int, weights: Path | None = None) -> nn.Module:
    """A network that maps images (N, channels, H, W) to features (N, D), in evaluation mode.

    It is the whole network, whose classifier is replaced by the identity.

    Args:
        name: of the network.
        weights: a safetensors file; None leaves them random.

    Raises:
        UsageError: it has no classifier that could be taken away.
        DataError: the weights are missing, damaged, or another network's.
    """
    from torch import nn

    build = partial(networks.build, name)
    keys = classifier_keys(build, channels)
    network = build(_CLASSES, channels)
    if weights is not None:
        load_backbone(network, read_weights(weights), keys, weights)
    modules = {key.rpartition(".")[0] for key in keys}
    if len(modules) != 1 or "" in modules:
        raise UsageError(f"network {name} has no single classifier, so it has no features to freeze")
    parent, _, child = modules.pop().rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())
    return network.requires_grad_(False).eval()


@cache
def width(name: str, image_shape: tuple[int, int, int]) -> int:
    """D, the number of features that a network has of an image (H, W, C); nothing is computed.

    Raises:
        UsageError: see :func:`backbone`, or its features are no vector.
    """
    import torch

    height, wide, channels = image_shape
    with torch.device("meta"), torch.no_grad():
        features = backbone(name, channels)(torch.empty(2, channels, height, wide))
    if features.ndim != 2:
        raise UsageError(f"network {name} has features of shape {tuple(features.shape)}, which are no vectors")
    return int(features.shape[1])
