"""``smkd recipes``: list, show, copy and check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smkd_cli import console
from smkd_cli.artifacts.files import write_text
from smkd_cli.data import opened_once
from smkd_cli.errors import DataError, RecipeError, SmkdError, UsageError
from smkd_cli.recipe.expand import expand
from smkd_cli.recipe.fit import fitting_cells
from smkd_cli.recipe.load import load_recipe, read_source, shipped_recipes
from smkd_cli.recipe.schema import name_from
from smkd_cli.recipe.yaml_reader import check_characters
from smkd_cli.recipe.yaml_writer import dump
from smkd_cli.suggestions import unknown


def ls(data: Path) -> None:
    """Print a line per shipped recipe: name, number of cells and title, with tabs between."""
    for name, path in shipped_recipes().items():
        recipe = load_recipe(str(path), data=data)
        console.emit(f"{name}\t{len(expand(recipe))}\t{recipe.title}")


def show(recipe: str, overrides: Sequence[str], profile: str | None, data: Path) -> None:
    """Print a recipe as it is written; with overrides or a profile, every key of it as it would be run.

    Raises:
        RecipeError: there is no such recipe, it is no text, or the overridden one is wrong.
    """
    if overrides or profile is not None:
        text = dump(load_recipe(recipe, overrides, profile, data=data).model_dump(mode="json", by_alias=True))
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
        UsageError: the file exists and ``force`` is not given.
        DataError: the file cannot be written.
    """
    shipped = shipped_recipes()
    if recipe not in shipped:
        raise RecipeError(unknown("recipe", recipe, shipped))
    target = destination / f"{recipe}.yaml" if destination.is_dir() else destination
    if target.exists() and not force:
        raise UsageError(f"{target}: exists already; name another file, or overwrite it with --force")
    text = shipped[recipe].read_text(encoding="utf-8")
    write_text(target, text.replace(f"\nname: {recipe}\n", f"\nname: {name_from(target.stem)}\n"))
    console.emit(str(target))


def validate(recipes: Sequence[str], overrides: Sequence[str], profile: str | None, data: Path) -> None:
    """Check every recipe, with the manifests and teachers that it names, and print a line for each that is right.

    Raises:
        RecipeError: the problems of all recipes that are not, and of their files.
        DataError: all recipes are right, but files that they name are missing, damaged or do not fit.
    """
    errors: list[SmkdError] = []
    with opened_once():
        for source in recipes:
            try:
                cells = fitting_cells(load_recipe(source, overrides, profile, data=data), data)
            except (RecipeError, DataError) as error:
                errors.append(error)
            else:
                console.emit(f"{source}: ok, {len(cells)} cells")
    if errors:
        message = "\n".join(map(str, errors))
        raise RecipeError(message) if any(isinstance(error, RecipeError) for error in errors) else DataError(message)
