"""``smkd recipes ls | show | copy | validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smkd_cli.cli.options import DATA, Dataset, Overrides, Profile, Recipe, Root, read_stdin_once

app = typer.Typer(no_args_is_help=True, help="List, show, copy and check recipes.")


@app.command("ls")
def recipes_ls(data: Root = DATA) -> None:
    """List the shipped recipes."""
    from smkd_cli.recipe.verbs import ls

    ls(data)


@app.command("show")
def recipes_show(
    recipe: Recipe, dataset: Dataset = None, overrides: Overrides = None, profile: Profile = None, data: Root = DATA
) -> None:
    """Print a recipe; with --dataset, --set or --profile, as it would be trained."""
    from smkd_cli.recipe.verbs import show

    show(recipe, overrides or [], profile, data, dataset)


@app.command("copy")
def recipes_copy(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe.")],
    destination: Annotated[Path, typer.Argument(help="New file, or existing folder.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Copy a shipped recipe, so that you can change it."""
    from smkd_cli.recipe.verbs import copy

    copy(recipe, destination, force)


@app.command("validate")
def recipes_validate(
    recipes: Annotated[list[str], typer.Argument(help="Recipe files or names of shipped recipes; - is stdin.")],
    dataset: Dataset = None,
    overrides: Overrides = None,
    profile: Profile = None,
    data: Root = DATA,
) -> None:
    """Check recipes and the files that they name; report all errors at once."""
    read_stdin_once(*recipes)
    from smkd_cli.recipe.verbs import validate
    from smkd_cli.report.foreign_layouts import check_fit

    validate(recipes, overrides or [], profile, data, check_fit, dataset)
