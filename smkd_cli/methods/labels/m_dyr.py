"""M-DYR: mixup and hard bootstrapping, guided by a mixture model of the losses (Arazo et al., ICML 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods import mixing
from smkd_cli.methods.contract import (
    Batch,
    Clock,
    Inputs,
    Method,
    Predictions,
    Predictor,
    RefinedOutputs,
    cross_entropy,
    interpolate,
)
from smkd_cli.methods.labels.bmm import noisy_probability
from smkd_cli.methods.labels.prior import prior_divergence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class MDYR(Method):
    """L = mean of λ H(t_a, p) + (1 − λ) H(t_b, p) + ρ Σ_c (1/C) ln((1/C)/p̄_c) with t = (1 − B) q + B ẑ, the hard form.

    p (N, C) are predictions of images mixed from a and b with λ ~ Beta(32, 32), p̄ (C,) their mean over the batch; q is
    the noisy label and ẑ the one-hot arg max of the prediction for the unmixed image; t is detached. As in the authors'
    code, that prediction is made in training mode, normalised by the batch, and the running statistics of normalisation
    follow the unmixed images first and the mixed ones then. B (n,) is the probability that a label is wrong, by a
    mixture of two Beta distributions of all training samples' losses (see ``bmm``), refitted when an epoch ends, by
    each network for itself. The authors take each batch's losses anew, in evaluation mode and of the images as they are
    cropped; here B is that of the epoch's end, of whole images. Until the end of ``warmup_share`` of the epochs it is
    plain mixup: B = 0, no ρ, and statistics of mixed images alone. Not built: the soft form with its falling
    temperature and guided mixing.
    """

    name = "M-DYR"

    reg: Annotated[float, Field(ge=0, description="ρ, weight of the uniform class prior (authors)")] = 1.0
    mixup_alpha: Annotated[float, Field(gt=0, description="both parameters of λ's Beta distribution (authors)")] = 32.0
    warmup_share: Annotated[
        float, Field(gt=0, le=1, description="part of the epochs with plain mixup (authors: 105 of 300)")
    ] = 0.35

    def draw(self, random: np.random.Generator, batches: Sequence[int], stage: int) -> dict[str, NDArray[np.float64]]:
        return {"share": mixing.shares_by_batch(random, batches, self.mixup_alpha)}

    def passes_before(self, stage: int) -> int:
        return 1

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return {"noisy": (samples,)}

    def _warmup(self, clock: Clock) -> Tensor:
        return (clock.epochs * self.warmup_share).round().clamp_min(1)

    def _guided(self, clock: Clock) -> Tensor:
        return clock.epoch > self._warmup(clock)

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        if bool(clock.epoch >= self._warmup(clock)):
            noisy_labels = predictions.noisy_labels[predictions.train_indices].unsqueeze(1)
            losses = -predictions.train_logits().double().log_softmax(1).gather(1, noisy_labels).squeeze(1)
            memory["noisy"][predictions.train_indices] = noisy_probability(losses).to(memory["noisy"].dtype)

    def inputs(self, own: Predictor, other: Predictor, batch: Batch, clock: Clock) -> Inputs:
        images, share = batch.views[0], batch.drawn["share"].to(batch.onehot.dtype)
        logits = own.predict_in_training(images, count=self._guided(clock))
        hard = batch.onehot.new_zeros(batch.onehot.shape).scatter(1, logits.argmax(1, keepdim=True), 1)
        corrected = interpolate(batch.onehot, hard, own.memory["noisy"][batch.indices])
        target = interpolate(corrected.roll(-1, 0), corrected, share).to(batch.onehot.dtype)
        return Inputs(mixing.mixed(images, images.roll(-1, 0), share), target, logits, corrected)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        guided = self._guided(clock).to(own.log_probs.dtype)
        return cross_entropy(own.target, own).mean() + self.reg * guided * prior_divergence(own.log_probs)
