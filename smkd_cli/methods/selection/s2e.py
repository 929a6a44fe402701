"""S2E: Co-teaching whose forget schedule is searched for (Yao et al., ICML 2020)."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationInfo, field_validator

from smkd_cli.methods.contract import Clock, LabelFacts, Outputs, Predictions
from smkd_cli.methods.selection.small_loss import SmallLossExchange
from smkd_cli.methods.stages import Stage, share

if TYPE_CHECKING:
    from torch import Tensor

# The authors' number of epochs. What their formula gives depends on it, so other trainings are stretched to it.
_EPOCHS = 200
_NUMBERS = 12
# The first term alone, and so the form of Co-teaching: 0.4 is nearly reached in the first tenth of the training.
_NO_SEARCH = (0.4, 0.99, 0.6, 0.01, 0.01, 0.5, 0.01, 0.99, 0.5, 0.01, 0.01, 0.5)

Number = Annotated[float, Field(gt=0, lt=1)]


def forget_rate(x: Tensor, t: Tensor, epochs: float) -> Tensor:
    """R(t) of the raw numbers x (12,) in epoch t = 0 … ``epochs`` − 1, any shape, in [0, 0.99]; float64.

    x₂, x₄, x₆, x₉, x₁₀ are halved and x₅, x₁₁ doubled; then R(t) = x₀ (1 − exp(−x₂ t^x₁))
    + (1 − x₀) x₇ (1 − (x₄ t + 1)^−x₃) + (1 − x₀)(1 − x₇)(1 − ln(1 + x₈)/ln(1 + x₈ + x₉ t))
    − x₆ (t/n)^x₅ − x₁₀ ln(1 + t^x₁₁)/ln(1 + n^x₁₁).
    """
    import torch

    x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11 = x.double().unbind()
    x2, x4, x6, x9, x10, x5, x11 = x2 / 2, x4 / 2, x6 / 2, x9 / 2, x10 / 2, x5 * 2, x11 * 2
    t = t.double()
    rising = x0 * (1 - torch.exp(-x2 * t**x1))
    rising = rising + (1 - x0) * x7 * (1 - (x4 * t + 1) ** -x3)
    rising = rising + (1 - x0) * (1 - x7) * (1 - torch.log1p(x8) / torch.log1p(x8 + x9 * t))
    falling = x6 * (t / epochs) ** x5 + x10 * torch.log1p(t**x11) / torch.log1p(epochs**x11)
    return (rising - falling).clamp(0, 0.99)


def propose(trial: int, tried: Sequence[Sequence[float]], scores: Sequence[float], size: int, seed: int) -> list[float]:
    """The raw numbers x (12) of a trial, given those of the trials before it and their scores.

    Trials come in rounds of ``size``: the first draws uniformly, each later one from Beta distributions with the mean
    and variance of the best quarter of all earlier rounds. A deviation counts as 0.1 at least, a parameter as 1.
    """
    ended = trial // size * size
    best = sorted(range(ended), key=lambda earlier: (-scores[earlier], earlier))[: max(2, ended // 4)]
    draw = random.Random(f"{seed} {trial}")
    numbers = []
    for index in range(_NUMBERS):
        alpha = beta = 1.0
        if best:
            known = [tried[earlier][index] for earlier in best]
            mean = statistics.fmean(known)
            weight = mean * (1 - mean) / max(statistics.variance(known), 0.01) - 1
            alpha, beta = max(1.0, mean * weight), max(1.0, (1 - mean) * weight)
        numbers.append(min(max(draw.betavariate(alpha, beta), 1e-6), 1 - 1e-6))
    return numbers


class S2E(SmallLossExchange):
    """Co-teaching with R(t) of twelve numbers x (see ``forget_rate``), searched for before the training.

    Each trial trains a fresh pair for a part of the epochs by its own x and scores it by the mean accuracy of both
    networks on the held-out noisy labels; the best x serves a last, fresh training. The authors score on clean test
    images and draw by a defective Newton step on the parameters of Beta distributions; here the distributions are
    refitted to the best trials (the cross-entropy method, our choice, see ``propose``). Time is stretched to their 200
    epochs, with t = 0 in our first. With no trials and no ``schedule``, R rises to 0.4 and stays there (our choice),
    whatever the noise is.
    """

    name = "S2E"

    schedule: Annotated[
        tuple[Number, ...] | None,
        Field(strict=False, min_length=_NUMBERS, max_length=_NUMBERS, description="x, twelve raw numbers in (0, 1)"),
    ] = None
    trials: Annotated[int, Field(ge=0, description="trainings to search x in (authors: 40 to 60; 0 is our choice)")] = 0
    trials_per_round: Annotated[
        int, Field(ge=4, description="trials between two updates of their distributions (authors: 5 to 20)")
    ] = 8
    trial_share: Annotated[
        float, Field(gt=0, le=1, description="length of a trial, of the epochs (authors: 1; our choice)")
    ] = 0.2
    search_seed: Annotated[int, Field(ge=0, description="seed of the draws of x (our choice)")] = 0

    @field_validator("trials")
    @classmethod
    def _one_source(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("schedule") is not None:
            raise ValueError("searches for a schedule, and one is given: leave one of the two out")
        return value

    def problem(self, batch_size: int, classes: int, held_out: bool) -> str | None:
        if self.trials and not held_out:
            return "S2E searches by held-out samples: set validation.fraction above 0, or trials to 0"
        return None

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        length = share(epochs, self.trial_share)
        searched = [Stage(f"trial {number + 1}", length, fresh=True) for number in range(self.trials)]
        return *searched, Stage("train", epochs, fresh=True)

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        searched = {"tried": (self.trials, _NUMBERS), "scores": (self.trials,)} if self.trials else {}
        return {"schedule": (_NUMBERS,), **searched}

    def before_training(self, memory: dict[str, Tensor], facts: LabelFacts) -> None:
        if self.trials:
            self._begin(0, memory)
        else:
            memory["schedule"].copy_(memory["schedule"].new_tensor(self.schedule or _NO_SEARCH))

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        ends = bool(clock.epoch >= clock.epochs)
        if clock.stage >= self.trials or not (ends or (clock.stage == 0 and bool(clock.epoch == 1))):
            return
        own, other, noisy_labels = predictions.held_out()
        if not len(noisy_labels):
            raise ValueError("S2E searches by held-out samples: set validation.fraction above 0, or trials to 0")
        if ends:
            right = sum(int((logits.argmax(1) == noisy_labels).sum()) for logits in (own, other))
            memory["scores"][clock.stage] = right / (2 * len(noisy_labels))
            if clock.stage + 1 < self.trials:
                self._begin(clock.stage + 1, memory)
            else:
                scores = memory["scores"].tolist()
                memory["schedule"].copy_(memory["tried"][scores.index(max(scores))])

    def forgotten(self, own: Outputs, clock: Clock) -> Tensor:
        return forget_rate(own.memory["schedule"], (clock.epoch - 1) * _EPOCHS / clock.epochs, _EPOCHS)

    def _begin(self, trial: int, memory: dict[str, Tensor]) -> None:
        tried, scores = memory["tried"].tolist(), memory["scores"].tolist()
        numbers = propose(trial, tried, scores, self.trials_per_round, self.search_seed)
        memory["schedule"].copy_(memory["schedule"].new_tensor(numbers))
        memory["tried"][trial].copy_(memory["schedule"])
