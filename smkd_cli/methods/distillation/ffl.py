"""FFL: a fusion of both peers' feature maps teaches them and learns from them (Kim et al., ICPR 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Method, RefinedOutputs
from smkd_cli.methods.distillation.feature_maps import of_one_size
from smkd_cli.methods.distillation.kd import divergence, label_loss, ramp_at
from smkd_cli.methods.stages import Extra

if TYPE_CHECKING:
    from torch import Tensor, nn


def fusion(classes: int, widths: Sequence[int]) -> nn.Module:
    """Logits (N, C) of both networks' maps side by side, (N, D_A + D_B, h, w)."""
    from torch import nn

    stacked, fused = sum(widths), max(widths)
    module = nn.Sequential(
        nn.Conv2d(stacked, stacked, 3, padding=1, groups=stacked, bias=False),
        nn.BatchNorm2d(stacked),
        nn.ReLU(inplace=True),
        nn.Conv2d(stacked, fused, 1, bias=False),
        nn.BatchNorm2d(fused),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(fused, classes),
    )
    for part in module:
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    return module


class FFL(Method):
    """L = CE_A + CE_B + CE_F + w(e) [K(z_F → z_A) + K(z_F → z_B) + K(½(z_A + z_B) → z_F)].

    K(z_t → z) = τ² KL(sg[softmax(z_t/τ)] ‖ softmax(z/τ)), summed over the classes, exact (the authors' code adds 1e-7
    to the target). z_F (N, C) are the logits of a fusion module on both last feature maps; CE_F and the third K reach
    the networks through it. w(e) = exp(−5 (1 − e/r)²) until epoch r, then 1. The authors' two networks share their
    low layers or are whole; here they are whole. Maps of unequal size are averaged down to the smaller; with unequal
    widths the fusion is as wide as the wider (our choices). The fusion has the recipe's optimizer, where the authors
    give it a weight decay of its own (1e-5), and ends with training: what counts is both networks.
    """

    name = "FFL"

    tau: Annotated[float, Field(gt=0, description="τ, temperature of both sides (authors' code)")] = 3.0
    ramp: Annotated[float, Field(ge=0, le=1, description="r as a part of all epochs (authors' code: 80 of 300)")] = (
        80 / 300
    )

    def wants_features(self) -> bool:
        return True

    def extras(self) -> tuple[Extra, ...]:
        return (Extra("fusion", fusion, shared=True),)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        return label_loss(own, batch)

    def together(self, a: RefinedOutputs, b: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        import torch

        fused: Tensor = a.modules["fusion"](torch.cat(of_one_size(a.features, b.features), 1))
        labels = (batch.onehot * fused.log_softmax(1)).sum(1).mean().neg()
        peers = divergence(a.logits, fused, self.tau) + divergence(b.logits, fused, self.tau)
        ensemble = divergence(fused, (a.logits + b.logits) / 2, self.tau)
        return labels + ramp_at(clock, self.ramp).to(fused.dtype) * (peers + ensemble)
