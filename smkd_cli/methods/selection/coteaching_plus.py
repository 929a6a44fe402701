"""Co-teaching+: small losses are exchanged where the peers disagree (Yu et al., ICML 2019)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined, RefinedOutputs, cross_entropy
from smkd_cli.methods.selection.coteaching import CoTeaching
from smkd_cli.methods.selection.small_loss import epochs_in, kept, mean_of, smallest

if TYPE_CHECKING:
    from torch import Tensor


class CoTeachingPlus(CoTeaching):
    """After a warm-up of Co-teaching, L_A = mean of CE_A over B's k smallest losses in D, k = int((1 − R(e))·|D|).

    D holds the samples on which argmax z_A ≠ argmax z_B. Where D is empty, every sample of the batch counts, and
    where k = 0, every sample of D, as in the authors' code. Unlike there, losses are of the logits (not of softmax
    outputs taken for logits), the mean is taken once, and no sample is left out for its index.
    """

    name = "Co-teaching+"

    warm_up: Annotated[
        float, Field(gt=0, le=1, description="fraction of epochs of Co-teaching first (paper: 5 of 200; CIFAR-10: 20)")
    ] = 0.025

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        return Refined(batch.onehot)  # what is sent is known once both have predicted

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        losses = cross_entropy(batch.onehot, own)
        if not self.exchanges(clock):
            return losses.mean()
        return mean_of(losses, self._picked(other, own, batch, clock))

    def sent(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        return self._picked(own, other, batch, clock) if self.exchanges(clock) else own.sent

    def _picked(self, own: Outputs, other: Outputs, batch: Batch, clock: Clock) -> Tensor:
        """What a network picks for its peer, (N,) of 0 and 1."""
        import torch

        losses = cross_entropy(batch.onehot, own).detach()
        warming = clock.epoch <= epochs_in(self.warm_up, clock)
        eligible = warming | (own.logits.argmax(1) != other.logits.argmax(1))
        size = eligible.sum()
        count = kept(self.forgotten(own, clock), size)
        picked = smallest(losses.masked_fill(~eligible, math.inf), count)
        return torch.where(count > 0, picked, eligible | (size == 0)).to(losses.dtype)
