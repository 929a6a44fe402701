"""Small losses: which samples a network takes to be labelled right, and how a pair learns from each other's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli.methods.contract import Batch, Clock, Method, Outputs, Refined, RefinedOutputs, cross_entropy

if TYPE_CHECKING:
    from torch import Tensor


def kept(forget_rate: Tensor, samples: Tensor | int) -> Tensor:
    """int((1 − R)·N), (), float64: how many of N samples are kept at a forget rate R (float64)."""
    return ((1 - forget_rate) * samples).floor()


def smallest(losses: Tensor, count: Tensor) -> Tensor:
    """Mask (N,) of the ``count`` smallest of the losses (N,); of equal ones, the first."""
    return losses.detach().argsort(stable=True).argsort() < count


def mean_of(losses: Tensor, mask: Tensor) -> Tensor:
    """Mean of the losses (N,) that a mask (N,) of 0 and 1 has, (); 0 where it has none."""
    return (mask * losses).sum() / mask.sum().clamp_min(1)


def epochs_in(fraction: float, clock: Clock) -> Tensor:
    """A fraction of the stage's epochs in whole epochs, (), at least one."""
    return (clock.epochs * fraction).round().clamp_min(1)


class SmallLossExchange(Method):
    """L_A = mean of CE_A over the k samples on which B's loss is smallest, k = int((1 − R)·N), at least 1.

    The forget rate R is the subclass's. ``sent`` is what a network picks for its peer, ``knowledge`` the noisy label.
    Losses are ranked detached. The mean is taken once; the public Co-teaching code divides it by k again.
    """

    def forgotten(self, own: Outputs, clock: Clock) -> Tensor:
        """R in this epoch, (), float64."""
        raise NotImplementedError(f"{type(self).__name__} defines no forget rate")

    def exchanges(self, clock: Clock) -> bool:
        """Whether the peers pick for each other in this stage; otherwise each learns from every label by CE."""
        return True

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        if not self.exchanges(clock):
            return Refined(batch.onehot)
        losses = cross_entropy(batch.onehot, own)
        count = kept(self.forgotten(own, clock), losses.shape[0]).clamp_min(1)
        return Refined(batch.onehot, sent=smallest(losses, count).to(losses.dtype))

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        losses = cross_entropy(batch.onehot, own)
        return mean_of(losses, other.sent) if self.exchanges(clock) else losses.mean()
