"""SMKD-S: knowledge is sent where the sender's entropy is below a constant threshold (the paper's Eq. 4 to 6)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Clock, Outputs, Refined, RefinedOutputs
from smkd_cli.methods.exchange.contract import ExchangeRule

if TYPE_CHECKING:
    from torch import Tensor

    from smkd_cli.methods.targets.contract import TargetRule


class Static(ExchangeRule):
    """L_A = mean of H(q̃_A, p_A) + (w/n) Σ_i 1[H(p_B,i) < χ] · H(sg[q̃_B,i], p_A,i) with χ = H(u)/η.

    The comparison is strict and the entropy exact (natural logarithm, nothing added inside it). n is the
    ``normalisation``: ``batch``, all N samples (the mean of Eq. 4 and 5); ``sender``, those that B sends (what the
    comments of Algorithm 1); ``literal``, those that A itself would send (as in its code). A count of zero
    divides by one instead, so that nothing sent costs nothing.
    """

    name = "SMKD-S"

    eta: Annotated[
        float, Field(gt=0, description="η, χ = H(u)/η (paper, Table V: 4 is best of 1 to 4; chosen by evidence)")
    ] = 8.0
    normalisation: Annotated[
        Literal["batch", "sender", "literal"], Field(description="n of the transfer term (chosen by evidence)")
    ] = "batch"
    transfer_weight: Annotated[float, Field(ge=0, description="w, weight of the transfer term (paper: 1)")] = 1.0

    def threshold(self, classes: int, clock: Clock) -> Tensor:
        return clock.epoch.new_full((), math.log(classes) / self.eta)

    def send(self, own: Outputs, refined: Refined, clock: Clock) -> Refined:
        below = own.entropy < self.threshold(own.logits.shape[1], clock)
        return replace(refined, sent=below.to(own.entropy.dtype))

    def combine(self, self_loss: Tensor, own: RefinedOutputs, other: RefinedOutputs, target_rule: TargetRule) -> Tensor:
        received = other.sent * target_rule.imitation(own, other.knowledge)
        if self.normalisation == "batch":
            transfer = received.mean()
        else:
            counted = other.sent if self.normalisation == "sender" else own.sent
            transfer = received.sum() / counted.sum().clamp_min(1)
        return self_loss + self.transfer_weight * transfer
