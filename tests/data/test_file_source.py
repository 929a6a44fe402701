"""A source whose images are files: labels come from names, and pixels are read where a network needs them only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from picture_folder import SIDE, PictureFolder, make_unreadable, write_pictures

from smkd_cli import data
from smkd_cli.artifacts.manifest import read_manifest
from smkd_cli.errors import DataError

Smkd = Callable[..., Any]
RECIPE = """\
schema: smkd/recipe/1
name: seen
dataset: pictures
networks: small_resnet
methods: [SMKD-P+MyLC]
noise: [{kind: symmetric, rate: 0.4}]
seeds: [1]
epochs: 2
batch_size: 16
augmentation: {crop_padding: 1, flip: true}
validation: {fraction: 0.2}
compute: {threads: 1, precision: float32, memory_format: channels_last}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures, whose source can be found."""
    monkeypatch.setitem(data.REGISTRY.offered.found, PictureFolder.name, (PictureFolder.name, PictureFolder))
    write_pictures(tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def unreadable(root: Path) -> Path:
    """The same, where no picture can be opened."""
    make_unreadable(root)
    return root


def test_facts_are_known_once_it_is_opened(unreadable: Path) -> None:
    found = data.find("pictures", unreadable)
    assert (found.train_size, found.test_size, found.image_shape) == (60, 12, (SIDE, SIDE, 3))
    assert found.class_names == ("cat", "dog", "owl")
    with pytest.raises(DataError, match="holds no pictures"):
        data.find("pictures", unreadable / "elsewhere")


def test_labels_come_from_names_alone(unreadable: Path) -> None:
    found = data.find("pictures", unreadable)
    labels = found.labels("train")
    assert np.bincount(labels.labels).tolist() == [20, 20, 20]
    assert labels.image_ids[0] == "cat/0.npy"
    images = found.images("train")
    assert len(images) == 60
    with pytest.raises(DataError, match=r"cat/0\.npy: cannot be read"):
        images.read(np.array([0]))


def test_corrupt_opens_no_image(smkd: Smkd, unreadable: Path) -> None:
    result = smkd("corrupt", "--dataset", "pictures", "--data", unreadable, "-o", "labels.csv")
    assert result.code == 0, result.err
    manifest = read_manifest("labels.csv")
    labels = data.find("pictures", unreadable).labels("train")
    assert_array_equal(manifest.clean_labels, labels.labels)
    assert_array_equal(manifest.image, labels.image_ids)
    assert manifest.classes == 3
    assert 0 < manifest.realised_rate < 1


def test_what_comes_before_training_opens_no_image(smkd: Smkd, unreadable: Path) -> None:
    assert smkd("corrupt", "--dataset", "pictures", "--data", unreadable, "-o", "labels.csv").code == 0
    Path("seen.yaml").write_text(RECIPE.replace("{kind: symmetric, rate: 0.4}", "{manifest: labels.csv}"))
    for command in (("recipes", "validate", "seen.yaml"), ("train", "seen.yaml", "--dry-run")):
        result = smkd(*command, "--data", unreadable)
        assert result.code == 0, result.err
    result = smkd("train", "seen.yaml", "--data", unreadable, "--jobs", 1)
    assert result.code == 4
    assert "cat/0.npy: cannot be read" in result.err


def test_training_and_scoring(smkd: Smkd, root: Path) -> None:
    Path("seen.yaml").write_text(RECIPE)
    assert smkd("corrupt", "--dataset", "pictures", "--data", root, "--seed", 1, "-o", "labels.csv").code == 0
    trained = smkd("train", "seen.yaml", "--data", root, "--jobs", 1)
    assert trained.code == 0, trained.err
    run = Path(trained.out.strip())
    assert read_manifest(run / "manifest.csv").sha256 == read_manifest("labels.csv").sha256
    assert json.loads((run / "result.json").read_text())["cell"]["classes"] == 3
    for split, count in (("test", 12), ("train", 60)):
        scored = smkd("eval", run, "--split", split, "--data", root)
        assert scored.code == 0, scored.err
        assert json.loads(scored.out)["images"] == count


def test_verify_counts_equal_pixels_under_different_names(smkd: Smkd, root: Path) -> None:
    cats = root / "pictures" / "train" / "cat"
    (cats / "copy.npy").write_bytes((cats / "0.npy").read_bytes())
    (root / "pictures" / "test" / "dog" / "copy.npy").write_bytes((cats / "0.npy").read_bytes())
    result = smkd("datasets", "verify", "pictures", "--data", root)
    assert (result.code, result.out) == (0, "pictures\tok\t1\t0\t1\t1\n")
