"""The scripts under benchmarks/ run; what they measure is no matter of tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "benchmarks"


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_the_step_is_compared_with_its_arithmetic_and_a_common_loop(tmp_path):
    fixed = (f"--compute={part}" for part in ("threads=1", "precision=float32", "memory_format=channels_last"))
    options = ("--device", "cpu", "--rounds", 1, "--seconds", 0.05, *fixed, "--json", tmp_path / "step.json")
    run("step.py", "small_resnet:digits:16", *options)
    (case,) = json.loads((tmp_path / "step.json").read_text())["cases"]
    assert set(case["loops"]) == {"ours", "arithmetic", "arithmetic, tuned", "common"}
    assert case["loops"]["arithmetic"]["time_over_arithmetic"] == 1
    for loop in case["loops"].values():
        assert loop["images_per_second"] > 0
        assert 0 < loop["mfu"] < 1
        assert loop["peak_memory_gib"] > 0


@pytest.mark.slow
@pytest.mark.long
def test_growth_is_measured(tmp_path):
    assert "epochs" in run("growth.py", "epochs", "--json", tmp_path / "growth.json")
    assert json.loads((tmp_path / "growth.json").read_text())["lines"]


def test_heads_are_compared_with_their_matrix_products():
    few = ("--images", 256, "--features", 8, "--classes", 3, "--batch", 64, "--rounds", 1)
    _, _, *lines = run("heads.py", *few).splitlines()
    assert [line.split()[0] for line in lines] == ["linear", "mlp"]
    assert all(float(line.split()[-1]) > 0 for line in lines)


@pytest.mark.slow
def test_methods_are_compared_with_what_they_require(tmp_path):
    fixed = (f"--compute={part}" for part in ("threads=1", "precision=float32", "memory_format=channels_last"))
    options = ("--rounds", 1, "--seconds", 0.01, "--device", "cpu", "--case", "small_resnet:digits:16", *fixed)
    printed = run("methods.py", "CE", "DMI", *options, "--json", tmp_path / "methods.json")
    rows = json.loads((tmp_path / "methods.json").read_text())["methods"]
    assert [(row["method"], row["stage"]) for row in rows] == [("CE", "train"), ("DMI", "ce"), ("DMI", "dmi")]
    assert all(row["time_over_required"] > 0 and row["images_per_second_of_ce"] > 0 for row in rows)
    assert printed.count("DMI") == 2


@pytest.mark.long
def test_streamed_images_are_compared_with_decoding_and_torchvision(tmp_path):
    run("loading.py", "--rounds", 1, "--images", 0.02, "--json", tmp_path / "loading.json")
    cases = json.loads((tmp_path / "loading.json").read_text())["cases"]
    assert set(cases) == {"1500", "256"}
    for case in cases.values():
        assert set(case["images_per_second"]) == {"streamed", "staged", "decoding", "torchvision"}
        assert {"staged / decoding", "streamed / torchvision"} < set(case["ratios"])


@pytest.mark.long
def test_memory_by_the_number_of_images_is_measured(tmp_path):
    run("memory.py", 40, "--json", tmp_path / "memory.json")
    (line,) = json.loads((tmp_path / "memory.json").read_text())["lines"]
    assert set(line["peak_mib"]) == {"streamed", "resident"}
