"""Steps and learning rates over time; free of torch, so that a plan is made at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from smkd_cli.recipe import Recipe
from smkd_cli.train.step.stages import StagePosition


def learning_rate(
    name: str,
    base: float,
    done: float,
    *,
    milestones: Sequence[float] = (),
    gamma: float = 0.1,
    start: float = 0.0,
    warmup: float = 0.0,
) -> float:
    """The learning rate when a fraction ``done`` in [0, 1) of the training is over.

    Args:
        name: ``constant``, ``multistep`` (times ``gamma`` at each milestone), ``cosine`` (to zero at the end), or
            ``linear`` (constant until ``start``, then in a straight line to zero at the end).
        base: the rate before any of it.
        milestones, start: fractions of the training.
        warmup: fraction of the training over which the rate rises linearly from 0; the schedule itself is not moved.
    """
    rate = base
    if name == "multistep":
        # A milestone of 0.5 falls on a step whose fraction may come out a rounding error below it.
        rate *= gamma ** sum(done >= milestone - 1e-9 for milestone in milestones)
    elif name == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * done))
    elif name == "linear":
        rate *= min(1.0, (1 - done) / (1 - start))
    return rate * min(1.0, done / warmup) if warmup else rate


def learning_rate_at(recipe: Recipe, position: StagePosition, done: float) -> float:
    """The learning rate when a fraction ``done`` of an epoch is over; each stage runs through its own schedule."""
    stage, schedule = position.stage, recipe.schedule
    return learning_rate(
        schedule.name if stage.schedule == "recipe" else "constant",
        recipe.optimizer.lr * stage.lr_factor,
        (position.epoch - 1 + done) / stage.epochs,
        milestones=schedule.milestones,
        gamma=schedule.gamma,
        start=schedule.start,
        warmup=schedule.warmup_epochs / stage.epochs,
    )


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Optimisation steps in one epoch. A last batch of a single sample is left out: it has no batch statistics."""
    return -(-(samples - (samples % batch_size == 1 and samples > 1)) // batch_size)
