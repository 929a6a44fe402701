"""One wrong class for each class: a label stays or turns into that one."""

from __future__ import annotations

import numpy as np

from smkd_cli.noise.forms.contract import Labels, Matrix, Transitions


class Single(Transitions):
    """P_ii = 1 - rate, P_i,target(i) = rate.

    Args:
        target: int64 (C,), the wrong class of each; the own one where ``rate`` is 0.
        rate: in [0, 1], of all classes.
    """

    def __init__(self, target: Labels, rate: float) -> None:
        self._target = target
        self.stay = np.full(len(target), 1.0 - rate)
        self.leave = self.rival = np.full(len(target), float(rate))

    def wrong(self, clean: Labels, rest: Matrix) -> Labels:  # noqa: ARG002
        return self._target[clean]

    def share_out(self, clean: int, count: int, lots: Matrix) -> Labels:  # noqa: ARG002
        return np.full(count, self._target[clean])

    def row(self, clean: int) -> tuple[Labels, Matrix]:
        target = self._target[clean]
        classes = np.unique([clean, target, self.classes - 1])
        values = np.where(classes == target, self.leave[clean], 0.0)
        values[classes == clean] = self.stay[clean]
        return classes, values

    def matrix(self) -> Matrix:
        classes = np.arange(self.classes)
        matrix = np.zeros((self.classes, self.classes))
        matrix[classes, self._target] = self.leave
        matrix[classes, classes] = self.stay
        return matrix
