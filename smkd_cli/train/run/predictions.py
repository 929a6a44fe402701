"""What a method sees of a pair between epochs: predictions on the training images. It never sees test images."""

from __future__ import annotations

import torch
from torch import Tensor

from smkd_cli.scoring import predict
from smkd_cli.train.run.evaluation import Evaluation
from smkd_cli.train.step.pair import Pair


class PairPredictions:
    """One network's predictions, and its peer's; computed when they are first used.

    Args:
        pair: whose networks.
        peer: 0 or 1.
        evaluation: holds the images that are held out.
        train_indices: (m,) int64, indices of the training samples.
    """

    def __init__(self, pair: Pair, peer: int, evaluation: Evaluation, train_indices: Tensor) -> None:
        self._pair, self._peer, self._evaluation = pair, peer, evaluation
        self.noisy_labels, self.train_indices = pair.noisy_labels, train_indices

    def train_logits(self) -> Tensor:
        """(m, C) logits of this network on the training samples, in evaluation mode."""
        return self._training(self._peer)

    def peer_train_logits(self) -> Tensor:
        """(m, C) logits of the other network on the same samples."""
        return self._training(1 - self._peer)

    def _training(self, peer: int) -> Tensor:
        pair = self._pair
        return predict(pair.networks[peer], pair.images, pair.machine.precision)[self.train_indices]

    def held_out(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (h, C) of this network and of its peer on the noisy validation split, and its noisy labels (h,)."""
        own, other = (self._pair.networks[peer] for peer in (self._peer, 1 - self._peer))
        held_out = self._evaluation.held_out_logits((own, other))
        if held_out is None:
            nothing = torch.empty(0, self._pair.classes, device=self.noisy_labels.device)
            return nothing, nothing, self.noisy_labels[:0]
        return held_out
