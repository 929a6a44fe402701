"""Images as a network sees them: the interface for training and scoring, wherever the pixels are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Columns = dict[str, Tensor]
"""A batch of an epoch plan: what was drawn for each of its positions, by name; ``indices`` (N, P) are its samples."""


class Images(Protocol):
    """The images of one split; ``len()`` is their number."""

    @property
    def device(self) -> torch.device:
        """Where batches come out."""
        ...

    def __len__(self) -> int: ...

    def plain(self, start: int, stop: int) -> Tensor:
        """Images start … stop−1 without augmentation, normalised float32 (N, C, H, W)."""
        ...


class TrainingImages(Images, Protocol):
    """Training images, with their augmentation.

    A step uses views of samples. Before it, the host gets their indices: images that are not on the device are then put
    into buffers that stay where they are, so that a step which is captured stays so.
    """

    def ahead(self, batches: Iterable[Columns], samples: Iterable[NDArray[np.int64]]) -> Iterator[Columns]:
        """The batches, unchanged and in their order, of which the next ones are got ready while one is trained on.

        Args:
            batches: those of an epoch plan that will be trained on.
            samples: the ``indices`` of each, on the host, where reading them need not wait for the device.
        """
        ...

    def stage(self, columns: Columns) -> None:
        """Get the samples of a batch ready, on the host, before its step; ``columns`` are an epoch plan's.

        Called before every step, and before a step is recorded on a batch, outside of what is recorded.
        """
        ...

    def view(self, indices: Tensor, drawn: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """One view of some samples, normalised float32 (N, C, H, W).

        Args:
            indices: (N,) int64, which samples.
            drawn: for each rule of the augmentation what it drew for this view, (N, …) by name.
        """
        ...
