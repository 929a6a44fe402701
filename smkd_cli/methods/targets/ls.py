"""Label smoothing (Szegedy et al., CVPR 2016)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined
from smkd_cli.methods.targets.contract import TargetRule


class LS(TargetRule):
    """q̃ = (1 − ε) q + ε u with u uniform: mass 1, and 1 − ε + ε/C on the noisy label."""

    name = "LS"
    soft_labels = True

    epsilon: Annotated[float, Field(ge=0, le=1, description="ε; 0.5 is best under symmetric noise (ProSelfLC)")] = 0.5

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        return Refined(batch.target * (1 - self.epsilon) + self.epsilon / batch.target.shape[1])
