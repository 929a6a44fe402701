"""Hard bootstrapping (Reed et al., ICLR workshop 2015)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined, interpolate
from smkd_cli.methods.targets.contract import TargetRule


class BootHard(TargetRule):
    """q̃ = β q + (1 − β) onehot(argmax p); the arg max is a constant."""

    name = "Boot-hard"
    soft_labels = True

    beta: Annotated[float, Field(ge=0, le=1, description="β, the weight of the noisy label (Reed)")] = 0.8

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        hard = batch.target.new_zeros(batch.target.shape).scatter(1, own.probs.argmax(1, keepdim=True), 1)
        trust = own.entropy.new_full((), 1 - self.beta)
        return Refined(interpolate(batch.target, hard, 1 - self.beta), trust=trust)
