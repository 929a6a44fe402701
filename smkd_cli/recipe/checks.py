"""Whether the names of a recipe exist and its parts fit together: what the schema alone cannot know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from smkd_cli import networks, noise
from smkd_cli.data import DataSet, augmentation, find
from smkd_cli.data.dataset import CLEAN_UNKNOWN
from smkd_cli.data.hold_out import held_out_count
from smkd_cli.errors import DataError, UnknownName, UsageError
from smkd_cli.recipe.dataset import Dataset
from smkd_cli.recipe.document import Document, KeyPath
from smkd_cli.recipe.method_checks import RecipeContext, check_methods
from smkd_cli.recipe.problems import in_words
from smkd_cli.recipe.protocol import TRAINING, Augmentation, Training
from smkd_cli.recipe.schema import MethodEntry, NoiseEntry
from smkd_cli.recipe.size import check_size
from smkd_cli.registry import LAYOUTS
from smkd_cli.seeds import generator
from smkd_cli.suggestions import unknown

# The keys of a training with their values and where these stand.
Fields = dict[str, tuple[Any, KeyPath]]


def check(document: Document, valid: Mapping[str, Any], data: Path) -> list[str]:
    """Note in the document every unknown name and every combination that makes no sense.

    Args:
        valid: the fields of the recipe that have the right form, by name; the others are passed over. Of ``methods``
            and ``noise`` it holds the valid entries by their indices in the list.
        data: folder of the data sets.

    Returns:
        Warnings: what can be run, but is most likely a mistake.

    Raises:
        DataError: the data set cannot be opened, and nothing else is wrong.
    """
    dataset: DataSet | None = None
    broken: DataError | None = None
    if "dataset" in valid:
        try:
            wanted: Dataset = valid["dataset"]
            with suppress(UnknownName):  # which is a problem of the network's
                wanted = wanted.shown_to(valid["networks"][0]) if "networks" in valid else wanted
            dataset = find(wanted.reference, data)
        except UnknownName as error:
            document.add_problem(("dataset",), str(error))
        except DataError as error:  # not the recipe's fault; what else is wrong with it is said too
            broken = error
    warnings = _check_with(document, valid, dataset)
    if broken is not None:
        if not document.problems:
            raise broken
        document.add_problem(("dataset",), str(broken))
    return warnings


def _check_with(document: Document, valid: Mapping[str, Any], dataset: DataSet | None) -> list[str]:
    if dataset is not None and "validation" in valid:
        _check_validation(document, valid["validation"].fraction, dataset)
    for number, table in enumerate(valid.get("tables", ())):
        try:
            LAYOUTS.check(table)
        except UnknownName as error:
            document.add_problem(("tables", number), str(error))
    settings: Mapping[int, NoiseEntry] = valid.get("noise", {})
    warnings = _check_noise(document, settings, dataset)
    if not check_size(document, valid):
        return warnings
    fraction = valid["validation"].fraction if "validation" in valid else 0.0
    for fields in _trainings(valid):
        _check_training(document, fields, dataset, fraction)
    _check_noise_is_distinct(document, settings, valid.get("seeds", ()))
    context = None
    if dataset is not None and {"batch_size", "validation"} <= valid.keys():
        plain = _without_features(valid)
        shared = list(_trainings(valid, alone=True))
        balanced = any(fields.get("sampler", (None,))[0] == "balanced" for fields in shared)
        mixed = any(fields["augmentation"][0].mix is not None for fields in shared if "augmentation" in fields)
        held_out = held_out_count(dataset, valid["validation"].fraction) > 0
        context = RecipeContext(valid["batch_size"], dataset.classes, held_out, plain, balanced, mixed)
    check_methods(document, valid.get("methods", {}), settings, valid.get("options", {}), context)
    return warnings


def _trainings(valid: Mapping[str, Any], *, alone: bool = False) -> Iterator[Fields]:
    """Every way in which cells of the grid are trained: by the recipe, in each variant, and for each method.

    Args:
        alone: whether to leave out the methods' own.
    """
    base: Fields = {key: (valid[key], (key,)) for key in TRAINING if key in valid}
    variants = [
        _merged(base, variant, ("variants", number)) for number, variant in enumerate(valid.get("variants", ()))
    ]
    yield base
    yield from variants
    entries: Mapping[int, MethodEntry] = valid.get("methods", {})
    for number, entry in entries.items():
        if entry.protocol is not None and not alone:
            for fields in variants or [base]:
                yield _merged(fields, entry.protocol, ("methods", number, "protocol"))


def _without_features(valid: Mapping[str, Any]) -> tuple[str, ...]:
    """The networks of a grid that have no feature maps; all of ours do."""
    names = dict.fromkeys(name for fields in _trainings(valid) for name in fields.get("networks", ((), ()))[0])
    plain = []
    for name in names:
        with suppress(UsageError):  # which is a problem of the network's
            if not networks.facts(name).features:
                plain.append(name)
    return tuple(plain)


def _merged(fields: Fields, own: Training, at: KeyPath) -> Fields:
    return {**fields, **{key: (value, (*at, key)) for key, value in own.given.items()}}


def _check_training(document: Document, fields: Fields, dataset: DataSet | None, fraction: float) -> None:
    def limit(key: str, attribute: str | None, highest: int, reason: str) -> None:
        section, path = fields.get(key, (None, ()))
        value = getattr(section, attribute, None) if attribute else section
        if value is not None and value > highest:
            below = (*path, attribute) if attribute else path
            document.add_problem(below, f"should be at most {highest}, {reason}, not {value}")

    shape = None if dataset is None else dataset.image_shape
    if "augmentation" in fields:
        shape = _check_rules(document, *fields["augmentation"], shape)
    pair, at = fields.get("networks", ((), ()))
    for peer, name in enumerate(pair):
        if name in pair[:peer]:
            continue
        try:
            if dataset is None or shape is None:
                networks.facts(name)
            else:
                networks.check(name, shape, dataset.classes)
        except UsageError as error:
            document.add_problem((*at, peer), str(error))
    if "epochs" in fields and "schedule" in fields:
        (epochs, of_epochs), (schedule, of_schedule) = fields["epochs"], fields["schedule"]
        if len(of_epochs) > len(of_schedule):  # a schedule that others share is not to blame
            if epochs <= schedule.warmup_epochs:
                least = schedule.warmup_epochs + 1
                message = f"should be at least {least}, above the epochs of warm-up, not {epochs}"
                document.add_problem(of_epochs, message)
        else:
            limit("schedule", "warmup_epochs", epochs - 1, f"below the {epochs} epochs")
    if dataset is not None:
        held_out = held_out_count(dataset, fraction)
        by = "validation.fraction holds out" if dataset.validation is None else "are for validation"
        rest = f", less the {held_out} that {by}" if held_out else ""
        most = dataset.train_size - held_out
        limit("batch_size", None, most, f"the number of training images of {dataset.name}{rest}")
        side = min(dataset.image_shape[:2])
        limit("augmentation", "crop_padding", side, f"the side of the images of {dataset.name}")


def _check_rules(
    document: Document, section: Augmentation, at: KeyPath, shape: tuple[int, int, int] | None
) -> tuple[int, int, int] | None:
    """The shape (H, W, C) of images that all rules have varied, of that shape before; None if that is not known."""
    for number, rule in enumerate(section.rules):
        path = (*at, "rules", number)
        try:
            made = augmentation.build(rule.name, rule.options)
            augmentation.draw(made, generator(0, "check"), 2, 1)
            if shape is not None:
                shape = (*augmentation.size_after([made], *shape[:2]), shape[2])
        except UsageError as error:
            document.add_problem(path, str(error))
            shape = None
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                document.add_problem((*path, *detail["loc"]), in_words(detail))
            shape = None
    return shape


def _check_validation(document: Document, fraction: float, dataset: DataSet) -> None:
    held_out = held_out_count(dataset, fraction)
    if fraction and dataset.validation is not None:
        problem = f"holds out more than the {held_out} images that {dataset.name} gives for validation: leave it out"
        document.add_problem(("validation", "fraction"), problem)
    elif fraction and not 0 < held_out < dataset.train_size - 1:
        problem = f"holds out {held_out} of the {dataset.train_size} training images of {dataset.name}"
        document.add_problem(("validation", "fraction"), problem)


def _check_noise(document: Document, settings: Mapping[int, NoiseEntry], dataset: DataSet | None) -> list[str]:
    warnings = []
    for number, entry in settings.items():
        if entry.manifest == "-":
            message = "cannot be stdin in a recipe; name a file, or leave it out and use `smkd train --manifest -`"
            document.add_problem(("noise", number, "manifest"), message)
        if entry.sampling is not None and entry.sampling not in noise.samplings():
            message = unknown("sampling", entry.sampling, noise.samplings())
            document.add_problem(("noise", number, "sampling"), message)
        if entry.manifest is not None or entry.kind is None:
            continue
        try:
            noise.find(entry.kind)
            if dataset is not None:
                if entry.kind == "clean" and not dataset.knows_clean_labels:
                    document.add_problem(("noise", number), CLEAN_UNKNOWN)
                warnings += noise.check(entry.kind, entry.rate or 0.0, dataset.classes, dataset.name)
        except UnknownName as error:
            document.add_problem(("noise", number, "kind"), str(error))
        except UsageError as error:
            document.add_problem(("noise", number), str(error))
    return warnings


def _check_noise_is_distinct(document: Document, settings: Mapping[int, NoiseEntry], seeds: Sequence[int]) -> None:
    first: dict[tuple[Any, ...], int] = {}
    for number, entry in settings.items():
        drawn_with = [None] if entry.manifest else [entry.seed] if entry.seed is not None else seeds
        for seed in drawn_with:
            labels = entry.manifest or (entry.kind, entry.rate or 0.0, entry.sampling or "per-sample")
            if (earlier := first.setdefault((labels, seed), number)) != number:
                document.add_problem(("noise", number), f"is the same noise as noise.{earlier}")
                break
