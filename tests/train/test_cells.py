"""``--cells``: some cells of a grid, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

GRID = ("--set", "methods=[CE, SMKD-P+MyLC]", "--set", "seeds=[1, 2]", "--set", "epochs=1")
NAMES = [f"{method}_symmetric-0.4_seed{seed}" for seed in (1, 2) for method in ("ce", "smkd-p+mylc")]


@pytest.mark.parametrize(
    ("patterns", "picked"),
    [
        (["*_seed1"], [0, 1]),
        (["SMKD-P+MyLC*"], [1, 3]),
        (["*_seed2", "ce*"], [0, 2, 3]),
        ([NAMES[3], "c?_*[12]"], [0, 2, 3]),
        (["*"], [0, 1, 2, 3]),
    ],
)
def test_cells_are_picked_in_the_order_of_the_grid(patterns, picked, smkd, recipe):
    options = [word for pattern in patterns for word in ("--cells", pattern)]
    result = smkd("train", recipe, *GRID, *options, "--dry-run")
    assert result.code == 0, result.err
    assert [line.split("\t")[0] for line in result.out.splitlines()] == [NAMES[number] for number in picked]


def test_only_these_are_trained(smkd, recipe):
    result = smkd("train", recipe, *GRID, "--cells", "ce_*_seed2", "--jobs", 1)
    assert (result.code, result.out.splitlines()) == (0, [f"runs/tiny/{NAMES[2]}"])
    assert [path.parent.name for path in Path("runs").rglob("result.json")] == [NAMES[2]]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_pattern_that_matches_nothing_is_reported_with_near_names(smkd, recipe, more):
    result = smkd("train", recipe, *GRID, "--cells", "*_seed1", "--cells", "smkd_p+mylc*seed1", *more)
    assert (result.code, result.out) == (2, "")
    assert f"--cells smkd_p+mylc*seed1: no cell is called so; the nearest are {NAMES[1]}, " in result.err
    assert not Path("runs").exists()


def test_a_manifest_s_cells_are_picked_too(smkd, recipe):
    labels = smkd("corrupt", "-o", "labels.csv").out.strip()
    result = smkd("train", recipe, *GRID, "--manifest", labels, "--cells", "ce_*_seed1", "--dry-run")
    assert (result.code, len(result.out.splitlines())) == (0, 1), result.err
