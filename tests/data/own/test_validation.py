"""A validation split of one's own is held out of training, and selects the epoch."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photos import write_photos

from smkd_cli.data import OwnData, find
from smkd_cli.errors import DataError
from smkd_cli.run import Run

RECIPE = """\
schema: smkd/recipe/1
dataset: {path: photos, size: 16}
networks: small_resnet
methods: [SMKD-S+MyLC]
noise: [{kind: given}]
seeds: [1]
epochs: 2
batch_size: 8
compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folders = {"train/cat": 9, "train/dog": 9, "val/cat": 3, "val/dog": 3, "test/cat": 2, "test/dog": 2}
    (tmp_path / "r.yaml").write_text(RECIPE)
    return write_photos(tmp_path / "photos", folders)


def test_it_is_not_trained_on_and_selects(smkd: Callable[..., Any], photos: Path) -> None:
    planned = smkd("train", "r.yaml", "--dry-run")
    assert "\t6\t36\t" in planned.out  # two epochs of three batches of 18 images
    result = smkd("train", "r.yaml", "--jobs", 1)
    assert result.code == 0, result.err
    run = Path(result.out.strip())
    record = json.loads((run / "result.json").read_text())
    assert record["scores"]["selected"]["by"] == "noisy validation"
    assert record["cell"]["validation_fraction"] == 0.25
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert all(0 <= float(row["validation_accuracy_a"]) <= 100 for row in rows)
    data = find(OwnData(str(photos), size=16), Path())
    assert (data.train_size, data.validation is None) == (24, False)
    ids = data.labels("train").image_ids[data.validation]
    assert [name.split("/")[0] for name in ids.tolist()] == ["val"] * 6
    seen = Run(run).samples[0].seen
    assert (seen[data.validation] == 0).all()
    assert (np.delete(seen, data.validation) == 2).all()


def test_a_recipe_cannot_hold_out_more(smkd: Callable[..., Any], photos: Path) -> None:
    result = smkd("recipes", "validate", "r.yaml", "--set", "validation.fraction=0.1")
    assert result.code == 3
    assert "holds out more than the 6 images that photos gives for validation: leave it out" in result.err
    result = smkd("recipes", "validate", "r.yaml", "--set", "batch_size=20")
    assert "at most 18, the number of training images of photos, less the 6 that are for validation" in result.err


def test_not_all_images_can_be_for_validation(tmp_path: Path) -> None:
    rows = "".join(f"{split}/{n}.jpg,{'ab'[n % 2]},{split}\n" for split in ("val", "test") for n in range(4))
    (tmp_path / "t.csv").write_text("path,label,split\n" + rows)
    with pytest.raises(DataError, match="has no images for training"):
        find(OwnData(str(tmp_path / "t.csv")), tmp_path)
