"""BAN: born-again networks, each generation taught by the one before (Furlanello et al., ICML 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Method, RefinedOutputs
from smkd_cli.methods.distillation.kd import divergence, label_loss
from smkd_cli.methods.stages import Companion, Stage

if TYPE_CHECKING:
    from torch import Tensor


class BAN(Method):
    """The first generation learns L = CE, every further one from new weights with the frozen one before as teacher.

    ``added`` is L = CE + KL(sg[softmax(z_T)] ‖ softmax(z)), KL summed over the classes: the paper's form as far as it
    is known to us (unverified). ``weighted`` is L = (1 − α) CE + α KL/C of softmax(z_T/τ) and softmax(z/τ) without τ²,
    which a public implementation takes with α = 0.2 and τ = 20. Every generation lasts all of the recipe's epochs. The
    paper's ensemble of generations is not built: the last generation is the result.
    """

    name = "BAN"

    generations: Annotated[
        int, Field(ge=2, le=20, description="number of trainings, the first included (our choice)")
    ] = 3
    form: Annotated[Literal["added", "weighted"], Field(description="whose formula (paper, unverified: added)")] = (
        "added"
    )
    alpha: Annotated[float, Field(ge=0, le=1, description="α of weighted (nocotan's code)")] = 0.2
    tau: Annotated[float, Field(gt=0, description="τ of weighted (nocotan's code)")] = 20.0

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        further = [Stage(f"generation {g}", epochs, fresh=True, taught=True) for g in range(2, self.generations + 1)]
        return Stage("generation 1", epochs), *further

    def companions(self) -> tuple[Companion, ...]:
        return (Companion("teacher", source="stage", first_stage=1),)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        labels = label_loss(own, batch)
        if clock.stage == 0:
            return labels
        teacher = own.companions["teacher"]
        if self.form == "added":
            return labels + divergence(own.logits, teacher)
        taught = divergence(own.logits, teacher, self.tau) / (self.tau**2 * own.logits.shape[1])
        return (1 - self.alpha) * labels + self.alpha * taught
