"""Every shipped recipe trains in the embedded profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_sets import DATA

from smkd_cli.recipe import expand, load_recipe, shipped_recipes

COMPUTE = "compute={threads: 1, precision: float32, memory_format: channels_last}"


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_recipes())
def test_a_shipped_recipe_runs_small(smkd, name):
    # A third of the images to train on; no setting of the machine that would have to be measured.
    few = ["epochs=1", "validation.fraction=0.7", COMPUTE]
    if len(load_recipe(name, few, "embedded", data=DATA).noise) > 1:  # one column stands for all
        few.append("noise=[{kind: symmetric, rate: 0.4}]")
    settings = [word for setting in few for word in ("--set", setting)]
    result = smkd("train", name, "--profile", "embedded", *settings, "--jobs", 1, "--quiet")
    assert result.code == 0, result.err
    runs = [Path(line) for line in result.out.splitlines()]
    assert len(runs) == len(expand(load_recipe(name, few, "embedded", data=DATA)))
    assert all(json.loads((run / "result.json").read_text())["status"] == "finished" for run in runs)
    report = smkd("report", "--format", "json")
    assert report.code == 0, report.err
    assert all(cell in report.out for cell in ("smkd/report/1", "tables"))
