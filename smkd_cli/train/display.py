"""Shows the progress of a grid: a live display on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from smkd_cli import console
from smkd_cli.recipe import Cell
from smkd_cli.train.events import (
    EpochDone,
    Event,
    Failed,
    Finished,
    Interrupted,
    PassedOver,
    Skipped,
    Started,
    StepsDone,
)
from smkd_cli.words import message

Watch = Callable[[Cell, Event], None]

# A plain log reports a running cell at most this often, in seconds.
_PLAIN_PAUSE = 30.0
_PASSED_OVER = "passed over, another process is training it"


@contextmanager
def watching(cells: Sequence[Cell]) -> Iterator[Watch]:
    """Yield a function that takes every event of every cell."""
    screen = console.people()
    if console.is_quiet():
        yield lambda _cell, _event: None
    elif screen.is_terminal:
        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=screen,
            # Paths on the same terminal must pass above the bars; paths into a pipe must stay out of them.
            redirect_stdout=sys.stdout.isatty(),
            speed_estimate_period=600,
        ) as progress:
            yield _Live(progress, len(cells))
    else:
        yield _Plain(len(cells))


def _accuracies(row: Mapping[str, Any]) -> str:
    return f"A {row['test_accuracy_a']:.1f} % B {row['test_accuracy_b']:.1f} %"


def _knowledge(row: Mapping[str, Any]) -> str:
    return f"sent {row['sent_a_to_b'] + row['sent_b_to_a']:.0f}"


def _speed(event: StepsDone) -> str:
    mfu = "" if event.mfu is None else f", MFU {event.mfu:.0%}"
    return f"{event.images_per_second:.0f} img/s{mfu}"


class _Live:
    """A bar for the grid and one for each running cell, which counts optimisation steps."""

    def __init__(self, progress: Progress, cells: int) -> None:
        self.progress = progress
        self.grid = progress.add_task("cells", total=cells, words="")
        self.running: dict[str, TaskID] = {}
        self.accuracy: dict[str, str] = {}

    def __call__(self, cell: Cell, event: Event) -> None:
        match event:
            case Started():
                self.running[cell.slug] = self.progress.add_task(cell.slug, total=event.steps, words="")
            case StepsDone():
                words = f"epoch {event.epoch} {self.accuracy.get(cell.slug, '')} {_speed(event)}"
                if (bar := self.running.get(cell.slug)) is not None:
                    self.progress.update(bar, completed=event.steps, words=words)
            case EpochDone(row):
                self.accuracy[cell.slug] = f"{_accuracies(row)} {_knowledge(row)}"
            case Interrupted():  # it comes back
                self._remove(cell)
            case PassedOver():  # it may come back
                self.progress.console.print(f"{cell.slug}: {_PASSED_OVER}")
            case Finished() | Skipped() | Failed():
                self._remove(cell)
                if isinstance(event, Failed):
                    self.progress.console.print(f"{cell.slug} failed: {message(event.error)}")
                self.progress.advance(self.grid)

    def _remove(self, cell: Cell) -> None:
        if cell.slug in self.running:
            self.progress.remove_task(self.running.pop(cell.slug))


class _Plain:
    """A line when a cell goes on or ends, and now and then in between."""

    def __init__(self, cells: int) -> None:
        self.cells, self.done = cells, 0
        self.last: dict[str, float] = {}
        self.steps: dict[str, int] = {}
        self.accuracy: dict[str, str] = {}

    def __call__(self, cell: Cell, event: Event) -> None:
        match event:
            case Started():
                self.last[cell.slug] = time.monotonic()
                self.steps[cell.slug] = event.steps
                if event.resumed:
                    console.info(f"{cell.slug}: goes on in epoch {event.epoch}")
            case StepsDone():
                if time.monotonic() - self.last.setdefault(cell.slug, time.monotonic()) > _PLAIN_PAUSE:
                    self.last[cell.slug] = time.monotonic()
                    done = f"step {event.steps} of {self.steps.get(cell.slug, '?')}, epoch {event.epoch}"
                    accuracy = self.accuracy.get(cell.slug, "")
                    console.info(f"{cell.slug}: {done}{accuracy}, {_speed(event)}")
            case EpochDone(row):
                self.accuracy[cell.slug] = f", {_accuracies(row)}, {_knowledge(row)}"
            case Skipped():
                self._end(cell, "finished before")
            case Failed(error):
                self._end(cell, error)
            case Finished(scores):
                last = scores["last"]
                self._end(cell, f"A {last['a']:.1f} % B {last['b']:.1f} %")
            case PassedOver():
                console.info(f"{cell.slug}: {_PASSED_OVER}")
            case Interrupted():  # it comes back
                pass

    def _end(self, cell: Cell, words: str) -> None:
        self.done += 1
        console.info(f"[{self.done}/{self.cells}] {cell.slug}: {words}")
