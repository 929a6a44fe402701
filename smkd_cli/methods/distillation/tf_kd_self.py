"""Tf-KD_self: a network learns from what it was itself after an earlier training (Yuan et al., CVPR 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Method, RefinedOutputs
from smkd_cli.methods.distillation.kd import divergence, label_loss
from smkd_cli.methods.stages import Companion, Stage

if TYPE_CHECKING:
    from torch import Tensor


class TfKDSelf(Method):
    """First L = CE; then, from new weights, L = (1 − α) CE + α M (τ²/C) KL(sg[softmax(z_T/τ)] ‖ softmax(z/τ)).

    z_T (N, C) is the prediction of the frozen network of the first stage. KL is summed over the classes, so M/C is M
    times their mean, as in the authors' code. The defaults are theirs for ResNet-18, whose M of 50 on 100 classes is M
    = C/2; for ShuffleNetV2 they have α = 0.95, τ = 20, M = 1. Each stage lasts all of the recipe's epochs.
    """

    name = "Tf-KD_self"

    alpha: Annotated[float, Field(ge=0, le=1, description="α, weight of the teacher (authors' code, ResNet-18)")] = 0.95
    tau: Annotated[float, Field(gt=0, description="τ, temperature of both sides (authors' code, ResNet-18)")] = 6.0
    multiplier: Annotated[
        float | None,
        Field(
            ge=0, description="M, factor of KL's mean over the classes; null for C/2 (authors, ResNet-18, C = 100: 50)"
        ),
    ] = None

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        return Stage("teacher", epochs), Stage("student", epochs, fresh=True, taught=True)

    def companions(self) -> tuple[Companion, ...]:
        return (Companion("teacher", source="stage", first_stage=1),)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        labels = label_loss(own, batch)
        if clock.stage == 0:
            return labels
        taught = divergence(own.logits, own.companions["teacher"], self.tau)
        share = 0.5 if self.multiplier is None else self.multiplier / own.logits.shape[1]
        return (1 - self.alpha) * labels + self.alpha * share * taught
