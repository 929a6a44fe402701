"""MyLC: label correction that trusts a network by its own certainty, not by the time (the paper's Eq. 7 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Predictions, Refined, interpolate, logistic
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor


class MyLC(TargetRule):
    """q̃ = (1 − ε) q + ε p with ε = g(r) · l(p), g(r) = h(r − ρ, b1) and l(p) = 1 − H(p)/H(u).

    r is the network's mean certainty over all training samples. The paper leaves open when it is taken;
    ``certainty`` says: over the training predictions of the previous ``epoch`` (r = 0 in the first), over the current
    ``batch``, or an exponential moving average (``ema``) of the batches with momentum 0.99. ε is detached, p is not.
    """

    name = "MyLC"
    soft_labels = True

    b1: Annotated[
        float, Field(gt=0, description="steepness of g (not in the paper; 16 is best where networks memorise)")
    ] = 16.0
    rho: Annotated[float, Field(ge=0, le=1, description="ρ, the certainty at which g is one half (paper)")] = 0.5
    certainty: Annotated[
        Literal["epoch", "batch", "ema"], Field(description="over what r is taken (not in the paper; our choice)")
    ] = "epoch"
    detach: Annotated[bool, Field(description="cut the gradient through p in the target (our choice: no)")] = False

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return {"r": (), "certainty_sum": (), "seen": ()}

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        certainty = own.certainty
        own.memory["certainty_sum"] += certainty.sum()
        own.memory["seen"] += certainty.numel()
        if self.certainty == "batch":
            own.memory["r"].copy_(certainty.mean())
        elif self.certainty == "ema":
            own.memory["r"].lerp_(certainty.mean().to(own.memory["r"].dtype), 0.01)

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        if self.certainty == "epoch":
            memory["r"].copy_(memory["certainty_sum"] / memory["seen"].clamp_min(1))
        memory["certainty_sum"].zero_()
        memory["seen"].zero_()

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        trust = logistic(own.memory["r"] - self.rho, self.b1) * own.certainty
        return Refined(interpolate(batch.target, own.probs.detach() if self.detach else own.probs, trust), trust=trust)
