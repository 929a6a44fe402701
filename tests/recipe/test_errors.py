"""Every kind of mistake in a recipe is reported with its location, all of them at once, with exit code 3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_NOISE = "  - {kind: symmetric, rate: 0.4}"


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("schema: smkd/recipe/1", "schema: smkd/recipe/2", "1:9", "schema: should be 'smkd/recipe/1'"),
        ("schema: smkd/recipe/1\n", "", "1:1", "schema: is missing"),
        ("epochs: 2\n", "", "1:1", "epochs: is missing"),
        ("name: small", "name: A B", "2:7", "should start with a-z or 0-9"),
        ("name: small", "name: ..", "2:7", "should start with a-z or 0-9"),
        ("epochs: 2", "epoch: 2", "8:1", "did you mean epochs?"),
        ("epochs: 2", "epochs: 2.5", "8:9", "should be a whole number, not 2.5"),
        ("epochs: 2", "epochs: '2'", "8:9", "should be a whole number, not '2'"),
        ("epochs: 2", "epochs: true", "8:9", "should be a whole number, not true"),
        ("epochs: 2", "epochs:", "8:8", "should be a whole number, not empty"),
        ("epochs: 2", "epochs: 0", "8:9", "greater than or equal to 1"),
        ("dataset: digits", "dataset: digit", "3:10", "did you mean digits?"),
        ("networks: small_resnet", "networks: [small_resnet, resnt18]", "4:26", "did you mean resnet18?"),
        ("networks: small_resnet", "networks: [resnet18]", "4:11", "a pair of two"),
        ("methods: [CE,", "methods: [CEE,", "5:11", "unknown method 'CEE'"),
        ("methods: [CE,", "methods: [7,", "5:11", "should be a method's name or a mapping, not 7"),
        ("methods: [CE,", "methods: [SMKD-S,", "5:11", "needs a target rule"),
        ("methods: [CE,", "methods: [{name: LS, epsilom: 1},", "5:22", "did you mean epsilon?"),
        ("methods: [CE,", "methods: [{name: LS, epsilon: 2},", "5:31", "less than or equal to 1, not 2"),
        ("methods: [CE,", "methods: [{name: LS, epsilon: '1'},", "5:31", "should be a number, not '1'"),
        ("methods: [CE,", "methods: [{name: LS, labl: x},", "5:22", "did you mean label?"),
        ("methods: [CE,", "methods: [{name: LS, label: ' x'},", "5:29", "without spaces around it"),
        ("methods: [CE,", "methods: [{name: LS, sweep: {epsilon: [.1, x]}},", "5:44", "should be a number, not 'x'"),
        ("methods: [CE,", "methods: [{name: LS, sweep: {epsilon: []}},", "5:39", "should not be empty"),
        ("methods: [CE,", "methods: [{name: LS, sweep: {epsilon: [1, 1]}},", "5:39", "1 appears twice"),
        ("methods: [CE,", "methods: [{name: LS, epsilon: 1, sweep: {epsilon: [1]}},", "5:31", "swept as well"),
        ("methods: [CE,", "methods: [CE, CE,", "5:15", "would be one folder"),
        ("methods: [CE,", "methods: [CE, Zero+CE,", "5:15", "is the same method as 'CE'"),
        ("methods: [CE,", "methods: [{name: LS, label: smkd-p+mylc},", "5:43", "would be one folder"),
        (
            "methods: [CE,",
            f"methods: [{{name: LS, label: {'x' * 75}, sweep: {{epsilon: [.1]}}}},",
            "5:11",
            "is longer than 80 characters",
        ),
        (_NOISE, "  - {kind: symetric, rate: 0.4}", "7:12", "did you mean symmetric?"),
        (_NOISE, "  - {kind: symmetric}", "7:5", "needs a rate"),
        (_NOISE, "  - {rate: 0.4}", "7:5", "should have a kind"),
        (_NOISE, "  - {kind: symmetric, rate: 1.4}", "7:29", "less than or equal to 1"),
        (_NOISE, "  - {kind: clean, rate: 0.4}", "7:5", "clean labels have noise rate 0"),
        (_NOISE, "  - {kind: asymmetric, rate: 0.4}", "7:5", "cifar10 and cifar100"),
        (_NOISE, "  - {kind: symmetric, rate: 0.4, sampling: exakt}", "7:44", "did you mean exact?"),
        (
            _NOISE,
            "  - {kind: symmetric, rate: 0.4, options: {MyLC: {b: 1}}}",
            "7:51",
            "unknown option of MyLC 'b'; did you mean b1?",
        ),
        (
            _NOISE,
            "  - {kind: symmetric, rate: 0.4, options: {LS: {epsilon: 1}}}",
            "7:44",
            "no method here has the rule LS",
        ),
        (_NOISE, f"{_NOISE}\n{_NOISE}", "8:5", "is the same noise as noise.0"),
        (_NOISE, f"{_NOISE}\n  - {{kind: symmetric, rate: 0.4, seed: 2}}", "8:5", "is the same noise as noise.0"),
        (_NOISE, "  - {manifest: m.csv, seed: 2}", "7:5", "leave out seed and sampling"),
        (_NOISE, "  - {manifest: '-'}", "7:16", "cannot be stdin in a recipe"),
    ],
)
def test_a_wrong_line(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], old: str, new: str, where: str, what: str
) -> None:
    path = recipe_file((old, new))
    result = smkd("recipes", "validate", path)
    assert result.code == 3
    lines = result.err.removeprefix("error: ").splitlines()
    assert any(line.startswith(f"{path}:{where}: ") and what in line for line in lines), result.err
    assert result.out == ""


@pytest.mark.parametrize(
    ("added", "where", "what"),
    [
        ("seeds: []", "9:8", "should not be empty"),
        ("seeds: [1, 1]", "9:8", "1 appears twice"),
        ("seeds: [1, -1]", "9:12", "greater than or equal to 0"),
        ("seeds: [true]", "9:9", "should be a whole number, not true"),
        ("seeds: 1", "9:8", "should be a list"),
        ("tables: [VI]", "9:10", "unknown table or figure 'VI'; did you mean "),
        ("batch_size: 1", "9:13", "greater than or equal to 2"),
        ("batch_size: 1438", "9:13", "at most 1437"),
        ("optimizer: {lr: 0}", "9:17", "greater than 0"),
        ("optimizer: {momentum: 0, nesterov: true}", "9:12", "nesterov needs a momentum"),
        ("optimizer: {learning_rate: 1}", "9:13", "unknown key 'learning_rate'"),
        ("optimizer: {name: adagrad}", "9:19", "should be 'sgd' or 'adam'"),
        ("optimizer: 3", "9:12", "should be a mapping"),
        ("schedule: {milestones: [0.75, 0.5]}", "9:24", "should increase"),
        ("schedule: {milestones: [0.5, 1]}", "9:30", "less than 1"),
        ("schedule: {name: cosine, gamma: 0.1}", "9:11", "a cosine schedule has no gamma"),
        ("schedule: {warmup_epochs: 2}", "9:27", "at most 1, below the 2 epochs"),
        ("augmentation: {crop_padding: 9}", "9:30", "at most 8, the side of the images"),
        ("augmentation: {flip: no}", "9:22", "should be true or false, not 'no'"),
        ("validation: {fraction: 1}", "9:24", "less than 1"),
        ("compute: {threads: 0}", "9:20", "a whole number from 1, or auto"),
        ("compute: {threads: true}", "9:20", "a whole number from 1, or auto"),
        ("compute: {precision: half}", "9:22", "should be 'auto', 'float32'"),
        ("options: {MyLC: {b1: -1}}", "9:22", "greater than 0"),
        ("options: {LS: {epsilon: 1}}", "9:11", "no method here has the rule LS"),
        ("options: {MyLK: {b1: 1}}", "9:11", "did you mean MyLC?"),
        ("options: {MyLC: 3}", "9:17", "should be a mapping"),
    ],
)
def test_a_wrong_addition(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], added: str, where: str, what: str
) -> None:
    path = recipe_file(added=added + "\n")
    result = smkd("recipes", "validate", path)
    assert result.code == 3
    lines = result.err.removeprefix("error: ").splitlines()
    assert any(line.startswith(f"{path}:{where}: ") and what in line for line in lines), result.err


def test_all_mistakes_at_once_in_the_order_of_the_file(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path]
) -> None:
    path = recipe_file(
        ("dataset: digits", "dataset: digitz"),
        ("[CE, SMKD-P+MyLC]", "[CE, 5, {name: LS, epsilon: 2}, MyLK]"),
        (_NOISE, "  - {kind: symmetric, rate: 2}\n  - {kind: pear, rate: 0.1}"),
        ("epochs: 2", "epochs: 0"),
        added="seed: 1\nname: again\n",
    )
    result = smkd("recipes", "validate", path)
    lines = result.err.removeprefix("error: ").splitlines()
    locations = [line.removeprefix(f"{path}:").split(": ")[0] for line in lines]
    assert locations == ["3:10", "5:15", "5:38", "5:42", "7:29", "8:12", "9:9", "10:1", "11:1"]


def test_mistakes_of_all_recipes_at_once(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    one = recipe_file(("digits", "digitz"), name="one.yaml")
    two = recipe_file(name="two.yaml")
    three = recipe_file(("epochs: 2", "epochs: x"), name="three.yaml")
    result = smkd("recipes", "validate", one, two, three)
    assert result.code == 3
    assert result.out == f"{two}: ok, 6 cells\n"
    assert f"{one}:3:10" in result.err
    assert f"{three}:8:9" in result.err


@pytest.mark.parametrize("text", ["", "# nothing\n", "5\n", "[1, 2]\n", "just words\n"])
def test_what_is_no_mapping(smkd: Callable[..., Any], text: str) -> None:
    result = smkd("recipes", "validate", "-", stdin=text)
    assert result.code == 3
    assert "a recipe is a mapping" in result.err


@pytest.mark.parametrize("key", ["methods", "noise", "options", "seeds", "networks", "schedule", "name", "schema"])
@pytest.mark.parametrize("value", ["5", "x", "null", "{}", "[]", "[[]]", "[{}]", "{a: 1}", "true"])
def test_a_value_of_any_other_type_is_an_error_with_a_location_or_right(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], key: str, value: str
) -> None:
    path = recipe_file()
    result = smkd("recipes", "validate", path, "--set", f"{key}={value}")
    assert result.code in (0, 3)
    assert result.code == 0 or result.err.startswith(f"error: --set {key}={value}: {key}")


def test_a_source_that_is_not_there(smkd: Callable[..., Any], tmp_path: Path) -> None:
    result = smkd("recipes", "validate", "qickstart")
    assert result.code == 3
    assert "did you mean quickstart?" in result.err
    result = smkd("recipes", "validate", "here/quickstart.yaml")
    assert "here/quickstart.yaml: is not a file" in result.err
    assert "table2" in result.err
    assert smkd("recipes", "validate", "x" * 5000).code == 3
    assert "is not a file" in smkd("recipes", "show", tmp_path).err


def test_bytes_that_are_no_text(smkd: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"a: 1\nb: \xff\n")
    result = smkd("recipes", "validate", "r.yaml")
    assert result.code == 3
    assert "r.yaml:2: is not UTF-8" in result.err
    (tmp_path / "r.yaml").write_bytes(b"#" * (1 << 21))
    assert "longer than" in smkd("recipes", "validate", "r.yaml").err


def test_noise_that_nobody_can_undo_is_warned_of(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    result = smkd("recipes", "validate", recipe_file((_NOISE, "  - {kind: pairflip, rate: 0.5}")))
    assert result.code == 0
    assert "warning: pairflip noise of rate 0.5 is not identifiable" in result.err


def test_a_list_of_wrong_items_is_not_called_empty(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    result = smkd("recipes", "validate", recipe_file((_NOISE, "  - {kind: symmetric, raet: 0.4}")))
    assert "noise.0.raet: unknown key" in result.err
    assert "empty" not in result.err
