"""Every recipe that ships is right, has the rows and columns of its table, and says where its values come from."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_sets import DATA
from photos import write_photos

from smkd_cli import methods, resources
from smkd_cli.recipe import expand, load_recipe, shipped_recipes

CELLS = {
    "quickstart": (12, 1, 6),
    "table1": (16, 1, 3),
    "table2": (10, 5, 3),
    "table3": (16 + 12, 4, 3),
    "table4": (7 + 2, 2, 3),
    "table5": (4, 4, 3),
    "figure2": (7, 1, 1),
    "figure3": (7, 4, 1),
    "figure4": (21, 1, 1),
}
# For one's own images: it has a data set where --dataset names one.
OWN = "finetune"
# Those that are not two ResNet-34 for 100 epochs, as Tables I, II and V are.
OTHERS = {"quickstart", "table3", "table4"}


def published(table: str) -> set[tuple[str, str, float]]:
    with resources.published_numbers().open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["table"] == table]
    return {(row["method"], row["noise"], float(row["rate"])) for row in rows}


def test_all_are_known_here() -> None:
    assert shipped_recipes().keys() == {*CELLS, OWN}


def test_the_recipe_for_own_images(smkd: Callable[..., Any], tmp_path: Path) -> None:
    missing = smkd("recipes", "validate", OWN)
    assert missing.code == 3
    assert "dataset: is missing: which images are trained on; give --dataset NAME or PATH" in missing.err
    assert f"{OWN}\t90\t" in smkd("recipes", "ls").out
    assert smkd("recipes", "validate", OWN, "--profile", "embedded").out == f"{OWN}: ok, 15 cells\n"
    write_photos(tmp_path / "photos", {"cat": 40, "dog": 40})
    assert smkd("recipes", "validate", OWN, "--dataset", "photos/").out == f"{OWN}: ok, 90 cells\n"
    cell = expand(load_recipe(OWN, data=DATA, dataset="./photos"))[0]
    assert (cell.recipe.freeze, cell.recipe.weights) == ("backbone", ("pretrained", "pretrained"))
    assert cell.recipe.dataset.path == str(tmp_path / "photos")
    assert (cell.recipe.dataset.size, cell.recipe.dataset.mean) == (224, (0.5, 0.5, 0.5))  # as the network wants it


@pytest.mark.parametrize("name", CELLS)
def test_it_has_as_many_cells_as_it_should(smkd: Callable[..., Any], name: str) -> None:
    rows, columns, seeds = CELLS[name]
    assert smkd("recipes", "validate", name).out == f"{name}: ok, {rows * columns * seeds} cells\n"
    assert smkd("recipes", "validate", name, "--profile", "embedded").out == f"{name}: ok, {rows * columns} cells\n"


@pytest.mark.parametrize("name", CELLS)
def test_the_embedded_profile_keeps_methods_and_noise(name: str) -> None:
    full, small = load_recipe(name, data=DATA), load_recipe(name, profile="embedded", data=DATA)
    assert [entry.label for entry in small.methods] == [entry.label for entry in full.methods]
    assert (small.noise, small.options) == (full.noise, full.options)
    own = [entry.protocol for entry in small.methods if entry.protocol is not None]
    assert {(protocol.epochs, protocol.batch_size or small.batch_size) for protocol in own} <= {(small.epochs, 128)}
    assert {variant.epochs for variant in small.variants} <= {small.epochs}
    assert (small.dataset.title, small.seeds, small.profile, small.name) == (
        "digits",
        (1,),
        "embedded",
        f"{name}-embedded",
    )


@pytest.mark.parametrize(("name", "table"), [("table1", "I"), ("table2", "II"), ("table5", "V")])
def test_it_has_the_rows_and_columns_of_the_published_table(name: str, table: str) -> None:
    cells = expand(load_recipe(name, data=DATA))
    assert {(cell.label, cell.noise.kind, cell.noise.rate) for cell in cells} == published(table)
    assert {cell.recipe.tables for cell in cells} == {(table,)}


def test_table_3_has_each_method_in_the_shared_recipe_and_the_others_in_their_own_too() -> None:
    cells = expand(load_recipe("table3", data=DATA))
    shared = {(cell.method, cell.noise.kind, cell.noise.rate) for cell in cells if cell.training is cell.recipe}
    assert shared == {row for row in published("III") if row[1] != "real"}
    own = {cell.method: cell for cell in cells if cell.training is not cell.recipe}
    ours = {"CE", "SMKD-P+ProSelfLC", "MyLC", "SMKD-P+MyLC"}
    assert own.keys() == {method for method, _, _ in shared} - ours
    assert all(cell.label == f"{method} (own recipe)" for method, cell in own.items())
    assert len({cell.protocol for cell in cells}) == 1
    assert {cell.recipe.networks for cell in cells} == {("resnet50", "resnet50")}
    assert own["CDR"].training.batch_size == 64
    assert own["Co-teaching"].training.optimizer.name == "adam"
    assert own["APL"].training.optimizer.gradient_clip == 5


def test_the_paper_s_rows_of_table_3_can_learn_from_all_images_beside_it(smkd: Callable[..., Any]) -> None:
    [line] = [line for line in shipped_recipes()["table3"].read_text().splitlines() if line.startswith("# --set name=")]
    sets = shlex.split(line.removeprefix("# "))
    assert smkd("recipes", "validate", "table3", *sets).out == "table3: ok, 36 cells\n"
    cells = expand(load_recipe("table3", sets[1::2], data=DATA))
    assert {cell.recipe.validation.fraction for cell in cells} == {0.0}
    whole, part = (
        {(c.method, c.noise.kind, c.noise.rate): c.options for c in made}
        for made in (cells, expand(load_recipe("table3", data=DATA)))
    )
    assert whole.items() <= part.items()


def test_table_4_has_both_variants() -> None:
    cells = expand(load_recipe("table4", data=DATA))
    shared = [cell for cell in cells if cell.recipe.methods[0].protocol is None]
    assert {(cell.label, cell.noise.kind, cell.noise.rate) for cell in shared} == published("IV")
    assert {cell.method for cell in cells if cell not in shared} == {"Tf-KD_reg", "MKD"}
    assert {(cell.recipe.networks, cell.recipe.epochs) for cell in cells} == {
        (("resnet18", "shufflenet_v2"), 200),
        (("resnet34", "resnet34"), 100),
    }
    same = {cell.protocol for cell in cells if cell.recipe.variant == "same"}
    assert same == {cell.protocol for cell in expand(load_recipe("table2", data=DATA))}
    small = expand(load_recipe("table4", profile="embedded", data=DATA))
    assert {cell.recipe.networks for cell in small} == {("small_resnet", "shufflenet_v2"), ("small_resnet",) * 2}


@pytest.mark.parametrize("name", sorted(CELLS.keys() - OTHERS))
def test_the_paper_s_protocol(name: str) -> None:
    recipe = load_recipe(name, data=DATA)
    assert (recipe.dataset.title, set(recipe.networks), recipe.epochs, recipe.batch_size) == (
        "cifar100",
        {"resnet34"},
        100,
        128,
    )
    first = [expand(load_recipe(key, data=DATA))[0] for key in CELLS.keys() - OTHERS]
    assert len({cell.protocol for cell in first}) == 1


def test_options_that_the_tables_agree_on_are_equal() -> None:
    """A cell that stands in two tables is the same experiment in both."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name in ("table1", "table2", "table4"):
        for cell in expand(load_recipe(name, data=DATA)):
            rules = tuple(rule.name for rule in methods.rules_of(cell.method))
            key = (rules, cell.noise.kind, cell.noise.rate, cell.seed)
            assert found.setdefault(key, cell.options) == cell.options


