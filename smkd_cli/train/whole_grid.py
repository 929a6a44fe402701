"""Training the whole grid of a recipe, as far as it is not finished yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from smkd_cli import console
from smkd_cli.data import find, opened_once
from smkd_cli.data.images.loading import Loading
from smkd_cli.errors import InterruptedRunError, SmkdError, StillTrainingError
from smkd_cli.recipe import Cell
from smkd_cli.train.events import Event
from smkd_cli.train.executors import Executor, Task, failures
from smkd_cli.train.grid import GridRequest, grid_of
from smkd_cli.train.machine.signals import SIGNALS, StopRequest
from smkd_cli.train.rounds import Rounds, is_finished, still_held

Watching = Callable[[Sequence[Cell]], AbstractContextManager[Callable[[Cell, Event], None]]]


def train_grid(
    request: GridRequest,
    *,
    runs: Path,
    device: str,
    executor: Executor,
    data: Path,
    wait: bool,
    loading: Loading,
    done: Callable[[Path], None],
    watching: Watching,
) -> None:
    """Train every cell of the grid that is not finished yet.

    Args:
        runs: the folder in which the grid's folder is, or will be.
        data: folder of the data sets.
        wait: whether to wait, at the end, for cells that another process trains.
        loading: where images are kept.
        done: called with the run directory of each finished cell, also of one that was trained before or by others.
        watching: given the cells that are to be trained, a context that gives what takes their events.

    Raises:
        RecipeError, UsageError, DataError, InterruptedRunError: see :mod:`smkd_cli.errors`.
        StillTrainingError: nothing failed, but another process trains what is left, and it is not waited for.
        SmkdError: some cells failed, the others are finished; its exit code is the highest of theirs, so that 5 stands
            for a training that failed, and 4 for data or files that are wrong where no training failed.
    """
    with opened_once(), grid_of(request, data) as (grid, cells):
        dataset = find(grid.dataset.reference, data)
        if dataset.missing():
            dataset.verify()
        for remark in dataset.remarks:
            console.info(f"{grid.dataset.title}: {remark}")
        tasks = [Task(cell, runs / grid.name / cell.slug, data, device=device, loading=loading) for cell in cells]
        _train(tasks, executor, wait, done, watching)


def _train(
    every: Sequence[Task], executor: Executor, wait: bool, done: Callable[[Path], None], watching: Watching
) -> None:
    tasks, undone = _not_finished(every, done)
    held: list[Task] = []
    if tasks:
        for cell, error in undone:
            console.warn(f"{cell.slug} is left out: {error}")
        try:
            executor.load(len(tasks))
            stop = StopRequest()
            with stop.listening(*SIGNALS), watching([task.cell for task in tasks]) as watch, console.logged_warnings():
                rounds = Rounds(executor, stop, watch, wait, done)
                try:
                    rounds.run(tasks)
                finally:
                    undone += rounds.undone
                    held = rounds.held
        except InterruptedRunError as stopped:
            if undone:
                text = f"{stopped}\n{failures.summary(undone, len(every))}"
                raise InterruptedRunError(stopped.signal_number, text) from None
            raise
    if undone:
        if held:
            console.warn(f"left undone: {still_held(held)}")
        raise failures.verdict(undone, len(every))
    if held:
        raise StillTrainingError(f"left undone: {still_held(held)}; the same command looks at them again")


def _not_finished(tasks: Sequence[Task], done: Callable[[Path], None]) -> tuple[list[Task], list[failures.Undone]]:
    """Cells that are to be trained, and those that cannot be; finished ones are done."""
    todo: list[Task] = []
    undone: list[failures.Undone] = []
    for task in tasks:
        try:
            finished = is_finished(task)
        except SmkdError as error:
            undone.append((task.cell, error))
            continue
        if finished:
            done(task.directory)
        else:
            todo.append(task)
    before = len(tasks) - len(todo) - len(undone)
    if before:
        console.info(f"{before} of {len(tasks)} cells were finished before")
    return todo, undone
