"""SMKD-P: the threshold of SMKD-S changes as training goes on (the paper's Eq. 6 with b2 ≠ 0)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Clock, TimeUnit, logistic
from smkd_cli.methods.exchange.static import Static

if TYPE_CHECKING:
    from torch import Tensor


class Progressive(Static):
    """χ(t) = (H(u)/η) · 2 h(t/Γ − 0.5, b2): stricter with time for b2 < 0, looser for b2 > 0, SMKD-S for b2 = 0."""

    name = "SMKD-P"

    eta: Annotated[
        float, Field(gt=0, description="η, the scale of χ (paper, Figures 2 and 3: 2; chosen by evidence)")
    ] = 8.0
    b2: Annotated[float, Field(description="b2, how χ moves with time (paper: below 0; chosen by evidence)")] = -2.0
    threshold_time: Annotated[TimeUnit, Field(description="unit of t in χ (paper: epoch)")] = "epoch"

    def threshold(self, classes: int, clock: Clock) -> Tensor:
        return 2 * math.log(classes) / self.eta * logistic(clock.progress(self.threshold_time) - 0.5, self.b2)
