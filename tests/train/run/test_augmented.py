"""Training with augmentation rules: networks of the size that the rules make, scored so, and resumed to the bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_sets import DATA
from stop_after import StopAfter

from smkd_cli.errors import InterruptedRunError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task

RULES = [
    *({"name": name} for name in ("color_jitter", "rand_augment", "random_erasing")),
    {"name": "resize", "size": 10},
    {"name": "random_resized_crop", "size": 9},
    {"name": "random_crop", "size": 6},
]


def section(rules: list[Any]) -> str:
    return f"augmentation={json.dumps({'crop_padding': 1, 'flip': True, 'rules': rules})}"


def test_an_interrupted_run_varies_images_the_same_again(
    recipe: Path, tmp_path: Path, smkd: Callable[..., Any], bits: Callable[..., Any], assert_same: Callable[..., None]
) -> None:
    (cell,) = expand(load_recipe(str(recipe), [section(RULES), "epochs=2"], data=DATA))
    tasks = [Task(cell, tmp_path / name, DATA) for name in ("whole", "parts")]
    train_cell(tasks[0], StopRequest(), lambda event: None)
    with pytest.raises(InterruptedRunError):
        train_cell(tasks[1], StopAfter(8), lambda event: None)
    train_cell(tasks[1], StopRequest(), lambda event: None)
    assert_same(*(bits(task.directory) for task in tasks))
    result = json.loads((tmp_path / "whole" / "result.json").read_text())
    assert [rule["name"] for rule in result["cell"]["test_rules"]] == ["resize", "random_resized_crop", "random_crop"]
    scored = smkd("eval", "whole")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["mean"]["top1"] == pytest.approx(result["scores"]["last"]["mean"])


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (
            [{"name": "resize", "size": 6}, {"name": "random_crop", "size": 7}],
            "augmentation.rules.1: random_crop: a square of 7 x 7 pixels does not fit into images of 6 x 6",
        ),
        ([{"name": "random_crop"}], "augmentation.rules.0.size"),
        ([{"name": "random_erasing", "scale": [0.5, 0.1]}], "scale should be two numbers above 0 and at most 1"),
    ],
)
def test_rules_that_do_not_fit(smkd: Callable[..., Any], recipe: Path, rules: list[Any], words: str) -> None:
    refused = smkd("recipes", "validate", recipe, "--set", section(rules))
    if refused.code == 2:  # validate takes no overrides
        refused = smkd("train", recipe, "--dry-run", "--set", section(rules))
    assert (refused.code, words in refused.err) == (3, True), refused.err


def test_a_method_and_a_variant_may_have_sizes_of_their_own(smkd: Callable[..., Any], recipe: Path) -> None:
    small = json.dumps({"crop_padding": 0, "flip": False, "rules": [{"name": "center_crop", "size": 6}]})
    methods = f"methods=[CE, {{name: GCE, protocol: {{augmentation: {small}}}}}]"
    done = smkd("train", recipe, "--jobs", 1, "--set", methods, "--set", "epochs=1")
    assert done.code == 0, done.err
    first, second = done.out.split()
    scored = smkd("eval", first, second)
    assert scored.code == 0, scored.err
    records = [json.loads(line) for line in scored.out.splitlines()]
    assert ["test_rules" in record["cell"] for record in records] == [False, True]
    for record in records:
        assert record["mean"]["top1"] == pytest.approx(record["epochs"]["last"]["mean"])


def test_a_rule_that_lies_about_its_size(smkd: Callable[..., Any], recipe: Path) -> None:
    Path("half.py").write_text(
        "from smkd_cli.data.augmentation import Augmentation\n\n"
        "class Half(Augmentation):\n    name = 'half'\n"
        "    def output_size(self, height, width):\n        return height // 2, width // 2\n"
        "    def apply(self, pixels, drawn):\n        return pixels[:, :, ::2, ::2]\n"
    )
    failed = smkd("train", recipe, "--jobs", 1, "--set", section(["half.py:half"]))
    assert failed.code == 5
    assert "half should give images as it gets them" in failed.err
    assert "but of 4 x 4 pixels" in failed.err
