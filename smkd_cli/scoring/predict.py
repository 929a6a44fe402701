"""Predictions of a network on a whole split."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smkd_cli.scoring.images import ImageBank


@torch.no_grad()
def predict(network: nn.Module, images: ImageBank, batch_size: int = 512) -> Tensor:
    """Logits float32 (n, C) in evaluation mode; the network's mode is restored afterwards."""
    was_training = network.training
    network.eval()
    try:
        batches = range(0, images.count, batch_size)
        return torch.cat([network(images.plain(i, min(i + batch_size, images.count))).float() for i in batches])
    finally:
        network.train(was_training)
