"""Images of a batch mixed with one another: mixup (Zhang et al., ICLR 2018) and CutMix (Yun et al., ICCV 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from smkd_cli.methods import mixing


@dataclass(frozen=True)
class Mixture:
    """How images are mixed: each with another of its batch, by a share λ ≥ 1/2 that is its own.

    The partners are a random order of the batch, so each image is the larger part of one mixture.

    Attributes:
        name: ``mixup`` weighs pixels, ``cutmix`` puts a box of the partner in the image's place.
        alpha: λ is the larger part of a draw from Beta(α, α).
    """

    name: Literal["mixup", "cutmix"]
    alpha: float

    def draw(self, random: np.random.Generator, batches: Sequence[int]) -> dict[str, np.ndarray]:
        """For an epoch: ``partner`` (m,), ``share`` (m,), and ``corner`` (m, 2), the place of a box in [0, 1)."""
        partner = mixing.partners(random, batches)[:, 0]
        share = mixing.shares_by_sample(random, batches, self.alpha)
        return {
            "partner": partner,
            "share": np.maximum(share, 1 - share),
            "corner": random.random((len(share), 2)),
        }

    def __call__(self, images: Tensor, drawn: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The mixtures, (N, …), and the share of each image in its own, (N,)."""
        partners, share = images[drawn["partner"]], drawn["share"].to(images.dtype)
        if self.name == "mixup":
            return mixing.mixed(images, partners, share), share
        height, width = images.shape[2:]
        side = (1 - share).sqrt()
        rows, columns = (
            _covered(length, side, drawn["corner"][:, axis]) for axis, length in enumerate((height, width))
        )
        inside = rows.unsqueeze(2) & columns.unsqueeze(1)
        share = 1 - inside.to(images.dtype).mean((1, 2))  # of whole pixels
        return torch.where(inside.unsqueeze(1), partners, images), share


def _covered(length: int, part: Tensor, corner: Tensor) -> Tensor:
    """Which of ``length`` pixels a box covers that is as long as a part (N,) of them: (N, length) bool."""
    side = (length * part).round()
    start = (corner * (length - side + 1)).floor().unsqueeze(1)
    at = torch.arange(length, device=part.device)
    return (at >= start) & (at < start + side.unsqueeze(1))
