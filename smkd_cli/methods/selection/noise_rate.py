"""The noise rate as an option: computed from the clean labels, estimated, or given as a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PlainValidator

from smkd_cli.methods.contract import Clock, LabelFacts, Method, Need, Predictions
from smkd_cli.methods.stages import Stage, share

if TYPE_CHECKING:
    from torch import Tensor


def _noise_rate(value: Any) -> str | float:
    if isinstance(value, str) and value in ("oracle", "estimated"):
        return value
    if type(value) in (int, float) and 0 <= value < 1:
        return float(value)
    raise ValueError(f"should be oracle, estimated, or a number from 0 to below 1, not {value!r}")


NoiseRate = Annotated[Literal["oracle", "estimated"] | float, PlainValidator(_noise_rate)]


class KnowsNoiseRate(Method):
    """A method that needs τ, the fraction of wrong labels, and keeps it in ``memory["noise_rate"]``.

    ``oracle`` is the true rate of the labels at hand, which needs clean labels. ``estimated`` puts a stage of plain
    CE before the training: at its end each network estimates the transition matrix T from its own predictions, by
    anchor points, and τ = 1 − Σ_i π_i T_ii, where π_i is the fraction of samples it predicts to be of class i.
    """

    noise_rate: Annotated[
        NoiseRate, Field(description="τ, fraction of wrong labels: oracle (as the authors), estimated, or a number")
    ] = "oracle"
    estimate_share: Annotated[
        float, Field(gt=0, le=1, description="length of the CE stage before an estimate, of the epochs (our choice)")
    ] = 0.2

    def rate_source(self) -> str | float:
        """Where τ comes from: oracle, estimated, or a number."""
        return self.noise_rate

    def estimating(self, clock: Clock) -> bool:
        """Whether this is the stage of plain CE that τ is estimated from."""
        return self.rate_source() == "estimated" and clock.stage == 0

    def needs(self) -> frozenset[Need]:
        return frozenset({"noise_rate"}) if self.rate_source() == "oracle" else frozenset()

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        if self.rate_source() != "estimated":
            return super().stages(epochs)
        return Stage("estimate", share(epochs, self.estimate_share)), Stage("train", epochs, fresh=True)

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return {"noise_rate": ()}

    def before_training(self, memory: dict[str, Tensor], facts: LabelFacts) -> None:
        rate = self.rate_source()
        if rate == "oracle":
            if facts.noise_rate is None:
                raise ValueError(
                    "noise_rate is oracle, but the clean labels are not known here; give a number, or estimated"
                )
            rate = facts.noise_rate
        if not isinstance(rate, str):
            memory["noise_rate"].fill_(rate)

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        if self.estimating(clock) and bool(clock.epoch >= clock.epochs):
            memory["noise_rate"].fill_(_estimated(predictions.train_logits()))


def rate_in(memory: dict[str, Tensor]) -> Tensor:
    """τ to six decimals, (), float64: so many come back from float32 exactly, and int((1 − τ)·N) with them."""
    rate: Tensor = (memory["noise_rate"].double() * 1e6).round() / 1e6
    return rate


def _estimated(logits: Tensor) -> float:
    from smkd_cli.methods.transition.estimation import estimate_transition

    probs = logits.double().softmax(1)
    right = estimate_transition(probs).to(probs.device).diagonal()
    shares = probs.argmax(1).bincount(minlength=probs.shape[1]).double() / len(probs)
    return 1 - float((shares * right).sum())
