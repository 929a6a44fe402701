"""Every recipe that ships is right, has the rows and columns of its table, and says where its values come from."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pytest

from smkd_cli import methods, resources
from smkd_cli.recipe import expand, load_recipe, shipped_recipes

CELLS = {
    "quickstart": (12, 1, 3),
    "table1": (16, 1, 3),
    "table2": (10, 5, 3),
    "table5": (4, 4, 3),
    "figure2": (7, 1, 1),
    "figure3": (7, 4, 1),
    "figure4": (21, 1, 1),
}


def published(table: str) -> set[tuple[str, str, float]]:
    with resources.published_numbers().open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["table"] == table]
    return {(row["method"], row["noise"], float(row["rate"])) for row in rows}


def test_all_are_known_here() -> None:
    assert shipped_recipes().keys() == CELLS.keys()


@pytest.mark.parametrize("name", CELLS)
def test_it_has_as_many_cells_as_it_should(smkd: Callable[..., Any], name: str) -> None:
    rows, columns, seeds = CELLS[name]
    assert smkd("recipes", "validate", name).out == f"{name}: ok, {rows * columns * seeds} cells\n"
    assert smkd("recipes", "validate", name, "--profile", "embedded").out == f"{name}: ok, {rows * columns} cells\n"


@pytest.mark.parametrize("name", CELLS)
def test_the_embedded_profile_keeps_methods_and_noise(name: str) -> None:
    full, small = load_recipe(name), load_recipe(name, profile="embedded")
    assert (small.methods, small.noise, small.options) == (full.methods, full.noise, full.options)
    assert (small.dataset, small.seeds, small.profile, small.name) == ("digits", (1,), "embedded", f"{name}-embedded")


@pytest.mark.parametrize(("name", "table"), [("table1", "I"), ("table2", "II"), ("table5", "V")])
def test_it_has_the_rows_and_columns_of_the_published_table(name: str, table: str) -> None:
    cells = expand(load_recipe(name))
    assert {(cell.label, cell.noise.kind, cell.noise.rate) for cell in cells} == published(table)
    assert {cell.recipe.tables for cell in cells} == {(table,)}


@pytest.mark.parametrize("name", sorted(CELLS.keys() - {"quickstart"}))
def test_the_paper_s_protocol(name: str) -> None:
    recipe = load_recipe(name)
    assert (recipe.dataset, set(recipe.networks), recipe.epochs, recipe.batch_size) == (
        "cifar100",
        {"resnet34"},
        100,
        128,
    )
    assert len({cell.protocol for key in CELLS.keys() - {"quickstart"} for cell in expand(load_recipe(key))[:1]}) == 1


def test_options_that_the_tables_agree_on_are_equal() -> None:
    """A cell that stands in two tables is the same experiment in both."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name in ("table1", "table2"):
        for cell in expand(load_recipe(name)):
            rules = tuple(rule.name for rule in methods.rules_of(cell.method))
            key = (rules, cell.noise.kind, cell.noise.rate, cell.seed)
            assert found.setdefault(key, cell.options) == cell.options


def test_options_under_each_noise() -> None:
    cells = {
        (cell.label, cell.noise.kind, cell.noise.rate): cell.options
        for name in ("table2", "table5")
        for cell in expand(load_recipe(name))
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
