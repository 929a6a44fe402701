"""PCL: peers learn from their ensemble and from each other's averaged weights (Wu & Gong, AAAI 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Method, RefinedOutputs, Views
from smkd_cli.methods.distillation.kd import divergence, label_loss, ramp_at
from smkd_cli.methods.stages import Companion, Extra

if TYPE_CHECKING:
    from torch import Tensor, nn


def ensemble(classes: int, widths: Sequence[int]) -> nn.Module:
    """Logits (N, C) of both networks' pooled features side by side, (N, D_A + D_B)."""
    from torch import nn

    return nn.Linear(sum(widths), classes)


class PCL(Method):
    """L = CE_A + CE_B + CE_E + w(e) [K(z_E → z_A) + K(z_E → z_B) + K(z̄_B → z_A) + K(z̄_A → z_B)].

    K(z_t → z) = τ² KL(sg[softmax(z_t/τ)] ‖ softmax(z/τ)), summed over the classes. z_E (N, C) are the logits of a
    linear classifier of both networks' pooled features, which CE_E trains through; z̄ those of an exponential moving
    average of a network's weights, of the images as that network sees them. w(e) = exp(−5 (1 − e/r)²) until epoch r,
    then 1, e counted from 0. The paper's three peers share their low layers and each sees its own view; here are two
    whole networks, each with its own view. The averaged network is in evaluation mode, and its statistics of
    normalisation are averaged like its weights (our choices; a third-party port has it in training mode, and a plain
    mean until step 1/(1 − momentum)). The classifier is trained with the recipe's optimizer and dropped after training.
    """

    name = "PCL"

    tau: Annotated[float, Field(gt=0, description="τ, temperature of both sides (PCL)")] = 3.0
    average_momentum: Annotated[float, Field(ge=0, lt=1, description="momentum of the averaged weights (PCL)")] = 0.999
    ramp: Annotated[float, Field(ge=0, le=1, description="r as a part of all epochs (PCL: 80 of 300)")] = 80 / 300

    def companions(self) -> tuple[Companion, ...]:
        return (Companion("average", source="average", momentum=self.average_momentum),)

    def views(self) -> Views:
        return Views(shared=False)

    def wants_features(self) -> bool:
        return True

    def extras(self) -> tuple[Extra, ...]:
        return (Extra("ensemble", ensemble, shared=True),)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        taught = divergence(own.logits, other.companions["average"], self.tau)
        return label_loss(own, batch) + ramp_at(clock, self.ramp).to(taught.dtype) * taught

    def together(self, a: RefinedOutputs, b: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        import torch

        ensemble_logits: Tensor = a.modules["ensemble"](
            torch.cat([a.features.mean((2, 3)), b.features.mean((2, 3))], 1)
        )
        labels = (batch.onehot * ensemble_logits.log_softmax(1)).sum(1).mean().neg()
        peers = divergence(a.logits, ensemble_logits, self.tau) + divergence(b.logits, ensemble_logits, self.tau)
        return labels + ramp_at(clock, self.ramp).to(ensemble_logits.dtype) * peers
