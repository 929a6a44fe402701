"""DMI: determinant-based mutual information of prediction and label, after CE (Xu et al., NeurIPS 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Method, RefinedOutputs, cross_entropy
from smkd_cli.methods.sampling import Balanced, Sampler, Uniform
from smkd_cli.methods.stages import Stage, share

if TYPE_CHECKING:
    from torch import Tensor

# Outputs are computed in single precision: a value below its relative rounding error has no meaning.
_RESOLUTION = 2.0**-23


def information_loss(log_probs: Tensor, onehot: Tensor, normalised: bool = True, floor: float = 0.0) -> Tensor:
    """−ln(|det U| + ``floor``), (), for U = QᵀP (C, C), divided by N if ``normalised``, in float64.

    Q are the one-hot labels and P the predictions, (N, C). Where U is singular (a class is absent, so always where
    N < C, or two classes get the same prediction) the value is −ln ``floor``, or 0 without one, and has no gradient.
    """
    import torch

    joint = onehot.double().T @ log_probs.double().exp()
    if normalised:
        joint = joint / onehot.shape[0]
    pivots = torch.linalg.lu_factor_ex(joint.detach()).LU.diagonal().abs()
    # Not the opposite comparison: predictions that are no numbers must not pass for a batch to skip.
    singular = pivots.min() <= _RESOLUTION * pivots.max()
    # The gradient of a singular U is infinite, and infinity times the zero of the second ``where`` is no number.
    safe = torch.where(singular, torch.eye(joint.shape[0], dtype=joint.dtype, device=joint.device), joint)
    information = torch.linalg.slogdet(safe).logabsdet
    if floor == 0:
        return -torch.where(singular, torch.zeros_like(information), information)
    least = torch.full_like(information, floor).log()
    return -torch.where(singular, least, torch.logaddexp(information, least))


class DMI(Method):
    """CE on all of the recipe's epochs, then −ln|det(QᵀP/N)| on batches that hold each class as often as the others.

    ``authors`` is −ln(|det(QᵀP)| + 1e-3), which lacks the 1/N. Only where the determinant is not large against 1e-3 do
    the gradients differ: 1/N adds the constant C ln N. A batch whose determinant is zero trains nothing; unbalanced
    batches of 128 would be such at nearly every step with 100 classes. The authors draw any batch, choose the networks
    of both stages by validation accuracy and reset the momentum each epoch; here each stage goes on to its end.

    Against the gradient of CE, that of DMI was about 10 times as large at C = 10 and 50 to 200 times at C = 100 on
    simulated predictions, and thousands of times where a batch is nearly singular. So the authors' rate of 1e-6 is a
    careful one for either form, and the default.
    """

    name = "DMI"

    form: Annotated[
        Literal["normalised", "authors"], Field(description="whose formula (our choice: with 1/N, without 1e-3)")
    ] = "normalised"
    dmi_share: Annotated[
        float, Field(gt=0, description="epochs of DMI, as a part of those of CE (authors: 100 after 120)")
    ] = 100 / 120
    dmi_rate: Annotated[
        float, Field(gt=0, description="constant rate of DMI, as a part of the recipe's (authors: 1e-6 after 0.1)")
    ] = 1e-5

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        later = share(epochs, self.dmi_share)
        return (
            Stage("ce", epochs),
            Stage("dmi", later, lr_factor=self.dmi_rate, schedule="constant"),
        )

    def sampler(self, stage: int) -> Sampler:
        return Uniform() if stage == 0 else Balanced()

    def capturable(self, stage: int) -> bool:
        return stage == 0  # later, cuSOLVER factorises a matrix

    def problem(self, batch_size: int, classes: int, held_out: bool) -> str | None:
        """What keeps the method from training with batches of this size, and what to change; None for nothing."""
        if batch_size >= classes:
            return None
        return f"DMI needs every class in a batch: take a batch size of at least {classes}, not {batch_size}"

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        if clock.stage == 0:
            return cross_entropy(batch.onehot, own).mean()
        authors = self.form == "authors"
        loss = information_loss(own.log_probs, batch.onehot, normalised=not authors, floor=1e-3 if authors else 0.0)
        return loss.to(own.log_probs.dtype)
