"""What overrides values of a recipe: a profile, another data set, then ``--set key=value``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from smkd_cli import resources
from smkd_cli.data.own.options import OwnData, is_path
from smkd_cli.errors import RecipeError
from smkd_cli.recipe.document import Document, KeyPath, Location, Problem
from smkd_cli.recipe.schema import name_from
from smkd_cli.recipe.yaml_reader import MAX_DEPTH, is_readable, parse, read_file
from smkd_cli.suggestions import unknown
from smkd_cli.words import plain, shortened, shown

# Keys with plain values that a method or a variant may have in its own way.
_SPREAD = ("epochs", "batch_size")
_LONGEST_SOURCE = 200
_MOST_DIGITS = 9  # of an index in a list; Python refuses to read thousands


def apply_profile(document: Document, profile: str) -> None:
    """Lay a profile over a recipe: its mappings are merged in, its lists and values replace the recipe's.

    The recipe's name gets the profile's at its end, so that its runs have a folder of their own.

    Args:
        profile: the name of a shipped profile, or the path of a YAML file.

    Raises:
        RecipeError: there is no such profile, or it is no mapping.
    """
    shipped = {path.stem: path for path in sorted((resources.recipes_folder() / "profiles").glob("*.yaml"))}
    path = shipped.get(profile, Path(profile))
    if not is_readable(path):
        raise RecipeError(
            f"--profile {shown(profile)}: {unknown('profile', profile, shipped)}; or give the path of a file"
        )
    layer = parse(read_file(path), str(path))
    if not isinstance(layer.data, dict):
        raise RecipeError(f"{path}: a profile is a mapping of a recipe's keys to values; this is none")
    document.problems += layer.problems
    name = name_from(path.stem)
    if document.data.get("profile") != name and isinstance(document.data.get("name"), str):
        document.data["name"] += f"-{name}"
    document.merge(layer)
    _spread(document, layer, layer.data)
    document.data["profile"] = name


def apply_dataset(document: Document, dataset: str) -> None:
    """Train on another data set; how one's own images are shown and split stays as the recipe has it.

    Args:
        dataset: a name, or the path of one's own images from the current folder.
    """
    source = shortened(f"--dataset {dataset}", _LONGEST_SOURCE)
    value: dict[str, Any] = {"name": dataset}
    if is_path(dataset):
        before = document.data.get("dataset")
        kept = dict(before) if isinstance(before, dict) and "name" not in before else {}
        for key in ("root", "skip"):
            kept.pop(key, None)
        if not OwnData(dataset).is_table:
            kept.pop("columns", None)
        value = {**kept, "path": str(Path.cwd() / dataset)}
    document.put(("dataset",), value, Document(value, Location(source)))


def apply_override(document: Document, override: str) -> None:
    """Set one key of a recipe; what is wrong with it is noted in the document.

    Args:
        override: ``key.path=value``; a number in the path counts the items of a list from 0, the value is YAML.
    """
    source = shortened(f"--set {override}", _LONGEST_SOURCE)
    dotted, equals, text = override.partition("=")
    try:
        if not equals or not dotted.strip():
            raise RecipeError("is not KEY=VALUE, for example --set optimizer.lr=0.05")
        layer = parse(text, source, lines=False)
        document.problems += layer.problems
        _set(document, dotted.strip().split("."), layer)
    except RecipeError as error:
        document.problems.append(Problem(Location(source), str(error).removeprefix(f"{source}: ")))


def _set(document: Document, steps: list[str], layer: Document) -> None:
    if len(steps) > MAX_DEPTH:
        raise RecipeError(f"is a path of {len(steps)} keys; no recipe is nested more than {MAX_DEPTH} deep")
    path: KeyPath = ()
    container: Any = document.data
    for step in steps:
        if path:
            if isinstance(container, dict) and container.get(path[-1]) is None:
                document.put(path, {}, layer)
            container = container[path[-1]]
        if isinstance(container, list):
            is_number = step.isascii() and step.isdecimal() and len(step) <= _MOST_DIGITS
            if not (is_number and int(step) < len(container)):
                raise RecipeError(
                    f"{_name(path)} is a list of length {len(container)}; {plain(step)} is not an index of it"
                )
            path = (*path, int(step))
        elif isinstance(container, dict):
            path = (*path, step)
        else:
            raise RecipeError(f"{_name(path)} is a single value and has no key {plain(step)}")
    document.put(path, layer.data, layer)
    if len(path) == 1:
        _spread(document, layer, {path[0]: layer.data}, ())


def _spread(document: Document, layer: Document, given: Mapping[str | int, Any], at: KeyPath | None = None) -> None:
    """What comes from outside as a plain value holds for the whole grid, also where a part of it has its own value.

    Whole sections stay with who has them: a method in its authors' recipe keeps its optimiser when it is made small.

    Args:
        at: where the one value stands in the layer; under its own key by default.
    """
    for part_path, part in _parts(document.data):
        for key in _SPREAD:
            if key in given and key in part:
                document.put((*part_path, key), given[key], layer, (key,) if at is None else at)
        mine, theirs = part.get("networks"), given.get("networks")
        if mine is not None and theirs is not None:
            # Of one network: a part with two different ones keeps its second, and so stays one.
            different = isinstance(mine, list) and len(mine) == 2 and mine[0] != mine[1]
            value = [theirs, mine[1]] if different and isinstance(theirs, str) else deepcopy(theirs)
            document.put((*part_path, "networks"), value, layer, ("networks",) if at is None else at)


def _parts(recipe: Any) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """The parts of a recipe that may have keys of their own, each with its path."""
    for name, inner in (("methods", ("protocol",)), ("variants", ())):
        entries = recipe.get(name)
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            part = entry.get("protocol") if inner and isinstance(entry, dict) else entry
            if isinstance(part, dict):
                yield (name, number, *inner), part


def _name(path: KeyPath) -> str:
    return ".".join(map(str, path))
