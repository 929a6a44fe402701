"""Two frozen networks, one for each peer: each head sees the features of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from photos import write_photos
from safetensors.torch import load_file, save_file

from smkd_cli import networks
from smkd_cli.data import OwnData, find
from smkd_cli.errors import DataError
from smkd_cli.features import FeatureSet, Frozen, dataset_of

FIRST, SECOND = "timm:mobilenetv3_small_050", "small_resnet"
RECIPE = f"""\
schema: smkd/recipe/1
name: paired
dataset: {{path: photos, size: 32}}
networks: [{FIRST}, {SECOND}]
weights: [first.safetensors, second.safetensors]
freeze: backbone
views: 2
methods: [SMKD-P+MyLC, M-DYR]
noise: [{{kind: given}}]
seeds: [1]
epochs: 1
batch_size: 8
compute: {{threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    save_file(networks.build(FIRST, 11).state_dict(), "first.safetensors")
    save_file(networks.build(SECOND, 11, 3).state_dict(), "second.safetensors")
    write_photos(tmp_path / "photos", {"cat": 10, "dog": 10})
    Path("paired.yaml").write_text(RECIPE)
    return tmp_path


def test_features_of_both_stand_side_by_side(folder: Path) -> None:
    rules = json.dumps([{"name": "flip"}])
    second = Frozen(SECOND, "second.safetensors", rules, 2)
    both = Frozen(FIRST, "first.safetensors", rules, 2, second)
    reference = OwnData(str(folder / "photos"), size=32)
    paired, images = dataset_of(reference, both, folder), find(reference, folder)
    alone = [FeatureSet(images, each) for each in (both, second)]
    widths = [each.features for each in alone]
    assert paired.parts == ((0, widths[0]), (widths[0], widths[1]))
    assert paired.image_shape == (1, 1, sum(widths))
    assert [paired.seen_by(peer, paired.image_shape)[2] for peer in (0, 1)] == widths
    got, wanted = paired.images("train"), [each.images("train") for each in alone]
    np.testing.assert_array_equal(got.images, np.concatenate([each.images for each in wanted], 1))
    np.testing.assert_array_equal(got.views, np.concatenate([each.views for each in wanted], 2))


def test_from_photographs_to_scores(smkd: Callable[..., Any], folder: Path) -> None:
    trained = smkd("train", "paired.yaml", "--jobs", 1)
    assert trained.code == 0, trained.err
    runs = trained.out.split()
    assert len(runs) == 2
    frozen = json.loads(Path(runs[0], "result.json").read_text())["cell"]["frozen"]
    assert (frozen["network"], frozen["other"]["network"]) == (FIRST, SECOND)
    widths = [load_file(Path(runs[0], f"peer_{peer}.safetensors"))["layers.0.weight"].shape[1] for peer in "ab"]
    assert widths[0] != widths[1]
    for run in runs:
        result = json.loads(Path(run, "result.json").read_text())
        scored = smkd("eval", run)
        assert scored.code == 0, scored.err
        record = json.loads(scored.out)
        for peer in "ab":
            assert record["networks"][peer]["top1"] == pytest.approx(result["scores"]["last"][peer])
        alone = smkd("eval", Path(run, "peer_b.safetensors"))
        assert json.loads(alone.out)["networks"]["b"]["top1"] == pytest.approx(result["scores"]["last"]["b"])
    again = smkd("train", f"{runs[0]}/recipe.yaml", "--jobs", 1)
    assert (again.code, again.out) == (0, f"{runs[0]}\n"), again.err
    planned = smkd("train", "paired.yaml", "--dry-run")
    assert planned.code == 0, planned.err
    save_file(networks.build(SECOND, 11, 3).state_dict(), "second.safetensors")
    later = smkd("eval", runs[0])
    assert (later.code, "are no longer those whose features" in later.err) == (4, True), later.err


def test_networks_that_want_images_normalised_differently(folder: Path) -> None:
    other = Frozen("torchvision:resnet18", "x.safetensors")
    images = OwnData(str(folder / "photos"), size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    with pytest.raises(DataError, match="freeze two networks that want the same"):
        dataset_of(images, Frozen(SECOND, "second.safetensors", other=other), folder)
