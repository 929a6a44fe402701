"""Co-teaching: each peer learns from the samples on which the other's loss is small (Han et al., NeurIPS 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Clock, Outputs
from smkd_cli.methods.selection.noise_rate import KnowsNoiseRate, rate_in
from smkd_cli.methods.selection.small_loss import SmallLossExchange, epochs_in

if TYPE_CHECKING:
    from torch import Tensor


def ramped(epoch: Tensor, length: Tensor, rate: Tensor, exponent: float) -> Tensor:
    """R(e) = e τ^c / (T_k − 1) for e < T_k, else τ, (): the authors' code, e from 0 and T_k = ``length``; R(0) = 0."""
    import torch

    top, last = rate**exponent, (length - 1).clamp_min(1)
    return torch.where(epoch < last, epoch * (top / last), torch.where(epoch < length, top, rate))


class CoTeaching(SmallLossExchange, KnowsNoiseRate):
    """L_A = mean of CE_A over the int((1 − R(e))·N) samples on which B's loss is smallest, detached, at least one.

    R rises from 0 to τ^c in the first T_k epochs and is τ, the noise rate, from then on. The paper's formula is
    τ · min((e/T_k)^c, 1); for c = 1 it reaches τ one epoch later. Our first epoch is e = 0, so that it forgets nothing
    however short the ramp is; the authors' loop starts at e = 1. T_k is a fraction of the epochs, at least one.
    """

    name = "Co-teaching"

    ramp: Annotated[float, Field(gt=0, le=1, description="T_k, fraction of the epochs (paper: 10 of 200)")] = 0.05
    exponent: Annotated[float, Field(gt=0, description="c, exponent of the ramp (paper: 1)")] = 1.0
    forget_rate: Annotated[
        float | None, Field(ge=0, lt=1, description="final R, instead of the noise rate (paper: the noise rate)")
    ] = None

    def rate_source(self) -> str | float:
        return self.noise_rate if self.forget_rate is None else self.forget_rate

    def exchanges(self, clock: Clock) -> bool:
        return not self.estimating(clock)

    def forgotten(self, own: Outputs, clock: Clock) -> Tensor:
        return ramped(clock.epoch - 1, epochs_in(self.ramp, clock), rate_in(own.memory), self.exponent)
