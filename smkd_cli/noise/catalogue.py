"""The kinds of label noise by name, and what may be asked of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smkd_cli import arguments
from smkd_cli.errors import UnknownName, UsageError
from smkd_cli.limits import MAX_CLASSES
from smkd_cli.naming import LONGEST_NAME, is_name
from smkd_cli.noise.checked import checked_transitions
from smkd_cli.noise.contract import NoiseKind, is_noise_kind
from smkd_cli.noise.forms import Transitions
from smkd_cli.registry import NOISE, Registry
from smkd_cli.words import quoted

# A whole matrix has classes² entries of 8 bytes: 800 MB at this bound. Drawing does without.
_MAX_CLASSES_OF_MATRIX = 10_000


REGISTRY: Registry[NoiseKind] = Registry(NOISE, is_noise_kind, "NoiseKind")


def kinds() -> tuple[str, ...]:
    """The names of all kinds, sorted: ours, and those that other packages offer."""
    return tuple(sorted(REGISTRY.names()))


def find(kind: str) -> NoiseKind:
    """The kind of that name: one of :func:`kinds`, or ``FILE.py:NAME``.

    Raises:
        UnknownName: there is none, or a manifest could not hold its name.
    """
    if not is_name(kind):
        raise UnknownName(f"the kind of noise {quoted(kind)} is no line of at most {LONGEST_NAME} characters")
    return REGISTRY.find(kind)


def transitions(kind: str, rate: float, classes: int, dataset: str | None = None) -> Transitions:
    """The probability P(noisy = j | clean = i) of every label, in memory linear in the classes.

    Args:
        kind: one of :func:`kinds`, or ``FILE.py:NAME``.
        rate: noise rate in [0, 1]; what it means is up to the kind.
        classes: number of classes C, at least 2.
        dataset: name of the data set; asymmetric noise depends on what its classes are.

    Returns:
        What a label of each class stays with, and turns into; memory and work in C, but for asymmetric noise.

    Raises:
        UsageError: the kind is unknown, or the rate, the classes or the data set do not fit it.
    """
    found = find(arguments.text("kind", kind))
    rate, classes = arguments.number("rate", rate), arguments.whole("classes", classes)
    if dataset is not None:
        arguments.text("dataset", dataset)
    if not 0 <= rate <= 1:  # also refuses NaN
        raise UsageError(f"noise rate {rate} is not in [0, 1]: give a fraction, such as 0.4 for 40 %")
    if classes < 2:
        raise UsageError(f"label noise needs at least 2 classes, not {classes}")
    _refuse_more_than(MAX_CLASSES, classes, "labels must be class numbers from 0 on")
    if NOISE.is_own(kind):
        return found.at(rate, classes, dataset)
    return checked_transitions(f"the {REGISTRY.title(kind)}", found, rate, classes, dataset)


def transition_matrix(kind: str, rate: float, classes: int, dataset: str | None = None) -> NDArray[np.float64]:
    """The matrix of :func:`transitions`, whose arguments it takes.

    Returns:
        float64 (C, C); the row is the clean class, the column the noisy one, each row sums to 1.

    Raises:
        UsageError: as :func:`transitions`, or the matrix would be larger than 800 MB.

    Example:
        >>> smkd.transition_matrix("pairflip", 0.25, 3)
        array([[0.75, 0.25, 0.  ],
               [0.  , 0.75, 0.25],
               [0.25, 0.  , 0.75]])
    """
    made = transitions(kind, rate, classes, dataset)
    _refuse_more_than(_MAX_CLASSES_OF_MATRIX, classes, "their matrix is too large; noise.transitions does without")
    return made.matrix()


def check(kind: str, rate: float, classes: int, dataset: str | None = None) -> list[str]:
    """Warnings about noise that can be drawn but not be undone; the arguments are those of :func:`transitions`.

    Noise is identifiable while the clean class stays the likeliest label of its samples. Pairflip and asymmetric noise
    lose that at a rate of 1/2, symmetric noise at (C-1)/C.

    Returns:
        One sentence per warning; empty when all is well.

    Raises:
        UsageError: as :func:`transitions`.
    """
    made = transitions(kind, rate, classes, dataset)
    lost = int((made.stay <= made.rival + 1e-12).sum())
    if not lost:
        return []
    return [
        f"{kind} noise of rate {rate:g} is not identifiable: for {lost} of {classes} classes another label is at least"
        " as likely as the clean one, so nothing in the labels says which is right"
    ]


def _refuse_more_than(most: int, classes: int, why: str) -> None:
    if classes > most:
        raise UsageError(f"{classes} classes are too many (at most {most}): {why}")
