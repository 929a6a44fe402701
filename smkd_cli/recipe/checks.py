"""Whether the names of a recipe exist and its parts fit together: what the schema alone cannot know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smkd_cli import datasets, networks, noise
from smkd_cli.errors import UsageError
from smkd_cli.recipe.document import Document
from smkd_cli.recipe.method_checks import check_methods
from smkd_cli.recipe.schema import NoiseEntry
from smkd_cli.recipe.suggestions import unknown


def check(document: Document, valid: Mapping[str, Any]) -> list[str]:
    """Note in the document every unknown name and every combination that makes no sense.

    Args:
        valid: the fields of the recipe that have the right form, by name; the others are passed over. Of ``methods``
            and ``noise`` it holds the sound entries by their places in the list.

    Returns:
        Warnings: what can be run, but hardly is what anyone wants.
    """
    dataset = None
    if "dataset" in valid:
        if valid["dataset"] in datasets.names():
            dataset = datasets.find(valid["dataset"])
        else:
            document.add_problem(("dataset",), unknown("data set", valid["dataset"], datasets.names()))
    pair = valid.get("networks", ())
    for peer, name in enumerate(pair):
        if name not in networks.names() and name not in pair[:peer]:
            document.add_problem(("networks", peer), unknown("network", name, networks.names()))
    _check_protocol(document, valid, dataset)
    settings: Mapping[int, NoiseEntry] = valid.get("noise", {})
    warnings = _check_noise(document, settings, dataset)
    _check_noise_is_distinct(document, settings, valid.get("seeds", ()))
    check_methods(document, valid.get("methods", {}), settings, valid.get("options", {}))
    return warnings


def _check_protocol(document: Document, valid: Mapping[str, Any], dataset: datasets.DataSet | None) -> None:
    def limit(path: tuple[str, ...], highest: int, reason: str) -> None:
        value: Any = valid.get(path[0])
        for attribute in path[1:]:
            value = getattr(value, attribute, None)
        if value is not None and value > highest:
            document.add_problem(path, f"should be at most {highest}, {reason}, not {value}")

    if "epochs" in valid:
        limit(("schedule", "warmup_epochs"), valid["epochs"] - 1, f"below the {valid['epochs']} epochs")
    if dataset is not None:
        fraction = valid["validation"].fraction if "validation" in valid else 0
        held_out = round(dataset.train_size * fraction)
        if fraction and not 0 < held_out < dataset.train_size - 1:
            problem = f"holds out {held_out} of the {dataset.train_size} training images of {dataset.name}"
            document.add_problem(("validation", "fraction"), problem)
        limit(("batch_size",), dataset.train_size, f"the number of training images of {dataset.name}")
        limit(
            ("augmentation", "crop_padding"), min(dataset.image_shape[:2]), f"the side of the images of {dataset.name}"
        )


def _check_noise(document: Document, settings: Mapping[int, NoiseEntry], dataset: datasets.DataSet | None) -> list[str]:
    warnings = []
    for number, entry in settings.items():
        if entry.manifest == "-":
            message = "cannot be stdin in a recipe; name a file, or leave it out and say `smkd train --manifest -`"
            document.add_problem(("noise", number, "manifest"), message)
        if entry.sampling is not None and entry.sampling not in noise.samplings():
            message = unknown("sampling", entry.sampling, noise.samplings())
            document.add_problem(("noise", number, "sampling"), message)
        if entry.manifest is not None or entry.kind is None:
            continue
        if entry.kind not in noise.kinds():
            document.add_problem(("noise", number, "kind"), unknown("kind of noise", entry.kind, noise.kinds()))
        elif dataset is not None:
            try:
                warnings += noise.check(entry.kind, entry.rate or 0.0, dataset.classes, dataset.name)
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
