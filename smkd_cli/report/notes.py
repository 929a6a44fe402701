"""What stands beneath a table: how its numbers came about, and what is not in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from smkd_cli.artifacts.result_types import CellRecord, FoundResults, OwnProtocol, Result
from smkd_cli.report.fill import Filled
from smkd_cli.report.layout import MACRO, Layout, percent

_NAMED = 3


def setting(cells: Iterable[CellRecord]) -> str:
    """What the results of a table (or of parts of it) share, in words; empty for lone checkpoints."""
    return "; ".join(dict.fromkeys(_setting(cell) for cell in cells if cell.networks))


def _setting(cell: CellRecord) -> str:
    peers = dict.fromkeys(cell.networks)
    networks = f"two {cell.networks[0]}" if len(peers) == 1 else " and ".join(peers)
    profile = f", profile {cell.profile}" if cell.profile else ""
    return f"{cell.dataset}, {networks}, {cell.epochs} epochs{profile}"


def _folder_of(path: Path) -> Path:
    return Path(os.path.realpath(path)).parent  # Path.resolve raises where links lead in a circle


class Unfinished:
    """The unfinished runs, by their folder; each table of a report takes those of its own folders."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._in_folder: dict[Path, list[int]] = {}
        for number, path in enumerate(paths):
            self._in_folder.setdefault(_folder_of(path), []).append(number)

    def beside(self, results: Sequence[Result]) -> list[Path]:
        """Those that lie in one folder with a result, as the runs of its recipe do; in the order of the paths."""
        if not self.paths:
            return []
        folders = {_folder_of(result.path) for result in results}
        return [
            self.paths[number] for number in sorted(n for folder in folders for n in self._in_folder.get(folder, ()))
        ]


def of_table(layout: Layout, filled: Filled, *, comparable_with_paper: bool, unfinished: Unfinished) -> Iterable[str]:
    """The notes of a table, most needed first."""
    here = [number for number, slot in enumerate(filled.slots) if not slot.elsewhere]
    cells = [row.cells[number] for row in filled.rows for number in here]
    yield from of_layout(layout)
    if layout.metric == "last":
        yield f"Test accuracy (%) at the last epoch, {layout.of}; mean ± sample standard deviation over n seeds."
        yield _selection(filled.used)
        yield "The best epoch is chosen on the test set: an upper bound, no result."
    elif layout.metric == MACRO:
        yield (
            f"Test accuracy (%) at the last epoch, the mean of the accuracies of all classes, {layout.of}; mean ±"
            " sample standard deviation over n seeds."
        )
        if layout.number:
            yield "The paper's values, which are of all images alike, are left out."
    else:
        yield "Mean ± sample standard deviation over n seeds."
    if layout.number and layout.epochs and layout.metric != MACRO:
        yield from _comparison(layout, filled, comparable_with_paper)
    yield from _own_recipes(filled.used)
    missing = sum(cell.status == "missing" for cell in cells)
    if missing:
        yield f"{missing} of {len(cells)} cells are missing."
    if beside := unfinished.beside(filled.used):
        yield f"{_counted(len(beside), 'run')} unfinished: {some(str(path) for path in beside)}."
    if filled.failures:
        yield f"{_counted(len(filled.failures), 'run')} failed: {some(filled.failures)}."
    yield from filled.warnings
    if filled.left_out:
        yield f"{_counted(len(filled.left_out), 'run')} left out: {some(filled.left_out)}."
    sources = Counter(result.source for result in filled.used)
    named = [f"{source} ({_counted(n, 'result')})" for source, n in sources.items()]
    yield f"Sources: {', '.join(named)}."


def of_layout(layout: Layout) -> Iterable[str]:
    """The notes of a table that do not depend on its results."""
    yield from layout.notes
    columns = layout.columns if isinstance(layout.columns, tuple) else ()
    for why in dict.fromkeys(slot.elsewhere for slot in columns if slot.elsewhere):
        headings = [slot.heading for slot in columns if slot.elsewhere == why]
        yield f"No results yet in {' and '.join(headings)}: {why}. The values there are the paper's."


def of_report(found: FoundResults, unfinished: Unfinished) -> Iterable[str]:
    """Notes that belong to no table: unfinished runs of recipes without results, and ignored records."""
    listed = set(unfinished.beside(found.results))
    elsewhere = [path for path in found.unfinished if path not in listed]
    if elsewhere:
        yield (
            f"{_counted(len(elsewhere), 'run')} unfinished: {some(str(path) for path in elsewhere)}. "
            "The same smkd train goes on with them."
        )
    if found.damaged:
        yield f"{_counted(len(found.damaged), 'record')} cannot be used: {some(found.damaged)}."
    if found.train_split:
        yield f"{_counted(found.train_split, 'score record')} of training images left out; a report is of test images."


def _selection(used: Sequence[Result]) -> str:
    rules = Counter(
        result.scores.selected.by or "a rule that the record does not name"
        for result in used
        if result.scores and result.scores.selected
    )
    if not rules:
        return "No epoch was selected."
    if len(rules) == 1:
        return f"The selected epoch is chosen by: {next(iter(rules))}."
    return f"The selected epoch is chosen by: {', '.join(f'{rule} ({n})' for rule, n in rules.items())}."


def _comparison(layout: Layout, filled: Filled, comparable_with_paper: bool) -> Iterable[str]:
    if not comparable_with_paper:
        yield "The paper's values are left out: they are of another data set or other networks."
        return
    yield "Beside ours: the paper's value and, in brackets, ours minus the paper's."
    cells = [result.cell for result in filled.used if result.cell]
    trained = {(layout.epochs(cell) if callable(layout.epochs) else layout.epochs, cell.epochs) for cell in cells}
    for theirs, ours in sorted((theirs, ours) for theirs, ours in trained if theirs is not None and theirs != ours):
        yield f"The paper trained for {theirs} epochs, these results for {ours}: the differences mean little."
    if held_out := sorted({percent(cell.validation_fraction) for cell in cells if cell.validation_fraction}):
        yield (
            f"We trained without the {' or '.join(held_out)} of the training images, by which an epoch is selected. "
            "The paper tunes options on 10% and then trains on all of them: the differences of its own methods "
            "(SMKD, MyLC) are too low by what these images bring."
        )


def _own_recipes(used: Sequence[Result]) -> Iterable[str]:
    facts = {result.cell.label: _in_words(own) for result in used if result.cell and (own := result.cell.own_protocol)}
    if facts:
        recipes = "; ".join(f"{label}: {words}" for label, words in facts.items())
        yield f"Not trained as in the title but as the authors of the method do: {recipes}."


def _in_words(own: OwnProtocol) -> str:
    words = [
        "" if own.epochs is None else _counted(own.epochs, "epoch"),
        "" if own.batch_size is None else f"batches of {own.batch_size}",
        f"{own.optimizer.name}, lr {own.optimizer.lr:g}" if own.optimizer else "",
        f"{own.schedule.name} schedule" if own.schedule else "",
        "augmentation of its own" if own.augmentation is not None else "",
        "" if own.sampler is None else f"{own.sampler} sampling",
    ]
    return ", ".join(word for word in words if word)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def some(items: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    named = list(items)
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return "; ".join(named[:_NAMED]) + more
