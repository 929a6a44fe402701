"""Hard bootstrapping (Reed et al., ICLR workshop 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, mix
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor


class BootHard(TargetRule):
    """q̃ = β q + (1 − β) onehot(argmax p); the arg max is a constant."""

    name = "Boot-hard"

    beta: Annotated[float, Field(ge=0, le=1, description="β, the weight of the given label (Reed)")] = 0.8

    def trust(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        return own.entropy.new_full((), 1 - self.beta)

    def target(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        hard = batch.onehot.new_zeros(batch.onehot.shape).scatter(1, own.probs.argmax(1, keepdim=True), 1)
        return mix(batch.onehot, hard, 1 - self.beta)
