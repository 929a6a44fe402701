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
    # A tenth of the images to train on; no setting of the machine that would have to be measured.
    few = ["epochs=1", "validation.fraction=0.9", COMPUTE]
    if len(load_recipe(name, few, "embedded", data=DATA).noise) > 1:  # one column stands for all
        few.append("noise=[{kind: symmetric, rate: 0.4}]")
    settings = [word for setting in few for word in ("--set", setting)]
    cells = expand(load_recipe(name, few, "embedded", data=DATA))
    last = {cell.method: cell.slug for cell in cells}  # one stands for all that differ in options alone
    chosen = [word for slug in last.values() for word in ("--cells", slug)]
    result = smkd("train", name, "--profile", "embedded", *settings, *chosen, "--jobs", 1, "--quiet")
    assert result.code == 0, result.err
    runs = [Path(line) for line in result.out.splitlines()]
    assert sorted(run.name for run in runs) == sorted(last.values())
    assert all(json.loads((run / "result.json").read_text())["status"] == "finished" for run in runs)
    report = smkd("report", "--format", "json")
    assert report.code == 0, report.err
    assert all(cell in report.out for cell in ("smkd/report/1", "tables"))
