"""``sampler: balanced``: every noisy class equally often in an epoch, drawn again when a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import DATA
from pairs import COMPUTE
from stop_after import StopAfter

from smkd_cli import methods
from smkd_cli.data import find
from smkd_cli.data.images.reader import ArrayReader
from smkd_cli.errors import InterruptedRunError, RecipeError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.device import prepare_machine
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task
from smkd_cli.train.step.build import build_pair, resident_images
from smkd_cli.train.step.pair import Pair

# Of ten classes one has no image, one has one, and one has most.
COUNTS = (50, 1, 0, 9, 9, 9, 9, 9, 9, 9)


def pair(method: str = "SMKD-P+MyLC", *overrides: str) -> Pair:
    """A pair whose images are very unevenly divided among the classes."""
    recipe = load_recipe("quickstart", ["batch_size=16", *overrides], data=DATA)
    machine, digits = prepare_machine(COMPUTE), find("digits", DATA)
    images = ArrayReader(np.zeros((sum(COUNTS), 8, 8, 1), np.uint8))
    labels = np.repeat(np.arange(10), COUNTS)
    made = methods.build(method, {})
    return build_pair(recipe, made, digits, resident_images(recipe, digits, images, machine), labels, machine)


def drawn(pair: Pair, samples: np.ndarray, epoch: int) -> np.ndarray:
    plan = pair.plan_epoch(samples, epoch)
    assert plan.columns["indices"].shape[1] == 1, "one order for both peers"
    return plan.columns["indices"][:, 0].numpy()


def test_every_class_that_is_there_comes_equally_often() -> None:
    balanced, samples = pair("SMKD-P+MyLC", "sampler=balanced"), np.arange(sum(COUNTS))
    labels = np.repeat(np.arange(10), COUNTS)
    order = drawn(balanced, samples, 1)
    assert len(order) == len(samples)
    counts = np.bincount(labels[order], minlength=10)
    assert counts[2] == 0
    assert {counts[label] for label in range(10) if label != 2} <= {12, 13}
    assert (order == drawn(balanced, samples, 1)).all()
    of_first = [{*order_of[labels[order_of] == 0].tolist()} for order_of in (order, drawn(balanced, samples, 2))]
    assert of_first[0] != of_first[1], "a large class shows other images in another epoch"
    # What is held out is drawn never.
    kept = samples[samples % 2 == 0]
    assert {*drawn(balanced, kept, 1).tolist()} <= {*kept.tolist()}
    assert sorted(drawn(pair(), samples, 1)) == samples.tolist()


def test_an_interrupted_run_draws_the_same_again(
    recipe: Path, tmp_path: Path, bits: Callable[..., Any], assert_same: Callable[..., None]
) -> None:
    (cell,) = expand(load_recipe(str(recipe), ["sampler=balanced", "epochs=2"], data=DATA))
    tasks = [Task(cell, tmp_path / name, DATA) for name in ("whole", "parts")]
    train_cell(tasks[0], StopRequest(), lambda event: None)
    with pytest.raises(InterruptedRunError):
        train_cell(tasks[1], StopAfter(8), lambda event: None)
    train_cell(tasks[1], StopRequest(), lambda event: None)
    assert_same(*(bits(task.directory) for task in tasks))
    (uniform,) = expand(load_recipe(str(recipe), ["epochs=2"], data=DATA))
    assert uniform.protocol != cell.protocol, "results of both stand in different tables"
    assert "sampler" not in uniform.to_yaml()
    assert "sampler: balanced" in cell.to_yaml()


@pytest.mark.parametrize(
    ("overrides", "refused"),
    [
        (["sampler=balanced", "methods=[DMI]"], True),
        (["methods=[{name: DMI, protocol: {sampler: balanced}}]"], True),
        (["methods=[DMI]", "variants=[{name: v, sampler: balanced}]"], True),
        (["sampler=balanced", "methods=[{name: DMI, protocol: {sampler: uniform}}]"], False),
        (["methods=[DMI]"], False),
    ],
)
def test_a_method_with_batches_of_its_own(overrides: list[str], refused: bool) -> None:
    overrides = [*overrides, "options={}", "batch_size=16"]
    if not refused:
        load_recipe("quickstart", overrides, data=DATA)
        return
    with pytest.raises(RecipeError, match="DMI draws its batches by a rule of its own, so sampler: balanced"):
        load_recipe("quickstart", overrides, data=DATA)


def test_a_method_s_own_sampler_is_kept_where_others_are_balanced() -> None:
    with pytest.raises(RecipeError, match="sampler: should be 'uniform' or 'balanced'"):
        load_recipe("quickstart", ["sampler=weighted"], data=DATA)
    row = "methods=[CE, {name: GCE, protocol: {sampler: balanced}}]"
    first, second = expand(load_recipe("quickstart", [row, "options={}", "seeds=[1]"], data=DATA))[:2]
    assert (first.training.sampler, second.training.sampler) == ("uniform", "balanced")
    assert first.protocol == second.protocol
