"""MKD: conventional mutual distillation of raw predictions (Zhang et al., CVPR 2018: deep mutual learning)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Clock, Outputs, Refined, RefinedOutputs
from smkd_cli.methods.exchange.contract import ExchangeRule

if TYPE_CHECKING:
    from torch import Tensor

    from smkd_cli.methods.targets.contract import TargetRule


class MKD(ExchangeRule):
    """``dml``: L_A = CE_A + KL(sg[p_B] ‖ p_A); ``eq2``: L_A = (1 − ε) CE_A + ε KL(sg[p_B] ‖ p_A) (the paper's Eq. 2).

    KL is summed over the classes and averaged over the batch; the temperature is 1. Over another target rule its
    self-loss replaces CE_A.
    """

    name = "MKD"
    alone = "CE"

    form: Annotated[Literal["dml", "eq2"], Field(description="whose formula (the paper cites dml and prints eq2)")] = (
        "dml"
    )
    mkd_epsilon: Annotated[float, Field(ge=0, le=1, description="ε of eq2 (not in the paper; our choice)")] = 0.5

    def send(self, own: Outputs, refined: Refined, clock: Clock) -> Refined:
        return replace(refined, knowledge=own.probs.detach(), sent=own.entropy.new_ones(own.entropy.shape))

    def combine(self, self_loss: Tensor, own: RefinedOutputs, other: RefinedOutputs, target_rule: TargetRule) -> Tensor:
        divergence = (other.knowledge * (other.log_probs.detach() - own.log_probs)).sum(1).mean()
        if self.form == "dml":
            return self_loss + divergence
        return (1 - self.mkd_epsilon) * self_loss + self.mkd_epsilon * divergence
