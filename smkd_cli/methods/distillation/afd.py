"""AFD: mutual distillation, and feature maps that a discriminator takes for the peer's (Chung et al., ICML 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Method, RefinedOutputs
from smkd_cli.methods.distillation.feature_maps import of_one_size
from smkd_cli.methods.distillation.kd import divergence, label_loss
from smkd_cli.methods.stages import Extra

if TYPE_CHECKING:
    from torch import Tensor, nn


def _discriminator(width: int) -> nn.Module:
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(width, max(width // 2, 1), 3, padding=1),
        # Without running statistics: it is never evaluated, and looking at maps for the network must not change it.
        nn.BatchNorm2d(max(width // 2, 1), track_running_stats=False),
        nn.LeakyReLU(0.01),
        nn.Conv2d(max(width // 2, 1), 1, 3, padding=1),
        nn.Sigmoid(),
    )


def adversary(_classes: int, widths: Sequence[int]) -> nn.Module:
    """A discriminator of maps as wide as the peer's, and what brings a network's own maps to that width."""
    from torch import nn

    own, other = widths
    transfer = nn.Identity() if own == other else nn.Conv2d(own, other, 1)
    return nn.ModuleDict({"discriminator": _discriminator(other), "transfer": transfer})


class AFD(Method):
    """L_A = CE_A + τ² KL(sg[softmax(z_B/τ)] ‖ softmax(z_A/τ)) + γ (1 − D_A(f_A))², each with its own discriminator.

    D_A learns (1 − D_A(sg[f_B]))² + D_A(sg[f_A])²: the peer's last feature maps f_B (N, D, h, w) are real, its own are
    fake. D, a number in (0, 1) per place, is a constant in the term of the network. KL is summed over the classes.

    Certain is the outline: mutual distillation, a discriminator per network, its own maps fake and the peer's real. No
    official code is known; a third-party implementation has the squares, τ, the order of D's layers (convolution,
    batch normalisation, leaky ReLU, convolution, sigmoid) and a second Adam, of rate 2e-5 and weight decay 0.1, for all
    that comes from the maps, but no term in which networks fool D. Our choices: 3x3 kernels and half the width in D; a
    1x1 convolution of f_A where widths differ, trained for A's term; averaging down to the smaller map where sizes
    differ; γ, and the recipe's optimiser for the networks' term. A cycle of more than two networks is not built.
    """

    name = "AFD"

    tau: Annotated[float, Field(gt=0, description="τ, temperature of both sides (third-party code)")] = 3.0
    adversarial_weight: Annotated[float, Field(ge=0, description="γ, weight of the networks' term (our choice)")] = 1.0
    discriminator_lr: Annotated[float, Field(gt=0, description="Adam's rate for D (third-party code)")] = 2e-5

    def wants_features(self) -> bool:
        return True

    def extras(self) -> tuple[Extra, ...]:
        return (Extra("adversary", adversary, lr=self.discriminator_lr),)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        fake, real = of_one_size(own.features, other.features.detach())
        contest = self._contest(own.modules["adversary"], fake, real)
        return label_loss(own, batch) + divergence(own.logits, other.logits, self.tau) + contest

    def _contest(self, parts: nn.Module, own: Tensor, real: Tensor) -> Tensor:
        from torch.func import functional_call

        judge = parts.get_submodule("discriminator")
        fake: Tensor = parts.get_submodule("transfer")(own)
        constant = {key: value.detach() for key, value in judge.named_parameters()}
        fooled = ((1 - functional_call(judge, constant, (fake,))) ** 2).mean()
        judged = ((1 - judge(real)) ** 2).mean() + (judge(fake.detach()) ** 2).mean()
        total: Tensor = self.adversarial_weight * fooled + judged
        return total
