"""Predictions of a network on a whole split."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smkd_cli.data.images.contract import Images
from smkd_cli.scoring.precision import mixed_precision

# Large enough to fill a GPU, small enough for a processor's caches.
_BATCH_SIZES = {"cuda": 2048}
_USUAL_BATCH_SIZE = 512


@torch.no_grad()
def predict(network: nn.Module, images: Images, precision: torch.dtype = torch.float32) -> Tensor:
    """Logits float32 (n, C) in evaluation mode; the network's mode is restored afterwards.

    Args:
        precision: of autocast; float32 is none.
    """
    device = images.device
    size = _BATCH_SIZES.get(device.type, _USUAL_BATCH_SIZE)
    was_training = network.training
    network.eval()
    try:
        with mixed_precision(device, precision):
            starts = range(0, len(images), size)
            return torch.cat([network(images.plain(i, min(i + size, len(images)))).float() for i in starts])
    finally:
        network.train(was_training)
