"""What is done once before the steps of a stage (compiling, capturing) counts in no speed and changes no bit."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch
from data_sets import DATA

from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.events import EpochDone, StepsDone
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run import clock
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task

SLOW = 1000.0


@pytest.fixture
def train(recipe, tmp_path):
    """Train the tiny cell in a folder."""

    def run(folder, step):
        (cell,) = expand(load_recipe(str(recipe), data=DATA))
        compute = ComputeConfig("cpu", 1, "float32", "channels_last", "in_turn", step)
        events = []
        train_cell(Task(cell, tmp_path / folder, DATA, compute), StopRequest(), events.append)
        return tmp_path / folder, events

    return run


@pytest.fixture
def slow_compiler(monkeypatch):
    """Compiling takes a quarter of an hour of the clock that training looks at, and changes nothing."""
    passed = 0.0

    def compile_(network, **options):
        nonlocal passed
        passed += SLOW
        return network

    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))


@pytest.mark.usefixtures("slow_compiler")
def test_compiling_counts_in_no_speed_and_changes_no_bit(train, bits, assert_same):
    eager, _ = train("eager", "eager")
    compiled, events = train("compiled", "compiled")
    assert_same(bits(eager), bits(compiled))
    rows = [event.row for event in events if isinstance(event, EpochDone)]
    assert rows[0]["seconds"] > 2 * SLOW
    assert all(row["images_per_second"] > 100 for row in rows)
    reported = [event.images_per_second for event in events if isinstance(event, StepsDone)]
    assert all(speed > 100 for speed in reported)
