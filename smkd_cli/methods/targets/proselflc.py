"""ProSelfLC (Wang et al., CVPR 2021; authors' code XinshaoAmosWang/ProSelfLC-AT)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Refined, TimeUnit, interpolate, logistic
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor


class ProSelfLC(TargetRule):
    """q̃ = (1 − ε) q + ε p with ε = g(t) · l(p): trust grows with training time and with the prediction's certainty.

    g(t) = h(t/Γ − 0.5, b) is the global trust, t counted in iterations as in the paper; l(p) = 1 − H(p)/H(u) the local
    one. ε is detached; p is not, as in the CVPR code. With ``temperature`` below 1 the prediction in the target is
    softmax(z/T), detached, as in the authors' later low-temperature version, and l is taken of it.
    """

    name = "ProSelfLC"
    soft_labels = True

    b: Annotated[
        float, Field(gt=0, description="steepness B of g; 12 is best at symmetric 40 % (ProSelfLC appendix)")
    ] = 12.0
    trust_time: Annotated[TimeUnit, Field(description="unit of t in g (ProSelfLC paper: iteration)")] = "iteration"
    detach: Annotated[bool, Field(description="cut the gradient through p in the target (CVPR code: no)")] = False
    temperature: Annotated[float, Field(gt=0, le=1, description="T of the prediction in q̃ (CVPR version: 1)")] = 1.0
    local_trust: Annotated[
        Literal["entropy", "max_p", "one"], Field(description="l: 1 − H/H(u), the largest probability, or 1")
    ] = "entropy"

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        predicted = own if self.temperature == 1 else Outputs.of(own.logits.detach() / self.temperature)
        trust = logistic(clock.progress(self.trust_time) - 0.5, self.b) * self._local_trust(predicted)
        probs = predicted.probs.detach() if self.detach else predicted.probs
        return Refined(interpolate(batch.target, probs, trust), trust=trust)

    def _local_trust(self, predicted: Outputs) -> Tensor:
        """l, (N,)."""
        if self.local_trust == "one":
            return predicted.entropy.new_ones(predicted.entropy.shape)
        return predicted.certainty if self.local_trust == "entropy" else predicted.probs.detach().amax(1)
