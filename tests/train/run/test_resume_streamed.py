"""A run whose images are streamed ends with the bits of one whose images are in memory, however it is interrupted."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_sets import DATA
from photos import write_photos
from program import run_in_process, wait_for
from stop_after import StopAfter

from smkd_cli.data.images.loading import Loading
from smkd_cli.errors import InterruptedRunError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task

RECIPE = """\
schema: smkd/recipe/1
name: own
dataset: {path: PHOTOS, size: 8, test: 0.25}
networks: small_resnet
methods: [METHOD]
noise: [{kind: symmetric, rate: 0.4}]
seeds: [1]
epochs: 2
batch_size: 8
augmentation: {crop_padding: 1, flip: true}
validation: {fraction: 0.2}
compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}
"""
CPU = ComputeConfig("cpu", 1, "float32", "channels_last", "in_turn", "eager")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    photos = write_photos(tmp_path / "photos", {"cat": 24, "dog": 24})
    (tmp_path / "own.yaml").write_text(RECIPE.replace("PHOTOS", str(photos)))
    return tmp_path / "own.yaml"


# One order for both peers; two views; and predictions on all training images between epochs.
@pytest.mark.parametrize("method", ["SMKD-P+MyLC", "KDCL", "M-DYR"])
def test_stopped_and_gone_on_with_other_numbers_of_workers(
    own: Path, tmp_path: Path, bits: Callable, assert_same: Callable, method: str
) -> None:
    own.write_text(own.read_text().replace("METHOD", method))
    (cell,) = expand(load_recipe(str(own), data=DATA))

    def train(folder: str, how: Loading, steps: int | None = None) -> Path:
        task = Task(cell, tmp_path / folder, DATA, CPU, loading=how)
        train_cell(task, StopRequest() if steps is None else StopAfter(steps), lambda _event: None)
        return task.directory

    for workers, steps in ((0, 1), (2, 2), (1, 2)):
        with pytest.raises(InterruptedRunError):
            train("parts", Loading("streamed", workers), steps)
    parts = bits(train("parts", Loading("streamed", 2)))
    assert_same(bits(train("whole", Loading("resident"))), parts)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="forks processes that hold torch")
def test_killed_ten_times_at_random_with_0_1_and_2_workers(
    own: Path, tmp_path: Path, bits: Callable, assert_same: Callable
) -> None:
    own.write_text(own.read_text().replace("METHOD", "SMKD-P+MyLC").replace("epochs: 2", "epochs: 150"))
    folder = next(iter(expand(load_recipe(str(own), data=DATA)))).slug

    def begin(runs: str, *options: object) -> Any:
        command = ("train", own, "--runs", tmp_path / runs, "--jobs", 1, "--device", "cpu", *options)
        return run_in_process(command, tmp_path / "words", saving_pause=0.05)

    whole = begin("whole", "--images", "resident")
    whole.join()
    assert whole.exitcode == 0, (tmp_path / "words").read_text()
    moments, checkpoint = random.Random(0), tmp_path / "parts" / "own" / folder / "checkpoint" / "state.safetensors"
    for kill in range(10):
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        process = begin("parts", "--images", "streamed", "--workers", kill % 3)
        wait_for(checkpoint, before)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it had finished: nothing was left to kill"
    last = begin("parts", "--images", "streamed", "--workers", 1)
    last.join()
    assert last.exitcode == 0, (tmp_path / "words").read_text()
    assert_same(*(bits(tmp_path / runs / "own" / folder) for runs in ("whole", "parts")))
