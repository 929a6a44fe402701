"""A ledger of training runs: what is to be trained, in order, and what came of it, in files small enough to commit.

    python benchmarks/ledger.py benchmarks/ledgers/cifar100.yaml                     what is done, and what is next
    python benchmarks/ledger.py benchmarks/ledgers/cifar100.yaml --run --minutes 25  go on, for so long

Each line of a ledger is one ``smkd train`` command. Its cells are trained under ``--work``, where weights and
checkpoints stay. Of each finished cell, the record, the metrics and the resolved recipe are copied to the ledger's
results, and a cell that stands there is not trained again, on whatever machine; if its line has come to say something
else, nothing is trained before it is removed. In time before the minutes are over, or by SIGINT, SIGTERM, SIGHUP or
SIGUSR1, the command is asked to stop, and saves; called again with the same ``--work``, it goes on in the middle of a
cell.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml
from machine import DATA

from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.recipe import Cell, expand, load_recipe
from smkd_cli.train.machine.signals import SIGNALS, not_ignored

ROOT = Path(__file__).parents[1]
KEPT = ("metrics.csv", "recipe.yaml", "result.json")  # the record last: with it, a cell is finished
# What saving may take, of the time that is given.
_SAVING_SECONDS = 20.0
_CONTRADICTED = 4  # the exit code of smkd for data and artifacts


@dataclass(frozen=True)
class Line:
    """One command of a ledger.

    Attributes:
        recipe: a shipped recipe's name, or a path.
        settings: ``--set`` options.
    """

    recipe: str
    settings: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """What comes after ``smkd train``."""
        return [self.recipe, *(word for setting in self.settings for word in ("--set", setting))]

    def __str__(self) -> str:
        return f"smkd train {shlex.join(self.words)}"

    @cached_property
    def cells(self) -> dict[Path, Cell]:
        """By their folders, relative to any folder of runs."""
        grid = load_recipe(self.recipe, list(self.settings), data=DATA)
        return {Path(grid.name) / cell.slug: cell for cell in expand(grid)}


@dataclass(frozen=True)
class Ledger:
    """Lines in order, and the folder where finished cells stand."""

    lines: tuple[Line, ...]
    results: Path

    @classmethod
    def read(cls, path: Path, results: Path | None = None) -> Ledger:
        """From a YAML file; its results may stand elsewhere than it says.

        Its ``results`` is a folder, as seen from the file. Each of its ``lines`` has a ``recipe`` (a name, or a path as
        seen from the project's root) and what to ``set`` in it, after what the ledger itself has to ``set`` in all.
        """
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        common = content.get("set", [])
        lines = []
        for line in content["lines"]:
            path_here = os.path.relpath(ROOT / line["recipe"])
            recipe = path_here if Path(path_here).is_file() else line["recipe"]
            lines.append(Line(recipe, (*common, *line.get("set", []))))
        return cls(tuple(lines), results or path.parent / content["results"])

    def finished(self, folder: Path) -> bool:
        """Whether a cell stands in the results."""
        return RunDirectory(self.results / folder).finished() is not None

    def contradictions(self) -> Iterator[str]:
        """Cells that two lines want differently, and finished ones that were trained otherwise than their line says."""
        wanted: dict[Path, str] = {}
        for line in self.lines:
            for folder, cell in line.cells.items():
                recipe = cell.to_yaml()
                if wanted.setdefault(folder, recipe) != recipe:
                    yield f"{folder}: two lines want it differently; give one of them another name"
                elif self.finished(folder) and (self.results / folder / "recipe.yaml").read_text() != recipe:
                    yield f"{self.results / folder}: was made by another recipe; remove it to train the cell again"

    def lend(self, folders: Sequence[Path], work: Path) -> None:
        """Put what is finished where training looks for it, so that it is not done again."""
        for folder in folders:
            if self.finished(folder) and RunDirectory(work / folder).finished() is None:
                _copy(self.results / folder, work / folder)

    def collect(self, folder: Path, work: Path) -> None:
        """Take what is worth keeping of a finished cell."""
        if not self.finished(folder):
            _copy(work / folder, self.results / folder)


def _copy(source: Path, destination: Path) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        part = destination / f".{name}.part"
        shutil.copyfile(source / name, part)
        part.replace(destination / name)


class Command:
    """A command that runs until it ends, or is asked to stop by a signal that we get, or because its time is over."""

    def __init__(self, words: Sequence[str], seconds: float) -> None:
        self._words, self._seconds = words, seconds
        self.time_is_over = False
        self.signal_number = 0
        self.code = 0

    def lines(self) -> Iterator[str]:
        """Of its stdout, as they come."""
        with (
            subprocess.Popen(self._words, stdout=subprocess.PIPE, text=True) as process,
            self._stopped_in_time(process),
        ):
            assert process.stdout is not None
            for line in process.stdout:
                yield line.strip()
        self.code = process.returncode

    @contextmanager
    def _stopped_in_time(self, process: subprocess.Popen[str]) -> Iterator[None]:
        def end() -> None:
            self.time_is_over = True
            process.terminate()

        def pass_on(number: int, _frame: object) -> None:
            self.signal_number = number
            process.terminate()

        timer = threading.Timer(min(self._seconds, threading.TIMEOUT_MAX), end)
        before = {number: signal.signal(number, pass_on) for number in not_ignored(SIGNALS)}
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)


def show(ledger: Ledger) -> None:
    """Print each line with how many of its cells are finished."""
    for line in ledger.lines:
        done = sum(ledger.finished(folder) for folder in line.cells)
        print(f"{done:3} of {len(line.cells):3}  {line}")


def run(ledger: Ledger, work: Path, seconds: float, options: Sequence[str]) -> int:
    """Train what is not finished, line by line, for at most so many seconds; gives the exit code."""
    until = time.monotonic() + seconds
    work = work.resolve()
    worst = 0
    for line in ledger.lines:
        folders = list(line.cells)
        left = until - time.monotonic() - _SAVING_SECONDS
        if all(ledger.finished(folder) for folder in folders):
            continue
        if left <= 0:
            break
        ledger.lend(folders, work)
        print(line, flush=True)
        command = Command([sys.executable, "-m", "smkd_cli", "train", *line.words, "--runs", str(work), *options], left)
        for path in command.lines():
            folder = Path(path).relative_to(work)
            if not ledger.finished(folder):
                ledger.collect(folder, work)
                print(f"  {folder}", flush=True)
        if command.signal_number:
            return 128 + command.signal_number
        if command.time_is_over:
            break
        worst = max(worst, command.code if command.code >= 0 else 128 - command.code)
    show(ledger)
    return worst


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--run", action="store_true", help="train what is not finished, in order")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop in time to be done after so many")
    parser.add_argument("--work", type=Path, help="folder of weights and checkpoints (default: runs/LEDGER)")
    parser.add_argument("--results", type=Path, help="folder of finished cells (default: as the ledger says)")
    parser.epilog = "After --, options of smkd train, such as --jobs 2 --device cuda."
    ours, options = sys.argv[1:], []
    if "--" in ours:
        ours, options = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    arguments = parser.parse_args(ours)
    ledger = Ledger.read(arguments.ledger, arguments.results)
    contradictions = list(ledger.contradictions())
    if contradictions or not arguments.run:
        for contradiction in contradictions:
            print(contradiction, file=sys.stderr)
        show(ledger)
        return _CONTRADICTED if contradictions else 0
    work = arguments.work or Path("runs") / arguments.ledger.stem  # lists share names of recipes
    return run(ledger, work, 60 * arguments.minutes, options)


if __name__ == "__main__":
    sys.exit(main())
