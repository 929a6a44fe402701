"""T2S-KD: a frozen trained teacher teaches each peer (Hinton et al., NIPS workshop 2014); the base of its relatives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Method, Outputs, RefinedOutputs, cross_entropy
from smkd_cli.methods.stages import Companion

if TYPE_CHECKING:
    from torch import Tensor


def divergence(logits: Tensor, teacher: Tensor, tau: float = 1.0) -> Tensor:
    """τ² KL(sg[softmax(z_t/τ)] ‖ softmax(z/τ)), (), for logits (N, C): summed over the classes, mean over the batch.

    τ² keeps the gradient's size while τ changes; ``teacher`` is detached here.
    """
    taught = (teacher.detach() / tau).log_softmax(1)
    return tau**2 * (taught.exp() * (taught - (logits / tau).log_softmax(1))).sum(1).mean()


def label_loss(own: Outputs, batch: Batch) -> Tensor:
    """Cross entropy with the noisy labels, ()."""
    return cross_entropy(batch.onehot, own).mean()


def ramp_up(epoch: Tensor, length: Tensor) -> Tensor:
    """w(e) = exp(−5 (1 − e/L)²) until epoch L, and 1 from then on; e counts from 0. Without a length it is 1."""
    rest = ((length - epoch) / length.clamp_min(sys.float_info.min)).clamp_min(0)
    return (-5 * rest**2).exp()


def ramp_at(clock: Clock, fraction: float) -> Tensor:
    """The ramp's weight in this epoch, (), where it lasts for a fraction of all epochs."""
    return ramp_up(clock.epoch - 1, fraction * clock.epochs)


class T2S(Method):
    """L = (1 − α) CE + α τ² KL(sg[softmax(z_T/τ)] ‖ softmax(z/τ)), with z and the teacher's z_T (N, C).

    KL is summed over the classes and averaged over the batch. ``mean`` averages over the classes too, as the code of
    Tf-KD does with its α = 0.95 and τ = 20: that is C times weaker. The paper's Eq. 1 has τ = 1, and ε for α. The two
    networks learn from one teacher, independently.
    """

    name = "T2S-KD"

    teacher: Annotated[
        str, Field(min_length=1, description="path of a trained peer_a.safetensors, or of its run directory")
    ]
    alpha: Annotated[float, Field(ge=0, le=1, description="α, weight of the teacher (our choice)")] = 0.9
    tau: Annotated[float, Field(gt=0, description="τ, temperature of both sides (our choice)")] = 4.0
    over_classes: Annotated[
        Literal["sum", "mean"], Field(description="how KL is reduced over classes (Hinton: sum; code of Tf-KD: mean)")
    ] = "sum"

    def companions(self) -> tuple[Companion, ...]:
        return (Companion("teacher", source=self.teacher),)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        taught = divergence(own.logits, own.companions["teacher"], self.tau)
        if self.over_classes == "mean":
            taught = taught / own.logits.shape[1]
        return (1 - self.alpha) * label_loss(own, batch) + self.alpha * taught
