"""Tf-KD_reg: distillation from a virtual teacher, made of the label alone (Yuan et al., CVPR 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined, RefinedOutputs, cross_entropy
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor


class TfKDReg(TargetRule):
    """(1 − α) H(q, p) + α · KL(P ‖ p'), P = softmax(p^d/τ), p^d = a on the noisy label and (1 − a)/(C − 1) elsewhere.

    ``authors``: p' = p, and KL is averaged over all N · C elements and multiplied by M; M = C makes that the mean over
    the batch, and the whole then has the gradient of H(q̃, p) with q̃ = (1 − α) q + α P. That is the default, as the
    authors' M is 100 for 100 classes. ``paper`` (Eq. 9): p' = softmax(z/τ), KL summed over the classes and averaged
    over the batch, without M. The softmax is taken of probabilities, as the authors do, so P is nearly uniform and the
    method a form of label smoothing. q̃ is what a peer is taught; every M and either form teaches the same.
    """

    name = "Tf-KD_reg"

    alpha: Annotated[float, Field(ge=0, le=1, description="α, weight of the teacher (authors, ResNet-18: 0.1)")] = 0.1
    tau: Annotated[float, Field(gt=0, description="τ, temperature (authors, ResNet-18: 20)")] = 20.0
    multiplier: Annotated[
        float | None, Field(ge=0, description="M of authors; null for C (authors, ResNet-18, C = 100: 100)")
    ] = None
    a: Annotated[float, Field(gt=0, lt=1, description="a, the teacher's probability of the noisy label (paper)")] = 0.99
    teacher_form: Annotated[
        Literal["authors", "paper"], Field(description="whose formula (the student's temperature is 1 or τ)")
    ] = "authors"

    def log_teacher(self, onehot: Tensor) -> Tensor:
        """ln P, (N, C), for one-hot labels (N, C)."""
        rest = (1 - self.a) / (onehot.shape[1] - 1)
        return ((rest + (self.a - rest) * onehot) / self.tau).log_softmax(1)

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        return Refined((1 - self.alpha) * batch.onehot + self.alpha * self.log_teacher(batch.onehot).exp())

    def loss(self, own: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        taught = self.log_teacher(batch.onehot)
        authors = self.teacher_form == "authors"
        student = own.log_probs if authors else (own.logits / self.tau).log_softmax(1)
        divergence = taught.exp() * (taught - student)
        distance = divergence.sum(1).mean()
        if authors and self.multiplier is not None:
            distance = self.multiplier * divergence.mean()
        return (1 - self.alpha) * cross_entropy(batch.onehot, own).mean() + self.alpha * distance
