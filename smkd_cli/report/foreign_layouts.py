"""Layouts that are not ours: found for the results that name them, and checked before they are filled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

from smkd_cli.artifacts.results import CellRecord, Noise
from smkd_cli.errors import UsageError
from smkd_cli.naming import is_name
from smkd_cli.recipe import Cell
from smkd_cli.registry import LAYOUTS, file_of, used
from smkd_cli.report.layout import (
    REGISTRY,
    Coordinates,
    FromResults,
    Layout,
    Slot,
    SlotIndex,
    accuracy,
    coordinates_of,
    fits,
    layouts,
)
from smkd_cli.report.tables import Table

# Of numbers that people read.
_MOST_DECIMALS = 15


def layouts_of(tables: Iterable[str], trust_code: bool, warnings: list[str]) -> tuple[Layout, ...]:
    """The paper's layouts, and those that results name as their tables; what cannot be used is added to the warnings.

    Args:
        trust_code: whether a file that results name may be run: it may come from the same untrusted source.
    """
    others = []
    for name in dict.fromkeys(tables):
        if LAYOUTS.is_own(name):
            continue
        if file_of(name) is not None and not trust_code:
            warnings.append(
                f"results name the layout {name}, which is code, and stand in a plain table without it; read the file, "
                "and pass --trust-code to run it"
            )
            continue
        try:
            others.append(replace(find(name), number=name))
        except UsageError as error:
            warnings.append(str(error))
    return (*layouts(), *others)


def find(name: str) -> Layout:
    """The layout of that name, checked in all its parts.

    Raises:
        UsageError: there is none, or a part of it is not what it should be.
    """
    layout = REGISTRY.find(name)
    if not LAYOUTS.is_own(name):
        title = REGISTRY.title(name)
        used(title, lambda: _check(layout, title))
    return layout


def check_table(table: Table) -> None:
    """Raise a ValueError where a layout's functions gave something else than text to show."""
    for text in (*(column.label for column in table.columns), *(row.label for row in table.rows)):
        if not isinstance(text, str):
            raise ValueError(f"label should return text, not {type(text).__name__}")


def _check(layout: Layout, title: str) -> None:
    for field in fields(layout):
        fits, wanted = _FIELDS[field.name]
        value = getattr(layout, field.name)
        if not fits(value):
            raise UsageError(f"{title}: {field.name} should be {wanted}, not {type(value).__name__}")
    if not layout.name or not is_name(layout.name):
        raise UsageError(f"{title}: name should be a line of printable characters")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_axis(value: Any) -> bool:
    if isinstance(value, FromResults):
        return (
            isinstance(value.coordinate, str) and callable(value.label) and _is_count(value.every) and value.every > 0
        )
    return isinstance(value, tuple) and all(map(_is_slot, value))


def _is_slot(value: Any) -> bool:
    return (
        isinstance(value, Slot)
        and isinstance(value.where, Mapping)
        and all(isinstance(text, str) for text in (value.label, value.group, value.elsewhere))
    )


_TEXT = (lambda value: isinstance(value, str), "text")
_FLAG = (lambda value: isinstance(value, bool), "True or False")
_AXIS = (_is_axis, "FromResults, or a tuple of Slot, each with a label and a dictionary")
# By field: whether a value can be in it, and what it should be.
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("name", "number", "title", "corner", "metric", "of"), _TEXT),
    **dict.fromkeys(("best_two", "own_recipes", "across_protocols"), _FLAG),
    **dict.fromkeys(("rows", "columns"), _AXIS),
    "where": (lambda value: isinstance(value, Mapping), "a dictionary"),
    "measure": (callable, "a function"),
    "decimals": (lambda value: _is_count(value) and value <= _MOST_DECIMALS, f"a number from 0 to {_MOST_DECIMALS}"),
    "epochs": (lambda value: value is None or _is_count(value) or callable(value), "a number, a function, or None"),
    "notes": (
        lambda value: isinstance(value, tuple) and all(isinstance(note, str) for note in value),
        "a tuple of texts",
    ),
}


def check_fit(name: str, cells: Iterable[Cell]) -> None:
    """Look whether a recipe that names a layout has results for it.

    Args:
        name: of the layout.
        cells: of the recipe.

    Raises:
        UsageError: there is no such layout, it is not ours and wrong, or no cell of the recipe stands in it.
    """
    layout, title = find(name), REGISTRY.title(name)
    found = [coordinates_of(_record(cell)) for cell in cells]
    if not any(used(title, partial(_holds, layout, at)) for at in found):
        raise UsageError(f"{title}: no cell of the recipe stands in it")


def _record(cell: Cell) -> CellRecord:
    """What a report knows of a result of the cell, without its data set."""
    noise = Noise(kind=cell.noise.kind or "manifest", rate=cell.noise.rate)
    protocol = cell.recipe.methods[0].protocol
    return CellRecord.model_validate(
        {
            "recipe": cell.recipe.name,
            "protocol": "",
            "label": cell.label,
            "method": cell.method,
            "options": cell.options,
            "dataset": cell.recipe.dataset.title,
            "networks": cell.recipe.networks,
            "epochs": cell.recipe.epochs,
            "own_protocol": None if protocol is None else protocol.model_dump(mode="json"),
            "noise": noise,
            "seed": cell.seed,
        }
    )


def _holds(layout: Layout, at: Coordinates) -> bool:
    """Whether results at these coordinates stand in a layout; coordinates that its ``measure`` adds are not known."""
    if not fits(at, layout.where):
        return False
    if layout.measure is not accuracy:
        return True
    return all(
        bool(axis.slots([at])) if isinstance(axis, FromResults) else bool(SlotIndex(axis).of(at))
        for axis in (layout.rows, layout.columns)
    )
