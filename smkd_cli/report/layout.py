"""A layout defines which results stand where in a table. It is data: a file in ``layouts/`` with one ``LAYOUT``.

A result has coordinates: its exchange and target rule, its kind and rate of noise, its options by name. A slot of an
axis requires some of them, and a cell those of its row, its column and the layout. A result stands in a cell if it
has all that the cell requires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeGuard

from smkd_cli import methods
from smkd_cli.artifacts.results import CellRecord, Result, Sent
from smkd_cli.registry import LAYOUTS, Registry

Coordinates = Mapping[str, Any]
Measured = Iterable[tuple[Coordinates, Mapping[str, float]]]

_SINGLE = (str, int, float)
MACRO = "macro_accuracy"
"""The metric of accuracies averaged over the classes."""
# Coordinates that only a table gives, so that an option of that name is not taken for one.
_OF_TABLES = ("dataset", "epoch")


@dataclass(frozen=True)
class Slot:
    """A row or a column: its label, what it requires, and for a column the heading it shares with its neighbours.

    Attributes:
        elsewhere: why no result can stand in a column yet, which then shows the paper's numbers alone.
    """

    label: str
    where: Coordinates
    group: str = ""
    detail: bool = False
    elsewhere: str = ""

    @property
    def heading(self) -> str:
        """Group and label of a column."""
        return f"{self.group} {self.label}".strip()


@dataclass(frozen=True)
class FromResults:
    """An axis with a slot for every value of a coordinate that the table's own results have.

    Attributes:
        label: makes a slot's label of a value.
        in_order: an axis of numbers, which are sorted, without other values. Otherwise in the order of the results.
        every: only each so-many-th slot, the first and the last are for people; the others are detail.
    """

    coordinate: str
    label: Callable[[Any], str]
    in_order: bool = True
    every: int = 1

    def slots(self, found: Iterable[Coordinates]) -> tuple[Slot, ...]:
        """The slots that these coordinates call for."""
        there = [at[self.coordinate] for at in found if self.coordinate in at]
        if self.in_order:
            there = sorted(value for value in there if type(value) in {int, float})
        values = list(dict.fromkeys(there))
        ends = {1, len(values)}
        return tuple(
            Slot(self.label(value), {self.coordinate: value}, detail=number % self.every != 0 and number not in ends)
            for number, value in enumerate(values, start=1)
        )


def accuracy(result: Result) -> Measured:
    """The accuracies (percent) of a result, at its own coordinates; none of them if it failed."""
    return [({}, _accuracies(result, "mean"))]


def accuracy_of_peers(result: Result) -> Measured:
    """As :func:`accuracy`, of each peer (``a``, ``b``) where their networks differ, else the mean of ``both``."""
    networks = result.cell.networks if result.cell else ()
    if len(set(networks)) < 2:
        return [({"peer": "both"}, _accuracies(result, "mean"))]
    return [({"peer": peer}, _accuracies(result, peer)) for peer in ("a", "b")]


def _accuracies(result: Result, whose: str) -> dict[str, float]:
    if result.scores is None:
        return {}
    scores = result.scores
    epochs = {"last": scores.last, "selected": scores.selected, "best": scores.best}
    known = {name: getattr(score, whose) for name, score in epochs.items() if score}
    known[MACRO] = getattr(scores.last, f"macro_{whose}")
    known["macro_selected"] = getattr(scores.selected, f"macro_{whose}") if scores.selected else None
    if whose == "mean":
        known["ensemble"] = scores.last.ensemble
        known |= _selections(scores.sent)
    elif scores.best:
        known["best"] = getattr(scores.best, f"max_{whose}")  # the best epoch is that of the mean of both
    return {name: value for name, value in known.items() if value is not None}


MOMENTS = ("quarter", "half", "end")


def _selections(sent: Sent | None) -> dict[str, float | None]:
    """Share and precision (percent) of what was sent, as ``sent_end`` and ``precision_end``."""
    if sent is None:
        return {}
    found = {moment: getattr(sent, moment) for moment in MOMENTS}
    shares = {f"sent_{moment}": 100 * selection.share for moment, selection in found.items()}
    right = {f"precision_{moment}": selection.precision for moment, selection in found.items()}
    return shares | {name: None if value is None else 100 * value for name, value in right.items()}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A table or figure: where results stand in it, and its notes.

    Attributes:
        name: such as ``table1``; files and labels are named after it.
        number: what a recipe's ``tables`` calls one of the paper's, such as ``I`` or ``figure2``. Leave it out of
            others: they are called by their entry point, or by their path, ``FILE.py:NAME``.
        corner: what the rows are.
        where: what every cell requires.
        measure: the numbers of a result, by metric, and the coordinates that they add.
        metric: the headline.
        of: whose accuracy the headline is.
        best_two: whether the best two of a column stand out.
        epochs: how long the paper trained, also as a function of a result's cell; ``None`` if that is no matter.
        own_recipes: whether methods in their own recipes have rows; without, results of theirs stand apart.
        across_protocols: whether the columns are of different protocols: a table is then of one recipe.
        notes: what a reader has to know of the paper's table.
    """

    name: str
    number: str = ""
    title: str
    corner: str
    rows: tuple[Slot, ...] | FromResults
    columns: tuple[Slot, ...] | FromResults
    where: Coordinates = field(default_factory=dict)
    measure: Callable[[Result], Measured] = accuracy
    metric: str = "last"
    decimals: int = 2
    of: str = "the mean of the two peers"
    best_two: bool = True
    epochs: int | Callable[[CellRecord], int] | None = None
    own_recipes: bool = False
    across_protocols: bool = False
    notes: tuple[str, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether all cells are known beforehand."""
        return isinstance(self.rows, tuple) and isinstance(self.columns, tuple)


def coordinates_of(cell: CellRecord) -> dict[str, Any]:
    """Where a result stands; its options of one value are coordinates by their own names."""
    exchange, target = methods.split(cell.method)
    static = {"b2": 0.0} if exchange == "SMKD-S" else {}  # Eq. 6: the threshold is constant when b2 is 0
    options = {
        name: value for name, value in cell.options.items() if isinstance(value, _SINGLE) and name not in _OF_TABLES
    }
    return {
        **static,
        **options,
        "peer": "both",
        "exchange": exchange,
        "target": target,
        "own_recipe": cell.own_protocol is not None,
        "label": cell.label,
        "kind": cell.noise.kind,
        "rate": cell.noise.rate,
        "noise": (cell.noise.name, cell.noise.rate),
    }


def uses_oracle(cell: CellRecord) -> bool:
    """Whether the method used facts of the noise that only clean labels give."""
    return "oracle" in [value for value in cell.options.values() if isinstance(value, str)]


def method_row(name: str, **more: Any) -> Slot:
    """A row for a method, by its name."""
    exchange, target = methods.split(name)
    return Slot(name, {"exchange": exchange, "target": target, **more})


def own_recipe_row(name: str) -> Slot:
    """A row for a method under its authors' recipe."""
    own = method_row(name, own_recipe=True)
    return Slot(f"{own.label} (own recipe)", own.where)


def fits(at: Coordinates, where: Coordinates) -> bool:
    """Whether a result with coordinates ``at`` matches ``where``; a tuple in ``where`` lists alternatives."""
    missing = object()
    for name, wanted in where.items():
        value = at.get(name, missing)
        if value != wanted and not (isinstance(wanted, tuple) and value in wanted):
            return False
    return True


class SlotIndex:
    """Finds the slots of an axis that a result belongs in, as :func:`fits` does, without testing each of them."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._by_value: dict[str, dict[Any, list[int]]] = {}
        self._others: list[int] = []
        for number, slot in enumerate(slots):
            if len(slot.where) != 1:
                self._others.append(number)
                continue
            [(name, wanted)] = slot.where.items()
            values = {wanted, *wanted} if isinstance(wanted, tuple) else {wanted}
            for value in values:
                self._by_value.setdefault(name, {}).setdefault(value, []).append(number)

    def of(self, at: Coordinates) -> list[int]:
        """The numbers of the slots, ascending."""
        found = [number for number in self._others if fits(at, self._slots[number].where)]
        for name, by_value in self._by_value.items():
            if name in at:
                found += by_value.get(at[name], ())
        return sorted(found)


def percent(rate: float) -> str:
    """A rate as people write it: 40%."""
    return f"{100 * rate:g}%"


def noise_label(noise: tuple[str, float | None]) -> str:
    """A noise setting as people write it: symmetric 40%."""
    kind, rate = noise
    return f"{kind} {percent(rate)}" if rate else kind


def _is_layout(value: object) -> TypeGuard[Layout]:
    return isinstance(value, Layout)


REGISTRY: Registry[Layout] = Registry(LAYOUTS, _is_layout, "Layout", lambda layout: layout.number or None)


@cache
def layouts() -> tuple[Layout, ...]:
    """The paper's layouts, those of ``layouts/``, tables before figures."""
    found = map(REGISTRY.find, LAYOUTS.own)
    return tuple(sorted(found, key=lambda layout: (layout.name.startswith("figure"), layout.name)))
