"""What every robust loss is: a target rule that leaves the label alone and prices it by something else than CE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined, RefinedOutputs
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor


class RobustLoss(TargetRule):
    """q̃ = q, and the self-loss is the mean of ``losses``. Following the peer still costs the cross entropy."""

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        return Refined(batch.target)

    def losses(self, own: Outputs, batch: Batch) -> Tensor:
        """The loss of each sample, (N,)."""
        raise NotImplementedError(f"{type(self).__name__} defines no losses")

    def loss(self, own: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        return self.losses(own, batch).mean()
