"""KDCL: both peers learn from one teacher that is made of both predictions (Guo et al., CVPR 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, LabelFacts, Method, Outputs, Predictions, RefinedOutputs, Views
from smkd_cli.methods.distillation.kd import divergence, label_loss

if TYPE_CHECKING:
    from torch import Tensor

# Halvings bring the minimum within 2^-14, whatever the logits are; Newton's steps do the rest.
_HALVINGS, _NEWTON_STEPS = 14, 6
_SAME = 1e-12


def naive(own: Tensor, other: Tensor, noisy_labels: Tensor) -> Tensor:
    """Per sample the logits (N, C) of the network with the smaller cross entropy; its own where they are equal."""
    at = noisy_labels.unsqueeze(1)
    return own.where(own.log_softmax(1).gather(1, at) >= other.log_softmax(1).gather(1, at), other)


def minlogit(own: Tensor, other: Tensor, noisy_labels: Tensor) -> Tensor:
    """The smaller of both logits (N, C) of each class, after the noisy label's logit is moved to 0."""
    at = noisy_labels.unsqueeze(1)
    return (own - own.gather(1, at)).minimum(other - other.gather(1, at))


def linear_weight(own: Tensor, other: Tensor, noisy_labels: Tensor) -> Tensor:
    """α in [0, 1], (), that minimises the batch's cross entropy of α z_own + (1 − α) z_other; logits (N, C).

    The cross entropy is convex in α. Where it does not depend on α, as for identical logits, any α will do.
    """
    import torch

    apart = own - other
    at_label = apart.gather(1, noisy_labels.unsqueeze(1)).squeeze(1)
    low, high = own.new_zeros(()), own.new_ones(())

    def slope_and_curvature(alpha: Tensor) -> tuple[Tensor, Tensor]:
        probs = (other + alpha * apart).softmax(1)
        expected = (probs * apart).sum(1)
        spread = (probs * (apart - expected.unsqueeze(1)) ** 2).sum(1)
        return (expected - at_label).mean(), spread.mean().clamp_min(torch.finfo(own.dtype).tiny)

    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        falls = slope_and_curvature(middle)[0] < 0
        low, high = middle.where(falls, low), high.where(falls, middle)
    alpha = (low + high) / 2
    for _ in range(_NEWTON_STEPS):
        slope, curvature = slope_and_curvature(alpha)
        alpha = (alpha - slope / curvature).clamp(low, high)
    return alpha


def error_covariance(own: Tensor, other: Tensor, onehot: Tensor) -> Tensor:
    """C_ij = mean of ⟨f_i − q, f_j − q⟩, (2, 2), with f the softmax of the logits (n, C) and q the noisy labels."""
    import torch

    errors = torch.stack([own.softmax(1) - onehot, other.softmax(1) - onehot])
    return torch.einsum("inc,jnc->ij", errors, errors) / len(onehot)


def general_weights(covariance: Tensor) -> Tensor:
    """w = C⁻¹1 / (1ᵀC⁻¹1), (2,), which may lie outside [0, 1]; ½ and ½ where both networks predict the same.

    With d = C_11 + C_22 − 2 C_12, the mean of ‖f_1 − f_2‖², w_1 = (C_22 − C_12)/d; C need not have an inverse.
    """
    import torch

    (a, across), (_, b) = covariance.unbind()
    apart = a + b - 2 * across
    first = ((b - across) / apart).where(apart > _SAME, 0.5)
    return torch.stack([first, 1 - first])


class KDCL(Method):
    """L_A = CE_A + λ τ² KL(sg[softmax(z_t/τ)] ‖ softmax(z_A/τ)); the teacher's logits z_t (N, C) are a constant.

    z_t is made of z_A and z_B. ``naive``: per sample those with the smaller CE. ``linear``: their mix that has the
    smallest CE over the batch. ``minlogit``: the smaller of both per class, the noisy label's moved to 0.
    ``general``: their mix by w = C⁻¹1/(1ᵀC⁻¹1), C the covariance of both networks' errors (of probabilities) on the
    noisy validation split, measured after each epoch for the next; ½ each in the first. ``mean``: their mean, which is
    none of the paper's but what a public implementation has, with τ = 4 and CE and KL weighted one half each. KL is
    summed over the classes. Each peer sees its own view of an image. All but ``mean`` trust the noisy labels.
    """

    name = "KDCL"

    variant: Annotated[
        Literal["naive", "linear", "minlogit", "general", "mean"],
        Field(description="how the teacher is made (our choice of the paper's four: minlogit)"),
    ] = "minlogit"
    kd_weight: Annotated[float, Field(ge=0, description="λ, weight of the teacher (KDCL paper)")] = 1.0
    tau: Annotated[float, Field(gt=0, description="τ, temperature of both sides (KDCL, unverified)")] = 2.0

    def problem(self, batch_size: int, classes: int, held_out: bool) -> str | None:
        if self.variant == "general" and not held_out:
            return "KDCL general weighs the networks on held-out samples: set validation.fraction above 0"
        return None

    def views(self) -> Views:
        return Views(shared=False)

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return {"own_weight": ()} if self.variant == "general" else {}

    def before_training(self, memory: dict[str, Tensor], facts: LabelFacts) -> None:
        if self.variant == "general":
            memory["own_weight"].fill_(0.5)

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        if self.variant != "general":
            return
        own, other, noisy_labels = predictions.held_out()
        if len(noisy_labels) == 0:
            raise ValueError("KDCL general weighs the networks on held-out samples: set validation.fraction above 0")
        onehot = own.new_zeros(own.shape).scatter(1, noisy_labels.unsqueeze(1), 1).double()
        memory["own_weight"].copy_(general_weights(error_covariance(own.double(), other.double(), onehot))[0])

    def teacher(self, own: Outputs, other: Outputs, batch: Batch) -> Tensor:
        """z_t, (N, C), detached."""
        mine, theirs = own.logits.detach(), other.logits.detach()
        if self.variant == "naive":
            return naive(mine, theirs, batch.noisy_labels)
        if self.variant == "minlogit":
            return minlogit(mine, theirs, batch.noisy_labels)
        if self.variant == "mean":
            return (mine + theirs) / 2
        general = self.variant == "general"
        weight = own.memory["own_weight"] if general else linear_weight(mine, theirs, batch.noisy_labels)
        return theirs + weight * (mine - theirs)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        taught = divergence(own.logits, self.teacher(own, other, batch), self.tau)
        return label_loss(own, batch) + self.kd_weight * taught
