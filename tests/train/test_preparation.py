"""What is done once before the steps of a stage (compiling, capturing) counts in no speed and changes no bit."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch
from data_sets import DATA

from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train import cell as cell_module
from smkd_cli.train.cell import Place, train_cell
from smkd_cli.train.setup import Setup
from smkd_cli.train.stopping import StopRequest

SLOW = 1000.0


@pytest.fixture
def train(recipe, tmp_path):
    """Train the tiny cell in a folder."""

    def run(folder, step):
        (cell,) = expand(load_recipe(str(recipe), data=DATA))
        setup = Setup("cpu", 1, "float32", "channels_last", "in_turn", step)
        events = []
        train_cell(cell, Place(tmp_path / folder, DATA, setup), StopRequest(), events.append)
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
    monkeypatch.setattr(cell_module, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))


@pytest.mark.usefixtures("slow_compiler")
def test_compiling_counts_in_no_speed_and_changes_no_bit(train, bits, assert_same):
    eager, _ = train("eager", "eager")
    compiled, events = train("compiled", "compiled")
    assert_same(bits(eager), bits(compiled))
    rows = [event["row"] for event in events if event["event"] == "epoch"]
    assert rows[0]["seconds"] > 2 * SLOW
    assert all(row["images_per_second"] > 100 for row in rows)
    told = [event["images_per_second"] for event in events if event["event"] == "step"]
    assert all(speed > 100 for speed in told)
