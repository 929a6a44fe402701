"""Methods in recipes of their own, and variants of a whole grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_sets import DATA

from smkd_cli.data import find
from smkd_cli.recipe import Cell, expand, load_recipe
from smkd_cli.train.dry_run import cost_of

ADAM = "optimizer: {name: adam, lr: 1e-3, weight_decay: 0}, schedule: {name: linear, start: 0.5}"
OWN = f"{{name: GCE, protocol: {{epochs: 5, batch_size: 64, {ADAM}, augmentation: {{crop_padding: 0, flip: false}}}}}}"
VARIANTS = "variants:\n  - {name: difference, networks: [resnet18, shufflenet_v2], epochs: 4}\n  - {name: same}\n"


@pytest.fixture
def with_own(recipe_file: Callable[..., Path]) -> Path:
    """CE, GCE as all, and GCE in its own recipe; one seed."""
    return recipe_file(("[CE, SMKD-P+MyLC]", f"[CE, GCE, {OWN}]"), added="seeds: [1]\n")


@pytest.fixture
def with_variants(recipe_file: Callable[..., Path]) -> Path:
    return recipe_file(added=VARIANTS)


def cells_of(path: Path, *overrides: str, profile: str | None = None) -> list[Cell]:
    return expand(load_recipe(str(path), overrides, profile, data=DATA))


def test_a_protocol_is_laid_over_the_recipe(with_own: Path) -> None:
    _, shared, own = cells_of(with_own)
    assert shared.training == shared.recipe
    assert (own.recipe.epochs, own.recipe.batch_size, own.recipe.optimizer.name) == (2, 128, "sgd")
    training = own.training
    assert (training.epochs, training.batch_size, training.networks) == (5, 64, own.recipe.networks)
    assert (training.optimizer.name, training.optimizer.lr, training.optimizer.weight_decay) == ("adam", 1e-3, 0)
    assert (training.schedule.name, training.schedule.start) == ("linear", 0.5)
    assert (training.augmentation.crop_padding, training.augmentation.flip) == (0, False)


def test_a_section_of_a_protocol_replaces_the_recipe_s_as_a_whole(recipe_file: Callable[..., Path]) -> None:
    own = "{name: CE, protocol: {optimizer: {lr: 0.5}}}"
    path = recipe_file(("[CE, SMKD-P+MyLC]", f"[{own}]"), added="optimizer: {lr: 0.2, momentum: 0.5}\n")
    optimizer = cells_of(path)[0].training.optimizer
    assert (optimizer.lr, optimizer.momentum) == (0.5, 0.9)


def test_rows_of_any_protocol_stand_in_one_table(with_own: Path) -> None:
    cells, digits = cells_of(with_own), find("digits", DATA)
    assert len({cell.protocol for cell in cells}) == 1
    assert [cell.describe(digits)["epochs"] for cell in cells] == [2, 2, 2]
    assert [cell.describe(digits)["own_protocol"] for cell in cells[:2]] == [None, None]
    assert cells[2].describe(digits)["own_protocol"] == {
        "epochs": 5,
        "batch_size": 64,
        "optimizer": {"name": "adam", "lr": 1e-3, "weight_decay": 0.0},
        "schedule": {"name": "linear", "start": 0.5, "warmup_epochs": 0},
        "augmentation": {"crop_padding": 0, "flip": False},
    }


@pytest.mark.parametrize(
    ("entry", "labels"),
    [
        ("{name: LS, protocol: {epochs: 3}}", ["LS (own recipe)"]),
        ("{name: LS, label: theirs, protocol: {epochs: 3}}", ["theirs"]),
        (
            "{name: LS, protocol: {epochs: 3}, sweep: {epsilon: [0.1, 0.5]}}",
            ["LS (own recipe) epsilon=0.1", "LS (own recipe) epsilon=0.5"],
        ),
    ],
)
def test_labels(recipe_file: Callable[..., Path], entry: str, labels: list[str]) -> None:
    cells = cells_of(recipe_file(("[CE, SMKD-P+MyLC]", f"[{entry}]"), added="seeds: [1]\n"))
    assert [cell.label for cell in cells] == labels


def test_the_recipe_of_a_cell_runs_the_same_cell_again(with_own: Path, with_variants: Path, tmp_path: Path) -> None:
    for made in (with_own, with_variants):
        for number, cell in enumerate(cells_of(made)):
            path = tmp_path / f"{number}.yaml"
            path.write_text(cell.to_yaml())
            [again] = cells_of(path)
            assert again == cell
            assert (again.slug, again.protocol, again.training) == (cell.slug, cell.protocol, cell.training)
            assert again.to_yaml() == cell.to_yaml()


def test_what_is_not_used_leaves_no_trace_in_a_cell_s_recipe(recipe_file: Callable[..., Path]) -> None:
    text = cells_of(recipe_file())[0].to_yaml()
    unused = ("variant", "protocol", "gradient_clip", "start")
    assert not any(word in text for word in unused)
    assert yaml.safe_load(text)["optimizer"].keys() == {"name", "lr", "momentum", "weight_decay", "nesterov"}


def test_equal_protocols_are_one_method_and_others_are_not(recipe_file: Callable[..., Path], smkd: Any) -> None:
    entries = [
        f"{{name: CE, label: {label}, protocol: {{epochs: {epochs}}}}}"
        for label, epochs in zip("abc", (3, 4, 3), strict=True)
    ]
    result = smkd("recipes", "validate", recipe_file(("[CE, SMKD-P+MyLC]", f"[CE, {', '.join(entries)}]")))
    assert result.code == 3
    assert [line.split(": ", 2)[1:] for line in result.err.removeprefix("error: ").splitlines()] == [
        ["methods.3", "is the same method as 'a'"]
    ]


@pytest.mark.parametrize(
    ("protocol", "added", "what"),
    [
        ("{epochs: 0}", "", "methods.1.protocol.epochs: should be greater than or equal to 1"),
        ("{epochs: 2.5}", "", "methods.1.protocol.epochs: should be a whole number"),
        ("{epochs: 1}", "schedule: {warmup_epochs: 1}", "methods.1.protocol.epochs: should be at least 2, above the"),
        (
            "{schedule: {warmup_epochs: 2}}",
            "",
            "methods.1.protocol.schedule.warmup_epochs: should be at most 1, below the 2 epochs",
        ),
        (
            "{epochs: 3, schedule: {warmup_epochs: 3}}",
            "",
            "methods.1.protocol.schedule.warmup_epochs: should be at most 2, below the 3 epochs",
        ),
        ("{batch_size: 1438}", "", "methods.1.protocol.batch_size: should be at most 1437"),
        (
            "{augmentation: {crop_padding: 9}}",
            "",
            "methods.1.protocol.augmentation.crop_padding: should be at most 8, the side of the images",
        ),
        ("{optimizer: {name: adam}}", "", "methods.1.protocol.optimizer: adam needs an lr"),
        ("{optimizer: {lr: x}}", "", "methods.1.protocol.optimizer.lr: should be a number, not 'x'"),
        ("{optimizer: {rate: 1}}", "", "methods.1.protocol.optimizer.rate: unknown key 'rate'"),
        ("{epoch: 1}", "", "methods.1.protocol.epoch: unknown key 'epoch'; did you mean epochs?"),
        ("{networks: resnet18}", "", "methods.1.protocol.networks: unknown key 'networks'"),
        ("{validation: {fraction: 0.1}}", "", "methods.1.protocol.validation: unknown key 'validation'"),
        ("5", "", "methods.1.protocol: should be a mapping"),
    ],
)
def test_a_wrong_protocol(smkd: Any, recipe_file: Callable[..., Path], protocol: str, added: str, what: str) -> None:
    path = recipe_file(("SMKD-P+MyLC", f"{{name: LS, protocol: {protocol}}}"), added=added)
    result = smkd("recipes", "validate", path)
    assert result.code == 3
    [line] = result.err.removeprefix("error: ").splitlines()
    assert line.startswith(f"{path}:5:")
    assert what in line


def test_a_right_protocol_is_checked_by_itself_and_not_by_the_recipe(recipe_file: Callable[..., Path]) -> None:
    own = "{name: LS, protocol: {epochs: 9, schedule: {warmup_epochs: 5}}}"
    assert cells_of(recipe_file(("SMKD-P+MyLC", own)))


@pytest.mark.parametrize(
    ("added", "where", "what"),
    [
        ("optimizer: {name: adam, lr: 1, momentum: 0.5}", "9:12", "adam has no momentum"),
        ("optimizer: {name: adam, lr: 1, nesterov: true}", "9:12", "adam has no nesterov"),
        ("optimizer: {gradient_clip: 0}", "9:28", "greater than 0"),
        ("schedule: {name: linear, start: 1}", "9:33", "less than 1"),
        ("schedule: {name: linear, gamma: 0.1}", "9:11", "a linear schedule has no gamma"),
        ("schedule: {name: cosine, start: 0.1}", "9:11", "a cosine schedule has no start"),
        ("schedule: {start: 0.1}", "9:11", "a multistep schedule has no start"),
        ("variants: [{networks: resnet18}]", "9:12", "variants.0.name: is missing"),
        ("variants: [{name: A}]", "9:19", "should start with a-z or 0-9"),
        ("variants: [{name: a}, {name: a}]", "9:11", "a appears twice"),
        ("variants: [{name: a, networks: resnt18}]", "9:32", "variants.0.networks.0: unknown network"),
        ("variants: [{name: a, networks: [resnet18]}]", "9:32", "a pair of two"),
        ("variants: [{name: a, network: resnet18}]", "9:22", "did you mean networks?"),
        ("variants: [{name: a, batch_size: 2000}]", "9:34", "variants.0.batch_size: should be at most 1437"),
        ("variants: [{name: a}]\nvariant: b", "1:1", "leave out variant"),
        ("variants: 3", "9:11", "should be a list"),
        ("variant: A", "9:10", "should start with a-z or 0-9"),
    ],
)
def test_a_wrong_addition(smkd: Any, recipe_file: Callable[..., Path], added: str, where: str, what: str) -> None:
    path = recipe_file(added=added + "\n")
    result = smkd("recipes", "validate", path)
    assert result.code == 3
    lines = result.err.removeprefix("error: ").splitlines()
    assert any(line.startswith(f"{path}:{where}: ") and what in line for line in lines), result.err


def test_a_protocol_is_checked_in_each_variant(smkd: Any, recipe_file: Callable[..., Path]) -> None:
    variants = "variants: [{name: a, schedule: {warmup_epochs: 1}}, {name: b, schedule: {warmup_epochs: 0}}]\n"
    path = recipe_file(("SMKD-P+MyLC", "{name: LS, protocol: {epochs: 1}}"), added=variants)
    result = smkd("recipes", "validate", path)
    assert "methods.1.protocol.epochs: should be at least 2, above the epochs of warm-up, not 1" in result.err
    assert len(result.err.splitlines()) == 1


def test_variants_are_grids_of_their_own(with_variants: Path) -> None:
    cells = cells_of(with_variants, "seeds=[1]")
    assert [cell.slug for cell in cells] == [
        "ce_symmetric-0.4_difference_seed1",
        "smkd-p+mylc_symmetric-0.4_difference_seed1",
        "ce_symmetric-0.4_same_seed1",
        "smkd-p+mylc_symmetric-0.4_same_seed1",
    ]
    assert [(cell.recipe.networks, cell.recipe.epochs) for cell in cells[1:3]] == [
        (("resnet18", "shufflenet_v2"), 4),
        (("small_resnet", "small_resnet"), 2),
    ]
    assert len({cell.protocol for cell in cells}) == 2


def test_a_variant_has_the_protocol_of_a_recipe_that_says_the_same(
    with_variants: Path, recipe_file: Callable[..., Path]
) -> None:
    different, same = {cell.protocol: cell for cell in cells_of(with_variants)}
    plain = recipe_file(name="plain.yaml")
    assert cells_of(plain)[0].protocol == same
    assert cells_of(plain, "networks=[resnet18, shufflenet_v2]", "epochs=4")[0].protocol == different


def test_a_method_s_protocol_holds_in_every_variant(recipe_file: Callable[..., Path]) -> None:
    path = recipe_file(("[CE, SMKD-P+MyLC]", "[{name: CE, protocol: {epochs: 7}}]"), added=VARIANTS)
    cells = cells_of(path, "seeds=[1]")
    assert [(cell.recipe.epochs, cell.training.epochs) for cell in cells] == [(4, 7), (2, 7)]
    assert cells[0].training.networks == ("resnet18", "shufflenet_v2")


def test_numbers_from_outside_hold_for_the_whole_grid_and_sections_do_not(
    recipe_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = recipe_file(("[CE, SMKD-P+MyLC]", f"[{OWN}]"), added=VARIANTS + "seeds: [1]\n")
    profile = tmp_path / "tiny.yaml"
    profile.write_text("epochs: 3\noptimizer: {lr: 0.7}\naugmentation: {crop_padding: 1}\n")
    for cells in (
        cells_of(path, profile=str(profile)),
        cells_of(path, "epochs=3", "optimizer.lr=0.7", "augmentation={crop_padding: 1}"),
    ):
        assert {(cell.recipe.epochs, cell.training.epochs, cell.training.batch_size) for cell in cells} == {(3, 3, 64)}
        assert {(cell.recipe.optimizer.lr, cell.training.optimizer.lr) for cell in cells} == {(0.7, 1e-3)}
        assert {cell.training.augmentation.crop_padding for cell in cells} == {0}
    assert cells_of(path, "batch_size=32")[0].training.batch_size == 32


def test_one_method_can_be_set_or_freed_of_its_protocol(with_own: Path) -> None:
    assert cells_of(with_own, "epochs=3", "methods.2.protocol.epochs=9")[2].training.epochs == 9
    assert [cell.label for cell in cells_of(with_own, "methods.1=CP", "methods.2.protocol=null")] == ["CE", "CP", "GCE"]


def test_a_wrong_number_from_outside_is_blamed_once_for_each_place(smkd: Any, with_own: Path) -> None:
    result = smkd("recipes", "validate", with_own, "--set", "epochs=0")
    assert result.code == 3
    lines = result.err.removeprefix("error: ").splitlines()
    assert all(line.startswith("--set epochs=0: ") for line in lines)
    assert {line.split(": ")[1] for line in lines} == {"epochs", "methods.2.protocol.epochs"}


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        ("resnet34", [("resnet34", "shufflenet_v2"), ("resnet34", "resnet34")]),
        ("[resnet34, resnet50]", [("resnet34", "resnet50"), ("resnet34", "resnet50")]),
    ],
)
def test_networks_from_outside(
    recipe_file: Callable[..., Path], networks: str, expected: list[tuple[str, str]]
) -> None:
    added = (
        "variants:\n  - {name: difference, networks: [resnet18, shufflenet_v2]}\n  - {name: same, networks: resnet18}\n"
    )
    cells = cells_of(recipe_file(("[CE, SMKD-P+MyLC]", "[CE]"), added=added), "seeds=[1]", f"networks={networks}")
    assert [cell.recipe.networks for cell in cells] == expected


def test_cost_is_that_of_the_own_protocol_and_of_all_stages(with_own: Path) -> None:
    _, shared, own = cells_of(with_own)
    digits = find("digits", DATA)
    assert (cost_of(shared, digits).steps, cost_of(shared, digits).images) == (2 * 12, 2 * 1437)
    assert (cost_of(own, digits).steps, cost_of(own, digits).images) == (5 * 23, 5 * 1437)
    staged = cells_of(with_own, "methods=[{name: DMI, dmi_share: 1.5}]")[0]
    assert (cost_of(staged, digits).steps, cost_of(staged, digits).images) == (5 * 12, 5 * 1437)
