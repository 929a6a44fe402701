"""smkd train --dry-run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_sets import DATA
from records import record

from smkd_cli import networks
from smkd_cli.artifacts.results import write_result
from smkd_cli.data import find
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.dry_run import cost_of


def test_a_line_per_cell_with_steps_and_images(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    result = smkd("train", recipe_file(), "--dry-run", "--set", "seeds=[1]")
    assert result.code == 0
    # 1,437 digits in batches of 128 are 12 steps an epoch, for 2 epochs.
    assert result.out.splitlines() == [
        "ce_symmetric-0.4_seed1\t24\t2874\tto train",
        "smkd-p+mylc_symmetric-0.4_seed1\t24\t2874\tto train",
    ]
    assert "5,748" in result.err
    assert not Path("runs").exists()


def test_finished_cells_are_distinguished(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], tmp_path: Path
) -> None:
    for seed, facts in ((1, {}), (2, {"status": "failed", "scores": None, "error": "no"})):
        write_result(tmp_path / "out" / "small" / f"ce_symmetric-0.4_seed{seed}" / "result.json", record(**facts))
    out = smkd("train", recipe_file(), "--dry-run", "--runs", "out").out
    finished = [line.split("\t")[0] for line in out.splitlines() if line.endswith("\tfinished")]
    assert finished == ["ce_symmetric-0.4_seed1"]
    assert len(out.splitlines()) == 6


@pytest.mark.parametrize(
    ("overrides", "steps", "images"),
    [
        (["batch_size=1437"], 1, 1437),
        (["batch_size=1436"], 1, 1436),
        (["batch_size=359"], 4, 1436),
        (["validation.fraction=0.1"], 11, 1293),
        (["epochs=3"], 36, 4311),
    ],
)
def test_steps_and_images(recipe_file: Callable[..., Path], overrides: list[str], steps: int, images: int) -> None:
    cell = expand(load_recipe(str(recipe_file()), ["epochs=1", *overrides], data=DATA))[0]
    cost = cost_of(cell, find("digits", DATA))
    assert (cost.steps, cost.images) == (steps, images)
    one_image = networks.facts("small_resnet").multiply_adds_at((8, 8, 1), 10)
    assert cost.operations == images * one_image * 2 * 3 * 2


def test_different_peers_cost_their_sum(recipe_file: Callable[..., Path]) -> None:
    def operations(peers: str) -> int:
        recipe = load_recipe(str(recipe_file()), [f"networks={peers}", "dataset=cifar100"], data=DATA)
        return cost_of(expand(recipe)[0], find("cifar100", DATA)).operations

    assert 2 * operations("[resnet18, resnet34]") == operations("resnet18") + operations("resnet34")


def test_given_labels(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    manifest = smkd("corrupt", "--kind", "pairflip", "--rate", "0.3", "-o", "-").out
    out = smkd("train", recipe_file(), "--dry-run", "--manifest", "-", stdin=manifest).out
    slugs = [line.split("\t")[0] for line in out.splitlines()]
    assert re.fullmatch(r"ce_pairflip-0.3-[0-9a-f]{8}_seed1", slugs[0])
    assert re.fullmatch(r"smkd-p\+mylc_pairflip-0.3-[0-9a-f]{8}_seed1", slugs[1])
    Path("labels.csv").write_text(manifest)
    recipe = recipe_file(("{kind: symmetric, rate: 0.4}", "{manifest: labels.csv}"))
    assert smkd("train", recipe, "--dry-run").out == out
    missing = smkd("train", recipe_file(), "--dry-run", "--manifest", "none.csv")
    assert missing.code == 4
    assert "none.csv" in missing.err
