"""Chooses the compute configuration of the cells that are trained on this machine, before the first begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from smkd_cli.data import DataSet, OwnData
from smkd_cli.features import Frozen, dataset_of
from smkd_cli.recipe import Recipe
from smkd_cli.recipe.protocol import Compute
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.task import Task

# What the best use of a machine depends on: networks, batch size, the section compute, data set and its folder, device.
Kind = tuple[tuple[str, str], int, Compute, tuple[str | OwnData, Frozen | None], Path, str]


class ComputeChooser:
    """Compute configurations for this machine, each chosen once."""

    def __init__(self) -> None:
        self._chosen: dict[Kind, ComputeConfig] = {}

    def choose(self, tasks: Sequence[Task], jobs: int | None, stop: StopRequest) -> tuple[list[Task], int]:
        """The tasks, each with its compute configuration, and how many of them to train at a time.

        Args:
            tasks: those that have a compute configuration keep it.
            jobs: how many are wanted; None for as many as are fastest together.
            stop: what may end the measuring.

        Raises:
            InterruptedRunError: a signal came while measuring.
            UsageError: this machine has no such device.
        """
        # Imported only now: torch takes its seconds to load.
        from smkd_cli.train.calibrate import benches, choose_compute, choose_jobs
        from smkd_cli.train.machine.device import choose_device

        kinds = {_kind(task): task for task in reversed(tasks)}
        with benches(stop) as measuring:
            chosen = {}
            for kind, task in kinds.items():
                compute = task.compute or self._chosen.get(kind)
                if compute is None:
                    compute = choose_compute(*_what(task), choose_device(task.device), measuring)
                    self._chosen[kind] = compute
                chosen[kind] = compute
            if jobs is None and len(tasks) > 1:
                jobs = min(choose_jobs(*_what(task), chosen[kind], measuring) for kind, task in kinds.items())
        ready = [replace(task, compute=task.compute or chosen[_kind(task)]) for task in tasks]
        return ready, min(jobs or 1, len(tasks))


def _what(task: Task) -> tuple[Recipe, DataSet]:
    return task.cell.training, dataset_of(task.cell.training.dataset.reference, task.cell.training.frozen, task.data)


def _kind(task: Task) -> Kind:
    recipe = task.cell.training
    return (
        recipe.trained,
        recipe.batch_size,
        recipe.compute,
        (recipe.dataset.reference, recipe.frozen),
        task.data,
        task.device,
    )
