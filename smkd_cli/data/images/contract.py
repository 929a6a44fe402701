"""Images as a network sees them: what training and scoring ask for, wherever the pixels are."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


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
