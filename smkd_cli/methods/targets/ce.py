"""Cross entropy: the noisy labels as they are."""

from __future__ import annotations

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined
from smkd_cli.methods.targets.contract import TargetRule


class CE(TargetRule):
    """q̃ = q, so L = mean of −ln p_y."""

    name = "CE"
    soft_labels = True

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        return Refined(batch.target)
