"""MentorNet: samples weighted by a predefined curriculum on their losses (Jiang et al., ICML 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Method, Outputs, RefinedOutputs, cross_entropy

if TYPE_CHECKING:
    from torch import Tensor


class MentorNet(Method):
    """L = (1/N) Σ_i v_i CE_i with v (N,) detached; two networks that learn alone.

    ``predefined`` is the curriculum that the authors' network is fitted to, in closed form, without that network:
    v = 1 in the first 19 % of the iterations, v = 1[ℓ ≤ λ] (self-paced) up to 90 %, v = clip(1 − (ℓ − λ)/γ, 0, 1) from
    there on. ``self_paced`` is the middle form throughout. λ follows a percentile of the batch's losses ℓ (linear
    between two losses): half old, half new, starting at 0, the current batch included. In the authors' code the
    gradient leaks through v and the weight decay grows with the mean of v; neither is copied, nor is their dropout of
    weights.
    """

    name = "MentorNet"

    curriculum: Annotated[Literal["predefined", "self_paced"], Field(description="form of v (paper: both)")] = (
        "predefined"
    )
    percentile: Annotated[
        float,
        Field(ge=0, le=1, description="of the losses for λ (authors: .75, or .5 at 80 % noise; self-paced: .7)"),
    ] = 0.75
    gamma: Annotated[float, Field(gt=0, description="γ, width of the last form of v (authors: 1)")] = 1.0

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return {"loss_percentile": ()}

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        losses = cross_entropy(batch.onehot, own).detach()
        kept = own.memory["loss_percentile"]
        kept.lerp_(losses.quantile(self.percentile).to(kept.dtype), 0.5)

    def weights(self, losses: Tensor, own: Outputs, clock: Clock) -> Tensor:
        """v (N,) of the losses (N,)."""
        import torch

        excess = losses - own.memory["loss_percentile"]
        easy = (excess <= 0).to(losses.dtype)
        if self.curriculum == "self_paced":
            return easy
        percent = ((clock.iteration - 1) * 100 / clock.iterations).floor()
        late = (1 - excess / self.gamma).clamp(0, 1)
        return torch.where(percent <= 18, torch.ones_like(easy), torch.where(percent < 90, easy, late))

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        losses = cross_entropy(batch.onehot, own)
        return (self.weights(losses.detach(), own, clock) * losses).mean()
