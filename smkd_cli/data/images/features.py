"""Features in the place of images: vectors that are computed already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smkd_cli.data.images.contract import Columns


class FeatureBank:
    """The features of a split; see :class:`~smkd_cli.data.images.contract.TrainingImages`.

    Args:
        features: float32 (n, D); on the CPU its memory is used as it is, and may be mapped from a file.
        device: where batches come out, and where the features are kept.
        views: float32 (n, V, D), features of varied views of each image.
    """

    def __init__(self, features: Tensor, device: torch.device, views: Tensor | None = None) -> None:
        self.device, self._features = device, features.to(device)
        self._views = None if views is None else views.to(device)

    def __len__(self) -> int:
        return len(self._features)

    def plain(self, start: int, stop: int) -> Tensor:
        """Features start … stop−1, (N, D)."""
        return self._features[start:stop]

    def ahead(self, batches: Iterable[Columns], samples: Iterable[NDArray[np.int64]]) -> Iterator[Columns]:  # noqa: ARG002
        """The batches: all is there."""
        return iter(batches)

    def stage(self, columns: Columns) -> None:
        """Nothing: they are there."""

    def view(self, indices: Tensor, drawn: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """The features of some samples, (N, D); where there are several views, of those that were drawn."""
        return self._features[indices] if self._views is None else self._views[indices, drawn[0]["view"]]
