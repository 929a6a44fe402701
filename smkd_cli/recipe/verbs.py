"""``smkd recipes``: list, show, copy and check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from smkd_cli import console
from smkd_cli.artifacts.files import write_text
from smkd_cli.data import find, opened_once
from smkd_cli.data.own.options import is_path
from smkd_cli.errors import DataError, RecipeError, SmkdError, UsageError
from smkd_cli.recipe.cell import Cell
from smkd_cli.recipe.expand import expand
from smkd_cli.recipe.fit import fitting_cells
from smkd_cli.recipe.load import load_recipe, read_source, shipped_recipes
from smkd_cli.recipe.schema import Recipe, name_from
from smkd_cli.recipe.yaml_reader import check_characters, parse, read_file
from smkd_cli.recipe.yaml_writer import dump
from smkd_cli.registry import DATASETS, LAYOUTS
from smkd_cli.suggestions import unknown
from smkd_cli.words import shown

_ANY = ("dataset=digits", "networks=small_resnet", "weights=null", "freeze=null")


def ls(data: Path) -> None:
    """Print a line per shipped recipe: name, number of cells and title, with tabs between."""
    for name, path in shipped_recipes().items():
        # Of a recipe for one's own images, any data set and any networks have the same cells.
        own = "dataset" not in parse(read_file(path), str(path)).data
        recipe = load_recipe(str(path), _ANY if own else (), data=data)
        console.emit(f"{name}\t{len(expand(recipe))}\t{recipe.title}")


def show(recipe: str, overrides: Sequence[str], profile: str | None, data: Path, dataset: str | None = None) -> None:
    """Print a recipe as it is written; with a data set, overrides or a profile, every key of it as it would be run.

    Raises:
        RecipeError: there is no such recipe, it is no text, or the overridden one is wrong.
    """
    if overrides or profile is not None or dataset is not None:
        settled = load_recipe(recipe, overrides, profile, data=data, dataset=dataset)
        text = dump(settled.model_dump(mode="json", by_alias=True))
    else:
        text, path = read_source(recipe)
        check_characters(text, str(path or "stdin"))
    with console.data_out() as stream:
        stream.write(text)


def copy(recipe: str, destination: Path, force: bool) -> None:
    """Copy a shipped recipe to a file, or into a folder under its own name, and print the new path.

    The copy is named after its file, so that its runs stay apart from those of the original.

    Raises:
        RecipeError: there is no such recipe.
        UsageError: the file exists and ``force`` is not given, or its path has a line break.
        DataError: the file cannot be written.
    """
    shipped = shipped_recipes()
    if recipe not in shipped:
        raise RecipeError(unknown("recipe", recipe, shipped))
    console.check_path(destination, "the destination")
    target = destination / f"{recipe}.yaml" if destination.is_dir() else destination
    if target.exists() and not force:
        raise UsageError(f"{shown(target)}: exists already; name another file, or overwrite it with --force")
    text = shipped[recipe].read_text(encoding="utf-8")
    write_text(target, text.replace(f"\nname: {recipe}\n", f"\nname: {name_from(target.stem)}\n"))
    console.emit(str(target))


def validate(
    recipes: Sequence[str],
    overrides: Sequence[str],
    profile: str | None,
    data: Path,
    check_layout: Callable[[str, list[Cell]], None],
    dataset: str | None = None,
) -> None:
    """Check every recipe, with all that it names, and print a line for each that is right.

    Args:
        check_layout: raises a UsageError where a layout that is not ours cannot hold the recipe's cells.

    Raises:
        RecipeError: the problems of all recipes that are not, and of their files.
        DataError: all recipes are right, but files that they name are missing, damaged or do not fit.
    """
    for source in recipes:
        console.check_path(source, "the recipe")
    errors: list[SmkdError] = []
    with opened_once():
        for source in recipes:
            try:
                recipe = load_recipe(source, overrides, profile, data=data, dataset=dataset)
                cells = fitting_cells(recipe, data)
                _check_tables(recipe, cells, source, check_layout)
                _check_labels(recipe, data)
            except (RecipeError, DataError) as error:
                errors.append(error)
            else:
                console.emit(f"{source}: ok, {len(cells)} cells")
    if errors:
        message = "\n".join(map(str, errors))
        raise RecipeError(message) if any(isinstance(error, RecipeError) for error in errors) else DataError(message)


def _check_tables(
    recipe: Recipe, cells: list[Cell], source: str, check_layout: Callable[[str, list[Cell]], None]
) -> None:
    problems = []
    for number, table in enumerate(recipe.tables):
        if not LAYOUTS.is_own(table):
            try:
                check_layout(table, cells)
            except UsageError as error:
                problems.append(f"{source}: tables.{number}: {error}")
    if problems:
        raise RecipeError("\n".join(problems))


def _check_labels(recipe: Recipe, data: Path) -> None:
    """Read the labels of a data set that is code of others, where it is here; those of ours are known to be right."""
    reference = recipe.dataset.reference
    if isinstance(reference, str) and not is_path(reference) and not DATASETS.is_own(reference):
        dataset = find(reference, data)
        if not dataset.missing():
            dataset.labels("train")
            dataset.labels("test")
