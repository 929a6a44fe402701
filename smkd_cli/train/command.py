"""What ``smkd train`` does: the cells of a recipe, and the paths of their run directories on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smkd_cli import console
from smkd_cli.data import find
from smkd_cli.errors import InterruptedRunError, SmkdError, StillTrainingError
from smkd_cli.train.executors import Executor, Task, failures
from smkd_cli.train.grid import Asked, grid_of
from smkd_cli.train.machine.signals import SIGNALS, StopRequest
from smkd_cli.train.rounds import Rounds, is_finished, still_held


def run(
    asked: Asked,
    *,
    runs: Path,
    device: str,
    executor: Executor,
    data: Path,
    wait: bool,
) -> None:
    """Train every cell of the grid that is not finished yet.

    Args:
        wait: whether to wait, at the end, for cells that another process trains.

    Raises:
        RecipeError, UsageError, DataError, InterruptedRunError: as their names say.
        StillTrainingError: nothing failed, but another process trains what is left, and it is not waited for.
        SmkdError: some cells failed, the others are finished; its exit code is the highest of theirs, so that 5 stands
            for a training that failed, and 4 for data or files that are wrong where no training failed.
    """
    with grid_of(asked, data) as (grid, cells):
        dataset = find(grid.dataset, data)
        if dataset.missing():
            dataset.verify()
        tasks = [Task(cell, runs / grid.name / cell.slug, data, device=device) for cell in cells]
        _train(tasks, executor, wait)


def _train(every: Sequence[Task], executor: Executor, wait: bool) -> None:
    tasks, undone = _not_finished(every)
    held: list[Task] = []
    if tasks:
        for cell, error in undone:
            console.warn(f"{cell.slug} is left out: {error}")
        try:
            held = _train_cells(tasks, executor, wait, undone)
        except InterruptedRunError as stopped:
            if undone:
                told = f"{stopped}\n{failures.summary(undone, len(every))}"
                raise InterruptedRunError(stopped.signal_number, told) from None
            raise
    if undone:
        if held:
            console.warn(f"left undone: {still_held(held)}")
        raise failures.verdict(undone, len(every))
    if held:
        raise StillTrainingError(f"left undone: {still_held(held)}; the same command looks at them again")


def _not_finished(tasks: Sequence[Task]) -> tuple[list[Task], list[failures.Undone]]:
    """Cells that are to be trained, and those that cannot be; paths of finished ones go to stdout."""
    todo: list[Task] = []
    undone: list[failures.Undone] = []
    for task in tasks:
        try:
            finished = is_finished(task)
        except SmkdError as error:
            undone.append((task.cell, error))
            continue
        if finished:
            console.emit(str(task.directory))
        else:
            todo.append(task)
    before = len(tasks) - len(todo) - len(undone)
    if before:
        console.say(f"{before} of {len(tasks)} cells were finished before")
    return todo, undone


def _train_cells(tasks: Sequence[Task], executor: Executor, wait: bool, undone: list[failures.Undone]) -> list[Task]:
    """Have cells trained; what goes wrong with one is added to ``undone``. Gives those that another process trains."""
    from smkd_cli.train.display import watching

    stop = StopRequest()
    with stop.listening(*SIGNALS), watching([task.cell for task in tasks]) as watch:
        rounds = Rounds(executor, stop, watch, wait)
        try:
            rounds.run(tasks)
        finally:
            undone += rounds.undone
    return rounds.held
