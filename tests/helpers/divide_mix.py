"""A method of the shape of DivideMix (Li et al., ICLR 2020), to show that one file is enough; its constants are ours.

Each network divides the samples by a two-component mixture of its peer's losses. The labelled pool keeps its labels as
far as these are probably right, and both networks guess those of the other pool from two views; then all is mixed up.
"""

from __future__ import annotations

import numpy as np
import torch

from smkd_cli.methods import Stage, mixing
from smkd_cli.methods.contract import Inputs, Method, Views, cross_entropy
from smkd_cli.methods.labels.bmm import noisy_probability
from smkd_cli.methods.labels.prior import prior_divergence
from smkd_cli.methods.sampling import TwoPools, Uniform

VIEWS, TEMPERATURE, ALPHA = 2, 0.5, 4.0


def sharpened(probs):
    """p^(1/T), of mass 1."""
    powers = probs ** (1 / TEMPERATURE)
    return powers / powers.sum(1, keepdim=True)


class Divide(Method):
    """Two pools, two views, targets that both networks guess, mixup over both pools."""

    name = "Divide"

    guess_weight: float = 1.0

    def stages(self, epochs):
        return Stage("warm up", max(1, epochs // 3)), Stage("divide", epochs)

    def views(self):
        return Views(VIEWS, shared=False)

    def memory(self, samples, classes):
        return {"clean": (samples,)}

    def after_epoch(self, memory, clock, predictions):
        labels = predictions.noisy_labels[predictions.train_indices]
        losses = torch.nn.functional.cross_entropy(predictions.peer_train_logits().double(), labels, reduction="none")
        memory["clean"][predictions.train_indices] = 1 - noisy_probability(losses).to(memory["clean"].dtype)

    def sampler(self, stage):
        return TwoPools("clean", 0.5) if stage else Uniform()

    def draw(self, random, batches, stage):
        share = mixing.shares_by_sample(random, batches, ALPHA)
        return {"share": np.maximum(share, 1 - share), "partner": mixing.partners(random, batches, VIEWS)}

    def passes_before(self, stage):
        return 2 * VIEWS if stage else 1

    def inputs(self, own, other, batch, clock):
        ours = [own.predict(view) for view in batch.views]
        mean = sum(logits.softmax(1) for logits in ours) / VIEWS
        if clock.stage == 0:
            return Inputs(torch.cat(batch.views), batch.onehot.repeat(VIEWS, 1), mean.log())
        theirs = sum(other.predict(view).softmax(1) for view in batch.views) / VIEWS
        labelled = (len(batch.indices) + 1) // 2
        trusted = own.memory["clean"][batch.indices].unsqueeze(1).to(mean.dtype)
        refined = sharpened(trusted * batch.onehot + (1 - trusted) * mean)
        guessed = sharpened((mean + theirs) / 2)
        target = torch.cat([refined[:labelled], guessed[labelled:]]).repeat(VIEWS, 1)
        images = torch.cat(batch.views)
        partner = batch.drawn["partner"].T.flatten()
        share = batch.drawn["share"].repeat(VIEWS).to(images.dtype)
        mixed = mixing.mixed(images, images[partner], share)
        return Inputs(mixed, mixing.mixed(target, target[partner], share), mean.log(), target[: len(mean)])

    def loss(self, own, other, batch, clock):
        if clock.stage == 0:
            return cross_entropy(own.target, own).mean()
        labelled = (torch.arange(len(own.target), device=own.target.device) % len(batch.indices)) < (
            len(batch.indices) + 1
        ) // 2
        supervised = (labelled * cross_entropy(own.target, own)).sum() / labelled.sum()
        square = ((own.probs - own.target) ** 2).mean(1)
        guessed = (~labelled * square).sum() / (~labelled).sum().clamp_min(1)
        return supervised + self.guess_weight * guessed + prior_divergence(own.log_probs)
