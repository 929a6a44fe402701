"""What every target rule is: a refined label q̃ = (1 − ε) q + ε p̃ (Eq. 3) and the loss of learning from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from smkd_cli.methods.contract import Batch, Clock, Hooks, Outputs, Refined, RefinedOutputs, cross_entropy

if TYPE_CHECKING:
    from torch import Tensor


class TargetRule(Hooks):
    """How a network refines its labels. ``refine`` is the one function that a rule must define.

    Attributes:
        soft_labels: whether the rule is defined where ``batch.target`` belongs to several classes, as the label of an
            image that is mixed with another does: it looks at nothing else of the labels.

    Example:
        >>> from smkd_cli.methods.contract import Refined
        >>> class Halved(smkd.TargetRule):
        ...     name = "Halved"
        ...     def refine(self, own, batch, clock):  # own.probs and batch.target are (N, C)
        ...         return Refined((batch.target + own.probs.detach()) / 2)
        >>> smkd.method("SMKD-S", Halved).target_rule
        Halved()
    """

    soft_labels: ClassVar[bool] = False

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        """q̃ (N, C); with ε where it is part of q̃, and with what the peer is taught where that is not q̃ itself."""
        raise NotImplementedError(f"{type(self).__name__} defines no refine")

    def imitation(self, own: Outputs, knowledge: Tensor) -> Tensor:
        """H(q̃_other, p_own) per sample, (N,): the price of not following the peer."""
        return cross_entropy(knowledge, own)

    def loss(self, own: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        """The network's loss on its own refined labels, (): the mean of H(q̃, p)."""
        return cross_entropy(own.target, own).mean()
