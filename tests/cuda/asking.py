"""Methods that cannot be captured and do not say so, and one whose code is wrong."""

from __future__ import annotations

import torch

from smkd_cli.methods.contract import Method, cross_entropy


class Reads(Method):
    """Reads a number from the device."""

    name = "Reads"

    def loss(self, own, other, batch, clock):
        losses = cross_entropy(batch.onehot, own)
        return losses.mean() if losses.detach().mean().item() < 1 else losses.sum()


class Chooses(Method):
    """Takes as many samples as there are of a kind."""

    name = "Chooses"

    def loss(self, own, other, batch, clock):
        losses = cross_entropy(batch.onehot, own)
        return losses[losses.detach() < 1].mean()


class Makes(Method):
    """Makes a tensor on the host and copies it to the device."""

    name = "Makes"

    def loss(self, own, other, batch, clock):
        return cross_entropy(batch.onehot, own).mean() * torch.tensor([0.5]).to(own.logits.device)[0]


class Misses(Method):
    """Gives a loss for each sample."""

    name = "Misses"

    def loss(self, own, other, batch, clock):
        return cross_entropy(batch.onehot, own)
