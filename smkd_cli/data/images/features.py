"""Features in the place of images: vectors that are computed already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class FeatureBank:
    """The features of a split; see :class:`~smkd_cli.data.images.contract.TrainingImages`.

    Args:
        features: float32 (n, D); on the CPU its memory is used as it is, and may be mapped from a file.
        device: where batches come out, and where the features are kept.
    """

    def __init__(self, features: Tensor, device: torch.device) -> None:
        self.device, self._features = device, features.to(device)

    def __len__(self) -> int:
        return len(self._features)

    def plain(self, start: int, stop: int) -> Tensor:
        """Features start … stop−1, (N, D)."""
        return self._features[start:stop]

    def stage(self, columns: Mapping[str, Tensor]) -> None:
        """Nothing: they are there."""

    def view(self, indices: Tensor, drawn: Sequence[Mapping[str, Tensor]]) -> Tensor:  # noqa: ARG002
        """The features of some samples, (N, D)."""
        return self._features[indices]
