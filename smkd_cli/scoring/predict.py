"""Predictions of networks on a whole split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from smkd_cli.data.images.contract import Images
from smkd_cli.scoring.precision import mixed_precision

# Large enough to fill a GPU, small enough for a processor's caches.
_BATCH_SIZES = {"cuda": 2048}
_USUAL_BATCH_SIZE = 512


def predict(network: nn.Module, images: Images, precision: torch.dtype = torch.float32) -> Tensor:
    """Logits float32 (n, C) in evaluation mode; the network's mode is restored afterwards.

    Args:
        precision: of autocast; float32 is none.
    """
    with _evaluating([network]):
        return torch.cat([_logits(network, batch, precision) for batch in _batches(images)])


def predict_both(
    networks: Sequence[nn.Module],
    images: Images,
    precision: torch.dtype,
    both: Callable[[Callable[[int], Tensor]], tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """What :func:`predict` gives of each of two networks; images are read once for both.

    Args:
        both: does a piece of work for network 0 and for network 1.
    """

    def of(batch: Tensor) -> tuple[Tensor, Tensor]:
        return both(lambda which: _logits(networks[which], batch, precision))

    with _evaluating(networks):
        found = [of(batch) for batch in _batches(images)]
    return torch.cat([one for one, _ in found]), torch.cat([other for _, other in found])


@torch.no_grad()
def _logits(network: nn.Module, batch: Tensor, precision: torch.dtype) -> Tensor:
    with mixed_precision(batch.device, precision):
        logits: Tensor = network(batch)
        return logits.float()


def _batches(images: Images) -> Iterator[Tensor]:
    size = _BATCH_SIZES.get(images.device.type, _USUAL_BATCH_SIZE)
    for start in range(0, len(images), size):
        yield images.plain(start, min(start + size, len(images)))


@contextmanager
def _evaluating(networks: Sequence[nn.Module]) -> Iterator[None]:
    """Networks in evaluation mode; their own is restored."""
    modes = [network.training for network in networks]
    try:
        for network in networks:
            network.eval()
        yield
    finally:
        for network, mode in zip(networks, modes, strict=True):
            network.train(mode)
