"""SCE: symmetric cross entropy, CE plus reverse CE (Wang et al., ICCV 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Outputs, cross_entropy
from smkd_cli.methods.losses.contract import RobustLoss
from smkd_cli.methods.losses.terms import LOG_ZERO, rce

if TYPE_CHECKING:
    from torch import Tensor


class SCE(RobustLoss):
    """α H(q, p) + β H(p, q) with ln 0 := A in the second term, which makes it −A (1 − p_y).

    The paper prints A = −4, the logarithm of 1e-4 to base ten; the authors' code has the natural one, A = −9.2103.
    """

    name = "SCE"

    alpha: Annotated[float, Field(ge=0, description="α, weight of CE (authors: 6; CIFAR-10: 0.1)")] = 6.0
    beta: Annotated[float, Field(ge=0, description="β, weight of reverse CE (authors: 0.1; CIFAR-10: 1)")] = 0.1
    A: Annotated[float, Field(lt=0, description="A, what ln 0 is taken for (authors' code: ln 1e-4)")] = LOG_ZERO

    def losses(self, own: Outputs, batch: Batch) -> Tensor:
        reverse = rce(own.log_probs, batch.onehot, self.A)
        return self.alpha * cross_entropy(batch.onehot, own) + self.beta * reverse
