"""Trained weights that a recipe begins with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import nn

from smkd_cli import networks
from smkd_cli.data import DataSet
from smkd_cli.errors import DataError
from smkd_cli.networks.trained import locate
from smkd_cli.networks.weights import classifier_keys, load_backbone, read_weights
from smkd_cli.recipe import Recipe

Load = Callable[[nn.Module], None]


def pretrained(recipe: Recipe, dataset: DataSet) -> tuple[Load | None, ...]:
    """For each peer, what puts the recipe's weights into its fresh network, all but the classifier; None without.

    Raises:
        DataError: a file is missing, damaged, or of another network; or a network was trained on images that were
            normalised in another way.
    """
    if recipe.freeze is not None:
        return (None, None)
    return tuple(
        None if path is None else _load(name, locate(name, path, dataset.root), dataset)
        for name, path in zip(recipe.networks, recipe.weights, strict=True)
    )


def _load(name: str, path: Path, dataset: DataSet) -> Load:
    wanted = networks.preprocessing_of(name)
    if wanted is not None and (wanted.mean, wanted.std) != (tuple(dataset.mean), tuple(dataset.std)):
        raise DataError(
            f"{path}: {name} was trained on images of mean {wanted.mean} and standard deviation {wanted.std}, and those"
            f" of {dataset.name} are normalised by {tuple(dataset.mean)} and {tuple(dataset.std)}: name a network that"
            " was trained as the other peer's, or write its mean and std in `dataset`"
        )
    build = partial(networks.build, name)
    classifier = classifier_keys(build, dataset.image_shape[2])
    weights = read_weights(path)
    return lambda network: load_backbone(network, weights, classifier, path)
