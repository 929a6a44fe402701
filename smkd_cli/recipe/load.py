"""From what a user names to a checked recipe: read, lay profile and overrides over it, check."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from smkd_cli import console, methods, resources
from smkd_cli.errors import RecipeError
from smkd_cli.networks.trained import PRETRAINED
from smkd_cli.recipe.checks import check
from smkd_cli.recipe.document import Document
from smkd_cli.recipe.grid import used_rules
from smkd_cli.recipe.overrides import apply_dataset, apply_override, apply_profile
from smkd_cli.recipe.problems import add_problems
from smkd_cli.recipe.schema import RECIPE_SCHEMA, MethodEntry, NoiseEntry, Recipe, name_from
from smkd_cli.recipe.yaml_reader import MAX_CHARACTERS, decode, is_readable, parse, read_file
from smkd_cli.recipe.yaml_writer import dump
from smkd_cli.suggestions import unknown
from smkd_cli.words import shown


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the program, by name."""
    return {path.stem: path for path in sorted(resources.recipes_folder().glob("*.yaml"))}


def read_source(source: str) -> tuple[str, Path | None]:
    """The text of a recipe and the file it came from, None for stdin.

    Args:
        source: a path, the name of a shipped recipe, or ``-``.

    Raises:
        RecipeError: there is no such recipe, or it cannot be read.
    """
    if source == "-":
        return decode(sys.stdin.buffer.read(4 * MAX_CHARACTERS + 1), "stdin"), None
    path, shipped = Path(source), shipped_recipes()
    if not is_readable(path):
        if source not in shipped:
            if path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
                raise RecipeError(f"{shown(source)}: is not a file; shipped recipes are {', '.join(shipped)}")
            raise RecipeError(unknown("recipe", source, shipped) + "; or give the path of a file")
        path = shipped[source]
    return read_file(path), path


def load_recipe(
    source: str | Mapping[str, Any] | Recipe,
    overrides: Sequence[str] = (),
    profile: str | None = None,
    *,
    data: Path,
    dataset: str | None = None,
) -> Recipe:
    """Read and check a recipe.

    Args:
        source: a path, the name of a shipped recipe, or ``-`` for stdin; or what stands in a recipe, as plain data, or
            a recipe that was read before.
        overrides: ``key.path=value`` in the order given; the last word on a key.
        profile: name or path of a set of overrides that is laid over the recipe first.
        data: folder of the data sets: their facts bound the values of a recipe.
        dataset: what to train on instead of the recipe's own data set: a name, or a path from the current folder.

    Returns:
        The recipe; paths of manifests in it are relative to the current folder.

    Raises:
        RecipeError: whatever is wrong with it, everything in one message.
        DataError: its data set has its facts in files, and these are missing or damaged.
    """
    path: Path | None = None
    if isinstance(source, str):
        text, path = read_source(source)
        called = "stdin"
        document = parse(text, str(path or called))
    else:
        called = "recipe"
        plain = source.model_dump(mode="json", by_alias=True) if isinstance(source, Recipe) else dict(source)
        # What a program writes down, it writes for the version that it calls.
        document = parse(dump({"schema": RECIPE_SCHEMA, **plain}), called, lines=False)
    if not isinstance(document.data, dict):
        document.add_problem((), "a recipe is a mapping of keys to values; this is none")
        document.raise_problems()
    document.data.setdefault("name", name_from(path.stem if path else called))
    if profile is not None:
        apply_profile(document, profile)
    if dataset is not None:
        apply_dataset(document, dataset)
    for override in overrides:
        apply_override(document, override)
    # No manifests are in the program's folder; those that --set gives a shipped recipe are in the current folder.
    own_folder = path.parent if path is not None and path not in shipped_recipes().values() else Path()
    return _settled(_checked(document, data), own_folder)


def _checked(document: Document, data: Path) -> Recipe:
    optional = {name: field.default for name, field in Recipe.model_fields.items() if not field.is_required()}
    valid: dict[str, Any] = {name: default for name, default in optional.items() if name not in document.data}
    recipe = None
    try:
        recipe = Recipe.model_validate(document.data, context=valid)
    except ValidationError as error:
        add_problems(document, error)
    for field, model in (("methods", MethodEntry), ("noise", NoiseEntry)):
        valid[field] = _sound_entries(document.data.get(field), model)
    warnings = check(document, valid, data)
    document.raise_problems()
    _ = methods.REGISTRY.offered  # so that a package whose methods cannot be used is always named
    for warning in warnings:
        console.warn(warning)
    assert recipe is not None
    return recipe


def _sound_entries(items: Any, model: type[BaseModel]) -> dict[int, BaseModel]:
    sound = {}
    for number, item in enumerate(items if isinstance(items, list) else ()):
        with suppress(ValidationError):
            sound[number] = model.model_validate(item)
    return sound


def _settled(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe without options that overrides left without a method, and with the manifests' paths from here."""
    used = used_rules(recipe.methods)
    noise = [
        entry.model_copy(
            update={
                "options": {rule: options for rule, options in entry.options.items() if rule in used},
                "manifest": entry.manifest and str(folder / entry.manifest),
            }
        )
        for entry in recipe.noise
    ]
    options = {rule: options for rule, options in recipe.options.items() if rule in used}
    own = recipe.dataset.own
    dataset = recipe.dataset
    if own is not None:
        there = own.with_paths(lambda path: str(folder / path))
        dataset = dataset.model_copy(update={"path": there.path, "root": there.root, "skip": there.skip})
    dataset = dataset.shown_to(recipe.networks[0])
    weights = tuple(path and (path if path == PRETRAINED else str(folder / path)) for path in recipe.weights)
    return recipe.model_copy(update={"noise": tuple(noise), "options": options, "dataset": dataset, "weights": weights})
