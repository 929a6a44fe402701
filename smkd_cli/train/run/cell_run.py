"""A cell that is being trained, put together from its recipe, its data and, where there is one, its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from smkd_cli import methods, networks
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.data import DataSet
from smkd_cli.errors import DataError, MethodError
from smkd_cli.features import dataset_of
from smkd_cli.recipe import Cell
from smkd_cli.registry import with_place
from smkd_cli.train.machine.compute import ComputeConfig, cores, first_choice
from smkd_cli.train.machine.device import prepare_machine
from smkd_cli.train.run.checkpoint import Checkpoint, load_checkpoint
from smkd_cli.train.run.evaluation import Evaluation
from smkd_cli.train.run.labels import TrainingLabels, labels_for
from smkd_cli.train.run.method_files import files_of
from smkd_cli.train.run.metrics_file import MetricsFile
from smkd_cli.train.run.oracle import facts_for, load_teachers
from smkd_cli.train.run.predictions import PairPredictions
from smkd_cli.train.run.pretrained import pretrained
from smkd_cli.train.run.state import TrainingState
from smkd_cli.train.run.task import Task
from smkd_cli.train.step.build import build_pair, training_images
from smkd_cli.train.step.pair import Pair
from smkd_cli.train.step.schedule import steps_per_epoch
from smkd_cli.train.step.stages import StageSchedule


@dataclass(frozen=True)
class CellRun:
    """A cell with all that its training needs.

    Attributes:
        directory: its run directory, which is locked.
        dataset: that it is trained on.
        method_files: SHA-256 of the files of code that the cell names and of its teachers, by path.
        operations: floating-point operations of both peers for an image, forward and backward.
        predictions: of each peer, for what the method does between epochs.
        state: the pair, and how far it is.
    """

    cell: Cell
    directory: RunDirectory
    method_files: dict[str, str]
    dataset: DataSet
    labels: TrainingLabels
    operations: int
    evaluation: Evaluation
    predictions: tuple[PairPredictions, ...]
    state: TrainingState
    metrics: MetricsFile

    @property
    def pair(self) -> Pair:
        """The peers in training."""
        return self.state.pair


def prepare_run(task: Task, directory: RunDirectory) -> CellRun:
    """Make a cell ready to begin, or to go on from its checkpoint.

    Raises:
        DataError: data or files are missing, damaged, or belong to another recipe.
        MethodError: the code of the method is wrong.
    """
    cell, recipe = task.cell, task.cell.training
    method = methods.build(cell.method, cell.options)
    method_files = files_of(cell, method, task.data)
    saved = load_checkpoint(directory, method_files)
    machine = prepare_machine(_compute(task, None if saved is None else saved[1]))
    dataset = dataset_of(recipe.dataset.reference, recipe.frozen, task.data)
    labels = labels_for(cell, dataset, dataset.labels("train"), directory.manifest)
    images = dataset.images("train")
    pair = build_pair(
        recipe,
        method,
        dataset,
        training_images(recipe, dataset, images, machine, task.loading),
        labels.noisy_labels,
        machine,
        clean_labels=labels.clean_labels,
        seed=cell.seed,
        pretrained=pretrained(recipe, dataset),
        teachers=load_teachers(method, dataset, machine, recipe.networks),
        parts=dataset.parts,
    )
    evaluation = Evaluation(dataset, images, labels, machine, task.loading, recipe.augmentation.build())
    seen = recipe.seen(dataset.image_shape)
    train_indices = torch.from_numpy(labels.train_indices).to(machine.device)
    steps = steps_per_epoch(len(labels.train_indices), recipe.batch_size)
    state = TrainingState(pair, steps, StageSchedule(method, recipe.epochs))
    try:
        pair.prepare(facts_for(method, labels, dataset.classes, pair.noisy_labels))
    except MethodError:
        raise
    except ValueError as error:
        raise DataError(f"{cell.slug}: {with_place(error)}") from error
    metrics = MetricsFile(directory.metrics)
    if saved is not None:
        _restore(state, *saved, directory)
    metrics.restart(state.progress.rows)
    return CellRun(
        cell,
        directory,
        method_files,
        dataset,
        labels,
        sum(
            networks.facts(name).training_operations(dataset.seen_by(peer, seen), dataset.classes)
            for peer, name in enumerate(recipe.trained)
        ),
        evaluation,
        tuple(PairPredictions(pair, peer, evaluation, train_indices) for peer in range(2)),
        state,
        metrics,
    )


def _restore(
    state: TrainingState, tensors: dict[str, torch.Tensor], facts: Checkpoint, directory: RunDirectory
) -> None:
    facts.progress.resumed += 1
    try:
        state.restore(tensors, facts.progress)
    except DataError as error:
        raise DataError(f"{directory.checkpoint}: {error}; remove it to start again") from error


def _compute(task: Task, saved: Checkpoint | None) -> ComputeConfig:
    """The compute configuration that the run began with, if this machine supports it: resuming keeps the bits."""
    compute = task.compute or first_choice(task.cell.training, "cpu")
    if saved is not None:
        begun = saved.compute
        if begun.device == compute.device and begun.threads <= max(cores(), compute.threads):
            return begun
    return compute
