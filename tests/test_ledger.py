"""benchmarks/ledger.py: a list of runs that goes on where it stopped, on another machine too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from data_sets import DATA
from records import record

from smkd_cli.artifacts.results import write_result
from smkd_cli.recipe import expand, load_recipe

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "ledger.py"
RECIPE = """\
schema: smkd/recipe/1
name: small
dataset: digits
networks: small_resnet
methods: [CE]
noise: [{kind: symmetric, rate: 0.4}]
seeds: [1]
epochs: 1
batch_size: 256
validation: {fraction: 0.5}
augmentation: {crop_padding: 1, flip: true}
compute: {threads: 1, precision: float32, memory_format: channels_last}
"""
LINES = [{"recipe": "small.yaml"}, {"recipe": "small.yaml", "set": ["methods=[MyLC]"]}]
KEPT = ["metrics.csv", "recipe.yaml", "result.json"]


class Clone:
    """A folder with a ledger in it."""

    def __init__(self, folder, lines, epochs=1):
        self.folder = folder
        (folder / "results").mkdir(parents=True)
        (folder / "small.yaml").write_text(RECIPE)
        ledger = {"results": "results", "lines": lines, "set": [f"epochs={epochs}"]}
        (folder / "ledger.yaml").write_text(yaml.safe_dump(ledger))

    def start(self, *options):
        command = [sys.executable, SCRIPT, "ledger.yaml", "--work", "work", *options, "--", "--device", "cpu"]
        return subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )

    def run(self, *options):
        process = self.start(*options)
        output, words = process.communicate(timeout=300)
        assert process.returncode == 0, words
        return output

    def cell(self, name, results="results"):
        return self.folder / results / "small" / f"{name}_symmetric-0.4_seed1"


@pytest.mark.slow
def test_what_is_finished_travels_and_is_not_done_again(tmp_path, smkd):
    one = Clone(tmp_path / "one", LINES)
    assert one.run().startswith("  0 of   1")
    one.run("--run")
    for name in ("ce", "mylc"):
        assert sorted(path.name for path in one.cell(name).iterdir()) == KEPT
    assert one.run("--results", "elsewhere").startswith("  0 of   1")
    shutil.copytree(one.folder / "results", one.folder / "elsewhere")
    assert one.run("--results", "elsewhere").startswith("  1 of   1")
    more = [*LINES, {"recipe": "small.yaml", "set": ["methods=[CE, LS]"]}]
    two = Clone(tmp_path / "two", more)
    shutil.copytree(one.folder / "results", two.folder / "results", dirs_exist_ok=True)
    before = (two.cell("ce") / "result.json").read_bytes()
    output = two.run("--run")
    assert "mylc" not in output.split("1 of")[0]
    assert "small/ls_" in output
    assert (two.cell("ce") / "result.json").read_bytes() == before
    assert not (two.cell("ce", "work") / "peer_a.safetensors").exists()
    report = smkd("report", two.folder / "results", "--format", "csv")
    assert report.code == 0, report.err
    assert all(f"\nsmall,{name}," in report.out for name in ("CE", "LS", "MyLC"))


@pytest.mark.slow
@pytest.mark.long
def test_stopped_in_the_middle_it_goes_on_in_another_clone(tmp_path):
    one = Clone(tmp_path / "one", LINES, epochs=40)
    process = one.start("--run")
    deadline = time.monotonic() + 120
    while not (one.cell("ce", "work") / "metrics.csv").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, words
    assert (one.cell("ce", "work") / "checkpoint" / "state.safetensors").exists()
    assert not one.cell("ce").exists()
    two = Clone(tmp_path / "two", LINES[:1], epochs=40)
    shutil.copytree(one.folder / "work", two.folder / "work")
    two.run("--run")
    assert json.loads((two.cell("ce") / "result.json").read_text())["provenance"]["resumed"] == 1


def test_without_time_nothing_is_begun(tmp_path):
    clone = Clone(tmp_path / "one", LINES)
    output = clone.run("--run", "--minutes", "0.1")
    assert output.count("  0 of   1") == 2
    assert not (clone.folder / "work").exists()


LEDGERS = [
    path
    for path in sorted((ROOT / "benchmarks" / "ledgers").glob("*.yaml"))
    if "lines" in yaml.safe_load(path.read_text())
]


@pytest.mark.parametrize("path", LEDGERS, ids=lambda path: path.stem)
def test_every_ledger_can_be_read_and_its_results_are_of_its_recipes(path):
    shown = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True, check=False, cwd=ROOT)
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == len(yaml.safe_load(path.read_text())["lines"])


@pytest.mark.parametrize("setting", ["epochs=2", "compute.precision=bfloat16"])
def test_a_finished_cell_of_another_recipe_is_reported_and_nothing_is_trained(tmp_path, setting):
    clone = Clone(tmp_path / "one", LINES, epochs=3)
    cell = clone.cell("ce")
    cell.mkdir(parents=True)
    recipe = load_recipe(str(clone.folder / "small.yaml"), ["epochs=3", setting], None, data=DATA)
    (cell / "recipe.yaml").write_text(next(iter(expand(recipe))).to_yaml())
    write_result(cell / "result.json", record())
    for options in ([], ["--run"]):
        process = clone.start(*options)
        output, words = process.communicate(timeout=60)
        assert process.returncode == 4
        assert "  1 of   1" in output
        assert str(Path("results") / "small" / cell.name) in words
    assert not (clone.folder / "work").exists()


def test_lines_that_contradict_each_other_are_reported(tmp_path):
    clone = Clone(tmp_path / "one", [*LINES, {"recipe": "small.yaml", "set": ["batch_size=128"]}])
    process = clone.start("--run")
    _, words = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "ce_symmetric-0.4_seed1: two lines want it differently" in words
    assert "mylc" not in words
    assert not (clone.folder / "work").exists()
