"""APL: active passive loss, a normalised loss plus a bounded one (Ma et al., ICML 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Outputs
from smkd_cli.methods.losses.contract import RobustLoss
from smkd_cli.methods.losses.terms import mae, nce, nfl, rce

if TYPE_CHECKING:
    from torch import Tensor


class APL(RobustLoss):
    """α · active + β · passive.

    Active, which uses the one-hot label only: NCE = ln p_y/Σ_c ln p_c, or NFL = FL/Σ_c [−(1 − p_c)^γ ln p_c] with
    FL = −(1 − p_y)^γ ln p_y and every (1 − p)^γ detached, as in the authors' code. Passive, which pushes the other
    labels down: RCE = −ln(1e-4) (1 − p_y), or MAE = 1 − p_y as in the code (the paper's is twice that). Of the paper's
    four pairs the default, NCE with RCE, is our choice.
    """

    name = "APL"

    active: Annotated[Literal["NCE", "NFL"], Field(description="the active loss (paper has both)")] = "NCE"
    passive: Annotated[Literal["RCE", "MAE"], Field(description="the passive loss (paper has both)")] = "RCE"
    alpha: Annotated[float, Field(ge=0, description="α, weight of the active loss (CIFAR-100: 10; CIFAR-10: 1)")] = 10.0
    beta: Annotated[
        float, Field(ge=0, description="β, weight of the passive loss (CIFAR-100: 0.1 for RCE, 1 for MAE; CIFAR-10: 1)")
    ] = 0.1
    gamma: Annotated[float, Field(ge=0, description="γ of the focal loss, used by NFL alone (paper: 0.5)")] = 0.5

    def losses(self, own: Outputs, batch: Batch) -> Tensor:
        log_probs, onehot = own.log_probs, batch.onehot
        active = nce(log_probs, onehot) if self.active == "NCE" else nfl(log_probs, onehot, self.gamma)
        passive = rce(log_probs, onehot) if self.passive == "RCE" else mae(log_probs, onehot)
        return self.alpha * active + self.beta * passive
