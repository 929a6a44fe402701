"""Cross entropy: the labels as they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli.methods.contract import Batch, Clock, Outputs
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor


class CE(TargetRule):
    """q̃ = q, so L = mean of −ln p_y."""

    name = "CE"

    def target(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        return batch.onehot
