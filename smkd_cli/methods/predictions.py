"""Predictions that a method may use between epochs, where another training loop computed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class GivenPredictions:
    """An :class:`~smkd_cli.methods.hooks.Predictions` of logits that are given.

    Args:
        noisy_labels: (n,) int64, of all training samples.
        index: of the network, 0 or 1.
        training: (n, C) logits of both networks on these, or None.
        held_out: (h, C) logits of both networks on held-out samples and their noisy labels (h,), or None.
    """

    def __init__(
        self,
        noisy_labels: Tensor,
        index: int,
        training: tuple[Tensor, Tensor] | None,
        held_out: tuple[Tensor, Tensor, Tensor] | None,
    ) -> None:
        self.noisy_labels, self._index, self._training, self._held_out = noisy_labels, index, training, held_out

    @property
    def train_indices(self) -> Tensor:
        """(n,) int64: all of them."""
        import torch

        return torch.arange(len(self.noisy_labels), device=self.noisy_labels.device)

    def train_logits(self) -> Tensor:
        """(n, C) logits of this network."""
        return self._of(self._index)

    def peer_train_logits(self) -> Tensor:
        """(n, C) logits of the other network."""
        return self._of(1 - self._index)

    def _of(self, index: int) -> Tensor:
        if self._training is None:
            raise ValueError("the method looks at all training samples when an epoch ends: give end_epoch their logits")
        return self._training[index].detach()

    def held_out(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (h, C) of this network and of its peer on held-out samples, and their noisy labels (h,)."""
        if self._held_out is None:
            raise ValueError("the method looks at held-out samples when an epoch ends: give end_epoch their logits")
        *logits, noisy_labels = self._held_out
        return logits[self._index].detach(), logits[1 - self._index].detach(), noisy_labels
