"""The transitions of a kind of noise that is not ours, whose every answer is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.forms import Labels, Matrix, Transitions
from smkd_cli.registry import is_ours, used

T = TypeVar("T")

# Sums of rounded numbers.
_TOLERANCE = 1e-9


def checked_transitions(title: str, kind: NoiseKind, rate: float, classes: int, dataset: str | None) -> Transitions:
    """The transitions at a rate.

    Args:
        title: names the kind in messages.

    Raises:
        UsageError: the kind fails, or what it returns are no probabilities of these classes.
    """
    made = used(title, lambda: _checked(kind.at(rate, classes, dataset), classes))
    return made if is_ours(type(made)) else _Checked(title, made)


def _checked(made: object, classes: int) -> Transitions:
    """The value, if it can be transitions; raises ValueError if not."""
    if not isinstance(made, Transitions) or made.classes != classes:
        raise ValueError(f"it should return Transitions of {classes} classes")
    for name, values in (("stay", made.stay), ("leave", made.leave), ("rival", made.rival)):
        _check_probabilities(name, values, (classes,))
    if (wrong := np.abs(made.stay + made.leave - 1) > _TOLERANCE).any():
        row = int(wrong.argmax())
        raise ValueError(f"stay and leave of class {row} sum to {made.stay[row] + made.leave[row]:g}, not 1")
    return made


def _check_probabilities(name: str, values: object, shape: tuple[int, ...]) -> None:
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.shape != shape:
        raise ValueError(f"{name} should be an array float64 {shape}")
    if not ((values >= 0) & (values <= 1 + _TOLERANCE)).all():  # also refuses NaN
        raise ValueError(f"{name} should hold probabilities, in [0, 1]")


class _Checked(Transitions):
    """Transitions of a class that is not ours; every method raises a UsageError where an answer is wrong."""

    def __init__(self, title: str, inner: Transitions) -> None:
        self._title, self._inner = title, inner
        self.stay, self.leave, self.rival = inner.stay, inner.leave, inner.rival

    def wrong(self, clean: Labels, rest: Matrix) -> Labels:
        return self._labels("wrong", lambda: self._inner.wrong(clean, rest), len(clean))

    def share_out(self, clean: int, count: int, lots: Matrix) -> Labels:
        return self._labels("share_out", lambda: self._inner.share_out(clean, count, lots), count)

    def row(self, clean: int) -> tuple[Labels, Matrix]:
        def ask() -> tuple[Labels, Matrix]:
            classes, values = self._inner.row(clean)
            classes = self._as_labels(classes, len(classes))
            _check_probabilities("the row", values, classes.shape)
            return classes, values

        return used(self._title, ask, "row")

    def matrix(self) -> Matrix:
        def ask() -> Matrix:
            matrix = self._inner.matrix()
            _check_probabilities("the matrix", matrix, (self.classes, self.classes))
            return matrix

        return used(self._title, ask, "matrix")

    def _labels(self, hook: str, ask: Callable[[], Labels], count: int) -> Labels:
        return used(self._title, lambda: self._as_labels(ask(), count), hook)

    def _as_labels(self, values: object, count: int) -> Labels:
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "iu" or values.shape != (count,):
            raise ValueError(f"labels should be an array int64 {(count,)}")
        if ((values < 0) | (values >= self.classes)).any():
            raise ValueError(f"labels should be in 0 … {self.classes - 1}")
        return values.astype(np.int64, copy=False)
