"""What every target rule is: a refined label q̃ = (1 − ε) q + ε p̃ (Eq. 3) and the loss of learning from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli.methods.contract import Batch, Clock, Outputs, Overview, Rule, cross_entropy

if TYPE_CHECKING:
    from torch import Tensor


class TargetRule(Rule):
    """How a network refines its labels. ``target`` is the one function that a rule must define."""

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the buffers this rule keeps per network; see ``Method.memory``."""
        return {}

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        """Update ``own.memory`` from a training batch."""

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, overview: Overview) -> None:
        """Update one network's memory when an epoch ends."""

    def trust(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor | None:
        """ε, how much the network's own prediction counts, (N,) or (), detached; None where it is no part of q̃."""
        return None

    def target(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        """q̃ (N, C); ``own.trust`` is set."""
        raise NotImplementedError(f"{type(self).__name__} defines no target")

    def knowledge(self, own: Outputs, batch: Batch) -> Tensor:
        """What the peer is taught, (N, C), detached: the refined label itself unless the rule says otherwise."""
        assert own.target is not None
        return own.target.detach()

    def imitation(self, own: Outputs, knowledge: Tensor) -> Tensor:
        """H(q̃_other, p_own) per sample, (N,): the price of not following the peer."""
        return cross_entropy(knowledge, own)

    def loss(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        """The network's loss on its own refined labels, (): the mean of H(q̃, p)."""
        assert own.target is not None
        return cross_entropy(own.target, own).mean()
