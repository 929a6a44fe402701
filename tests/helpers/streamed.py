"""Training images that are read from the host a batch at a time."""

from __future__ import annotations

from smkd_cli.data.images.contract import TrainingImages
from smkd_cli.data.images.loading import Loading
from smkd_cli.data.images.reader import ImageReader
from smkd_cli.recipe import Recipe
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.step.build import ImageFacts, training_images


def streamed_images(
    recipe: Recipe, dataset: ImageFacts, reader: ImageReader, machine: Machine, workers: int = 1
) -> TrainingImages:
    """In the place of ``resident_images``."""
    return training_images(recipe, dataset, reader, machine, Loading("streamed", workers))
