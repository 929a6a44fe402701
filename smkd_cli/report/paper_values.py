"""The paper's published accuracies, at the same coordinates as our results."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from smkd_cli import methods
from smkd_cli.report.layout import Coordinates
from smkd_cli.resources import published_numbers


@dataclass(frozen=True)
class Published:
    """One number of the paper (percent) and what it is of."""

    table: str
    dataset: str
    networks: tuple[str, str]
    at: Coordinates
    accuracy: float


@cache
def paper_values() -> tuple[Published, ...]:
    """All numbers of ``data/published.csv``."""
    with published_numbers().open(encoding="utf-8", newline="") as stream:
        return tuple(_read(row) for row in csv.DictReader(stream))


def comparable(table: str, dataset: str, networks: Sequence[str]) -> list[Published]:
    """The numbers of a table that results of this data set and these networks can be compared with."""
    return [
        number
        for number in paper_values()
        if number.table == table and number.dataset == dataset and number.networks == tuple(networks)
    ]


def accuracy_at(numbers: Sequence[Published], where: Coordinates) -> float | None:
    """The number at some coordinates. A coordinate that the paper does not state (Table V's target rule) is ignored."""
    for number in numbers:
        if all(number.at.get(name, wanted) == wanted for name, wanted in where.items()):
            return number.accuracy
    return None


def _read(row: dict[str, str]) -> Published:
    networks, peer = _networks(row["network"])
    noise = {"kind": row["noise"], "rate": float(row["rate"])}
    at = {"dataset": row["dataset"], **noise, **peer, **_method(row["method"])}
    return Published(row["table"], row["dataset"], networks, at, float(row["accuracy"]))


# Peer A of the pairs of different networks in the paper.
_FIRST = frozenset({"resnet18"})


def _networks(text: str) -> tuple[tuple[str, str], dict[str, str]]:
    """Both networks, and which of them a number is of, where the paper's table has both."""
    name, beside, both = re.fullmatch(r"(\w+)(?: \((?:peer of (\w+)|(both) peers)\))?", text).groups()  # type: ignore[union-attr]
    if beside is None:
        return (name, name), {"peer": "both"} if both else {}
    return ((name, beside), {"peer": "a"}) if name in _FIRST else ((beside, name), {"peer": "b"})


def _method(name: str) -> dict[str, Any]:
    method, _, eta = name.partition(" eta=")
    if eta:
        return {"exchange": method, "eta": float(eta)}
    return dict(zip(("exchange", "target"), methods.split(method), strict=True))
