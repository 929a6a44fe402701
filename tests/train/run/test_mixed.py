"""``augmentation.mix``: images of a batch mixed with one another, and their labels with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_sets import DATA
from pairs import CLASSES, pair, untaught_pair
from stop_after import StopAfter

from smkd_cli import methods
from smkd_cli.errors import InterruptedRunError, RecipeError
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task
from smkd_cli.train.step.mixture import Mixture


def drawn_by(mixture: Mixture, sizes: tuple[int, ...] = (6, 4)) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(value) for key, value in mixture.draw(np.random.default_rng(1), sizes).items()}


def test_partners_are_of_the_same_batch_and_shares_at_least_a_half() -> None:
    drawn = drawn_by(Mixture("mixup", 0.3), (6, 4))
    assert sorted(drawn["partner"][:6].tolist()) == list(range(6))
    assert sorted(drawn["partner"][6:].tolist()) == list(range(4))
    assert drawn["share"].min() >= 0.5
    assert len(drawn["share"].unique()) == 10


def test_pixels_are_weighed_by_each_image_s_own_share() -> None:
    images = torch.rand(6, 3, 8, 8)
    drawn = drawn_by(Mixture("mixup", 1.0), (6,))
    mixed, share = Mixture("mixup", 1.0)(images, drawn)
    weight = drawn["share"].float().view(-1, 1, 1, 1)
    torch.testing.assert_close(mixed, weight * images + (1 - weight) * images[drawn["partner"]])
    torch.testing.assert_close(share, drawn["share"].float())
    features, _ = Mixture("mixup", 1.0)(images.flatten(1), drawn)  # features in the place of images
    torch.testing.assert_close(features, mixed.flatten(1))


def test_a_box_of_the_partner_has_the_area_that_its_label_has() -> None:
    images = torch.arange(6.0).view(-1, 1, 1, 1).expand(6, 2, 12, 10)
    drawn = drawn_by(Mixture("cutmix", 1.0), (6,))
    drawn["partner"] = torch.tensor([1, 2, 3, 4, 5, 0])
    mixed, share = Mixture("cutmix", 1.0)(images, drawn)
    for image, part, wanted, own in zip(mixed, share, drawn["share"], range(6), strict=True):
        box = image[0] != own
        assert (image[0][box] == (own + 1) % 6).all()
        assert torch.equal(box, box.any(1).unsqueeze(1) & box.any(0)), "a rectangle"
        assert part.item() == pytest.approx(1 - box.float().mean().item())
        assert part.item() == pytest.approx(wanted.item(), abs=0.11)


@pytest.mark.parametrize("method", ["CE", "SMKD-P+MyLC"])
def test_a_step_learns_from_mixtures_and_counts_unmixed_predictions(method: str) -> None:
    made = untaught_pair(method, overrides=["augmentation={crop_padding: 0, flip: false, mix: mixup}"]).pair
    plain = pair(method)
    batch = next(iter(made.plan_epoch(np.arange(48), 1).batches(16)))
    before = [peer.network.state_dict()["classifier.weight"].clone() for peer in made.peers]
    own = made.step._predictors[0].predict(made.images.view(batch["indices"][:, 0], [{}] * 0))
    made.train_step(batch)
    share = batch["mix.share"].float()
    labels = made.noisy_labels[batch["indices"][:, 0]]
    onehot = torch.nn.functional.one_hot(labels, CLASSES).float()
    target = share.unsqueeze(1) * onehot + (1 - share).unsqueeze(1) * onehot[batch["mix.partner"]]
    again = made.step._mixed(
        made.mixture, {k[4:]: v for k, v in batch.items() if k.startswith("mix.")}, *of(made, batch)
    )
    torch.testing.assert_close(again.target, target)
    seen = made.statistics.table[0, batch["indices"][:, 0], 0]
    assert torch.equal(seen, own.argmax(1).float()), "what is counted is of the unmixed images"
    assert any(
        not torch.equal(one, peer.network.state_dict()["classifier.weight"])
        for one, peer in zip(before, made.peers, strict=True)
    )
    assert not any(name.startswith("mix.") for name in plain.batches[0])


def of(made: Any, batch: dict[str, torch.Tensor]) -> tuple[Any, Any]:
    return made.step._predictors[0], made.step._batches(batch)[0]


def test_an_interrupted_run_mixes_the_same_again(
    recipe: Path, tmp_path: Path, bits: Callable[..., Any], assert_same: Callable[..., None]
) -> None:
    section = "augmentation={crop_padding: 1, flip: true, mix: {name: cutmix, alpha: 0.5}}"
    (cell,) = expand(load_recipe(str(recipe), [section, "epochs=2"], data=DATA))
    tasks = [Task(cell, tmp_path / name, DATA) for name in ("whole", "parts")]
    train_cell(tasks[0], StopRequest(), lambda event: None)
    with pytest.raises(InterruptedRunError):
        train_cell(tasks[1], StopAfter(8), lambda event: None)
    train_cell(tasks[1], StopRequest(), lambda event: None)
    assert_same(*(bits(task.directory) for task in tasks))


def test_which_methods_learn_from_mixtures() -> None:
    soft = {name for name in methods.names() if getattr(methods.rule(name), "soft_labels", False)}
    assert soft == {"CE", "LS", "CP", "Boot-soft", "Boot-hard", "ProSelfLC", "MyLC"}
    assert all(issubclass(methods.rule(name), TargetRule) for name in soft)
    refused = {
        "GCE": "goes by the one class of each label",
        "Co-teaching": "goes by the one class of each label",
        "Joint": "goes by the one class of each label",
        "M-DYR": "makes its own images",
        "BAN": "goes by the one class of each label",
    }
    section = "augmentation={crop_padding: 1, flip: true, mix: mixup}"
    for name, reason in refused.items():
        with pytest.raises(RecipeError, match=f"{name} {reason}, so images cannot be mixed for it"):
            load_recipe("quickstart", [section, f"methods=[{name}]", "options={}"], data=DATA)
    row = "methods=[GCE, {name: CE, protocol: {augmentation: {mix: mixup}}}]"
    assert load_recipe("quickstart", [row, "options={}"], data=DATA).augmentation.mix is None


@pytest.mark.parametrize("mix", ["{name: mixup, alpha: 0}", "mixdown", "{alpha: 1}", "{name: cutmix, p: 1}"])
def test_mixtures_that_are_wrong(mix: str) -> None:
    with pytest.raises(RecipeError, match=r"augmentation\.mix"):
        load_recipe("quickstart", [f"augmentation={{mix: {mix}}}"], data=DATA)
