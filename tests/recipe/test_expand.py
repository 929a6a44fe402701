"""Cells: their order, names, options and protocols, and that each one's own recipe makes it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import DATA
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smkd_cli import methods
from smkd_cli.artifacts.manifest import Manifest, write_manifest
from smkd_cli.data import find
from smkd_cli.errors import RecipeError
from smkd_cli.recipe import Cell, expand, load_recipe
from smkd_cli.recipe.yaml_writer import dump


def cells_of(path: Path, *overrides: str) -> list[Cell]:
    return expand(load_recipe(str(path), overrides, data=DATA))


def test_the_whole_table_is_filled_with_one_seed_before_the_next(recipe_file: Callable[..., Path]) -> None:
    cells = cells_of(recipe_file(), "seeds=[2, 1]", "noise=[{kind: pairflip, rate: 0.25}, {kind: clean}]")
    assert [cell.slug for cell in cells] == [
        "ce_pairflip-0.25_seed2",
        "smkd-p+mylc_pairflip-0.25_seed2",
        "ce_clean_seed2",
        "smkd-p+mylc_clean_seed2",
        "ce_pairflip-0.25_seed1",
        "smkd-p+mylc_pairflip-0.25_seed1",
        "ce_clean_seed1",
        "smkd-p+mylc_clean_seed1",
    ]


def test_a_cell_is_fully_explicit(recipe_file: Callable[..., Path]) -> None:
    cell = cells_of(recipe_file(), "methods=[smkd-p+mylc]", "seeds=[5]")[0]
    assert (cell.method, cell.label, cell.seed) == ("SMKD-P+MyLC", "SMKD-P+MyLC", 5)
    assert cell.options == methods.full_options("SMKD-P+MyLC", {})
    assert cell.recipe.options == {}
    assert cell.noise.model_dump() == {"kind": "symmetric", "rate": 0.4, "seed": 5, "sampling": "per-sample"}


def test_where_an_option_is_looked_up(recipe_file: Callable[..., Path]) -> None:
    path = recipe_file(
        ("[CE, SMKD-P+MyLC]", "[CE, MyLC, {name: All+MyLC, b1: 1}]"),
        ("rate: 0.4}", "rate: 0.4, options: {MyLC: {b1: 2, rho: 0.2}}}\n  - {kind: clean}"),
        added="options: {MyLC: {b1: 3, rho: 0.3, detach: true}}\n",
    )
    found = {
        (cell.label, cell.noise.kind): (cell.options["b1"], cell.options["rho"], cell.options["detach"])
        for cell in cells_of(path)
        if cell.label != "CE"
    }
    assert found == {
        ("MyLC", "symmetric"): (2, 0.2, True),
        ("All+MyLC", "symmetric"): (1, 0.2, True),
        ("MyLC", "clean"): (3, 0.3, True),
        ("All+MyLC", "clean"): (1, 0.3, True),
    }


def test_a_sweep_is_a_method_per_value(recipe_file: Callable[..., Path]) -> None:
    path = recipe_file(
        (
            "[CE, SMKD-P+MyLC]",
            "[{name: SMKD-P+MyLC, sweep: {eta: [2, 2.5], b2: [-8, 8]}}, {name: LS, label: L, sweep: {epsilon: [.1]}}]",
        ),
        added="seeds: [1]\n",
    )
    cells = cells_of(path)
    assert [cell.label for cell in cells] == [
        "SMKD-P+MyLC eta=2 b2=-8",
        "SMKD-P+MyLC eta=2 b2=8",
        "SMKD-P+MyLC eta=2.5 b2=-8",
        "SMKD-P+MyLC eta=2.5 b2=8",
        "L epsilon=0.1",
    ]
    assert [(cell.options["eta"], cell.options["b2"]) for cell in cells[:4]] == [(2, -8), (2, 8), (2.5, -8), (2.5, 8)]
    assert cells[0].slug == "smkd-p+mylc-eta-2-b2--8_symmetric-0.4_seed1"


def test_unusual_noise_is_in_the_name(recipe_file: Callable[..., Path]) -> None:
    path = recipe_file(("rate: 0.4}", "rate: 1e-5, sampling: exact, seed: 9}"), added="seeds: [9, 1]\n")
    assert [cell.slug for cell in cells_of(path, "methods=[CE]")] == [
        "ce_symmetric-1e-05-exact_seed9",
        "ce_symmetric-1e-05-exact-noise9_seed1",
    ]


def test_labels_of_a_manifest(recipe_file: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = recipe_file(("{kind: symmetric, rate: 0.4}", "{manifest: m.csv}"), name="sub/m.yaml")
    manifest = str(tmp_path / "sub" / "m.csv")
    recipe = load_recipe(str(path), data=DATA)
    assert [entry.manifest for entry in recipe.noise] == [manifest]
    assert expand(recipe)[0].slug == "ce_manifest_seed1"
    cell = expand(recipe, {manifest: ("pairflip", 0.3, "12345678" * 8)})[1]
    assert cell.slug == "smkd-p+mylc_pairflip-0.3-12345678_seed1"
    assert cell.noise.manifest == manifest
    (tmp_path / "recipe.yaml").write_text(cell.to_yaml())
    again = expand(load_recipe(str(tmp_path / "recipe.yaml"), data=DATA))[0]
    assert (again.slug, again.to_yaml()) == (cell.slug, cell.to_yaml())
    assert again.noise.manifest == str(tmp_path / "manifest.csv")


def test_two_manifests_of_the_same_noise_cannot_share_a_folder(recipe_file: Callable[..., Path]) -> None:
    path = recipe_file(("{kind: symmetric, rate: 0.4}", "{manifest: a.csv}\n  - {manifest: b.csv}"))
    with pytest.raises(RecipeError, match="two cells would be ce_manifest_seed1"):
        cells_of(path)


@pytest.mark.parametrize("letter", ["a", "é", "İ"])
def test_a_folder_s_name_that_no_file_system_takes_is_refused(
    recipe_file: Callable[..., Path], smkd: Callable[..., Any], letter: str
) -> None:
    kind = 100 * "n"
    known = {"dataset": "digits", "split": "train", "kind": kind, "noisy_labels": np.arange(1437) % 10}
    unknown = dict.fromkeys(("rate", "seed", "sampling", "transition_matrix"))
    write_manifest(Path(f"{kind}.csv"), Manifest(classes=10, **known, **unknown))
    path = recipe_file(
        ("[CE,", f"[{{name: CE, label: {(35 if letter == 'İ' else 70) * letter}}},"),
        ("{kind: symmetric, rate: 0.4}", f"{{manifest: {kind}.csv}}"),
        added=f"variants: [{{name: {75 * 'v'}}}]\n",
    )
    for command in (("recipes", "validate"), ("train", "--dry-run"), ("train",)):
        result = smkd(command[0], *command[1:], path)
        assert result.code == 3, result.err
        assert "bytes long, 255 at most; shorten the method's label" in result.err
    assert not Path("runs").exists()
    result = smkd("train", path, "--dry-run", "--set", f"variants=[{{name: {68 * 'v'}}}]")
    assert result.code == 0, result.err
    longest = max(len(line.split("\t")[0].encode()) for line in result.out.splitlines())
    assert longest == 255


def test_given_labels_replace_the_noise_and_keep_the_options_for_it(recipe_file: Callable[..., Path]) -> None:
    path = recipe_file(("rate: 0.4}", "rate: 0.4, options: {MyLC: {b1: 2}}}\n  - {kind: clean}"))
    recipe = load_recipe(str(path), data=DATA)
    for kind, rate, b1 in [("symmetric", 0.4, 2), ("symmetric", 0.2, 16), ("clean", 0.0, 16), ("human", None, 16)]:
        cells = expand(recipe.with_labels_from("-", kind, rate))
        assert len(cells) == 6
        assert cells[1].options["b1"] == b1
        assert cells[1].noise.model_dump(exclude_none=True) == {
            key: value for key, value in {"kind": kind, "rate": rate, "manifest": "-"}.items() if value is not None
        }


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("name=other", True),
        ("title=other", True),
        ("tables=[I]", True),
        ("methods=[LS]", True),
        ("options.MyLC.b1=2", True),
        ("noise=[{kind: clean}]", True),
        ("seeds=[8]", True),
        ("optimizer.lr=1", False),
        ("epochs=3", False),
        ("networks=resnet18", False),
        ("augmentation.flip=false", False),
        ("dataset=cifar10", False),
        ("validation.fraction=0.1", False),
    ],
)
def test_what_the_protocol_depends_on(recipe_file: Callable[..., Path], override: str, same: bool) -> None:
    protocols = {cell.protocol for cell in cells_of(recipe_file()) + cells_of(recipe_file(), override)}
    assert len(protocols) == (1 if same else 2)


def test_one_number_written_in_two_ways_is_one_protocol(recipe_file: Callable[..., Path]) -> None:
    one, other = (cells_of(recipe_file(), f"optimizer.lr={text}")[0] for text in ("1", "1e0"))
    assert one.protocol == other.protocol
    assert one.to_yaml() == other.to_yaml()


def test_what_a_result_says_of_its_cell(recipe_file: Callable[..., Path]) -> None:
    cell = cells_of(recipe_file(added="tables: [II]\nvalidation: {fraction: 0.1}\n"))[0]
    assert cell.describe(find("digits", DATA)) == {
        "recipe": "small",
        "tables": ["II"],
        "profile": None,
        "protocol": cell.protocol,
        "label": "CE",
        "method": "CE",
        "options": methods.full_options("CE", {}),
        "dataset": "digits",
        "classes": 10,
        "networks": ["small_resnet", "small_resnet"],
        "epochs": 2,
        "own_protocol": None,
        "seed": 1,
        "validation_fraction": 0.1,
    }


_FRACTIONS = st.floats(0.0, 0.9)
_RECIPES = st.fixed_dictionaries(
    {
        "schema": st.just("smkd/recipe/1"),
        "name": st.from_regex(r"[a-z0-9][a-z0-9._-]{0,11}", fullmatch=True),
        "dataset": st.sampled_from(["digits", "cifar10", "cifar100"]),
        "networks": st.sampled_from(["resnet18", ["resnet34", "shufflenet_v2"]]),
        "methods": st.sampled_from(
            [
                ["CE", "mkd"],
                [{"name": "SMKD-P+MyLC", "label": "η, B: #1 {x}", "b1": 3}],
                [{"name": "All+LS", "sweep": {"epsilon": [0.1, 0.25]}}, "Boot-hard"],
                [{"name": "LS", "label": "no"}, {"name": "LS", "epsilon": 1, "label": "1e-3"}],
            ]
        ),
        "noise": st.lists(
            st.fixed_dictionaries(
                {"kind": st.sampled_from(["symmetric", "pairflip"]), "rate": _FRACTIONS},
                optional={"seed": st.integers(0, 99), "sampling": st.sampled_from(["exact", "coteaching"])},
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda entry: (entry["kind"], entry["rate"]),
        ),
        "epochs": st.integers(1, 300),
    },
    optional={
        "title": st.text(max_size=20).filter(lambda text: text.isprintable()),
        "tables": st.sampled_from([["I", "figure2"], []]),
        "seeds": st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3, unique=True),
        "optimizer": st.fixed_dictionaries({"lr": st.floats(1e-12, 1e12), "momentum": _FRACTIONS}),
        "schedule": st.sampled_from([{"name": "cosine"}, {"name": "constant"}, {"milestones": [0.1, 0.2]}]),
        "compute": st.just({"threads": "auto"}),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_RECIPES)
def test_every_cell_is_made_again_by_its_own_recipe(tmp_path: Path, data: dict[str, Any]) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(dump(data), encoding="utf-8")
    cells = cells_of(path)
    assert len({cell.slug for cell in cells}) == len(cells)
    for cell in (cells[0], cells[-1]):
        path.write_text(cell.to_yaml(), encoding="utf-8")
        assert cells_of(path) == [cell]
        assert cells_of(path)[0].slug == cell.slug
        assert set(cell.slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789.+_-")