def test_options_under_each_noise() -> None:
    cells = {
        (cell.label, cell.noise.kind, cell.noise.rate): cell.options
        for name in ("table2", "table5")
        for cell in expand(load_recipe(name, data=DATA))
    }
    trust = {key[1:]: options["b"] for key, options in cells.items() if key[0] == "SMKD-P+ProSelfLC"}
    assert trust == {
        ("clean", 0.0): 10,
        ("symmetric", 0.2): 14,
        ("symmetric", 0.4): 12,
        ("pairflip", 0.2): 14,
        ("pairflip", 0.4): 8,
    }
    assert [cells["SMKD-S+MyLC", "symmetric", rate]["eta"] for rate in (0.2, 0.4)] == [2, 4]
    assert [cells["SMKD-S eta=3", "symmetric", rate]["b"] for rate in (0.2, 0.4, 0.6, 0.8)] == [14, 12, 8, 8]
    assert [cells["LS", kind, rate]["epsilon"] for kind, rate in (("clean", 0.0), ("pairflip", 0.4))] == [0.125, 0.5]


@pytest.mark.parametrize("name", CELLS)
def test_every_value_of_the_protocol_has_its_source_beside_it(name: str) -> None:
    lines = shipped_recipes()[name].read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("seeds:"))
    bare = [line for line in lines[start:] if "#" not in line and not line.endswith(":")]
    # The quickstart is no experiment of the paper; its text says that all of it is our choice.
    assert bare == [] or name == "quickstart"
