"""Joint: labels become the network's own mean predictions, and train a new one (Tanaka et al., CVPR 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import (
    Batch,
    Clock,
    LabelFacts,
    Method,
    Outputs,
    Predictions,
    Refined,
    RefinedOutputs,
    cross_entropy,
)
from smkd_cli.methods.labels.prior import prior_cross_entropy
from smkd_cli.methods.stages import Stage, share

if TYPE_CHECKING:
    from torch import Tensor


def joint_loss(own: Outputs, target: Tensor, alpha: float, beta: float) -> Tensor:
    """L = L_c + α L_p + β L_e, (), for labels s̃ (N, C), constants.

    L_c = mean of H(s̃, p); L_p = −Σ_c (1/C) ln p̄_c, p̄ the batch's mean prediction; L_e = mean of H(p).
    """
    entropy = (own.probs * own.log_probs).sum(1).neg().mean()
    return cross_entropy(target, own).mean() + alpha * prior_cross_entropy(own.log_probs) + beta * entropy


class Joint(Method):
    """L = L_c + α L_p + β L_e (see ``joint_loss``) at a constant rate, then a fresh network on the final labels, L_c.

    Labels s̃ (n, C) are the noisy ones until the end of ``hard_share`` of the first stage's epochs; from then on they
    become, at each epoch's end, the mean of the last ``window`` epochs' training predictions, or (``soft`` false) the
    arg max of it, one-hot. L_p is a cross entropy as in the authors' code; the paper's divergence is it less ln C, so
    that gradients are the same. Nothing is detached in L_p and L_e. The two networks learn independently.

    Our choice is how the mean is kept: not ``window`` predictions per sample, which are 200 MB for CIFAR-100, but the
    sums of three blocks of half a window. While the newest block grows, the oldest one, as its mean, counts less by as
    many epochs. Blocks end with the stage, so the final labels are the mean of the last ``window`` epochs exactly, as
    is every ``window``/2-th mean before; the means between differ in which epochs of the oldest block they still
    hold. Where there were fewer epochs, or one left the sample out, it is the mean of those there are.
    """

    name = "Joint"

    alpha: Annotated[float, Field(ge=0, description="α, weight of L_p (third-party code; authors: 0.8 or 1.2)")] = 1.0
    beta: Annotated[float, Field(ge=0, description="β, weight of L_e (third-party code; authors: 0.4 or 0.8)")] = 0.5
    soft: Annotated[bool, Field(description="labels are means, or their arg max (SMKD paper: both)")] = True
    window: Annotated[int, Field(ge=2, multiple_of=2, description="epochs that labels are the mean of (authors)")] = 10
    hard_share: Annotated[
        float, Field(gt=0, le=1, description="part of the first stage with the noisy labels (authors: 70 of 200)")
    ] = 0.35
    retrain_share: Annotated[
        float, Field(gt=0, description="length of the second stage, of the epochs (authors: 120 of 200)")
    ] = 0.6

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        retrained = share(epochs, self.retrain_share)
        return Stage("joint", epochs, schedule="constant"), Stage("retrain", retrained, fresh=True)

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("labels", "newest", "middle", "oldest"), (samples, classes))

    def before_training(self, memory: dict[str, Tensor], facts: LabelFacts) -> None:
        memory["labels"].zero_().scatter_(1, facts.noisy_labels.unsqueeze(1), 1)

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        if clock.stage == 0:
            newest = own.memory["newest"]
            newest.index_add_(0, batch.indices, own.probs.detach().to(newest.dtype))

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        if clock.stage > 0:
            return
        epoch, epochs, block = int(clock.epoch), int(clock.epochs), self.window // 2
        grown = -(epochs - epoch) % block
        if grown == 0:
            memory["oldest"].copy_(memory["middle"])
            memory["middle"].copy_(memory["newest"])
            memory["newest"].zero_()
        if epoch >= share(epochs, self.hard_share):
            self._relabel(memory, 1 - grown / block)

    def _relabel(self, memory: dict[str, Tensor], oldest_weight: float) -> None:
        mean = (memory["newest"] + memory["middle"]).add_(memory["oldest"], alpha=oldest_weight)
        seen = mean.sum(1, keepdim=True)
        mean /= seen.clamp_min(1e-6)
        if not self.soft:
            best = mean.argmax(1, keepdim=True)
            mean.zero_().scatter_(1, best, 1)
        memory["labels"].copy_(mean.where(seen > 0, memory["labels"]))

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        return Refined(own.memory["labels"][batch.indices].to(batch.onehot.dtype))

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        if clock.stage == 0:
            return joint_loss(own, own.target, self.alpha, self.beta)
        return cross_entropy(own.target, own).mean()
