"""Views of images by a frozen network: varied once, and drawn in every epoch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from photos import write_photos
from safetensors.torch import save_file
from stop_after import StopAfter

from smkd_cli import networks
from smkd_cli.data import OwnData, augmentation, find
from smkd_cli.data.images.features import FeatureBank
from smkd_cli.errors import InterruptedRunError
from smkd_cli.features import FeatureSet, Frozen
from smkd_cli.features.backbone import backbone
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.seeds import generator
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task

NETWORK = "timm:mobilenetv3_small_050"
RULES = [{"name": "random_crop", "size": 32}, {"name": "flip"}]
RECIPE = f"""\
schema: smkd/recipe/1
name: views
dataset: {{path: photos, size: 40}}
networks: {NETWORK}
weights: w.safetensors
freeze: backbone
views: 3
augmentation: {{crop_padding: 0, flip: false, rules: {json.dumps(RULES)}, mix: mixup}}
methods: [SMKD-P+MyLC]
noise: [{{kind: given}}]
seeds: [1]
epochs: 2
batch_size: 8
compute: {{threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    save_file(networks.build(NETWORK, 11).state_dict(), tmp_path / "w.safetensors")
    write_photos(tmp_path / "photos", {"cat": 10, "dog": 10})
    (tmp_path / "views.yaml").write_text(RECIPE)
    return tmp_path


def features_of(folder: Path, rules: list[dict[str, Any]] = RULES, views: int = 3) -> FeatureSet:
    images = find(OwnData(str(folder / "photos"), size=40), Path())
    return FeatureSet(images, Frozen(NETWORK, str(folder / "w.safetensors"), json.dumps(rules), views))


def test_views_are_features_of_what_the_rules_make(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    features = features_of(folder)
    reader = features.images("train")
    assert reader.views is not None
    assert reader.views.shape == (16, 3, features.features)
    images = find(OwnData(str(folder / "photos"), size=40), Path())
    pixels = torch.from_numpy(images.images("train").read(np.arange(16))).permute(0, 3, 1, 2)
    rules = [augmentation.build("random_crop", {"size": 32}), augmentation.build("flip", {})]
    random = generator(0, "views")
    drawn = [rule.draw(random, 16, 3) for rule in rules]
    network = backbone(NETWORK, 3, folder / "w.safetensors")

    def seen(shown: torch.Tensor) -> np.ndarray:
        mean, std = (torch.tensor(of).view(3, 1, 1) for of in (images.mean, images.std))
        with torch.inference_mode():
            return network((shown / 255 - mean) / std).numpy()

    for view in range(3):
        varied = pixels
        for rule, parameters in zip(rules, drawn, strict=True):
            varied = rule.apply(varied, {key: torch.from_numpy(value)[:, view] for key, value in parameters.items()})
        np.testing.assert_allclose(reader.views[:, view], seen(varied), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(reader.images, seen(rules[0].at_test(pixels)), rtol=1e-3, atol=1e-4)
    assert features.images("test").views is None
    told = len(caplog.records)
    np.testing.assert_array_equal(features_of(folder).images("train").views, reader.views)
    assert len(caplog.records) == told, "they are computed once"
    keys = {features_of(folder, *changed)._key("train", 3) for changed in ((RULES,), (RULES[:1],), (RULES[::-1],))}
    assert len({*keys, features._key("train", 4), features._key("train")}) == 5
    # Images that are read as before keep the features that they have.
    flipped = features_of(folder, [{"name": "flip"}])
    assert flipped._key("train") == features_of(folder, [], 0)._key("train")


def test_the_view_that_was_drawn_is_shown() -> None:
    plain, views = torch.rand(5, 2), torch.rand(5, 3, 2)
    bank = FeatureBank(plain, torch.device("cpu"), views)
    shown = bank.view(torch.tensor([4, 0]), [{"view": torch.tensor([2, 1])}])
    assert torch.equal(shown, torch.stack([views[4, 2], views[0, 1]]))
    assert torch.equal(bank.plain(1, 3), plain[1:3])


def test_training_draws_views_again_when_it_goes_on_and_scoring_needs_none(
    folder: Path, smkd: Callable[..., Any]
) -> None:
    (cell,) = expand(load_recipe("views.yaml", data=folder))
    tasks = [Task(cell, folder / name, folder) for name in ("whole", "parts")]
    train_cell(tasks[0], StopRequest(), lambda event: None)
    with pytest.raises(InterruptedRunError):
        train_cell(tasks[1], StopAfter(3), lambda event: None)
    train_cell(tasks[1], StopRequest(), lambda event: None)
    for name in ("peer_a.safetensors", "peer_b.safetensors"):
        assert (folder / "whole" / name).read_bytes() == (folder / "parts" / name).read_bytes()
    result = json.loads((folder / "whole" / "result.json").read_text())
    assert result["cell"]["test_rules"] == RULES[:1]
    files = sorted((folder / "cache" / "features").glob("*.npy"))
    scored = smkd("eval", folder / "whole")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["mean"]["top1"] == pytest.approx(result["scores"]["last"]["mean"])
    assert sorted((folder / "cache" / "features").glob("*.npy")) == files


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("views: 3\n", ""), "or the recipe say how many views"),
        (("freeze: backbone\n", ""), "has views, which belongs to freeze: backbone"),
        (("views: 3", "views: 0"), "views"),
        (("mix: mixup", "mix: cutmix"), "features have no boxes"),
        ((json.dumps(RULES), "[]"), "its augmentation must vary images"),
        (("epochs: 2", "epochs: 2\nvariants: [{name: v, augmentation: {flip: true}}]"), "views"),
    ],
)
def test_views_that_make_no_sense(smkd: Callable[..., Any], folder: Path, change: tuple[str, str], words: str) -> None:
    assert change[0] in RECIPE
    (folder / "views.yaml").write_text(RECIPE.replace(*change))
    result = smkd("recipes", "validate", "views.yaml")
    assert (result.code, words in result.err) == (3, True), result.err


def test_features_may_be_mixed_without_views(folder: Path) -> None:
    text = RECIPE.replace("views: 3\n", "").replace(f"rules: {json.dumps(RULES)}, ", "")
    (folder / "views.yaml").write_text(text)
    recipe = load_recipe(str(folder / "views.yaml"), data=folder)
    assert recipe.augmentation.mix is not None
    assert recipe.drawn == []
