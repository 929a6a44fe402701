"""Soft bootstrapping (Reed et al., ICLR workshop 2015)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined, interpolate
from smkd_cli.methods.targets.contract import TargetRule


class BootSoft(TargetRule):
    """q̃ = (1 − ε) q + ε p with a constant ε, differentiated through p as in Reed's formula (β = 1 − ε)."""

    name = "Boot-soft"
    soft_labels = True

    epsilon: Annotated[
        float, Field(ge=0, le=1, description="ε; 0.5 is best under symmetric noise (ProSelfLC); Reed's own is 0.05")
    ] = 0.5
    detach: Annotated[bool, Field(description="cut the gradient through p in the target (our option)")] = False

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        probs = own.probs.detach() if self.detach else own.probs
        return Refined(interpolate(batch.target, probs, self.epsilon), trust=own.entropy.new_full((), self.epsilon))
