"""What comes out of a network in a step, and what a method makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Outputs:
    """What one network predicts of a batch, computed once; M images, of which there are N in most methods.

    Attributes:
        logits: (M, C), float32 or wider.
        log_probs: (M, C), log-softmax of the logits; carries the gradient.
        probs: (M, C), softmax of the logits; carries the gradient.
        entropy: (M,), H(p) in nats, at least 0, detached.
        certainty: (M,), 1 − H(p)/H(u), in [0, 1], detached: ProSelfLC's local trust l(p).
        memory: the method's buffers for this network, kept from batch to batch and in checkpoints.
        companions: what the networks beside this one predict, (N, C) logits by the companion's name, detached.
        modules: what the method trains beside this network, by name.
        maps: (M, D, h, w) the last feature maps, with their gradient; None unless the method wants them.
    """

    logits: Tensor
    log_probs: Tensor
    probs: Tensor
    entropy: Tensor
    certainty: Tensor
    memory: dict[str, Tensor] = field(default_factory=dict)
    companions: dict[str, Tensor] = field(default_factory=dict)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    maps: Tensor | None = None

    @classmethod
    def of(
        cls,
        logits: Tensor,
        memory: dict[str, Tensor] | None = None,
        companions: dict[str, Tensor] | None = None,
        modules: dict[str, nn.Module] | None = None,
        maps: Tensor | None = None,
    ) -> Outputs:
        """Compute everything from logits (M, C); half-precision logits are widened to float32 first."""
        if logits.element_size() < 4:
            logits = logits.float()
        log_probs = logits.log_softmax(1)
        probs = log_probs.exp()
        entropy = (probs.detach() * log_probs.detach()).sum(1).neg().clamp_min(0)
        certainty = (1 - entropy / math.log(logits.shape[1])).clamp(0, 1)
        return Outputs(
            logits, log_probs, probs, entropy, certainty, memory or {}, companions or {}, modules or {}, maps
        )

    @property
    def features(self) -> Tensor:
        """(M, D, h, w), the last feature maps, with their gradient.

        Raises:
            AttributeError: the method does not request them by ``wants_features``.
        """
        if self.maps is None:
            raise AttributeError("there are no feature maps: wants_features of the method has to be true")
        return self.maps

    def refined(self, refined: Refined) -> RefinedOutputs:
        """These outputs together with what the method made of them."""
        return RefinedOutputs(**vars(self), refinement=refined)


@dataclass(frozen=True, init=False)
class Refined:
    """What a method makes of a network's outputs: what the network learns from, and what its peer gets.

    Args:
        target: (M, C), the refined label q̃ that the network learns from.
        knowledge: (M, C), what the peer is taught where it is sent, detached; by default the target, detached.
        sent: (M,) of 0 and 1, where the network is confident enough to teach; by default nowhere.
        trust: (M,) or (), ε, the weight of the network's own prediction in its target, detached; by default 0.
    """

    target: Tensor
    knowledge: Tensor
    sent: Tensor
    trust: Tensor

    def __init__(
        self, target: Tensor, knowledge: Tensor | None = None, sent: Tensor | None = None, trust: Tensor | None = None
    ) -> None:
        nothing = target.new_zeros(()).expand(target.shape[0])
        values = {
            "target": target,
            "knowledge": target.detach() if knowledge is None else knowledge,
            "sent": nothing if sent is None else sent,
            "trust": nothing if trust is None else trust,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True)
class RefinedOutputs(Outputs):
    """A network's outputs and what the method made of them: what losses are computed from."""

    refinement: Refined

    @property
    def target(self) -> Tensor:
        """(M, C), see :class:`Refined`."""
        return self.refinement.target

    @property
    def knowledge(self) -> Tensor:
        """(M, C), detached, see :class:`Refined`."""
        return self.refinement.knowledge

    @property
    def sent(self) -> Tensor:
        """(M,), see :class:`Refined`."""
        return self.refinement.sent

    @property
    def trust(self) -> Tensor:
        """(M,) or (), see :class:`Refined`."""
        return self.refinement.trust
