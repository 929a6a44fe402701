"""Heads over the features of a frozen network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from photos import photo, write_photos
from safetensors.torch import load_file, save_file

from smkd_cli import networks
from smkd_cli.data import OwnData, find
from smkd_cli.errors import UsageError
from smkd_cli.features import FeatureSet, Frozen
from smkd_cli.features.backbone import backbone, width
from smkd_cli.features.cache import cached
from smkd_cli.run import Run

NETWORK = "timm:mobilenetv3_small_050"
RECIPE = f"""\
schema: smkd/recipe/1
name: heads
dataset: {{path: photos, size: 32}}
networks: {NETWORK}
weights: w.safetensors
freeze: backbone
methods: [CE, SMKD-P+MyLC]
noise: [{{kind: given}}]
seeds: [1]
epochs: 2
batch_size: 8
compute: {{threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    save_file(networks.build(NETWORK, 11).state_dict(), tmp_path / "w.safetensors")
    write_photos(tmp_path / "photos", {"cat": 10, "dog": 10})
    (tmp_path / "heads.yaml").write_text(RECIPE)
    return tmp_path


def features_of(folder: Path) -> FeatureSet:
    images = find(OwnData(str(folder / "photos"), size=32), Path())
    return FeatureSet(images, Frozen(NETWORK, str(folder / "w.safetensors")))


@pytest.mark.parametrize("name", [NETWORK, "torchvision:resnet18", "small_resnet"])
def test_features_are_what_the_classifier_sees(name: str) -> None:
    torch.manual_seed(1)
    frozen = backbone(name, 3)
    images = torch.randn(2, 3, 32, 32)
    features = frozen(images)
    assert features.shape == (2, width(name, (32, 32, 3)))
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    torch.manual_seed(1)
    whole = networks.build(name, 2).eval()
    last = [module for module in whole.modules() if isinstance(module, torch.nn.Linear)][-1]
    torch.testing.assert_close(last(features), whole(images))


def test_a_network_without_a_classifier_of_its_own() -> None:
    with pytest.raises(UsageError, match="no single classifier"):
        backbone("timm:deit_tiny_distilled_patch16_224", 3)


def test_features_are_computed_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = features_of(folder).images("train").images
    assert first.shape == (16, features_of(folder).features)
    assert isinstance(first, np.memmap)
    files = {path: path.stat().st_mtime_ns for path in (folder / "cache" / "features").glob("*.npy")}
    assert len(files) == 1
    np.testing.assert_array_equal(features_of(folder).images("train").images, first)
    assert {path: path.stat().st_mtime_ns for path in files} == files
    # They are those of the network on the images as a test shows them.
    images = find(OwnData(str(folder / "photos"), size=32), Path())
    pixels = torch.from_numpy(images.images("train").read(np.arange(16))).permute(0, 3, 1, 2) / 255
    shown = (pixels - torch.tensor(images.mean).view(3, 1, 1)) / torch.tensor(images.std).view(3, 1, 1)
    expected = backbone(NETWORK, 3, folder / "w.safetensors")(shown)
    np.testing.assert_allclose(first, expected.numpy(), rtol=1e-3, atol=1e-4)


def test_other_images_or_weights_have_other_features(folder: Path) -> None:
    before = features_of(folder)._key("train")
    photo(77).save(folder / "photos" / "cat" / "0.jpg")
    photo(78).save(folder / "photos" / "cat" / "1.jpg")
    changed = features_of(folder)._key("train")
    save_file(networks.build(NETWORK, 11).state_dict(), folder / "w.safetensors")
    assert len({before, changed, features_of(folder)._key("train")}) == 3


def test_two_that_want_the_same_features_compute_them_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def compute(array: np.ndarray) -> None:
        calls.append(1)
        array[:] = 7

    threads = [threading.Thread(target=lambda: cached("k", (3, 2), compute)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert (cached("k", (3, 2), compute) == 7).all()
    (folder / "cache" / "features" / "k.npy").write_bytes(b"cut")
    assert (cached("k", (3, 2), compute) == 7).all()  # a damaged file is computed again
    assert len(calls) == 2


def test_from_photographs_to_scores(smkd: Callable, folder: Path) -> None:
    trained = smkd("train", "heads.yaml", "--jobs", 1)
    assert trained.code == 0, trained.err
    assert trained.err.count("computing the features of 16 train images once") == 1
    runs = trained.out.split()
    head = load_file(Path(runs[0]) / "peer_a.safetensors")
    assert {name: tuple(value.shape) for name, value in head.items()} == {
        "layers.0.weight": (2, features_of(folder).features),
        "layers.0.bias": (2,),
    }
    record = json.loads((Path(runs[0]) / "result.json").read_text())
    assert record["cell"]["networks"] == [NETWORK] * 2
    assert record["cell"]["frozen"]["head"] == "linear"
    scored = smkd("eval", *runs)
    assert scored.code == 0, scored.err
    assert json.loads(scored.out.splitlines()[0])["mean"]["top1"] == pytest.approx(record["scores"]["last"]["mean"])
    wide = smkd("train", "heads.yaml", "--jobs", 1, "--set", "head=mlp", "--set", "name=wide")
    assert wide.code == 0, wide.err
    again = smkd("train", f"{runs[0]}/recipe.yaml", "--jobs", 1)
    assert (again.code, again.out) == (0, f"{runs[0]}\n"), again.err
    with pytest.raises(UsageError, match="is a head over the features of timm:"):
        Run(runs[0]).network("a")
    save_file(networks.build(NETWORK, 11).state_dict(), folder / "w.safetensors")
    later = smkd("eval", runs[0])
    assert (later.code, "are no longer those" in later.err) == (4, True)


def test_weights_are_looked_for_before_training_and_not_downloaded_for_a_plan(smkd: Callable, folder: Path) -> None:
    (folder / "w.safetensors").unlink()
    for command in (("recipes", "validate"), ("train", "--dry-run"), ("train",)):
        result = smkd(*command, "heads.yaml")
        assert (result.code, "w.safetensors: no such file of weights" in result.err) == (4, True), result.err
    (folder / "heads.yaml").write_text(RECIPE.replace("w.safetensors", "pretrained"))
    planned = smkd("train", "heads.yaml", "--dry-run")  # without a network, a download would fail
    assert planned.code == 0, planned.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("weights: w.safetensors\n", ""), "one file for both peers or one for each"),
        (("weights: w.safetensors", "weights: [w.safetensors, null]"), "one file for both peers or one for each"),
        (("epochs: 2", "epochs: 2\naugmentation: {flip: true}"), "computed once: augmentation must be"),
        (("freeze: backbone", "head: mlp"), "belongs to freeze"),
        (("[CE, SMKD-P+MyLC]", "[{name: CE, protocol: {augmentation: {flip: true}}}]"), "augmentation must be"),
        (("epochs: 2", "epochs: 2\nvariants: [{name: v, augmentation: {flip: true}}]"), "augmentation must be"),
        (("epochs: 2", "epochs: 2\nvariants: [{name: v, networks: small_resnet}]"), "no variant has others"),
        (("freeze: backbone", "freeze: everything"), "freeze"),
    ],
)
def test_recipes_that_freeze_wrongly(smkd: Callable, folder: Path, change: tuple[str, str], words: str) -> None:
    (folder / "heads.yaml").write_text(RECIPE.replace(*change))
    result = smkd("recipes", "validate", "heads.yaml")
    assert (result.code, words in result.err) == (3, True), result.err
