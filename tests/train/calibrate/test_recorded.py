"""What a run records of the compute configuration that it was given, and keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from data_sets import DATA

from smkd_cli.errors import InterruptedRunError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.signals import StopRequest

OPEN = "compute={threads: 1, precision: float32}"  # memory_format is measured
CELL = Path("runs/tiny/smkd-p+mylc_symmetric-0.4_seed1")
CPU = ComputeConfig("cpu", 8, "float32", "channels_last", "in_turn", "eager")


def test_the_compute_configuration_is_in_the_record_and_its_share_of_the_peak_in_the_metrics(smkd, recipe):
    result = smkd("train", recipe, "--set", "epochs=1", "--set", OPEN)
    assert result.code == 0, result.err
    provenance = json.loads((CELL / "result.json").read_text())["provenance"]
    assert {"threads", "precision", "memory_format", "peers", "step", "deterministic", "matrix_peak"} <= set(provenance)
    header, row = (CELL / "metrics.csv").read_text().splitlines()
    metrics = dict(zip(header.split(","), row.split(","), strict=True))
    operations = 2 * 6 * 468_608  # two networks, 6 for each multiply-add of the small one on a digit
    expected = float(metrics["images_per_second"]) * operations / provenance["matrix_peak"]
    assert float(metrics["mfu"]) == pytest.approx(expected, rel=1e-9)


def test_a_resumed_run_keeps_the_compute_configuration_that_it_began_with(recipe, tmp_path):
    from smkd_cli.train.run.loop import train_cell
    from smkd_cli.train.run.task import Task

    class AtOnce(StopRequest):
        def __bool__(self) -> bool:
            self.signal_number = 15
            return True

    (cell,) = expand(load_recipe(str(recipe), [OPEN], data=DATA))
    begun = replace(CPU, threads=1, memory_format="contiguous", matrix_peak=1e9)
    with pytest.raises(InterruptedRunError):
        train_cell(Task(cell, tmp_path / "run", DATA, begun), AtOnce(), lambda event: None)
    train_cell(Task(cell, tmp_path / "run", DATA, replace(CPU, threads=1)), StopRequest(), lambda event: None)
    provenance = json.loads((tmp_path / "run" / "result.json").read_text())["provenance"]
    assert provenance["memory_format"] == "contiguous"
    assert provenance["matrix_peak"] == 1e9
