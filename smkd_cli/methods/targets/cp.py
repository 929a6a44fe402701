"""Confidence penalty (Pereyra et al., ICLR workshop 2017), in the form of the ProSelfLC paper."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined, cross_entropy
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor

_FLOOR = math.log(1e-6)


class CP(TargetRule):
    """q̃ = (1 − ε) q − ε p, so L = (1 − ε) H(q, p) − ε H(p).

    p is not detached: a detached one would leave a plain re-weighted cross entropy. The negative part of q̃ makes a
    literal transfer H(q̃_B, p_A) unbounded below, so the peer is taught the noisy label unless ``peer_target`` is
    ``literal``; then ln p is kept above ln 1e-6, the bound that the printed Algorithm 1 has.
    """

    name = "CP"
    soft_labels = True

    epsilon: Annotated[float, Field(ge=0, le=1, description="ε; 0.5 is best under symmetric noise (ProSelfLC)")] = 0.5
    detach: Annotated[bool, Field(description="cut the gradient through p in the target (our option)")] = False
    peer_target: Annotated[
        Literal["onehot", "literal"], Field(description="what the peer is taught (our choice: the noisy label)")
    ] = "onehot"

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        probs = own.probs.detach() if self.detach else own.probs
        target = batch.target * (1 - self.epsilon) - self.epsilon * probs
        return Refined(target, knowledge=batch.target if self.peer_target == "onehot" else None)

    def imitation(self, own: Outputs, knowledge: Tensor) -> Tensor:
        if self.peer_target == "onehot":
            return cross_entropy(knowledge, own)
        negative = knowledge.clamp_max(0) * own.log_probs.clamp_min(_FLOOR)
        return (knowledge.clamp_min(0) * own.log_probs + negative).sum(1).neg()
