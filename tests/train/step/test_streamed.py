"""A pair learns the same from images that come from the host a batch at a time as from images on the device."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from data_sets import DATA
from pairs import COMPUTE, DIVIDE
from streamed import streamed_images

from smkd_cli import methods, noise
from smkd_cli.data import find
from smkd_cli.methods import LabelFacts
from smkd_cli.recipe import load_recipe
from smkd_cli.scoring import predict
from smkd_cli.train.machine.device import prepare_machine
from smkd_cli.train.step import stage_steps
from smkd_cli.train.step.build import build_pair, resident_images
from smkd_cli.train.step.captured_step import CapturedStep, NoGraphs

SAMPLES, BATCH = 150, 64


def trained(method, placed, prepare):
    """A pair after two epochs on some digits, the last batch of each being smaller."""
    recipe = load_recipe("quickstart", [f"batch_size={BATCH}", "augmentation={crop_padding: 1, flip: true}"], data=DATA)
    dataset, machine = find("digits", DATA), prepare_machine(COMPUTE)
    labels = dataset.labels("train").labels
    noisy = noise.corrupt_labels(labels, kind="symmetric", rate=0.4, classes=10, seed=1)
    made_of = methods.build(method, {})
    images = placed(recipe, dataset, dataset.images("train"), machine)
    pair = build_pair(recipe, made_of, dataset, images, noisy, machine, clean_labels=labels, seed=3)
    pair.prepare(LabelFacts(pair.noisy_labels, 10))
    stages = made_of.stages(2)
    pair.begin(stages[-1], len(stages) - 1)
    pair.set_learning_rate(0.05)
    for epoch in (1, 2):
        pair.loss.set_time(epoch, 0)
        plan = pair.plan_epoch(np.arange(SAMPLES), epoch)
        batches = list(plan.batches(BATCH))
        assert [len(batch["indices"]) for batch in batches] == [64, 64, 22]
        if prepare:
            pair.prepare_steps([batches[0], batches[-1]])
        for batch in pair.batches(plan):
            pair.clock.iteration.add_(1)
            pair.train_step(batch)
    return pair


@pytest.mark.parametrize(("steps", "workers"), [("eager", 2), ("recorded", 0)])
@pytest.mark.parametrize(
    "method", ["SMKD-P+MyLC", "KDCL", DIVIDE], ids=["one view", "two views", "orders of their own"]
)
def test_every_tensor_is_the_same(method, steps, workers, monkeypatch):
    if steps == "recorded":  # without CUDA: each step is warmed up, put back, and done on copies of the batch

        def recorded(self, step, state, *_arguments):
            self._batch_size = BATCH
            self._whole, self._rest = (CapturedStep(step, state, NoGraphs()) for _ in range(2))

        monkeypatch.setattr(stage_steps.StageSteps, "__init__", recorded)
    resident = trained(method, resident_images, prepare=False)
    streamed = trained(method, partial(streamed_images, workers=workers), prepare=steps == "recorded")
    assert streamed.falls_back is None
    wanted, got = resident.tensors(), streamed.tensors()
    assert wanted.keys() == got.keys()
    for name, value in wanted.items():
        assert torch.equal(value.nan_to_num(-1), got[name].nan_to_num(-1)), name
    for one, other in zip(resident.networks, streamed.networks, strict=True):
        assert torch.equal(predict(one, resident.images, torch.float32), predict(other, streamed.images, torch.float32))


def test_a_sample_that_was_not_put_into_place_is_an_error():
    pair = trained("CE", streamed_images, prepare=False)
    batch = next(iter(pair.plan_epoch(np.arange(SAMPLES, 2 * SAMPLES), 3).batches(BATCH)))
    with pytest.raises(IndexError):
        pair.step(batch)
