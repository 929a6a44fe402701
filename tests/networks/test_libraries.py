"""Networks of timm and torchvision, and trained weights to begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from photos import write_photos
from safetensors.torch import load_file, save_file

from smkd_cli import networks
from smkd_cli.errors import DataError, UnknownName, UsageError
from smkd_cli.networks.libraries import names_in
from smkd_cli.networks.weights import classifier_keys, load_backbone, read_weights

RECIPE = """\
schema: smkd/recipe/1
name: fine
dataset: {{path: photos, size: 32}}
networks: {networks}
methods: [CE]
noise: [{{kind: given}}]
seeds: [1]
epochs: 1
batch_size: 8
optimizer: {{lr: 1e-12, weight_decay: 0}}
compute: {{threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}}
"""
SMALL = "timm:mobilenetv3_small_050"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", {"cat": 10, "dog": 10})


@pytest.mark.parametrize("name", [SMALL, "timm:vit_tiny_patch16_224", "torchvision:resnet18", "torchvision:googlenet"])
def test_a_network_makes_logits_in_training_too(name: str) -> None:
    network = networks.build(name, 7)
    side = 224 if "vit" in name else 64
    assert network.train()(torch.zeros(2, 3, side, side)).shape == (2, 7)
    facts = networks.facts(name)
    assert facts.parameters_at(7) == sum(parameter.numel() for parameter in network.parameters())
    assert facts.multiply_adds_at((side, side, 3), 7) > 1_000_000


def test_what_a_network_wants_of_images() -> None:
    lite = networks.preprocessing_of("timm:tf_efficientnet_lite0")
    assert lite is not None
    assert (lite.size, lite.crop, lite.mean, lite.std) == (224, 0.875, (0.5,) * 3, (0.5,) * 3)
    resnet = networks.preprocessing_of("torchvision:resnet50")
    assert resnet is not None
    assert (resnet.size, round(resnet.crop, 3), resnet.mean) == (224, 0.966, (0.485, 0.456, 0.406))
    assert networks.preprocessing_of("small_resnet") is None


def test_names_that_a_library_has_not() -> None:
    assert "resnet50" in names_in("torchvision")
    with pytest.raises(UnknownName, match="torchvision: unknown network 'resnet51'; did you mean"):
        networks.build("torchvision:resnet51", 10)
    with pytest.raises(UnknownName, match="timm: unknown network"):
        networks.facts("timm:no_such_network")
    with pytest.raises(UsageError, match="takes images of 3 channels, not 1"):
        networks.build("torchvision:resnet18", 10, 1)
    assert networks.build(SMALL, 10, 1)(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


def test_weights_of_other_classes(tmp_path: Path) -> None:
    trained, fresh = networks.build(SMALL, 9), networks.build(SMALL, 4)
    classifier = classifier_keys(lambda classes, channels: networks.build(SMALL, classes, channels), 3)
    assert classifier == {"classifier.weight", "classifier.bias"}
    save_file(trained.state_dict(), tmp_path / "w.safetensors")
    head = fresh.state_dict()["classifier.weight"].clone()
    load_backbone(fresh, read_weights(tmp_path / "w.safetensors"), classifier, tmp_path)
    loaded, given = fresh.state_dict(), trained.state_dict()
    assert loaded["classifier.weight"].equal(head)
    assert all(loaded[key].equal(given[key]) for key in given.keys() - classifier)
    with pytest.raises(DataError, match=r"another network: they lack .* and have beside it"):
        load_backbone(networks.build("small_resnet", 4), trained.state_dict(), set(), tmp_path)


def _of_nan(path: Path) -> None:
    state = networks.build(SMALL, 5).state_dict()
    save_file(state | {"conv_head.bias": torch.full_like(state["conv_head.bias"], float("nan"))}, path)


def _cut(path: Path) -> None:
    save_file({"a": torch.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:-50])


def _pickle(path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: None, "no such file of weights"),
        (_pickle, "are pickles, which may run code"),
        (_cut, "or a damaged one"),
        (lambda path: path.write_bytes(b""), "or a damaged one"),
        (lambda path: save_file({"a": torch.zeros(2)}, path), "weights of another network"),
        (lambda path: save_file(networks.build("timm:mobilenetv3_small_075", 5).state_dict(), path), "another shape"),
        (_of_nan, "conv_head.bias is not finite"),
    ],
    ids=["missing", "pickle", "cut", "empty", "other", "wider", "nan"],
)
def test_weights_that_cannot_be_used(smkd: Callable, tmp_path: Path, photos: Path, spoil: Callable, words: str) -> None:
    spoil(tmp_path / "w.safetensors")
    (tmp_path / "fine.yaml").write_text(RECIPE.format(networks=SMALL) + "weights: w.safetensors\n")
    result = smkd("train", "fine.yaml", "--jobs", 1)
    assert (result.code, words in result.err) == (4, True), result.err


def test_training_begins_with_the_weights(smkd: Callable, tmp_path: Path, photos: Path) -> None:
    state = networks.build(SMALL, 1000).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    (tmp_path / "fine.yaml").write_text(RECIPE.format(networks=SMALL) + "weights: [w.safetensors, null]\n")
    trained = smkd("train", "fine.yaml", "--jobs", 1)
    assert trained.code == 0, trained.err
    run = Path(trained.out.strip())
    first, other = (load_file(run / f"peer_{peer}.safetensors") for peer in "ab")
    torch.testing.assert_close(first["conv_stem.weight"], state["conv_stem.weight"])  # at a rate of 1e-12
    assert not torch.allclose(other["conv_stem.weight"], state["conv_stem.weight"])
    assert "size: 32" in (run / "recipe.yaml").read_text()
    scored = smkd("eval", run)
    assert scored.code == 0, scored.err


def test_images_are_shown_as_the_network_wants(smkd: Callable, tmp_path: Path, photos: Path) -> None:
    text = RECIPE.format(networks="timm:tf_efficientnet_lite0").replace(", size: 32", "")
    (tmp_path / "fine.yaml").write_text(text)
    shown = smkd("recipes", "show", "fine.yaml", "--set", "seeds=[1]")
    assert shown.code == 0, shown.err
    assert "0.5" in shown.out
    (tmp_path / "fine.yaml").write_text(text.replace("photos", "photos, mean: [0, 0, 0], std: [1, 1, 1]"))
    assert "mean: [0.0, 0.0, 0.0]" in smkd("recipes", "show", "fine.yaml", "--set", "seeds=[1]").out
