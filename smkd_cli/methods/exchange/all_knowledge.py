"""All knowledge: every refined label of the one peer teaches the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Clock, Outputs, Refined, RefinedOutputs
from smkd_cli.methods.exchange.contract import ExchangeRule

if TYPE_CHECKING:
    from torch import Tensor

    from smkd_cli.methods.targets.contract import TargetRule


class All(ExchangeRule):
    """L_A = mean of H(q̃_A, p_A) + w · mean of H(sg[q̃_B], p_A).

    A mode of its own, not η ≤ 1: an exactly uniform prediction has H(p) = H(u) and would fail the strict comparison.
    """

    name = "All"

    transfer_weight: Annotated[float, Field(ge=0, description="w, weight of the transfer term (paper: 1)")] = 1.0

    def send(self, own: Outputs, refined: Refined, clock: Clock) -> Refined:
        return replace(refined, sent=own.entropy.new_ones(own.entropy.shape))

    def combine(self, self_loss: Tensor, own: RefinedOutputs, other: RefinedOutputs, target_rule: TargetRule) -> Tensor:
        return self_loss + self.transfer_weight * target_rule.imitation(own, other.knowledge).mean()
