"""What every exchange rule is: which knowledge a network sends, and how the other's enters its own loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from smkd_cli.methods.contract import Clock, Hooks, Outputs, Refined, RefinedOutputs

if TYPE_CHECKING:
    from torch import Tensor

    from smkd_cli.methods.targets.contract import TargetRule


class ExchangeRule(Hooks):
    """What passes between the peers; the base passes nothing.

    Attributes:
        alone: the target rule that the rule's bare name means (``MKD`` is ``MKD+CE``); None if one must be named.

    Example:
        >>> from dataclasses import replace
        >>> class Certain(smkd.ExchangeRule):
        ...     name = "Certain"
        ...     def send(self, own, refined, clock):  # own.certainty is (N,)
        ...         return replace(refined, sent=(own.certainty > 0.9).to(own.certainty.dtype))
        ...     def combine(self, self_loss, own, other, target_rule):
        ...         return self_loss + (other.sent * target_rule.imitation(own, other.knowledge)).mean()
        >>> smkd.method(Certain, "LS").exchange
        Certain()
    """

    alone: ClassVar[str | None] = None

    def threshold(self, classes: int, clock: Clock) -> Tensor | None:
        """χ, the entropy below which knowledge is sent, (), in nats; None where nothing is compared."""
        return None

    def send(self, own: Outputs, refined: Refined, clock: Clock) -> Refined:
        """What the target rule refined, with what of it ``own`` sends to its peer."""
        return refined

    def combine(self, self_loss: Tensor, own: RefinedOutputs, other: RefinedOutputs, target_rule: TargetRule) -> Tensor:
        """The whole loss of ``own``, (), from its self-loss and what ``other`` sent."""
        return self_loss
