"""Methods that need the transition matrix of the label noise: estimated by the network itself, or given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import (
    Batch,
    Clock,
    LabelFacts,
    Method,
    Need,
    Outputs,
    Predictions,
    RefinedOutputs,
    cross_entropy,
)
from smkd_cli.methods.stages import Stage, share
from smkd_cli.methods.transition.estimation import check_informative, estimate_transition

if TYPE_CHECKING:
    from torch import Tensor


class KnowsTransition(Method):
    """A method that keeps T (C, C), row clean and column noisy, in ``memory["transition"]``.

    ``estimated`` puts a stage of CE before the others: at its end each network estimates T from its own predictions on
    the training samples, by anchors (see ``estimate_transition``). The authors take the epoch with the best accuracy
    on held-out noisy labels; here it is the last. ``oracle`` is the true T of the labels at hand, which only clean
    labels tell. The two networks learn independently.
    """

    transition: Annotated[
        Literal["estimated", "oracle"], Field(description="where T comes from (authors: estimated)")
    ] = "estimated"
    estimate_share: Annotated[
        float, Field(gt=0, le=1, description="length of the CE stage before an estimate, of the epochs (authors: all)")
    ] = 1.0
    anchor_percentile: Annotated[
        float, Field(ge=0, le=100, description="percentile of p_i at the anchors (authors: CIFAR-10 97, CIFAR-100 100)")
    ] = 100.0

    def learning_stages(self, epochs: int) -> tuple[Stage, ...]:
        """The stages once T is known."""
        return (Stage("train", epochs, fresh=True),)

    def corrected(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        """The loss of a network that knows T, ()."""
        raise NotImplementedError(f"{type(self).__name__} defines no corrected loss")

    def keep(self, memory: dict[str, Tensor], matrix: Tensor) -> None:
        """Remember T, (C, C) float64; raises a ValueError where it is of no use."""
        check_informative(matrix)
        memory["transition"].copy_(matrix)

    def estimating(self, clock: Clock) -> bool:
        """Whether this is the stage of CE that T is estimated from."""
        return self.transition == "estimated" and clock.stage == 0

    def needs(self) -> frozenset[Need]:
        return frozenset({"transition_matrix"}) if self.transition == "oracle" else frozenset()

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        learning = self.learning_stages(epochs)
        if self.transition == "oracle":
            return learning
        return Stage("estimate", share(epochs, self.estimate_share)), *learning

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return {"transition": (classes, classes)}

    def before_training(self, memory: dict[str, Tensor], facts: LabelFacts) -> None:
        if self.transition == "estimated":
            return
        if facts.transition_matrix is None:
            raise ValueError("transition is oracle, but the clean labels are not known here; use estimated")
        self.keep(memory, facts.transition_matrix)

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        if self.estimating(clock) and bool(clock.epoch >= clock.epochs):
            probs = predictions.train_logits().double().softmax(1)
            self.keep(memory, estimate_transition(probs, self.anchor_percentile))

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        if self.estimating(clock):
            return cross_entropy(batch.onehot, own).mean()
        return self.corrected(own, batch, clock)


def noisy_column(matrix: Tensor, noisy_labels: Tensor) -> Tensor:
    """T_{·y} of each sample, (N, C): how probable its noisy label y (N,) is for every clean class."""
    # Rows are picked, not multiplied with one-hot labels: a product may be rounded to TensorFloat-32.
    return matrix.t()[noisy_labels]
